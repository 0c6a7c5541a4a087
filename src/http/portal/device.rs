//! `/me/security/device`: somebody puts a second factor of their own into use.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::mine::{failed, security_page, signed};
use super::pages::{Device, Frame, message, page};
use super::visit::{Instead, SignedIn, Visit, blocking};
use crate::admin::AdminError;
use crate::admin::iam::mfa::Codes;
use crate::admin::iam::own_devices::Offer;
use crate::base::{Fault, Faulty as _, Secret};
use crate::gate::Operation;
use crate::http::App;
use crate::query::Params;

/// Offers one.
pub(super) async fn offer(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let SignedIn { caller, frame } = visit.signed_in(app, "security", now)?;
        let offer = app.admin.offer_device(signed(&caller)?, now).map_err(failed)?;
        Ok(shown(200, frame, &offer, None))
    })
    .await
}

fn shown(status: u16, frame: Frame, offer: &Offer, why: Option<String>) -> Response {
    let picture = STANDARD.encode(offer.picture.expose());
    page(status, &Device { frame, picture, seed: offer.seed.expose(), offer: &offer.sealed, why })
}

/// Puts it into use.
pub(super) async fn enrol(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let (SignedIn { caller, frame }, form) = visit.acting(app, "security", now)?;
        let sealed = form.text("offer").unwrap_or_default();
        // Asked for now, since who acts goes into the question.
        let again = app.admin.offer_again(signed(&caller)?, sealed, now).map_err(failed)?;
        let allowed = app.gate.authorize(caller, Operation::EnrolSecondFactor, "", now).map_err(|error| {
            let status = if error.fault() == Fault::Caller { 403 } else { 503 };
            message(status, "Not put into use", &error.to_string(), ("/me/security", "Back"))
        })?;
        match app.admin.enrol_device(allowed, sealed, &codes(&form)) {
            Ok(name) => enrolled(app, &visit, name, now),
            Err(AdminError::WrongCode { .. }) => {
                let why = "These are not two codes of it, one right after the other. Try the next two.";
                Ok(shown(403, frame, &again, Some(why.to_owned())))
            }
            Err(error) if error.fault() == Fault::Caller => {
                Err(message(403, "Not put into use", &error.to_string(), ("/me/security", "Back")).into())
            }
            Err(error) => Err(failed(error).into()),
        }
    })
    .await
}

fn enrolled(app: &App, visit: &Visit, name: String, now: crate::base::Timestamp) -> Result<Response, Instead> {
    let SignedIn { caller, frame } = visit.signed_in(app, "security", now)?;
    Ok(page(200, &security_page(app, signed(&caller)?, frame, Some(name), now)?))
}

/// As people read them: in groups of three.
fn codes(form: &Params) -> Codes {
    let code = |name: &str| Secret::new(form.text(name).unwrap_or_default().split_whitespace().collect::<String>());
    Codes { first: code("first"), second: code("second") }
}
