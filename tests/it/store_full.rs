//! A disk that is really full: a small tmpfs of our own.
//!
//! Mounting takes root. Without it the test runs itself again inside `unshare -rm`, where it is;
//! where that is not allowed it fails, because then nothing was tested.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bailey::model::Actor;
use bailey::store::{self, Commit, Intent, Settings, Store, StoreError};

use crate::bed::daemon::Bailey;
use crate::store_conformance::{append, chain, now};

pub(crate) const MEBIBYTE: u64 = 1024 * 1024;

const RESERVE: u64 = 4 * MEBIBYTE;

/// A file system of `size` MiB, gone with this value.
pub(crate) struct Disk {
    dir: tempfile::TempDir,
}

impl Disk {
    pub(crate) fn mount(size: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}m"), "tmpfs"])
            .arg(dir.path())
            .status()
            .expect("`mount` is needed to make a disk that can be filled");
        assert!(mounted.success(), "cannot mount a tmpfs");
        Self { dir }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// An installation whose state lies on it.
    pub(crate) fn bailey(&self) -> Bailey {
        let (bailey, state) = (Bailey::with(""), self.path().join("state"));
        fs::DirBuilder::new().mode(0o700).create(&state).unwrap();
        std::os::unix::fs::symlink(&state, bailey.path("state")).unwrap();
        bailey
    }

    fn filler(&self) -> PathBuf {
        self.dir.path().join("filler")
    }

    /// Takes all room but `left` bytes.
    ///
    /// Of a piece for which there is no room nothing is taken, and whoever else writes here may be
    /// faster: so the pieces get smaller. How much is taken is decided once, for a daemon that finds
    /// no room gives its reserve up meanwhile, which is not for us.
    pub(crate) fn fill_but(&self, left: u64) {
        let stat = nix::sys::statvfs::statvfs(self.dir.path()).unwrap();
        let page = i64::try_from(stat.fragment_size()).unwrap();
        let mut more = i64::try_from((stat.blocks_available() * stat.fragment_size()).saturating_sub(left)).unwrap();
        let file = fs::File::options().create(true).append(true).open(self.filler()).unwrap();
        let mut end = i64::try_from(file.metadata().unwrap().len()).unwrap();
        let mut piece = 256 * page;
        while more > 0 && piece >= page {
            let taken = piece.min(more);
            if nix::fcntl::posix_fallocate(&file, end, taken).is_ok() {
                (end, more) = (end + taken, more - taken);
            } else {
                piece /= 2;
            }
        }
    }

    pub(crate) fn free_up(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a failed assertion may leave files open.
        let _ = Command::new("umount").arg("-l").arg(self.dir.path()).status();
    }
}

