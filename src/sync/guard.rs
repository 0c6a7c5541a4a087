//! The last word before anything is taken away.
//!
//! Pure. A plan that takes away more than the limits allow keeps everything else and has only the changes
//! of the tripped rule held back, for a person to decide. [`Cleared`] is the proof that this was
//! asked: `apply` takes nothing else, and it is made here alone.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::change::{Change, Rule};
use super::error::SyncError;
use super::plan::Plan;
use super::settings::{Guard, Limit};
use super::state::Window;
use super::tally::Tally;
use crate::base::GroupId;

/// A rule that tripped, in words and numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tripped {
    /// Which limit, by its key in the configuration.
    pub limit: String,
    /// What it is about, such as a group's id; empty when it is about all.
    pub about: String,
    /// How many changes there would be.
    pub planned: u64,
    /// How many there already were within the window.
    pub lately: u64,
    /// How many are allowed.
    pub allowed: u64,
}

/// Which changes are held.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Why, one line a tripped limit.
    pub tripped: Vec<Tripped>,
    /// Groups that lose their last member, and may.
    pub emptied: u64,
    /// Roles that people lose through groups, and may.
    pub rights_lost: u64,
    deletions: bool,
    suspensions: bool,
    renames: bool,
    losses: bool,
    groups: HashSet<GroupId>,
    /// Fingerprints of changes that together take too many roles from people.
    revoking: HashSet<[u8; 16]>,
    decided: Decided,
}

/// Fingerprints of changes that were held before, by what a person has decided about them.
#[derive(Debug, Clone, Default)]
pub struct Decided {
    /// These may happen.
    pub approved: HashSet<[u8; 16]>,
    /// These may not.
    pub refused: HashSet<[u8; 16]>,
    /// Nothing yet: they stay held, even when there are few enough of them by now.
    pub open: HashSet<[u8; 16]>,
    /// Why those without a decision are held.
    pub why: Vec<Tripped>,
}

impl Decided {
    /// True when nothing was held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.approved.is_empty() && self.refused.is_empty() && self.open.is_empty()
    }

    fn knows(&self, print: &[u8; 16]) -> bool {
        self.approved.contains(print) || self.stays(print)
    }

    /// True when these changes stay as they are.
    fn stays(&self, print: &[u8; 16]) -> bool {
        self.refused.contains(print) || self.open.contains(print)
    }
}

impl Verdict {
    /// True when `change` may not happen: because exactly this change was held before, or because a rule holds it
    /// back, and nobody has approved exactly this change.
    #[must_use]
    pub fn holds(&self, change: &Change) -> bool {
        if self.decided.is_empty() && self.revoking.is_empty() {
            return change.rule.is_some_and(|rule| self.holds_rule(rule));
        }
        // What appears is never held, and there is a lot of it.
        (change.rule.is_some() || change.may_revoke()) && self.holds_known(change.rule, &change.fingerprint())
    }

    /// The same for a change known by its fingerprint.
    #[must_use]
    pub fn holds_print(&self, rule: Rule, print: &[u8; 16]) -> bool {
        self.holds_known(Some(rule), print)
    }

    fn holds_known(&self, rule: Option<Rule>, print: &[u8; 16]) -> bool {
        let holds = rule.is_some_and(|rule| self.holds_rule(rule)) || self.revoking.contains(print);
        self.decided.stays(print) || holds && !self.decided.approved.contains(print)
    }

    /// True when a person has decided about exactly this change.
    #[must_use]
    pub fn is_decided(&self, change: &Change) -> bool {
        !self.decided.is_empty() && self.decided.knows(&change.fingerprint())
    }

    /// Judges how many roles people lose: `revoking` are the changes that take them, by fingerprint.
    pub(super) fn weigh_rights(&mut self, planned: u64, lately: u64, allowed: u64, revoking: HashSet<[u8; 16]>) {
        if planned == 0 || planned.saturating_add(lately) <= allowed {
            self.rights_lost = planned;
            return;
        }
        let (limit, about) = ("rights_lost".to_owned(), String::new());
        self.tripped.push(Tripped { limit, about, planned, lately, allowed });
        self.revoking = revoking;
    }

    /// True when somebody has approved exactly this change.
    #[must_use]
    pub fn approves(&self, change: &Change) -> bool {
        !self.decided.approved.is_empty() && self.decided.approved.contains(&change.fingerprint())
    }

    /// True when somebody has refused exactly this change.
    #[must_use]
    pub fn refuses(&self, change: &Change) -> bool {
        !self.decided.refused.is_empty() && self.decided.refused.contains(&change.fingerprint())
    }

