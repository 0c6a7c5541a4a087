//! `[login]`: signing in with a name and a password.

use super::section::Section;
use crate::authn::login::Settings;

/// How passwords are taken.
pub(super) fn meant(section: &Section<'_>) -> Settings {
    Settings {
        enabled: section.read("enabled"),
        failures: section.read("failures"),
        window: section.read("window"),
        per_address: section.read("per_address"),
        explain: section.read("explain"),
        timeout: section.read("timeout"),
        ..Settings::default()
    }
}
