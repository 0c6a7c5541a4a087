//! What is stored of a directory, in brief, for a full read to be held against while it comes in.
//!
//! A full read seldom brings anything new. So the digests of all rows are laid out in memory while the server
//! still works on its first pages, and an entry that says what its row says is ticked off as it comes: it is neither
//! staged nor is its row read again. Memory: 40 bytes a row.
//!
//! Of a group's edges one digest is kept, made from the edges themselves and never stored: a full read exists to find
//! edges that differ from the directory for whatever reason.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::plan::Edges;
use super::reference::first16;
use super::spread;
use super::stage::Staged;
use super::stored::Walk;
use crate::base::GroupId;
use crate::model::{DirectoryLabel, Member, MemberKind, RefHash, origin};
use crate::store::rows::Digest;
use crate::store::{KeyRange, Store, StoreError, schema};

/// A directory's rows, in brief.
#[derive(Debug, Default)]
pub struct Known {
    users: Vec<KnownRow>,
    groups: Vec<KnownRow>,
    resources: Vec<KnownRow>,
    edges: HashMap<GroupId, KnownEdges>,
}

/// A stored row, in brief.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownRow {
    /// Its id.
    pub id: [u8; 16],
    /// Digest of what the directory said of it.
    pub digest: Digest,
    /// An entry came that says the same.
    pub came: bool,
}

/// A group's edges and references to nobody, in brief.
#[derive(Debug, Default)]
struct KnownEdges {
    members: u64,
    digest: Digest,
    awaited: Digest,
}

impl Known {
    /// Reads what is stored of `directory`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn read(store: &Store, directory: &DirectoryLabel) -> Result<Self, StoreError> {
        let rows = |kind| {
            let brief = |row: Result<crate::store::rows::EntityRow, StoreError>| {
                row.map(|row| KnownRow { id: *row.member.id_bytes(), digest: row.digest, came: false })
            };
            Walk::new(store, kind, directory).map(brief).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            users: rows(MemberKind::User)?,
            groups: rows(MemberKind::Group)?,
            resources: rows(MemberKind::Resource)?,
            edges: edges(store, directory)?,
        })
    }

    /// Every row of a kind, in id order.
    #[must_use]
    pub fn rows(&self, kind: MemberKind) -> &[KnownRow] {
        match kind {
            MemberKind::User => &self.users,
            MemberKind::Group => &self.groups,
            MemberKind::Resource => &self.resources,
        }
    }

    /// True when `staged` says what its row says, and nobody said so before: nothing is left to do for it. A second
    /// entry of one id is never ticked off, so that the plan meets both. (Nor is a group, for it brings its members.)
    pub fn tick(&mut self, kind: MemberKind, staged: &Staged) -> bool {
        let rows = match kind {
            MemberKind::User => &mut self.users,
            MemberKind::Resource => &mut self.resources,
            MemberKind::Group => return false,
        };
        let wanted = u128::from_be_bytes(staged.id);
        let below = |at: usize| rows.get(at).is_some_and(|row| u128::from_be_bytes(row.id) < wanted);
        let at = spread::position(rows.len(), spread::leading(&staged.id, origin::PREFIX), below);
        let same = |row: &&mut KnownRow| row.id == staged.id && row.digest == staged.digest && !staged.is_unusable();
        let Some(row) = rows.get_mut(at).filter(same).filter(|row| !row.came) else { return false };
        row.came = true;
        true
    }

    /// How many members `group` has, if `edges` are those that are stored.
    #[must_use]
    pub fn unchanged(&self, group: &GroupId, edges: &Edges) -> Option<u64> {
        let known = self.edges.get(group)?;
        let same = known.members == edges.now.len() as u64
            && known.digest == digest_of_members(edges.now.clone())
            && known.awaited == digest_of_references(edges.awaited_now.clone());
        same.then_some(known.members)
    }
}

fn edges(store: &Store, directory: &DirectoryLabel) -> Result<HashMap<GroupId, KnownEdges>, StoreError> {
    let mut known = HashMap::new();
    let mut members = ByGroup::new(|group, members: Vec<(Member, RefHash)>| {
        let edges: &mut KnownEdges = known.entry(group).or_default();
        edges.members = members.len() as u64;
        edges.digest = digest_of_members(members);
    });
    store.for_each(&KeyRange::prefix(&schema::edges_of_directory(directory)), |key, row| {
        let damaged = || StoreError::corrupt(key, "it is no edge");
        let (group, member) = schema::parse_edge(key).ok_or_else(damaged)?;
        let reference = row.value.as_slice().try_into().map_err(|_| damaged())?;
        members.push(group, (member, RefHash(reference)));
        Ok::<_, StoreError>(())
    })?;
    members.finish();
    let mut awaited = ByGroup::new(|group, references| {
        known.entry(group).or_default().awaited = digest_of_references(references);
    });
    store.for_each(&KeyRange::prefix(&schema::dangling_of_directory(directory)), |key, _| {
        let (group, reference) =
            schema::parse_dangling(key).ok_or_else(|| StoreError::corrupt(key, "it is no reference"))?;
        awaited.push(group, reference);
        Ok::<_, StoreError>(())
    })?;
    awaited.finish();
    Ok(known)
}

/// Collects what comes group by group.
struct ByGroup<T, F: FnMut(GroupId, Vec<T>)> {
    group: Option<GroupId>,
    items: Vec<T>,
    done: F,
}

impl<T, F: FnMut(GroupId, Vec<T>)> ByGroup<T, F> {
    fn new(done: F) -> Self {
        Self { group: None, items: Vec::new(), done }
    }

    fn push(&mut self, group: GroupId, item: T) {
        if self.group.is_some_and(|before| before != group) {
            self.finish();
        }
        self.group = Some(group);
        self.items.push(item);
    }

    fn finish(&mut self) {
        if let Some(group) = self.group.take() {
            (self.done)(group, std::mem::take(&mut self.items));
        }
    }
}

/// The same for the same members under the same references, in whatever order.
fn digest_of_members(mut members: Vec<(Member, RefHash)>) -> Digest {
    if members.is_empty() {
        return Digest::default();
    }
    members.sort_unstable();
    let mut hash = Sha256::new();
    for (member, reference) in &members {
        hash.update([member.kind().byte()]);
        hash.update(member.id_bytes());
        hash.update(reference.0);
    }
    first16(&hash.finalize())
}

/// The same for the same references, in whatever order.
fn digest_of_references(mut references: Vec<RefHash>) -> Digest {
    if references.is_empty() {
        return Digest::default();
    }
    references.sort_unstable();
    let mut hash = Sha256::new();
    for reference in &references {
        hash.update(reference.0);
    }
    first16(&hash.finalize())
}
