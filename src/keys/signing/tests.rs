//! Tokens that are believed and tokens that are not, and keys that come and go.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::keys::{Settings, Source};
use crate::model::Actor;
use crate::store::verify::verify;
use crate::store::{Commit, Committed, Engine, EngineHealth, Intent, Revision, Snapshot, StoreError, memory, schema};

const ES256: Algorithm = Algorithm::Es256;

fn at(hours: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH.saturating_add(SignedDuration::from_hours(hours)).unwrap()
}

fn store() -> Store {
    Store::new(memory::Memory::new())
}

fn keys(store: &Store) -> Keys {
    let master = Source::Text(Secret::new(STANDARD.encode([1; 32])));
    Keys::open(store, &Settings { current: master, previous: None }, at(0)).unwrap()
}

fn operator() -> Actor {
    Actor::Local { uid: 0 }
}

fn names(keys: &Keys) -> Vec<String> {
    keys.jwks().keys.into_iter().map(|key| key.kid).collect()
}

fn turned(keys: &Keys, store: &Store, hour: i64) -> Vec<(Befell, String)> {
    said(keys.turn_signing_keys(store, ES256, at(hour)).unwrap())
}

fn said(events: Vec<KeyEvent>) -> Vec<(Befell, String)> {
    events.into_iter().map(|event| (event.what, event.key)).collect()
}

fn states(keys: &Keys, hour: i64) -> Vec<&'static str> {
    keys.signing_keys(at(hour)).iter().map(|key| key.state.name()).collect()
}

/// Which key signs at `hour`.
fn signs(keys: &Keys, hour: i64) -> String {
    let token = keys.sign(ES256, "t", &json!({}), at(hour)).unwrap();
    verified(&token, &keys.jwks()).unwrap().0["kid"].as_str().unwrap().to_owned()
}

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// Header and claims of a token whose signature is one of `jwks`: found out from what is published alone.
fn verified(token: &Secret<String>, jwks: &Jwks) -> Option<(Value, Value)> {
    let (signed, signature) = token.expose().rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let json = |part: &str| serde_json::from_slice::<Value>(&decoded(part)).unwrap();
    let header = json(header);
    let jwks = serde_json::to_value(jwks).unwrap();
    let key = jwks["keys"].as_array().unwrap().iter().find(|key| header["kid"] == key["kid"])?;
    let number = |name: &str| decoded(key[name].as_str().unwrap());
    let (message, signature) = (signed.as_bytes(), decoded(signature));
    let holds = match (key["kty"].as_str().unwrap(), key["alg"].as_str().unwrap()) {
        ("EC", "ES256") => {
            let point = [vec![4], number("x"), number("y")].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, &signature)
        }
        ("OKP", "EdDSA") => UnparsedPublicKey::new(&ED25519, number("x")).verify(message, &signature),
        ("RSA", "RS256") => RsaPublicKeyComponents { n: number("n"), e: number("e") }.verify(
            &RSA_PKCS1_2048_8192_SHA256,
            message,
            &signature,
        ),
        other => panic!("{other:?}"),
    };
    holds.ok().map(|()| (header, json(claims)))
}

