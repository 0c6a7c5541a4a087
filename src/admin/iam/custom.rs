//! What if: would these documents allow that, whatever is stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::{Admin, AdminError};
use super::simulate::{Because, MOST_QUESTIONS, Simulated};
use crate::model::Arn;
use crate::policy::{
    Context, Detail, Document, Kind, Named, Policies, Principal, Reason, Request, RequestError, decide,
};

/// Longest document (IAM API reference, `SimulateCustomPolicy`).
const LONGEST: usize = 131_072;

/// What is asked. Documents are called `policies[0]`, `boundary[0]`, `resource_policy` in reasons.
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
        let identity = parsed(&simulation.policies, Kind::Identity)?;
        let boundary = parsed(&simulation.boundary, Kind::Identity)?;
        let resource = parsed(&simulation.resource_policy, Kind::Resource)?;
        let (identity, boundary) = (titled("policies", &identity), titled("boundary", &boundary));
        let policies = Policies {
            identity: named(&identity),
            boundary: (!boundary.is_empty()).then(|| named(&boundary)),
            resource: resource.first().map(|document| Named { name: "resource_policy", document }),
            ..Policies::default()
        };
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
    }
}

/// Documents that are handed in.
pub(super) fn parsed<'a>(
    texts: impl IntoIterator<Item = &'a Box<RawValue>>,
    kind: Kind,
) -> Result<Vec<Document>, AdminError> {
    let one = |text: &str| {
        if text.len() > LONGEST {
            return Err(AdminError::LimitExceeded {
                what: format!("a policy of {} bytes", text.len()),
                limit: format!("{LONGEST} are allowed here"),
            });
        }
        Ok(Document::parse(text, kind)?)
    };
    texts.into_iter().map(|text| one(text.get())).collect()
}

fn titled<'a>(what: &str, documents: &'a [Document]) -> Vec<(String, &'a Document)> {
    documents.iter().enumerate().map(|(number, document)| (format!("{what}[{number}]"), document)).collect()
}

fn named<'a>(titled: &'a [(String, &'a Document)]) -> Vec<Named<'a>> {
    titled.iter().map(|(name, document)| Named { name, document }).collect()
}
