//! Responses: written, signed, encrypted (SAML core, sections 2 and 3.3; SAML profiles, section 4.1.4).

use jiff::SignedDuration;
use url::Url;

use super::{Known, SamlError, Sso, bindings};
use crate::base::clock::later;
use crate::base::{Fault, Timestamp};
use crate::keys::SamlSigner;
use crate::model::saml_sp::SignedParts;
use crate::saml_xml::{CHANCE, Node, RSA_SHA256, Signer, encrypted};

/// How long an assertion is good.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(5);
/// How far clocks may be apart.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// What became of a request (SAML core, section 3.2.2.2).
pub(super) mod status {
    pub(in super::super) const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
    pub(in super::super) const REQUESTER: &str = "urn:oasis:names:tc:SAML:2.0:status:Requester";
    pub(in super::super) const RESPONDER: &str = "urn:oasis:names:tc:SAML:2.0:status:Responder";
    pub(in super::super) const NO_PASSIVE: &str = "urn:oasis:names:tc:SAML:2.0:status:NoPassive";
    pub(in super::super) const NO_AUTHN_CONTEXT: &str = "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext";
    pub(in super::super) const REQUEST_DENIED: &str = "urn:oasis:names:tc:SAML:2.0:status:RequestDenied";
    pub(in super::super) const INVALID_NAME_ID_POLICY: &str = "urn:oasis:names:tc:SAML:2.0:status:InvalidNameIDPolicy";
    pub(in super::super) const PARTIAL_LOGOUT: &str = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout";
    pub(in super::super) const UNKNOWN_PRINCIPAL: &str = "urn:oasis:names:tc:SAML:2.0:status:UnknownPrincipal";

    /// The code above one of the second level: whose fault it is.
    pub(in super::super) fn above(code: &str) -> &'static str {
        match code {
            INVALID_NAME_ID_POLICY | UNKNOWN_PRINCIPAL => REQUESTER,
            PARTIAL_LOGOUT => SUCCESS,
            _ => RESPONDER,
        }
    }
}

/// Something that a browser posts for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Where to.
    pub to: String,
    /// The name of its field: `SAMLResponse` or `SAMLRequest`.
    pub field: &'static str,
    /// The message, in base64.
    pub message: String,
    /// What goes along.
    pub relay_state: Option<String>,
    /// What people call the receiver.
    pub title: String,
    /// What somebody reads before they go on; where there is nothing to read the browser goes on by itself.
    pub read_first: Option<String>,
}

impl Delivery {
    /// The receiver's host, by which people know where their browser goes: what an application is called is somebody's word.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        Url::parse(&self.to).ok().and_then(|url| url.host_str().map(str::to_owned))
    }
}

/// What an assertion says.
#[derive(Debug, Clone)]
pub struct Says<'a> {
    /// Its ID.
    pub id: &'a str,
    /// Kind of name, and the name.
    pub name_id: (&'a str, &'a str),
    /// What was asked, if anything.
    pub in_response_to: Option<&'a str>,
    /// Where it is delivered.
    pub acs: &'a str,
    /// When they signed in.
    pub authenticated: Timestamp,
    /// How surely.
    pub class: &'a str,
    /// What their session is called there.
    pub session_index: &'a str,
    /// When it ends there.
    pub session_until: Timestamp,
    /// What else is said of them.
    pub attributes: Vec<Attribute>,
}

/// Something that is said of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// What it is called.
    pub name: String,
    /// Of which kind that is.
    pub name_format: &'static str,
    /// What it is called by people.
    pub friendly_name: Option<String>,
    /// What is said.
    pub values: Vec<String>,
}

/// What a response takes besides what it says. It asks neither a store nor a clock, and what it costs is measured by itself
/// (`benches/saml`); that something may be said at all is decided before ([`Sso::saml_somebody`]).
pub struct Author<'a> {
    /// What service providers know us by.
    pub entity_id: &'a str,
    /// The key that signs.
    pub signer: Signer<'a>,
    /// The response's ID, which nobody can guess.
    pub id: String,
    /// What encryption takes, used for nothing else.
    pub chance: [u8; CHANCE],
}

