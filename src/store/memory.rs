//! A store that lives in memory and dies with the process: for tests, and as the model other engines are held against.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

use tokio::sync::watch;

use super::execute::{self, Head};
use super::identity::{self, Epoch, Identity};
use super::{Commit, Committed, Edition, Engine, EngineHealth, Entry, KeyRange, Revision, Row, Snapshot, StoreError};
use crate::base::Timestamp;

/// An ordered map behind a lock.
#[derive(Debug)]
pub struct Memory {
    held: RwLock<Held>,
    revisions: watch::Sender<Revision>,
}

#[derive(Debug, Default)]
struct Held {
    head: Head,
    rows: BTreeMap<Vec<u8>, Row>,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        let identity = Identity { store: "memory".to_owned(), created: Timestamp::UNIX_EPOCH, demo: false };
        let rows = identity::first_rows(&identity, Epoch::default()).unwrap_or_default();
        let rows = rows.into_iter().filter_map(|(key, row)| Some((key, row?))).collect();
        Self { held: RwLock::new(Held { head: Head::default(), rows }), revisions: watch::Sender::new(0) }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Snapshot for Held {
    fn revision(&self) -> Revision {
        self.head.revision
    }

    fn edition(&self) -> Option<Edition> {
        Some(Edition { opened: 0, revision: self.head.model })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows.get(key).cloned())
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Entry>, StoreError> {
        if range.to.as_ref().is_some_and(|to| *to <= range.from) {
            return Ok(Vec::new());
        }
        let to = range.to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.rows.range::<[u8], _>((Bound::Included(range.from.as_slice()), to));
        Ok(rows.take(limit).map(|(key, row)| (key.clone(), row.clone())).collect())
    }
}

impl Engine for Memory {
    fn snapshot(&self, read: &mut dyn FnMut(&dyn Snapshot) -> Result<(), StoreError>) -> Result<(), StoreError> {
        read(&*self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let done = execute::execute(&commit, &held.head, &|key| held.get(key))?;
        for (key, row) in done.writes {
            match row {
                Some(row) => held.rows.insert(key, row),
                None => held.rows.remove(&key),
            };
        }
        held.head = done.head;
        self.revisions.send_replace(held.head.revision);
        Ok(done.committed)
    }

    fn watch(&self) -> watch::Receiver<Revision> {
        self.revisions.subscribe()
    }

    fn health(&self) -> EngineHealth {
        EngineHealth::default()
    }
}
