//! How many roles a plan takes from people, where a limit of that is set, and which of its changes do.
//!
//! One membership of a group in a group, or one group that gets another name, can take a role from a thousand people, and
//! no count of changes shows it. Counted is each person and role once, where the way by which the role came is broken by a
//! change that could be held: whoever is gone or switched off loses everything by that alone, which has limits of its own.
//!
//! Works on what would happen otherwise: what is held for another reason takes nothing, and what was approved is taken for
//! done. What could not be looked at for want of room counts as a loss, so that a plan too large to judge is not let through.

use std::collections::{HashMap, HashSet};

use super::change::{Act, Change};
use super::error::SyncError;
use super::foresight::{Foresight, Sketch};
use super::guard::Verdict;
use super::plan::Plan;
use super::settings::Limit;
use super::stored::Walk;
use crate::base::{GroupId, UserId};
use crate::model::{Member, MemberKind, RefHash};
use crate::rights::position::{self, Lost};
use crate::rights::{How, Prospect};
use crate::store::{KeyRange, Laid, schema};

/// What a change breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Link {
    /// What hangs on this row.
    Row(Member),
    /// This membership.
    Edge(GroupId, Member),
    /// A membership by this reference.
    Reference(GroupId, RefHash),
}

impl Link {
    fn of(change: &Change) -> Self {
        match (change.subject, &change.act) {
            (Member::Group(group), Act::Leave { member }) => Self::Edge(group, *member),
            (Member::Group(group), Act::Settle { reference }) => Self::Reference(group, *reference),
            (subject, _) => Self::Row(subject),
        }
    }
}

/// Changes that could take roles away, by what they break.
type Breaking = HashMap<Link, [u8; 16]>;

/// Judges what `plan` takes away, besides what `verdict` holds already. `lately` are the roles lost within the window. Blocks.
///
/// # Errors
/// When the store or the work directory fails, or a row is damaged.
pub(super) fn judge(
    plan: &mut Plan,
    verdict: &mut Verdict,
    limit: &Limit,
    lately: u64,
    foresight: &Foresight<'_>,
) -> Result<(), SyncError> {
    // Of a directory that is new here nobody has anything yet.
    if plan.made_from.is_none() || !gives_any(foresight)? {
        return Ok(());
    }
    let (mut settled, mut coming, mut breaking) = (Sketch::default(), Sketch::default(), Breaking::new());
    for revoking in [true, false] {
        if !revoking && breaking.is_empty() {
            return Ok(());
        }
        plan.for_each(|change| {
            let counts = change.may_revoke() && !verdict.is_decided(&change);
            if counts != revoking || verdict.holds(&change) || is_newcomer(&change) {
                return Ok(());
            }
            if !revoking {
                return settled.change(foresight, &Laid::default(), change);
            }
            breaking.insert(Link::of(&change), change.fingerprint());
            coming.change(foresight, &Laid::default(), change)
        })?;
    }
    let terms = foresight.terms()?;
    let prospect = foresight.prospect(&settled.laid, &coming.laid, &terms);
    let concerned = coming.seeds.concerned(&prospect, false, foresight.grounds.most_people)?;
    let (mut lost, mut revoking) = (0, HashSet::new());
    for person in &concerned.people {
        for one in had(foresight, &prospect, person)? {
            let causes: Vec<_> = links(&one).filter_map(|link| breaking.get(&link)).copied().collect();
            lost += u64::from(!causes.is_empty());
            revoking.extend(causes);
        }
    }
    let unknown = concerned.more + coming.left_out;
    if unknown > 0 {
        revoking.extend(breaking.into_values());
    }
    let planned = lost + unknown;
    let allowed = allowed(limit, planned.saturating_add(lately), foresight, &prospect)?;
    verdict.weigh_rights(planned, lately, allowed, revoking);
    Ok(())
}

/// Whether any role is assigned, or given by a group's name.
fn gives_any(foresight: &Foresight<'_>) -> Result<bool, SyncError> {
    let assigned = KeyRange::prefix(&schema::iam::all_assignments());
    let any = foresight.store.read(|snapshot| snapshot.scan(&assigned, 1))?;
    Ok(!any.is_empty() || !foresight.grounds.rules().rules().is_empty())
}

/// Somebody new loses nothing, and there may be a hundred thousand.
fn is_newcomer(change: &Change) -> bool {
    matches!(change.act, Act::Add { .. }) && !matches!(change.subject, Member::Group(_))
}

/// The roles that `person` loses and has now: what a plan would give in one place and take in another is no loss.
fn had(foresight: &Foresight<'_>, prospect: &Prospect<'_>, person: &UserId) -> Result<Vec<Lost>, SyncError> {
    let lost = position::lost_roles(prospect, person)?;
    if lost.is_empty() {
        return Ok(lost);
    }
    let now = foresight.store.read(|snapshot| position::roles(snapshot, prospect, person))?;
    Ok(lost.into_iter().filter(|one| now.contains(&one.assigned.role.id)).collect())
}

/// All that the way of a lost role hangs on: as long as none of it breaks, the role stays.
fn links(lost: &Lost) -> impl Iterator<Item = Link> {
    let mut from = Member::User(lost.person);
    lost.way.iter().flat_map(move |(group, how)| {
        let member = std::mem::replace(&mut from, Member::Group(*group));
        let itself = Link::Row(Member::Group(*group));
        match how {
            How::Listed => [itself, Link::Edge(*group, member), itself],
            How::PrimaryGroup => [itself, Link::Row(member), itself],
            How::OtherDirectory(reference) => [itself, Link::Reference(*group, *reference), Link::Row(member)],
        }
    })
}

/// How many roles may be lost. How many there are, a question about everybody, is asked only where it decides.
fn allowed(limit: &Limit, planned: u64, foresight: &Foresight<'_>, prospect: &Prospect<'_>) -> Result<u64, SyncError> {
    if planned <= limit.count || limit.share <= 0.0 {
        return Ok(limit.count);
    }
    let mut all = 0;
    for row in Walk::new(foresight.store, MemberKind::User, foresight.label) {
        if let Member::User(person) = row?.member {
            let roles = foresight.store.read(|snapshot| position::roles(snapshot, prospect, &person))?;
            all += roles.len() as u64;
        }
    }
    Ok(limit.allows(all))
}
