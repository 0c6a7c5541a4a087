//! What a response says of itself before anybody vouched for it.
//!
//! Around a signed assertion, the response need not be signed; where it says that it is not for us, or that nobody was signed in, it is
//! refused. That is all these are for: they say whether something is as it should be, and words that are otherwise can be shown to
//! whoever is told of the refusal, not worked with.

use std::fmt;

use bergshamra::xml::uppsala::{Document, NodeId};

use super::error::{Kind, XmlError, quoted};
use super::names::{ASSERTION, PROTOCOL};
use super::tree::{attribute, elements, is, path, text};

/// What a response says of itself, to be compared.
pub struct Claims<'m> {
    document: &'m Document<'m>,
    response: NodeId,
}

/// How a claim compares.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// It says what it should.
    AsWanted,
    /// It says nothing of that.
    Absent,
    /// It says something else.
    Otherwise(Said),
}

/// Words that nobody vouches for: they can be shown in a refusal, and nothing else.
#[derive(Debug, PartialEq, Eq)]
pub struct Said(String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'m> Claims<'m> {
    pub(super) fn new(document: &'m Document<'_>, response: NodeId) -> Self {
        Self { document, response }
    }

    /// An attribute of the response.
    #[must_use]
    pub fn attribute(&self, name: &str, wanted: &str) -> Claim {
        attribute(self.document, self.response, name).map_or(Claim::Absent, |said| compared(said, wanted))
    }

    /// Whether the response has that attribute.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        attribute(self.document, self.response, name).is_some()
    }

    /// Its issuer.
    ///
    /// # Errors
    /// When there are several, or markup in it.
    pub fn issuer(&self, wanted: &str) -> Result<Claim, XmlError> {
        match self.one(self.response, ASSERTION, "Issuer")? {
            Some(issuer) => Ok(compared(&text(self.document, issuer)?, wanted)),
            None => Ok(Claim::Absent),
        }
    }

    /// Its status. What is said otherwise has the codes and the message in it.
    ///
    /// # Errors
    /// When there are several, or none that could be read.
    pub fn status(&self, wanted: &str) -> Result<Claim, XmlError> {
        let Some(status) = self.one(self.response, PROTOCOL, "Status")? else { return Ok(Claim::Absent) };
        let Some(code) = self.one(status, PROTOCOL, "StatusCode")? else { return Ok(Claim::Absent) };
        let said = attribute(self.document, code, "Value").unwrap_or_default();
        if said == wanted {
            return Ok(Claim::AsWanted);
        }
        let mut words = quoted(said);
        if let Some(below) = self.one(code, PROTOCOL, "StatusCode")? {
            words += &format!(", {}", quoted(attribute(self.document, below, "Value").unwrap_or_default()));
        }
        if let Some(message) = self.one(status, PROTOCOL, "StatusMessage")? {
            words += &format!(", {}", quoted(&text(self.document, message)?));
        }
        Ok(Claim::Otherwise(Said(words)))
    }

    fn one(&self, node: NodeId, namespace: &str, name: &str) -> Result<Option<NodeId>, XmlError> {
        let mut all =
            elements(self.document, node)?.into_iter().filter(|child| is(self.document, *child, namespace, name));
        match (all.next(), all.next()) {
            (one, None) => Ok(one),
            (_, Some(_)) => {
                Err(XmlError::new(Kind::Structure, path(self.document, node), format!("more than one {name}")))
            }
        }
    }
}

fn compared(said: &str, wanted: &str) -> Claim {
    if said == wanted { Claim::AsWanted } else { Claim::Otherwise(Said(quoted(said))) }
}
