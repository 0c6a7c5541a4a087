//! Decisions for others: an application asks whether somebody may do something, and enforces the answer itself; or a proxy asks
//! about each request, and enforces it for the application ([`forward`]).
//!
//! Owns the question and the answer. Decided is by the one evaluator on what is stored at this moment, as for Bailey's own
//! operations. What Bailey knows of a principal (name, ARN, tags, the time) cannot be said otherwise by who asks: a question
//! whose context claims it is refused.

pub mod forward;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::admin::iam::simulate::{Because, Simulated, Simulation};
use crate::admin::{Admin, AdminError};
use crate::authn::Caller;
use crate::gate::{Authorized, Operation};

/// Most questions at once.
pub const MOST: usize = 100;

/// Questions.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Each is answered for itself, in this order.
    pub questions: Vec<Question>,
}

/// May somebody do this?
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Comes back with the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Who: an ARN; whoever asks, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// What is to be done.
    pub action: String,
    /// To what; `*` if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What conditions can ask about the request: `aws:SourceIp` and the like.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, Vec<String>>,
}

/// The answer to a question.
#[derive(Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// Of which question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether it may be done.
    pub allowed: bool,
    /// `Allowed`, `ExplicitlyDenied` or `ImplicitlyDenied`.
    pub decision: String,
    /// Why.
    pub reasons: Vec<Because>,
    /// Context keys without a value that were asked for: with one it might have come out otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// What the gate has to allow: asking about oneself is less than asking about others.
#[must_use]
pub fn operation(batch: Option<&Batch>, caller: &Caller) -> Operation {
    let own = caller.signed().map(|signed| signed.arn().to_string());
    let about_self = |question: &Question| match &question.principal {
        None => own.is_some(),
        Some(principal) => Some(principal) == own.as_ref(),
    };
    match batch {
        Some(batch) if batch.questions.iter().all(about_self) => Operation::Authorize,
        _ => Operation::AuthorizeAny,
    }
}

/// Answers each question. Blocks.
///
/// # Errors
/// When there are too many, one makes no sense or claims what it may not, or the store cannot be read.
pub fn authorize(admin: &Admin, asked: &Authorized, batch: &Batch) -> Result<Vec<Verdict>, AdminError> {
    if batch.questions.is_empty() || batch.questions.len() > MOST {
        return Err(AdminError::OutOfBounds { what: "questions".to_owned(), limit: format!("1 to {MOST}") });
    }
    batch.questions.iter().map(|question| answer(admin, asked, question)).collect()
}

fn answer(admin: &Admin, asked: &Authorized, question: &Question) -> Result<Verdict, AdminError> {
    if let Some(key) = question.context.keys().find(|key| is_ours(key)) {
        return Err(AdminError::OutOfBounds {
            what: format!("context: {}", crate::base::text::printable(key)),
            limit: "left out: what is known of a principal and of the time is not for who asks to say".to_owned(),
        });
    }
    let signed = asked.caller().signed();
    // About whoever asks, as they ask: in a session what it was narrowed to counts, and its tags.
    if let Some(signed) =
        signed.filter(|signed| question.principal.as_ref().is_none_or(|who| *who == signed.arn().to_string()))
    {
        let resource = question.resource.as_deref().unwrap_or("*");
        let found = admin.simulate_signed(asked, signed, (&question.action, resource), &question.context)?;
        return Ok(Verdict::of(question.id.clone(), found));
    }
    let principal = question.principal.clone().ok_or_else(|| AdminError::OutOfBounds {
        what: "principal".to_owned(),
        limit: "given: who asks from this machine is nobody whom policies know".to_owned(),
    })?;
    let simulation = Simulation {
        principal,
        actions: vec![question.action.clone()],
        resources: question.resource.iter().cloned().collect(),
        context: question.context.clone(),
        ..Simulation::default()
    };
    let found = admin.simulate(asked, &simulation)?.into_iter().next();
    let found = found.ok_or_else(|| AdminError::NoSuch { what: "answer".to_owned() })?;
    Ok(Verdict::of(question.id.clone(), found))
}

impl Verdict {
    fn of(id: Option<String>, found: Simulated) -> Self {
        let Simulated { decision, reasons, missing, .. } = found;
        Self { id, allowed: decision == "Allowed", decision, reasons, missing }
    }
}

/// Keys that say who somebody is, or when it is.
fn is_ours(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["aws:principal", "aws:resourcetag/", "iam:resourcetag/"].iter().any(|start| key.starts_with(start))
        || [
            "aws:userid",
            "aws:username",
            "aws:currenttime",
            "aws:epochtime",
            "aws:tokenissuetime",
            "bailey:timeofday",
            "bailey:weekday",
        ]
        .contains(&key.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_says_nothing_of_who_somebody_is() {
        for key in ["aws:PrincipalTag/team", "AWS:principalarn", "aws:userid", "aws:CurrentTime", "iam:ResourceTag/x"] {
            assert!(is_ours(key), "{key}");
        }
        for key in ["aws:SourceIp", "aws:RequestTag/x", "app:owner", "aws:MultiFactorAuthPresent"] {
            assert!(!is_ours(key), "{key}");
        }
    }
}
