//! What if: would these documents allow that, whatever is stored; and what documents that are given do in any simulation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::{Admin, AdminError};
use super::simulate::{Because, MOST_QUESTIONS, Simulated};
use crate::base::text::printable;
use crate::model::Arn;
use crate::policy::{
    Context, Detail, Document, Kind, Named, Policies, Principal, Reason, Request, RequestError, decide,
};

/// Longest document (IAM API reference, `SimulateCustomPolicy`).
const LONGEST: usize = 131_072;

/// What is asked. Documents are called `policies[0]`, `boundary[0]`, `resource_policy` in reasons, and in `without`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomSimulation {
    /// What the principal's policies would be.
    pub policies: Vec<Box<RawValue>>,
    /// What its boundary would be, in parts; without one, nothing narrows its policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boundary: Vec<Box<RawValue>>,
    /// What is to be done.
    pub actions: Vec<String>,
    /// To what; nothing in particular, if nothing is said.
    #[serde(default)]
    pub resources: Vec<String>,
    /// The policy of each of these resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_policy: Option<Box<RawValue>>,
    /// The account they belong to, where their ARNs do not say; the caller's, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_owner: Option<String>,
    /// The ARN of whoever asks; a user of the home account whom no policy names, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// Context keys and their values. Nothing is added to them.
    #[serde(default)]
    pub context: BTreeMap<String, Vec<String>>,
    /// Documents to be left out, as reasons call them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
}

/// Documents that are given with a question, each by the name that reasons call it.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// What the principal's policies would be.
    pub(super) identity: Vec<(String, Document)>,
    /// What its boundary would be, in parts.
    pub(super) boundary: Vec<(String, Document)>,
    /// The policy of each resource.
    pub(super) resource: Option<(String, Document)>,
}

impl Given {
    /// Of these texts.
    ///
    /// # Errors
    /// When one is no policy, or too long.
    pub(super) fn parse(
        policies: &[Box<RawValue>],
        boundary: &[Box<RawValue>],
        resource_policy: Option<&RawValue>,
    ) -> Result<Self, AdminError> {
        let resource = resource_policy.map(|text| parsed(text, Kind::Resource)).transpose()?;
        Ok(Self {
            identity: titled("policies", policies)?,
            boundary: titled("boundary", boundary)?,
            resource: resource.map(|document| ("resource_policy".to_owned(), document)),
        })
    }

    /// Takes the one out that `meant` means; false when none is.
    pub(super) fn leave_out(&mut self, meant: impl Fn(&str) -> bool) -> bool {
        let count = |given: &Self| given.identity.len() + given.boundary.len() + usize::from(given.resource.is_some());
        let before = count(self);
        self.identity.retain(|(name, _)| !meant(name));
        self.boundary.retain(|(name, _)| !meant(name));
        self.resource.take_if(|(name, _)| meant(name));
        count(self) < before
    }

    /// Lets them have their say beside `policies`: more of the principal's, and in the place of its boundary and of what
    /// the resource says.
    pub(super) fn bind<'a>(&'a self, policies: &mut Policies<'a>) {
        policies.identity.extend(self.identity.iter().map(named));
        if !self.boundary.is_empty() {
            policies.boundary = Some(self.boundary.iter().map(named).collect());
        }
        if let Some(resource) = &self.resource {
            policies.resource = Some(named(resource));
        }
    }
}

fn named((name, document): &(String, Document)) -> Named<'_> {
    Named { name, document }
}

impl Admin {
    /// Answers each action about each resource.
    ///
    /// # Errors
    /// When a document is no policy, or a question makes no sense.
    pub fn simulate_custom(&self, simulation: &CustomSimulation) -> Result<Vec<Simulated>, AdminError> {
        let any = ["*".to_owned()];
        let resources = if simulation.resources.is_empty() { &any[..] } else { &simulation.resources };
        if simulation.actions.is_empty() || simulation.actions.len() * resources.len() > MOST_QUESTIONS {
            return Err(AdminError::OutOfBounds {
                what: "actions".to_owned(),
                limit: format!("one at least, and times resources {MOST_QUESTIONS} at most"),
            });
        }
        let caller = match &simulation.caller {
            Some(caller) => Principal::parse(caller),
            None => Principal::parse(&Arn::root(&self.account).as_str().replace(":root", ":user/nobody")),
        };
        let caller = caller.map_err(RequestError::from)?;
        let mut given =
            Given::parse(&simulation.policies, &simulation.boundary, simulation.resource_policy.as_deref())?;
        for name in &simulation.without {
            if !given.leave_out(|held| held == name) {
                return Err(AdminError::NoSuch { what: format!("policy `{}` that was given", printable(name)) });
            }
        }
        let mut policies = Policies::default();
        given.bind(&mut policies);
        let mut answers = Vec::new();
        for action in &simulation.actions {
            for resource in resources {
                let mut context = Context::default();
                for (key, values) in &simulation.context {
                    context.set(key, values.clone());
                }
                let mut request = Request::new(caller.clone(), action, resource, context)?;
                if let Some(owner) = &simulation.resource_owner {
                    request = request.owned_by(owner)?;
                }
                answers.push(answer((action, resource), &request, &policies));
            }
        }
        Ok(answers)
    }
}

fn answer((action, resource): (&str, &str), request: &Request, policies: &Policies<'_>) -> Simulated {
    let decision = decide(request, policies, Detail::Deciding);
    let because = |reason: Reason| {
        let what = reason.to_string();
        let (policy, statement) = match reason {
            Reason::Statement { policy, index, .. } => (Some(policy), Some(index)),
            _ => (None, None),
        };
        Because { what, policy, statement, through: Vec::new() }
    };
    Simulated {
        action: action.to_owned(),
        resource: resource.to_owned(),
        decision: decision.verdict.as_str().to_owned(),
        reasons: decision.reasons.into_iter().map(because).collect(),
        missing: decision.missing.into_iter().map(String::from).collect(),
        grounds: Box::default(),
    }
}

/// A document that is given.
pub(super) fn parsed(text: &RawValue, kind: Kind) -> Result<Document, AdminError> {
    let text = text.get();
    if text.len() > LONGEST {
        return Err(AdminError::LimitExceeded {
            what: format!("a policy of {} bytes", text.len()),
            limit: format!("{LONGEST} are allowed here"),
        });
    }
    Ok(Document::parse(text, kind)?)
}

fn titled(what: &str, texts: &[Box<RawValue>]) -> Result<Vec<(String, Document)>, AdminError> {
    let title = |number: usize| format!("{what}[{number}]");
    texts.iter().enumerate().map(|(number, text)| Ok((title(number), parsed(text, Kind::Identity)?))).collect()
}
