//! `[directory.guard]`: what a directory may change without a person's consent.

use crate::config::section::Section;
use crate::config::values::Share;
use crate::directory::Dn;
use crate::sync::settings::{Guard, Limit};

/// The limits. A limit written by half keeps the other half's default.
pub(super) fn meant(section: &Section<'_>) -> Guard {
    Guard {
        deletions: limit(section, "deletions"),
        suspensions: limit(section, "suspensions"),
        group_losses: limit(section, "group_losses"),
        losses: limit(section, "losses"),
        emptied_groups: limit(section, "emptied_groups"),
        renames: limit(section, "renames"),
        rights_lost: optional_limit(section, "rights_lost"),
        sentinels: section.read::<Vec<Dn>>("sentinels").iter().map(Dn::to_string).collect(),
        window: section.read("window"),
    }
}

fn limit(guard: &Section<'_>, name: &str) -> Limit {
    let section = guard.section(name);
    let Share(share) = section.read("share");
    Limit { count: section.read("count"), share }
}

/// A limit that is not set where neither half of it is written; a half that is not written allows none.
fn optional_limit(guard: &Section<'_>, name: &str) -> Option<Limit> {
    let section = guard.section(name);
    let (count, share) = (section.optional("count"), section.optional("share"));
    let is_set = section.has("count") || section.has("share");
    is_set.then(|| Limit { count: count.unwrap_or_default(), share: share.map_or(0.0, |Share(share)| share) })
}
