//! An event that was begun: the proof that its record is on disk, and the ways to complete it.

use std::sync::Arc;

use uuid::Uuid;

use super::record::Facts;
use super::shared::{self, Shared};
use super::{AuditError, Event, Intended, Outcome, Owed};
use crate::base::Timestamp;
use crate::model::Actor;
use crate::store::{Commit, Committed, Intent, Store, StoreError, schema};

/// Proof that a durable "begun" record stands in the log.
///
/// Made by [`super::Audit::begin`] alone; never copied, never read from anywhere.
#[must_use = "an event that was begun has to be completed"]
pub struct Opened {
    shared: Arc<Shared>,
    facts: Facts,
    actor: Actor,
    seq: u64,
    completed: bool,
}

/// A commit that did not happen, with the record that is still open.
pub struct NotCommitted {
    /// Why.
    pub error: StoreError,
    /// Still open: try again with it, or complete it as failed.
    pub opened: Opened,
}

/// What an event leaves in the log until it is over: a record, the promise of one, or the intent to write it with the effect.
#[must_use = "an event that was begun has to be completed"]
pub enum Trace {
    /// Its record goes into the one commit that it is.
    Intended(Intended),
    /// The log took it.
    Opened(Opened),
    /// The log could not be written; it is kept in reserved space and written first later.
    Owed(Owed),
}

impl Opened {
    /// The one constructor: an [`Opened`] exists only behind a commit that is on disk.
    pub(super) fn begin(shared: Arc<Shared>, actor: &Actor, event: &Event, now: Timestamp) -> Result<Self, AuditError> {
        let facts = shared.facts(actor, event, now);
        let draft = shared.beginning(&facts)?;
        let mut commit = Commit::new(actor.clone(), now, event.intent);
        commit.put(mark_key(facts.event()), shared::mark(facts.event(), shared.seen()));
        let seq = shared.append(commit, draft).map_err(AuditError::NotRecorded)?;
        Ok(Self { shared, facts, actor: actor.clone(), seq, completed: false })
    }

    /// Number of the begun record. Goes into the effect's commits.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Id that ties the begun and the completed record together.
    #[must_use]
    pub fn event_id(&self) -> Uuid {
        self.facts.event()
    }

    /// Who is behind it.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Writes down how it ended, in a commit of its own. Blocks.
    ///
    /// The effect has happened, so there is no error to answer: what cannot be written now is owed.
    pub fn complete(mut self, outcome: &Outcome, now: Timestamp) {
        let mut commit = Commit::new(self.actor.clone(), now, Intent::Narrow);
        let written = self.ride(&mut commit, outcome, now).and_then(|()| {
            let committed = self.shared.store.commit(commit).map_err(AuditError::NotRecorded)?;
            self.shared.noted(&committed).map_err(AuditError::NotRecorded)
        });
        self.completed = true;
        if let Err(error) = written {
            tracing::error!(event = self.facts.name(), seq = self.seq, %error, "the end of an event could not be recorded; the record is owed");
            let kept = Owed::keep_completion(Arc::clone(&self.shared), &self.facts, self.seq, outcome, now);
            if !kept {
                tracing::error!(
                    event = self.facts.name(),
                    seq = self.seq,
                    "it will be closed as unknown at the next start"
                );
            }
        }
    }

    /// Makes `commit` carry the completed record, so that effect and record are there together
    /// or not at all. If the commit fails the record stays open and is closed as `unknown` at the
    /// next start; where that can be foreseen, [`Opened::commit`] keeps the proof.
    pub fn complete_in(mut self, commit: &mut Commit, outcome: &Outcome, now: Timestamp) {
        if let Err(error) = self.ride(commit, outcome, now) {
            tracing::error!(event = self.facts.name(), seq = self.seq, %error, "the record stays open");
        }
        self.completed = true;
    }

    /// Carries out `commit` together with the completed record; durable when it returns. Blocks.
    ///
    /// # Errors
    /// When nothing was written; the record is still open and comes back.
    pub fn commit(
        mut self,
        mut commit: Commit,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Committed, Box<NotCommitted>> {
        let done = match self.ride(&mut commit, outcome, now) {
            Ok(()) => self.shared.store.commit(commit),
            Err(error) => Err(StoreError::Broken { why: error.to_string() }),
        };
        match done {
            Ok(committed) => {
                self.completed = true;
                // The commit has happened, whatever its numbers look like.
                let _ = self.shared.noted(&committed);
                Ok(committed)
            }
            Err(error) => Err(Box::new(NotCommitted { error, opened: self })),
        }
    }

    fn ride(&self, commit: &mut Commit, outcome: &Outcome, now: Timestamp) -> Result<(), AuditError> {
        let draft = self.shared.completion(&self.facts, Some(self.seq), outcome, now)?;
        commit.audit = Some(self.seq);
        commit.delete(mark_key(self.facts.event()));
        commit.append(move |link| draft.seal(link));
        Ok(())
    }
}

/// The row that marks an event as open. The last eight bytes of a version 7 UUID are random.
fn mark_key(id: Uuid) -> Vec<u8> {
    schema::open_log(id.as_u64_pair().1)
}

impl Drop for Opened {
    fn drop(&mut self) {
        if !self.completed {
            let (event, seq) = (self.facts.name(), self.seq);
            tracing::warn!(
                event,
                seq,
                "an event was begun and never completed; it will be closed as unknown at the next start"
            );
        }
    }
}

impl Trace {
    /// Number of the begun record, if there is one.
    #[must_use]
    pub fn seq(&self) -> Option<u64> {
        match self {
            Self::Opened(opened) => Some(opened.seq()),
            Self::Intended(_) | Self::Owed(_) => None,
        }
    }

    /// Writes down how it ended. Blocks.
    pub fn complete(self, outcome: &Outcome, now: Timestamp) {
        match self {
            Self::Intended(intended) => intended.complete(outcome, now),
            Self::Opened(opened) => opened.complete(outcome, now),
            Self::Owed(owed) => owed.complete(outcome, now),
        }
    }

    /// Carries out `commit` and writes down how it ended. Blocks.
    ///
    /// # Errors
    /// When nothing was written; the failure is recorded.
    pub fn commit(
        self,
        store: &Store,
        commit: Commit,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Committed, StoreError> {
        self.try_commit(store, commit, outcome, now).map_err(|not| {
            let (error, trace) = *not;
            trace.failed(&error, now);
            error
        })
    }

    /// What follows from a commit that failed: it is recorded where that is certain. Blocks.
    pub fn failed(self, error: &StoreError, now: Timestamp) {
        match self {
            Self::Intended(intended) => intended.failed(error, now),
            other => other.complete(&Outcome::failed("NotCommitted", error), now),
        }
    }

    /// As [`Trace::commit`], for whoever tries again when somebody else was faster. Blocks.
    ///
    /// # Errors
    /// When nothing was written; the record is still open and comes back.
    pub fn try_commit(
        self,
        store: &Store,
        commit: Commit,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Committed, Box<(StoreError, Self)>> {
        match self {
            Self::Intended(intended) => {
                intended.commit(commit, outcome, now).map_err(|not| Box::new((not.0, Self::Intended(not.1))))
            }
            Self::Opened(opened) => {
                opened.commit(commit, outcome, now).map_err(|not| Box::new((not.error, Self::Opened(not.opened))))
            }
            Self::Owed(owed) => match store.commit(commit) {
                Ok(committed) => {
                    owed.complete(outcome, now);
                    Ok(committed)
                }
                Err(error) => Err(Box::new((error, Self::Owed(owed)))),
            },
        }
    }
}
