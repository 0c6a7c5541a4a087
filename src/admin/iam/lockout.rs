//! Whether a guardrail shuts out whom it was hardly meant to: everybody, or those who could take it away again.
//!
//! It is told and not refused: operators of the machine are bound by no guardrail, so there is always a way back, and who
//! means to leave all of this to them may. A rule of thumb, by the evaluator itself: somebody who is allowed everything asks
//! for what repairs. Where every way of a sort is closed, it is told, and what would open it if anything does. The asker
//! brings nothing that conditions could look at, not even its name: whether one excepts somebody in particular is for people
//! to know.

use std::collections::BTreeSet;

use super::super::AdminError;
use crate::gate::Operation;
use crate::model::{AccountId, Guardrail};
use crate::policy::{Context, Decision, Detail, Document, Kind, Named, Policies, Principal, Request};
use crate::policy::{RequestError, Verdict, decide};
use crate::rights::{Guardrails, Sides};
use crate::store::{Snapshot, iam};

/// Ways to repair, of two sorts: taking guardrails away, and giving rights. What each is about stands behind it.
const WAYS: [&[(Operation, &str)]; 2] = [
    &[(Operation::DetachGuardrail, ""), (Operation::UpdateGuardrail, "")],
    &[
        (Operation::AttachGroupPolicy, "group/administrators"),
        (Operation::AttachRolePolicy, "role/administrator"),
        (Operation::AttachUserPolicy, "user/administrator"),
    ],
];

const EVERYTHING: &str = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

/// What is to be said of a guardrail that was `before` and is to be `after`.
pub(super) fn told(
    snapshot: &dyn Snapshot,
    home: &AccountId,
    before: &Guardrail,
    after: &Guardrail,
) -> Result<Vec<String>, AdminError> {
    let all = iam::all::<Guardrail>(snapshot)?.into_iter().filter(|other| other.id != after.id);
    let guardrails = match Guardrails::of(home, all.chain([after.clone()])) {
        Ok(guardrails) => guardrails,
        // No reason to refuse: this may be the very change that repairs it, or the first of two.
        Err(damaged) => return Ok(vec![format!("nobody who signs may do anything now [damaged]: {damaged}")]),
    };
    let touched = |target| before.on.contains(target) || after.on.contains(target);
    let barren = guardrails.barren().into_iter().filter(|target| touched(target));
    let mut said: Vec<String> = barren
        .map(|target| {
            format!(
                "no guardrail attached to {target} allows anything, so nobody there may do anything [denies-only]; add a \
                 statement that allows what is to stay allowed, or attach a guardrail that does"
            )
        })
        .collect();
    // Who administers belongs to the home account.
    if before.binds(home) || after.binds(home) {
        said.extend(closed(home, &guardrails)?);
    }
    Ok(said)
}

fn closed(home: &AccountId, guardrails: &Guardrails) -> Result<Vec<String>, AdminError> {
    let everything = Document::parse(EVERYTHING, Kind::Identity)?;
    let asker = Asker { home, everything: Named { name: "AdministratorAccess", document: &everything } };
    let sides = Sides { principal: home.clone(), owner: Some(home.clone()) };
    let mut policies = Policies { identity: vec![asker.everything], ..Policies::default() };
    guardrails.bind(&sides, &mut policies);
    let mut said = Vec::new();
    for ways in WAYS {
        let decided = ways.iter().map(|(operation, about)| asker.asks(*operation, about, &policies));
        said.extend(sentence(ways, &decided.collect::<Result<Vec<_>, _>>()?));
    }
    Ok(said)
}

/// Somebody who is allowed everything but what guardrails close.
struct Asker<'a> {
    home: &'a AccountId,
    everything: Named<'a>,
}

impl<'a> Asker<'a> {
    fn asks(&self, operation: Operation, about: &str, policies: &Policies<'a>) -> Result<Decision, RequestError> {
        let principal = Principal::parse(&format!("arn:aws:iam::{}:user/administrator", self.home))?;
        let resource = if about.is_empty() { "*".to_owned() } else { format!("arn:aws:iam::{}:{about}", self.home) };
        let request = Request::new(principal, &operation.action(), &resource, Context::default())?;
        let whole = decide(&request, policies, Detail::Deciding);
        if whole.verdict == Verdict::Allowed || whole.missing.is_empty() {
            return Ok(whole);
        }
        // A condition somewhere says nothing about another level that closes it without any.
        let one = |level: &Policies<'a>| decide(&request, level, Detail::Deciding);
        let sure = |decision: &Decision| decision.verdict != Verdict::Allowed && decision.missing.is_empty();
        Ok(self.single(policies).iter().map(one).find(sure).unwrap_or(whole))
    }

    /// The guardrails of each level alone, at their place.
    fn single(&self, policies: &Policies<'a>) -> Vec<Policies<'a>> {
        let alone = |levels: &Option<Vec<Vec<Named<'a>>>>| -> Vec<Vec<Vec<Named<'a>>>> {
            let levels = levels.as_deref().unwrap_or_default();
            let at = |kept: usize| {
                let level = |(n, held): (usize, &Vec<_>)| if n == kept { held.clone() } else { vec![self.everything] };
                levels.iter().enumerate().map(level).collect()
            };
            (0..levels.len()).map(at).collect()
        };
        let own = Policies { identity: policies.identity.clone(), ..Policies::default() };
        let scps = alone(&policies.scps).into_iter().map(|levels| Policies { scps: Some(levels), ..own.clone() });
        let rcps = alone(&policies.rcps).into_iter().map(|levels| Policies { rcps: Some(levels), ..own.clone() });
        scps.chain(rcps).collect()
    }
}

/// `None` where one of the ways is open.
fn sentence(ways: &[(Operation, &str)], decided: &[Decision]) -> Option<String> {
    if decided.iter().any(|decision| decision.verdict == Verdict::Allowed) {
        return None;
    }
    let actions: Vec<String> = ways.iter().map(|(operation, _)| operation.action()).collect();
    let actions = actions.join(", ");
    let missing: BTreeSet<&str> = decided.iter().flat_map(|decision| &decision.missing).map(|key| &**key).collect();
    if !missing.is_empty() {
        let keys = missing.into_iter().collect::<Vec<_>>().join(", ");
        return Some(format!("whether an administrator can do any of {actions} now depends on {keys} [lockout]"));
    }
    let why = decided.first().and_then(|decision| match decision.verdict {
        Verdict::ExplicitlyDenied => decision.reasons.first(),
        _ => decision.reasons.last(),
    });
    let why = why.map(|reason| format!(", since {reason}")).unwrap_or_default();
    Some(format!(
        "nobody can do any of {actions} now, administrators and root included{why} [lockout]; operators of this machine \
         still can, over its socket"
    ))
}
