//! Refresh tokens: the next tokens of a family (RFC 6749, section 6; RFC 9700, section 4.14).
//!
//! Of a public client each use makes the next token and ends the one before; a token that was passed over shows that two have it,
//! and ends the family. Whoever got no answer may ask once more within seconds, and is given the same successor. Of a client that
//! shows who it is the token stays (FAPI 2.0 Security Profile, section 5.3.2.1): who has it can do nothing without the client's key.
//!
//! ```text
//!  family . counter . shared . own        shared proves that it was one of this family's; own that it is the one that counts
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};

use super::authenticate::Shown;
use super::family::Given;
use super::grants::{self, Tokens};
use super::{OauthError, Sso};
use crate::audit::{Outcome, Trace};
use crate::base::clock::{expired, later};
use crate::base::{Secret, Timestamp};
use crate::model::Client;
use crate::model::client::SecretHash;
use crate::model::token_family::{Before, Family, FamilyId, Refresh};
use crate::store::iam::Read;
use crate::store::{Commit, Intent, StoreError};

/// For how long whoever got no answer may ask once more.
const RETRY_WINDOW: SignedDuration = SignedDuration::from_secs(10);

/// How exactly it is known when a token that stays was used last: not each use is a write.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// How often it is tried anew while others turn the same family. Each try loses to somebody who got on.
const TRIES: usize = 8;

const DEAD: &str = "the refresh token does not count: it is expired, revoked, or another client's; sign in again";

/// A token as it was shown.
struct Parts {
    family: FamilyId,
    counter: u64,
    shared: Secret<String>,
    own: Secret<String>,
}

/// What a token that was shown is.
enum Presented {
    /// It stays, and is used.
    Reusable(Refresh),
    /// It is replaced by this one.
    Rotated(Refresh, Secret<String>),
    /// It was replaced a moment ago, by this one.
    Retried(Secret<String>),
    /// It was passed over.
    Reused,
    /// It is none of the family's, or idle for too long.
    Invalid,
}

/// The first token of a family.
pub(super) fn first(sso: &Sso, family: &FamilyId, now: Timestamp) -> (Refresh, Secret<String>) {
    let (shared, own) = (sso.unguessable(), sso.unguessable());
    let token = text(family, 1, &shared, &own);
    let refresh =
        Refresh { counter: 1, shared: SecretHash::of(&shared), own: SecretHash::of(&own), turned: now, before: None };
    (refresh, token)
}

impl Sso {
    /// Rotates a refresh token (RFC 9700, section 4.14.2); reuse of a superseded token revokes the family. Blocks.
    pub(super) fn refresh(&self, client: &Client, shown: &Shown<'_>, now: Timestamp) -> Result<Tokens, OauthError> {
        let parts = Parts::read(shown.form.required("refresh_token")?).ok_or_else(|| OauthError::grant(DEAD))?;
        for _ in 0..TRIES {
            if let Some(tokens) = self.try_refresh(client, &parts, shown, now)? {
                return Ok(tokens);
            }
        }
        Err(StoreError::Conflict { what: "a family of tokens".to_owned() }.into())
    }

    /// `None` where somebody else was faster.
    fn try_refresh(
        &self,
        client: &Client,
        parts: &Parts,
        shown: &Shown<'_>,
        now: Timestamp,
    ) -> Result<Option<Tokens>, OauthError> {
        let dead = || OauthError::grant(DEAD);
        let held = self.counting_family(&parts.family, now)?.filter(|held| held.value.consent.client == client.id);
        let Some(Read { value: mut family, revision }) = held else { return Err(dead()) };
        // Before anything else: who lacks the key turns nothing and ends nothing.
        if family.jkt.is_some() && family.jkt.as_deref() != shown.jkt {
            return Err(OauthError::grant("the refresh token is bound to a key: send a proof of it"));
        }
        let (next, token) = match self.judge_refresh(client, &family, parts, now) {
            Presented::Reusable(next) => (Some(next), None),
            Presented::Rotated(next, token) => (Some(next), Some(token)),
            Presented::Retried(token) => (None, Some(token)),
            Presented::Reused => {
                self.end_family(&family.id, &grants::actor(client), "refresh_token_reused", now)?;
                return Err(dead());
            }
            Presented::Invalid => return Err(dead()),
        };
        let person = match self.person(client, &family.consent, now)? {
            Ok(person) => person,
            Err(why) => return Err(self.no_longer(client, &family.consent, &why, now)),
        };
        let scopes = grants::scopes(shown.form.text("scope"), family.consent.scopes.iter())?;
        let is_written = next.as_ref() != family.refresh.as_ref() && next.is_some();
        if is_written {
            family.refresh = next;
        }
        let resource = shown.form.text("resource");
        let given = Given { client, family: &family, person: &person, scopes, resource, jkt: shown.jkt, first: false };
        let (tokens, made) = self.tokens_of(&given, now)?;
        let by = grants::actor(client);
        let event = self.note_tokens(&given, ("refresh_token", &made), shown);
        let intended = Trace::Intended(self.admin.audit.intend(&by, &event, now));
        let mut commit = Commit::new(by, now, Intent::Widen);
        if is_written {
            commit.put_family(&family, revision)?;
        }
        match intended.try_commit(&self.admin.store, commit, &Outcome::success(), now) {
            Ok(_) => Ok(Some(Tokens { refresh_token: token.map(|token| token.expose().clone()), ..tokens })),
            // Nothing was given and nothing is to be recorded: it is looked at anew.
            Err(not) if matches!(not.0, StoreError::Conflict { .. }) => Ok(None),
            Err(not) => {
                let (error, trace) = *not;
                trace.complete(&Outcome::failed("NotCommitted", &error), now);
                Err(error.into())
            }
        }
    }

