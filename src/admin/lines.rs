//! Changes of a plan in words: what `--dry-run` and `sync held` show.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::error::AdminError;
use super::people::kind_word;
use crate::base::GroupId;
use crate::model::{Entity, Member};
use crate::store::{Store, StoreError, rows};
use crate::sync::SyncError;
use crate::sync::change::{Act, Change, Field, Rule};

/// Names kept per group of members that come or go; the counts are whole.
const NAMES_SHOWN: usize = 20;

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
    /// Names of rows that this plan adds.
    added: HashMap<Member, String>,
}

impl Lines {
    /// Nothing yet.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, groups: BTreeMap::new(), added: HashMap::new() }
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
        if action == "add" {
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
        let name = self.name(&member)?;
        if !self.groups.contains_key(&id) {
            let line = MembersLine { group: self.name(&group)?, ..MembersLine::default() };
            self.groups.insert(id, line);
        }
        let Some(line) = self.groups.get_mut(&id) else { return Ok(()) };
        line.held += u64::from(held);
        let (count, names) =
            if joins { (&mut line.gained, &mut line.gains) } else { (&mut line.lost, &mut line.losses) };
        *count += 1;
        if names.len() < NAMES_SHOWN {
            names.push(name);
        }
        Ok(())
    }

    fn stored(&self, member: &Member) -> Result<Option<Entity>, StoreError> {
        self.store.read(|snapshot| Ok(rows::entity(snapshot, member)?.map(|(_, entity)| entity)))
    }

    fn name(&self, member: &Member) -> Result<String, SyncError> {
        if let Some(name) = self.added.get(member) {
            return Ok(name.clone());
        }
        let entity = self.stored(member)?;
        Ok(entity.map_or_else(|| hex::encode(member.id_bytes()), |entity| entity.name().to_string()))
    }

    /// The lines of memberships.
    pub fn memberships(self) -> impl Iterator<Item = Line> {
        self.groups.into_values().map(Line::Members)
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
    let was = |path: &str, value: &str| fields.iter().any(|field| field.path == path && field.before == value);
    Some(match rule {
        Some(Rule::Deletion) => "gone",
        Some(Rule::Suspension) => "suspend",
        Some(Rule::Rename) => "rename",
        _ if fields.is_empty() => return None,
        _ if was("standing.presence.state", "gone") => "restore",
        _ if fields.iter().any(|field| field.path == "standing.disabled") => "restore",
        _ => "update",
    })
}
