//! The plan after a full read: a merge of stored rows, in brief, and staged entries, both in id order.
//!
//! What came as it is stored was ticked off on the way and is only counted here. Memory does not grow with the directory
//! but for 40 bytes a row ([`Known`]) and 40 an entry (who a reference means).

use std::collections::HashSet;
use std::path::Path;

use super::error::SyncError;
use super::known::{Known, KnownEdges, KnownRow};
use super::plan::{Edges, Plan};
use super::settings::Settings;
use super::stage::{References, Sorted, Sortings, Staged};
use super::state::{Skipped, SyncState, Totals};
use super::stored::{self, scan_all};
use crate::base::{GroupId, Timestamp, UserId, clock::expired};
use crate::model::{Entity, Member, MemberKind, Presence, RefHash};
use crate::store::{Revision, Store, rows, schema};

/// What a full plan is made in.
pub struct Full<'a> {
    /// The store to compare with.
    pub store: &'a Store,
    /// The directory's rules.
    pub settings: &'a Settings,
    /// The directory's state and the revision that wrote it.
    pub state: Option<(Revision, SyncState)>,
    /// Why what did not come may be there nevertheless; empty when the read proves absence.
    pub doubts: Vec<String>,
    /// Where work files go.
    pub work: &'a Path,
    /// The present.
    pub now: Timestamp,
    /// Whether the clock can be relied upon: by one that leapt ahead, the time of every leaver would be over.
    pub sure: bool,
}

/// Growing results of one merge.
struct Merging<'a> {
    full: &'a Full<'a>,
    known: &'a Known,
    edges: &'a KnownEdges,
    plan: Plan,
    /// Whose entry came without a name that can be trusted: no reference is known to mean them, or not to.
    nameless: HashSet<Member>,
    /// Whose entry cannot be used and who have no row: no reference can mean them.
    rowless: HashSet<Member>,
}

impl Full<'_> {
    /// Makes the plan.
    ///
    /// # Errors
    /// When the store or the work directory fails.
    pub fn plan(&self, known: &Known, edges: &KnownEdges, stage: &mut Sortings) -> Result<Plan, SyncError> {
        let mut plan = Plan::new(self.work, self.state.as_ref().map(|(revision, _)| *revision));
        plan.full = true;
        plan.doubts = self.doubts.clone();
        let mut merging = Merging { full: self, known, edges, plan, nameless: HashSet::new(), rowless: HashSet::new() };
        // People and machines before groups: a group's losses are judged by who leaves.
        merging.rows(MemberKind::User, &mut stage.users, &stage.references)?;
        merging.rows(MemberKind::Resource, &mut stage.resources, &stage.references)?;
        merging.rows(MemberKind::Group, &mut stage.groups, &stage.references)?;
        merging.managers(&stage.references)?;
        merging.memberships(&mut stage.groups, &stage.references)?;
        Ok(merging.plan)
    }
}

