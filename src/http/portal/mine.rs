//! `/me`: what somebody who is signed in sees of themselves, and does with it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::pages::{Access, Card, Credentials, Frame, Running, Security, Sessions, SignedInBefore, message, page};
use super::step_up;
use super::visit::{Instead, SESSION, SignedIn, Visit, blocking};
use crate::admin::AdminError;
use crate::admin::iam::own_passkeys::OwnFactors;
use crate::admin::iam::sessions::SessionView;
use crate::authn::signed::Signed;
use crate::base::{Fault, Faulty as _, Timestamp};
use crate::gate::GateError;
use crate::http::App;
use crate::query::QueryError;
use crate::sso::mine;
use crate::store::StoreError;

/// Roles that can be taken.
pub(super) async fn access(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let SignedIn { caller, frame } = visit.signed_in(app, "access", now)?;
        let cards = mine::roles(&app.admin, signed(&caller)?, now).map_err(failed)?;
        let filter = visit.asked("q").unwrap_or_default();
        let total = cards.len();
        let cards = cards.into_iter().filter(|card| card.has(&filter)).map(Card::of).collect();
        let apps = match app.sso() {
            Some(sso) => sso.saml_apps(signed(&caller)?, now).map_err(|_| failed_sso())?,
            None => Vec::new(),
        };
        Ok(page(200, &Access { frame, filter, total, cards, apps }))
    })
    .await
}

fn failed_sso() -> Instead {
    message(500, "Not now", "Something of ours does not work; try again in a moment.", ("/me", "Try again")).into()
}

/// Takes a role, and shows its credentials once.
pub(super) async fn take(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let (SignedIn { caller, frame }, form) = visit.acting(app, "access", now)?;
        let arn = form.text("role").unwrap_or_default();
        let seconds = form.text("seconds").and_then(|seconds| seconds.parse().ok());
        let minted = match app.sts().take_role(&app.gate, caller, (arn, seconds), now) {
            Ok(minted) => minted,
            Err(error) => return Err(not_given(app, &visit, arn, &error, now)?.into()),
        };
        let role = arn.rsplit('/').next().unwrap_or_default();
        Ok(page(
            200,
            &Credentials {
                frame,
                role,
                arn,
                key: minted.session.key().as_str(),
                secret: minted.secrets.secret.expose(),
                token: minted.secrets.token.expose(),
                expires: minted.session.expires,
            },
        ))
    })
    .await
}

/// Why a role was not given, or where to go where all that lacks is a second factor. Blocks.
fn not_given(app: &App, visit: &Visit, arn: &str, error: &QueryError, now: Timestamp) -> Result<Response, Instead> {
    let SignedIn { caller, .. } = visit.signed_in(app, "access", now)?;
    let cards = mine::roles(&app.admin, signed(&caller)?, now).map_err(failed)?;
    if cards.iter().any(|card| card.arn == arn && card.needs_factor) {
        return Ok(step_up::to("/me"));
    }
    let heading = if error.status < 500 { "The role was not given" } else { "Not now" };
    Ok(message(error.status, heading, &error.message, ("/me", "Back to my access")))
}

/// Sessions that run.
pub(super) async fn sessions(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let SignedIn { caller, frame } = visit.signed_in(app, "sessions", now)?;
        let who = signed(&caller)?;
        let this = who.session().map(|live| live.session().id);
        let views = app.admin.own_sessions(who, now).map_err(failed)?;
        let sessions = views.into_iter().map(|view| Running {
            what: what(&view.arn).to_owned(),
            with: with(&view.begun_with, view.browser).to_owned(),
            ip: view.source_ip.unwrap_or_default(),
            created: view.created,
            expires: view.expires,
            is_this: Some(view.id) == this,
            id: view.id.to_string(),
        });
        Ok(page(200, &Sessions { frame, sessions: sessions.collect() }))
    })
    .await
}

/// The last part of an ARN that says what it is: `assumed-role/Deploy/ann`, `user/ann`.
fn what(arn: &str) -> &str {
    arn.splitn(6, ':').last().unwrap_or(arn)
}

fn with(begun: &str, browser: bool) -> &str {
    match begun {
        "login" if browser => "signed in with a browser",
        "login" => "signed in with a password, from a program",
        begun if begun.starts_with("tokens ") => "begun by an application that you signed in to",
        begun if begun.starts_with("AKIA") => "begun with a long-lived access key",
        _ => "begun by another session of yours",
    }
}

