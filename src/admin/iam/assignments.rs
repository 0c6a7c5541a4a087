//! Who may assume which role.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::{Admin, AdminError};
use super::views::{AssignmentView, Page, member_kind, name_of};
use super::{examine, find, roles};
use crate::base::Timestamp;
use crate::gate::Authorized;
use crate::model::{Assignment, Member};
use crate::policy::Kind;
use crate::store::iam::{self, Read};
use crate::store::schema::iam as keys;
use crate::store::{KeyRange, Snapshot};

/// Longest condition of an assignment, white space not counted.
const LONGEST_CONDITION: usize = 2_048;

/// The terms of an assignment.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Terms {
    /// A `Condition` block of the policy language.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub condition: Option<Box<RawValue>>,
    /// It counts from then on.
    pub not_before: Option<Timestamp>,
    /// It counts until just before then.
    pub not_after: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

impl Admin {
    /// Lets a user, the members of a group, or a machine assume `asked.resource()`; on these terms from now on, if they could
    /// already. Blocks.
    ///
    /// # Errors
    /// When there is no such role or nobody of that name, the terms make no sense, or a part fails.
    pub fn assign_role(
        &self,
        asked: Authorized,
        kind: &str,
        to: &str,
        terms: &Terms,
    ) -> Result<AssignmentView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let role = find::role(change.snapshot, change.account, &which)?.value;
            let to = find::member(change.snapshot, change.account, member_kind(kind)?, to)?;
            check(terms)?;
            let before = iam::assignment(change.snapshot, &to, &role.id)?;
            let assignment = Assignment {
                to,
                role: role.id,
                condition: terms.condition.as_ref().map(|condition| condition.get().to_owned()),
                not_before: terms.not_before,
                not_after: terms.not_after,
                reason: roles::check_description(&terms.reason)?,
                by: change.actor.clone(),
                created: change.now,
            };
            change.commit.put_assignment(&assignment, before.map_or(0, |before| before.revision))?;
            change.note("to", format!("{kind}/{}", name_of(change.snapshot, &to)?));
            change.note("terms", told(terms));
            AssignmentView::of(change.snapshot, &assignment, &role, change.now)
        })
    }

    /// Takes an assignment away. Blocks.
    ///
    /// # Errors
    /// When there is none, or a part fails.
    pub fn unassign_role(&self, asked: Authorized, kind: &str, to: &str) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let role = find::role(change.snapshot, change.account, &which)?.value;
            let member = find::member(change.snapshot, change.account, member_kind(kind)?, to)?;
            let found = iam::assignment(change.snapshot, &member, &role.id)?;
            let Some(Read { value, revision }) = found else {
                let name = name_of(change.snapshot, &member)?;
                return Err(AdminError::NoSuch {
                    what: format!("assignment of `{}` to {kind} `{name}` itself", role.name),
                });
            };
            change.commit.delete_assignment(&value, revision);
            change.note("to", format!("{kind}/{}", name_of(change.snapshot, &member)?));
            Ok(())
        })
    }

    /// A page of everybody's assignments, in the order of ids; `after` is the `next` of the page before. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn assignments(&self, after: Option<&str>, limit: usize) -> Result<Page<AssignmentView>, AdminError> {
        let mut range = KeyRange::prefix(&keys::all_assignments());
        if let Some(after) = after {
            let key = hex::decode(after).ok().filter(|key| keys::parse_assignment(key).is_some());
            let key = key.ok_or_else(|| AdminError::OutOfBounds {
                what: "after".to_owned(),
                limit: "the `next` of the page before".to_owned(),
            })?;
            range = range.after(&key);
        }
        let now = self.now();
        self.store.read(|snapshot| {
            let rows = snapshot.scan(&range, limit)?;
            let next = rows.last().filter(|_| rows.len() == limit).map(|(key, _)| hex::encode(key));
            let mut items = Vec::new();
            for (key, _) in &rows {
                if let Some((to, role)) = keys::parse_assignment(key) {
                    items.extend(view(snapshot, &to, &role, now)?);
                }
            }
            Ok(Page { items, next })
        })
    }
}

/// Terms as the audit log has them.
fn told(terms: &Terms) -> String {
    let Terms { condition, not_before, not_after, reason } = terms;
    let from = not_before.map(|from| format!("from {from} ")).unwrap_or_default();
    let until = not_after.map(|until| format!("until {until} ")).unwrap_or_default();
    let condition = condition.as_ref().map(|condition| format!("if {} ", condition.get())).unwrap_or_default();
    format!("{from}{until}{condition}{reason}").trim_end().to_owned()
}

fn view(
    snapshot: &dyn Snapshot,
    to: &Member,
    role: &crate::base::RoleId,
    now: Timestamp,
) -> Result<Option<AssignmentView>, AdminError> {
    let (Some(found), Some(role)) = (iam::assignment(snapshot, to, role)?, iam::role(snapshot, role)?) else {
        return Ok(None);
    };
    Ok(Some(AssignmentView::of(snapshot, &found.value, &role, now)?))
}

/// What is there, `null` included: it is none of the conditions there are, and never the absence of one.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// Refuses terms that could never hold, or that are no condition.
fn check(terms: &Terms) -> Result<(), AdminError> {
    if let (Some(from), Some(until)) = (terms.not_before, terms.not_after)
        && until <= from
    {
        return Err(AdminError::OutOfBounds { what: "not_after".to_owned(), limit: format!("after {from}") });
    }
    terms.condition.as_ref().map_or(Ok(()), |condition| check_condition(condition, LONGEST_CONDITION))
}

/// Refuses what is no `Condition` block, one that asks for nothing, and one that is longer than `longest`.
pub(in crate::admin) fn check_condition(condition: &RawValue, longest: usize) -> Result<(), AdminError> {
    let statement = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*","Condition":{}}}}}"#,
        condition.get()
    );
    examine(&statement, Kind::Identity, longest)?;
    let asks: serde_json::Value = serde_json::from_str(condition.get()).unwrap_or_default();
    let operators = asks.as_object().into_iter().flat_map(|operators| operators.values());
    let mut keys = operators.map(|keys| keys.as_object().map_or(0, serde_json::Map::len));
    if keys.clone().next().is_some() && keys.all(|count| count > 0) {
        return Ok(());
    }
    Err(AdminError::MalformedPolicy {
        what: "the condition asks for nothing; leave it out if that is meant".to_owned(),
    })
}
