//! One run: read, plan, judge, apply. The same for `bailey sync`, the schedule and events.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::apply::{Applied, Apply, superseded};
use super::change::{Change, Rule};
use super::delta::{Delta, MOST_LOOK_UPS, guid_of};
use super::error::SyncError;
use super::foresight::{Ahead, Foresight};
use super::full::Full;
use super::grounds::Grounds;
use super::guard::{self, Bench, Verdict};
use super::held::{self, HeldSet, Sight};
use super::names::Settled;
use super::plan::Plan;
use super::progress::Progress;
use super::reference;
use super::report::Report;
use super::revoking;
use super::settings::Settings;
use super::staging::{self, Staging};
use super::state::{self, SyncState};
use crate::audit::{Audit, Event};
use crate::base::{Clock, Guid, Timestamp};
use crate::directory::{Arrival, Changes, Completeness, Cursor, Dn, Reading, Source, Wanted};
use crate::model::{Actor, Domain, MemberKind};
use crate::rights::Effects;
use crate::store::{Revision, Store, schema};

/// Reasons to doubt a read that are kept; one is enough to doubt it.
const DOUBTS_KEPT: usize = 20;

/// Takes the changes of a dry run, in order, each with whether it would be held.
pub type Listing = Box<dyn FnMut(&Change, bool) -> Result<(), SyncError> + Send>;

