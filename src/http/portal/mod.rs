//! The portal: pages where people sign in and see what that gives them. They work without a script, on a telephone, and by
//! keyboard alone; scripts only make them more convenient.
//!
//! Owns what pages look like (`pages`, `assets`), what of a browser's request counts (`visit`), and the two parts
//! there are: signing in (with a second factor: `factor`; for the first time: `invitation`; by another firm's provider: `outside`) and out (`sign_in`), and "My access" (`mine`). Who may what is asked of the gate.

pub mod assets;
mod authorize;
mod device;
mod device_code;
mod enrol;
mod factor;
mod grants;
mod invitation;
mod mine;
mod outside;
mod pages;
mod passkey;
mod refusal;
mod saml;
mod sign_in;
mod sign_out;
mod step_up;
mod visit;

pub(super) use invitation::address_of;

use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use super::{App, Failure};
use crate::sso::metadata::paths;

/// The pages, for the public listener.
pub(super) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/login", get(sign_in::show).post(sign_in::password))
        .route("/login/code", post(factor::take))
        .route("/login/passwordless", post(factor::passwordless))
        .route("/login/enrol", post(enrol::enrol))
        .route("/login/step-up", get(step_up::ask).post(step_up::take))
        .route("/invitation/{link}", get(invitation::show).post(invitation::accept))
        .route("/invitation/{link}/password", post(invitation::choose))
        .route("/login/with/{provider}", get(outside::begin))
        .route("/login/with/{provider}/callback", get(outside::oidc_callback))
        .route("/login/with/{provider}/metadata", get(outside::metadata))
        .route("/login/with/{provider}/acs", post(outside::saml_acs))
        .route("/logout", get(sign_in::ask_to_leave).post(sign_in::sign_out))
        .route(paths::AUTHORIZE, get(authorize::authorize).post(authorize::authorize))
        .route(paths::END_SESSION, get(sign_out::ask).post(sign_out::ask))
        .route("/oauth2/logout/confirm", post(sign_out::confirm))
        .route("/oauth2/agree", post(authorize::agree))
        .route("/saml/metadata", get(saml::metadata))
        .route("/saml/sso", get(saml::sign_on).post(saml::sign_on))
        .route("/saml/continue", get(saml::go_on).post(saml::choose))
        .route("/saml/slo", get(saml::sign_out).post(saml::sign_out))
        .route("/saml/slo/continue", get(saml::sign_out_on))
        .route("/me/apps/{app}", get(saml::app).post(saml::go))
        .route(paths::DEVICE, get(device_code::show).post(device_code::typed))
        .route("/device/answer", post(device_code::answer))
        .route("/me", get(mine::access))
        .route("/me/use", post(mine::take))
        .route("/me/grants", get(grants::all))
        .route("/me/grants/new", get(grants::ask).post(grants::request))
        .route("/me/grants/{grant}", get(grants::one))
        .route("/me/grants/{grant}/{step}", post(grants::step))
        .route("/me/engagements/{engagement}/activity", get(grants::activity))
        .route("/me/engagements/{engagement}/close", post(grants::close))
        .route("/me/engagements/{engagement}/people/{step}", post(invitation::step))
        .route("/me/refusals/{id}", get(refusal::show))
        .route("/me/sessions", get(mine::sessions))
        .route("/me/sessions/end", post(mine::end))
        .route("/me/sessions/end-all", post(mine::end_all))
        .route("/me/security", get(mine::security))
        .route("/me/security/device", get(device::offer).post(device::enrol))
        .route("/me/security/device/remove", post(device::remove))
        .route("/me/security/passkey", get(passkey::offer).post(passkey::enrol))
        .route("/me/security/passkey/rename", post(passkey::rename))
        .route("/me/security/passkey/remove", post(passkey::remove))
        .route("/me/security/recovery-codes", post(passkey::recovery_codes))
        .route("/assets/{name}", get(assets::asset))
        .route_layer(axum::middleware::from_fn_with_state(Arc::clone(app), switched_on))
}

/// Without pages there is nothing to find.
async fn switched_on(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let enabled = app.portal.read().unwrap_or_else(PoisonError::into_inner).enabled;
    if enabled { next.run(request).await } else { Failure::not_found("there is no such path").into_response() }
}