/// Ends one of them.
pub(super) async fn end(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let (SignedIn { caller, .. }, form) = visit.acting(app, "sessions", now)?;
        let session = form.text("session").unwrap_or_default();
        app.admin.end_own_session(signed(&caller)?, session, now).map_err(failed)?;
        Ok(Redirect::to("/me/sessions").into_response())
    })
    .await
}

/// Ends all of them.
pub(super) async fn end_all(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let (SignedIn { caller, .. }, _) = visit.acting(app, "sessions", now)?;
        let who = signed(&caller)?;
        if let (Some(sso), Some(user)) = (app.sso(), who.user()) {
            sso.end_all_of(&user.id, &who.actor(), "signed_out_everywhere", now)
                .map_err(|error| message(503, "Not signed out", &error.description, ("/me/sessions", "Try again")))?;
        }
        app.admin.sign_out_everywhere(who, now).map_err(failed)?;
        let session = who.session().map(|live| live.session().id);
        let elsewhere = session.and_then(|session| super::saml::elsewhere(app, app.sso(), session, None, now));
        let mut answer = elsewhere.unwrap_or_else(|| Redirect::to("/login?why=signed_out").into_response());
        super::sign_in::set_cookie(&mut answer, SESSION, "", Some(0));
        Ok(answer)
    })
    .await
}

/// Devices and groups.
pub(super) async fn security(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let SignedIn { caller, frame } = visit.signed_in(app, "security", now)?;
        Ok(page(200, &security_page(app, signed(&caller)?, frame, None, now)?))
    })
    .await
}

/// The page of second factors and groups; `said` was done a moment ago. Blocks.
pub(super) fn security_page(
    app: &App,
    who: &Signed,
    frame: Frame,
    said: Option<String>,
    now: Timestamp,
) -> Result<Security, Instead> {
    let OwnFactors { passkeys, recovery_codes } = app.admin.own_factors(who).map_err(failed)?;
    let devices = mine::devices(&app.admin, who).map_err(failed)?;
    let groups = mine::groups(&app.admin, who, now).map_err(failed)?;
    let mfa = who.session().and_then(|live| live.session().mfa);
    let sign_ins = app.admin.own_sign_ins(who, now).map_err(failed)?.into_iter().map(signed_in_before).collect();
    Ok(Security { frame, devices, mfa, passkeys, recovery_codes, sign_ins, groups, said })
}

fn signed_in_before(view: SessionView) -> SignedInBefore {
    SignedInBefore {
        at: view.created,
        with: if view.browser { "with a browser" } else { "from a program" },
        ip: view.source_ip.unwrap_or_default(),
        factor: view.mfa.is_some(),
        state: if view.state == "live" { "signed in now" } else { "over" },
    }
}

/// Whoever has a browser's session signs, in a way.
pub(super) fn signed(caller: &crate::authn::Caller) -> Result<&Signed, Instead> {
    caller.signed().ok_or_else(|| message(403, "Not for you", "Sign in first.", ("/login", "Sign in")).into())
}

pub(super) fn failed(error: impl Into<AdminError>) -> Response {
    let error = error.into();
    match error.fault() {
        Fault::Caller => message(404, "Not there", &error.to_string(), ("/me", "Back to my access")),
        _ if matches!(error, AdminError::Store(StoreError::Full { .. })) => not_written(&error),
        _ => {
            tracing::error!(%error, "a page could not be made");
            message(500, "Not now", "Something of ours does not work; try again in a moment.", ("/me", "Try again"))
        }
    }
}

/// What cannot be written does not happen. Why, and where the disk is, is the operator's to know.
fn not_written(error: &dyn std::error::Error) -> Response {
    tracing::warn!(%error, "refused, since it cannot be written");
    let why = "Nothing was done, because it cannot be written down now. Whoever runs Bailey here has to act.";
    message(503, "Not now", why, ("/me", "Back to my access"))
}

/// Why the gate says no, with the way back.
pub(super) fn not_allowed(error: &GateError, heading: &str, back: (&str, &str)) -> Response {
    match error {
        GateError::NotRecorded { .. } => not_written(error),
        _ if error.fault() == Fault::Caller => message(403, heading, &error.to_string(), back),
        _ => message(503, heading, &error.to_string(), back),
    }
}
