//! The token by which an application knows who a request is from.
//!
//! A JWT (RFC 7519), signed with ES256, for one application and one request: `htm` and `htu` are its method and target (as in
//! RFC 9449, section 4.2, `htu` here with the query), `body_sha256` the hash of the body that was signed. It is good for a
//! minute: long enough for a proxy to pass a request on, too short to be worth stealing.

use serde::Serialize;

use super::Allowed;
use crate::admin::Admin;
use crate::base::{Secret, Timestamp};
use crate::keys::{self, Algorithm, KeysError};

/// Seconds that a token is good.
pub const GOOD_FOR: i64 = 60;

/// What the header of a token says that it is (RFC 8725, section 3.11).
pub const TYPE: &str = "bailey-identity+jwt";

/// The request that a token is about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Its method.
    pub method: &'a str,
    /// Scheme, host, path and query, as the client sent them.
    pub target: &'a str,
    /// SHA-256 of its body, in hexadecimal digits, as it was signed.
    pub body_sha256: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: String,
    aud: &'a str,
    /// The unique id: it stays when somebody is renamed, and never becomes another's.
    sub: String,
    arn: String,
    name: String,
    action: &'a str,
    resource: &'a str,
    htm: &'a str,
    htu: &'a str,
    body_sha256: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
}

/// Who issues tokens in an account.
#[must_use]
pub fn issuer(admin: &Admin) -> String {
    keys::issuer(&admin.account)
}

/// The token for a request that was allowed; `jti` names it.
///
/// # Errors
/// When there is no key to sign with.
pub fn token(
    admin: &Admin,
    allowed: &Allowed<'_>,
    about: About<'_>,
    jti: String,
    now: Timestamp,
) -> Result<Secret<String>, KeysError> {
    let Allowed { signed, mapped } = allowed;
    let iat = now.as_second();
    let claims = Claims {
        iss: issuer(admin),
        aud: &mapped.application,
        sub: signed.unique_id(),
        arn: signed.arn().to_string(),
        name: signed.title(),
        action: &mapped.action,
        resource: &mapped.resource,
        htm: about.method,
        htu: about.target,
        body_sha256: about.body_sha256,
        iat,
        exp: iat.saturating_add(GOOD_FOR),
        jti,
    };
    admin.keys.sign(Algorithm::default(), TYPE, &claims, now)
}
