//! `/login/step-up`: a second factor is asked of somebody who is signed in, and counts for their browser from then on.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::factor;
use super::mine::failed;
use super::pages::{StepUp, message, page};
use super::sign_in::{onward, recovered, sentence, set_cookie, status};
use super::visit::{Instead, SESSION, SignedIn, Visit, blocking};
use crate::authn::login::Method;
use crate::base::{Fault, Faulty as _, Timestamp};
use crate::http::App;
use crate::sso::flow;
use crate::sso::sign_in::{StepUpError, step_up};

/// The page's address, with where to go on to behind it.
pub(super) fn to(next: &str) -> Response {
    Redirect::to(&before("/login/step-up", next)).into_response()
}

/// The address of a page that comes before another.
pub(super) fn before(path: &str, next: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", next);
    format!("{path}?{}", query.finish())
}

/// Asks for it.
pub(super) async fn ask(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let who = visit.signed_in(app, "", now)?;
        let next = visit.asked("next").unwrap_or_default();
        shown(app, &who, 200, (&next, None), now)
    })
    .await
}

/// Takes it.
pub(super) async fn take(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let (who, form) = visit.acting(app, "", now)?;
        let next = form.text("next").unwrap_or_default();
        match step_up((&app.gate, &app.mint), &app.logins, who.caller, &factor::shown(&form), now) {
            Ok((begun, by)) => {
                let mut answer = match by {
                    Method::RecoveryCode { left } => recovered(left, next),
                    _ => onward(next),
                };
                set_cookie(&mut answer, SESSION, begun.cookie.expose(), None);
                Ok(answer)
            }
            Err(StepUpError::Refused(refused)) => {
                let who = visit.signed_in(app, "", now)?;
                shown(app, &who, status(&refused), (next, Some(sentence(&refused))), now)
            }
            Err(error) => {
                let status = if error.fault() == Fault::Caller { 403 } else { 503 };
                Err(message(status, "It does not count", &error.to_string(), ("/me", "My access")).into())
            }
        }
    })
    .await
}

fn shown(
    app: &App,
    who: &SignedIn,
    status: u16,
    (next, why): (&str, Option<String>),
    now: Timestamp,
) -> Result<Response, Instead> {
    let next = flow::target(next).unwrap_or("/me");
    let user = super::mine::signed(&who.caller)?.user().map(|user| user.id);
    let user = user.ok_or_else(|| message(403, "Not for you", "Sign in first.", ("/login", "Sign in")))?;
    let held = app.logins.factors(&user).map_err(failed)?;
    if !held.any() {
        let why = "A second factor is asked for here, and you have none yet.";
        let set_up = before("/me/security/device", next);
        return Ok(message(status, "A second factor is asked for", why, (&set_up, "Set one up")));
    }
    let passkey = factor::passkey(app, &user, now);
    let kept = vec![("form", who.frame.form.as_str()), ("next", next)];
    let (who, action) = (who.frame.who.as_str(), "/login/step-up");
    Ok(page(status, &StepUp { who, action, kept, within: false, held, passkey, why }))
}
