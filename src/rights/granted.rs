//! Grants that count: one person's right to one role for a while, as it is at the moment of the question.
//!
//! A grant gives no right by itself. It says what an assignment of the role would, from the moment at which its holder claimed it
//! until its window is over, and it counts only for as long as all that it rests on does: nobody has changed a word of what was agreed
//! to, there is a rule for the role still, and the person is among those who may ask for it. All of that is read anew at each question,
//! so nothing has to be done for a grant to end. What its sessions are held to besides ([`Granted::limits`]) has to allow each call.

use std::sync::Arc;

use super::assigned::Assigned;
use super::effective::Held;
use super::{Reading, Shelf, Terms};
use crate::base::clock::expired;
use crate::base::{GrantId, Timestamp};
use crate::model::grant::{Rule, State, Working};
use crate::model::{Actor, Assignment, Grant, Member, Role};
use crate::policy::Kind;
use crate::store::{StoreError, grants};

/// A grant that counts.
#[derive(Debug, Clone)]
pub struct Granted {
    /// Which.
    pub id: GrantId,
    /// What it says of the role.
    pub(super) assigned: Assigned,
    /// Until when, by itself.
    pub until: Timestamp,
    /// What has to hold when it is used, to begin a session or within one.
    conditions: Vec<Held>,
    /// What its sessions do not reach beyond.
    policy: Option<Held>,
}

impl Granted {
    /// What has to allow that a session of it begins.
    #[must_use]
    pub fn conditions(&self) -> &[Held] {
        &self.conditions
    }

    /// What has to allow each call of its sessions.
    #[must_use]
    pub fn limits(self) -> Vec<Held> {
        self.conditions.into_iter().chain(self.policy).collect()
    }
}

/// What `grant` gives of `role` at the moment of `terms` to whoever is in these groups, or why it gives nothing.
///
/// # Errors
/// When one of its documents is none.
fn counts(
    (terms, shelf): (&Terms, &Shelf),
    grant: &Grant,
    role: &Role,
    group_names: &[String],
) -> Result<Result<Granted, String>, StoreError> {
    let State::Active(Working { from, until, .. }) = &grant.state else {
        return Ok(Err(format!("it is {}", grant.stage(terms.now).word())));
    };
    if terms.now < *from || expired(*until, terms.now) {
        return Ok(Err(format!("it counts from {from:.0} until {until:.0}")));
    }
    let digest = grant.digest();
    if grant.state.approvals().iter().any(|approval| approval.digest != digest) {
        return Ok(Err("it says something else than what was agreed to".to_owned()));
    }
    let Some(rule) = terms.grants.rules.of(role) else {
        return Ok(Err("no rule of the configuration grants the role any more".to_owned()));
    };
    if !may_ask(rule, group_names) {
        return Ok(Err("its holder is in no group any more that may ask for the role".to_owned()));
    }
    let held = |name: String, text: &str| {
        let written = shelf.parsed(text, Kind::Identity, &name)?;
        let name: Arc<str> = name.into();
        let through: Arc<[String]> = [format!("grant/{}", grant.id)].into();
        Ok::<_, StoreError>(Held { name, document: written.document, text: written.text, through })
    };
    let factor = rule.second_factor.map(|seconds| {
        format!(
            r#"{{"Bool":{{"aws:MultiFactorAuthPresent":"true"}},"NumericLessThanEquals":{{"aws:MultiFactorAuthAge":"{seconds}"}}}}"#
        )
    });
    let mut conditions = Vec::new();
    for (number, condition) in factor.iter().chain(&grant.terms.conditions).enumerate() {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{condition}}}}}"#
        );
        conditions.push(held(format!("condition {number} of grant/{}", grant.id), &text)?);
    }
    let policy = grant.terms.policy.as_deref().map(|text| held(format!("policy of grant/{}", grant.id), text));
    let assignment = Assignment {
        to: Member::User(grant.person),
        role: role.id,
        condition: None,
        not_before: Some(*from),
        not_after: Some(*until),
        reason: grant.terms.reason.clone(),
        by: Actor::task("grants"),
        created: grant.requested,
    };
    let through: Arc<[String]> = [format!("grant/{}", grant.id)].into();
    let (assignment, role) = (Arc::new(assignment), Arc::new(role.clone()));
    let assigned = Assigned { assignment, role, rule: None, grant: Some(grant.id), through };
    Ok(Ok(Granted { id: grant.id, assigned, until: *until, conditions, policy: policy.transpose()? }))
}

/// Whether somebody in these groups may ask for what `rule` is about.
#[must_use]
pub fn may_ask(rule: &Rule, group_names: &[String]) -> bool {
    rule.requesters.is_empty() || is_in(&rule.requesters, group_names)
}

/// Whether one of `wanted` is among these groups; case does not count.
#[must_use]
pub fn is_in(wanted: &[String], group_names: &[String]) -> bool {
    wanted.iter().any(|name| group_names.iter().any(|group| group.eq_ignore_ascii_case(name)))
}

impl Reading<'_, '_> {
    /// The grants of `role` that count for a person now, the longest first.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn granted(
        &mut self,
        person: &crate::base::UserId,
        role: &Role,
        group_names: &[String],
    ) -> Result<Vec<Granted>, StoreError> {
        let open = grants::open_of(self.snapshot(), person, Some(&role.id))?;
        let mut found = Vec::new();
        for held in open {
            if let Ok(granted) = counts((self.terms(), self.shelf()), &held.value, role, group_names)? {
                found.push(granted);
            }
        }
        found.sort_by_key(|granted| std::cmp::Reverse(granted.until));
        Ok(found)
    }

    /// The grant `id` of `role`, if it counts now, or why it does not.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn grant(
        &mut self,
        id: &GrantId,
        role: &Role,
        group_names: &[String],
    ) -> Result<Result<Granted, String>, StoreError> {
        match grants::grant(self.snapshot(), id)? {
            Some(held) if held.value.role == role.id => {
                counts((self.terms(), self.shelf()), &held.value, role, group_names)
            }
            _ => Ok(Err("it is not there".to_owned())),
        }
    }
}
