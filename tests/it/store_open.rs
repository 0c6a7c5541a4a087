//! Opening: what is refused, and that the refusal says what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bailey::base::UserId;
use bailey::store::{self, Expect, Init, Ready, Settings, StoreError, schema};

use crate::store_conformance::{append, chain, commit, now, put, value};

fn settings(dir: &Path) -> Settings {
    Settings { reserve_bytes: 1024 * 1024, ..Settings::new(dir.join("state")) }
}

fn open(settings: &Settings) -> Ready {
    store::open(settings, now()).unwrap()
}

#[track_caller]
fn refusal(settings: &Settings, words: &[&str]) {
    match store::open(settings, now()) {
        Err(error @ StoreError::CannotOpen { .. }) => {
            let text = error.to_string();
            for word in words {
                assert!(text.contains(word), "`{word}` is not in: {text}");
            }
        }
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("opened"),
    }
}

#[test]
fn a_store_is_made_on_first_use_and_is_there_again() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let first = open(&settings);
    assert!(first.created);
    assert_eq!((first.last_commit, first.identity.created), (None, now()));
    put(&first.store, b"Sa", b"1");
    let mut logged = commit();
    append(&mut logged, "one".to_owned());
    logged.put([b"U".as_slice(), &[1; 16]].concat(), vec![1; 20]);
    first.store.commit(logged).unwrap();
    let identity = first.identity.clone();
    drop(first);

    let again = open(&settings);
    assert!(!again.created);
    assert_eq!((again.identity, again.last_commit, again.notices), (identity, Some(now()), vec![]));
    assert_eq!(value(&again.store, b"Sa"), Some(b"1".to_vec()));
    let mut logged = commit();
    append(&mut logged, "two".to_owned());
    assert_eq!(again.store.commit(logged).unwrap().revision, 3);
    assert_eq!(*again.store.watch().borrow(), 3);
    assert_eq!(chain(&again.store), ["one", "two"]);
}

#[test]
fn others_may_not_look_into_it() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    drop(open(&settings));
    let mode = |path: &str| fs::metadata(settings.dir.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("store"), mode("store/db")), (0o700, 0o700, 0o600));
    assert_eq!((mode("lock"), mode("initialised")), (0o600, 0o600));
    fs::set_permissions(&settings.dir, fs::Permissions::from_mode(0o755)).unwrap();
    let notices = open(&settings).notices;
    assert!(notices.concat().contains("mode 755"), "{notices:?}");
    assert_eq!(mode(""), 0o700);
}

#[test]
fn a_second_process_is_told_who_is_first() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let first = open(&settings);
    refusal(&settings, &["another process", &format!("pid {}", std::process::id()), "Stop that process"]);
    drop(first);
    open(&settings);
}

/// A command opened it while no daemon ran; the daemon that starts waits for its end.
#[test]
fn who_is_patient_is_second_without_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(&settings(dir.path()));
    let patient = Settings { patience: std::time::Duration::from_secs(20), ..settings(dir.path()) };
    let second = std::thread::spawn(move || drop(open(&patient)));
    // However soon or late it asks: it is there in the end.
    drop(first);
    second.join().unwrap();
}

#[test]
fn a_store_that_has_gone_missing_is_not_replaced_by_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    put(&open(&settings).store, b"Sa", b"1");
    let files = settings.dir.join("store");
    let aside = settings.dir.join("aside");
    fs::rename(&files, &aside).unwrap();
    refusal(&settings, &["it is gone", "bailey store import", "--init"]);
    // The refusal left an empty directory in its place, which changes nothing.
    refusal(&settings, &["it is gone"]);
    fs::remove_dir(&files).unwrap();
    fs::rename(&aside, &files).unwrap();
    assert_eq!(value(&open(&settings).store, b"Sa"), Some(b"1".to_vec()));

    fs::remove_dir_all(&files).unwrap();
    let anew = open(&Settings { init: Init::Anew, ..settings.clone() });
    assert!(anew.created);
    assert_eq!(value(&anew.store, b"Sa"), None);
    drop(anew);
    assert!(!open(&settings).created);
}

