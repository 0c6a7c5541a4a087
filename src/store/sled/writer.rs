//! Brings a group of commits to disk, whole, and finds its way back when the disk is full.
//!
//! All of it is done by one thread, one group after the other; see [`super`] for who waits for it
//! and how long. Reads come from any thread in between.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError, Weak};

use tokio::sync::watch;

use super::super::execute::{self, Head, Writes, execute};
use super::super::place::Place;
use super::super::space::{self, Reserve};
use super::super::{Commit, Committed, Intent, Revision, Row, StoreError, schema};
use super::large::{self, Hand};
use super::tree::Tree;

/// What becomes of a commit.
pub(super) type Answer = Result<Committed, StoreError>;

/// How what is applied gets to the disk: [`Tree::sync`], or what a test puts in its place.
pub(super) type Sync = Box<dyn Fn(&Tree) -> Result<(), StoreError> + Send + std::marker::Sync>;

/// The open store, and all that is needed to write to it.
pub(super) struct Writer {
    /// Holds the state directory; nobody else opens the files while this lives.
    place: Place,
    cache_bytes: u64,
    disk: RwLock<Disk>,
    hand: Hand,
    /// The tree in `disk`, for what must not wait for that lock.
    tree: Mutex<Weak<Tree>>,
    sync: Sync,
    revisions: watch::Sender<Revision>,
    reserve: Reserve,
    reopened: AtomicU64,
    /// Damage that was met. From then on nothing is written.
    damage: Mutex<Option<String>>,
}

/// The engine below, or why there is none.
pub(super) enum Disk {
    /// At work.
    Open { tree: Arc<Tree>, head: Head },
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

impl Writer {
    /// Opens the store in `place`, or makes an empty one. A full disk costs the reserve.
    pub(super) fn open(place: Place, cache_bytes: u64, reserve_bytes: u64, sync: Sync) -> Result<Self, StoreError> {
        let reserve = Reserve::open(place.dir(), reserve_bytes);
        let opened = match open_disk(&place.store(), cache_bytes) {
            Err(StoreError::Full { .. }) => {
                reserve.give_up();
                open_disk(&place.store(), cache_bytes)
            }
            other => other,
        };
        let (tree, head) = opened?;
        Ok(Self {
            place,
            cache_bytes,
            tree: Mutex::new(Arc::downgrade(&tree)),
            revisions: watch::Sender::new(head.revision),
            disk: RwLock::new(Disk::Open { tree, head }),
            hand: Hand::new()?,
            sync,
            reserve,
            reopened: AtomicU64::new(0),
            damage: Mutex::new(None),
        })
    }

    /// Writes rows that belong to no commit: what a new store begins with.
    pub(super) fn seed(&self, rows: &Writes) -> Result<(), StoreError> {
        let disk = self.write()?;
        let (tree, _) = disk.open()?;
        tree.apply(rows)?;
        tree.sync()
    }

