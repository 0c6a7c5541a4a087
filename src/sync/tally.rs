//! What a plan amounts to: the numbers the guard judges and a person reads first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::change::{Act, Change, Field, Rule};
use crate::base::GroupId;
use crate::model::MemberKind;

/// Counts of one plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Rows that appear, by kind.
    pub added: ByKind,
    /// Rows that change in any other way than the next three.
    pub updated: ByKind,
    /// Rows that the directory switched off.
    pub suspended: ByKind,
    /// Rows that may act again.
    pub restored: ByKind,
    /// Rows that are gone upstream: suspended now, deleted when the retention is over.
    pub gone: ByKind,
    /// Rows deleted because that retention is over.
    pub deleted: ByKind,
    /// Rows that change their IAM name.
    pub renamed: ByKind,
    /// Memberships gained.
    pub joined: u64,
    /// Memberships lost because the member left the group.
    pub left: u64,
    /// Memberships lost because the member is gone.
    pub left_with_member: u64,
    /// Memberships gained and lost, by group.
    pub groups: BTreeMap<GroupId, GroupTally>,
}

/// Counts by kind of row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByKind {
    /// Users.
    pub users: u64,
    /// Groups.
    pub groups: u64,
    /// Resources.
    pub resources: u64,
}

/// What one group gains and loses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupTally {
    /// Members before.
    pub before: u64,
    /// Members gained.
    pub gained: u64,
    /// Members lost that stay in the directory.
    pub lost: u64,
    /// Members lost with their rows.
    pub lost_with_member: u64,
}

impl ByKind {
    /// The count of `kind`.
    pub fn of(&mut self, kind: MemberKind) -> &mut u64 {
        match kind {
            MemberKind::User => &mut self.users,
            MemberKind::Group => &mut self.groups,
            MemberKind::Resource => &mut self.resources,
        }
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.users + self.groups + self.resources
    }
}

impl GroupTally {
    /// True when nobody who was in the group stays and nobody comes.
    #[must_use]
    pub fn empties(&self) -> bool {
        self.before > 0 && self.lost > 0 && self.gained == 0 && self.lost + self.lost_with_member >= self.before
    }
}

/// What a person would call the update of a row. Counts and lists go by it alike, so they add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The row is gone upstream.
    Gone,
    /// The directory switched it off.
    Suspended,
    /// Its IAM name changes.
    Renamed,
    /// It may act again.
    Restored,
    /// It changes in any other way.
    Updated,
}

impl Turn {
    /// Of an update under `rule` that changes `fields`; `None` where no person would call it a change.
    #[must_use]
    pub fn of(rule: Option<Rule>, fields: &[Field]) -> Option<Self> {
        let ends = |path: &str, value: &serde_json::Value| fields.iter().any(|f| f.path == path && f.before == *value);
        match rule {
            _ if fields.is_empty() => None,
            Some(Rule::Deletion) => Some(Self::Gone),
            Some(Rule::Suspension) => Some(Self::Suspended),
            Some(Rule::Rename) => Some(Self::Renamed),
            _ if ends("standing.presence.state", &"gone".into()) || ends("standing.disabled", &true.into()) => {
                Some(Self::Restored)
            }
            _ => Some(Self::Updated),
        }
    }
}

fn less(count: &mut u64) {
    *count = count.saturating_sub(1);
}

impl Tally {
    /// Counts `change`.
    pub fn count(&mut self, change: &Change) {
        let kind = change.subject.kind();
        match &change.act {
            Act::Add { .. } => *self.added.of(kind) += 1,
            Act::Delete => *self.deleted.of(kind) += 1,
            Act::Update { fields, .. } => self.count_update(kind, change.rule, fields),
            Act::Join { .. } => {
                self.joined += 1;
                self.group(change, |group| group.gained += 1);
            }
            Act::Leave { .. } if change.rule == Some(Rule::Deletion) => {
                self.left_with_member += 1;
                self.group(change, |group| group.lost_with_member += 1);
            }
            Act::Leave { .. } => {
                self.left += 1;
                self.group(change, |group| group.lost += 1);
            }
            Act::Respell { .. } | Act::Await { .. } | Act::Settle { .. } => {}
        }
    }

    fn count_update(&mut self, kind: MemberKind, rule: Option<Rule>, fields: &[Field]) {
        let Some(turn) = Turn::of(rule, fields) else { return };
        let by = match turn {
            Turn::Gone => &mut self.gone,
            Turn::Suspended => &mut self.suspended,
            Turn::Renamed => &mut self.renamed,
            Turn::Restored => &mut self.restored,
            Turn::Updated => &mut self.updated,
        };
        *by.of(kind) += 1;
    }

    /// Leaves `change` out of what the guard weighs, because a person has decided about it. `happens` says how.
    pub fn leave_out(&mut self, change: &Change, happens: bool) {
        let kind = change.subject.kind();
        let gone = u64::from(happens);
        match (change.rule, &change.act) {
            (Some(Rule::Deletion), Act::Leave { .. }) => self.group(change, |group| {
                group.lost_with_member = group.lost_with_member.saturating_sub(1);
                group.before = group.before.saturating_sub(gone);
            }),
            (Some(Rule::Loss(_)), _) => {
                self.left = self.left.saturating_sub(1);
                self.group(change, |group| {
                    group.lost = group.lost.saturating_sub(1);
                    group.before = group.before.saturating_sub(gone);
                });
            }
            (Some(Rule::Deletion), _) => less(self.gone.of(kind)),
            (Some(Rule::Suspension), _) => less(self.suspended.of(kind)),
            (Some(Rule::Rename), _) => less(self.renamed.of(kind)),
            (Some(Rule::Emptied | Rule::Rights) | None, _) => {}
        }
    }

