//! A token by which a client shows who it is (RFC 7523, section 3; OpenID Connect Core 1.0, section 9).
//!
//! It is for us alone, ends within the hour, and counts once: that it was used is on disk before it counts, so that a copy of it is
//! of no use to anybody, after a restart neither.

use jiff::SignedDuration;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Sso;
use crate::authn::federated::assertion;
use crate::base::Timestamp;
use crate::base::clock::{expired, later};
use crate::model::Actor;
use crate::model::client::ClientId;
use crate::store::schema::sso::Spent;
use crate::store::{Commit, Intent, StoreError};

/// The only type of assertion (RFC 7523, section 2.2).
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How far the end of an assertion may be: for so long it has to be remembered. An hour is what Authlib makes them by itself; as
/// each counts once, a shorter one would be safer for nobody.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// How far a client's clock may be ahead of ours (FAPI 2.0 Security Profile, section 5.3.2.1).
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// Longest `jti`, in bytes.
const LONGEST_JTI: usize = 256;

/// Why an assertion does not count, for the log; the client learns that it did not.
pub(super) enum Refused {
    /// It is not accepted.
    Because(String),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn because<T>(why: &str) -> Result<T, Refused> {
    Err(Refused::Because(why.to_owned()))
}

/// Who an assertion says it is of; nothing of it is proven.
pub(super) fn claimed(token: &str) -> Option<ClientId> {
    use base64::Engine as _;
    let claims = token.split('.').nth(1)?;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims.get("sub")?.as_str()?.parse().ok()
}

impl Sso {
    /// Whether `token` shows that its sender is `client`, whose keys are `jwks`, for something that does `intent`. Blocks.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn accept_assertion(
        &self,
        (client, jwks): (&ClientId, &str),
        token: &str,
        intent: Intent,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let claims = assertion::claims_of(jwks, token).map_err(|error| Refused::Because(error.to_string()))?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(client.as_str()) || text("sub") != Some(client.as_str()) {
            return because("its `iss` and `sub` are not the client's id");
        }
        // FAPI 2.0 Security Profile, section 5.3.2.1: the issuer as a text, not the address of an endpoint, nor one of several.
        if text("aud") != Some(self.issuer.as_str()) {
            return because("its `aud` is not our issuer, alone and as a text");
        }
        let moment = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => match value.as_i64().and_then(|seconds| Timestamp::from_second(seconds).ok()) {
                Some(moment) => Ok(Some(moment)),
                None => because(&format!("its `{name}` is no time in whole seconds")),
            },
        };
        let Some(expires) = moment("exp")? else { return because("it has no `exp`") };
        if expired(expires, now) {
            return because("it is over");
        }
        if expires > later(now, LONGEST.saturating_add(AHEAD)) {
            return because("its `exp` is more than an hour ahead");
        }
        if [moment("iat")?, moment("nbf")?].into_iter().flatten().any(|from| from > later(now, AHEAD)) {
            return because("it is of more than a minute ahead: set the clocks right");
        }
        match text("jti") {
            Some(jti) if (1..=LONGEST_JTI).contains(&jti.len()) => self.spend((client, jti), expires, intent, now),
            _ => because("it has no `jti` of 1 to 256 bytes, by which it could be told from others"),
        }
    }

    fn spend(
        &self,
        (client, jti): (&ClientId, &str),
        expires: Timestamp,
        intent: Intent,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let digest: [u8; 32] = Sha256::digest([client.as_str().as_bytes(), b"\0", jti.as_bytes()].concat()).into();
        let by = Actor::Client { id: client.to_string() };
        let mut commit = Commit::new(by, now, intent);
        commit.spend(Spent::Assertion, &digest, expires)?;
        match self.admin.store.commit(commit) {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict { .. }) => because("it was used before: make a new one for each request"),
            Err(error) => Err(error.into()),
        }
    }
}
