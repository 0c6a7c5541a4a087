//! Clients are told when somebody signed out (OpenID Connect Back-Channel Logout 1.0).
//!
//! When a client gets tokens of somebody and has an address for it, a notice lies in the store from then on. A session ends in many
//! ways, of which most write nothing: a password is changed, an account disabled, an hour of idleness passes. So nobody has to think
//! of telling; a task looks at the sessions of all notices again and again ([`Sso::due_notices`]), and what is due is sent until the
//! client takes it or has refused it often enough. A notice is sent once or more, never less: a crash between sending and writing
//! that down sends it again, by a token with another name.

use serde_json::json;
use url::Url;

use super::{OauthError, Sso, id_token};
use crate::audit::{Event, Outcome};
use crate::base::{Secret, SessionId, Timestamp};
use crate::fetch;
use crate::keys::Algorithm;
use crate::model::client::IdTokenAlg;
use crate::model::logout_notice::{LogoutNotice, NoticeState};
use crate::model::token_family::Consent;
use crate::model::{Actor, Client};
use crate::store::iam::Read;
use crate::store::{Commit, Intent, StoreError, sso};

/// The type of logout tokens (section 2.4): none is taken for an ID token.
const TYP: &str = "logout+jwt";

/// Seconds that one is good (the same section recommends two minutes at most).
const GOOD_FOR: i64 = 120;

/// Its event.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Sessions looked at in one reading.
const BATCH: usize = 100;

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
    pub(super) fn watch(&self, commit: &mut Commit, client: &Client, consent: &Consent) -> Result<(), StoreError> {
        if client.backchannel_logout_uri.is_none() {
            return Ok(());
        }
        let Consent { user, session, .. } = consent;
        let state = NoticeState::Watching;
        commit.watch_logout(&LogoutNotice { client: client.id.clone(), session: *session, user: *user, state })
    }

    /// Looks for sessions that ended, and answers what is to be sent at `now`; each is this process's to send. Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub fn due_notices(&self, now: Timestamp) -> Result<Vec<Sending>, OauthError> {
        let all = sso::notices(&self.admin.store)?;
        self.find_ended(&all, now)?;
        let mut due = Vec::new();
        for held in sso::notices(&self.admin.store)? {
            if due.len() >= MOST {
                break;
            }
            if let Some(begun) = held.value.begin(now) {
                due.extend(self.begin(held, begun, now)?);
            } else if held.value.is_over(now) {
                self.forget(&held, now)?;
            }
        }
        Ok(due)
    }

    /// Makes notices due whose session counts no more.
    fn find_ended(&self, all: &[Read<LogoutNotice>], now: Timestamp) -> Result<(), OauthError> {
        let watching: Vec<_> = all.iter().filter(|held| held.value.state == NoticeState::Watching).collect();
        for batch in watching.chunks(BATCH) {
            let ids: Vec<SessionId> = batch.iter().map(|held| held.value.session).collect();
            let standing = self.admin.sessions.standing(&ids, now)?;
            for (held, standing) in batch.iter().zip(standing) {
                // What may count again by itself, once a directory answers, is no end.
                if !standing.is_err_and(|why| !why.may_pass()) {
                    continue;
                }
                let state = NoticeState::Due { since: now, tries: 0, next: now, why: None };
                self.write(&LogoutNotice { state, ..held.value.clone() }, held.revision, now)?;
            }
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
        let client = self.admin.known_client(&begun.client)?.map(|(client, _)| client);
        let url = client.as_ref().and_then(|client| client.backchannel_logout_uri.as_ref());
        let (Some(client), Some(url)) = (&client, url.and_then(|url| Url::parse(url.as_str()).ok())) else {
            self.forget(&held, now)?;
            return Ok(None);
        };
        let Some(revision) = self.write(&begun, held.revision, now)? else { return Ok(None) };
        let token = self.logout_token(client, &begun, now)?;
        let form =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", token.expose()).finish();
        Ok(Some(Sending { held: Read { value: begun, revision }, url, form: Secret::new(form) }))
    }

    /// A token that says that somebody's session ended (section 2.4).
    fn logout_token(
        &self,
        client: &Client,
        notice: &LogoutNotice,
        now: Timestamp,
    ) -> Result<Secret<String>, OauthError> {
        let iat = now.as_second();
        let claims = json!({
            "iss": self.issuer.as_str(),
            "sub": self.subject(client, &notice.user, now)?,
            "aud": client.id.as_str(),
            "iat": iat,
            "exp": iat.saturating_add(GOOD_FOR),
            "jti": hex::encode(self.chance::<16>()),
            "sid": id_token::sid_of(&notice.session, &client.id),
            "events": { EVENT: {} },
        });
        let algorithm = match client.id_token_alg {
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
        let Read { value: begun, revision } = &sending.held;
        let after = begun.ended(why, now);
        let outcome = match &after.state {
            NoticeState::Told { .. } => Some(Outcome::success()),
            NoticeState::GivenUp { why, .. } => Some(Outcome::failed("GivenUp", why)),
            _ => None,
        };
        self.write(&after, *revision, now)?;
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
        notice: &LogoutNotice,
        revision: crate::store::Revision,
        now: Timestamp,
    ) -> Result<Option<crate::store::Revision>, OauthError> {
        let mut commit = Commit::new(Actor::task("logouts"), now, Intent::Narrow);
        commit.put_notice(notice, revision)?;
        match self.admin.store.commit(commit) {
            Ok(committed) => Ok(Some(committed.revision)),
            Err(StoreError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn forget(&self, held: &Read<LogoutNotice>, now: Timestamp) -> Result<(), OauthError> {
        let mut commit = Commit::new(Actor::task("logouts"), now, Intent::Narrow);
        commit.delete_notice(&held.value, held.revision);
        match self.admin.store.commit(commit) {
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
