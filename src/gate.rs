//! The only yes: may this caller do this operation, now?
//!
//! Owns the list of operations ([`Operation`]), the decision, and the proof [`Authorized`] that an
//! operation needs. A no is written to the audit log; a yes to anything that changes something has
//! its begun record on disk before the proof exists. What an operation does is not decided here.
//!
//! For callers on this machine the decision is the table [`Operation::least`]: operators may do
//! everything, viewers may look at the model but not at the audit log.

use std::fmt;

use crate::audit::{Audit, AuditError, Event, Opened, Outcome, Trace};
use crate::authn::local::Role;
use crate::authn::{Caller, CallerKind};
use crate::base::text::printable;
use crate::base::{Fault, Faulty, Timestamp};
use crate::model::Actor;
use crate::store::{Commit, Committed, Intent, Store, StoreError};

macro_rules! operations {
    ($($(#[doc = $doc:literal])+ $name:ident: $effect:ident, $least:ident;)+) => {
        /// Something a caller can ask for. Named as AWS names things, because audit readers know that style.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operation {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Operation {
            /// All of them, in alphabetical order.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name in audit records.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            const fn effect(self) -> Effect {
                match self { $(Self::$name => Effect::$effect,)+ }
            }

            /// The least role that may do it on this machine.
            const fn least(self) -> Role {
                match self { $(Self::$name => Role::$least,)+ }
            }
        }
    };
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Shows the model.
    Shows,
    /// Shows the audit log, which is itself recorded (PCI DSS 10.2.1.3).
    ShowsTheLog,
    /// Only takes access away, or changes nobody's.
    Narrows,
    /// May give somebody access.
    Widens,
}

operations! {
    /// Apply changes that the guard held.
    ApproveHeldChanges: Widens, Operator;
    /// Try everything a sync of a directory will need.
    CheckDirectory: Shows, Operator;
    /// One group, with its members.
    GetGroup: Shows, Viewer;
    /// How the daemon and its parts are.
    GetHealth: Shows, Viewer;
    /// What was true of a row, and when.
    GetHistory: Shows, Viewer;
    /// One machine, with its groups.
    GetResource: Shows, Viewer;
    /// How the syncs are doing.
    GetSyncStatus: Shows, Viewer;
    /// One person, with the chains of groups.
    GetUser: Shows, Viewer;
    /// The configured directories.
    ListDirectories: Shows, Viewer;
    /// Groups, searched and paged.
    ListGroups: Shows, Viewer;
    /// Changes that the guard holds.
    ListHeldChanges: Shows, Viewer;
    /// Machines, searched and paged.
    ListResources: Shows, Viewer;
    /// People, searched and paged.
    ListUsers: Shows, Viewer;
    /// What a sync would change.
    PreviewSync: Shows, Operator;
    /// Throw changes away that the guard held.
    RefuseHeldChanges: Narrows, Operator;
    /// Delete what came from a directory that is no longer configured.
    RemoveDirectory: Narrows, Operator;
    /// Bring a leaver back, or link a rebuilt account.
    RestoreUser: Widens, Operator;
    /// Read a directory and apply what changed.
    StartSync: Widens, Operator;
    /// Read the audit log.
    TailAudit: ShowsTheLog, Operator;
    /// Check that the audit log is whole.
    VerifyAudit: ShowsTheLog, Operator;
}

impl Operation {
    /// True when it changes nothing.
    #[must_use]
    pub const fn read_only(self) -> bool {
        matches!(self.effect(), Effect::Shows | Effect::ShowsTheLog)
    }

    /// True when doing it leaves an audit record.
    #[must_use]
    pub const fn recorded(self) -> bool {
        !matches!(self.effect(), Effect::Shows)
    }

    /// The decision, as a table.
    #[must_use]
    pub const fn allowed_for(self, caller: CallerKind) -> bool {
        match (caller, self.least()) {
            (CallerKind::Local(Role::Operator), _) | (CallerKind::Local(Role::Viewer), Role::Viewer) => true,
            (CallerKind::Local(Role::Viewer), Role::Operator) => false,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

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
        Self { audit }
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
        let event = event(operation, resource, caller.kind());
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
        tracing::warn!(%caller, %operation, "denied");
        let outcome = Outcome::Denied { message: denied.to_string() };
        self.audit.note(&caller.actor(), event, &outcome, now);
        denied
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
