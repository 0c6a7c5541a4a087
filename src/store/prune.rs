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

/// Removes what was superseded before `before`. The state at `before`, and since, stays readable.
///
/// # Errors
/// When the store cannot be read or written.
pub fn prune(store: &Store, before: Timestamp, by: &Actor, now: Timestamp) -> Result<Pruned, StoreError> {
    let (kept_from, known) = store.read(|snapshot| {
        let known = history::horizon(snapshot)?;
        match history::revision_at(snapshot, before) {
            Ok(revision) => Ok((revision, known)),
            Err(StoreError::BeyondHistory { oldest, .. }) => Ok((oldest, known)),
            Err(other) => Err(other),
        }
    })?;
    let mut removal = Removal { store, by, now, pending: Vec::new() };
    if kept_from > known {
        let mut commit = removal.commit();
        commit.put(schema::meta(HORIZON), to_json(&kept_from)?);
        store.commit(commit)?;
    }
    let mut rows = 0;
    store.for_each(&KeyRange::prefix(&schema::histories(&[])), |key, _| {
        if schema::parse_history(key).is_some_and(|(_, superseded_at)| superseded_at <= kept_from) {
            rows += 1;
            removal.delete(key)?;
        }
        Ok::<_, StoreError>(())
    })?;
    let mut journal = 0;
    // The entry of `kept_from` itself stays: it dates the oldest state one can ask for.
    let old = KeyRange { from: schema::journals(), to: Some(schema::journal(kept_from)) };
    store.for_each(&old, |key, _| {
        journal += 1;
        removal.delete(key)
    })?;
    removal.flush()?;
    Ok(Pruned { horizon: kept_from, rows, journal })
}

/// Collects deletions and commits them a batch at a time.
struct Removal<'a> {
    store: &'a Store,
    by: &'a Actor,
    now: Timestamp,
    pending: Vec<Vec<u8>>,
}

impl Removal<'_> {
    /// Removing takes no right from anybody, but it is what makes room on a full disk.
    fn commit(&self) -> Commit {
        Commit::new(self.by.clone(), self.now, Intent::Narrow)
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.pending.push(key.to_vec());
        if self.pending.len() < BATCH { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut commit = self.commit();
        for key in self.pending.drain(..) {
            commit.delete(key);
        }
        self.store.commit(commit).map(drop)
    }
}

/// Rows removed by one commit: few enough that nobody waits long behind it.
const BATCH: usize = 500;
