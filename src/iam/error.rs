//! What goes wrong with operations, in the words of IAM: codes and statuses that SDKs know.

use crate::admin::AdminError;
use crate::query::QueryError;

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

impl From<AdminError> for QueryError {
    fn from(error: AdminError) -> Self {
        let (status, code) = wire(error.code());
        Self::of(&error, status, code)
    }
}
