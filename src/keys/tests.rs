//! Sealing, another master key, and rotation under way.

use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::model::{AccessKey, AccessKeyId, Actor, CredentialOwner, Root};
use crate::store::schema::credentials::Setting;
use crate::store::verify::verify;
use crate::store::{Commit, Intent, credentials, memory};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn text(byte: u8) -> Secret<String> {
    Secret::new(STANDARD.encode([byte; 32]))
}

fn settings(current: u8, previous: Option<u8>) -> Settings {
    Settings { current: Source::Text(text(current)), previous: previous.map(text) }
}

fn secret(text: &str) -> Secret<Vec<u8>> {
    Secret::new(text.as_bytes().to_vec())
}

fn shut(store: &Store, settings: &Settings) -> String {
    let keys = Keys::open(store, settings, NOW).unwrap();
    let error = keys.standing().unwrap_err();
    assert_eq!(keys.seal("x", &secret("x")).unwrap_err(), error);
    error.to_string()
}

/// A store with a root, to whom keys can belong.
fn store() -> Store {
    let store = Store::new(memory::Memory::new());
    let mut commit = Commit::new(Actor::task("test"), NOW, Intent::Widen);
    commit.put_setting(Setting::Root, &Root { created: NOW, locked_since: None }, 0).unwrap();
    store.commit(commit).unwrap();
    store
}

fn add(store: &Store, keys: &Keys, seed: u64) -> Result<AccessKeyId, StoreError> {
    let id = AccessKeyId::fresh(&mut StdRng::seed_from_u64(seed));
    let sealed = keys.seal(&access_key_owner(&id), &secret(id.as_str())).unwrap();
    let key = AccessKey { id: id.clone(), owner: CredentialOwner::Root, active: true, created: NOW, secret: sealed };
    let mut commit = Commit::new(Actor::task("test"), NOW, Intent::Widen);
    commit.add_access_key(&key)?;
    store.commit(commit).map(|_| id)
}

fn opens(store: &Store, keys: &Keys, id: &AccessKeyId) -> bool {
    let held = store.read(|snapshot| credentials::access_key(snapshot, id)).unwrap().unwrap();
    let opened = keys.unseal(&access_key_owner(id), &held.value.secret).unwrap();
    opened.expose() == id.as_str().as_bytes()
}

#[test]
fn what_is_sealed_opens_for_its_owner_alone_also_after_a_restart() {
    let store = store();
    let keys = Keys::open(&store, &settings(1, None), NOW).unwrap();
    let sealed = keys.seal("access-key/A", &secret("s3cret")).unwrap();
    let again = Keys::open(&store, &settings(1, None), NOW).unwrap();
    assert_eq!(again.unseal("access-key/A", &sealed).unwrap().expose(), b"s3cret");
    assert!(matches!(again.unseal("access-key/B", &sealed), Err(KeysError::NotOpened { .. })));
    let other = Sealed { key: 2, ..sealed };
    assert!(again.unseal("access-key/A", &other).unwrap_err().to_string().contains("no sealing key 2"));
}

#[test]
fn another_master_key_opens_nothing_and_says_which_one_is_missing() {
    let store = store();
    let keys = Keys::open(&store, &settings(1, None), NOW).unwrap();
    let sealed = keys.seal("a", &secret("s")).unwrap();
    assert!(shut(&store, &settings(2, None)).contains("previous_master_key_file"));
    let moved = Keys::open(&store, &settings(2, Some(1)), NOW).unwrap();
    assert_eq!(moved.unseal("a", &sealed).unwrap().expose(), b"s");
    // From then on the new one is enough, and the old one no longer is.
    let alone = Keys::open(&store, &settings(2, None), NOW).unwrap();
    assert_eq!(alone.unseal("a", &sealed).unwrap().expose(), b"s");
    assert!(shut(&store, &settings(1, None)).contains("was sealed by master key"));
}

#[test]
fn a_file_that_is_gone_is_not_made_anew_while_something_is_sealed() {
    let (store, dir) = (store(), tempfile::tempdir().unwrap());
    let path = dir.path().join("master.key");
    let from_file = || Settings { current: Source::File(path.clone()), previous: None };
    Keys::open(&store, &from_file(), NOW).unwrap().standing().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(shut(&store, &from_file()).contains("bring it back"));
    assert!(!path.exists());
}

#[test]
fn a_rotation_leaves_every_secret_readable_and_no_old_key() {
    let store = store();
    let keys = Keys::open(&store, &settings(1, None), NOW).unwrap();
    let ids = [1, 2, 3].map(|seed| add(&store, &keys, seed).unwrap());
    assert_eq!(keys.advance(&store, &Actor::task("test"), NOW).unwrap(), 2);
    assert_eq!(keys.standing().unwrap().retiring, [1]);
    let late = add(&store, &keys, 4).unwrap();
    let rotated = keys.reseal(&store, &Actor::task("test"), NOW).unwrap();
    assert_eq!(rotated, Rotated { current: 2, resealed: 3, unreadable: 0 });
    let again = Keys::open(&store, &settings(1, None), NOW).unwrap();
    assert_eq!((again.standing().unwrap().current, again.standing().unwrap().retiring), (2, Vec::new()));
    assert!(ids.iter().chain([&late]).all(|id| opens(&store, &again, id)));
    assert!(verify(&store).unwrap().findings.is_empty());
}

/// A secret sealed by the old key while that is on its way out is either refused or readable, never lost.
#[test]
fn nothing_sealed_during_a_rotation_is_lost() {
    let store = store();
    let keys = Keys::open(&store, &settings(1, None), NOW).unwrap();
    let done = AtomicBool::new(false);
    let made = std::thread::scope(|scope| {
        let adding = scope.spawn(|| {
            let mut made = Vec::new();
            for seed in 0..300 {
                made.extend(add(&store, &keys, seed).ok());
            }
            done.store(true, Ordering::Release);
            made
        });
        while !done.load(Ordering::Acquire) {
            keys.advance(&store, &Actor::task("test"), NOW).unwrap();
            keys.reseal(&store, &Actor::task("test"), NOW).unwrap();
        }
        adding.join().unwrap()
    });
    assert!(made.len() > 100, "{}", made.len());
    assert!(made.iter().all(|id| opens(&store, &keys, id)));
    assert!(verify(&store).unwrap().findings.is_empty());
}