    /// What the token is to the family, as this one is now.
    fn judge_refresh(&self, client: &Client, family: &Family, parts: &Parts, now: Timestamp) -> Presented {
        let Some(held) = family.refresh.as_ref().filter(|held| held.shared.is_of(&parts.shared)) else {
            return Presented::Invalid;
        };
        if let Some(before) = held.before.as_ref().filter(|_| parts.counter.checked_add(1) == Some(held.counter)) {
            let soon = later(held.turned, RETRY_WINDOW);
            let again = (before.own.is_of(&parts.own) && now < soon).then(|| unmasked(&parts.own, &before.successor));
            return match again.flatten().filter(|own| held.own.is_of(own)) {
                Some(own) => Presented::Retried(text(&family.id, held.counter, &parts.shared, &own)),
                None => Presented::Reused,
            };
        }
        if parts.counter != held.counter {
            return Presented::Reused;
        }
        let idle = SignedDuration::from_secs(i64::from(client.lifetimes.refresh_idle));
        let over = later(held.turned, idle);
        if !held.own.is_of(&parts.own) || expired(over, now) {
            return Presented::Invalid;
        }
        if !client.is_public() {
            let old = later(held.turned, NOTED_EVERY) <= now;
            return Presented::Reusable(Refresh { turned: if old { now } else { held.turned }, ..held.clone() });
        }
        let own = self.unguessable();
        let Some(counter) = held.counter.checked_add(1) else { return Presented::Invalid };
        let before = Before { own: held.own.clone(), successor: masked(&parts.own, &own) };
        let next = Refresh {
            counter,
            shared: held.shared.clone(),
            own: SecretHash::of(&own),
            turned: now,
            before: Some(before),
        };
        Presented::Rotated(next, text(&family.id, counter, &parts.shared, &own))
    }

    /// The family whose refresh token `token` is, whether or not it still counts, if it was one of `client`'s. Blocks.
    pub(super) fn family_of_refresh_token(
        &self,
        client: &Client,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<(Family, bool)>, OauthError> {
        let Some(parts) = Parts::read(token) else { return Ok(None) };
        let held = self.counting_family(&parts.family, now)?.map(|held| held.value);
        let Some(family) = held.filter(|family| family.consent.client == client.id) else { return Ok(None) };
        let Some(refresh) = family.refresh.clone().filter(|held| held.shared.is_of(&parts.shared)) else {
            return Ok(None);
        };
        let counts = refresh.counter == parts.counter && refresh.own.is_of(&parts.own);
        Ok(Some((family, counts)))
    }
}

impl Parts {
    fn read(token: &str) -> Option<Self> {
        let parts: Vec<&str> = token.split('.').collect();
        let [family, counter, shared, own] = parts.as_slice() else { return None };
        let secret = |text: &&str| Secret::new((*text).to_owned());
        // One spelling alone: no sign, no zero in front.
        let number = counter.parse::<u64>().ok().filter(|number| number.to_string() == **counter)?;
        Some(Self { family: family.parse().ok()?, counter: number, shared: secret(shared), own: secret(own) })
    }
}

fn text(family: &FamilyId, counter: u64, shared: &Secret<String>, own: &Secret<String>) -> Secret<String> {
    Secret::new(format!("{family}.{counter}.{}.{}", shared.expose(), own.expose()))
}

/// `successor`, so that only who has `own` can read it: both are of 256 random bits, and `own` masks one successor alone.
fn masked(own: &Secret<String>, successor: &Secret<String>) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(successor.expose()).unwrap_or_default();
    hex::encode(bytes.iter().zip(mask(own)).map(|(byte, mask)| byte ^ mask).collect::<Vec<u8>>())
}

fn unmasked(own: &Secret<String>, masked: &str) -> Option<Secret<String>> {
    let bytes = hex::decode(masked).ok()?;
    let bytes: Vec<u8> = bytes.iter().zip(mask(own)).map(|(byte, mask)| byte ^ mask).collect();
    Some(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

fn mask(own: &Secret<String>) -> [u8; 32] {
    Sha256::digest([b"bailey: the next refresh token\0", own.expose().as_bytes()].concat()).into()
}
