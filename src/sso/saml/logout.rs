//! One sign-out ends the others (SAML profiles, section 4.4): through the browser, from one service provider to the next.
//!
//! Our own session ends first, whatever becomes of the rest: nobody waits for an application that does not answer. A service provider
//! that asks has to sign, and to name the person and the session as we named them to it; anybody else could sign people out. What is
//! under way lies sealed in a cookie, and where the browser still has to go, in the row of its session: that is there for days after
//! the session, so that a session that was over by itself, or ended on a machine that failed meanwhile, still ends the others. Whoever
//! is led to an application that does not lead back goes on from a page of ours, and is told in the end where they are still signed in.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::response::{Delivery, moment, signed, status};
pub use super::said_out::SignOutMessage;
use super::said_out::{OWNER, Says, is_over};
use super::{Known, SamlError, Sso, bindings};
use crate::authn::saml::LogoutBinding;
use crate::authn::signed::Signed;
use crate::base::clock::{expired, later};
use crate::base::{SessionId, Timestamp};
use crate::keys::Keys;
use crate::model::saml_participation::{SamlParticipation, SamlParticipations};
use crate::model::saml_sp::{NameId, SpName};
use crate::model::{Actor, Session};
use crate::saml_xml::Node;
use crate::sessions::ending;
use crate::store::{Commit, Intent, StoreError, sessions};

/// What does it where nobody is signed in.
const TASK: &str = "saml/sign-out";

/// Why a session ends.
const REASON: &str = "signed out of an application";

/// Applications that somebody is told of by name.
const MOST_NAMED: usize = 8;

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
    /// Who that is, as far as there is room in a cookie.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missed: Vec<SpName>,
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
    End {
        /// Where it goes from there, if anywhere.
        onward: Option<String>,
        /// Applications where its person may be signed in still.
        missed: Vec<String>,
    },
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

    fn of(
        session: SessionId,
        asked: Option<(SpName, String, Option<String>)>,
        onward: Option<String>,
        at: Timestamp,
    ) -> Self {
        Self { session, asked, waits: None, partial: false, missed: Vec::new(), onward, at }
    }

    fn misses(&mut self, sp: SpName) {
        self.partial = true;
        if self.missed.len() < MOST_NAMED && !self.missed.contains(&sp) {
            self.missed.push(sp);
        }
    }
}

impl Sso {
    /// What comes of `message` in a browser in which `signed` is signed in, or was by `session`, and `under_way` is. Blocks.
    ///
    /// # Errors
    /// When it goes nowhere.
    pub fn saml_sign_out(
        &self,
        message: SignOutMessage,
        (signed, session, under_way): (Option<&Signed>, Option<SessionId>, Option<SigningOut>),
        now: Timestamp,
    ) -> Result<SignOutStep, SamlError> {
        let SignOutMessage { sp, says, .. } = message;
        match says {
            Says::Asks { id, relay_state, name_id, sessions } => {
                let asked = (sp, id, relay_state);
                match session {
                    Some(session) => self.saml_sign_out_asked((asked, &name_id, &sessions), (session, signed), now),
                    // Nobody was signed in with this browser, which is what they want.
                    None => self.saml_signed_out(&asked, (&[status::SUCCESS], &[]), now),
                }
            }
            Says::Answers { request, success } => {
                let expected = |under_way: &SigningOut| under_way.waits == Some((sp.clone(), request.clone()));
                let Some(mut under_way) = under_way.filter(expected) else {
                    return Err(SamlError::asked("The application answers what this browser did not ask."));
                };
                under_way.waits = None;
                self.saml_take(&under_way.session, &sp, now)?;
                if !success {
                    under_way.misses(sp);
                }
                self.saml_sign_out_next(under_way, now)
            }
        }
    }

