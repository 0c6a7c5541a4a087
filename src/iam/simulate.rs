//! Simulations: may somebody do something, by what is stored or by documents that are given; and which context keys count.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::answer::{list, nodes, rest, text, texts};
use super::{About, Action, Answered, IamError, Job, Node, Paging, Params, account, iam, params, part, reads};
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

fn simulate(params: &Params) -> Result<Job, IamError> {
    let paging = params.paging()?;
    let simulation = Simulation {
        principal: params.required("PolicySourceArn")?.to_owned(),
        actions: owned(params.list("ActionNames")?),
        resources: owned(params.list("ResourceArns")?),
        context: context(params)?,
        without: owned(params.list("PolicyExclusionList")?),
    };
    reads(move |admin, asked| results(admin.simulate(asked, &simulation)?, &paging))
}

fn simulate_custom(params: &Params) -> Result<Job, IamError> {
    let paging = params.paging()?;
    let simulation = CustomSimulation {
        policies: documents(params)?,
        boundary: params.documents("PermissionsBoundaryPolicyInputList")?,
        actions: owned(params.list("ActionNames")?),
        resources: owned(params.list("ResourceArns")?),
        resource_policy: params.text("ResourcePolicy").map(|_| params.document("ResourcePolicy")).transpose()?,
        resource_owner: params.text("ResourceOwner").map(|owner| account_of(owner).to_owned()),
        caller: params.text("CallerArn").map(str::to_owned),
        context: context(params)?,
    };
    reads(move |admin, _| {
        let mut answers = admin.simulate_custom(&simulation)?;
        for because in answers.iter_mut().flat_map(|answer| &mut answer.reasons) {
            because.policy = because.policy.as_deref().map(given);
        }
        results(answers, &paging)
    })
}

fn keys_of_documents(params: &Params) -> Result<Job, IamError> {
    let of = OfDocuments { policies: documents(params)? };
    reads(move |admin, _| Ok(names(&admin.context_keys_of_documents(&of)?)))
}

fn keys_of_principal(params: &Params) -> Result<Job, IamError> {
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
fn documents(params: &Params) -> Result<Vec<Box<RawValue>>, IamError> {
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

/// A document that was given, in the words of IAM: by its parameter, and its place from 1.
fn given(name: &str) -> String {
    let place = |rest: &str| rest.strip_suffix(']').and_then(|at| at.parse::<usize>().ok()).map(|at| at + 1);
    let in_list = [("policies[", "PolicyInputList"), ("boundary[", "PermissionsBoundaryPolicyInputList")]
        .into_iter()
        .find_map(|(start, list)| Some(format!("{list}.{}", name.strip_prefix(start).and_then(place)?)));
    in_list.unwrap_or_else(|| "ResourcePolicy".to_owned())
}

fn is_given(policy: &str) -> bool {
    ["PolicyInputList.", "PermissionsBoundaryPolicyInputList."].iter().any(|list| policy.starts_with(list))
        || policy == "ResourcePolicy"
}

/// `ContextEntries`: a key, values, and a type, which our values do not need.
pub(super) fn context(params: &Params) -> Result<BTreeMap<String, Vec<String>>, IamError> {
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
        let kind = if policy.starts_with("arn:") || is_given(policy) { "IAM Policy" } else { "Inline Policy" };
        Some(vec![text("SourcePolicyId", policy), text("SourcePolicyType", kind)])
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
            assert_eq!(given(name), told);
            assert!(is_given(told), "{told}");
        }
        assert!(!is_given("user/ann/policy/PolicyInputList.1"));
        assert_eq!(account_of("arn:aws:iam::123456789012:root"), "123456789012");
    }
}
