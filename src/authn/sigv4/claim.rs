//! What a request claims, and the proof that it is so.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;

use super::canonical::{Canonical, sha256};
use super::parts::{self, Parts};
use super::{Body, Expected, LARGEST_BODY, LONGEST_PATH, LONGEST_QUERY, MOST_HEADERS, Request, Scope, SigV4Error};
use super::{date, headers, key, scope};
use crate::base::{Secret, Timestamp};

/// Where a signature stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In the `Authorization` header.
    Header,
    /// In the query: whoever holds the address can send the request.
    Presigned,
}

/// What a request claims. All that can be checked without the secret has been; nothing of it is proven.
#[derive(Debug)]
pub struct Claim<'a> {
    request: Request<'a>,
    way: Way,
    access_key_id: String,
    session_token: Option<Secret<String>>,
    scope: Scope,
    /// `X-Amz-Date` as written.
    stamp: String,
    date: Timestamp,
    until: Timestamp,
    signed_headers: Vec<String>,
    body_hash: String,
    /// Good for one request until it has been taken, so it is not shown either.
    signature: Secret<[u8; 32]>,
}

/// Proof that the sender of a request holds the secret of an access key. One a request; never copied.
#[derive(Debug)]
pub struct Verified {
    way: Way,
    access_key_id: String,
    session_token: Option<Secret<String>>,
    scope: Scope,
    date: Timestamp,
    until: Timestamp,
    body_hash: String,
    digest: [u8; 32],
}

impl<'a> Claim<'a> {
    /// Reads what `request` claims and checks it against all rules that need no secret.
    ///
    /// # Errors
    /// With the first rule that is broken.
    pub fn read(request: &Request<'a>, expected: &Expected<'_>, now: Timestamp) -> Result<Self, SigV4Error> {
        check_shape(request)?;
        let parts = parts::read(request)?;
        let date = date::parse(&parts.date)?;
        let (access_key_id, scope) = scope::read(&parts.credential, &parts.date, expected)?;
        if parts.way == Way::Presigned {
            check_presigned(request, &scope, expected)?;
        }
        let signed_headers = headers::signed(&parts.signed_headers, request)?;
        let signature = signature(&parts.signature)?;
        let body_hash = body_hash(&parts, request)?;
        // Last, so that a client with a wrong clock hears of all else it does wrong before it corrects the clock.
        let until = match parts.way {
            Way::Header => date::of_header(date, now)?,
            Way::Presigned => date::of_presigned(date, &parts.expires, now)?,
        };
        Ok(Self {
            request: *request,
            way: parts.way,
            access_key_id,
            session_token: parts.token.map(Secret::new),
            scope,
            stamp: parts.date,
            date,
            until,
            signed_headers,
            body_hash,
            signature,
        })
    }

    /// The access key that is said to have signed. Its secret, and no other, is what [`Self::verify`] is to be given.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The session token that was sent along.
    #[must_use]
    pub fn session_token(&self) -> Option<&Secret<String>> {
        self.session_token.as_ref()
    }

    /// Computes the signature with the secret of [`Self::access_key_id`]. The request is the one that was read: it
    /// cannot be exchanged in between.
    ///
    /// # Errors
    /// When it is not the one that was sent, with what was to be signed as seen here.
    pub fn verify(self, secret: &Secret<String>) -> Result<Verified, SigV4Error> {
        let Self { request, signed_headers, body_hash, .. } = &self;
        let canonical = Canonical { request, signed_headers, body_hash };
        let to_sign = canonical.to_sign(&self.stamp, &self.scope);
        let key = key::signing(secret, &self.scope);
        // Compares in constant time.
        if hmac::verify(&key, to_sign.as_bytes(), self.signature.expose()).is_err() {
            return Err(SigV4Error::Mismatch(Box::new(canonical.shown(to_sign))));
        }
        let mut taken = [0; 32];
        taken.copy_from_slice(digest(&SHA256, self.signature.expose()).as_ref());
        Ok(Verified {
            way: self.way,
            access_key_id: self.access_key_id,
            session_token: self.session_token,
            scope: self.scope,
            date: self.date,
            until: self.until,
            body_hash: self.body_hash,
            digest: taken,
        })
    }
}

impl Verified {
    /// Where the signature stood. A presigned request is for looking who one is, and for nothing that changes anything.
    #[must_use]
    pub fn way(&self) -> Way {
        self.way
    }

