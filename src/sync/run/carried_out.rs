//! What comes of a plan: it is judged, and carried out or told.

use super::super::apply::{Applied, Apply, superseded};
use super::super::change::Rule;
use super::super::error::SyncError;
use super::super::foresight::{Ahead, Foresight};
use super::super::guard::{self, Bench, Verdict};
use super::super::held::{self, HeldSet, Sight};
use super::super::names::Settled;
use super::super::plan::Plan;
use super::super::progress::Progress;
use super::super::report::Report;
use super::super::revoking;
use super::super::state::{self, SyncState};
use super::{Listing, Runner};
use crate::audit::Event;
use crate::base::Timestamp;
use crate::model::Actor;
use crate::rights::Effects;
use crate::store::{Commit, Expect, Intent, Revision, schema};

impl Runner {
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

    pub(super) fn preview(
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
    pub(super) fn carry_out(
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
}
