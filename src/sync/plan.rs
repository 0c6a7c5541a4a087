//! The difference between what the directory says and what is stored, as an ordered list of changes.
//!
//! Making a plan writes nothing. A plan grows change by change (from a full read in `full`, from
//! events in `delta`); it is kept in the order it must be applied: what narrows access first, then rows,
//! then memberships. It remembers the revision of the directory's state that it was made from, and
//! is worthless once that has moved on.

use std::collections::HashSet;
use std::path::Path;

use serde_json::value::RawValue;

use super::change::{Act, Change, Rule, diff};
use super::error::SyncError;
use super::names::Names;
use super::spool::Spool;
use super::stage::Staged;
use super::state::{Skipped, Totals};
use super::tally::Tally;
use crate::base::Timestamp;
use crate::directory::Cursor;
use crate::model::{Entity, Member, MemberKind, Presence, RefHash};
use crate::store::rows::NO_DIGEST;
use crate::store::{Revision, Snapshot};

/// A plan, still growing.
#[derive(Debug)]
pub struct Plan {
    /// Revision of the directory's state row that this was made from; `None` when there was none.
    pub made_from: Option<Revision>,
    /// What takes away.
    pub narrowing: Spool,
    /// Rows that appear or change.
    pub rows: Spool,
    /// Memberships that appear, and references to nobody.
    pub edges: Spool,
    /// What it amounts to.
    pub tally: Tally,
    /// Who wishes for which name.
    pub names: Names,
    /// Stored rows and edges it was made against.
    pub totals: Totals,
    /// Entries that could not be used.
    pub skipped: Skipped,
    /// Why absence was not believed; empty when it was.
    pub doubts: Vec<String>,
    /// Where following changes goes on once this is applied.
    pub cursor: Option<Cursor>,
    /// The server it was read from.
    pub server: Option<String>,
    /// True when it came from a full read.
    pub full: bool,
}

impl Plan {
    /// An empty plan that spills into `work`.
    #[must_use]
    pub fn new(work: &Path, made_from: Option<Revision>) -> Self {
        Self {
            made_from,
            narrowing: Spool::new(work),
            rows: Spool::new(work),
            edges: Spool::new(work),
            tally: Tally::default(),
            names: Names::default(),
            totals: Totals::default(),
            skipped: Skipped::default(),
            doubts: Vec::new(),
            cursor: None,
            server: None,
            full: false,
        }
    }

    /// Adds a change where it belongs.
    ///
    /// # Errors
    /// When it cannot be written to the work directory.
    pub fn push(&mut self, change: &Change) -> Result<(), SyncError> {
        self.tally.count(change);
        let spool = match change.act {
            _ if change.narrows() => &mut self.narrowing,
            Act::Add { .. } | Act::Update { .. } => &mut self.rows,
            _ => &mut self.edges,
        };
        Ok(spool.push(change)?)
    }

