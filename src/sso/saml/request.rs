//! An `AuthnRequest`, strictly read (SAML core, section 3.4.1).

use jiff::SignedDuration;

use super::SamlError;
use super::contexts::Comparison;
use crate::base::Timestamp;
use crate::model::saml_sp::NameId;
use crate::saml_xml::{ASSERTION, Element, HTTP_POST, PROTOCOL, XmlError, instant};

/// How old a message may be, and how far clocks may be apart: five minutes and one ([`crate::manual::defaults`]).
const OLDEST: SignedDuration = SignedDuration::from_secs(360);
/// How far ahead of ours a clock may be.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// What may stand in a request. Extensions, Conditions and Scoping say nothing that we act upon: whom a proxy may ask further does not
/// concern somebody who asks nobody.
const KNOWN: [(&str, &str); 7] = [
    (ASSERTION, "Issuer"),
    (crate::saml_xml::SIGNATURE, "Signature"),
    (PROTOCOL, "Extensions"),
    (PROTOCOL, "NameIDPolicy"),
    (ASSERTION, "Conditions"),
    (PROTOCOL, "RequestedAuthnContext"),
    (PROTOCOL, "Scoping"),
];

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AuthnRequest {
    pub(super) id: String,
    pub(super) consumer: Consumer,
    /// Whoever signed in before has to do so again.
    pub(super) force: bool,
    /// Nobody is shown anything.
    pub(super) passive: bool,
    /// What kind of name is wanted.
    pub(super) name_id_format: Option<String>,
    /// In whose names that is to be one.
    pub(super) name_qualifier: Option<String>,
    /// How surely somebody is to be signed in.
    pub(super) context: Option<(Comparison, Vec<String>)>,
}

/// Where the response is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Consumer {
    Usual,
    Index(u16),
    Location(String),
}

/// What every message says of itself: its ID, once it is of this version, made lately, and for us if it says for whom (SAML core,
/// section 3.2.1). A signed one has to say for whom (SAML bindings, sections 3.4.5.2 and 3.5.5.2).
pub(super) fn frame(root: Element<'_>, (ours, signed): (&str, bool), now: Timestamp) -> Result<String, SamlError> {
    let wrong = |why: &str| Err(SamlError::asked(format!("The application's message {why}.")));
    if root.attribute("Version") != Some("2.0") {
        return wrong("is not of SAML 2.0");
    }
    let Some(id) = root.attribute("ID") else { return wrong("has no ID") };
    match root.attribute("Destination") {
        Some(destination) if destination == ours => {}
        Some(_) => return wrong("is for somebody else (Destination)"),
        None if signed => return wrong("is signed and does not say for whom (Destination)"),
        None => {}
    }
    let issued = root.attribute("IssueInstant").and_then(instant);
    let Some(issued) = issued else { return wrong("does not say when it was made, in UTC (IssueInstant)") };
    let age = now.duration_since(issued);
    if age > OLDEST || age < -AHEAD {
        return wrong("was not made now: its clock and ours are apart, or it lay somewhere (IssueInstant)");
    }
    Ok(id.to_owned())
}

impl AuthnRequest {
    /// Reads it, of which the frame is known to be good.
    pub(super) fn read(id: String, root: Element<'_>) -> Result<Self, SamlError> {
        for child in root.children().map_err(|error| odd(&error))? {
            if child.is(ASSERTION, "Subject") {
                return Err(SamlError::asked(
                    "The application asks for one certain person, which is not offered here.",
                ));
            }
            if !KNOWN.iter().any(|(namespace, name)| child.is(namespace, name)) {
                let why = format!("The application's request has {} in it, which is not understood.", child.path());
                return Err(SamlError::asked(why));
            }
        }
        if root.attribute("ProtocolBinding").is_some_and(|binding| binding != HTTP_POST) {
            return Err(SamlError::asked(
                "The application asks for another binding than HTTP-POST, which is the one here.",
            ));
        }
        let index = root.attribute("AssertionConsumerServiceIndex");
        let consumer = match (index, root.attribute("AssertionConsumerServiceURL")) {
            (None, None) => Consumer::Usual,
            (None, Some(location)) => Consumer::Location(location.to_owned()),
            (Some(index), None) => {
                let index =
                    index.parse().map_err(|_| SamlError::asked("AssertionConsumerServiceIndex is no number."))?;
                Consumer::Index(index)
            }
            (Some(_), Some(_)) => {
                return Err(SamlError::asked("The application names two addresses, by number and by URL."));
            }
        };
        let policy = root.at_most_one(PROTOCOL, "NameIDPolicy").map_err(|error| odd(&error))?;
        let policy = |name| policy.and_then(|policy| policy.attribute(name)).map(str::to_owned);
        Ok(Self {
            id,
            consumer,
            force: flag(root, "ForceAuthn")?,
            passive: flag(root, "IsPassive")?,
            name_id_format: policy("Format").filter(|format| format != NameId::ANY_FORMAT),
            name_qualifier: policy("SPNameQualifier"),
            context: context(root)?,
        })
    }
}

