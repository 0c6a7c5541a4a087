//! Families of tokens: whether one counts, what is given of it, and how it ends.

use super::access_token::{Holder, MadeToken, event};
use super::authenticate::Shown;
use super::grants::{self, Tokens};
use super::id_token::IdToken;
use super::person::Person;
use super::{OauthError, Sso, dpop};
use crate::audit::{Event, Outcome};
use crate::base::clock::expired;
use crate::base::{Timestamp, UserId};
use crate::model::client::{Client, Scope};
use crate::model::token_family::{Consent, Family, FamilyEnd, FamilyId};
use crate::store::iam::Read;
use crate::store::{Commit, Intent, StoreError, sso};

/// How often an end is tried while others write the same row. Each try loses to somebody who got on, so it ends.
const TRIES: usize = 100;

/// What is given of a family.
pub(super) struct Given<'a> {
    pub(super) client: &'a Client,
    pub(super) family: &'a Family,
    pub(super) person: &'a Person,
    /// What the access token lets its holder have, if less than the family.
    pub(super) scopes: Option<Vec<Scope>>,
    /// Whom it is for, if that was asked.
    pub(super) resource: Option<&'a str>,
    /// What the key is known by that it is bound to, if it is to one.
    pub(super) jkt: Option<&'a str>,
    /// Whether the code is redeemed, and nothing refreshed.
    pub(super) first: bool,
}

impl Sso {
    /// The family of this id, if it counts at `now`. Blocks.
    pub(super) fn counting_family(&self, id: &FamilyId, now: Timestamp) -> Result<Option<Read<Family>>, OauthError> {
        let epoch = self.epoch()?;
        let found = self.admin.store.read(|snapshot| sso::family(snapshot, id))?;
        Ok(found.filter(|held| {
            let family = &held.value;
            family.ended.is_none() && family.epoch == epoch && !expired(family.expires, now)
        }))
    }

    /// Whether tokens of a family that were given to `client` count: it does, and the person does. Blocks.
    pub(super) fn family_stands(&self, client: &Client, id: &FamilyId, now: Timestamp) -> Result<bool, OauthError> {
        let Some(held) = self.counting_family(id, now)? else { return Ok(false) };
        let consent = &held.value.consent;
        Ok(consent.client == client.id && self.person(client, consent, now)?.is_ok())
    }

    /// Signs what is given of a family; nothing is written yet.
    pub(super) fn tokens_of(&self, given: &Given<'_>, now: Timestamp) -> Result<(Tokens, MadeToken), OauthError> {
        let Given { client, family, person, .. } = given;
        let sub = self.subject(client, &person.user.id, now)?;
        let mut consent: Consent = family.consent.clone();
        // What the client may no longer ask for it is no longer given.
        consent.scopes.retain(|scope| client.scopes.contains(scope));
        if let Some(scopes) = &given.scopes {
            consent.scopes.retain(|scope| scopes.contains(scope));
        }
        let audience = self.audience_of_person(client, &consent, given.resource)?;
        let made =
            self.make_access_token(client, &Holder::Person(&sub, &consent, family.id), audience, given.jkt, now)?;
        let id_token = consent.has("openid").then(|| {
            let of = IdToken {
                client,
                consent: &consent,
                person,
                sub: &sub,
                access_token: &made.token,
                family: family.id,
                first: given.first,
            };
            self.make_id_token(&of, now)
        });
        let tokens = Tokens {
            access_token: made.token.expose().clone(),
            token_type: dpop::token_type(given.jkt),
            expires_in: made.seconds,
            scope: Some(consent.scope()).filter(|scope| !scope.is_empty()),
            id_token: id_token.transpose()?.map(|token| token.expose().clone()),
            refresh_token: None,
            refresh_token_expires_in: family.refresh.as_ref().map(|_| family.expires.duration_since(now).as_secs()),
        };
        Ok((tokens, made))
    }

    /// What the log says of that.
    pub(super) fn note_tokens(
        &self,
        given: &Given<'_>,
        (grant, made): (&'static str, &MadeToken),
        shown: &Shown<'_>,
    ) -> Event {
        let event = event(given.client, grant)
            .with("jti", made.jti.as_str())
            .with("family", given.family.id.to_string())
            .with("user_id", given.person.user.id.to_string())
            .with("user", given.person.user.name.to_string());
        grants::placed(event, shown)
    }

    /// Ends a family, and with it all of its tokens, and writes that down. One that has ended stays as it is. Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub fn end_family(
        &self,
        id: &FamilyId,
        by: &crate::model::Actor,
        reason: &'static str,
        now: Timestamp,
    ) -> Result<(), OauthError> {
        for _ in 0..TRIES {
            let found = self.admin.store.read(|snapshot| sso::family(snapshot, id))?;
            let Some(Read { value: mut family, revision }) = found.filter(|held| held.value.ended.is_none()) else {
                return Ok(());
            };
            family.ended = Some(FamilyEnd { at: now, reason: reason.to_owned() });
            let mut commit = Commit::new(by.clone(), now, Intent::Narrow);
            commit.put_family(&family, revision)?;
            let event = Event::narrowing("EndTokens")
                .with("family", id.to_string())
                .with("client", family.consent.client.as_str())
                .with("user_id", family.consent.user.to_string())
                .with("reason_code", reason);
            let intended = crate::audit::Trace::Intended(self.admin.audit.intend(by, &event, now));
            match intended.try_commit(&self.admin.store, commit, &Outcome::success(), now) {
                Ok(_) => return Ok(()),
                Err(not) if matches!(not.0, StoreError::Conflict { .. }) => {}
                Err(not) => {
                    let (error, trace) = *not;
                    trace.complete(&Outcome::failed("NotCommitted", &error), now);
                    return Err(error.into());
                }
            }
        }
        Err(StoreError::Conflict { what: "a family of tokens that is to end".to_owned() }.into())
    }

    /// Ends all tokens of a person, of whatever client, those that outlive the browser among them. Answers how many families. Blocks.
    ///
    /// # Errors
    /// When the store fails; those before it have ended.
    pub fn end_all_of(
        &self,
        user: &UserId,
        by: &crate::model::Actor,
        reason: &'static str,
        now: Timestamp,
    ) -> Result<usize, OauthError> {
        let families = sso::families_of(&self.admin.store, user)?;
        for id in &families {
            self.end_family(id, by, reason, now)?;
        }
        Ok(families.len())
    }
}
