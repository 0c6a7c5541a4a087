//! Whether someone may act: facts from the directory, and the answer at a moment.

use serde::{Deserialize, Serialize};

use super::LogonHours;
use crate::base::clock::{Timestamp, expired};

/// What the directory says about an account, and what we know of its presence there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Standing {
    /// Whether the object is still seen upstream.
    #[serde(default)]
    pub presence: Presence,
    /// Switched off by an administrator of the directory (or locked until one unlocks it).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Password logins are locked since then, after failed attempts. Stops nothing else: whoever
    /// can lock a person out by guessing must not be able to end that person's sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_since: Option<Timestamp>,
    /// The account ends then. No event comes from the directory when the date passes, so it is
    /// compared at use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The hours of the week in which the account may act; `None` without limit. Compared at use, like the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logon_hours: Option<LogonHours>,
}

/// Whether the directory still has the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Presence {
    /// Seen in the last complete read, or in an event since.
    #[default]
    Present,
    /// Proven gone (or moved out of scope). Suspended from then on, deleted when the retention is over.
    Gone {
        /// When we learned it.
        since: Timestamp,
    },
    /// Its directory was taken out of the configuration. Nobody may act until it is back or removed.
    Frozen {
        /// When the daemon first ran without it.
        since: Timestamp,
    },
}

/// Why someone may not act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Inactive {
    /// See [`Standing::disabled`].
    #[error("disabled in the directory")]
    Disabled,
    /// See [`Standing::expires`].
    #[error("the account has expired")]
    Expired,
    /// See [`Presence::Frozen`].
    #[error("its directory is no longer configured")]
    Frozen,
    /// See [`Presence::Gone`].
    #[error("gone from the directory")]
    Gone,
    /// See [`Standing::logon_hours`].
    #[error("outside of the account's logon hours")]
    OffHours,
}

impl Standing {
    /// Whether this account may act at `now`.
    ///
    /// # Errors
    /// The first reason why not.
    pub fn active(&self, now: Timestamp) -> Result<(), Inactive> {
        self.enabled(now)?;
        match &self.logon_hours {
            Some(hours) if !hours.allow(now) => Err(Inactive::OffHours),
            _ => Ok(()),
        }
    }

    /// As [`Standing::active`], whatever hour of the week it is; but an account without a single hour is off.
    ///
    /// # Errors
    /// The first reason why not.
    pub fn enabled(&self, now: Timestamp) -> Result<(), Inactive> {
        match self.presence {
            Presence::Gone { .. } => return Err(Inactive::Gone),
            Presence::Frozen { .. } => return Err(Inactive::Frozen),
            Presence::Present => {}
        }
        if self.disabled {
            return Err(Inactive::Disabled);
        }
        if self.expires.is_some_and(|at| expired(at, now)) {
            return Err(Inactive::Expired);
        }
        if self.logon_hours.is_some_and(|hours| hours.is_never()) {
            return Err(Inactive::OffHours);
        }
        Ok(())
    }

    /// Whether the answer may change by the clock alone.
    #[must_use]
    pub fn is_timed(&self) -> bool {
        self.expires.is_some() || self.logon_hours.is_some()
    }

    /// True while the directory has the object.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.presence == Presence::Present
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_needs_no_event() {
        let standing = Standing { expires: Some("2026-03-12T00:00:00Z".parse().unwrap()), ..Standing::default() };
        assert_eq!(standing.active("2026-03-11T23:59:59Z".parse().unwrap()), Ok(()));
        assert_eq!(standing.active("2026-03-12T00:00:00Z".parse().unwrap()), Err(Inactive::Expired));
    }

    #[test]
    fn a_lockout_by_guessing_stops_nobody() {
        let now = "2026-03-12T00:00:00Z".parse().unwrap();
        let standing = Standing { locked_since: Some(now), ..Standing::default() };
        assert_eq!(standing.active(now), Ok(()));
    }

    #[test]
    fn hours_count_at_use_and_no_hour_at_all_is_off() {
        let mut sundays = [0; 21];
        sundays[..3].fill(0xff);
        let standing = Standing { logon_hours: LogonHours::limit(sundays), ..Standing::default() };
        let (sunday, monday) = ("2026-03-15T12:00:00Z".parse().unwrap(), "2026-03-16T12:00:00Z".parse().unwrap());
        assert_eq!((standing.active(sunday), standing.active(monday)), (Ok(()), Err(Inactive::OffHours)));
        assert_eq!(standing.enabled(monday), Ok(()), "an hour that comes again is no switch");
        let never = Standing { logon_hours: LogonHours::limit([0; 21]), ..Standing::default() };
        assert_eq!(never.enabled(sunday), Err(Inactive::OffHours));
    }

    #[test]
    fn gone_wins_over_everything() {
        let now: Timestamp = "2026-03-12T00:00:00Z".parse().unwrap();
        let standing = Standing { presence: Presence::Gone { since: now }, disabled: true, ..Standing::default() };
        assert_eq!(standing.active(now), Err(Inactive::Gone));
    }
}