    /// Brings a group to its answers.
    pub(super) fn carry_out(&self, group: &[Commit]) -> Vec<Answer> {
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

    /// Makes the reserve again, and opens what was closed, once there is room.
    pub(super) fn recover(&self) {
        let closed_for_room = self.read().is_ok_and(|disk| matches!(&*disk, Disk::Closed(StoreError::Full { .. })));
        if closed_for_room && self.free().is_some_and(|free| free >= FLOOR) {
            let _ = self.reopen();
        }
        self.reserve.try_restore();
    }

    /// Closes the engine for good.
    pub(super) fn shut(&self) {
        if let Ok(mut disk) = self.write() {
            let open = disk.close(StoreError::Broken { why: "it was closed".to_owned() });
            drop(disk);
            let_go(open);
        }
    }

    /// Wakes what sleeps in sled although what it waits for has failed; see [`Tree::wake`].
    pub(super) fn nudge(&self) {
        let Some(tree) = self.tree() else { return };
        tracing::warn!("a write to the store is slow");
        // On a thread of its own: where nothing has failed it waits like the one it is to wake.
        let woken = std::thread::Builder::new().name("store-nudge".to_owned()).spawn(move || tree.wake());
        if let Err(error) = woken {
            tracing::warn!(%error, "no thread to look after a slow write");
        }
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
        let deferred = group.iter().all(|commit| commit.deferred);
        match self.apply(&paper).and_then(|()| if deferred { Ok(()) } else { self.sync() }) {
            Ok(()) if deferred => {
                self.revisions.send_replace(paper.head.revision);
                Ok(paper.answers)
            }
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
        if paper.writes.is_empty() {
            paper.writes = done.writes;
        } else {
            paper.writes.extend(done.writes);
        }
        Ok(done.committed)
    }

    /// Applies the group as one batch; closes the engine if it cannot.
    fn apply(&self, paper: &Paper) -> Result<(), StoreError> {
        let mut disk = self.write()?;
        let Err(cause) = disk.apply(paper, &self.hand) else { return Ok(()) };
        // Before anybody can read what may be half applied in memory.
        let open = disk.close(cause.clone());
        drop(disk);
        let_go(open);
        Err(cause)
    }

    /// Makes what is applied durable; closes the engine if it cannot.
    fn sync(&self) -> Result<(), StoreError> {
        let synced = {
            let disk = self.read()?;
            disk.open().and_then(|(tree, _)| (self.sync)(tree))
        };
        if let Err(cause) = &synced {
            let open = self.write()?.close(cause.clone());
            let_go(open);
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

    /// Opens what is closed. Only the writer's thread does, so nobody else can in the meantime.
    fn reopen(&self) -> Result<(), StoreError> {
        if self.read()?.open().is_ok() {
            return Ok(());
        }
        let disk = match open_disk(&self.place.store(), self.cache_bytes) {
            Ok((tree, head)) => {
                *locked(&self.tree) = Arc::downgrade(&tree);
                self.reopened.fetch_add(1, Ordering::AcqRel);
                Disk::Open { tree, head }
            }
            Err(cause) => Disk::Closed(cause),
        };
        let opened = disk.open().map(drop);
        *self.write()? = disk;
        opened
    }

    /// Whether the group fits. sled should not meet a full disk: it has to be opened anew then.
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

    fn full(&self) -> StoreError {
        StoreError::Full { path: self.place.dir().to_owned() }
    }

    fn write(&self) -> Result<RwLockWriteGuard<'_, Disk>, StoreError> {
        self.disk.write().map_err(|_| fell_over())
    }

    fn tree(&self) -> Option<Arc<Tree>> {
        locked(&self.tree).upgrade()
    }
}

/// What readers and health pages ask for.
impl Writer {
    /// The engine below, to read from.
    pub(super) fn read(&self) -> Result<RwLockReadGuard<'_, Disk>, StoreError> {
        self.disk.read().map_err(|_| fell_over())
    }

    /// The state directory this store is in.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Follows the last revision.
    pub(super) fn watch(&self) -> watch::Receiver<Revision> {
        self.revisions.subscribe()
    }

    /// Remembers damage that a read met.
    pub(super) fn noticed<T>(&self, read: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(damaged @ StoreError::Corrupt { .. }) = &read {
            locked(&self.damage).get_or_insert_with(|| damaged.to_string());
        }
        read
    }

    /// Damage that was met.
    pub(super) fn damage(&self) -> Option<String> {
        locked(&self.damage).clone()
    }

    /// Why the engine is closed, if it is. Does not wait: while somebody writes, it is open.
    pub(super) fn closed(&self) -> Option<StoreError> {
        match self.disk.try_read() {
            Ok(disk) => disk.open().err(),
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Poisoned(_)) => Some(fell_over()),
        }
    }

    /// Bytes the store takes on disk.
    pub(super) fn bytes(&self) -> u64 {
        self.tree().map_or(0, |tree| tree.bytes())
    }

    /// Bytes still free beside it.
    pub(super) fn free(&self) -> Option<u64> {
        space::room(self.place.dir()).ok().map(|room| room.free)
    }

    /// True while the reserve is given up.
    pub(super) fn reserve_spent(&self) -> bool {
        self.reserve.is_spent()
    }

    /// How often the engine was opened anew.
    pub(super) fn reopened(&self) -> u64 {
        self.reopened.load(Ordering::Acquire)
    }
}

impl Disk {
    /// The tree and where it stands.
    pub(super) fn open(&self) -> Result<(&Tree, &Head), StoreError> {
        match self {
            Self::Open { tree, head } => Ok((tree, head)),
            Self::Closed(cause) => Err(cause.clone()),
        }
    }

    fn apply(&mut self, paper: &Paper, hand: &Hand) -> Result<(), StoreError> {
        match self {
            Self::Open { tree, head } => {
                hand.write(tree, &paper.writes)?;
                *head = paper.head.clone();
                Ok(())
            }
            Self::Closed(cause) => Err(cause.clone()),
        }
    }

    /// What was open until now: to be let go of without the lock, since that takes a while.
    #[must_use]
    fn close(&mut self, cause: StoreError) -> Self {
        std::mem::replace(self, Self::Closed(cause))
    }
}

/// sled flushes when it is dropped, and asserts that this works.
fn let_go(disk: Disk) {
    if catch_unwind(AssertUnwindSafe(|| drop(disk))).is_err() {
        tracing::error!("the engine fell over while it was closed");
    }
}

fn open_disk(dir: &Path, cache_bytes: u64) -> Result<(Arc<Tree>, Head), StoreError> {
    let tree = Tree::open(dir, cache_bytes)?;
    let head = execute::read_head(tree.get(&schema::meta(execute::HEAD))?)?;
    large::sweep(&tree, &head)?;
    Ok((Arc::new(tree), head))
}

/// The answer where a panic left things undecided.
pub(super) fn fell_over() -> StoreError {
    StoreError::Broken { why: "a write fell over; restart the daemon".to_owned() }
}

/// What is behind these holds at every step, also where a panic came in between.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Free bytes below which nothing is written: two of sled's segments of 512 KiB, which opening it anew may clear.
const FLOOR: u64 = 1024 * 1024;

/// What a row takes in sled besides its key and value.
const ROW_OVERHEAD: usize = 64;

/// How much sled may write for a byte of a row: the log record, and pages written anew around it.
const AMPLIFICATION: u64 = 4;
