//! Why no session began.

use crate::base::clock::ClockError;
use crate::base::{Fault, Faulty};
use crate::keys::KeysError;
use crate::rights::Stale;
use crate::store::StoreError;

/// Why no session began.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// Nobody is behind the request whose session it could be.
    #[error("nobody is behind the request whose session it could be")]
    Nobody,
    /// It is to last longer than it may.
    #[error("{0}")]
    TooLong(String),
    /// Whatever it would rest on ends at once.
    #[error("{0}")]
    NoTimeLeft(String),
    /// Tags, or who is behind it, are not for who asks to say so.
    #[error("{0}")]
    NotYours(String),
    /// The directory does not say what its sessions are to be called.
    #[error(
        "the directory has no {what} for {who}, and sessions are called by it here (`[sessions]` in the configuration)"
    )]
    Nameless {
        /// Of whom.
        who: String,
        /// What.
        what: String,
        /// Whether it has nothing, or something that names nobody.
        lack: Lack,
    },
    /// What it would be begun by was shown before, for the same role.
    #[error("the SAML assertion was shown before, and counts once: sign in at the provider again")]
    ShownBefore,
    /// No token can be as it is asked for.
    #[error("{0}")]
    NoToken(&'static str),
    /// What it is to be narrowed to is not there.
    #[error("the policy {arn} does not exist or is not attachable")]
    NoSuchPolicy {
        /// What was asked for.
        arn: String,
    },
    /// Nobody knows what time it is.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// What is known of the person's directory is too old.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// No secrets can be made for it.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// It cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is wrong with what the directory says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// It says nothing.
    Missing,
    /// It says something that no session can be called.
    Unusable,
}

impl Lack {
    /// A word for programs and the audit log.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "attribute_missing",
            Self::Unusable => "attribute_unusable",
        }
    }
}

impl IssueError {
    /// A word for programs (STS API reference, "Errors" of each action).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Nobody | Self::NotYours(_) | Self::NoTimeLeft(_) | Self::Nameless { .. } => "AccessDenied",
            Self::ShownBefore => "InvalidIdentityToken",
            Self::TooLong(_) | Self::NoToken(_) => "ValidationError",
            Self::NoSuchPolicy { .. } => "MalformedPolicyDocument",
            Self::Keys(_) | Self::Clock(_) | Self::Stale(_) => "ServiceUnavailable",
            Self::Store(_) => "InternalFailure",
        }
    }
}

impl Faulty for IssueError {
    fn fault(&self) -> Fault {
        match self {
            Self::Nobody
            | Self::TooLong(_)
            | Self::NoTimeLeft(_)
            | Self::NotYours(_)
            | Self::Nameless { .. }
            | Self::NoToken(_)
            | Self::NoSuchPolicy { .. }
            | Self::ShownBefore => Fault::Caller,
            Self::Keys(error) => error.fault(),
            Self::Clock(error) => error.fault(),
            Self::Stale(_) => Fault::Directory,
            Self::Store(error) => error.fault(),
        }
    }
}
