//! Retention: removes history that is older than one wants to keep.
//!
//! The horizon moves first, then the rows behind it go in small commits. So no reader ever finds
//! half a past, and a removal that was cut short is finished by the next one.

use super::execute::to_json;
use super::history::{self, HORIZON};
use super::{Commit, Intent, KeyRange, Revision, Store, StoreError, schema};
use crate::base::Timestamp;
use crate::model::Actor;

/// What a removal did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Pruned {
    /// The oldest revision that can still be read.
    pub horizon: Revision,
    /// Superseded rows removed.
    pub rows: u64,
    /// Journal rows removed.
    pub journal: u64,
}

/// On whose behalf something is removed, and how far.
pub struct Removal<'a> {
    /// The oldest revision that is to stay readable, as [`due`] answers it.
    pub horizon: Revision,
    /// Who is behind it.
    pub by: &'a Actor,
    /// Sequence number of the audit record opened for it.
    pub audit: Option<u64>,
    /// When.
    pub now: Timestamp,
    /// Asked before each batch; `true` leaves the rest to the next removal.
    pub stop: &'a dyn Fn() -> bool,
}

/// The horizon of a removal of what was superseded before `before`; `None` when there is nothing to
/// remove. The state at `before`, and since, stays readable.
///
/// # Errors
/// When the store cannot be read.
pub fn due(store: &Store, before: Timestamp) -> Result<Option<Revision>, StoreError> {
    store.read(|snapshot| {
        let horizon = match history::revision_at(snapshot, before) {
            Ok(revision) => revision,
            // What is kept begins later; a removal may have been cut short, though.
            Err(StoreError::BeyondHistory { oldest, .. }) => oldest,
            Err(other) => return Err(other),
        };
        let left = !snapshot.scan(&journals_before(horizon), 1)?.is_empty();
        Ok(left.then_some(horizon))
    })
}

/// Removes what was superseded up to the horizon.
///
/// # Errors
/// When the store cannot be read or written.
pub fn prune(store: &Store, removal: &Removal<'_>) -> Result<Pruned, StoreError> {
    let horizon = removal.horizon;
    if horizon > store.read(history::horizon)? {
        let mut commit = removal.commit();
        commit.put(schema::meta(HORIZON), to_json(&horizon)?);
        store.commit(commit)?;
    }
    let mut sweep = Sweep { store, removal, pending: Vec::new(), pruned: Pruned { horizon, rows: 0, journal: 0 } };
    match sweep.run() {
        Ok(()) | Err(Cut::Short) => Ok(sweep.pruned),
        Err(Cut::Failed(error)) => Err(error),
    }
}

/// Journal rows of what lies behind the horizon. The entry of `horizon` itself stays: it dates the oldest
/// state one can ask for.
fn journals_before(horizon: Revision) -> KeyRange {
    KeyRange { from: schema::journals(), to: Some(schema::journal(horizon)) }
}

impl Removal<'_> {
    /// Removing takes no right from anybody, but it is what makes room on a full disk.
    fn commit(&self) -> Commit {
        Commit { audit: self.audit, ..Commit::new(self.by.clone(), self.now, Intent::Narrow) }
    }
}

/// Collects deletions and commits them a batch at a time.
struct Sweep<'a> {
    store: &'a Store,
    removal: &'a Removal<'a>,
    pending: Vec<Vec<u8>>,
    pruned: Pruned,
}

/// Why a sweep did not come to its end.
enum Cut {
    /// It was told to stop.
    Short,
    Failed(StoreError),
}

impl From<StoreError> for Cut {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl Sweep<'_> {
    /// Journal rows last: as long as there are old ones, a removal is not finished.
    fn run(&mut self) -> Result<(), Cut> {
        let (store, horizon) = (self.store, self.removal.horizon);
        store.for_each(&KeyRange::prefix(&schema::histories(&[])), |key, _| {
            let old = schema::parse_history(key).is_some_and(|(_, superseded_at)| superseded_at <= horizon);
            if old { self.delete(key) } else { Ok(()) }
        })?;
        store.for_each(&journals_before(horizon), |key, _| self.delete(key))?;
        Ok(self.flush()?)
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), Cut> {
        if self.pending.len() == BATCH {
            self.flush()?;
            if (self.removal.stop)() {
                return Err(Cut::Short);
            }
        }
        self.pending.push(key.to_vec());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut commit = self.removal.commit();
        let (mut rows, mut journal) = (0, 0);
        for key in self.pending.drain(..) {
            *(if schema::parse_history(&key).is_some() { &mut rows } else { &mut journal }) += 1;
            commit.delete(key);
        }
        self.store.commit(commit)?;
        self.pruned.rows += rows;
        self.pruned.journal += journal;
        Ok(())
    }
}

/// Rows removed by one commit: few enough that nobody waits long behind it.
const BATCH: usize = 500;
