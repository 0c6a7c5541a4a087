//! One run: read, plan, judge, apply. The same for `bailey sync`, the schedule and events.

mod carried_out;
mod events;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::change::Change;
use super::error::SyncError;
use super::full::Full;
use super::grounds::Grounds;
use super::plan::Plan;
use super::progress::Progress;
use super::reference;
use super::report::Report;
use super::settings::Settings;
use super::staging::{self, Staging};
use super::state::SyncState;
use crate::audit::Audit;
use crate::base::{Clock, Timestamp};
use crate::directory::{Completeness, Cursor, Dn, Reading, Source};
use crate::model::{Actor, Domain};
use crate::store::{Revision, Store};

/// Reasons to doubt a read that are kept; one is enough to doubt it.
const DOUBTS_KEPT: usize = 20;

/// Takes the changes of a dry run, in order, each with whether it would be held.
pub type Listing = Box<dyn FnMut(&Change, bool) -> Result<(), SyncError> + Send>;

/// Everything a run of one directory needs.
#[derive(Clone)]
pub struct Runner {
    /// Where rows go.
    pub store: Store,
    /// Where it is recorded.
    pub audit: Audit,
    /// The directory's reader.
    pub source: Arc<dyn Source>,
    /// The directory's rules.
    pub settings: Arc<Settings>,
    /// On what grounds rights are worked out.
    pub grounds: Grounds,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where work files go.
    pub work: PathBuf,
    /// True when the directory is read without encryption; health shows it.
    pub insecure: bool,
}

impl Runner {
    /// Reads everything and applies what differs. Begins once more when the rows changed meanwhile: a person may decide
    /// something while a large directory is read.
    ///
    /// # Errors
    /// When the directory, the store or the work directory fails, or the rows changed meanwhile a second time.
    pub async fn full(&self, actor: Actor, progress: Box<dyn Progress>) -> Result<Report, SyncError> {
        let (started, clock) = (self.clock.now(), Instant::now());
        let report = match self.full_once(actor.clone(), progress, started).await? {
            Ok(report) => report,
            Err(progress) => {
                let again = self.full_once(actor, progress, started).await?;
                again.map_err(|_| SyncError::Superseded { label: self.settings.label.to_string() })?
            }
        };
        Ok(Report { milliseconds: millis(clock), ..report })
    }

    /// Answers the progress if the rows changed meanwhile.
    async fn full_once(
        &self,
        actor: Actor,
        progress: Box<dyn Progress>,
        started: Timestamp,
    ) -> Result<Result<Report, Box<dyn Progress>>, SyncError> {
        let (staging, reading, mut progress) = staging::read(self, progress).await?;
        progress.planning();
        let runner = self.clone();
        self.store
            .run(move |_| {
                let planned = runner.plan_full(staging, &reading, started);
                let done = planned
                    .and_then(|(plan, before)| runner.carry_out(plan, before, &actor, started, progress.as_mut()));
                match done {
                    Err(SyncError::Superseded { .. }) => Ok(Err(progress)),
                    other => other.map(Ok),
                }
            })
            .await
    }

    /// Reads everything and lists what would happen. Runs every check of the real run and writes nothing.
    ///
    /// # Errors
    /// As [`Runner::full`].
    pub async fn dry(&self, progress: Box<dyn Progress>, mut list: Listing) -> Result<Report, SyncError> {
        let (started, clock) = (self.clock.now(), Instant::now());
        let (staging, reading, mut progress) = staging::read(self, progress).await?;
        progress.planning();
        let runner = self.clone();
        let report = self
            .store
            .run(move |_| {
                let (plan, before) = runner.plan_full(staging, &reading, started)?;
                runner.preview(plan, &before.1, started, &mut list)
            })
            .await?;
        Ok(Report { milliseconds: millis(clock), ..report })
    }

    fn plan_full(
        &self,
        mut staging: Staging,
        reading: &Reading,
        now: Timestamp,
    ) -> Result<(Plan, (Option<Revision>, SyncState)), SyncError> {
        let before = staging.before.clone();
        let domain = self.same_domain(reading, before.1.domain.as_ref())?;
        let doubts = self.doubts(&staging, reading, &before.1);
        let full = Full {
            store: &self.store,
            settings: &self.settings,
            state: before.0.map(|revision| (revision, before.1.clone())),
            doubts,
            work: &self.work,
            now,
            sure: self.clock.may_mint().is_ok(),
        };
        let mut plan = full.plan(&staging.known, &staging.edges, &mut staging.stage)?;
        let duplicates = std::mem::replace(&mut plan.skipped, staging.skipped);
        plan.skipped.extend(duplicates);
        plan.read = reading.count;
        plan.server = Some(reading.server.clone());
        plan.cursor.clone_from(&reading.position);
        plan.domain = domain;
        Ok((plan, before))
    }

    /// The domain that was read, which must be the one that was read before.
    fn same_domain(&self, reading: &Reading, before: Option<&Domain>) -> Result<Option<Domain>, SyncError> {
        let domain = reading.domain.as_ref();
        let domain = domain.map(|head| Domain { sid: head.sid.clone(), base: head.base.normalised() });
        match (before, domain) {
            (Some(before), Some(now)) if before.sid != now.sid => Err(SyncError::OtherDomain {
                label: self.settings.label.to_string(),
                server: reading.server.clone(),
                before: before.sid.to_string(),
                now: now.sid.to_string(),
            }),
            // An account that may not read the head this time changes nothing.
            (before, now) => Ok(now.or_else(|| before.cloned())),
        }
    }

    /// Why what did not come may be there nevertheless.
    fn doubts(&self, staging: &Staging, reading: &Reading, before: &SyncState) -> Vec<String> {
        let mut doubts = match &reading.completeness {
            Completeness::Complete => Vec::new(),
            Completeness::Doubtful(why) => why.clone(),
        };
        for sentinel in &self.settings.guard.sentinels {
            let there = sentinel
                .parse::<Dn>()
                .is_ok_and(|dn| staging.stage.references.member(&reference::by_dn(&dn)).is_some());
            if !there {
                doubts.push(format!("the sentinel `{sentinel}` did not come"));
            }
        }
        if staging.people == 0 && before.totals.users > 0 {
            doubts.push(format!("no person came, while {} are stored", before.totals.users));
        }
        if staging.nameless > 0 {
            doubts.push(format!("{} entries came without a usable id; anyone may be among them", staging.nameless));
        }
        if staging.read != reading.count {
            doubts.push(format!("{} entries were sent, {} arrived", reading.count, staging.read));
        }
        doubts.truncate(DOUBTS_KEPT);
        doubts
    }

    fn state(&self) -> Result<(Option<Revision>, SyncState), SyncError> {
        staging::state(&self.store, &self.settings.label)
    }

    /// The name this directory's task acts under.
    #[must_use]
    pub fn task(&self) -> String {
        format!("sync/{}", self.settings.label)
    }

    /// Where following changes goes on; `None` when a full read comes first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn cursor(&self) -> Result<Option<Cursor>, SyncError> {
        Ok(self.state()?.1.cursor)
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
