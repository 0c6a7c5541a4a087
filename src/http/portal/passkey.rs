//! `/me/security/passkey` and recovery codes: what people do with second factors of their own.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::factor::answer;
use super::mine::{failed, security_page, signed};
use super::pages::{FirstCodes, Frame, NewPasskey, RecoveryCodesPage, as_sentence, message, page};
use super::sign_in::{onward, set_cookie};
use super::step_up;
use super::visit::{Instead, SESSION, SignedIn, Visit, blocking};
use crate::admin::AdminError;
use crate::admin::iam::own_devices::Before;
use crate::admin::iam::own_passkeys::{Enrolled, Removed};
use crate::authn::Caller;
use crate::authn::subject::Subject;
use crate::authn::webauthn::Relying;
use crate::base::{Fault, Faulty as _, Timestamp};
use crate::gate::{Authorized, Operation};
use crate::http::App;
use crate::sso::flow;
use crate::sso::sign_in::stepped_up;

/// Asks the browser to make one.
pub(super) async fn offer(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let SignedIn { caller, frame } = visit.signed_in(app, "security", now)?;
        match app.admin.before_another_factor(Subject::Signed(signed(&caller)?), now).map_err(failed)? {
            None => {}
            Some(Before::StepUp) => return Ok(step_up::to(visit.here())),
            Some(Before::SignIn) => return Ok(visit.to_sign_in(Some("password"))),
        }
        offered(app, &caller, frame, (&visit.asked("next").unwrap_or_default(), None), now)
    })
    .await
}

fn offered(
    app: &App,
    caller: &Caller,
    frame: Frame,
    (next, why): (&str, Option<String>),
    now: Timestamp,
) -> Result<Response, Instead> {
    let who = Subject::Signed(signed(caller)?);
    let asked = app.admin.ask_new_passkey(who, &relying(app)?, now).map_err(failed)?;
    let status = if why.is_some() { 403 } else { 200 };
    Ok(page(status, &NewPasskey { frame, next: flow::target(next).unwrap_or_default(), asked, why }))
}

/// Keeps the one it made.
pub(super) async fn enrol(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let (SignedIn { caller, .. }, form) = visit.acting(app, "security", now)?;
        let allowed = allowed(app, caller, Operation::EnrolSecondFactor, now)?;
        let (name, next) = (form.text("name").unwrap_or_default(), form.text("next").unwrap_or_default());
        match app.admin.enrol_passkey(allowed, &relying(app)?, &answer(&form), name) {
            Ok(enrolled) => added(app, &visit, (enrolled, next), now),
            Err(error @ (AdminError::Passkey(_) | AdminError::OutOfBounds { .. }))
                if error.fault() == Fault::Caller =>
            {
                let SignedIn { caller, frame } = visit.signed_in(app, "security", now)?;
                offered(app, &caller, frame, (next, Some(as_sentence(&error.to_string()))), now)
            }
            Err(error) => Err(refused("Not added", error)),
        }
    })
    .await
}

/// Somebody has one factor more, and has shown it just now: so it counts for this browser. With their first, recovery codes are
/// shown, this once. Blocks.
pub(super) fn added(
    app: &App,
    visit: &Visit,
    (enrolled, next): (Enrolled, &str),
    now: Timestamp,
) -> Result<Response, Instead> {
    let SignedIn { caller, .. } = visit.signed_in(app, "security", now)?;
    let Enrolled { name, by, codes, .. } = enrolled;
    let codes: Vec<&str> = codes.iter().map(|code| code.expose().as_str()).collect();
    let begun = match stepped_up((&app.gate, &app.mint), caller, by.words(), now) {
        Ok(begun) => begun,
        // The codes are told this once, whatever else is so.
        Err(_) if !codes.is_empty() => return Ok(page(200, &FirstCodes { name: &name, codes, next: "/me/security" })),
        Err(error) => {
            let why = format!("{name} is in use, and does not count for this sign-in: {error}.");
            return Err(message(200, "Sign in again", &why, ("/login", "Sign in")).into());
        }
    };
    let next = flow::target(next);
    let mut answer = match (next, codes.is_empty()) {
        (Some(next), true) => onward(next),
        (next, false) => {
            let SignedIn { frame, .. } = visit.signed_in_by(app, &begun.cookie, "security", now)?;
            let next = next.unwrap_or("/me/security");
            page(200, &RecoveryCodesPage { frame, added: Some(name), codes, next })
        }
        (None, true) => {
            let SignedIn { caller, frame } = visit.signed_in_by(app, &begun.cookie, "security", now)?;
            let said = format!("{name} is in use, and counts for this sign-in.");
            page(200, &security_page(app, signed(&caller)?, frame, Some(said), now)?)
        }
    };
    set_cookie(&mut answer, SESSION, begun.cookie.expose(), None);
    Ok(answer)
}

