//! What a service provider is told of people, besides who they are (SAML core, section 2.7.3).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{SamlSpError, is_told, visible};
use crate::model::client::{ClaimSource, ClientError};

/// One attribute, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeRule {
    /// Its name, as the service provider knows it.
    pub name: String,
    /// What kind of name that is.
    #[serde(default)]
    pub name_format: NameFormat,
    /// Its name for people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub friendly_name: Option<String>,
    /// What it says.
    pub value: AttributeValue,
}

/// What kind of name an attribute has (SAML core, section 8.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameFormat {
    /// A word.
    #[default]
    Basic,
    /// A URI.
    Uri,
    /// Whatever both sides agreed on.
    Unspecified,
}

/// What an attribute says: a source as claims have it, which may have several values, or `text/WORDS`, always the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AttributeValue {
    /// What is known of a person.
    Of(ClaimSource),
    /// Always the same words.
    Text(String),
}

const EXPECTED: &str =
    "use name, login, mail, display_name, employee_id, arn, groups, roles, tag/KEY, or text/WORDS for fixed words";

impl AttributeRule {
    /// A rule whose name is a word.
    #[must_use]
    pub fn basic(name: &str, value: ClaimSource) -> Self {
        let (name, value) = (name.to_owned(), AttributeValue::Of(value));
        Self { name, name_format: NameFormat::Basic, friendly_name: None, value }
    }

    pub(super) fn check(&self) -> Result<(), SamlSpError> {
        visible(&self.name, "name of an attribute")?;
        self.friendly_name.iter().try_for_each(|name| visible(name, "name of an attribute"))?;
        match &self.value {
            AttributeValue::Text(words) => visible(words, "value of an attribute"),
            AttributeValue::Of(source) if is_told(source) => Ok(()),
            AttributeValue::Of(source) => {
                Err(SamlSpError::word("value of an attribute", &source.to_string(), EXPECTED))
            }
        }
    }
}

impl NameFormat {
    /// What kind of name this is, by how it looks.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let uri = ["urn:", "http://", "https://"].iter().any(|begin| name.starts_with(begin));
        if uri { Self::Uri } else { Self::Basic }
    }

    /// All of them.
    pub const ALL: [Self; 3] = [Self::Basic, Self::Uri, Self::Unspecified];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Uri => "uri",
            Self::Unspecified => "unspecified",
        }
    }

    /// The one of that word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.word() == word)
    }

    /// Its URN.
    #[must_use]
    pub const fn urn(self) -> &'static str {
        match self {
            Self::Basic => "urn:oasis:names:tc:SAML:2.0:attrname-format:basic",
            Self::Uri => "urn:oasis:names:tc:SAML:2.0:attrname-format:uri",
            Self::Unspecified => "urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified",
        }
    }
}

impl FromStr for AttributeValue {
    type Err = SamlSpError;

    fn from_str(text: &str) -> Result<Self, SamlSpError> {
        if let Some(words) = text.strip_prefix("text/") {
            visible(words, "value of an attribute")?;
            return Ok(Self::Text(words.to_owned()));
        }
        let fault = || SamlSpError::word("value of an attribute", text, EXPECTED);
        let source: ClaimSource = text.parse().map_err(|_: ClientError| fault())?;
        if is_told(&source) { Ok(Self::Of(source)) } else { Err(fault()) }
    }
}

impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(source) => source.fmt(f),
            Self::Text(words) => write!(f, "text/{words}"),
        }
    }
}

impl TryFrom<String> for AttributeValue {
    type Error = SamlSpError;

    fn try_from(text: String) -> Result<Self, SamlSpError> {
        text.parse()
    }
}

impl From<AttributeValue> for String {
    fn from(value: AttributeValue) -> Self {
        value.to_string()
    }
}
