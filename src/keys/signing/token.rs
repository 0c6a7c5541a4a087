//! Tokens: signed here, and believed again only if they were (RFC 7515, compact serialization; RFC 7519).

use std::sync::PoisonError;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Algorithm, Jwks};
use crate::base::clock::{expired, later};
use crate::base::{Fault, Faulty, Secret, Timestamp};
use crate::keys::{Keys, KeysError};
use crate::model::AccountId;

/// Longest token that is looked at, in bytes: ours have some hundreds, and a header of HTTP has no room for more.
const LONGEST: usize = 16 << 10;

/// How long a token may be good at most that stands for a session: for so long an ended one has to be remembered.
pub const LONGEST_TOKEN: SignedDuration = SignedDuration::from_hours(1);

/// Who makes tokens in an account.
#[must_use]
pub fn issuer(account: &AccountId) -> String {
    format!("urn:bailey:{account}")
}

/// Longest name of a key that is looked up; ours have 43 bytes.
const LONGEST_KID: usize = 128;

/// How far ahead of the clock a token may have been made (FAPI 2.0 Security Profile, section 5.3.2.1): another node's clock.
const AHEAD: SignedDuration = SignedDuration::from_secs(10);

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no token of ours to look at.
    #[error("this is no token of ours: {why}")]
    Malformed {
        /// Why not.
        why: &'static str,
    },
    /// No key of that name is there: it never was, or it was destroyed.
    #[error("the token names a key that is not there, or no longer: get a new one")]
    UnknownKey,
    /// The key is for another algorithm than the token says.
    #[error("the token says another algorithm than that of its key")]
    WrongAlgorithm,
    /// It is a token for something else.
    #[error("the token is of type `{found}`, and `{wanted}` is expected here")]
    WrongType {
        /// What it says of itself, at most 64 characters.
        found: String,
        /// What it should be.
        wanted: String,
    },
    /// The signature is none of the key's.
    #[error("the token's signature does not hold: it was changed on its way, or made up")]
    BadSignature,
    /// It is over.
    #[error("the token ended at {at:.0}: get a new one")]
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// It is not good yet.
    #[error("the token is good from {from:.0} on: set the clocks right")]
    NotYet {
        /// From when.
        from: Timestamp,
    },
}

impl Faulty for TokenError {
    fn fault(&self) -> Fault {
        Fault::Caller
    }
}

/// All that a header of ours says. Whatever else one says (`jwk`, `jku`, `x5u`, `crit`) makes it no header of ours.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

/// Claims about time (RFC 7519, section 4.1), whole seconds as we write them.
#[derive(Deserialize)]
struct Times {
    exp: Option<i64>,
    nbf: Option<i64>,
    iat: Option<i64>,
}

impl Keys {
    /// `claims` as a token signed by `algorithm` (RFC 7515, section 7.1), whose header says that it is of type `typ` (RFC 8725,
    /// section 3.11).
    ///
    /// # Errors
    /// When there is no key of that algorithm, or the cryptographic library refuses.
    pub fn sign<T: Serialize>(
        &self,
        algorithm: Algorithm,
        typ: &str,
        claims: &T,
        now: Timestamp,
    ) -> Result<Secret<String>, KeysError> {
        let current = self.signing.read().unwrap_or_else(PoisonError::into_inner).current(algorithm, now);
        let key = current.ok_or_else(|| KeysError::Shut { why: no_key(algorithm) })?;
        let header = serde_json::json!({ "alg": algorithm, "kid": key.public.kid, "typ": typ });
        let part = |json: Vec<u8>| URL_SAFE_NO_PAD.encode(json);
        let claims = serde_json::to_vec(claims).map_err(|_| KeysError::Refused)?;
        let mut token = format!("{}.{}", part(header.to_string().into_bytes()), part(claims));
        let signature = key.pair.sign(token.as_bytes()).ok_or(KeysError::Refused)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(Secret::new(token))
    }

