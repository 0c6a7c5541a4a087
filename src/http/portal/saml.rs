//! `/saml/..`: service providers of SAML send browsers here, and `/me/apps/..`, where people go to them by themselves.
//!
//! A form of another site comes without our cookies. So what came is verified where it came, by either binding, and sealed into an
//! address of ours, where the browser goes on as itself. What leads out is a page that posts to an address that is registered, with a
//! content policy of its own: no script is run on it but the one that sends its form.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use hyper::Method;
use hyper::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY};
use rand::RngExt as _;

use super::pages::saml::{AppPage, RoleChoice, SamlPost};
use super::pages::{OnwardPage, as_sentence, message, page, wait};
use super::sign_in::set_cookie;
use super::step_up;
use super::visit::{Instead, SESSION, SignedIn, Visit, blocking};
use crate::authn::Caller;
use crate::base::{Fault, Faulty as _, Secret, SessionId, Timestamp};
use crate::gate::Proof;
use crate::http::{App, Failure};
use crate::model::Session;
use crate::sso::saml::logout::{SignOutGo, SignOutMessage, SignOutStep, SigningOut};
use crate::sso::saml::{Delivery, Onward, Pending, SamlError, Sent, paths};
use crate::sso::{Sso, flow};
use crate::store::StoreError;

/// The cookie of a sign-out that is under way. `Lax`: whoever comes back comes by an address of ours.
const UNDER_WAY: &str = "__Host-bailey-saml-out";

/// Who we are to service providers.
pub(super) async fn metadata(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let Some(sso) = app.sso() else { return off() };
    if let Some(wait) = too_often(&app, &visit) {
        return wait;
    }
    blocking(app, move |_, now| {
        Ok(match sso.saml_metadata(now) {
            Ok(text) => ([(CONTENT_TYPE, "application/samlmetadata+xml")], text).into_response(),
            Err(error) => {
                Failure::new(hyper::StatusCode::SERVICE_UNAVAILABLE, "NotReady", &error.to_string(), error.fault())
                    .into_response()
            }
        })
    })
    .await
}

/// Takes a request to sign somebody in.
pub(super) async fn sign_on(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let Some(sso) = app.sso() else { return off() };
    if let Some(wait) = too_often(&app, &visit) {
        return wait;
    }
    blocking(app, move |app, now| {
        let asked = sent(&visit).and_then(|sent| sso.saml_asked(&sent, now));
        let pending = asked.inspect_err(|error| noted(app, &visit, error, now)).map_err(|error| nowhere(&error))?;
        if let Some((about, why)) = pending.in_vain() {
            app.gate.refuse_proof(Proof::Saml, &visit.from, about, &why, now);
        }
        let sealed = pending.seal(&app.admin.keys).map_err(|error| {
            tracing::error!(%error, "a request of SAML cannot be sealed");
            nowhere(&SamlError::Ours(error.fault()))
        })?;
        let address = format!("{}?request={sealed}", paths::CONTINUE);
        let why = || nowhere(&SamlError::Asked("The application's request is too long.".to_owned()));
        Ok(Redirect::to(flow::target(&address).ok_or_else(why)?).into_response())
    })
    .await
}

/// Goes on with it, as often as it takes.
pub(super) async fn go_on(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let Some(sso) = app.sso() else { return off() };
    if let Some(wait) = too_often(&app, &visit) {
        return wait;
    }
    blocking(app, move |app, now| {
        let sealed = visit.asked("request").unwrap_or_default();
        let pending = opened(app, &sealed, now)?;
        let here = format!("{}?request={sealed}", paths::CONTINUE);
        // Who cannot be looked up, or is not let on from here, is not nobody: an application would be told so, signed.
        let Some(_) = visit.somebody(app, now)? else {
            return onward(app, sso.saml_nobody(&pending, now), &here, (paths::CONTINUE, Vec::new()));
        };
        let SignedIn { caller, frame } = visit.signed_in(app, "", now)?;
        let kept = vec![("form", frame.form.as_str()), ("request", &sealed)];
        onward(app, sso.saml_somebody(&app.mint, &pending, (caller, None), now), &here, (paths::CONTINUE, kept))
    })
    .await
}

