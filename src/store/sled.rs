//! The default engine: sled 0.34.7, a map of bytes in one file, made durable and grouped.
//!
//! Pinned, because the 1.0 alphas lost acknowledged writes in a kill test and 0.34.7 did not.
//! What sled itself does and does not do is written in [`tree`]; how a group of commits reaches
//! the disk, and what happens when that is full, in [`writer`]. Here: who waits for whom, how long
//! at most, and what is said when something is wrong.
//!
//! ```text
//! commit --> line --> leader --> writer's thread: work the group out on paper   (reads go on)
//!                       |                         room for it? apply it            (reads wait, up to some 20 ms)
//!                       |                         flush, fdatasync                 (reads go on)
//!                       |<------------------------
//!                     answer everyone
//! ```
//!
//! The group is applied whole: after a kill all of it is there or none of it ([`large`] says how, where it is long). A snapshot may see
//! a group that is applied and not yet on disk; should that flush fail the engine closes, so
//! nobody goes on with what was never written. A commit that failed so, other than by a conflict,
//! may turn out to be there after all, whole: whoever retries says with an [`Expect`] what must hold.
//!
//! No wait is for ever. What is not on disk within [`PATIENCE`] never will be, for all anybody can
//! tell: commits are refused from then on, reads go on, and [`EngineHealth::needs_restart`] says
//! that a new process has to take over.
//!
//! [`Expect`]: super::Expect

mod large;
mod patience;
pub(super) mod tree;
mod writer;

use std::sync::{Arc, OnceLock, RwLockReadGuard};
use std::time::Duration;

use tokio::sync::watch;

use self::patience::{NoAnswer, Patience, Worker};
use self::tree::Tree;
use self::writer::{Answer, Disk, Writer, fell_over};
use super::execute::{Head, Writes};
use super::place::Place;
use super::turns::Turns;
use super::{Commit, Edition, Engine, EngineHealth, Entry, KeyRange, Revision, Row, Snapshot, StoreError, Visit};

/// The engine.
pub(super) struct Sled {
    writer: Arc<Writer>,
    worker: Worker,
    turns: Turns<Commit, Answer>,
    patience: Patience,
    /// Set once the writer did not come back. From then on nobody waits for it.
    lost: OnceLock<StoreError>,
}

/// A disk that takes longer than this for a write is as good as gone: Linux itself gives a disk 30
/// seconds for a command before it resets it. Longer than opening a store of three million rows
/// takes (2.3 s), which a write on a full disk may come to; shorter than anybody waits for an answer.
const PATIENCE: Patience = Patience { limit: Duration::from_secs(30), nudge_every: Duration::from_secs(1) };

impl Sled {
    /// Opens the store in `place`, or makes an empty one. A full disk costs the reserve.
    pub(super) fn open(place: Place, cache_bytes: u64, reserve_bytes: u64) -> Result<Self, StoreError> {
        Self::with(Writer::open(place, cache_bytes, reserve_bytes, Box::new(Tree::sync))?, PATIENCE)
    }

    fn with(writer: Writer, patience: Patience) -> Result<Self, StoreError> {
        let worker = Worker::start("store-writer")
            .map_err(|error| StoreError::Broken { why: format!("no thread for it: {error}") })?;
        Ok(Self { writer: Arc::new(writer), worker, turns: Turns::new(), patience, lost: OnceLock::new() })
    }

    /// Writes rows that belong to no commit: what a new store begins with.
    pub(super) fn seed(&self, rows: &Writes) -> Result<(), StoreError> {
        self.writer.seed(rows)
    }

    /// The state directory this store is in.
    pub(super) fn place(&self) -> &Place {
        self.writer.place()
    }

