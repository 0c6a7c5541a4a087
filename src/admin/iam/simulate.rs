//! What if: may this principal do that, by what is stored now.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::{Admin, AdminError};
use super::find;
use crate::base::text::printable;
use crate::gate::Authorized;
use crate::model::{AccountId, Entitlements, Entity, Holder, MemberKind, Role};
use crate::policy::{Context, Detail, Layer, Named, Policies, Principal, Reason, Request, RequestError, decide};
use crate::rights::{Effective, FindError, Guardrails, Sides, Terms, assigned, root_context};
use crate::store::{Snapshot, iam};

/// Questions of one simulation.
const MOST_QUESTIONS: usize = 1_000;

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
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
}

/// A reason, and the way to it.
#[derive(Debug, Serialize, Deserialize)]
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

/// Who is asked about.
struct Subject {
    principal: Principal,
    /// Its account.
    account: AccountId,
    /// `None` is the account's root, which nothing hangs on.
    effective: Option<Effective>,
    /// Why it can do nothing at all, whatever policies say.
    inactive: Option<String>,
}

/// What all questions of a simulation have in common.
#[derive(Clone, Copy)]
struct Question<'a> {
    snapshot: &'a dyn Snapshot,
    subject: &'a Subject,
    guardrails: &'a Guardrails,
    simulation: &'a Simulation,
    terms: &'a Terms,
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
        self.store.read(|snapshot| {
            let mut subject = self.subject(snapshot, &terms, &simulation.principal)?;
            let mut guardrails = Guardrails::read(snapshot, &self.account)?;
            leave_out(&mut subject, &mut guardrails, &simulation.without)?;
            let question = Question { snapshot, subject: &subject, guardrails: &guardrails, simulation, terms: &terms };
            let mut answers = Vec::new();
            for action in &simulation.actions {
                for resource in &resources {
                    answers.push(self.answer(&question, action, resource)?);
                }
            }
            Ok(answers)
        })
    }

    fn subject(&self, snapshot: &dyn Snapshot, terms: &Terms, arn: &str) -> Result<Subject, AdminError> {
        let principal = Principal::parse(arn).map_err(RequestError::from)?;
        let ours = |rest: &str| arn.strip_prefix(&format!("arn:aws:{rest}")).map(str::to_owned);
        let (account, of) = (&self.account, principal.account().to_owned());
        let of_role = |role: Role, session: Option<&str>| {
            let effective = Effective::of_role(snapshot, &role, session)?;
            let principal = principal.clone().with_unique_id(effective.facts.unique_id.as_str());
            let account = role.account.clone();
            Ok::<_, AdminError>(Subject { principal, account, effective: Some(effective), inactive: None })
        };
        if let Some(session) = ours(&format!("sts::{of}:assumed-role/")) {
            let (role, name) = session.split_once('/').unwrap_or((&session, ""));
            return of_role(find::role(snapshot, account, &format!("{of}/{role}"))?.value, Some(name));
        }
        if ours(&format!("iam::{of}:role/")).is_some() {
            return of_role(find::role(snapshot, account, arn)?.value, None);
        }
        if ours(&format!("iam::{account}:user/")).is_some() {
            let member = find::member(snapshot, account, MemberKind::User, arn)?;
            let entity = crate::store::rows::entity(snapshot, &member)?.map(|(_, entity)| entity);
            if let Some(Entity::User(user)) = entity {
                let effective = Effective::of_user(snapshot, account, &user, terms)?;
                let frozen = terms.frozen.contains(&user.origin.directory);
                let inactive = match user.standing.active(terms.now) {
                    _ if frozen => Some("its directory is no longer configured".to_owned()),
                    Ok(()) => None,
                    Err(why) => Some(format!("it may not act: {why}")),
                };
                let principal = principal.with_unique_id(effective.facts.unique_id.as_str());
                return Ok(Subject { principal, account: account.clone(), effective: Some(effective), inactive });
            }
        }
        if arn == format!("arn:aws:iam::{account}:root") {
            return Ok(Subject { principal, account: account.clone(), effective: None, inactive: None });
        }
        Err(AdminError::NoSuch { what: format!("principal `{}` in account {account}", printable(arn)) })
    }

    fn answer(&self, question: &Question<'_>, action: &str, resource: &str) -> Result<Simulated, AdminError> {
        let Question { snapshot, subject, guardrails, terms, .. } = *question;
        let answer = |decision: &str, reasons, missing| Simulated {
            action: action.to_owned(),
            resource: resource.to_owned(),
            decision: decision.to_owned(),
            reasons,
            missing,
        };
        let context = self.context(question, resource)?;
        let request = Request::new(subject.principal.clone(), action, resource, context)?;
        if let Some(why) = &subject.inactive {
            let because = Because { what: why.clone(), policy: None, statement: None, through: Vec::new() };
            return Ok(answer("ImplicitlyDenied", vec![because], Vec::new()));
        }
        let trust = match (&subject.effective, self.role_of(snapshot, resource)?) {
            (Some(effective), Some(role)) if action.to_ascii_lowercase().starts_with("sts:") => {
                let document = assigned::trust(&role, &effective.assigned, &effective.facts.account)?;
                document.map(|document| (format!("trust of role/{}", role.name), document))
            }
            _ => None,
        };
        let mut policies = subject.effective.as_ref().map_or_else(Policies::default, Effective::policies);
        policies.resource = trust.as_ref().map(|(name, document)| Named { name, document });
        let sides = Sides::of(&subject.account, &request, terms);
        guardrails.bind(&sides, &mut policies);
        let decision = decide(&request, &policies, Detail::Deciding);
        let reasons = decision.reasons.into_iter().map(|reason| because(reason, question, &sides)).collect();
        let missing = decision.missing.into_iter().map(String::from).collect();
        Ok(answer(decision.verdict.as_str(), reasons, missing))
    }

    /// What conditions can look at: what is known of the principal and the resource, and what the question says.
    fn context(&self, question: &Question<'_>, resource: &str) -> Result<Context, AdminError> {
        let Question { snapshot, subject, simulation, terms, .. } = *question;
        let mut context = match &subject.effective {
            Some(effective) => effective.facts.context(terms.now),
            None => root_context(&subject.account, terms.now),
        };
        let about = self.about(snapshot, resource)?;
        for (key, value) in about.iter().flat_map(|held| held.tags.iter()) {
            for space in ["aws:ResourceTag", "iam:ResourceTag"] {
                context.set(&format!("{space}/{key}"), vec![value.to_owned()]);
            }
        }
        for (key, values) in &simulation.context {
            context.set(key, values.clone());
        }
        Ok(context)
    }

    /// The role of ours that the resource is.
    fn role_of(&self, snapshot: &dyn Snapshot, resource: &str) -> Result<Option<Role>, AdminError> {
        if !resource.starts_with("arn:aws:iam::") {
            return Ok(None);
        }
        match find::role(snapshot, &self.account, resource) {
            Ok(role) => Ok(Some(role.value)),
            Err(FindError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What hangs on the resource, where it is a user or role of ours.
    fn about(&self, snapshot: &dyn Snapshot, resource: &str) -> Result<Option<Entitlements>, AdminError> {
        let kind = [("user", find::HolderKind::User), ("role", find::HolderKind::Role)].into_iter();
        let kind =
            kind.into_iter().find(|(word, _)| resource.starts_with(&format!("arn:aws:iam::{}:{word}/", self.account)));
        let Some((_, kind)) = kind else { return Ok(None) };
        let holder: Holder = match find::holder(snapshot, &self.account, kind, resource) {
            Ok(holder) => holder,
            Err(FindError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(iam::entitlements(snapshot, &holder)?.value))
    }
}

/// A reason in words, and by which way the policy in it came to have a say.
fn because(reason: Reason, question: &Question<'_>, sides: &Sides) -> Because {
    let what = reason.to_string();
    let level = |layer: Layer| question.guardrails.level(layer, sides);
    match reason {
        Reason::Statement { layer, policy, index, .. } => {
            let effective = question.subject.effective.as_ref();
            let through = match level(layer) {
                Some(level) => vec![level.on.to_string()],
                None => effective.and_then(|effective| effective.through(&policy)).unwrap_or_default().to_vec(),
            };
            Because { what, policy: Some(policy), statement: Some(index), through }
        }
        Reason::NothingAllows(layer) => match level(layer) {
            Some(level) => {
                let what = format!("{what}: {}", level.names.join(", "));
                Because { what, policy: None, statement: None, through: vec![level.on.to_string()] }
            }
            None => Because { what, policy: None, statement: None, through: Vec::new() },
        },
        _ => Because { what, policy: None, statement: None, through: Vec::new() },
    }
}

/// Takes policies and guardrails out by ARN or name. One that is not there is a mistake of whoever asks.
fn leave_out(subject: &mut Subject, guardrails: &mut Guardrails, without: &[String]) -> Result<(), AdminError> {
    for name in without {
        // The last part of an ARN and of an inline policy's name is its name; of an assignment it is somebody's.
        let named = |held: &str| held.starts_with("arn:") || held.contains("/policy/");
        let meant = |held: &str| held == name || named(held) && held.rsplit('/').next() == Some(name);
        let mut found = guardrails.leave_out(meant);
        if let Some(effective) = &mut subject.effective {
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
