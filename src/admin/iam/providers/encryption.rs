//! How assertions of a SAML provider are encrypted: whether they have to be, and the private keys that open them.
//!
//! A key comes in once and never goes out again: it is looked into, sealed, and from then on it is known by its id. There are two at
//! most, so that one takes over from the other without a gap. Where encryption is required a key is left, for without one nobody would
//! get in at all; and nobody is told that assertions may be encrypted where nothing could open them.

use serde::{Deserialize, Serialize};

use super::super::super::{Admin, AdminError};
use super::super::Change;
use super::saml::{SamlProviderView, fitting_for, write};
use crate::authn::saml::{GivenKey, parse_private_key, unseal_private_key};
use crate::base::text::printable;
use crate::base::{Finding, Severity};
use crate::gate::Authorized;
use crate::keys::{Keys, saml_provider_key_owner};
use crate::model::saml_encryption::{
    Encryption, EncryptionMode, MOST, PrivateKey, PrivateKeyId, PrivateKeyPem, SealedPrivateKey,
};
use crate::model::saml_provider::Metadata;
use crate::model::{SamlProvider, SamlProviderError};
use crate::store::saml;

/// What is to be other about how assertions of a provider are encrypted.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncryptionChange {
    /// Whether they have to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<EncryptionMode>,
    /// A key more that opens them, as PEM. Where nothing is said of the other, they are allowed to be encrypted from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key: Option<PrivateKeyPem>,
    /// A key that opens them no more. It goes before the other comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove_private_key: Option<PrivateKeyId>,
}

impl EncryptionChange {
    fn is_nothing(&self) -> bool {
        self.encryption.is_none() && self.private_key.is_none() && self.remove_private_key.is_none()
    }
}

impl Admin {
    /// Writes the metadata of a provider anew, changes how its assertions are encrypted, or both. Blocks.
    ///
    /// # Errors
    /// When there is no such provider or key, the metadata is too long or cannot be used, the key is none or one too many, nobody could get
    /// in any more, nothing is to be other, or a part fails.
    pub fn update_saml_provider(
        &self,
        asked: Authorized,
        metadata: Option<&Metadata>,
        encryption: &EncryptionChange,
    ) -> Result<SamlProviderView, AdminError> {
        self.change_saml(asked, |change, provider| {
            if metadata.is_none() && encryption.is_nothing() {
                return Err(AdminError::OutOfBounds {
                    what: "the change".to_owned(),
                    limit: "of something: metadata, whether assertions are encrypted, or a private key".to_owned(),
                });
            }
            match metadata {
                Some(metadata) => write(change, provider, &fitting_for(provider, metadata.clone())?)?,
                None => change.note("provider", provider.arn().to_string()),
            }
            encrypt(change, &self.keys, provider, encryption)
        })
    }
}

/// Changes how assertions of `provider` are encrypted. Its row is for the caller to write.
pub(super) fn encrypt(
    change: &mut Change<'_>,
    keys: &Keys,
    provider: &mut SamlProvider,
    wanted: &EncryptionChange,
) -> Result<(), AdminError> {
    if wanted.is_nothing() {
        return Ok(());
    }
    let before = provider.encryption.take();
    let (mode, mut held) = before.map_or((None, Vec::new()), |before| (Some(before.mode), before.keys));
    let given = wanted.private_key.as_ref().map(parse_private_key).transpose().map_err(SamlProviderError::from)?;
    if let Some(id) = &wanted.remove_private_key {
        let at = held.iter().position(|key| key.id == *id);
        let at = at.ok_or_else(|| AdminError::NoSuch {
            what: format!("private key {} of the SAML provider `{}`", printable(id.as_str()), provider.name),
        })?;
        held.remove(at);
        change.note("private_key_removed", id.to_string());
        // One that comes again, because it was damaged, is written over.
        if given.as_ref().is_none_or(|given| given.id != *id) {
            change.commit.delete_provider_key(&provider.id, id);
        }
    }
    if let Some(GivenKey { id, secret }) = given {
        if held.iter().any(|key| key.id == id) {
            return Err(AdminError::OutOfBounds {
                what: "the private key".to_owned(),
                limit: format!("another than {id}, which the SAML provider has already"),
            });
        }
        if held.len() >= MOST {
            return Err(AdminError::LimitExceeded {
                what: "one more private key".to_owned(),
                limit: format!("a SAML provider has {MOST} at most; remove one first"),
            });
        }
        let sealed = keys.seal(&saml_provider_key_owner(&provider.id, &id), &secret)?;
        let revision = saml::provider_key(change.snapshot, &provider.id, &id)?.map_or(0, |lain| lain.revision);
        let row = SealedPrivateKey { provider: provider.id, id: id.clone(), sealed };
        change.commit.put_provider_key(&row, revision)?;
        change.note("private_key_added", id.to_string());
        held.push(PrivateKey { id, added: change.now });
    }
    provider.encryption = settled(wanted.encryption.or(mode), wanted.encryption.is_some(), held)?;
    let word = provider.encryption.as_ref().map_or("none", |encryption| encryption.mode.word());
    change.note("encryption", word);
    Ok(())
}

