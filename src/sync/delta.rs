//! The plan after events: a few entries that changed, and what follows from them.
//!
//! A directory does not report everything that a change entails. When somebody is deleted or renamed,
//! `refint` rewrites the groups without an event; when somebody appears, a group may have been
//! waiting for that DN. So the groups concerned are read again, and references that are new are looked
//! up, until nothing is open. After that the plan is made like any other, and equals what a full read
//! would give.
//!
//! What an entry without a row was called while it could not be used, or any between two events of one step, nobody
//! remembers. References by such names are made good by the next full read, and until then give nobody access.
//!
//! Who manages a person is worked out when their entry comes. Whom it meant then it means until it comes again, or the next full read:
//! they manage by their id, so that whoever comes to bear their name does not.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::error::SyncError;
use super::full::stored_edges;
use super::mapping::{self, Mapped, Skip, Spelling, derived_member};
use super::meaning::{Known, Meanings, claimed_login, login_of, references_to};
use super::plan::{Edges, Plan};
use super::reference::{self, UNREAD};
use super::settings::Settings;
use super::stage::Staged;
use super::state::SyncState;
use super::stored;
use crate::base::{GroupId, Guid, Timestamp, UserId};
use crate::directory::{Arrival, Dn, Entry, Wanted};
use crate::model::{DirectoryLabel, Entity, Member, RefHash, origin};
use crate::store::{KeyRange, Revision, Snapshot, Store, rows, schema};

/// Rounds of looking up what follows from what. A chain of new nested groups needs one a level.
const MOST_ROUNDS: usize = 64;

/// Waiting references looked through for groups that may mean somebody new: enough for an orderly directory; in another
/// one the next full read makes the rest good.
const MOST_WAITING: usize = 1_000;

/// Objects looked up one by one; for more than this a full read is cheaper.
pub const MOST_LOOK_UPS: usize = 1_000;

/// Entries that changed, and all that follows.
pub struct Delta {
    settings: Arc<Settings>,
    entries: BTreeMap<Member, Arrived>,
    gone: BTreeSet<Member>,
    /// References by names that objects bore in between.
    former: HashSet<RefHash>,
    /// True when somebody is new or has another name than before.
    moved: bool,
    /// What is wrong with entries that cannot be used, by DN: one may come more than once.
    skipped: BTreeMap<String, String>,
    meanings: Meanings,
    /// What was asked for already.
    asked: HashSet<Wanted>,
    rounds: usize,
}

/// Whose members may have changed, and what may mean somebody else than before.
#[derive(Default)]
struct Concerned {
    groups: BTreeSet<GroupId>,
    references: HashSet<RefHash>,
    /// References by names that nobody bears any more: a group that lists one may have been rewritten since.
    stale: HashSet<RefHash>,
    logins: HashSet<String>,
    /// True when somebody is new or has another name than before.
    moved: bool,
}

/// An entry of this delta.
struct Arrived {
    /// Its name and login, if they could be read.
    names: Option<(Dn, Option<String>)>,
    /// True when groups may refer to it: it can be used, or it is stored and at least its name can be read.
    referable: bool,
    content: Content,
}

/// What is in an entry.
enum Content {
    Usable(Box<Mapped>),
    Unusable { disabled: bool },
}

