//! Commits carried out by one thread while another puts the next together.
//!
//! Writing rows is most of a first load's work; reading changes back and turning them into rows is most of the rest, and
//! either can wait for the other. Commits keep their order, each stands on the one before it, and the first
//! that fails ends the line.

use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

use super::error::SyncError;
use crate::store::{Commit, Expect, Revision, Store, StoreError};

/// Commits that may wait: one in hand, one ready.
const AHEAD: usize = 1;

/// Where commits are handed in.
pub(super) struct Pipeline {
    orders: SyncSender<Order>,
}

enum Order {
    Commit(Commit),
    /// Tell when everything before is carried out.
    Settle(std::sync::mpsc::Sender<()>),
}

/// What was worked out, and the revision the last commit left `key` at.
pub(super) struct Worked<R> {
    pub(super) result: R,
    pub(super) revision: Option<Revision>,
}

impl Pipeline {
    /// Runs `work`, which hands commits in. Each is made to expect `key` as the one before left it, the first as `from` says.
    ///
    /// # Errors
    /// The first failure of a commit; otherwise what `work` answers.
    pub(super) fn run<R>(
        store: &Store,
        key: &[u8],
        from: Option<Revision>,
        work: impl FnOnce(&Self) -> Result<R, SyncError>,
    ) -> Result<Worked<R>, SyncError> {
        std::thread::scope(|scope| {
            let (orders, received) = sync_channel(AHEAD);
            let committing = scope.spawn(move || carry_out(store, key, from, &received));
            let pipeline = Self { orders };
            let result = work(&pipeline);
            drop(pipeline);
            let committed = committing.join().map_err(|_| SyncError::Bug("a commit ended early".to_owned()))?;
            // A commit that failed is the cause; that nothing more could be handed in, its echo.
            let revision = committed?;
            Ok(Worked { result: result?, revision })
        })
    }

    /// Hands `commit` in; waits while too many are ahead of it.
    ///
    /// # Errors
    /// When one before it failed; [`Pipeline::run`] says why.
    pub(super) fn commit(&self, commit: Commit) -> Result<(), SyncError> {
        self.hand_in(Order::Commit(commit))
    }

    /// Waits until everything handed in can be read from the store.
    ///
    /// # Errors
    /// When one before failed; [`Pipeline::run`] says why.
    pub(super) fn settle(&self) -> Result<(), SyncError> {
        let (tell, told) = channel();
        self.hand_in(Order::Settle(tell))?;
        told.recv().map_err(|_| ended())
    }

    fn hand_in(&self, order: Order) -> Result<(), SyncError> {
        self.orders.send(order).map_err(|_| ended())
    }
}

fn ended() -> SyncError {
    SyncError::Bug("an earlier commit failed".to_owned())
}

fn carry_out(
    store: &Store,
    key: &[u8],
    from: Option<Revision>,
    orders: &Receiver<Order>,
) -> Result<Option<Revision>, StoreError> {
    let mut last = from;
    while let Ok(order) = orders.recv() {
        match order {
            Order::Commit(mut commit) => {
                commit.expect(key.to_vec(), expected(last));
                // The run's last commit takes them all to the disk, or none is remembered by the cursor.
                commit.deferred = true;
                last = Some(store.commit(commit)?.revision);
            }
            // Whoever asked has gone: nothing to tell.
            Order::Settle(tell) => drop(tell.send(())),
        }
    }
    Ok(last)
}

/// What must be true of a row last written by `revision`.
pub(super) fn expected(revision: Option<Revision>) -> Expect {
    revision.map_or(Expect::Absent, Expect::At)
}
