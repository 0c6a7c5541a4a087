//! The judgement on a response, from the text to the proof.

use super::conditions::{self, Window};
use super::error::{ResponseError, Rule};
use super::metadata::IdentityProvider;
use super::statements::{self, Authentication};
use super::{LONGEST, SKEW, SamlAssertion, ServiceProvider, Signed, envelope, instant, subject};
use crate::base::Timestamp;
use crate::base::clock::later;
use crate::saml_xml::{ASSERTION, Covered, DecryptionKey, Element, Message, SIGNATURE};

/// What a response has to be, to be taken.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Who has to vouch.
    pub provider: &'a IdentityProvider,
    /// Whom it has to be for.
    pub own: &'a ServiceProvider,
    /// The request that it has to answer; none, if the provider began by itself, and then it must not answer any. Whether that is
    /// allowed is for the caller to say.
    pub request: Option<&'a str>,
}

/// Judges a response: `text` is its XML.
///
/// # Errors
/// The first rule that it breaks.
pub fn judge(text: &str, expected: Expected<'_>, now: Timestamp) -> Result<SamlAssertion, ResponseError> {
    let Expected { provider, own, .. } = expected;
    if let Some(end) = provider.valid_until().filter(|end| now >= *end) {
        return Err(ResponseError::new(Rule::Metadata, "EntityDescriptor", format!("it was valid until {end}")));
    }
    let message = Message::parse(text)?;
    let addressed = envelope::check(&message.claims(), expected)?;
    let opening: Vec<&DecryptionKey> = own.key.iter().chain(provider.decryption().keys()).collect();
    let covered = message.cover(provider.keys(), &opening)?;
    if provider.decryption().is_required() && !covered.encrypted() {
        let why = "it is not encrypted, and assertions of this provider have to be";
        return Err(ResponseError::new(Rule::Encryption, "Assertion", why));
    }
    if covered.response_signed() && !addressed {
        let why = "a signed response has to say its Destination (SAML bindings, section 3.5.5.2)";
        return Err(ResponseError::new(Rule::Destination, "Response", why));
    }
    assertion(&covered, expected, now)
}

fn assertion(covered: &Covered, expected: Expected<'_>, now: Timestamp) -> Result<SamlAssertion, ResponseError> {
    let assertion = covered.assertion();
    known(covered)?;
    if assertion.attribute("Version") != Some("2.0") {
        return Err(ResponseError::at(Rule::Version, assertion, "its version is not 2.0"));
    }
    let id = assertion.attribute("ID").ok_or_else(|| ResponseError::at(Rule::Structure, assertion, "it has no ID"))?;
    let issuer = issuer(assertion, expected.provider)?;
    let issued = instant::required(assertion, "IssueInstant")?;
    instant::not_ahead(assertion, "IssueInstant", issued, now)?;
    if now >= later(instant::latest_use(issued), SKEW) {
        let why = format!("it was made at {issued}, and is taken for {} s: here it is {now}", LONGEST.as_secs());
        return Err(ResponseError::at(Rule::Time, assertion, why).over());
    }
    let (name_id, delivered) = subject::check(assertion, expected, now)?;
    let Window { until } = conditions::check(assertion, expected.own, now)?;
    let Authentication { at, context_class, session_index, session_ends } = statements::authentication(assertion, now)?;
    let attributes = statements::attributes(assertion)?;
    Ok(SamlAssertion {
        issuer,
        id: id.to_owned(),
        name_id,
        recipient: delivered.to,
        issued,
        good_until: later(instant::latest_use(issued).min(until).min(delivered.until), SKEW),
        authenticated: at,
        context_class,
        session_index,
        session_ends,
        attributes,
        signed: Signed {
            response: covered.response_signed(),
            assertion: covered.assertion_signed(),
            encrypted: covered.encrypted(),
            by: covered.signed_by().map(str::to_owned),
        },
    })
}

/// What may stand in an assertion. Advice is left out: it holds assertions of others.
fn known(covered: &Covered) -> Result<(), ResponseError> {
    const KNOWN: [&str; 5] = ["Issuer", "Subject", "Conditions", "AuthnStatement", "AttributeStatement"];
    for part in covered.parts()? {
        let known = part.is(SIGNATURE, "Signature") || KNOWN.iter().any(|name| part.is(ASSERTION, name));
        if !known {
            return Err(ResponseError::at(Rule::Structure, part, "nothing of that name is understood here"));
        }
    }
    Ok(())
}

fn issuer(assertion: Element<'_>, provider: &IdentityProvider) -> Result<String, ResponseError> {
    /// What the issuer's name is, if that is said (SAML core, section 8.3.6).
    const ENTITY: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";

    let issuer = assertion.one(ASSERTION, "Issuer")?;
    if issuer.attribute("Format").is_some_and(|format| format != ENTITY) {
        return Err(ResponseError::at(Rule::Issuer, issuer, "its Format is not that of an entity"));
    }
    let name = issuer.text()?;
    if name == provider.entity_id() {
        return Ok(name);
    }
    Err(ResponseError::at(Rule::Issuer, issuer, format!("`{name}` is not `{}`", provider.entity_id())))
}
