//! `[portal]`: pages where people sign in and see what that gives them.

use jiff::SignedDuration;

use super::section::Section;
use crate::sso::sign_in::Settings;

/// Seconds: below, people would type passwords all day; beyond, no session of one's own goes on.
const BOUNDS: std::ops::RangeInclusive<u32> = 300..=crate::model::session::LONGEST;

/// What the configuration says of the portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portal {
    /// Whether there is one, and how long somebody stays signed in.
    pub pages: Settings,
    /// For how long somebody who does nothing stays signed in.
    pub idle: SignedDuration,
    /// Whether a passkey that made sure who holds it signs in without a password.
    pub passwordless: bool,
}

impl Portal {
    pub(super) fn meant(section: &Section<'_>) -> Self {
        let seconds = |key: &'static str| {
            let time: std::time::Duration = section.read(key);
            let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
            if !BOUNDS.contains(&seconds) {
                section.fault(key, "it is no time between five minutes and 36 hours".to_owned(), "such as \"1h\"");
            }
            seconds
        };
        Self {
            pages: Settings { enabled: section.read("enabled"), longest: seconds("longest") },
            idle: SignedDuration::from_secs(seconds("idle").into()),
            passwordless: section.read("passwordless"),
        }
    }
}
