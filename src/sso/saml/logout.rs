//! One sign-out ends the others (SAML profiles, section 4.4): through the browser, from one service provider to the next.
//!
//! Our own session ends first, whatever becomes of the rest: nobody waits for an application that does not answer. A service provider
//! that asks has to sign, and to name the person and the session as we named them to it; anybody else could sign people out. What is
//! under way lies sealed in a cookie, and where the browser still has to go, in the row of its session.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::bindings::{Sent, Verified};
use super::request::{frame, odd};
use super::response::{Delivery, moment, signed, status};
use super::{Known, SamlError, Sso, bindings, paths};
use crate::authn::saml::LogoutBinding;
use crate::authn::signed::Signed;
use crate::base::clock::expired;
use crate::base::{SessionId, Timestamp};
use crate::keys::Keys;
use crate::model::Actor;
use crate::model::saml_participation::SamlParticipation;
use crate::model::saml_sp::{NameId, SpName};
use crate::saml_xml::{ASSERTION, Asks, Element, Node, PROTOCOL};
use crate::store::{Commit, Intent, StoreError, sessions};

/// For whom what is under way is sealed.
const OWNER: &str = "saml-sign-out";

/// How long a browser may take from one service provider to the next, and on its way here.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(10);

/// A message about a sign-out whose signature holds, on its way to the page that acts on it: a form of another site comes without
/// our cookies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOutMessage {
    sp: SpName,
    says: Says,
    at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Says {
    /// Sign somebody out.
    Asks { id: String, relay_state: Option<String>, name_id: String, sessions: Vec<String> },
    /// What became of a request of ours.
    Answers { request: String, success: bool },
}

/// A sign-out that is under way in a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningOut {
    session: SessionId,
    /// Who asked for it, and is answered in the end: name, request and relay state.
    asked: Option<(SpName, String, Option<String>)>,
    /// Who was asked last, and by which request.
    waits: Option<(SpName, String)>,
    /// Somebody did not sign them out.
    partial: bool,
    /// Where the browser goes in the end, if nobody is answered.
    onward: Option<String>,
    at: Timestamp,
}

/// What comes next.
#[derive(Debug)]
pub struct SignOutStep {
    /// Where the browser goes.
    pub go: SignOutGo,
    /// What it carries there.
    pub under_way: Option<SigningOut>,
    /// Whether its session ended just now.
    pub ended: bool,
}

/// Where a browser goes.
#[derive(Debug)]
pub enum SignOutGo {
    /// To an address.
    To(String),
    /// It posts a message.
    Post(Box<Delivery>),
    /// It is at the end.
    End(Option<String>),
}

