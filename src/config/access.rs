//! `[access]`: who may do what over the local socket.

use super::section::Section;

/// Who may do what over the local socket. Being named here is not being root of the account:
/// acts that need a person refuse a local caller whatever its uid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Users that may change things.
    pub operator_uids: Vec<u32>,
    /// Groups whose members may change things.
    pub operator_groups: Vec<String>,
    /// Users that may look.
    pub viewer_uids: Vec<u32>,
    /// Groups whose members may look.
    pub viewer_groups: Vec<String>,
}

impl Access {
    pub(super) fn meant(section: &Section<'_>) -> Self {
        Self {
            operator_uids: section.read("operator_uids"),
            operator_groups: section.read("operator_groups"),
            viewer_uids: section.read("viewer_uids"),
            viewer_groups: section.read("viewer_groups"),
        }
    }
}
