//! What can go wrong with an operation.

use crate::audit::AuditError;
use crate::base::{Fault, Faulty};
use crate::directory::DirectoryError;
use crate::store::StoreError;
use crate::store::export::ExportError;
use crate::sync::SyncError;

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There is nobody of that name.
    #[error("there is no {kind} `{who}`; give the name or the 32-digit id, `bailey {kind} list --search` helps")]
    NotFound {
        /// `user`, `group` or `resource`.
        kind: &'static str,
        /// What was asked for.
        who: String,
    },
    /// There is no such directory.
    #[error("there is no directory `{label}`; `bailey directory list` names them")]
    NoSuchDirectory {
        /// What was asked for.
        label: String,
    },
    /// A parameter is out of bounds.
    #[error("`{what}` must be {limit}")]
    OutOfBounds {
        /// Which parameter.
        what: String,
        /// What it may be.
        limit: String,
    },
    /// The thing is in no state for that.
    #[error("{what}; {remedy}")]
    NotNow {
        /// What stands in the way.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// A sync operation failed.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The export failed.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The directory failed.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl Faulty for AdminError {
    fn fault(&self) -> Fault {
        match self {
            Self::NotFound { .. } | Self::NoSuchDirectory { .. } | Self::OutOfBounds { .. } | Self::NotNow { .. } => {
                Fault::Caller
            }
            Self::Sync(error) => error.fault(),
            Self::Store(error) => error.fault(),
            Self::Audit(error) => error.fault(),
            Self::Directory(error) => error.fault(),
            Self::Export(error) => error.fault(),
        }
    }
}
