//! `/login/step-up`: a second factor is asked of somebody who is signed in, and counts for their browser from then on.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::mine::failed;
use super::pages::{StepUp, message, page};
use super::sign_in::{onward, sentence, set_cookie, status};
use super::visit::{Instead, SESSION, SignedIn, Visit, blocking};
use crate::base::{Fault, Faulty as _, Secret};
use crate::http::App;
use crate::sso::sign_in::{StepUpError, step_up};
use crate::sso::{flow, mine};

/// The page's address, with where to go on to behind it.
pub(super) fn to(next: &str) -> Response {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", next);
    Redirect::to(&format!("/login/step-up?{}", query.finish())).into_response()
}

/// Asks for it.
pub(super) async fn ask(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let who = visit.signed_in(app, "", now)?;
        let next = visit.asked("next").unwrap_or_default();
        shown(app, &who, 200, &next, None)
    })
    .await
}

/// Takes a code.
pub(super) async fn code(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let (who, form) = visit.acting(app, "", now)?;
        let next = form.text("next").unwrap_or_default();
        // As people read it: in groups of three.
        let code = Secret::new(form.text("code").unwrap_or_default().split_whitespace().collect::<String>());
        let SignedIn { caller, frame } = who;
        match step_up((&app.gate, &app.mint), &app.logins, caller, &code, now) {
            Ok(begun) => {
                let mut answer = onward(next);
                set_cookie(&mut answer, SESSION, begun.cookie.expose(), None);
                Ok(answer)
            }
            Err(StepUpError::Refused(refused)) => {
                Ok(page(status(&refused), &StepUp { frame, next: place(next), why: Some(sentence(&refused)) }))
            }
            Err(error) => {
                let status = if error.fault() == Fault::Caller { 403 } else { 503 };
                Err(message(status, "It does not count", &error.to_string(), ("/me", "My access")).into())
            }
        }
    })
    .await
}

fn shown(app: &App, who: &SignedIn, status: u16, next: &str, why: Option<String>) -> Result<Response, Instead> {
    let next = place(next);
    if mine::devices(&app.admin, super::mine::signed(&who.caller)?).map_err(failed)?.is_empty() {
        let why = "A second factor is asked for here, and you have none yet.";
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("next", next);
        let set_up = format!("/me/security/device?{}", query.finish());
        return Ok(message(200, "A second factor is asked for", why, (&set_up, "Set one up")));
    }
    Ok(page(status, &StepUp { frame: who.frame.clone(), next, why }))
}

fn place(next: &str) -> &str {
    flow::target(next).unwrap_or("/me")
}
