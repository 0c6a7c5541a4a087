//! Whom an assertion is about, and that it was delivered where it should be.

use super::error::{ResponseError, Rule};
use super::instant;
use super::judge::Expected;
use crate::base::Timestamp;
use crate::base::text::hidden;
use crate::saml_xml::{ASSERTION, Element};

/// Whoever bears it is meant (SAML profiles, section 3.3).
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
/// Longest name, in characters (SAML core, section 8.3.7, for persistent ones).
const LONGEST_NAME: usize = 256;

/// A name of somebody. Only together with the issuer, and the qualifiers where there are any, does it name one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameId {
    /// The name, as it stands.
    pub value: String,
    /// What kind of name it is.
    pub format: Option<String>,
    /// The provider in whose names it is one.
    pub name_qualifier: Option<String>,
    /// The service for which it was made.
    pub sp_name_qualifier: Option<String>,
}

/// Where an assertion was to be delivered, and until when.
pub(super) struct Delivered {
    pub(super) to: String,
    pub(super) until: Timestamp,
}

/// The name of the subject, and how it is confirmed.
pub(super) fn check(
    assertion: Element<'_>,
    expected: Expected<'_>,
    now: Timestamp,
) -> Result<(NameId, Delivered), ResponseError> {
    let subject = assertion.one(ASSERTION, "Subject")?;
    for child in subject.children()? {
        if !child.is(ASSERTION, "NameID") && !child.is(ASSERTION, "SubjectConfirmation") {
            return Err(ResponseError::at(Rule::Subject, child, "a subject is taken by its NameID alone"));
        }
    }
    let name = name(subject.one(ASSERTION, "NameID")?)?;
    let confirmations = subject.all(ASSERTION, "SubjectConfirmation")?;
    let mut last = Err(ResponseError::at(Rule::Confirmation, subject, "nothing confirms it"));
    // One that holds is enough (SAML core, section 2.4.1); of several that do not, the last one says why.
    for confirmation in confirmations {
        last = confirmed(confirmation, expected, now);
        if last.is_ok() {
            break;
        }
    }
    Ok((name, last?))
}

fn name(element: Element<'_>) -> Result<NameId, ResponseError> {
    let value = element.text()?;
    let odd = |c: char| c.is_control() || hidden(c);
    if value.is_empty() || value.trim() != value || value.contains(odd) || value.chars().count() > LONGEST_NAME {
        let why = format!("a name has 1 to {LONGEST_NAME} characters, none hidden, and no blanks around it");
        return Err(ResponseError::at(Rule::Subject, element, why));
    }
    let said = |name| element.attribute(name).map(str::to_owned);
    Ok(NameId {
        value,
        format: said("Format"),
        name_qualifier: said("NameQualifier"),
        sp_name_qualifier: said("SPNameQualifier"),
    })
}

/// One confirmation (SAML profiles, section 4.1.4.2): delivered to us, in time, for that request.
fn confirmed(confirmation: Element<'_>, expected: Expected<'_>, now: Timestamp) -> Result<Delivered, ResponseError> {
    if confirmation.attribute("Method") != Some(BEARER) {
        return Err(ResponseError::at(Rule::Confirmation, confirmation, "its method is not `bearer`"));
    }
    let facts = confirmation.one(ASSERTION, "SubjectConfirmationData")?;
    let recipient = match facts.attribute("Recipient") {
        Some(recipient) if expected.own.is_at(recipient) => recipient,
        Some(recipient) => {
            let why = format!("it is for `{recipient}`, not for `{}`", expected.own.acs);
            return Err(ResponseError::at(Rule::Recipient, facts, why));
        }
        None => return Err(ResponseError::at(Rule::Recipient, facts, "it does not say whom it is for")),
    };
    match (facts.attribute("InResponseTo"), expected.request) {
        (said, wanted) if said == wanted => {}
        (Some(_), None) => {
            return Err(ResponseError::at(Rule::InResponseTo, facts, "it answers a request, and none was made"));
        }
        (said, wanted) => {
            let why = format!("it answers `{}`, not `{}`", said.unwrap_or("no request"), wanted.unwrap_or_default());
            return Err(ResponseError::at(Rule::InResponseTo, facts, why));
        }
    }
    if facts.attribute("NotBefore").is_some() {
        return Err(ResponseError::at(Rule::Confirmation, facts, "a bearer's confirmation must not say NotBefore"));
    }
    let until = instant::required(facts, "NotOnOrAfter")?;
    instant::not_over(facts, "NotOnOrAfter", until, now)?;
    Ok(Delivered { to: recipient.to_owned(), until })
}
