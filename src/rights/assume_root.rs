//! Whether somebody of the home account may act as root of another one, for a task: what hangs on whoever asks, and guardrails.
//!
//! As in AWS Organizations the right is the home account's to give: no document of the other account has a say, but guardrails on it
//! have. Asked when the session begins, and again at each use of it, as of a role ([`super::assume`]).

use super::Reading;
use super::acting::Acting;
use super::assume::{Asked, AssumeError, Assumed, Way, because, with};
use super::guardrails::Sides;
use crate::base::Timestamp;
use crate::model::{AccountId, AccountKind, Arn};
use crate::policy::{Detail, Effect, Layer, Reason, Verdict, decide};

/// What who asks has to be allowed.
const ASSUME_ROOT: &str = "sts:AssumeRoot";

/// Whether `acting` may begin a session as root of `account` for which `asked` is asked, at `now`.
///
/// # Errors
/// When the store cannot be read, or a stored document is none.
pub fn may_assume_root(
    reading: &mut Reading<'_, '_>,
    acting: &Acting,
    account: &AccountId,
    asked: &Asked,
    now: Timestamp,
) -> Result<Assumed, AssumeError> {
    if let Err(because) = is_ours(reading, acting, account) {
        let (basis, missing) = (Box::default(), Vec::new());
        return Ok(Assumed::Refused { action: ASSUME_ROOT, denied: false, because, basis, missing });
    }
    let guardrails = reading.guardrails()?;
    let request = acting.request(ASSUME_ROOT, Arn::root(account).as_str(), with(acting.context(now), asked))?;
    // Whose right it is to give, and whose guardrails protect what it is about, are two.
    let request = request.owned_by(&acting.account.to_string())?;
    let sides = Sides { principal: acting.account.clone(), owner: Some(account.clone()) };
    let mut policies = acting.policies();
    guardrails.bind(&sides, &mut policies);
    let decision = decide(&request, &policies, Detail::Deciding);
    Ok(match decision.verdict {
        Verdict::Allowed => Assumed::Allowed(way(acting, &decision.reasons)),
        verdict => Assumed::Refused {
            action: ASSUME_ROOT,
            denied: verdict == Verdict::ExplicitlyDenied,
            because: because(ASSUME_ROOT, &decision.reasons, false),
            basis: Box::new(decision.basis(&request, &policies)),
            missing: decision.missing.into_iter().map(String::from).collect(),
        },
    })
}

/// Whether there is such a root, and who asks is of the home account.
fn is_ours(reading: &Reading<'_, '_>, acting: &Acting, account: &AccountId) -> Result<(), String> {
    let accounts = reading.terms().accounts.as_ref();
    let home = accounts.is_some_and(|accounts| accounts.home == acting.account && accounts.home != *account);
    let declared = accounts.and_then(|accounts| accounts.declared.iter().find(|declared| declared.id == *account));
    match declared.map(|declared| declared.kind) {
        Some(AccountKind::Local) if home => Ok(()),
        Some(AccountKind::Aws) => Err(format!("because account {account} is one of AWS, and so is its root")),
        _ => Err(format!("because the home account declares no other account {account}")),
    }
}

/// The way to what allows it.
fn way(acting: &Acting, reasons: &[Reason]) -> Way {
    let allowing = reasons.iter().find_map(|reason| match reason {
        Reason::Statement { layer: Layer::Identity, policy, effect: Effect::Allow, .. } => Some(policy),
        _ => None,
    });
    let Some(policy) = allowing else { return Way::default() };
    let own = acting.effective.as_ref().and_then(|effective| effective.through(policy)).unwrap_or_default();
    Way { through: own.iter().chain([policy]).cloned().collect(), until: None, grant: None }
}
