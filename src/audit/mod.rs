//! The audit log: append-only, hash-chained, begun before an effect and completed after it.
//!
//! Owns what a record says (`record`), the chain ([`chain`]), reading it back ([`tail`]) and the
//! place for what the log could not take (`owed`). Does not own where records lie: the store
//! gives each its number and writes it in the commit it belongs to. Who may read the log is the
//! gate's business.
//!
//! # The order of things
//!
//! [`Audit::begin`] returns when the intent is on disk; only then may the effect happen. An
//! [`Opened`] is the proof of that, so what takes one cannot run unrecorded. It is completed by a
//! commit of its own ([`Opened::complete`]) or inside the effect's commit ([`Opened::complete_in`],
//! [`Opened::commit`]): then effect and record are there together or not at all. What a crash left
//! open is closed as `unknown` at the next start ([`Audit::close_unfinished`]).
//!
//! An effect that is one commit and nothing else needs no record before it: [`Audit::intend`] answers an [`Intended`], whose
//! record is in that commit. There is no moment at which one is there without the other, and one write less to wait for.
//!
//! What only takes access away must not wait for a disk: [`Audit::trace`] never fails.

pub mod chain;
mod event;
mod intended;
mod opened;
mod owed;
pub mod query;
mod record;
mod shared;
pub mod tail;

use std::path::Path;
use std::sync::Arc;

pub use chain::{ChainFault, ChainFaultKind, Head, Verdict, verify};
pub use event::{Event, Outcome, Value};
pub use intended::Intended;
pub use opened::{NotCommitted, Opened, Trace};
pub use owed::Owed;

use crate::base::{Fault, Faulty, Timestamp};
use crate::model::{AccountId, Actor};
use crate::store::{Commit, Intent, Store, StoreError};
use shared::Shared;

/// Why the log could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The store did not take the record, so nothing may happen.
    #[error("nothing was done because it could not be recorded: {0}")]
    NotRecorded(StoreError),
    /// The store could not be read.
    #[error("the audit log cannot be read: {0}")]
    NotRead(#[from] StoreError),
    /// The file for what the log cannot take could not be prepared.
    #[error("cannot prepare {path}, which keeps revocations while the log cannot be written: {why}")]
    Drawer {
        /// The file.
        path: String,
        /// What the system says.
        why: String,
    },
    /// No record could be made of it.
    #[error("no record can be made: {why}")]
    Unwritable {
        /// What is wrong.
        why: String,
    },
}

impl Faulty for AuditError {
    fn fault(&self) -> Fault {
        match self {
            Self::NotRecorded(error) | Self::NotRead(error) => error.fault(),
            Self::Drawer { .. } => Fault::Operator,
            Self::Unwritable { .. } => Fault::Bug,
        }
    }
}

/// Who writes: part of every record.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The home account.
    pub account: AccountId,
    /// Version of this program.
    pub build: String,
    /// Name of this machine.
    pub node: String,
}

/// A handle to the log; clones share it.
#[derive(Clone)]
pub struct Audit {
    shared: Arc<Shared>,
}

impl Audit {
    /// The log in `store`, with reserved space for what it cannot take in the directory `state`.
    ///
    /// # Errors
    /// When the store cannot be read or the reserved space cannot be prepared.
    pub fn open(store: Store, identity: Identity, state: &Path) -> Result<Self, AuditError> {
        Ok(Self { shared: Arc::new(Shared::open(store, identity, state)?) })
    }

    /// Writes down that `actor` is about to do `event`. Durable when it returns. Blocks.
    ///
    /// # Errors
    /// When the record could not be written: then the event must not happen.
    pub fn begin(&self, actor: &Actor, event: &Event, now: Timestamp) -> Result<Opened, AuditError> {
        Opened::begin(Arc::clone(&self.shared), actor, event, now)
    }

    /// Takes note that `actor` is about to do `event`, all of which will be one commit. Nothing is written before that.
    pub fn intend(&self, actor: &Actor, event: &Event, now: Timestamp) -> Intended {
        Intended::new(Arc::clone(&self.shared), actor, event, now)
    }

    /// Writes down an event that is over as it is reported, such as a refusal. Blocks.
    ///
    /// # Errors
    /// When the record could not be written.
    pub fn record(&self, actor: &Actor, event: &Event, outcome: &Outcome, now: Timestamp) -> Result<u64, AuditError> {
        let draft = self.shared.completion(&self.shared.facts(actor, event, now), None, outcome, now)?;
        self.shared.append(Commit::new(actor.clone(), now, Intent::Narrow), draft).map_err(AuditError::NotRecorded)
    }

    /// As [`Audit::record`], for what stays so whether it can be recorded or not, such as a
    /// refusal: never fails, at worst the record is owed. Blocks.
    pub fn note(&self, actor: &Actor, event: &Event, outcome: &Outcome, now: Timestamp) {
        if let Err(error) = self.record(actor, event, outcome, now) {
            tracing::error!(event = %event.name, %error, "the log cannot be written; the record is owed");
            let facts = self.shared.facts(actor, event, now);
            Owed::keep(Arc::clone(&self.shared), facts, actor.clone(), now).complete(outcome, now);
        }
    }

    /// As [`Audit::begin`], for what only takes access away: never fails, because a revocation
    /// must not wait for a disk. Blocks.
    pub fn trace(&self, actor: &Actor, event: &Event, now: Timestamp) -> Trace {
        let event = Event { intent: Intent::Narrow, ..event.clone() };
        match self.begin(actor, &event, now) {
            Ok(opened) => Trace::Opened(opened),
            Err(error) => {
                tracing::error!(event = %event.name, %error, "the log cannot be written; the record is owed");
                let facts = self.shared.facts(actor, &event, now);
                Trace::Owed(Owed::keep(Arc::clone(&self.shared), facts, actor.clone(), now))
            }
        }
    }

    /// Completes as `unknown` what was begun before the log was opened and never completed. Answers
    /// how many there were. What begins meanwhile is not touched. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read or written; call again when it can.
    pub fn close_unfinished(&self, now: Timestamp) -> Result<u64, AuditError> {
        self.shared.close_left_open(now)
    }

    /// Writes down that the store was restored, if it was and the log does not say so yet; answers whether it was. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read or written; call again when it can.
    pub fn tell_of_restore(&self, now: Timestamp) -> Result<bool, AuditError> {
        self.shared.tell_of_restore(now)
    }

    /// Writes what is owed to the log, if anything is. The next record does so too. Blocks.
    ///
    /// # Errors
    /// When the log still cannot be written; then it stays owed.
    pub fn settle_owed(&self, now: Timestamp) -> Result<(), AuditError> {
        self.shared.settle(now).map_err(AuditError::NotRecorded)
    }

    /// From now on, records say that the wall clock lags this many seconds behind the highest time seen.
    pub fn note_clock(&self, behind_seconds: i64) {
        self.shared.note_clock(behind_seconds);
    }

    /// Records still waiting in reserved space.
    #[must_use]
    pub fn owed(&self) -> usize {
        self.shared.drawer.waiting()
    }

    /// The store the log stands in.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.shared.store
    }
}
