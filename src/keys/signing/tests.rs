//! Tokens that others verify, and keys that come and go.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::keys::{Settings, Source};
use crate::store::memory;
use crate::store::verify::verify;

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

fn names(keys: &Keys) -> Vec<String> {
    keys.jwks().keys.into_iter().map(|key| key.kid).collect()
}

/// Header and claims of a token whose signature is one of `jwks`.
fn verified(token: &Secret<String>, jwks: &Jwks) -> Option<(Value, Value)> {
    let (signed, signature) = token.expose().rsplit_once('.').unwrap();
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let json = |part: &str| serde_json::from_slice::<Value>(&decoded(part)).unwrap();
    let header = json(header);
    let key = jwks.keys.iter().find(|key| header["kid"] == key.kid)?;
    let point = [vec![4], decoded(&key.x), decoded(&key.y)].concat();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    public.verify(signed.as_bytes(), &decoded(signature)).ok()?;
    Some((header, json(claims)))
}

#[test]
fn a_token_is_verified_by_what_is_published_also_after_a_restart() {
    let store = store();
    let first = keys(&store);
    assert!(first.sign("t", &json!({}), at(0)).unwrap_err().to_string().contains("no key to sign with"));
    first.turn_signing_keys(&store, at(0)).unwrap();
    let token = first.sign("test+jwt", &json!({ "sub": "AIDA" }), at(0)).unwrap();
    let again = keys(&store);
    let (header, claims) = verified(&token, &again.jwks()).unwrap();
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("test+jwt")));
    assert_eq!(claims, json!({ "sub": "AIDA" }));
    let mut parts: Vec<&str> = token.expose().split('.').collect();
    let forged = URL_SAFE_NO_PAD.encode(r#"{"sub":"root"}"#);
    parts[1] = &forged;
    assert_eq!(verified(&Secret::new(parts.join(".")), &again.jwks()), None);
    assert!(verify(&store).unwrap().findings.is_empty());
}

#[test]
fn without_a_master_key_nothing_is_signed_and_nothing_is_made() {
    let store = store();
    keys(&store).turn_signing_keys(&store, at(0)).unwrap();
    let other = Source::Text(Secret::new(STANDARD.encode([2; 32])));
    let shut = Keys::open(&store, &Settings { current: other, previous: None }, at(0)).unwrap();
    assert_eq!(shut.turn_signing_keys(&store, at(1)).unwrap(), Turned::default());
    assert!(shut.sign("t", &json!({}), at(1)).is_err() && shut.jwks().keys.is_empty());
    assert_eq!(keys(&store).jwks().keys.len(), 1, "it is there again with the right one");
}

#[test]
fn a_key_is_published_a_day_before_it_signs_and_a_day_after() {
    let store = store();
    let keys = keys(&store);
    let made = |hour: i64| keys.turn_signing_keys(&store, at(hour)).unwrap();
    let signs = |hour: i64| {
        let token = keys.sign("t", &json!({}), at(hour)).unwrap();
        verified(&token, &keys.jwks()).unwrap().0["kid"].as_str().unwrap().to_owned()
    };
    let first = made(0).made.remove(0);
    let end = 90 * 24;
    assert_eq!(made(end - 25), Turned::default());
    let second = made(end - 24).made.remove(0);
    assert_eq!(names(&keys), [first.clone(), second.clone()]);
    assert_eq!((signs(end - 1), signs(end)), (first.clone(), second.clone()));
    assert_eq!(made(end + 23), Turned::default(), "a token of the first key may still be on its way");
    assert_eq!(made(end + 24), Turned { made: Vec::new(), destroyed: vec![first] });
    assert_eq!(names(&keys), [second.as_str()]);
    assert_eq!(names(&super::tests::keys(&store)), [second.as_str()]);
    // The daemon was down for a year: the old key signs until the new one was published for a day.
    let year = end + 365 * 24;
    let third = made(year).made.remove(0);
    assert_eq!((signs(year + 23), signs(year + 24)), (second, third));
}

#[test]
fn a_new_sealing_key_seals_them_anew() {
    let store = store();
    let keys = keys(&store);
    keys.turn_signing_keys(&store, at(0)).unwrap();
    let token = keys.sign("t", &json!({}), at(0)).unwrap();
    keys.advance(&store, &Actor::task("test"), at(1)).unwrap();
    assert_eq!(keys.reseal(&store, &Actor::task("test"), at(1)).unwrap().resealed, 1);
    let again = super::tests::keys(&store);
    assert!(again.standing().unwrap().retiring.is_empty());
    assert!(verified(&token, &again.jwks()).is_some());
}

#[test]
fn a_key_that_is_lost_is_replaced_at_once_and_goes_a_day_later() {
    let store = store();
    let first = keys(&store);
    first.turn_signing_keys(&store, at(0)).unwrap();
    let (_, held) = store.read(credentials::signing_keys::<Stored>).unwrap().remove(0);
    let mut commit = Commit::new(Actor::task("test"), at(0), Intent::Widen);
    let damaged = Sealed { bytes: vec![0; 40], ..held.value.sealed.clone() };
    commit.put_signing_key(1, &Stored { sealed: damaged, ..held.value }, 1, held.revision).unwrap();
    store.commit(commit).unwrap();
    let again = keys(&store);
    assert!(again.jwks().keys.is_empty());
    let made = again.turn_signing_keys(&store, at(1)).unwrap();
    assert_eq!((made.made.len(), made.destroyed.len()), (1, 0));
    assert!(again.sign("t", &json!({}), at(1)).is_ok());
    assert_eq!(again.turn_signing_keys(&store, at(24)).unwrap(), Turned::default());
    assert_eq!(again.turn_signing_keys(&store, at(25)).unwrap().destroyed, ["number 1, which did not open"]);
    assert_eq!(store.read(credentials::signing_keys::<Stored>).unwrap().len(), 1);
    assert_eq!(again.turn_signing_keys(&store, at(26)).unwrap(), Turned::default());
}

#[test]
fn a_key_is_named_by_its_thumbprint() {
    // The example of RFC 7515, appendix A.3; its thumbprint as two other libraries compute it.
    let coordinate = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let (x, y) = ("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    let jwk = Jwk::of(&[vec![4], coordinate(x), coordinate(y)].concat()).unwrap();
    assert_eq!((jwk.x.as_str(), jwk.y.as_str()), (x, y));
    assert_eq!(jwk.kid, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
}
