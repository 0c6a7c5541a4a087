//! Tokens of sessions: who made them, and for how long that is known.

use base64::engine::general_purpose::STANDARD;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::keys::{Settings, Source};
use crate::store::memory;
use crate::store::verify::verify;

fn at(hours: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH.saturating_add(SignedDuration::from_hours(hours)).unwrap()
}

fn keys(store: &Store) -> Keys {
    let master = Source::Text(Secret::new(STANDARD.encode([1; 32])));
    Keys::open(store, &Settings { current: master, previous: None }, at(0)).unwrap()
}

fn id(seed: u8) -> SessionId {
    SessionId::fresh(at(0), &mut StdRng::from_seed([seed; 32]))
}

#[test]
fn a_token_leads_to_its_session_and_secret_also_after_a_restart() {
    let store = Store::new(memory::Memory::new());
    let first = keys(&store);
    assert!(first.session_secrets(&id(1)).unwrap_err().to_string().contains("no session key"));
    first.turn_session_keys(&store, at(0)).unwrap();
    let (one, two) = (first.session_secrets(&id(1)).unwrap(), first.session_secrets(&id(2)).unwrap());
    assert_eq!(one.secret.expose().len(), SECRET);
    assert_ne!(one.secret.expose(), two.secret.expose());
    let again = keys(&store);
    let (found, secret) = again.open_session_token(&one.token).unwrap();
    assert_eq!((found, secret.expose()), (id(1), one.secret.expose()));
    assert!(verify(&store).unwrap().findings.is_empty());
}

#[test]
fn no_token_with_a_bit_changed_is_ours() {
    let store = Store::new(memory::Memory::new());
    let keys = keys(&store);
    keys.turn_session_keys(&store, at(0)).unwrap();
    let token = keys.session_secrets(&id(1)).unwrap().token;
    let bytes = URL_SAFE_NO_PAD.decode(token.expose()).unwrap();
    for place in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[place / 8] ^= 1 << (place % 8);
        let changed = Secret::new(URL_SAFE_NO_PAD.encode(changed));
        assert_eq!(keys.open_session_token(&changed).unwrap_err(), SessionTokenError, "bit {place}");
    }
    let longer = URL_SAFE_NO_PAD.encode([bytes.as_slice(), &[0]].concat());
    let shorter = URL_SAFE_NO_PAD.encode(&bytes[..bytes.len() - 1]);
    for other in [String::new(), "?".to_owned(), longer, shorter, format!("{}=", token.expose())] {
        assert!(keys.open_session_token(&Secret::new(other)).is_err());
    }
}

#[test]
fn a_key_is_kept_until_the_last_session_it_made_is_over() {
    let store = Store::new(memory::Memory::new());
    let keys = keys(&store);
    keys.turn_session_keys(&store, at(0)).unwrap();
    keys.turn_session_keys(&store, at(719)).unwrap();
    let last = keys.session_secrets(&id(1)).unwrap().token;
    keys.turn_session_keys(&store, at(720)).unwrap();
    let next = keys.session_secrets(&id(1)).unwrap().token;
    assert_ne!(last.expose(), next.expose());
    keys.turn_session_keys(&store, at(720 + 36)).unwrap();
    assert!(keys.open_session_token(&last).is_ok());
    keys.turn_session_keys(&store, at(720 + 37)).unwrap();
    assert!(keys.open_session_token(&last).is_err() && keys.open_session_token(&next).is_ok());
}

#[test]
fn a_sealing_key_that_goes_takes_no_session_with_it() {
    let store = Store::new(memory::Memory::new());
    let keys = keys(&store);
    keys.turn_session_keys(&store, at(0)).unwrap();
    let token = keys.session_secrets(&id(1)).unwrap().token;
    let by = Actor::task("test");
    keys.advance(&store, &by, at(1)).unwrap();
    keys.reseal(&store, &by, at(1)).unwrap();
    assert!(self::keys(&store).open_session_token(&token).is_ok());
    assert!(verify(&store).unwrap().findings.is_empty());
}
