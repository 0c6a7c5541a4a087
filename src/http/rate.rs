//! How many calls one access key may make: so that one program in a loop does not take the daemon from all others, nor the
//! memory of signatures.
//!
//! A bucket a key: it holds a burst and fills again by the second. Refused calls cost nothing, and SDKs wait and try again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::base::Timestamp;
use crate::model::AccessKeyId;

/// Keys that are remembered. Those whose bucket is full again are forgotten first: nothing is lost by it.
const MOST_KEYS: usize = 10_000;

/// What is left of a burst, by key, in thousandths of a call.
#[derive(Debug)]
pub struct Rates {
    limit: Limit,
    buckets: Mutex<HashMap<AccessKeyId, Bucket>>,
}

/// How many calls there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// At once.
    pub burst: i64,
    /// That come back each second.
    pub per_second: i64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: i64,
    at: Timestamp,
}

impl Limit {
    /// Calls of the APIs: a console-like page of an SDK makes a dozen.
    pub const CALLS: Self = Self { burst: 100, per_second: 20 };

    /// Requests to applications: a page of one brings a hundred more.
    pub const REQUESTS: Self = Self { burst: 1_000, per_second: 200 };

    /// A bucket that is full, in thousandths of a call.
    fn full(self) -> i64 {
        self.burst.saturating_mul(CALL)
    }
}

impl Rates {
    /// Nobody has called yet.
    #[must_use]
    pub fn new(limit: Limit) -> Self {
        Self { limit, buckets: Mutex::default() }
    }

    /// Whether `key` may make a call at `now`.
    pub fn admit(&self, key: &AccessKeyId, now: Timestamp) -> bool {
        let (limit, full) = (self.limit, self.limit.full());
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_KEYS && !buckets.contains_key(key) {
            buckets.retain(|_, bucket| bucket.filled(limit, now).left < full);
        }
        // All of them in use: then the newcomer waits, rather than one of those being let off.
        if buckets.len() >= MOST_KEYS && !buckets.contains_key(key) {
            return false;
        }
        let bucket = buckets.entry(key.clone()).or_insert(Bucket { left: full, at: now });
        *bucket = bucket.filled(limit, now);
        let admitted = bucket.left >= CALL;
        if admitted {
            bucket.left -= CALL;
        }
        admitted
    }
}

const CALL: i64 = 1_000;

impl Bucket {
    /// The same at `now`. A clock that went back fills nothing.
    fn filled(self, limit: Limit, now: Timestamp) -> Self {
        let passed = now.duration_since(self.at).as_millis().clamp(0, 1_000_000);
        let came = i64::try_from(passed).unwrap_or(0).saturating_mul(limit.per_second);
        Self { left: self.left.saturating_add(came).min(limit.full()), at: self.at.max(now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + milliseconds).unwrap()
    }

    #[test]
    fn a_burst_then_so_many_a_second_and_others_are_not_held_to_it() {
        let rates = Rates::new(Limit::CALLS);
        let (one, other) = ("AKIAAAAAAAAAAAAAAAAA".parse().unwrap(), "AKIABBBBBBBBBBBBBBBB".parse().unwrap());
        assert_eq!((0..150).filter(|_| rates.admit(&one, at(0))).count(), 100);
        assert!(rates.admit(&other, at(0)));
        assert_eq!((0..50).filter(|_| rates.admit(&one, at(1_000))).count(), 20);
        assert!(!rates.admit(&one, at(500)), "a clock that went back fills nothing");
        assert!(!rates.admit(&one, at(1_000)));
        assert_eq!((0..200).filter(|_| rates.admit(&one, at(60_000))).count(), 100, "no more than a burst");
    }

    #[test]
    fn idle_keys_make_room_for_new_ones() {
        let rates = Rates::new(Limit::CALLS);
        let key = |n: usize| format!("AKIA{n:016}").parse::<AccessKeyId>().unwrap();
        for n in 0..MOST_KEYS {
            assert!(rates.admit(&key(n), at(0)));
        }
        assert!(!rates.admit(&key(MOST_KEYS), at(0)), "all of them are in use");
        assert!(rates.admit(&key(MOST_KEYS), at(1_000)));
    }
}
