//! Codes: what a browser brings a client, redeemed once (RFC 6749, section 4.1; RFC 7636; RFC 9700, section 2.1).
//!
//! A code is bound to its client, to the address it was sent to, and to who began (PKCE, S256 alone, of every client). That it was
//! redeemed is on disk before the answer. A code that comes a second time is in two hands, so what the first got ends (section 4.5).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};

use super::authenticate::Shown;
use super::error::Code as Word;
use super::family::Given;
use super::grants::{self, Tokens};
use super::par::Pushed;
use super::{OauthError, Sso, refresh};
use crate::audit::{Event, Outcome, Trace};
use crate::base::clock::{expired, later};
use crate::base::{Secret, Timestamp};
use crate::model::client::GrantType;
use crate::model::token_family::{CODE_SECONDS, Code, Consent, Family, FamilyId};
use crate::model::{Actor, Client};
use crate::store::iam::Read;
use crate::store::{Commit, Intent, StoreError, sso};

/// What a code is to stand for.
#[derive(Debug, Clone)]
pub struct NewCode {
    /// What the person let the client have.
    pub consent: Consent,
    /// The address it is sent to, as the request had it.
    pub redirect_uri: String,
    /// The client's challenge, by S256.
    pub challenge: String,
    /// What the key is known by that whoever redeems it has to hold, if one is named.
    pub jkt: Option<String>,
    /// The request that was pushed for it, which counts once: it is gone when the code is there.
    pub pushed: Option<Pushed>,
}

const DEAD: &str = "the code does not count: it is expired, was redeemed, or is another client's; sign in again";

impl Sso {
    /// A code for what `new` says, which whoever is `by` agreed to. It is on disk, and so is its record, when this returns. Whether
    /// the person may sign in to the client was decided before; it is looked at again when the code is redeemed. Blocks.
    ///
    /// # Errors
    /// When the client may have no code, or not so; when it cannot be written.
    pub fn issue_code(&self, new: NewCode, by: &Actor, now: Timestamp) -> Result<Secret<String>, OauthError> {
        self.admin.clock.may_mint().map_err(|error| OauthError::ours(&error))?;
        let NewCode { consent, redirect_uri, challenge, jkt, pushed } = new;
        let client = self.admin.known_client(&consent.client)?.map(|(client, _)| client);
        let client = client.filter(|client| client.may(GrantType::AuthorizationCode));
        let client = client.ok_or_else(|| OauthError::new(Word::UnauthorizedClient, "the client signs nobody in"))?;
        if !client.redirects_to(&redirect_uri) {
            return Err(OauthError::request("redirect_uri is not registered"));
        }
        if URL_SAFE_NO_PAD.decode(&challenge).map(|digest| digest.len()) != Ok(32) {
            return Err(OauthError::request("code_challenge is no SHA-256 in base64url, and only S256 is taken"));
        }
        if consent.scopes.iter().any(|scope| !client.scopes.contains(scope)) {
            return Err(OauthError::new(Word::InvalidScope, "the client may not ask for one of the scopes"));
        }
        let event = Event::new("IssueCode")
            .with("client", client.id.as_str())
            .with("user_id", consent.user.to_string())
            .with("scope", consent.scope());
        let expires = later(now, SignedDuration::from_secs(CODE_SECONDS));
        let code = Code { consent, redirect_uri, challenge, jkt, expires, epoch: self.epoch()?, redeemed: None };
        let text = self.unguessable();
        let mut commit = Commit::new(by.clone(), now, Intent::Widen);
        commit.put_code(&digest(text.expose()), &code, 0)?;
        if let Some(pushed) = &pushed {
            commit.take_pushed(&pushed.digest, pushed.expires, pushed.revision);
        }
        let intended = Trace::Intended(self.admin.audit.intend(by, &event, now));
        let Err(not) = intended.try_commit(&self.admin.store, commit, &Outcome::success(), now) else {
            return Ok(text);
        };
        let (error, trace) = *not;
        trace.complete(&Outcome::failed("NotCommitted", &error), now);
        match error {
            // Of a code alone nobody else writes anything.
            StoreError::Conflict { .. } if pushed.is_some() => {
                Err(OauthError::request("the request was used at this very moment: begin again"))
            }
            error => Err(error.into()),
        }
    }

