//! `POST /v1/authorize`: decisions for others, over the local socket and, signed, over the public listener.
//!
//! A signature is for the service `bailey`: `curl --aws-sigv4 aws:amz:us-east-1:bailey --user KEY:SECRET` makes one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use hyper::StatusCode;

use super::extract::{Asked, Payload};
use super::query::{self, Sent};
use super::rate::Payer;
use super::v1::Routes;
use super::{App, Failure};
use crate::access::{self, Batch, Verdict};
use crate::authn::Caller;
use crate::authn::signed::SignedError;
use crate::authn::sigv4::Expected;
use crate::base::{Fault, Timestamp};
use crate::gate::Operation;
use crate::query::QueryError;
use crate::store::StoreError;

/// What signatures may be for here.
pub(super) const EXPECTED: Expected<'_> = Expected { services: &["bailey"], presigned: &[], regions: &[] };

/// Adds the route of the local socket.
pub(super) fn add(routes: Routes) -> Routes {
    routes.post("/v1/authorize", Operation::AuthorizeAny, local)
}

async fn local(
    State(app): State<Arc<App>>,
    asked: Asked,
    body: Result<Payload<Batch>, Failure>,
) -> Result<Json<Vec<Verdict>>, Failure> {
    let (allowed, batch) = asked.authorize_body(body, |_| String::new(), Vec::new()).await?;
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| access::authorize(&admin, &allowed, &batch)).await?))
}

/// Answers whoever signs.
pub(super) async fn signed(State(app): State<Arc<App>>, sent: Sent) -> Response {
    let now = app.clock.now();
    let store = app.store.clone();
    let answered = store.run(move |_| Ok::<_, StoreError>(answer(&app, &sent, now))).await;
    match answered.map_err(Failure::from).and_then(|answered| answered) {
        Ok(verdicts) => Json(verdicts).into_response(),
        Err(failure) => failure.into_response(),
    }
}

fn answer(app: &App, sent: &Sent, now: Timestamp) -> Result<Vec<Verdict>, Failure> {
    let (caller, _): (Caller, _) = query::authenticate(app, sent, &EXPECTED, now).map_err(|error| refused(&error))?;
    admit(app, &caller, "asked too often; ask more questions at once", now)?;
    let batch = serde_json::from_slice::<Batch>(&sent.body);
    let operation = access::operation(batch.as_ref().ok(), &caller);
    // The gate comes first: somebody who may not ask learns nothing about how it would be asked.
    let allowed = app.gate.authorize(caller, operation, "", now)?;
    let batch = match batch {
        Ok(batch) => batch,
        Err(error) => {
            allowed.complete(&crate::audit::Outcome::failed("InvalidRequest", &error), now);
            return Err(Failure::invalid(&format!("the body cannot be read: {error}")));
        }
    };
    let answered = access::authorize(&app.admin, &allowed, &batch);
    let outcome = match &answered {
        Ok(_) => crate::audit::Outcome::success(),
        Err(error) => crate::audit::Outcome::failed(error.code(), error),
    };
    allowed.complete(&outcome, now);
    Ok(answered?)
}

/// Whether somebody may make a call now; `message` is what it is told otherwise.
pub(super) fn admit(app: &App, caller: &Caller, message: &str, now: Timestamp) -> Result<(), Failure> {
    let payer = caller.signed().map(Payer::of);
    if payer.is_some_and(|payer| !app.rates.admit(payer, now)) {
        return Err(Failure::new(StatusCode::TOO_MANY_REQUESTS, "Throttling", message, Fault::Caller));
    }
    Ok(())
}

/// Why somebody is nobody.
pub(super) fn refused(error: &SignedError) -> Failure {
    answered(&query::refused(error))
}

/// An error of the Query API in the form of this one.
pub(super) fn answered(error: &QueryError) -> Failure {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let fault = if error.status < 500 { Fault::Caller } else { Fault::Operator };
    Failure::new(status, error.code, &error.message, fault)
}
