//! Killed at any moment, the store has every commit it acknowledged, and none in part.
//!
//! The writer is another process: this test binary again, running only [`writer`] or [`large_writer`]. These are
//! `#[ignore]`d because they write until they are killed; run by hand they need the directory in their environment.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bailey::store::{self, Intent, KeyRange, Settings, Store, StoreError, history, verify};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::store_conformance::{append, chain, commit, now};

const DIRECTORY: &str = "BAILEY_TEST_CRASH_DIRECTORY";
const WRITERS: usize = 4;
const ROWS: u64 = 20;

fn settings(dir: &Path) -> Settings {
    Settings { reserve_bytes: 0, ..Settings::new(dir.join("state")) }
}

fn key(writer: u64, row: u64) -> Vec<u8> {
    [b"U".as_slice(), &writer.to_be_bytes(), &row.to_be_bytes()].concat()
}

/// Writes the same number into twenty rows a commit, and says so once it is acknowledged.
#[test]
#[ignore = "writes until it is killed; `killed_at_any_moment` starts it"]
fn writer() {
    let dir = setting(DIRECTORY).expect("started by `killed_at_any_moment` only");
    let store = store::open(&settings(Path::new(&dir)), now()).unwrap().store;
    let out = Mutex::new(std::io::stdout());
    std::thread::scope(|scope| {
        for writer in (0..).take(WRITERS) {
            let (store, out) = (&store, &out);
            scope.spawn(move || {
                let mut rng = StdRng::seed_from_u64(writer);
                let mut number = last_number(store, writer);
                loop {
                    number += 1;
                    let padding = rng.random_range(0..400);
                    let mut next = commit();
                    next.intent = Intent::Narrow;
                    for row in 0..ROWS {
                        next.put(key(writer, row), [number.to_be_bytes().as_slice(), &vec![7; padding]].concat());
                    }
                    append(&mut next, format!("{writer}/{number}"));
                    let revision = store.commit(next).unwrap().revision;
                    let mut out = out.lock().unwrap();
                    writeln!(out, "ACK {writer} {number} {revision}").unwrap();
                    out.flush().unwrap();
                }
            });
        }
    });
}

#[expect(clippy::disallowed_methods, reason = "tests are told by their environment how long to run, and where")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn last_number(store: &Store, writer: u64) -> u64 {
    let row = store.read(|s| s.get(&key(writer, 0))).unwrap();
    row.map_or(0, |row| u64::from_be_bytes(*row.value.first_chunk().unwrap()))
}

#[test]
fn killed_at_any_moment() {
    let cycles: u32 = setting("BAILEY_SOAK_CYCLES").map_or(20, |cycles| cycles.parse().unwrap());
    let seed = 20_260_312;
    let mut rng = StdRng::seed_from_u64(seed);
    let mut dir = tempfile::tempdir().unwrap();
    let mut acknowledged = [0_u64; WRITERS];
    let mut last_revision = 0;
    for cycle in 0..cycles {
        // Everything is read after every kill, so a long run begins anew now and then.
        if cycle > 0 && cycle % 25 == 0 {
            dir = tempfile::tempdir().unwrap();
            (acknowledged, last_revision) = ([0; WRITERS], 0);
        }
        let before = acknowledged;
        let after_first = Duration::from_micros(rng.random_range(0..150_000));
        run_and_kill(dir.path(), "writer", after_first, |writer, number, revision| {
            acknowledged[writer] = number;
            last_revision = last_revision.max(revision);
        });
        assert_ne!(acknowledged, before, "cycle {cycle}: nothing was acknowledged, so nothing was tested");
        let store = store::open(&settings(dir.path()), now()).unwrap().store;
        check(&store, &acknowledged, last_revision, cycle);
        // The next writer goes on from what it finds.
        acknowledged = std::array::from_fn(|writer| last_number(&store, writer as u64));
    }
}

/// Runs the writer, kills it `after_first` its first acknowledgement, and reports all of them.
fn run_and_kill(dir: &Path, writer: &str, after_first: Duration, mut acknowledged: impl FnMut(usize, u64, u64)) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("store_crash::{writer}"), "--ignored", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let child = Arc::new(Mutex::new(child));
    let mut killer = None;
    // Reading until the end also reads what was acknowledged before the kill and lies in the pipe.
    for line in lines {
        let line = line.unwrap();
        // The test harness prints before us on the first line.
        let Some((_, ack)) = line.split_once("ACK ") else { continue };
        let numbers: Vec<u64> = ack.split(' ').filter_map(|number| number.parse().ok()).collect();
        let [writer, number, revision] = numbers[..] else { continue };
        acknowledged(usize::try_from(writer).unwrap(), number, revision);
        killer.get_or_insert_with(|| {
            let (child, at) = (Arc::clone(&child), Instant::now() + after_first);
            std::thread::spawn(move || {
                std::thread::sleep(at.saturating_duration_since(Instant::now()));
                child.lock().unwrap().kill().unwrap();
            })
        });
    }
    killer.expect("the writer never acknowledged anything").join().unwrap();
    child.lock().unwrap().wait().unwrap();
}

