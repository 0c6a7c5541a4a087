//! The person behind a family of tokens, as they are now.
//!
//! Looked at whenever something is to be given for them: whether they may act, whether the client may sign them in, what policies say
//! of that, and in which groups they are. So a change in the directory reaches applications with the next token, and without a new sign-in.

use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::{OauthError, Sso};
use crate::base::{Timestamp, UserId};
use crate::gate::{GateError, Operation, Remembered};
use crate::model::client::{Client, ClientId, Subjects};
use crate::model::token_family::Consent;
use crate::model::{Actor, User};
use crate::rights::Library;
use crate::sessions::SessionError;
use crate::store::{Commit, Expect, Intent, StoreError, schema};

/// A person who counts.
pub(super) struct Person {
    /// Who.
    pub(super) user: User,
    /// Names of all groups that they are in, sorted.
    pub(super) groups: Arc<[String]>,
}

/// Where the secret lies that pairwise names are made with (OpenID Connect Core 1.0, section 8.1).
const SALT: &str = "sso-subjects";

impl Sso {
    /// The person behind `consent`, if what they let `client` have still counts. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read; inside, why they do not count.
    pub(super) fn person(
        &self,
        client: &Client,
        consent: &Consent,
        now: Timestamp,
    ) -> Result<Result<Person, String>, OauthError> {
        let may_go_on = client.scopes.iter().any(|scope| scope.as_str() == "offline_access");
        let user = match consent.is_offline() && may_go_on {
            true => self.away(consent, now)?,
            false => self.present(consent, now)?,
        };
        self.who_may(client, consent, user, now)
    }

    /// The same, of somebody who has to be signed in still, whatever may go on later without them: tokens begin with it. Blocks.
    ///
    /// # Errors
    /// As [`Sso::person`].
    pub(super) fn person_here(
        &self,
        client: &Client,
        consent: &Consent,
        now: Timestamp,
    ) -> Result<Result<Person, String>, OauthError> {
        let user = self.present(consent, now)?;
        self.who_may(client, consent, user, now)
    }

    fn who_may(
        &self,
        client: &Client,
        consent: &Consent,
        user: Result<User, String>,
        now: Timestamp,
    ) -> Result<Result<Person, String>, OauthError> {
        let user = match user {
            Ok(user) => user,
            Err(why) => return Ok(Err(why)),
        };
        let groups = match self.groups_of(&user, &client.allowed_groups, now)? {
            Ok(groups) => groups,
            Err(why) => return Ok(Err(why)),
        };
        if let Err(why) = self.may_still(client, consent, &user, now)? {
            return Ok(Err(why));
        }

        Ok(Ok(Person { user, groups }))
    }

