//! Writes a large group of rows: what is new first, row by row, then everything else as one batch.
//!
//! sled frees what a batch replaces in memory only behind the whole batch. A leaf is copied for every row written into it, so
//! 2,000 rows keep some 20 MB of copies and are written at half the speed of 200, and one batch is the
//! work of one thread. A row that nobody has yet needs no batch, though, as long as it can be told from those that count:
//!
//! 1. a mark, that a large group is on its way;
//! 2. every row that is new, by two threads, each row only if there is none at its key;
//! 3. as one batch: rows that replace or go, the new head, and the mark's removal.
//!
//! sled's log keeps this order across a crash, and a crash before the third step leaves rows of revisions that the
//! head has not reached: [`sweep`] takes those away before anybody looks. Readers are locked out during all three, as
//! they are while a batch is applied.

use std::slice::Chunks;
use std::sync::{Mutex, PoisonError};

use super::super::execute::{Head, Writes};
use super::super::{Row, StoreError, schema};
use super::tree::Tree;

/// Rows up to which a group is one batch.
const LARGE: usize = 256;

/// Rows that a thread takes on at a time.
const PIECE: usize = 64;

/// Rows that [`sweep`] removes at a time.
const SWEPT_AT_ONCE: usize = 200;

/// Name of the meta row that says a large group is on its way.
const MARK: &str = "unsealed";

/// A row on its way.
type Write<'a> = (&'a Vec<u8>, &'a Option<Row>);

/// Writes groups of rows, with a second thread for large ones.
pub(super) struct Hand {
    second: rayon::ThreadPool,
}

impl Hand {
    /// Starts the thread.
    pub(super) fn new() -> Result<Self, StoreError> {
        let second = rayon::ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "store-second".to_owned()).build();
        Ok(Self { second: second.map_err(|error| StoreError::Broken { why: format!("no thread for it: {error}") })? })
    }

    /// Writes all of `writes` or, once swept, none. On disk only after [`Tree::sync`].
    pub(super) fn write(&self, tree: &Tree, writes: &Writes) -> Result<(), StoreError> {
        if writes.len() <= LARGE {
            return tree.apply(writes);
        }
        let mut last = self.begin(tree, writes)?;
        last.insert(mark(), None);
        tree.apply(&last)
    }

    /// The first two steps; answers what is left for the third.
    fn begin(&self, tree: &Tree, writes: &Writes) -> Result<Writes, StoreError> {
        tree.apply(&Writes::from([(mark(), Some(Row { revision: 0, value: Vec::new() }))]))?;
        let all: Vec<Write<'_>> = writes.iter().collect();
        // Some rows take longer than others, so neither thread knows beforehand what it will do.
        let pieces = Mutex::new(all.chunks(PIECE));
        let mut other = Ok(Writes::new());
        let mut rest = self.second.in_place_scope(|scope| {
            scope.spawn(|_| other = create(tree, &pieces));
            create(tree, &pieces)
        })?;
        rest.extend(other?);
        Ok(rest)
    }
}

/// Writes those of `pieces` that are new; answers the others.
fn create(tree: &Tree, pieces: &Mutex<Chunks<'_, Write<'_>>>) -> Result<Writes, StoreError> {
    let next = || pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
    let mut rest = Writes::new();
    while let Some(piece) = next() {
        for (key, row) in piece {
            // What the store says of itself counts from the first moment: the head is what the others are measured by.
            let created = match row {
                Some(row) if !schema::is_meta(key) => tree.create(key, row)?,
                _ => false,
            };
            if !created {
                rest.insert((*key).clone(), (*row).clone());
            }
        }
    }
    Ok(rest)
}

/// Takes away what a large group left that was not finished. Nearly always there is nothing to do.
pub(super) fn sweep(tree: &Tree, head: &Head) -> Result<(), StoreError> {
    if tree.get(&mark())?.is_none() {
        return Ok(());
    }
    tracing::warn!(revision = head.revision, "an unfinished write is taken back");
    let mut batch = Writes::new();
    for found in tree.iter() {
        let (key, row) = found?;
        if row.revision > head.revision {
            batch.insert(key, None);
        }
        if batch.len() >= SWEPT_AT_ONCE {
            tree.apply(&std::mem::take(&mut batch))?;
        }
    }
    batch.insert(mark(), None);
    tree.apply(&batch)?;
    tree.sync()
}

fn mark() -> Vec<u8> {
    schema::meta(MARK)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::base::Timestamp;

    fn hand() -> Hand {
        Hand::new().unwrap()
    }

    fn open(dir: &Path) -> Tree {
        Tree::open(dir, 1024 * 1024).unwrap()
    }

    fn rows(revision: u64, keys: impl Iterator<Item = u64>) -> Writes {
        keys.map(|n| ([b"U".as_slice(), &n.to_be_bytes()].concat(), Some(Row { revision, value: vec![1; 40] })))
            .collect()
    }

    fn all(tree: &Tree) -> Writes {
        tree.iter().map(|found| found.map(|(key, row)| (key, Some(row))).unwrap()).collect()
    }

    fn head(revision: u64) -> Head {
        Head { revision, at: Timestamp::UNIX_EPOCH, ..Head::default() }
    }

    #[test]
    fn a_large_group_creates_replaces_and_removes() {
        let dir = tempfile::tempdir().unwrap();
        let tree = open(dir.path());
        hand().write(&tree, &rows(1, 0..2_000)).unwrap();
        assert_eq!(all(&tree), rows(1, 0..2_000));
        let mut second = rows(2, 1_000..3_000);
        second.extend(rows(1, 0..500).into_keys().map(|key| (key, None)));
        hand().write(&tree, &second).unwrap();
        let mut expected = rows(1, 500..1_000);
        expected.extend(rows(2, 1_000..3_000));
        assert_eq!(all(&tree), expected);
    }

    #[test]
    fn an_unfinished_group_is_taken_back_whole_after_a_crash_and_replaced_rows_are_untouched() {
        let dir = tempfile::tempdir().unwrap();
        let tree = open(dir.path());
        hand().write(&tree, &rows(1, 0..1_000)).unwrap();
        // Half of it replaces.
        let rest = hand().begin(&tree, &rows(2, 500..1_500)).unwrap();
        assert_eq!(rest, rows(2, 500..1_000));
        tree.sync().unwrap();
        drop(tree);

        let tree = open(dir.path());
        assert_ne!(all(&tree), rows(1, 0..1_000), "nothing to sweep: this test shows nothing");
        sweep(&tree, &head(1)).unwrap();
        assert_eq!(all(&tree), rows(1, 0..1_000));
        // Once is enough.
        drop(tree);
        let tree = open(dir.path());
        hand().write(&tree, &rows(2, 500..1_500)).unwrap();
        sweep(&tree, &head(1)).unwrap();
        assert_eq!(all(&tree).len(), 1_500, "a finished group was swept");
    }

    #[test]
    fn what_the_store_says_of_itself_comes_with_the_last_step() {
        let dir = tempfile::tempdir().unwrap();
        let tree = open(dir.path());
        let mut group = rows(1, 0..1_000);
        group.insert(schema::meta("head"), Some(Row { revision: 1, value: Vec::new() }));
        let rest = hand().begin(&tree, &group).unwrap();
        assert_eq!(rest.into_keys().collect::<Vec<_>>(), [schema::meta("head")]);
    }
}
