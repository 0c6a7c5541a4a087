//! Changes of a plan in words: what `--dry-run` and `sync held` show.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::error::AdminError;
use super::page::EXAMPLES;
use crate::base::GroupId;
use crate::model::{Entity, Member};
use crate::rights::find::kind_word;
use crate::store::{Store, StoreError, rows};
use crate::sync::SyncError;
use crate::sync::change::{Act, Change, Field, Rule};
use crate::sync::tally::Turn;

/// Names kept per group of members that come or go; the counts are whole.
const NAMES_SHOWN: usize = 20;

/// How much is kept in memory besides the line at hand.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Names a group and direction.
    names: usize,
    /// Groups told apart.
    groups: usize,
    /// Names of rows that the plan adds, which no store knows yet.
    added: usize,
}

/// For every line there is.
const WHOLE: Bounds = Bounds { names: NAMES_SHOWN, groups: usize::MAX, added: usize::MAX };

/// For a page of a plan of any size: some 30 MB at most. Leavers come before joiners in a plan, so the groups that
/// lose somebody are told apart first.
const BRIEF: Bounds = Bounds { names: EXAMPLES, groups: 50_000, added: 100_000 };

/// One line of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Line {
    /// Something happens to a user, group or resource.
    Row(RowLine),
    /// A group's members change.
    Members(MembersLine),
}

/// What happens to a user, group or resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowLine {
    /// `user`, `group` or `resource`.
    pub kind: String,
    /// IAM name, as wished for where it is new.
    pub name: String,
    /// DN.
    pub dn: String,
    /// What happens: `add`, `update`, `suspend`, `restore`, `gone`, `rename` or `delete`.
    pub action: String,
    /// True when the guard holds it.
    pub held: bool,
    /// Fields before and after.
    pub fields: Vec<Field>,
}

/// Who joins and leaves a group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MembersLine {
    /// The group's name.
    pub group: String,
    /// The group's id, by which the guard names it.
    #[serde(default)]
    pub id: String,
    /// How many join.
    pub gained: u64,
    /// How many leave.
    pub lost: u64,
    /// How many of those are held by the guard.
    pub held: u64,
    /// The first of those who join.
    pub gains: Vec<String>,
    /// The first of those who leave.
    pub losses: Vec<String>,
}

/// Turns changes into lines, in the order they come; memberships are gathered by group and come last.
pub struct Lines {
    store: Store,
    groups: BTreeMap<GroupId, MembersLine>,
    /// Members of groups beyond the bound.
    further: MembersLine,
    /// Names of rows that this plan adds.
    added: HashMap<Member, String>,
    bounds: Bounds,
}

impl Lines {
    /// Nothing yet.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self::within(store, WHOLE)
    }

    /// Nothing yet; keeps bounded memory and few names.
    pub(super) fn brief(store: Store) -> Self {
        Self::within(store, BRIEF)
    }

    fn within(store: Store, bounds: Bounds) -> Self {
        Self { store, groups: BTreeMap::new(), further: MembersLine::default(), added: HashMap::new(), bounds }
    }

    /// The line for `change`, unless it only matters together with others. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn line(&mut self, change: &Change, held: bool) -> Result<Option<Line>, SyncError> {
        let action = match &change.act {
            Act::Join { member, .. } => {
                self.member(change.subject, *member, held, true)?;
                return Ok(None);
            }
            Act::Leave { member } => {
                self.member(change.subject, *member, held, false)?;
                return Ok(None);
            }
            Act::Respell { .. } | Act::Await { .. } | Act::Settle { .. } => return Ok(None),
            Act::Add { .. } => "add",
            Act::Delete => "delete",
            Act::Update { fields, .. } => match update_word(change.rule, fields) {
                Some(word) => word,
                None => return Ok(None),
            },
        };
        let kind = change.subject.kind();
        let entity = match &change.act {
            Act::Add { entity, .. } | Act::Update { entity, .. } => {
                Some(Entity::from_json(kind, entity.as_str().as_bytes())?)
            }
            _ => self.stored(&change.subject)?,
        };
        let (name, dn) = entity.map_or_else(
            || (hex::encode(change.subject.id_bytes()), String::new()),
            |entity| (entity.name().to_string(), entity.origin().dn.clone()),
        );
        if action == "add" && self.added.len() < self.bounds.added {
            self.added.insert(change.subject, name.clone());
        }
        let fields = match &change.act {
            Act::Update { fields, .. } => fields.clone(),
            _ => Vec::new(),
        };
        let kind = kind_word(kind).to_owned();
        Ok(Some(Line::Row(RowLine { kind, name, dn, action: action.to_owned(), held, fields })))
    }

    fn member(&mut self, group: Member, member: Member, held: bool, joins: bool) -> Result<(), SyncError> {
        let Member::Group(id) = group else { return Ok(()) };
        if !self.groups.contains_key(&id) && self.groups.len() < self.bounds.groups {
            let name = self.name(&group)?.unwrap_or_else(|| id.to_string());
            self.groups.insert(id, MembersLine { group: name, id: id.to_string(), ..MembersLine::default() });
        }
        let room = |line: &MembersLine| (if joins { &line.gains } else { &line.losses }).len() < self.bounds.names;
        // A name costs a look into the store: only those that are shown are asked for.
        let name = if self.groups.get(&id).is_some_and(room) { self.name(&member)? } else { None };
        let line = self.groups.get_mut(&id).unwrap_or(&mut self.further);
        line.held += u64::from(held);
        let (count, names) =
            if joins { (&mut line.gained, &mut line.gains) } else { (&mut line.lost, &mut line.losses) };
        *count += 1;
        names.extend(name);
        Ok(())
    }

    fn stored(&self, member: &Member) -> Result<Option<Entity>, StoreError> {
        self.store.read(|snapshot| Ok(rows::entity(snapshot, member)?.map(|(_, entity)| entity)))
    }

    /// What `member` is called; its id where no row has it. `None` where it is new and one of too many to be kept.
    fn name(&self, member: &Member) -> Result<Option<String>, SyncError> {
        if let Some(name) = self.added.get(member) {
            return Ok(Some(name.clone()));
        }
        Ok(match self.stored(member)? {
            Some(entity) => Some(entity.name().to_string()),
            None if self.added.len() >= self.bounds.added => None,
            None => Some(hex::encode(member.id_bytes())),
        })
    }

    /// The lines of memberships.
    pub fn memberships(self) -> impl Iterator<Item = Line> {
        self.gathered().0.map(Line::Members)
    }

    /// The same, and what happens to members of groups that were not told apart.
    pub(super) fn gathered(self) -> (impl Iterator<Item = MembersLine>, MembersLine) {
        (self.groups.into_values(), self.further)
    }

    /// All lines of a list of changes. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(store: &Store, changes: &[Change], held: bool) -> Result<Vec<Line>, AdminError> {
        let mut lines = Self::new(store.clone());
        let mut all = Vec::new();
        for change in changes {
            all.extend(lines.line(change, held)?);
        }
        all.extend(lines.memberships());
        Ok(all)
    }
}

fn update_word(rule: Option<Rule>, fields: &[Field]) -> Option<&'static str> {
    Some(match Turn::of(rule, fields)? {
        Turn::Gone => "gone",
        Turn::Suspended => "suspend",
        Turn::Renamed => "rename",
        Turn::Restored => "restore",
        Turn::Updated => "update",
    })
}
