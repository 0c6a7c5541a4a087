//! How many may try, and how often: per person below what the directory allows, per name, per address, and in all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;

use super::{Reason, Refused, Settings};
use crate::authn::limiter::{Attempt, Attempts, Limits};
use crate::base::network::Neighbours;
use crate::base::{Timestamp, UserId};
use crate::directory::Lockout;

/// Sign-ins a second, of everybody: a directory answers some hundred binds, and has others to answer.
const PER_SECOND: u32 = 100;

/// Longest time that wrong passwords are counted. A directory may count them for ever, until somebody signs in; but nobody
/// could do that here any more.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// What is counted besides people.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Names that nobody has.
    names: Attempts<String>,
    addresses: Attempts<Neighbours>,
    pace: Mutex<Pace>,
    turns: Turns,
}

/// Who is being signed in, one at a time for each person: an attempt counts as wrong until it is known to be right, and the
/// ten programs that somebody starts at once have guessed nothing.
#[derive(Debug, Default)]
struct Turns(Mutex<HashMap<UserId, Arc<tokio::sync::Mutex<()>>>>);

/// A turn; over when dropped.
pub(super) type Turn = tokio::sync::OwnedMutexGuard<()>;

/// So many people are remembered before those who wait for nothing are looked for.
const SWEEP_FROM: usize = 1_024;

#[derive(Debug, Default)]
struct Pace {
    second: i64,
    count: u32,
}

impl Counters {
    /// Counts an attempt from `address`; wrong until undone.
    pub(super) fn arrive(
        &self,
        settings: &Settings,
        address: Option<Neighbours>,
        now: Timestamp,
    ) -> Result<Option<Attempt<Neighbours>>, Refused> {
        if !self.in_pace(now) {
            return Err(Refused::new(Reason::OverallLimit, format!("more than {PER_SECOND} a second")));
        }
        let Some(address) = address else { return Ok(None) };
        let limits = Limits { failures: settings.per_address, window: SignedDuration::from_mins(1), slides: false };
        let attempt = self.addresses.begin_within(address, limits, now);
        attempt.map(Some).map_err(|error| Refused::new(Reason::AddressLimit, error))
    }

    /// The attempt from that address was not wrong, or nobody can say. A right one does not free the address: whoever has an
    /// account of their own would start anew with it between guesses.
    pub(super) fn undone(&self, attempt: Option<Attempt<Neighbours>>) {
        if let Some(attempt) = attempt {
            self.addresses.undone(attempt);
        }
    }

    /// Counts an attempt about a name that nobody has, or too many; it is never right.
    pub(super) fn guess(&self, settings: &Settings, name: String, now: Timestamp) -> Result<(), Refused> {
        match self.names.begin_within(name, settings.limits(None), now) {
            Ok(attempt) => {
                drop(attempt);
                Ok(())
            }
            Err(error) => Err(Refused::new(Reason::TooManyAttempts, error)),
        }
    }

    /// Waits until nobody else tries `user`'s password.
    pub(super) async fn turn(&self, user: UserId) -> Turn {
        let lock = {
            let mut turns = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
            if turns.len() >= SWEEP_FROM {
                // Whoever has a turn or waits for one holds it, too.
                turns.retain(|_, lock| Arc::strong_count(lock) > 1);
            }
            Arc::clone(turns.entry(user).or_default())
        };
        lock.lock_owned().await
    }

    /// A clock that goes back begins a second anew.
    fn in_pace(&self, now: Timestamp) -> bool {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if pace.second != now.as_second() {
            *pace = Pace { second: now.as_second(), count: 0 };
        }
        pace.count = pace.count.saturating_add(1);
        pace.count <= PER_SECOND
    }
}

impl Settings {
    /// The limits of somebody whose directory locks accounts like this: below it, so that whoever guesses here cannot lock
    /// anybody out there (Mattermost CVE-2025-31947), and counting for as long as it does.
    pub(super) fn limits(&self, lockout: Option<Lockout>) -> Limits {
        let window = SignedDuration::try_from(self.window).unwrap_or(LONGEST).min(LONGEST);
        let Some(Lockout { threshold, window: theirs }) = lockout else {
            return Limits { failures: self.failures, window, slides: true };
        };
        let theirs =
            if theirs == Duration::MAX { LONGEST } else { SignedDuration::try_from(theirs).unwrap_or(LONGEST) };
        Limits { failures: self.failures.min(below(threshold)), window: window.max(theirs.min(LONGEST)), slides: true }
    }
}

/// Two tries below the directory's, which are left for the person's own computers; one where that would leave one try, and
/// that at least.
fn below(threshold: u32) -> u32 {
    threshold.saturating_sub(2).max(threshold.saturating_sub(1).min(2)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_stays_below_that_of_the_directory() {
        let tries: Vec<u32> = [1, 2, 3, 4, 5, 10].into_iter().map(below).collect();
        assert_eq!(tries, [1, 1, 2, 2, 3, 8]);
        let settings = Settings::default();
        let minutes = SignedDuration::from_mins;
        let of = |threshold, secs: u64| {
            let limits = settings.limits(Some(Lockout { threshold, window: Duration::from_secs(secs) }));
            (limits.failures, limits.window)
        };
        assert_eq!((settings.limits(None).failures, settings.limits(None).window), (3, minutes(15)));
        assert_eq!(of(10, 60), (3, minutes(15)), "never more, and never shorter, than is set here");
        assert_eq!(of(3, 1_800), (2, minutes(30)));
        assert_eq!(of(5, u64::MAX), (3, LONGEST));
    }

    #[test]
    fn a_hundred_a_second_and_twenty_an_address_a_minute() {
        let (counters, settings) = (Counters::default(), Settings::default());
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let passed = (0..150).filter(|_| counters.arrive(&settings, None, at(0)).is_ok()).count();
        assert_eq!(passed, 100);
        let of = |text: &str| Some(Neighbours::of(text.parse().unwrap()));
        for n in 0..20 {
            let from = format!("2001:db8::{n}");
            assert!(counters.arrive(&settings, of(&from), at(1)).is_ok());
        }
        let reason =
            |text: &str| counters.arrive(&settings, of(text), at(2)).map(drop).map_err(|refused| refused.reason);
        assert_eq!(reason("2001:db8::ffff:1"), Err(Reason::AddressLimit), "a network of IPv6 is one");
        assert_eq!(reason("2001:db8:0:1::1"), Ok(()));
        assert_eq!(reason("192.0.2.1"), Ok(()));
        assert_eq!(reason("::ffff:192.0.2.1"), Ok(()));
    }
}
