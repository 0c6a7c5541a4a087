//! What if: may this principal do that, by what is stored now.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::{Admin, AdminError};
use super::custom::Given;
use super::find;
use super::question::{Question, Subject};
use crate::authn::signed::Signed;
use crate::base::Timestamp;
use crate::base::text::printable;
use crate::gate::{Authorized, Grounds};
use crate::model::{Arn, Entity, Member, MemberKind, Role, Session, SessionKind};
use crate::policy::{Detail, Principal, RequestError, Verdict};
use crate::rights::{Effective, Library, Reading};
use crate::store::schema::sessions::Way;
use crate::store::{Snapshot, StoreError, rows, sessions};

/// Questions of one simulation.
pub(super) const MOST_QUESTIONS: usize = 1_000;

/// What is asked.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Simulation {
    /// The ARN of a user, a role, a session of a role, or the account's root.
    pub principal: String,
    /// What is to be done.
    pub actions: Vec<String>,
    /// To what; nothing in particular, if nothing is said.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Context keys and their values, in the place of those known.
    #[serde(default)]
    pub context: BTreeMap<String, Vec<String>>,
    /// Policies and guardrails to be left out: ARNs, names, or names of inline policies.
    #[serde(default)]
    pub without: Vec<String>,
    /// Policies that it would have besides; called `policies[0]` in reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Box<RawValue>>,
    /// What its boundary would be, in parts, in the place of the one it has; called `boundary[0]` in reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boundary: Vec<Box<RawValue>>,
    /// What each of the resources would say, in the place of a role's trust; called `resource_policy` in reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_policy: Option<Box<RawValue>>,
    /// The account that the resources belong to, where their ARNs do not say; the principal's, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_owner: Option<String>,
}

/// The answer to one question.
#[derive(Debug, Serialize, Deserialize)]
pub struct Simulated {
    /// What is to be done.
    pub action: String,
    /// To what.
    pub resource: String,
    /// `Allowed`, `ExplicitlyDenied` or `ImplicitlyDenied`.
    pub decision: String,
    /// Why.
    pub reasons: Vec<Because>,
    /// Context keys without a value that were asked for: with one it might have come out otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// What a no rests on, for the record of a request that is refused by it; in no answer.
    #[serde(skip)]
    pub grounds: Box<Grounds>,
}

/// A reason, and the way to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Because {
    /// In words.
    pub what: String,
    /// The policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The statement in it, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<usize>,
    /// From the principal to what the policy hangs on; of guardrails what they are attached to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<String>,
}

impl Admin {
    /// Answers each action about each resource. Blocks.
    ///
    /// # Errors
    /// When the principal is none of this account, a question makes no sense, or the store cannot be read.
    pub fn simulate(&self, asked: &Authorized, simulation: &Simulation) -> Result<Vec<Simulated>, AdminError> {
        let resources =
            if simulation.resources.is_empty() { vec!["*".to_owned()] } else { simulation.resources.clone() };
        if simulation.actions.is_empty() || simulation.actions.len() * resources.len() > MOST_QUESTIONS {
            return Err(AdminError::OutOfBounds {
                what: "actions".to_owned(),
                limit: format!("one at least, and times resources {MOST_QUESTIONS} at most"),
            });
        }
        let terms = self.terms(asked.at())?;
        let mut library = Library::with(self.shelf.clone(), &self.account, &terms);
        let given = Given::parse(&simulation.policies, &simulation.boundary, simulation.resource_policy.as_deref())?;
        self.store.read(|snapshot| {
            let mut reading = library.at(snapshot);
            let mut subject = self.subject(snapshot, &mut reading, &simulation.principal)?;
            subject.given = given;
            leave_out(&mut subject, &simulation.without)?;
            let mut answers = Vec::new();
            for action in &simulation.actions {
                for resource in &resources {
                    let mut question = Question::new(snapshot, &self.account, (action, resource), &simulation.context)?;
                    question.owner = simulation.resource_owner.as_deref();
                    answers.push(answer(&mut reading, &subject, question, asked.at())?);
                }
            }
            Ok(answers)
        })
    }

    /// Answers one question about who signed, whom the signature names for good: no name is looked up. Blocks.
    ///
    /// # Errors
    /// When they are gone by now, the question makes no sense, or the store cannot be read.
    pub fn simulate_signed(
        &self,
        asked: &Authorized,
        signed: &Signed,
        (action, resource): (&str, &str),
        context: &BTreeMap<String, Vec<String>>,
    ) -> Result<Simulated, AdminError> {
        let terms = self.terms(asked.at())?;
        let mut library = Library::with(self.shelf.clone(), &self.account, &terms);
        self.store.read(|snapshot| {
            let mut reading = library.at(snapshot);
            let subject = match (signed.session(), signed.user()) {
                (Some(live), _) => Subject::of_session(snapshot, &mut reading, &self.account, live.session())?,
                (None, None) => Subject::root(&mut reading, &self.account)?,
                (None, Some(user)) => match rows::entity(snapshot, &Member::User(user.id))? {
                    Some((_, Entity::User(user))) => Subject::of_user(&mut reading, &user)?,
                    _ => return Err(AdminError::NoSuch { what: format!("user `{}` any more", user.name) }),
                },
            };
            let question = Question::new(snapshot, &self.account, (action, resource), context)?;
            answer(&mut reading, &subject, question, asked.at())
        })
    }