impl Merging<'_> {
    /// Merges the rows of one kind.
    fn rows(&mut self, kind: MemberKind, staged: &mut Sorted, references: &References) -> Result<(), SyncError> {
        let mut stored = self.known.rows(kind).iter().peekable();
        let mut staged = Claims(staged.read()?.peekable());
        let mut claim = staged.next()?;
        loop {
            let order = match (stored.peek(), &claim) {
                (None, None) => return Ok(()),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(row), Some(claim)) => row.id.cmp(&claim.entry.id),
            };
            let row = stored.next_if(|_| order.is_le());
            if let Some(claim) = claim.take_if(|_| order.is_ge()) {
                let entry = claim.sole(row.is_some_and(|row| row.came), &mut self.plan.skipped);
                self.entry((kind, row), entry, references)?;
            } else if let Some(row) = row {
                if row.came {
                    *totals_of(&mut self.plan.totals, kind) += 1;
                } else {
                    self.absent(kind, &self.stored(kind, row)?)?;
                }
            }
            if order.is_ge() {
                claim = staged.next()?;
            }
        }
    }

    /// The row in full.
    fn stored(&self, kind: MemberKind, row: &KnownRow) -> Result<Entity, SyncError> {
        let member = Member::from_parts(kind, row.id);
        let found = self.full.store.read(|snapshot| rows::entity(snapshot, &member))?;
        // It was there when the read began.
        let gone = || SyncError::Superseded { label: self.full.settings.label.to_string() };
        found.map(|(_, entity)| entity).ok_or_else(gone)
    }

    /// An entry came; `row` is what is stored of it.
    fn entry(
        &mut self,
        (kind, row): (MemberKind, Option<&KnownRow>),
        mut entry: Staged,
        references: &References,
    ) -> Result<(), SyncError> {
        if entry.is_unusable() {
            self.unusable(Member::from_parts(kind, entry.id), entry.named)?;
        }
        if let Some(row) = row {
            if row.digest == entry.digest && !entry.is_unusable() {
                *totals_of(&mut self.plan.totals, kind) += 1;
                return Ok(());
            }
            let before = self.stored(kind, row)?;
            *totals_of(&mut self.plan.totals, kind) += u64::from(before.standing().is_present());
            if kind == MemberKind::User {
                entry.managed_by(self.manager_of(&entry, Some(&before), references))?;
            }
            if entry.is_unusable() {
                if entry.disabled && !before.standing().disabled {
                    self.plan.suspend(&before)?;
                }
            } else {
                self.full.store.read(|snapshot| self.plan.differ(snapshot, &before, &entry, self.full.now))?;
            }
        } else if !entry.is_unusable() {
            if kind == MemberKind::User {
                entry.managed_by(self.manager_of(&entry, None, references))?;
            }
            self.full.store.read(|snapshot| self.plan.appear(snapshot, kind, entry))?;
        }
        Ok(())
    }

    /// Who manages whoever `entry` is: whom its reference means. Where an absence proves nothing they are who they were.
    fn manager_of(&self, entry: &Staged, before: Option<&Entity>, references: &References) -> Option<UserId> {
        let reference = entry.references.first()?;
        let Some(Entity::User(before)) = before else { return user(references.member(reference)) };
        let was = before.manager.filter(|_| before.manager_reference == Some(*reference));
        user(references.member(reference)).or_else(|| was.filter(|_| !self.full.doubts.is_empty()))
    }

    /// People whose entry says what it said may have another manager: the name that it says is another's by now.
    fn managers(&mut self, references: &References) -> Result<(), SyncError> {
        for managed in self.known.managed_as_before() {
            let manager = user(references.member(&managed.reference));
            let unclear = manager.is_none() && !self.full.doubts.is_empty();
            if manager == managed.manager || unclear {
                continue;
            }
            let member = Member::from_parts(MemberKind::User, managed.id);
            let before = self.full.store.read(|snapshot| rows::entity(snapshot, &member))?;
            if let Some((_, before)) = before {
                self.plan.manage(&before, manager)?;
            }
        }
        Ok(())
    }

    /// An entry came that cannot be used.
    fn unusable(&mut self, member: Member, named: bool) -> Result<(), SyncError> {
        self.full.store.read(|snapshot| {
            if !named {
                self.nameless.insert(member);
            } else if !stored::is_present(snapshot, &member)? {
                self.rowless.insert(member);
            }
            match member {
                Member::Group(group) => self.plan.unread(snapshot, group),
                _ => Ok(()),
            }
        })
    }

    /// A stored row whose entry did not come.
    fn absent(&mut self, kind: MemberKind, before: &Entity) -> Result<(), SyncError> {
        if let Member::Group(group) = before.member() {
            self.plan.totals.memberships += self.count_edges(&group)?;
        }
        match before.standing().presence {
            Presence::Gone { since } => {
                // A run that broke off may have left memberships behind: they go with the leaver, not with the group.
                self.plan.names.left(before.member());
                let ends = since.saturating_add(self.full.settings.keep_leavers).unwrap_or(Timestamp::MAX);
                if self.full.sure && expired(ends, self.full.now) {
                    self.plan.delete(before.member())?;
                }
            }
            _ => {
                *totals_of(&mut self.plan.totals, kind) += 1;
                if self.full.doubts.is_empty() {
                    self.plan.disappear(before, self.full.now)?;
                }
            }
        }
        Ok(())
    }

    /// Compares the members of every group that came.
    fn memberships(&mut self, groups: &mut Sorted, references: &References) -> Result<(), SyncError> {
        let mut staged = Claims(groups.read()?.peekable());
        // Then a group that lists what it listed has whom it had.
        let settled = self.nameless.is_empty() && self.rowless.is_empty() && self.edges.means_the_same(references);
        // Duplicates were reported with the rows.
        let mut unreported = Skipped::default();
        while let Some(claim) = staged.next()? {
            let entry = claim.sole(false, &mut unreported);
            let group = GroupId::from_bytes(entry.id);
            if entry.is_unusable() {
                self.plan.totals.memberships += self.count_edges(&group)?;
                continue;
            }
            if let Some(members) = self.edges.members_under(&group, &entry.references).filter(|_| settled) {
                self.plan.totals.memberships += members;
                self.plan.tally.had_members(group, members);
                continue;
            }
            let mut edges = stored_edges(self.full.store, &group)?;
            self.plan.totals.memberships += edges.before.len() as u64;
            self.resolve(&entry.references, references, &mut edges);
            self.plan.members(group, &edges)?;
        }
        Ok(())
    }

    fn count_edges(&self, group: &GroupId) -> Result<u64, SyncError> {
        Ok(self.full.store.read(|snapshot| scan_all(snapshot, &schema::edges_of(group)))?.len() as u64)
    }

    fn resolve(&self, listed: &[RefHash], references: &References, edges: &mut Edges) {
        edges.resolve(listed, |reference| self.meaning(references, reference));
        let certain = self.full.doubts.is_empty();
        let absent =
            |(member, reference): &(Member, RefHash)| !certain && self.meaning(references, reference) != Some(*member);
        edges.keep_unclear(listed, |member| self.nameless.contains(member), absent);
    }

    /// Who `reference` means, if that is somebody groups may refer to.
    fn meaning(&self, references: &References, reference: &RefHash) -> Option<Member> {
        let unreferable = |member: &Member| self.nameless.contains(member) || self.rowless.contains(member);
        references.member(reference).filter(|member| !unreferable(member))
    }
}

