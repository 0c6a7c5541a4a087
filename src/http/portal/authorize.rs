//! `/oauth2/authorize`: where applications send browsers to have people sign in.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use hyper::Method;

use super::pages::message;
use super::step_up;
use super::visit::{SignedIn, Visit, blocking};
use crate::http::{App, Failure};
use crate::sso::authorize::Onward;
use crate::sso::{Form, flow};

/// Sends the browser on: back to the application, or to sign in first.
pub(super) async fn authorize(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let Some(sso) = app.sso() else { return Failure::not_found("single sign-on is off here").into_response() };
    // A form of another site comes without our cookie. The same request as an address has it.
    if visit.method() == Method::POST {
        let query = String::from_utf8_lossy(visit.body()).into_owned();
        return match flow::target(&format!("/oauth2/authorize?{query}")) {
            Some(target) => Redirect::to(target).into_response(),
            None => message(400, "Not understood", "The application sent what cannot be read.", ("/me", "My access")),
        };
    }
    blocking(app, move |app, now| {
        let form = match Form::read(visit.uri.query().unwrap_or_default().as_bytes()) {
            Ok(form) => form,
            Err(error) => return Ok(nowhere(&error.description)),
        };
        let onward = match sso.asked(&form, now) {
            Err(instead) => instead,
            Ok(request) => match visit.signed_in(app, "", now) {
                Ok(SignedIn { caller, .. }) => sso.somebody(&request, caller, now),
                Err(_) => sso.nobody(&request),
            },
        };
        Ok(match onward {
            Onward::Client(address) => Redirect::to(&address).into_response(),
            Onward::SignIn => to_sign_in(&visit),
            Onward::Nowhere(why) => nowhere(&why),
            Onward::SecondFactor => step_up::to(visit.here()),
        })
    })
    .await
}

fn nowhere(why: &str) -> Response {
    message(400, "The application asks for what cannot be", why, ("/me", "My access"))
}

/// To the page to sign in at, and here again from there; whoever was to sign in in any case has done so then.
fn to_sign_in(visit: &Visit) -> Response {
    let asked = url::form_urlencoded::parse(visit.uri.query().unwrap_or_default().as_bytes());
    let mut kept = url::form_urlencoded::Serializer::new(String::new());
    kept.extend_pairs(asked.filter(|(name, _)| name != "prompt" && name != "max_age"));
    let next = format!("/oauth2/authorize?{}", kept.finish());
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", &next);
    Redirect::to(&format!("/login?{}", query.finish())).into_response()
}