/// Calls one otherwise.
pub(super) async fn rename(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let (SignedIn { caller, .. }, form) = visit.acting(app, "security", now)?;
        let allowed = allowed(app, caller, Operation::RenameSecondFactor, now)?;
        let (id, name) = (form.text("passkey").unwrap_or_default(), form.text("name").unwrap_or_default());
        app.admin.rename_passkey(allowed, id, name).map_err(|error| refused("Not renamed", error))?;
        Ok(Redirect::to("/me/security").into_response())
    })
    .await
}

/// Removes one.
pub(super) async fn remove(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let (SignedIn { caller, .. }, form) = visit.acting(app, "security", now)?;
        let allowed = allowed(app, caller, Operation::RemoveSecondFactor, now)?;
        let id = form.text("passkey").unwrap_or_default();
        let removed = app.admin.remove_passkey(allowed, id).map_err(|error| refused("Not removed", error))?;
        gone(app, &visit, (&removed, "on the device"), now)
    })
    .await
}

/// Says what somebody has no more, and where else they delete it. Blocks.
pub(super) fn gone(
    app: &App,
    visit: &Visit,
    (removed, elsewhere): (&Removed, &str),
    now: Timestamp,
) -> Result<Response, Instead> {
    let SignedIn { caller, frame } = visit.signed_in(app, "security", now)?;
    let mut said = format!("{} is removed. You can delete it {elsewhere}, too.", removed.name);
    if removed.with_codes {
        said.push_str(" It was your last second factor, so your recovery codes count no more.");
    }
    Ok(page(200, &security_page(app, signed(&caller)?, frame, Some(said), now)?))
}

/// Makes recovery codes anew, and shows them this once.
pub(super) async fn recovery_codes(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let (SignedIn { caller, frame }, _) = visit.acting(app, "security", now)?;
        let allowed = allowed(app, caller, Operation::CreateRecoveryCodes, now)?;
        let codes = app.admin.make_recovery_codes(allowed).map_err(|error| refused("Not made", error))?;
        let codes = codes.iter().map(|code| code.expose().as_str()).collect();
        Ok(page(200, &RecoveryCodesPage { frame, added: None, codes, next: "/me/security" }))
    })
    .await
}

/// The yes of the gate, or the page that says no.
pub(super) fn allowed(app: &App, caller: Caller, operation: Operation, now: Timestamp) -> Result<Authorized, Instead> {
    app.gate.authorize(caller, operation, "", now).map_err(|error| {
        let status = if error.fault() == Fault::Caller { 403 } else { 503 };
        message(status, "Not done", &error.to_string(), ("/me/security", "Back")).into()
    })
}

fn relying(app: &App) -> Result<Relying, Instead> {
    let why = "Passkeys are made for a name, and this site is not set up with one: the configuration has neither an address for \
               single sign-on nor a host.";
    app.logins
        .passkeys()
        .relying()
        .ok_or_else(|| message(404, "No passkeys here", why, ("/me/security", "Back")).into())
}

pub(super) fn refused(heading: &str, error: AdminError) -> Instead {
    match error.fault() {
        Fault::Caller => message(403, heading, &as_sentence(&error.to_string()), ("/me/security", "Back")).into(),
        _ => failed(error).into(),
    }
}