#[test]
fn another_store_in_its_place_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (settings(&dir.path().join("a")), settings(&dir.path().join("b")));
    fs::create_dir(dir.path().join("a")).unwrap();
    fs::create_dir(dir.path().join("b")).unwrap();
    drop(open(&ours));
    drop(open(&theirs));
    fs::remove_dir_all(ours.dir.join("store")).unwrap();
    fs::rename(theirs.dir.join("store"), ours.dir.join("store")).unwrap();
    refusal(&ours, &["not the store that was made here", "--init"]);
    open(&Settings { init: Init::Anew, ..ours.clone() });
    open(&ours);
}

#[test]
fn a_start_cut_short_before_the_marker_is_made_good() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let identity = open(&settings).identity;
    fs::remove_file(settings.dir.join("initialised")).unwrap();
    assert_eq!(open(&settings).identity, identity);
    assert!(settings.dir.join("initialised").exists());
}

#[test]
fn a_newer_layout_and_an_unknown_older_one_are_refused() {
    let newer = schema::SCHEMA_VERSION + 1;
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    put(&open(&settings).store, &schema::meta("schema"), newer.to_string().as_bytes());
    refusal(&settings, &[&format!("its layout is {newer} and this version knows {}", newer - 1), "newer version"]);

    let dir = tempfile::tempdir().unwrap();
    let settings = self::settings(dir.path());
    put(&open(&settings).store, &schema::meta("schema"), b"0");
    refusal(&settings, &["its layout is 0", "no step leads on"]);
}

#[test]
fn a_store_of_the_demonstration_stays_one() {
    let dir = tempfile::tempdir().unwrap();
    let real = settings(dir.path());
    let demo = Settings { demo: true, dir: dir.path().join("demo"), ..real.clone() };
    drop(open(&demo));
    refusal(&Settings { demo: false, ..demo.clone() }, &["made by the demonstration", "--demo"]);
    drop(open(&real));
    refusal(&Settings { demo: true, ..real.clone() }, &["not made by the demonstration"]);
    assert!(open(&demo).identity.demo);
}

/// Without the removal sled takes this file for its page table and reports corruption.
#[test]
fn what_an_interrupted_start_left_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    put(&open(&settings).store, b"Sa", b"1");
    let unfinished = settings.dir.join("store/snap.7FFFFFFFFFFFFFFF.generating");
    fs::write(&unfinished, b"half a page table").unwrap();
    assert_eq!(value(&open(&settings).store, b"Sa"), Some(b"1".to_vec()));
    assert!(!unfinished.exists());
    fs::write(settings.dir.join("store/snap.7FFFFFFFFFFFFFFF"), b"short").unwrap();
    refusal(&settings, &["damaged", "bailey store import"]);
}

/// A log that lost its end reads like one that was cut short, and the engine says nothing.
#[test]
fn acknowledged_commits_that_are_gone_are_missed() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    put(&open(&settings).store, b"Sa", b"1");
    let (files, older) = (settings.dir.join("store"), dir.path().join("older"));
    fs::create_dir(&older).unwrap();
    let copy = |from: &Path, to: &Path| {
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    };
    copy(&files, &older);
    let newer = open(&settings);
    let before = newer.store.epoch().unwrap();
    put(&newer.store, b"Sb", b"2");
    drop(newer);
    fs::remove_dir_all(&files).unwrap();
    fs::create_dir(&files).unwrap();
    copy(&older, &files);
    refusal(&settings, &["commit 2 was acknowledged", "the last one found is 1", "delete"]);
    fs::remove_file(settings.dir.join("acknowledged")).unwrap();
    let put_back = open(&settings);
    assert_eq!(value(&put_back.store, b"Sb"), None);
    let epoch = put_back.store.epoch().unwrap();
    assert_ne!(epoch, before, "it is a restore, if by hand");
    drop(put_back);
    assert_eq!(open(&settings).store.epoch().unwrap(), epoch);
    assert_eq!(value(&open(&settings).store, b"Sa"), Some(b"1".to_vec()));
}

