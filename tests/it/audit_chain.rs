//! The audit log under tampering, concurrency, crashes and a full disk.

use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::Ordering;

use bailey::audit::{Audit, ChainFault, ChainFaultKind, Event, Identity, Outcome, Trace, tail, verify};
use bailey::base::Timestamp;
use bailey::model::Actor;
use bailey::store::{Commit, Expect, Intent, Store, schema};
use futures_util::StreamExt as _;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::tiny_store::{Rows, Tiny};

fn open(store: Store, state: &Path) -> Audit {
    let identity =
        Identity { account: "123456789012".parse().unwrap(), build: "test".to_owned(), node: "n".to_owned() };
    Audit::open(store, identity, state).unwrap()
}

fn fresh() -> (Tiny, Audit, TempDir) {
    let (tiny, state) = (Tiny::default(), tempfile::tempdir().unwrap());
    let audit = open(tiny.store(), state.path());
    (tiny, audit, state)
}

fn now() -> Timestamp {
    "2026-03-12T12:00:00Z".parse().unwrap()
}

fn operator() -> Actor {
    Actor::Local { uid: 0 }
}

/// A log of `count` records.
fn filled(count: u64) -> Tiny {
    let (tiny, audit, _state) = fresh();
    for n in 0..count {
        audit.record(&operator(), &Event::new("StartSync").with("n", n), &Outcome::success(), now()).unwrap();
    }
    tiny
}

fn records(store: &Store) -> Vec<serde_json::Value> {
    tail::last(store, u64::MAX).unwrap().iter().map(|line| serde_json::from_str(&line.json).unwrap()).collect()
}

fn fault(tiny: &Tiny) -> Option<ChainFault> {
    verify(&tiny.store(), 1).unwrap().fault
}

fn at(seq: u64, kind: ChainFaultKind) -> Option<ChainFault> {
    Some(ChainFault { seq, kind })
}

/// The hash of a record by the words of the format alone, not by our code.
fn hash_by_the_book(record: &str) -> String {
    let start = record.rfind(",\"hash\":\"").unwrap();
    let body = format!("{}}}}}", &record[..start]);
    let mut bytes = vec![0];
    bytes.extend((body.len() as u64).to_be_bytes());
    bytes.extend(body.as_bytes());
    hex::encode(Sha256::digest(bytes))
}

/// `record` with `from` replaced, and a hash that fits again.
fn rewritten(record: &str, from: &str, to: &str) -> String {
    assert!(record.contains(from), "{record}");
    let record = record.replace(from, to);
    let start = record.rfind(",\"hash\":\"").unwrap();
    format!("{},\"hash\":\"{}\"}}}}", &record[..start], hash_by_the_book(&record))
}

#[test]
fn a_stranger_with_the_format_alone_verifies_the_chain() {
    let tiny = filled(20);
    let mut previous = "0".repeat(64);
    for (n, line) in tail::last(&tiny.store(), 100).unwrap().iter().enumerate() {
        let record: serde_json::Value = serde_json::from_str(&line.json).unwrap();
        assert_eq!(record["bailey"]["seq"], n as u64 + 1);
        assert_eq!(record["bailey"]["prev_hash"], previous.as_str());
        previous = hash_by_the_book(&line.json);
        assert_eq!(record["bailey"]["hash"], previous.as_str());
    }
    let verdict = verify(&tiny.store(), 1).unwrap();
    assert_eq!((verdict.fault, verdict.sound, verdict.last_hash), (None, 20, previous));
    assert_eq!(verify(&tiny.store(), 15).unwrap().sound, 6);
}

