//! From a group to the members it has no edge for.
//!
//! Memberships without an edge are found from the member; from the group every row that could be one is looked at: about a
//! second for 200,000. Good for showing one group, never for a decision.

use std::collections::{HashMap, HashSet};

use super::ways::{How, claims};
use super::{Holds, Terms};
use crate::base::Sid;
use crate::model::{DirectoryLabel, Entity, Group, MemberKind, RefHash};
use crate::store::{KeyRange, Store, StoreError, rows, schema};

/// What the groups of a directory hold by being somebody's primary group.
#[derive(Debug, Default)]
pub struct Primaries(HashMap<(DirectoryLabel, Sid), Holds>);

impl Primaries {
    /// Notes whose primary group `entity` names.
    fn note(&mut self, entity: &Entity) {
        if let Some(sid) = entity.primary_group().filter(|_| entity.standing().is_present()) {
            let holds = self.0.entry((entity.origin().directory.clone(), sid.clone())).or_default();
            holds.note(entity.member().kind());
        }
    }

    /// What `group` holds that way.
    #[must_use]
    pub fn of(&self, group: &Group) -> Holds {
        let key = group.origin.sid.clone().map(|sid| (group.origin.directory.clone(), sid));
        key.and_then(|key| self.0.get(&key).copied()).unwrap_or_default()
    }

    /// Looks at everybody of the directories that have groups with a SID.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn read<'a>(
        store: &Store,
        directories: impl IntoIterator<Item = &'a DirectoryLabel>,
    ) -> Result<Self, StoreError> {
        let mut primaries = Self::default();
        for label in directories {
            let any = KeyRange::prefix(&schema::all_groups_by_sid(label));
            if !store.read(|snapshot| snapshot.scan(&any, 1))?.is_empty() {
                visit(store, label, &[MemberKind::User, MemberKind::Resource], |entity| primaries.note(&entity))?;
            }
        }
        Ok(primaries)
    }
}

/// The members that a group has no edge for.
#[derive(Debug, Default)]
pub struct Survey {
    /// The first of them, at most as many as asked for.
    pub members: Vec<(Entity, How)>,
    /// How many there are.
    pub count: u64,
    /// How many of the group's references to nobody of its own directory mean one of them.
    pub resolved: u64,
    /// What the groups of the directory hold by being somebody's primary group.
    pub primaries: Primaries,
}

impl Survey {
    /// Looks for the members of `group` that it has no edge for, and keeps `most` of them.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn of(store: &Store, group: &Group, terms: &Terms, most: usize) -> Result<Self, StoreError> {
        let mut survey = Self::default();
        if let Some(sid) = &group.origin.sid {
            let kinds = [MemberKind::User, MemberKind::Resource];
            visit(store, &group.origin.directory, &kinds, |entity| {
                survey.primaries.note(&entity);
                if entity.primary_group() == Some(sid) && entity.standing().is_present() {
                    survey.add(entity, How::PrimaryGroup, most);
                }
            })?;
        }
        survey.elsewhere(store, group, terms, most)?;
        Ok(survey)
    }

    /// Members of other directories.
    fn elsewhere(&mut self, store: &Store, group: &Group, terms: &Terms, most: usize) -> Result<(), StoreError> {
        let own = &group.origin.directory;
        let waits = KeyRange::prefix(&schema::dangling_of(&group.id));
        let waits = store.read(|snapshot| snapshot.scan(&waits, usize::MAX))?;
        let awaited: HashSet<RefHash> =
            waits.iter().filter_map(|(key, _)| schema::parse_dangling(key)).map(|(_, reference)| reference).collect();
        if awaited.is_empty() || !terms.domains.holds(own) {
            return Ok(());
        }
        let mut resolved = HashSet::new();
        for label in terms.domains.labels().filter(|label| !terms.frozen.contains(*label)) {
            let kinds = [MemberKind::User, MemberKind::Group, MemberKind::Resource];
            visit(store, label, &kinds, |entity| {
                let counts = |reference: &RefHash, anywhere| awaited.contains(reference) && (anywhere || label != own);
                let claims = claims(&entity, terms).into_iter();
                let by: Vec<RefHash> = claims
                    .filter(|claim| counts(&claim.reference, claim.anywhere))
                    .map(|claim| claim.reference)
                    .collect();
                if let Some(first) = by.first() {
                    self.add(entity, How::OtherDirectory(*first), most);
                }
                resolved.extend(by);
            })?;
        }
        self.resolved = resolved.len() as u64;
        Ok(())
    }

    fn add(&mut self, entity: Entity, how: How, most: usize) {
        self.count += 1;
        if self.members.len() < most {
            self.members.push((entity, how));
        }
    }
}

/// Visits the rows of these kinds that come from `label`, a page at a time: commits go on in between.
fn visit(
    store: &Store,
    label: &DirectoryLabel,
    kinds: &[MemberKind],
    mut each: impl FnMut(Entity),
) -> Result<(), StoreError> {
    for kind in kinds {
        store.visit(&KeyRange::prefix(&schema::all_of_directory(*kind, label)), |key, value| {
            each(rows::decode(key, value.to_vec())?);
            Ok(())
        })?;
    }
    Ok(())
}
