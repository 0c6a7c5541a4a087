//! Persistence: an ordered key space with history, behind one narrow trait.
//!
//! Owns what a row, a commit and a revision are, which key means what ([`schema`]), what was
//! true at a past revision ([`history`]), and the engines. It is the only importer of a database
//! crate and knows nothing of LDAP or HTTP. Callers use [`Store`]; engines implement [`Engine`].
//!
//! # The contract
//!
//! * A **snapshot** sees no commit in between its reads. It is short: take one, read, let go;
//!   never hold one across a network call. A long scan is many snapshots of a page each.
//! * A **commit** is all or nothing. It is refused whole when an expectation fails; otherwise it
//!   gets the next revision, and every historied row it replaces or deletes moves into history in
//!   the same act. When [`Store::commit`] returns, the commit is on disk. Commits that wait at
//!   the same time share one disk flush; each still stands or falls alone.
//! * A commit that is **deferred** is seen at once and is on disk with the next one that is not: a crash in between takes
//!   it back, and every later one with it.
//! * **No commit waits for ever.** A disk that does not answer within 30 s (or a snapshot held that long)
//!   breaks the engine for this process: commits are refused, reads go on, and
//!   [`EngineHealth::needs_restart`] is set.
//! * **Absence is `None`**, not an error.
//! * Calls block. Async callers go through [`Store::run`], the one seam to the blocking pool.

pub mod commit;
pub mod credentials;
pub mod error;
mod execute;
pub mod export;
pub mod factors;
pub mod grants;
pub mod history;
pub mod iam;
pub mod identity;
pub mod import;
pub mod logouts;
pub mod memory;
mod migrate;
mod nesting;
pub mod notices;
pub mod open;
pub mod overlay;
mod place;
pub mod prune;
pub mod readable;
mod recall;
pub mod rows;
pub mod saml;
pub mod schema;
pub mod sessions;
mod sled;
mod space;
pub mod sso;
mod turns;
pub mod verify;

use std::sync::Arc;

pub use commit::{Append, Commit, Committed, Expect, Intent, Link, Sealed};
pub use error::StoreError;
pub use execute::{Head, LONGEST_VALUE};
pub use identity::Epoch;
pub use open::{Init, Ready, Settings, open};
pub use overlay::{Laid, Overlay};
pub use recall::Recall;

use crate::telemetry::Metric;

/// Number of a commit: 1, 2, 3 .. without gaps. 0 is the empty store.
pub type Revision = u64;

/// One stored value and the commit that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The commit that wrote it.
    pub revision: Revision,
    /// The bytes as written.
    pub value: Vec<u8>,
}

/// A key and its row, as scans yield them.
pub type Entry = (Vec<u8>, Row);

/// Is shown a row's key and value.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), StoreError> + 'a;

/// Half-open range of keys, in byte order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// First key of the range.
    pub from: Vec<u8>,
    /// First key behind the range; `None` runs to the end of the key space.
    pub to: Option<Vec<u8>>,
}

impl KeyRange {
    /// Every key that starts with `prefix`.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> Self {
        Self { from: prefix.to_vec(), to: successor(prefix) }
    }

    /// What is left of this range behind `key`: where the next page begins.
    #[must_use]
    pub fn after(&self, key: &[u8]) -> Self {
        let mut from = key.to_vec();
        from.push(0);
        Self { from, to: self.to.clone() }
    }
}

/// The first key behind all keys that start with `prefix`; `None` if there is none.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut next = prefix.to_vec();
    while let Some(last) = next.pop() {
        if let Some(higher) = last.checked_add(1) {
            next.push(higher);
            return Some(next);
        }
    }
    None
}

/// Reads that see no commit in between.
pub trait Snapshot {
    /// The last commit this snapshot sees.
    fn revision(&self) -> Revision;

    /// Which edition of the model this snapshot sees; `None` where that is not known, as of a past state or one that may come.
    fn edition(&self) -> Option<Edition> {
        None
    }

    /// The row at `key`.
    ///
    /// # Errors
    /// When the engine cannot read.
    fn get(&self, key: &[u8]) -> Result<Option<Row>, StoreError>;

    /// The first `limit` rows of `range`, in key order. Fewer than `limit` means the range is done.
    ///
    /// # Errors
    /// When the engine cannot read.
    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// Shows the keys and values of the first `limit` rows of `range`, in key order, where they lie: for long walks that
    /// keep little. Answers how many there were; fewer than `limit` means the range is done.
    ///
    /// # Errors
    /// When the engine cannot read; the first error `visit` answers ends the walk.
    fn visit(&self, range: &KeyRange, limit: usize, visit: &mut Visit<'_>) -> Result<usize, StoreError> {
        let rows = self.scan(range, limit)?;
        rows.iter().try_for_each(|(key, row)| visit(key, &row.value))?;
        Ok(rows.len())
    }
}

/// A state of all that bears on who may what. Of one store, equal editions say the same of everybody: what goes on beside
/// that, such as sessions that begin, makes no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edition {
    /// How often the engine was opened anew: a number may come again for a commit of which nothing is left.
    pub opened: u64,
    /// The last commit that could have changed it.
    pub revision: Revision,
}

