//! What `now` is: the wall clock, as long as it keeps to what has passed by a clock that nobody can set.
//!
//! ```text
//!             -5 s        line        +1 h
//!   ------------|----------|-----------|------------>  what the wall clock says
//!     behind:   | right:   | right:    |  ahead:
//!     now is    | now is   | now is    |  now is the wall, for what ends has to end; the line stays,
//!     the line  | the line | the wall, |  so that time set right again is right again
//!               |          | and the   |
//!               |          | line with |
//!               |          | it        |
//! ```
//!
//! The line begins at the mark that the last process left, or at the wall clock if that is later (a daemon may rest for a week),
//! and advances by itself. So a wall clock that steps back, over a restart too, revives nothing: what ended stays ended (compare
//! Yuzu#2811, where an approval of 30 days lived again on a clock set back by 31). While it is behind or ahead, nothing may be
//! issued that ends ([`Clock::may_mint`]): it would end in the past, or never. The one way back is that the wall clock comes to the
//! line again, or that a person takes it for right ([`Clock::confirm`]).
//!
//! `now` goes back in two cases alone: when a leap is set right that nobody confirmed, and when a person confirms an earlier hour.
//! Then what was refused meanwhile for its end counts again, for it had not ended; whatever must not, such as a grant that was
//! seen to end, has to say so in a row of its own.
//!
//! Not seen: leaps of less than an hour, however many; a leap while the process does not run.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};

use super::mark::{Mark, Reached};
use super::{Clock, ClockState, Hands, Timestamp};

/// A wall clock that is less behind than this, in microseconds, is right: adjustments of a second are everyday life.
const SLACK: i64 = 5 * SECOND;

/// One that is more ahead than this leapt: what takes that long are other time zones and other years, and no adjustment.
const LEAP: i64 = 3_600 * SECOND;

const SECOND: i64 = 1_000_000;

/// A clock whose time goes by, whatever the wall clock does.
pub struct SteadyClock<H> {
    hands: H,
    /// The line, in microseconds: what is to be added to how long the machine has been running.
    line: AtomicI64,
    /// The latest time ever answered, in microseconds since the epoch.
    latest: AtomicI64,
    mark: Option<Mark>,
}

/// One look at the hands.
struct Look {
    wall: i64,
    running: i64,
    line: i64,
}

impl<H: Hands> SteadyClock<H> {
    /// A clock that goes on where `mark` says that time had come, and not before `last_commit`, which is what the store knows of
    /// it; without a mark it forgets at the end how far it came.
    pub fn new(hands: H, mark: Option<Mark>, last_commit: Option<Timestamp>) -> Self {
        let (wall, running) = (hands.wall().as_microsecond(), micros(hands.running()));
        let reached = mark.as_ref().and_then(Mark::reached);
        let latest = reached.map_or(i64::MIN, |reached| reached.latest.as_microsecond());
        // The last process ended while the clock was ahead: a restart is no confirmation, and no commit of that time either.
        let ahead = reached.is_some_and(|reached| reached.ahead);
        let committed = last_commit.map(Timestamp::as_microsecond).filter(|at| !ahead && *at > latest);
        let known = reached.map(|reached| reached.line.as_microsecond()).max(committed);
        let line = known.filter(|known| ahead || *known > wall).unwrap_or(wall);
        let latest = latest.max(wall).max(line);
        Self { hands, line: AtomicI64::new(line.saturating_sub(running)), latest: AtomicI64::new(latest), mark }
    }

    /// The wall first: whatever comes between the two makes it look behind, and never pushes the line ahead of it.
    fn look(&self) -> Look {
        let wall = self.hands.wall().as_microsecond();
        let running = micros(self.hands.running());
        Look { wall, running, line: self.line.load(Ordering::Acquire).saturating_add(running) }
    }

    fn reached(&self) -> Reached {
        let look = self.look();
        let (line, latest) = (look.now_or_line(), self.latest.load(Ordering::Acquire));
        let ahead = matches!(look.state(), ClockState::Ahead { .. });
        Reached { line: moment(line), latest: moment(latest.max(line)), ahead }
    }
}

impl Look {
    fn state(&self) -> ClockState {
        match self.wall.saturating_sub(self.line) {
            behind @ ..SLACKLESS => ClockState::Behind { seconds: behind.saturating_neg() / SECOND },
            SLACKLESS..=LEAP => ClockState::Right,
            ahead => ClockState::Ahead { seconds: ahead / SECOND },
        }
    }

    /// How far time has come for certain.
    fn now_or_line(&self) -> i64 {
        if self.state() == ClockState::Right { self.wall.max(self.line) } else { self.line }
    }
}

/// The least difference between wall and line that is right.
const SLACKLESS: i64 = -SLACK;

impl<H: Hands> Clock for SteadyClock<H> {
    fn now(&self) -> Timestamp {
        let look = self.look();
        if look.wall > look.line && look.state() == ClockState::Right {
            self.line.fetch_max(look.wall.saturating_sub(look.running), Ordering::AcqRel);
        }
        let now = look.wall.max(look.line);
        self.latest.fetch_max(now, Ordering::AcqRel);
        moment(now)
    }

