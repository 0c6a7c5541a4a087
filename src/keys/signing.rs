//! Keys that sign what others verify: tokens for applications (RFC 7519), with ES256 (RFC 7518, section 3.4).
//!
//! A key is published a day before it signs, signs for 90 days, and stays published for another day: whoever verifies looks
//! the keys up once a day never meets one that it cannot have seen, but for the very first, and one that takes the place of keys
//! that were lost: those sign at once. The private half lies in the store, sealed.
//! There is no symmetric algorithm here, and no way to choose one: what verifies cannot sign.

use std::fmt;
use std::sync::PoisonError;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::rotation::RotationError;
use super::{Keys, KeysError};
use crate::base::{Secret, Timestamp};
use crate::model::{Actor, KeyNumber, Sealed};
use crate::store::{Commit, Intent, Store, credentials};

/// How long a key signs.
const SIGNS: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How long it is published before that, and after.
const AROUND: SignedDuration = SignedDuration::from_hours(24);

/// A signing key as it lies in the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stored {
    /// When it was made.
    pub(super) created: Timestamp,
    /// It signs from then on, until the next one does.
    pub(super) active_from: Timestamp,
    /// The private half (PKCS #8), sealed.
    pub(super) sealed: Sealed,
}

/// A public key (RFC 7517, section 4; RFC 7518, section 6.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    kty: &'static str,
    crv: &'static str,
    x: String,
    y: String,
    r#use: &'static str,
    alg: &'static str,
    /// Its name in tokens: its thumbprint (RFC 7638).
    pub kid: String,
}

/// Public keys (RFC 7517, section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwks {
    /// Those whose tokens count now or will tomorrow.
    pub keys: Vec<Jwk>,
}

/// What befell the keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turned {
    /// Names of keys that were made.
    pub made: Vec<String>,
    /// Names of those that are no more.
    pub destroyed: Vec<String>,
}

/// A key, opened.
struct Open {
    number: KeyNumber,
    active_from: Timestamp,
    public: Jwk,
    pair: EcdsaKeyPair,
}

/// Those that there are, the oldest first.
#[derive(Default)]
pub(super) struct Signing {
    open: Vec<Open>,
    /// Numbers of those that do not open any more.
    lost: Vec<KeyNumber>,
}

impl Signing {
    /// What lies in the store, opened.
    pub(super) fn open(store: &Store, keys: &Keys) -> Result<Self, RotationError> {
        let stored = store.read(credentials::signing_keys::<Stored>)?;
        let mut signing = Self::default();
        for (number, held) in stored {
            let private = keys.unseal(&owner(number), &held.value.sealed);
            match private.and_then(|private| Open::new(number, held.value.active_from, &private)) {
                Ok(open) => signing.open.push(open),
                // Tokens are short-lived, and another key takes its place.
                Err(error) => {
                    tracing::error!(%error, number, "a signing key is lost");
                    signing.lost.push(number);
                }
            }
        }
        Ok(signing)
    }

    /// The key that signs at `now`: the newest whose time has come.
    fn current(&self, now: Timestamp) -> Option<&Open> {
        self.open.iter().rev().find(|key| key.active_from <= now).or_else(|| self.open.first())
    }

    /// From when the next key is to sign, if it is time to make it.
    fn due(&self, now: Timestamp) -> Option<Timestamp> {
        let Some(newest) = self.open.last() else { return Some(now) };
        let ends = later(newest.active_from, SIGNS);
        let publish = later(now, AROUND);
        (ends <= publish).then_some(publish)
    }

    /// Numbers of keys by which nothing that counts can be signed any more.
    fn over(&self, now: Timestamp) -> Vec<(KeyNumber, String)> {
        let pairs = self.open.iter().zip(self.open.iter().skip(1));
        let over = pairs.filter(|(_, next)| later(next.active_from, AROUND) <= now);
        let over = over.map(|(key, _)| (key.number, key.public.kid.clone()));
        // As long as nothing has signed in its place for a day, the sealing key may come back that opens it.
        let replaced = self.open.iter().filter(|key| later(key.active_from, AROUND) <= now).map(|key| key.number).max();
        let lost = self.lost.iter().filter(|number| replaced.is_some_and(|newer| newer > **number));
        over.chain(lost.map(|number| (*number, format!("number {number}, which did not open")))).collect()
    }
}

impl Open {
    fn new(number: KeyNumber, active_from: Timestamp, private: &Secret<Vec<u8>>) -> Result<Self, KeysError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.expose());
        let pair = pair.map_err(|_| KeysError::NotOpened {
            owner: owner(number),
            why: "it is no private key of P-256".to_owned(),
        })?;
        let public = Jwk::of(pair.public_key().as_ref()).ok_or(KeysError::Refused)?;
        Ok(Self { number, active_from, public, pair })
    }
}

