//! Proofs that somebody holds a key that they bring along (RFC 9449, section 4.2): the key proves nothing but itself, and what is
//! bound to it counts in the hands of whoever has it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::WebIdentityError;
use super::json::Object;
use super::jwk::PublicKey;
use super::jws::{Alg, Compact};

/// The type of proofs (RFC 9449, section 4.2): no other token is one.
const TYP: &str = "dpop+jwt";

/// The algorithms, by their names in JOSE. RSA keys have 2048 bits at least.
pub const ALGORITHMS: [&str; 3] = ["ES256", "EdDSA", "RS256"];

/// Members of keys that are private (RFC 7518, section 6; RFC 8037, section 2).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A proof whose signature holds.
#[derive(Debug)]
pub struct KeyProof {
    /// What it says.
    pub claims: BTreeMap<String, Value>,
    /// What the key is known by (RFC 7638), base64url.
    pub thumbprint: String,
}

/// Reads a proof. For which request, when and how often it counts is for the caller to look at.
///
/// # Errors
/// When it is none, or not signed by the key in it.
pub fn read(token: &str) -> Result<KeyProof, WebIdentityError> {
    let refused = |why: &str| WebIdentityError::invalid(why);
    let (compact, header) = Compact::with_header(token, TYP)?;
    if !matches!(compact.alg, Alg::Es256 | Alg::EdDsa | Alg::Rs256) {
        return Err(refused("its `alg` must be one of ES256, EdDSA and RS256"));
    }
    let Some(Value::Object(key)) = header.get("jwk") else { return Err(refused("its header has no `jwk`")) };
    // Whoever sends that gave their key away, and would go on using it (RFC 9449, section 4.3, check 7).
    if PRIVATE.iter().any(|name| key.contains_key(*name)) {
        return Err(refused("its `jwk` has a private member: send the public half, and make a new key"));
    }
    let members: Object = key.clone().into_iter().collect();
    let public = PublicKey::read(&members, None).map_err(WebIdentityError::invalid)?;
    if !public.fits(compact.alg) {
        return Err(refused("its `jwk` is for another algorithm than its `alg`"));
    }
    if !public.verifies(compact.alg, compact.signed, &compact.signature) {
        return Err(refused("its signature does not hold"));
    }
    let thumbprint = thumbprint(key).ok_or_else(|| refused("its `jwk` lacks a member"))?;
    Ok(KeyProof { claims: compact.claims, thumbprint })
}

/// SHA-256 of what a key has to have, in the order of names and without a blank (RFC 7638, section 3).
fn thumbprint(key: &Map<String, Value>) -> Option<String> {
    let names: &[&str] = match key.get("kty")?.as_str()? {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    let members: Option<Vec<String>> = names
        .iter()
        .map(|name| Some(format!("{}:{}", Value::from(*name), Value::from(key.get(*name)?.as_str()?))))
        .collect();
    Some(URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{{{}}}", members?.join(",")))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7638, section 3.1.
    #[test]
    fn a_thumbprint_is_that_of_the_rfc() {
        let key = serde_json::json!({
            "kty": "RSA", "alg": "RS256", "kid": "2011-04-29", "e": "AQAB",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
        });
        assert_eq!(thumbprint(key.as_object().unwrap()).unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    /// RFC 9449, section 4.2, and the same proof with each part of it changed.
    #[test]
    fn a_proof_is_that_of_the_rfc_and_no_other() {
        let proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
        let read_ = read(proof).unwrap();
        // RFC 9449, section 6.1, is of the same key.
        assert_eq!(read_.thumbprint, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        assert_eq!(read_.claims["htm"], "POST");
        for at in [5, 200, proof.len() - 5] {
            let turned = |(n, c)| if n == at { if c == 'A' { 'B' } else { 'A' } } else { c };
            let other: String = proof.chars().enumerate().map(turned).collect();
            assert!(other != proof && read(&other).is_err(), "{at}");
        }
    }
}
