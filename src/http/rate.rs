//! How many calls one access key may make: so that one program in a loop does not take the daemon from all others, nor the
//! memory of signatures.
//!
//! A bucket a key: it holds a burst and fills again by the second. Refused calls cost nothing, and SDKs wait and try again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::base::Timestamp;
use crate::model::AccessKeyId;

/// Calls that a key may make at once. A console-like page of an SDK makes a dozen.
const BURST: i64 = 100;

/// Calls a second that come back.
const PER_SECOND: i64 = 20;

/// Keys that are remembered. Those whose bucket is full again are forgotten first: nothing is lost by it.
const MOST_KEYS: usize = 10_000;

/// What is left of a burst, by key, in thousandths of a call.
#[derive(Debug, Default)]
pub struct Rates(Mutex<HashMap<AccessKeyId, Bucket>>);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: i64,
    at: Timestamp,
}

impl Rates {
    /// Whether `key` may make a call at `now`.
    pub fn admit(&self, key: &AccessKeyId, now: Timestamp) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_KEYS && !buckets.contains_key(key) {
            buckets.retain(|_, bucket| bucket.filled(now).left < FULL);
        }
        // All of them in use: then the newcomer waits, rather than one of those being let off.
        if buckets.len() >= MOST_KEYS && !buckets.contains_key(key) {
            return false;
        }
        let bucket = buckets.entry(key.clone()).or_insert(Bucket { left: FULL, at: now });
        *bucket = bucket.filled(now);
        let admitted = bucket.left >= CALL;
        if admitted {
            bucket.left -= CALL;
        }
        admitted
    }
}

const CALL: i64 = 1_000;
const FULL: i64 = BURST * CALL;

impl Bucket {
    /// The same at `now`. A clock that went back fills nothing.
    fn filled(self, now: Timestamp) -> Self {
        let passed = now.duration_since(self.at).as_millis().clamp(0, 1_000_000);
        let came = i64::try_from(passed).unwrap_or(0).saturating_mul(PER_SECOND);
        Self { left: self.left.saturating_add(came).min(FULL), at: self.at.max(now) }
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
        let rates = Rates::default();
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
        let rates = Rates::default();
        let key = |n: usize| format!("AKIA{n:016}").parse::<AccessKeyId>().unwrap();
        for n in 0..MOST_KEYS {
            assert!(rates.admit(&key(n), at(0)));
        }
        assert!(!rates.admit(&key(MOST_KEYS), at(0)), "all of them are in use");
        assert!(rates.admit(&key(MOST_KEYS), at(1_000)));
    }
}
