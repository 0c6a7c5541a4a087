//! `/login/with/..`: somebody of another firm signs in by that firm's own provider, of OpenID Connect or SAML, and comes back from it.
//!
//! What is begun lies sealed in a cookie of the browser that began it: so nobody is signed in by a link that somebody else made (login
//! CSRF), and nothing is kept here for whoever only opens the page, or sends what nobody vouches for. That leaves the cookie
//! as it was, too: a page of another site can send whatever it likes in anybody's browser.

use std::sync::{Arc, PoisonError};

use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::authorize::ANEW;
use super::invitation::{ONWARD, address_of};
use super::pages::{OnwardPage, as_sentence, message, page};
use super::sign_in::{enter, flow_of, form, sentence, set_cookie, status};
use super::step_up::before;
use super::visit::{FLOW, Visit};
use super::{enrol, factor};
use crate::authn::Caller;
use crate::authn::login::{Half, Reason, Refused};
use crate::authn::outside::{Answer, Pending, Provider, ProviderError, Vouched};
use crate::authn::signed::RequestSource;
use crate::base::{Fault, Faulty as _, Secret, Timestamp};
use crate::gate::{GateError, Operation, Proof};
use crate::http::App;
use crate::sso::{metadata, saml};

/// The cookie of a sign-in that is under way elsewhere. `Lax`: whoever comes back by a link of the provider's brings it.
const COOKIE: &str = "__Host-bailey-outside";

/// The same where the provider sends a form, which brings no cookie but one that goes along with whatever any page sends. It is of no
/// use but for this, once, and for five minutes.
const POSTED: &str = "__Host-bailey-saml";

/// Longest response that a form may bring, in base64: that of the largest XML there is to read.
const LONGEST: usize = crate::authn::saml::LARGEST / 3 * 4 + 4_096;

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
    if let Some(wait) = too_often(&app, &visit) {
        return wait;
    }
    let next = visit.asked("next").unwrap_or_else(|| ONWARD.to_owned());
    sent(&app, &visit, &name, Purpose { next, half: None }).await
}

/// The same of somebody who showed an invitation.
pub(super) async fn link(app: &Arc<App>, visit: &Visit, name: &str, half: Half) -> Response {
    sent(app, visit, name, Purpose { next: ONWARD.to_owned(), half: Some(half) }).await
}

/// Whoever asks from there has asked for much: anybody may, and some of it costs a signature.
fn too_often(app: &App, visit: &Visit) -> Option<Response> {
    (!app.outside_rates.admit_source(visit.from.ip, app.clock.now())).then(super::pages::wait)
}

/// Whether whoever goes on to `next` has to sign in for that, and not have done so before: an application asks for it.
fn anew(app: &App, next: &str, now: Timestamp) -> bool {
    let Some((path, query)) = next.split_once('?') else { return false };
    let mut asked = url::form_urlencoded::parse(query.as_bytes());
    let mut said = |wanted: &str| asked.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
    match path {
        metadata::paths::AUTHORIZE => said(ANEW).is_some(),
        saml::paths::CONTINUE => {
            let request = said("request").and_then(|text| saml::Pending::open(&app.admin.keys, &text, now));
            request.is_some_and(|request| request.is_forced())
        }
        _ => false,
    }
}

async fn sent(app: &Arc<App>, visit: &Visit, name: &str, purpose: Purpose) -> Response {
    if app.providers.named(name).is_some_and(|provider| provider.saml().is_some()) {
        return sent_by_saml(app, visit, name, purpose).await;
    }
    let Some(back) = back_to(app, name) else { return refused(&ProviderError::Unknown) };
    let chance = app.admin.rng.lock().unwrap_or_else(PoisonError::into_inner).random();
    let now = app.clock.now();
    let what = (purpose.clone(), anew(app, &purpose.next, now), chance);
    let begun = app.providers.begin_oidc(&app.admin.issuers, (name, &back), what, now).await;
    let begun = begun.and_then(|(url, pending)| Ok((url, pending.seal(&app.admin.keys)?)));
    match begun {
        Ok((url, sealed)) => {
            let mut answer = away(&url);
            set_cookie(&mut answer, COOKIE, &sealed, Some(600));
            // What comes behind it may be a form of ours.
            set_cookie(&mut answer, FLOW, &flow_of(app, visit), Some(1_800));
            answer
        }
        Err(error) => refused(&error),
    }
}

/// A page of ours in between: what a form leads to is held to the policy of its page.
fn away(to: &url::Url) -> Response {
    let words = ["On to your own firm", "You sign in there, and come back."];
    page(200, &OnwardPage { onward: to.as_str(), words })
}

/// Sends somebody to a provider that speaks SAML.
async fn sent_by_saml(app: &Arc<App>, visit: &Visit, name: &str, purpose: Purpose) -> Response {
    let (worker, name) = (Arc::clone(app), name.to_owned());
    let begun = app.store.run(move |store| {
        let chance: [u8; 32] = worker.admin.rng.lock().unwrap_or_else(PoisonError::into_inner).random();
        let now = worker.clock.now();
        let fresh = anew(&worker, &purpose.next, now);
        let (url, pending) = worker.providers.begin_saml(store, &name, (purpose, fresh, chance), now)?;
        Ok::<_, ProviderError>((url, pending.seal(&worker.admin.keys)?))
    });
    match begun.await {
        Ok((url, sealed)) => {
            let mut answer = away(&url);
            set_posted(&mut answer, &sealed, 300);
            set_cookie(&mut answer, FLOW, &flow_of(app, visit), Some(1_800));
            answer
        }
        Err(error) => refused(&error),
    }
}

