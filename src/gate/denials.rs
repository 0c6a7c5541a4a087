//! How often somebody was denied: each no is recorded, until somebody makes a weapon of that.
//!
//! A denial is a durable write that costs its cause nothing, so a loop of them could fill the disk.
//! Behind the first hundred of a minute they are counted, and the count is recorded. On a full disk all are: what room is kept there
//! is for what takes access away, and whoever may be denied could use it up.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::Timestamp;
use crate::model::Actor;

/// Denials of one actor that are recorded each minute.
const RECORDED: u32 = 100;

/// Actors whose denials are counted apart.
const MOST_CAUSES: usize = 10_000;

/// Length of a window, in seconds.
const WINDOW: i64 = 60;

/// Denials by actor.
#[derive(Default)]
pub(super) struct Denials(Mutex<HashMap<Actor, Window>>);

struct Window {
    since: Timestamp,
    recorded: u32,
    passed_over: u64,
}

/// What becomes of a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noted {
    /// It is recorded; so many before it were not.
    Recorded(u64),
    /// For want of room the text log alone tells of it, and it is counted.
    Told,
    /// It is counted.
    Counted,
}

impl Denials {
    /// What becomes of a denial of `actor`; `has_room` is asked whether the disk has room for a record where there is to be one.
    pub(super) fn admit(&self, actor: &Actor, now: Timestamp, has_room: impl FnOnce() -> bool) -> Noted {
        let mut windows = self.lock();
        // More causes than can be told apart are counted as one: memory is bounded whoever comes.
        let crowd = Actor::task("many");
        let actor = if windows.len() >= MOST_CAUSES && !windows.contains_key(actor) { &crowd } else { actor };
        let fresh = || Window { since: now, recorded: 0, passed_over: 0 };
        let window = windows.entry(actor.clone()).or_insert_with(fresh);
        if window.over(now) {
            *window = Window { passed_over: window.passed_over, ..fresh() };
        }
        if window.recorded == RECORDED {
            window.passed_over = window.passed_over.saturating_add(1);
            return Noted::Counted;
        }
        window.recorded += 1;
        if has_room() {
            return Noted::Recorded(std::mem::take(&mut window.passed_over));
        }
        window.passed_over = window.passed_over.saturating_add(1);
        Noted::Told
    }

    /// Forgets the windows that are over; answers whose denials were passed over in them.
    pub(super) fn settle(&self, now: Timestamp) -> Vec<(Actor, u64)> {
        let over = self.lock().extract_if(|_, window| window.over(now)).collect::<Vec<_>>();
        over.into_iter().map(|(actor, window)| (actor, window.passed_over)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Actor, Window>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    /// A clock that went back ends a window too: better recorded twice than never.
    fn over(&self, now: Timestamp) -> bool {
        !(0..WINDOW).contains(&now.duration_since(self.since).as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn behind_a_hundred_a_minute_they_are_counted_and_the_count_is_told_once() {
        let denials = Denials::default();
        let (loud, quiet) = (Actor::Local { uid: 7 }, Actor::Local { uid: 8 });
        let admit = |actor: &Actor, seconds| denials.admit(actor, at(seconds), || true);
        let admitted = (0..250).filter(|_| admit(&loud, 0) == Noted::Recorded(0)).count();
        assert_eq!(admitted, 100);
        assert_eq!(admit(&quiet, 0), Noted::Recorded(0), "others are not held to it");
        assert_eq!(denials.settle(at(59)), []);
        assert_eq!(admit(&loud, 60), Noted::Recorded(150));
        assert_eq!(admit(&loud, 60), Noted::Recorded(0));
        assert_eq!(denials.settle(at(60)), [(quiet, 0)]);
        for _ in 0..120 {
            admit(&loud, 61);
        }
        assert_eq!(denials.settle(at(200)), [(loud, 22)]);
    }

    #[test]
    fn on_a_full_disk_all_are_counted_until_there_is_room() {
        let denials = Denials::default();
        let loud = Actor::Local { uid: 7 };
        let told = (0..150).filter(|_| denials.admit(&loud, at(0), || false) == Noted::Told).count();
        assert_eq!(told, 100, "the text log is not flooded either");
        assert_eq!(denials.admit(&loud, at(90), || false), Noted::Told);
        assert_eq!(denials.admit(&loud, at(200), || true), Noted::Recorded(151));
        assert_eq!(denials.admit(&loud, at(200), || true), Noted::Recorded(0));
    }
}
