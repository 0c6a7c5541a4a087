//! What becomes of a browser that asks for a sign-in: whoever is in front of it signs in, shows a second factor, chooses a role, or
//! takes a response back.

use sha2::{Digest as _, Sha256};

use super::asked::unmet;
use super::contexts::{Wanted, unasked};
use super::pending::{GOOD_FOR, Pending};
use super::person::{AwsRole, NotTold, Told, Who};
use super::response::{Delivery, Says, status};
use super::{Known, SamlError, Sso};
use crate::audit::Outcome;
use crate::authn::Caller;
use crate::authn::signed::Signed;
use crate::base::clock::later;
use crate::base::{SessionId, Timestamp};
use crate::gate::{Authorized, GateError, Operation};
use crate::issue::Mint;
use crate::model::saml_participation::{SamlParticipation, SamlParticipations};
use crate::model::token_family::{LONGEST_USER_AGENT, Whence};
use crate::model::{Actor, Session, User};
use crate::sso::id_token;
use crate::store::iam::Read;
use crate::store::schema::sso::Spent;
use crate::store::{Commit, Intent, Snapshot, StoreError, sessions, sso};

/// What becomes of a browser.
#[derive(Debug)]
pub enum Onward {
    /// It posts a response.
    Deliver(Box<Delivery>),
    /// Its person signs in, and comes here again.
    SignIn,
    /// They show a second factor, and come here again.
    SecondFactor,
    /// They choose a role, and come here again with its ARN.
    Choose {
        /// What they sign in to.
        title: String,
        /// The roles.
        roles: Vec<AwsRole>,
    },
}

impl Sso {
    /// Where a browser goes in which nobody is signed in. Blocks.
    ///
    /// # Errors
    /// When it goes nowhere.
    pub fn saml_nobody(&self, pending: &Pending, now: Timestamp) -> Result<Onward, SamlError> {
        let known = self.saml_answering(pending, now)?;
        match &pending.wrong {
            Some(wrong) => self.saml_refused(&known, pending, wrong, now),
            None if pending.passive => self.saml_refused(&known, pending, status::NO_PASSIVE, now),
            None => Ok(Onward::SignIn),
        }
    }

    /// Where a browser goes in which `caller` is signed in; for AWS, with the role of the ARN `role`. Blocks.
    ///
    /// # Errors
    /// When it goes nowhere.
    pub fn saml_somebody(
        &self,
        mint: &Mint,
        pending: &Pending,
        (caller, role): (Caller, Option<&str>),
        now: Timestamp,
    ) -> Result<Onward, SamlError> {
        let Some((session, user, whence)) = caller.signed().and_then(of_browser) else {
            return self.saml_nobody(pending, now);
        };
        let known = self.saml_answering(pending, now)?;
        if let Some(wrong) = &pending.wrong {
            return self.saml_refused(&known, pending, wrong, now);
        }
        let instead = |onward| match pending.passive {
            true => self.saml_refused(&known, pending, status::NO_PASSIVE, now),
            false => Ok(onward),
        };
        let authenticated = session.auth_time.unwrap_or(session.created);
        if pending.force && authenticated < pending.at {
            return instead(Onward::SignIn);
        }
        let needs_two = known.sp.require_mfa || pending.context.as_ref().is_some_and(Wanted::takes_two);
        if needs_two && session.mfa.is_none() {
            return instead(Onward::SecondFactor);
        }
        let who = Who { user: &user, session: &session, whence: &whence };
        let told = self.saml_told(mint, &known, who, (pending.name_id_format.as_deref(), role), now);
        let (code, why) = match told {
            Ok(told) => {
                let name = known.sp.name.as_str();
                match self.gate.authorize_or_ask(caller, Operation::IssueSamlResponse, name, now) {
                    Ok(allowed) => return self.saml_issue(&known, pending, (allowed, who, told), now),
                    Err((GateError::NotAuthorized { .. }, true)) => return instead(Onward::SecondFactor),
                    // Written down by the gate.
                    Err((GateError::NotAuthorized { .. } | GateError::Denied { .. }, _)) => {
                        return self.saml_refused(&known, pending, status::REQUEST_DENIED, now);
                    }
                    Err((error, _)) => return Err(SamlError::ours(&error)),
                }
            }
            Err(NotTold::Choose(roles)) => return instead(Onward::Choose { title: known.sp.title.clone(), roles }),
            Err(NotTold::Failed(error)) => return Err(error),
            Err(NotTold::Denied(why)) => (status::REQUEST_DENIED, why),
            Err(NotTold::Nameless(why)) => (status::INVALID_NAME_ID_POLICY, why),
        };
        let about = vec![("sp", known.sp.name.to_string()), ("user", user.name.to_string())];
        self.gate.note_failure(&caller, Operation::IssueSamlResponse, about, ("NotTold", &why), now);
        match pending.id {
            Some(_) => self.saml_refused(&known, pending, code, now),
            // Nobody at the other end asked; whoever is in front of the browser did.
            None => Err(SamlError::asked(format!("You cannot sign in to {}: {why}.", known.sp.title))),
        }
    }

