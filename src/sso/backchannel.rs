//! Clients are told when somebody signed out (OpenID Connect Back-Channel Logout 1.0).
//!
//! When a client gets tokens of somebody and has an address for it, a notice lies in the store from then on. A session ends in many
//! ways, of which most write nothing: a password is changed, an account disabled, an hour of idleness passes. So nobody has to think
//! of telling. Whoever writes down that a session ended gives its notices their turn, and for what wrote nothing that is the sweep of
//! all sessions ([`crate::sessions::Sessions::sweep`]); one that is over by its time has its turn then. A task takes the notices whose
//! turn it is ([`Sso::due_notices`]) and reads none of those that wait, however many. What is due is sent until the client takes it or
//! has refused it often enough. A notice is sent once or more, never less: a crash between sending and writing that down sends it
//! again, by a token with another name.
//!
//! A notice keeps the client's address: a client that is taken away is told that what it had is over, when nothing else knows any more
//! where ([`crate::admin::Admin`]'s `end_clients`).

use jiff::SignedDuration;
use serde_json::json;
use url::Url;

use super::{OauthError, Sso, id_token};
use crate::audit::{Event, Outcome};
use crate::base::clock::later;
use crate::base::{Secret, SessionId, Timestamp};
use crate::fetch;
use crate::keys::Algorithm;
use crate::model::client::IdTokenAlg;
use crate::model::logout_notice::{Address, LogoutNotice, NoticeState};
use crate::model::token_family::Consent;
use crate::model::{Actor, Client};
use crate::store::iam::Read;
use crate::store::logouts::{self, Turn};
use crate::store::{Commit, Intent, StoreError};

/// The type of logout tokens (section 2.4): none is taken for an ID token.
const TYP: &str = "logout+jwt";

/// Seconds that one is good (the same section recommends two minutes at most).
const GOOD_FOR: i64 = 120;

/// Its event.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Most notices that are looked at in one round.
const LOOKS: usize = 1_000;

/// When somebody looks at a new notice, and again where nobody can tell yet whether the session counts: a minute.
const AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// Most notices that are sent in one round.
const MOST: usize = 100;

/// Something to be sent.
#[derive(Debug)]
pub struct Sending {
    held: Read<LogoutNotice>,
    url: Url,
    /// The form that carries the token.
    form: Secret<String>,
}

impl Sso {
    /// Has `client` be told of the end of the session behind `consent`, where it has an address for that.
    pub(super) fn watch(
        commit: &mut Commit,
        client: &Client,
        consent: &Consent,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(address) = Address::of(client) else { return Ok(()) };
        let Consent { user, session, .. } = consent;
        // Looked at soon for the first time: the session may end at this very moment, and its notices have had their turn.
        let look = later(now, AGAIN);
        commit.watch_logout(&LogoutNotice {
            client: client.id.clone(),
            session: *session,
            user: *user,
            address: Some(address),
            client_gone: false,
            state: NoticeState::Watching { look },
        })
    }

