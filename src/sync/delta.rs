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

mod follows;
mod planned;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::error::SyncError;
use super::full::stored_edges;
use super::mapping::{self, Mapped, Skip, derived_member};
use super::meaning::{Known, Meanings, claimed_login};
use super::reference::{self, UNREAD};
use super::settings::Settings;
use super::stored;
use crate::base::{GroupId, Guid};
use crate::directory::{Arrival, Dn, Entry, Wanted};
use crate::model::{DirectoryLabel, Member, RefHash, origin};
use crate::store::{Snapshot, Store, rows};

/// Rounds of looking up what follows from what. A chain of new nested groups needs one a level.
const MOST_ROUNDS: usize = 64;

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