#[test]
fn a_token_of_each_algorithm_is_verified_by_what_is_published_also_after_a_restart() {
    let store = store();
    let first = keys(&store);
    let claims = json!({ "sub": "AIDA", "exp": 3600 });
    for algorithm in Algorithm::ALL {
        let none = first.sign(algorithm, "t", &claims, at(0)).unwrap_err().to_string();
        assert!(none.contains("no key to sign with by") && none.contains(algorithm.name()), "{none}");
        first.turn_signing_keys(&store, algorithm, at(0)).unwrap();
        let token = first.sign(algorithm, "test+jwt", &claims, at(0)).unwrap();
        let again = keys(&store);
        let (header, shown) = verified(&token, &again.jwks()).unwrap();
        assert_eq!((&header["alg"], &header["typ"]), (&json!(algorithm), &json!("test+jwt")));
        assert_eq!(shown, claims);
        assert_eq!(again.verify_token::<Value>("test+jwt", token.expose(), at(0)), Ok(claims.clone()));
        let mut parts: Vec<&str> = token.expose().split('.').collect();
        let forged = URL_SAFE_NO_PAD.encode(r#"{"sub":"root","exp":3600}"#);
        parts[1] = &forged;
        let forged = parts.join(".");
        assert_eq!(again.verify_token::<Value>("test+jwt", &forged, at(0)), Err(TokenError::BadSignature));
        assert_eq!(verified(&Secret::new(forged), &again.jwks()), None);
    }
    let modulus = serde_json::to_value(keys(&store).jwks()).unwrap()["keys"][2]["n"].as_str().map(decoded);
    assert_eq!(modulus.unwrap().len() * 8, 3072);
    assert!(verify(&store).unwrap().findings.is_empty());
}

#[test]
fn without_a_master_key_nothing_is_signed_and_nothing_is_made() {
    let store = store();
    turned(&keys(&store), &store, 0);
    let other = Source::Text(Secret::new(STANDARD.encode([2; 32])));
    let shut = Keys::open(&store, &Settings { current: other, previous: None }, at(0)).unwrap();
    assert_eq!(turned(&shut, &store, 1), []);
    assert!(shut.rotate_signing_key(&store, ES256, &operator(), at(1)).is_err());
    assert!(shut.replace_signing_key(&store, ES256, &operator(), at(1)).is_err());
    assert!(shut.sign(ES256, "t", &json!({}), at(1)).is_err() && shut.jwks().keys.is_empty());
    assert_eq!(keys(&store).jwks().keys.len(), 1, "it is there again with the right one");
}

#[test]
fn a_key_is_published_a_day_before_it_signs_and_a_day_after() {
    let store = store();
    let keys = keys(&store);
    let made = |hour: i64| turned(&keys, &store, hour);
    let begun = made(0);
    let first = begun[0].1.clone();
    assert_eq!(begun, [(Befell::Created, first.clone()), (Befell::Activated, first.clone())]);
    let end = 90 * 24;
    assert_eq!(made(end - 25), []);
    let second = made(end - 24).remove(0).1;
    assert_eq!(names(&keys), [first.clone(), second.clone()]);
    assert_eq!(states(&keys, end - 1), ["current", "next"]);
    assert_eq!((signs(&keys, end - 1), signs(&keys, end)), (first.clone(), second.clone()));
    // Whoever restarts in between says no less, and nothing twice.
    let again = super::tests::keys(&store);
    let exchanged = [(Befell::Activated, second.clone()), (Befell::Retired, first.clone())];
    assert_eq!(turned(&again, &store, end), exchanged);
    assert_eq!(turned(&super::tests::keys(&store), &store, end), []);
    let keys = again;
    assert_eq!(states(&keys, end), ["retiring", "current"]);
    assert_eq!(turned(&keys, &store, end + 23), [], "a token of the first key may still be on its way");
    assert_eq!(turned(&keys, &store, end + 24), [(Befell::Destroyed, first)]);
    assert_eq!(names(&keys), [second.as_str()]);
    assert_eq!(names(&super::tests::keys(&store)), [second.as_str()]);
    // The daemon was down for a year: the old key signs until the new one was published for a day.
    let year = end + 365 * 24;
    let third = turned(&keys, &store, year).remove(0).1;
    assert_eq!((signs(&keys, year + 23), signs(&keys, year + 24)), (second, third));
}

/// The clock was years ahead when the key was made, and a person set it right.
#[test]
fn a_key_of_a_time_that_was_none_is_replaced() {
    let store = store();
    let keys = keys(&store);
    let years = 5 * 365 * 24;
    let far = turned(&keys, &store, years).remove(0).1;
    assert_eq!(signs(&keys, 0), far, "better than none");
    let next = turned(&keys, &store, 1).remove(0).1;
    assert_eq!((signs(&keys, 24), signs(&keys, 25)), (far.clone(), next.clone()));
    assert_eq!(turned(&keys, &store, 25), [(Befell::Activated, next), (Befell::Retired, far.clone())]);
    assert_eq!(turned(&keys, &store, 49), [(Befell::Destroyed, far)]);
    assert_eq!(turned(&keys, &store, 50), []);
}

#[test]
fn the_next_key_can_be_asked_for_and_no_token_of_the_old_one_is_lost() {
    let store = store();
    let keys = keys(&store);
    let rotate = |hour: i64| said(keys.rotate_signing_key(&store, ES256, &operator(), at(hour)).unwrap());
    let first = turned(&keys, &store, 0).remove(0).1;
    let second = rotate(10).remove(0).1;
    assert_eq!(rotate(11), [], "the next one is there already");
    let claims = json!({ "exp": 58 * 3600 });
    let token = keys.sign(ES256, "t", &claims, at(33)).unwrap();
    assert_eq!((signs(&keys, 33), signs(&keys, 34)), (first.clone(), second.clone()));
    assert_eq!(turned(&keys, &store, 34), [(Befell::Activated, second), (Befell::Retired, first.clone())]);
    assert_eq!(keys.verify_token::<Value>("t", token.expose(), at(57)), Ok(claims));
    assert_eq!(turned(&keys, &store, 58), [(Befell::Destroyed, first)]);
    assert_eq!(keys.verify_token::<Value>("t", token.expose(), at(57)), Err(TokenError::UnknownKey));
}

#[test]
fn in_an_emergency_a_new_key_signs_at_once_and_no_old_one_is_believed() {
    let store = store();
    let keys = keys(&store);
    keys.turn_signing_keys(&store, Algorithm::EdDsa, at(0)).unwrap();
    let first = turned(&keys, &store, 0).remove(0).1;
    keys.rotate_signing_key(&store, ES256, &operator(), at(0)).unwrap();
    let stolen = keys.sign(ES256, "t", &json!({ "exp": i64::from(u32::MAX) }), at(1)).unwrap();
    turned(&keys, &store, 24);
    keys.rotate_signing_key(&store, ES256, &operator(), at(24)).unwrap();
    assert_eq!(states(&keys, 25), ["retiring", "current", "next", "current"]);
    assert!(keys.verify_token::<Value>("t", stolen.expose(), at(25)).is_ok());
    let before = names(&keys);
    let events = keys.replace_signing_key(&store, ES256, &operator(), at(25)).unwrap();
    assert!(events.iter().all(|event| event.emergency && event.algorithm == ES256));
    let events = said(events);
    let new = events[0].1.clone();
    assert_eq!(events[..2], [(Befell::Created, new.clone()), (Befell::Activated, new.clone())]);
    assert_eq!(events.iter().filter(|(what, _)| *what == Befell::Destroyed).count(), 3);
    assert!(events.contains(&(Befell::Destroyed, first)));
    for keys in [&keys, &super::tests::keys(&store)] {
        assert_eq!(keys.verify_token::<Value>("t", stolen.expose(), at(25)), Err(TokenError::UnknownKey));
        assert_eq!(verified(&stolen, &keys.jwks()), None);
        assert_eq!((signs(keys, 25), names(keys).len()), (new.clone(), 2), "the other algorithm's stays");
        assert_eq!(names(keys).iter().filter(|name| before.contains(name)).count(), 1);
        assert_eq!(turned(keys, &store, 25), []);
    }
    assert_eq!(store.read(credentials::signing_keys::<Stored>).unwrap().len(), 2);
    assert!(verify(&store).unwrap().findings.is_empty());
}

/// A store whose reserve is spent: it takes only what gives nobody more.
struct NoRoom(memory::Memory, Arc<AtomicBool>);

impl Engine for NoRoom {
    fn snapshot(&self, read: &mut dyn FnMut(&dyn Snapshot) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.0.snapshot(read)
    }

    fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        if self.1.load(Ordering::Acquire) && commit.intent == Intent::Widen {
            return Err(StoreError::Full { path: "/var/lib/bailey".into() });
        }
        self.0.commit(commit)
    }

    fn watch(&self) -> tokio::sync::watch::Receiver<Revision> {
        self.0.watch()
    }

    fn health(&self) -> EngineHealth {
        self.0.health()
    }
}

