//! The proof of a yes, and how what it allowed ends: its record is closed by whoever acts, in one act with what they did where that
//! can be. This file alone makes one.

use super::operation::Effect;
use super::{Asking, Gate, GateError, Granted, Operation};
use crate::audit::{Event, Outcome, Trace};
use crate::authn::{Caller, CallerKind};
use crate::base::Timestamp;
use crate::base::text::printable;
use crate::model::Actor;
use crate::store::{Commit, Committed, Store, StoreError};

/// Proof of a yes. Holds what was asked, so that the one who acts takes the operation from the
/// proof and not from beside it. Never copied.
#[must_use = "an operation that was allowed has to be carried out or completed as failed"]
pub struct Authorized {
    caller: Caller,
    operation: Operation,
    resource: String,
    granted: Option<Granted>,
    mfa: Option<Timestamp>,
    at: Timestamp,
    trace: Option<Trace>,
}

impl Gate {
    /// The proof of a yes, with its record begun.
    pub(super) fn proven(
        &self,
        caller: Caller,
        operation: Operation,
        resource: &str,
        (asking, event, granted): (&Asking, &Event, Option<Granted>),
        now: Timestamp,
    ) -> Result<Authorized, GateError> {
        let actor = caller.actor();
        let trace = match operation.effect() {
            // Each use of root is written down, and of that of the home account said aloud.
            Effect::Shows if !matches!(caller.kind(), CallerKind::Root | CallerKind::AssumedRoot) => None,
            Effect::Shows | Effect::ShowsTheLog | Effect::Narrows => Some(self.audit.trace(&actor, event, now)),
            Effect::Mints => Some(Trace::Intended(self.audit.intend(&actor, event, now))),
            Effect::Widens => {
                let opened = self.audit.begin(&actor, event, now);
                Some(Trace::Opened(opened.map_err(|error| GateError::NotRecorded { operation, why: error })?))
            }
        };
        if caller.kind() == CallerKind::Root {
            tracing::warn!(%operation, resource = %printable(resource), "root is in use");
        }
        Ok(Authorized { caller, operation, resource: resource.to_owned(), granted, mfa: asking.mfa, at: now, trace })
    }
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

    /// By which way a session may begin, and what was asked for.
    #[must_use]
    pub fn granted(&self) -> Option<&Granted> {
        self.granted.as_ref()
    }

    /// When a second factor was shown with this very request.
    #[must_use]
    pub fn mfa(&self) -> Option<Timestamp> {
        self.mfa
    }

    /// When.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Who asks.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
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

    /// As [`Authorized::commit`], for whoever tries again when somebody else was faster. Blocks.
    ///
    /// # Errors
    /// When nothing was written; the yes comes back, its record still open.
    pub fn try_commit(
        mut self,
        store: &Store,
        commit: Commit,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Committed, Box<(StoreError, Self)>> {
        let tried = match self.trace.take() {
            Some(trace) => trace.try_commit(store, commit, outcome, now).map_err(|not| {
                let (error, trace) = *not;
                (error, Some(trace))
            }),
            None => store.commit(commit).map_err(|error| (error, None)),
        };
        tried.map_err(|(error, trace)| {
            self.trace = trace;
            Box::new((error, self))
        })
    }

    /// What follows from a commit that failed and is not tried again: it is recorded where that is certain. Blocks.
    pub fn failed(mut self, error: &StoreError, now: Timestamp) {
        if let Some(trace) = self.trace.take() {
            trace.failed(error, now);
        }
    }
}
