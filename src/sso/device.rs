//! Devices without a browser: one asks, a person answers on another, and the first fetches its tokens (RFC 8628).
//!
//! The device has a code of 256 bits, of which a digest is kept; the person types one of eight letters, so guesses are counted by
//! who makes them and from where (section 5.1). There is no address with the code in it: who follows a stranger's link has still
//! to type what the stranger tells them, after reading what that would do (section 5.4). How a person answers is [`Sso::answer_device`].

use std::net::IpAddr;

use jiff::SignedDuration;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::authenticate::Shown;
use super::error::Code;
use super::family::Given;
use super::grants::{self, Tokens};
use super::metadata::paths;
use super::{Form, OauthError, Sso, authorize};
use crate::audit::{Event, Outcome, Trace};
use crate::authn::Caller;
use crate::authn::bearer::Bearer;
use crate::authn::limiter::{Attempts, Limits};
use crate::authn::signed::RequestSource;
use crate::base::clock::{expired, later};
use crate::base::network::Neighbours;
use crate::base::{Timestamp, UserId};
use crate::gate::{GateError, Operation};
use crate::model::Client;
use crate::model::UserCode;
use crate::model::client::GrantType;
use crate::model::device_grant::{Answer, DEVICE_SECONDS, DeviceGrant, INTERVAL};
use crate::model::token_family::{Consent, Family, FamilyId};
use crate::store::iam::Read;
use crate::store::{Commit, Intent, StoreError, sso};

/// How often another code is tried where somebody has the first already.
const TRIES: usize = 8;

/// What a device is told (RFC 8628, section 3.2).
#[derive(Serialize)]
pub struct DeviceAuthorization {
    /// By what it asks for its tokens.
    pub device_code: String,
    /// What the person types.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// Seconds that both are good.
    pub expires_in: u32,
    /// Seconds between two questions.
    pub interval: u32,
}

/// What a device waits for whose code somebody typed.
pub(super) struct Typed {
    pub(super) code: UserCode,
    /// The digest of the device's own code.
    pub(super) device: [u8; 32],
    pub(super) held: Read<DeviceGrant>,
}

/// How often codes are typed and asked for. A restart forgets it ([`crate::authn::limiter`]).
#[derive(Debug)]
pub struct Guard {
    /// Wrong codes of a person.
    pub(super) people: Attempts<UserId>,
    /// Wrong codes from a place: more, since a company may be behind it.
    pub(super) places: Attempts<Neighbours>,
    /// Codes that devices of a place asked for: each is a row.
    begun: Attempts<Neighbours>,
}

impl Default for Guard {
    fn default() -> Self {
        let most = |failures| Limits { failures, ..Limits::default() };
        Self { people: Attempts::new(most(5)), places: Attempts::new(most(25)), begun: Attempts::new(most(100)) }
    }
}

const DEAD: &str = "the device code does not count: it was redeemed, or is another client's; begin anew";

impl Sso {
    /// A device asks. Blocks.
    ///
    /// # Errors
    /// When the client may not ask so; when the place it asks from asks too often.
    pub fn device_authorization(
        &self,
        client: &Client,
        shown: &Shown<'_>,
        now: Timestamp,
    ) -> Result<DeviceAuthorization, OauthError> {
        if !client.may(GrantType::DeviceCode) {
            return Err(OauthError::new(Code::UnauthorizedClient, "the client is not registered for device codes"));
        }
        self.admin.clock.may_mint().map_err(|error| OauthError::ours(&error))?;
        if let Some(ip) = shown.ip {
            // Taken for wrong from the start, and never found right: so it is a count of all.
            drop(self.devices.begun.begin(Neighbours::of(ip), now).map_err(|why| {
                OauthError::new(Code::TemporarilyUnavailable, &format!("devices of your network ask too often: {why}"))
            })?);
        }
        let scopes = grants::scopes(shown.form.text("scope"), client.scopes.iter())?.unwrap_or_default();
        let expires = later(now, SignedDuration::from_secs(DEVICE_SECONDS.into()));
        let device_code = self.unguessable();
        let grant = DeviceGrant {
            client: client.id.clone(),
            scopes,
            factor_age: factor_age(shown.form)?,
            from: shown.ip,
            begun: now,
            expires,
            epoch: self.epoch()?,
            polled: None,
            answer: Answer::Waiting,
        };
        let code = self.keep_device(client, &digest(device_code.expose()), &grant, shown, now)?;
        Ok(DeviceAuthorization {
            device_code: device_code.expose().clone(),
            user_code: code.shown(),
            verification_uri: self.issuer.at(paths::DEVICE),
            expires_in: DEVICE_SECONDS,
            interval: INTERVAL,
        })
    }

