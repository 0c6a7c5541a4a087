//! `/login/with/..`: somebody of another firm signs in by that firm's own OpenID Connect provider, and comes back from it.
//!
//! What is begun lies sealed in a cookie of the browser that began it: so nobody is signed in by a link that somebody else made (login
//! CSRF; threats O10), and nothing is kept here for whoever only opens the page.

use std::sync::{Arc, PoisonError};

use axum::extract::{Path, State};
use axum::response::Response;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::invitation::{ONWARD, address_of};
use super::pages::{OnwardPage, message, page};
use super::passkey::capital;
use super::sign_in::{enter, flow_of, form, sentence, set_cookie, status};
use super::visit::{FLOW, Visit};
use super::{enrol, factor};
use crate::authn::Caller;
use crate::authn::federated::relying::{Answer, Pending, Provider, ProviderError, Vouched};
use crate::authn::login::{Half, Reason, Refused};
use crate::authn::signed::From;
use crate::base::{Fault, Faulty as _};
use crate::gate::{GateError, Operation};
use crate::http::App;

/// The cookie of a sign-in that is under way elsewhere. `Lax`: whoever comes back by a link of the provider's brings it.
const COOKIE: &str = "__Host-bailey-outside";

/// What somebody was sent away for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Purpose {
    /// Where they go on to.
    next: String,
    /// They were invited, and are to be linked with who they are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    half: Option<Half>,
}

/// Sends somebody to a provider.
pub(super) async fn begin(State(app): State<Arc<App>>, Path(name): Path<String>, visit: Visit) -> Response {
    if let Err(instead) = visit.closed() {
        return instead.page();
    }
    let next = visit.asked("next").unwrap_or_else(|| ONWARD.to_owned());
    sent(&app, &visit, &name, Purpose { next, half: None }).await
}

/// The same of somebody who showed an invitation.
pub(super) async fn link(app: &App, visit: &Visit, name: &str, half: Half) -> Response {
    sent(app, visit, name, Purpose { next: ONWARD.to_owned(), half: Some(half) }).await
}

async fn sent(app: &App, visit: &Visit, name: &str, purpose: Purpose) -> Response {
    let Some(back) = back_to(app, name) else { return refused(&ProviderError::Unknown) };
    let chance = app.admin.rng.lock().unwrap_or_else(PoisonError::into_inner).random();
    let begun = app.providers.begin(&app.admin.issuers, (name, &back), (purpose, chance), app.clock.now()).await;
    let begun = begun.and_then(|(url, pending)| Ok((url, pending.seal(&app.admin.keys)?)));
    match begun {
        Ok((url, sealed)) => {
            let words = ["On to your own firm", "You sign in there, and come back."];
            let mut answer = page(200, &OnwardPage { onward: url.as_str(), words });
            set_cookie(&mut answer, COOKIE, &sealed, Some(600));
            // What comes behind it may be a form of ours.
            set_cookie(&mut answer, FLOW, &flow_of(app, visit), Some(1_800));
            answer
        }
        Err(error) => refused(&error),
    }
}

/// The address that a provider sends people back to: known only where the configuration says what we are called.
fn back_to(app: &App, name: &str) -> Option<String> {
    let address = address_of(app, &format!("/login/with/{name}/callback"));
    (!address.starts_with('/')).then_some(address)
}

/// Takes what somebody brings back.
pub(super) async fn come_back(State(app): State<Arc<App>>, Path(name): Path<String>, visit: Visit) -> Response {
    let mut answer = came_back(app, name, visit).await;
    // It is good once, whatever came of it.
    set_cookie(&mut answer, COOKIE, "", Some(0));
    answer
}