    fn holds_rule(&self, rule: Rule) -> bool {
        match rule {
            Rule::Deletion => self.deletions,
            Rule::Suspension => self.suspensions,
            Rule::Rename => self.renames,
            Rule::Loss(group) => self.losses || self.groups.contains(&group),
            Rule::Emptied | Rule::Rights => false,
        }
    }

    /// Why changes are held: what tripped now, or else what tripped when they were held first.
    #[must_use]
    pub fn why(&self) -> &[Tripped] {
        if self.tripped.is_empty() { &self.decided.why } else { &self.tripped }
    }

    /// True when nothing tripped.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.tripped.is_empty()
    }
}

/// What a plan is judged by.
pub struct Bench<'a> {
    /// The limits.
    pub limits: &'a Guard,
    /// What narrowed lately.
    pub window: &'a Window,
    /// What was held before. It neither trips a limit again nor, once approved, uses one up.
    pub decided: Decided,
}

/// A plan that may be applied, as far as its verdict says.
#[derive(Debug)]
pub struct Cleared {
    plan: Plan,
    verdict: Verdict,
}

impl Cleared {
    /// The plan and what of it is held: taken apart by `apply` alone.
    pub(super) fn into_parts(self) -> (Plan, Verdict) {
        (self.plan, self.verdict)
    }
}

/// Clears `plan` as far as `verdict` allows.
#[must_use]
pub(super) fn clear(plan: Plan, verdict: Verdict) -> Cleared {
    Cleared { plan, verdict }
}

/// Judges what a plan amounts to.
///
/// # Errors
/// When the plan cannot be read back.
pub fn judge(plan: &mut Plan, bench: Bench<'_>) -> Result<Verdict, SyncError> {
    let limits = bench.limits;
    let tally = &undecided(plan, &bench.decided)?;
    let totals = &plan.totals;
    let mut verdict = Verdict { decided: bench.decided, ..Verdict::default() };
    let mut weigh = |key: &str, about: String, limit: &Limit, planned: u64, lately: u64, of: u64| {
        let allowed = limit.allows(of);
        let trips = planned > 0 && planned + lately > allowed;
        if trips {
            verdict.tripped.push(Tripped { limit: key.to_owned(), about, planned, lately, allowed });
        }
        trips
    };
    let all = String::new;
    let rows = totals.rows();
    verdict.deletions =
        weigh("deletions", all(), &limits.deletions, tally.gone.total(), bench.window.of(Rule::Deletion), rows);
    verdict.suspensions = weigh(
        "suspensions",
        all(),
        &limits.suspensions,
        tally.suspended.total(),
        bench.window.of(Rule::Suspension),
        rows,
    );
    verdict.renames =
        weigh("renames", all(), &limits.renames, tally.renamed.total(), bench.window.of(Rule::Rename), rows);
    verdict.losses = weigh("losses", all(), &limits.losses, tally.left, bench.window.losses(), totals.memberships);
    let emptied: Vec<GroupId> = emptied_groups(tally);
    let (empties, lately) = (emptied.len() as u64, bench.window.of(Rule::Emptied));
    if weigh("emptied_groups", all(), &limits.emptied_groups, empties, lately, totals.groups) {
        verdict.groups.extend(emptied);
    } else {
        verdict.emptied = empties;
    }
    for (group, of) in &tally.groups {
        let lately = bench.window.group_losses(*group);
        if weigh("group_losses", group.to_string(), &limits.group_losses, of.lost, lately, of.before + lately) {
            verdict.groups.insert(*group);
        }
    }
    Ok(verdict)
}

/// What a plan amounts to besides what was held before.
fn undecided(plan: &mut Plan, decided: &Decided) -> Result<Tally, SyncError> {
    let mut tally = plan.tally.clone();
    if !decided.is_empty() {
        plan.for_each(|change| {
            let print = change.fingerprint();
            let stays = decided.stays(&print);
            if stays || decided.approved.contains(&print) {
                tally.leave_out(&change, !stays);
            }
            Ok::<_, SyncError>(())
        })?;
    }
    Ok(tally)
}

/// Judges the removal of everything that came from a directory: `planned` rows of `stored` in all.
#[must_use]
pub fn judge_removal(planned: u64, stored: u64, limit: &Limit, decided: Decided) -> Verdict {
    let allowed = limit.allows(stored);
    let deletions = planned > allowed;
    let mut verdict = Verdict { deletions, decided, ..Verdict::default() };
    if deletions {
        verdict.tripped.push(Tripped {
            limit: "deletions".to_owned(),
            about: String::new(),
            planned,
            lately: 0,
            allowed,
        });
    }
    verdict
}

fn emptied_groups(tally: &Tally) -> Vec<GroupId> {
    tally.groups.iter().filter(|(_, group)| group.empties()).map(|(id, _)| *id).collect()
}