fn context(root: Element<'_>) -> Result<Option<(Comparison, Vec<String>)>, SamlError> {
    let found = root.at_most_one(PROTOCOL, "RequestedAuthnContext").map_err(|error| odd(&error))?;
    let Some(found) = found else { return Ok(None) };
    let comparison = Comparison::named(found.attribute("Comparison"));
    let comparison = comparison.ok_or_else(|| SamlError::asked("The Comparison of RequestedAuthnContext is none."))?;
    // A declaration is somebody's own document; it is known to nobody here, so what asks for one alone cannot be.
    let classes = found.all(ASSERTION, "AuthnContextClassRef").map_err(|error| odd(&error))?;
    let classes =
        classes.into_iter().map(|class| class.text()).collect::<Result<_, _>>().map_err(|error| odd(&error))?;
    Ok(Some((comparison, classes)))
}

fn flag(root: Element<'_>, name: &str) -> Result<bool, SamlError> {
    Ok(root.boolean(name).map_err(|error| odd(&error))?.unwrap_or(false))
}

pub(super) fn odd(error: &XmlError) -> SamlError {
    SamlError::asked(format!("The application's message cannot be taken: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml_xml::{Asking, Asks, Node, PinnedKeys};

    const SSO: &str = "https://sso.example/saml/sso";

    fn node() -> Node {
        Node::new("samlp:AuthnRequest")
            .with("ID", "_q")
            .with("Version", "2.0")
            .with("IssueInstant", "2026-01-02T03:04:05Z")
            .child(Node::text("saml:Issuer", "sp"))
    }

    fn read(node: &Node, signed: bool) -> Result<AuthnRequest, SamlError> {
        let text = node.render();
        let asking = Asking::parse(&text, &[Asks::SignIn]).unwrap();
        let asked = asking.verified(&PinnedKeys::none()).unwrap();
        let id = frame(asked.root(), (SSO, signed), "2026-01-02T03:06:00Z".parse().unwrap())?;
        AuthnRequest::read(id, asked.root())
    }

    #[test]
    fn a_request_is_read() {
        let plain = read(&node(), false).unwrap();
        assert_eq!(
            (plain.id.as_str(), plain.consumer, plain.force, plain.passive),
            ("_q", Consumer::Usual, false, false)
        );
        let all = node()
            .with("Destination", SSO)
            .with("ForceAuthn", "1")
            .with("IsPassive", "true")
            .with("AssertionConsumerServiceIndex", "7")
            .with("ProtocolBinding", HTTP_POST)
            .child(Node::new("samlp:NameIDPolicy").with("Format", "urn:f").with("AllowCreate", "true"))
            .child(
                Node::new("samlp:RequestedAuthnContext")
                    .with("Comparison", "minimum")
                    .child(Node::text("saml:AuthnContextClassRef", "urn:c")),
            )
            .child(Node::new("samlp:Scoping"));
        let all = read(&all, true).unwrap();
        assert_eq!((all.consumer, all.force, all.passive), (Consumer::Index(7), true, true));
        assert_eq!(all.name_id_format.as_deref(), Some("urn:f"));
        assert_eq!(all.context, Some((Comparison::Minimum, vec!["urn:c".to_owned()])));
    }

    #[test]
    fn each_wrong_field_is_refused() {
        for (bad, word) in [
            (node().with("Destination", "https://sso.example/saml/sso/"), "Destination"),
            (node().with("ForceAuthn", "yes"), "ForceAuthn"),
            (node().with("IsPassive", ""), "IsPassive"),
            (node().with("ProtocolBinding", "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"), "HTTP-POST"),
            (node().with("AssertionConsumerServiceIndex", "-1"), "no number"),
            (
                node()
                    .with("AssertionConsumerServiceIndex", "1")
                    .with("AssertionConsumerServiceURL", "https://a.example"),
                "two addresses",
            ),
            (node().child(Node::new("saml:Subject")), "one certain person"),
            (node().child(Node::new("samlp:Status")), "not understood"),
            (node().child(Node::new("samlp:RequestedAuthnContext").with("Comparison", "odd")), "Comparison"),
        ] {
            let said = read(&bad, false).unwrap_err().to_string();
            assert!(said.contains(word), "{said}");
        }
        assert!(read(&node(), true).unwrap_err().to_string().contains("does not say for whom"));
        for moment in [
            "2026-01-02T02:59:59Z",
            "2026-01-02T03:07:01Z",
            "2026-01-02T03:04:05",
            "2026-01-02T03:04:05+00:00",
            "20260102T030405Z",
            "2026-01-02T03:04Z",
        ] {
            let made = Node::new("samlp:AuthnRequest")
                .with("ID", "_q")
                .with("Version", "2.0")
                .with("IssueInstant", moment)
                .child(Node::text("saml:Issuer", "sp"));
            assert!(read(&made, false).unwrap_err().to_string().contains("IssueInstant"), "{moment}");
        }
        let old = Node::new("samlp:AuthnRequest")
            .with("ID", "_q")
            .with("Version", "1.1")
            .child(Node::text("saml:Issuer", "sp"));
        assert!(read(&old, false).unwrap_err().to_string().contains("SAML 2.0"));
    }
}
