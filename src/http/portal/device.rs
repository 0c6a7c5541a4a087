//! `/me/security/device`: somebody puts a device of their own that shows codes into use, and removes it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::mine::{failed, signed};
use super::pages::{Device, Frame, message, page};
use super::passkey::{added, allowed, gone, refused};
use super::step_up;
use super::visit::{SignedIn, Visit, blocking};
use crate::admin::AdminError;
use crate::admin::iam::mfa::Codes;
use crate::admin::iam::own_devices::{Before, Offer};
use crate::authn::subject::Subject;
use crate::base::{Fault, Faulty as _, Secret};
use crate::gate::Operation;
use crate::http::App;
use crate::query::Params;
use crate::sso::flow;

/// What is said of codes that are wrong.
pub(super) const NOT_THEM: &str = "These are not two codes of it, one right after the other. Try the next two.";

/// Offers one, to somebody who has shown enough of who they are.
pub(super) async fn offer(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let SignedIn { caller, frame } = visit.signed_in(app, "security", now)?;
        let who = Subject::Signed(signed(&caller)?);
        match app.admin.before_another_factor(who, now).map_err(failed)? {
            None => {}
            Some(Before::StepUp) => return Ok(step_up::to(visit.here())),
            Some(Before::SignIn) => return Ok(visit.to_sign_in(Some("password"))),
        }
        let offer = app.admin.offer_device(who, now).map_err(failed)?;
        Ok(shown(app, 200, frame, (&visit.asked("next").unwrap_or_default(), &offer), None))
    })
    .await
}

fn shown(app: &App, status: u16, frame: Frame, (next, offer): (&str, &Offer), why: Option<String>) -> Response {
    let picture = STANDARD.encode(offer.picture.expose());
    let next = flow::target(next).unwrap_or_default();
    let passkey = app.logins.passkeys().relying().map(|_| step_up::before("/me/security/passkey", next));
    page(status, &Device { frame, next, passkey, picture, seed: offer.seed.expose(), offer: &offer.sealed, why })
}

/// Puts it into use.
pub(super) async fn enrol(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let (SignedIn { caller, frame }, form) = visit.acting(app, "security", now)?;
        let (sealed, next) = (form.text("offer").unwrap_or_default(), form.text("next").unwrap_or_default());
        // Asked for now, since who acts goes into the question.
        let again = app.admin.offer_again(Subject::Signed(signed(&caller)?), sealed, now).map_err(failed)?;
        let allowed = app.gate.authorize(caller, Operation::EnrolSecondFactor, "", now).map_err(|error| {
            let status = if error.fault() == Fault::Caller { 403 } else { 503 };
            message(status, "Not put into use", &error.to_string(), ("/me/security", "Back"))
        })?;
        match app.admin.enrol_device(allowed, sealed, &codes(&form)) {
            Ok(enrolled) => added(app, &visit, (enrolled, next), now),
            Err(AdminError::WrongCode { .. }) => Ok(shown(app, 403, frame, (next, &again), Some(NOT_THEM.to_owned()))),
            Err(error) if error.fault() == Fault::Caller => {
                Err(message(403, "Not put into use", &error.to_string(), ("/me/security", "Back")).into())
            }
            Err(error) => Err(failed(error).into()),
        }
    })
    .await
}

/// Removes one.
pub(super) async fn remove(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let (SignedIn { caller, .. }, form) = visit.acting(app, "security", now)?;
        let allowed = allowed(app, caller, Operation::RemoveSecondFactor, now)?;
        let name = form.text("device").unwrap_or_default();
        let removed = app.admin.remove_device(allowed, name).map_err(|error| refused("Not removed", error))?;
        gone(app, &visit, (&removed, "in the authenticator"), now)
    })
    .await
}

/// As people read them: in groups of three.
pub(super) fn codes(form: &Params) -> Codes {
    let code = |name: &str| Secret::new(form.text(name).unwrap_or_default().split_whitespace().collect::<String>());
    Codes { first: code("first"), second: code("second") }
}
