//! How often somebody may be wrong: guesses are counted by whom they are about, and end for a while.
//!
//! An attempt counts as wrong from the moment it begins, until it turns out right. Were it counted when it fails, a
//! hundred guesses sent at once would all begin before the first has failed.
//!
//! **A restart forgets.** Nothing is written: a guess would cost us a durable write each, and whoever sends them
//! nothing. What that gives away: the daemon restarts less often than a window lasts, and each restart is worth
//! one window, five guesses, to somebody who cannot bring it about. What the limit itself gives away is more:
//! five in 15 minutes are 480 a day. Of an acceptable password (10^12 guesses, `authn/password`) that is
//! nothing. Of a TOTP code, of which three of 10^6 are right at any time, it is 0.14 % a day and 41 % in a year
//! for somebody who has the password already and is never noticed. So a caller that can write should end
//! a factor for good after 100 failures in a row (NIST SP 800-63B-4, section 3.2.2), and the log has to tell them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;

use crate::base::{Fault, Faulty, Timestamp, clock};

/// Most keys held. A listener that answers 100 attempts a second sees fewer than 90,000 in a window of 15 minutes,
/// so that this bounds memory (some 10 MB) and not people.
const MOST_KEYS: usize = 100_000;

/// Below that many keys nobody looks for windows that are over.
const SWEEP_FROM: usize = 1_024;

/// How often, in what time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wrong attempts of one key in one window.
    pub failures: u32,
    /// How long a window lasts, from its first attempt on.
    pub window: SignedDuration,
    /// It lasts from its latest attempt on instead: as directories count, which forget a wrong password only when no other
    /// came for so long.
    pub slides: bool,
}

/// What wrong passwords are counted as, beside the names of devices, which have no blank.
pub const PASSWORD: &str = "the password";

impl Default for Limits {
    /// Five in 15 minutes: four typing errors are forgiven.
    fn default() -> Self {
        Self { failures: 5, window: SignedDuration::from_mins(15), slides: false }
    }
}

/// Attempts by key, such as the id of whom they are about.
#[derive(Debug)]
pub struct Attempts<K> {
    limits: Limits,
    most_keys: usize,
    state: Mutex<State<K>>,
}

#[derive(Debug)]
struct State<K> {
    /// Latest time seen: a clock that goes back ends no window.
    latest: Timestamp,
    /// How many keys bring about the next look for windows that are over.
    sweep_at: usize,
    /// The number of the next window.
    next: u64,
    windows: HashMap<K, Window>,
}

#[derive(Debug)]
struct Window {
    number: u64,
    ends: Timestamp,
    begun: u32,
}

/// An attempt that has begun and is taken for a wrong one: dropping it leaves it at that.
#[must_use = "an attempt that is neither `succeeded` nor `undone` counts as wrong"]
#[derive(Debug)]
pub struct Attempt<K> {
    key: K,
    /// Which window it was counted in.
    window: u64,
}

/// There were too many wrong attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many wrong attempts: try again in {} min", minutes(.left))]
pub struct TooOftenError {
    /// Until the window is over.
    pub left: SignedDuration,
}

impl Faulty for TooOftenError {
    fn fault(&self) -> Fault {
        Fault::Caller
    }
}

impl<K: Clone + Eq + Hash> Default for Attempts<K> {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl<K: Hash + Eq + Clone> Attempts<K> {
    /// No attempts yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let state = State { latest: Timestamp::MIN, sweep_at: SWEEP_FROM, next: 0, windows: HashMap::new() };
        Self { limits, most_keys: MOST_KEYS, state: Mutex::new(state) }
    }

    /// Begins an attempt and counts it.
    ///
    /// # Errors
    /// When the key's window has no attempt left, or when there are too many keys: then those that are held stay
    /// held, since making room would free somebody who is being guessed at.
    pub fn begin(&self, key: K, now: Timestamp) -> Result<Attempt<K>, TooOftenError> {
        self.begin_within(key, self.limits, now)
    }

    /// As [`Attempts::begin`], within limits of this key's own. A window that has begun keeps what was counted in it.
    ///
    /// # Errors
    /// As of [`Attempts::begin`].
    pub fn begin_within(&self, key: K, limits: Limits, now: Timestamp) -> Result<Attempt<K>, TooOftenError> {
        let mut state = self.lock();
        let now = now.max(state.latest);
        state.latest = now;
        let ends = clock::later(now, limits.window);
        if let Some(window) = state.windows.get_mut(&key).filter(|window| !clock::expired(window.ends, now)) {
            if window.begun >= limits.failures {
                return Err(TooOftenError { left: window.ends.duration_since(now) });
            }
            window.begun += 1;
            if limits.slides {
                window.ends = window.ends.max(ends);
            }
            return Ok(Attempt { key, window: window.number });
        }
        state.sweep(self.most_keys);
        if state.windows.len() >= self.most_keys {
            return Err(TooOftenError { left: limits.window });
        }
        let number = state.next;
        state.next = number.wrapping_add(1);
        state.windows.insert(key.clone(), Window { number, ends, begun: 1 });
        Ok(Attempt { key, window: number })
    }

    /// The attempt was right: whoever it is about starts anew.
    ///
    /// A person who signs in gives whoever guesses at the same time another window; a limit that did not
    /// would lock people out who type badly and well in turns.
    pub fn succeeded(&self, attempt: Attempt<K>) {
        self.lock().windows.remove(&attempt.key);
    }

