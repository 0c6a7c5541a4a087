//! What every engine has to do. One suite; adding an engine adds a line at the bottom.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bailey::base::Timestamp;
use bailey::model::Actor;
use bailey::store::memory::Memory;
use bailey::store::{
    self, Commit, Committed, Expect, Intent, KeyRange, Sealed, Settings, Store, StoreError, history, schema,
};
use sha2::{Digest, Sha256};

/// A store and what keeps it alive.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    _dir: Option<tempfile::TempDir>,
}

pub(crate) fn memory() -> Fixture {
    Fixture { store: Store::new(Memory::new()), _dir: None }
}

pub(crate) fn sled() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { reserve_bytes: 1024 * 1024, ..Settings::new(dir.path().join("state")) };
    Fixture { store: store::open(&settings, now()).unwrap().store, _dir: Some(dir) }
}

pub(crate) fn now() -> Timestamp {
    "2026-03-12T12:00:00Z".parse().unwrap()
}

pub(crate) fn commit() -> Commit {
    Commit::new(Actor::task("test"), now(), Intent::Widen)
}

pub(crate) fn put(store: &Store, key: &[u8], value: &[u8]) -> Committed {
    let mut commit = commit();
    commit.put(key.to_vec(), value.to_vec());
    store.commit(commit).unwrap()
}

pub(crate) fn value(store: &Store, key: &[u8]) -> Option<Vec<u8>> {
    store.read(|snapshot| snapshot.get(key)).unwrap().map(|row| row.value)
}

fn scan(store: &Store, range: &KeyRange, limit: usize) -> Vec<Vec<u8>> {
    let rows = store.read(|snapshot| snapshot.scan(range, limit)).unwrap();
    rows.into_iter().map(|(key, _)| key).collect()
}

/// Seals a record that names its place, so that the chain can be checked from the rows alone.
pub(crate) fn append(commit: &mut Commit, text: String) {
    commit.append(move |link| {
        let record = format!("{}|{}|{text}", link.seq, hex::encode(link.previous)).into_bytes();
        let hash = Sha256::digest(&record).into();
        Sealed { record, hash }
    });
}

/// Checks numbers and hashes of the whole log; answers its texts.
pub(crate) fn chain(store: &Store) -> Vec<String> {
    let (mut previous, mut texts) = (hex::encode([0; 32]), Vec::new());
    store::verify::log_rows::<StoreError>(store, |seq, record| {
        let text = std::str::from_utf8(record).unwrap();
        let mut parts = text.splitn(3, '|');
        assert_eq!(parts.next().unwrap(), seq.to_string());
        assert_eq!(seq, texts.len() as u64 + 1, "a gap in the log");
        assert_eq!(parts.next().unwrap(), previous, "the chain is broken at {seq}");
        previous = hex::encode(Sha256::digest(record));
        texts.push(parts.next().unwrap().to_owned());
        Ok(())
    })
    .unwrap();
    texts
}

fn rows_come_in_byte_order_and_ranges_are_half_open(store: &Store) {
    let keys: Vec<&[u8]> = vec![b"Sa", b"Sa\0", b"Sa\0\0", b"Sab", b"Sb", b"Sb\xff", b"Sb\xff\xff", b"Sc"];
    let mut all = commit();
    for key in keys.iter().rev() {
        all.put(key.to_vec(), key.to_vec());
    }
    store.commit(all).unwrap();
    let every = KeyRange::prefix(b"S");
    assert_eq!(scan(store, &every, 100), keys);
    assert_eq!(scan(store, &every, 3), keys[..3]);
    assert_eq!(scan(store, &every, 0), Vec::<Vec<u8>>::new());
    assert_eq!(scan(store, &every.after(b"Sa"), 2), keys[1..3]);
    assert_eq!(scan(store, &KeyRange::prefix(b"Sb"), 100), keys[4..7]);
    assert_eq!(scan(store, &KeyRange::prefix(b"Sb\xff"), 100), keys[5..7]);
    assert_eq!(scan(store, &KeyRange { from: b"Sa".to_vec(), to: Some(b"Sb".to_vec()) }, 100), keys[..4]);
    assert_eq!(scan(store, &KeyRange { from: b"Sb".to_vec(), to: Some(b"Sa".to_vec()) }, 100), Vec::<Vec<u8>>::new());
    assert_eq!(scan(store, &KeyRange { from: b"Sb".to_vec(), to: Some(b"Sb".to_vec()) }, 100), Vec::<Vec<u8>>::new());
    assert_eq!(scan(store, &KeyRange { from: b"Sc".to_vec(), to: None }, 100), keys[7..]);
}

