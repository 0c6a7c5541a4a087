//! What can go wrong with a sync run.

use crate::audit::AuditError;
use crate::base::{Fault, Faulty};
use crate::directory::DirectoryError;
use crate::store::StoreError;

/// Why a run ended early. What it had committed stays; the next run converges.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The directory could not be read.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The audit log could not be written, so nothing may be done.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The work files could not be written.
    #[error("cannot write to the work directory: {why}; it is under `state_directory` and needs about 1 KiB an entry")]
    Work {
        /// What the system says.
        why: String,
    },
    /// Somebody else changed this directory's rows while the plan was made. The next run plans anew.
    #[error("directory `{label}` changed while its plan was being made; the next run plans anew")]
    Superseded {
        /// Which directory.
        label: String,
    },
    /// The server is of another domain than the one that was read before. Nobody in it is anybody stored.
    #[error(
        "{server} is of the domain {now}, but directory `{label}` was the domain {before}: give the other domain a label of \
         its own, or let this one go first with `bailey directory remove {label}`"
    )]
    OtherDomain {
        /// Which directory.
        label: String,
        /// The server.
        server: String,
        /// The SID of the domain that was read before.
        before: String,
        /// The SID of the one that was read now.
        now: String,
    },
    /// There are no held changes under this digest.
    #[error("no held changes with digest `{digest}`; `bailey sync held` lists them")]
    NoSuchHeld {
        /// What was asked for.
        digest: String,
    },
    /// The daemon is draining.
    #[error("the daemon is stopping")]
    Stopping,
    /// A bug of ours.
    #[error("internal fault: {0}")]
    Bug(String),
}

impl From<std::io::Error> for SyncError {
    fn from(error: std::io::Error) -> Self {
        Self::Work { why: error.to_string() }
    }
}

impl From<serde_json::Error> for SyncError {
    fn from(error: serde_json::Error) -> Self {
        Self::Bug(format!("a change could not be written down: {error}"))
    }
}

impl Faulty for SyncError {
    fn fault(&self) -> Fault {
        match self {
            Self::Directory(error) => error.fault(),
            Self::Store(error) => error.fault(),
            Self::Audit(error) => error.fault(),
            Self::Work { .. } | Self::OtherDomain { .. } | Self::Stopping => Fault::Operator,
            Self::Superseded { .. } | Self::NoSuchHeld { .. } => Fault::Caller,
            Self::Bug(_) => Fault::Bug,
        }
    }
}