    fn state(&self) -> ClockState {
        self.look().state()
    }

    fn confirm(&self) {
        let (wall, running) = (self.hands.wall().as_microsecond(), micros(self.hands.running()));
        self.line.store(wall.saturating_sub(running), Ordering::Release);
    }

    fn keep(&self) -> io::Result<()> {
        self.mark.as_ref().map_or(Ok(()), |mark| mark.keep(&self.reached()))
    }
}

fn moment(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn micros(running: std::time::Duration) -> i64 {
    i64::try_from(running.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;
    use crate::base::clock::{ClockError, expired};

    const HOUR: i64 = 3_600;
    const DAY: i64 = 24 * HOUR;

    /// Hands that a test moves: how long the machine has been running, and what the wall clock says beyond that.
    #[derive(Clone, Default)]
    struct Fake(Arc<Mutex<(i64, i64)>>);

    impl Fake {
        /// Time goes by.
        fn pass(&self, seconds: i64) {
            self.0.lock().unwrap().0 += seconds;
        }

        /// Somebody sets the wall clock.
        fn step(&self, seconds: i64) {
            self.0.lock().unwrap().1 += seconds;
        }
    }

    impl Hands for Fake {
        fn wall(&self) -> Timestamp {
            let (running, stepped) = *self.0.lock().unwrap();
            at(running + stepped)
        }

        fn running(&self) -> Duration {
            Duration::from_secs(self.0.lock().unwrap().0.try_into().unwrap())
        }
    }

    /// Seconds behind the beginning of the test.
    fn at(seconds: i64) -> Timestamp {
        let noon: Timestamp = "2026-03-12T12:00:00Z".parse().unwrap();
        noon.saturating_add(SignedDuration::from_secs(seconds)).unwrap()
    }

    fn clock(hands: &Fake) -> SteadyClock<Fake> {
        SteadyClock::new(hands.clone(), None, None)
    }

    /// A process of its own on the same files.
    fn start(hands: &Fake, dir: &Path, last_commit: Option<Timestamp>) -> SteadyClock<Fake> {
        SteadyClock::new(hands.clone(), Some(Mark::open(&dir.join("clock")).unwrap()), last_commit)
    }

    #[test]
    fn a_clock_that_steps_back_revives_nothing_and_time_goes_on() {
        let hands = Fake::default();
        let clock = clock(&hands);
        hands.pass(HOUR);
        assert_eq!((clock.now(), clock.state()), (at(HOUR), ClockState::Right));
        hands.step(-31 * DAY);
        assert_eq!((clock.now(), clock.state()), (at(HOUR), ClockState::Behind { seconds: 31 * DAY }));
        let why = clock.may_mint().unwrap_err();
        assert!(matches!(why, ClockError::Behind { .. }) && why.to_string().contains("bailey clock confirm"), "{why}");
        hands.pass(60);
        assert_eq!(clock.now(), at(HOUR + 60), "what ends, ends, whatever the wall clock says");
        hands.step(31 * DAY);
        assert_eq!((clock.now(), clock.may_mint()), (at(HOUR + 60), Ok(())));
    }

    #[test]
    fn nothing_is_certain_by_a_clock_in_doubt_or_set_right_while_it_is_asked() {
        let hands = Fake::default();
        let clock = clock(&hands);
        for (step, certain) in [(0, true), (2 * HOUR, false), (-2 * HOUR, true), (-HOUR, false), (HOUR, true)] {
            hands.step(step);
            assert_eq!(clock.certain(), certain.then(|| at(0)), "{step}");
        }
        /// A wall clock that is ahead for one look, the second of all.
        struct SetRight(AtomicI64);
        impl Hands for SetRight {
            fn wall(&self) -> Timestamp {
                if self.0.fetch_add(1, Ordering::Relaxed) == 1 { at(3 * HOUR) } else { at(0) }
            }

            fn running(&self) -> Duration {
                Duration::ZERO
            }
        }
        let clock = SteadyClock::new(SetRight(AtomicI64::new(0)), None, None);
        assert_eq!(clock.certain(), None);
        assert_eq!(clock.certain(), Some(at(0)));
    }

    #[test]
    fn seconds_are_everyday_life() {
        let hands = Fake::default();
        let clock = clock(&hands);
        hands.step(-5);
        assert_eq!((clock.now(), clock.may_mint()), (at(0), Ok(())));
        hands.step(-1);
        assert_eq!(clock.state(), ClockState::Behind { seconds: 6 });
        hands.step(6 + HOUR);
        assert_eq!((clock.now(), clock.may_mint()), (at(HOUR), Ok(())), "summer time of a badly set machine");
        hands.step(-HOUR);
        assert_eq!(clock.state(), ClockState::Behind { seconds: HOUR }, "there and back is back");
    }

    #[test]
    fn a_leap_ends_what_ends_and_lets_nothing_be_issued_until_it_is_confirmed() {
        let hands = Fake::default();
        let clock = clock(&hands);
        hands.step(HOUR + 1);
        assert_eq!((clock.now(), clock.state()), (at(HOUR + 1), ClockState::Ahead { seconds: HOUR + 1 }));
        hands.step(5 * 365 * DAY);
        let why = clock.may_mint().unwrap_err();
        assert!(matches!(why, ClockError::Ahead { .. }) && why.to_string().contains("bailey clock confirm"), "{why}");
        assert!(expired(at(DAY), clock.now()));
        clock.confirm();
        assert_eq!((clock.now(), clock.may_mint()), (at(5 * 365 * DAY + HOUR + 1), Ok(())));
        hands.step(-60);
        assert_eq!(clock.state(), ClockState::Behind { seconds: 60 });
    }

    #[test]
    fn a_leap_that_is_set_right_leaves_nothing_behind() {
        let (hands, dir) = (Fake::default(), tempfile::tempdir().unwrap());
        let before = start(&hands, dir.path(), None);
        hands.step(5 * 365 * DAY);
        let far = before.now();
        hands.pass(60);
        before.keep().unwrap();
        hands.step(-5 * 365 * DAY);
        assert_eq!((before.now(), before.may_mint()), (at(60), Ok(())));
        before.keep().unwrap();
        // The store has commits of that time, which will be its last commits for five years.
        let again = start(&hands, dir.path(), Some(far));
        assert_eq!((again.now(), again.may_mint()), (at(60), Ok(())));
        again.keep().unwrap();
        assert_eq!(start(&hands, dir.path(), Some(far)).may_mint(), Ok(()));
    }

    #[test]
    fn a_restart_confirms_nothing() {
        let (hands, dir) = (Fake::default(), tempfile::tempdir().unwrap());
        let before = start(&hands, dir.path(), None);
        hands.step(2 * DAY);
        before.keep().unwrap();
        let last = before.now().saturating_add(SignedDuration::from_secs(1)).unwrap();
        hands.pass(1);
        let again = start(&hands, dir.path(), Some(last));
        assert_eq!((again.now(), again.state()), (at(2 * DAY + 1), ClockState::Ahead { seconds: 2 * DAY + 1 }));
        again.confirm();
        again.keep().unwrap();
        assert_eq!(start(&hands, dir.path(), Some(last)).state(), ClockState::Right);
        hands.step(-DAY);
        again.keep().unwrap();
        for _ in 0..2 {
            let third = start(&hands, dir.path(), Some(last));
            assert_eq!((third.now(), third.state()), (at(2 * DAY + 1), ClockState::Behind { seconds: DAY }));
            third.keep().unwrap();
        }
        again.confirm();
        again.keep().unwrap();
        let fourth = start(&hands, dir.path(), Some(last));
        assert_eq!((fourth.now(), fourth.state()), (at(DAY + 1), ClockState::Right), "whatever the store remembers");
    }

    #[test]
    fn a_daemon_may_rest_for_a_week_but_time_does_not_go_back_meanwhile() {
        let (hands, dir) = (Fake::default(), tempfile::tempdir().unwrap());
        let before = start(&hands, dir.path(), None);
        before.keep().unwrap();
        hands.pass(7 * DAY);
        let week = start(&hands, dir.path(), Some(before.hands.wall()));
        assert_eq!((week.now(), week.may_mint()), (at(7 * DAY), Ok(())));
        week.keep().unwrap();
        hands.step(-HOUR);
        let back = start(&hands, dir.path(), None);
        assert_eq!((back.now(), back.state()), (at(7 * DAY), ClockState::Behind { seconds: HOUR }));
        hands.pass(2 * HOUR);
        assert_eq!(back.now(), at(7 * DAY + 2 * HOUR));
    }

    #[test]
    fn a_mark_that_is_lost_leaves_what_the_store_knows() {
        let (hands, dir) = (Fake::default(), tempfile::tempdir().unwrap());
        let clock = start(&hands, dir.path(), Some(at(DAY)));
        assert_eq!((clock.now(), clock.state()), (at(DAY), ClockState::Behind { seconds: DAY }));
    }

    proptest! {
        // Each restart waits for the disk.
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What is gone stays gone for as long as the clock is right: nothing that was refused for its end is taken again, but after a
        /// leap that nobody confirmed.
        #[test]
        fn what_ended_stays_ended(steps in prop::collection::vec((0..2_i64 * HOUR, -40 * DAY..HOUR, any::<bool>()), 1..40)) {
            let (hands, dir) = (Fake::default(), tempfile::tempdir().unwrap());
            let mut clock = start(&hands, dir.path(), None);
            let mut latest = clock.now();
            for (seconds, step, restarts) in steps {
                hands.pass(seconds);
                let ahead_by = hands.wall().duration_since(clock.now()).as_secs();
                hands.step(step.min(HOUR - ahead_by.max(0)).min(step));
                if restarts {
                    clock.keep().unwrap();
                    clock = start(&hands, dir.path(), Some(latest));
                }
                let now = clock.now();
                prop_assert!(now >= latest, "{now} after {latest}");
                prop_assert!(now >= hands.wall());
                latest = now;
            }
        }
    }
}
