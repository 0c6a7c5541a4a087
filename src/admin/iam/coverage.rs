//! What the rules of group names make of the groups there are.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::{Admin, AdminError};
use crate::base::GroupId;
use crate::gate::Authorized;
use crate::model::{Entity, Group, Implied, MemberKind};
use crate::rights::{assigned, effective_groups};
use crate::store::{KeyRange, Store, StoreError, rows, schema};

/// Groups that no rule fits, listed; the rest is counted.
const MOST_UNMATCHED: usize = 1_000;

/// What the rules come to.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// The rules, in their order.
    pub rules: Vec<RuleCoverage>,
    /// Groups that more than one rule fits, with different roles; the first rule counts.
    pub conflicts: Vec<Conflict>,
    /// Roles that groups name and that are not there, as `account/role`: they give nobody anything.
    pub missing_roles: BTreeSet<String>,
    /// Groups that no rule fits, the first 1,000.
    pub unmatched: Vec<String>,
    /// How many there are.
    pub unmatched_count: u64,
}

/// What a rule comes to.
#[derive(Debug, Serialize, Deserialize)]
pub struct RuleCoverage {
    /// Its pattern, as it is matched.
    pub pattern: String,
    /// The groups for which it counts.
    pub groups: Vec<Covered>,
}

/// A group, and what its members get by its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Covered {
    /// The group, as its directory spells it.
    pub group: String,
    /// The account of the role.
    pub account: String,
    /// The role's name.
    pub role: String,
    /// Whether there is such a role.
    pub exists: bool,
    /// People whom the group's name means, directly in the group or through others.
    pub people: u64,
    /// Machines whom it means, in the same way.
    #[serde(default)]
    pub machines: u64,
}

/// A group that rules disagree about.
#[derive(Debug, Serialize, Deserialize)]
pub struct Conflict {
    /// The group.
    pub group: String,
    /// The roles they name, in the order of the rules.
    pub roles: Vec<String>,
}

/// Where each matched group stands in the report: the rule, and the place among its groups.
type Places = BTreeMap<GroupId, (usize, usize)>;

impl Admin {
    /// Holds the rules against every group, and counts who gets what. Looks at everybody, so it takes a moment. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn role_coverage(&self, asked: &Authorized) -> Result<Coverage, AdminError> {
        let terms = self.terms(asked.at())?;
        let rules = terms.rules.rules().iter();
        let rules = rules.map(|rule| RuleCoverage { pattern: rule.pattern().to_owned(), groups: Vec::new() });
        let mut coverage = Coverage { rules: rules.collect(), ..Coverage::default() };
        let mut places = Places::new();
        let counts = |entity: &Entity| {
            entity.standing().active(terms.now).is_ok() && !terms.frozen.contains(&entity.origin().directory)
        };
        each(&self.store, MemberKind::Group, |entity| match &entity {
            Entity::Group(group) if counts(&entity) => {
                Ok(self.cover(group, &terms.rules.all_of(group), &mut coverage, &mut places)?)
            }
            _ => Ok(()),
        })?;
        for kind in [MemberKind::User, MemberKind::Resource] {
            each(&self.store, kind, |entity| {
                if !counts(&entity) {
                    return Ok(());
                }
                let closure = self.store.read(|snapshot| effective_groups(snapshot, &entity.member(), &terms))?;
                for (rule, place) in closure.groups.iter().filter_map(|reached| places.get(&reached.group.id)) {
                    if let Some(covered) = coverage.rules.get_mut(*rule).and_then(|rule| rule.groups.get_mut(*place)) {
                        covered.note(kind);
                    }
                }
                Ok(())
            })?;
        }
        for rule in &mut coverage.rules {
            rule.groups.sort_by(|a, b| a.group.cmp(&b.group));
        }
        coverage.unmatched.sort();
        Ok(coverage)
    }

    fn cover(
        &self,
        group: &Group,
        implied: &[Implied],
        coverage: &mut Coverage,
        places: &mut Places,
    ) -> Result<(), StoreError> {
        let name = group.original_name.clone();
        let Some(first) = implied.first() else {
            coverage.unmatched_count += 1;
            if coverage.unmatched.len() < MOST_UNMATCHED {
                coverage.unmatched.push(name);
            }
            return Ok(());
        };
        let account = first.account.clone().unwrap_or_else(|| self.account.to_string());
        let found = self
            .store
            .read(|snapshot| assigned::implied_role(snapshot, &self.account, first.account.as_deref(), &first.role))?;
        if found.is_none() {
            coverage.missing_roles.insert(format!("{account}/{}", first.role));
        }
        if implied.iter().any(|one| (&one.account, &one.role) != (&first.account, &first.role)) {
            let roles = implied.iter().map(|one| one.role.clone()).collect();
            coverage.conflicts.push(Conflict { group: name.clone(), roles });
        }
        if let Some(rule) = coverage.rules.get_mut(first.rule) {
            places.insert(group.id, (first.rule, rule.groups.len()));
            let (role, exists) = (first.role.clone(), found.is_some());
            rule.groups.push(Covered { group: name, account, role, exists, people: 0, machines: 0 });
        }
        Ok(())
    }
}

impl Covered {
    /// Counts somebody of this kind.
    fn note(&mut self, kind: MemberKind) {
        match kind {
            MemberKind::User => self.people += 1,
            MemberKind::Resource => self.machines += 1,
            MemberKind::Group => {}
        }
    }
}

/// Shows every user, group or machine that is stored, a page at a time.
fn each(
    store: &Store,
    kind: MemberKind,
    mut visit: impl FnMut(Entity) -> Result<(), AdminError>,
) -> Result<(), AdminError> {
    store.for_each(&KeyRange::prefix(&schema::all(kind)), |key, row| visit(rows::decode(key, row.value)?))
}
