//! The plan after a full read: a merge of stored rows and staged entries, both in id order.
//!
//! Memory does not grow with the directory but for 40 bytes an entry (who a reference means).

use std::collections::HashSet;
use std::path::Path;

use super::error::SyncError;
use super::plan::{Edges, Plan};
use super::settings::Settings;
use super::stage::{References, Sorted, Sortings, Staged};
use super::state::{SyncState, Totals};
use super::stored::{self, Walk, scan_all};
use crate::base::{GroupId, Timestamp, clock::expired};
use crate::model::{Member, MemberKind, Presence, RefHash};
use crate::store::rows::EntityRow;
use crate::store::{Revision, Store, schema};

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
}

/// Growing results of one merge.
struct Merging<'a> {
    full: &'a Full<'a>,
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
    pub fn plan(&self, stage: &mut Sortings) -> Result<Plan, SyncError> {
        let mut plan = Plan::new(self.work, self.state.as_ref().map(|(revision, _)| *revision));
        plan.full = true;
        plan.doubts = self.doubts.clone();
        let mut merging = Merging { full: self, plan, nameless: HashSet::new(), rowless: HashSet::new() };
        // People and machines before groups: a group's losses are judged by who leaves.
        merging.rows(MemberKind::User, &mut stage.users)?;
        merging.rows(MemberKind::Resource, &mut stage.resources)?;
        merging.rows(MemberKind::Group, &mut stage.groups)?;
        merging.memberships(&mut stage.groups, &stage.references)?;
        Ok(merging.plan)
    }
}

impl Merging<'_> {
    /// Merges the rows of one kind.
    fn rows(&mut self, kind: MemberKind, staged: &mut Sorted) -> Result<(), SyncError> {
        let mut stored = Walk::new(self.full.store, kind, &self.full.settings.label);
        let mut staged = Unique(staged.read()?.peekable());
        let (mut row, mut entry) = (stored.next().transpose()?, staged.next(&mut self.plan)?);
        loop {
            let order = match (&row, &entry) {
                (None, None) => return Ok(()),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(row), Some(entry)) => row.member.id_bytes().cmp(&entry.id),
            };
            if let Some(entry) = entry.take_if(|_| order.is_ge()) {
                self.entry(kind, row.as_ref().filter(|_| order.is_eq()), entry)?;
            } else if let Some(row) = &row {
                self.absent(kind, row)?;
            }
            if order.is_ge() {
                entry = staged.next(&mut self.plan)?;
            }
            if order.is_le() {
                row = stored.next().transpose()?;
            }
        }
    }

    /// An entry came; `row` is what is stored of it.
    fn entry(&mut self, kind: MemberKind, row: Option<&EntityRow>, entry: Staged) -> Result<(), SyncError> {
        if entry.is_unusable() {
            self.unusable(Member::from_parts(kind, entry.id), entry.named)?;
        }
        if let Some(row) = row {
            if row.digest == entry.digest && !entry.is_unusable() {
                *totals_of(&mut self.plan.totals, kind) += 1;
                return Ok(());
            }
            let before = row.entity()?;
            *totals_of(&mut self.plan.totals, kind) += u64::from(before.standing().is_present());
            if entry.is_unusable() {
                if entry.disabled && !before.standing().disabled {
                    self.plan.suspend(&before)?;
                }
            } else {
                self.full.store.read(|snapshot| self.plan.differ(snapshot, &before, &entry, self.full.now))?;
            }
        } else if !entry.is_unusable() {
            self.full.store.read(|snapshot| self.plan.appear(snapshot, kind, entry))?;
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
    fn absent(&mut self, kind: MemberKind, row: &EntityRow) -> Result<(), SyncError> {
        let before = row.entity()?;
        if let Member::Group(group) = before.member() {
            self.plan.totals.memberships += self.count_edges(&group)?;
        }
        match before.standing().presence {
            Presence::Gone { since } => {
                // A run that broke off may have left memberships behind: they go with the leaver, not with the group.
                self.plan.names.left(before.member());
                let ends = since.saturating_add(self.full.settings.keep_leavers).unwrap_or(Timestamp::MAX);
                if expired(ends, self.full.now) {
                    self.plan.delete(before.member())?;
                }
            }
            _ => {
                *totals_of(&mut self.plan.totals, kind) += 1;
                if self.full.doubts.is_empty() {
                    self.plan.disappear(&before, self.full.now)?;
                }
            }
        }
        Ok(())
    }

    /// Compares the members of every group that came.
    fn memberships(&mut self, groups: &mut Sorted, references: &References) -> Result<(), SyncError> {
        let mut staged = Unique(groups.read()?.peekable());
        // Duplicates were reported with the rows.
        let mut unreported = Plan::new(self.full.work, None);
        while let Some(entry) = staged.next(&mut unreported)? {
            let group = GroupId::from_bytes(entry.id);
            if entry.is_unusable() {
                self.plan.totals.memberships += self.count_edges(&group)?;
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
        let unreferable = |member: &Member| self.nameless.contains(member) || self.rowless.contains(member);
        let meaning = |reference: &RefHash| references.member(reference).filter(|member| !unreferable(member));
        edges.resolve(listed, meaning);
        let certain = self.full.doubts.is_empty();
        let absent = |(member, reference): &(Member, RefHash)| !certain && meaning(reference) != Some(*member);
        edges.keep_unclear(listed, |member| self.nameless.contains(member), absent);
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

fn totals_of(totals: &mut Totals, kind: MemberKind) -> &mut u64 {
    match kind {
        MemberKind::User => &mut totals.users,
        MemberKind::Group => &mut totals.groups,
        MemberKind::Resource => &mut totals.resources,
    }
}

/// Staged entries, where two that claim one id become one that cannot be used.
struct Unique<I: Iterator<Item = std::io::Result<Staged>>>(std::iter::Peekable<I>);

impl<I: Iterator<Item = std::io::Result<Staged>>> Unique<I> {
    fn next(&mut self, plan: &mut Plan) -> Result<Option<Staged>, SyncError> {
        let Some(first) = self.0.next().transpose()? else { return Ok(None) };
        let mut copies = 1_u32;
        let mut disabled = first.disabled;
        while let Some(copy) = self.0.next_if(|next| next.as_ref().is_ok_and(|next| next.id == first.id)).transpose()? {
            copies += 1;
            disabled |= copy.disabled;
        }
        if copies == 1 {
            return Ok(Some(first));
        }
        plan.skipped
            .push(format!("id {}", hex::encode(first.id)), format!("{copies} entries claim the same immutable id"));
        Ok(Some(Staged::unusable(first.id, disabled, false)))
    }
}
