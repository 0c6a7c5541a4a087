//! Keys that sign what others verify: tokens (RFC 7519), by ES256 unless somebody can only read another of [`Algorithm`].
//!
//! Each algorithm has a line of keys of its own. A key is published a day before it signs, signs for 90 days or until the next one
//! was asked for a day ago, and stays published for another day: whoever verifies looks the keys up once a day never meets one
//! that it cannot have seen, but for the very first, and one that takes the place of keys that were lost or stolen: those sign
//! at once. The private half lies in the store, sealed. What a token says is compared and chooses nothing: a key knows its
//! algorithm, none of which is symmetric.
//!
//! ```text
//!  algorithm   the algorithms, a pair of keys of each      schedule   next, current, retiring: when
//!  jwk         public halves and their names               turn       made, announced, destroyed
//!  token       signed, and believed again
//! ```

mod algorithm;
mod jwk;
mod saml;
mod schedule;
mod token;
mod turn;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

pub use algorithm::{Algorithm, NoAlgorithm};
pub use jwk::{Jwk, Jwks};
pub use saml::{SamlKey, SamlKeyState, SamlSigner};
pub use schedule::KeyState;
pub use token::{LONGEST_TOKEN, TokenError, issuer};
pub use turn::{Befell, KeyEvent, SigningKey};

use super::rotation::RotationError;
use super::{Keys, KeysError};
use crate::base::{Secret, Timestamp};
use crate::model::{KeyNumber, Sealed};
use crate::store::{Commit, Store, credentials};
use algorithm::Pair;

/// A signing key as it lies in the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stored {
    /// By what it signs. Rows of layout 4 do not say, when there was one algorithm.
    #[serde(default)]
    pub(super) algorithm: Algorithm,
    /// When it was made.
    pub(super) created: Timestamp,
    /// It signs from then on, until the next one does.
    pub(super) active_from: Timestamp,
    /// Whether the log says that it signs.
    #[serde(default)]
    pub(super) announced: bool,
    /// The private half (PKCS #8), sealed.
    pub(super) sealed: Sealed,
    /// The certificate of a key that signs messages of SAML, in DER and base64; keys of tokens have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) certificate: Option<String>,
}

/// A key, opened.
struct Open {
    number: KeyNumber,
    created: Timestamp,
    active_from: Timestamp,
    announced: AtomicBool,
    public: Jwk,
    pair: Pair,
}

/// Those that there are, by number, which within an algorithm is by age.
#[derive(Default)]
pub(super) struct Signing {
    open: Vec<Arc<Open>>,
    /// Those that do not open any more.
    lost: Vec<(KeyNumber, Algorithm)>,
    /// Those of SAML.
    saml: saml::Line,
}

impl Signing {
    /// What lies in the store, opened.
    pub(super) fn open(store: &Store, keys: &Keys) -> Result<Self, RotationError> {
        let stored = store.read(credentials::signing_keys::<Stored>)?;
        let mut signing = Self::default();
        for (number, held) in stored {
            let private = keys.unseal(&owner(number), &held.value.sealed);
            if held.value.certificate.is_some() {
                signing.saml.take(number, &held.value, private);
                continue;
            }
            match private.and_then(|private| Open::new(number, &held.value, &private)) {
                Ok(open) => signing.open.push(Arc::new(open)),
                // Tokens are short-lived, and another key takes its place.
                Err(error) => {
                    tracing::error!(%error, number, "a signing key is lost");
                    signing.lost.push((number, held.value.algorithm));
                }
            }
        }
        Ok(signing)
    }

    fn of(&self, algorithm: Algorithm) -> impl Iterator<Item = &Arc<Open>> {
        self.open.iter().filter(move |key| key.public.alg == algorithm)
    }

    fn lost_of(&self, algorithm: Algorithm) -> impl Iterator<Item = KeyNumber> {
        self.lost.iter().filter(move |(_, of)| *of == algorithm).map(|(number, _)| *number)
    }

    /// From when each key of a line signs, the oldest first.
    fn starts(&self, algorithm: Algorithm) -> Vec<Timestamp> {
        self.of(algorithm).map(|key| key.active_from).collect()
    }

    /// The key that signs at `now`: what [`schedule::states`] says, without making a list of it.
    fn current(&self, algorithm: Algorithm, now: Timestamp) -> Option<Arc<Open>> {
        let newest = self.of(algorithm).filter(|key| key.active_from <= now).last();
        newest.or_else(|| self.of(algorithm).next()).cloned()
    }

    /// The key of that name.
    fn named(&self, kid: &str) -> Option<Arc<Open>> {
        self.open.iter().find(|key| key.public.kid == kid).cloned()
    }

    fn forget(&mut self, numbers: &[KeyNumber]) {
        self.open.retain(|key| !numbers.contains(&key.number));
        self.lost.retain(|(number, _)| !numbers.contains(number));
    }
}

impl Open {
    fn new(number: KeyNumber, row: &Stored, private: &Secret<Vec<u8>>) -> Result<Self, KeysError> {
        let pair = row.algorithm.read(private).ok_or_else(|| KeysError::NotOpened {
            owner: owner(number),
            why: format!("it is no private key for {}", row.algorithm),
        })?;
        let public = pair.jwk().ok_or(KeysError::Refused)?;
        let announced = AtomicBool::new(row.announced);
        Ok(Self { number, created: row.created, active_from: row.active_from, announced, public, pair })
    }

    fn is_announced(&self) -> bool {
        self.announced.load(Ordering::Acquire)
    }
}

impl Keys {
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

/// For whom the private half is sealed.
fn owner(number: KeyNumber) -> String {
    format!("signing-key/{number}")
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.open.iter().map(|key| &key.public.kid)).finish()
    }
}

#[cfg(test)]
mod tests;