/// A group's stored edges and references to nobody.
///
/// # Errors
/// When the store cannot be read.
pub fn stored_edges(store: &Store, group: &GroupId) -> Result<Edges, SyncError> {
    store.read(|snapshot| {
        let mut edges = Edges::default();
        for (key, row) in scan_all(snapshot, &schema::edges_of(group))? {
            if let (Some((_, member)), Ok(reference)) = (schema::parse_edge(&key), row.value.as_slice().try_into()) {
                edges.before.push((member, RefHash(reference)));
            }
        }
        for (key, _) in scan_all(snapshot, &schema::dangling_of(group))? {
            edges.awaited_before.extend(schema::parse_dangling(&key).map(|(_, reference)| reference));
        }
        Ok(edges)
    })
}

fn user(member: Option<Member>) -> Option<UserId> {
    match member {
        Some(Member::User(id)) => Some(id),
        _ => None,
    }
}

fn totals_of(totals: &mut Totals, kind: MemberKind) -> &mut u64 {
    match kind {
        MemberKind::User => &mut totals.users,
        MemberKind::Group => &mut totals.groups,
        MemberKind::Resource => &mut totals.resources,
    }
}

/// Staged entries by the id they claim.
struct Claims<I: Iterator<Item = std::io::Result<Staged>>>(std::iter::Peekable<I>);

/// What claims one id.
struct Claim {
    entry: Staged,
    /// How many entries claim it.
    copies: u32,
    /// One of them says that its account is switched off.
    disabled: bool,
}

impl<I: Iterator<Item = std::io::Result<Staged>>> Claims<I> {
    fn next(&mut self) -> Result<Option<Claim>, SyncError> {
        let Some(entry) = self.0.next().transpose()? else { return Ok(None) };
        let mut claim = Claim { disabled: entry.disabled, entry, copies: 1 };
        let same = |next: &std::io::Result<Staged>| next.as_ref().is_ok_and(|next| next.id == claim.entry.id);
        while let Some(copy) = self.0.next_if(same).transpose()? {
            claim.copies += 1;
            claim.disabled |= copy.disabled;
        }
        Ok(Some(claim))
    }
}

impl Claim {
    /// The entry, if nothing else claims its id; otherwise one that cannot be used. `came` says that another was
    /// ticked off.
    fn sole(self, came: bool, skipped: &mut Skipped) -> Staged {
        let copies = self.copies + u32::from(came);
        if copies == 1 {
            return self.entry;
        }
        let id = self.entry.id;
        skipped.push(format!("id {}", hex::encode(id)), format!("{copies} entries claim the same immutable id"));
        Staged::unusable(id, self.disabled, false)
    }
}
