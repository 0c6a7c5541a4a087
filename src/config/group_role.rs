//! `[[group_role]]`: what names of groups say about roles.

use super::DirectoryConfig;
use super::section::Section;
use crate::model::{DirectoryLabel, GroupRule, GroupRules};

/// The rules, in the order of the file. Where none is named, they are about the groups of the primary directory, or of the
/// only one.
pub(super) fn all(sections: &[Section<'_>], directories: &[DirectoryConfig]) -> GroupRules {
    let labels = || directories.iter().map(|directory| &directory.sync.label);
    let primary = directories.iter().find(|directory| directory.sync.primary).map(|directory| &directory.sync.label);
    let usual = primary.or_else(|| labels().next().filter(|_| directories.len() == 1));
    sections.iter().filter_map(|section| rule(section, usual, directories)).collect()
}

fn rule(section: &Section<'_>, usual: Option<&DirectoryLabel>, directories: &[DirectoryConfig]) -> Option<GroupRule> {
    let pattern: String = section.required("pattern")?;
    let (account, role): (Option<String>, Option<String>) = (section.optional("account"), section.optional("role"));
    let named = section.optional::<DirectoryLabel>("directory");
    let known = |label: &DirectoryLabel| directories.iter().any(|directory| directory.sync.label == *label);
    if let Some(label) = named.as_ref().filter(|label| !known(label)) {
        section.fault("directory", format!("there is no directory `{label}`"), "name one that this file has");
        return None;
    }
    // A rule that says nothing without a directory to say it about.
    if directories.is_empty() {
        return None;
    }
    let Some(directory) = named.as_ref().or(usual) else {
        let remedy = "say whose groups are meant: `directory = \"LABEL\"`";
        section.fault("directory", "missing, and no directory is primary", remedy);
        return None;
    };
    let rule = GroupRule::new(directory.clone(), &pattern, account.as_deref(), role.as_deref());
    let noted = rule.inspect_err(|error| {
        section.fault("pattern", error.to_string(), "test it against the names `bailey group list` shows");
    });
    noted.ok()
}
