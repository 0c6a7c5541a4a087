//! The plan after events: a few entries that changed, and what follows from them.
//!
//! A directory does not report everything that a change entails. When somebody is deleted or renamed,
//! `refint` rewrites the groups without an event; when somebody appears, a group may have been
//! waiting for that DN. So the groups concerned are read again, and references that are new are looked
//! up, until nothing is open. After that the plan is made like any other, and equals what a full read
//! would give.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::error::SyncError;
use super::full::stored_edges;
use super::mapping::{self, Mapped, Reference, Skip, derived_member};
use super::plan::{Edges, Plan};
use super::reference;
use super::settings::Settings;
use super::stage::Staged;
use super::state::{Skipped, SyncState};
use super::stored;
use crate::base::{Guid, Timestamp};
use crate::directory::{Arrival, Dn, Entry, Kind, Wanted};
use crate::model::{DirectoryLabel, Entity, Member, MemberKind, RefHash, origin};
use crate::store::{Revision, Snapshot, Store, rows, schema};

/// Rounds of looking up what follows from what. A chain of new nested groups needs one a level.
const MOST_ROUNDS: usize = 64;

/// Entries that changed, and all that follows.
pub struct Delta {
    settings: Arc<Settings>,
    entries: BTreeMap<Member, Arrived>,
    gone: BTreeSet<Member>,
    skipped: Skipped,
    /// Who references mean, as far as entries of this delta say.
    names: HashMap<RefHash, Member>,
    /// References that were looked up and mean nobody.
    nobody: HashSet<RefHash>,
    /// What was asked for already.
    asked: HashSet<Wanted>,
    rounds: usize,
}

/// An entry of this delta.
enum Arrived {
    Usable(Box<Mapped>),
    Unusable { disabled: bool },
}

