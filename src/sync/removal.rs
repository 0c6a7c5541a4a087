//! Letting go of everything that came from a directory that is no longer configured.
//!
//! Goes through the guard like any other deletion: a directory of any size is held first, and its
//! removal approved by digest.

use std::path::Path;

use super::apply::{Applied, Apply};
use super::change::{Act, Change, Rule};
use super::error::SyncError;
use super::guard::{self, Decided, Tripped};
use super::held::{self, HeldSet, Sight};
use super::names::Settled;
use super::plan::Plan;
use super::progress::Unwatched;
use super::settings::{Limit, Settings};
use super::state;
use super::stored::{Walk, scan_all};
use crate::audit::{Audit, Event};
use crate::base::Timestamp;
use crate::model::{Actor, DirectoryLabel, MemberKind};
use crate::store::{Commit, Intent, Store, schema};

/// What removing a directory did.
#[derive(Debug)]
pub struct Removal {
    /// Rows deleted.
    pub deleted: u64,
    /// Rows held back.
    pub held: u64,
    /// Digest to approve, when held.
    pub digest: Option<String>,
    /// Why it is held.
    pub tripped: Vec<Tripped>,
}

/// As many may go without anyone's consent: the guard's default for deletions.
pub const LIMIT: Limit = Limit { count: 5, share: 0.0 };

/// Removes all rows of `label`, or holds them. Blocks.
///
/// # Errors
/// When the store, the log or the work directory fails.
pub fn remove(
    store: &Store,
    audit: &Audit,
    label: &DirectoryLabel,
    actor: &Actor,
    work: &Path,
    now: Timestamp,
) -> Result<Removal, SyncError> {
    std::fs::create_dir_all(work)?;
    let known = store.read(|snapshot| state::load(snapshot, label))?;
    let (made_from, before) =
        known.map_or((None, state::SyncState::default()), |(revision, state)| (Some(revision), state));
    let mut plan = Plan::new(work, made_from);
    plan.totals = before.totals;
    // Groups first: their edges go with them in one sweep.
    for kind in [MemberKind::Group, MemberKind::User, MemberKind::Resource] {
        for row in Walk::new(store, kind, label) {
            let subject = row?.member;
            plan.push(&Change { subject, act: Act::Delete, rule: Some(Rule::Deletion) })?;
        }
    }
    let planned = plan.len();
    // Whoever asks again is not refused for good: the set is shown once more and can be approved.
    let decided = store.read(|snapshot| held::decided(snapshot, label))?;
    let decided = Decided { approved: decided.approved, ..Decided::default() };
    let verdict = guard::judge_removal(planned, planned, &LIMIT, decided);
    let tripped = verdict.tripped.clone();
    let event = Event::narrowing("RemoveDirectoryRows").with("directory", label.as_str()).with("rows", planned);
    let opened = audit.begin(actor, &event, now)?;
    let mut set = HeldSet::new(label, tripped.clone(), work, Sight::Whole);
    let settings = Settings::removed(label);
    let apply = Apply { store, settings: &settings, actor, before: before.clone(), after: before, now };
    let cleared = guard::clear(plan, verdict);
    let Applied { applied, held, .. } = apply.run(cleared, &Settled::default(), &mut set, opened, &mut Unwatched)?;
    if held == 0 {
        forget(store, label, actor, now)?;
    }
    let digest = set.head().map(|head| head.digest.clone());
    Ok(Removal { deleted: applied, held, digest, tripped })
}

/// Takes away what is known of the directory itself.
fn forget(store: &Store, label: &DirectoryLabel, actor: &Actor, now: Timestamp) -> Result<(), SyncError> {
    let mut commit = Commit::new(actor.clone(), now, Intent::Narrow);
    commit.delete(schema::sync_state(label, "state"));
    store.read(|snapshot| {
        for kind in [MemberKind::User, MemberKind::Group, MemberKind::Resource] {
            for (key, _) in scan_all(snapshot, &schema::relinks_of_directory(kind, label))? {
                commit.delete(key);
            }
        }
        Ok::<_, SyncError>(())
    })?;
    store.commit(commit)?;
    Ok(())
}
