//! Why XML is not taken.

use crate::base::text::printable_within;
use crate::base::{Fault, Faulty};

/// Why XML is not taken: by which kind of rule, where, and what is wrong. It tells nothing that is secret: of what was encrypted,
/// only that it could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {why}")]
pub struct XmlError {
    kind: Kind,
    place: String,
    why: String,
}

/// What kind of rule refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An algorithm or a key that does not count.
    Algorithm,
    /// It cannot be decrypted. There is one text for all of these.
    Decryption,
    /// It is no XML, or has what no message of SAML needs.
    Form,
    /// Too much of it.
    Limit,
    /// The signature does not hold, or does not cover what would be read.
    Signature,
    /// An element that is missing, stands twice, or stands where it should not.
    Structure,
    /// A value that cannot be read as text.
    Value,
}

impl XmlError {
    pub(super) fn new(kind: Kind, place: impl Into<String>, why: impl Into<String>) -> Self {
        Self { kind, place: place.into(), why: why.into() }
    }

    /// The kind of rule.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where: the path of an element, or `the text`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }
}

impl Faulty for XmlError {
    fn fault(&self) -> Fault {
        Fault::Caller
    }
}

/// Words of somebody else in an error: short, and without what would not be seen.
pub(super) fn quoted(words: &str) -> String {
    format!("`{}`", printable_within(words, 100))
}
