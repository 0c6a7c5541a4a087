//! `[portal]`: pages where people sign in and see what that gives them.

use jiff::SignedDuration;

use super::section::Section;
use crate::sso::sign_in::Settings;

/// What the configuration says of the portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portal {
    /// Whether there is one, and how long somebody stays signed in.
    pub pages: Settings,
    /// For how long somebody who does nothing stays signed in.
    pub idle: SignedDuration,
}

impl Portal {
    pub(super) fn meant(section: &Section<'_>) -> Self {
        let seconds = |key: &str| {
            let time: std::time::Duration = section.read(key);
            u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
        };
        Self {
            pages: Settings { enabled: section.read("enabled"), longest: seconds("longest") },
            idle: SignedDuration::from_secs(seconds("idle").into()),
        }
    }
}
