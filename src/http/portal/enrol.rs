//! `/login/enrol`: somebody has to show a second factor to sign in and has none yet, so they set one up on the way.
//!
//! It is a passkey or a device that shows codes, as they like; of which the codes need no script. The password was right a moment ago;
//! what stands for that goes from page to page, sealed, as where a code is asked for, and a passkey is asked for within it. Who may set
//! one up so is for policies to say (`signin:EnrolSecondFactor`): from the company's network alone, say, since until then a
//! password is all that somebody has to know.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use hyper::header::SET_COOKIE;

use super::device::{NOT_THEM, codes};
use super::factor::answer;
use super::pages::{Enrol, FirstCodes, as_sentence, message, page};
use super::sign_in::{begun_here, entered, form, sentence, status};
use super::visit::{FLOW, Instead, Visit, blocking};
use crate::admin::AdminError;
use crate::admin::iam::own_devices::Offer;
use crate::admin::iam::own_passkeys::Enrolled;
use crate::authn::Caller;
use crate::authn::login::{Half, Refused};
use crate::authn::subject::Subject;
use crate::authn::webauthn::{Asked, Relying};
use crate::base::{Fault, Faulty as _, Timestamp};
use crate::gate::{Asking, Authorized, GateError, Operation};
use crate::http::App;
use crate::query::Params;
use crate::sso::flow;

/// A sign-in that goes on.
struct Flow<'a> {
    app: &'a App,
    visit: &'a Visit,
    half: &'a Half,
    next: &'a str,
}

/// What somebody may choose between.
struct Ways {
    /// A device that shows codes.
    device: Offer,
    /// A passkey or security key, where they are used at all.
    passkey: Option<Asked>,
    /// What they are called, if they were invited.
    invited: Option<String>,
}

/// Offers what can be set up, behind a password that was right.
pub(super) async fn ask(app: Arc<App>, visit: Visit, half: Half, next: String) -> Response {
    blocking(app, move |app, now| {
        let flow = Flow { app, visit: &visit, half: &half, next: &next };
        let caller = app.logins.resume(&half, visit.from.clone(), now).map_err(|refused| flow.refused(&refused))?;
        // Nobody is shown what they could not put into use.
        let may = app.gate.may(&caller, Operation::EnrolSecondFactor, "", &Asking::of_sign_in(None, now), now);
        may.map_err(|error| flow.not_from_here(&error))?;
        let ways = flow.ways(&caller, None, now)?;
        flow.shown(200, &ways, None)
    })
    .await
}