    /// Redeems a code. Blocks.
    pub(super) fn redeem_code(&self, client: &Client, shown: &Shown<'_>, now: Timestamp) -> Result<Tokens, OauthError> {
        let form = shown.form;
        let digest = digest(form.required("code")?);
        let (redirect_uri, verifier) = (form.required("redirect_uri")?, form.text("code_verifier"));
        let held = self.admin.store.read(|snapshot| sso::code(snapshot, &digest))?;
        let Some(Read { value: mut code, revision }) = held else { return Err(OauthError::grant(DEAD)) };
        if let Some(family) = code.redeemed {
            return Err(self.redeemed_again(client, &family, now)?);
        }
        let dead = code.consent.client != client.id || expired(code.expires, now) || code.epoch != self.epoch()?;
        if dead {
            return Err(OauthError::grant(DEAD));
        }
        if code.redirect_uri != redirect_uri {
            return Err(OauthError::grant("redirect_uri is another than the code was sent to"));
        }
        if !verifier.is_some_and(|verifier| answers(verifier, &code.challenge)) {
            return Err(OauthError::grant("code_verifier is not what code_challenge was made of"));
        }
        if code.jkt.is_some() && code.jkt.as_deref() != shown.jkt {
            return Err(OauthError::grant("the code is bound to a key: send a proof of it"));
        }
        let person = match self.person_here(client, &code.consent, now)? {
            Ok(person) => person,
            Err(why) => return Err(self.no_longer(client, &code.consent, &why, now)),
        };
        let (family, refresh_token) = self.begin_family(client, &code.consent, shown.jkt, now)?;
        let resource = form.text("resource");
        let jkt = shown.jkt;
        let given = Given { client, family: &family, person: &person, scopes: None, resource, jkt, first: true };
        let (tokens, made) = self.tokens_of(&given, now)?;
        code.redeemed = Some(family.id);
        let by = grants::actor(client);
        let mut commit = Commit::new(by.clone(), now, Intent::Widen);
        commit.put_code(&digest, &code, revision)?;
        commit.put_family(&family, 0)?;
        Self::watch(&mut commit, client, &family.consent, now)?;
        let event = self.note_tokens(&given, ("authorization_code", &made), shown);
        let intended = Trace::Intended(self.admin.audit.intend(&by, &event, now));
        match intended.try_commit(&self.admin.store, commit, &Outcome::success(), now) {
            Ok(_) => {
                let refresh_token = refresh_token.map(|token| token.expose().clone());
                Ok(Tokens { refresh_token, ..tokens })
            }
            Err(not) => {
                let (error, trace) = *not;
                trace.complete(&Outcome::failed("NotCommitted", &error), now);
                match error {
                    // Somebody redeems it at this very moment.
                    StoreError::Conflict { .. } => self.beaten(client, &digest, now),
                    error => Err(error.into()),
                }
            }
        }
    }

    /// A family of what was agreed to, with its first refresh token where the client gets one; nothing is written yet.
    pub(super) fn begin_family(
        &self,
        client: &Client,
        consent: &Consent,
        jkt: Option<&str>,
        now: Timestamp,
    ) -> Result<(Family, Option<Secret<String>>), OauthError> {
        let id = FamilyId::from_bytes(self.chance());
        let first = client.may(GrantType::RefreshToken).then(|| refresh::first(self, &id, now));
        let (refresh, token) = first.map_or((None, None), |(refresh, token)| (Some(refresh), Some(token)));
        let lasts = if refresh.is_some() { client.lifetimes.refresh } else { client.lifetimes.access };
        let expires = later(now, SignedDuration::from_secs(i64::from(lasts)));
        // An outside provider that says when its person's session is over means what goes on without a session, too.
        let over = consent.sign_in().outside.and_then(|word| word.ends);
        let expires = over.map_or(expires, |over| expires.min(over));
        let (consent, epoch) = (consent.clone(), self.epoch()?);
        // Of a client that shows who it is, that is what its refresh tokens are bound to (RFC 9449, section 5).
        let jkt = jkt.filter(|_| client.is_public() && refresh.is_some()).map(str::to_owned);
        let family = Family { id, consent, created: now, expires, refresh, jkt, epoch, ended: None };
        Ok((family, token))
    }

    fn beaten(&self, client: &Client, digest: &[u8; 32], now: Timestamp) -> Result<Tokens, OauthError> {
        let held = self.admin.store.read(|snapshot| sso::code(snapshot, digest))?;
        match held.and_then(|held| held.value.redeemed) {
            Some(family) => Err(self.redeemed_again(client, &family, now)?),
            None => Err(OauthError::grant(DEAD)),
        }
    }

    /// The code is in two hands, and nobody knows which one is right.
    fn redeemed_again(&self, client: &Client, family: &FamilyId, now: Timestamp) -> Result<OauthError, OauthError> {
        self.end_family(family, &grants::actor(client), "code_used_twice", now)?;
        Ok(OauthError::grant(DEAD))
    }

    /// What was agreed to counts no more; why is for the log, the client learns that it does not.
    pub(super) fn no_longer(&self, client: &Client, consent: &Consent, why: &str, now: Timestamp) -> OauthError {
        let event =
            Event::reading("IssueToken").with("client", client.id.as_str()).with("user_id", consent.user.to_string());
        self.admin.audit.note(&grants::actor(client), &event, &Outcome::Denied { message: why.to_owned() }, now);
        OauthError::grant("the person may not be signed in to this client any more")
    }
}

/// Under which a code lies in the store.
fn digest(code: &str) -> [u8; 32] {
    Sha256::digest(code).into()
}

/// Whether `verifier` has the form of one (RFC 7636, section 4.1) and is what `challenge` was made of.
fn answers(verifier: &str, challenge: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(unreserved)
        && URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == challenge
}
