//! Assignments as policies: what an assignment says on one line, in the two documents that IAM needs for it. The name of a
//! group that a rule knows is an assignment, too.
//!
//! So the one evaluator decides about them, a Deny anywhere still wins, and a condition means what it means elsewhere.

use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use super::{Closure, Terms};
use crate::base::{GrantId, Timestamp};
use crate::model::{AccountId, Actor, Arn, Assignment, Group, IamName, Implied, Member, Role, User};
use crate::store::schema::iam as keys;
use crate::store::{Snapshot, StoreError, iam};

/// What somebody who may assume a role does for it: sessions may carry tags and say who is behind them.
const ACTIONS: &str = r#"["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#;

/// An assignment that counts, and the way by which it came.
#[derive(Debug, Clone)]
pub struct Assigned {
    /// What it says.
    pub assignment: Arc<Assignment>,
    /// The role.
    pub role: Arc<Role>,
    /// The rule of group names that says so, from 0; `None` where somebody assigned it.
    pub rule: Option<usize>,
    /// The grant that says so, if it is one.
    pub grant: Option<GrantId>,
    /// From the principal to whom it is assigned, such as `user/ann`, `group/team`.
    pub through: Arc<[String]>,
}

/// The roles that `user`, who is in the groups of `closure`, may assume by assignment or by a group's name.
///
/// # Errors
/// When the store cannot be read or a row is damaged.
pub fn all(
    snapshot: &dyn Snapshot,
    account: &AccountId,
    user: &User,
    closure: &Closure,
    terms: &Terms,
) -> Result<Vec<Assigned>, StoreError> {
    let own: Arc<[String]> = [format!("user/{}", user.name)].into();
    let mut assigned = of(snapshot, &Member::User(user.id), &own, terms)?;
    for (reached, through) in closure.ways(&own) {
        assigned.extend(of(snapshot, &Member::Group(reached.group.id), &through, terms)?);
        assigned.extend(by_name(snapshot, account, &reached.group, &through, terms)?);
    }
    Ok(assigned)
}

/// The assignments to `to` itself that count now.
fn of(
    snapshot: &dyn Snapshot,
    to: &Member,
    through: &Arc<[String]>,
    terms: &Terms,
) -> Result<Vec<Assigned>, StoreError> {
    Ok(steady(snapshot, to, through, terms)?.0)
}

/// The assignments to `to` itself that count now, and until when the same ones do.
pub(super) fn steady(
    snapshot: &dyn Snapshot,
    to: &Member,
    through: &Arc<[String]>,
    terms: &Terms,
) -> Result<(Vec<Assigned>, Timestamp), StoreError> {
    let mut found = Vec::new();
    let all = iam::assignments_of(snapshot, to)?;
    let until = all.iter().map(|assignment| assignment.steady(terms.now)).min().unwrap_or(Timestamp::MAX);
    for assignment in all.into_iter().filter(|assignment| assignment.counts(terms.now)) {
        let missing = || StoreError::corrupt(&keys::role(&assignment.role), "it is assigned, and it is not there");
        let role = iam::role(snapshot, &assignment.role)?.ok_or_else(missing)?;
        if !terms.holds(&role.account) {
            continue;
        }
        let (assignment, role) = (Arc::new(assignment), Arc::new(role));
        found.push(Assigned { assignment, role, rule: None, grant: None, through: Arc::clone(through) });
    }
    Ok((found, until))
}

/// The role that the name of `group` says its members may assume, where a rule knows it and there is such a role.
pub(super) fn by_name(
    snapshot: &dyn Snapshot,
    home: &AccountId,
    group: &Group,
    through: &Arc<[String]>,
    terms: &Terms,
) -> Result<Option<Assigned>, StoreError> {
    let Some(Implied { rule, account, role }) = terms.rules.of(group) else { return Ok(None) };
    let role = implied_role(snapshot, home, account.as_deref(), &role)?;
    let Some(role) = role.filter(|role| terms.holds(&role.account)) else { return Ok(None) };
    let assignment = Assignment {
        to: Member::Group(group.id),
        role: role.id,
        condition: None,
        not_before: None,
        not_after: None,
        reason: String::new(),
        by: Actor::task("group_role"),
        created: role.created,
    };
    let (assignment, role) = (Arc::new(assignment), Arc::new(role));
    Ok(Some(Assigned { assignment, role, rule: Some(rule), grant: None, through: Arc::clone(through) }))
}