/// True when the caller is to go on; otherwise the test has run in a namespace of its own, and passed.
pub(crate) fn is_root_here(test: &str) -> bool {
    if nix::unistd::geteuid().is_root() {
        return true;
    }
    let ran = Command::new("unshare")
        .args(["-rm"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads=1"])
        .status()
        .expect("`unshare` is needed to mount a disk without being root");
    assert!(ran.success(), "{test} failed in a namespace of its own; are user namespaces allowed here?");
    false
}

fn settings(dir: &Path) -> Settings {
    Settings { reserve_bytes: RESERVE, ..Settings::new(dir.join("state")) }
}

fn write(store: &Store, intent: Intent, n: u32) -> Result<(), StoreError> {
    let mut commit = Commit::new(Actor::task("test"), now(), intent);
    commit.put(key(n), vec![u8::try_from(n % 251).unwrap(); 8_000]);
    append(&mut commit, n.to_string());
    store.commit(commit).map(drop)
}

fn key(n: u32) -> Vec<u8> {
    [b"S".as_slice(), &n.to_be_bytes()].concat()
}

/// Writes until the disk is full; answers how many were acknowledged.
fn write_until_full(store: &Store, from: u32) -> u32 {
    for n in from..from + 10_000 {
        match write(store, Intent::Widen, n) {
            Ok(()) => {}
            Err(StoreError::Full { .. }) => return n,
            Err(other) => panic!("{other}"),
        }
    }
    panic!("the disk did not fill up");
}

fn assert_all_there(store: &Store, count: u32) {
    for n in 0..count {
        let row = store.read(|s| s.get(&key(n))).unwrap();
        assert_eq!(row.map(|row| row.value), Some(vec![u8::try_from(n % 251).unwrap(); 8_000]), "row {n} of {count}");
    }
    let want: Vec<String> = (0..count).map(|n| n.to_string()).collect();
    assert_eq!(chain(store), want);
}

#[test]
fn a_full_disk_stops_what_widens_and_nothing_else() {
    if !is_root_here("store_full::a_full_disk_stops_what_widens_and_nothing_else") {
        return;
    }
    let disk = Disk::mount(64);
    let settings = settings(disk.dir.path());
    let reserve = settings.dir.join("reserve.bin");
    let opened = store::open(&settings, now()).unwrap();
    let blocks = std::os::unix::fs::MetadataExt::blocks(&fs::metadata(&reserve).unwrap());
    assert!(blocks * 512 >= RESERVE, "the reserve holds no real blocks");
    disk.fill_but(3 * MEBIBYTE);
    let mut count = write_until_full(&opened.store, 0);
    assert!(count > 10, "{count}");
    let health = opened.store.health();
    assert!(health.reserve_spent && !reserve.exists());
    assert_eq!(health.broken, None);
    assert!(matches!(write(&opened.store, Intent::Widen, count), Err(StoreError::Full { .. })));
    for _ in 0..10 {
        write(&opened.store, Intent::Narrow, count).expect("what takes access away is still accepted");
        count += 1;
    }
    assert_all_there(&opened.store, count);
    drop(opened);

    // A restart in the middle of it.
    let opened = store::open(&settings, now()).expect("it starts on a full disk");
    assert!(opened.notices.concat().contains("nearly full"), "{:?}", opened.notices);
    assert!(opened.store.health().reserve_spent);
    assert_all_there(&opened.store, count);
    assert!(matches!(write(&opened.store, Intent::Widen, count), Err(StoreError::Full { .. })));
    write(&opened.store, Intent::Narrow, count).unwrap();
    count += 1;

    // There is room again: it goes on by itself.
    disk.free_up();
    write(&opened.store, Intent::Widen, count).expect("there is room again");
    count += 1;
    assert!(!opened.store.health().reserve_spent);
    assert_eq!(fs::metadata(&reserve).unwrap().len(), RESERVE);
    assert_all_there(&opened.store, count);
}

#[test]
fn a_disk_that_is_full_to_the_last_byte_costs_the_reserve_at_start() {
    if !is_root_here("store_full::a_disk_that_is_full_to_the_last_byte_costs_the_reserve_at_start") {
        return;
    }
    let disk = Disk::mount(64);
    let settings = settings(disk.dir.path());
    let opened = store::open(&settings, now()).unwrap();
    (0..50).for_each(|n| write(&opened.store, Intent::Widen, n).unwrap());
    drop(opened);
    disk.fill_but(0);
    let opened = store::open(&settings, now()).expect("the reserve makes room to start");
    let health = opened.store.health();
    assert!(health.reserve_spent, "{health:?}");
    assert_all_there(&opened.store, 50);
    write(&opened.store, Intent::Narrow, 50).unwrap();
    assert_all_there(&opened.store, 51);
}

/// Somebody else takes the last byte behind our back, and gives it back.
#[test]
fn not_even_the_reserve_is_left_and_then_there_is_room() {
    if !is_root_here("store_full::not_even_the_reserve_is_left_and_then_there_is_room") {
        return;
    }
    let disk = Disk::mount(64);
    let settings = settings(disk.dir.path());
    let opened = store::open(&settings, now()).unwrap();
    disk.fill_but(3 * MEBIBYTE);
    let count = write_until_full(&opened.store, 0);
    disk.fill_but(0);
    assert!(matches!(write(&opened.store, Intent::Narrow, count), Err(StoreError::Full { .. })));
    assert_all_there(&opened.store, count);
    disk.free_up();
    write(&opened.store, Intent::Widen, count).unwrap();
    assert_all_there(&opened.store, count + 1);
}

/// Room that is there when it is asked for and gone when it is written to: sled itself meets the full disk.
///
/// Only a race gets there, since the engine asks for room just before it writes. So it is tried again
/// and again until the engine had to be opened anew, which nothing but a failed write brings about.
#[test]
fn a_disk_that_fills_and_empties_all_the_time_loses_nothing() {
    if !is_root_here("store_full::a_disk_that_fills_and_empties_all_the_time_loses_nothing") {
        return;
    }
    let disk = Disk::mount(64);
    let give_up = Instant::now() + Duration::from_secs(60);
    let (mut reopened, mut acknowledged) = (0, 0);
    while reopened < 3 && Instant::now() < give_up {
        let settings = settings(disk.dir.path());
        let opened = store::open(&settings, now()).unwrap();
        let written = write_while_it_fills_and_empties(&disk, &opened.store);
        reopened += opened.store.health().reopened;
        acknowledged += written.len();
        assert_none_lost(&opened.store, &written);
        drop(opened);
        assert_none_lost(&store::open(&settings, now()).unwrap().store, &written);
        fs::remove_dir_all(&settings.dir).unwrap();
    }
    assert!(reopened > 0, "no write met a full disk: nothing was tested");
    assert!(acknowledged > 0, "no write met a disk with room: nothing was tested");
}

/// Writes for a moment; answers what was acknowledged.
fn write_while_it_fills_and_empties(disk: &Disk, store: &Store) -> Vec<u32> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                disk.fill_but(0);
                std::thread::yield_now();
                disk.free_up();
            }
        });
        let until = Instant::now() + Duration::from_millis(500);
        let mut acknowledged = Vec::new();
        for n in (0..).take_while(|_| Instant::now() < until) {
            match store.commit(large(n)) {
                Ok(_) => acknowledged.push(n),
                Err(StoreError::Full { .. }) => {}
                Err(other) => panic!("after {} writes: {other}", acknowledged.len()),
            }
        }
        done.store(true, Ordering::Release);
        acknowledged
    })
}

fn assert_none_lost(store: &Store, acknowledged: &[u32]) {
    let logged: BTreeSet<u32> = chain(store).iter().filter_map(|text| text.parse().ok()).collect();
    for n in acknowledged {
        assert!(logged.contains(n), "{n} was acknowledged and is not in the log");
    }
    let Some(last) = logged.last() else { return };
    for row in 0..ROWS {
        // What was refused for want of room may be there after all, but never in part.
        let row = store.read(|s| s.get(&key(row))).unwrap().unwrap();
        assert_eq!(u32::from_be_bytes(*row.value.first_chunk().unwrap()), *last);
    }
}

/// The same rows again and again: all that piles up is the log. Two megabytes, so that writing takes
/// long enough for the disk to fill up meanwhile.
fn large(n: u32) -> Commit {
    let mut commit = Commit::new(Actor::task("test"), now(), Intent::Narrow);
    for row in 0..ROWS {
        commit.put(key(row), [n.to_be_bytes().as_slice(), &[7; 5_000]].concat());
    }
    append(&mut commit, n.to_string());
    commit
}

const ROWS: u32 = 400;