    /// Has the writer do something, and waits for it as long as is sensible.
    fn ask<T: Send + 'static>(&self, work: impl FnOnce(&Writer) -> T + Send + 'static) -> Result<T, StoreError> {
        if let Some(lost) = self.lost.get() {
            return Err(lost.clone());
        }
        let writer = Arc::clone(&self.writer);
        self.worker.ask(self.patience, || self.writer.nudge(), move || work(&writer)).map_err(|none| match none {
            NoAnswer::Fell => fell_over(),
            NoAnswer::Late => self.give_up(),
        })
    }

    fn give_up(&self) -> StoreError {
        let lost = self.lost.get_or_init(|| {
            let limit = self.patience.limit;
            let why = format!(
                "the disk under {} took more than {limit:?} for a write; nothing is written any more until the daemon \
                 is started again, which it does by itself under systemd. Look for faults of the disk in the kernel's log",
                self.place().dir().display()
            );
            tracing::error!(why, "the store is lost to this process");
            StoreError::Broken { why }
        });
        lost.clone()
    }

    /// Carries a group out, in whatever time that takes or [`PATIENCE`].
    fn lead(&self, group: Vec<Commit>) -> Vec<Answer> {
        let size = group.len();
        self.ask(move |writer| writer.carry_out(&group)).unwrap_or_else(|cause| vec![Err(cause); size])
    }
}

impl Drop for Sled {
    /// sled writes and waits when it is closed, so that may hang as well.
    fn drop(&mut self) {
        let _ = self.ask(Writer::shut);
    }
}

struct SledSnapshot<'a> {
    writer: &'a Writer,
    tree: &'a Tree,
    head: &'a Head,
}

impl<'a> SledSnapshot<'a> {
    fn of(writer: &'a Writer, disk: &'a RwLockReadGuard<'_, Disk>) -> Result<Self, StoreError> {
        let (tree, head) = disk.open()?;
        Ok(Self { writer, tree, head })
    }
}

impl Snapshot for SledSnapshot<'_> {
    fn revision(&self) -> Revision {
        self.head.revision
    }

    fn edition(&self) -> Option<Edition> {
        Some(Edition { opened: self.writer.reopened(), revision: self.head.model })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Row>, StoreError> {
        self.writer.noticed(self.tree.get(key))
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.writer.noticed(self.tree.scan(range, limit))
    }

    fn visit(&self, range: &KeyRange, limit: usize, visit: &mut Visit<'_>) -> Result<usize, StoreError> {
        self.writer.noticed(self.tree.visit(range, limit, visit))
    }
}

impl Engine for Sled {
    fn snapshot(&self, read: &mut dyn FnMut(&dyn Snapshot) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let mut disk = self.writer.read()?;
        if disk.open().is_err() {
            drop(disk);
            self.ask(Writer::recover)?;
            disk = self.writer.read()?;
        }
        read(&SledSnapshot::of(&self.writer, &disk)?)
    }

    fn commit(&self, commit: Commit) -> Answer {
        self.turns.submit(commit, |group| self.lead(group)).unwrap_or_else(|_| Err(fell_over()))
    }

    fn watch(&self) -> watch::Receiver<Revision> {
        self.writer.watch()
    }

    /// Takes no lock that a write may hold, so it answers when nothing else does.
    fn reserve_spent(&self) -> bool {
        self.writer.reserve_spent()
    }

