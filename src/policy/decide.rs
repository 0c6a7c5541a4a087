//! The decision: in which order documents of several kinds count, as AWS documents it ("Policy evaluation logic").
//!
//! 1. A matching `Deny` anywhere ends it.
//! 2. Guardrails of the principal's account must allow at every level, its root included. (Those of the resource's account
//!    hold what AWS attaches to all of them, a full allow, so they only deny.)
//! 3. Within one account a resource's policy that names who asks *itself* is enough. One that means *everybody* is, too,
//!    within the session policy: it knows nothing of what this session was to be for, and there AWS itself is more generous.
//!    One that names the role, or the user, *behind* a session is an allow like those of identity
//!    policies, which boundary and session policy still narrow. One that names the *account* leaves it to that account's
//!    identity policies.
//! 4. Otherwise an identity policy must allow, and the boundary and the session policy, where there are any.
//! 5. Across accounts both sides must allow: identity policies with all that narrows them, and the resource's policy.
//! 6. A role's trust policy and a key's policy must allow whatever else does.
//! 7. What a session was granted on, which AWS has no word for, must allow, each part of it, whatever else does.

use super::document::{Document, Effect};
use super::evaluate::{Said, Terms, matching, survey};
use super::principal::{Closeness, Who};
use super::request::Request;

/// A document and what it is called in reasons.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// Such as its ARN.
    pub name: &'a str,
    /// The document.
    pub document: &'a Document,
}

/// Everything that has a say.
#[derive(Debug, Clone, Default)]
pub struct Policies<'a> {
    /// Of the user and the user's groups, or of the role.
    pub identity: Vec<Named<'a>>,
    /// The permissions boundary; several are one document in parts.
    pub boundary: Option<Vec<Named<'a>>>,
    /// What the session was narrowed to when it was made; several are one document in parts.
    pub session: Option<Vec<Named<'a>>>,
    /// What the session was granted on: each of these is a limit of its own, whoever is named by whatever else.
    pub grants: Vec<Named<'a>>,
    /// Guardrails of the principal's account, level by level, the root's first; `None` when it has none.
    pub scps: Option<Vec<Vec<Named<'a>>>>,
    /// Guardrails of the resource's account, likewise.
    pub rcps: Option<Vec<Vec<Named<'a>>>>,
    /// The resource's own.
    pub resource: Option<Named<'a>>,
}

/// Which documents said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// Identity policies.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// The session policy.
    Session,
    /// What the session was granted on, this part of it, from 0.
    Grant(usize),
    /// Guardrails of the principal's account, at this level, from 0.
    ServiceControl(usize),
    /// Guardrails of the resource's account, at this level, from 0.
    ResourceControl(usize),
    /// The resource's policy.
    Resource,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that has to allows it, and nothing denies it.
    Allowed,
    /// A statement denies it.
    ExplicitlyDenied,
    /// Something that has to allow it does not.
    ImplicitlyDenied,
}

/// Why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// This statement matches.
    Statement {
        /// Where.
        layer: Layer,
        /// The document's name.
        policy: String,
        /// The statement, from 0.
        index: usize,
        /// Its name, if it has one.
        sid: Option<String>,
        /// What it does.
        effect: Effect,
    },
    /// Nothing in this layer allows it, and something has to.
    NothingAllows(Layer),
    /// Whoever has the session was given no session policy, without which it may do nothing of its own.
    NoSessionPolicy,
    /// The account itself asks, which no identity policy has to allow.
    Root,
}

/// A decision and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Yes or no.
    pub verdict: Verdict,
    /// The statements that settled it, and what was missing.
    pub reasons: Vec<Reason>,
    /// Context keys that were asked for and absent, lower-case: with a value for them it might have come out otherwise.
    pub missing: Vec<Box<str>>,
}

/// How much to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// What settled it: a statement a layer.
    Deciding,
    /// Every statement that matches, for those who want to understand.
    Everything,
}