fn a_long_scan_sees_every_row_once(store: &Store) {
    for chunk in 0..5_u32 {
        let mut rows = commit();
        for row in 0..1_000 {
            rows.put([b"S".as_slice(), &(chunk * 1_000 + row).to_be_bytes()].concat(), vec![7; 20]);
        }
        store.commit(rows).unwrap();
    }
    let mut seen = Vec::new();
    store
        .for_each::<StoreError>(&KeyRange::prefix(b"S"), |key, row| {
            assert_eq!(row.value, vec![7; 20]);
            seen.push(u32::from_be_bytes(key[1..].try_into().unwrap()));
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, (0..5_000).collect::<Vec<_>>());
    let mut visits = 0;
    let stopped = store.for_each(&KeyRange::prefix(b"S"), |_, _| {
        visits += 1;
        if visits == 10 { Err(StoreError::Broken { why: "enough".to_owned() }) } else { Ok(()) }
    });
    assert!(stopped.is_err());
    assert_eq!(visits, 10);
}

fn revisions_count_up_and_mark_rows(store: &Store) {
    assert_eq!(store.read(|s| Ok::<_, StoreError>(s.revision())).unwrap(), 0);
    assert_eq!(put(store, b"Sa", b"1").revision, 1);
    assert_eq!(put(store, b"Sb", b"").revision, 2);
    assert_eq!(store.commit(commit()).unwrap().revision, 3);
    let row = |key: &[u8]| store.read(|s| s.get(key)).unwrap().unwrap();
    assert_eq!((row(b"Sa").revision, row(b"Sb").revision), (1, 2));
    assert_eq!(row(b"Sb").value, b"");
    let mut delete = commit();
    delete.delete(b"Sa".to_vec());
    delete.delete(b"Snever-there".to_vec());
    store.commit(delete).unwrap();
    assert_eq!(value(store, b"Sa"), None);
    assert_eq!(store.read(|s| Ok::<_, StoreError>(s.revision())).unwrap(), 4);
}

fn a_commit_whose_expectation_fails_leaves_nothing(store: &Store) {
    put(store, b"Sa", b"1");
    let whole = || {
        let mut rows = Vec::new();
        let everything = KeyRange::prefix(b"");
        store
            .for_each::<StoreError>(&everything, |key, row| {
                rows.push((key.to_vec(), row));
                Ok(())
            })
            .unwrap();
        rows
    };
    let before = whole();
    for (key, expect) in
        [(b"Sa".as_slice(), Expect::Absent), (b"Sb", Expect::Present), (b"Sa", Expect::At(2)), (b"Sb", Expect::At(1))]
    {
        let mut refused = commit();
        refused.expect(b"Sa".to_vec(), Expect::At(1));
        refused.expect(key.to_vec(), expect);
        refused.put(b"Sc".to_vec(), b"never".to_vec());
        refused.delete(b"Sa".to_vec());
        append(&mut refused, "never".to_owned());
        match store.commit(refused) {
            Err(StoreError::Conflict { what }) => assert!(what.contains("expected"), "{what}"),
            other => panic!("{expect:?} should have been refused: {other:?}"),
        }
        assert_eq!(whole(), before);
    }
    let mut accepted = commit();
    accepted.expect(b"Sa".to_vec(), Expect::At(1));
    accepted.expect(b"Sa".to_vec(), Expect::Present);
    accepted.expect(b"Sb".to_vec(), Expect::Absent);
    accepted.put(b"Sb".to_vec(), b"2".to_vec());
    assert_eq!(store.commit(accepted).unwrap().revision, 2);
}

fn many_threads_lose_no_update_and_leave_no_gap(store: &Store) {
    const THREADS: u64 = 16;
    const EACH: u64 = 25;
    let counter = b"Scounter".as_slice();
    put(store, counter, &0_u64.to_be_bytes());
    let increment = |thread: u64, round: u64| loop {
        let row = store.read(|s| s.get(counter)).unwrap().unwrap();
        let count = u64::from_be_bytes(row.value.as_slice().try_into().unwrap());
        let mut next = commit();
        next.expect(counter.to_vec(), Expect::At(row.revision));
        next.put(counter.to_vec(), (count + 1).to_be_bytes().to_vec());
        append(&mut next, format!("{thread}/{round}"));
        match store.commit(next) {
            Ok(done) => break done,
            Err(StoreError::Conflict { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    };
    let done: Vec<Committed> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || (0..EACH).map(|round| increment(thread, round)).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(value(store, counter), Some((THREADS * EACH).to_be_bytes().to_vec()));
    let revisions: BTreeSet<u64> = done.iter().map(|done| done.revision).collect();
    assert_eq!(revisions, (2..=THREADS * EACH + 1).collect());
    let numbers: BTreeSet<u64> = done.iter().flat_map(|done| done.appended.clone()).collect();
    assert_eq!(numbers, (1..=THREADS * EACH).collect());
    assert_eq!(chain(store).len(), done.len());
    for revision in 1..=THREADS * EACH + 1 {
        assert!(store.read(|s| history::journal_entry(s, revision)).unwrap().is_some(), "no journal of {revision}");
    }
}

/// A deferred commit is one like any other, but for when it reaches the disk.
fn a_deferred_commit_is_seen_at_once_and_keeps_its_place(store: &Store) {
    let mut first = commit();
    first.deferred = true;
    first.put(b"Sdeferred".to_vec(), b"1".to_vec());
    let first = store.commit(first).unwrap();
    assert_eq!(value(store, b"Sdeferred").as_deref(), Some(b"1".as_slice()));
    assert_eq!(*store.watch().borrow(), first.revision);
    let mut second = commit();
    second.expect(b"Sdeferred".to_vec(), Expect::At(first.revision));
    second.put(b"Sdurable".to_vec(), b"2".to_vec());
    assert_eq!(store.commit(second).unwrap().revision, first.revision + 1);
}

/// Commits that share a flush stand or fall alone, and see those before them.
fn commits_of_one_group_stand_or_fall_alone(store: &Store) {
    let outcomes: Vec<Vec<bool>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..32_u32)
            .map(|thread| {
                scope.spawn(move || {
                    let claim = |round: u32| {
                        let mut claim = commit();
                        let key = [b"Sclaim".as_slice(), &round.to_be_bytes()].concat();
                        claim.expect(key.clone(), Expect::Absent);
                        claim.put(key, thread.to_be_bytes().to_vec());
                        claim.put([b"Swon".as_slice(), &thread.to_be_bytes(), &round.to_be_bytes()].concat(), vec![]);
                        store.commit(claim).is_ok()
                    };
                    (0..20).map(claim).collect()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for round in 0..20_u32 {
        let holder = value(store, &[b"Sclaim".as_slice(), &round.to_be_bytes()].concat()).unwrap();
        let winners: Vec<u32> = (0..32).filter(|thread| outcomes[*thread as usize][round as usize]).collect();
        assert_eq!(winners, [u32::from_be_bytes(holder.try_into().unwrap())], "round {round}");
    }
    assert_eq!(scan(store, &KeyRange::prefix(b"Swon"), 1_000).len(), 20);
}

fn a_snapshot_sees_no_commit_in_between(store: &Store) {
    let pair = |n: u32| {
        let mut both = commit();
        both.put(b"Sleft".to_vec(), n.to_be_bytes().to_vec());
        both.put(b"Sright".to_vec(), n.to_be_bytes().to_vec());
        store.commit(both).unwrap();
    };
    pair(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut reads = 0_u32;
                    while !done.load(Ordering::Acquire) || reads == 0 {
                        let (left, right, revision) = store
                            .read(|s| {
                                let left = s.get(b"Sleft")?.unwrap();
                                std::thread::yield_now();
                                let right = s.scan(&KeyRange::prefix(b"Sright"), 1)?.pop().unwrap().1;
                                Ok::<_, StoreError>((left, right, s.revision()))
                            })
                            .unwrap();
                        assert_eq!(left, right);
                        assert_eq!(left.revision, revision);
                        reads += 1;
                    }
                })
            })
            .collect();
        (1..150).for_each(pair);
        done.store(true, Ordering::Release);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

fn watchers_see_the_last_revision(store: &Store) {
    let watch = store.watch();
    assert_eq!(*watch.borrow(), 0);
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            scope.spawn(move || (0..10).for_each(|_| drop(put(store, &[b'S', thread], b"x"))));
        }
    });
    assert!(watch.has_changed().unwrap());
    assert_eq!(*watch.borrow(), 40);
    assert_eq!(*store.watch().borrow(), 40);
}

fn async_callers_are_woken_and_their_errors_come_back(store: &Store) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut watch = store.watch();
        let written = store.run(|store| Ok::<_, StoreError>(put(store, b"Sa", b"1").revision)).await.unwrap();
        tokio::time::timeout(Duration::from_secs(10), watch.changed()).await.unwrap().unwrap();
        assert_eq!(*watch.borrow(), written);
        let fell = store.run::<(), StoreError>(|_| panic!("on purpose")).await;
        assert!(matches!(fell, Err(StoreError::Broken { .. })));
    });
}

