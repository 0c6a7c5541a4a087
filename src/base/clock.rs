//! The clock: the only place that reads the wall clock, and a guard against it stepping back.

use std::sync::atomic::{AtomicI64, Ordering};

pub use jiff::Timestamp;

/// Where `now` comes from. Production uses [`SystemClock`] behind [`SteadyClock`]; tests use [`FakeClock`].
pub trait Clock: Send + Sync {
    /// The present moment, UTC.
    fn now(&self) -> Timestamp;
}

/// True from the instant `at` on: a right that ends at noon is gone at noon.
#[must_use]
pub fn expired(at: Timestamp, now: Timestamp) -> bool {
    now >= at
}

/// The machine's wall clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that may read the wall clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that never goes back.
///
/// Expiry is a comparison with `now`, so a wall clock that steps back would revive what had
/// ended. This one answers the highest time it has ever seen, starting from a floor the caller
/// read from the store (the time of its last commit).
#[derive(Debug)]
pub struct SteadyClock<C> {
    inner: C,
    /// Highest time seen, in microseconds since the epoch.
    high_water: AtomicI64,
}

impl<C: Clock> SteadyClock<C> {
    /// A clock that answers no time before `floor`.
    pub fn new(inner: C, floor: Timestamp) -> Self {
        Self { inner, high_water: AtomicI64::new(floor.as_microsecond()) }
    }

    /// How far the wall clock lags behind the highest time seen, in seconds; 0 when it does not.
    pub fn regression_seconds(&self) -> i64 {
        let high = self.high_water.load(Ordering::Acquire);
        (high - self.inner.now().as_microsecond()).max(0) / 1_000_000
    }
}

impl<C: Clock> Clock for SteadyClock<C> {
    fn now(&self) -> Timestamp {
        let wall = self.inner.now();
        let seen = self.high_water.fetch_max(wall.as_microsecond(), Ordering::AcqRel);
        match Timestamp::from_microsecond(seen) {
            Ok(high) if high > wall => high,
            _ => wall,
        }
    }
}

/// A clock that stands still until told to move.
#[derive(Debug)]
pub struct FakeClock(AtomicI64);

impl FakeClock {
    /// A clock standing at `at`.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.as_microsecond()))
    }

    /// Moves to `at`, forward or back.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.as_microsecond(), Ordering::Release);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::Acquire)).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_right_is_gone_at_the_instant_it_ends() {
        let noon = at("2026-03-12T12:00:00Z");
        assert!(!expired(noon, at("2026-03-12T11:59:59.999Z")));
        assert!(expired(noon, noon));
    }

    #[test]
    fn a_clock_that_steps_back_revives_nothing() {
        let floor = at("2026-03-12T12:00:00Z");
        let clock = SteadyClock::new(FakeClock::at(at("2026-03-12T13:00:00Z")), floor);
        assert_eq!(clock.now(), at("2026-03-12T13:00:00Z"));
        clock.inner.set(at("2020-01-01T00:00:00Z"));
        assert_eq!(clock.now(), at("2026-03-12T13:00:00Z"));
        assert!(clock.regression_seconds() > 3600);
        clock.inner.set(at("2026-03-12T14:00:00Z"));
        assert_eq!(clock.now(), at("2026-03-12T14:00:00Z"));
    }

    #[test]
    fn the_floor_holds_from_the_first_read() {
        let clock = SteadyClock::new(FakeClock::at(at("2020-01-01T00:00:00Z")), at("2026-03-12T12:00:00Z"));
        assert_eq!(clock.now(), at("2026-03-12T12:00:00Z"));
    }
}