    /// The attempt was neither right nor wrong: nobody looked, for instance because too many were waiting.
    pub fn undone(&self, attempt: Attempt<K>) {
        // A window that has begun since then did not count it.
        if let Some(window) = self.lock().windows.get_mut(&attempt.key).filter(|window| window.number == attempt.window)
        {
            window.begun = window.begun.saturating_sub(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq> State<K> {
    /// Forgets the windows that are over, each time their number has doubled or there is no room.
    fn sweep(&mut self, most: usize) {
        if self.windows.len() >= self.sweep_at.min(most) {
            let now = self.latest;
            self.windows.retain(|_, window| !clock::expired(window.ends, now));
            self.sweep_at = (2 * self.windows.len()).max(SWEEP_FROM);
        }
    }
}

/// Whole minutes, rounded up: nobody should come back too early.
fn minutes(left: &SignedDuration) -> i64 {
    left.as_secs().max(0) / 60 + 1
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn five() -> Attempts<&'static str> {
        Attempts::new(Limits::default())
    }

    fn wrong(attempts: &Attempts<&'static str>, times: usize, now: Timestamp) {
        for _ in 0..times {
            drop(attempts.begin("ann", now).unwrap());
        }
    }

    #[test]
    fn five_wrong_attempts_end_the_window() {
        let attempts = five();
        wrong(&attempts, 5, at(0));
        let refused = attempts.begin("ann", at(60)).unwrap_err();
        assert_eq!(refused.left, SignedDuration::from_mins(14));
        assert_eq!(refused.to_string(), "too many wrong attempts: try again in 15 min");
        assert!(attempts.begin("bob", at(60)).is_ok(), "others are not concerned");
        assert!(attempts.begin("ann", at(899)).is_err());
        wrong(&attempts, 5, at(900));
        assert!(attempts.begin("ann", at(901)).is_err());
    }

    #[test]
    fn who_is_right_starts_anew() {
        let attempts = five();
        wrong(&attempts, 4, at(0));
        let right = attempts.begin("ann", at(1)).unwrap();
        attempts.succeeded(right);
        wrong(&attempts, 5, at(2));
        assert!(attempts.begin("ann", at(3)).is_err());
    }

    #[test]
    fn a_window_that_slides_ends_behind_its_latest_attempt() {
        let limits = Limits { failures: 3, window: SignedDuration::from_mins(15), slides: true };
        let attempts = five();
        let begin = |second| attempts.begin_within("ann", limits, at(second));
        let first = begin(0).unwrap();
        let _second = begin(890).unwrap();
        attempts.undone(first);
        let _third = begin(1_780).unwrap();
        let _fourth = begin(1_781).unwrap();
        assert_eq!(begin(1_782).unwrap_err().left, SignedDuration::from_secs(899));
        assert!(begin(2_680).is_err(), "attempts that are refused do not lengthen it");
        assert!(begin(2_681).is_ok());
    }

    #[test]
    fn an_attempt_at_which_nobody_looked_is_not_counted() {
        let attempts = five();
        for _ in 0..9 {
            attempts.undone(attempts.begin("ann", at(0)).unwrap());
        }
        wrong(&attempts, 5, at(0));
        assert!(attempts.begin("ann", at(1)).is_err());

        let old = five();
        let begun = old.begin("ann", at(0)).unwrap();
        wrong(&old, 5, at(900));
        old.undone(begun);
        assert!(old.begin("ann", at(901)).is_err(), "it was counted in another window");
    }

    #[test]
    fn a_clock_that_goes_back_frees_nobody() {
        let attempts = five();
        wrong(&attempts, 5, at(0));
        for second in [-1, -86_400, -400_000_000] {
            let left = attempts.begin("ann", at(second)).unwrap_err().left;
            assert_eq!(left, SignedDuration::from_mins(15));
        }
    }

    #[test]
    fn the_limiter_forgets_what_is_over_and_holds_what_is_not() {
        let mut attempts = Attempts::new(Limits::default());
        attempts.most_keys = 2_000;
        for key in 0..2_000 {
            drop(attempts.begin(key, at(0)).unwrap());
        }
        assert!(attempts.begin(2_000, at(899)).is_err());
        assert!(attempts.begin(7, at(899)).is_ok(), "who is known is let in as before");
        assert!(attempts.begin(2_000, at(900)).is_ok());
        assert_eq!(attempts.lock().windows.len(), 1);
    }

    #[test]
    fn guesses_sent_at_once_are_no_more_than_guesses_in_a_row() {
        let (attempts, begun) = (five(), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        if attempts.begin("ann", at(0)).is_ok() {
                            begun.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(begun.load(Ordering::Relaxed), 5);
    }

    proptest! {
        #[test]
        fn the_limiter_lets_no_more_through_than_its_windows_allow(
            steps in proptest::collection::vec((-2_000_i64..600, any::<bool>()), 1..300),
        ) {
            let attempts = five();
            let (mut now, mut latest, mut tried) = (0_i64, 0_i64, 0_i64);
            for (step, looked) in steps {
                now += step.max(-now);
                latest = latest.max(now);
                match attempts.begin("ann", at(now)) {
                    Ok(attempt) if !looked => attempts.undone(attempt),
                    Ok(_) => tried += 1,
                    Err(refused) => {
                        prop_assert!(refused.left.is_positive() && refused.left <= SignedDuration::from_mins(15));
                    }
                }
            }
            prop_assert!(tried <= 5 * (latest / 900 + 1));
        }
    }
}
