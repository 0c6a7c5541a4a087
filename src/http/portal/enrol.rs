//! `/login/enrol`: somebody has to show a second factor to sign in and has none yet, so they set one up on the way.
//!
//! The password was right a moment ago; what stands for that goes from page to page, sealed, as where a code is asked for. Who may
//! set one up so is for policies to say (`signin:EnrolSecondFactor`): from the company's network alone, say, since until then a
//! password is all that somebody has to know.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use hyper::header::SET_COOKIE;

use super::device::{NOT_THEM, codes};
use super::pages::{Enrol, FirstCodes, page};
use super::sign_in::{begun_here, entered, form, sentence, status};
use super::visit::{FLOW, Instead, Visit, blocking};
use crate::admin::AdminError;
use crate::admin::iam::own_devices::Offer;
use crate::admin::iam::own_passkeys::Enrolled;
use crate::authn::login::{Half, Refused};
use crate::authn::subject::Subject;
use crate::base::{Fault, Faulty as _};
use crate::gate::{Asking, GateError, Operation};
use crate::http::App;
use crate::sso::flow;

/// A sign-in that goes on.
struct Flow<'a> {
    app: &'a App,
    visit: &'a Visit,
    half: &'a Half,
    next: &'a str,
}

/// Offers a device, behind a password that was right.
pub(super) async fn ask(app: Arc<App>, visit: Visit, half: Half, next: String) -> Response {
    blocking(app, move |app, now| {
        let flow = Flow { app, visit: &visit, half: &half, next: &next };
        let caller = app.logins.resume(&half, visit.from.clone(), now).map_err(|refused| flow.refused(&refused))?;
        // Nobody is shown what they could not put into use.
        let may = app.gate.may(&caller, Operation::EnrolSecondFactor, "", &Asking::of_sign_in(None, now), now);
        may.map_err(|error| flow.not_from_here(&error))?;
        let who = Subject::of(&caller).ok_or_else(|| flow.anew(403, "Begin again.".to_owned()))?;
        let offer = app.admin.offer_device(who, now).map_err(|error| flow.failed(&error))?;
        flow.shown(200, &offer, None)
    })
    .await
}

/// Puts it into use, and lets them in.
pub(super) async fn enrol(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let params = begun_here(&visit)?;
        let next = params.text("next").unwrap_or_default();
        let Some(half) = params.text("half").and_then(|half| Half::open(&app.admin.keys, half)) else {
            let why = Some("That took too long: begin again.".to_owned());
            return Ok(form(app, &visit, 403, (next, "", why)));
        };
        let flow = Flow { app, visit: &visit, half: &half, next };
        let sealed = params.text("offer").unwrap_or_default();
        let caller = app.logins.resume(&half, visit.from.clone(), now).map_err(|refused| flow.refused(&refused))?;
        // Asked for now, since who asks goes into the question.
        let again = Subject::of(&caller).map(|who| app.admin.offer_again(who, sealed, now));
        let allowed = app.gate.authorize(caller, Operation::EnrolSecondFactor, "", now);
        let allowed = allowed.map_err(|error| flow.not_from_here(&error))?;
        let Enrolled { name, codes: told, .. } = match (app.admin.enrol_device(allowed, sealed, &codes(&params)), again)
        {
            (Ok(enrolled), _) => enrolled,
            (Err(AdminError::WrongCode { .. }), Some(Ok(offer))) => {
                return flow.shown(403, &offer, Some(NOT_THEM.to_owned()));
            }
            (Err(error), _) => return Err(flow.failed(&error)),
        };
        let about = vec![("action", Operation::Login.name().to_owned()), ("enrolled", name.clone())];
        let signed_in = app.gate.enrolled(&app.logins, (&half, &name), visit.from.clone(), about, now);
        let signed_in = signed_in.map_err(|refused| flow.refused(&refused));
        let entered = match signed_in.and_then(|caller| entered(app, &visit, caller, next, now)) {
            Ok(entered) => entered,
            // The codes are told this once, whatever else is so.
            Err(instead) if told.is_empty() => return Err(instead),
            Err(_) => StatusCode::OK.into_response(),
        };
        let told = told.iter().map(|code| code.expose().as_str()).collect();
        Ok(with_codes(
            entered,
            &FirstCodes { name: &name, codes: told, next: crate::sso::flow::target(next).unwrap_or("/me") },
        ))
    })
    .await
}

/// The page with recovery codes instead of where somebody goes on to from there; what the browser keeps of the sign-in stays.
fn with_codes(entered: Response, codes: &FirstCodes<'_>) -> Response {
    if codes.codes.is_empty() {
        return entered;
    }
    let mut answer = page(200, codes);
    for cookie in entered.headers().get_all(SET_COOKIE) {
        answer.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    answer
}

impl Flow<'_> {
    fn shown(&self, status: u16, offer: &Offer, why: Option<String>) -> Result<Response, Instead> {
        let sealed = self.half.seal(&self.app.admin.keys);
        let (Some(flow), Ok(half)) = (self.visit.cookie(FLOW), sealed) else {
            return Err(self.anew(500, "That does not work now: begin again.".to_owned()));
        };
        let picture = STANDARD.encode(offer.picture.expose());
        let (next, seed) = (flow::target(self.next).unwrap_or("/me"), offer.seed.expose());
        Ok(page(status, &Enrol { flow, next, half: &half, picture, seed, offer: &offer.sealed, why }))
    }

    /// The page to sign in at, and why it is there again.
    fn anew(&self, status: u16, why: String) -> Instead {
        form(self.app, self.visit, status, (self.next, "", Some(why))).into()
    }

    fn not_from_here(&self, error: &GateError) -> Instead {
        let GateError::NotAuthorized { because, .. } = error else {
            return self.anew(503, "That does not work now; the log says why. Try again in a moment.".to_owned());
        };
        let why = "A second factor is asked for, and you have none. From here you may set none up: do it where you may, such as \
                   at the office, or ask your administrators";
        self.anew(403, format!("{why} ({because})."))
    }

    fn refused(&self, refused: &Refused) -> Instead {
        self.anew(status(refused), sentence(refused))
    }

    fn failed(&self, error: &AdminError) -> Instead {
        if error.fault() == Fault::Caller {
            return self.anew(403, format!("No device was put into use: {error}."));
        }
        tracing::error!(%error, "a device could not be put into use at a sign-in");
        self.anew(503, "That does not work now; the log says why. Try again in a moment.".to_owned())
    }
}
