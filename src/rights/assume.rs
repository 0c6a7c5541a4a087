//! Whether somebody may begin a session of a role: what the role's trust says, what hangs on whoever asks, assignments
//! between the two, and guardrails; by the one evaluator, so a Deny anywhere wins.
//!
//! Asked when a session begins, and again at each use of it, of what is stored then and with the context of its beginning:
//! so a session ends when the reason for it does.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::acting::{Acting, on_the_wall};
use super::assigned::Assigned;
use super::effective::Held;
use super::granted::Granted;
use super::guardrails::Sides;
use super::{Reading, Terms};
use crate::base::{GrantId, Timestamp};
use crate::model::{Arn, Role};
use crate::policy::{Basis, Context, Detail, Effect, Layer, Named, Reason, RequestError, Verdict, decide};
use crate::store::StoreError;

/// What is asked for, as conditions see it: values by key.
pub type Asked = BTreeMap<String, Vec<String>>;

/// The answer.
#[derive(Debug)]
pub enum Assumed {
    /// Yes, by this way.
    Allowed(Way),
    /// No.
    Refused {
        /// The action that is not allowed: to assume the role, or what comes with it.
        action: &'static str,
        /// A statement denies it; otherwise nothing allows it.
        denied: bool,
        /// Why, behind "is not authorized to perform ..".
        because: String,
        /// What it rests on.
        basis: Box<Basis>,
        /// Context keys that were asked for and had no value.
        missing: Vec<String>,
    },
}

/// By which way somebody may assume a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Way {
    /// From who asks to what allows it, such as `user/ann`, `group/team`, `assignment of role/Deployer to group/team`.
    pub through: Vec<String>,
    /// When that ends by itself: an assignment for a time, or a grant.
    pub until: Option<Timestamp>,
    /// The grant that it is, if it is one: the session ends with it.
    pub grant: Option<GrantId>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AssumeError {
    /// The question makes no sense.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a role's trust and who asks have to allow.
const ASSUME_ROLE: &str = "sts:AssumeRole";

/// What a role's trust has to allow to somebody of elsewhere, by whose word it is.
const WITH_SAML: &str = "sts:AssumeRoleWithSAML";
const WITH_WEB_IDENTITY: &str = "sts:AssumeRoleWithWebIdentity";

/// Whether `acting` may begin a session of `role` for which `asked` is asked, at `now`. Where they come from an issuer that
/// `strangers` share, what trusts that issuer without saying whose subject is meant counts for nothing.
///
/// # Errors
/// When the store cannot be read, or a stored document is none.
pub fn may_assume(
    reading: &mut Reading<'_, '_>,
    acting: &Acting,
    role: &Role,
    (asked, strangers): (&Asked, Option<&str>),
    now: Timestamp,
) -> Result<Assumed, AssumeError> {
    let mut answer = may_by(reading, acting, role, (asked, strangers, None), now)?;
    // What is denied no grant allows, and a right for good needs none.
    let (Some(person), Assumed::Refused { denied: false, .. }) = (&acting.person, &answer) else { return Ok(answer) };
    for grant in reading.grants_of(person, role)? {
        let Ok(granted) = reading.counts(&grant, role, acting.group_names())? else { continue };
        answer = may_by(reading, acting, role, (asked, strangers, Some(&granted)), now)?;
        if matches!(answer, Assumed::Allowed(_)) {
            break;
        }
    }
    Ok(answer)
}

/// Whether `acting` may begin a session of `role` by the grant `id`, whatever other ways there are.
///
/// # Errors
/// As [`may_assume`].
pub fn may_assume_granted(
    reading: &mut Reading<'_, '_>,
    acting: &Acting,
    role: &Role,
    (asked, id): (&Asked, &GrantId),
    now: Timestamp,
) -> Result<Assumed, AssumeError> {
    match reading.grant(id, role, acting.group_names())? {
        Ok(granted) => may_by(reading, acting, role, (asked, None, Some(&granted)), now),
        Err(why) => {
            let because = format!("because grant {id} counts no more: {why}");
            let (basis, missing) = (Box::default(), Vec::new());
            Ok(Assumed::Refused { action: ASSUME_ROLE, denied: false, because, basis, missing })
        }
    }
}

/// The same by what is assigned and written, and by a grant besides, if one is named.
fn may_by(
    reading: &mut Reading<'_, '_>,
    acting: &Acting,
    role: &Role,
    (asked, strangers, granted): (&Asked, Option<&str>, Option<&Granted>),
    now: Timestamp,
) -> Result<Assumed, AssumeError> {
    let own = acting.effective.as_ref().map(|effective| effective.assigned.as_slice()).unwrap_or_default();
    let (mut trust, permission) = match granted {
        Some(Granted { assigned, .. }) => {
            let trust = reading.trust(role, &[own, std::slice::from_ref(assigned)].concat(), &acting.account)?;
            let name = assigned.name();
            (trust, Some((reading.parsed(&assigned.permission(), &name)?, name)))
        }
        None => (reading.trust(role, own, &acting.account)?, None),
    };
    if let Some(host_path) = strangers {
        trust = trust.map(|document| Arc::new(document.without_strangers(host_path)));
    }
    let trust = trust.map(|document| (format!("trust of role/{}", role.name), document));
    let guardrails = reading.guardrails()?;
    let resource = Arn::role(&role.account, &role.path, &role.name);
    let mut found = None;
    for action in actions(acting, asked) {
        let mut context = with(acting.context(now), asked);
        if let Some(granted) = granted {
            on_the_wall(&mut context, &granted.zone, now);
        }
        let request = acting.request(action, resource.as_str(), context)?;
        let sides = Sides::of(&acting.account, &request, terms(reading));
        let mut policies = acting.policies();
        policies.resource = trust.as_ref().map(|(name, document)| Named { name, document });
        policies.identity.extend(permission.iter().map(|(document, name)| Named { name, document }));
        policies.grants.extend(granted.into_iter().flat_map(Granted::conditions).map(Held::named));
        guardrails.bind(&sides, &mut policies);
        let decision = decide(&request, &policies, Detail::Deciding);
        match decision.verdict {
            Verdict::Allowed => {
                found.get_or_insert_with(|| match granted {
                    Some(granted) => granted_way(acting, granted),
                    None => way(acting, role, &decision.reasons),
                });
            }
            verdict => {
                let denied = verdict == Verdict::ExplicitlyDenied;
                let because = because(action, &decision.reasons, trust.is_some());
                let basis = Box::new(decision.basis(&request, &policies));
                let missing = decision.missing.into_iter().map(String::from).collect();
                return Ok(Assumed::Refused { action, denied, because, basis, missing });
            }
        }
    }
    Ok(Assumed::Allowed(found.unwrap_or_default()))
}

/// The way by a grant.
fn granted_way(acting: &Acting, granted: &Granted) -> Way {
    let own = acting.effective.as_ref().map(|effective| effective.label.clone());
    let through = own.into_iter().chain([granted.assigned.name()]).collect();
    Way { through, until: Some(granted.until), grant: Some(granted.id) }
}

/// What has to be allowed: tags and a name for who is behind it are permissions of their own.
fn actions(acting: &Acting, asked: &Asked) -> impl Iterator<Item = &'static str> {
    let has = |key: &str| asked.get(key).is_some_and(|values| !values.is_empty());
    let tags = has("aws:TagKeys").then_some("sts:TagSession");
    let source = has("sts:SourceIdentity").then_some("sts:SetSourceIdentity");
    let assume = match (acting.principal.is_visitor(), acting.principal.is_by_saml()) {
        (_, true) => WITH_SAML,
        (true, false) => WITH_WEB_IDENTITY,
        (false, false) => ASSUME_ROLE,
    };
    [Some(assume), tags, source].into_iter().flatten()
}

