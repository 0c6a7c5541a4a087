//! `/login`, where more is shown than a password: the page that asks for a second factor, and passkeys.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::pages::{Code, page};
use super::sign_in::{begun_here, enter, form, sentence, status};
use super::visit::{FLOW, Visit, blocking};
use crate::authn::login::{Half, Shown};
use crate::authn::webauthn::{Answer, Asked};
use crate::base::{Secret, Timestamp, UserId};
use crate::gate::Operation;
use crate::http::App;
use crate::query::Params;
use crate::sso::flow;

/// What a form of a page that asks for a second factor shows: the answer of a passkey, or a code, as people read it, in groups.
pub(super) fn shown(params: &Params) -> Shown {
    if params.text("ceremony").is_some() {
        return Shown::Passkey(answer(params));
    }
    Shown::Code(Secret::new(params.text("code").unwrap_or_default().split_whitespace().collect()))
}

/// Takes what somebody shows whose password was right.
pub(super) async fn take(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let params = match begun_here(&visit) {
        Ok(params) => params,
        Err(instead) => return instead.page(),
    };
    let next = params.text("next").unwrap_or_default().to_owned();
    let Some(half) = params.text("half").and_then(|half| Half::open(&app.admin.keys, half)) else {
        return form(&app, &visit, 403, (&next, "", Some("That took too long: begin again.".to_owned())));
    };
    let about = vec![("action", Operation::Login.name().to_owned())];
    let (from, now) = (visit.from.clone(), app.clock.now());
    match app.gate.go_on(&app.logins, (half.clone(), shown(&params)), from, about, now).await {
        Ok(caller) => enter(app, visit, caller, next).await,
        Err(refused) if refused.half.is_some() => ask(app, visit, half, next, Some(sentence(&refused))).await,
        Err(refused) => form(&app, &visit, status(&refused), (&next, "", Some(sentence(&refused)))),
    }
}

/// The page that asks for any second factor that somebody has.
pub(super) async fn ask(app: Arc<App>, visit: Visit, half: Half, next: String, why: Option<String>) -> Response {
    blocking(app, move |app, now| {
        let failed = || form(app, &visit, 500, (&next, "", Some("That does not work now: begin again.".to_owned())));
        let (Some(flow), Ok(sealed)) = (visit.cookie(FLOW), half.seal(&app.admin.keys)) else { return Ok(failed()) };
        let Ok(held) = app.logins.factors(&half.user()) else { return Ok(failed()) };
        let passkey = passkey(app, &half.user(), now);
        let status = if why.is_some() { 403 } else { 200 };
        let next = flow::target(&next).unwrap_or("/me");
        let kept = vec![("flow", flow), ("next", next), ("half", sealed.as_str())];
        Ok(page(status, &Code { action: "/login/code", kept, within: true, held, passkey, why }))
    })
    .await
}

/// Signs somebody in who shows a passkey and nothing else.
pub(super) async fn passwordless(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let params = match begun_here(&visit) {
        Ok(params) => params,
        Err(instead) => return instead.page(),
    };
    let next = params.text("next").unwrap_or_default().to_owned();
    let about = vec![("action", Operation::Login.name().to_owned())];
    let (from, now) = (visit.from.clone(), app.clock.now());
    match app.gate.by_passkey(&app.logins, answer(&params), from, about, now).await {
        Ok(caller) => enter(app, visit, caller, next).await,
        Err(refused) => form(&app, &visit, status(&refused), (&next, "", Some(sentence(&refused)))),
    }
}

/// What asks for a passkey of `user`, if they have one. Blocks.
pub(super) fn passkey(app: &App, user: &UserId, now: Timestamp) -> Option<Asked> {
    app.logins.ask_passkey(user, now).unwrap_or_else(|error| {
        tracing::error!(%error, detail = error.detail, "no passkey can be asked for");
        None
    })
}

/// The answer in a form.
pub(super) fn answer(params: &Params) -> Answer {
    let text = |name: &str| params.text(name).unwrap_or_default().to_owned();
    Answer::new(text("ceremony"), text("answer"))
}
