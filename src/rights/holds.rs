//! Whether a group is one of people or of machines.

use std::collections::{HashSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::Primaries;
use crate::base::GroupId;
use crate::model::{Member, MemberKind};
use crate::store::{KeyRange, Snapshot, StoreError, rows, schema};

/// Nested groups looked into for one group.
const MOST_NESTED: usize = 1_000;

/// What a group holds, directly and through the groups in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holds {
    /// There are people in it.
    pub people: bool,
    /// There are machines in it.
    pub machines: bool,
}

impl Holds {
    /// What `group` holds by edges and, by `primaries`, as a primary group. Members of other directories are not looked
    /// for, and no more than 1,000 nested groups are looked into.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn of(snapshot: &dyn Snapshot, group: GroupId, primaries: &Primaries) -> Result<Self, StoreError> {
        let mut holds = Self::default();
        let mut seen = HashSet::from([group]);
        let mut ahead = VecDeque::from([group]);
        while let Some(id) = ahead.pop_front() {
            let Some(group) = rows::group(snapshot, &id)? else { continue };
            let primary = primaries.of(&group);
            holds.people |= primary.people || has(snapshot, &id, MemberKind::User)?;
            holds.machines |= primary.machines || has(snapshot, &id, MemberKind::Resource)?;
            if holds.people && holds.machines || seen.len() > MOST_NESTED {
                break;
            }
            for (key, _) in snapshot.scan(&of_kind(&id, MemberKind::Group), MOST_NESTED)? {
                if let Some((_, Member::Group(nested))) = schema::parse_edge(&key)
                    && seen.insert(nested)
                {
                    ahead.push_back(nested);
                }
            }
        }
        Ok(holds)
    }

    /// Notes a member.
    pub fn note(&mut self, kind: MemberKind) {
        match kind {
            MemberKind::User => self.people = true,
            MemberKind::Resource => self.machines = true,
            MemberKind::Group => {}
        }
    }
}

fn has(snapshot: &dyn Snapshot, group: &GroupId, kind: MemberKind) -> Result<bool, StoreError> {
    Ok(!snapshot.scan(&of_kind(group, kind), 1)?.is_empty())
}

fn of_kind(group: &GroupId, kind: MemberKind) -> KeyRange {
    KeyRange::prefix(&schema::edges_of_kind(group, kind))
}
