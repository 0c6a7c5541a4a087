//! One sled tree: bytes in, bytes out, and what "on disk" means.
//!
//! What sled 0.34.7 does, read in its source and measured, decides six things here:
//!
//! * `Db::flush` is `sync_file_range`, which writes the pages but neither the file's metadata nor
//!   the disk's cache. [`Tree::sync`] follows it by `fdatasync` on a second descriptor.
//! * A batch over one tree is atomic, also across a kill; two trees without a transaction are not.
//!   Hence one tree. (A batch keeps its rows in a hash map, so sorting them beforehand gains nothing.)
//!   A long batch is slow: see [`super::large`].
//! * Segments are cleaned by the background flusher alone: without `flush_every_ms` the file only grows.
//! * A write that fails poisons the instance for good. It is dropped and opened anew.
//! * A leaf (16 rows) of more than 128 KiB goes to a file of its own, which sled never syncs: [`Tree::sync`]
//!   does. Should writing that file fail, its place in the log is never given back, and every later flush
//!   waits for it for ever; [`super`] gives up then. So what the program itself writes row by row, such as
//!   the journal, stays below 6 KiB a row, and such files are a rare exception.
//! * Whoever waits for a write that then fails is not always woken: `exit_reservation` in
//!   `pagecache/logger.rs` keeps the error and notifies nobody. Any later flush finds the error and
//!   notifies everybody, hence [`Tree::wake`].
//!
//! Loading 100,000 people (400,000 rows of 20 to 500 bytes, 1,000 rows a commit, each durable), single runs on
//! two shared cores, the right half while something compiled beside it. Good for the order of things, no more:
//!
//! | cache | rows/s | peak memory |  | other settings, 64 MiB | rows/s | peak memory |
//! |---|---|---|---|---|---|---|
//! | 16 MiB | 66,000 | 54 MiB | | no background cleaning | 80,000 | 122 MiB |
//! | 32 MiB | 75,000 | 76 MiB | | cleaning every 2 s | 85,000 | 128 MiB |
//! | 64 MiB | 87,000 to 95,000 | 123 MiB | | segments of 2 MiB | 102,000 | 120 MiB |
//! | 128 MiB | 97,000 | 154 MiB | | `HighThroughput` | 99,000 | 120 MiB |
//!
//! The cache mattered less once rows were written as [`super::large`] does: 16 MiB load as fast as 64. But the rows and
//! edges of 100,000 people fit into 64 MiB, the default, and a full read held against them is a tenth faster. Longer
//! segments would keep longer leaves in the log, and cost memory: with segments of 8 MiB the peak was twice as high. The
//! mode is read nowhere in this version: its figure shows the noise of the others.

use std::fs::{self, File, Permissions};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sled::IVec;

use super::super::execute::{Writes, pack, packed_value, unpack};
use super::super::space::is_full;
use super::super::{Entry, KeyRange, Row, StoreError, Visit, place};

/// An open tree.
pub(in super::super) struct Tree {
    db: sled::Db,
    /// A second descriptor of the same file, for `fdatasync`.
    file: File,
    dir: PathBuf,
}

