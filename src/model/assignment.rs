//! An assignment: this user, group or machine may assume this role.
//!
//! It says on one line what IAM needs two policies for, one at the role and one at whoever assumes it; `rights` makes both
//! of it, so a Deny anywhere still wins.

use serde::{Deserialize, Serialize};

use super::{Actor, Member};
use crate::base::{RoleId, Timestamp};

/// "`to` may assume `role`", for a time, under conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// A user; a group, meaning its members; or a machine. A group of machines is a group.
    pub to: Member,
    /// The role.
    pub role: RoleId,
    /// A `Condition` block of the policy language, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// It counts from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// It counts until just before then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Why, for people to read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Who made it.
    pub by: Actor,
    /// When.
    pub created: Timestamp,
}

impl Assignment {
    /// Whether it counts at `now`.
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        self.not_before.is_none_or(|from| from <= now) && self.not_after.is_none_or(|until| now < until)
    }

    /// Until when that stays so from `now` on.
    #[must_use]
    pub fn steady(&self, now: Timestamp) -> Timestamp {
        let ahead = [self.not_before, self.not_after].into_iter().flatten().filter(|moment| *moment > now);
        ahead.min().unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UserId;

    #[test]
    fn a_window_includes_its_beginning_and_not_its_end() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let assignment = Assignment {
            to: Member::User(UserId::from_bytes([1; 16])),
            role: RoleId::from_bytes([2; 16]),
            condition: None,
            not_before: Some(at(100)),
            not_after: Some(at(200)),
            reason: String::new(),
            by: Actor::task("test"),
            created: at(0),
        };
        assert_eq!([99, 100, 199, 200].map(|second| assignment.counts(at(second))), [false, true, true, false]);
    }
}
