//! What a person answers to a device that asks (RFC 8628, section 3.3): they type its code, see who asks, and agree or refuse.

use std::net::IpAddr;

use super::device::Typed;
use super::{OauthError, Sso};
use crate::audit::{Event, Outcome, Trace};
use crate::authn::Caller;
use crate::authn::limiter::TooOftenError;
use crate::authn::signed::Signed;
use crate::base::{Timestamp, UserId};
use crate::gate::{GateError, Operation};
use crate::model::client::{Client, Scope};
use crate::model::device_grant::{Answer, DeviceGrant};
use crate::model::token_family::Consent;
use crate::store::{Commit, Intent, StoreError};

/// How often an answer is tried while the device asks again and again. It asks once in five seconds.
const TRIES: usize = 20;

/// What a device asks, for a person to see.
#[derive(Debug, Clone)]
pub struct DeviceAsks {
    /// The code, as people read it.
    pub code: String,
    /// What the client is called.
    pub client: String,
    /// From where it asks.
    pub from: Option<IpAddr>,
    /// Since when.
    pub begun: Timestamp,
    /// For what.
    pub scopes: Vec<Scope>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// They, or those of their network, typed too many wrong ones.
    #[error(transparent)]
    TooOften(#[from] TooOftenError),
    /// No device waits for such a code.
    #[error("no device waits for this code: it is mistyped, too old, or was answered")]
    NoSuch,
    /// The client asks for a second factor that was not shown.
    #[error("the application asks for a second factor")]
    SecondFactor,
    /// They may not sign in to the client.
    #[error("{0}")]
    Denied(String),
    /// Something of ours does not work.
    #[error("{0}")]
    Failed(OauthError),
}

impl From<StoreError> for DeviceError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<OauthError> for DeviceError {
    fn from(error: OauthError) -> Self {
        Self::Failed(error)
    }
}

impl Sso {
    /// What the device asks whose code `who` typed. A wrong one counts as a guess. Blocks.
    ///
    /// # Errors
    /// When no device waits for it, or they guess too much.
    pub fn device_asks(&self, who: &Signed, code: &str, now: Timestamp) -> Result<DeviceAsks, DeviceError> {
        let Typed { code, held, .. } = self.device_typed(code, whose(who)?, now)?.ok_or(DeviceError::NoSuch)?;
        let client = self.asking_client(&held.value)?;
        let DeviceGrant { from, begun, scopes, .. } = held.value;
        Ok(DeviceAsks { code: code.shown(), client: client.name, from, begun, scopes })
    }

    /// Answers the device whose code `caller` typed: it gets its tokens, or none. Blocks.
    ///
    /// # Errors
    /// When no device waits for it, they guess too much, or may not sign in to the client.
    pub fn answer_device(&self, caller: Caller, code: &str, agrees: bool, now: Timestamp) -> Result<(), DeviceError> {
        let who = caller.signed().ok_or_else(nobody)?;
        let (by, about) = (caller.actor(), whose(who)?);
        let Typed { held, .. } = self.device_typed(code, about, now)?.ok_or(DeviceError::NoSuch)?;
        let client = self.asking_client(&held.value)?;
        let answer = match agrees {
            false => Answer::Refused,
            true => Answer::Agreed {
                consent: Box::new(self.agreed(&client, caller, (held.value.scopes, held.value.factor_age), now)?),
            },
        };
        for _ in 0..TRIES {
            let Typed { code, device, held } = self.device_typed(code, about, now)?.ok_or(DeviceError::NoSuch)?;
            let mut commit = Commit::new(by.clone(), now, if agrees { Intent::Widen } else { Intent::Narrow });
            let (expires, revision) = (held.value.expires, held.revision);
            commit.put_device(&device, &DeviceGrant { answer: answer.clone(), ..held.value.clone() }, revision)?;
            commit.delete_user_code(&code.digest(), expires);
            let event = if agrees { Event::new("AgreeToDevice") } else { Event::narrowing("RefuseDevice") };
            let event = event.with("client", client.id.as_str()).with("user_id", about.0.to_string());
            let event = match held.value.from {
                Some(ip) => event.with("device_ip", ip.to_string()),
                None => event,
            };
            let intended = Trace::Intended(self.admin.audit.intend(&by, &event, now));
            match intended.try_commit(&self.admin.store, commit, &Outcome::success(), now) {
                Ok(_) => return Ok(()),
                // The device asked meanwhile.
                Err(not) if matches!(not.0, StoreError::Conflict { .. }) => {}
                Err(not) => {
                    let (error, trace) = *not;
                    trace.complete(&Outcome::failed("NotCommitted", &error), now);
                    return Err(error.into());
                }
            }
        }
        Err(StoreError::Conflict { what: "what a device asked for".to_owned() }.into())
    }

    /// What whoever is signed in lets the client have, if they may.
    fn agreed(
        &self,
        client: &Client,
        caller: Caller,
        (scopes, factor_age): (Vec<Scope>, Option<u32>),
        now: Timestamp,
    ) -> Result<Consent, DeviceError> {
        let signed = caller.signed().ok_or_else(nobody)?;
        let session = signed.session().ok_or_else(nobody)?.session();
        let user = signed.user().ok_or_else(nobody)?.id;
        let consent = super::authorize::consent_of((session, signed.from()), user, &client.id, scopes);
        if client.required_acr.as_deref() == Some(super::authorize::MFA) && session.mfa.is_none() {
            return Err(DeviceError::SecondFactor);
        }
        let is_old = |age: u32| session.mfa.is_none_or(|at| now.duration_since(at).as_secs() > i64::from(age));
        if factor_age.is_some_and(is_old) {
            return Err(DeviceError::SecondFactor);
        }
        match self.gate.authorize_or_ask(caller, Operation::AuthorizeClient, client.id.as_str(), now) {
            Ok(_) => {}
            Err((GateError::NotAuthorized { .. }, true)) => return Err(DeviceError::SecondFactor),
            Err((error @ GateError::NotAuthorized { .. }, _)) => return Err(DeviceError::Denied(error.to_string())),
            Err((error, _)) => return Err(OauthError::ours(&error).into()),
        }
        match self.person(client, &consent, now)? {
            Ok(_) => Ok(consent),
            Err(why) => Err(DeviceError::Denied(why)),
        }
    }

    fn asking_client(&self, grant: &DeviceGrant) -> Result<Client, DeviceError> {
        self.admin.known_client(&grant.client)?.map(|(client, _)| client).ok_or(DeviceError::NoSuch)
    }
}

/// Whose guesses, and of which place, are counted.
fn whose(who: &Signed) -> Result<(UserId, Option<IpAddr>), DeviceError> {
    Ok((who.user().ok_or_else(nobody)?.id, who.from().ip))
}

fn nobody() -> DeviceError {
    DeviceError::Denied("only a person who is signed in answers a device".to_owned())
}
