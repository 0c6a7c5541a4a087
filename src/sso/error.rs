//! What clients are told when something is refused (RFC 6749, section 5.2; RFC 6750, section 3.1).

use std::fmt;

use crate::base::text::printable_within;
use crate::base::{Fault, Faulty};
use crate::keys::KeysError;
use crate::store::StoreError;

/// An error as clients know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OauthError {
    /// The code.
    pub code: Code,
    /// What is wrong and what to do, in the alphabet that RFC 6749 leaves for it.
    pub description: String,
}

/// The codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The request cannot be read.
    InvalidRequest,
    /// The client did not show who it is.
    InvalidClient,
    /// What is to be redeemed does not count.
    InvalidGrant,
    /// The client may not ask so.
    UnauthorizedClient,
    /// There is no such grant.
    UnsupportedGrantType,
    /// The client may not have that.
    InvalidScope,
    /// There is no such audience for the client (RFC 8707).
    InvalidTarget,
    /// Nobody has answered a device yet (RFC 8628, section 3.5).
    AuthorizationPending,
    /// A device asks too often.
    SlowDown,
    /// The code of a device is too old.
    ExpiredToken,
    /// Somebody refused, or may not agree.
    AccessDenied,
    /// The access token does not count.
    InvalidToken,
    /// A proof of a key does not count (RFC 9449, section 5).
    InvalidDpopProof,
    /// A proof needs a nonce of ours (section 8).
    UseDpopNonce,
    /// The access token does not reach so far.
    InsufficientScope,
    /// An address of a client that is to be registered is none (RFC 7591, section 3.2.2).
    InvalidRedirectUri,
    /// A client cannot be so.
    InvalidClientMetadata,
    /// Asked too often: it may be asked again in a moment (the word of RFC 8628, section 3.5).
    TooMany,
    /// It may be otherwise in a moment.
    TemporarilyUnavailable,
    /// Something of ours broke.
    ServerError,
}

impl Code {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::AccessDenied => "access_denied",
            Self::InvalidToken => "invalid_token",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::TooMany => "slow_down",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::ServerError => "server_error",
        }
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::InvalidToken => 401,
            Self::InsufficientScope => 403,
            Self::TooMany => 429,
            Self::TemporarilyUnavailable => 503,
            Self::ServerError => 500,
            _ => 400,
        }
    }
}

/// Longest description, in characters.
const LONGEST: usize = 512;

impl OauthError {
    /// An error with this description. Characters that an answer may not have (RFC 6749, appendix A.8) become others.
    #[must_use]
    pub fn new(code: Code, description: &str) -> Self {
        let plain = |c: char| match c {
            '"' => '\'',
            '\\' => '/',
            ' '..='~' => c,
            _ => '?',
        };
        let description = printable_within(description, LONGEST).chars().map(plain).collect();
        Self { code, description }
    }

    /// A request that cannot be read.
    #[must_use]
    pub fn request(description: &str) -> Self {
        Self::new(Code::InvalidRequest, description)
    }

    /// Something to be redeemed that does not count.
    #[must_use]
    pub fn grant(description: &str) -> Self {
        Self::new(Code::InvalidGrant, description)
    }

    /// An access token that does not count. Which of the reasons it is, is told to nobody.
    #[must_use]
    pub fn token() -> Self {
        Self::new(Code::InvalidToken, "the access token is expired, revoked, or none of ours: get a new one")
    }

    /// Anything that is not the client's fault; what exactly goes to the log alone.
    pub fn ours(error: &dyn Faulty) -> Self {
        match error.fault() {
            Fault::Bug | Fault::Caller => {
                tracing::error!(%error, "single sign-on failed");
                Self::new(Code::ServerError, "something went wrong inside; the log of the daemon says what")
            }
            Fault::Operator | Fault::Directory => {
                tracing::warn!(%error, "single sign-on failed");
                Self::new(Code::TemporarilyUnavailable, "nothing can be issued at the moment: try again")
            }
        }
    }
}

impl fmt::Display for OauthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.word(), self.description)
    }
}

impl From<StoreError> for OauthError {
    fn from(error: StoreError) -> Self {
        Self::ours(&error)
    }
}

impl From<KeysError> for OauthError {
    fn from(error: KeysError) -> Self {
        Self::ours(&error)
    }
}
