//! Why there is no yes.

use super::operation::Operation;
use super::refusal::Refusal;
use crate::audit::AuditError;
use crate::base::{Fault, Faulty};

/// Why there is no yes.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The caller may not do it.
    #[error("{caller} may not do {operation}; {needs}")]
    Denied {
        /// Who asked.
        caller: String,
        /// For what.
        operation: Operation,
        /// What it would take.
        needs: &'static str,
        /// What was known of the question, of somebody whom policies know.
        refusal: Option<Box<Refusal>>,
    },
    /// Policies do not let the caller do it. The words are those that AWS has for it, since programs look for them.
    #[error("User: {caller} is not authorized to perform: {action} on resource: {resource} {because}")]
    NotAuthorized {
        /// Who asked.
        caller: String,
        /// For what.
        action: String,
        /// To what.
        resource: String,
        /// Why not: the layer, and the statement if one denies it.
        because: String,
        /// What was known of the question.
        refusal: Option<Box<Refusal>>,
    },
    /// Whether the caller may cannot be found out, so it may not.
    #[error("whether that is allowed cannot be decided: {why}")]
    Undecided {
        /// Why.
        why: String,
        /// Whose fault that is.
        fault: Fault,
    },
    /// The caller may, but it cannot be recorded, so it may not happen.
    #[error("{operation}: {why}")]
    NotRecorded {
        /// What was asked.
        operation: Operation,
        /// Why it cannot be recorded.
        why: AuditError,
    },
}

impl GateError {
    /// What was known of the question that was answered by a no, of somebody whom policies know.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Denied { refusal, .. } | Self::NotAuthorized { refusal, .. } => refusal.as_deref(),
            Self::Undecided { .. } | Self::NotRecorded { .. } => None,
        }
    }
}

impl Faulty for GateError {
    fn fault(&self) -> Fault {
        match self {
            Self::Denied { .. } | Self::NotAuthorized { .. } => Fault::Caller,
            Self::Undecided { fault, .. } => *fault,
            Self::NotRecorded { why, .. } => why.fault(),
        }
    }
}