fn is_over(at: Timestamp, now: Timestamp) -> bool {
    expired(at.saturating_add(GOOD_FOR).unwrap_or(Timestamp::MAX), now)
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

impl SigningOut {
    /// As it lies in a cookie.
    ///
    /// # Errors
    /// When nothing can be sealed.
    pub fn seal(&self, keys: &Keys) -> Result<String, SamlError> {
        keys.seal_to_text(OWNER, self).map_err(|error| SamlError::ours(&error))
    }

    /// What was sealed so, while it is good.
    #[must_use]
    pub fn open(keys: &Keys, text: &str, now: Timestamp) -> Option<Self> {
        keys.open_text(OWNER, text).filter(|under_way: &Self| !is_over(under_way.at, now))
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

    /// What comes of `message` in a browser in which `signed` is signed in, and `under_way` is. Blocks.
    ///
    /// # Errors
    /// When it goes nowhere.
    pub fn saml_sign_out(
        &self,
        message: SignOutMessage,
        (signed, under_way): (Option<&Signed>, Option<SigningOut>),
        now: Timestamp,
    ) -> Result<SignOutStep, SamlError> {
        let SignOutMessage { sp, says, .. } = message;
        match says {
            Says::Asks { id, relay_state, name_id, sessions } => {
                let asked = (sp, id, relay_state);
                match signed {
                    Some(signed) => self.saml_sign_out_asked((asked, &name_id, &sessions), signed, now),
                    // Nobody is signed in with this browser any more, which is what they want.
                    None => self.saml_signed_out(&asked, &[status::SUCCESS], now),
                }
            }
            Says::Answers { request, success } => {
                let expected = |under_way: &SigningOut| under_way.waits == Some((sp.clone(), request.clone()));
                let Some(mut under_way) = under_way.filter(expected) else {
                    return Err(SamlError::asked("The application answers what this browser did not ask."));
                };
                under_way.partial |= !success;
                self.saml_sign_out_next(under_way, now)
            }
        }
    }

    /// Goes on at the service providers of a session that ended just now; `None` if there are none. Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub fn saml_sign_out_begun(
        &self,
        session: SessionId,
        onward: Option<String>,
        now: Timestamp,
    ) -> Result<Option<SignOutStep>, SamlError> {
        let held = self.admin.store.read(|snapshot| sessions::participations(snapshot, &session))?;
        if held.is_none() {
            return Ok(None);
        }
        let begun = SigningOut { session, asked: None, waits: None, partial: false, onward, at: now };
        self.saml_sign_out_next(begun, now).map(Some)
    }

    fn saml_sign_out_asked(
        &self,
        (asked, name_id, indexes): ((SpName, String, Option<String>), &str, &[String]),
        signed: &Signed,
        now: Timestamp,
    ) -> Result<SignOutStep, SamlError> {
        let Some(session) = signed.session().map(|live| live.session().id) else {
            return self.saml_signed_out(&asked, &[status::SUCCESS], now);
        };
        let part = self.saml_take(&session, now, |part| {
            let is_named = indexes.is_empty() || indexes.contains(&part.session_index);
            part.sp == asked.0 && part.name_id == name_id && is_named
        })?;
        if part.is_none() {
            return self.saml_signed_out(&asked, &[status::REQUESTER, status::UNKNOWN_PRINCIPAL], now);
        }
        self.admin.sign_out(signed, "signed out of an application", now).map_err(|error| SamlError::ours(&error))?;
        let begun = SigningOut { session, asked: Some(asked), waits: None, partial: false, onward: None, at: now };
        let step = self.saml_sign_out_next(begun, now)?;
        Ok(SignOutStep { ended: true, ..step })
    }

    /// On to the next service provider, or to the end.
    fn saml_sign_out_next(&self, mut under_way: SigningOut, now: Timestamp) -> Result<SignOutStep, SamlError> {
        while let Some(part) = self.saml_take(&under_way.session, now, |_| true)? {
            // One that is registered no more, or speaks no sign-out, is not asked.
            let asked =
                self.saml_by_name(part.sp.as_str(), now).and_then(|known| self.saml_ask_out(&known, &part, now));
            match asked {
                Ok(Some((go, id))) => {
                    under_way.waits = Some((part.sp, id));
                    under_way.at = now;
                    return Ok(SignOutStep { go, under_way: Some(under_way), ended: false });
                }
                Ok(None) => under_way.partial = true,
                Err(error) => {
                    tracing::warn!(%error, sp = %part.sp, "nobody is signed out there");
                    under_way.partial = true;
                }
            }
        }
        match &under_way.asked {
            Some(asked) if under_way.partial => {
                self.saml_signed_out(asked, &[status::SUCCESS, status::PARTIAL_LOGOUT], now)
            }
            Some(asked) => self.saml_signed_out(asked, &[status::SUCCESS], now),
            None => Ok(SignOutStep { go: SignOutGo::End(under_way.onward), under_way: None, ended: false }),
        }
    }

    /// Takes out of the session's row the first service provider that `is_meant`.
    fn saml_take(
        &self,
        session: &SessionId,
        now: Timestamp,
        is_meant: impl Fn(&SamlParticipation) -> bool,
    ) -> Result<Option<SamlParticipation>, SamlError> {
        loop {
            let held = self.admin.store.read(|snapshot| sessions::participations(snapshot, session))?;
            let Some(mut held) = held else { return Ok(None) };
            let Some(sp) = held.value.at.iter().find(|part| is_meant(part)).map(|part| part.sp.clone()) else {
                return Ok(None);
            };
            let taken = held.value.take(&sp);
            let mut commit = Commit::new(Actor::task("saml/sign-out"), now, Intent::Narrow);
            commit.put_saml_participations(session, &held.value, held.revision)?;
            match self.admin.store.commit(commit) {
                Ok(_) => return Ok(taken),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Asks a service provider to sign somebody out: where the browser goes, and the request's ID; `None` of one that has no address
    /// for that.
    fn saml_ask_out(
        &self,
        known: &Known,
        part: &SamlParticipation,
        now: Timestamp,
    ) -> Result<Option<(SignOutGo, String)>, SamlError> {
        let Some(service) = known.metadata.logout().first() else { return Ok(None) };
        let to = service.location.as_str();
        let until = now.saturating_add(SignedDuration::from_mins(5)).unwrap_or(Timestamp::MAX);
        let is_pairwise = part.format == NameId::Persistent.format();
        let name = Node::text("saml:NameID", part.name_id.as_str())
            .with("Format", part.format.as_str())
            .with_some("NameQualifier", is_pairwise.then(|| self.saml_entity_id()))
            .with_some("SPNameQualifier", is_pairwise.then(|| known.sp.entity_id.clone()));
        let request = self
            .saml_message(("samlp:LogoutRequest", to), now)
            .with("NotOnOrAfter", moment(until))
            .with("Reason", "urn:oasis:names:tc:SAML:2.0:logout:user")
            .child(name)
            .child(Node::text("samlp:SessionIndex", part.session_index.as_str()));
        let id = request.id().unwrap_or_default().to_owned();
        let go = self.saml_send((to, "SAMLRequest", service.binding), request, (None, &known.sp.title), now)?;
        Ok(Some((go, id)))
    }

    /// Tells whoever asked what became of it; where it has no address for that, the browser stays here.
    fn saml_signed_out(
        &self,
        (sp, request, relay_state): &(SpName, String, Option<String>),
        codes: &[&str],
        now: Timestamp,
    ) -> Result<SignOutStep, SamlError> {
        let known = self.saml_by_name(sp.as_str(), now)?;
        let go = match known.metadata.logout().first() {
            None => SignOutGo::End(None),
            Some(service) => {
                let to = service.response_location.as_ref().unwrap_or(&service.location);
                let response = self.saml_frame(("samlp:LogoutResponse", to), Some(request), codes, now);
                let about = (relay_state.clone(), known.sp.title.as_str());
                self.saml_send((to, "SAMLResponse", service.binding), response, about, now)?
            }
        };
        Ok(SignOutStep { go, under_way: None, ended: false })
    }

    fn saml_send(
        &self,
        (to, field, binding): (&str, &'static str, LogoutBinding),
        message: Node,
        (relay_state, title): (Option<String>, &str),
        now: Timestamp,
    ) -> Result<SignOutGo, SamlError> {
        let signer = self.admin.keys.saml_signer(now).map_err(|error| SamlError::ours(&error))?;
        Ok(match binding {
            LogoutBinding::Redirect => {
                let xml = message.render();
                SignOutGo::To(bindings::address((to, field), &xml, relay_state.as_deref(), &signer)?)
            }
            LogoutBinding::Post => {
                let xml = signed(&signer, message)?.render();
                SignOutGo::Post(Box::new(bindings::form((to, field), &xml, relay_state, title)))
            }
        })
    }
}

/// Whom a request means, and which of their sessions: all, if it names none.
fn whom(root: Element<'_>, now: Timestamp) -> Result<(String, Vec<String>), SamlError> {
    if let Some(end) = root.attribute("NotOnOrAfter") {
        let end: Option<Timestamp> = end.parse().ok().filter(|_| end.ends_with('Z'));
        if end.is_none_or(|end| expired(end.saturating_add(SignedDuration::from_mins(1)).unwrap_or(end), now)) {
            return Err(SamlError::asked("The application's request is over (NotOnOrAfter)."));
        }
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
