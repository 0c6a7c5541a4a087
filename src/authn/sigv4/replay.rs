//! The memory that takes each signature once.
//!
//! AWS takes a request again and again while it is fresh. Here a captured `AssumeRole` would yield a second credential,
//! so a signature can be taken once. It has whole seconds and nothing random: botocore adds its invocation id after
//! signing, so an honest client that says the same twice within a second signs the same twice. It is told to try
//! again, and signs anew. For what creates nothing, such as `GetCallerIdentity` by header, whoever dispatches may
//! rather leave this out.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::Verified;
use crate::base::{Fault, Faulty, Timestamp};

/// Most signatures remembered, some 10 MB: 160 requests a second, each for ten minutes, the longest a header is good.
const CAPACITY: usize = 100_000;

/// Why a request with a good signature is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Replayed {
    /// It was taken before.
    #[error("the request was sent before: sign it anew")]
    Before,
    /// It may have been taken, and that is not remembered any more: it is of before the start, or older than what
    /// others have already made this memory forget.
    #[error("the request is too old to know whether it was sent before: sign it anew")]
    Unknown,
    /// There is no room to remember it. Forgetting another would let that one in again.
    #[error("too many requests were signed within the last minutes: try again later")]
    Full,
}

impl Replayed {
    /// The code that makes SDKs wait, sign anew and try again.
    #[must_use]
    pub fn code(self) -> &'static str {
        "Throttling"
    }

    /// The HTTP status that goes with the code.
    #[must_use]
    pub fn status(self) -> u16 {
        400
    }
}

impl Faulty for Replayed {
    fn fault(&self) -> Fault {
        Fault::Caller
    }
}

/// Signatures taken that are still fresh.
#[derive(Debug)]
pub struct Replays {
    seen: Mutex<Seen>,
    since: Timestamp,
    capacity: usize,
}

#[derive(Debug)]
struct Seen {
    /// Until when each is good, and its digest. A signature is good until one moment alone, as what that follows from
    /// is signed.
    digests: BTreeSet<(Timestamp, [u8; 32])>,
    /// Those good until an earlier moment have been forgotten.
    forgotten: Timestamp,
}

impl Replays {
    /// An empty memory of a process that took its first request at `start` or later.
    ///
    /// What was signed before is refused, or a restart would let all of the last minutes in again. Dates have whole
    /// seconds, so the second of the start counts as after it. The price: a client whose clock is behind waits, once,
    /// for as long as it is behind.
    #[must_use]
    pub fn since(start: Timestamp) -> Self {
        Self::of_capacity(start, CAPACITY)
    }

    fn of_capacity(start: Timestamp, capacity: usize) -> Self {
        let since = Timestamp::from_second(start.as_second()).unwrap_or(start);
        let seen = Seen { digests: BTreeSet::new(), forgotten: Timestamp::MIN };
        Self { seen: Mutex::new(seen), since, capacity }
    }

    /// Takes a request, once.
    ///
    /// # Errors
    /// When it was taken before, when that cannot be known, and when there is no room to remember it.
    pub fn admit(&self, verified: &Verified, now: Timestamp) -> Result<(), Replayed> {
        if verified.date() < self.since {
            return Err(Replayed::Unknown);
        }
        self.take(verified.until(), *verified.digest(), now)
    }

    /// How many are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).digests.len()
    }

    /// Looks and remembers under one lock: of two at once, one is first.
    fn take(&self, until: Timestamp, digest: [u8; 32], now: Timestamp) -> Result<(), Replayed> {
        // Nothing under the lock leaves it half done, so a panic elsewhere does no harm to it.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // `now` was read before the lock was had: another thread with a later `now` may have forgotten this very one.
        if until < seen.forgotten {
            return Err(Replayed::Unknown);
        }
        if now > seen.forgotten {
            seen.digests = seen.digests.split_off(&(now, [0; 32]));
            seen.forgotten = now;
        }
        if seen.digests.contains(&(until, digest)) {
            return Err(Replayed::Before);
        }
        if seen.digests.len() >= self.capacity {
            return Err(Replayed::Full);
        }
        seen.digests.insert((until, digest));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn digest(n: usize) -> [u8; 32] {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&n.to_be_bytes());
        digest
    }

    #[test]
    fn a_signature_is_taken_once_while_it_is_good() {
        let replays = Replays::since(at(0));
        assert_eq!(replays.take(at(300), digest(1), at(0)), Ok(()));
        assert_eq!(replays.take(at(300), digest(2), at(0)), Ok(()));
        assert_eq!(replays.take(at(300), digest(1), at(299)), Err(Replayed::Before));
        assert_eq!(replays.take(at(300), digest(1), at(300)), Err(Replayed::Before), "good to the last moment");
        assert_eq!(replays.remembered(), 2);
        assert_eq!(replays.take(at(700), digest(3), at(301)), Ok(()));
        assert_eq!(replays.remembered(), 1, "what is good no more is forgotten");
    }

    #[test]
    fn a_clock_that_goes_back_lets_nothing_in_again() {
        let replays = Replays::since(at(0));
        assert_eq!(replays.take(at(300), digest(1), at(0)), Ok(()));
        assert_eq!(replays.take(at(700), digest(2), at(301)), Ok(()));
        assert_eq!(replays.take(at(300), digest(1), at(299)), Err(Replayed::Unknown));
        assert_eq!(replays.take(at(700), digest(2), at(0)), Err(Replayed::Before));
    }

    #[test]
    fn a_full_memory_refuses_and_forgets_nothing() {
        let replays = Replays::of_capacity(at(0), 3);
        for n in 0..3 {
            assert_eq!(replays.take(at(300 + n), digest(0), at(0)), Ok(()));
        }
        assert_eq!(replays.take(at(400), digest(1), at(1)), Err(Replayed::Full));
        assert_eq!(replays.take(at(300), digest(0), at(2)), Err(Replayed::Before));
        assert_eq!(replays.take(at(400), digest(1), at(301)), Ok(()), "there is room again");
    }

    #[test]
    fn of_many_threads_with_one_signature_one_is_let_in() {
        let replays = Replays::since(at(0));
        let let_in: Vec<AtomicUsize> = (0..500).map(|_| AtomicUsize::new(0)).collect();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (replays, let_in) = (&replays, &let_in);
                // Clocks that were read at different times, and a few late ones that make others forget.
                scope.spawn(move || {
                    for (n, count) in let_in.iter().enumerate() {
                        let until = i64::try_from(n).unwrap() / 100;
                        if replays.take(at(until), digest(n), at(until - thread % 3)).is_ok() {
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert!(let_in.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    }
}
