//! `/oauth2/authorize`: where applications send browsers to have people sign in.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use hyper::Method;

use super::pages::{Agree, OnwardPage, gets, message, page};
use super::step_up;
use super::visit::{SignedIn, Visit, blocking};
use crate::http::{App, Failure};
use crate::sso::authorize::Onward;
use crate::sso::metadata::paths;
use crate::sso::{Form, flow};

/// Sends the browser on: back to the application, or to sign in first.
pub(super) async fn authorize(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let Some(sso) = app.sso() else { return Failure::no_single_sign_on().into_response() };
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
        let (mut frame, mut anew) = (None, false);
        let onward = match sso.asked(&form, now) {
            Err(instead) => instead,
            Ok(request) => {
                anew = request.asks_anew();
                match visit.signed_in(app, "", now) {
                    Ok(SignedIn { caller, frame: of }) => {
                        frame = Some(of);
                        sso.somebody(&request, caller, false, now)
                    }
                    Err(_) => sso.nobody(&request),
                }
            }
        };
        Ok(match (onward, frame) {
            (Onward::Client(address), _) => Redirect::to(&address).into_response(),
            (Onward::SignIn, _) | (Onward::Agree(_), None) => to_sign_in(&visit, anew),
            (Onward::Nowhere(why), _) => nowhere(&why),
            (Onward::SecondFactor, _) => step_up::to(visit.here()),
            (Onward::Agree(asks), Some(frame)) => {
                let gets = gets(&asks.scopes);
                page(200, &Agree { frame, query: visit.uri.query().unwrap_or_default(), asks, gets })
            }
        })
    })
    .await
}

/// Takes the answer of somebody who was asked whether they want to sign in there.
pub(super) async fn agree(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let Some(sso) = app.sso() else { return Failure::no_single_sign_on().into_response() };
    blocking(app, move |app, now| {
        let (SignedIn { caller, .. }, sent) = visit.acting(app, "", now)?;
        let query = sent.text("query").unwrap_or_default();
        let form = Form::read(query.as_bytes()).map_err(|error| nowhere(&error.description))?;
        let onward = match sso.asked(&form, now) {
            Err(instead) => instead,
            // Whatever is not the one word is a no.
            Ok(request) if sent.text("answer") == Some("agree") => sso.somebody(&request, caller, true, now),
            Ok(request) => sso.refused(&request),
        };
        let again = format!("{}?{query}", paths::AUTHORIZE);
        Ok(match onward {
            // A form of ours leads to us alone; this page leads on.
            Onward::Client(address) => {
                page(200, &OnwardPage { onward: &address, words: ["You are signed in", "On to the application."] })
            }
            Onward::SignIn | Onward::Agree(_) => Redirect::to(flow::target(&again).unwrap_or("/me")).into_response(),
            Onward::Nowhere(why) => nowhere(&why),
            Onward::SecondFactor => step_up::to(&again),
        })
    })
    .await
}

fn nowhere(why: &str) -> Response {
    message(400, "The application asks for what cannot be", why, ("/me", "My access"))
}

/// Says in an address that leads here again that whoever comes by it was to sign in anew: of those who do so at an outside provider,
/// that one is asked to have them do so.
pub(super) const ANEW: &str = "anew";

/// To the page to sign in at, and here again from there; whoever was to sign in in any case has done so then.
fn to_sign_in(visit: &Visit, anew: bool) -> Response {
    let asked = url::form_urlencoded::parse(visit.uri.query().unwrap_or_default().as_bytes());
    let mut kept = url::form_urlencoded::Serializer::new(String::new());
    kept.extend_pairs(asked.filter(|(name, _)| name != "prompt" && name != "max_age" && name != ANEW));
    if anew || visit.asked(ANEW).is_some() {
        kept.append_pair(ANEW, "1");
    }
    let next = format!("/oauth2/authorize?{}", kept.finish());
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", &next);
    Redirect::to(&format!("/login?{}", query.finish())).into_response()
}
