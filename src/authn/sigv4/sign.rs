//! The other side: signs what this program sends to a daemon, in the canonical form that [`super::Claim`] verifies.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::canonical::{Canonical, sha256};
use super::{Body, Request, Scope, key};
use crate::base::{Secret, Timestamp};

/// What is signed with: an access key, of a session with its token, and what the signature is to be good for.
#[derive(Debug, Clone, Copy)]
pub struct Signing<'a> {
    /// The access key's id.
    pub access_key_id: &'a str,
    /// Its secret half.
    pub secret: &'a Secret<String>,
    /// The token, where the key is a session's.
    pub token: Option<&'a Secret<String>>,
    /// The region.
    pub region: &'a str,
    /// The service, such as `sts`.
    pub service: &'a str,
}

/// A header to send: its name in lower case, and its value, which may be secret.
pub type Header = (&'static str, Zeroizing<String>);

impl Signing<'_> {
    /// The headers that `request` needs besides its own, all of which are signed and each of which may be there once.
    /// Names of its own headers are in lower case.
    #[must_use]
    pub fn sign(&self, request: &Request<'_>, now: Timestamp) -> Vec<Header> {
        let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let scope = Scope::new(&now.strftime("%Y%m%d").to_string(), self.region, self.service);
        let mut added: Vec<Header> = vec![("x-amz-date", Zeroizing::new(stamp.clone()))];
        added.extend(self.token.map(|token| ("x-amz-security-token", Zeroizing::new(token.expose().clone()))));
        let own = added.iter().map(|(name, value)| (*name, value.as_bytes()));
        let headers: Vec<(&str, &[u8])> = request.headers.iter().copied().chain(own).collect();
        let mut names: Vec<String> = headers.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.sort_unstable();
        let body_hash = match request.body {
            Body::Whole(body) => sha256(body),
            Body::Elsewhere => sha256(b""),
        };
        let signed = Request { headers: &headers, ..*request };
        let canonical = Canonical { request: &signed, signed_headers: &names, body_hash: &body_hash };
        let to_sign = canonical.to_sign(&stamp, &scope);
        let signature = hmac::sign(&key::signing(self.secret, &scope), to_sign.as_bytes());
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={}, Signature={}",
            self.access_key_id,
            names.join(";"),
            hex::encode(signature)
        );
        added.push(("authorization", Zeroizing::new(authorization)));
        added
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::authn::sigv4::{Claim, Expected, SigV4Error};

    const EXPECTED: Expected<'_> = Expected { services: &["sts"], presigned: &[], regions: &[] };

    /// What the verifier makes of what was signed, `change` having been done to it on the way.
    fn arrives(
        secret: &str,
        token: Option<&str>,
        body: &[u8],
        change: impl FnOnce(&mut Vec<(String, Vec<u8>)>),
    ) -> Result<Option<String>, SigV4Error> {
        let now: Timestamp = "2026-03-12T12:00:00Z".parse().unwrap();
        let (secret, token) = (Secret::new(secret.to_owned()), token.map(|token| Secret::new(token.to_owned())));
        let signing = Signing {
            access_key_id: "ASIAIOSFODNN7EXAMPLE",
            secret: &secret,
            token: token.as_ref(),
            region: "us-east-1",
            service: "sts",
        };
        let headers: [(&str, &[u8]); 2] =
            [("host", b"bailey.example"), ("content-type", b"application/x-www-form-urlencoded")];
        let request = Request { method: "POST", path: "/", query: "", headers: &headers, body: Body::Whole(body) };
        let added = signing.sign(&request, now);
        let own = headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec()));
        let mut all: Vec<(String, Vec<u8>)> =
            own.chain(added.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))).collect();
        change(&mut all);
        let all: Vec<(&str, &[u8])> = all.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let came = Request { headers: &all, ..request };
        let verified = Claim::read(&came, &EXPECTED, now)?.verify(&secret)?;
        assert_eq!(verified.access_key_id(), "ASIAIOSFODNN7EXAMPLE");
        Ok(verified.session_token().map(|token| token.expose().clone()))
    }

    proptest! {
        #[test]
        fn what_is_signed_here_is_verified_here(
            secret in "[A-Za-z0-9+/]{16,64}",
            token in proptest::option::of("[A-Za-z0-9+/=]{1,200}"),
            body in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            prop_assert_eq!(arrives(&secret, token.as_deref(), &body, |_| {}).unwrap(), token);
        }
    }

    #[test]
    fn every_header_is_under_the_signature() {
        for name in ["host", "content-type", "x-amz-security-token"] {
            let changed = arrives("secret", Some("token"), b"Action=X", |headers| {
                headers.iter_mut().find(|(held, _)| held == name).unwrap().1.push(b'x');
            });
            assert!(matches!(changed, Err(SigV4Error::Mismatch(_))), "{name}: {changed:?}");
        }
    }
}
