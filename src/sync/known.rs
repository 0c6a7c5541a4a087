//! What is stored of a directory, in brief, for a full read to be held against while it comes in.
//!
//! A full read seldom brings anything new. So the digests of all rows are laid out in memory while the server
//! still works on its first pages, and an entry that says what its row says is ticked off as it comes: it is neither
//! staged nor is its row read again. Memory: 40 bytes a row, and 56 for a person whose manager is named.
//!
//! Of a group's edges one digest is kept, and whom each reference means once for all groups. Both are made from the edges
//! themselves and never stored: a full read exists to find edges that differ from the directory for whatever reason.
//! Memory: 33 bytes a member, 16 a membership while they are read.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::reference::first16;
use super::spread;
use super::stage::{References, Staged};
use crate::base::{GroupId, UserId};
use crate::model::{DirectoryLabel, Member, MemberKind, RefHash, origin};
use crate::store::rows::{self, Digest};
use crate::store::{KeyRange, Store, StoreError, schema};

/// A directory's rows, in brief.
#[derive(Debug, Default)]
pub struct Known {
    users: Vec<KnownRow>,
    groups: Vec<KnownRow>,
    resources: Vec<KnownRow>,
    /// People whose manager is named, in id order.
    managed: Vec<Managed>,
}

/// A person whose manager is named: what that name means may have changed, though their entry says what it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Managed {
    /// Their id.
    pub id: [u8; 16],
    /// The name.
    pub reference: RefHash,
    /// Whom it meant.
    pub manager: Option<UserId>,
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

/// What is stored of the members of groups, in brief.
#[derive(Debug, Default)]
pub struct KnownEdges {
    /// By group: how many members it has, and a digest of all its references, also of those to nobody.
    groups: HashMap<GroupId, (u64, Digest)>,
    /// Whom references mean; sorted, each once.
    meanings: Vec<(RefHash, Member)>,
    /// References that mean nobody.
    awaited: Vec<RefHash>,
}

impl Known {
    /// Reads what is stored of `directory`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn read(store: &Store, directory: &DirectoryLabel) -> Result<Self, StoreError> {
        let mut managed = Vec::new();
        let mut rows = |kind| {
            let mut known = Vec::new();
            store.visit(&KeyRange::prefix(&schema::all_of_directory(kind, directory)), |key, value| {
                let (member, digest) = rows::brief(key, value)?;
                if kind == MemberKind::User
                    && let Some((reference, manager)) = rows::manager(key, value)?
                {
                    managed.push(Managed { id: *member.id_bytes(), reference, manager });
                }
                known.push(KnownRow { id: *member.id_bytes(), digest, came: false });
                Ok(())
            })?;
            Ok::<_, StoreError>(known)
        };
        Ok(Self {
            users: rows(MemberKind::User)?,
            groups: rows(MemberKind::Group)?,
            resources: rows(MemberKind::Resource)?,
            managed,
        })
    }

    /// Those whose manager is named and whose entry came and says what their row says.
    pub fn managed_as_before(&self) -> impl Iterator<Item = &Managed> {
        let mut rows = self.users.iter().peekable();
        self.managed.iter().filter(move |managed| {
            while rows.next_if(|row| row.id < managed.id).is_some() {}
            rows.peek().is_some_and(|row| row.id == managed.id && row.came)
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
        let leading = |at: usize| rows.get(at).map_or(0, |row| spread::leading(&row.id, origin::PREFIX));
        let at = spread::position(rows.len(), spread::leading(&staged.id, origin::PREFIX), leading, below);
        let same = |row: &&mut KnownRow| row.id == staged.id && row.digest == staged.digest && !staged.is_unusable();
        let Some(row) = rows.get_mut(at).filter(same).filter(|row| !row.came) else { return false };
        row.came = true;
        true
    }
}

impl KnownEdges {
    /// Reads what is stored of the groups of `directory`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn read(store: &Store, directory: &DirectoryLabel) -> Result<Self, StoreError> {
        let mut known = Self::default();
        let mut listed: HashMap<GroupId, Vec<RefHash>> = HashMap::new();
        let mut compact = 0;
        store.visit(&KeyRange::prefix(&schema::edges_of_directory(directory)), |key, value| {
            let damaged = || StoreError::corrupt(key, "it is no edge");
            let (group, member) = schema::parse_edge(key).ok_or_else(damaged)?;
            let reference = RefHash(value.try_into().map_err(|_| damaged())?);
            listed.entry(group).or_default().push(reference);
            known.meanings.push((reference, member));
            // Most members are in several groups, under the same reference.
            if known.meanings.len() > 2 * compact + ONCE_IN_A_WHILE {
                sort_once(&mut known.meanings);
                compact = known.meanings.len();
            }
            Ok(())
        })?;
        sort_once(&mut known.meanings);
        let members: HashMap<GroupId, u64> =
            listed.iter().map(|(group, listed)| (*group, listed.len() as u64)).collect();
        store.visit(&KeyRange::prefix(&schema::dangling_of_directory(directory)), |key, _| {
            let (group, reference) =
                schema::parse_dangling(key).ok_or_else(|| StoreError::corrupt(key, "it is no reference"))?;
            listed.entry(group).or_default().push(reference);
            known.awaited.push(reference);
            Ok(())
        })?;
        sort_once(&mut known.awaited);
        known.groups = listed
            .into_iter()
            .map(|(group, mut listed)| {
                listed.sort_unstable();
                (group, (members.get(&group).copied().unwrap_or_default(), digest_of(&listed)))
            })
            .collect();
        Ok(known)
    }

    /// True when every reference means, by `references`, whom it means in the store. Groups that list the same references
    /// then have the same members.
    #[must_use]
    pub fn means_the_same(&self, references: &References) -> bool {
        references.agree_on(&self.meanings)
            && self.awaited.iter().all(|reference| references.member(reference).is_none())
    }

    /// How many members `group` has, if it is stored with these references, sorted and each once.
    #[must_use]
    pub fn members_under(&self, group: &GroupId, references: &[RefHash]) -> Option<u64> {
        let (members, digest) = self.groups.get(group)?;
        (digest_of(references) == *digest).then_some(*members)
    }
}

/// Edges between two times that what is known of them is sorted, at least.
const ONCE_IN_A_WHILE: usize = 1 << 16;

fn sort_once<T: Ord>(items: &mut Vec<T>) {
    items.sort_unstable();
    items.dedup();
}

/// The same for the same references.
fn digest_of(references: &[RefHash]) -> Digest {
    let mut hash = Sha256::new();
    for reference in references {
        hash.update(reference.0);
    }
    first16(&hash.finalize())
}