/// Waits for a server that still lists somebody by a former name. OpenLDAP's `refint` rewrites groups behind the answer to
/// a rename, mostly within milliseconds; taken at its word in between, it would end every session that a group gave.
const REWRITING: [Duration; 3] = [Duration::from_millis(20), Duration::from_millis(80), Duration::from_millis(400)];

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

    /// Applies what events brought. `None` when only a full read helps.
    ///
    /// # Errors
    /// When the directory, the store or the work directory fails.
    pub async fn delta(&self, changes: Changes) -> Result<Option<Report>, SyncError> {
        let (started, clock) = (self.clock.now(), Instant::now());
        let (arrivals, gone, former, cursor) = match changes {
            Changes::Delta { arrivals, gone, former, cursor, .. } => (arrivals, gone, former, cursor),
            Changes::Present { present, cursor, .. } => match self.missing(present).await? {
                Some((arrivals, gone)) => (arrivals, gone, Vec::new(), cursor),
                None => return Ok(None),
            },
            Changes::FullReadNeeded { .. } => return Ok(None),
        };
        self.follow_up(arrivals, gone, former, Some(cursor), (started, clock)).await
    }

    /// Reads these groups once more, and applies what differs. Does not move the cursor.
    ///
    /// # Errors
    /// When the directory, the store or the work directory fails.
    pub async fn look_again(&self, groups: Vec<Guid>) -> Result<Option<Report>, SyncError> {
        let began = (self.clock.now(), Instant::now());
        let found = self.source.look_up(groups.into_iter().map(Wanted::Guid).collect()).await?;
        self.follow_up(found, Vec::new(), Vec::new(), None, began).await
    }

    async fn follow_up(
        &self,
        arrivals: Vec<Arrival>,
        gone: Vec<Guid>,
        former: Vec<Dn>,
        cursor: Option<Cursor>,
        (started, clock): (Timestamp, Instant),
    ) -> Result<Option<Report>, SyncError> {
        let read = (arrivals.len() + gone.len()) as u64;
        let moves = cursor.is_some();
        let delta = self.gather(arrivals, gone, former).await?;
        if delta.is_unfinished() {
            return Ok(None);
        }
        let look_again = if moves { delta.groups_read() } else { Vec::new() };
        let (runner, remembered) = (self.clone(), look_again.clone());
        let report = self
            .store
            .run(move |store| {
                let before = runner.state()?;
                let mut plan = delta.plan(store, &before, &runner.work, started)?;
                plan.read = read;
                plan.server = cursor.as_ref().map(|cursor| cursor.server.clone());
                plan.cursor = cursor;
                plan.look_again = remembered;
                runner.carry_out(plan, before, &Actor::task(runner.task()), started, &mut super::progress::Unwatched)
            })
            .await?;
        Ok(Some(Report { milliseconds: millis(clock), look_again, ..report }))
    }

    /// Looks up all that follows from some changes.
    async fn gather(&self, arrivals: Vec<Arrival>, gone: Vec<Guid>, former: Vec<Dn>) -> Result<Delta, SyncError> {
        let settings = Arc::clone(&self.settings);
        let mut delta = self.store.run(move |store| Delta::new(store, settings, arrivals, gone, &former)).await?;
        let mut pauses = REWRITING.iter().peekable();
        loop {
            let (waiting, mut wanted, lagging) = self
                .store
                .run(move |store| {
                    let wanted = delta.wants(store)?;
                    let lagging = if wanted.is_empty() { delta.lagging(store)? } else { Vec::new() };
                    Ok::<_, SyncError>((delta, wanted, lagging))
                })
                .await?;
            delta = waiting;
            if let Some(pause) = pauses.next_if(|_| !lagging.is_empty()) {
                tokio::time::sleep(*pause).await;
                wanted = lagging;
            }
            if wanted.is_empty() {
                return Ok(delta);
            }
            let answers = self.source.look_up(wanted.clone()).await?;
            delta = self.store.run(move |store| delta.answered(store, &wanted, answers).map(|()| delta)).await?;
        }
    }

    /// Of everything held, what a server does not name as left: looked up and, where not found, gone.
    async fn missing(&self, present: HashSet<Guid>) -> Result<Option<(Vec<Arrival>, Vec<Guid>)>, SyncError> {
        let label = self.settings.label.clone();
        let missing: Vec<Guid> = self
            .store
            .run(move |store| {
                let mut missing = Vec::new();
                for kind in [MemberKind::User, MemberKind::Group, MemberKind::Resource] {
                    for row in super::stored::Walk::new(store, kind, &label) {
                        let entity = row?.entity()?;
                        if entity.standing().is_present() && !present.contains(&entity.origin().guid) {
                            missing.push(entity.origin().guid);
                        }
                    }
                }
                Ok::<_, SyncError>(missing)
            })
            .await?;
        if missing.len() > MOST_LOOK_UPS {
            return Ok(None);
        }
        if missing.is_empty() {
            return Ok(Some((Vec::new(), Vec::new())));
        }
        let wanted = missing.iter().map(|guid| Wanted::Guid(*guid)).collect();
        let found = self.source.look_up(wanted).await?;
        let there: HashSet<Guid> = found.iter().filter_map(guid_of).collect();
        let gone = missing.into_iter().filter(|guid| !there.contains(guid)).collect();
        Ok(Some((found, gone)))
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

    /// Judges a plan and settles its names.
    fn judge(
        &self,
        plan: &mut Plan,
        before: &SyncState,
        now: Timestamp,
    ) -> Result<(Verdict, Settled, SyncState), SyncError> {
        let mut after = before.clone();
        after.window.forget(now, self.settings.guard.window);
        let decided = self.store.read(|snapshot| held::decided(snapshot, &self.settings.label))?;
        let limits = &self.settings.guard;
        let mut verdict = guard::judge(plan, Bench { limits, window: &after.window, decided })?;
        if let Some(limit) = &limits.rights_lost {
            let lately = after.window.of(Rule::Rights);
            // Names are settled once it is known what is held.
            let settled = Settled::default();
            revoking::judge(plan, &mut verdict, limit, lately, &self.foresight(&settled, now))?;
        }
        let names = std::mem::take(&mut plan.names);
        let holds = |(rule, print): &(_, _)| verdict.holds_print(*rule, print);
        let settled = names.settle(&self.store, &self.settings.label, now, holds)?;
        for (gone, renamed) in &settled.displaced {
            plan.displace(gone, renamed)?;
        }
        Ok((verdict, settled, after))
    }

    fn preview(
        &self,
        mut plan: Plan,
        before: &SyncState,
        started: Timestamp,
        list: &mut Listing,
    ) -> Result<Report, SyncError> {
        let (verdict, settled, _) = self.judge(&mut plan, before, started)?;
        let mut set = HeldSet::new(&self.settings.label, verdict.why().to_vec(), &self.work, Sight::Partial);
        let (mut applied, mut held, mut refused) = (0, 0, 0);
        plan.for_each(|change| {
            let holds = verdict.holds(&change);
            if verdict.refuses(&change) {
                refused += 1;
            } else if holds {
                set.push(&change)?;
                held += 1;
            } else {
                applied += 1;
            }
            list(&change, holds)
        })?;
        let held_digest = (held > 0).then(|| hex::encode(set.digest()));
        let report = self.report(&plan, &verdict, started);
        let effects = Some(self.effects(&mut plan, &verdict, &settled, started)?);
        Ok(Report { dry_run: true, applied, held, refused, held_digest, effects, ..report })
    }

    /// What `plan` does to rights: what happens of it, and then what is held.
    fn effects(
        &self,
        plan: &mut Plan,
        verdict: &Verdict,
        settled: &Settled,
        now: Timestamp,
    ) -> Result<Effects, SyncError> {
        let (foresight, mut ahead) = (self.foresight(settled, now), Ahead::default());
        for held in [false, true] {
            plan.for_each(|change| match verdict.refuses(&change) || verdict.holds(&change) != held {
                true => Ok(()),
                false => foresight.take(&mut ahead, change, held),
            })?;
        }
        foresight.effects(ahead)
    }

    fn foresight<'a>(&'a self, settled: &'a Settled, now: Timestamp) -> Foresight<'a> {
        Foresight { store: &self.store, label: &self.settings.label, grounds: &self.grounds, settled, now }
    }

    /// Judges `plan`, applies what may be applied, and keeps the rest for a person to decide.
    fn carry_out(
        &self,
        mut plan: Plan,
        before: (Option<Revision>, SyncState),
        actor: &Actor,
        started: Timestamp,
        progress: &mut dyn Progress,
    ) -> Result<Report, SyncError> {
        let (verdict, settled, mut after) = self.judge(&mut plan, &before.1, started)?;
        let report = self.report(&plan, &verdict, started);
        self.advance(&mut after, &plan, &verdict, started);
        let full = plan.full;
        if plan.is_empty() && !full {
            // Nothing but a newer cursor: worth a row, not a record.
            let revision = self.note(&before, &after, started)?;
            return Ok(Report { revision, ..report });
        }
        let event = Event::new("SynchronizeDirectory")
            .with("directory", self.settings.label.as_str())
            .with("full", full)
            .with("read", plan.read)
            .with("changes", plan.len());
        let opened = self.audit.begin(actor, &event, started)?;
        let sight = match (full, plan.doubts.is_empty()) {
            (true, true) => Sight::Whole,
            (true, false) => Sight::Partial,
            (false, _) => Sight::Step,
        };
        let mut set = HeldSet::new(&self.settings.label, verdict.why().to_vec(), &self.work, sight);
        // A step of events that is carried out in part would, told again, look as if nothing followed from it.
        let before = SyncState { full_read_due: Some("a run broke off".to_owned()), ..before.1 };
        let apply = Apply { store: &self.store, settings: &self.settings, actor, before, after, now: started };
        let cleared = guard::clear(plan, verdict);
        let Applied { revision, applied, held, refused } = apply.run(cleared, &settled, &mut set, opened, progress)?;
        let held_digest = set.head().map(|head| head.digest.clone());
        Ok(Report { applied, held, refused, held_digest, revision: Some(revision), ..report })
    }

    /// What the state says once the plan is applied.
    fn advance(&self, after: &mut SyncState, plan: &Plan, verdict: &Verdict, now: Timestamp) {
        after.last_contact = Some(now);
        if plan.server.is_some() {
            after.server.clone_from(&plan.server);
        }
        after.frozen_since = None;
        if plan.full {
            after.last_full = Some(now);
            after.full_read_due = None;
            after.doubts = state::kept(&plan.doubts);
            after.skipped = plan.skipped.clone();
            after.cursor.clone_from(&plan.cursor);
            after.domain.clone_from(&plan.domain);
            after.look_again.clear();
            return;
        }
        match &plan.cursor {
            Some(cursor) => {
                after.cursor = Some(cursor.clone());
                after.remember_to_look_again(&plan.look_again);
            }
            // The groups that were to be looked at have been.
            None => after.look_again.clear(),
        }
        if !verdict.is_clear() {
            // Held changes are kept by full reads alone, so that a set shows all there is to decide.
            after.full_read_due = Some("the guard held back changes that events brought".to_owned());
        }
    }

    fn note(
        &self,
        before: &(Option<Revision>, SyncState),
        after: &SyncState,
        now: Timestamp,
    ) -> Result<Option<Revision>, SyncError> {
        use crate::store::{Commit, Expect, Intent};
        let key = schema::sync_state(&self.settings.label, "state");
        let mut commit = Commit::new(Actor::task(self.task()), now, Intent::Narrow);
        commit.expect(key.clone(), before.0.map_or(Expect::Absent, Expect::At));
        commit.put(key, serde_json::to_vec(after)?);
        let committed = self.store.commit(commit).map_err(|error| superseded(error.into(), &self.settings))?;
        Ok(Some(committed.revision))
    }

    fn report(&self, plan: &Plan, verdict: &Verdict, started: Timestamp) -> Report {
        let why = if plan.full { verdict.why() } else { &verdict.tripped };
        Report {
            directory: self.settings.label.clone(),
            dry_run: false,
            full: plan.full,
            server: plan.server.clone(),
            started,
            milliseconds: 0,
            read: plan.read,
            tally: plan.tally.without_groups(),
            applied: 0,
            held: 0,
            refused: 0,
            held_digest: None,
            tripped: why.iter().take(held::REASONS_KEPT).cloned().collect(),
            doubts: plan.doubts.clone(),
            skipped: plan.skipped.clone(),
            effects: None,
            revision: None,
            look_again: Vec::new(),
        }
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