impl Jwk {
    /// Of a point as SEC 1, section 2.3.3, writes it uncompressed.
    fn of(point: &[u8]) -> Option<Self> {
        let (x, y) = point.strip_prefix(&[4])?.split_at_checked(32)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // RFC 7638, section 3: the members that make the key, in the order of their names.
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()));
        Some(Self { kty: "EC", crv: "P-256", x, y, r#use: "sig", alg: "ES256", kid })
    }
}

impl Keys {
    /// `claims` as a signed token (RFC 7515, section 7.1) whose header says that it is of type `typ` (RFC 8725, section 3.11).
    ///
    /// # Errors
    /// When there is no key, or the cryptographic library refuses.
    pub fn sign<T: Serialize>(&self, typ: &str, claims: &T, now: Timestamp) -> Result<Secret<String>, KeysError> {
        let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner);
        let key = signing.current(now).ok_or_else(|| KeysError::Shut { why: NO_KEY.to_owned() })?;
        let header = serde_json::json!({ "alg": "ES256", "kid": key.public.kid, "typ": typ });
        let part = |json: Vec<u8>| URL_SAFE_NO_PAD.encode(json);
        let claims = serde_json::to_vec(claims).map_err(|_| KeysError::Refused)?;
        let mut token = format!("{}.{}", part(header.to_string().into_bytes()), part(claims));
        let signature = key.pair.sign(&SystemRandom::new(), token.as_bytes()).map_err(|_| KeysError::Refused)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(Secret::new(token))
    }

    /// The public halves of all keys.
    #[must_use]
    pub fn jwks(&self) -> Jwks {
        let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner);
        Jwks { keys: signing.open.iter().map(|key| key.public.clone()).collect() }
    }

    /// Makes the key that is due, and destroys those that are over; mostly there is nothing to do. Blocks when there is. Without a
    /// master key, which health tells of, nothing is done.
    ///
    /// # Errors
    /// When the store fails; what was done stays done, and the keys there are go on.
    pub fn turn_signing_keys(&self, store: &Store, now: Timestamp) -> Result<Turned, RotationError> {
        if self.standing().is_err() {
            return Ok(Turned::default());
        }
        let (due, over) = {
            let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner);
            (signing.due(now), signing.over(now))
        };
        let mut turned = Turned::default();
        if let Some(active_from) = due {
            turned.made.push(self.make_signing_key(store, active_from, now)?);
        }
        for (number, kid) in over {
            let mut commit = Commit::new(Actor::task("keys"), now, Intent::Narrow);
            commit.delete_signing_key(number);
            store.commit(commit)?;
            let mut signing = self.signing.write().unwrap_or_else(PoisonError::into_inner);
            signing.open.retain(|key| key.number != number);
            signing.lost.retain(|lost| *lost != number);
            turned.destroyed.push(kid);
        }
        Ok(turned)
    }

    fn make_signing_key(&self, store: &Store, from: Timestamp, now: Timestamp) -> Result<String, RotationError> {
        let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let private = Secret::new(private.map_err(|_| KeysError::Refused)?.as_ref().to_vec());
        // One that is lost has its number still.
        let stored = store.read(credentials::signing_keys::<Stored>)?;
        let number = stored.last().map_or(1, |(number, _)| number.saturating_add(1));
        let key = Open::new(number, from, &private)?;
        let sealed = self.seal(&owner(number), &private)?;
        let by = sealed.key;
        let mut commit = Commit::new(Actor::task("keys"), now, Intent::Widen);
        commit.put_signing_key(number, &Stored { created: now, active_from: from, sealed }, by, 0)?;
        store.commit(commit)?;
        let kid = key.public.kid.clone();
        self.signing.write().unwrap_or_else(PoisonError::into_inner).open.push(key);
        Ok(kid)
    }

    /// Seals signing key `number` anew, if `old` sealed it: whether it did.
    pub(super) fn reseal_signing_key(
        &self,
        store: &Store,
        number: KeyNumber,
        old: KeyNumber,
        commit: &mut Commit,
    ) -> Result<bool, RotationError> {
        let stored = store.read(credentials::signing_keys::<Stored>)?;
        let Some((_, held)) = stored.into_iter().find(|(found, _)| *found == number) else { return Ok(false) };
        let Some(sealed) = self.anew(&held.value.sealed, old, &owner(number))? else { return Ok(false) };
        let by = sealed.key;
        commit.put_signing_key(number, &Stored { sealed, ..held.value }, by, held.revision)?;
        Ok(true)
    }
}

/// Why nothing is signed where there is no key.
const NO_KEY: &str = "there is no key to sign with: the daemon makes one as soon as its master key and its disk allow";

/// For whom the private half is sealed.
fn owner(number: KeyNumber) -> String {
    format!("signing-key/{number}")
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.open.iter().map(|key| &key.public.kid)).finish()
    }
}

#[cfg(test)]
mod tests;
