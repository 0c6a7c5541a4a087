//! Simulations: may somebody do something, by what is stored or by documents that are given; and which context keys count.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::answer::{list, nodes, rest, text, texts};
use super::{About, Action, Answered, Job, Node, Paging, Params, QueryError, account, iam, params, part, reads};
use crate::admin::iam::context_keys::{ContextKeys, OfDocuments, OfPrincipal};
use crate::admin::iam::custom::CustomSimulation;
use crate::admin::iam::simulate::{Because, Simulated, Simulation};
use crate::authn::signed::Signed;
use crate::gate::{Asking, Operation as Op};

pub(super) const ACTIONS: &[Action] = &[
    iam("GetContextKeysForCustomPolicy", Op::GetContextKeysForCustomPolicy, account, keys_of_documents),
    iam("GetContextKeysForPrincipalPolicy", Op::GetContextKeysForPrincipalPolicy, principal, keys_of_principal),
    iam("SimulateCustomPolicy", Op::SimulateCustomPolicy, account, simulate_custom),
    iam("SimulatePrincipalPolicy", Op::SimulatePrincipalPolicy, principal, simulate),
];

/// It is about the principal whose policies are looked at.
fn principal(params: &Params, _: &Signed) -> About {
    let notes = vec![("principal", params.required("PolicySourceArn")?.to_owned())];
    Ok((String::new(), Asking { notes, ..Asking::default() }))
}

fn simulate(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    let principal = params.required("PolicySourceArn")?.to_owned();
    // Whom a resource's policy may name is who asks: nobody else's policies are looked at.
    if let Some(caller) = params.text("CallerArn").filter(|caller| *caller != principal) {
        return Err(params::invalid(Some(caller), "CallerArn", "Member must be PolicySourceArn, or be left out"));
    }
    let simulation = Simulation {
        principal,
        actions: owned(params.list("ActionNames")?),
        resources: owned(params.list("ResourceArns")?),
        context: context(params)?,
        without: without(params)?,
        policies: params.documents("PolicyInputList")?,
        boundary: params.documents("PermissionsBoundaryPolicyInputList")?,
        resource_policy: resource_policy(params)?,
        resource_owner: resource_owner(params),
    };
    reads(move |admin, asked| results(admin.simulate(asked, &simulation)?, &paging))
}

fn simulate_custom(params: &Params) -> Result<Job, QueryError> {
    let paging = params.paging()?;
    let simulation = CustomSimulation {
        policies: documents(params)?,
        boundary: params.documents("PermissionsBoundaryPolicyInputList")?,
        actions: owned(params.list("ActionNames")?),
        resources: owned(params.list("ResourceArns")?),
        resource_policy: resource_policy(params)?,
        resource_owner: resource_owner(params),
        caller: params.text("CallerArn").map(str::to_owned),
        context: context(params)?,
        without: without(params)?,
    };
    reads(move |admin, _| results(admin.simulate_custom(&simulation)?, &paging))
}

fn resource_policy(params: &Params) -> Result<Option<Box<RawValue>>, QueryError> {
    params.text("ResourcePolicy").map(|_| params.document("ResourcePolicy")).transpose()
}

fn resource_owner(params: &Params) -> Option<String> {
    params.text("ResourceOwner").map(|owner| account_of(owner).to_owned())
}

/// Policies to be left out, as we call them.
fn without(params: &Params) -> Result<Vec<String>, QueryError> {
    Ok(params.list("PolicyExclusionList")?.into_iter().map(ours).collect())
}

fn keys_of_documents(params: &Params) -> Result<Job, QueryError> {
    let of = OfDocuments { policies: documents(params)? };
    reads(move |admin, _| Ok(names(&admin.context_keys_of_documents(&of)?)))
}

fn keys_of_principal(params: &Params) -> Result<Job, QueryError> {
    let principal = params.required("PolicySourceArn")?.to_owned();
    let of = OfPrincipal { principal, policies: params.documents("PolicyInputList")? };
    reads(move |admin, asked| Ok(names(&admin.context_keys_of_principal(asked, &of)?)))
}

fn names(found: &ContextKeys) -> Vec<Node> {
    vec![texts("ContextKeyNames", &found.keys)]
}

fn results(answers: Vec<Simulated>, paging: &Paging) -> Answered {
    let (results, next) = part(answers, paging)?;
    let mut answer = vec![list("EvaluationResults", results.iter().map(result))];
    answer.extend(rest(next));
    Ok(answer)
}

