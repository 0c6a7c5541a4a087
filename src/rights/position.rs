//! What one state of a store says about one person: groups, roles, documents; and what of it another state does not.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::effects::Right;
use super::{Assigned, Closure, Effective, How, Prospect, assigned, effective_groups};
use crate::base::{GroupId, RoleId, UserId};
use crate::model::{Entity, GroupScope, Member, User};
use crate::store::{Snapshot, StoreError, rows};

/// What a state says of somebody, as far as groups go.
pub(super) struct Position {
    /// Who; `None` where there is no row, or its bearer may not act.
    active: Option<User>,
    name: Option<String>,
    closure: Closure,
}

impl Position {
    pub(super) fn of(snapshot: &dyn Snapshot, prospect: &Prospect<'_>, person: &UserId) -> Result<Self, StoreError> {
        let member = Member::User(*person);
        let found = rows::entity(snapshot, &member)?.and_then(|(_, entity)| match entity {
            Entity::User(user) => Some(user),
            Entity::Group(_) | Entity::Resource(_) => None,
        });
        let name = found.as_ref().map(|user| user.name.to_string());
        let terms = prospect.terms;
        // Which hour of the week it is does not matter: in the morning the rights are back.
        let acts =
            |user: &User| user.standing.enabled(terms.now).is_ok() && !terms.frozen.contains(&user.origin.directory);
        let active = found.filter(acts);
        let closure = if active.is_some() { effective_groups(snapshot, &member, terms)? } else { Closure::default() };
        Ok(Self { active, name, closure })
    }

    /// Whether nothing that rights hang on differs; by which way somebody is in a group does not matter.
    pub(super) fn same_groups(&self, other: &Self) -> bool {
        // All that rules of group names look at.
        fn groups(position: &Position) -> HashMap<GroupId, (&str, Option<GroupScope>, bool)> {
            let groups = position.closure.groups.iter().map(|reached| &reached.group);
            groups.map(|group| (group.id, (group.original_name.as_str(), group.scope, group.security))).collect()
        }
        self.active.is_some() == other.active.is_some()
            && self.closure.cut_short == other.closure.cut_short
            && groups(self) == groups(other)
    }

    fn roles(&self, snapshot: &dyn Snapshot, prospect: &Prospect<'_>) -> Result<Vec<Assigned>, StoreError> {
        match &self.active {
            Some(user) => assigned::all(snapshot, prospect.account, user, &self.closure, prospect.terms),
            None => Ok(Vec::new()),
        }
    }

    pub(super) fn side(self, snapshot: &dyn Snapshot, prospect: &Prospect<'_>) -> Result<Side, StoreError> {
        let Some(user) = self.active else { return Ok(Side { name: self.name, ..Side::default() }) };
        let effective = Effective::of_user(snapshot, prospect.account, &user, prospect.terms)?;
        let assigned: BTreeSet<String> = effective.assigned.iter().map(Assigned::name).collect();
        let documents = effective.identity.into_iter().filter(|held| !assigned.contains(&*held.name));
        let documents = documents.map(|held| Document { name: held.name, text: held.text, through: held.through });
        Ok(Side { name: self.name, roles: effective.assigned, documents: documents.collect() })
    }
}

/// What a state says that somebody may do.
#[derive(Default)]
pub(super) struct Side {
    pub(super) name: Option<String>,
    roles: Vec<Assigned>,
    pub(super) documents: Vec<Document>,
}

/// A document besides assignments.
pub(super) struct Document {
    pub(super) name: Arc<str>,
    pub(super) text: Arc<str>,
    pub(super) through: Arc<[String]>,
}

impl Side {
    pub(super) fn roles_beyond(&self, other: &Self, prospect: &Prospect<'_>) -> Vec<Right> {
        let right = |one: &Assigned| {
            let role = match &one.role.account {
                account if account == prospect.account => one.role.name.to_string(),
                account => format!("{account}/{}", one.role.name),
            };
            let conditional = one.assignment.condition.is_some();
            let kept_under_conditions = !conditional && other.roles.iter().any(|kept| kept.role.id == one.role.id);
            Right::Role { role, conditional, kept_under_conditions, rule: one.rule, through: one.through.to_vec() }
        };
        let mut rights: Vec<Right> = roles_beyond(&self.roles, &other.roles).into_iter().map(right).collect();
        rights.sort();
        rights
    }
}

/// Of `ours`, the roles that `others` do not give, or under conditions alone; each once.
fn roles_beyond<'a>(ours: &'a [Assigned], others: &[Assigned]) -> Vec<&'a Assigned> {
    let gives = |given: &Assigned, one: &Assigned| {
        let condition = &given.assignment.condition;
        given.role.id == one.role.id && (condition.is_none() || *condition == one.assignment.condition)
    };
    let mut beyond: Vec<&Assigned> = Vec::new();
    for one in ours.iter().filter(|one| !others.iter().any(|other| gives(other, one))) {
        if !beyond.iter().any(|known| gives(known, one)) {
            beyond.retain(|known| !gives(one, known));
            beyond.push(one);
        }
    }
    beyond
}

/// A role that somebody loses, and by which groups it came.
pub struct Lost {
    /// Who.
    pub person: UserId,
    /// The role.
    pub assigned: Assigned,
    /// The groups it came through, with what makes each step a membership, the nearest to the person first.
    pub way: Vec<(GroupId, How)>,
}

/// The roles that `person` loses from the state before to the state after. Blocks.
///
/// # Errors
/// When the store cannot be read or a row is damaged.
pub fn lost_roles(prospect: &Prospect<'_>, person: &UserId) -> Result<Vec<Lost>, StoreError> {
    prospect.read(|before, after| {
        let (was, is) = (Position::of(before, prospect, person)?, Position::of(after, prospect, person)?);
        if was.same_groups(&is) {
            return Ok(Vec::new());
        }
        let (had, has) = (was.roles(before, prospect)?, is.roles(after, prospect)?);
        let hows: HashMap<_, _> = was.closure.groups.iter().map(|reached| (reached.group.id, reached)).collect();
        let way = |assigned: &Assigned| {
            let Member::Group(last) = assigned.assignment.to else { return Vec::new() };
            let Some(reached) = hows.get(&last) else { return Vec::new() };
            let steps = reached.through.iter().chain([&last]);
            steps.filter_map(|id| hows.get(id).map(|reached| (*id, reached.how))).collect()
        };
        let lost = roles_beyond(&had, &has).into_iter();
        Ok(lost.map(|one| Lost { person: *person, assigned: one.clone(), way: way(one) }).collect())
    })
}

/// The roles that `person` may assume in the state of `snapshot`. Blocks.
///
/// # Errors
/// When the store cannot be read or a row is damaged.
pub fn roles(
    snapshot: &dyn Snapshot,
    prospect: &Prospect<'_>,
    person: &UserId,
) -> Result<BTreeSet<RoleId>, StoreError> {
    let position = Position::of(snapshot, prospect, person)?;
    Ok(position.roles(snapshot, prospect)?.into_iter().map(|one| one.role.id).collect())
}
