//! Errors in the words of IAM: codes and statuses that SDKs know.

use crate::admin::AdminError;
use crate::base::{Fault, Faulty};
use crate::gate::GateError;

/// An error as it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IamError {
    /// The HTTP status.
    pub status: u16,
    /// A word for programs.
    pub code: &'static str,
    /// A sentence for people. Of what is our own fault it says nothing.
    pub message: String,
}

impl IamError {
    /// An error with this status and code.
    #[must_use]
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn of(error: &dyn Faulty, status: u16, code: &'static str) -> Self {
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
}

/// Status and code of IAM (API reference, "Errors" of each action) by our own word.
fn wire(code: &'static str) -> (u16, &'static str) {
    match code {
        "NotFound" => (404, "NoSuchEntity"),
        "EntityAlreadyExists" | "DeleteConflict" | "LimitExceeded" | "ConcurrentModification" => (409, code),
        "UnmodifiableEntity" | "MalformedPolicyDocument" | "InvalidInput" | "ValidationError" => (400, code),
        "PasswordPolicyViolation" => (400, code),
        "InvalidAuthenticationCode" | "AccessDenied" => (403, code),
        "ReportNotPresent" | "ReportExpired" => (410, code),
        "ReportInProgress" => (404, code),
        "NotNow" => (409, "EntityTemporarilyUnmodifiable"),
        _ => (503, "ServiceUnavailable"),
    }
}

impl From<AdminError> for IamError {
    fn from(error: AdminError) -> Self {
        let (status, code) = wire(error.code());
        Self::of(&error, status, code)
    }
}

impl From<GateError> for IamError {
    fn from(error: GateError) -> Self {
        match &error {
            GateError::Denied { .. } | GateError::NotAuthorized { .. } => Self::of(&error, 403, "AccessDenied"),
            GateError::Undecided { .. } | GateError::NotRecorded { .. } => Self::of(&error, 503, "ServiceUnavailable"),
        }
    }
}
