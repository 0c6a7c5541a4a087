//! A SAML provider: an identity provider whose word about somebody a role can trust.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::saml_encryption::{Encryption, EncryptionError};
use super::{AccountId, Arn, Tags};
use crate::base::text::printable;
use crate::base::{SamlProviderId, Timestamp};

/// Most providers of an account (IAM User Guide, "IAM and STS quotas").
pub const MOST: usize = 100;

/// Longest name (IAM API reference, `SAMLProviderNameType`).
const LONGEST_NAME: usize = 128;

/// Shortest metadata (IAM API reference, `SAMLMetadataDocumentType`). The longest is what a row of the store holds.
pub const SHORTEST_METADATA: usize = 1_000;

/// A provider, as it is described here. How a response of it is judged is the business of `authn`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamlProvider {
    /// Stays the same.
    pub id: SamlProviderId,
    /// The account it belongs to.
    pub account: AccountId,
    /// Its name, unique in its account.
    pub name: SamlProviderName,
    /// What it says of itself.
    pub metadata: Metadata,
    /// What of that sessions rest on, as it was read when it was written. `None` of one that was written before anybody read it, and
    /// has not been written since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub described: Option<Described>,
    /// Where it publishes that, `https://`: from there it is fetched again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Other metadata that was found there, and that nobody has confirmed. It counts for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// How its assertions are encrypted; `None` of one that was given no key, whose encrypted assertions nothing opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// When it was made.
    pub created: Timestamp,
    /// When its metadata was written last.
    pub updated: Timestamp,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

/// What the metadata of a provider says of who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// Its own name, its `entityID`.
    pub entity_id: String,
    /// SHA-256, in hex, of the certificates whose keys it signs with.
    pub certificates: Vec<String>,
    /// Until when the metadata counts, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

/// Metadata that was fetched and says something else than what counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// SHA-256 of the text, in hex.
    pub digest: String,
    /// What is other about it, in words.
    pub changes: Vec<String>,
    /// Whether it only counts for longer than what counts now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prolongs: bool,
    /// Since when it is known.
    pub since: Timestamp,
    /// Whether security was told of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
    /// The text, where it fits beside what counts. Who publishes says another end each time they are asked, and the digest with it; so it
    /// is this that is taken then, if what is published still says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

impl SamlProvider {
    /// Whether what `issuer` signed by the key of `certificate` still counts: the provider is the same, and the key is one of its.
    #[must_use]
    pub fn vouches(&self, issuer: &str, certificate: &str) -> bool {
        let holds = |described: &Described| {
            described.entity_id == issuer && described.certificates.iter().any(|one| one == certificate)
        };
        self.described.as_ref().is_none_or(holds)
    }

    /// Its name in policies and SDKs.
    #[must_use]
    pub fn arn(&self) -> Arn {
        Arn::saml_provider(&self.account, &self.name)
    }
}

/// A name: `[\w._-]+` (IAM API reference, `SAMLProviderNameType`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SamlProviderName(String);

/// Most keys of a provider (IAM User Guide, "IAM and STS quotas").
pub const MOST_KEYS: usize = 10;

/// The metadata of a provider, as text.
///
/// It is not read as XML here: that is done with all due care in one place, and a second reader could only come to another result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Metadata(String);

/// What a part of a provider cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SamlProviderError {
    /// Its name.
    #[error("`{0}` is no name of a SAML provider: use 1 to {LONGEST_NAME} letters, digits and ._-")]
    Name(String),
    /// Its metadata is too short.
    #[error("SAML metadata of {0} characters: there are at least {SHORTEST_METADATA}")]
    Short(usize),
    /// Its metadata holds what no text of XML can.
    #[error("SAML metadata is text: it holds the character \\u{{{0:x}}}")]
    NoText(u32),
    /// How its assertions are encrypted.
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
}

impl SamlProviderName {
    /// What must be unique in an account.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl Metadata {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SamlProviderName {
    type Err = SamlProviderError;

    fn from_str(text: &str) -> Result<Self, SamlProviderError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        if (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(SamlProviderError::Name(printable(text).into_owned()))
    }
}

impl FromStr for Metadata {
    type Err = SamlProviderError;

    fn from_str(text: &str) -> Result<Self, SamlProviderError> {
        let length = text.chars().count();
        if length < SHORTEST_METADATA {
            return Err(SamlProviderError::Short(length));
        }
        // XML 1.0, section 2.2.
        let no_text = |c: &char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
        match text.chars().find(no_text) {
            Some(c) => Err(SamlProviderError::NoText(c.into())),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl TryFrom<String> for SamlProviderName {
    type Error = SamlProviderError;

    fn try_from(text: String) -> Result<Self, SamlProviderError> {
        text.parse()
    }
}

impl TryFrom<String> for Metadata {
    type Error = SamlProviderError;

    fn try_from(text: String) -> Result<Self, SamlProviderError> {
        text.parse()
    }
}

impl From<SamlProviderName> for String {
    fn from(name: SamlProviderName) -> Self {
        name.0
    }
}

impl From<Metadata> for String {
    fn from(metadata: Metadata) -> Self {
        metadata.0
    }
}

impl fmt::Display for SamlProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_metadata_have_their_limits() {
        for good in ["adfs", "Entra.ID_2-x", &"x".repeat(128)] {
            assert_eq!(good.parse::<SamlProviderName>().unwrap().to_string(), good);
        }
        assert!(["", "a b", "a/b", "a+b", &"x".repeat(129)].iter().all(|bad| bad.parse::<SamlProviderName>().is_err()));
        let text = format!("<x>{}</x>\r\n", "\u{e9}".repeat(1_000));
        assert_eq!(text.parse::<Metadata>().unwrap().as_str(), text);
        assert_eq!("x".repeat(999).parse::<Metadata>(), Err(SamlProviderError::Short(999)));
        assert_eq!(format!("\0{text}").parse::<Metadata>(), Err(SamlProviderError::NoText(0)));
    }
}