    fn keep_device(
        &self,
        client: &Client,
        device: &[u8; 32],
        grant: &DeviceGrant,
        shown: &Shown<'_>,
        now: Timestamp,
    ) -> Result<UserCode, OauthError> {
        let by = grants::actor(client);
        for _ in 0..TRIES {
            let code = {
                let mut rng = self.admin.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                UserCode::fresh(&mut *rng)
            };
            let mut commit = Commit::new(by.clone(), now, Intent::Widen);
            commit.put_device(device, grant, 0)?;
            commit.add_user_code(&code.digest(), device, grant.expires)?;
            let event = Event::new("AuthorizeDevice").with("client", client.id.as_str());
            let intended = Trace::Intended(self.admin.audit.intend(&by, &grants::placed(event, shown), now));
            match intended.try_commit(&self.admin.store, commit, &Outcome::success(), now) {
                Ok(_) => return Ok(code),
                Err(not) if matches!(not.0, StoreError::Conflict { .. }) => {}
                Err(not) => {
                    let (error, trace) = *not;
                    trace.complete(&Outcome::failed("NotCommitted", &error), now);
                    return Err(error.into());
                }
            }
        }
        Err(StoreError::Conflict { what: "a code for a device".to_owned() }.into())
    }

    /// The device asks for its tokens. Blocks.
    pub(super) fn redeem_device(
        &self,
        client: &Client,
        shown: &Shown<'_>,
        now: Timestamp,
    ) -> Result<Tokens, OauthError> {
        let digest = digest(shown.form.required("device_code")?);
        let held = self.admin.store.read(|snapshot| sso::device(snapshot, &digest))?;
        let held = held.filter(|held| held.value.client == client.id).ok_or_else(|| OauthError::grant(DEAD))?;
        let grant = &held.value;
        if let Answer::Redeemed { family } = &grant.answer {
            return Err(self.device_again(client, family, now)?);
        }
        if expired(grant.expires, now) || grant.epoch != self.epoch()? {
            return Err(OauthError::new(Code::ExpiredToken, "the device code is expired: begin anew"));
        }
        let consent = match &grant.answer {
            Answer::Agreed { consent } => Consent::clone(consent),
            Answer::Refused => return Err(OauthError::new(Code::AccessDenied, "the person refused")),
            Answer::Waiting | Answer::Redeemed { .. } => return Err(self.not_yet(client, &digest, held, now)?),
        };
        let person = match self.person_here(client, &consent, now)? {
            Ok(person) => person,
            Err(why) => return Err(self.no_longer(client, &consent, &why, now)),
        };
        let (family, refresh_token) = self.begin_family(client, &consent, shown.jkt, now)?;
        let until = self.until(&family, now)?;
        let from =
            RequestSource { ip: shown.ip, secure: self.issuer.is_https(), user_agent: None, request: shown.request };
        let bearer = Bearer::new(person.user.clone(), &family, until, self.admin.account.clone(), from);
        // Once more, of the place where the device is: who agreed may be elsewhere.
        match self.gate.authorize(Caller::from(bearer), Operation::AuthorizeClient, client.id.as_str(), now) {
            Ok(_) => {}
            Err(error @ GateError::NotAuthorized { .. }) => {
                return Err(OauthError::new(Code::AccessDenied, &error.to_string()));
            }
            Err(error) => return Err(OauthError::ours(&error)),
        }
        let resource = shown.form.text("resource");
        let given =
            Given { client, family: &family, person: &person, scopes: None, resource, jkt: shown.jkt, first: true };
        let (tokens, made) = self.tokens_of(&given, now)?;
        let event = self.note_tokens(&given, ("device_code", &made), shown);
        self.settle_device(client, &digest, held, &family, (event, now))?;
        Ok(Tokens { refresh_token: refresh_token.map(|token| token.expose().clone()), ..tokens })
    }

    /// Writes down that it was redeemed, before anybody has anything of it.
    fn settle_device(
        &self,
        client: &Client,
        digest: &[u8; 32],
        held: Read<DeviceGrant>,
        family: &Family,
        (event, now): (Event, Timestamp),
    ) -> Result<(), OauthError> {
        let by = grants::actor(client);
        let mut commit = Commit::new(by.clone(), now, Intent::Widen);
        let redeemed = DeviceGrant { answer: Answer::Redeemed { family: family.id }, ..held.value };
        commit.put_device(digest, &redeemed, held.revision)?;
        commit.put_family(family, 0)?;
        Self::watch(&mut commit, client, &family.consent, now)?;
        let intended = Trace::Intended(self.admin.audit.intend(&by, &event, now));
        let Err(not) = intended.try_commit(&self.admin.store, commit, &Outcome::success(), now) else { return Ok(()) };
        let (error, trace) = *not;
        trace.complete(&Outcome::failed("NotCommitted", &error), now);
        match error {
            // Somebody redeems it at this very moment.
            StoreError::Conflict { .. } => {
                let held = self.admin.store.read(|snapshot| sso::device(snapshot, digest))?;
                match held.map(|held| held.value.answer) {
                    Some(Answer::Redeemed { family }) => Err(self.device_again(client, &family, now)?),
                    _ => Err(OauthError::grant(DEAD)),
                }
            }
            error => Err(error.into()),
        }
    }