/// Reading or committing inside a read could wait for itself; it must say so at once.
fn a_read_inside_a_read_is_refused(store: &Store) {
    let started = Instant::now();
    let nested = store.read(|_| store.read(|s| s.get(b"Sa")));
    assert!(nested.unwrap_err().to_string().contains("let go of the snapshot"));
    let inside = store.read(|_| store.commit(commit()));
    assert!(inside.unwrap_err().to_string().contains("let go of the snapshot"));
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(put(store, b"Sa", b"1").revision, 1);
    let other = memory();
    let across = store.read(|s| Ok::<_, StoreError>((s.revision(), put(&other.store, b"Sb", b"2").revision)));
    assert_eq!(across.unwrap(), (1, 1));
}

/// The code that seals a record is the caller's: it must not take others, or the store, with it.
fn a_seal_that_falls_over_harms_only_its_own_commit(store: &Store) {
    let mut falls = commit();
    falls.put(b"Sa".to_vec(), vec![]);
    falls.append(|_| panic!("on purpose"));
    let fell = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| store.commit(falls)));
    assert!(fell.is_err() || fell.is_ok_and(|answer| answer.is_err()));
    assert_eq!(value(store, b"Sa"), None);
    assert_eq!(put(store, b"Sb", b"1").revision, 1);
}

