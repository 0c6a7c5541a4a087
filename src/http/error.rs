//! The one place that decides what outsiders learn of an error.
//!
//! The fault decides the status and the log level; the answer is `{"error":{code,message,fault}}`.
//! Our own bugs are told in the log and not in the answer, and no answer carries a chain of causes.

use axum::Json;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{HeaderValue, WWW_AUTHENTICATE};
use serde::{Deserialize, Serialize};

use super::request::Told;
use crate::admin::AdminError;
use crate::admin::iam::reports::ReportError;
use crate::audit::AuditError;
use crate::authn::local::StrangerError;
use crate::base::text::printable_within;
use crate::base::{Fault, Faulty};
use crate::gate::GateError;
use crate::store::StoreError;
use crate::sync::SyncError;

/// An error, as answers carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicError {
    /// A word for programs, such as `AccessDenied`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// Who has to act: `caller`, `directory`, `operator` or `bug`.
    pub fault: String,
    /// What the request was called: `bailey explain` says more of a refusal by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// An error on its way out.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    public: PublicError,
    /// How one has to show who one is, where the status says that one has not (RFC 9110, section 11.6.1).
    challenge: Option<&'static str>,
}

/// Longest message of an answer, in characters.
const LONGEST_MESSAGE: usize = 4_096;

impl Failure {
    /// The answer to any error, by its fault alone. Logs it.
    pub fn of(error: &dyn Faulty) -> Self {
        let (status, code) = match error.fault() {
            Fault::Caller => (StatusCode::BAD_REQUEST, "InvalidRequest"),
            Fault::Directory => (StatusCode::BAD_GATEWAY, "DirectoryFailure"),
            Fault::Operator => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
            Fault::Bug => (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure"),
        };
        Self::coded(error, status, code)
    }

    /// The answer to an error with a code and status of its own. Logs it.
    pub fn coded(error: &dyn Faulty, status: StatusCode, code: &'static str) -> Self {
        let fault = error.fault();
        match fault {
            Fault::Caller => tracing::debug!(%error, code, "refused"),
            Fault::Directory | Fault::Operator => tracing::warn!(%error, code, "failed"),
            Fault::Bug => tracing::error!(%error, code, "failed"),
        }
        let message = if fault == Fault::Bug { BUG.to_owned() } else { error.to_string() };
        Self::new(status, code, &message, fault)
    }

    /// There is no such thing.
    #[must_use]
    pub fn not_found(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", message, Fault::Caller)
    }

    /// Nobody is signed in for applications here.
    #[must_use]
    pub fn no_single_sign_on() -> Self {
        Self::not_found("single sign-on is off here: the configuration names no issuer")
    }

    /// The request is not one we can read.
    #[must_use]
    pub fn invalid(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidRequest", message, Fault::Caller)
    }

    pub(super) fn new(status: StatusCode, code: &'static str, message: &str, fault: Fault) -> Self {
        let message = printable_within(message, LONGEST_MESSAGE).into_owned();
        let public = PublicError { code: code.to_owned(), message, fault: word(fault).to_owned(), request_id: None };
        Self { status, public, challenge: None }
    }

    /// Something of ours broke; `what` goes to the log alone.
    pub(super) fn bug(what: &str) -> Self {
        tracing::error!(what, "failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", BUG, Fault::Bug)
    }

    /// The same for somebody who has not shown who they are, and how that is done.
    #[must_use]
    pub(super) fn challenging(self, challenge: &'static str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, challenge: Some(challenge), ..self }
    }

    /// The status of the answer.
    pub(super) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// What outsiders learn.
    #[must_use]
    pub fn public(&self) -> &PublicError {
        &self.public
    }

    /// The body of the answer.
    pub(super) fn body(&self) -> serde_json::Value {
        serde_json::json!({ "error": self.public })
    }
}

/// All that is said of our own mistakes.
const BUG: &str = "something went wrong inside; the daemon's log says what";

fn word(fault: Fault) -> &'static str {
    match fault {
        Fault::Caller => "caller",
        Fault::Directory => "directory",
        Fault::Operator => "operator",
        Fault::Bug => "bug",
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = self.body();
        let mut answer = (self.status, Json(&body)).into_response();
        answer.extensions_mut().insert(Told::Error(body));
        let challenge = self.challenge.map(|challenge| (WWW_AUTHENTICATE, HeaderValue::from_static(challenge)));
        answer.headers_mut().extend(challenge);
        answer
    }
}

impl From<GateError> for Failure {
    fn from(error: GateError) -> Self {
        match error {
            GateError::NotAuthorized { .. } | GateError::Denied { .. } => {
                Self::coded(&error, StatusCode::FORBIDDEN, "AccessDenied")
            }
            GateError::Undecided { .. } | GateError::NotRecorded { .. } => Self::of(&error),
        }
    }
}