/// What a provider that speaks SAML is told of us.
pub(super) async fn metadata(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    let provider = app.providers.named(&name);
    let Some(party) = provider.as_ref().and_then(|provider| provider.saml()) else {
        return refused(&ProviderError::Unknown);
    };
    ([(CONTENT_TYPE, "application/samlmetadata+xml")], party.metadata()).into_response()
}

/// Takes the form that a provider which speaks SAML has the browser send. It comes from a page of another site, as no other form here
/// may: what counts is the cookie of the browser that began, and the request that the response answers.
pub(super) async fn saml_acs(State(app): State<Arc<App>>, Path(name): Path<String>, mut visit: Visit) -> Response {
    if let Some(wait) = too_often(&app, &visit) {
        return wait;
    }
    let (vouched, purpose) = match received(&app, &name, &visit).await {
        Ok(vouched) => vouched,
        Err(error) => return turned_away(app, (Proof::Saml, name), &visit, error).await,
    };
    // Cookies of ours stay behind on this way, so whatever form comes next belongs to a flow that begins here.
    let flow = flow_of(&app, &visit);
    visit.bring(FLOW, &flow);
    let mut answer = goes_on(app, visit, vouched, purpose).await;
    if !answer.headers().get_all(SET_COOKIE).iter().any(|held| held.as_bytes().starts_with(FLOW.as_bytes())) {
        set_cookie(&mut answer, FLOW, &flow, Some(1_800));
    }
    set_posted(&mut answer, "", 0);
    answer
}

async fn received(app: &Arc<App>, name: &str, visit: &Visit) -> Result<(Vouched, Purpose), ProviderError> {
    let response = response_in(visit.body()).map_err(|why| ProviderError::Malformed(why.to_owned()))?;
    let pending = visit.cookie(POSTED).and_then(|text| Pending::<Purpose>::open(&app.admin.keys, text));
    let pending = pending.ok_or(ProviderError::NotBegun)?;
    let (worker, name) = (Arc::clone(app), name.to_owned());
    let judged = app.store.run(move |store| {
        let now = worker.clock.now();
        let vouched = worker.providers.finish_saml((store, &worker.admin.keys), &name, &pending, &response, now)?;
        Ok::<_, ProviderError>((vouched, pending.purpose))
    });
    judged.await
}

/// The XML in a form: one field, in base64, that may be broken into lines (SAML bindings, section 3.5.4).
fn response_in(body: &[u8]) -> Result<Secret<String>, &'static str> {
    if body.len() > LONGEST * 3 {
        return Err("the form is too long");
    }
    let mut fields = url::form_urlencoded::parse(body).filter(|(name, _)| name == "SAMLResponse");
    let (Some((_, text)), None) = (fields.next(), fields.next()) else {
        return Err("the form has to have one SAMLResponse");
    };
    if text.len() > LONGEST {
        return Err("the response is too long");
    }
    let digits: String = text.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(digits).map_err(|_| "the response is no base64")?;
    String::from_utf8(bytes).map(Secret::new).map_err(|_| "the response is no text in UTF-8")
}

/// The cookie goes along with the form of another site; no script reads it, and it counts once.
fn set_posted(answer: &mut Response, value: &str, seconds: u32) {
    let text = format!("{POSTED}={value}; Path=/; Secure; HttpOnly; SameSite=None; Max-Age={seconds}");
    if let Ok(mut value) = HeaderValue::from_str(&text) {
        value.set_sensitive(true);
        answer.headers_mut().append(SET_COOKIE, value);
    }
}

/// The address that a provider sends people back to: known only where the configuration says what we are called.
fn back_to(app: &App, name: &str) -> Option<String> {
    let address = address_of(app, &format!("/login/with/{name}/callback"));
    (!address.starts_with('/')).then_some(address)
}

/// Takes what somebody brings back.
pub(super) async fn oidc_callback(State(app): State<Arc<App>>, Path(name): Path<String>, visit: Visit) -> Response {
    if let Some(wait) = too_often(&app, &visit) {
        return wait;
    }
    let (mut answer, is_over) = match came_back(&app, &name, &visit).await {
        Ok((vouched, purpose)) => (goes_on(app, visit, vouched, purpose).await, true),
        Err(error) => {
            // Whoever knows its `state` is the provider, or was sent to it: then it is good once, whatever came of it.
            let is_over = !matches!(error, ProviderError::NotBegun);
            (turned_away(app, (Proof::WebIdentity, name), &visit, error).await, is_over)
        }
    };
    if is_over {
        set_cookie(&mut answer, COOKIE, "", Some(0));
    }
    answer
}