    /// There is no answer yet. Whoever asks again too soon is told so, and nothing is written of it.
    fn not_yet(
        &self,
        client: &Client,
        digest: &[u8; 32],
        held: Read<DeviceGrant>,
        now: Timestamp,
    ) -> Result<OauthError, OauthError> {
        let soon = || {
            let what = format!("ask {INTERVAL} seconds after the last time at the earliest");
            OauthError::new(Code::SlowDown, &what)
        };
        let interval = SignedDuration::from_secs(INTERVAL.into());
        if held.value.polled.is_some_and(|polled| now.duration_since(polled) < interval) {
            return Ok(soon());
        }
        let mut commit = Commit::new(grants::actor(client), now, Intent::Narrow);
        commit.put_device(digest, &DeviceGrant { polled: Some(now), ..held.value }, held.revision)?;
        match self.admin.store.commit(commit) {
            Ok(_) => Ok(OauthError::new(Code::AuthorizationPending, "nobody has answered yet")),
            // Somebody asks, or answers, at this very moment: the next time tells.
            Err(StoreError::Conflict { .. }) => Ok(soon()),
            Err(error) => Err(error.into()),
        }
    }

    /// The code is in two hands, as of a code that a browser brought.
    fn device_again(&self, client: &Client, family: &FamilyId, now: Timestamp) -> Result<OauthError, OauthError> {
        self.end_family(family, &grants::actor(client), "code_used_twice", now)?;
        Ok(OauthError::grant(DEAD))
    }

    /// Until when what a family stands on counts at most. Blocks.
    pub(super) fn until(&self, family: &Family, now: Timestamp) -> Result<Timestamp, OauthError> {
        use crate::sessions::SessionError;
        if family.consent.is_offline() {
            return Ok(family.expires);
        }
        match self.admin.sessions.live(&family.consent.session, now) {
            Ok(live) => Ok(live.session().expires.min(family.expires)),
            Err(SessionError::Store(error)) => Err(error.into()),
            Err(_) => Ok(now),
        }
    }

    /// Begins to look for a code that somebody typed: another one counts as a guess of theirs, and of their place.
    pub(super) fn device_typed(
        &self,
        code: &str,
        (user, ip): (UserId, Option<IpAddr>),
        now: Timestamp,
    ) -> Result<Option<Typed>, super::device_answer::DeviceError> {
        let person = self.devices.people.begin(user, now)?;
        let place = ip.map(|ip| self.devices.places.begin(Neighbours::of(ip), now)).transpose()?;
        let Some(code) = UserCode::typed(code) else { return Ok(None) };
        let found = self.admin.store.read(|snapshot| {
            let Some(device) = sso::device_of(snapshot, &code.digest())? else { return Ok::<_, StoreError>(None) };
            Ok(sso::device(snapshot, &device)?.map(|held| (device, held)))
        });
        let epoch = self.epoch()?;
        let counts = |held: &Read<DeviceGrant>| {
            held.value.answer == Answer::Waiting && !expired(held.value.expires, now) && held.value.epoch == epoch
        };
        let Some((device, held)) = found?.filter(|(_, held)| counts(held)) else { return Ok(None) };
        // Not "succeeded": who asks for codes of their own would free their guesses by them.
        self.devices.people.undone(person);
        if let Some(place) = place {
            self.devices.places.undone(place);
        }
        Ok(Some(Typed { code, device, held }))
    }
}

/// How long the second factor of whoever answers may lie back, where the device asks for one: `acr_values` and `max_age`, as a browser
/// is asked (OpenID Connect Core 1.0, section 3.1.2.1). RFC 8628 has no word for it, and lets extensions add theirs (section 3.1).
fn factor_age(form: &Form) -> Result<Option<u32>, OauthError> {
    let asked = form.text("acr_values").unwrap_or_default().split(' ').any(|acr| acr == authorize::MFA);
    let age = form.text("max_age").map(|age| age.parse::<u32>()).transpose();
    let age = age.map_err(|_| OauthError::request("max_age is no number of seconds"))?;
    Ok(asked.then(|| age.unwrap_or(u32::MAX)))
}

/// Under which a device's code lies in the store.
fn digest(code: &str) -> [u8; 32] {
    Sha256::digest(code).into()
}
