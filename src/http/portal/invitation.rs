//! `/invitation/..`: somebody of another firm comes in for the first time. The link opens this page and nothing more; with the code that
//! they were told they choose a password, and then set up a second factor as anybody does on the way in ([`super::enrol`]); or, where their
//! engagement says so, they are sent to their own firm's provider and linked with who they are there ([`super::outside`]).
//!
//! And what whoever answers for them inside does about that: invites them, reads the code out, takes it back.

use std::sync::{Arc, PoisonError};

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::mine::{failed, not_allowed};
use super::pages::grants::{FirstPassword, Invitation, InvitationMade};
use super::pages::{as_sentence, message, page};
use super::sign_in::{begun_here, flow_of, sentence, set_cookie, status};
use super::visit::{FLOW, SignedIn, Visit, blocking};
use super::{enrol, outside, step_up};
use crate::admin::AdminError;
use crate::authn::login::{Half, Refused};
use crate::base::{Fault, Faulty as _, Secret};
use crate::gate::{GateError, Operation};
use crate::http::App;

/// Where somebody goes on to whose engagement brought them here.
pub(super) const ONWARD: &str = "/me/grants";

/// The page of a link, whatever the link is: it tells nobody whether it is good.
pub(super) async fn show(State(app): State<Arc<App>>, Path(link): Path<String>, visit: Visit) -> Response {
    match visit.closed() {
        Ok(()) => form(&app, &visit, (200, &link), None),
        Err(instead) => instead.page(),
    }
}

fn form(app: &App, visit: &Visit, (status, link): (u16, &str), why: Option<String>) -> Response {
    let flow = flow_of(app, visit);
    let mut answer = page(status, &Invitation { flow: &flow, link, why });
    set_cookie(&mut answer, FLOW, &flow, Some(1_800));
    answer
}

/// Takes the code, and goes on to a password, or to the provider by which whoever was invited signs in.
pub(super) async fn accept(State(app): State<Arc<App>>, Path(link): Path<String>, visit: Visit) -> Response {
    let params = match begun_here(&visit) {
        Ok(params) => params,
        Err(instead) => return instead.page(),
    };
    let code = Secret::new(params.text("code").unwrap_or_default().to_owned());
    let half = match app.gate.invited(&app.logins, (&link, code), visit.from.clone(), app.clock.now()).await {
        Ok(half) => half,
        Err(refused) => return form(&app, &visit, (status(&refused), &link), Some(sentence(&refused))),
    };
    let (worker, invited) = (app.admin.clone(), half.user());
    match tokio::task::spawn_blocking(move || worker.provider_of(&invited)).await {
        Ok(Ok(None)) => password_form(&app, &visit, (200, &link), &half, None),
        Ok(Ok(Some(provider))) => outside::link(&app, &visit, &provider, half).await,
        Ok(Err(error)) => failed(error),
        Err(ended) => ended_early(&ended),
    }
}

fn ended_early(ended: &tokio::task::JoinError) -> Response {
    tracing::error!(error = %ended, "a page could not be made");
    message(503, "Not now", "Something of ours does not work; try again in a moment.", ("/login", "Sign in"))
}

/// Where a password is chosen; what stands for the code goes on with it, sealed.
fn password_form(app: &App, visit: &Visit, (status, link): (u16, &str), half: &Half, why: Option<String>) -> Response {
    match (visit.cookie(FLOW), half.seal(&app.admin.keys)) {
        (Some(flow), Ok(half)) => page(status, &FirstPassword { flow, link, half: &half, why }),
        _ => form(app, visit, (503, link), Some("That does not work now; try again in a moment.".to_owned())),
    }
}

/// Takes a password, and goes on to a second factor.
pub(super) async fn choose(State(app): State<Arc<App>>, Path(link): Path<String>, visit: Visit) -> Response {
    let params = match begun_here(&visit) {
        Ok(params) => params,
        Err(instead) => return instead.page(),
    };
    let text = |name: &str| params.text(name).unwrap_or_default().to_owned();
    let Some(half) = Half::open(&app.admin.keys, &text("half")).filter(Half::is_invited) else {
        return form(&app, &visit, (403, &link), Some("That took too long: begin again.".to_owned()));
    };
    let password = Secret::new(text("password"));
    if text("again") != *password.expose() {
        let why = "The two passwords are not the same: type both once more.";
        return password_form(&app, &visit, (400, &link), &half, Some(why.to_owned()));
    }
    let (worker, from) = (Arc::clone(&app), visit.from.clone());
    let set = tokio::task::spawn_blocking(move || (set_password(&worker, &half, from, password), half)).await;
    let (no, half) = match set {
        Ok((Ok(half), _)) => return enrol::ask(app, visit, half, ONWARD.to_owned()).await,
        Ok((Err(no), half)) => (no, half),
        Err(ended) => return ended_early(&ended),
    };
    match no {
        No::Weak(why) => password_form(&app, &visit, (400, &link), &half, Some(why)),
        No::Told(status, why) => form(&app, &visit, (status, &link), Some(why)),
        No::Failed(error) => {
            tracing::error!(%error, "an invitation could not be accepted");
            let why = "That does not work now; the log says why. Try again in a moment.".to_owned();
            form(&app, &visit, (503, &link), Some(why))
        }
    }
}

