//! Grants that count: one person's right to one role for a while, as it is at the moment of the question.
//!
//! A grant gives no right by itself. It says what an assignment of the role would, from the moment at which its holder claimed it
//! until its window is over, and it counts only for as long as all that it rests on does: nobody has changed a word of what was agreed
//! to, there is a rule for the role still, and the person is among those who may ask for it. All of that is read anew at each question,
//! so nothing has to be done for a grant to end. What its sessions are held to besides ([`Granted::limits`]) has to allow each call.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::assigned::Assigned;
use super::effective::Held;
use super::{Reading, Shelf};
use crate::base::clock::expired;
use crate::base::{GrantId, RoleId, Timestamp, UserId};
use crate::model::grant::{Rule, Stage, State, Working};
use crate::model::{Actor, Assignment, Engagement, Entity, Grant, Member, Role, Zone};
use crate::policy::Kind;
use crate::store::{Snapshot, StoreError, grants, iam, identity, rows};

/// A grant that counts.
#[derive(Debug, Clone)]
pub struct Granted {
    /// Which.
    pub id: GrantId,
    /// What it says of the role.
    pub(super) assigned: Assigned,
    /// Until when, by itself.
    pub until: Timestamp,
    /// Whose clock on the wall its hours are those of.
    pub zone: Zone,
    /// What has to hold when it is used, to begin a session or within one.
    conditions: Vec<Held>,
    /// What counts in its sessions as if it hung on the role.
    gives: Option<Held>,
    /// Beyond which of these its sessions do not reach: none of them.
    limits: Vec<Held>,
}

impl Granted {
    /// Of which role.
    #[must_use]
    pub fn role(&self) -> RoleId {
        self.assigned.role.id
    }

    /// What has to allow that a session of it begins.
    #[must_use]
    pub fn conditions(&self) -> &[Held] {
        &self.conditions
    }

    /// What counts in its sessions as if it hung on the role.
    #[must_use]
    pub fn gives(&self) -> Option<&Held> {
        self.gives.as_ref()
    }

    /// What has to allow each call of its sessions.
    #[must_use]
    pub fn limits(self) -> Vec<Held> {
        self.conditions.into_iter().chain(self.limits).collect()
    }
}

/// What a grant's documents are made of.
struct Documents<'a> {
    shelf: &'a Shelf,
    id: GrantId,
}

