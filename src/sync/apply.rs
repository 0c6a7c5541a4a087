//! Carries a cleared plan out: in batches, what narrows before what widens, the cursor with the last.
//!
//! Every batch is one commit of the store, tied to the one before through the directory's state row:
//! when anyone else has touched the directory's rows, the rest is refused and planned anew. A crash
//! between batches leaves a state that the next plan completes; the cursor has not moved, so nothing
//! is skipped.

use std::collections::{BTreeMap, HashMap};

use super::change::{Act, Change, Field, Rule};
use super::doomed::Doomed;
use super::error::SyncError;
use super::guard::{Cleared, Verdict};
use super::held::HeldSet;
use super::names::Settled;
use super::pipeline::{Pipeline, Worked, expected};
use super::progress::Progress;
use super::settings::Settings;
use super::stage;
use super::state::{SyncState, Totals, Window};
use crate::audit::{Opened, Outcome};
use crate::base::{GroupId, Sid, Timestamp};
use crate::model::{Actor, Entity, IamName, Member, MemberKind};
use crate::store::{Commit, Intent, Revision, Store, StoreError, rows, schema};

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
                totals: plan.totals,
                window: self.after.window.clone(),
                batch: Batch::default(),
                narrowed: HashMap::from([(Rule::Emptied, verdict.emptied)]),
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
                writer.change(change, settled)?;
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

/// Turns changes into rows, a batch at a time.
struct Writer<'a> {
    run: &'a Apply<'a>,
    totals: Totals,
    window: Window,
    batch: Batch,
    narrowed: HashMap<Rule, u64>,
    applied: Applied,
    audit: u64,
    pipeline: &'a Pipeline,
}

/// The rows of the commit being put together.
#[derive(Default)]
struct Batch {
    rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    changes: usize,
    /// Rows that go, and when something came to hang on them last.
    claimed: Vec<(Vec<u8>, Revision)>,
    /// True when something in it may give access.
    widens: bool,
}