#[test]
fn a_full_disk_keeps_no_stolen_key_alive() {
    let full = Arc::new(AtomicBool::new(false));
    let store = Store::new(NoRoom(memory::Memory::new(), Arc::clone(&full)));
    let keys = keys(&store);
    let first = turned(&keys, &store, 0).remove(0).1;
    full.store(true, Ordering::Release);
    let refused = keys.rotate_signing_key(&store, ES256, &operator(), at(1));
    assert!(matches!(refused, Err(RotationError::Store(StoreError::Full { .. }))));
    assert_eq!(names(&keys), [first.as_str()]);
    keys.replace_signing_key(&store, ES256, &operator(), at(1)).unwrap();
    assert!(!names(&keys).contains(&first) && names(&keys) == names(&super::tests::keys(&store)));
}

#[test]
fn a_new_sealing_key_seals_them_anew() {
    let store = store();
    let keys = keys(&store);
    turned(&keys, &store, 0);
    keys.turn_signing_keys(&store, Algorithm::EdDsa, at(0)).unwrap();
    let token = keys.sign(Algorithm::EdDsa, "t", &json!({}), at(0)).unwrap();
    keys.advance(&store, &Actor::task("test"), at(1)).unwrap();
    assert_eq!(keys.reseal(&store, &Actor::task("test"), at(1)).unwrap().resealed, 2);
    let again = super::tests::keys(&store);
    assert!(again.standing().unwrap().retiring.is_empty());
    assert!(verified(&token, &again.jwks()).is_some());
}

