//! The last word before anything is taken away.
//!
//! Pure. A plan that takes away more than the limits allow keeps everything else and has only the changes
//! of the tripped rule held back, for a person to decide. [`Cleared`] is the proof that this was
//! asked: `apply` takes nothing else, and it is made here alone.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::change::{Change, Rule};
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
    deletions: bool,
    suspensions: bool,
    renames: bool,
    losses: bool,
    groups: HashSet<GroupId>,
    approved: HashSet<[u8; 16]>,
}

impl Verdict {
    /// True when a rule holds `change` back and nobody has approved exactly this change.
    #[must_use]
    pub fn holds(&self, change: &Change) -> bool {
        change.rule.is_some_and(|rule| self.holds_rule(rule)) && !self.approves(change)
    }

    /// True when somebody has approved exactly this change.
    #[must_use]
    pub fn approves(&self, change: &Change) -> bool {
        !self.approved.is_empty() && self.approved.contains(&change.fingerprint())
    }

    fn holds_rule(&self, rule: Rule) -> bool {
        match rule {
            Rule::Deletion => self.deletions,
            Rule::Suspension => self.suspensions,
            Rule::Rename => self.renames,
            Rule::Loss(group) => self.losses || self.groups.contains(&group),
        }
    }

    /// True when people may leave, at least those somebody approved.
    #[must_use]
    pub fn leavers_go(&self) -> bool {
        !self.deletions || !self.approved.is_empty()
    }

    /// True when names may change, at least those somebody approved.
    #[must_use]
    pub fn renames_happen(&self) -> bool {
        !self.renames || !self.approved.is_empty()
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
    /// Fingerprints of changes that a person approved.
    pub approved: HashSet<[u8; 16]>,
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
#[must_use]
pub fn judge(plan: &Plan, bench: Bench<'_>) -> Verdict {
    let limits = bench.limits;
    let (tally, totals) = (&plan.tally, &plan.totals);
    let mut verdict = Verdict { approved: bench.approved, ..Verdict::default() };
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
    if weigh("emptied_groups", all(), &limits.emptied_groups, emptied.len() as u64, 0, totals.groups) {
        verdict.groups.extend(emptied);
    }
    for (group, of) in &tally.groups {
        let lately = bench.window.group_losses(*group);
        if weigh("group_losses", group.to_string(), &limits.group_losses, of.lost, lately, of.before + lately) {
            verdict.groups.insert(*group);
        }
    }
    verdict
}

/// Judges the removal of everything that came from a directory: `planned` rows of `stored` in all.
#[must_use]
pub fn judge_removal(planned: u64, stored: u64, limit: &Limit, approved: HashSet<[u8; 16]>) -> Verdict {
    let allowed = limit.allows(stored);
    let deletions = planned > allowed;
    let mut verdict = Verdict { deletions, approved, ..Verdict::default() };
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
