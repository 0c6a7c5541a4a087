//! The smallest store that keeps the contract, in memory, with a switch that makes it full.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bailey::store::{
    Commit, Committed, Engine, EngineHealth, Entry, Expect, Intent, KeyRange, Link, Row, Snapshot, Store, StoreError,
    schema,
};
use tokio::sync::watch;

pub(crate) type Rows = BTreeMap<Vec<u8>, Row>;

/// Handle to the engine's insides; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Tiny {
    rows: Arc<Mutex<(u64, Arc<Rows>)>>,
    pub(crate) full: Arc<AtomicBool>,
    /// Rows that were read.
    pub(crate) read: Arc<AtomicU64>,
    changed: watch::Sender<u64>,
}

impl Tiny {
    pub(crate) fn store(&self) -> Store {
        Store::new(self.clone())
    }

    /// Changes rows behind the store's back.
    pub(crate) fn tamper(&self, change: impl FnOnce(&mut Rows)) {
        change(Arc::make_mut(&mut self.rows.lock().unwrap().1));
    }

    /// A copy that shares nothing.
    pub(crate) fn copy(&self) -> Self {
        Self { rows: Arc::new(Mutex::new(self.rows.lock().unwrap().clone())), ..Self::default() }
    }
}

struct View(u64, Arc<Rows>, Arc<AtomicU64>);

impl Snapshot for View {
    fn revision(&self) -> u64 {
        self.0
    }

    fn get(&self, key: &[u8]) -> Result<Option<Row>, StoreError> {
        self.2.fetch_add(1, Ordering::Relaxed);
        Ok(self.1.get(key).cloned())
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let rows = self.1.range(range.from.clone()..);
        let rows = rows.take_while(|(key, _)| range.to.as_ref().is_none_or(|to| *key < to));
        let found: Vec<Entry> = rows.take(limit).map(|(key, row)| (key.clone(), row.clone())).collect();
        self.2.fetch_add(found.len() as u64, Ordering::Relaxed);
        Ok(found)
    }
}

impl Engine for Tiny {
    fn snapshot(&self, read: &mut dyn FnMut(&dyn Snapshot) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let (revision, rows) = self.rows.lock().unwrap().clone();
        read(&View(revision, rows, Arc::clone(&self.read)))
    }

    fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let mut guard = self.rows.lock().unwrap();
        if self.full.load(Ordering::Acquire) {
            return Err(StoreError::Full { path: "/var/lib/bailey".into() });
        }
        let (revision, rows) = &mut *guard;
        let rows = Arc::make_mut(rows);
        for (key, expect) in &commit.expects {
            let found = rows.get(key).map(|row| row.revision);
            let holds = match expect {
                Expect::Absent => found.is_none(),
                Expect::Present => found.is_some(),
                Expect::At(at) => found == Some(*at),
            };
            if !holds {
                return Err(StoreError::Conflict { what: "a row".to_owned() });
            }
        }
        assert!(commit.intent == Intent::Widen || commit.intent == Intent::Narrow);
        *revision += 1;
        let head =
            rows.get(&schema::meta("head")).map(|row| serde_json::from_slice::<serde_json::Value>(&row.value).unwrap());
        let mut seq = head.as_ref().map_or(0, |head| head["log_seq"].as_u64().unwrap());
        let mut previous = [0; 32];
        if let Some(head) = &head {
            hex::decode_to_slice(head["log_hash"].as_str().unwrap(), &mut previous).unwrap();
        }
        let mut put = |key: Vec<u8>, value: Option<Vec<u8>>| match value {
            Some(value) => drop(rows.insert(key, Row { revision: *revision, value })),
            None => drop(rows.remove(&key)),
        };
        let mut appended = Vec::new();
        for (key, value) in commit.writes {
            put(key, value);
        }
        for append in &commit.appends {
            seq += 1;
            let sealed = (append.seal)(&Link { seq, previous });
            previous = sealed.hash;
            put(schema::log(seq), Some(sealed.record));
            appended.push(seq);
        }
        let head = serde_json::json!({"log_seq": seq, "log_hash": hex::encode(previous)});
        put(schema::meta("head"), Some(head.to_string().into_bytes()));
        self.changed.send_replace(*revision);
        Ok(Committed { revision: *revision, appended })
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn health(&self) -> EngineHealth {
        EngineHealth { reserve_spent: self.full.load(Ordering::Acquire), ..EngineHealth::default() }
    }
}
