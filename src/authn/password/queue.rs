//! Who may hash now: a hash takes a core and 46 MiB, so few run at once, and few more wait.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Turns for what is expensive.
#[derive(Debug)]
pub(super) struct Queue {
    at_once: usize,
    most_waiting: usize,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    waiting: usize,
}

/// A turn; over when dropped, also by a panic.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Queue);

/// Too many are waiting.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Queue {
    /// `at_once` run, `most_waiting` wait, all others are sent away.
    pub(super) fn new(at_once: usize, most_waiting: usize) -> Self {
        Self { at_once, most_waiting, state: Mutex::default(), freed: Condvar::new() }
    }

    /// Waits for a turn; blocks the thread.
    ///
    /// Not first come, first served: somebody new may overtake. Turns are short and those who wait few, so
    /// nobody waits long.
    pub(super) fn turn(&self) -> Result<Turn<'_>, Full> {
        let mut state = self.lock();
        if state.running >= self.at_once {
            if state.waiting >= self.most_waiting {
                return Err(Full);
            }
            state.waiting += 1;
            let taken = |state: &mut State| state.running >= self.at_once;
            state = self.freed.wait_while(state, taken).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        state.running += 1;
        Ok(Turn(self))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Numbers alone, changed by additions that cannot panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    /// Until `waiting` are waiting. The queue cannot be asked to tell; it is looked at.
    fn settle(queue: &Queue, waiting: usize) {
        while queue.lock().waiting < waiting {
            std::thread::yield_now();
        }
    }

    #[test]
    fn no_more_run_at_once_than_may() {
        let queue = Queue::new(2, 100);
        let (now, most, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _turn = queue.turn().unwrap();
                        most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(1, SeqCst);
                        done.fetch_add(1, SeqCst);
                    }
                });
            }
        });
        assert_eq!(done.load(SeqCst), 800);
        assert!(most.load(SeqCst) <= 2);
        let state = queue.lock();
        assert_eq!((state.running, state.waiting), (0, 0));
    }

    #[test]
    fn who_finds_the_queue_full_is_sent_away_at_once() {
        let queue = Queue::new(1, 2);
        let first = queue.turn().unwrap();
        std::thread::scope(|scope| {
            let waiting = [scope.spawn(|| queue.turn().map(drop)), scope.spawn(|| queue.turn().map(drop))];
            settle(&queue, 2);
            assert_eq!(queue.turn().map(drop), Err(Full));
            drop(first);
            for thread in waiting {
                assert_eq!(thread.join().unwrap(), Ok(()));
            }
        });
        assert!(queue.turn().is_ok());
    }

    #[test]
    fn a_turn_that_panics_is_over() {
        let queue = Queue::new(1, 0);
        let panicked = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _turn = queue.turn().unwrap();
                    panic!("on purpose");
                })
                .join()
        });
        assert!(panicked.is_err() && queue.turn().is_ok());
    }
}
