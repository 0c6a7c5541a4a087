//! What changes would do to rights: who could be concerned, and what of theirs differs once the changes are carried out.
//!
//! ```text
//!  changes --Sketch--> rows laid over the store --\
//!          --Sketch--> who could be concerned -----> rights, before and after --> Effects
//! ```
//!
//! Nothing is reckoned here: the rows are those that `apply` would write, and `rights` reads both states. It is asked for
//! by whoever looks at a dry run or at what is held, and by the guard where a limit of rights is set; no other run pays
//! for it. Memory is bounded by [`MOST_BYTES`], time by [`Grounds::most_people`]; what lies beyond is said to be unknown.

use std::collections::HashMap;

use super::change::{Act, Change, bear_on_rights};
use super::error::SyncError;
use super::grounds::Grounds;
use super::names::Settled;
use super::state::Totals;
use super::written::Written;
use crate::base::{GroupId, Timestamp};
use crate::model::{DirectoryLabel, Entity, Member, MemberKind};
pub use crate::rights::Effects;
use crate::rights::effects::Gathering;
use crate::rights::{Below, Prospect, Roots, Terms};
use crate::store::{Laid, Snapshot, Store};

/// Rows laid over the store for one answer.
const MOST_BYTES: usize = 64 << 20;

/// Looks ahead, for one directory's changes.
pub struct Foresight<'a> {
    /// The store.
    pub store: &'a Store,
    /// Whose changes they are.
    pub label: &'a DirectoryLabel,
    /// On what grounds rights are worked out.
    pub grounds: &'a Grounds,
    /// Who gets which name, as far as that is known: no right hangs on it.
    pub settled: &'a Settled,
    /// The present.
    pub now: Timestamp,
}

/// What is to be looked at: changes that happen, and changes that are held and would come on top.
#[derive(Default)]
pub struct Ahead {
    happening: Sketch,
    held: Sketch,
}

impl Foresight<'_> {
    /// Takes a change in. Those that happen come before those that are held. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read, or the change holds no row.
    pub fn take(&self, ahead: &mut Ahead, change: Change, held: bool) -> Result<(), SyncError> {
        if held {
            ahead.held.change(self, &ahead.happening.laid, change)
        } else {
            ahead.happening.change(self, &Laid::default(), change)
        }
    }

    /// What they do to rights. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn effects(&self, ahead: Ahead) -> Result<Effects, SyncError> {
        let left_out = ahead.happening.left_out + ahead.held.left_out;
        if left_out > 0 {
            let most = MOST_BYTES >> 20;
            let why = format!(
                "too many changes: {left_out} of them are beyond the {most} MiB for which rights are worked out"
            );
            return Ok(Effects::unknown(why));
        }
        let terms = self.terms()?;
        let (none, mut gathering) = (Laid::default(), Gathering::default());
        let (happening, held) = (ahead.happening, ahead.held);
        let first = self.prospect(&none, &happening.laid, &terms);
        self.compare(&first, happening.seeds, false, &mut gathering)?;
        let second = self.prospect(&happening.laid, &held.laid, &terms);
        self.compare(&second, held.seeds, true, &mut gathering)?;
        Ok(gathering.end())
    }

    fn compare(
        &self,
        prospect: &Prospect<'_>,
        seeds: Seeds,
        held: bool,
        gathering: &mut Gathering,
    ) -> Result<(), SyncError> {
        let concerned = seeds.concerned(prospect, true, self.grounds.most_people)?;
        for person in &concerned.people {
            gathering.person(prospect, person, held)?;
        }
        gathering.not_looked_at(concerned.more);
        Ok(())
    }

    /// On what terms rights count.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn terms(&self) -> Result<Terms, SyncError> {
        Ok(self.store.read(|snapshot| self.grounds.terms(snapshot, self.now))?)
    }

    /// The store with `settled` on it, and with `coming` on top.
    pub(super) fn prospect<'a>(&'a self, settled: &'a Laid, coming: &'a Laid, terms: &'a Terms) -> Prospect<'a> {
        Prospect { store: self.store, settled, coming, account: &self.grounds.account, terms }
    }
}

