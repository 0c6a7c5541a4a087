//! A token of single sign-on becomes a session of a role, and that an access token or credentials (RFC 8693).
//!
//! Which token counts was found out before. Here it is decided, as of every way to a role, whether the person may have it: a client
//! adds nothing to that, and its name stands in the record and in the token (`act`).

use super::Sts;
use super::assume_role::{asking, session_name, wanted};
use super::wanted::inherited;
use crate::audit::{Event, Outcome};
use crate::authn::Caller;
use crate::authn::bearer::Bearer;
use crate::authn::signed;
use crate::base::{Faulty as _, Timestamp};
use crate::gate::{Asking, Gate, Operation};
use crate::issue::token::{MintedToken, Sort, WantedToken};
use crate::issue::{Inherited, IssueError, Minted};
use crate::keys::Algorithm;
use crate::model::Actor;
use crate::query::{Params, QueryError};
use crate::sessions::ending;
use crate::store::sessions;

/// What is asked for of a role.
#[derive(Debug, Clone)]
pub struct WantedRole {
    /// Its ARN.
    pub role: String,
    /// What the session is to be called; by the person, if nothing is said.
    pub session_name: Option<String>,
    /// Seconds that it is to last, as they were said.
    pub seconds: Option<String>,
    /// For whom an access token of it is to be; none is made, if nothing is said.
    pub audience: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub struct Exchanged {
    /// The session.
    pub minted: Minted,
    /// Its token.
    pub token: Option<MintedToken>,
}

impl Sts {
    /// Begins a session of a role for the person whose tokens a client showed. Blocks.
    ///
    /// # Errors
    /// Why they may not, or why it did not begin.
    pub fn exchange(
        &self,
        gate: &Gate,
        bearer: Bearer,
        wish: &WantedRole,
        now: Timestamp,
    ) -> Result<Exchanged, QueryError> {
        let operation = Operation::ExchangeToken;
        let (client, family, from) = (bearer.client().to_string(), bearer.family(), bearer.from().clone());
        let user = bearer.user().clone();
        let caller = Caller::from(bearer);
        let stated = self.stating(params(wish)?, &user, None);
        let params = stated.map_err(|error| error.noted(gate, &caller, operation, now))?;
        let asked = inherited(&params, None)?;
        let (resource, asking) = asking(&params, &session_name(&params)?, &asked)?;
        let mut notes = asking.notes.clone();
        notes.extend([("client", client.clone()), ("family", family.to_string())]);
        let asking = Asking { notes, ..asking };
        let wanted = wanted(&params, session_name(&params)?, move |_| Ok::<Inherited, QueryError>(asked))?;
        let allowed = gate.authorize_about(caller, operation, &resource, &asking, now)?;
        let minted = match wanted(&allowed) {
            Ok(wanted) => self.mint.begin(allowed, &wanted, now)?,
            Err(error) => {
                allowed.complete(&Outcome::failed(error.code, &error.message), now);
                return Err(error);
            }
        };
        let token = match &wish.audience {
            Some(audience) => self.token_for(gate, &minted, audience, (&client, from), now).map(Some),
            None => Ok(None),
        };
        match token {
            Ok(token) => Ok(Exchanged { minted, token }),
            Err(error) => {
                self.end_unused(&minted, now);
                Err(error)
            }
        }
    }

    /// Ends a session that nobody was given anything of.
    fn end_unused(&self, minted: &Minted, now: Timestamp) {
        let (store, id) = (&self.admin.store, &minted.session.id);
        let ended = store.read(|snapshot| sessions::session(snapshot, id)).and_then(|held| match held {
            Some(held) => {
                let why = ("not_given", "no token of it was given out");
                ending::recorded((store, &self.admin.audit), &held, &Actor::task("exchange"), why, now)
            }
            None => Ok(false),
        });
        if let Err(error) = ended {
            tracing::warn!(%error, session = %id, "a session that nobody was given stays until its time");
        }
    }

    /// An access token of a session that began this very moment; its record is on disk when this returns.
    fn token_for(
        &self,
        gate: &Gate,
        minted: &Minted,
        audience: &str,
        (client, from): (&str, signed::RequestSource),
        now: Timestamp,
    ) -> Result<MintedToken, QueryError> {
        let id = &minted.session.id;
        let caller = signed::begun(&self.admin.sessions, &self.admin.account, id, from, now).map_err(|error| {
            // What lets it begin and not count is that somebody ends it at the same moment.
            QueryError::of(&error, 403, "AccessDenied")
        })?;
        let signed = caller.signed().ok_or(IssueError::Nobody)?;
        let wanted = WantedToken {
            sort: Sort::Access,
            audience: vec![audience.to_owned()],
            algorithm: Algorithm::default(),
            seconds: None,
            tags: std::collections::BTreeMap::new(),
        };
        // The role was given for the sake of this token, so no policy has to allow it besides; what denies it counts, and guardrails.
        let asking = Asking { comes_along: true, ..self.asking_for(&wanted) };
        gate.may(&caller, Operation::CreateRoleToken, "", &asking, now)?;
        let (token, sid) = self.mint.token_of(signed, &wanted, Some(client), now)?;
        let event = Event::new("IssueRoleToken")
            .with("jti", token.jti.as_str())
            .with("session", sid.to_string())
            .with("client", client)
            .with("audience", audience.to_owned());
        let recorded = self.admin.audit.record(&caller.actor(), &event, &Outcome::success(), now);
        recorded.map_err(|error| {
            tracing::warn!(%error, fault = ?error.fault(), "a token is not given out");
            QueryError::not_written(&error)
        })?;
        Ok(token)
    }
}

/// As parameters of the API, so that the same rules hold for them.
fn params(wish: &WantedRole) -> Result<Params, QueryError> {
    let said = [
        ("RoleArn", Some(&wish.role)),
        ("RoleSessionName", wish.session_name.as_ref()),
        ("DurationSeconds", wish.seconds.as_ref()),
    ];
    Params::read(said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.clone()))))
}
