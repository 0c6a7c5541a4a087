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
        sentinels: section.read::<Vec<Dn>>("sentinels").iter().map(Dn::to_string).collect(),
        window: section.read("window"),
    }
}

fn limit(guard: &Section<'_>, name: &str) -> Limit {
    let section = guard.section(name);
    let Share(share) = section.read("share");
    Limit { count: section.read("count"), share }
}