    fn health(&self) -> EngineHealth {
        let closed = self.lost.get().cloned().or_else(|| self.writer.closed());
        // For want of room it opens again by itself.
        let needs_restart = closed.as_ref().is_some_and(|cause| !matches!(cause, StoreError::Full { .. }));
        EngineHealth {
            bytes_on_disk: self.writer.bytes(),
            bytes_free: self.writer.free(),
            reserve_spent: self.writer.reserve_spent(),
            reopened: self.writer.reopened(),
            broken: closed.map(|cause| cause.to_string()).or_else(|| self.writer.damage()),
            needs_restart,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use super::*;
    use crate::base::Timestamp;
    use crate::model::Actor;
    use crate::store::Intent;

    fn engine(dir: &tempfile::TempDir, sync: impl Fn(&Tree) -> Result<(), StoreError> + Send + Sync + 'static) -> Sled {
        let (place, _) = Place::hold(&dir.path().join("state"), std::time::Duration::ZERO).unwrap();
        let writer = Writer::open(place, 1024 * 1024, 0, Box::new(sync)).unwrap();
        Sled::with(writer, Patience { nudge_every: Duration::from_millis(20), ..PATIENCE }).unwrap()
    }

    fn commit(key: &[u8]) -> Commit {
        let mut commit = Commit::new(Actor::task("test"), Timestamp::UNIX_EPOCH, Intent::Narrow);
        commit.put(key.to_vec(), b"value".to_vec());
        commit
    }

    fn there(engine: &Sled, key: &[u8]) -> bool {
        let mut there = false;
        engine
            .snapshot(&mut |snapshot| {
                there = snapshot.get(key)?.is_some();
                Ok(())
            })
            .unwrap();
        there
    }

    #[test]
    fn a_disk_that_never_answers_refuses_commits_and_holds_up_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let gone = Arc::new(AtomicBool::new(false));
        let hangs = Arc::clone(&gone);
        let mut engine = engine(&dir, move |tree| {
            while hangs.load(Ordering::Acquire) {
                std::thread::park();
            }
            tree.sync()
        });
        engine.commit(commit(b"Sbefore")).unwrap();
        assert_eq!(engine.health().broken, None);
        gone.store(true, Ordering::Release);
        engine.patience.limit = Duration::from_millis(300);

        let began = Instant::now();
        let refusals: Vec<_> = std::thread::scope(|scope| {
            let waiting: Vec<_> = [b"Sa", b"Sb", b"Sc"].map(|key| scope.spawn(|| engine.commit(commit(key)))).into();
            waiting.into_iter().map(|thread| thread.join().unwrap().unwrap_err().to_string()).collect()
        });
        assert!(refusals.iter().all(|why| why.contains("took more than 300ms")), "{refusals:?}");
        // They may have come as groups of their own: the first waits, all others learn of it.
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());

        let health = engine.health();
        assert!(health.needs_restart, "{health:?}");
        assert!(health.broken.is_some_and(|why| why.contains("started again")));
        assert!(there(&engine, b"Sbefore"), "reads go on");
        assert!(engine.commit(commit(b"Sd")).is_err());
        // To be dropped does not hang either.
        drop(engine);
    }

    #[test]
    fn a_slow_disk_is_waited_for_and_reads_go_on_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let (done, slow) = std::sync::mpsc::channel();
        let slow = std::sync::Mutex::new(slow);
        let engine = engine(&dir, move |tree| {
            slow.lock().unwrap().recv().unwrap();
            tree.sync()
        });
        std::thread::scope(|scope| {
            let committing = scope.spawn(|| engine.commit(commit(b"Sslow")));
            let deadline = Instant::now() + Duration::from_secs(20);
            while !there(&engine, b"Sslow") {
                assert!(Instant::now() < deadline, "reads wait for the disk");
                std::thread::yield_now();
            }
            assert!(!committing.is_finished(), "acknowledged before it was on disk");
            done.send(()).unwrap();
            committing.join().unwrap().unwrap();
        });
        assert_eq!(engine.health().broken, None);
    }

    #[test]
    fn a_disk_that_fails_closes_the_engine_until_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let broken = |_: &Tree| Err(StoreError::Broken { why: "the disk is on fire".to_owned() });
        let engine = engine(&dir, broken);
        assert!(engine.commit(commit(b"Sa")).unwrap_err().to_string().contains("on fire"));
        assert!(engine.commit(commit(b"Sb")).is_err());
        assert!(engine.health().needs_restart);
    }

    #[test]
    fn whoever_drops_it_may_open_it_again_at_once() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..10 {
            let engine = engine(&dir, Tree::sync);
            engine.commit(commit(format!("S{n}").as_bytes())).unwrap();
            assert!((0..=n).all(|n| there(&engine, format!("S{n}").as_bytes())));
        }
    }
}