/// Why no password was set.
enum No {
    /// It breaks a rule, so another one may do.
    Weak(String),
    /// What is told, with this status.
    Told(u16, String),
    /// Something of ours does not work.
    Failed(String),
}

impl From<Refused> for No {
    fn from(refused: Refused) -> Self {
        Self::Told(status(&refused), sentence(&refused))
    }
}

/// Sets the password of whoever was invited; answers what goes on to a second factor. Blocks.
fn set_password(
    app: &App,
    half: &Half,
    from: crate::authn::signed::RequestSource,
    password: Secret<String>,
) -> Result<Half, No> {
    let now = app.clock.now();
    let caller = app.logins.resume(half, from, now)?;
    let name = caller.bound().map(|bound| bound.user().name.to_string()).unwrap_or_default();
    let allowed = app.gate.authorize(caller, Operation::AcceptInvitation, &name, now).map_err(|error| match error {
        GateError::NotAuthorized { because, .. } => No::Told(403, format!("You cannot come in now {because}.")),
        error => No::Failed(error.to_string()),
    })?;
    app.admin.accept_invitation(allowed, password).map_err(|error| match error.fault() {
        Fault::Caller => No::Weak(as_sentence(&error.to_string())),
        _ => No::Failed(error.to_string()),
    })?;
    Ok(app.logins.accepted(half, app.clock.now())?)
}

/// Where whoever answers for an engagement came from.
const BACK: (&str, &str) = (ONWARD, "Roles for a while");

/// What whoever answers for an engagement does about the invitation of one of its people.
pub(super) async fn step(
    State(app): State<Arc<App>>,
    Path((engagement, step)): Path<(String, String)>,
    visit: Visit,
) -> Response {
    blocking(app, move |app, now| {
        let (SignedIn { caller, frame }, sent) = visit.acting(app, "grants", now)?;
        let operation = match step.as_str() {
            "invite" => Operation::InviteToEngagement,
            "code" => Operation::ShowInvitationCode,
            "uninvite" => Operation::RevokeInvitation,
            _ => return Err(message(404, "Not there", "There is no such step.", BACK).into()),
        };
        let allowed = app.gate.authorize(caller, operation, &engagement, now);
        let allowed = allowed.map_err(|error| not_allowed(&error, "Not done", BACK))?;
        let person = sent.text("person").unwrap_or_default();
        let engagement = engagement.as_str();
        let shown = match operation {
            Operation::InviteToEngagement => app.admin.invite(allowed, person).map(|made| {
                let link = address_of(app, &made.link);
                page(
                    200,
                    &InvitationMade { frame, engagement, person, until: made.until, link: Some(link), code: None },
                )
            }),
            Operation::ShowInvitationCode => app.admin.invitation_code(allowed, person).map(|told| {
                let (until, code) = (told.until, Some(told.code.expose().clone()));
                page(200, &InvitationMade { frame, engagement, person, until, link: None, code })
            }),
            _ => app.admin.revoke_invitation(allowed, person).map(|()| Redirect::to(ONWARD).into_response()),
        };
        match shown {
            Ok(answer) => Ok(answer),
            Err(AdminError::StepUp { .. }) => Ok(step_up::to(ONWARD)),
            Err(error) if error.fault() == Fault::Caller => {
                Ok(message(409, "Not done", &as_sentence(&error.to_string()), BACK))
            }
            Err(error) => Err(failed(error).into()),
        }
    })
    .await
}

/// The address of a page of ours, as far as the configuration says what we are called: what a request says of that is the sender's.
pub(in crate::http) fn address_of(app: &App, path: &str) -> String {
    let settings = app.sso_settings.read().unwrap_or_else(PoisonError::into_inner);
    settings.issuer.as_ref().map_or_else(|| path.to_owned(), |issuer| issuer.at(path))
}
