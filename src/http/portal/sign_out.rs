//! `/oauth2/logout`: applications send browsers to sign out (OpenID Connect RP-Initiated Logout 1.0).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use hyper::Method;

use super::pages::{OnwardPage, SignOutOf, message, page};
use super::saml;
use super::visit::{Instead, SESSION, Visit, blocking};
use crate::http::{App, Failure};
use crate::sso::logout::SignOut;
use crate::sso::metadata::paths;
use crate::sso::{Form, Sso};

/// Asks whoever is signed in; sends everybody else on.
pub(super) async fn ask(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let Some(sso) = app.sso() else { return Failure::no_single_sign_on().into_response() };
    blocking(app, move |app, now| {
        // A form of another site comes without our cookie. The same request as an address has it, and needs no hint any more.
        let is_form = visit.method() == Method::POST;
        let sent = if is_form { visit.body() } else { visit.uri.query().unwrap_or_default().as_bytes() };
        let asked = read(&sso, sent)?;
        if is_form {
            return Ok(Redirect::to(&format!("{}?{}", paths::END_SESSION, asked.query())).into_response());
        }
        Ok(match visit.signed_in(app, "", now) {
            Ok(who) => {
                let client = asked.client.as_ref().map(ToString::to_string).unwrap_or_default();
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                let shown = SignOutOf {
                    form: &who.frame.form,
                    who: &who.frame.who,
                    name: asked.name.as_deref(),
                    client,
                    onward: text(&asked.onward),
                    state: text(&asked.state),
                };
                page(200, &shown)
            }
            Err(_) => gone(&asked),
        })
    })
    .await
}

/// Signs out, and sends the browser on.
pub(super) async fn confirm(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let Some(sso) = app.sso() else { return Failure::no_single_sign_on().into_response() };
    blocking(app, move |app, now| {
        let (who, _) = visit.acting(app, "", now)?;
        // Read anew: what the form brings is what a browser says.
        let asked = read(&sso, visit.body())?;
        if let Some(signed) = who.caller.signed() {
            app.admin.sign_out(signed, "signed out of an application", now).map_err(|error| {
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
        let elsewhere =
            session.and_then(|session| saml::elsewhere(app, Some(sso.clone()), session, asked.address(), now));
        if let Some(answer) = elsewhere {
            return Ok(answer);
        }
        let mut answer = match asked.address() {
            // Browsers hold what a form leads to, however far, to the policy of its page: so the way on begins anew.
            Some(address) => {
                page(200, &OnwardPage { onward: &address, words: ["You are signed out", "Back to the application."] })
            }
            None => Redirect::to("/login?why=signed_out").into_response(),
        };
        super::sign_in::set_cookie(&mut answer, SESSION, "", Some(0));
        Ok(answer)
    })
    .await
}

fn read(sso: &Sso, sent: &[u8]) -> Result<SignOut, Instead> {
    let asked = Form::read(sent).map_err(|error| error.description).and_then(|form| sso.sign_out_asked(&form));
    let heading = "The application asks for what cannot be";
    asked.map_err(|why| message(400, heading, &why, ("/logout", "Sign out here")).into())
}

/// Nobody is signed in: there is nothing to ask.
fn gone(asked: &SignOut) -> Response {
    match asked.address() {
        Some(address) => Redirect::to(&address).into_response(),
        None => message(200, "You are signed out", "Nobody is signed in with this browser.", ("/login", "Sign in")),
    }
}