fn what_was_written_by_whom_is_in_the_journal(store: &Store) {
    let user = |n: u8| [b"U".as_slice(), &[n; 16]].concat();
    let mut first = Commit::new(Actor::Local { uid: 1000 }, now(), Intent::Widen);
    first.audit = Some(9);
    first.put(user(2), vec![1; 20]);
    first.put(user(1), vec![1; 20]);
    first.put(b"Sstate".to_vec(), vec![]);
    store.commit(first).unwrap();
    let entry = store.read(|s| history::journal_entry(s, 1)).unwrap().unwrap();
    assert_eq!((entry.at, entry.by, entry.audit), (now(), Actor::Local { uid: 1000 }, Some(9)));
    assert_eq!((entry.changed, entry.keys), (2, vec![user(2), user(1)]));

    let mut large = commit();
    for n in 0..5_000_u16 {
        large.put([b"U".as_slice(), &n.to_be_bytes(), &[0; 14]].concat(), vec![]);
    }
    store.commit(large).unwrap();
    let entry = store.read(|s| history::journal_entry(s, 2)).unwrap().unwrap();
    assert_eq!(entry.changed, 5_000);
    assert!(entry.keys.len() > 50 && entry.keys.len() < 300, "{}", entry.keys.len());
    let row = store.read(|s| s.get(&schema::journal(2))).unwrap().unwrap();
    assert!(row.value.len() < 6 * 1024);
}

macro_rules! conformance {
    ($engine:ident: $($law:ident)*) => {
        mod $engine {
            $(#[test] fn $law() { super::$law(&super::$engine().store); })*
        }
    };
    ($($engine:ident)*) => {
        $(conformance! { $engine:
            a_commit_whose_expectation_fails_leaves_nothing
            a_long_scan_sees_every_row_once
            a_read_inside_a_read_is_refused
            a_seal_that_falls_over_harms_only_its_own_commit
            a_snapshot_sees_no_commit_in_between
            async_callers_are_woken_and_their_errors_come_back
            a_deferred_commit_is_seen_at_once_and_keeps_its_place
            commits_of_one_group_stand_or_fall_alone
            many_threads_lose_no_update_and_leave_no_gap
            revisions_count_up_and_mark_rows
            rows_come_in_byte_order_and_ranges_are_half_open
            watchers_see_the_last_revision
            what_was_written_by_whom_is_in_the_journal
        })*
    };
}

conformance! { memory sled }