fn check(store: &Store, acknowledged: &[u64], last_revision: u64, cycle: u32) {
    let revision = store.read(|s| Ok::<_, StoreError>(s.revision())).unwrap();
    assert!(
        revision >= last_revision,
        "cycle {cycle}: revision {last_revision} was acknowledged, the store is at {revision}"
    );
    for (writer, acknowledged) in (0..).zip(acknowledged) {
        let rows = store.read(|s| s.scan(&KeyRange::prefix(&key(writer, 0)[..9]), 100)).unwrap();
        let numbers: Vec<u64> =
            rows.iter().map(|(_, row)| u64::from_be_bytes(*row.value.first_chunk().unwrap())).collect();
        let number = numbers.first().copied().unwrap_or_default();
        assert!(numbers.iter().all(|other| *other == number), "cycle {cycle}: half a commit: {numbers:?}");
        assert!(
            number >= *acknowledged,
            "cycle {cycle}: {acknowledged} of writer {writer} was acknowledged, found {number}"
        );
        // One commit of each writer may have been on its way.
        assert!(number <= acknowledged + 1, "cycle {cycle}: {number} of writer {writer}, acknowledged {acknowledged}");
    }
    let texts = chain(store);
    let total: u64 = (0..).take(WRITERS).map(|writer| last_number(store, writer)).sum();
    assert_eq!(texts.len() as u64, total, "cycle {cycle}: a log record a commit");
    assert_eq!(revision, total, "cycle {cycle}: a revision a commit");
    for revision in 1..=revision {
        let entry = store.read(|s| history::journal_entry(s, revision)).unwrap();
        assert_eq!(entry.map(|entry| entry.changed as u64), Some(ROWS), "cycle {cycle}: journal of {revision}");
    }
    let problems = verify::verify(store).unwrap().findings;
    // The rows are not real users, which verify says; everything else must fit.
    let others: Vec<_> = problems.iter().filter(|f| !f.key.starts_with("user/") && !f.key.contains("/user/")).collect();
    assert!(others.is_empty(), "cycle {cycle}: {others:?}");
}

/// Rows a large commit creates, and rows it replaces: far more than are written as one batch.
const CREATED: u64 = 3_000;
const REPLACED: u64 = 300;

fn created(number: u64, row: u64) -> Vec<u8> {
    key(1, number * CREATED + row)
}

/// Commits of thousands of rows, some of them new and some replaced, one after the other.
#[test]
#[ignore = "writes until it is killed; `a_large_commit_is_there_whole_or_not_at_all` starts it"]
fn large_writer() {
    let dir = setting(DIRECTORY).expect("started by `a_large_commit_is_there_whole_or_not_at_all` only");
    let store = store::open(&settings(Path::new(&dir)), now()).unwrap().store;
    let mut out = std::io::stdout();
    for number in last_number(&store, 0) + 1.. {
        let mut next = commit();
        next.intent = Intent::Narrow;
        for row in 0..CREATED {
            next.put(created(number, row), vec![7; 100]);
        }
        for row in 0..REPLACED {
            next.put(key(0, row), number.to_be_bytes().to_vec());
        }
        let revision = store.commit(next).unwrap().revision;
        writeln!(out, "ACK 0 {number} {revision}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn a_large_commit_is_there_whole_or_not_at_all() {
    let mut rng = StdRng::seed_from_u64(20_261_124);
    let dir = tempfile::tempdir().unwrap();
    let mut taken_back = 0;
    // A kill may also fall between two commits: it goes on until one did not.
    for cycle in 0..60 {
        if cycle >= 12 && taken_back > 0 {
            break;
        }
        let mut acknowledged = 0;
        let after_first = Duration::from_micros(rng.random_range(0..100_000));
        run_and_kill(dir.path(), "large_writer", after_first, |_, number, _| acknowledged = number);
        let (store, said) = open_and_listen(dir.path());
        taken_back += usize::from(said.contains("taken back"));
        check_large(&store, acknowledged, cycle);
    }
    assert!(taken_back > 0, "no kill met a commit on its way, so nothing was tested");
}

/// Opens the store; answers what it had to say about that.
fn open_and_listen(dir: &Path) -> (Store, String) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&heard);
    let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || Heard(Arc::clone(&writer))).finish();
    let store = tracing::subscriber::with_default(log, || store::open(&settings(dir), now()).unwrap().store);
    let said = String::from_utf8(heard.lock().unwrap().clone()).unwrap();
    (store, said)
}

struct Heard(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn check_large(store: &Store, acknowledged: u64, cycle: u32) {
    let head = store.read(|s| Ok::<_, StoreError>(s.revision())).unwrap();
    assert!((acknowledged..=acknowledged + 1).contains(&head), "cycle {cycle}: {acknowledged} acknowledged, at {head}");
    let rows = |writer: u64| store.read(|s| s.scan(&KeyRange::prefix(&key(writer, 0)[..9]), usize::MAX)).unwrap();
    let replaced = rows(0);
    assert_eq!(replaced.len() as u64, REPLACED, "cycle {cycle}");
    assert!(replaced.iter().all(|(_, row)| row.revision == head && row.value == head.to_be_bytes()), "cycle {cycle}");
    let found: Vec<(Vec<u8>, u64)> = rows(1).into_iter().map(|(key, row)| (key, row.revision)).collect();
    let wanted = (1..=head).flat_map(|number| (0..CREATED).map(move |row| (created(number, row), number)));
    assert!(
        found.into_iter().eq(wanted),
        "cycle {cycle}: rows of a commit that did not happen, or half of one that did"
    );
    // What was replaced is remembered once a commit, of the unfinished one nothing.
    for number in 1..=head {
        let then = store.read(|s| history::as_of(s, &key(0, 7), number)).unwrap().unwrap();
        assert_eq!(then.value, number.to_be_bytes(), "cycle {cycle}");
    }
}
