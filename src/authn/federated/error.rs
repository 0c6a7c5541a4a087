//! Why a token was rejected.

use crate::base::{Fault, Faulty, Timestamp};
use crate::model::Issuer;

/// Why a token makes nobody. The words are for whoever sent it: they tell nothing of where its issuer is and how it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebIdentityError {
    /// It is none, or not one that counts here.
    #[error("the token is not accepted: {why}")]
    Invalid {
        /// Why not.
        why: String,
    },
    /// Its time is over.
    #[error("the token expired at {at}; get a new one")]
    Expired {
        /// When.
        at: Timestamp,
    },
    /// The keys of its issuer cannot be had. It may be otherwise in a moment.
    #[error("the keys of https://{issuer} cannot be had at the moment; try again")]
    Away {
        /// The issuer.
        issuer: Issuer,
    },
    /// It is good, and says something that cannot be used.
    #[error("the claim `{claim}` is not accepted: {why}")]
    Rejected {
        /// The claim.
        claim: String,
        /// Why not.
        why: String,
    },
}

impl WebIdentityError {
    pub(super) fn invalid(why: impl Into<String>) -> Self {
        Self::Invalid { why: why.into() }
    }

    pub(super) fn rejected(claim: &str, why: impl Into<String>) -> Self {
        Self::Rejected { claim: claim.to_owned(), why: why.into() }
    }

    /// The code that STS answers with (STS API reference, `AssumeRoleWithWebIdentity`); with status 400, but for
    /// `IDPRejectedClaim`, which is 403.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "InvalidIdentityToken",
            Self::Expired { .. } => "ExpiredTokenException",
            Self::Away { .. } => "IDPCommunicationError",
            Self::Rejected { .. } => "IDPRejectedClaim",
        }
    }
}

impl Faulty for WebIdentityError {
    fn fault(&self) -> Fault {
        match self {
            Self::Invalid { .. } | Self::Expired { .. } | Self::Rejected { .. } => Fault::Caller,
            Self::Away { .. } => Fault::Operator,
        }
    }
}