/// Damages the private half of the first key.
fn damage(store: &Store) {
    let (number, held) = store.read(credentials::signing_keys::<Stored>).unwrap().remove(0);
    let mut commit = Commit::new(Actor::task("test"), at(0), Intent::Widen);
    let damaged = Sealed { bytes: vec![0; 40], ..held.value.sealed.clone() };
    commit.put_signing_key(number, &Stored { sealed: damaged, ..held.value }, 1, held.revision).unwrap();
    store.commit(commit).unwrap();
}

#[test]
fn a_key_that_is_lost_is_replaced_at_once_and_goes_a_day_later() {
    let store = store();
    turned(&keys(&store), &store, 0);
    damage(&store);
    let again = keys(&store);
    assert!(again.jwks().keys.is_empty());
    let made = turned(&again, &store, 1);
    assert_eq!(made.iter().map(|(what, _)| *what).collect::<Vec<_>>(), [Befell::Created, Befell::Activated]);
    assert!(again.sign(ES256, "t", &json!({}), at(1)).is_ok());
    assert_eq!(turned(&again, &store, 24), []);
    assert_eq!(turned(&again, &store, 25), [(Befell::Destroyed, "number 1, which did not open".to_owned())]);
    assert_eq!(store.read(credentials::signing_keys::<Stored>).unwrap().len(), 1);
    assert_eq!(turned(&again, &store, 26), []);
    // In an emergency nothing waits: the sealing key that comes back may be in others' hands, too.
    damage(&store);
    let again = keys(&store);
    let replaced = said(again.replace_signing_key(&store, ES256, &operator(), at(27)).unwrap());
    assert_eq!(replaced[2], (Befell::Destroyed, "number 2, which did not open".to_owned()));
    assert_eq!(store.read(credentials::signing_keys::<Stored>).unwrap().len(), 1);
}

#[test]
fn a_row_of_before_there_were_several_algorithms_goes_on() {
    let store = store();
    turned(&keys(&store), &store, 0);
    let key = schema::credentials::signing_key(1);
    let row = store.read(|snapshot| snapshot.get(&key)).unwrap().unwrap();
    let mut old: serde_json::Map<String, Value> = serde_json::from_slice(&row.value).unwrap();
    old.retain(|name, _| ["created", "active_from", "sealed"].contains(&name.as_str()));
    assert_eq!(old.len(), 3);
    let mut commit = Commit::new(Actor::task("test"), at(0), Intent::Widen);
    commit.put(key, serde_json::to_vec(&old).unwrap());
    store.commit(commit).unwrap();
    let again = keys(&store);
    assert_eq!(again.signing_keys(at(1))[0].algorithm, ES256);
    let kid = signs(&again, 1);
    assert_eq!(turned(&again, &store, 1), [(Befell::Activated, kid)], "said late, and once");
    assert_eq!(turned(&again, &store, 1), []);
}