    /// Names of all groups that `user` is in, sorted, if one of them is among `allowed` or no group is. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read; inside, why they do not count.
    pub(super) fn groups_of(
        &self,
        user: &User,
        allowed: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<Result<Arc<[String]>, String>, OauthError> {
        let terms = self.admin.terms(now)?;
        if terms.frozen.contains(&user.origin.directory) {
            return Ok(Err("their directory is no longer configured".to_owned()));
        }
        let mut library = Library::with(self.admin.shelf.clone(), &self.admin.account, &terms);
        let groups = self.admin.store.read(|snapshot| library.at(snapshot).group_names(user))?;
        let is_theirs = |name: &String| groups.iter().any(|group| group.eq_ignore_ascii_case(name));
        if !allowed.is_empty() && !allowed.iter().any(is_theirs) {
            return Ok(Err("they are in no group that the client may sign in".to_owned()));
        }
        Ok(Ok(groups))
    }

    /// Whether policies and guardrails, as they are now, let the person sign in to the client.
    ///
    /// Who sends this request is the client: its address and its program are not the person's, who may not be there at all. So
    /// conditions are told what was true when the person asked (address, browser, encryption, second factor), and of the rest what
    /// is true now: the moment, who they are, their tags. "Only from the office" thus holds for the sign-in, goes on holding for
    /// what came of it, and is judged anew when it changes: asked about the client's address it would end every application's
    /// refreshing or, where the application is in the office, let go on whoever is not. What is lost: somebody who leaves the
    /// office is not signed out by that; the lifetimes of the client's tokens bound it, and `offline_access` is the client's to
    /// be refused. What was never known is absent, so that a Deny on "not from the office" matches.
    fn may_still(
        &self,
        client: &Client,
        consent: &Consent,
        user: &User,
        now: Timestamp,
    ) -> Result<Result<(), String>, OauthError> {
        let who = Remembered { user, asked: consent.whence.conditions(now).into_iter().collect() };
        match self.gate.goes_on(&who, Operation::AuthorizeClient, client.id.as_str(), now) {
            Ok(()) => Ok(Ok(())),
            Err(error @ (GateError::NotAuthorized { .. } | GateError::Denied { .. })) => Ok(Err(error.to_string())),
            Err(error) => Err(OauthError::ours(&error)),
        }
    }

    /// By the browser session, which has to count.
    fn present(&self, consent: &Consent, now: Timestamp) -> Result<Result<User, String>, OauthError> {
        let live = self.admin.sessions.live(&consent.session, now);
        let user = live.map(|live| live.person().filter(|person| person.id == consent.user).cloned());
        Ok(counting(user)?.and_then(|user| user.ok_or_else(|| "the session is somebody else's".to_owned())))
    }

    /// Without one: the person signed out, or the browser was closed.
    fn away(&self, consent: &Consent, now: Timestamp) -> Result<Result<User, String>, OauthError> {
        counting(self.admin.sessions.offline(consent, now))
    }

    /// What `client` knows somebody by.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn subject(&self, client: &Client, user: &UserId, now: Timestamp) -> Result<String, OauthError> {
        self.subject_of(client.subjects, &client.id, user, now)
    }

    /// As [`Sso::subject`], of a client that may be known no more.
    pub(super) fn subject_of(
        &self,
        subjects: Subjects,
        client: &ClientId,
        user: &UserId,
        now: Timestamp,
    ) -> Result<String, OauthError> {
        match subjects {
            Subjects::Public => Ok(user.to_string()),
            Subjects::Pairwise => self.pairwise(client.as_str(), user.as_bytes(), now),
        }
    }

    /// A name of `id` that nobody but `sector` has, and that says nothing of it: every application is a sector of its own, so that no
    /// two know that they have the same person. Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn pairwise(&self, sector: &str, id: &[u8], now: Timestamp) -> Result<String, OauthError> {
        use base64::Engine as _;
        let salt = self.salt(now)?;
        let named = [salt.as_slice(), sector.as_bytes(), b"\0", id].concat();
        Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(named)))
    }

    /// Made when it is first needed; it never changes, and so neither do the names.
    fn salt(&self, now: Timestamp) -> Result<Vec<u8>, StoreError> {
        let key = schema::meta(SALT);
        let held = || self.admin.store.read(|snapshot| snapshot.get(&key));
        if let Some(row) = held()? {
            return Ok(row.value);
        }
        let mut commit = Commit::new(Actor::task("sso"), now, Intent::Widen);
        commit.expect(key.clone(), Expect::Absent);
        commit.put(key.clone(), hex::encode(self.chance::<32>()).into_bytes());
        match self.admin.store.commit(commit) {
            // Somebody else was faster: theirs it is.
            Ok(_) | Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        held()?.map(|row| row.value).ok_or_else(|| StoreError::corrupt(&key, "it is gone"))
    }
}

/// What was found or, inside, why it does not count.
fn counting<T>(found: Result<T, SessionError>) -> Result<Result<T, String>, OauthError> {
    match found {
        Ok(found) => Ok(Ok(found)),
        Err(SessionError::Store(error)) => Err(error.into()),
        Err(error) => Ok(Err(error.to_string())),
    }
}
