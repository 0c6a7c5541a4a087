//! `/login` and `/logout`: a browser gets a session, and gives it back.

use std::sync::{Arc, PoisonError};

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use hyper::header::{HeaderValue, SET_COOKIE};

use super::outside::listed;
use super::pages::{OnwardPage, SignIn, SignOut, as_sentence, message, page};
use super::visit::{FLOW, Instead, SESSION, Visit, blocking};
use super::{enrol, factor, saml};
use crate::authn::Caller;
use crate::authn::login::{Attempt, Method, Reason, Refused};
use crate::base::{Fault, Faulty as _, Secret, Timestamp};
use crate::gate::Operation;
use crate::http::App;
use crate::query::Params;
use crate::sso::{flow, sign_in};

/// Longest name that is shown again.
const LONGEST_NAME: usize = 256;

/// The page to sign in at.
pub(super) async fn show(State(app): State<Arc<App>>, visit: Visit) -> Response {
    if let Err(instead) = visit.closed() {
        return instead.page();
    }
    let next = visit.asked("next").unwrap_or_default();
    let why = visit.asked("why").map(|word| over(&word).to_owned());
    form(&app, &visit, 200, (&next, "", why))
}

/// Why somebody who was signed in no longer is.
fn over(word: &str) -> &'static str {
    match word {
        "idle" => "You were away for a while, so this browser was signed out.",
        "expired" => "Your sign-in has come to its end.",
        "engagement_over" => {
            "Your engagement here is over, or has not begun. Whoever answers for it inside can say more."
        }
        "password_changed" => "Your password was changed: sign in with the new one.",
        "password" => "It is some time since you signed in: type your password once more.",
        "signed_out" => "You are signed out.",
        "ended" | "origin_ended" => "Your session was ended.",
        "directory_away" => "Your directory has not answered for too long; nobody of it is signed in until it does.",
        _ => "You are no longer signed in.",
    }
}

/// A page to sign in at, with the cookie that its form goes with.
pub(super) fn form(
    app: &App,
    visit: &Visit,
    status: u16,
    (next, login, why): (&str, &str, Option<String>),
) -> Response {
    let code = flow_of(app, visit);
    let next = flow::target(next).unwrap_or("/me");
    let mut answer = page(
        status,
        &SignIn {
            flow: &code,
            next,
            login,
            why,
            passkey: app.logins.ask_whoever(app.clock.now()),
            outside: listed(app, next),
            unfinished: saml::under_way(app, visit, app.clock.now()).is_some(),
        },
    );
    set_cookie(&mut answer, FLOW, &code, Some(1_800));
    answer
}

