//! Why a response was rejected.

use std::fmt;

use crate::base::{Fault, Faulty};
use crate::saml_xml::{Element, Kind, XmlError};

/// Why a response makes nobody: by which rule, where, and what is wrong. For whoever runs this, and for logs; it holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {place}: {why}")]
pub struct ResponseError {
    rule: Rule,
    place: String,
    why: String,
    over: bool,
}

/// The rules, each with the word that stands for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// An algorithm or key that does not count.
    Algorithm,
    /// It is made for somebody else.
    Audience,
    /// How and when they were authenticated.
    Authentication,
    /// A condition that is not understood, or none.
    Condition,
    /// How the subject is confirmed: by bearing it, nothing else.
    Confirmation,
    /// It cannot be decrypted.
    Decryption,
    /// It is addressed to somebody else.
    Destination,
    /// It is not encrypted, and has to be.
    Encryption,
    /// It is XML that no response needs.
    Form,
    /// It answers another request, or none.
    InResponseTo,
    /// Somebody else vouches.
    Issuer,
    /// Too large, or too deep.
    Limit,
    /// What is known of the provider is not good any more.
    Metadata,
    /// It was delivered to another address.
    Recipient,
    /// A signature.
    Signature,
    /// The provider signed nobody in.
    Status,
    /// Elements that are missing, or too many.
    Structure,
    /// Whom it is about.
    Subject,
    /// Not yet, or no longer.
    Time,
    /// A value that is none.
    Value,
    /// Another version of SAML.
    Version,
}

impl Rule {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Algorithm => "algorithm",
            Self::Audience => "audience",
            Self::Authentication => "authentication",
            Self::Condition => "condition",
            Self::Confirmation => "confirmation",
            Self::Decryption => "decryption",
            Self::Destination => "destination",
            Self::Encryption => "encryption",
            Self::Form => "form",
            Self::InResponseTo => "in-response-to",
            Self::Issuer => "issuer",
            Self::Limit => "limit",
            Self::Metadata => "metadata",
            Self::Recipient => "recipient",
            Self::Signature => "signature",
            Self::Status => "status",
            Self::Structure => "structure",
            Self::Subject => "subject",
            Self::Time => "time",
            Self::Value => "value",
            Self::Version => "version",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl ResponseError {
    pub(super) fn new(rule: Rule, place: impl Into<String>, why: impl Into<String>) -> Self {
        Self { rule, place: place.into(), why: why.into(), over: false }
    }

    pub(super) fn at(rule: Rule, element: Element<'_>, why: impl Into<String>) -> Self {
        Self::new(rule, element.path(), why)
    }

    /// The same, because a time is over.
    pub(super) fn over(self) -> Self {
        Self { over: true, ..self }
    }

    /// Whether it would have been taken before.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The rule.
    #[must_use]
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// Where: the path of an element.
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

impl From<XmlError> for ResponseError {
    fn from(error: XmlError) -> Self {
        let rule = match error.kind() {
            Kind::Algorithm => Rule::Algorithm,
            Kind::Decryption => Rule::Decryption,
            Kind::Form => Rule::Form,
            Kind::Limit => Rule::Limit,
            Kind::Signature => Rule::Signature,
            Kind::Structure => Rule::Structure,
            Kind::Value => Rule::Value,
        };
        Self::new(rule, error.place(), error.why())
    }
}

impl Faulty for ResponseError {
    fn fault(&self) -> Fault {
        if self.rule == Rule::Metadata { Fault::Operator } else { Fault::Caller }
    }
}
