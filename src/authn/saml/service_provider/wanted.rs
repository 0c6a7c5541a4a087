//! What an application's metadata asks of what it is sent: whether the assertion is signed itself, for which key it is encrypted, and
//! by which kinds of names it knows people.
//!
//! It is decided here and nowhere else: what is sent, what settings may say and what `bailey sp check` says of both are one.

use super::{EncryptionKey, SpMetadata};
use crate::model::saml_sp::{Encryption, NameId, SignedParts};

/// The content encryption that we write (XML Encryption 1.1, section 5.2.4).
const AES_256_GCM: &str = "http://www.w3.org/2009/xmlenc11#aes256-gcm";

/// What stands in the names of algorithms that bring keys, and encrypt no content (XML Encryption 1.1, sections 5.5 to 5.7).
const FOR_KEYS: [&str; 4] = ["#rsa", "#kw-", "#dh", "#ECDH"];

/// Why nothing can be encrypted for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// There is no key at all.
    #[error("its metadata has no key to encrypt for")]
    Missing,
    /// Those that there are say that they read something else.
    #[error("its metadata has no key that reads AES-256-GCM, by which we encrypt (EncryptionMethod)")]
    OtherMethods,
}

impl SpMetadata {
    /// Whether an assertion is signed itself, where `signed` is what its settings say. What it wants goes before them (SAML metadata,
    /// section 2.4.4, `WantAssertionsSigned`).
    #[must_use]
    pub fn assertion_is_signed(&self, signed: SignedParts) -> bool {
        signed != SignedParts::Response || self.wants_assertions_signed
    }

    /// The key that an assertion is encrypted for: the first whose holder reads what we write, by the algorithms that its
    /// `KeyDescriptor` names, or names none (SAML metadata, section 2.4.1.1). `None` where it is sent as it is.
    ///
    /// # Errors
    /// Where it has to be encrypted, and there is no such key.
    pub fn encrypts_for(&self, encrypt: Encryption) -> Result<Option<&EncryptionKey>, NoKey> {
        if encrypt == Encryption::Never {
            return Ok(None);
        }
        match (self.encryption_key(), encrypt) {
            (Ok(key), _) => Ok(Some(key)),
            (Err(why), Encryption::Required) => Err(why),
            (Err(_), _) => Ok(None),
        }
    }

    /// The key that could be encrypted for, whatever settings say.
    ///
    /// # Errors
    /// When there is none, and why.
    pub fn encryption_key(&self) -> Result<&EncryptionKey, NoKey> {
        let key = self.encryption.iter().find(|key| key.reads_what_we_write());
        key.ok_or(if self.encryption.is_empty() { NoKey::Missing } else { NoKey::OtherMethods })
    }

    /// Whether it knows people by names of `format`. It does by any kind where it names none, or says that any will do (SAML core,
    /// section 8.3.1; python3-saml does where nobody sets another).
    #[must_use]
    pub fn knows_people_by(&self, format: &str) -> bool {
        let formats = &self.name_id_formats;
        formats.is_empty() || formats.iter().any(|known| known == format || known == NameId::ANY_FORMAT)
    }
}

impl EncryptionKey {
    fn reads_what_we_write(&self) -> bool {
        // A list of methods that are all for keys says nothing about content.
        let is_for_keys = |method: &&String| FOR_KEYS.iter().any(|part| method.contains(part));
        let mut content = self.methods.iter().filter(|method| !is_for_keys(method)).peekable();
        content.peek().is_none() || content.any(|method| method == AES_256_GCM)
    }
}
