//! How far a run is, for whoever is watching.

use serde::{Deserialize, Serialize};

/// One report of progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What is being done: `reading`, `planning`, `applying`.
    pub phase: String,
    /// How much is done.
    pub done: u64,
    /// Of how much, if that can be said.
    pub total: Option<u64>,
}

/// Takes reports of progress. Called often: must be cheap and never wait.
pub trait Progress: Send {
    /// So many entries were read.
    fn read(&mut self, done: u64);
    /// All is read; the plan is being made.
    fn planning(&mut self);
    /// So many changes of `total` were applied.
    fn applied(&mut self, done: u64, total: u64);
}

/// Nobody is watching.
#[derive(Debug, Default, Clone, Copy)]
pub struct Unwatched;

impl Progress for Unwatched {
    fn read(&mut self, _: u64) {}
    fn planning(&mut self) {}
    fn applied(&mut self, _: u64, _: u64) {}
}

/// Keeps the last report where a watcher picks it up at its own pace.
#[derive(Debug)]
pub struct Watched {
    steps: tokio::sync::watch::Sender<Step>,
    expected: Option<u64>,
}

impl Watched {
    /// A watched progress; `expected` is a guess at how many entries a read brings.
    #[must_use]
    pub fn new(expected: Option<u64>) -> (Self, tokio::sync::watch::Receiver<Step>) {
        let (steps, watcher) =
            tokio::sync::watch::channel(Step { phase: "reading".to_owned(), done: 0, total: expected });
        (Self { steps, expected }, watcher)
    }

    fn report(&self, phase: &str, done: u64, total: Option<u64>) {
        self.steps.send_replace(Step { phase: phase.to_owned(), done, total });
    }
}

impl Progress for Watched {
    fn read(&mut self, done: u64) {
        self.report("reading", done, self.expected.map(|expected| expected.max(done)));
    }

    fn planning(&mut self) {
        self.report("planning", 0, None);
    }

    fn applied(&mut self, done: u64, total: u64) {
        // A watcher looks a few times a second; every change would only cost.
        if done.is_multiple_of(256) || done == total {
            self.report("applying", done, Some(total));
        }
    }
}