#[test]
fn a_damaged_marker_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    drop(open(&settings));
    fs::write(settings.dir.join("initialised"), b"{").unwrap();
    refusal(&settings, &["initialised", "delete"]);
}

/// Damage must show as an error, never as a panic, an absence or another value.
#[test]
fn damaged_files_never_answer_wrongly() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let whole = open(&settings);
    let key = |n: u32| [b"S".as_slice(), &n.to_be_bytes()].concat();
    let mut all = commit();
    (0..400).for_each(|n| all.put(key(n), vec![u8::try_from(n % 251).unwrap(); 300]));
    whole.store.commit(all).unwrap();
    drop(whole);
    let files = ["conf", "db"].map(|name| {
        let path = settings.dir.join("store").join(name);
        (fs::read(&path).unwrap(), path)
    });
    // Every place where one of these rows was ever written: the newest of them is the one that counts.
    let run =
        |n: u8| files[1].0.windows(300).enumerate().filter(move |(_, bytes)| **bytes == [n; 300]).map(|(at, _)| at);
    let places: Vec<usize> = [3, 90, 170, 240].into_iter().flat_map(run).collect();
    assert!(places.len() >= 4, "the rows are not in the file as written");
    let mut noticed = 0;
    for at in places {
        fs::remove_dir_all(settings.dir.join("store")).unwrap();
        fs::create_dir(settings.dir.join("store")).unwrap();
        files.iter().for_each(|(bytes, path)| fs::write(path, bytes).unwrap());
        let mut damaged = files[1].0.clone();
        damaged[at + 150] ^= 0x10;
        fs::write(&files[1].1, &damaged).unwrap();
        let Ok(opened) = store::open(&settings, now()) else {
            noticed += 1;
            continue;
        };
        for n in 0..400 {
            match opened.store.read(|s| s.get(&key(n))) {
                Ok(row) => {
                    let value = row.map(|row| row.value);
                    assert_eq!(value, Some(vec![u8::try_from(n % 251).unwrap(); 300]), "row {n}, byte {at} flipped");
                }
                Err(error) => {
                    noticed += 1;
                    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
                    assert!(opened.store.health().broken.is_some());
                    assert!(opened.store.commit(commit()).is_err(), "writes on what is known to be damaged");
                    break;
                }
            }
        }
    }
    assert!(noticed > 0, "no damage was noticed: the test damages nothing");
}

/// Leaves that sled finds too long it writes to files of their own, which is slow, and from which it does
/// not recover when the disk is full. A load with its journal and its history makes none.
#[test]
fn a_load_keeps_no_rows_in_files_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let opened = open(&settings);
    let files = || fs::read_dir(settings.dir.join("store/blobs")).unwrap().count();
    for round in 0..60_u32 {
        let mut all = commit();
        for n in 0..1_000_u32 {
            let mut id = [7; 16];
            id[..4].copy_from_slice(&(round % 30 * 1_000 + n).to_be_bytes());
            all.put(schema::user(&UserId::from_bytes(id)), vec![7; 500]);
        }
        opened.store.commit(all).unwrap();
        assert_eq!(files(), 0, "after {round} commits");
    }
    // Where they are as long as they may be, there are such files, and nothing is lost.
    let long = |n: u8| vec![n; store::LONGEST_VALUE];
    for n in 0..64_u8 {
        let mut one = commit();
        one.put(vec![b'S', n], long(n));
        opened.store.commit(one).unwrap();
    }
    assert!(files() > 0, "the test proves nothing");
    drop(opened);
    let opened = open(&settings);
    for n in 0..64_u8 {
        assert_eq!(opened.store.read(|s| s.get(&[b'S', n])).unwrap().map(|row| row.value), Some(long(n)));
    }
}

#[test]
fn acknowledged_commits_are_counted_and_refused_ones_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(&settings(dir.path()));
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        for n in 0..3_u8 {
            put(&opened.store, &[b'S', n], b"x");
        }
        let mut refused = commit();
        refused.expect(b"S\0".to_vec(), Expect::Absent);
        opened.store.commit(refused).unwrap_err();
    });
    let page = handle.render();
    assert!(page.contains("bailey_store_commits_total 3\n"), "{page}");
}
