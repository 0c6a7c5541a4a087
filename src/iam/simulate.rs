//! Simulations: may somebody do something, by what is stored.

use std::collections::BTreeMap;

use super::answer::{list, nodes, rest, text, texts};
use super::{About, Action, IamError, Job, Node, Params, iam, part, reads};
use crate::admin::iam::simulate::{Because, Simulated, Simulation};
use crate::authn::signed::Signed;
use crate::gate::{Asking, Operation as Op};

pub(super) const ACTIONS: &[Action] =
    &[iam("SimulatePrincipalPolicy", Op::SimulatePrincipalPolicy, principal, simulate)];

/// It is about the principal whose policies are looked at.
fn principal(params: &Params, _: &Signed) -> About {
    let notes = vec![("principal", params.required("PolicySourceArn")?.to_owned())];
    Ok((String::new(), Asking { notes, ..Asking::default() }))
}

fn simulate(params: &Params) -> Result<Job, IamError> {
    let paging = params.paging()?;
    let owned = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let simulation = Simulation {
        principal: params.required("PolicySourceArn")?.to_owned(),
        actions: owned(params.list("ActionNames")?),
        resources: owned(params.list("ResourceArns")?),
        context: context(params)?,
        without: owned(params.list("PolicyExclusionList")?),
    };
    reads(move |admin, asked| {
        let (results, next) = part(admin.simulate(asked, &simulation)?, &paging)?;
        let mut answer = vec![list("EvaluationResults", results.iter().map(result))];
        answer.extend(rest(next));
        Ok(answer)
    })
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
        let kind = if policy.starts_with("arn:") { "IAM Policy" } else { "Inline Policy" };
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
