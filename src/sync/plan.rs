//! The difference between what the directory says and what is stored, as an ordered list of changes.
//!
//! Making a plan writes nothing. A plan grows change by change (from a full read in `full`, from
//! events in `delta`); it is kept in the order it must be applied: what narrows access first, then rows,
//! then memberships. It remembers the revision of the directory's state that it was made from, and
//! is worthless once that has moved on.

use std::collections::HashSet;
use std::path::Path;

use super::change::{Act, Change, RowJson, Rule, diff};
use super::error::SyncError;
use super::names::Names;
use super::reference::UNREAD;
use super::spool::Spool;
use super::stage::{self, Staged};
use super::state::{Skipped, Totals};
use super::tally::Tally;
use crate::base::{GroupId, Guid, Timestamp, UserId};
use crate::directory::Cursor;
use crate::model::{Domain, Entity, IamName, Member, MemberKind, Presence, RefHash, Standing, User};
use crate::store::{Revision, Snapshot, schema};

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
    /// Entries it was made of.
    pub read: u64,
    /// The server it was read from.
    pub server: Option<String>,
    /// The Active Directory domain that was read.
    pub domain: Option<Domain>,
    /// True when it came from a full read.
    pub full: bool,
    /// Groups to read once more in a moment.
    pub look_again: Vec<Guid>,
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
            read: 0,
            server: None,
            domain: None,
            full: false,
            look_again: Vec::new(),
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
        let subject = Member::from_parts(kind, staged.id);
        let name: IamName = staged.name.parse().map_err(|why| SyncError::Bug(format!("{}: {why}", staged.name)))?;
        self.names.wish(snapshot, &name, subject)?;
        let entity = String::from_utf8(staged.json).map_err(|why| SyncError::Bug(why.to_string()))?;
        let act = Act::Add { digest: RefHash(staged.digest), name, entity: RowJson::new(entity) };
        self.push(&Change { subject, act, rule: None })
    }

    /// An entry whose row says something else.
    ///
    /// # Errors
    /// When the store or the work directory fails.
    pub fn differ(
        &mut self,
        snapshot: &dyn Snapshot,
        before: &Entity,
        staged: &Staged,
        now: Timestamp,
    ) -> Result<(), SyncError> {
        let mut after = Entity::from_json(before.member().kind(), &staged.json)?;
        if before.original_name() == after.original_name() {
            after.rename(before.name().clone());
        }
        if after == *before {
            // Only its name is another than wished for, and that was settled when it came.
            return Ok(());
        }
        let renamed = before.name() != after.name();
        // One change, under one rule: what the directory says about one person is not held up by what else changed.
        let rule = if switched_off(before.standing(), after.standing(), now) {
            Some(Rule::Suspension)
        } else {
            renamed.then_some(Rule::Rename)
        };
        let change = update(before, &after, rule)?;
        if renamed {
            self.names.wish(snapshot, after.name(), after.member())?;
            self.names.renames(&change);
        }
        if !before.standing().is_present() {
            self.names.returns(after.member());
        }
        self.push(&change)
    }

    /// What a person's directory calls their manager means somebody else than before, or nobody.
    ///
    /// # Errors
    /// When the work directory fails.
    pub fn manage(&mut self, before: &Entity, manager: Option<UserId>) -> Result<(), SyncError> {
        let Entity::User(user) = before else { return Ok(()) };
        let after = Entity::User(User { manager, ..user.clone() });
        self.push(&update(before, &after, None)?)
    }

    /// An entry that cannot be used says clearly that its account is switched off.
    ///
    /// # Errors
    /// When the work directory fails.
    pub fn suspend(&mut self, before: &Entity) -> Result<(), SyncError> {
        let mut after = before.clone();
        after.standing_mut().disabled = true;
        self.push(&update(before, &after, Some(Rule::Suspension))?)
    }

    /// The directory no longer has it.
    ///
    /// # Errors
    /// When the work directory fails.
    pub fn disappear(&mut self, before: &Entity, now: Timestamp) -> Result<(), SyncError> {
        let mut after = before.clone();
        after.standing_mut().presence = Presence::Gone { since: now };
        let change = update(before, &after, Some(Rule::Deletion))?;
        self.names.leaves(&change);
        self.push(&change)
    }

    /// Its retention is over.
    ///
    /// # Errors
    /// When the work directory fails.
    pub fn delete(&mut self, subject: Member) -> Result<(), SyncError> {
        self.names.deletes(subject);
        self.push(&Change { subject, act: Act::Delete, rule: None })
    }

    /// Somebody gone gives up its name to somebody living: `before` is already as gone as this plan makes it.
    ///
    /// # Errors
    /// When the work directory fails.
    pub fn displace(&mut self, before: &Entity, after: &Entity) -> Result<(), SyncError> {
        let change = update(before, after, None)?;
        self.tally.count(&change);
        // Before the one it makes room for, and behind the change that makes it gone.
        Ok(self.narrowing.push(&change)?)
    }

    /// A group that is stored came and cannot be used: from now on it is not known who its references mean.
    ///
    /// # Errors
    /// When the store or the work directory fails.
    pub fn unread(&mut self, snapshot: &dyn Snapshot, group: GroupId) -> Result<(), SyncError> {
        let marked = snapshot.get(&schema::dangling(&group, &UNREAD))?.is_some();
        if marked || snapshot.get(&schema::group(&group))?.is_none() {
            return Ok(());
        }
        self.push(&Change { subject: Member::Group(group), act: Act::Await { reference: UNREAD }, rule: None })
    }

    /// The members of `group` as the directory has them now, against those stored.
    ///
    /// # Errors
    /// When the work directory fails.
    pub fn members(&mut self, group: GroupId, edges: &Edges) -> Result<(), SyncError> {
        let subject = Member::Group(group);
        let has: HashSet<Member> = edges.now.iter().map(|(member, _)| *member).collect();
        let had: std::collections::HashMap<Member, RefHash> = edges.before.iter().copied().collect();
        for (member, _) in &edges.before {
            if has.contains(member) || edges.keep.contains(member) {
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
    /// Members of whom it is not known how the group refers to them now: their edges stay.
    pub keep: HashSet<Member>,
}

/// True when `after` may no longer act where `before` may: an account that is set to end in the past is off like any other.
/// Which hour of the week it is does not matter.
fn switched_off(before: &Standing, after: &Standing, now: Timestamp) -> bool {
    !before.disabled && after.disabled || before.enabled(now).is_ok() && after.enabled(now).is_err()
}

impl Edges {
    /// Takes in what the group lists: who each reference means, as far as that is known.
    pub fn resolve(&mut self, listed: &[RefHash], meaning: impl Fn(&RefHash) -> Option<Member>) {
        let mut seen = HashSet::with_capacity(listed.len());
        for reference in listed {
            match meaning(reference) {
                Some(member) if seen.insert(member) => self.now.push((member, *reference)),
                Some(_) => {}
                None => self.awaited_now.push(*reference),
            }
        }
    }

    /// Keeps edges of which it is not certain that they are lost.
    ///
    /// Who is `hidden` may be listed under a name not known here: kept while listed as before, or while the group lists
    /// anybody unknown; a group that lists only known others has lost them. Of who may be `absent` it is not even known
    /// whether they are there: what becomes of them becomes of their edges.
    pub fn keep_unclear(
        &mut self,
        listed: &[RefHash],
        hidden: impl Fn(&Member) -> bool,
        absent: impl Fn(&(Member, RefHash)) -> bool,
    ) {
        let has: HashSet<Member> = self.now.iter().map(|(member, _)| *member).collect();
        let missing: Vec<_> = self.before.iter().filter(|(member, _)| !has.contains(member)).copied().collect();
        let unclear: HashSet<RefHash> =
            missing.iter().filter(|edge| hidden(&edge.0) || absent(edge)).map(|(_, reference)| *reference).collect();
        self.awaited_now.retain(|reference| !unclear.contains(reference));
        let listed: HashSet<&RefHash> = listed.iter().filter(|reference| unclear.contains(*reference)).collect();
        let strangers = !self.awaited_now.is_empty();
        let kept =
            missing.iter().filter(|edge| absent(edge) || hidden(&edge.0) && (strangers || listed.contains(&edge.1)));
        self.keep = kept.map(|(member, _)| *member).collect();
    }
}

fn update(before: &Entity, after: &Entity, rule: Option<Rule>) -> Result<Change, SyncError> {
    let entity = RowJson::new(serde_json::to_string(after)?);
    let digest = RefHash(stage::digest_of(after, entity.as_str().as_bytes())?);
    let fields = diff(before, after)?;
    Ok(Change { subject: after.member(), act: Act::Update { digest, entity, fields }, rule })
}
