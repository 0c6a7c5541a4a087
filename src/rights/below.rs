//! Everybody below groups, where either of two states says so.
//!
//! Goes down along edges. Memberships without an edge are found from the member, so where a group could have such members
//! everybody is looked at, a page at a time: about a second for 200,000, and only for directories that have them.

use std::collections::{BTreeSet, HashSet};

use super::ways::claims;
use super::{Prospect, Terms};
use crate::base::{GroupId, Sid, UserId};
use crate::model::{DirectoryLabel, Entity, Member, MemberKind, RefHash};
use crate::store::{KeyRange, Snapshot, StoreError, rows, schema};

/// Edges read under one snapshot.
const PAGE: usize = 1_000;

/// Where to begin.
#[derive(Debug, Default)]
pub struct Roots {
    /// People who are looked at in any case.
    pub people: BTreeSet<UserId>,
    /// Groups of which everybody below is looked at.
    pub groups: BTreeSet<GroupId>,
    /// References by which groups list somebody of another directory: whoever answers to one is looked at.
    pub references: HashSet<RefHash>,
}

/// People found.
#[derive(Debug, Default)]
pub struct Below {
    /// As many as were asked for at most.
    pub people: BTreeSet<UserId>,
    /// How many more there are.
    pub more: u64,
}

/// A search that goes on.
struct Search<'a> {
    prospect: &'a Prospect<'a>,
    most: usize,
    found: Below,
    /// People beyond those that are kept: by id, so that nobody is counted twice.
    beyond: HashSet<UserId>,
    seen: HashSet<GroupId>,
    ahead: Vec<GroupId>,
    /// Security identifiers of groups seen: whose primary group they are is in them.
    sids: HashSet<(DirectoryLabel, Sid)>,
    references: HashSet<RefHash>,
}

impl Below {
    /// Looks for everybody below `roots`, and keeps `most` of them. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn of(prospect: &Prospect<'_>, roots: Roots, most: usize) -> Result<Self, StoreError> {
        let mut search = Search {
            prospect,
            most,
            found: Self::default(),
            beyond: HashSet::new(),
            seen: roots.groups.iter().copied().collect(),
            ahead: roots.groups.into_iter().collect(),
            sids: HashSet::new(),
            references: roots.references,
        };
        roots.people.into_iter().for_each(|person| search.person(person));
        loop {
            while let Some(group) = search.ahead.pop() {
                search.group(group)?;
            }
            if search.sids.is_empty() && search.references.is_empty() {
                break;
            }
            search.without_edges()?;
            if search.ahead.is_empty() {
                break;
            }
        }
        search.found.more = search.beyond.len() as u64;
        Ok(search.found)
    }
}

impl Search<'_> {
    fn person(&mut self, person: UserId) {
        if self.found.people.contains(&person) {
            return;
        }
        if self.found.people.len() < self.most {
            self.found.people.insert(person);
        } else {
            self.beyond.insert(person);
        }
    }

    fn member(&mut self, member: Member) {
        match member {
            Member::User(person) => self.person(person),
            Member::Group(group) if self.seen.insert(group) => self.ahead.push(group),
            Member::Group(_) | Member::Resource(_) => {}
        }
    }

    /// Goes one step down, and notes by what the group could have members without an edge.
    fn group(&mut self, group: GroupId) -> Result<(), StoreError> {
        let terms = self.prospect.terms;
        let (sids, waits) = self.prospect.read(|before, after| {
            let (mut sids, mut waits) = (Vec::new(), Vec::new());
            for snapshot in [before, after] {
                let Some(row) = rows::group(snapshot, &group)? else { continue };
                let label = row.origin.directory;
                if terms.domains.holds(&label) {
                    waits.extend(awaited(snapshot, &group)?);
                }
                sids.extend(row.origin.sid.map(|sid| (label, sid)));
            }
            Ok::<_, StoreError>((sids, waits))
        })?;
        self.sids.extend(sids);
        self.references.extend(waits);
        for after in [false, true] {
            let mut last = None;
            loop {
                let page = self.prospect.read(|settled, coming| {
                    rows::edges_of(if after { coming } else { settled }, &group, last.as_ref(), PAGE)
                })?;
                page.iter().for_each(|edge| self.member(edge.member));
                match page.last().filter(|_| page.len() == PAGE) {
                    Some(edge) => last = Some(edge.member),
                    None => break,
                }
            }
        }
        Ok(())
    }

    /// Looks at everybody for a primary group, or a reference, that was noted.
    fn without_edges(&mut self) -> Result<(), StoreError> {
        let terms = self.prospect.terms;
        let mut found = Vec::new();
        let mut look = |key: &[u8], value: &[u8]| {
            let entity = rows::decode(key, value.to_vec())?;
            if self.means(&entity, terms) {
                found.push(entity.member());
            }
            Ok::<_, StoreError>(())
        };
        for kind in [MemberKind::User, MemberKind::Group] {
            self.prospect.store.visit(&KeyRange::prefix(&schema::all(kind)), &mut look)?;
        }
        for laid in [self.prospect.settled, self.prospect.coming] {
            let entities = laid
                .written()
                .filter(|(key, _)| matches!(schema::parse_entity(key), Some(Member::User(_) | Member::Group(_))));
            for (key, value) in entities {
                look(key, value)?;
            }
        }
        found.into_iter().for_each(|member| self.member(member));
        Ok(())
    }

    fn means(&self, entity: &Entity, terms: &Terms) -> bool {
        let label = &entity.origin().directory;
        let primary = entity.primary_group().is_some_and(|sid| self.sids.contains(&(label.clone(), sid.clone())));
        primary
            || !self.references.is_empty()
                && claims(entity, terms).iter().any(|claim| self.references.contains(&claim.reference))
    }
}

fn awaited(snapshot: &dyn Snapshot, group: &GroupId) -> Result<Vec<RefHash>, StoreError> {
    let waits = snapshot.scan(&KeyRange::prefix(&schema::dangling_of(group)), usize::MAX)?;
    Ok(waits.iter().filter_map(|(key, _)| schema::parse_dangling(key)).map(|(_, reference)| reference).collect())
}
