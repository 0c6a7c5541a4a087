//! How assertions of a SAML provider are encrypted for us: whether they have to be, and the keys that open them.
//!
//! The keys are made by whoever runs the provider's side and given to us, as AWS has it (IAM User Guide, "Create a SAML identity
//! provider in IAM"), so that one key can be exchanged for another without a gap there are two of them at most. What is known of a key
//! is its id, which follows from its public half: that may be shown. The private half is a row of its own, sealed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Sealed;
use crate::base::{SamlProviderId, Secret, Timestamp};

/// Most private keys of a provider (IAM API reference, `privateKeyList`).
pub const MOST: usize = 2;

/// Characters of a private key (IAM API reference, `privateKeyType`).
const PEM: std::ops::RangeInclusive<usize> = 1..=16_384;

/// Characters of its id (IAM API reference, `privateKeyIdType`).
const ID: std::ops::RangeInclusive<usize> = 22..=64;

/// Bytes of the fingerprint that the id of a key is made of.
const ID_BYTES: usize = 16;

/// How assertions of a provider are encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// Whether they have to be.
    pub mode: EncryptionMode,
    /// The keys that open them, the oldest first; there is one at least.
    pub keys: Vec<PrivateKey>,
}

/// Whether assertions have to be encrypted. What is read in its place is not repeated: it could be a key, in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", rename_all = "snake_case")]
pub enum EncryptionMode {
    /// They may be.
    Allowed,
    /// One that is not is refused.
    Required,
}

/// What is known of a private key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateKey {
    /// Its id.
    pub id: PrivateKeyId,
    /// When it was given to us.
    pub added: Timestamp,
}

/// The private half of a key, as it lies in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedPrivateKey {
    /// Whose assertions it opens.
    pub provider: SamlProviderId,
    /// Which key it is.
    pub id: PrivateKeyId,
    /// The key (PKCS #8), sealed.
    pub sealed: Sealed,
}

/// The id of a private key: the first half of the SHA-256 of its public half (`SubjectPublicKeyInfo`, RFC 5280, section 4.1.2.7), in hex
/// and capitals. So whoever has the certificate that assertions are encrypted by can tell which key it is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PrivateKeyId(String);

/// A private key as it is given to us: PEM, which nobody has looked into yet.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct PrivateKeyPem(Secret<String>);

/// What a part of this cannot be. It never repeats a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncryptionError {
    /// A word that is no mode.
    #[error("assertions can be `allowed` to be encrypted, or `required`")]
    Mode,
    /// Text that is no id of a key.
    #[error("the id of a private key has 22 to 64 characters of A-Z and 0-9")]
    Id,
    /// Text that is no key as PEM.
    #[error("a private key is PEM, of 1 to 16384 characters of Latin-1")]
    Pem,
    /// It is no key of use.
    #[error("the private key cannot be used: {0}")]
    Unusable(String),
}

impl EncryptionMode {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Required => "required",
        }
    }
}

impl FromStr for EncryptionMode {
    type Err = EncryptionError;

    fn from_str(text: &str) -> Result<Self, EncryptionError> {
        [Self::Allowed, Self::Required].into_iter().find(|mode| mode.word() == text).ok_or(EncryptionError::Mode)
    }
}

impl TryFrom<String> for EncryptionMode {
    type Error = EncryptionError;

    fn try_from(text: String) -> Result<Self, EncryptionError> {
        text.parse()
    }
}

impl PrivateKeyId {
    /// That of the key whose public half has this SHA-256.
    #[must_use]
    pub fn of(fingerprint: &[u8; 32]) -> Self {
        let (half, _) = fingerprint.split_at(ID_BYTES);
        Self(hex::encode_upper(half))
    }

    /// Its characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PrivateKeyId {
    type Err = EncryptionError;

    fn from_str(text: &str) -> Result<Self, EncryptionError> {
        let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        if ID.contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(EncryptionError::Id)
    }
}

impl TryFrom<String> for PrivateKeyId {
    type Error = EncryptionError;

    fn try_from(text: String) -> Result<Self, EncryptionError> {
        text.parse()
    }
}

impl From<PrivateKeyId> for String {
    fn from(id: PrivateKeyId) -> Self {
        id.0
    }
}

impl fmt::Display for PrivateKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PrivateKeyPem {
    /// The text. Use it in place; do not keep a copy.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl TryFrom<String> for PrivateKeyPem {
    type Error = EncryptionError;

    fn try_from(text: String) -> Result<Self, EncryptionError> {
        let text = Secret::new(text);
        // IAM API reference, `privateKeyType`.
        let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}');
        if PEM.contains(&text.expose().chars().count()) && text.expose().chars().all(allowed) {
            return Ok(Self(text));
        }
        Err(EncryptionError::Pem)
    }
}

/// For whoever gives a key away: it goes into the body of a request, and nowhere else.
impl Serialize for PrivateKeyPem {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.expose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_keys_have_their_limits() {
        let id = PrivateKeyId::of(&[0xab; 32]);
        assert_eq!((id.as_str(), id.to_string().parse()), ("AB".repeat(16).as_str(), Ok(id.clone())));
        for bad in ["", "AB", &"a".repeat(32), &"A".repeat(65), &format!("{}-", "A".repeat(22))] {
            assert_eq!(bad.parse::<PrivateKeyId>(), Err(EncryptionError::Id), "{bad}");
        }
        for good in ["x".to_owned(), "\u{e9}\t\r\n".repeat(4_096)] {
            assert_eq!(PrivateKeyPem::try_from(good.clone()).unwrap().expose(), good);
        }
        for bad in [String::new(), "x".repeat(16_385), "x\0".to_owned(), "x\u{100}".to_owned()] {
            assert_eq!(PrivateKeyPem::try_from(bad).unwrap_err(), EncryptionError::Pem);
        }
    }

    #[test]
    fn nothing_prints_a_key() {
        let key = PrivateKeyPem::try_from("-----BEGIN hunter2".to_owned()).unwrap();
        assert!(!format!("{key:?}").contains("hunter2"));
        let refused = serde_json::from_str::<PrivateKeyPem>("\"hunter2\\u0000\"").unwrap_err();
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
        let refused = serde_json::from_str::<EncryptionMode>("\"hunter2\"").unwrap_err();
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
    }

    #[test]
    fn modes_are_words() {
        for mode in [EncryptionMode::Allowed, EncryptionMode::Required] {
            assert_eq!(mode.word().parse(), Ok(mode));
            let text = serde_json::to_string(&mode).unwrap();
            assert_eq!((text.as_str(), serde_json::from_str(&text).unwrap()), (&*format!("\"{}\"", mode.word()), mode));
        }
        assert_eq!("Required".parse::<EncryptionMode>(), Err(EncryptionError::Mode));
    }
}