pub(super) fn with(mut context: Context, asked: &Asked) -> Context {
    for (key, values) in asked {
        context.set(key, values.clone());
    }
    context
}

fn terms<'a>(reading: &'a Reading<'_, '_>) -> &'a Terms {
    reading.terms()
}

/// The way to what allows it. An assignment of the role is told before a policy that allows more: without it the role would
/// not trust who asks.
fn way(acting: &Acting, role: &Role, reasons: &[Reason]) -> Way {
    let statement = |of: Layer| {
        reasons.iter().find_map(|reason| match reason {
            Reason::Statement { layer, policy, effect: Effect::Allow, .. } if *layer == of => Some(policy.clone()),
            _ => None,
        })
    };
    let effective = acting.effective.as_ref();
    let (identity, trust) = (statement(Layer::Identity), statement(Layer::Resource));
    let assigned: Vec<&Assigned> =
        effective.into_iter().flat_map(|effective| &effective.assigned).filter(|one| one.role.id == role.id).collect();
    let deciding = assigned.iter().find(|one| identity.as_ref() == Some(&one.name())).or_else(|| assigned.first());
    if let Some(one) = deciding {
        let through = one.through.iter().cloned().chain([one.name()]).collect();
        // Only where nothing else gives the role is its end the end.
        let alone = assigned.len() == 1 && role.trust.is_none();
        return Way { through, until: one.assignment.not_after.filter(|_| alone), grant: None };
    }
    let Some(policy) = identity.or(trust) else { return Way::default() };
    let own = effective.and_then(|effective| effective.through(&policy)).unwrap_or_default();
    Way { through: own.iter().cloned().chain([policy]).collect(), until: None, grant: None }
}

pub(super) fn because(action: &str, reasons: &[Reason], trusted: bool) -> String {
    let denied = reasons.iter().find_map(|reason| match reason {
        Reason::Statement { policy, index, effect: Effect::Deny, .. } => {
            Some(format!("with an explicit deny: statement {index} of {policy}"))
        }
        _ => None,
    });
    let nothing = |layer: &Layer| match layer {
        Layer::Resource if trusted => "the role's trust policy does not allow".to_owned(),
        Layer::Resource => "the role trusts nobody and is assigned to nobody who asks, so nothing allows".to_owned(),
        Layer::Boundary => "no permissions boundary allows".to_owned(),
        Layer::Session => "no session policy allows".to_owned(),
        Layer::Grant(_) => "the conditions of the grant do not allow".to_owned(),
        Layer::ServiceControl(_) => "no service control policy allows".to_owned(),
        _ => "no identity-based policy allows".to_owned(),
    };
    let missing = || {
        reasons.iter().filter_map(|reason| match reason {
            Reason::NothingAllows(layer) => Some(layer),
            _ => None,
        })
    };
    // What the role says comes first: where it names who asks, nothing else is needed.
    let missing = missing().find(|layer| **layer == Layer::Resource).or_else(|| missing().next());
    let missing = missing.map(|layer| format!("because {} the {action} action", nothing(layer)));
    denied.or(missing).unwrap_or_else(|| format!("because nothing allows the {action} action"))
}
