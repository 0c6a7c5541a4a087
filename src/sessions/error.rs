//! Why a session does not count, in words and in a word.

use jiff::SignedDuration;

use crate::base::{Fault, Faulty, Timestamp};
use crate::model::Inactive;
use crate::rights::{ActingError, Stale};
use crate::store::StoreError;

/// Why a session does not count.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is none, or none any more.
    #[error("there is no such session")]
    Unknown,
    /// Its time is over.
    #[error("the session is over since {0:.0}")]
    Expired(Timestamp),
    /// The browser that holds it was not used for too long.
    #[error("nobody has used the browser since {since:.0}; it is held for {limit:#} then")]
    Idle {
        /// When it was used last.
        since: Timestamp,
        /// For how long it counts then.
        limit: SignedDuration,
    },
    /// Somebody ended it.
    #[error("the session was ended at {at:.0}{}{}", if .reason.is_empty() { "" } else { ": " }, .reason)]
    Ended {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// The store came back from a backup since.
    #[error("the store was restored or imported since the session began; what was begun before counts no more")]
    Restored,
    /// The person may not act.
    #[error("{who} may not act: {why}")]
    Person {
        /// Who.
        who: String,
        /// Why not.
        why: Inactive,
    },
    /// The machine may not act.
    #[error("{who} may not act: {why}")]
    Machine {
        /// Which.
        who: String,
        /// Why not.
        why: Inactive,
    },
    /// The person is of another firm, and not let in now, or not in this way.
    #[error("{who} may not act: {why}")]
    Engagement {
        /// Who.
        who: String,
        /// Why not.
        why: String,
    },
    /// The person set another password since.
    #[error("the password of {who} was changed since the session began")]
    Password {
        /// Who.
        who: String,
    },
    /// What it was begun with is gone or switched off.
    #[error("what the session was begun with counts no more: {0}")]
    Begun(String),
    /// What it is of is gone.
    #[error("{0}")]
    Gone(String),
    /// Whoever began it could not begin it now.
    #[error("who began the session may not assume the role any more, {0}")]
    NoLonger(String),
    /// Whoever began it, as root of another account, could not begin it now.
    #[error("who began the session may not act as root of the account any more, {0}")]
    NoLongerRoot(String),
    /// What is known of the person's directory is too old.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Faulty for SessionError {
    fn fault(&self) -> Fault {
        match self {
            Self::Store(error) => error.fault(),
            _ => Fault::Caller,
        }
    }
}

impl SessionError {
    /// True where it may count again by itself: once a directory answers, or an hour of the week has come.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Stale(_) | Self::Store(_) => true,
            Self::Person { why, .. } | Self::Machine { why, .. } => matches!(why, Inactive::OffHours),
            _ => false,
        }
    }

    /// A word for programs and the audit log.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Expired(_) => "expired",
            Self::Idle { .. } => "idle",
            Self::Ended { .. } => "ended",
            Self::Restored => "store_restored",
            Self::Person { why, .. } => match why {
                Inactive::Disabled => "person_disabled",
                Inactive::Expired => "person_expired",
                Inactive::Frozen => "directory_removed",
                Inactive::Gone => "person_gone",
                Inactive::OffHours => "off_hours",
            },
            Self::Machine { why, .. } => match why {
                Inactive::Disabled => "machine_disabled",
                Inactive::Expired => "machine_expired",
                Inactive::Frozen => "directory_removed",
                Inactive::Gone => "machine_gone",
                Inactive::OffHours => "off_hours",
            },
            Self::Engagement { .. } => "engagement_over",
            Self::Password { .. } => "password_changed",
            Self::Begun(_) => "origin_ended",
            Self::Gone(_) => "gone",
            Self::NoLonger(_) => "role_lost",
            Self::NoLongerRoot(_) => "root_lost",
            Self::Stale(_) => "directory_away",
            Self::Store(_) => "store",
        }
    }
}

impl From<ActingError> for SessionError {
    fn from(error: ActingError) -> Self {
        match error {
            ActingError::Gone(what) => Self::Gone(what),
            ActingError::Request(error) => Self::Gone(error.to_string()),
            ActingError::Store(error) => Self::Store(error),
        }
    }
}