impl Delta {
    /// Gathers what events brought. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(
        store: &Store,
        settings: Arc<Settings>,
        arrivals: Vec<Arrival>,
        gone: Vec<Guid>,
    ) -> Result<Self, SyncError> {
        let mut delta = Self {
            settings,
            entries: BTreeMap::new(),
            gone: BTreeSet::new(),
            skipped: Skipped::default(),
            names: HashMap::new(),
            nobody: HashSet::new(),
            asked: HashSet::new(),
            rounds: 0,
        };
        delta.take(store, arrivals)?;
        store.read(|snapshot| {
            for guid in gone {
                for member in every_kind(&delta.settings.label, &guid) {
                    let member = relinked(snapshot, member)?;
                    // The source looked it up after the last event it reports about it, so this is newer.
                    delta.forget(&member);
                    if snapshot.get(&schema::entity(&member))?.is_some() {
                        delta.gone.insert(member);
                    }
                }
            }
            Ok::<_, SyncError>(())
        })?;
        Ok(delta)
    }

    /// Takes entries in: from events or from looking up. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn take(&mut self, store: &Store, arrivals: Vec<Arrival>) -> Result<(), SyncError> {
        for arrival in arrivals {
            match arrival {
                Arrival::Entry(entry) => store.read(|snapshot| self.take_entry(snapshot, &entry))?,
                Arrival::Unusable(unusable) => {
                    self.skipped.unusable(&unusable);
                    for member in unusable.guid.iter().flat_map(|guid| every_kind(&self.settings.label, guid)) {
                        let member = store.read(|snapshot| relinked(snapshot, member))?;
                        self.entries.insert(member, Arrived::Unusable { disabled: false });
                    }
                }
            }
        }
        Ok(())
    }

    fn forget(&mut self, member: &Member) {
        if self.entries.remove(member).is_some() {
            self.names.retain(|_, named| named != member);
        }
    }

    fn take_entry(&mut self, snapshot: &dyn Snapshot, entry: &Entry) -> Result<(), SyncError> {
        let member = relinked(snapshot, derived_member(&self.settings, entry))?;
        self.gone.remove(&member);
        self.forget(&member);
        let arrived = match mapping::map(&self.settings, entry, member) {
            Ok(mapped) => {
                for reference in references_to(&self.settings, entry.kind, &entry.dn, mapped.entity.original_name()) {
                    self.names.insert(reference, member);
                }
                Arrived::Usable(Box::new(mapped))
            }
            Err(Skip { why, disabled }) => {
                self.skipped.push(crate::base::text::printable(&entry.dn.to_string()).into_owned(), why);
                Arrived::Unusable { disabled }
            }
        };
        self.entries.insert(member, arrived);
        Ok(())
    }

    /// What has to be looked up before the plan can be made; empty when nothing is open. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn wants(&mut self, store: &Store) -> Result<Vec<Wanted>, SyncError> {
        self.rounds += 1;
        if self.rounds > MOST_ROUNDS {
            return Ok(Vec::new());
        }
        let mut wanted = store.read(|snapshot| self.groups_concerned(snapshot))?;
        for (group, mapped) in self.groups() {
            let known = self.known_references(store, group)?;
            for reference in &mapped.spelled {
                let hash = reference.hash();
                if self.names.contains_key(&hash) || self.nobody.contains(&hash) || known.contains_key(&hash) {
                    continue;
                }
                wanted.insert(match reference {
                    Reference::Dn(dn) => Wanted::Dn(dn.clone()),
                    Reference::Login(login) => Wanted::Login(login.clone()),
                });
            }
        }
        wanted.retain(|one| !self.asked.contains(one));
        self.asked.extend(wanted.iter().cloned());
        Ok(wanted.into_iter().collect())
    }

    /// Takes the answer to what was wanted. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn answered(&mut self, store: &Store, wanted: &[Wanted], answers: Vec<Arrival>) -> Result<(), SyncError> {
        self.take(store, answers)?;
        for one in wanted {
            let hash = match one {
                Wanted::Dn(dn) => reference::by_dn(dn),
                Wanted::Login(login) => reference::by_login(login),
                Wanted::Guid(_) => continue,
            };
            if !self.names.contains_key(&hash) {
                self.nobody.insert(hash);
            }
        }
        Ok(())
    }

    fn groups(&self) -> impl Iterator<Item = (crate::base::GroupId, &Mapped)> {
        self.entries.iter().filter_map(|(member, arrived)| match (member, arrived) {
            (Member::Group(group), Arrived::Usable(mapped)) => Some((*group, mapped.as_ref())),
            _ => None,
        })
    }

    /// Groups whose members may have changed although no event says so.
    fn groups_concerned(&self, snapshot: &dyn Snapshot) -> Result<HashSet<Wanted>, SyncError> {
        let mut concerned = BTreeSet::new();
        for member in &self.gone {
            concerned.extend(groups_of(snapshot, member)?);
        }
        for (member, arrived) in &self.entries {
            let Arrived::Usable(mapped) = arrived else { continue };
            let before = rows::entity(snapshot, member)?.map(|(_, entity)| entity);
            if before.as_ref().is_some_and(|before| respelled(before, &mapped.entity)) {
                concerned.extend(groups_of(snapshot, member)?);
            }
            let is_new =
                before.is_none_or(|before| respelled(&before, &mapped.entity) || !before.standing().is_present());
            if is_new {
                concerned.extend(self.groups_waiting(snapshot, &mapped.entity)?);
            }
        }
        let mut wanted = HashSet::new();
        for group in concerned {
            let member = Member::Group(group);
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

    fn groups_waiting(&self, snapshot: &dyn Snapshot, entity: &Entity) -> Result<Vec<crate::base::GroupId>, SyncError> {
        let mut waiting = Vec::new();
        let Ok(dn) = entity.origin().dn.parse::<Dn>() else { return Ok(waiting) };
        let kind = if matches!(entity, Entity::User(_)) { Kind::Person } else { Kind::Group };
        for reference in references_to(&self.settings, kind, &dn, entity.original_name()) {
            for (key, _) in stored::scan_all(snapshot, &schema::waiting_for(&self.settings.label, &reference))? {
                waiting.extend(schema::parse_dangling_back(&key));
            }
        }
        Ok(waiting)
    }

    /// What `group`'s stored edges say about references, where that still holds.
    fn known_references(
        &self,
        store: &Store,
        group: crate::base::GroupId,
    ) -> Result<HashMap<RefHash, Option<Member>>, SyncError> {
        let edges = stored_edges(store, &group)?;
        let mut known: HashMap<RefHash, Option<Member>> =
            edges.awaited_before.iter().map(|hash| (*hash, None)).collect();
        for (member, hash) in &edges.before {
            // Somebody who is gone or changed is no longer known by what was true before.
            if !self.gone.contains(member) && !matches!(self.entries.get(member), Some(Arrived::Usable(_))) {
                known.insert(*hash, Some(*member));
            }
        }
        Ok(known)
    }

    /// True when looking up went on for too many rounds: a full read is due.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        self.rounds > MOST_ROUNDS
    }

    /// Makes the plan. Blocks.
    ///
    /// # Errors
    /// When the store or the work directory fails.
    pub fn plan(
        self,
        store: &Store,
        state: &(Option<Revision>, SyncState),
        work: &Path,
        now: Timestamp,
    ) -> Result<Plan, SyncError> {
        let mut plan = Plan::new(work, state.0);
        plan.totals = state.1.totals;
        plan.skipped = self.skipped.clone();
        store.read(|snapshot| self.plan_rows(snapshot, &mut plan, now))?;
        for (group, mapped) in self.groups() {
            let mut edges = stored_edges(store, &group)?;
            self.resolve(store, group, mapped, &mut edges)?;
            plan.members(group, &edges)?;
        }
        Ok(plan)
    }

    fn plan_rows(&self, snapshot: &dyn Snapshot, plan: &mut Plan, now: Timestamp) -> Result<(), SyncError> {
        for member in &self.gone {
            if let Some((_, before)) = rows::entity(snapshot, member)?
                && before.standing().is_present()
            {
                plan.disappear(&before, now)?;
            }
        }
        for (member, arrived) in &self.entries {
            let before = rows::entity(snapshot, member)?;
            match (arrived, before) {
                (Arrived::Unusable { disabled: true }, Some((_, before))) if !before.standing().disabled => {
                    plan.suspend(&before)?
                }
                (Arrived::Unusable { .. }, _) => {}
                (Arrived::Usable(mapped), before) => {
                    let staged = Staged::entity(&mapped.entity, Vec::new())?;
                    match before {
                        Some((digest, before)) if digest != staged.digest => plan.differ(snapshot, &before, &staged)?,
                        Some(_) => {}
                        None => plan.appear(snapshot, member.kind(), staged)?,
                    }
                }
            }
        }
        Ok(())
    }

    fn resolve(
        &self,
        store: &Store,
        group: crate::base::GroupId,
        mapped: &Mapped,
        edges: &mut Edges,
    ) -> Result<(), SyncError> {
        let known = self.known_references(store, group)?;
        let mut seen = HashSet::new();
        for reference in &mapped.references {
            let member = self.names.get(reference).copied().or_else(|| known.get(reference).copied().flatten());
            match member {
                Some(member) if seen.insert(member) => edges.now.push((member, *reference)),
                Some(_) => {}
                None => edges.awaited_now.push(*reference),
            }
        }
        let unusable = |member: &Member| matches!(self.entries.get(member), Some(Arrived::Unusable { .. }));
        edges.keep = edges.before.iter().map(|(member, _)| *member).filter(unusable).collect();
        Ok(())
    }
}