    /// The principal that an ARN means.
    pub(super) fn subject(
        &self,
        snapshot: &dyn Snapshot,
        reading: &mut Reading<'_, '_>,
        arn: &str,
    ) -> Result<Subject, AdminError> {
        let principal = Principal::parse(arn).map_err(RequestError::from)?;
        let ours = |rest: &str| arn.strip_prefix(&format!("arn:aws:{rest}")).map(str::to_owned);
        let (account, of) = (&self.account, principal.account().to_owned());
        if let Some(session) = ours(&format!("sts::{of}:assumed-role/")) {
            let (role, name) = session.split_once('/').unwrap_or((&session, ""));
            let role = find::role(snapshot, account, &format!("{of}/{role}"))?.value;
            if reading.terms().grants.rules.of(&role).is_some()
                && is_granted(snapshot, &role, name, reading.terms().now)?
            {
                return Err(AdminError::NotNow {
                    what: format!(
                        "a session called `{}` was granted for a while, and is bounded by that",
                        printable(name)
                    ),
                    remedy: "let the session ask about itself, signed".to_owned(),
                });
            }
            return Subject::of_role(reading, &role, Some(name), principal);
        }
        if ours(&format!("iam::{of}:role/")).is_some() {
            let role = find::role(snapshot, account, arn)?.value;
            return Subject::of_role(reading, &role, None, principal);
        }
        if ours(&format!("iam::{account}:user/")).is_some()
            && let Entity::User(user) = find::entity(snapshot, account, MemberKind::User, arn)?
        {
            return Subject::of_user(reading, &user);
        }
        if arn == Arn::root(account).as_str() {
            return Subject::root(reading, account);
        }
        Err(AdminError::NoSuch { what: format!("principal `{}` in account {account}", printable(arn)) })
    }
}

/// Whether a session of `role` that is called `name` and counts now was begun by a grant: what it may is more than its name tells.
fn is_granted(snapshot: &dyn Snapshot, role: &Role, name: &str, now: Timestamp) -> Result<bool, StoreError> {
    let mut after = None;
    loop {
        let page = sessions::page_of(snapshot, (Way::Role, role.id.as_bytes()), after.as_ref(), PAGE)?;
        let called =
            |session: &Session| matches!(&session.kind, SessionKind::Role { name: own, .. } if own.as_str() == name);
        let counts = |session: &Session| session.ended.is_none() && session.expires > now && session.grant.is_some();
        if page.iter().any(|held| called(&held.value) && counts(&held.value)) {
            return Ok(true);
        }
        match page.last().filter(|_| page.len() == PAGE) {
            Some(last) => after = Some(last.value.id),
            None => return Ok(false),
        }
    }
}

/// Sessions that are read at once.
const PAGE: usize = 1_000;

pub(super) fn answer(
    reading: &mut Reading<'_, '_>,
    subject: &Subject,
    question: Question<'_>,
    now: Timestamp,
) -> Result<Simulated, AdminError> {
    let posed = question.about(reading, subject, now)?;
    let Question { action, resource, .. } = question;
    if let Some(why) = &subject.inactive {
        let because = Because { what: why.clone(), policy: None, statement: None, through: Vec::new() };
        let decision = Verdict::ImplicitlyDenied.as_str().to_owned();
        return Ok(Simulated {
            action,
            resource,
            decision,
            reasons: vec![because],
            missing: Vec::new(),
            grounds: Box::default(),
        });
    }
    let decision = posed.decide(Detail::Deciding);
    let grounds = Box::new(posed.grounds(&decision));
    let reasons = decision.reasons.into_iter().map(|reason| posed.because(reason)).collect();
    let missing = decision.missing.into_iter().map(String::from).collect();
    Ok(Simulated { action, resource, decision: decision.verdict.as_str().to_owned(), reasons, missing, grounds })
}

/// Takes policies and guardrails out by ARN or name. One that is not there is a mistake of whoever asks.
fn leave_out(subject: &mut Subject, without: &[String]) -> Result<(), AdminError> {
    for name in without {
        // The last part of an ARN and of an inline policy's name is its name; of an assignment it is somebody's.
        let named = |held: &str| held.starts_with("arn:") || held.contains("/policy/");
        let meant = |held: &str| held == name || named(held) && held.rsplit('/').next() == Some(name);
        let mut found = Arc::make_mut(&mut subject.guardrails).leave_out(meant);
        found |= subject.given.leave_out(meant);
        if let Some(effective) = &mut subject.acting.effective {
            let count = |effective: &Effective| effective.identity.len() + usize::from(effective.boundary.is_some());
            let before = count(effective);
            effective.identity.retain(|held| !meant(&held.name));
            effective.assigned.retain(|one| !meant(&one.name()));
            effective.boundary.take_if(|held| meant(&held.name));
            found |= count(effective) < before;
        }
        if !found {
            return Err(AdminError::NoSuch { what: format!("policy `{}` that has a say there", printable(name)) });
        }
    }
    Ok(())
}