    /// The access key that signed.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The session token that was signed along.
    #[must_use]
    pub fn session_token(&self) -> Option<&Secret<String>> {
        self.session_token.as_ref()
    }

    /// Day, region and service.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// When it was signed, by the client's clock.
    #[must_use]
    pub fn date(&self) -> Timestamp {
        self.date
    }

    /// The last moment the signature is good.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// The SHA-256 of the body that was signed, in lower-case hexadecimal digits.
    #[must_use]
    pub fn body_hash(&self) -> &str {
        &self.body_hash
    }

    /// The SHA-256 of the signature: names the request in records, and cannot be used to send it again.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// Sizes, and characters that would make one line of the canonical request look like two.
fn check_shape(request: &Request<'_>) -> Result<(), SigV4Error> {
    let bytes = "bytes";
    for (what, size, limit, unit) in [
        ("the path", request.path.len(), LONGEST_PATH, bytes),
        ("the query", request.query.len(), LONGEST_QUERY, bytes),
        ("the body", request.body.len(), LARGEST_BODY, bytes),
        ("the list of headers", request.headers.len(), MOST_HEADERS, "names"),
    ] {
        if size > limit {
            return Err(SigV4Error::TooLarge { what, limit, unit });
        }
    }
    if !(1..=16).contains(&request.method.len()) || !request.method.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(SigV4Error::malformed("the method", "1 to 16 capital letters", request.method));
    }
    if !(request.path.is_empty() || request.path.starts_with('/')) || !headers::is_visible(request.path) {
        return Err(SigV4Error::malformed("the path", "a slash and visible ASCII", request.path));
    }
    if !headers::is_visible(request.query) {
        return Err(SigV4Error::hidden("the query", "visible ASCII"));
    }
    Ok(())
}

/// A presigned request can be sent by a mere link, so it is for reading, and only where a service has a use for it.
fn check_presigned(request: &Request<'_>, scope: &Scope, expected: &Expected<'_>) -> Result<(), SigV4Error> {
    let refused = |name, instead| Err(SigV4Error::Unsupported { name, instead });
    if !expected.presigned.contains(&scope.service()) {
        return refused("a presigned request to this service", "sign by header");
    }
    if request.method != "GET" {
        return refused("a presigned request other than GET", "sign by header, or presign a GET");
    }
    if request.body.len() > 0 {
        return refused("a presigned request with a body", "sign by header, or put parameters into the query");
    }
    Ok(())
}

fn signature(text: &str) -> Result<Secret<[u8; 32]>, SigV4Error> {
    let wrong = || SigV4Error::malformed("Signature", "64 lower-case hexadecimal digits", text);
    let mut bytes = [0; 32];
    // `hex` would take capitals: one signature, two spellings.
    if !is_sha256(text) {
        return Err(wrong());
    }
    hex::decode_to_slice(text, &mut bytes).map_err(|_| wrong())?;
    Ok(Secret::new(bytes))
}

/// The hash of the body. One that the client sent is compared, never used: signers put it into the canonical request in place
/// of the body's own, so a verifier that did the same would take any body. Where the body goes elsewhere there is nothing to
/// compare with, and whoever takes it has to.
fn body_hash(parts: &Parts, request: &Request<'_>) -> Result<String, SigV4Error> {
    let in_header = request.text("x-amz-content-sha256")?;
    let claimed: Vec<&String> = parts.content_sha256.iter().chain(&in_header).collect();
    for claimed in &claimed {
        let name = match claimed.as_str() {
            "UNSIGNED-PAYLOAD" => "`UNSIGNED-PAYLOAD`",
            streamed if streamed.starts_with("STREAMING-") => "a payload of `STREAMING-*`",
            _ => continue,
        };
        return Err(SigV4Error::Unsupported { name, instead: "sign the body" });
    }
    let hash = match (request.body, claimed.first()) {
        (Body::Whole(body), _) => sha256(body),
        (Body::Elsewhere, None) => sha256(b""),
        (Body::Elsewhere, Some(claimed)) if is_sha256(claimed) => (*claimed).clone(),
        (Body::Elsewhere, Some(claimed)) => {
            return Err(SigV4Error::malformed("`X-Amz-Content-Sha256`", "64 lower-case hexadecimal digits", claimed));
        }
    };
    if claimed.iter().all(|claimed| **claimed == hash) { Ok(hash) } else { Err(SigV4Error::OtherBody(hash)) }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
}

#[cfg(test)]
mod tests;