    /// The service provider, which has still the address that the answer goes to.
    fn saml_answering(&self, pending: &Pending, now: Timestamp) -> Result<Known, SamlError> {
        let known = self.saml_by_name(pending.sp.as_str(), now)?;
        match known.metadata.acs_at(&pending.acs) {
            Some(_) => Ok(known),
            None => {
                Err(SamlError::asked("The application's address was changed meanwhile. Go back to it and begin again."))
            }
        }
    }

    /// Tells the service provider no. What its request asks for in vain is told in words, too: it is for those who run it to do something
    /// about that. Everything else is somebody's own matter, and it is told a code.
    fn saml_refused(&self, known: &Known, pending: &Pending, code: &str, now: Timestamp) -> Result<Onward, SamlError> {
        let back = (pending.acs.as_str(), pending.id.as_deref());
        let in_vain = pending.wrong.as_deref() == Some(code);
        let why = in_vain.then(|| unmet(known, code, pending.name_id_format.as_deref()));
        let mut delivery = self.saml_refuses(known, back, (code, why.as_deref()), pending.relay_state.clone(), now)?;
        // An application that asks for more than is offered asks for less next; one that asks for other names asks for them again.
        delivery.read_first = why.filter(|_| !pending.passive && code == status::INVALID_NAME_ID_POLICY);
        Ok(Onward::Deliver(Box::new(delivery)))
    }