fn owned(values: Vec<&str>) -> Vec<String> {
    values.into_iter().map(str::to_owned).collect()
}

/// `PolicyInputList`, where there has to be one.
fn documents(params: &Params) -> Result<Vec<Box<RawValue>>, QueryError> {
    let documents = params.documents("PolicyInputList")?;
    if documents.is_empty() {
        return Err(params::invalid(None, "PolicyInputList", "Member must not be null"));
    }
    Ok(documents)
}

/// The account that `ResourceOwner` means: it is given as the ARN of an account.
fn account_of(owner: &str) -> &str {
    owner.strip_prefix("arn:aws:iam::").and_then(|rest| rest.strip_suffix(":root")).unwrap_or(owner)
}

/// Lists of documents that are given: as we call them, and their parameters.
const GIVEN: [(&str, &str); 2] = [("policies", "PolicyInputList"), ("boundary", "PermissionsBoundaryPolicyInputList")];

/// A document that was given, in the words of IAM: by its parameter, and its place from 1. Nothing, if it is stored.
fn given(name: &str) -> Option<String> {
    if name == "resource_policy" {
        return Some("ResourcePolicy".to_owned());
    }
    let place = |list: &str| name.strip_prefix(list)?.strip_prefix('[')?.strip_suffix(']')?.parse::<usize>().ok();
    GIVEN.iter().find_map(|(list, parameter)| Some(format!("{parameter}.{}", place(list)?.checked_add(1)?)))
}

/// The other way round; everything else is called alike.
fn ours(name: &str) -> String {
    if name == "ResourcePolicy" {
        return "resource_policy".to_owned();
    }
    let place =
        |parameter: &str| name.strip_prefix(parameter)?.strip_prefix('.')?.parse::<usize>().ok()?.checked_sub(1);
    let given = GIVEN.iter().find_map(|(list, parameter)| Some(format!("{list}[{}]", place(parameter)?)));
    given.unwrap_or_else(|| name.to_owned())
}

/// `ContextEntries`: a key, values, and a type, which our values do not need.
pub(super) fn context(params: &Params) -> Result<BTreeMap<String, Vec<String>>, QueryError> {
    let mut context = BTreeMap::new();
    for start in params.structures("ContextEntries")? {
        let key = params.required(&format!("{start}ContextKeyName"))?.to_owned();
        let values = params.list(&format!("{start}ContextKeyValues"))?;
        context.insert(key, values.into_iter().map(str::to_owned).collect());
    }
    Ok(context)
}

/// One answer, in the words of IAM.
pub(super) fn result(simulated: &Simulated) -> Vec<Node> {
    let decision = match simulated.decision.as_str() {
        "Allowed" => "allowed",
        "ExplicitlyDenied" => "explicitDeny",
        _ => "implicitDeny",
    };
    let statement = |because: &Because| {
        let policy = because.policy.as_ref()?;
        let given = given(policy);
        let kind = if policy.starts_with("arn:") || given.is_some() { "IAM Policy" } else { "Inline Policy" };
        Some(vec![text("SourcePolicyId", given.as_ref().unwrap_or(policy)), text("SourcePolicyType", kind)])
    };
    vec![
        text("EvalActionName", &simulated.action),
        text("EvalResourceName", &simulated.resource),
        text("EvalDecision", decision),
        list("MatchedStatements", simulated.reasons.iter().filter_map(statement)),
        texts("MissingContextValues", &simulated.missing),
        nodes("EvalDecisionDetails", Vec::new()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_were_given_are_named_by_their_parameters() {
        for (name, told) in [
            ("policies[0]", "PolicyInputList.1"),
            ("policies[11]", "PolicyInputList.12"),
            ("boundary[1]", "PermissionsBoundaryPolicyInputList.2"),
            ("resource_policy", "ResourcePolicy"),
        ] {
            assert_eq!(given(name).as_deref(), Some(told));
            assert_eq!(ours(told), name);
        }
        for stored in ["user/ann/policy/policies[0]", "arn:aws:iam::aws:policy/ReadOnlyAccess", "policies[]"] {
            assert_eq!((given(stored), ours(stored)), (None, stored.to_owned()));
        }
        assert_eq!(ours("PolicyInputList.0"), "PolicyInputList.0");
        assert_eq!(account_of("arn:aws:iam::123456789012:root"), "123456789012");
    }
}