/// Puts one into use, and lets them in.
pub(super) async fn enrol(State(app): State<Arc<App>>, visit: Visit) -> Response {
    blocking(app, move |app, now| {
        let params = begun_here(&visit)?;
        let next = params.text("next").unwrap_or_default();
        let Some(half) = params.text("half").and_then(|half| Half::open(&app.admin.keys, half)) else {
            let why = Some("That took too long: begin again.".to_owned());
            return Ok(form(app, &visit, 403, (next, "", why)));
        };
        let flow = Flow { app, visit: &visit, half: &half, next };
        let caller = app.logins.resume(&half, visit.from.clone(), now).map_err(|refused| flow.refused(&refused))?;
        // Asked for now, since who asks goes into the question.
        let again = flow.ways(&caller, params.text("offer"), now)?;
        let allowed = app.gate.authorize(caller, Operation::EnrolSecondFactor, "", now);
        let allowed = allowed.map_err(|error| flow.not_from_here(&error))?;
        let enrolled = match flow.put_into_use(allowed, &params) {
            Ok(enrolled) => enrolled,
            Err(error) => return flow.not_put_into_use(&error, &again),
        };
        let Enrolled { name, factor, codes: told, .. } = enrolled;
        let about = vec![("action", Operation::Login.name().to_owned()), ("enrolled", name.clone())];
        let signed_in = app.gate.enrolled(&app.logins, (&half, &factor), visit.from.clone(), about, now);
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
    /// What can be set up: the device that was offered before, if it can be offered once more, and a passkey.
    fn ways(&self, caller: &Caller, before: Option<&str>, now: Timestamp) -> Result<Ways, Instead> {
        let who = Subject::of(caller).ok_or_else(|| self.anew(403, "Begin again.".to_owned()))?;
        let before = before.and_then(|sealed| self.app.admin.offer_again(who, sealed, now).ok());
        let device = before.map_or_else(|| self.app.admin.offer_device(who, now), Ok);
        let passkey = self.relying().map(|relying| self.app.admin.ask_new_passkey(who, &relying, now));
        let passkey = passkey.transpose().unwrap_or_else(|error| {
            tracing::error!(%error, "no passkey can be asked for at a sign-in");
            None
        });
        let invited = caller.bound().filter(|bound| bound.invitation().is_some());
        let invited = invited.map(|bound| bound.user().name.to_string());
        Ok(Ways { device: device.map_err(|error| self.failed(&error))?, passkey, invited })
    }

    /// Who takes part in ceremonies of this sign-in in this browser alone: whoever copies a page of it has nothing.
    fn relying(&self) -> Option<Relying> {
        let relying = self.app.logins.passkeys().relying()?;
        Some(relying.within(self.half.digest(self.visit.cookie(FLOW)?)))
    }

    /// Puts into use what the form shows: an answer of a passkey, or two codes of the device that was offered.
    fn put_into_use(&self, allowed: Authorized, params: &Params) -> Result<Enrolled, AdminError> {
        if params.text("ceremony").is_none() {
            return self.app.admin.enrol_device(allowed, params.text("offer").unwrap_or_default(), &codes(params));
        }
        let none = || AdminError::NotNow {
            what: "passkeys are not used here any more".to_owned(),
            remedy: "set up a device that shows codes".to_owned(),
        };
        let name = params.text("name").unwrap_or_default();
        self.app.admin.enrol_passkey(allowed, &self.relying().ok_or_else(none)?, &answer(params), name)
    }

    /// The page once more, where another try may do; else the one to begin at.
    fn not_put_into_use(&self, error: &AdminError, again: &Ways) -> Result<Response, Instead> {
        match error {
            AdminError::WrongCode { .. } => self.shown(403, again, Some(NOT_THEM.to_owned())),
            AdminError::Passkey(_) | AdminError::Exists { .. } if error.fault() == Fault::Caller => {
                self.shown(403, again, Some(as_sentence(&error.to_string())))
            }
            error => Err(self.failed(error)),
        }
    }

    fn shown(&self, status: u16, ways: &Ways, why: Option<String>) -> Result<Response, Instead> {
        let sealed = self.half.seal(&self.app.admin.keys);
        let (Some(flow), Ok(half)) = (self.visit.cookie(FLOW), sealed) else {
            return Err(self.anew(500, "That does not work now: begin again.".to_owned()));
        };
        let Ways { device, passkey, invited } = ways;
        let picture = STANDARD.encode(device.picture.expose());
        let (next, seed) = (flow::target(self.next).unwrap_or("/me"), device.seed.expose());
        let (passkey, invited, half, offer) =
            (passkey.as_ref(), invited.as_deref(), half.as_str(), device.sealed.as_str());
        let vouched = self.half.is_vouched();
        Ok(page(status, &Enrol { flow, next, half, passkey, picture, seed, offer, invited, vouched, why }))
    }

    /// The page to sign in at, and why it is there again. Whoever was invited has nothing to sign in with yet.
    fn anew(&self, status: u16, why: String) -> Instead {
        if self.half.is_invited() {
            let why = format!("{why} Open the link of your invitation once more.");
            return message(status, "Not set up", &why, ("/login", "Sign in")).into();
        }
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
            return self.anew(403, format!("Nothing was put into use: {error}."));
        }
        tracing::error!(%error, "a second factor could not be put into use at a sign-in");
        self.anew(503, "That does not work now; the log says why. Try again in a moment.".to_owned())
    }
}