async fn came_back(app: Arc<App>, name: String, visit: Visit) -> Response {
    let pending = visit.cookie(COOKIE).and_then(|text| Pending::<Purpose>::open(&app.admin.keys, text));
    let (Some(pending), Some(back)) = (pending, back_to(&app, &name)) else {
        return refused(&ProviderError::NotBegun);
    };
    let [code, state, iss, error] = ["code", "state", "iss", "error"].map(|part| visit.asked(part));
    let (code, state) = (code.as_deref(), state.as_deref());
    let brought = Answer { code, state, iss: iss.as_deref(), error: error.as_deref() };
    let now = app.clock.now();
    let once = pending.clone();
    if let Err(error) = app.store.run(move |store| once.spend(store, now)).await {
        return refused(&error);
    }
    let vouched = app.providers.redeem(&app.admin.issuers, (&name, &back), &pending, brought, now).await;
    let vouched = match vouched {
        Ok(vouched) => vouched,
        Err(error) => return refused(&error),
    };
    let Purpose { next, half } = pending.purpose;
    if let Some(half) = half {
        let (worker, from) = (Arc::clone(&app), visit.from.clone());
        let linked = tokio::task::spawn_blocking(move || (linked(&worker, &half, from, &vouched), half, vouched)).await;
        let (linked, half, vouched) = match linked {
            Ok(linked) => linked,
            Err(ended) => return not_now(&ended),
        };
        return match linked {
            Err(no) => *no,
            Ok(()) if vouched.factor => signs_in(app, visit, &vouched, next).await,
            Ok(()) => enrol::ask(app, visit, half.by_an_outside_word(), next).await,
        };
    }
    signs_in(app, visit, &vouched, next).await
}

/// Links whoever was invited with who they are there. Blocks.
fn linked(app: &App, half: &Half, from: From, vouched: &Vouched) -> Result<(), Box<Response>> {
    let now = app.clock.now();
    let no = |status, why: &str| Err(Box::new(message(status, "Not set up", why, ("/login", "Sign in"))));
    let caller: Caller = match app.logins.resume(half, from, now) {
        Ok(caller) => caller,
        Err(refused) => return no(status(&refused), &sentence(&refused)),
    };
    let name = caller.bound().map(|bound| bound.user().name.to_string()).unwrap_or_default();
    let allowed = match app.gate.authorize(caller, Operation::AcceptInvitation, &name, now) {
        Ok(allowed) => allowed,
        Err(GateError::NotAuthorized { because, .. }) => return no(403, &format!("You cannot come in now {because}.")),
        Err(error) => return Err(Box::new(not_now(&error))),
    };
    let identity = (vouched.identity.issuer(), vouched.identity.subject());
    match app.admin.link_identity(allowed, identity, vouched.factor) {
        Ok(()) => Ok(()),
        Err(error) if error.fault() == Fault::Caller => no(409, &format!("{}.", capital(&error.to_string()))),
        Err(error) => Err(Box::new(not_now(&error))),
    }
}

/// Signs in whoever is vouched for, or asks for a second factor of ours.
async fn signs_in(app: Arc<App>, visit: Visit, vouched: &Vouched, next: String) -> Response {
    let about = vec![("action", Operation::Login.name().to_owned()), ("provider", vouched.provider.name.clone())];
    let with = (&vouched.identity, vouched.factor);
    let tried = app.gate.vouched(&app.logins, with, visit.from.clone(), about, app.clock.now()).await;
    match tried {
        Ok(caller) => enter(app, visit, caller, next).await,
        Err(Refused { reason: Reason::CodeRequired, half: Some(half), .. }) => {
            factor::ask(app, visit, *half, next, None).await
        }
        Err(Refused { reason: Reason::FactorRequired, half: Some(half), .. }) => {
            enrol::ask(app, visit, *half, next).await
        }
        Err(refused) => form(&app, &visit, status(&refused), (&next, "", Some(sentence(&refused)))),
    }
}

/// Those that the page to sign in at names to everybody: address and title.
pub(super) fn listed(app: &App) -> Vec<(String, String)> {
    let shown = |provider: &Arc<Provider>| (format!("/login/with/{}", provider.name), provider.title.clone());
    app.providers.all().iter().filter(|provider| provider.listed).map(shown).collect()
}

fn refused(error: &ProviderError) -> Response {
    let (status, why) = match error {
        ProviderError::Keys(error) => return not_now(error),
        ProviderError::Store(error) => return not_now(error),
        ProviderError::NotBelieved { why, title } | ProviderError::Away { why, title } => {
            tracing::warn!(provider = title, why, "a sign-in by an outside provider came to nothing");
            (if error.fault() == Fault::Caller { 403 } else { 503 }, error.to_string())
        }
        ProviderError::Unknown => (404, error.to_string()),
        ProviderError::NotBegun | ProviderError::Refused { .. } => (403, error.to_string()),
    };
    message(status, "Not signed in", &format!("{}.", capital(&why)), ("/login", "Sign in"))
}

fn not_now(error: &dyn std::fmt::Display) -> Response {
    tracing::error!(%error, "a sign-in by an outside provider failed");
    message(503, "Not now", "Something of ours does not work; try again in a moment.", ("/login", "Sign in"))
}