    /// The claims of a token of type `typ` that was signed here, by a key that is still there, and that is good at `now`.
    /// A token that says no end is refused. What the claims mean, whom it is for above all, is for the caller to look at.
    ///
    /// # Errors
    /// Why it is not believed; one whose claims are not of the form `T` is malformed.
    pub fn verify_token<T: DeserializeOwned>(&self, typ: &str, token: &str, now: Timestamp) -> Result<T, TokenError> {
        let claims = self.verified(typ, token)?;
        good(&claims, now)?;
        read(&claims)
    }

    /// As [`Keys::verify_token`], of a token that may have ended: one that says whom something is about and lets nobody do
    /// anything, such as an `id_token_hint` (OpenID Connect RP-Initiated Logout 1.0, section 2).
    ///
    /// # Errors
    /// As [`Keys::verify_token`], but for times.
    pub fn verify_ended_token<T: DeserializeOwned>(&self, typ: &str, token: &str) -> Result<T, TokenError> {
        read(&self.verified(typ, token)?)
    }

    /// The public halves of all keys.
    #[must_use]
    pub fn jwks(&self) -> Jwks {
        let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner);
        Jwks { keys: signing.open.iter().map(|key| key.public.clone()).collect() }
    }

    /// The claims as they were signed. Nothing of the token is believed before its signature, and only its key's own
    /// algorithm is tried.
    fn verified(&self, typ: &str, token: &str) -> Result<Vec<u8>, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Malformed { why: "it is longer than 16 KiB" });
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(NOT_COMPACT)?;
        let (header, claims) = signed.split_once('.').filter(|(_, claims)| !claims.contains('.')).ok_or(NOT_COMPACT)?;
        let header: Header = serde_json::from_slice(&decoded(header)?)
            .map_err(|_| TokenError::Malformed { why: "its header is not alg, kid and typ" })?;
        if header.kid.len() > LONGEST_KID {
            return Err(TokenError::UnknownKey);
        }
        let key = self.signing.read().unwrap_or_else(PoisonError::into_inner).named(&header.kid);
        let key = key.ok_or(TokenError::UnknownKey)?;
        if header.alg != key.public.alg.name() {
            return Err(TokenError::WrongAlgorithm);
        }
        if header.typ != typ {
            let found = crate::base::text::printable_within(&header.typ, 64).into_owned();
            return Err(TokenError::WrongType { found, wanted: typ.to_owned() });
        }
        if !key.pair.verifies(signed.as_bytes(), &decoded(signature)?) {
            return Err(TokenError::BadSignature);
        }
        decoded(claims)
    }
}

const NOT_COMPACT: TokenError = TokenError::Malformed { why: "it has not three parts" };

/// Base64url without padding, in the one way each text has (RFC 7515, section 2): another dot is no letter of it.
fn decoded(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed { why: "a part of it is no base64url" })
}

fn read<T: DeserializeOwned>(claims: &[u8]) -> Result<T, TokenError> {
    serde_json::from_slice(claims).map_err(|_| TokenError::Malformed { why: "its claims are others than expected" })
}

/// Whether claims count at `now`.
fn good(claims: &[u8], now: Timestamp) -> Result<(), TokenError> {
    const WHY: TokenError = TokenError::Malformed { why: "its times are no whole seconds" };
    let times: Times = serde_json::from_slice(claims).map_err(|_| WHY)?;
    let moment = |seconds: i64| Timestamp::from_second(seconds).map_err(|_| WHY);
    let at = moment(times.exp.ok_or(TokenError::Malformed { why: "it says no end" })?)?;
    if expired(at, now) {
        return Err(TokenError::Expired { at });
    }
    for from in [times.nbf, times.iat].into_iter().flatten() {
        let from = moment(from)?;
        if from > later(now, AHEAD) {
            return Err(TokenError::NotYet { from });
        }
    }
    Ok(())
}

/// Why nothing is signed where there is no key.
fn no_key(algorithm: Algorithm) -> String {
    format!(
        "there is no key to sign with by {algorithm}: the daemon makes one as soon as its master key and its disk allow"
    )
}