#[test]
fn whatever_is_done_to_a_record_its_number_is_named() {
    const COUNT: u64 = 200;
    let whole = filled(COUNT);
    for seq in 1..=COUNT {
        let key = schema::log(seq);
        let tampered = |change: &dyn Fn(&mut Rows)| {
            let copy = whole.copy();
            copy.tamper(change);
            fault(&copy)
        };
        assert_eq!(
            tampered(&|rows| drop(rows.remove(&key))),
            at(seq, if seq == COUNT { ChainFaultKind::Truncated } else { ChainFaultKind::Removed })
        );
        assert_eq!(tampered(&|rows| rows.get_mut(&key).unwrap().value[30] ^= 1), at(seq, ChainFaultKind::Altered));
        assert_eq!(tampered(&|rows| rows.retain(|k, _| k[0] != b'A' || *k < key)), at(seq, ChainFaultKind::Truncated));
        assert_eq!(
            tampered(&|rows| {
                let other = schema::log(if seq == COUNT { seq - 1 } else { seq + 1 });
                let (a, b) = (rows[&key].value.clone(), rows[&other].value.clone());
                rows.get_mut(&key).unwrap().value = b;
                rows.get_mut(&other).unwrap().value = a;
            }),
            at(if seq == COUNT { seq - 1 } else { seq }, ChainFaultKind::Misplaced)
        );
        assert_eq!(
            tampered(&|rows| {
                for later in (seq..=COUNT).rev() {
                    let row = rows[&schema::log(later)].clone();
                    rows.insert(schema::log(later + 1), row);
                }
            }),
            at(seq + 1, if seq == COUNT { ChainFaultKind::Inserted } else { ChainFaultKind::Misplaced })
        );
        // Somebody who knows the format gives the altered record a hash that fits.
        let record = String::from_utf8(whole_row(&whole, &key)).unwrap();
        let forged = rewritten(&record, "uid:0", "uid:7").into_bytes();
        assert_eq!(
            tampered(&|rows| rows.get_mut(&key).unwrap().value = forged.clone()),
            at(seq, ChainFaultKind::Altered)
        );
        // .. or lets it name another predecessor.
        let link = format!("\"prev_hash\":\"{}", &record[record.find("prev_hash").unwrap() + 12..][..8]);
        let forged = rewritten(&record, &link, "\"prev_hash\":\"12345678").into_bytes();
        assert_eq!(
            tampered(&|rows| rows.get_mut(&key).unwrap().value = forged.clone()),
            at(seq, ChainFaultKind::Altered)
        );
    }
}

fn whole_row(tiny: &Tiny, key: &[u8]) -> Vec<u8> {
    tiny.store().read(|s| s.get(key)).unwrap().unwrap().value
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_flipped_bit_goes_unnoticed(seq in 1_u64..=8, position in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let tiny = filled(8);
        tiny.tamper(|rows| {
            let value = &mut rows.get_mut(&schema::log(seq)).unwrap().value;
            let position = position.index(value.len());
            value[position] ^= 1 << bit;
        });
        prop_assert_eq!(fault(&tiny), at(seq, ChainFaultKind::Altered));
    }
}

#[test]
fn sixteen_threads_leave_no_gap_and_every_event_ends() {
    let (tiny, audit, state) = fresh();
    std::thread::scope(|scope| {
        for thread in 0..16_u64 {
            let audit = audit.clone();
            scope.spawn(move || {
                for n in 0..25 {
                    let opened = audit
                        .begin(&operator(), &Event::new("StartSync").with("thread", thread).with("n", n), now())
                        .unwrap();
                    opened.complete(&Outcome::success(), now());
                }
            });
        }
    });
    let verdict = verify(&tiny.store(), 1).unwrap();
    assert_eq!((verdict.fault, verdict.sound), (None, 16 * 25 * 2));
    let records = records(&tiny.store());
    for completed in records.iter().filter(|r| r["bailey"]["phase"] == "completed") {
        let begun = &records[completed["bailey"]["opened"].as_u64().unwrap() as usize - 1];
        assert_eq!(begun["eventID"], completed["sharedEventID"]);
        assert_eq!(begun["requestParameters"], completed["requestParameters"]);
    }
    assert_eq!(open(tiny.store(), state.path()).close_unfinished(now()).unwrap(), 0);
}