impl Arrived {
    fn usable(&self) -> Option<&Mapped> {
        match &self.content {
            Content::Usable(mapped) => Some(mapped),
            Content::Unusable { .. } => None,
        }
    }
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
        former: &[Dn],
    ) -> Result<Self, SyncError> {
        let mut delta = Self {
            settings,
            entries: BTreeMap::new(),
            gone: BTreeSet::new(),
            former: former.iter().map(reference::by_dn).collect(),
            moved: false,
            skipped: BTreeMap::new(),
            meanings: Meanings::default(),
            asked: HashSet::new(),
            rounds: 0,
        };
        delta.take(store, arrivals)?;
        store.read(|snapshot| {
            for guid in gone {
                for derived in every_kind(&delta.settings.label, &guid) {
                    let member = relinked(snapshot, derived)?;
                    // The source looked it up after the last event it reports about it, so this is newer.
                    delta.forget(&member);
                    delta.goes(snapshot, member, &guid)?;
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
                    self.skipped.insert(unusable.dn, unusable.why);
                    let label = &self.settings.label;
                    let kinds: Vec<Member> = unusable.guid.iter().flat_map(|guid| every_kind(label, guid)).collect();
                    for derived in kinds {
                        let member = store.read(|snapshot| relinked(snapshot, derived))?;
                        self.gone.remove(&member);
                        self.forget(&member);
                        let content = Content::Unusable { disabled: false };
                        self.entries.insert(member, Arrived { names: None, referable: false, content });
                    }
                }
            }
        }
        Ok(())
    }

    fn forget(&mut self, member: &Member) {
        if self.entries.remove(member).is_some() {
            self.meanings.forget(member);
        }
    }

    /// Notes that the object `guid` is there no longer, if it stands behind the row `member`.
    fn goes(&mut self, snapshot: &dyn Snapshot, member: Member, guid: &Guid) -> Result<(), SyncError> {
        if rows::entity(snapshot, &member)?.is_some_and(|(_, entity)| entity.origin().guid == *guid) {
            self.gone.insert(member);
        }
        Ok(())
    }

    fn take_entry(&mut self, snapshot: &dyn Snapshot, entry: &Entry) -> Result<(), SyncError> {
        let derived = derived_member(&self.settings, entry);
        let member = relinked(snapshot, derived)?;
        self.gone.remove(&member);
        self.forget(&member);
        // What became an object of another kind is no longer one of the kind it was.
        for other in every_kind(&self.settings.label, &entry.guid).into_iter().filter(|other| *other != derived) {
            let other = relinked(snapshot, other)?;
            self.forget(&other);
            self.goes(snapshot, other, &entry.guid)?;
        }
        let login = claimed_login(&self.settings, entry);
        self.meanings.came(member, &entry.dn, login);
        let (content, referable) = match mapping::map(&self.settings, entry, member) {
            Ok(mapped) => (Content::Usable(Box::new(mapped)), true),
            Err(Skip { why, disabled }) => {
                self.skipped.insert(entry.dn.to_string(), why);
                (Content::Unusable { disabled }, stored::is_present(snapshot, &member)?)
            }
        };
        let arrived = Arrived { names: Some((entry.dn.clone(), login.map(str::to_owned))), referable, content };
        self.entries.insert(member, arrived);
        Ok(())
    }

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
    fn manager_of(&self, mapped: &Mapped, before: Option<&Entity>) -> Option<UserId> {
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

    /// Takes the answer to what was wanted: what was asked for by its id and did not come is gone. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn answered(&mut self, store: &Store, wanted: &[Wanted], answers: Vec<Arrival>) -> Result<(), SyncError> {
        let came: HashSet<Option<Guid>> = answers.iter().map(guid_of).collect();
        self.take(store, answers)?;
        for one in wanted {
            match one {
                Wanted::Login(login) => self.meanings.looked_up(login),
                // Something without an id may be any of them.
                Wanted::Guid(guid) if !came.contains(&Some(*guid)) && !came.contains(&None) => {
                    store.read(|snapshot| {
                        every_kind(&self.settings.label, guid)
                            .into_iter()
                            .try_for_each(|derived| self.goes(snapshot, relinked(snapshot, derived)?, guid))
                    })?;
                }
                Wanted::Guid(_) | Wanted::Dn(_) => {}
            }
        }
        Ok(())
    }

    fn groups(&self) -> impl Iterator<Item = (GroupId, &Mapped)> {
        self.entries.iter().filter_map(|(member, arrived)| match member {
            Member::Group(group) => Some((*group, arrived.usable()?)),
            _ => None,
        })
    }

    /// Groups whose members may have changed although no event says so, and why.
    fn concerned(&self, snapshot: &dyn Snapshot) -> Result<Concerned, SyncError> {
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

    /// What `group`'s stored edges say about references, where that still holds: not for those that may have
    /// another meaning by now (`anew`).
    fn known_references(&self, store: &Store, group: GroupId, anew: &HashSet<RefHash>) -> Result<Known, SyncError> {
        let edges = stored_edges(store, &group)?;
        let present = store.read(|snapshot| stored::is_present(snapshot, &Member::Group(group)))?;
        if !present || edges.awaited_before.contains(&UNREAD) {
            // Nobody kept it up to date.
            return Ok(Known::new());
        }
        let mut known: Known = edges.awaited_before.iter().map(|hash| (*hash, None)).collect();
        store.read(|snapshot| {
            for (member, hash) in &edges.before {
                // Somebody who is gone or changed is no longer known by what was true before.
                let named = self.entries.get(member).is_some_and(|arrived| arrived.names.is_some());
                let changed = named || self.gone.contains(member);
                if !changed && stored::is_present(snapshot, member)? {
                    known.insert(*hash, Some(*member));
                }
            }
            Ok::<_, SyncError>(())
        })?;
        known.retain(|hash, _| !anew.contains(hash));
        Ok(known)
    }

    fn meaning(&self, reference: &RefHash, known: &Known) -> Option<Member> {
        let referable = |member: &Member| self.entries.get(member).is_some_and(|arrived| arrived.referable);
        self.meanings.of(reference, known, referable)
    }

    /// Groups that were read because of what happened to others. Where a server keeps references in order by itself
    /// (`refint`), it does so a moment later and says nothing: they are worth another look.
    #[must_use]
    pub fn groups_read(&self) -> Vec<Guid> {
        let asked = self.asked.iter().filter_map(|wanted| match wanted {
            Wanted::Guid(guid) => Some(*guid),
            _ => None,
        });
        // What came as a group's event may be older than what happened to its members since.
        let came = self.groups().filter(|_| self.moved).map(|(_, mapped)| mapped.entity.origin().guid);
        asked.chain(came).collect::<BTreeSet<Guid>>().into_iter().collect()
    }

    /// True when looking up goes on for too long: a full read is due.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        self.rounds > MOST_ROUNDS || self.asked.len() > MOST_LOOK_UPS
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
        for (dn, why) in &self.skipped {
            plan.skipped.push(dn.clone(), why.clone());
        }
        store.read(|snapshot| self.plan_rows(snapshot, &mut plan, now))?;
        let anew = store.read(|snapshot| self.concerned(snapshot))?.references;
        for (group, mapped) in self.groups() {
            let mut edges = stored_edges(store, &group)?;
            self.resolve(&self.known_references(store, group, &anew)?, mapped, &mut edges);
            let has: HashSet<Member> = edges.now.iter().map(|(member, _)| *member).collect();
            for (member, _) in edges.before.iter().filter(|(member, _)| !has.contains(member)) {
                if !store.read(|snapshot| stored::is_present(snapshot, member))? {
                    plan.names.left(*member);
                }
            }
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
            match &arrived.content {
                Content::Unusable { disabled } => {
                    if let Member::Group(group) = member {
                        plan.unread(snapshot, *group)?;
                    }
                    match before {
                        Some((_, before)) if *disabled && !before.standing().disabled => plan.suspend(&before)?,
                        _ => {}
                    }
                }
                Content::Usable(mapped) => {
                    let mut staged = Staged::entity(&mapped.entity, Vec::new())?;
                    let manager = match member {
                        Member::User(_) => self.manager_of(mapped, before.as_ref().map(|(_, before)| before)),
                        Member::Group(_) | Member::Resource(_) => None,
                    };
                    staged.managed_by(manager)?;
                    match before {
                        Some((digest, before)) if digest != staged.digest => {
                            plan.differ(snapshot, &before, &staged, now)?
                        }
                        Some((_, Entity::User(before))) if before.manager != manager => {
                            plan.manage(&Entity::User(before), manager)?
                        }
                        Some(_) => {}
                        None => plan.appear(snapshot, member.kind(), staged)?,
                    }
                }
            }
        }
        Ok(())
    }

    fn resolve(&self, known: &Known, mapped: &Mapped, edges: &mut Edges) {
        edges.resolve(&mapped.references, |reference| self.meaning(reference, known));
        let hidden = |member: &Member| self.entries.get(member).is_some_and(|arrived| arrived.names.is_none());
        edges.keep_unclear(&mapped.references, hidden, |_| false);
    }
}

/// The id of whatever came.
#[must_use]
pub fn guid_of(arrival: &Arrival) -> Option<Guid> {
    match arrival {
        Arrival::Entry(entry) => Some(entry.guid),
        Arrival::Unusable(unusable) => unusable.guid,
    }
}

/// The id that stands for `derived`: another after a rebuilt account was linked to its old identity.
///
/// # Errors
/// When the store cannot be read.
pub fn relinked(snapshot: &dyn Snapshot, derived: Member) -> Result<Member, SyncError> {
    Ok(rows::relinked(snapshot, derived)?)
}

fn every_kind(label: &DirectoryLabel, guid: &Guid) -> [Member; 3] {
    [
        Member::User(origin::user_id(label, guid)),
        Member::Group(origin::group_id(label, guid)),
        Member::Resource(origin::resource_id(label, guid)),
    ]
}

fn groups_of(snapshot: &dyn Snapshot, member: &Member) -> Result<Vec<GroupId>, SyncError> {
    let edges = stored::scan_all(snapshot, &schema::groups_of(member))?;
    Ok(edges.iter().filter_map(|(key, _)| schema::parse_edge_back(key)).map(|(_, group)| group).collect())
}