impl Documents<'_> {
    fn of(&self, what: &str, text: &str) -> Result<Held, StoreError> {
        let name = format!("{what} of grant/{}", self.id);
        let written = self.shelf.parsed(text, Kind::Identity, &name)?;
        let (name, through) = (name.into(), [format!("grant/{}", self.id)].into());
        Ok(Held { name, document: written.document, text: written.text, through })
    }

    /// Allows everything, if `condition` holds.
    fn condition(&self, what: &str, condition: &str) -> Result<Held, StoreError> {
        let statement = format!(r#"{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{condition}}}"#);
        self.of(what, &format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#))
    }
}

/// What the terms of a grant hold its use to.
fn conditions(documents: &Documents<'_>, grant: &Grant, rule: &Rule) -> Result<Vec<Held>, StoreError> {
    let factor = rule.second_factor.map(|seconds| {
        let age = format!(r#""NumericLessThanEquals":{{"aws:MultiFactorAuthAge":"{seconds}"}}"#);
        format!(r#"{{"Bool":{{"aws:MultiFactorAuthPresent":"true"}},{age}}}"#)
    });
    let mut held = Vec::new();
    for (number, condition) in factor.iter().chain(&grant.terms.conditions).enumerate() {
        held.push(documents.condition(&format!("condition {number}"), condition)?);
    }
    Ok(held)
}

/// Whether somebody is of another firm, and if so by which engagement they are let in at `now`, or why by none: "the engagement of ..".
/// Whoever was an outsider once is one for good.
///
/// # Errors
/// When the store cannot be read or a row is damaged.
pub fn outsider(
    snapshot: &dyn Snapshot,
    person: &UserId,
    now: Timestamp,
) -> Result<Option<Result<Engagement, String>>, StoreError> {
    let all = grants::engagements_of(snapshot, person)?;
    if all.is_empty() {
        return Ok(None);
    }
    let epoch = identity::epoch(snapshot)?.to_string();
    let mut why = String::new();
    for engagement in all {
        match engagement.lets_in(person, &epoch, now) {
            Ok(()) => return Ok(Some(Ok(engagement))),
            Err(because) => why = format!("the engagement of {} {because}", engagement.firm),
        }
    }
    Ok(Some(Err(why)))
}

/// The engagement that `grant` is part of, if it is of one and that lets its holder in now; or why it does not. One for an outsider has
/// to be part of one, whenever it was asked for.
///
/// # Errors
/// When the store cannot be read or a row is damaged.
pub fn engagement_of(
    snapshot: &dyn Snapshot,
    grant: &Grant,
    now: Timestamp,
) -> Result<Result<Option<Engagement>, String>, StoreError> {
    let epoch = identity::epoch(snapshot)?.to_string();
    if grant.epoch != epoch {
        return Ok(Err("it is of before the store was restored: ask for it anew".to_owned()));
    }
    let Some(id) = &grant.engagement else {
        let outside = !grants::engagements_of(snapshot, &grant.person)?.is_empty();
        let why = "its holder is of another firm, and it is part of no engagement";
        return Ok(if outside { Err(why.to_owned()) } else { Ok(None) });
    };
    let Some(held) = grants::engagement(snapshot, id)? else {
        return Ok(Err("its engagement is not there".to_owned()));
    };
    Ok(match held.value.lets_in(&grant.person, &epoch, now) {
        Ok(()) => Ok(Some(held.value)),
        Err(why) => Err(format!("its engagement {why}")),
    })
}

impl Reading<'_, '_> {
    /// What `grant` gives of `role` now to whoever is in these groups, or why it gives nothing.
    pub(super) fn counts(
        &mut self,
        grant: &Grant,
        role: &Role,
        group_names: &[String],
    ) -> Result<Result<Granted, String>, StoreError> {
        let now = self.terms().now;
        let State::Active(Working { from, until, .. }) = &grant.state else {
            return Ok(Err(format!("it is {}", grant.stage(now).word())));
        };
        if now < *from || expired(*until, now) {
            return Ok(Err(format!("it counts from {from:.0} until {until:.0}")));
        }
        let digest = grant.digest();
        if grant.state.approvals().iter().any(|approval| approval.digest != digest) {
            return Ok(Err("it says something else than what was agreed to".to_owned()));
        }
        let Some(rule) = self.terms().grants.rules.of(role).cloned() else {
            return Ok(Err("no rule of the configuration grants the role any more".to_owned()));
        };
        if !may_ask(&rule, group_names) {
            return Ok(Err("its holder is in no group any more that may ask for the role".to_owned()));
        }
        let within = match engagement_of(self.snapshot(), grant, now)? {
            Ok(None) => None,
            Ok(Some(engagement)) => match self.within(engagement)? {
                Ok(within) => Some(within),
                Err(why) => return Ok(Err(format!("its engagement {why}"))),
            },
            Err(why) => return Ok(Err(why)),
        };
        let shelf = self.shelf().clone();
        let documents = Documents { shelf: &shelf, id: grant.id };
        let (mut conditions, mut limits) = (conditions(&documents, grant, &rule)?, Vec::new());
        let mut zone = self.terms().grants.zone.clone();
        let mut until = *until;
        if let Some(Within { engagement, ceiling }) = within {
            if let Some(condition) = engagement.condition() {
                conditions.push(documents.condition("engagement", &condition)?);
            }
            limits.push(ceiling);
            until = until.min(engagement.ends);
            zone = engagement.zone;
        }
        let gives = match grant.terms.gives.as_deref() {
            Some(_) if !rule.inline => {
                return Ok(Err("the rule of its role takes no policy of who asks any more".to_owned()));
            }
            // What bounds such a policy is what others relied upon as they agreed to it.
            Some(_) if self.role(role, None)?.boundary.is_none() => {
                return Ok(
                    Err("its role has no boundary any more, beyond which its policy would not reach".to_owned()),
                );
            }
            gives => gives.map(|text| documents.of("policy given", text)).transpose()?,
        };
        limits.extend(grant.terms.policy.as_deref().map(|text| documents.of("policy", text)).transpose()?);
        let assignment = Assignment {
            to: Member::User(grant.person),
            role: role.id,
            condition: None,
            not_before: Some(*from),
            not_after: Some(until),
            reason: grant.terms.reason.clone(),
            by: Actor::task("grants"),
            created: grant.requested,
        };
        let through: Arc<[String]> = [format!("grant/{}", grant.id)].into();
        let (assignment, role) = (Arc::new(assignment), Arc::new(role.clone()));
        let assigned = Assigned { assignment, role, rule: None, grant: Some(grant.id), through };
        Ok(Ok(Granted { id: grant.id, assigned, until, zone, conditions, gives, limits }))
    }

    /// A digest of all that a grant of `role` would reach: what hangs on the role, and what the engagement that it is part of bounds. Who
    /// agrees reads that, too, and another one later is not what they agreed to.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn reach_of(&mut self, role: &Role, engagement: Option<&Engagement>) -> Result<String, StoreError> {
        let effective = self.role(role, None)?;
        let mut texts: Vec<Arc<str>> = effective.identity.iter().map(|held| Arc::clone(&held.text)).collect();
        texts.sort();
        texts.extend(effective.boundary.map(|held| held.text));
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update(text.len().to_be_bytes());
            hash.update(text);
        };
        texts.iter().for_each(|text| part(text));
        if let Some(engagement) = engagement {
            part(&engagement.condition().unwrap_or_default());
            if iam::policy(self.snapshot(), &engagement.ceiling)?.is_some() {
                part(&self.managed(&engagement.ceiling)?.held(&Arc::from([])).text);
            }
        }
        Ok(hex::encode(hash.finalize()))
    }

    /// An engagement with its ceiling, or why it does not count: whoever answers for it inside has to be there and active.
    fn within(&mut self, engagement: Engagement) -> Result<Result<Within, String>, StoreError> {
        let now = self.terms().now;
        let sponsor = match rows::entity(self.snapshot(), &Member::User(engagement.sponsor))? {
            Some((_, Entity::User(user))) => user,
            _ => return Ok(Err("has nobody inside who answers for it".to_owned())),
        };
        let frozen = self.terms().frozen.contains(&sponsor.origin.directory);
        if frozen || sponsor.standing.enabled(now).is_err() {
            return Ok(Err(format!("has nobody inside who answers for it: {} may not act", sponsor.name)));
        }
        if iam::policy(self.snapshot(), &engagement.ceiling)?.is_none() {
            return Ok(Err("has no ceiling any more: its policy was deleted".to_owned()));
        }
        let through: Arc<[String]> = [format!("engagement/{}", engagement.name)].into();
        let ceiling = self.managed(&engagement.ceiling)?.held(&through);
        Ok(Ok(Within { engagement, ceiling }))
    }
}

/// An engagement that counts, and its ceiling.
struct Within {
    engagement: Engagement,
    ceiling: Held,
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
    /// A person's grants of `role` that may count, the longest first: whether one does is asked of it ([`Reading::counts`]).
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub(super) fn grants_of(&self, person: &UserId, role: &Role) -> Result<Vec<Grant>, StoreError> {
        let now = self.terms().now;
        let open = grants::open_of(self.snapshot(), person, Some(&role.id))?.into_iter().map(|held| held.value);
        let mut found: Vec<Grant> = open.filter(|grant| grant.stage(now) == Stage::Active).collect();
        found.sort_by_key(|grant| std::cmp::Reverse(grant.due()));
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
            Some(held) if held.value.role == role.id => self.counts(&held.value, role, group_names),
            _ => Ok(Err("it is not there".to_owned())),
        }
    }
}