/// The role that a rule means, if there is one.
///
/// # Errors
/// When the store cannot be read or a row is damaged.
pub fn implied_role(
    snapshot: &dyn Snapshot,
    home: &AccountId,
    account: Option<&str>,
    role: &str,
) -> Result<Option<Role>, StoreError> {
    let account = account.map_or_else(|| Some(home.clone()), |account| account.parse().ok());
    let (Some(account), Ok(name)) = (account, role.parse::<IamName>()) else { return Ok(None) };
    Ok(iam::named::<Role>(snapshot, Some(&account), name.as_str())?.map(|read| read.value))
}

impl Assigned {
    /// What it is called in reasons.
    #[must_use]
    pub fn name(&self) -> String {
        let to = self.through.last().map(String::as_str).unwrap_or_default();
        match self.rule {
            Some(rule) => format!("group_role[{rule}] of role/{} to {to}", self.role.name),
            None if self.grant.is_some() => format!("{to} of role/{}", self.role.name),
            None => format!("assignment of role/{} to {to}", self.role.name),
        }
    }

    /// The half that hangs on whoever may assume the role, as a document.
    pub(super) fn permission(&self) -> String {
        let role = Arn::role(&self.role.account, &self.role.path, &self.role.name);
        let statement = self.statement(&format!(r#""Resource":{}"#, Value::from(role.as_str())));
        format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#)
    }

    /// An allow for what an assignment is about, under its conditions.
    fn statement(&self, about: &str) -> String {
        let condition = self.assignment.condition.as_deref();
        let condition = condition.map(|condition| format!(r#","Condition":{condition}"#)).unwrap_or_default();
        format!(r#"{{"Sid":"Assignment","Effect":"Allow","Action":{ACTIONS},{about}{condition}}}"#)
    }
}

/// Who may assume `role`, for a question about a principal of `account` with these assignments: the role's trust policy, and
/// with it the half of each assignment that hangs on the role; as a document. `None` when it trusts nobody.
///
/// That half names the account and not the principal, as an administrator of AWS would write it: a principal that is named
/// itself needs no policy of its own, and its boundary would not count.
///
/// # Errors
/// When its stored document is none.
pub(super) fn trust(role: &Role, assigned: &[Assigned], account: &AccountId) -> Result<Option<String>, StoreError> {
    let mut statements = match &role.trust {
        Some(trust) => written(&trust.document).map_err(|error| damaged(role, &error))?,
        None => Vec::new(),
    };
    let about = format!(r#""Principal":{{"AWS":"{account}"}}"#);
    let ours = assigned.iter().filter(|one| one.role.id == role.id);
    statements.extend(ours.map(|one| one.statement(&about)));
    if statements.is_empty() {
        return Ok(None);
    }
    Ok(Some(format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))))
}

/// What a role is whose trust policy, or a condition of an assignment of it, cannot be read.
pub(super) fn damaged(role: &Role, why: &dyn std::fmt::Display) -> StoreError {
    StoreError::corrupt(&keys::role(&role.id), why.to_string())
}

/// The statements of a document, as they would be written in version 2012-10-17: assignments have variables.
fn written(document: &str) -> Result<Vec<String>, serde_json::Error> {
    #[derive(serde::Deserialize)]
    struct Written<'a> {
        #[serde(rename = "Version", default)]
        version: Option<String>,
        #[serde(borrow, rename = "Statement")]
        statements: &'a RawValue,
    }
    let Written { version, statements } = serde_json::from_str(document)?;
    let texts: Vec<&RawValue> =
        if statements.get().starts_with('[') { serde_json::from_str(statements.get())? } else { vec![statements] };
    // Without a version the older one is meant, in which `${..}` is text; in the newer one `${$}` is the dollar itself.
    if version.is_some_and(|version| version == "2012-10-17") {
        return Ok(texts.into_iter().map(|text| text.get().to_owned()).collect());
    }
    let meant = |text: &RawValue| {
        let mut statement: Value = serde_json::from_str(text.get())?;
        dollars_are_text(&mut statement);
        Ok(statement.to_string())
    };
    texts.into_iter().map(meant).collect()
}

fn dollars_are_text(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace("${", "${$}{"),
        Value::Array(items) => items.iter_mut().for_each(dollars_are_text),
        Value::Object(members) => members.values_mut().for_each(dollars_are_text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_older_version_stay_text() {
        let one = r#"{"Condition":{"StringEquals":{"a":"${aws:username}"}},"Effect":"Allow"}"#;
        let document = |version: &str| format!(r#"{{{version}"Statement":[{one}]}}"#);
        assert_eq!(written(&document(r#""Version":"2012-10-17","#)).unwrap(), [one]);
        let old = one.replace("${aws", "${$}{aws");
        assert_eq!(written(&document("")).unwrap(), [old.as_str()]);
        assert_eq!(written(&document(r#""Version":"2008-10-17","#)).unwrap(), [old.as_str()]);
    }
}