    /// What people call the service provider that was asked last and did not lead back yet. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn saml_sign_out_waits(&self, under_way: &SigningOut) -> Result<Option<String>, SamlError> {
        under_way.waits.as_ref().map(|(sp, _)| self.saml_title(sp)).transpose()
    }

    /// Goes on without that one. Blocks.
    ///
    /// # Errors
    /// When it goes nowhere.
    pub fn saml_sign_out_without(&self, mut under_way: SigningOut, now: Timestamp) -> Result<SignOutStep, SamlError> {
        if let Some((sp, _)) = under_way.waits.take() {
            self.saml_take(&under_way.session, &sp, now)?;
            under_way.misses(sp);
        }
        self.saml_sign_out_next(under_way, now)
    }

    fn saml_title(&self, sp: &SpName) -> Result<String, SamlError> {
        Ok(self.admin.known_sp(sp)?.map_or_else(|| sp.to_string(), |(known, _)| known.title))
    }

    fn saml_titles(&self, missed: &[SpName]) -> Result<Vec<String>, SamlError> {
        missed.iter().map(|sp| self.saml_title(sp)).collect()
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
        self.saml_sign_out_next(SigningOut::of(session, None, onward, now), now).map(Some)
    }

    /// Has the applications of the session that a browser had `before` be signed out with the one of the same person that it has now.
    /// Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub fn saml_carried_over(&self, before: &SessionId, new: &Session, now: Timestamp) -> Result<(), SamlError> {
        let found = self.admin.store.read(|snapshot| {
            Ok::<_, StoreError>((sessions::session(snapshot, before)?, sessions::participations(snapshot, before)?))
        })?;
        let (Some(old), Some(held)) = found else { return Ok(()) };
        if old.value.person.is_none() || old.value.person != new.person || *before == new.id {
            return Ok(());
        }
        let mut commit = Commit::new(Actor::task(TASK), now, Intent::Narrow);
        commit.put_saml_participations(before, &SamlParticipations::default(), held.revision)?;
        commit.put_saml_participations(&new.id, &held.value, 0)?;
        match self.admin.store.commit(commit) {
            // Somebody signs out of one of them at this very moment, and of the others with that.
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A service provider asks. Each step can be done again after a failure: the session ends first, then who asked is noted as told,
    /// and then the others are, one by one.
    fn saml_sign_out_asked(
        &self,
        (asked, name_id, indexes): ((SpName, String, Option<String>), &str, &[String]),
        (session, signed): (SessionId, Option<&Signed>),
        now: Timestamp,
    ) -> Result<SignOutStep, SamlError> {
        let (row, held) = self.admin.store.read(|snapshot| {
            Ok::<_, StoreError>((sessions::session(snapshot, &session)?, sessions::participations(snapshot, &session)?))
        })?;
        let is_meant = |part: &SamlParticipation| {
            let is_named = indexes.is_empty() || indexes.contains(&part.session_index);
            part.sp == asked.0 && part.name_id == name_id && is_named
        };
        let is_theirs = held.is_some_and(|held| held.value.at.iter().any(is_meant));
        // One that goes on, or might again, as of somebody who is disabled only for now.
        let goes_on = row.filter(|row| row.value.ended.is_none() && !expired(row.value.expires, now));
        match (goes_on, signed) {
            (Some(_), _) if !is_theirs => {
                return self.saml_signed_out(&asked, (&[status::REQUESTER, status::UNKNOWN_PRINCIPAL], &[]), now);
            }
            (Some(_), Some(signed)) => {
                self.admin.sign_out(signed, REASON, now).map_err(|error| SamlError::ours(&error))?;
            }
            (Some(row), None) => {
                let (store, audit) = (&self.admin.store, &self.admin.audit);
                ending::recorded((store, audit), &row, &Actor::task(TASK), ("person", REASON), now)?;
            }
            // It is over, and what is left of it goes on at the others.
            (None, _) => {}
        }
        self.saml_take(&session, &asked.0, now)?;
        let step = self.saml_sign_out_next(SigningOut::of(session, Some(asked), None, now), now)?;
        Ok(SignOutStep { ended: true, ..step })
    }

    /// On to the next service provider, or to the end. Who is asked stays in the session's row until they answered or are gone on
    /// without, and who cannot be asked as long as the row does: so a browser that was not answered, or asks twice, is led on the same
    /// way.
    fn saml_sign_out_next(&self, mut under_way: SigningOut, now: Timestamp) -> Result<SignOutStep, SamlError> {
        let held = self.admin.store.read(|snapshot| sessions::participations(snapshot, &under_way.session))?;
        for part in held.map(|held| held.value.at).unwrap_or_default() {
            // One that is registered no more, or speaks no sign-out, is not asked.
            let asked =
                self.saml_by_name(part.sp.as_str(), now).and_then(|known| self.saml_ask_out(&known, &part, now));
            match asked {
                Ok(Some((go, id))) => {
                    under_way.waits = Some((part.sp, id));
                    under_way.at = now;
                    return Ok(SignOutStep { go, under_way: Some(under_way), ended: false });
                }
                Ok(None) => under_way.misses(part.sp),
                Err(error) => {
                    tracing::warn!(%error, sp = %part.sp, "nobody is signed out there");
                    under_way.misses(part.sp);
                }
            }
        }
        match &under_way.asked {
            Some(asked) if under_way.partial => {
                let codes = [status::SUCCESS, status::PARTIAL_LOGOUT];
                self.saml_signed_out(asked, (&codes, &under_way.missed), now)
            }
            Some(asked) => self.saml_signed_out(asked, (&[status::SUCCESS], &[]), now),
            None => {
                let go = SignOutGo::End { missed: self.saml_titles(&under_way.missed)?, onward: under_way.onward };
                Ok(SignOutStep { go, under_way: None, ended: false })
            }
        }
    }

    /// Takes a service provider out of the session's row.
    fn saml_take(&self, session: &SessionId, sp: &SpName, now: Timestamp) -> Result<(), SamlError> {
        loop {
            let held = self.admin.store.read(|snapshot| sessions::participations(snapshot, session))?;
            let Some(mut held) = held else { return Ok(()) };
            if held.value.take(sp).is_none() {
                return Ok(());
            }
            let mut commit = Commit::new(Actor::task(TASK), now, Intent::Narrow);
            commit.put_saml_participations(session, &held.value, held.revision)?;
            match self.admin.store.commit(commit) {
                Ok(_) => return Ok(()),
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
        let until = later(now, SignedDuration::from_mins(5));
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
        (codes, missed): (&[&str], &[SpName]),
        now: Timestamp,
    ) -> Result<SignOutStep, SamlError> {
        let known = self.saml_by_name(sp.as_str(), now)?;
        let go = match known.metadata.logout().first() {
            None => SignOutGo::End { onward: None, missed: self.saml_titles(missed)? },
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
