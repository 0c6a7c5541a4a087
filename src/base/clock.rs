//! The clock: the only place that reads the wall clock, and a guard against it stepping back or leaping ahead.
//!
//! Owns what `now` is ([`steady`]) and how far time had come when the process ended ([`mark`]). Expiry is a comparison with `now`
//! in whoever gives something that ends; that asks [`Clock::may_mint`] before it does.

pub mod mark;
pub mod steady;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
pub use jiff::Timestamp;
pub use mark::Mark;
pub use steady::SteadyClock;

use super::{Fault, Faulty};

/// Where `now` comes from. Production uses [`SystemClock`] behind [`SteadyClock`]; tests use [`FakeClock`].
pub trait Clock: Send + Sync {
    /// The present moment, UTC.
    fn now(&self) -> Timestamp;

    /// Whether it can be relied upon.
    fn state(&self) -> ClockState {
        ClockState::Right
    }

    /// Whether anything may be issued that ends by this clock: not while nobody knows what time it is.
    ///
    /// # Errors
    /// When the clock stepped back or leapt ahead; says what to do.
    fn may_mint(&self) -> Result<(), ClockError> {
        match self.state() {
            ClockState::Right => Ok(()),
            ClockState::Behind { seconds } => Err(ClockError::Behind { seconds }),
            ClockState::Ahead { seconds } => Err(ClockError::Ahead { seconds }),
        }
    }

    /// The present moment, if it can be relied upon: what is thrown away because it is over does not come back when a leap is set right.
    fn certain(&self) -> Option<Timestamp> {
        let now = self.now();
        // Set right just now, it would vouch for what was read before that.
        (self.may_mint().is_ok() && self.now() >= now).then_some(now)
    }

    /// Takes the wall clock as it stands for right, because a person says so.
    fn confirm(&self) {}

    /// Writes down how far time has come, for the next start.
    ///
    /// # Errors
    /// When the disk does not take it.
    fn keep(&self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Whether a clock can be relied upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockState {
    /// It goes forward, and no faster than it should.
    Right,
    /// It is behind what it was: somebody set it back, or it was ahead before.
    Behind {
        /// By how many seconds.
        seconds: i64,
    },
    /// It leapt ahead of what has passed since.
    Ahead {
        /// By how many seconds.
        seconds: i64,
    },
}

/// Why nothing may be issued that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// The clock is behind.
    #[error(
        "nothing is issued that ends: the clock of this machine went back {seconds} s; set it right, or, if it is right now, \
         say so by `bailey clock confirm`"
    )]
    Behind {
        /// By how many seconds.
        seconds: i64,
    },
    /// The clock leapt ahead.
    #[error(
        "nothing is issued that ends: the clock of this machine leapt {seconds} s ahead; set it right, or, if it is right now, \
         say so by `bailey clock confirm`"
    )]
    Ahead {
        /// By how many seconds.
        seconds: i64,
    },
}

impl Faulty for ClockError {
    fn fault(&self) -> Fault {
        Fault::Operator
    }
}

/// True from the instant `at` on: a right that ends at noon is gone at noon.
#[must_use]
pub fn expired(at: Timestamp, now: Timestamp) -> bool {
    now >= at
}

/// The moment `by` after `at`, or the end of time.
#[must_use]
pub fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// What a machine knows of time.
pub trait Hands: Send + Sync {
    /// What the wall clock says, which anybody may set.
    fn wall(&self) -> Timestamp;

    /// How long the machine has been running, sleep included, which nobody can set.
    fn running(&self) -> Duration;
}

/// The machine's own clocks.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that may read the wall clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

impl Hands for SystemClock {
    fn wall(&self) -> Timestamp {
        self.now()
    }

    /// `CLOCK_BOOTTIME` (clock_gettime(2)): the monotonic clock stands still while a machine sleeps, and every morning would look
    /// like a leap.
    fn running(&self) -> Duration {
        nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
    }
}

/// A clock that stands still until told to move, and is right until told otherwise.
#[derive(Debug)]
pub struct FakeClock {
    micros: AtomicI64,
    state: Mutex<ClockState>,
}

impl FakeClock {
    /// A clock standing at `at`.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self { micros: AtomicI64::new(at.as_microsecond()), state: Mutex::new(ClockState::Right) }
    }

    /// Moves to `at`, forward or back.
    pub fn set(&self, at: Timestamp) {
        self.micros.store(at.as_microsecond(), Ordering::Release);
    }

    /// Becomes one that can be relied upon, or not.
    pub fn doubt(&self, state: ClockState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.micros.load(Ordering::Acquire)).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn state(&self) -> ClockState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn confirm(&self) {
        self.doubt(ClockState::Right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_gone_at_the_instant_it_ends() {
        let noon: Timestamp = "2026-03-12T12:00:00Z".parse().unwrap();
        assert!(!expired(noon, "2026-03-12T11:59:59.999Z".parse().unwrap()));
        assert!(expired(noon, noon));
    }

    #[test]
    fn nothing_is_later_than_the_end_of_time() {
        let noon: Timestamp = "2026-03-12T12:00:00Z".parse().unwrap();
        assert_eq!(later(noon, SignedDuration::from_mins(1)), "2026-03-12T12:01:00Z".parse().unwrap());
        assert_eq!(later(noon, SignedDuration::MAX), Timestamp::MAX);
    }

    #[test]
    fn the_machine_runs() {
        let before = SystemClock.running();
        assert!(before > Duration::ZERO && SystemClock.running() >= before);
    }
}
