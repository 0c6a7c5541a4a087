//! How long the tokens of a client are good.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::ClientError;

/// In seconds. Why the usual ones are what they are: [`crate::manual::defaults`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lifetimes {
    /// Of an access token.
    pub access: u32,
    /// Of an ID token.
    pub id: u32,
    /// Of a refresh token that is not used.
    pub refresh_idle: u32,
    /// Of all refresh tokens that follow from one sign-in.
    pub refresh: u32,
}

/// What an access token and an ID token may last: a day's work goes by refreshing, each time with a look at the person.
const TOKEN: RangeInclusive<u32> = 60..=3_600;

/// What a refresh token may last: 30 days at most.
const REFRESH: RangeInclusive<u32> = 300..=2_592_000;

impl Default for Lifetimes {
    fn default() -> Self {
        Self { access: 600, id: 300, refresh_idle: 8 * 3_600, refresh: 24 * 3_600 }
    }
}

impl Lifetimes {
    /// Refuses what is out of bounds.
    ///
    /// # Errors
    /// Which limit is passed.
    pub fn check(&self) -> Result<(), ClientError> {
        for (what, seconds, bounds) in [
            ("an access token", self.access, TOKEN),
            ("an ID token", self.id, TOKEN),
            ("an unused refresh token", self.refresh_idle, REFRESH),
            ("a refresh token", self.refresh, REFRESH),
        ] {
            if !bounds.contains(&seconds) {
                let what = format!("{what} cannot be good for {seconds} s");
                return Err(ClientError::contradiction(
                    what,
                    "tokens last 60 to 3600 s, refresh tokens 300 s to 30 days",
                ));
            }
        }
        Ok(())
    }
}
