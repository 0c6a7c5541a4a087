//! `[sessions]`: how long what is known of a directory is good enough for a session.

use jiff::SignedDuration;

use super::section::Section;
use crate::rights::Ages;

/// What the configuration says of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sessions {
    /// How old what is known of a directory may be.
    pub ages: Ages,
}

impl Sessions {
    pub(super) fn meant(section: &Section<'_>) -> Self {
        let age = |key: &str| {
            let age: std::time::Duration = section.read(key);
            SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX)
        };
        Self { ages: Ages { ordinary: age("max_directory_age"), privileged: age("max_directory_age_privileged") } }
    }
}