    /// Makes the response, and writes down that it was made: the request is spent with that.
    fn saml_issue(
        &self,
        known: &Known,
        pending: &Pending,
        (allowed, who, told): (Authorized, Who<'_>, Told),
        now: Timestamp,
    ) -> Result<Onward, SamlError> {
        let id = self.saml_id();
        let index = id_token::session_name(&who.session.id, &format!("saml:{}", known.sp.entity_id));
        let (format, name) = told.name_id;
        let end = later(now, jiff::SignedDuration::from_secs(known.sp.session.into()));
        let mfa = who.session.mfa.is_some();
        let class = pending.context.as_ref().and_then(|wanted| wanted.class(mfa));
        let class = class.unwrap_or_else(|| unasked(mfa, &who.session.amr));
        let says = Says {
            id: &id,
            name_id: (format, &name),
            in_response_to: pending.id.as_deref(),
            acs: &pending.acs,
            authenticated: who.session.auth_time.unwrap_or(who.session.created),
            class,
            session_index: &index,
            session_until: end.min(who.session.expires),
            attributes: told.attributes,
        };
        let made = self.admin.clock.may_mint().map_err(|error| SamlError::ours(&error));
        let made = made.and_then(|()| self.saml_says(known, says, pending.relay_state.clone(), now));
        let delivery = match made {
            Ok(delivery) => delivery,
            Err(error) => {
                allowed.complete(&Outcome::failed("NotMade", &error), now);
                return Err(error);
            }
        };
        let outcome = Outcome::success()
            .with("assertion", id.as_str())
            .with("entity_id", known.sp.entity_id.as_str())
            .with("name_id", digest_of(&name).as_str())
            .with("request", pending.id.clone().unwrap_or_default());
        let part = SamlParticipation {
            sp: known.sp.name.clone(),
            name_id: name,
            format: format.to_owned(),
            session_index: index,
            since: now,
        };
        self.saml_spend(known, pending, (allowed, &who.session.id, part), &outcome, now)?;
        Ok(Onward::Deliver(Box::new(delivery)))
    }

    /// Spends the request, and writes down where the session is signed in now: both while the session counts, or neither. So whoever
    /// signs out at this moment is signed out there, too.
    fn saml_spend(
        &self,
        known: &Known,
        pending: &Pending,
        (mut allowed, session, part): (Authorized, &SessionId, SamlParticipation),
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<(), SamlError> {
        let request = pending.id.as_ref().map(|id| digest_of_request(known, id));
        // Whoever was faster signed this browser in elsewhere, or answered this request, as the next look shows.
        for _ in 0..MOST_TRIES {
            let found = self.admin.store.read(|snapshot| Found::of(snapshot, session, request.as_ref()));
            let found = match found {
                Ok(found) => found,
                Err(error) => {
                    allowed.complete(&Outcome::failed("NotCommitted", &error), now);
                    return Err(error.into());
                }
            };
            if let Some(why) = found.in_the_way() {
                allowed.complete(&Outcome::failed("NotCommitted", &why), now);
                return Err(SamlError::asked(why));
            }
            let commit = found.commit((allowed.actor(), session, request.as_ref()), part.clone(), now)?;
            match allowed.try_commit(&self.admin.store, commit, outcome, now) {
                Ok(_) => return Ok(()),
                Err(not) => match *not {
                    (StoreError::Conflict { .. }, back) => allowed = back,
                    (error, back) => {
                        back.failed(&error, now);
                        return Err(error.into());
                    }
                },
            }
        }
        let why = "You sign in to many applications at this very moment. Load the page again.";
        allowed.complete(&Outcome::failed("NotCommitted", &why), now);
        Err(SamlError::asked(why))
    }
}

/// How often a response is tried to be written down that others are faster than.
const MOST_TRIES: usize = 64;

/// What there is of a session and of a request to answer in it.
struct Found {
    session: Option<Read<Session>>,
    parts: Option<Read<SamlParticipations>>,
    spent: bool,
}

impl Found {
    fn of(snapshot: &dyn Snapshot, session: &SessionId, request: Option<&[u8; 32]>) -> Result<Self, StoreError> {
        let spent = request.map(|request| sso::is_spent(snapshot, Spent::SamlRequest, request)).transpose()?;
        Ok(Self {
            session: sessions::session(snapshot, session)?,
            parts: sessions::participations(snapshot, session)?,
            spent: spent.unwrap_or_default(),
        })
    }

    /// Why no response is given.
    fn in_the_way(&self) -> Option<&'static str> {
        match &self.session {
            _ if self.spent => {
                Some("The application's request was answered before. Go back to the application and begin again.")
            }
            Some(held) if held.value.ended.is_none() => None,
            _ => Some("You signed out meanwhile. Go back to the application and begin again."),
        }
    }

    fn commit(
        self,
        (actor, session, request): (Actor, &SessionId, Option<&[u8; 32]>),
        part: SamlParticipation,
        now: Timestamp,
    ) -> Result<Commit, StoreError> {
        let mut commit = Commit::new(actor, now, Intent::Widen);
        if let Some(request) = request {
            // As long as the pages before can lead here with it.
            let until = later(now, GOOD_FOR * 2);
            commit.spend(Spent::SamlRequest, request, until)?;
        }
        commit.expect_session(session, self.session.map_or(0, |held| held.revision));
        let (mut all, revision) = self.parts.map_or_else(Default::default, |held| (held.value, held.revision));
        all.add(part);
        commit.put_saml_participations(session, &all, revision)?;
        Ok(commit)
    }
}

/// What is remembered of a request that was answered.
fn digest_of_request(known: &Known, id: &str) -> [u8; 32] {
    Sha256::digest([known.sp.entity_id.as_bytes(), b"\0", id.as_bytes()].concat()).into()
}

/// Who is signed in with a browser, and from where they are.
fn of_browser(signed: &Signed) -> Option<(Session, User, Whence)> {
    let (session, from) = (signed.session()?.session().clone(), signed.from());
    let whence = Whence {
        ip: from.ip,
        secure: Some(from.secure),
        user_agent: from.user_agent.clone().filter(|agent| agent.len() <= LONGEST_USER_AGENT),
        mfa: session.mfa,
    };
    Some((session, signed.user()?.clone(), whence))
}

/// What the log says of a name: enough to compare, and nothing to read.
pub(super) fn digest_of(name: &str) -> String {
    hex::encode(Sha256::digest(name))
}
