//! `/device`: somebody answers a device without a browser that asks to be signed in (RFC 8628, section 3.3).
//!
//! The code is always typed here and never part of an address, and what it would do is shown before anything is done.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};

use super::mine::signed;
use super::pages::{DeviceAsks, DeviceCode, gets, message, page};
use super::step_up;
use super::visit::{Instead, SignedIn, Visit, blocking};
use crate::http::{App, Failure};
use crate::sso::{DeviceError, Sso};

/// Where the code is typed.
pub(super) async fn show(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let _ = sso(app)?;
        let SignedIn { frame, .. } = visit.signed_in(app, "", now)?;
        Ok(page(200, &DeviceCode { form: &frame.form, who: &frame.who, why: None }))
    })
    .await
}

/// Shows what the device asks whose code was typed.
pub(super) async fn typed(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let sso = sso(app)?;
        let (SignedIn { caller, frame }, form) = visit.acting(app, "", now)?;
        match sso.device_asks(signed(&caller)?, form.text("user_code").unwrap_or_default(), now) {
            Ok(asks) => {
                let from = asks.from.map_or_else(|| "this machine".to_owned(), |ip| ip.to_string());
                let gets = gets(&asks.scopes);
                Ok(page(200, &DeviceAsks { form: &frame.form, who: &frame.who, asks: &asks, from, gets }))
            }
            Err(DeviceError::NoSuch) => {
                let why = Some("No device waits for this code: it is mistyped, too old, or was answered.".to_owned());
                Ok(page(404, &DeviceCode { form: &frame.form, who: &frame.who, why }))
            }
            Err(error) => Ok(refused(&error)),
        }
    })
    .await
}

/// Takes the answer.
pub(super) async fn answer(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let sso = sso(app)?;
        let (SignedIn { caller, .. }, form) = visit.acting(app, "", now)?;
        // Whatever is not the one word is a no.
        let agrees = form.text("answer") == Some("agree");
        let code = form.text("user_code").unwrap_or_default();
        Ok(match sso.answer_device(caller, code, agrees, now) {
            Ok(()) if agrees => {
                let what = "The device signs itself in within a few seconds. You can close this page.";
                message(200, "The device is signed in", what, ("/me", "My access"))
            }
            Ok(()) => {
                let what = "The device gets nothing. If somebody gave you its code, tell your administrators.";
                message(200, "Refused", what, ("/me", "My access"))
            }
            Err(error) => refused(&error),
        })
    })
    .await
}

fn sso(app: &App) -> Result<Sso, Instead> {
    app.sso().ok_or_else(|| Failure::no_single_sign_on().into_response().into())
}

fn refused(error: &DeviceError) -> Response {
    let again = ("/device", "Type a code");
    match error {
        DeviceError::TooOften(_) => message(429, "Too many wrong codes", &error.to_string(), again),
        DeviceError::NoSuch => message(404, "Nothing waits for that", &error.to_string(), again),
        // The code is typed once more behind it: it stands in no address.
        DeviceError::SecondFactor => step_up::to("/device"),
        DeviceError::Denied(why) => message(403, "Not for you", why, again),
        DeviceError::Failed(error) => message(503, "Not now", &error.description, again),
    }
}