impl Writer<'_> {
    /// Counts what the guard's window has to remember. What a person agreed to does not use up what may happen without.
    fn count(&mut self, change: &Change, verdict: &Verdict) {
        if let Some(rule) = counts_under(change).filter(|_| !verdict.approves(change)) {
            *self.narrowed.entry(rule).or_default() += 1;
        }
    }

    fn change(&mut self, change: Change, settled: &Settled) -> Result<(), SyncError> {
        // A batch either narrows or widens, so that on a full disk what narrows still goes through.
        let narrows = change.narrows();
        if self.batch.changes >= BATCH || self.batch.changes > 0 && self.batch.widens == narrows {
            self.commit()?;
        }
        self.batch.widens = !narrows;
        self.batch.changes += 1;
        self.applied.applied += 1;
        self.write(change, settled)
    }

    fn write(&mut self, change: Change, settled: &Settled) -> Result<(), SyncError> {
        let subject = change.subject;
        match change.act {
            Act::Add { digest, name, entity } => {
                let (name, row) = self.named_row(subject, name, &digest.0, entity.as_str(), settled)?;
                self.batch.put(schema::entity(&subject), row);
                self.batch.put(schema::name(subject.kind(), &name.folded()), subject.id_bytes().to_vec());
                if let Member::Group(group) = subject
                    && let Some(sid) = sid_in(entity.as_str())?
                {
                    self.batch.put(schema::group_by_sid(&self.run.settings.label, &sid, &group), Vec::new());
                }
                *total(&mut self.totals, subject.kind()) += 1;
            }
            Act::Update { digest, entity, fields } => {
                let before = fields.iter().find(|field| field.path == "name").and_then(|field| field.before.as_str());
                let renamed_from = before.and_then(|name| name.parse::<IamName>().ok());
                self.presence_counts(subject.kind(), &fields);
                if let Member::Group(group) = subject {
                    self.found_by_sid(&group, &fields);
                }
                self.update(subject, &digest.0, entity.as_str(), renamed_from, settled)?;
            }
            Act::Delete => self.delete(subject)?,
            Act::Join { member, reference } | Act::Respell { member, reference } => {
                if let Member::Group(group) = subject {
                    let edge = schema::edge(&group, &member);
                    self.totals.memberships += u64::from(matches!(change.act, Act::Join { .. }));
                    self.batch.put(edge, reference.0.to_vec());
                    self.batch.put(schema::edge_back(&member, &group), Vec::new());
                }
            }
            Act::Leave { member } => {
                if let Member::Group(group) = subject {
                    self.totals.memberships = self.totals.memberships.saturating_sub(1);
                    self.batch.remove(schema::edge(&group, &member));
                    self.batch.remove(schema::edge_back(&member, &group));
                }
            }
            Act::Await { reference } => {
                if let Member::Group(group) = subject {
                    self.batch.put(schema::dangling(&group, &reference), Vec::new());
                    self.batch.put(schema::dangling_back(&self.run.settings.label, &reference, &group), Vec::new());
                }
            }
            Act::Settle { reference } => {
                if let Member::Group(group) = subject {
                    self.batch.remove(schema::dangling(&group, &reference));
                    self.batch.remove(schema::dangling_back(&self.run.settings.label, &reference, &group));
                }
            }
        }
        Ok(())
    }

    fn update(
        &mut self,
        subject: Member,
        digest: &[u8; 16],
        entity: &str,
        renamed_from: Option<IamName>,
        settled: &Settled,
    ) -> Result<(), SyncError> {
        let Some(old) = renamed_from else {
            self.batch.put(schema::entity(&subject), rows::encode(digest, entity.as_bytes()));
            return Ok(());
        };
        let (name, row) = self.named_row(subject, name_in(entity)?, digest, entity, settled)?;
        self.batch.put(schema::entity(&subject), row);
        self.release(subject, &old)?;
        self.batch.put(schema::name(subject.kind(), &name.folded()), subject.id_bytes().to_vec());
        Ok(())
    }

    /// A group that got another SID is found by that one.
    fn found_by_sid(&mut self, group: &GroupId, fields: &[Field]) {
        let Some(changed) = fields.iter().find(|field| field.path == "origin.sid") else { return };
        let key = |sid: &serde_json::Value| {
            let sid = sid.as_str()?.parse().ok()?;
            Some(schema::group_by_sid(&self.run.settings.label, &sid, group))
        };
        let (before, after) = (key(&changed.before), key(&changed.after));
        if let Some(before) = before {
            self.batch.remove(before);
        }
        if let Some(after) = after {
            self.batch.put(after, Vec::new());
        }
    }

    /// Gives up `name`, unless somebody else has taken it by now.
    fn release(&mut self, subject: Member, name: &IamName) -> Result<(), SyncError> {
        let key = schema::name(subject.kind(), &name.folded());
        if self.pending(&key)?.is_some_and(|id| id == subject.id_bytes()) {
            self.batch.remove(key);
        }
        Ok(())
    }

    /// The row of an entity that gets a name: the one it wishes for, or, where that is not to be had, one of its own.
    fn named_row(
        &self,
        subject: Member,
        wished: IamName,
        digest: &[u8; 16],
        entity: &str,
        settled: &Settled,
    ) -> Result<(IamName, Vec<u8>), SyncError> {
        if !settled.losers.contains(&subject) {
            return Ok((wished, rows::encode(digest, entity.as_bytes())));
        }
        let mut entity = Entity::from_json(subject.kind(), entity.as_bytes())?;
        let name = settled.own_name(&wished, subject, |key| self.pending(key))?;
        entity.rename(name.clone());
        let json = serde_json::to_vec(&entity)?;
        Ok((name, rows::encode(&stage::digest(&json), &json)))
    }

    /// The row at `key` as it will be once the batch is committed.
    fn pending(&self, key: &[u8]) -> Result<Option<Vec<u8>>, SyncError> {
        match self.batch.rows.get(key) {
            Some(pending) => Ok(pending.clone()),
            None => {
                self.pipeline.settle()?;
                self.run.store.read(|snapshot| Ok(snapshot.get(key)?.map(|row| row.value)))
            }
        }
    }

    fn presence_counts(&mut self, kind: MemberKind, fields: &[Field]) {
        let Some(presence) = fields.iter().find(|field| field.path == "standing.presence.state") else { return };
        let total = total(&mut self.totals, kind);
        if presence.after == "gone" {
            *total = total.saturating_sub(1);
        } else if presence.before == "gone" {
            *total += 1;
        }
    }

    fn delete(&mut self, subject: Member) -> Result<(), SyncError> {
        self.pipeline.settle()?;
        // The batch only takes away, so what the store shows is all there is to go, and some of it may be going already.
        let doomed = self.run.store.read(|snapshot| Doomed::of(snapshot, &subject, &self.run.settings.label))?;
        if doomed.present {
            let total = total(&mut self.totals, subject.kind());
            *total = total.saturating_sub(1);
        }
        self.batch.claimed.extend(doomed.claimed);
        for key in doomed.keys {
            let edge = schema::parse_edge(&key).is_some();
            if self.batch.remove(key) && edge {
                self.totals.memberships = self.totals.memberships.saturating_sub(1);
            }
            self.batch.changes += 1;
        }
        Ok(())
    }

    /// Commits the batch; the cursor stays where it was.
    fn commit(&mut self) -> Result<(), SyncError> {
        let commit = self.take_commit(self.run.before.clone())?;
        self.pipeline.commit(commit)
    }

    fn take_commit(&mut self, mut state: SyncState) -> Result<Commit, SyncError> {
        let batch = std::mem::take(&mut self.batch);
        let intent = if batch.widens { Intent::Widen } else { Intent::Narrow };
        let mut commit = Commit::new(self.run.actor.clone(), self.run.now, intent);
        commit.audit = Some(self.audit);
        commit.writes.extend(batch.rows);
        for (row, claimed) in batch.claimed {
            commit.unclaimed_since(&row, claimed);
        }
        let key = schema::sync_state(&self.run.settings.label, "state");
        for (rule, count) in self.narrowed.drain() {
            self.window.add(rule, count, self.run.now);
        }
        state.totals = self.totals;
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

impl Batch {
    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.rows.insert(key, Some(value));
    }

    /// Removes a row; false when that was on its way already.
    fn remove(&mut self, key: Vec<u8>) -> bool {
        !matches!(self.rows.insert(key, None), Some(None))
    }
}

/// The name in an entity's JSON, without reading the rest.
fn name_in(json: &str) -> Result<IamName, SyncError> {
    #[derive(serde::Deserialize)]
    struct Named {
        name: IamName,
    }
    Ok(serde_json::from_str::<Named>(json)?.name)
}

/// The SID in a group's JSON, without reading the rest.
fn sid_in(json: &str) -> Result<Option<Sid>, SyncError> {
    #[derive(serde::Deserialize)]
    struct Originated {
        origin: Origin,
    }
    #[derive(serde::Deserialize)]
    struct Origin {
        sid: Option<Sid>,
    }
    Ok(serde_json::from_str::<Originated>(json)?.origin.sid)
}

fn total(totals: &mut Totals, kind: MemberKind) -> &mut u64 {
    match kind {
        MemberKind::User => &mut totals.users,
        MemberKind::Group => &mut totals.groups,
        MemberKind::Resource => &mut totals.resources,
    }
}
