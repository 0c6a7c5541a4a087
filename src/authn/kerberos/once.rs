//! The memory that takes each Kerberos token once.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use jiff::SignedDuration;

use crate::base::Timestamp;

/// How long a token is remembered. It is good within Kerberos' clock skew (5 minutes unless krb5.conf says otherwise) of the time
/// that its maker wrote into it, which may lie as far ahead: so for twice that, and once more for a clock that is being set.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(15);

/// Most tokens remembered, some 10 MB: a hundred a second.
const CAPACITY: usize = 100_000;

/// Whether a token may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It comes for the first time.
    First,
    /// It came before.
    Before,
    /// There is no room to remember it, and to forget another would let that one in again.
    Full,
}

/// Digests of tokens that were taken lately.
#[derive(Debug, Default)]
pub(super) struct Once(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    digests: HashSet<[u8; 32]>,
    /// The same, by when they came.
    order: BTreeMap<Timestamp, Vec<[u8; 32]>>,
}

impl Once {
    /// Takes a token. Looks and remembers under one lock: of two at once, one is first.
    pub(super) fn take(&self, digest: [u8; 32], now: Timestamp) -> Taken {
        self.take_of(digest, now, CAPACITY)
    }

    fn take_of(&self, digest: [u8; 32], now: Timestamp, capacity: usize) -> Taken {
        // Nothing under the lock leaves it half done, so a panic elsewhere does no harm to it.
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.digests.contains(&digest) {
            return Taken::Before;
        }
        // A clock that goes back forgets nothing sooner: what came later stays, and by its own time.
        if let Ok(over) = now.checked_sub(REMEMBERED) {
            let kept = seen.order.split_off(&over);
            let forgotten = std::mem::replace(&mut seen.order, kept);
            for digest in forgotten.into_values().flatten() {
                seen.digests.remove(&digest);
            }
        }
        if seen.digests.len() >= capacity {
            return Taken::Full;
        }
        seen.digests.insert(digest);
        seen.order.entry(now).or_default().push(digest);
        Taken::First
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn digest(n: u64) -> [u8; 32] {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&n.to_be_bytes());
        digest
    }

    #[test]
    fn a_token_is_taken_once_while_it_could_be_good() {
        let once = Once::default();
        assert_eq!(once.take(digest(1), at(0)), Taken::First);
        assert_eq!(once.take(digest(2), at(0)), Taken::First);
        for second in [0, 300, 600, 899, -600] {
            assert_eq!(once.take(digest(1), at(second)), Taken::Before, "{second}");
        }
        assert_eq!(once.take(digest(3), at(901)), Taken::First);
        assert_eq!(once.take(digest(1), at(902)), Taken::First, "no clock skew makes it good any more");
        assert_eq!(once.take(digest(3), at(902)), Taken::Before);
    }

    #[test]
    fn a_full_memory_refuses_and_forgets_nothing() {
        let once = Once::default();
        for n in 0..3 {
            assert_eq!(once.take_of(digest(n), at(0), 3), Taken::First);
        }
        assert_eq!(once.take_of(digest(9), at(1), 3), Taken::Full);
        assert_eq!(once.take_of(digest(0), at(1), 3), Taken::Before);
        assert_eq!(once.take_of(digest(9), at(901), 3), Taken::First, "there is room again");
    }

    #[test]
    fn of_sixty_four_at_once_one_is_first() {
        let once = Once::default();
        let first: Vec<AtomicUsize> = (0..200).map(|_| AtomicUsize::new(0)).collect();
        std::thread::scope(|scope| {
            for thread in 0..64 {
                let (once, first) = (&once, &first);
                scope.spawn(move || {
                    for (n, count) in first.iter().enumerate() {
                        // Clocks that were read at different times.
                        if once.take(digest(u64::try_from(n).unwrap()), at(thread % 3)) == Taken::First {
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert!(first.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    }
}