/// What an engine has to do. Every engine passes `tests/it/store_conformance.rs`.
pub trait Engine: Send + Sync + 'static {
    /// Runs `read` on one snapshot.
    ///
    /// # Errors
    /// When the engine cannot open a snapshot; what `read` itself answers.
    fn snapshot(&self, read: &mut dyn FnMut(&dyn Snapshot) -> Result<(), StoreError>) -> Result<(), StoreError>;

    /// Carries out `commit` and returns when it is durable. See the module's contract.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when an expectation failed; otherwise why it could not be written.
    fn commit(&self, commit: Commit) -> Result<Committed, StoreError>;

    /// Follows the revision of the last commit. Values may be skipped, the last is always seen.
    fn watch(&self) -> tokio::sync::watch::Receiver<Revision>;

    /// Room, and whether the engine is in trouble.
    fn health(&self) -> EngineHealth;

    /// Whether the reserve is given up: of [`EngineHealth`] what is asked often.
    fn reserve_spent(&self) -> bool {
        self.health().reserve_spent
    }
}

/// How an engine feels, for health pages and `store verify`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct EngineHealth {
    /// Bytes the store takes on disk.
    pub bytes_on_disk: u64,
    /// Bytes still free on that file system, if it has one.
    pub bytes_free: Option<u64>,
    /// True while the reserve file is given up: only what narrows access is still accepted.
    pub reserve_spent: bool,
    /// How often it was opened anew, because a write failed for want of room.
    pub reopened: u64,
    /// Why the engine refuses work, if it does.
    pub broken: Option<String>,
    /// True when only a new process can use the store again.
    pub needs_restart: bool,
}

/// A handle to the store; clones share the engine.
#[derive(Clone)]
pub struct Store {
    engine: Arc<dyn Engine>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// A handle to `engine`.
    pub fn new(engine: impl Engine) -> Self {
        Self { engine: Arc::new(engine) }
    }

    /// Runs `read` on one snapshot. Blocks. Neither read nor commit inside it: that is refused.
    ///
    /// # Errors
    /// When the engine cannot read; what `read` answers.
    pub fn read<R, E: From<StoreError>>(&self, read: impl FnOnce(&dyn Snapshot) -> Result<R, E>) -> Result<R, E> {
        let _reading = nesting::Reading::enter(self.address())?;
        let mut read = Some(read);
        let mut answer = None;
        self.engine.snapshot(&mut |snapshot| {
            if let Some(read) = read.take() {
                answer = Some(read(snapshot));
            }
            Ok(())
        })?;
        answer.unwrap_or_else(|| Err(StoreError::Broken { why: "the engine ran no read".to_owned() }.into()))
    }

    /// Visits every row of `range` in key order, a page of rows a snapshot. Blocks.
    ///
    /// Rows that commits add or remove behind the scan's position meanwhile are seen, those
    /// before it are not: fit for listings and for scans of rows that only the caller writes.
    ///
    /// # Errors
    /// When the engine cannot read; the first error `visit` answers ends the scan.
    pub fn for_each<E: From<StoreError>>(
        &self,
        range: &KeyRange,
        mut visit: impl FnMut(&[u8], Row) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = range.clone();
        loop {
            let page = self.read(|snapshot| Ok::<_, E>(snapshot.scan(&rest, PAGE)?))?;
            let more = page.len() == PAGE;
            if let Some((last, _)) = page.last() {
                rest = rest.after(last);
            }
            for (key, row) in page {
                visit(&key, row)?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// As [`Store::for_each`], showing keys and values where they lie.
    ///
    /// # Errors
    /// When the engine cannot read; the first error `visit` answers ends the walk.
    pub fn visit(
        &self,
        range: &KeyRange,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut rest = range.clone();
        loop {
            let mut last = Vec::new();
            let mut seen = |key: &[u8], value: &[u8]| {
                last.clear();
                last.extend_from_slice(key);
                visit(key, value)
            };
            let count = self.read(|snapshot| snapshot.visit(&rest, PAGE, &mut seen))?;
            if count < PAGE {
                return Ok(());
            }
            rest = rest.after(&last);
        }
    }

    /// Carries out `commit`; durable when it returns. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when an expectation failed; otherwise why it could not be written.
    pub fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        nesting::refuse_inside(self.address())?;
        let committed = self.engine.commit(commit)?;
        Metric::StoreCommits.counter(&[]).increment(1);
        Ok(committed)
    }

    /// In which epoch it is: what was issued in another one is void. The same for as long as the process runs. Blocks.
    ///
    /// # Errors
    /// When the engine cannot read.
    pub fn epoch(&self) -> Result<Epoch, StoreError> {
        self.read(identity::epoch)
    }

    /// Tells stores apart within this process.
    fn address(&self) -> usize {
        Arc::as_ptr(&self.engine).addr()
    }

    /// Runs blocking work on the store from async code.
    ///
    /// # Errors
    /// What `work` answers; [`StoreError::Broken`] when it panicked.
    pub async fn run<R, E>(&self, work: impl FnOnce(&Self) -> Result<R, E> + Send + 'static) -> Result<R, E>
    where
        R: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let store = self.clone();
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(answer) => answer,
            Err(ended) => Err(StoreError::Broken { why: format!("work on the store ended early: {ended}") }.into()),
        }
    }

    /// Follows the revision of the last commit.
    pub fn watch(&self) -> tokio::sync::watch::Receiver<Revision> {
        self.engine.watch()
    }

    /// Room, and whether the engine is in trouble.
    pub fn health(&self) -> EngineHealth {
        self.engine.health()
    }

    /// Whether the reserve is given up, and only what takes access away is accepted.
    pub fn reserve_spent(&self) -> bool {
        self.engine.reserve_spent()
    }
}

/// Rows a page of [`Store::for_each`]: a page is read in a few milliseconds, so a snapshot never holds up a commit for long.
const PAGE: usize = 2_000;
