//! The key of a day, region and service, derived from a secret access key.

use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use zeroize::Zeroizing;

use super::scope::{Scope, TERMINATOR};
use crate::base::Secret;

/// The signing key: an HMAC chain over what the scope names, so that what leaks of one day, region or service opens
/// no other (IAM User Guide, "Create a signed AWS API request").
pub(super) fn signing(secret: &Secret<String>, scope: &Scope) -> Key {
    let mut first = Zeroizing::new(Vec::with_capacity(4 + secret.expose().len()));
    first.extend_from_slice(b"AWS4");
    first.extend_from_slice(secret.expose().as_bytes());
    let names = [scope.date(), scope.region(), scope.service(), TERMINATOR];
    // The library wipes a key when it is dropped.
    names.into_iter().fold(Key::new(HMAC_SHA256, &first), |key, name| {
        Key::new(HMAC_SHA256, hmac::sign(&key, name.as_bytes()).as_ref())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_documented_example_signs_what_it_has_to() {
        // IAM User Guide, signature version 4 examples: ListUsers of 20150830T123600Z.
        let scope = Scope::new("20150830", "us-east-1", "iam");
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned());
        let to_sign = "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n\
                       f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59";
        let signature = hmac::sign(&signing(&secret, &scope), to_sign.as_bytes());
        assert_eq!(hex::encode(signature), "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
    }
}
