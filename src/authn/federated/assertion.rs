//! Verifies `private_key_jwt` (RFC 7523, section 2.2) against the client's registered keys; fetches nothing.
//!
//! No key that the token brings along is looked at.

use std::collections::BTreeMap;

use serde_json::Value;

use super::WebIdentityError;
use super::jwk::{KeySet, NoKey};
use super::jws::Compact;

/// Whether `jwks` is a key set (RFC 7517, section 5) of which every key is of use.
///
/// # Errors
/// What is wrong with it.
pub fn check_keys(jwks: &str) -> Result<(), String> {
    let keys = KeySet::read(jwks.as_bytes(), None)?;
    if let Some(why) = keys.left_out.first() {
        return Err(format!("the key set has a key that is of no use: {why}"));
    }
    if keys.len() == 0 { Err("the key set has no key".to_owned()) } else { Ok(()) }
}

/// What `token` says, if one of the keys in `jwks` signed it. For whom, until when and how often it counts is for the caller to
/// look at.
///
/// # Errors
/// When it is none, or not signed so.
pub fn claims_of(jwks: &str, token: &str) -> Result<BTreeMap<String, Value>, WebIdentityError> {
    let refused = |why: &str| WebIdentityError::invalid(why);
    let compact = Compact::read(token)?;
    let keys = KeySet::read(jwks.as_bytes(), None).map_err(WebIdentityError::invalid)?;
    let key = keys.find(compact.kid.as_deref(), compact.alg).map_err(|no| match no {
        NoKey::Unknown => refused("no registered key has the name that it names"),
        NoKey::OtherAlgorithm => refused("the key that it names is for another algorithm"),
        NoKey::Ambiguous => refused("it does not say by which of the registered keys it is signed: set `kid`"),
    })?;
    if !key.verifies(compact.alg, compact.signed, &compact.signature) {
        return Err(refused("its signature does not hold"));
    }
    Ok(compact.claims)
}
