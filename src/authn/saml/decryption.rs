//! Private keys that decrypt assertions of one identity provider, and whether encryption is required.
//!
//! Administrators give them with the provider (IAM User Guide, "Create a SAML identity provider in IAM"): nothing of them stands in its
//! metadata.

use std::sync::Arc;

use crate::base::Secret;
use crate::keys::{Keys, KeysError, saml_provider_key_owner};
use crate::model::SamlProvider;
use crate::model::saml_encryption::{EncryptionError, EncryptionMode, PrivateKeyId, PrivateKeyPem, SealedPrivateKey};
use crate::saml_xml::DecryptionKey;

/// What decrypts assertions of one provider.
#[derive(Debug, Clone, Default)]
pub struct AssertionDecryption {
    keys: Arc<[DecryptionKey]>,
    required: bool,
}

/// A private key that was looked into: what it is called, and what of it is sealed.
#[derive(Debug)]
pub struct GivenKey {
    /// Its id.
    pub id: PrivateKeyId,
    /// The key (PKCS #8).
    pub secret: Secret<Vec<u8>>,
}

impl AssertionDecryption {
    /// What `provider` was given, of which `sealed` lies in the store. A key that does not open any more is left out: what the other
    /// one opens still counts.
    ///
    /// # Errors
    /// When there is no master key.
    pub fn of(keys: &Keys, provider: &SamlProvider, sealed: &[SealedPrivateKey]) -> Result<Self, KeysError> {
        let Some(encryption) = &provider.encryption else { return Ok(Self::default()) };
        let mut open = Vec::new();
        for known in &encryption.keys {
            // One that is lost is told by health and by `bailey idp check`, not once for each assertion that somebody sends.
            open.extend(unseal_private_key(keys, provider, &known.id, sealed)?);
        }
        Ok(Self { keys: open.into(), required: encryption.mode == EncryptionMode::Required })
    }

    /// The keys.
    pub(super) fn keys(&self) -> &[DecryptionKey] {
        &self.keys
    }

    /// Whether an assertion that is not encrypted is refused.
    pub(super) fn is_required(&self) -> bool {
        self.required
    }
}

/// A key that `provider` should have, opened; `None` where it does not open.
///
/// # Errors
/// When there is no master key.
pub fn unseal_private_key(
    keys: &Keys,
    provider: &SamlProvider,
    id: &PrivateKeyId,
    sealed: &[SealedPrivateKey],
) -> Result<Option<DecryptionKey>, KeysError> {
    let Some(held) = sealed.iter().find(|held| held.id == *id) else { return Ok(None) };
    match keys.unseal(&saml_provider_key_owner(&provider.id, id), &held.sealed) {
        Ok(plain) => Ok(DecryptionKey::from_pkcs8(plain.expose()).ok()),
        Err(KeysError::NotOpened { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Looks into a key that somebody gives us.
///
/// # Errors
/// When it is none that could open anything. The error says nothing of what is in it.
pub fn parse_private_key(pem: &PrivateKeyPem) -> Result<GivenKey, EncryptionError> {
    let key = DecryptionKey::from_pem(pem.expose());
    let read = key.and_then(|key| Ok((key.fingerprint()?, key.pkcs8()?)));
    let (fingerprint, secret) = read.map_err(|error| EncryptionError::Unusable(error.why().to_owned()))?;
    Ok(GivenKey { id: PrivateKeyId::of(&fingerprint), secret })
}