/// A token with this header and these claims, whose signature is what `sign` makes of the rest.
fn token(header: &str, claims: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// RFC 8725, sections 2 and 3, and what went wrong elsewhere: CVE-2016-10555, CVE-2018-0114, CVE-2026-48526.
#[test]
fn whatever_a_token_says_of_itself_chooses_nothing() {
    let store = store();
    let keys = keys(&store);
    turned(&keys, &store, 0);
    keys.turn_signing_keys(&store, Algorithm::EdDsa, at(0)).unwrap();
    let jwks = serde_json::to_value(keys.jwks()).unwrap();
    let (kid, x, y) = (&jwks["keys"][0]["kid"], decoded(jwks["keys"][0]["x"].as_str().unwrap()), &jwks["keys"][0]["y"]);
    let point = [vec![4], x.clone(), decoded(y.as_str().unwrap())].concat();
    let claims = r#"{"sub":"root","exp":3600}"#;
    let header = |alg: &str, more: &str| format!(r#"{{"alg":"{alg}","kid":{kid},"typ":"t"{more}}}"#);
    let tried = |token: &str| keys.verify_token::<Value>("t", token, at(0)).unwrap_err();
    let key = keys.signing.read().unwrap().current(ES256, at(0)).unwrap();
    let ours = |header: &str, claims: &str| token(header, claims, |signed| key.pair.sign(signed).unwrap());
    assert!(keys.verify_token::<Value>("t", &ours(&header("ES256", ""), claims), at(0)).is_ok(), "the test tests");

    for none in ["none", "None", "nOnE", ""] {
        assert_eq!(tried(&token(&header(none, ""), claims, |_| Vec::new())), TokenError::WrongAlgorithm);
    }
    let jwk = serde_json::to_vec(&jwks["keys"][0]).unwrap();
    for secret in [point, x, jwk.clone(), [b" ", jwk.as_slice()].concat()] {
        let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
        let mac = |signed: &[u8]| aws_lc_rs::hmac::sign(&secret, signed).as_ref().to_vec();
        assert_eq!(tried(&token(&header("HS256", ""), claims, mac)), TokenError::WrongAlgorithm);
        assert_eq!(tried(&token(&header("ES256", ""), claims, mac)), TokenError::BadSignature);
    }
    for other in ["EdDSA", "RS256", "ES384", "es256", "ES256 "] {
        assert_eq!(tried(&ours(&header(other, ""), claims)), TokenError::WrongAlgorithm, "{other}");
    }
    for weak in [vec![0; 64], vec![0xff; 64], Vec::new(), vec![1; 63], vec![1; 65]] {
        assert_eq!(tried(&token(&header("ES256", ""), claims, |_| weak)), TokenError::BadSignature);
    }
    let malformed = |token: &str| matches!(tried(token), TokenError::Malformed { .. });
    for more in
        [r#","jwk":{}"#, r#","jku":"http://x"#, r#","x5u":"x"#, r#","x5c":[]"#, r#","crit":[]"#, r#","alg":"ES256""#]
    {
        assert!(malformed(&ours(&header("ES256", more), claims)), "{more}");
    }
    let good = ours(&header("ES256", ""), claims);
    for bad in [
        String::new(),
        "a.b".to_owned(),
        format!("{good}="),
        format!("{good}.{good}"),
        format!(" {good}"),
        good.replace('.', ".."),
        "x".repeat(LONG),
        ours("[]", claims),
        ours("{}", claims),
        ours(&header("ES256", ""), r#"{"sub":"root"}"#),
        ours(&header("ES256", ""), r#"{"exp":"3600"}"#),
        ours(&header("ES256", ""), r#"{"exp":1e400}"#),
        ours(&header("ES256", ""), r#"{"exp":9223372036854775807}"#),
        ours(&header("ES256", ""), r#"{"exp":1,"exp":3600}"#),
        ours(&header("ES256", ""), "[]"),
    ] {
        assert!(malformed(&bad), "{bad}");
    }
    for kid in ["../../dev/null", "", &"k".repeat(1_000)] {
        let header = json!({"alg": "ES256", "kid": kid, "typ": "t"}).to_string();
        assert_eq!(tried(&ours(&header, claims)), TokenError::UnknownKey);
    }
    let typed = keys.verify_token::<Value>("at+jwt", &good, at(0)).unwrap_err();
    assert!(matches!(&typed, TokenError::WrongType { found, wanted } if found == "t" && wanted == "at+jwt"));
}

const LONG: usize = (16 << 10) + 1;

#[test]
fn a_token_counts_from_its_beginning_to_its_end() {
    let store = store();
    let keys = keys(&store);
    turned(&keys, &store, 0);
    let tried = |claims: Value, second: i64| {
        let token = keys.sign(ES256, "t", &claims, at(0)).unwrap();
        let now = Timestamp::from_second(second).unwrap();
        assert!(keys.verify_ended_token::<Value>("t", token.expose()).is_ok());
        keys.verify_token::<Value>("t", token.expose(), now).map(drop)
    };
    assert_eq!(tried(json!({"exp": 100, "iat": 0}), 99), Ok(()));
    let at = |second| Timestamp::from_second(second).unwrap();
    assert_eq!(tried(json!({"exp": 100}), 100), Err(TokenError::Expired { at: at(100) }), "gone at the instant");
    assert_eq!(tried(json!({"exp": -5}), 0), Err(TokenError::Expired { at: at(-5) }));
    for claim in ["nbf", "iat"] {
        assert_eq!(tried(json!({"exp": 1000, claim: 20}), 10), Ok(()));
        assert_eq!(tried(json!({"exp": 1000, claim: 21}), 10), Err(TokenError::NotYet { from: at(21) }));
    }
}

#[derive(Debug, Clone)]
enum Step {
    Hours(i64),
    Turn,
    Rotate,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..40_i64).prop_map(Step::Hours),
        1 => (1_000..3_000_i64).prop_map(Step::Hours),
        3 => Just(Step::Turn),
        2 => Just(Step::Rotate),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the schedule and whoever asks: a token counts for a day, and a key is published for a day before it signs.
    #[test]
    fn no_rotation_fails_a_verification(steps in steps()) {
        let store = store();
        let mut keys = keys(&store);
        turned(&keys, &store, 0);
        let (mut hour, mut tokens) = (0, Vec::new());
        let mut published: std::collections::BTreeMap<String, i64> = names(&keys).into_iter().map(|kid| (kid, -24)).collect();
        for step in steps {
            let tidy = matches!(step, Step::Turn);
            match step {
                Step::Hours(hours) => hour += hours,
                Step::Turn => drop(turned(&keys, &store, hour)),
                Step::Rotate => drop(keys.rotate_signing_key(&store, ES256, &operator(), at(hour)).unwrap()),
                Step::Restart => keys = super::tests::keys(&store),
            }
            for kid in names(&keys) {
                published.entry(kid).or_insert(hour);
            }
            prop_assert!(hour - published[&signs(&keys, hour)] >= 24);
            let signing = keys.signing_keys(at(hour));
            prop_assert_eq!(signing.iter().filter(|key| key.state.name() == "current").count(), 1);
            prop_assert!(signing.len() <= 3 || !tidy);
            tokens.push((hour, keys.sign(ES256, "t", &json!({"exp": (hour + 24) * 3600}), at(hour)).unwrap()));
            for (signed, token) in tokens.iter().filter(|(signed, _)| hour - signed < 24) {
                prop_assert!(keys.verify_token::<Value>("t", token.expose(), at(hour)).is_ok(), "{signed} at {hour}");
            }
        }
        prop_assert!(verify(&store).unwrap().findings.is_empty());
    }
}

/// What is signed while keys turn is believed; in an emergency it is believed or refused by name of its key, and no other way.
#[test]
fn nothing_signed_while_keys_turn_is_misjudged() {
    let store = store();
    let keys = keys(&store);
    turned(&keys, &store, 0);
    let emergencies = std::sync::atomic::AtomicBool::new(false);
    let done = std::sync::atomic::AtomicBool::new(false);
    let (believed, refused) = std::thread::scope(|scope| {
        let signing = scope.spawn(|| {
            let (mut believed, mut refused) = (0, 0);
            for round in 0..2_000_i64 {
                let unsafe_now = emergencies.load(Ordering::Acquire);
                let token = keys.sign(ES256, "t", &json!({"exp": i64::from(u32::MAX)}), at(round / 100)).unwrap();
                match keys.verify_token::<Value>("t", token.expose(), at(0)) {
                    Ok(_) => believed += 1,
                    Err(TokenError::UnknownKey) if unsafe_now || emergencies.load(Ordering::Acquire) => refused += 1,
                    Err(error) => panic!("round {round}: {error}"),
                }
                emergencies.store(round > 1_000, Ordering::Release);
            }
            done.store(true, Ordering::Release);
            (believed, refused)
        });
        while !done.load(Ordering::Acquire) {
            if emergencies.load(Ordering::Acquire) {
                keys.replace_signing_key(&store, ES256, &operator(), at(0)).unwrap();
            } else {
                keys.rotate_signing_key(&store, ES256, &operator(), at(0)).unwrap();
                turned(&keys, &store, 0);
            }
        }
        signing.join().unwrap()
    });
    assert!(believed > 1_000, "{believed} believed, {refused} refused");
}

/// No symmetric algorithm can be chosen, for there is none.
#[test]
fn no_symmetric_algorithm_is_in_the_code() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut open, mut read) = (vec![root], 0);
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            let is_test = entry.ends_with("tests.rs") || entry.ends_with("tests");
            if entry.is_dir() {
                open.push(entry);
            } else if entry.extension().is_some_and(|it| it == "rs") && !is_test {
                let text = std::fs::read_to_string(&entry).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap();
                let found = ["\"HS256\"", "\"HS384\"", "\"HS512\""].into_iter().find(|word| code.contains(word));
                assert_eq!(found, None, "{}", entry.display());
                read += 1;
            }
        }
    }
    assert!(read > 100, "{read}");
    assert!(["HS256", "HS384", "HS512", "none"].iter().all(|name| name.parse::<Algorithm>().is_err()));
}
