//! Signature Version 4: whether whoever sent a request holds a secret access key.
//!
//! Owns the proof [`Verified`] and all that leads to it: reading what a request claims, the canonical request, the
//! signing key, freshness, and the memory that takes a signature once. Pure: it reads no clock, no store and no socket.
//! Who has which key, and what they may do, is for others; so is answering an error.
//!
//! ```text
//!   Request --Claim::read--> Claim --(caller looks the key up)--> Claim::verify --> Verified --Replays::admit--> act
//! ```
//!
//! Nothing here is an option: there is no way to a [`Verified`] but through every rule.
//!
//! | attack | what stops it |
//! |---|---|
//! | one code path that skips the signature (MinIO CVE-2025-31489, CVE-2026-40344, CVE-2026-41145) | one proof type with one constructor; header and query together refused; the body is always hashed, where it comes here; `UNSIGNED-PAYLOAD` and `STREAMING-*` refused by name |
//! | an older or weaker scheme | the algorithm is `AWS4-HMAC-SHA256`, letter for letter |
//! | a captured request sent again (keystone CVE-2020-12692) | `X-Amz-Date` required and signed, 5 minutes either way, a presigned request 60 seconds at most; [`Replays`] |
//! | a key of another day, region or service | the scope's date is the request's, its service one of ours |
//! | a header added on the way | every `x-amz-*` header and `content-type` has to be signed |
//! | two readers, two readings (duplicates, case, `%`-spelling) | what may be there once is refused twice; see below |
//! | guessing a signature by time | compared in constant time |
//! | asking us whether a foreign signature is right (keystone CVE-2025-65073) | the canonical request is computed from the request itself, never taken from anybody |
//!
//! # What is read, and what is not signed
//!
//! Botocore, and the SDKs for JavaScript, Go and Rust, sign every header they send but a few that hops may change:
//! `user-agent`, `x-amzn-trace-id`, `expect`, `transfer-encoding`, `connection` and the like. All sign `content-type`,
//! so asking for it turns no client away (botocore takes its own default off a presigned request, and does not send
//! it). Botocore adds `amz-sdk-invocation-id` and `amz-sdk-request` after signing. Headers beyond those demanded here may stay unsigned: nothing of the Query API is said in a header. Whoever
//! acts on a [`Verified`] reads method, path, query and body, and no header; `content-length` and `transfer-encoding`
//! change only where the body ends, and the body is hashed as it arrived, or its signed hash is handed on with it.
//!
//! Equivalent spellings that one signature covers: blanks around and runs of blanks within a header's value, the order
//! of query parameters, `a` for `a=`, and `.`, `..` and doubled slashes in the path. Routes therefore compare the path
//! as it arrived, so that another spelling finds nothing. A query parameter's spelling is not touched at all: SDKs send
//! what they sign, so nothing needs decoding, and `+` or `%2f` cannot be read in two ways.
//!
//! The value of `host` is signed and not compared: a name is what a client or proxy calls us, and keys are good here
//! alone. The access key id is not under the signature; its secret is. So the secret has to be looked up by
//! [`Claim::access_key_id`], and no two keys may have one secret.

mod canonical;
mod claim;
mod date;
mod error;
mod headers;
mod key;
mod parts;
mod replay;
mod scope;
mod sign;

use std::fmt;

pub use canonical::Shown;
pub use claim::{Claim, Verified, Way};
pub use error::SigV4Error;
pub use replay::{Replayed, Replays};
pub use scope::Scope;
pub use sign::{Header, Signing};

/// Longest path, in bytes.
const LONGEST_PATH: usize = 2_048;
/// Longest query, in bytes: room for a session token and a call's parameters.
const LONGEST_QUERY: usize = 16_384;
/// Largest body, in bytes, as for all of HTTP here.
const LARGEST_BODY: usize = 1_048_576;
/// Most headers, and so most that are signed.
const MOST_HEADERS: usize = 100;
/// Longest value of a header that is read here, in bytes.
const LONGEST_VALUE: usize = 8_192;

/// A request as it arrived: nothing decoded, nothing merged, nothing left out.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, raw.
    pub path: &'a str,
    /// What follows the question mark, raw; empty when nothing does.
    pub query: &'a str,
    /// Names and values in the order received, duplicates included. Behind a proxy that rewrites `host`, the original.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body.
    pub body: Body<'a>,
}

/// What is known of a request's body.
#[derive(Clone, Copy)]
pub enum Body<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It goes elsewhere, and whoever takes it has to hold it to [`Verified::body_hash`]: what the signed header
    /// `X-Amz-Content-Sha256` says, or the hash of nothing where there is none.
    Elsewhere,
}

impl Body<'_> {
    /// Its length, as far as it is here.
    fn len(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Elsewhere => 0,
        }
    }
}

/// What a listener takes.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Services that a signature may be for, such as `sts`.
    pub services: &'a [&'a str],
    /// Those of them that take presigned requests. Which actions do is for the dispatcher: see [`Verified::way`].
    pub presigned: &'a [&'a str],
    /// Regions that a signature may be for; empty for any.
    pub regions: &'a [String],
}

impl<'a> Request<'a> {
    /// The value of a header that may be there once.
    fn header(&self, name: &str) -> Result<Option<&'a [u8]>, SigV4Error> {
        let mut values = self.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
        let first = values.next().map(|(_, value)| *value);
        if values.next().is_some() { Err(SigV4Error::Repeated(name.to_owned())) } else { Ok(first) }
    }

    /// The text of a header as it is signed: see [`headers::collapsed`].
    fn text(&self, name: &'static str) -> Result<Option<String>, SigV4Error> {
        let read = |value| headers::text(name, value);
        self.header(name)?.map(read).transpose()
    }
}

/// Method and path alone: all else may hold passwords and tokens.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({:?} {:?})", self.method, self.path)
    }
}
