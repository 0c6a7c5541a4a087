//! The default engine: sled 0.34.7, a map of bytes in one file, made durable and grouped.
//!
//! Pinned, because the 1.0 alphas lost acknowledged writes in a kill test and 0.34.7 did not.
//! What sled itself does and does not do is written in [`tree`]. Here: how commits that wait
//! together share one flush, and what happens when the disk is full or fails.
//!
//! ```text
//! commit --> line --> leader: work the group out on paper   (reads go on)
//!                             room for it? apply as one batch  (reads wait, about a millisecond)
//!                             flush, fdatasync                 (reads go on)
//!                             answer everyone
//! ```
//!
//! The group is one sled batch: after a kill all of it is there or none of it. A snapshot may see
//! a group that is applied and not yet on disk; should that flush fail the engine closes, so
//! nobody goes on with what was never written. A commit that failed so, other than by a conflict,
//! may turn out to be there after all, whole: whoever retries says with an [`Expect`] what must hold.
//!
//! [`Expect`]: super::Expect

pub(super) mod tree;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use self::tree::Tree;
use super::execute::{self, Head, Writes, execute};
use super::place::Place;
use super::space::{self, Reserve};
use super::turns::Turns;
use super::{
    Commit, Committed, Engine, EngineHealth, Entry, Intent, KeyRange, Revision, Row, Snapshot, StoreError, schema,
};

type Answer = Result<Committed, StoreError>;

/// The engine.
pub(super) struct Sled {
    /// Holds the state directory; nobody else opens the files while this lives.
    place: Place,
    cache_bytes: u64,
    disk: RwLock<Disk>,
    turns: Turns<Commit, Answer>,
    revisions: watch::Sender<Revision>,
    reserve: Reserve,
    /// Damage that was met. From then on nothing is written.
    damage: Mutex<Option<String>>,
}

enum Disk {
    Open {
        tree: Tree,
        head: Head,
    },
    /// Closed because of this. Opened again by itself only if it was for want of room.
    Closed(StoreError),
}

/// A group of commits on paper.
struct Paper {
    head: Head,
    writes: Writes,
    answers: Vec<Answer>,
}

/// Why a group is not on disk.
enum Setback {
    /// There is no room; nothing was touched.
    NoRoom,
    /// The engine failed and is closed. The group may be on disk or not, but not in part.
    Failed { cause: StoreError, paper: Box<Paper> },
    /// The engine was closed before.
    Closed(StoreError),
}

impl Sled {
    /// Opens the store in `place`, or makes an empty one. A full disk costs the reserve.
    pub(super) fn open(place: Place, cache_bytes: u64, reserve_bytes: u64) -> Result<Self, StoreError> {
        let reserve = Reserve::open(place.dir(), reserve_bytes);
        let opened = match open_disk(&place.store(), cache_bytes) {
            Err(StoreError::Full { .. }) => {
                reserve.give_up();
                open_disk(&place.store(), cache_bytes)
            }
            other => other,
        };
        let (tree, head) = opened?;
        let revisions = watch::Sender::new(head.revision);
        let disk = RwLock::new(Disk::Open { tree, head });
        Ok(Self { place, cache_bytes, disk, turns: Turns::new(), revisions, reserve, damage: Mutex::new(None) })
    }

    /// Writes rows that belong to no commit: what a new store begins with.
    pub(super) fn seed(&self, rows: &Writes) -> Result<(), StoreError> {
        let disk = self.write()?;
        let (tree, _) = disk.open()?;
        tree.apply(rows)?;
        tree.sync()
    }