    fn group(&mut self, change: &Change, count: impl FnOnce(&mut GroupTally)) {
        if let crate::model::Member::Group(group) = change.subject {
            count(self.groups.entry(group).or_default());
        }
    }

    /// Notes how many members `group` had, for groups that change.
    pub fn had_members(&mut self, group: GroupId, before: u64) {
        if let Some(tally) = self.groups.get_mut(&group) {
            tally.before = before;
        }
    }

    /// The same without the counts by group, of which there may be a hundred thousand.
    #[must_use]
    pub fn without_groups(&self) -> Self {
        Self {
            groups: BTreeMap::new(),
            added: self.added,
            updated: self.updated,
            suspended: self.suspended,
            restored: self.restored,
            gone: self.gone,
            deleted: self.deleted,
            renamed: self.renamed,
            joined: self.joined,
            left: self.left,
            left_with_member: self.left_with_member,
        }
    }

    /// True when nothing a person would call a change is in the plan.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let rows =
            [&self.added, &self.updated, &self.suspended, &self.restored, &self.gone, &self.deleted, &self.renamed];
        rows.iter().all(|by| by.total() == 0) && self.joined + self.left + self.left_with_member == 0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::base::UserId;
    use crate::model::{Member, RefHash};

    fn update(rule: Option<Rule>, fields: &[(&str, Value, Value)]) -> Change {
        let field = |(path, before, after): &(&str, Value, Value)| Field {
            path: (*path).to_owned(),
            before: before.clone(),
            after: after.clone(),
        };
        Change {
            subject: Member::User(UserId::from_bytes([1; 16])),
            act: Act::Update {
                digest: RefHash([0; 16]),
                entity: super::super::change::RowJson::new("{}".to_owned()),
                fields: fields.iter().map(field).collect(),
            },
            rule,
        }
    }

    #[test]
    fn an_update_counts_once_and_as_what_a_person_would_call_it() {
        let gone = || ("standing.presence.state", json!("present"), json!("gone"));
        let back = || ("standing.presence.state", json!("gone"), json!("present"));
        let off = || ("standing.disabled", Value::Null, json!(true));
        let on = || ("standing.disabled", json!(true), Value::Null);
        let name = || ("name", json!("a"), json!("b"));
        let counts = |rule, fields: &[(&str, Value, Value)]| {
            let mut tally = Tally::default();
            tally.count(&update(rule, fields));
            [tally.gone, tally.suspended, tally.renamed, tally.restored, tally.updated].map(|by| by.users)
        };
        assert_eq!(counts(Some(Rule::Deletion), &[gone()]), [1, 0, 0, 0, 0]);
        assert_eq!(counts(Some(Rule::Suspension), &[off(), name()]), [0, 1, 0, 0, 0]);
        assert_eq!(counts(Some(Rule::Rename), &[name()]), [0, 0, 1, 0, 0]);
        assert_eq!(counts(None, &[back()]), [0, 0, 0, 1, 0]);
        assert_eq!(counts(None, &[on()]), [0, 0, 0, 1, 0]);
        assert_eq!(counts(None, &[("mail", Value::Null, json!("x"))]), [0, 0, 0, 0, 1]);
        assert_eq!(counts(None, &[]), [0; 5], "nothing a person would call a change");
    }

    #[test]
    fn a_group_is_emptied_when_somebody_leaves_and_nobody_stays_or_comes() {
        let group = |before, gained, lost, lost_with_member| GroupTally { before, gained, lost, lost_with_member };
        assert!(group(3, 0, 3, 0).empties());
        assert!(group(3, 0, 1, 2).empties());
        for kept in [group(3, 0, 2, 0), group(3, 1, 3, 0), group(3, 0, 0, 3), group(0, 0, 0, 0)] {
            assert!(!kept.empties(), "{kept:?}");
        }
    }

    #[test]
    fn what_is_left_out_was_counted_and_is_no_more() {
        let id = GroupId::from_bytes([3; 16]);
        let leave = |n: u8, rule| Change {
            subject: Member::Group(id),
            act: Act::Leave { member: Member::User(UserId::from_bytes([n; 16])) },
            rule: Some(rule),
        };
        let (lost, with_member) = (leave(1, Rule::Loss(id)), leave(2, Rule::Deletion));
        let changes = [lost, with_member, update(Some(Rule::Deletion), &[("x", Value::Null, json!(1))])];
        for happens in [false, true] {
            let mut tally = Tally::default();
            changes.iter().for_each(|change| tally.count(change));
            tally.had_members(id, 5);
            changes.iter().for_each(|change| tally.leave_out(change, happens));
            assert_eq!((tally.left, tally.gone.total()), (0, 0));
            let group = tally.groups[&id];
            assert_eq!((group.lost, group.lost_with_member), (0, 0));
            assert_eq!(group.before, if happens { 3 } else { 5 }, "who was agreed to leave is no longer counted in");
        }
    }
}
