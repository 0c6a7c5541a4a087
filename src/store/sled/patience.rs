//! Waits that end: what may hang runs on a thread of its own, and who asked for it waits only so long.
//!
//! Owns the thread, the limit and the nudges on the way. What is asked, and what a missing answer
//! means, is the engine's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// How long an answer may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// After this the work is given up for lost.
    pub(super) limit: Duration,
    /// How often what is late is nudged before.
    pub(super) nudge_every: Duration,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// It fell over.
    Fell,
    /// It is still at it, and may be forever.
    Late,
}

/// A thread that does one piece of work after the other.
pub(super) struct Worker {
    jobs: Sender<Job>,
}

type Job = Box<dyn FnOnce() + Send>;

impl Worker {
    /// Starts the thread. It ends with this value and the work it is at.
    pub(super) fn start(name: &str) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            for job in queue {
                // Whoever asked learns of it: the end of its channel falls with the job.
                let _ = catch_unwind(AssertUnwindSafe(job));
            }
        })?;
        Ok(Self { jobs })
    }

    /// Has `work` done. What `work` holds is let go of before the answer is here.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        patience: Patience,
        nudge: impl Fn(),
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let (answer, answered) = mpsc::sync_channel(1);
        let job = move || {
            // Nobody waits any more for what comes too late.
            let _ = answer.send(work());
        };
        self.jobs.send(Box::new(job)).map_err(|_| NoAnswer::Fell)?;
        let asked = Instant::now();
        loop {
            let left = patience.limit.saturating_sub(asked.elapsed());
            match answered.recv_timeout(left.min(patience.nudge_every)) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Disconnected) => return Err(NoAnswer::Fell),
                Err(RecvTimeoutError::Timeout) if left.is_zero() => return Err(NoAnswer::Late),
                Err(RecvTimeoutError::Timeout) => nudge(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;

    use super::*;

    const SHORT: Patience = Patience { limit: Duration::from_millis(100), nudge_every: Duration::from_millis(10) };
    const LONG: Patience = Patience { limit: Duration::from_secs(30), nudge_every: Duration::from_millis(10) };

    #[test]
    fn an_answer_comes_back_and_nothing_is_held_any_more() {
        let worker = Worker::start("test").unwrap();
        let held = Arc::new(());
        for n in 0..100 {
            let mine = Arc::clone(&held);
            let answer = worker.ask(
                LONG,
                || {},
                move || {
                    let _ = &mine;
                    n
                },
            );
            assert_eq!(answer, Ok(n));
            assert_eq!(Arc::strong_count(&held), 1);
        }
    }

    #[test]
    fn what_never_ends_is_given_up_in_time() {
        let worker = Worker::start("test").unwrap();
        let asked = Instant::now();
        let answer = worker.ask(
            SHORT,
            || {},
            || {
                loop {
                    std::thread::park();
                }
            },
        );
        assert_eq!(answer, Err::<(), _>(NoAnswer::Late));
        assert!(asked.elapsed() >= SHORT.limit);
    }

    #[test]
    fn what_sleeps_is_woken() {
        let worker = Worker::start("test").unwrap();
        let (wake, sleeper) = channel();
        let answer = worker.ask(LONG, || wake.send(7).unwrap_or_default(), move || sleeper.recv().unwrap());
        assert_eq!(answer, Ok(7));
    }

    #[test]
    fn what_falls_over_takes_nothing_else_with_it() {
        let worker = Worker::start("test").unwrap();
        assert_eq!(worker.ask(LONG, || {}, || panic!("falls over")), Err::<(), _>(NoAnswer::Fell));
        assert_eq!(worker.ask(LONG, || {}, || 1), Ok(1));
    }
}