    /// Looks at the notices whose turn it is, and answers what is to be sent at `now`; each is this process's to send. Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub fn due_notices(&self, now: Timestamp) -> Result<Vec<Sending>, OauthError> {
        self.find_ended(&self.turns(LOOKS, now)?, now)?;
        let mut due = Vec::new();
        for held in self.turns(MOST, now)?.into_iter().flat_map(|turn| turn.notices) {
            if let Some(begun) = held.value.begin(now) {
                due.extend(self.begin(held, begun, now)?);
            } else if held.value.is_over(now) {
                self.forget(&held, now)?;
            }
        }
        Ok(due)
    }

    fn turns(&self, limit: usize, now: Timestamp) -> Result<Vec<Turn>, StoreError> {
        self.admin.store.read(|snapshot| logouts::turns(snapshot, now, limit))
    }

    /// Makes notices due whose session counts no more, and has those of others wait.
    fn find_ended(&self, turns: &[Turn], now: Timestamp) -> Result<(), OauthError> {
        // Turns are told by whole seconds, and a session ends within one.
        let is_watching = |(ended, held): &(bool, &Read<LogoutNotice>)| matches!(held.value.state, NoticeState::Watching { look } if *ended || look <= now);
        let all = turns.iter().flat_map(|turn| turn.notices.iter().map(|held| (turn.ended, held)));
        let watching: Vec<_> = all.filter(is_watching).map(|(_, held)| held).collect();
        let ids: Vec<SessionId> = watching.iter().map(|held| held.value.session).collect();
        let next = later(now, AGAIN);
        for (held, standing) in watching.iter().zip(self.admin.sessions.standing(&ids, now)?) {
            let after = match standing {
                Ok(live) => held.value.watched(live.session().expires.max(next)),
                // What may count again by itself, once a directory answers, is no end.
                Err(why) if why.may_pass() => held.value.watched(next),
                Err(_) => held.value.due(now),
            };
            self.write(held, &after, now)?;
        }
        let mut looked = Commit::new(Actor::task("logouts"), now, Intent::Narrow);
        turns.iter().filter(|turn| turn.ended || turn.notices.is_empty()).for_each(|turn| looked.delete_turn(turn));
        if !looked.is_empty() {
            self.admin.store.commit(looked)?;
        }
        Ok(())
    }

    /// Takes a notice to send: nobody else does while it is written down so.
    fn begin(
        &self,
        held: Read<LogoutNotice>,
        begun: LogoutNotice,
        now: Timestamp,
    ) -> Result<Option<Sending>, OauthError> {
        let address = self.address(&begun)?;
        let url = address.as_ref().and_then(|address| Url::parse(address.uri.as_str()).ok());
        let (Some(address), Some(url)) = (address, url) else {
            self.forget(&held, now)?;
            return Ok(None);
        };
        let Some(revision) = self.write(&held, &begun, now)? else { return Ok(None) };
        let token = self.logout_token(&address, &begun, now)?;
        let form =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", token.expose()).finish();
        Ok(Some(Sending { held: Read { value: begun, revision }, url, form: Secret::new(form) }))
    }

    /// Where the client is told: as its settings say now, while it is there.
    fn address(&self, notice: &LogoutNotice) -> Result<Option<Address>, StoreError> {
        if notice.client_gone {
            return Ok(notice.address.clone());
        }
        let client = self.admin.known_client(&notice.client)?;
        Ok(client.map_or_else(|| notice.address.clone(), |(client, _)| Address::of(&client)))
    }

    /// A token that says that somebody's session ended (section 2.4).
    fn logout_token(
        &self,
        address: &Address,
        notice: &LogoutNotice,
        now: Timestamp,
    ) -> Result<Secret<String>, OauthError> {
        let iat = now.as_second();
        let claims = json!({
            "iss": self.issuer.as_str(),
            "sub": self.subject_of(address.subjects, &notice.client, &notice.user, now)?,
            "aud": notice.client.as_str(),
            "iat": iat,
            "exp": iat.saturating_add(GOOD_FOR),
            "jti": hex::encode(self.chance::<16>()),
            "sid": id_token::sid_of(&notice.session, &notice.client),
            "events": { EVENT: {} },
        });
        let algorithm = match address.alg {
            IdTokenAlg::Es256 => Algorithm::Es256,
            IdTokenAlg::Rs256 => Algorithm::Rs256,
        };
        Ok(self.admin.keys.sign(algorithm, TYP, &claims, now)?)
    }

    /// Sends it, and answers what became of that; nothing is written yet.
    pub async fn send(fetcher: &fetch::Client, reach: &fetch::Reach, sending: &Sending) -> Option<String> {
        fetcher.post(&sending.url, reach, sending.form.expose()).await.err().map(|error| error.to_string())
    }

    /// Writes down what became of a try; `why` of one that the client did not take. Blocks.
    ///
    /// # Errors
    /// When the store fails: then it is tried once more.
    pub fn settle_notice(&self, sending: &Sending, why: Option<String>, now: Timestamp) -> Result<(), OauthError> {
        let begun = &sending.held.value;
        let after = begun.ended(why, now);
        let outcome = match &after.state {
            NoticeState::Told { .. } => Some(Outcome::success()),
            NoticeState::GivenUp { why, .. } => Some(Outcome::failed("GivenUp", why)),
            _ => None,
        };
        self.write(&sending.held, &after, now)?;
        if let Some(outcome) = outcome {
            let event = Event::narrowing("TellLogout")
                .with("client", begun.client.as_str())
                .with("session", begun.session.to_string())
                .with("user_id", begun.user.to_string());
            self.admin.audit.note(&Actor::task("logouts"), &event, &outcome, now);
        }
        Ok(())
    }

    /// `None` where somebody else wrote it meanwhile.
    fn write(
        &self,
        before: &Read<LogoutNotice>,
        notice: &LogoutNotice,
        now: Timestamp,
    ) -> Result<Option<crate::store::Revision>, OauthError> {
        let mut commit = Commit::new(Actor::task("logouts"), now, Intent::Narrow);
        commit.put_notice(before, notice)?;
        match self.admin.store.commit(commit) {
            Ok(committed) => Ok(Some(committed.revision)),
            Err(StoreError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn forget(&self, held: &Read<LogoutNotice>, now: Timestamp) -> Result<(), OauthError> {
        let mut commit = Commit::new(Actor::task("logouts"), now, Intent::Narrow);
        commit.delete_notice(held);
        match self.admin.store.commit(commit) {
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