/// What a layer as a whole says.
struct Layered<'a> {
    layer: Layer,
    denied: Option<(Named<'a>, usize)>,
    allowed: Option<(Named<'a>, usize, Closeness)>,
}

/// Decides.
#[must_use]
pub fn decide(request: &Request, policies: &Policies<'_>, detail: Detail) -> Decision {
    let mut missing = Vec::new();
    let layers = ask(request, policies, &mut missing);
    let find = |layer: Layer| layers.iter().find(|found| found.layer == layer);
    let allows = |layer: Layer| find(layer).map(|found| found.allowed.is_some());
    let unlimited = |layer: Layer| allows(layer).unwrap_or(true);

    let closeness = find(Layer::Resource).and_then(|found| found.allowed).map_or(Closeness::No, |(.., how)| how);
    let is_root = *request.principal.who() == Who::Root;
    let identity = is_root || allows(Layer::Identity).unwrap_or_default();
    let boundary = unlimited(Layer::Boundary);
    // A federated user has what both the user and the session policy allow; without the latter, nothing.
    let is_federated = *request.principal.who() == Who::Federated;
    let session = if is_federated { allows(Layer::Session).unwrap_or_default() } else { unlimited(Layer::Session) };
    let narrowed = boundary && session;
    let guardrails = layers.iter().filter(|found| matches!(found.layer, Layer::ServiceControl(_) | Layer::Grant(_)));
    let guarded = guardrails.clone().all(|found| found.allowed.is_some());
    let resource_must = request.is_decided_by_resource();

    // Somebody of elsewhere has nothing of their own, and has to be meant as such: not as everybody.
    let is_visitor = request.principal.is_visitor();
    let granted = match (request.is_within_account(), closeness) {
        (within, closeness) if is_visitor => within && closeness == Closeness::Itself,
        (true, Closeness::Itself) => true,
        (true, Closeness::Everybody) => session,
        (true, Closeness::Behind) => narrowed,
        (true, Closeness::Account) => identity && narrowed,
        (true, Closeness::No) => identity && narrowed && !resource_must,
        (false, Closeness::No) => false,
        (false, _) => identity && narrowed,
    };
    let denied = layers.iter().any(|found| found.denied.is_some());
    let verdict = match (denied, guarded && granted) {
        (true, _) => Verdict::ExplicitlyDenied,
        (false, true) => Verdict::Allowed,
        (false, false) => Verdict::ImplicitlyDenied,
    };

    let mut reasons = match detail {
        Detail::Everything => everything(request, policies),
        Detail::Deciding => deciding(&layers, verdict),
    };
    if verdict == Verdict::ImplicitlyDenied {
        reasons
            .extend(guardrails.filter(|found| found.allowed.is_none()).map(|found| Reason::NothingAllows(found.layer)));
        if !granted {
            let lacking = [
                (Layer::Identity, identity || closeness >= Closeness::Behind && request.is_within_account()),
                (Layer::Boundary, boundary || closeness >= Closeness::Everybody && request.is_within_account()),
                (Layer::Session, session),
                (
                    Layer::Resource,
                    !is_visitor && (closeness != Closeness::No || request.is_within_account() && !resource_must),
                ),
            ];
            let lacking = lacking.into_iter().filter(|(_, fine)| !fine).map(|(layer, _)| match layer {
                Layer::Session if policies.session.is_none() => Reason::NoSessionPolicy,
                layer => Reason::NothingAllows(layer),
            });
            reasons.extend(lacking);
        }
    } else if is_root && verdict == Verdict::Allowed {
        reasons.push(Reason::Root);
    }
    Decision { verdict, reasons, missing }
}

/// Every layer there is, with its documents.
fn layers<'p, 'a>(policies: &'p Policies<'a>) -> impl Iterator<Item = (Layer, &'p [Named<'a>])> {
    let single = [
        (Layer::Identity, Some(policies.identity.as_slice())),
        (Layer::Boundary, policies.boundary.as_deref()),
        (Layer::Session, policies.session.as_deref()),
        (Layer::Resource, policies.resource.as_ref().map(std::slice::from_ref)),
    ];
    let levels = |levels: &'p Option<Vec<Vec<Named<'a>>>>| levels.iter().flatten().enumerate();
    let scps = levels(&policies.scps).map(|(level, held)| (Layer::ServiceControl(level), held.as_slice()));
    let rcps = levels(&policies.rcps).map(|(level, held)| (Layer::ResourceControl(level), held.as_slice()));
    let grants =
        policies.grants.iter().enumerate().map(|(part, held)| (Layer::Grant(part), std::slice::from_ref(held)));
    single.into_iter().filter_map(|(layer, held)| Some((layer, held?))).chain(grants).chain(scps).chain(rcps)
}

/// Asks all of them.
fn ask<'a>(request: &Request, policies: &Policies<'a>, missing: &mut Vec<Box<str>>) -> Vec<Layered<'a>> {
    let asked = layers(policies).map(|(layer, documents)| {
        let mut layered = Layered { layer, denied: None, allowed: None };
        for named in documents {
            let enough = layered.allowed.is_some_and(|(.., held)| held == Closeness::Itself);
            let terms = Terms { bounded: policies.boundary.is_some(), enough };
            let Said { denied, allowed } = survey(named.document, request, terms, missing);
            layered.denied = layered.denied.or(denied.map(|index| (*named, index)));
            if let Some((index, closeness)) = allowed
                && layered.allowed.is_none_or(|(.., held)| held < closeness)
            {
                layered.allowed = Some((*named, index, closeness));
            }
        }
        layered
    });
    asked.collect()
}

fn deciding(layers: &[Layered<'_>], verdict: Verdict) -> Vec<Reason> {
    let denies = |found: &Layered<'_>| {
        let (named, index) = found.denied.as_ref()?;
        Some(named.statement(found.layer, *index, Effect::Deny))
    };
    let allows = |found: &Layered<'_>| {
        let (named, index, _) = found.allowed.as_ref()?;
        Some(named.statement(found.layer, *index, Effect::Allow))
    };
    match verdict {
        Verdict::ExplicitlyDenied => layers.iter().filter_map(denies).collect(),
        Verdict::Allowed | Verdict::ImplicitlyDenied => layers.iter().filter_map(allows).collect(),
    }
}

fn everything(request: &Request, policies: &Policies<'_>) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (layer, documents) in layers(policies) {
        for named in documents {
            let matching = matching(named.document, request, policies.boundary.is_some());
            reasons.extend(matching.map(|(index, effect)| named.statement(layer, index, effect)));
        }
    }
    reasons
}

impl Named<'_> {
    fn statement(&self, layer: Layer, index: usize, effect: Effect) -> Reason {
        let sid = self.document.sid(index).map(str::to_owned);
        Reason::Statement { layer, policy: self.name.to_owned(), index, sid, effect }
    }
}