    /// The state directory this store is in.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    fn read(&self) -> Result<RwLockReadGuard<'_, Disk>, StoreError> {
        self.disk.read().map_err(|_| fell_over())
    }

    fn write(&self) -> Result<RwLockWriteGuard<'_, Disk>, StoreError> {
        self.disk.write().map_err(|_| fell_over())
    }

    /// Leads: brings a group to its answers.
    fn carry_out(&self, group: &[Commit]) -> Vec<Answer> {
        self.recover();
        let setback = match self.attempt(group) {
            Ok(answers) => return answers,
            Err(setback) => setback,
        };
        let answered = match setback {
            Setback::NoRoom => {
                self.reserve.give_up();
                self.attempt(group)
            }
            Setback::Failed { cause: StoreError::Full { .. }, paper } => {
                self.reserve.give_up();
                self.finish(group, *paper)
            }
            other => Err(other),
        };
        answered.unwrap_or_else(|setback| {
            let cause = match setback {
                Setback::NoRoom => self.full(),
                Setback::Failed { cause, .. } | Setback::Closed(cause) => cause,
            };
            group.iter().map(|_| Err(cause.clone())).collect()
        })
    }

    /// One try: on paper, applied, on disk.
    fn attempt(&self, group: &[Commit]) -> Result<Vec<Answer>, Setback> {
        let paper = {
            let disk = self.read().map_err(Setback::Closed)?;
            let (tree, head) = disk.open().map_err(Setback::Closed)?;
            self.on_paper(group, tree, head)
        };
        if paper.writes.is_empty() {
            return Ok(paper.answers);
        }
        if !self.has_room_for(&paper.writes) {
            return Err(Setback::NoRoom);
        }
        let applied = self.write().and_then(|mut disk| {
            let applied = disk.apply(&paper);
            if let Err(cause) = &applied {
                // Before anybody can read what may be half applied in memory.
                disk.close(cause.clone());
            }
            applied
        });
        match applied.and_then(|()| self.sync()) {
            Ok(()) => Ok(self.acknowledge(paper)),
            Err(cause) => {
                tracing::error!(%cause, "the store failed to write");
                Err(Setback::Failed { cause, paper: Box::new(paper) })
            }
        }
    }

    /// Works the group out, each commit on what the ones before it leave.
    fn on_paper(&self, group: &[Commit], tree: &Tree, head: &Head) -> Paper {
        let mut paper = Paper { head: head.clone(), writes: Writes::new(), answers: Vec::with_capacity(group.len()) };
        let damage = self.damage();
        for commit in group {
            let answer = if let Some(why) = &damage {
                Err(StoreError::Broken { why: why.clone() })
            } else if self.reserve.is_spent() && commit.intent == Intent::Widen {
                Err(self.full())
            } else {
                self.add(commit, &mut paper, tree)
            };
            paper.answers.push(answer);
        }
        paper
    }

    fn add(&self, commit: &Commit, paper: &mut Paper, tree: &Tree) -> Answer {
        let get = |key: &[u8]| match paper.writes.get(key) {
            Some(row) => Ok(row.clone()),
            None => self.noticed(tree.get(key)),
        };
        // The caller's code seals log records: should it fall over, the others still stand.
        let done = catch_unwind(AssertUnwindSafe(|| execute(commit, &paper.head, &get))).unwrap_or_else(|_| {
            Err(StoreError::Broken { why: "the commit fell over while it was worked out".to_owned() })
        })?;
        paper.head = done.head;
        paper.writes.extend(done.writes);
        Ok(done.committed)
    }

    /// Makes what is applied durable; closes the engine if it cannot.
    fn sync(&self) -> Result<(), StoreError> {
        let synced = {
            let disk = self.read()?;
            disk.open().and_then(|(tree, _)| tree.sync())
        };
        if let Err(cause) = &synced {
            self.write()?.close(cause.clone());
        }
        synced
    }

    /// Goes on after a write that failed for want of room: the group is on disk whole, or is tried again.
    fn finish(&self, group: &[Commit], paper: Paper) -> Result<Vec<Answer>, Setback> {
        self.reopen().map_err(Setback::Closed)?;
        let survived = self.read().and_then(|disk| disk.open().map(|(_, head)| *head == paper.head));
        if !survived.map_err(Setback::Closed)? {
            return self.attempt(group);
        }
        self.sync().map_err(Setback::Closed)?;
        Ok(self.acknowledge(paper))
    }

    /// The group is on disk.
    fn acknowledge(&self, paper: Paper) -> Vec<Answer> {
        self.place.acknowledge(paper.head.revision);
        self.revisions.send_replace(paper.head.revision);
        paper.answers
    }

    /// Makes the reserve again, and opens what was closed, once there is room.
    fn recover(&self) {
        let closed_for_room = self.read().is_ok_and(|disk| matches!(&*disk, Disk::Closed(StoreError::Full { .. })));
        if closed_for_room && self.free().is_some_and(|free| free >= FLOOR) {
            let _ = self.reopen();
        }
        self.reserve.try_restore();
    }

    fn reopen(&self) -> Result<(), StoreError> {
        let mut disk = self.write()?;
        if matches!(&*disk, Disk::Open { .. }) {
            return Ok(());
        }
        *disk = match open_disk(&self.place.store(), self.cache_bytes) {
            Ok((tree, head)) => Disk::Open { tree, head },
            Err(cause) => Disk::Closed(cause),
        };
        disk.open().map(drop)
    }

    /// Whether the group fits. sled should not meet a full disk: it would have to be opened anew, and
    /// in its source a flush that already waits for a write which then fails is not always woken.
    /// Somebody else may still take the room in between; then the way back is [`Self::finish`].
    fn has_room_for(&self, writes: &Writes) -> bool {
        let row = |(key, row): (&Vec<u8>, &Option<Row>)| {
            key.len() + row.as_ref().map_or(0, |row| row.value.len()) + ROW_OVERHEAD
        };
        let bytes: usize = writes.iter().map(row).sum();
        let needed = FLOOR.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(AMPLIFICATION));
        // A file system that does not say is taken at its word when it refuses a write.
        self.free().is_none_or(|free| free >= needed)
    }

    fn free(&self) -> Option<u64> {
        space::room(self.place.dir()).ok().map(|room| room.free)
    }

    fn full(&self) -> StoreError {
        StoreError::Full { path: self.place.dir().to_owned() }
    }

    fn damage(&self) -> Option<String> {
        self.damage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers damage that a read met.
    fn noticed<T>(&self, read: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(damaged @ StoreError::Corrupt { .. }) = &read {
            let mut damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
            damage.get_or_insert_with(|| damaged.to_string());
        }
        read
    }
}