/// The same with the role that somebody chose on that page: a page of another site could choose for them otherwise, and the application
/// take what nobody asked it for.
pub(super) async fn choose(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let Some(sso) = app.sso() else { return off() };
    if let Some(wait) = too_often(&app, &visit) {
        return wait;
    }
    blocking(app, move |app, now| {
        let (SignedIn { caller, frame }, form) = visit.acting(app, "", now)?;
        let sealed = form.text("request").unwrap_or_default();
        let pending = opened(app, sealed, now)?;
        let here = format!("{}?request={sealed}", paths::CONTINUE);
        let kept = vec![("form", frame.form.as_str()), ("request", sealed)];
        let chosen = sso.saml_somebody(&app.mint, &pending, (caller, form.text("role")), now);
        onward(app, chosen, &here, (paths::CONTINUE, kept))
    })
    .await
}

/// A request that was sealed into an address or a form of ours.
fn opened(app: &App, sealed: &str, now: Timestamp) -> Result<Pending, Instead> {
    let over = "The application's request is over. Go back to the application and begin again.";
    Pending::open(&app.admin.keys, sealed, now).ok_or_else(|| nowhere(&SamlError::Asked(over.to_owned())).into())
}

/// Where somebody goes on to: `here` once they signed in, or showed a second factor; a choice of roles is sent to `action`, with what is
/// `kept` for it.
fn onward(
    app: &App,
    next: Result<Onward, SamlError>,
    here: &str,
    (action, kept): (&str, Vec<(&'static str, &str)>),
) -> Result<Response, Instead> {
    Ok(match next? {
        Onward::Deliver(delivery) => post(app, &delivery),
        Onward::SignIn => Redirect::to(&step_up::before("/login", here)).into_response(),
        Onward::SecondFactor => step_up::to(here),
        Onward::Choose { title, roles } => page(200, &RoleChoice { title: &title, action, kept, roles }),
    })
}

/// Asks whether somebody wants to go to an application.
pub(super) async fn app(State(app): State<Arc<App>>, Path(name): Path<String>, visit: Visit) -> Response {
    let Some(sso) = app.sso() else { return off() };
    blocking(app, move |app, now| {
        let who = visit.signed_in(app, "access", now)?;
        let title = sso.saml_app_title(&name, now).map_err(|error| nowhere(&error))?;
        let action = format!("{}/{name}", paths::APPS);
        Ok(page(200, &AppPage { frame: who.frame, title: &title, action: &action }))
    })
    .await
}

/// Sends somebody to an application, who begins here.
pub(super) async fn go(State(app): State<Arc<App>>, Path(name): Path<String>, visit: Visit) -> Response {
    let Some(sso) = app.sso() else { return off() };
    blocking(app, move |app, now| {
        let (SignedIn { caller, frame }, form) = visit.acting(app, "access", now)?;
        let pending = sso.saml_begun_here(&name, now).map_err(|error| nowhere(&error))?;
        let here = format!("{}/{name}", paths::APPS);
        let chosen = sso.saml_somebody(&app.mint, &pending, (caller, form.text("role")), now);
        onward(app, chosen, &here, (&here, vec![("form", frame.form.as_str())]))
    })
    .await
}

/// Takes a message about a sign-out.
pub(super) async fn sign_out(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let Some(sso) = app.sso() else { return off() };
    if let Some(wait) = too_often(&app, &visit) {
        return wait;
    }
    blocking(app, move |app, now| {
        let said = sent(&visit).and_then(|sent| sso.saml_sign_out_said(&sent, now));
        let said = said.inspect_err(|error| noted(app, &visit, error, now)).map_err(|error| stuck(&error))?;
        let sealed = said.seal(&app.admin.keys).map_err(|error| stuck(&error))?;
        Ok(Redirect::to(&format!("{}?message={sealed}", paths::SIGN_OUT_ON)).into_response())
    })
    .await
}

/// Acts on it; without a message goes on where an application did not send the browser back.
pub(super) async fn sign_out_on(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let Some(sso) = app.sso() else { return off() };
    if let Some(wait) = too_often(&app, &visit) {
        return wait;
    }
    blocking(app, move |app, now| {
        let under_way = under_way(app, &visit, now);
        let Some(sealed) = visit.asked("message") else { return without(app, &sso, (&visit, under_way), now) };
        let Some(message) = SignOutMessage::open(&app.admin.keys, &sealed, now) else {
            return Ok(stuck(&SamlError::Asked("The application's message is over.".to_owned())));
        };
        // Whoever is not let on from here may leave all the same.
        let who = visit.somebody(app, now)?;
        let signed = who.as_ref().and_then(Caller::signed);
        let step = session_of(app, &visit)
            .map_err(SamlError::from)
            .and_then(|session| sso.saml_sign_out(message, (signed, session, under_way), now));
        Ok(stepped(app, step.map_err(|error| stuck(&error))?, false))
    })
    .await
}

/// Goes on without the application that was asked last, once somebody says so on a page of ours: a page of another site could have it
/// left out otherwise.
fn without(
    app: &App,
    sso: &Sso,
    (visit, under_way): (&Visit, Option<SigningOut>),
    now: Timestamp,
) -> Result<Response, Instead> {
    let Some(under_way) = under_way else {
        let nothing = "Nobody is being signed out with this browser, or it was begun too long ago.";
        return Ok(match visit.signed_in(app, "", now) {
            Ok(_) => message(200, "Nothing to go on with", nothing, ("/me", "My access")),
            Err(_) => message(200, "Nothing to go on with", nothing, ("/login", "Sign in")),
        });
    };
    if visit.is_ours() {
        return Ok(stepped(app, sso.saml_sign_out_without(under_way, now)?, false));
    }
    let title = sso.saml_sign_out_waits(&under_way)?.unwrap_or_else(|| "The application".to_owned());
    let words = format!("You are signed out here. {title} did not send your browser back yet.");
    Ok(message(200, "Not signed out everywhere yet", &words, (paths::SIGN_OUT_ON, "Go on without it")))
}

/// What a browser carries of a sign-out that did not come to its end.
pub(super) fn under_way(app: &App, visit: &Visit, now: Timestamp) -> Option<SigningOut> {
    visit.cookie(UNDER_WAY).and_then(|text| SigningOut::open(&app.admin.keys, text, now))
}

/// The session that a browser has, whether or not it counts still. Blocks.
fn session_of(app: &App, visit: &Visit) -> Result<Option<SessionId>, StoreError> {
    let Some(cookie) = visit.cookie(SESSION) else { return Ok(None) };
    app.admin.sessions.named_by(&Secret::new(cookie.to_owned()))
}

/// Somebody signed in anew: the applications that they were signed in to before are signed out with the new session. Blocks.
pub(super) fn carry_over(app: &App, visit: &Visit, new: &Session, now: Timestamp) {
    let Some(sso) = app.sso() else { return };
    let carried = match session_of(app, visit) {
        Ok(None) => return,
        Ok(Some(before)) => sso.saml_carried_over(&before, new, now),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = carried {
        tracing::warn!(%error, "applications of the session before are not signed out with the new one");
    }
}

/// Goes on at the applications of a session that ended just now, and in the end to `onward`; `None` where there is nowhere to go on to,
/// which is so as well where that cannot be found out: their own sessions have an end. Blocks.
pub(super) fn elsewhere(
    app: &App,
    sso: Option<Sso>,
    session: SessionId,
    onward: Option<String>,
    now: Timestamp,
) -> Option<Response> {
    match sso?.saml_sign_out_begun(session, onward, now) {
        Ok(step) => step.map(|step| stepped(app, SignOutStep { ended: true, ..step }, true)),
        Err(error) => {
            tracing::error!(%error, "nobody is signed out of applications");
            None
        }
    }
}

/// The next step of a sign-out; `behind_form` if what leads there is a form of ours, to whose page's policy browsers hold it.
fn stepped(app: &App, step: SignOutStep, behind_form: bool) -> Response {
    let onward = |address: &str| match behind_form {
        true => page(200, &OnwardPage { onward: address, words: ["You are signed out", "On to the applications."] }),
        false => Redirect::to(address).into_response(),
    };
    let mut answer = match &step.go {
        SignOutGo::Post(delivery) => post(app, delivery),
        SignOutGo::End { onward, missed } if !missed.is_empty() => not_everywhere(onward.as_deref(), missed),
        SignOutGo::To(address) | SignOutGo::End { onward: Some(address), .. } => onward(address),
        SignOutGo::End { onward: None, .. } => Redirect::to("/login?why=signed_out").into_response(),
    };
    match step.under_way.map(|under_way| under_way.seal(&app.admin.keys)) {
        Some(Ok(sealed)) => set_cookie(&mut answer, UNDER_WAY, &sealed, Some(600)),
        Some(Err(_)) | None => set_cookie(&mut answer, UNDER_WAY, "", Some(0)),
    }
    if step.ended {
        set_cookie(&mut answer, SESSION, "", Some(0));
    }
    answer
}

/// Says where somebody may be signed in still.
fn not_everywhere(onward: Option<&str>, missed: &[String]) -> Response {
    let words = format!(
        "You are signed out here, and not at {}: sign out there yourself, or close your browser.",
        missed.join(", ")
    );
    let onward = onward.map_or(("/login", "Sign in again"), |onward| (onward, "Back to the application"));
    message(200, "Not signed out everywhere", &words, onward)
}

/// The message, whichever way it came.
fn sent(visit: &Visit) -> Result<Sent, SamlError> {
    match *visit.method() == Method::POST {
        true => Sent::in_form(visit.body()),
        false => Sent::in_address(visit.uri.query().unwrap_or_default()),
    }
}

/// A page that posts by itself, or by its button.
fn post(app: &App, delivery: &Delivery) -> Response {
    let nonce: [u8; 16] = app.admin.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner).random();
    let nonce = hex::encode(nonce);
    let read_first = delivery.read_first.as_deref().map(as_sentence);
    let mut answer = page(200, &SamlPost { delivery, read_first, nonce: &nonce });
    // Browsers hold whatever redirects behind a form to the policy of its page, too (CSP level 3, section 6.4.1). Where an application
    // leads from the address that is told is its business, and often another host; and from a sign-out it comes back here.
    let to = format!("{} https:", source(&delivery.to));
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; form-action {to}; \
         frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    // Applications look at where a form comes from (`Origin`), which browsers leave out without this.
    answer.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("origin"));
    answer
}

/// An address as a content policy names it (CSP level 3, section 2.3.1): without what is behind its path.
fn source(address: &str) -> String {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    path.replace(';', "%3B").replace(',', "%2C")
}

/// Anybody may ask, with as much as a message holds, and be answered with a signature.
fn too_often(app: &App, visit: &Visit) -> Option<Response> {
    (!app.anybody.pages.admit_source(visit.from.ip, app.clock.now())).then(wait)
}

fn off() -> Response {
    Failure::no_single_sign_on().into_response()
}

/// Writes down that a message of an application was refused. Blocks.
fn noted(app: &App, visit: &Visit, error: &SamlError, now: Timestamp) {
    if error.fault() == Fault::Caller {
        let about = vec![("at", visit.uri.path().to_owned())];
        app.gate.refuse_proof(Proof::Saml, &visit.from, about, error, now);
    }
}

fn told(error: &SamlError) -> (u16, &'static str) {
    match error.fault() {
        Fault::Caller => (400, "The application asks for what cannot be"),
        _ => (503, "Not now"),
    }
}

fn nowhere(error: &SamlError) -> Response {
    let (status, heading) = told(error);
    message(status, heading, &as_sentence(&error.to_string()), ("/me", "My access"))
}

/// The same on the way from one application to the next: the others can still be gone on to.
fn stuck(error: &SamlError) -> Response {
    let (status, heading) = told(error);
    message(status, heading, &as_sentence(&error.to_string()), (paths::SIGN_OUT_ON, "Go on signing out"))
}

impl From<SamlError> for Instead {
    fn from(error: SamlError) -> Self {
        nowhere(&error).into()
    }
}