/// Rows that changes would write, and what they are about.
#[derive(Default)]
pub(super) struct Sketch {
    /// The rows.
    pub(super) laid: Laid,
    /// What the changes are about.
    pub(super) seeds: Seeds,
    /// Changes for which there was no room.
    pub(super) left_out: u64,
}

impl Sketch {
    /// Adds `change`, `below` being carried out before.
    ///
    /// # Errors
    /// When the store cannot be read, or the change holds no row.
    pub(super) fn change(&mut self, foresight: &Foresight<'_>, below: &Laid, change: Change) -> Result<(), SyncError> {
        if !bears_on_rights(&change) {
            return Ok(());
        }
        if self.laid.bytes() > MOST_BYTES {
            self.left_out += 1;
            return Ok(());
        }
        self.seeds.note(&change)?;
        let mut written = Written::new(foresight.label, foresight.settled, Totals::default());
        foresight.store.read(|snapshot| {
            let below = below.over(snapshot);
            let before = self.laid.over(&below);
            written.change(change, &(&before as &dyn Snapshot))
        })?;
        self.laid.extend(written.rows);
        Ok(())
    }
}

fn bears_on_rights(change: &Change) -> bool {
    match &change.act {
        Act::Update { fields, .. } => bear_on_rights(fields),
        Act::Respell { .. } => false,
        Act::Join { member, .. } | Act::Leave { member } => !matches!(member, Member::Resource(_)),
        _ => !matches!(change.subject, Member::Resource(_)),
    }
}

/// What changes are about.
#[derive(Default)]
pub(super) struct Seeds {
    roots: Roots,
    /// Who joins or leaves which group: concerned if the group gives anything.
    edges: Vec<(GroupId, Member)>,
    /// Groups that change themselves.
    groups: Vec<GroupId>,
}

impl Seeds {
    fn note(&mut self, change: &Change) -> Result<(), SyncError> {
        match (change.subject, &change.act) {
            (Member::User(person), Act::Add { entity, .. }) => {
                // Edges say in which groups somebody new is; without one there has to be a SID.
                let entity = Entity::from_json(MemberKind::User, entity.as_str().as_bytes())?;
                if entity.origin().sid.is_some() || entity.primary_group().is_some() {
                    self.roots.people.insert(person);
                }
            }
            (Member::User(person), _) => drop(self.roots.people.insert(person)),
            (Member::Group(group), Act::Join { member, .. } | Act::Leave { member }) => {
                self.edges.push((group, *member));
            }
            (Member::Group(_), Act::Await { reference } | Act::Settle { reference }) => {
                self.roots.references.insert(*reference);
            }
            (Member::Group(group), _) => self.groups.push(group),
            (Member::Resource(_), _) => {}
        }
        Ok(())
    }

    /// Everybody who could be concerned, `most` of them told apart. Only roles count, or `documents` too. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub(super) fn concerned(self, prospect: &Prospect<'_>, documents: bool, most: usize) -> Result<Below, SyncError> {
        let Self { mut roots, edges, groups } = self;
        if prospect.terms.domains.labels().next().is_none() {
            // No directory's groups hold anybody of another.
            roots.references.clear();
        }
        let mut known: HashMap<GroupId, bool> = HashMap::new();
        let edges = edges.into_iter().chain(groups.into_iter().map(|group| (group, Member::Group(group))));
        for (group, member) in edges {
            let gives = match known.get(&group) {
                Some(gives) => *gives,
                None => *known.entry(group).or_insert(prospect.gives(group, documents)?),
            };
            match member {
                Member::User(person) if gives => drop(roots.people.insert(person)),
                Member::Group(below) if gives => drop(roots.groups.insert(below)),
                _ => {}
            }
        }
        Ok(Below::of(prospect, roots, most)?)
    }
}