#[test]
fn what_a_crash_left_open_is_closed_as_unknown_once() {
    let (tiny, audit, state) = fresh();
    let event = Event::new("StartSync").with("directory", "corp");
    let seqs: Vec<u64> = (0..3)
        .map(|_| {
            let opened = audit.begin(&operator(), &event, now()).unwrap();
            let seq = opened.seq();
            // A crash runs no destructor.
            std::mem::forget(opened);
            audit.begin(&operator(), &Event::new("Other"), now()).unwrap().complete(&Outcome::success(), now());
            seq
        })
        .collect();
    drop(audit);
    let audit = open(tiny.store(), state.path());
    tiny.full.store(true, Ordering::Release);
    assert!(audit.close_unfinished(now()).is_err(), "it cannot be written now");
    tiny.full.store(false, Ordering::Release);
    let running = audit.begin(&operator(), &Event::new("Running"), now()).unwrap();
    assert_eq!(audit.close_unfinished(now()).unwrap(), 3, "what runs is not touched");
    assert_eq!(audit.close_unfinished(now()).unwrap(), 0);
    running.complete(&Outcome::success(), now());
    assert_eq!(open(tiny.store(), state.path()).close_unfinished(now()).unwrap(), 0);
    let records = records(&tiny.store());
    let closed: Vec<u64> = records
        .iter()
        .filter(|r| r["bailey"]["outcome"] == "unknown")
        .map(|r| {
            assert_eq!(
                (r["eventName"].as_str(), r["requestParameters"]["directory"].as_str()),
                (Some("StartSync"), Some("corp"))
            );
            r["bailey"]["opened"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(closed.iter().collect::<std::collections::BTreeSet<_>>(), seqs.iter().collect());
    assert_eq!(fault(&tiny), None);
}

#[test]
fn effect_and_record_are_there_together_or_not_at_all() {
    let (tiny, audit, state) = fresh();
    let key = schema::meta("effect");
    let effect = |expect: Expect| {
        let mut commit = Commit::new(operator(), now(), Intent::Widen);
        commit.expect(schema::meta("effect"), expect);
        commit.put(schema::meta("effect"), b"1".to_vec());
        commit
    };
    let opened = audit.begin(&operator(), &Event::new("ApproveHeldChanges"), now()).unwrap();
    let refused = opened.commit(effect(Expect::Present), &Outcome::success(), now()).err().unwrap();
    assert_eq!(tail::last(&tiny.store(), 10).unwrap().len(), 1, "a refused commit leaves no completion");
    let committed = refused
        .opened
        .commit(effect(Expect::Absent), &Outcome::success().with("changes", 3), now())
        .unwrap_or_else(|not| panic!("{}", not.error));
    let effect_row = tiny.store().read(|s| s.get(&key)).unwrap().unwrap();
    let record_row = tiny.store().read(|s| s.get(&schema::log(2))).unwrap().unwrap();
    assert_eq!((effect_row.revision, record_row.revision), (committed.revision, committed.revision));
    assert_eq!(records(&tiny.store())[1]["responseElements"]["changes"], 3);
    let opened = audit.begin(&operator(), &Event::new("RefuseHeldChanges"), now()).unwrap();
    let mut commit = Commit::new(operator(), now(), Intent::Narrow);
    opened.complete_in(&mut commit, &Outcome::success(), now());
    assert_eq!(commit.audit, Some(3));
    tiny.store().commit(commit).unwrap();
    assert_eq!(open(tiny.store(), state.path()).close_unfinished(now()).unwrap(), 0);
}

#[test]
fn a_full_disk_refuses_what_widens_and_owes_what_narrows() {
    let (tiny, audit, state) = fresh();
    audit.record(&operator(), &Event::new("First"), &Outcome::success(), now()).unwrap();
    tiny.full.store(true, Ordering::Release);
    let refusal = audit.begin(&operator(), &Event::new("StartSync"), now()).err().unwrap().to_string();
    assert!(refusal.contains("nothing was done") && refusal.contains("free some space"), "{refusal}");
    for n in 0..3_u64 {
        let trace = audit.trace(&operator(), &Event::narrowing("SuspendUser").with("n", n), now());
        assert!(matches!(trace, Trace::Owed(_)));
        trace.complete(&Outcome::success(), now());
    }
    // One is still under way when the daemon dies.
    let long =
        (0..10).fold(Event::narrowing("EndSession"), |event, n| event.with(&format!("p{n}"), "x".repeat(20_000)));
    let trace = audit.trace(&operator(), &long, now());
    std::mem::forget(trace);
    drop(audit);

    let audit = open(tiny.store(), state.path());
    assert_eq!(audit.owed(), 4);
    tiny.full.store(false, Ordering::Release);
    audit.begin(&operator(), &Event::new("Next"), now()).unwrap().complete(&Outcome::success(), now());
    assert_eq!(audit.owed(), 0);
    let seen: Vec<_> = records(&tiny.store())
        .iter()
        .map(|r| {
            (r["eventName"].as_str().unwrap().to_owned(), r["bailey"]["outcome"].clone(), r["bailey"]["owed"] == true)
        })
        .collect();
    let line = |name: &str, outcome: &str, owed| (name.to_owned(), outcome.into(), owed);
    let suspended = line("SuspendUser", "success", true);
    let next = ("Next".to_owned(), serde_json::Value::Null, false);
    assert_eq!(
        seen,
        [
            line("First", "success", false),
            suspended.clone(),
            suspended.clone(),
            suspended,
            line("EndSession", "unknown", true),
            next,
            line("Next", "success", false)
        ]
    );
    assert_eq!(records(&tiny.store())[4]["bailey"]["trimmed"], true);
    assert_eq!(fault(&tiny), None);
    assert_eq!(open(tiny.store(), state.path()).owed(), 0);
}

#[test]
fn the_end_of_an_event_that_cannot_be_written_is_owed() {
    let (tiny, audit, state) = fresh();
    let opened = audit.begin(&operator(), &Event::new("StartSync"), now()).unwrap();
    tiny.full.store(true, Ordering::Release);
    opened.complete(&Outcome::failed("Full", &"the disk is full"), now());
    assert_eq!(audit.owed(), 1);
    drop(audit);
    tiny.full.store(false, Ordering::Release);
    let audit = open(tiny.store(), state.path());
    assert_eq!(audit.close_unfinished(now()).unwrap(), 0, "its end is known");
    let records = records(&tiny.store());
    assert_eq!((&records[1]["bailey"]["outcome"], &records[1]["bailey"]["opened"]), (&"failed".into(), &1.into()));
    assert_eq!(records.len(), 2);
}

#[test]
fn a_crash_between_the_commit_and_the_drawer_writes_nothing_twice() {
    let (tiny, audit, state) = fresh();
    tiny.full.store(true, Ordering::Release);
    audit.trace(&operator(), &Event::narrowing("SuspendUser"), now()).complete(&Outcome::success(), now());
    let drawer = state.path().join("owed.bin");
    let before = std::fs::read(&drawer).unwrap();
    tiny.full.store(false, Ordering::Release);
    audit.record(&operator(), &Event::new("Next"), &Outcome::success(), now()).unwrap();
    drop(audit);
    std::fs::write(&drawer, before).unwrap();
    let audit = open(tiny.store(), state.path());
    assert_eq!(audit.owed(), 0);
    audit.record(&operator(), &Event::new("Last"), &Outcome::success(), now()).unwrap();
    assert_eq!(records(&tiny.store()).iter().filter(|r| r["eventName"] == "SuspendUser").count(), 1);
}

#[test]
fn the_drawer_is_private_whole_and_not_somebody_elses_file() {
    let (tiny, audit, state) = fresh();
    let drawer = state.path().join("owed.bin");
    let found = std::fs::metadata(&drawer).unwrap();
    assert_eq!((found.permissions().mode() & 0o777, found.len()), (0o600, 1 << 20));
    tiny.full.store(true, Ordering::Release);
    for _ in 0..2 {
        audit.trace(&operator(), &Event::narrowing("SuspendUser"), now()).complete(&Outcome::success(), now());
    }
    let size = |state: &TempDir| std::fs::metadata(state.path().join("owed.bin")).unwrap().len();
    assert_eq!(size(&state), 1 << 20, "a full disk gives no new room");
    drop(audit);
    let file = std::fs::OpenOptions::new().write(true).open(&drawer).unwrap();
    file.write_all_at(b"torn", 100).unwrap();
    assert_eq!(open(tiny.store(), state.path()).owed(), 1, "a torn slot is known for torn, the other is kept");

    let other = tempfile::tempdir().unwrap();
    symlink(&drawer, other.path().join("owed.bin")).unwrap();
    let identity = Identity { account: "123456789012".parse().unwrap(), build: String::new(), node: String::new() };
    let error = Audit::open(tiny.store(), identity, other.path()).err().unwrap().to_string();
    assert!(error.contains("owed.bin"), "{error}");
}

#[test]
fn revocations_go_on_when_even_the_drawer_is_full() {
    let (tiny, audit, _state) = fresh();
    tiny.full.store(true, Ordering::Release);
    for _ in 0..300 {
        audit.trace(&operator(), &Event::narrowing("SuspendUser"), now()).complete(&Outcome::success(), now());
    }
    assert_eq!(audit.owed(), 256);
    tiny.full.store(false, Ordering::Release);
    audit.record(&operator(), &Event::new("Next"), &Outcome::success(), now()).unwrap();
    let records = records(&tiny.store());
    assert_eq!(records.len(), 258);
    assert_eq!(
        (&records[256]["eventName"], &records[256]["responseElements"]["records"]),
        (&"AuditRecordsLost".into(), &44.into())
    );
    assert_eq!(fault(&tiny), None);
}

#[tokio::test]
async fn following_the_log_yields_each_record_once() {
    let (tiny, audit, _state) = fresh();
    let follower = tokio::spawn(tail::follow(tiny.store(), 0).take(40).collect::<Vec<_>>());
    for n in 0..40 {
        audit.record(&operator(), &Event::new("X").with("n", n), &Outcome::success(), now()).unwrap();
        tokio::task::yield_now().await;
    }
    let seqs: Vec<u64> = follower.await.unwrap().into_iter().map(|line| line.unwrap().seq).collect();
    assert_eq!(seqs, (1..=40).collect::<Vec<_>>());
}
