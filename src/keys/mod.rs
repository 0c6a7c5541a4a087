//! Keys that seal what must be readable again: secret halves of access keys, seeds of the second factor, keys that open assertions; and
//! keys that sign what others verify.
//!
//! Owns the sealing keys and the one way to seal and open, the signing keys ([`signing`]), and those
//! that sessions follow from ([`session`]). A sealing key lies in the store, itself sealed by the master key,
//! which comes from systemd or from a file and is never written anywhere. Who may have something sealed or opened is not
//! decided here, nor what is done with it.
//!
//! ```text
//!  master key (credential or file) --seals--> sealing keys 1, 2, .. (store) --seal--> secrets, signing and session keys (store)
//! ```
//!
//! `ring` holds the sealing keys that are open; `rotation` has the next one take over.
//!
//! The cipher is AES-256-GCM-SIV (RFC 8452): should a nonce ever come twice, a copied virtual machine being the way that
//! happens, it gives away that two texts are equal, and nothing else. What is sealed is bound to the number of its key and
//! to its owner, so a row that is put in the place of another does not open.
//!
//! Without the master key everything but credentials works: people are synced, suspended and locked out. So its absence is
//! an error of each use and of health, and not of the start.

mod master;
mod ring;
mod rotation;
mod session;
mod signing;

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use master::{MasterKey, MasterKeyError, Settings, Source};
pub use rotation::{Rotated, RotationError};
pub use session::{SessionSecrets, SessionTokenError};
pub use signing::{
    Algorithm, Befell, Jwk, Jwks, KeyEvent, KeyState, LONGEST_TOKEN, NoAlgorithm, SamlKey, SamlKeyState, SamlSigner,
    SigningKey, TokenError, issuer,
};

use crate::base::{Fault, Faulty, SamlProviderId, Secret, Timestamp};
use crate::model::saml_encryption::PrivateKeyId;
use crate::model::{KeyNumber, Sealed};
use crate::store::{Store, StoreError};
use ring::{Ring, RingError};
use session::SessionKeys;
use signing::Signing;

/// Seals and opens; clones share the keys.
#[derive(Clone)]
pub struct Keys {
    ring: Arc<RwLock<Result<Ring, KeysError>>>,
    signing: Arc<RwLock<Signing>>,
    sessions: Arc<RwLock<SessionKeys>>,
    /// Held by whoever makes or destroys signing keys.
    turning: Arc<Mutex<()>>,
}

/// Why something was not sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// There is no master key, or another one than was.
    #[error("the keys cannot be used: {why}")]
    Shut {
        /// Why, and what to do.
        why: String,
    },
    /// It does not open: it is damaged, somebody else's, or of a key that is gone.
    #[error("what is sealed for {owner} does not open: {why}")]
    NotOpened {
        /// Whose it should be.
        owner: String,
        /// Why.
        why: String,
    },
    /// The cryptographic library refuses.
    #[error("nothing can be sealed: the cryptographic library refuses")]
    Refused,
}

impl Faulty for KeysError {
    fn fault(&self) -> Fault {
        Fault::Operator
    }
}

/// What health says of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The key that seals, and since when.
    pub current: KeyNumber,
    /// Since when it seals.
    pub since: Timestamp,
    /// Those that only open any more.
    pub retiring: Vec<KeyNumber>,
}

impl Keys {
    /// The keys that lie in `store`. The first is made where there is none yet, and so is the file of the master key.
    /// Blocks.
    ///
    /// # Errors
    /// When the store fails. A master key that is missing or another one is told by every use.
    pub fn open(store: &Store, settings: &Settings, now: Timestamp) -> Result<Self, StoreError> {
        let ring = match Ring::open(store, settings, now) {
            Ok(ring) => Ok(ring),
            Err(RingError::Store(error)) => return Err(error),
            Err(RingError::Keys(error)) => {
                tracing::error!(%error, "access keys and devices of the second factor cannot be used");
                Err(error)
            }
        };
        let shut = ring.is_err();
        let keys = Self {
            ring: Arc::new(RwLock::new(ring)),
            signing: Arc::default(),
            sessions: Arc::default(),
            turning: Arc::default(),
        };
        if !shut {
            match Signing::open(store, &keys) {
                Ok(signing) => *keys.signing.write().unwrap_or_else(PoisonError::into_inner) = signing,
                Err(RotationError::Store(error)) => return Err(error),
                Err(RotationError::Keys(error)) => tracing::error!(%error, "tokens cannot be signed"),
            }
            match SessionKeys::open(store, &keys) {
                Ok(sessions) => *keys.sessions.write().unwrap_or_else(PoisonError::into_inner) = sessions,
                Err(RotationError::Store(error)) => return Err(error),
                Err(RotationError::Keys(error)) => tracing::error!(%error, "no session can be used or begun"),
            }
        }
        Ok(keys)
    }

    /// Seals `secret` for `owner`, such as `access-key/AKIA..`: it opens for that owner alone.
    ///
    /// # Errors
    /// When there is no master key.
    pub fn seal(&self, owner: &str, secret: &Secret<Vec<u8>>) -> Result<Sealed, KeysError> {
        self.with(|ring| ring.seal(owner, secret))
    }

    /// Opens what was sealed for `owner`.
    ///
    /// # Errors
    /// When there is no master key, or it was not sealed for `owner`.
    pub fn unseal(&self, owner: &str, sealed: &Sealed) -> Result<Secret<Vec<u8>>, KeysError> {
        self.with(|ring| ring.unseal(owner, sealed))
    }

    /// Seals `what` for `owner`, as text that a browser may keep or carry: it learns nothing of it and can change nothing.
    ///
    /// # Errors
    /// When there is no master key, or `what` has no form as JSON.
    pub fn seal_to_text<T: Serialize>(&self, owner: &str, what: &T) -> Result<String, KeysError> {
        let lost = |error: serde_json::Error| KeysError::NotOpened { owner: owner.to_owned(), why: error.to_string() };
        let plain = serde_json::to_vec(what).map_err(lost)?;
        Ok(self.seal(owner, &Secret::new(plain))?.to_string())
    }

    /// What was sealed so for `owner`. `None` of anything else.
    #[must_use]
    pub fn open_text<T: DeserializeOwned>(&self, owner: &str, text: &str) -> Option<T> {
        let plain = self.unseal(owner, &text.parse().ok()?).ok()?;
        serde_json::from_slice(plain.expose()).ok()
    }

    /// How they are.
    ///
    /// # Errors
    /// When there is no master key.
    pub fn standing(&self) -> Result<Standing, KeysError> {
        self.with(|ring| Ok(ring.standing()))
    }

    fn with<R>(&self, work: impl FnOnce(&Ring) -> Result<R, KeysError>) -> Result<R, KeysError> {
        match &*self.ring.read().unwrap_or_else(PoisonError::into_inner) {
            Ok(ring) => work(ring),
            Err(error) => Err(error.clone()),
        }
    }
}

/// For whom the secret half of an access key is sealed.
#[must_use]
pub fn access_key_owner(id: &crate::model::AccessKeyId) -> String {
    format!("access-key/{id}")
}

/// For whom the seed of a device is sealed.
#[must_use]
pub fn mfa_device_owner(folded: &str) -> String {
    format!("mfa-device/{folded}")
}

/// For whom a key is sealed that opens assertions of a SAML provider.
#[must_use]
pub fn saml_provider_key_owner(provider: &SamlProviderId, id: &PrivateKeyId) -> String {
    format!("saml-provider-key/{provider}/{id}")
}

#[cfg(test)]
mod tests;
