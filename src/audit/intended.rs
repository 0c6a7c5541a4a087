//! An event whose whole effect is one commit: its record is in that commit, so one is never there without the other.

use std::sync::Arc;

use super::Outcome;
use super::record::Facts;
use super::shared::Shared;
use crate::base::Timestamp;
use crate::model::Actor;
use crate::store::{Commit, Committed, Intent, StoreError};

/// What somebody is about to do in one commit. Nothing of it is written yet, and nothing of it happens without
/// [`Intended::commit`].
#[must_use = "what was intended has to be carried out or completed as failed"]
pub struct Intended {
    shared: Arc<Shared>,
    facts: Facts,
    actor: Actor,
}

impl Intended {
    pub(super) fn new(shared: Arc<Shared>, actor: &Actor, event: &super::Event, now: Timestamp) -> Self {
        let facts = shared.facts(actor, event, now);
        Self { shared, facts, actor: actor.clone() }
    }

    /// Carries out `commit` with the record in it; both are on disk when it returns. Blocks.
    ///
    /// # Errors
    /// When nothing was written; the intent comes back, to be tried again or completed.
    pub fn commit(
        self,
        commit: Commit,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Committed, Box<(StoreError, Self)>> {
        let done = match self.shared.completion(&self.facts, None, outcome, now) {
            Ok(draft) => self.shared.commit(commit, draft),
            Err(error) => Err(StoreError::Broken { why: error.to_string() }),
        };
        match done {
            Ok(committed) => {
                // The commit has happened, whatever its numbers look like.
                let _ = self.shared.noted(&committed);
                Ok(committed)
            }
            Err(error) => Err(Box::new((error, self))),
        }
    }

    /// Writes down how it ended without a commit, if there is room for more than what takes access away. Blocks.
    ///
    /// Nothing has happened, so no record is owed: a full disk keeps what is set aside for ends, and does not spend it on what
    /// clients try again and again. The text log has it.
    pub fn complete(self, outcome: &Outcome, now: Timestamp) {
        let commit = Commit::new(self.actor.clone(), now, Intent::Widen);
        let written = match self.shared.completion(&self.facts, None, outcome, now) {
            Ok(draft) => self.shared.append(commit, draft).map(drop).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = written {
            let (event, outcome) = (self.facts.name(), outcome.word());
            tracing::error!(event, outcome, actor = %self.actor, %error, "what did not happen is not recorded");
        }
    }

    /// What follows from a commit that failed. Only where it is certain that it did not happen is that written down: otherwise
    /// its own record, which is there if it is, says what is so. Blocks.
    pub fn failed(self, error: &StoreError, now: Timestamp) {
        match error {
            StoreError::Conflict { .. } => self.complete(&Outcome::failed("NotCommitted", error), now),
            error => {
                let event = self.facts.name();
                tracing::error!(event, actor = %self.actor, %error, "it was not carried out, as far as is known");
            }
        }
    }
}