/// What is so from then on: a mode goes with a key.
fn settled(mode: Option<EncryptionMode>, said: bool, keys: Vec<PrivateKey>) -> Result<Option<Encryption>, AdminError> {
    if !keys.is_empty() {
        return Ok(Some(Encryption { mode: mode.unwrap_or(EncryptionMode::Allowed), keys }));
    }
    if said || mode == Some(EncryptionMode::Required) {
        let limit = match mode {
            Some(EncryptionMode::Required) => {
                "said together with a private key, or no more `required`: nothing could open assertions without one"
            }
            _ => "said together with a private key: nothing could open encrypted assertions without one",
        };
        let what = "encryption".to_owned();
        return Err(AdminError::OutOfBounds { what, limit: limit.to_owned() });
    }
    Ok(None)
}

/// What is to be said of the keys of a provider, of which `sealed` lies in the store.
pub(super) fn findings(keys: &Keys, provider: &SamlProvider, sealed: &[SealedPrivateKey]) -> Vec<Finding> {
    let Some(encryption) = &provider.encryption else { return Vec::new() };
    let subject = format!("SAML provider {}", provider.name);
    let say = |severity, what: String, remedy: String| Finding::new(severity, subject.clone(), what, remedy);
    let have = match encryption.mode {
        EncryptionMode::Allowed => "may be",
        EncryptionMode::Required => "have to be",
    };
    let all: Vec<&str> = encryption.keys.iter().map(|key| key.id.as_str()).collect();
    let what = format!("its assertions {have} encrypted, for the private keys {}", all.join(", "));
    let mut findings = vec![say(Severity::Fine, what, String::new())];
    for key in &encryption.keys {
        match unseal_private_key(keys, provider, &key.id, sealed) {
            Ok(Some(_)) => {}
            Ok(None) => {
                let remedy = format!(
                    "give it again: `bailey idp change {} --remove-private-key {} --private-key FILE`",
                    provider.name, key.id
                );
                let what = format!("its private key {} is damaged: nothing opens what is encrypted for it", key.id);
                findings.push(say(Severity::Fault, what, remedy));
            }
            // Without a master key it is so of all of them, and of much else.
            Err(error) => {
                findings.push(say(Severity::Fault, error.to_string(), String::new()));
                break;
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;

    #[test]
    fn a_mode_goes_with_a_key() {
        use EncryptionMode::{Allowed, Required};
        let key = || vec![PrivateKey { id: PrivateKeyId::of(&[1; 32]), added: Timestamp::UNIX_EPOCH }];
        let mode = |mode, said, keys| settled(mode, said, keys).map(|settled| settled.map(|settled| settled.mode));
        assert_eq!(mode(None, false, key()).unwrap(), Some(Allowed));
        assert_eq!(mode(Some(Required), true, key()).unwrap(), Some(Required));
        // The last one went.
        assert_eq!(mode(Some(Allowed), false, Vec::new()).unwrap(), None);
        for (kept, said) in [(Required, false), (Required, true), (Allowed, true)] {
            assert_eq!(mode(Some(kept), said, Vec::new()).unwrap_err().code(), "InvalidInput");
        }
    }
}