/// How groups may refer to an entry.
#[must_use]
pub fn references_to(settings: &Settings, kind: Kind, dn: &Dn, name: &str) -> Vec<RefHash> {
    let mut references = vec![reference::by_dn(dn)];
    if kind == Kind::Person && !settings.mapping.member_login.is_empty() {
        references.push(reference::by_login(name));
    }
    references
}

/// The id that stands for `derived`: another after a rebuilt account was linked to its old identity.
///
/// # Errors
/// When the store cannot be read.
pub fn relinked(snapshot: &dyn Snapshot, derived: Member) -> Result<Member, SyncError> {
    let row = snapshot.get(&schema::relink(derived.kind(), derived.id_bytes()))?;
    let id = row.and_then(|row| <[u8; 16]>::try_from(row.value.as_slice()).ok());
    Ok(id.map_or(derived, |id| Member::from_parts(derived.kind(), id)))
}

fn every_kind(label: &DirectoryLabel, guid: &Guid) -> [Member; 3] {
    [
        Member::User(origin::user_id(label, guid)),
        Member::Group(origin::group_id(label, guid)),
        Member::Resource(origin::resource_id(label, guid)),
    ]
}

/// True when groups refer to it in another way than before.
fn respelled(before: &Entity, after: &Entity) -> bool {
    before.origin().dn != after.origin().dn
        || matches!(before.member().kind(), MemberKind::User) && before.original_name() != after.original_name()
}

fn groups_of(snapshot: &dyn Snapshot, member: &Member) -> Result<Vec<crate::base::GroupId>, SyncError> {
    let rows = stored::scan_all(snapshot, &schema::groups_of(member))?;
    Ok(rows.iter().filter_map(|(key, _)| schema::parse_edge_back(key)).map(|(_, group)| group).collect())
}
