//! Carries a cleared plan out: in batches, what narrows before what widens, the cursor with the last.
//!
//! Every batch is one commit of the store, tied to the one before through the directory's state row:
//! when anyone else has touched the directory's rows, the rest is refused and planned anew. A crash
//! between batches leaves a state that the next plan completes; the cursor has not moved, so nothing
//! is skipped.

use std::collections::HashMap;

use super::change::{Act, Change, Rule};
use super::error::SyncError;
use super::guard::{Cleared, Verdict};
use super::held::HeldSet;
use super::names::Settled;
use super::pipeline::{Pipeline, Worked, expected};
use super::progress::Progress;
use super::settings::Settings;
use super::state::{SyncState, Window};
use super::written::{Before, Written};
use crate::audit::{Opened, Outcome};
use crate::base::Timestamp;
use crate::model::Actor;
use crate::store::{Commit, Intent, Revision, Snapshot, Store, StoreError, schema};

/// Changes a commit. Large enough that a disk flush is shared by many, small enough that nobody waits long.
const BATCH: usize = 3_000;

/// What carrying out a plan did.
#[derive(Debug, Default)]
pub struct Applied {
    /// The revision of the last commit.
    pub revision: Revision,
    /// Changes carried out.
    pub applied: u64,
    /// Changes held back until somebody decides.
    pub held: u64,
    /// Changes that stay undone because somebody refused them.
    pub refused: u64,
}

/// Carries out one plan.
pub struct Apply<'a> {
    /// The store to write to.
    pub store: &'a Store,
    /// The directory's rules.
    pub settings: &'a Settings,
    /// Who is behind it.
    pub actor: &'a Actor,
    /// The directory's state until the last commit.
    pub before: SyncState,
    /// The directory's state from the last commit on. Totals and the guard's window grow in both as changes are applied.
    pub after: SyncState,
    /// The present.
    pub now: Timestamp,
}

impl Apply<'_> {
    /// Carries out `cleared`, recorded under `opened`. `settled` says who gets which name, `held` takes what the guard holds.
    ///
    /// # Errors
    /// When the store fails or the directory's rows changed meanwhile. What was committed stays.
    pub fn run(
        self,
        cleared: Cleared,
        settled: &Settled,
        held: &mut HeldSet,
        opened: Opened,
        progress: &mut dyn Progress,
    ) -> Result<Applied, SyncError> {
        let (mut plan, verdict) = cleared.into_parts();
        let audit = opened.seq();
        let total = plan.len();
        let key = schema::sync_state(&self.settings.label, "state");
        let worked = Pipeline::run(self.store, &key, plan.made_from, |pipeline| {
            let mut writer = Writer {
                written: Written::new(&self.settings.label, settled, plan.totals),
                window: self.after.window.clone(),
                batched: 0,
                widens: false,
                narrowed: HashMap::from([(Rule::Emptied, verdict.emptied), (Rule::Rights, verdict.rights_lost)]),
                applied: Applied::default(),
                audit,
                pipeline,
                run: &self,
            };
            plan.for_each(|change| {
                if verdict.refuses(&change) {
                    held.refused(&change);
                    writer.applied.refused += 1;
                    return Ok(());
                }
                if verdict.holds(&change) {
                    held.push(&change)?;
                    writer.applied.held += 1;
                    return Ok(());
                }
                writer.count(&change, &verdict);
                writer.change(change)?;
                progress.applied(writer.applied.applied, total);
                Ok::<_, SyncError>(())
            })?;
            writer.last_commit(held)
        });
        let finished = worked.and_then(|Worked { result: (mut commit, applied), revision }| {
            held.finish(&mut commit)?;
            commit.expect(key, expected(revision));
            Ok((commit, applied))
        });
        self.finish(finished, opened)
    }

    /// The last commit, together with the end of the audit record.
    fn finish(&self, finished: Result<(Commit, Applied), SyncError>, opened: Opened) -> Result<Applied, SyncError> {
        let (commit, applied) = match finished {
            Ok(finished) => finished,
            Err(error) => {
                let error = superseded(error, self.settings);
                opened.complete(&Outcome::failed("NotApplied", &error), self.now);
                return Err(error);
            }
        };
        match opened.commit(commit, &outcome(&applied), self.now) {
            Ok(committed) => Ok(Applied { revision: committed.revision, ..applied }),
            Err(not) => {
                let error = superseded(not.error.into(), self.settings);
                not.opened.complete(&Outcome::failed("NotCommitted", &error), self.now);
                Err(error)
            }
        }
    }
}

