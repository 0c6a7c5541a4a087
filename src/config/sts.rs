//! `[sts]`: what the token service takes besides signatures.

use super::section::Section;
use crate::sts::unsigned::Settings;

pub(super) fn meant(section: &Section<'_>) -> Settings {
    Settings { ldap_identity: section.read("assume_role_with_ldap_identity") }
}
