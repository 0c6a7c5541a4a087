//! When keys of one algorithm are made, sign, and go: pure arithmetic over the times from which each signs.

use jiff::SignedDuration;

use crate::base::Timestamp;
use crate::base::clock::{expired, later};

/// How long a key signs, unless the next is asked for before.
pub(super) const SIGNS: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How long it is published before that, and after.
pub(super) const AROUND: SignedDuration = SignedDuration::from_hours(24);

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Published, so that those who verify know it before it signs.
    Next {
        /// It signs from then on.
        signs_from: Timestamp,
    },
    /// Signs.
    Current {
        /// Since when.
        signs_from: Timestamp,
        /// Until then at least, if nobody asks for the next.
        signs_until: Timestamp,
    },
    /// Signs no more; what it signed is still believed.
    Retiring {
        /// When it began to sign.
        signs_from: Timestamp,
        /// When it ceased to.
        signs_until: Timestamp,
        /// It is destroyed then.
        verifies_until: Timestamp,
    },
}

impl KeyState {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Next { .. } => "next",
            Self::Current { .. } => "current",
            Self::Retiring { .. } => "retiring",
        }
    }

    /// Whether nothing that counts can have been signed by it any more.
    pub(super) fn is_over(self, now: Timestamp) -> bool {
        matches!(self, Self::Retiring { verifies_until, .. } if expired(verifies_until, now))
    }
}

/// Where each key of a line stands; `starts` says from when each signs, the oldest first.
///
/// The one that signs is the newest whose time has come. Should none have come, which takes a damaged row, it is the oldest:
/// to sign a day early is better than not to sign.
pub(super) fn states(starts: &[Timestamp], now: Timestamp) -> Vec<KeyState> {
    let current = starts.iter().rposition(|from| *from <= now).unwrap_or(0);
    let following = starts.iter().skip(1).map(Some).chain([None]);
    let state = |(at, (from, next)): (usize, (&Timestamp, Option<&Timestamp>))| {
        let (signs_from, next) = (*from, next.copied());
        let signs_until = next.unwrap_or_else(|| later(signs_from, SIGNS));
        match at.cmp(&current) {
            std::cmp::Ordering::Greater => KeyState::Next { signs_from },
            std::cmp::Ordering::Equal => KeyState::Current { signs_from, signs_until },
            std::cmp::Ordering::Less => {
                KeyState::Retiring { signs_from, signs_until, verifies_until: later(signs_until, AROUND) }
            }
        }
    };
    starts.iter().zip(following).enumerate().map(state).collect()
}

/// From when the next key is to sign, if it is time to make it. The very first signs at once.
pub(super) fn due(starts: &[Timestamp], now: Timestamp) -> Option<Timestamp> {
    let Some(newest) = starts.last() else { return Some(now) };
    let published_till_then = later(now, AROUND);
    // No key is made more than a day ahead: one that is was made by a clock that turned out to be wrong.
    let astray = *newest > published_till_then;
    (astray || later(*newest, SIGNS) <= published_till_then).then_some(published_till_then)
}
