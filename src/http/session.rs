//! `POST /v1/session/token` and `GET /v1/session`: the token of a session, and what its holder is told of it; and
//! `GET /oauth2/revocations`, which tells everybody which tokens count no more.
//!
//! A token is asked for with the credentials of the session (signatures are for the service `bailey`, as for `/v1/authorize`);
//! what a session is, with these or with the token. A token shown here opens nothing else.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use hyper::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::authorize::{EXPECTED, admit, answered, refused};
use super::query::{self, Sent};
use super::{App, Failure};
use crate::audit::Outcome;
use crate::base::{Fault, Faulty as _, Timestamp};
use crate::gate::{Operation, Proof};
use crate::keys::Algorithm;
use crate::store::StoreError;
use crate::sts::role_token::{IntrospectError, Standing};
use crate::sts::{Sort, WantedToken};

/// What a token is to be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// For whom: the one application that will take it.
    audience: String,
    #[serde(default)]
    algorithm: Algorithm,
    #[serde(default)]
    seconds: Option<u32>,
}

/// The answer (RFC 6749, section 5.1). The token is shown once and written down nowhere.
#[derive(Serialize)]
struct Made {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    jti: String,
}

/// What is asked of somebody who showed none that counts (RFC 6750, section 3).
const CHALLENGE: &str = r#"Bearer realm="bailey", error="invalid_token""#;

/// Makes a token for whoever signs.
pub(super) async fn mint(State(app): State<Arc<App>>, sent: Sent) -> Response {
    blocking(app, move |app, now| make(app, &sent, now).map(|made| Json(made).into_response())).await
}

/// Tells whoever signs, or shows a token, what their session is.
pub(super) async fn tell(State(app): State<Arc<App>>, sent: Sent) -> Response {
    blocking(app, move |app, now| {
        // Two headers are no signature either, which says so.
        let standing = match sent.bearer().ok().flatten() {
            Some(token) => introspect(app, &sent, token, now),
            None => told(app, &sent, now),
        };
        standing.map(|standing| Json(standing).into_response())
    })
    .await
}

/// How long the list of revocations may be kept by whoever has it: half a minute is how late an end is seen.
const KEPT: &str = "public, max-age=30";

/// The list of sessions that ended before their time, which is no secret: ids alone.
pub(super) async fn revocations(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    blocking(app, move |app, now| {
        let feed = app.admin.sessions.revocations(now).map_err(|error| Failure::of(&error))?;
        let etag = feed.etag();
        let has = |value: &hyper::header::HeaderValue| value.to_str().is_ok_and(|held| names(held, &etag));
        let known = headers.get_all(IF_NONE_MATCH).iter().any(has);
        let marks = [(ETAG, etag.as_str()), (CACHE_CONTROL, KEPT)];
        Ok(match known {
            true => (StatusCode::NOT_MODIFIED, marks).into_response(),
            false => (marks, [(CONTENT_TYPE, "application/jwt")], feed.token.clone()).into_response(),
        })
    })
    .await
}

/// Whether `If-None-Match` names it (RFC 9110, section 13.1.2).
fn names(held: &str, etag: &str) -> bool {
    held.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

async fn blocking(
    app: Arc<App>,
    answer: impl FnOnce(&App, Timestamp) -> Result<Response, Failure> + Send + 'static,
) -> Response {
    let now = app.clock.now();
    let store = app.store.clone();
    let answered = store.run(move |_| Ok::<_, StoreError>(answer(&app, now))).await;
    match answered.map_err(Failure::from).and_then(|answered| answered) {
        Ok(answer) => answer,
        Err(failure) => failure.into_response(),
    }
}

fn make(app: &App, sent: &Sent, now: Timestamp) -> Result<Made, Failure> {
    let (caller, verified) = query::authenticate(app, sent, &EXPECTED, now).map_err(|error| refused(&error))?;
    admit(app, &caller, "this access key asks too often; keep a token until shortly before it ends", now)?;
    let wish = serde_json::from_slice::<Wish>(&sent.body);
    let wanted = wish.as_ref().map(|wish| WantedToken {
        sort: Sort::Access,
        audience: vec![wish.audience.clone()],
        algorithm: wish.algorithm,
        seconds: wish.seconds,
        tags: std::collections::BTreeMap::new(),
    });
    let sts = app.sts();
    let asking = wanted.as_ref().map(|wanted| sts.asking_for(wanted)).unwrap_or_default();
    // The gate comes first: somebody who may not ask learns nothing about how it would be asked.
    let allowed = app.gate.authorize_about(caller, Operation::CreateRoleToken, "", &asking, now)?;
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(error) => {
            allowed.complete(&Outcome::failed("InvalidRequest", &error), now);
            return Err(Failure::invalid(&format!("the body cannot be read: {error}")));
        }
    };
    // A captured request makes no second token.
    if let Err(replayed) = app.replays.admit(&verified, now) {
        allowed.complete(&Outcome::failed(replayed.code(), &replayed), now);
        let status = StatusCode::from_u16(replayed.status()).unwrap_or(StatusCode::BAD_REQUEST);
        return Err(Failure::new(status, replayed.code(), &replayed.to_string(), Fault::Caller));
    }
    let minted = sts.token(allowed, &wanted).map_err(|error| answered(&error))?;
    Ok(Made {
        access_token: minted.token.expose().clone(),
        token_type: "Bearer",
        expires_in: minted.expires.duration_since(now).as_secs(),
        jti: minted.jti,
    })
}

/// What whoever signs is told.
fn told(app: &App, sent: &Sent, now: Timestamp) -> Result<Standing, Failure> {
    let (caller, _) = query::authenticate(app, sent, &EXPECTED, now).map_err(|error| refused(&error))?;
    admit(app, &caller, "this access key asks too often", now)?;
    let allowed = app.gate.authorize(caller, Operation::IntrospectSession, "", now)?;
    let found = match allowed.caller().signed() {
        Some(signed) => app.sts().session_of(signed),
        None => Ok(None),
    };
    let outcome = match &found {
        Ok(_) => Outcome::success(),
        Err(error) => Outcome::failed("InternalFailure", error),
    };
    allowed.complete(&outcome, now);
    found?.ok_or_else(|| Failure::not_found("this is a long-lived access key, and no session"))
}

/// What whoever shows a token is told. One that is none of ours is worth a record, within limits.
fn introspect(app: &App, sent: &Sent, token: &str, now: Timestamp) -> Result<Standing, Failure> {
    match app.sts().introspect(token, now) {
        Ok(standing) => Ok(standing),
        Err(IntrospectError::Store(error)) => Err(error.into()),
        Err(IntrospectError::Token(error)) => {
            app.gate.refuse_proof(Proof::Token, sent.from(), Vec::new(), &error, now);
            let failure = Failure::new(StatusCode::UNAUTHORIZED, "InvalidToken", &error.to_string(), error.fault());
            Err(failure.challenging(CHALLENGE))
        }
    }
}
