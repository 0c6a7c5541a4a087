//! Tokens that count in the hands of whoever holds a key (RFC 9449), and the proofs of that.
//!
//! A proof is for one request: for its method and address, and for the access token beside it. It counts once, which is on disk
//! before it does; and it carries a nonce of ours, so that none can be made ahead, and none has to be remembered for longer than its
//! nonce counts. Nonces are kept nowhere: one is a code of the minute, by a key that every restart has.

use jiff::SignedDuration;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::authenticate::Shown;
use super::error::Code;
use super::metadata::paths;
use super::{OauthError, Sso};
use crate::authn::federated::proof::{self, KeyProof};
use crate::base::clock::later;
use crate::base::{Secret, Timestamp};
use crate::model::{Actor, Client};
use crate::store::schema::sso::Spent;
use crate::store::{Commit, Intent, StoreError};

/// Seconds in which nonces are the same. One counts in the window that it is of and in the next.
const WINDOW: i64 = 60;

/// How far a client's clock may be from ours: that a proof is new is known by its nonce (RFC 9449, section 11.1).
const SKEW: i64 = 300;

/// Longest `jti`, in bytes.
const LONGEST_JTI: usize = 256;

/// Longest proof, in bytes: a key of RSA with 8192 bits fits.
const LONGEST: usize = 8_192;

/// For what a proof has to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) method: &'a str,
    /// A path of ours.
    pub(super) path: &'a str,
    /// The access token that comes with it.
    pub(super) access_token: Option<&'a str>,
}

impl Sso {
    /// The nonce that proofs have to carry now.
    ///
    /// # Errors
    /// When there is no key to make one with.
    pub fn dpop_nonce(&self, now: Timestamp) -> Result<Secret<String>, OauthError> {
        Ok(self.admin.keys.nonce(window(now))?)
    }

    /// What the key is known by to which tokens of this request are to be bound: that of its proof. Blocks.
    ///
    /// # Errors
    /// When the proof does not count, or there is none and the client's tokens are all bound.
    pub(super) fn bound_to(
        &self,
        client: &Client,
        shown: &Shown<'_>,
        now: Timestamp,
    ) -> Result<Option<String>, OauthError> {
        let target = Target { method: "POST", path: paths::TOKEN, access_token: None };
        match shown.dpop {
            Some(proof) => self.prove(proof, target, now).map(Some),
            None if client.dpop_bound_access_tokens => {
                Err(no("tokens of this client are bound to a key: send a proof"))
            }
            None => Ok(None),
        }
    }

    /// What the key is known by that `proof` shows. Blocks.
    ///
    /// # Errors
    /// Why it does not count; when the store cannot be written.
    pub(super) fn prove(&self, text: &str, target: Target<'_>, now: Timestamp) -> Result<String, OauthError> {
        if text.len() > LONGEST {
            return Err(no(&format!("it has {} bytes, {LONGEST} are allowed", text.len())));
        }
        let KeyProof { claims, thumbprint } = proof::read(text).map_err(|error| no(&error.to_string()))?;
        let said = |name: &str| claims.get(name).and_then(Value::as_str);
        if said("htm") != Some(target.method) {
            return Err(no("its `htm` is not the method of the request"));
        }
        if !said("htu").is_some_and(|htu| is_same(htu, &self.issuer.at(target.path))) {
            return Err(no(
                "its `htu` is not the address of the request, by the issuer that the discovery document names",
            ));
        }
        // Fractions are allowed (RFC 7519, section 2), and not looked at.
        let iat = claims.get("iat").and_then(Value::as_f64).ok_or_else(|| no("its `iat` is no time"))?;
        if (now.as_second() as f64 - iat).abs() > SKEW as f64 {
            return Err(no("its `iat` is more than five minutes from now: set the clocks right"));
        }
        if let Some(token) = target.access_token
            && said("ath") != Some(digest(token).as_str())
        {
            return Err(no("its `ath` is not the digest of the access token beside it"));
        }
        let jti = said("jti").filter(|jti| (1..=LONGEST_JTI).contains(&jti.len()));
        let jti = jti.ok_or_else(|| no("it has no `jti` of 1 to 256 bytes, by which it could be told from others"))?;
        let counts = said("nonce").and_then(|nonce| self.admin.keys.open_nonce(nonce)).is_some_and(|of| {
            let current = window(now);
            of == current || Some(of) == current.checked_sub(1)
        });
        if !counts {
            let what = "the proof has no nonce that counts now: make one with that of the header DPoP-Nonce";
            return Err(OauthError::new(Code::UseDpopNonce, what));
        }
        self.spend_proof(&thumbprint, jti, now)?;
        Ok(thumbprint)
    }

    /// A proof counts once. Behind its nonce's time that would refuse it anyhow, so that it is remembered no longer.
    fn spend_proof(&self, thumbprint: &str, jti: &str, now: Timestamp) -> Result<(), OauthError> {
        let digest = Sha256::digest([thumbprint.as_bytes(), b"\0", jti.as_bytes()].concat()).into();
        let until = later(now, SignedDuration::from_secs(2 * WINDOW));
        let mut commit = Commit::new(Actor::task("sso"), now, Intent::Widen);
        commit.spend(Spent::Proof, &digest, until)?;
        match self.admin.store.commit(commit) {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict { .. }) => Err(no("it was used before: make a new one for each request")),
            Err(error) => Err(error.into()),
        }
    }
}

/// How an access token is shown that is bound to a key, or to none (RFC 9449, section 5).
pub(super) const fn token_type(jkt: Option<&str>) -> &'static str {
    if jkt.is_some() { "DPoP" } else { "Bearer" }
}

/// What an access token is known by in proofs (RFC 9449, section 4.2, `ath`).
fn digest(token: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(token))
}

/// Whether `text` can be what a key is known by: SHA-256 in base64url.
pub(super) fn is_thumbprint(text: &str) -> bool {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).is_ok_and(|digest| digest.len() == 32)
}

fn window(now: Timestamp) -> u64 {
    u64::try_from(now.as_second().div_euclid(WINDOW)).unwrap_or(0)
}

/// Whether two addresses are the same but for query and fragment (RFC 9449, section 4.3, check 9).
fn is_same(htu: &str, ours: &str) -> bool {
    let bare = htu.split(['?', '#']).next().unwrap_or_default();
    let plain = |text: &str| Url::parse(text).map(String::from);
    bare == ours || matches!((plain(bare), plain(ours)), (Ok(a), Ok(b)) if a == b)
}

fn no(why: &str) -> OauthError {
    OauthError::new(Code::InvalidDpopProof, &format!("the proof: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_without_query_and_fragment() {
        let ours = "https://sso.example/oauth2/token";
        for same in [
            ours,
            "https://sso.example/oauth2/token?a=b",
            "https://sso.example/oauth2/token#x",
            "https://SSO.example:443/oauth2/token",
        ] {
            assert!(is_same(same, ours), "{same}");
        }
        for other in [
            "",
            "http://sso.example/oauth2/token",
            "https://sso.example/oauth2/token/",
            "https://sso.example/oauth2/Token",
            "https://sso.example:8443/oauth2/token",
            "https://sso.example.evil.example/oauth2/token",
            "https://sso.example@evil.example/oauth2/token",
            "/oauth2/token",
        ] {
            assert!(!is_same(other, ours), "{other}");
        }
    }
}
