//! A service provider of SAML (SAML core, section 1): an application that people sign in to here, by assertions that we make.
//!
//! Owns what is registered of one, and which settings cannot be ([`SamlSp::check`]). What its metadata says is read in `authn/saml`;
//! what it is sent is the business of `sso`.

mod attribute;
mod aws;
mod pin;
mod preset;
mod words;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use attribute::{AttributeRule, AttributeValue, NameFormat};
pub use aws::{ATTRIBUTES as AWS_ATTRIBUTES, AwsProvider, AwsSignIn};
pub use pin::SpPin;
pub use preset::{Filled, Preset, Usual};
pub use words::{Encryption, NameId, SignedParts, SpName};

use super::client::ClaimSource;
use crate::base::Timestamp;
use crate::base::text::{hidden, printable};

/// Most service providers that are kept in the store.
pub const MOST: usize = 1_000;

/// Most attributes, and most groups, that one has.
pub const MOST_OF_EACH: usize = 50;

/// Longest title and longest name of an entity, in characters (SAML core, section 8.3.6).
const LONGEST: usize = 1_024;

/// Longest relay state, in bytes (SAML bindings, section 3.4.3).
const LONGEST_RELAY_STATE: usize = 80;

/// What a session at a service provider may last, in seconds.
const SESSION: std::ops::RangeInclusive<u32> = 300..=86_400;

/// A service provider, as it is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamlSp {
    /// Stays the same; what it is called here.
    pub name: SpName,
    /// What people are shown.
    pub title: String,
    /// Which kind of application it is, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// What it calls itself by: the issuer of its requests, and the audience of what it is sent.
    pub entity_id: String,
    /// What it says of itself, as an administrator took it for good.
    pub metadata: String,
    /// Where its metadata is fetched from again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<MetadataSource>,
    /// Newer metadata that nobody has confirmed yet; it counts for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// What it knows people by.
    pub name_id: NameId,
    /// What else it is told of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<AttributeRule>,
    /// The console of AWS, where it is that: which roles people may take there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsSignIn>,
    /// Names of the groups whose people may sign in to it; without any, everybody.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub allowed_groups: BTreeSet<String>,
    /// Whether people need a second factor for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_mfa: bool,
    /// Whether its requests have to be signed, though its metadata may not say so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_signed_requests: bool,
    /// Whether people may begin here, without a request of its.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub idp_initiated: bool,
    /// What goes along then, and tells it where people want to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_state: Option<String>,
    /// What of a response is signed.
    #[serde(default)]
    pub signed: SignedParts,
    /// Whether assertions are encrypted.
    #[serde(default)]
    pub encrypt: Encryption,
    /// How many seconds a session there may last (`SessionNotOnOrAfter`).
    pub session: u32,
    /// When it was registered.
    pub created: Timestamp,
    /// When its settings were changed last.
    pub updated: Timestamp,
}

/// Where metadata comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetadataSource {
    /// A file that somebody gave: its name, for people to read. It is not read again.
    File(String),
    /// An address, which is asked once a day.
    Url(String),
}

/// Newer metadata that waits for an administrator: it has other keys, addresses or another name than what counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// What it says.
    pub metadata: String,
    /// SHA-256 of it, in hexadecimal digits: whoever confirms says which one they looked at.
    pub digest: String,
    /// When it was fetched first.
    pub since: Timestamp,
    /// What is otherwise than in what counts, for people to read.
    pub changes: Vec<String>,
}

/// Settings that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SamlSpError {
    /// A text is none of its kind.
    #[error("`{text}` is no {what}: {expected}")]
    Word {
        /// Of which kind it should be.
        what: &'static str,
        /// What was said.
        text: String,
        /// What is.
        expected: &'static str,
    },
    /// Settings contradict each other, or pass a limit.
    #[error("{what}; {remedy}")]
    Contradiction {
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
}

impl SamlSpError {
    fn word(what: &'static str, text: &str, expected: &'static str) -> Self {
        Self::Word { what, text: printable(text).into_owned(), expected }
    }

    fn contradiction(what: impl Into<String>, remedy: &'static str) -> Self {
        Self::Contradiction { what: what.into(), remedy }
    }
}

impl SamlSp {
    /// How long a session lasts where nothing is said, in seconds: a day's work.
    pub const USUAL_SESSION: u32 = 8 * 3_600;

    /// Refuses what cannot work, or would be no protection.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub fn check(&self) -> Result<(), SamlSpError> {
        visible(&self.title, "title of a service provider")?;
        visible(&self.entity_id, "name of an entity")?;
        self.allowed_groups.iter().try_for_each(|group| visible(group, "name of a group"))?;
        for (what, count) in [("attributes", self.attributes.len()), ("allowed groups", self.allowed_groups.len())] {
            if count > MOST_OF_EACH {
                let what = format!("{count} {what} are too many: {MOST_OF_EACH} are allowed");
                return Err(SamlSpError::contradiction(what, "make groups of groups, or leave attributes out"));
            }
        }
        if !SESSION.contains(&self.session) {
            let what = format!("a session cannot last {} s", self.session);
            return Err(SamlSpError::contradiction(what, "sessions last 300 s to 24 hours"));
        }
        self.check_attributes()?;
        self.check_relay_state()?;
        if let Some(aws) = &self.aws {
            aws.check()?;
        }
        Ok(())
    }

    fn check_attributes(&self) -> Result<(), SamlSpError> {
        let mut names = BTreeSet::new();
        for rule in &self.attributes {
            rule.check()?;
            if self.aws.is_some() && rule.name.starts_with(aws::ATTRIBUTES) {
                let what = format!("the attribute `{}` is worked out of roles and tags", rule.name);
                return Err(SamlSpError::contradiction(what, "take it out, and set [sessions.tags] for tags"));
            }
            // Of two attributes of one name service providers differ in which counts.
            if !names.insert((rule.name.as_str(), rule.name_format)) {
                let what = format!("there are two attributes `{}`", rule.name);
                return Err(SamlSpError::contradiction(what, "take one of them out"));
            }
        }
        Ok(())
    }

    fn check_relay_state(&self) -> Result<(), SamlSpError> {
        let Some(state) = &self.relay_state else { return Ok(()) };
        if !self.idp_initiated {
            let what = "a relay state goes along where people begin here, and they may not";
            return Err(SamlSpError::contradiction(what, "set idp_initiated, or take the relay state out"));
        }
        if state.is_empty() || state.len() > LONGEST_RELAY_STATE || state.chars().any(hidden) {
            return Err(SamlSpError::word("relay state", state, "use 1 to 80 bytes that can be seen"));
        }
        Ok(())
    }
}

fn visible(text: &str, what: &'static str) -> Result<(), SamlSpError> {
    if (1..=LONGEST).contains(&text.chars().count()) && !text.chars().any(hidden) && text.trim() == text {
        return Ok(());
    }
    Err(SamlSpError::word(what, text, "use 1 to 1024 characters that can be seen, without blanks around them"))
}

/// Whether a source says something that a service provider of SAML can be told.
fn is_told(source: &ClaimSource) -> bool {
    // Its shape is that of a token; for the console of AWS tags are attributes of their own.
    !matches!(source, ClaimSource::AwsTags)
}

#[cfg(test)]
mod tests;
