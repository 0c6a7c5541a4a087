//! Who somebody is to a client (OpenID Connect Core 1.0, section 2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::claims::Place;
use super::person::Person;
use super::{OauthError, Sso};
use crate::base::{Secret, SessionId, Timestamp};
use crate::keys::Algorithm;
use crate::model::Client;
use crate::model::client::{ClientId, IdTokenAlg};
use crate::model::token_family::{Consent, FamilyId};

/// The type of ID tokens: an access token is of another, so that one is never taken for the other (RFC 8725, section 3.11).
pub(super) const TYP: &str = "JWT";

/// What an ID token is made of.
pub(super) struct IdToken<'a> {
    pub(super) client: &'a Client,
    pub(super) consent: &'a Consent,
    pub(super) person: &'a Person,
    pub(super) sub: &'a str,
    /// What it comes with, to which it is bound.
    pub(super) access_token: &'a Secret<String>,
    /// The family that it is of, with which it counts where it is exchanged.
    pub(super) family: FamilyId,
    /// Whether the client's nonce is to be in it: not when tokens are refreshed (section 12.2).
    pub(super) first: bool,
}

impl Sso {
    /// Signs one.
    pub(super) fn make_id_token(&self, of: &IdToken<'_>, now: Timestamp) -> Result<Secret<String>, OauthError> {
        let iat = now.as_second();
        let mut claims = self.claims_of(of.person, of.client, of.consent, Place::IdToken, now)?;
        let mut say = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
        say("iss", self.issuer.as_str().into());
        say("sub", of.sub.into());
        say("aud", of.client.id.as_str().into());
        say("iat", iat.into());
        say("exp", iat.saturating_add(i64::from(of.client.lifetimes.id)).into());
        say("auth_time", of.consent.auth_time.as_second().into());
        say("at_hash", at_hash(of.access_token).into());
        say("sid", sid(of.consent).into());
        say("fid", of.family.to_string().into());
        if !of.consent.amr.is_empty() {
            say("amr", json!(of.consent.amr));
        }
        if let Some(acr) = &of.consent.acr {
            say("acr", acr.as_str().into());
        }
        if let Some(nonce) = of.consent.nonce.as_deref().filter(|_| of.first) {
            say("nonce", nonce.into());
        }
        let algorithm = match of.client.id_token_alg {
            IdTokenAlg::Es256 => Algorithm::Es256,
            IdTokenAlg::Rs256 => Algorithm::Rs256,
        };
        Ok(self.admin.keys.sign(algorithm, TYP, &claims, now)?)
    }
}

/// What a client knows the browser session by (OpenID Connect Back-Channel Logout 1.0, section 2.1): the same in all of its tokens,
/// and another than any other client's.
#[must_use]
pub fn sid(consent: &Consent) -> String {
    sid_of(&consent.session, &consent.client)
}

/// As [`sid`], where the session and the client are all that is left of it.
pub(super) fn sid_of(session: &SessionId, client: &ClientId) -> String {
    session_name(session, client.as_str())
}

/// What `sector` knows a session by, and nobody else does.
pub(super) fn session_name(session: &SessionId, sector: &str) -> String {
    let named = [session.as_bytes().as_slice(), sector.as_bytes()].concat();
    let digest: [u8; 32] = Sha256::digest(named).into();
    hex::encode(digest.first_chunk::<16>().copied().unwrap_or_default())
}

/// The left half of the digest of the access token (section 3.1.3.6): of ES256 and RS256 that is SHA-256.
fn at_hash(token: &Secret<String>) -> String {
    let digest: [u8; 32] = Sha256::digest(token.expose().as_bytes()).into();
    URL_SAFE_NO_PAD.encode(digest.first_chunk::<16>().copied().unwrap_or_default())
}
