//! What service providers say of a sign-out: strictly read, and sealed on its way to the page that acts on it.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::bindings::{Sent, Verified};
use super::request::{frame, odd};
use super::response::status;
use super::{SamlError, Sso, paths};
use crate::base::Timestamp;
use crate::base::clock::{expired, later};
use crate::keys::Keys;
use crate::model::saml_sp::SpName;
use crate::saml_xml::{ASSERTION, Asks, Element, PROTOCOL, instant};

/// For whom what is under way is sealed.
pub(super) const OWNER: &str = "saml-sign-out";

/// How long a browser may take from one service provider to the next, and on its way here.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(10);

/// A message about a sign-out whose signature holds, on its way to the page that acts on it: a form of another site comes without
/// our cookies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOutMessage {
    pub(super) sp: SpName,
    pub(super) says: Says,
    at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Says {
    /// Sign somebody out.
    Asks { id: String, relay_state: Option<String>, name_id: String, sessions: Vec<String> },
    /// What became of a request of ours.
    Answers { request: String, success: bool },
}

pub(super) fn is_over(at: Timestamp, now: Timestamp) -> bool {
    expired(later(at, GOOD_FOR), now)
}

impl SignOutMessage {
    /// As it stands in an address.
    ///
    /// # Errors
    /// When nothing can be sealed.
    pub fn seal(&self, keys: &Keys) -> Result<String, SamlError> {
        keys.seal_to_text(OWNER, self).map_err(|error| SamlError::ours(&error))
    }

    /// What was sealed so, while it is good.
    #[must_use]
    pub fn open(keys: &Keys, text: &str, now: Timestamp) -> Option<Self> {
        keys.open_text(OWNER, text).filter(|message: &Self| !is_over(message.at, now))
    }
}

impl Sso {
    /// What a service provider says about a sign-out by `sent`. Blocks.
    ///
    /// # Errors
    /// What is wrong with it, for the person in front of the browser.
    pub fn saml_sign_out_said(&self, sent: &Sent, now: Timestamp) -> Result<SignOutMessage, SamlError> {
        let asking = sent.asking(&[Asks::SignOut, Asks::SignedOut])?;
        let (asks, known) = (asking.asks(), self.saml_by_entity(asking.issuer(), now)?);
        let Verified { message, signed, relay_state } = sent.verified(asking, known.metadata.keys())?;
        if !signed {
            return Err(SamlError::asked("The application's message is not signed: anybody could sign people out."));
        }
        let root = message.root();
        let id = frame(root, (&self.issuer.at(paths::SIGN_OUT), signed), now)?;
        let says = match asks {
            Asks::SignOut => {
                let (name_id, sessions) = whom(root, now)?;
                Says::Asks { id, relay_state, name_id, sessions }
            }
            _ => {
                let request = root.attribute("InResponseTo").unwrap_or_default().to_owned();
                Says::Answers { request, success: succeeded(root)? }
            }
        };
        Ok(SignOutMessage { sp: known.sp.name, says, at: now })
    }
}

/// Whom a request means, and which of their sessions: all, if it names none.
fn whom(root: Element<'_>, now: Timestamp) -> Result<(String, Vec<String>), SamlError> {
    let is_over = |end: &str| instant(end).is_none_or(|end| expired(later(end, SignedDuration::from_mins(1)), now));
    if root.attribute("NotOnOrAfter").is_some_and(is_over) {
        return Err(SamlError::asked("The application's request is over (NotOnOrAfter)."));
    }
    let name = root.at_most_one(ASSERTION, "NameID").map_err(|error| odd(&error))?;
    let name = name.ok_or_else(|| {
        SamlError::asked("The application names nobody by a NameID, which is how people are named here.")
    })?;
    let sessions = root.all(PROTOCOL, "SessionIndex").map_err(|error| odd(&error))?;
    let sessions = sessions.into_iter().map(|one| one.text()).collect::<Result<_, _>>().map_err(|error| odd(&error))?;
    Ok((name.text().map_err(|error| odd(&error))?, sessions))
}

fn succeeded(root: Element<'_>) -> Result<bool, SamlError> {
    let code = root.one(PROTOCOL, "Status").and_then(|status| status.one(PROTOCOL, "StatusCode"));
    let code = code.map_err(|error| odd(&error))?;
    let below = code.at_most_one(PROTOCOL, "StatusCode").map_err(|error| odd(&error))?;
    let is_partial = below.is_some_and(|below| below.attribute("Value") == Some(status::PARTIAL_LOGOUT));
    Ok(code.attribute("Value") == Some(status::SUCCESS) && !is_partial)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml_xml::{Asking, Node, PinnedKeys};

    fn asked(end: &str) -> Result<(String, Vec<String>), SamlError> {
        let text = Node::new("samlp:LogoutRequest")
            .with("ID", "_q")
            .with("Version", "2.0")
            .with("NotOnOrAfter", end)
            .child(Node::text("saml:Issuer", "sp"))
            .child(Node::text("saml:NameID", "ann"))
            .child(Node::text("samlp:SessionIndex", "_s"))
            .render();
        let asking = Asking::parse(&text, &[Asks::SignOut]).unwrap();
        whom(asking.verified(&PinnedKeys::none()).unwrap().root(), "2026-01-02T03:04:05Z".parse().unwrap())
    }

    #[test]
    fn a_request_ends_at_a_moment_of_the_one_form() {
        for good in ["2026-01-02T03:04:05Z", "2026-01-02T03:03:06.5Z"] {
            assert_eq!(asked(good).unwrap(), ("ann".to_owned(), vec!["_s".to_owned()]), "{good}");
        }
        for bad in [
            "2026-01-02T03:03:05Z",
            "2026-01-02T04:04:05+00:00",
            "20260102T040405Z",
            "2026-01-02T04Z",
            "2026-01-02 04:04:05Z",
            "+002026-01-02T04:04:05Z",
        ] {
            assert!(asked(bad).unwrap_err().to_string().contains("NotOnOrAfter"), "{bad}");
        }
    }
}