impl Tree {
    /// Opens the tree in `dir`, or makes it.
    pub(in super::super) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        remove_unfinished_snapshots(dir).map_err(|error| cannot_open(dir, &error.into()))?;
        let db = open_patiently(dir, cache_bytes)?;
        let file = closed_to_others(dir).map_err(|error| cannot_open(dir, &error.into()))?;
        Ok(Self { db, file, dir: dir.to_owned() })
    }

    /// True when there are engine files in `dir`.
    pub(in super::super) fn exists(dir: &Path) -> bool {
        fs::metadata(dir.join("db")).is_ok_and(|file| file.len() > 0)
    }

    /// The row at `key`.
    pub(in super::super) fn get(&self, key: &[u8]) -> Result<Option<Row>, StoreError> {
        let found = self.db.get(key).map_err(|error| self.failed(key, error))?;
        found.map(|packed| unpack(key, &packed)).transpose()
    }

    /// The first `limit` rows of `range`.
    pub(in super::super) fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let rows = self.range(range).take(limit);
        rows.map(|found| found.and_then(|(key, packed)| Ok((key.to_vec(), unpack(&key, &packed)?)))).collect()
    }

    /// Shows the first `limit` rows of `range`; answers how many there were.
    pub(in super::super) fn visit(
        &self,
        range: &KeyRange,
        limit: usize,
        visit: &mut Visit<'_>,
    ) -> Result<usize, StoreError> {
        let mut count = 0;
        for found in self.range(range).take(limit) {
            let (key, packed) = found?;
            visit(&key, packed_value(&key, &packed)?.1)?;
            count += 1;
        }
        Ok(count)
    }

    fn range<'a>(&'a self, range: &'a KeyRange) -> impl Iterator<Item = Result<(IVec, IVec), StoreError>> {
        let from = range.from.as_slice();
        let to = range.to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let empty = range.to.as_deref().is_some_and(|to| to <= from);
        let rows = (!empty).then(|| self.db.range::<&[u8], _>((Bound::Included(from), to)));
        rows.into_iter().flatten().map(|found| found.map_err(|error| self.failed(from, error)))
    }

    /// Writes all of `writes` or none. On disk only after [`Tree::sync`].
    pub(in super::super) fn apply(&self, writes: &Writes) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, row) in writes {
            match row {
                Some(row) => batch.insert(key.as_slice(), pack(row)),
                None => batch.remove(key.as_slice()),
            }
        }
        self.db.apply_batch(batch).map_err(|error| self.failed(&[], error))
    }

    /// Writes `row` if there is none at `key`; false if there is one. On disk only after [`Tree::sync`].
    pub(in super::super) fn create(&self, key: &[u8], row: &Row) -> Result<bool, StoreError> {
        let swapped = self.db.compare_and_swap(key, None::<&[u8]>, Some(pack(row)));
        Ok(swapped.map_err(|error| self.failed(key, error))?.is_ok())
    }

    /// Every row, in key order.
    pub(in super::super) fn iter(&self) -> impl Iterator<Item = Result<Entry, StoreError>> {
        self.db.iter().map(|found| {
            let (key, packed) = found.map_err(|error| self.failed(&[], error))?;
            Ok((key.to_vec(), unpack(&key, &packed)?))
        })
    }

    /// Returns when everything applied is on disk.
    pub(in super::super) fn sync(&self) -> Result<(), StoreError> {
        // First, since what the flush writes refers to them.
        sync_files(&self.dir.join("blobs")).map_err(|error| self.failed(&[], error.into()))?;
        self.db.flush().map_err(|error| self.failed(&[], error))?;
        self.file.sync_data().map_err(|error| self.failed(&[], error.into()))
    }

    /// Wakes whoever waits in sled for a write that has failed. Waits itself if none has.
    pub(in super::super) fn wake(&self) {
        // What is wrong is for those to say that it wakes.
        let _ = self.db.flush();
    }

    /// Bytes the tree takes.
    pub(in super::super) fn bytes(&self) -> u64 {
        self.db.size_on_disk().unwrap_or_default()
    }

    fn failed(&self, key: &[u8], error: sled::Error) -> StoreError {
        match error {
            sled::Error::Io(error) if is_full(&error) => StoreError::Full { path: self.dir.clone() },
            sled::Error::Corruption { .. } => StoreError::corrupt(key, "a page's checksum does not match"),
            other => StoreError::Broken { why: other.to_string() },
        }
    }
}

/// Removes what an interrupted start left.
///
/// While opening, sled writes a page table to `snap.N.generating` and renames it to `snap.N`. It
/// then takes the last `snap.*` for the page table, the unfinished one included, and reports
/// corruption (spacejam/sled#1527). The file is not needed: the table is read from the log again.
fn remove_unfinished_snapshots(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            tracing::warn!(path = %path.display(), "removing what an interrupted start left");
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Syncs the files in `dir` and their names. Nearly always there are none.
fn sync_files(dir: &Path) -> io::Result<()> {
    let mut any = false;
    for entry in fs::read_dir(dir)? {
        any = true;
        match File::open(entry?.path()) {
            Ok(file) => file.sync_data()?,
            // sled removes them when nothing refers to them any more.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    if any { place::sync_directory(dir) } else { Ok(()) }
}

/// Opens sled. An instance that was just dropped may hold its file for a moment longer, by a
/// write still on its way in sled's thread pool.
fn open_patiently(dir: &Path, cache_bytes: u64) -> Result<sled::Db, StoreError> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let config = sled::Config::new().path(dir).cache_capacity(cache_bytes).flush_every_ms(Some(CLEANING_EVERY_MS));
        // Recovery asserts what a damaged file may not hold.
        match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(sled::Error::Io(error))) if error.to_string().contains(HELD) && Instant::now() < give_up => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(Err(error)) => return Err(cannot_open(dir, &error)),
            Err(_) => {
                return Err(place::refused(
                    dir,
                    "its files are damaged: the engine fell over them".to_owned(),
                    RESTORE,
                ));
            }
        }
    }
}

/// Opens the data file a second time, and closes it to others.
fn closed_to_others(dir: &Path) -> io::Result<File> {
    let file = File::options().read(true).write(true).open(dir.join("db"))?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

fn cannot_open(dir: &Path, error: &sled::Error) -> StoreError {
    match error {
        sled::Error::Io(error) if is_full(error) => StoreError::Full { path: dir.to_owned() },
        sled::Error::Io(error) => {
            place::refused(dir, error.to_string(), "Check the file system and who owns the files")
        }
        other => place::refused(dir, format!("its files are damaged: {other}"), RESTORE),
    }
}

const RESTORE: &str = "Move the directory aside and restore the last export with `bailey store import`";

/// What sled says when another instance has the file.
const HELD: &str = "could not acquire lock";

/// How long a dropped instance may hold its file.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often sled cleans segments, and spends at most half of that on it.
const CLEANING_EVERY_MS: u64 = 500;
