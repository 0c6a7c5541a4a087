//! What follows from events that no event tells: groups that are to be read again, and people and names to be looked up.

use std::collections::{BTreeSet, HashSet};

use super::super::error::SyncError;
use super::super::full::stored_edges;
use super::super::mapping::{Mapped, Spelling};
use super::super::meaning::{Known, login_of, references_to};
use super::super::{reference, stored};
use super::Delta;
use crate::base::{GroupId, UserId};
use crate::directory::Wanted;
use crate::model::{Entity, Member, RefHash};
use crate::store::{KeyRange, Snapshot, Store, rows, schema};

/// Waiting references looked through for groups that may mean somebody new: enough for an orderly directory; in another
/// one the next full read makes the rest good.
const MOST_WAITING: usize = 1_000;

/// Whose members may have changed, and what may mean somebody else than before.
#[derive(Default)]
pub(super) struct Concerned {
    pub(super) groups: BTreeSet<GroupId>,
    pub(super) references: HashSet<RefHash>,
    /// References by names that nobody bears any more: a group that lists one may have been rewritten since.
    pub(super) stale: HashSet<RefHash>,
    pub(super) logins: HashSet<String>,
    /// True when somebody is new or has another name than before.
    pub(super) moved: bool,
}

impl Delta {
    /// What has to be looked up before the plan can be made; empty when nothing is open. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn wants(&mut self, store: &Store) -> Result<Vec<Wanted>, SyncError> {
        self.rounds += 1;
        let concerned = store.read(|snapshot| self.concerned(snapshot))?;
        self.moved |= concerned.moved;
        let mut wanted = store.read(|snapshot| self.groups_to_read(snapshot, &concerned.groups))?;
        wanted.extend(self.groups_listing(&concerned.stale));
        for (group, mapped) in self.groups() {
            let known = self.known_references(store, group, &concerned.references)?;
            for reference in &mapped.spelled {
                if known.contains_key(&reference.hash) || self.meanings.is_borne(&reference.hash) {
                    continue;
                }
                wanted.extend(match &reference.spelling {
                    // It was found to be one when it came.
                    Spelling::Dn(dn) => dn.parse().ok().map(Wanted::Dn),
                    Spelling::Login(login) => Some(Wanted::Login(login.clone())),
                    Spelling::Sid(_) => None,
                });
            }
            wanted.extend(self.lost(store, group, mapped, &known)?);
        }
        wanted.extend(store.read(|snapshot| self.managers_to_find(snapshot))?);
        wanted.extend(concerned.logins.into_iter().map(Wanted::Login));
        wanted.retain(|one| !self.asked.contains(one));
        self.asked.extend(wanted.iter().cloned());
        Ok(if self.is_unfinished() { Vec::new() } else { wanted.into_iter().collect() })
    }

    /// People by whose name somebody is managed, where it is not known who that is.
    fn managers_to_find(&self, snapshot: &dyn Snapshot) -> Result<Vec<Wanted>, SyncError> {
        let mut wanted = Vec::new();
        for (member, arrived) in &self.entries {
            let (Member::User(_), Some(mapped)) = (member, arrived.usable()) else { continue };
            let Some(Spelling::Dn(dn)) = mapped.spelled.first().map(|reference| &reference.spelling) else { continue };
            let before = rows::entity(snapshot, member)?.map(|(_, before)| before);
            if self.manager_of(mapped, before.as_ref()).is_none() {
                wanted.extend(dn.parse().ok().map(Wanted::Dn));
            }
        }
        Ok(wanted)
    }

    /// Who manages somebody: who bears the name that their entry says, or whom it meant before.
    pub(super) fn manager_of(&self, mapped: &Mapped, before: Option<&Entity>) -> Option<UserId> {
        let reference = mapped.references.first()?;
        match (self.meanings.bearer(reference), before) {
            (Some(Member::User(id)), _) => Some(id),
            (Some(_), _) => None,
            (None, Some(Entity::User(before))) if before.manager_reference == Some(*reference) => before.manager,
            (None, _) => None,
        }
    }

    /// Members that `group` lists no longer: still there, or is it they who went? The guard tells one from the other,
    /// and the event about them may come later, or was held back earlier.
    fn lost(&self, store: &Store, group: GroupId, mapped: &Mapped, known: &Known) -> Result<Vec<Wanted>, SyncError> {
        let listed: HashSet<Member> = mapped.references.iter().filter_map(|one| self.meaning(one, known)).collect();
        let edges = stored_edges(store, &group)?;
        let unexplained = |member: &&Member| {
            !listed.contains(*member) && !self.entries.contains_key(*member) && !self.gone.contains(*member)
        };
        store.read(|snapshot| {
            let mut lost = Vec::new();
            for member in edges.before.iter().map(|(member, _)| member).filter(unexplained) {
                if let Some((_, entity)) = rows::entity(snapshot, member)?.filter(|(_, e)| e.standing().is_present()) {
                    lost.push(Wanted::Guid(entity.origin().guid));
                }
            }
            Ok(lost)
        })
    }

    /// Groups whose members may have changed although no event says so, and why.
    pub(super) fn concerned(&self, snapshot: &dyn Snapshot) -> Result<Concerned, SyncError> {
        let mut concerned =
            Concerned { stale: self.former.clone(), references: self.former.clone(), ..Concerned::default() };
        for member in &self.gone {
            concerned.groups.extend(groups_of(snapshot, member)?);
            if let Some((_, before)) = rows::entity(snapshot, member)? {
                concerned.references.extend(references_to(&self.settings, &before));
                concerned.stale.extend(references_to(&self.settings, &before));
            }
        }
        for (member, arrived) in &self.entries {
            let Some((dn, login)) = &arrived.names else { continue };
            let before = rows::entity(snapshot, member)?.map(|(_, entity)| entity);
            // Even somebody known may be waited for: while the entry could not be used, nobody was found under its DN.
            concerned.references.insert(reference::by_dn(dn));
            concerned.references.extend(login.as_deref().map(reference::by_login));
            let as_before = |before: &Entity| {
                let same_login = login.is_none() || login.as_deref() == login_of(&self.settings, before);
                before.standing().is_present() && before.origin().dn == dn.as_str() && same_login
            };
            if before.as_ref().is_some_and(as_before) {
                continue;
            }
            concerned.moved = true;
            if before.is_none() {
                concerned.groups.extend(self.groups_waiting(snapshot)?);
            }
            if let Some(before) = &before {
                concerned.groups.extend(groups_of(snapshot, member)?);
                concerned.references.extend(references_to(&self.settings, before));
                concerned.stale.extend(references_to(&self.settings, before));
            }
            concerned.logins.extend(login.clone());
        }
        // A login that more than one claims means none of them any more.
        for member in self.meanings.rivals() {
            concerned.groups.extend(groups_of(snapshot, member)?);
        }
        for reference in &concerned.references {
            for (key, _) in stored::scan_all(snapshot, &schema::waiting_for(&self.settings.label, reference))? {
                concerned.groups.extend(schema::parse_dangling_back(&key));
            }
        }
        Ok(concerned)
    }

    /// Groups that wait for somebody. Somebody new may have borne the name they wait for before we heard of it.
    fn groups_waiting(&self, snapshot: &dyn Snapshot) -> Result<BTreeSet<GroupId>, SyncError> {
        let waiting = KeyRange::prefix(&schema::dangling_of_directory(&self.settings.label));
        let rows = snapshot.scan(&waiting, MOST_WAITING)?;
        Ok(rows.iter().filter_map(|(key, _)| schema::parse_dangling(key)).map(|(group, _)| group).collect())
    }

    fn groups_to_read(
        &self,
        snapshot: &dyn Snapshot,
        concerned: &BTreeSet<GroupId>,
    ) -> Result<HashSet<Wanted>, SyncError> {
        let mut wanted = HashSet::new();
        for group in concerned {
            let member = Member::Group(*group);
            if self.entries.contains_key(&member) || self.gone.contains(&member) {
                continue;
            }
            if let Some((_, entity)) = rows::entity(snapshot, &member)?
                && entity.origin().directory == self.settings.label
                && entity.standing().is_present()
            {
                wanted.insert(Wanted::Guid(entity.origin().guid));
            }
        }
        Ok(wanted)
    }

    /// Groups that came with a reference nobody answers to any more: read before `refint` had rewritten them, perhaps.
    fn groups_listing<'a>(&'a self, stale: &'a HashSet<RefHash>) -> impl Iterator<Item = Wanted> + 'a {
        let lists = |mapped: &Mapped| mapped.references.iter().any(|reference| stale.contains(reference));
        self.groups()
            .filter(move |(_, mapped)| lists(mapped))
            .map(|(_, mapped)| Wanted::Guid(mapped.entity.origin().guid))
    }

    /// Groups that list somebody by the name that was given up in these events, and that nobody bears now: the server may
    /// be about to rewrite them. A directory that never does leaves them so. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn lagging(&self, store: &Store) -> Result<Vec<Wanted>, SyncError> {
        let mut given_up = HashSet::new();
        store.read(|snapshot| {
            for (member, _) in self.entries.iter().filter(|(_, arrived)| arrived.names.is_some()) {
                if let Some((_, before)) = rows::entity(snapshot, member)? {
                    let former = references_to(&self.settings, &before);
                    given_up.extend(former.into_iter().filter(|name| !self.meanings.is_borne(name)));
                }
            }
            Ok::<_, SyncError>(())
        })?;
        Ok(self.groups_listing(&given_up).collect())
    }
}

fn groups_of(snapshot: &dyn Snapshot, member: &Member) -> Result<Vec<GroupId>, SyncError> {
    let edges = stored::scan_all(snapshot, &schema::groups_of(member))?;
    Ok(edges.iter().filter_map(|(key, _)| schema::parse_edge_back(key)).map(|(_, group)| group).collect())
}
