//! Responses: written, signed, encrypted (SAML core, sections 2 and 3.3; SAML profiles, section 4.1.4).

use jiff::SignedDuration;
use url::Url;

use super::{Known, SamlError, Sso, bindings};
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
pub(super) struct Says<'a> {
    pub(super) id: &'a str,
    /// Kind of name, and the name.
    pub(super) name_id: (&'a str, &'a str),
    /// What was asked, if anything.
    pub(super) in_response_to: Option<&'a str>,
    pub(super) acs: &'a str,
    pub(super) authenticated: Timestamp,
    pub(super) class: &'a str,
    pub(super) session_index: &'a str,
    pub(super) session_until: Timestamp,
    pub(super) attributes: Vec<Attribute>,
}

/// Something that is said of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) name_format: &'static str,
    pub(super) friendly_name: Option<String>,
    pub(super) values: Vec<String>,
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
        let signs = known.sp.signed;
        let (acs, asked) = (says.acs, says.in_response_to);
        let mut assertion = self.saml_assertion(known, says, now);
        if known.metadata.assertion_is_signed(signs) {
            assertion = signed(&signer, assertion)?;
        }
        let key = known.metadata.encrypts_for(known.sp.encrypt).map_err(|why| {
            SamlError::asked(format!("What {} is told has to be encrypted, and {why}.", known.sp.title))
        })?;
        if let Some(key) = key {
            let chance = self.chance::<CHANCE>();
            assertion = encrypted(&assertion, &key.certificate.der, chance).map_err(|error| SamlError::ours(&error))?;
        }
        let mut response = self.saml_frame(("samlp:Response", acs), asked, &[status::SUCCESS], now).child(assertion);
        if signs != SignedParts::Assertion {
            response = signed(&signer, response)?;
        }
        Ok(bindings::form((acs, "SAMLResponse"), &response.render(), relay_state, &known.sp.title))
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
        let message = self.saml_message(("samlp:Response", acs), now);
        let response = message.with_some("InResponseTo", asked).child(status);
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
        self.saml_message((name, to), now).with_some("InResponseTo", asked).child(status_of(codes))
    }

    /// A message of ours to `to`.
    pub(super) fn saml_message(&self, (name, to): (&'static str, &str), now: Timestamp) -> Node {
        Node::new(name)
            .with("ID", self.saml_id())
            .with("Version", "2.0")
            .with("IssueInstant", moment(now))
            .with("Destination", to)
            .child(Node::text("saml:Issuer", self.saml_entity_id()))
    }

    fn saml_assertion(&self, known: &Known, says: Says<'_>, now: Timestamp) -> Node {
        let until = moment(now.saturating_add(GOOD_FOR).unwrap_or(Timestamp::MAX));
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
            .with_some("NameQualifier", is_pairwise.then(|| self.saml_entity_id()))
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
            .child(Node::text("saml:Issuer", self.saml_entity_id()))
            .child(Node::new("saml:Subject").child(name).child(confirmation))
            .child(Node::new("saml:Conditions").with("NotBefore", from).with("NotOnOrAfter", until).child(audience))
            .child(statement)
            .children(attributes)
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
    let signer = Signer { algorithm: RSA_SHA256, certificate: signer.certificate(), sign: &sign };
    signer.signed(node).map_err(|error| {
        tracing::error!(%error, "a message of SAML");
        SamlError::Ours(Fault::Bug)
    })
}

/// A moment as SAML writes it (SAML core, section 1.3.3).
pub(super) fn moment(at: Timestamp) -> String {
    format!("{at:.0}")
}