impl Sso {
    /// A response that says who somebody is.
    pub(super) fn saml_says(
        &self,
        known: &Known,
        says: Says<'_>,
        relay_state: Option<String>,
        now: Timestamp,
    ) -> Result<Delivery, SamlError> {
        let signer = self.admin.keys.saml_signer(now).map_err(|error| SamlError::ours(&error))?;
        let (entity_id, acs, sign) = (self.saml_entity_id(), says.acs, |message: &[u8]| signer.sign(message));
        let signer = Signer { algorithm: RSA_SHA256, certificate: signer.certificate(), sign: &sign };
        let author = Author { entity_id: &entity_id, signer, id: self.saml_id(), chance: self.chance() };
        let response = author.response(known, says, now)?;
        Ok(bindings::form((acs, "SAMLResponse"), &response, relay_state, &known.sp.title))
    }

    /// A response that says why nobody is anybody, by a code and perhaps in words (`StatusMessage`; SAML core, section 3.2.2.1). It is
    /// signed: a service provider may act on it.
    pub(super) fn saml_refuses(
        &self,
        known: &Known,
        (acs, asked): (&str, Option<&str>),
        (code, why): (&str, Option<&str>),
        relay_state: Option<String>,
        now: Timestamp,
    ) -> Result<Delivery, SamlError> {
        let signer = self.admin.keys.saml_signer(now).map_err(|error| SamlError::ours(&error))?;
        let status = status_of(&[status::above(code), code]);
        let status = status.children(why.map(|why| Node::text("samlp:StatusMessage", why)));
        let response = answering(self.saml_message(("samlp:Response", acs), now), asked, status);
        let response = signed(&signer, response)?;
        Ok(bindings::form((acs, "SAMLResponse"), &response.render(), relay_state, &known.sp.title))
    }

    /// What stands around an answer: `codes` of its status, from the first level down.
    pub(super) fn saml_frame(
        &self,
        (name, to): (&'static str, &str),
        asked: Option<&str>,
        codes: &[&str],
        now: Timestamp,
    ) -> Node {
        answering(self.saml_message((name, to), now), asked, status_of(codes))
    }

    /// A message of ours to `to`.
    pub(super) fn saml_message(&self, (name, to): (&'static str, &str), now: Timestamp) -> Node {
        message((name, to), (self.saml_id(), &self.saml_entity_id()), now)
    }
}

impl Author<'_> {
    /// A response that says this to `known`.
    ///
    /// # Errors
    /// When it cannot be signed, or not encrypted as it has to be.
    pub fn response(self, known: &Known, says: Says<'_>, now: Timestamp) -> Result<String, SamlError> {
        let signs = known.sp.signed;
        let frame = message(("samlp:Response", says.acs), (self.id.clone(), self.entity_id), now);
        let frame = answering(frame, says.in_response_to, status_of(&[status::SUCCESS]));
        let mut assertion = self.assertion(known, says, now);
        if known.metadata.assertion_is_signed(signs) {
            assertion = signed_by(&self.signer, assertion)?;
        }
        let key = known.metadata.encrypts_for(known.sp.encrypt).map_err(|why| {
            SamlError::asked(format!("What {} is told has to be encrypted, and {why}.", known.sp.title))
        })?;
        if let Some(key) = key {
            let certificate = &key.certificate.der;
            assertion = encrypted(&assertion, certificate, self.chance).map_err(|error| SamlError::ours(&error))?;
        }
        let mut response = frame.child(assertion);
        if signs != SignedParts::Assertion {
            response = signed_by(&self.signer, response)?;
        }
        Ok(response.render())
    }

    fn assertion(&self, known: &Known, says: Says<'_>, now: Timestamp) -> Node {
        let until = moment(later(now, GOOD_FOR));
        let from = moment(now.saturating_sub(SKEW).unwrap_or(Timestamp::MIN));
        let (format, name) = says.name_id;
        let confirmed = Node::new("saml:SubjectConfirmationData")
            .with("NotOnOrAfter", until.as_str())
            .with("Recipient", says.acs)
            .with_some("InResponseTo", says.in_response_to);
        let confirmation = Node::new("saml:SubjectConfirmation")
            .with("Method", "urn:oasis:names:tc:SAML:2.0:cm:bearer")
            .child(confirmed);
        // A pairwise name is one among those of both sides, and only there (SAML core, section 8.3.7).
        let is_pairwise = format == crate::model::saml_sp::NameId::Persistent.format();
        let name = Node::text("saml:NameID", name)
            .with("Format", format)
            .with_some("NameQualifier", is_pairwise.then_some(self.entity_id))
            .with_some("SPNameQualifier", is_pairwise.then(|| known.sp.entity_id.clone()));
        let audience = Node::new("saml:AudienceRestriction").child(Node::text("saml:Audience", &known.sp.entity_id));
        let statement = Node::new("saml:AuthnStatement")
            .with("AuthnInstant", moment(says.authenticated))
            .with("SessionIndex", says.session_index)
            .with("SessionNotOnOrAfter", moment(says.session_until))
            .child(Node::new("saml:AuthnContext").child(Node::text("saml:AuthnContextClassRef", says.class)));
        let attributes: Vec<Node> =
            says.attributes.into_iter().filter(|one| !one.values.is_empty()).map(Attribute::node).collect();
        let attributes = (!attributes.is_empty()).then(|| Node::new("saml:AttributeStatement").children(attributes));
        Node::new("saml:Assertion")
            .with("ID", says.id)
            .with("Version", "2.0")
            .with("IssueInstant", moment(now))
            .child(Node::text("saml:Issuer", self.entity_id))
            .child(Node::new("saml:Subject").child(name).child(confirmation))
            .child(Node::new("saml:Conditions").with("NotBefore", from).with("NotOnOrAfter", until).child(audience))
            .child(statement)
            .children(attributes)
    }
}

impl std::fmt::Debug for Author<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Author({})", self.entity_id)
    }
}

