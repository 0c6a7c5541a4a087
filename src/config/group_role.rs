//! `[[group_role]]`: what names of groups say about roles.

use super::section::Section;
use crate::model::{GroupRule, GroupRules};

/// The rules, in the order of the file.
pub(super) fn all(sections: &[Section<'_>]) -> GroupRules {
    sections.iter().filter_map(rule).collect()
}

fn rule(section: &Section<'_>) -> Option<GroupRule> {
    let pattern: String = section.required("pattern")?;
    let (account, role): (Option<String>, Option<String>) = (section.optional("account"), section.optional("role"));
    let rule = GroupRule::new(&pattern, account.as_deref(), role.as_deref());
    let noted = rule.inspect_err(|error| {
        section.fault("pattern", error.to_string(), "test it against the names `bailey group list` shows");
    });
    noted.ok()
}