impl From<StrangerError> for Failure {
    fn from(error: StrangerError) -> Self {
        Self::coded(&error, StatusCode::FORBIDDEN, "AccessDenied")
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::coded(&error, StatusCode::CONFLICT, "ConcurrentModification"),
            StoreError::BeyondHistory { .. } => Self::coded(&error, StatusCode::GONE, "BeyondHistory"),
            StoreError::Full { .. } => Self::coded(&error, StatusCode::INSUFFICIENT_STORAGE, "StorageFull"),
            StoreError::Corrupt { .. } | StoreError::CannotOpen { .. } | StoreError::Broken { .. } => Self::of(&error),
        }
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::NotFound { .. } | AdminError::NoSuchDirectory { .. } | AdminError::NoSuch { .. } => {
                Self::coded(&error, StatusCode::NOT_FOUND, error.code())
            }
            AdminError::NotNow { .. }
            | AdminError::Unasked(_)
            | AdminError::Exists { .. }
            | AdminError::DeleteConflict { .. }
            | AdminError::LimitExceeded { .. } => Self::coded(&error, StatusCode::CONFLICT, error.code()),
            AdminError::Unmodifiable { .. }
            | AdminError::MalformedPolicy { .. }
            | AdminError::Policy(_)
            | AdminError::Request(_)
            | AdminError::Tag(_)
            | AdminError::Oidc(_)
            | AdminError::Saml(_)
            | AdminError::Client(_)
            | AdminError::SamlSp(_)
            | AdminError::SamlMetadata(_)
            | AdminError::Unfetched(_) => Self::coded(&error, StatusCode::BAD_REQUEST, error.code()),
            AdminError::Report(ReportError::InProgress) => Self::coded(&error, StatusCode::CONFLICT, error.code()),
            AdminError::Report(_) => Self::coded(&error, StatusCode::GONE, error.code()),
            AdminError::Sync(error) => error.into(),
            AdminError::Store(error) => error.into(),
            AdminError::Audit(error) => error.into(),
            AdminError::PasswordPolicy { .. } | AdminError::Rules(_) => {
                Self::coded(&error, StatusCode::BAD_REQUEST, error.code())
            }
            AdminError::WrongPassword | AdminError::WrongCode { .. } | AdminError::StepUp { .. } => {
                Self::coded(&error, StatusCode::FORBIDDEN, error.code())
            }
            AdminError::Passkey(ref inner) if inner.fault() == Fault::Caller => {
                Self::coded(&error, StatusCode::FORBIDDEN, error.code())
            }
            AdminError::Passkey(_) => Self::coded(&error, StatusCode::SERVICE_UNAVAILABLE, "KeysUnavailable"),
            AdminError::Password(_) => Self::coded(&error, StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
            AdminError::Keys(_) => Self::coded(&error, StatusCode::SERVICE_UNAVAILABLE, "KeysUnavailable"),
            AdminError::OutOfBounds { .. } | AdminError::Directory(_) | AdminError::Export(_) => Self::of(&error),
        }
    }
}

impl From<SyncError> for Failure {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::NoSuchHeld { .. } => Self::coded(&error, StatusCode::NOT_FOUND, "NotFound"),
            SyncError::Superseded { .. } => Self::coded(&error, StatusCode::CONFLICT, "ConcurrentModification"),
            SyncError::OtherDomain { .. } => Self::coded(&error, StatusCode::CONFLICT, "OtherDomain"),
            SyncError::Store(error) => error.into(),
            SyncError::Audit(error) => error.into(),
            SyncError::Directory(_) | SyncError::Work { .. } | SyncError::Stopping | SyncError::Bug(_) => {
                Self::of(&error)
            }
        }
    }
}

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::NotRead(error) => error.into(),
            AuditError::NotRecorded(_) | AuditError::Drawer { .. } | AuditError::Unwritable { .. } => Self::of(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fault_decides_and_our_mistakes_stay_inside() {
        let full = StoreError::Full { path: "/var/lib/bailey".into() };
        let broken = StoreError::Broken { why: "pagecache: slot 7 of segment 3".to_owned() };
        for (error, status, code, said) in [
            (full, 507, "StorageFull", "free some space"),
            (broken, 500, "InternalFailure", "the daemon's log"),
            (StoreError::Conflict { what: "user/x".to_owned() }, 409, "ConcurrentModification", "user/x"),
        ] {
            let failure = Failure::from(error);
            assert_eq!((failure.status.as_u16(), failure.public.code.as_str()), (status, code));
            assert!(failure.public.message.contains(said), "{}", failure.public.message);
            assert!(!failure.public.message.contains("slot 7"));
        }
    }

    #[test]
    fn an_answer_quotes_nothing_that_moves_a_cursor() {
        let failure = Failure::not_found("no user `\u{1b}[2J\n`");
        assert!(!failure.public.message.chars().any(crate::base::text::hidden));
    }
}