impl Attribute {
    fn node(self) -> Node {
        Node::new("saml:Attribute")
            .with("Name", self.name)
            .with("NameFormat", self.name_format)
            .with_some("FriendlyName", self.friendly_name)
            .children(self.values.into_iter().map(|value| Node::text("saml:AttributeValue", value)))
    }
}

/// A message of ours to `to`, by its ID and our name.
fn message((name, to): (&'static str, &str), (id, entity_id): (String, &str), now: Timestamp) -> Node {
    Node::new(name)
        .with("ID", id)
        .with("Version", "2.0")
        .with("IssueInstant", moment(now))
        .with("Destination", to)
        .child(Node::text("saml:Issuer", entity_id))
}

/// `message` as an answer: to what, if anything was asked, and what became of it.
fn answering(message: Node, asked: Option<&str>, status: Node) -> Node {
    message.with_some("InResponseTo", asked).child(status)
}

/// A status, of its codes from the first level down.
fn status_of(codes: &[&str]) -> Node {
    let code = codes.iter().rev().fold(None, |below: Option<Node>, code| {
        Some(Node::new("samlp:StatusCode").with("Value", *code).children(below))
    });
    Node::new("samlp:Status").children(code)
}

/// `node` with a signature of ours in it.
pub(super) fn signed(signer: &SamlSigner, node: Node) -> Result<Node, SamlError> {
    let sign = |message: &[u8]| signer.sign(message);
    signed_by(&Signer { algorithm: RSA_SHA256, certificate: signer.certificate(), sign: &sign }, node)
}

fn signed_by(signer: &Signer<'_>, node: Node) -> Result<Node, SamlError> {
    signer.signed(node).map_err(|error| {
        tracing::error!(%error, "a message of SAML");
        SamlError::Ours(Fault::Bug)
    })
}

/// A moment as SAML writes it (SAML core, section 1.3.3).
pub(super) fn moment(at: Timestamp) -> String {
    format!("{at:.0}")
}
