//! Why a signed request was refused: one variant a reason, each with the code and status that clients know.
//!
//! Codes and statuses are those of the Query API's common errors. Texts name what the sender has to change. They hold
//! what was sent and what follows from it, never what was computed with a secret; a session token is left out of both.

use super::canonical::Shown;
use crate::base::text::printable;
use crate::base::{Fault, Faulty, Timestamp};

/// Why a request is not taken for signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigV4Error {
    /// There is no signature at all.
    #[error("the request is not signed")]
    Unsigned,
    /// A header and the query both bring a signature, or parts of one.
    #[error("the request is signed both by header and by query: sign it one way")]
    TwoWays,
    /// Something of the protocol that is refused by name.
    #[error("{name} is not supported: {instead}")]
    Unsupported {
        /// What was asked for.
        name: &'static str,
        /// What is taken instead.
        instead: &'static str,
    },
    /// What may be there once is there more often, so that two readers could read different things.
    #[error("`{0}` is there more than once")]
    Repeated(String),
    /// A part that every signature has.
    #[error("`{0}` is missing")]
    Lacks(&'static str),
    /// A part that does not have its form.
    #[error("{what} has to be {expected}{}", .got.as_ref().map(|got| format!(", not `{got}`")).unwrap_or_default())]
    Malformed {
        /// Which part.
        what: &'static str,
        /// Its form.
        expected: &'static str,
        /// What was there, made safe to show; nothing where it could be secret.
        got: Option<String>,
    },
    /// A header that says what is asked, or who asks, and that anybody on the way could have changed.
    #[error("header `{0}` is not signed: name it in SignedHeaders, or do not send it")]
    NotSigned(String),
    /// A header that was signed and has not arrived.
    #[error("header `{0}` is named in SignedHeaders and is not there")]
    Absent(String),
    /// A part beyond its limit.
    #[error("{what} is beyond {limit} {unit}")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// How much is taken.
        limit: usize,
        /// Of what.
        unit: &'static str,
    },
    /// Nobody has this access key. Raised by whoever looks keys up.
    #[error("the access key id or session token of the request is not known")]
    UnknownKey,
    /// The scope is of another day than the request.
    #[error("the credential scope is of {scope}, the request of {request}: both dates have to be the same")]
    ScopeDate {
        /// The day in the scope, made safe to show.
        scope: String,
        /// The day of `X-Amz-Date`.
        request: String,
    },
    /// The scope is of a region that is none of ours.
    #[error("the credential scope is of region `{0}`, which is not served here")]
    Region(String),
    /// The scope is of another service.
    #[error("the credential scope is of service `{given}`: expected {expected}")]
    Service {
        /// The service in the scope, made safe to show.
        given: String,
        /// Those that are served.
        expected: String,
    },
    /// The scope does not end as all do.
    #[error("the credential scope ends with `{0}`: expected `aws4_request`")]
    Terminator(String),
    /// Signed in the future.
    #[error("the signature is not yet current: it is of {date}, here it is {now}, and 5 minutes are tolerated")]
    NotYetCurrent {
        /// When it was signed.
        date: Timestamp,
        /// When it arrived.
        now: Timestamp,
    },
    /// Signed too long ago.
    #[error("the signature has expired: it is of {date}, here it is {now}, and 5 minutes are tolerated")]
    Expired {
        /// When it was signed.
        date: Timestamp,
        /// When it arrived.
        now: Timestamp,
    },
    /// The time that a presigned address was given is over.
    #[error("the presigned request has expired: it was good until {until}, here it is {now}")]
    RequestExpired {
        /// When it ended.
        until: Timestamp,
        /// When it arrived.
        now: Timestamp,
    },
    /// `X-Amz-Content-Sha256` is the hash of another body.
    #[error("`X-Amz-Content-Sha256` is not the SHA-256 of the body that arrived, which is {0}")]
    OtherBody(String),
    /// The signature is another than the one computed here.
    #[error("the signature does not match: check the secret access key, and what is between the client and here")]
    Mismatch(Box<Shown>),
}

impl SigV4Error {
    /// The code that clients know.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsigned => "MissingAuthenticationToken",
            Self::TwoWays
            | Self::Unsupported { .. }
            | Self::Repeated(_)
            | Self::Lacks(_)
            | Self::Malformed { .. }
            | Self::NotSigned(_)
            | Self::Absent(_) => "IncompleteSignature",
            Self::TooLarge { .. } => "RequestEntityTooLarge",
            Self::UnknownKey => "InvalidClientTokenId",
            // STS and IAM answer a stale header this way; SDKs take it for a clock that is wrong, and correct for it.
            Self::ScopeDate { .. }
            | Self::Region(_)
            | Self::Service { .. }
            | Self::Terminator(_)
            | Self::NotYetCurrent { .. }
            | Self::Expired { .. }
            | Self::OtherBody(_)
            | Self::Mismatch(_) => "SignatureDoesNotMatch",
            Self::RequestExpired { .. } => "RequestExpired",
        }
    }

    /// The HTTP status that goes with the code.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.code() {
            "IncompleteSignature" | "RequestExpired" => 400,
            "RequestEntityTooLarge" => 413,
            _ => 403,
        }
    }

    /// What the sender is told. Several lines for a signature that does not match: what was signed, as seen here, so
    /// that it can be laid beside what the client signed. Each line is safe to show; a log takes `Display`, one line.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Mismatch(shown) => format!(
                "{self}\n\nThe canonical request, as computed here:\n'{}'\n\nThe string to sign:\n'{}'",
                shown.canonical, shown.to_sign
            ),
            _ => self.to_string(),
        }
    }

    pub(super) fn malformed(what: &'static str, expected: &'static str, got: &str) -> Self {
        Self::Malformed { what, expected, got: Some(printable(got).into_owned()) }
    }

    /// As [`Self::malformed`], for what may be secret or has no end.
    pub(super) fn hidden(what: &'static str, expected: &'static str) -> Self {
        Self::Malformed { what, expected, got: None }
    }
}

impl Faulty for SigV4Error {
    fn fault(&self) -> Fault {
        Fault::Caller
    }
}