fn outcome(applied: &Applied) -> Outcome {
    Outcome::success().with("applied", applied.applied).with("held", applied.held + applied.refused)
}

/// What a change uses up of the guard's limits once it has happened. As many memberships as they had go with
/// whoever disappears; that is one deletion all the same.
fn counts_under(change: &Change) -> Option<Rule> {
    change.rule.filter(|rule| *rule != Rule::Deletion || !matches!(change.act, Act::Leave { .. }))
}

/// What a commit's error means for a run.
pub(super) fn superseded(error: SyncError, settings: &Settings) -> SyncError {
    match error {
        SyncError::Store(StoreError::Conflict { .. }) => SyncError::Superseded { label: settings.label.to_string() },
        other => other,
    }
}

/// Commits changes, a batch at a time.
struct Writer<'a> {
    run: &'a Apply<'a>,
    written: Written<'a>,
    window: Window,
    /// Changes in the commit being put together, rows deleted with a row included.
    batched: usize,
    /// True when something in it may give access.
    widens: bool,
    narrowed: HashMap<Rule, u64>,
    applied: Applied,
    audit: u64,
    pipeline: &'a Pipeline,
}

/// What was handed in, once it can be read.
struct Settling<'a> {
    store: &'a Store,
    pipeline: &'a Pipeline,
}

impl Before for Settling<'_> {
    fn read<R>(&self, read: impl FnOnce(&dyn Snapshot) -> Result<R, SyncError>) -> Result<R, SyncError> {
        self.pipeline.settle()?;
        self.store.read(read)
    }
}

impl Writer<'_> {
    /// Counts what the guard's window has to remember. What a person agreed to does not use up what may happen without.
    fn count(&mut self, change: &Change, verdict: &Verdict) {
        if let Some(rule) = counts_under(change).filter(|_| !verdict.approves(change)) {
            *self.narrowed.entry(rule).or_default() += 1;
        }
    }

    fn change(&mut self, change: Change) -> Result<(), SyncError> {
        // A batch either narrows or widens, so that on a full disk what narrows still goes through.
        let narrows = change.narrows();
        if self.batched >= BATCH || self.batched > 0 && self.widens == narrows {
            self.commit()?;
        }
        self.widens = !narrows;
        self.applied.applied += 1;
        let before = Settling { store: self.run.store, pipeline: self.pipeline };
        self.batched += 1 + self.written.change(change, &before)?;
        Ok(())
    }

    /// Commits the batch; the cursor stays where it was.
    fn commit(&mut self) -> Result<(), SyncError> {
        let commit = self.take_commit(self.run.before.clone())?;
        self.pipeline.commit(commit)
    }

    fn take_commit(&mut self, mut state: SyncState) -> Result<Commit, SyncError> {
        self.batched = 0;
        let intent = if std::mem::take(&mut self.widens) { Intent::Widen } else { Intent::Narrow };
        let mut commit = Commit::new(self.run.actor.clone(), self.run.now, intent);
        commit.audit = Some(self.audit);
        commit.writes.extend(std::mem::take(&mut self.written.rows));
        for (row, claimed) in std::mem::take(&mut self.written.claimed) {
            commit.unclaimed_since(&row, claimed);
        }
        let key = schema::sync_state(&self.run.settings.label, "state");
        for (rule, count) in self.narrowed.drain() {
            self.window.add(rule, count, self.run.now);
        }
        state.totals = self.written.totals;
        state.window = self.window.clone();
        commit.put(key, serde_json::to_vec(&state)?);
        Ok(commit)
    }

    /// The last commit, with the cursor and what is held; not yet carried out, so that the audit record rides in it.
    fn last_commit(mut self, held: &mut HeldSet) -> Result<(Commit, Applied), SyncError> {
        let mut state = self.run.after.clone();
        if self.applied.applied > 0 {
            state.last_change = Some(self.run.now);
        }
        held.store(self.run.store, self.run.actor, self.run.now)?;
        Ok((self.take_commit(state)?, self.applied))
    }
}
