//! `GET /v1/explain/{id}`: what a refusal rested on, by the id of its request. Over the local socket anybody's; over the public listener
//! for who signs, or shows the token of `bailey login`, their own, and for who may that anybody's.
//!
//! Who asks about what is not theirs and may not is told the same whether there is such a refusal or not.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};

use super::authorize::{EXPECTED, admit, refused};
use super::extract::Asked;
use super::portal::address_of;
use super::query::{self, Sent};
use super::v1::Routes;
use super::{App, Failure, me};
use crate::admin::iam::refusals::{self, Explanation, WayIn};
use crate::authn::Caller;
use crate::authn::subject::Subject;
use crate::base::Timestamp;
use crate::gate::{Asking, GateError, Operation};
use crate::store::StoreError;

/// Adds the route of the local socket.
pub(super) fn add(routes: Routes) -> Routes {
    routes.get("/v1/explain/{id}", Operation::ExplainAnyRefusal, local)
}

async fn local(
    State(app): State<Arc<App>>,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Json<Explanation>, Failure> {
    let allowed = asked.authorize_about("", vec![("explained", id.clone())]).await?;
    let ours = Arc::clone(&app);
    let explained = app.store.run(move |_| {
        let refused = ours.admin.refusal(&id)?;
        ours.admin.explain(allowed, refused)
    });
    let explained = explained.await?;
    Ok(Json(addressed(&app, explained)))
}

/// Answers whoever signs, or shows a token.
pub(super) async fn signed(State(app): State<Arc<App>>, Path(id): Path<String>, sent: Sent) -> Response {
    let now = app.clock.now();
    let store = app.store.clone();
    let answered = store.run(move |_| Ok::<_, StoreError>(answer(&app, &sent, &id, now))).await;
    match answered.map_err(Failure::from).and_then(|answered| answered) {
        Ok(explained) => Json(explained).into_response(),
        Err(failure) => failure.into_response(),
    }
}

fn answer(app: &App, sent: &Sent, id: &str, now: Timestamp) -> Result<Explanation, Failure> {
    // Two headers are no signature either, which says so.
    let caller = match sent.bearer().ok().flatten() {
        Some(token) => {
            let sso = app.sso().ok_or_else(Failure::no_single_sign_on)?;
            me::bearer(app, (&sso, token), sent.from().clone(), now)?.into()
        }
        None => query::authenticate(app, sent, &EXPECTED, now).map_err(|error| refused(&error))?.0,
    };
    admit(app, &caller, "this access key asks too often", now)?;
    explain(app, caller, id, now)
}

/// Explains to `caller` what was refused by that id: to themselves, or to anybody if they may know of that. Blocks.
///
/// # Errors
/// When there is none that they may know of, or it cannot be found out.
pub(super) fn explain(app: &App, caller: Caller, id: &str, now: Timestamp) -> Result<Explanation, Failure> {
    let refused = app.admin.refusal(id)?;
    let operation = match &refused {
        Some(refused) if refused.is_of(&caller) => Operation::ExplainRefusal,
        _ => Operation::ExplainAnyRefusal,
    };
    let request = Subject::of(&caller).and_then(|who| who.from().request);
    let asking = Asking { request, ..Asking::from(vec![("explained", id.to_owned())]) };
    let allowed = app.gate.authorize_about(caller, operation, "", &asking, now).map_err(|error| match error {
        GateError::NotAuthorized { .. } | GateError::Denied { .. } if operation == Operation::ExplainAnyRefusal => {
            Failure::from(refusals::none())
        }
        error => error.into(),
    })?;
    Ok(addressed(app, app.admin.explain(allowed, refused)?))
}

/// The same with links that can be followed from elsewhere, and commands that say where.
fn addressed(app: &App, mut explained: Explanation) -> Explanation {
    let here = address_of(app, "");
    for WayIn { link, command, .. } in &mut explained.ways {
        *link = address_of(app, link);
        if !here.is_empty() {
            command.push_str(" --url ");
            command.push_str(here.trim_end_matches('/'));
        }
    }
    explained
}
