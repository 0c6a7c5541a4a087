//! The only yes: may this caller do this operation, now?
//!
//! Owns the list of operations ([`Operation`]), the decision, and the proof [`Authorized`] that an
//! operation needs. A no is written to the audit log; a yes to anything that changes something has
//! its begun record on disk before the proof exists. What an operation does is not decided here.
//!
//! For callers on this machine the decision is the table `Operation::least`: operators may do
//! everything, viewers may look at the model but not at the audit log.

mod denials;
mod operation;

use std::fmt;
use std::sync::Arc;

pub use operation::Operation;

use crate::audit::{Audit, AuditError, Event, Opened, Outcome, Trace};
use crate::authn::local::{Role, StrangerError};
use crate::authn::{Caller, CallerKind};
use crate::base::text::printable;
use crate::base::{Fault, Faulty, Timestamp};
use crate::model::Actor;
use crate::store::{Commit, Committed, Intent, Store, StoreError};
use denials::Denials;
use operation::Effect;

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

impl Faulty for GateError {
    fn fault(&self) -> Fault {
        match self {
            Self::Denied { .. } => Fault::Caller,
            Self::NotRecorded { why, .. } => why.fault(),
        }
    }
}

/// Decides.
#[derive(Clone)]
pub struct Gate {
    audit: Audit,
    denials: Arc<Denials>,
}

/// Proof of a yes. Holds what was asked, so that the one who acts takes the operation from the
/// proof and not from beside it. Never copied.
#[must_use = "an operation that was allowed has to be carried out or completed as failed"]
pub struct Authorized {
    caller: Caller,
    operation: Operation,
    resource: String,
    at: Timestamp,
    trace: Option<Trace>,
}

impl Gate {
    /// A gate that writes to `audit`.
    #[must_use]
    pub fn new(audit: Audit) -> Self {
        Self { audit, denials: Arc::default() }
    }

    /// Whether `caller` may do `operation` to `resource` (a name, a digest, or empty) at `now`.
    /// Durable audit records are written on the way, so it blocks.
    ///
    /// # Errors
    /// When the caller may not, or when it cannot be recorded.
    pub fn authorize(
        &self,
        caller: Caller,
        operation: Operation,
        resource: &str,
        now: Timestamp,
    ) -> Result<Authorized, GateError> {
        self.authorize_about(caller, operation, resource, &[], now)
    }

    /// As [`Gate::authorize`], with more that the record is to say of what is asked: names and values, never secrets.
    ///
    /// # Errors
    /// When the caller may not, or when it cannot be recorded.
    pub fn authorize_about(
        &self,
        caller: Caller,
        operation: Operation,
        resource: &str,
        about: &[(&'static str, String)],
        now: Timestamp,
    ) -> Result<Authorized, GateError> {
        let mut event = event(operation, resource, caller.kind());
        for (name, value) in about {
            event = event.with(name, printable(value).into_owned());
        }
        if !operation.allowed_for(caller.kind()) {
            return Err(self.deny(&caller, operation, &event, now));
        }
        let actor = caller.actor();
        let trace = match operation.effect() {
            Effect::Shows => None,
            Effect::ShowsTheLog | Effect::Narrows => Some(self.audit.trace(&actor, &event, now)),
            Effect::Widens => {
                let opened = self.audit.begin(&actor, &event, now);
                Some(Trace::Opened(opened.map_err(|error| GateError::NotRecorded { operation, why: error })?))
            }
        };
        Ok(Authorized { caller, operation, resource: resource.to_owned(), at: now, trace })
    }

    fn deny(&self, caller: &Caller, operation: Operation, event: &Event, now: Timestamp) -> GateError {
        let denied = GateError::Denied {
            caller: caller.to_string(),
            operation,
            needs: match operation.least() {
                Role::Operator => "it takes an operator of this machine",
                Role::Viewer => "it takes a viewer of this machine",
            },
        };
        self.note_denial(&caller.actor(), event, &denied, now);
        denied
    }

    /// Writes down that somebody without any role asked for `operation`. Blocks.
    pub fn turn_away(&self, stranger: &StrangerError, operation: Operation, now: Timestamp) {
        let event = Event::reading(operation.name()).with("caller", "stranger");
        self.note_denial(&Actor::Local { uid: stranger.uid() }, &event, stranger, now);
    }

    /// Writes down how many denials were passed over, once their minute is over. Blocks.
    pub fn settle_denials(&self, now: Timestamp) {
        for (actor, count) in self.denials.settle(now) {
            self.note_passed_over(&actor, count, now);
        }
    }

    fn note_denial(&self, actor: &Actor, event: &Event, why: &dyn fmt::Display, now: Timestamp) {
        let Some(passed_over) = self.denials.admit(actor, now) else { return };
        self.note_passed_over(actor, passed_over, now);
        tracing::warn!(%actor, operation = %event.name, "denied");
        self.audit.note(actor, event, &Outcome::Denied { message: why.to_string() }, now);
    }

    fn note_passed_over(&self, actor: &Actor, count: u64, now: Timestamp) {
        if count > 0 {
            tracing::warn!(%actor, count, "denied so often that not each was recorded");
            let event = Event::reading("DenialsNotRecorded").with("count", count);
            self.audit.note(actor, &event, &Outcome::success(), now);
        }
    }
}

fn event(operation: Operation, resource: &str, caller: CallerKind) -> Event {
    let event = match operation.effect() {
        Effect::Shows | Effect::ShowsTheLog => Event::reading(operation.name()),
        Effect::Narrows => Event::narrowing(operation.name()),
        Effect::Widens => Event { intent: Intent::Widen, ..Event::new(operation.name()) },
    };
    let event = event.with("caller", caller.to_string());
    if resource.is_empty() { event } else { event.with("resource", printable(resource).into_owned()) }
}

impl Authorized {
    /// What was allowed.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// To what.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// When.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Who is behind it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.caller.actor()
    }

    /// Number of the begun audit record; goes into the commits of the operation.
    #[must_use]
    pub fn audit_seq(&self) -> Option<u64> {
        self.trace.as_ref().and_then(Trace::seq)
    }

    /// Writes down how it ended, where the operation is recorded at all. Blocks.
    pub fn complete(mut self, outcome: &Outcome, now: Timestamp) {
        if let Some(trace) = self.trace.take() {
            trace.complete(outcome, now);
        }
    }

    /// Carries out `commit` and writes down how it ended, in one act where that can be. Blocks.
    ///
    /// # Errors
    /// When nothing was written; the failure is recorded.
    pub fn commit(
        mut self,
        store: &Store,
        commit: Commit,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Committed, StoreError> {
        match self.trace.take() {
            Some(trace) => trace.commit(store, commit, outcome, now),
            None => store.commit(commit),
        }
    }

    /// The open record, for operations that take long and complete it themselves. `None` when the
    /// operation only shows something, or its record is owed.
    #[must_use]
    pub fn into_opened(mut self) -> Option<Opened> {
        match self.trace.take() {
            Some(Trace::Opened(opened)) => Some(opened),
            _ => None,
        }
    }
}