impl Disk {
    fn open(&self) -> Result<(&Tree, &Head), StoreError> {
        match self {
            Self::Open { tree, head } => Ok((tree, head)),
            Self::Closed(cause) => Err(cause.clone()),
        }
    }

    fn apply(&mut self, paper: &Paper) -> Result<(), StoreError> {
        match self {
            Self::Open { tree, head } => {
                tree.apply(&paper.writes)?;
                *head = paper.head.clone();
                Ok(())
            }
            Self::Closed(cause) => Err(cause.clone()),
        }
    }

    fn close(&mut self, cause: StoreError) {
        let closed = std::mem::replace(self, Self::Closed(cause));
        // sled flushes when it is dropped, and asserts that this works.
        if catch_unwind(AssertUnwindSafe(|| drop(closed))).is_err() {
            tracing::error!("the engine fell over while it was closed");
        }
    }
}

fn open_disk(dir: &Path, cache_bytes: u64) -> Result<(Tree, Head), StoreError> {
    let tree = Tree::open(dir, cache_bytes)?;
    let head = execute::read_head(tree.get(&schema::meta(execute::HEAD))?)?;
    Ok((tree, head))
}

fn fell_over() -> StoreError {
    StoreError::Broken { why: "a write fell over; restart the daemon".to_owned() }
}

struct SledSnapshot<'a> {
    engine: &'a Sled,
    tree: &'a Tree,
    revision: Revision,
}

impl Snapshot for SledSnapshot<'_> {
    fn revision(&self) -> Revision {
        self.revision
    }

    fn get(&self, key: &[u8]) -> Result<Option<Row>, StoreError> {
        self.engine.noticed(self.tree.get(key))
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.engine.noticed(self.tree.scan(range, limit))
    }
}

impl Engine for Sled {
    fn snapshot(&self, read: &mut dyn FnMut(&dyn Snapshot) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let mut disk = self.read()?;
        if disk.open().is_err() {
            drop(disk);
            self.recover();
            disk = self.read()?;
        }
        let (tree, head) = disk.open()?;
        read(&SledSnapshot { engine: self, tree, revision: head.revision })
    }

    fn commit(&self, commit: Commit) -> Answer {
        self.turns.submit(commit, |group| self.carry_out(&group)).unwrap_or_else(|_| Err(fell_over()))
    }

    fn watch(&self) -> watch::Receiver<Revision> {
        self.revisions.subscribe()
    }

    fn health(&self) -> EngineHealth {
        let disk = self.read();
        let open = disk.as_ref().map_err(Clone::clone).and_then(|disk| disk.open());
        EngineHealth {
            bytes_on_disk: open.as_ref().map_or(0, |(tree, _)| tree.bytes()),
            bytes_free: self.free(),
            reserve_spent: self.reserve.is_spent(),
            broken: open.err().map(|cause| cause.to_string()).or_else(|| self.damage()),
        }
    }
}

/// Free bytes below which nothing is written: two of sled's segments of 512 KiB.
const FLOOR: u64 = 1024 * 1024;

/// What a row takes in sled besides its key and value.
const ROW_OVERHEAD: usize = 64;

/// How much sled may write for a byte of a row: the log record, and pages written anew around it.
const AMPLIFICATION: u64 = 4;