/// What the browser's cookie of a page to sign in at says, or is to say from now on.
pub(super) fn flow_of(app: &App, visit: &Visit) -> String {
    let kept = visit.cookie(FLOW).filter(|code| flow::is_same(code, code)).map(str::to_owned);
    kept.unwrap_or_else(|| flow::code(&mut *app.admin.rng.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Takes a name and a password.
pub(super) async fn password(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let params = match begun_here(&visit) {
        Ok(params) => params,
        Err(instead) => return instead.page(),
    };
    let text = |name: &str| params.text(name).unwrap_or_default().to_owned();
    let (login, next) = (text("login"), text("next"));
    let attempt =
        Attempt { login: login.clone(), password: Secret::new(text("password")), code: None, from: visit.from.clone() };
    let now = app.clock.now();
    let about = vec![("action", Operation::Login.name().to_owned())];
    let tried = app.gate.sign_in(&app.logins, attempt, about, now).await;
    match tried {
        Ok(caller) => enter(app, visit, caller, next).await,
        Err(Refused { reason: Reason::CodeRequired, half: Some(half), .. }) => {
            factor::ask(app, visit, *half, next, None).await
        }
        Err(Refused { reason: Reason::FactorRequired, half: Some(half), .. }) => {
            enrol::ask(app, visit, *half, next).await
        }
        Err(refused) => {
            let shown: String = login.chars().take(LONGEST_NAME).collect();
            form(&app, &visit, status(&refused), (&next, &shown, Some(sentence(&refused))))
        }
    }
}

/// A form of a page that this browser was sent.
pub(super) fn begun_here(visit: &Visit) -> Result<Params, Instead> {
    visit.closed()?;
    let params = visit.form()?;
    let same = visit.cookie(FLOW).is_some_and(|cookie| flow::is_same(cookie, params.text("flow").unwrap_or_default()));
    if same {
        return Ok(params);
    }
    let why = "The page to sign in at is too old, or your browser takes no cookies. Nothing was sent to anybody.";
    Err(message(403, "Begin again", why, ("/login", "Sign in")).into())
}

/// Gives the browser its session.
pub(super) async fn enter(app: Arc<App>, visit: Visit, caller: Caller, next: String) -> Response {
    blocking(app, move |app, now| entered(app, &visit, caller, &next, now)).await
}

/// Gives the browser its session, and sends it on. Blocks.
pub(super) fn entered(
    app: &App,
    visit: &Visit,
    caller: Caller,
    next: &str,
    now: Timestamp,
) -> Result<Response, Instead> {
    let factor = caller.bound().and_then(|bound| bound.factor()).map(|factor| factor.by);
    let settings = *app.portal.read().unwrap_or_else(PoisonError::into_inner);
    let begun = sign_in::begin((&app.gate, &app.mint), settings, caller, now).map_err(|error| {
        let (status, why) = match error.fault() {
            Fault::Caller => (403, error.to_string()),
            _ => (503, "Signing in does not work at the moment; the log says why.".to_owned()),
        };
        form(app, visit, status, ("", "", Some(why)))
    })?;
    leave(app, visit, now);
    saml::carry_over(app, visit, &begun.session, now);
    let mut answer = match factor {
        Some(Method::RecoveryCode { left }) => recovered(left, next),
        _ => onward(next),
    };
    set_cookie(&mut answer, SESSION, begun.cookie.expose(), None);
    set_cookie(&mut answer, FLOW, "", Some(0));
    Ok(answer)
}

/// On to where somebody wanted to go.
pub(super) fn onward(next: &str) -> Response {
    let next = flow::target(next).unwrap_or("/me");
    // Browsers hold what a form leads to, however far, to the policy of its page, which lets it lead to us alone. So the way to
    // an application begins anew here.
    match next.starts_with("/oauth2/") || next.starts_with("/saml/") {
        true => page(200, &OnwardPage { onward: next, words: ["You are signed in", "On to the application."] }),
        false => Redirect::to(next).into_response(),
    }
}

/// Says that a recovery code is used up, to whoever meant to be asked for it and whoever did not.
pub(super) fn recovered(left: usize, next: &str) -> Response {
    let left = match left {
        0 => "It was the last one.".to_owned(),
        1 => "One is left.".to_owned(),
        left => format!("{left} are left."),
    };
    let why = format!(
        "You signed in with a recovery code, which counts no more. {left} Under Groups and security you make new ones, and remove a \
         device or passkey that is lost."
    );
    message(200, "Signed in with a recovery code", &why, (flow::target(next).unwrap_or("/me"), "Go on"))
}

/// Whoever signs in anew leaves the session the browser had: none is ever taken over by another. Blocks.
fn leave(app: &App, visit: &Visit, now: Timestamp) {
    let Some(cookie) = visit.cookie(SESSION) else { return };
    let cookie = Secret::new(cookie.to_owned());
    let Ok(caller) = sign_in::who(&app.admin, &cookie, visit.from.clone(), now) else { return };
    let left = caller.signed().map(|signed| app.admin.sign_out(signed, "signed in anew", now));
    if let Some(Err(error)) = left {
        tracing::warn!(%error, "the session before could not be ended");
    }
}

/// Asks whether to sign out: a link of another site would do it otherwise.
pub(super) async fn ask_to_leave(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let who = visit.signed_in(app, "", now)?;
        Ok(page(200, &SignOut { form: &who.frame.form }))
    })
    .await
}

/// Signs out.
pub(super) async fn sign_out(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let (who, _) = visit.acting(app, "", now)?;
        if let Some(signed) = who.caller.signed() {
            app.admin.sign_out(signed, "signed out", now).map_err(|error| {
                tracing::error!(%error, "a session could not be ended");
                message(
                    503,
                    "Not signed out",
                    "Your session could not be ended now; try again.",
                    ("/logout", "Try again"),
                )
            })?;
        }
        let session = who.caller.signed().and_then(|signed| signed.session()).map(|live| live.session().id);
        let elsewhere = session.and_then(|session| saml::elsewhere(app, app.sso(), session, None, now));
        let mut answer = elsewhere.unwrap_or_else(|| Redirect::to("/login?why=signed_out").into_response());
        set_cookie(&mut answer, SESSION, "", Some(0));
        // What the browser kept of our pages goes with it.
        answer.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\", \"storage\""));
        Ok(answer)
    })
    .await
}

/// Sets a cookie for us alone: `Lax`, so that a link to our pages finds whoever is signed in; a form of another site does not.
pub(super) fn set_cookie(answer: &mut Response, name: &str, value: &str, seconds: Option<u32>) {
    let until = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{until}");
    if let Ok(mut value) = HeaderValue::from_str(&text) {
        value.set_sensitive(true);
        answer.headers_mut().append(SET_COOKIE, value);
    }
}

pub(super) fn status(refused: &Refused) -> u16 {
    match refused.fault() {
        _ if refused.is_alike() => 403,
        Fault::Caller => 403,
        _ => 503,
    }
}

/// A refusal as a sentence.
pub(super) fn sentence(refused: &Refused) -> String {
    as_sentence(&refused.to_string())
}