    /// True when applying it would write no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.narrowing.is_empty() && self.rows.is_empty() && self.edges.is_empty()
    }

    /// How many changes there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.narrowing.len() + self.rows.len() + self.edges.len()
    }

    /// Visits all changes in the order they are applied.
    ///
    /// # Errors
    /// When they cannot be read back; the first error `visit` answers.
    pub fn for_each<E: From<std::io::Error>>(
        &mut self,
        mut visit: impl FnMut(Change) -> Result<(), E>,
    ) -> Result<(), E> {
        self.narrowing.for_each(&mut visit)?;
        self.rows.for_each(&mut visit)?;
        self.edges.for_each(&mut visit)
    }

    /// An entry that has no row yet.
    ///
    /// # Errors
    /// When the store or the work directory fails.
    pub fn appear(&mut self, snapshot: &dyn Snapshot, kind: MemberKind, staged: Staged) -> Result<(), SyncError> {
        let wished = Entity::from_json(kind, &staged.json)?;
        let subject = wished.member();
        self.names.wish(snapshot, wished.name(), subject)?;
        let entity = String::from_utf8(staged.json).map_err(|why| SyncError::Bug(why.to_string()))?;
        let act = Act::Add { digest: RefHash(staged.digest), entity: RawValue::from_string(entity)? };
        self.push(&Change { subject, act, rule: None })
    }

    /// An entry whose row says something else.
    ///
    /// # Errors
    /// When the store or the work directory fails.
    pub fn differ(&mut self, snapshot: &dyn Snapshot, before: &Entity, staged: &Staged) -> Result<(), SyncError> {
        let mut after = Entity::from_json(before.member().kind(), &staged.json)?;
        if before.original_name() == after.original_name() {
            after.rename(before.name().clone());
        }
        let renamed = before.name() != after.name();
        if renamed {
            self.names.wish(snapshot, after.name(), after.member())?;
        }
        // One change, under one rule: what the directory says about one person is not held up by what else changed.
        let rule = if !before.standing().disabled && after.standing().disabled {
            Some(Rule::Suspension)
        } else if renamed {
            self.names.renames(after.member());
            Some(Rule::Rename)
        } else {
            None
        };
        self.update(before, &after, RefHash(staged.digest), rule)
    }

    /// An entry that cannot be used says clearly that its account is switched off.
    ///
    /// # Errors
    /// When the work directory fails.
    pub fn suspend(&mut self, before: &Entity) -> Result<(), SyncError> {
        let mut after = before.clone();
        after.standing_mut().disabled = true;
        self.update(before, &after, RefHash(NO_DIGEST), Some(Rule::Suspension))
    }

    /// The directory no longer has it.
    ///
    /// # Errors
    /// When the work directory fails.
    pub fn disappear(&mut self, before: &Entity, now: Timestamp) -> Result<(), SyncError> {
        let mut after = before.clone();
        after.standing_mut().presence = Presence::Gone { since: now };
        self.names.leaves(before.member());
        self.update(before, &after, RefHash(NO_DIGEST), Some(Rule::Deletion))
    }

    /// Its retention is over.
    ///
    /// # Errors
    /// When the work directory fails.
    pub fn delete(&mut self, subject: Member) -> Result<(), SyncError> {
        self.push(&Change { subject, act: Act::Delete, rule: None })
    }

    /// Somebody gone gives up its name to somebody living.
    ///
    /// # Errors
    /// When the work directory fails.
    pub fn displace(&mut self, holder: &Entity) -> Result<(), SyncError> {
        let mut after = holder.clone();
        after.rename(holder.name().displaced(holder.member().id_bytes()));
        let change = update(holder, &after, RefHash(NO_DIGEST), None)?;
        self.tally.count(&change);
        // Before the one it makes room for, and behind the change that makes it gone.
        Ok(self.narrowing.push(&change)?)
    }

    fn update(
        &mut self,
        before: &Entity,
        after: &Entity,
        digest: RefHash,
        rule: Option<Rule>,
    ) -> Result<(), SyncError> {
        let change = update(before, after, digest, rule)?;
        self.push(&change)
    }

    /// The members of `group` as the directory has them now, against those stored.
    ///
    /// # Errors
    /// When the work directory fails.
    pub fn members(&mut self, group: crate::base::GroupId, edges: &Edges) -> Result<(), SyncError> {
        let subject = Member::Group(group);
        let has: HashSet<Member> = edges.now.iter().map(|(member, _)| *member).collect();
        let had: std::collections::HashMap<Member, RefHash> = edges.before.iter().copied().collect();
        for (member, reference) in &edges.before {
            // Listed still, but who that is did not come: a matter of the member's absence, not of this group.
            let unproven = edges.keep.contains(member) || edges.unresolved_but_kept.contains(reference);
            if has.contains(member) || unproven {
                continue;
            }
            let rule = if self.names.is_leaving(member) { Rule::Deletion } else { Rule::Loss(group) };
            self.push(&Change { subject, act: Act::Leave { member: *member }, rule: Some(rule) })?;
        }
        for (member, reference) in &edges.now {
            let act = match had.get(member) {
                None => Act::Join { member: *member, reference: *reference },
                Some(spelled) if spelled != reference => Act::Respell { member: *member, reference: *reference },
                Some(_) => continue,
            };
            self.push(&Change { subject, act, rule: None })?;
        }
        let (awaited, awaits): (HashSet<_>, HashSet<_>) =
            (edges.awaited_before.iter().copied().collect(), edges.awaited_now.iter().copied().collect());
        for reference in edges.awaited_now.iter().filter(|reference| !awaited.contains(*reference)) {
            self.push(&Change { subject, act: Act::Await { reference: *reference }, rule: None })?;
        }
        for reference in edges.awaited_before.iter().filter(|reference| !awaits.contains(*reference)) {
            self.push(&Change { subject, act: Act::Settle { reference: *reference }, rule: None })?;
        }
        self.tally.had_members(group, edges.before.len() as u64);
        Ok(())
    }
}

/// A group's edges, stored and as the directory has them.
#[derive(Debug, Default)]
pub struct Edges {
    /// Stored members and how the directory referred to them.
    pub before: Vec<(Member, RefHash)>,
    /// Members now; each once.
    pub now: Vec<(Member, RefHash)>,
    /// Stored references to nobody.
    pub awaited_before: Vec<RefHash>,
    /// References to nobody now; each once.
    pub awaited_now: Vec<RefHash>,
    /// Members whose entry is there but cannot be used: their edges stay.
    pub keep: HashSet<Member>,
    /// References that are listed, resolve to nobody, and prove nothing because the read was doubtful.
    pub unresolved_but_kept: HashSet<RefHash>,
}

fn update(before: &Entity, after: &Entity, digest: RefHash, rule: Option<Rule>) -> Result<Change, SyncError> {
    let entity = RawValue::from_string(serde_json::to_string(after)?)?;
    let fields = diff(before, after)?;
    Ok(Change { subject: after.member(), act: Act::Update { digest, entity, fields }, rule })
}
