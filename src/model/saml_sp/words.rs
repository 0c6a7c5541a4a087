//! The words that settings of a service provider are made of.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{SamlSpError, is_told};
use crate::model::client::{ClaimSource, ClientError};

/// What a service provider is called here: it stands in addresses and at the command line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpName(String);

const EXPECTED_NAME: &str = "use 1 to 32 of a-z, 0-9 and -, beginning with a letter or digit";

impl SpName {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SpName {
    type Err = SamlSpError;

    fn from_str(text: &str) -> Result<Self, SamlSpError> {
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let whole = text.bytes().all(|b| letter(b) || b == b'-');
        if text.bytes().next().is_some_and(letter) && whole && text.len() <= 32 {
            return Ok(Self(text.to_owned()));
        }
        Err(SamlSpError::word("name of a service provider", text, EXPECTED_NAME))
    }
}

impl fmt::Display for SpName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for SpName {
    type Error = SamlSpError;

    fn try_from(text: String) -> Result<Self, SamlSpError> {
        text.parse()
    }
}

impl From<SpName> for String {
    fn from(name: SpName) -> Self {
        name.0
    }
}

/// What a service provider knows people by (SAML core, section 8.3).
///
/// It is written `persistent`, `transient`, `emailAddress` or `unspecified`, the last two with `:` and a source where it is another
/// than the usual one: `unspecified:login`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum NameId {
    /// A name that no other service provider has for them, and that says nothing of them.
    Persistent,
    /// Another name each time.
    Transient,
    /// What is in the shape of a mail address.
    EmailAddress(ClaimSource),
    /// What both sides agreed on.
    Unspecified(ClaimSource),
}

const EXPECTED_NAME_ID: &str =
    "use persistent, transient, emailAddress or unspecified, the last two perhaps with a source: unspecified:login";

impl NameId {
    /// The format that says that any kind of name will do (SAML core, section 8.3.1). It is also what [`NameId::Unspecified`] has.
    pub const ANY_FORMAT: &'static str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

    /// The format of mail addresses (SAML core, section 8.3.2).
    pub const EMAIL_FORMAT: &'static str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

    /// The URN in requests, responses and metadata.
    #[must_use]
    pub const fn format(&self) -> &'static str {
        match self {
            Self::Persistent => "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
            Self::Transient => "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
            Self::EmailAddress(_) => Self::EMAIL_FORMAT,
            Self::Unspecified(_) => Self::ANY_FORMAT,
        }
    }

    /// What it says of people, where it says something.
    #[must_use]
    pub const fn source(&self) -> Option<&ClaimSource> {
        match self {
            Self::Persistent | Self::Transient => None,
            Self::EmailAddress(source) | Self::Unspecified(source) => Some(source),
        }
    }
}

impl FromStr for NameId {
    type Err = SamlSpError;

    fn from_str(text: &str) -> Result<Self, SamlSpError> {
        let fault = || SamlSpError::word("NameID format", text, EXPECTED_NAME_ID);
        let (format, source) = match text.split_once(':') {
            Some((format, source)) => {
                let source = source.parse().map_err(|_: ClientError| fault())?;
                (format, Some(source))
            }
            None => (text, None),
        };
        // One name has one value.
        let single =
            |source: &ClaimSource| is_told(source) && !matches!(source, ClaimSource::Groups | ClaimSource::Roles);
        if source.as_ref().is_some_and(|source| !single(source)) {
            return Err(fault());
        }
        match (format, source) {
            ("persistent", None) => Ok(Self::Persistent),
            ("transient", None) => Ok(Self::Transient),
            ("emailAddress", source) => Ok(Self::EmailAddress(source.unwrap_or(ClaimSource::Mail))),
            ("unspecified", source) => Ok(Self::Unspecified(source.unwrap_or(ClaimSource::Name))),
            _ => Err(fault()),
        }
    }
}

impl fmt::Display for NameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Persistent => f.write_str("persistent"),
            Self::Transient => f.write_str("transient"),
            Self::EmailAddress(ClaimSource::Mail) => f.write_str("emailAddress"),
            Self::EmailAddress(source) => write!(f, "emailAddress:{source}"),
            Self::Unspecified(ClaimSource::Name) => f.write_str("unspecified"),
            Self::Unspecified(source) => write!(f, "unspecified:{source}"),
        }
    }
}

impl TryFrom<String> for NameId {
    type Error = SamlSpError;

    fn try_from(text: String) -> Result<Self, SamlSpError> {
        text.parse()
    }
}

impl From<NameId> for String {
    fn from(name_id: NameId) -> Self {
        name_id.to_string()
    }
}

/// What of a response is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignedParts {
    /// The response, and the assertion in it: whichever of the two somebody verifies is there.
    #[default]
    Both,
    /// The assertion alone, for those that stumble over two signatures.
    Assertion,
    /// The response alone.
    Response,
}

/// Whether assertions are encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// Where the metadata has a key for it.
    #[default]
    Auto,
    /// Always: metadata without a key is refused.
    Required,
    /// Never, though there be a key.
    Never,
}

impl SignedParts {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Both, Self::Assertion, Self::Response];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Assertion => "assertion",
            Self::Response => "response",
        }
    }

    /// The one of that word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|parts| parts.word() == word)
    }
}

impl Encryption {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Required, Self::Never];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Required => "required",
            Self::Never => "never",
        }
    }

    /// The one of that word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encrypt| encrypt.word() == word)
    }
}
