//! Errors of the Query APIs: a status, and a code that SDKs know.

use crate::base::{Fault, Faulty};
use crate::gate::GateError;

/// An error as it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    /// The HTTP status.
    pub status: u16,
    /// A word for programs.
    pub code: &'static str,
    /// A sentence for people. Of what is our own fault it says nothing.
    pub message: String,
}

impl QueryError {
    /// An error with this status and code.
    #[must_use]
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// `error` as it is answered: what is our own fault is told to the log and to nobody else.
    #[must_use]
    pub fn of(error: &dyn Faulty, status: u16, code: &'static str) -> Self {
        match error.fault() {
            Fault::Caller => tracing::debug!(%error, code, "refused"),
            Fault::Directory | Fault::Operator => tracing::warn!(%error, code, "failed"),
            Fault::Bug => {
                tracing::error!(%error, code, "failed");
                return Self::new(500, "ServiceFailure", "this is a fault of the service; its log says more");
            }
        }
        Self::new(status, code, error.to_string())
    }

    /// What cannot be written does not happen. Why, and where the disk is, is the operator's to know; SDKs try again.
    #[must_use]
    pub fn not_written(error: &dyn Faulty) -> Self {
        tracing::warn!(%error, "refused, since it cannot be written");
        let message = "nothing was done, because it cannot be written down now; the operator has to act";
        Self::new(503, "ServiceUnavailable", message)
    }
}

impl From<GateError> for QueryError {
    fn from(error: GateError) -> Self {
        match &error {
            GateError::Denied { .. } | GateError::NotAuthorized { .. } => Self::of(&error, 403, "AccessDenied"),
            GateError::Undecided { .. } => Self::of(&error, 503, "ServiceUnavailable"),
            GateError::NotRecorded { .. } => Self::not_written(&error),
        }
    }
}