async fn came_back(app: &Arc<App>, name: &str, visit: &Visit) -> Result<(Vouched, Purpose), ProviderError> {
    let pending = visit.cookie(COOKIE).and_then(|text| Pending::<Purpose>::open(&app.admin.keys, text));
    let (Some(pending), Some(back)) = (pending, back_to(app, name)) else { return Err(ProviderError::NotBegun) };
    let [code, state, iss, error] = ["code", "state", "iss", "error"].map(|part| visit.asked(part));
    let (code, state) = (code.as_deref(), state.as_deref());
    let brought = Answer { code, state, iss: iss.as_deref(), error: error.as_deref() };
    let (issuers, now) = (&*app.admin.issuers, app.clock.now());
    let vouched = app.providers.finish_oidc((issuers, &app.store), (name, &back), &pending, brought, now).await?;
    Ok((vouched, pending.purpose))
}

/// Writes down that what somebody brought back from the provider `name` lets nobody in, and says so. Each source has its own limit of
/// such records.
async fn turned_away(app: Arc<App>, (proof, name): (Proof, String), visit: &Visit, error: ProviderError) -> Response {
    let is_ours = matches!(error, ProviderError::Keys(_) | ProviderError::Store(_));
    if !is_ours && app.providers.named(&name).is_some() {
        let action = Operation::Login.name().to_owned();
        let about = vec![("action", action), ("provider", name), ("rule", error.rule().to_owned())];
        let (from, why, now) = (visit.from.clone(), error.detail(), app.clock.now());
        let noted = tokio::task::spawn_blocking(move || app.gate.refuse_proof(proof, &from, about, &why, now));
        if let Err(ended) = noted.await {
            return not_now(&ended);
        }
    }
    refused(&error)
}

/// Goes on with somebody for whom a provider vouches: to be linked, or signed in.
async fn goes_on(app: Arc<App>, visit: Visit, vouched: Vouched, purpose: Purpose) -> Response {
    let Purpose { next, half } = purpose;
    if let Some(half) = half {
        let (worker, from) = (Arc::clone(&app), visit.from.clone());
        let linked = tokio::task::spawn_blocking(move || (linked(&worker, &half, from, &vouched), half, vouched)).await;
        let (linked, half, vouched) = match linked {
            Ok(linked) => linked,
            Err(ended) => return not_now(&ended),
        };
        return match linked {
            Err(no) => *no,
            Ok(()) if vouched.with_factor() => signs_in(app, visit, &vouched, next).await,
            Ok(()) => enrol::ask(app, visit, half.by_an_outside_word(vouched.word().clone()), next).await,
        };
    }
    signs_in(app, visit, &vouched, next).await
}

/// Links whoever was invited with who they are there. Blocks.
fn linked(app: &App, half: &Half, from: RequestSource, vouched: &Vouched) -> Result<(), Box<Response>> {
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
    let identity = (vouched.word(), vouched.subject());
    match app.admin.link_identity(allowed, identity, vouched.with_factor()) {
        Ok(()) => Ok(()),
        Err(error) if error.fault() == Fault::Caller => no(409, &as_sentence(&error.to_string())),
        Err(error) => Err(Box::new(not_now(&error))),
    }
}

/// Signs in whoever is vouched for, or asks for a second factor of ours.
async fn signs_in(app: Arc<App>, visit: Visit, vouched: &Vouched, next: String) -> Response {
    let about = vec![("action", Operation::Login.name().to_owned()), ("provider", vouched.provider().name.clone())];
    let tried = app.gate.vouched(&app.logins, vouched, visit.from.clone(), about, app.clock.now()).await;
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

/// Those that the page to sign in at names to everybody, and that lead on to `next` from there: address and title.
pub(super) fn listed(app: &App, next: &str) -> Vec<(String, String)> {
    let shown = |provider: &Arc<Provider>| {
        let path = format!("/login/with/{}", provider.name);
        let address = if next == "/me" { path } else { before(&path, next) };
        (address, provider.title.clone())
    };
    app.providers.all().iter().filter(|provider| provider.listed).map(shown).collect()
}

fn refused(error: &ProviderError) -> Response {
    let (status, why) = match error {
        ProviderError::Keys(error) => return not_now(error),
        ProviderError::Store(error) => return not_now(error),
        ProviderError::NotBelieved { why, title, .. } | ProviderError::Away { why, title } => {
            tracing::warn!(provider = title, why, "a sign-in by an outside provider came to nothing");
            (if error.fault() == Fault::Caller { 403 } else { 503 }, error.to_string())
        }
        ProviderError::Malformed(why) => {
            tracing::info!(why, "what came from an outside provider cannot be read");
            (400, error.to_string())
        }
        ProviderError::Unknown => (404, error.to_string()),
        ProviderError::NotBegun | ProviderError::Refused { .. } => (403, error.to_string()),
    };
    message(status, "Not signed in", &as_sentence(&why), ("/login", "Sign in"))
}

fn not_now(error: &dyn std::fmt::Display) -> Response {
    tracing::error!(%error, "a sign-in by an outside provider failed");
    message(503, "Not now", "Something of ours does not work; try again in a moment.", ("/login", "Sign in"))
}
