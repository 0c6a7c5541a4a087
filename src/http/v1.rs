//! The JSON interface: `/v1`, the same over the local socket and within one process.
//!
//! Every route names its operation when it is added, so there is no route the gate does not know;
//! [`Routes::served`] lets tests call each of them as somebody who may not.

use std::sync::Arc;

use axum::extract::State;
use axum::handler::Handler;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use axum::{Extension, Json, Router, middleware};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hyper::{Method, StatusCode};
use serde::Deserialize;

use super::extract::{Asked, Params};
use super::{App, Failure, health, limits, ndjson, request};
use crate::admin::{Admin, AdminError};
use crate::audit::{self, Outcome, Verdict, tail};
use crate::base::Fault;
use crate::gate::Operation;

/// A route, and the operation it carries out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Its method.
    pub method: Method,
    /// Its path, with `{name}` for what varies.
    pub path: &'static str,
    /// What it does.
    pub operation: Operation,
}

/// Routes, each with its operation.
#[derive(Default)]
pub struct Routes {
    router: Router<Arc<App>>,
    served: Vec<Served>,
}

impl Routes {
    /// Adds a route that shows something.
    #[must_use]
    pub fn get<H: Handler<T, Arc<App>>, T: 'static>(
        self,
        path: &'static str,
        operation: Operation,
        handler: H,
    ) -> Self {
        self.add(Method::GET, path, operation, get(handler))
    }

    /// Adds a route that does something.
    #[must_use]
    pub fn post<H: Handler<T, Arc<App>>, T: 'static>(
        self,
        path: &'static str,
        operation: Operation,
        handler: H,
    ) -> Self {
        self.add(Method::POST, path, operation, post(handler))
    }

    /// Adds a route that sets something.
    #[must_use]
    pub fn put<H: Handler<T, Arc<App>>, T: 'static>(
        self,
        path: &'static str,
        operation: Operation,
        handler: H,
    ) -> Self {
        self.add(Method::PUT, path, operation, put(handler))
    }

    /// Adds a route that takes something away.
    #[must_use]
    pub fn delete<H: Handler<T, Arc<App>>, T: 'static>(
        self,
        path: &'static str,
        operation: Operation,
        handler: H,
    ) -> Self {
        self.add(Method::DELETE, path, operation, delete(handler))
    }

    /// Adds the routes of another file.
    #[must_use]
    pub fn with(self, add: impl FnOnce(Self) -> Self) -> Self {
        add(self)
    }

    fn add(mut self, method: Method, path: &'static str, operation: Operation, route: MethodRouter<Arc<App>>) -> Self {
        self.router = self.router.route(path, route.layer(Extension(operation)));
        self.served.push(Served { method, path, operation });
        self
    }

    /// What is served.
    #[must_use]
    pub fn served(&self) -> &[Served] {
        &self.served
    }
}

/// Everything under `/v1`.
#[must_use]
pub fn routes() -> Routes {
    Routes::default()
        .get("/v1/audit/tail", Operation::TailAudit, tail_audit)
        .get("/v1/audit/verify", Operation::VerifyAudit, verify_audit)
        .get("/v1/health", Operation::GetHealth, get_health)
        .with(super::authorize::add)
        .with(super::backup::add)
        .with(super::clients::add)
        .with(super::saml_sps::add)
        .with(super::clock::add)
        .with(super::explain::add)
        .with(super::grants::add)
        .with(super::iam::add)
        .with(super::logins::add)
        .with(super::model::add)
        .with(super::notices::add)
        .with(super::records::add)
        .with(super::syncs::add)
}

/// The router of the local socket.
pub fn router(app: Arc<App>) -> Router {
    let method =
        |code| Failure::new(StatusCode::METHOD_NOT_ALLOWED, code, "this path has another method", Fault::Caller);
    routes()
        .router
        .fallback(async || Failure::not_found("there is no such path; this version serves /v1"))
        .method_not_allowed_fallback(async move || method("MethodNotAllowed"))
        .with_state(Arc::clone(&app))
        .layer(middleware::from_fn(limits::hold))
        .layer(middleware::from_fn_with_state(app, request::name))
}

async fn get_health(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, Failure> {
    let _ = asked.authorize("").await?;
    Ok(Json(health::examine(app).await).into_response())
}

/// Which records of the log to show.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TailParams {
    /// How many of the last records.
    #[serde(default = "usual_tail")]
    last: u64,
    /// Go on with what is appended from now on.
    #[serde(default)]
    follow: bool,
}

fn usual_tail() -> u64 {
    20
}

/// Most records one answer starts with; `follow` or an export gives the rest.
const LONGEST_TAIL: u64 = 10_000;

/// The last records, a line each, byte for byte as they are hashed.
async fn tail_audit(
    State(app): State<Arc<App>>,
    asked: Asked,
    Params(params): Params<TailParams>,
) -> Result<Response, Failure> {
    let TailParams { last, follow } = params;
    if last > LONGEST_TAIL {
        return Err(Failure::invalid(&format!("`last` is at most {LONGEST_TAIL}")));
    }
    let authorized = asked.authorize("").await?;
    let now = app.clock.now();
    let read = app.store.run(move |store| {
        let lines = tail::last(store, last);
        // Showing is the effect: recorded as done before the first line is out.
        authorized.complete(&outcome_of(&lines), now);
        lines
    });
    let lines = read.await?;
    let behind = match lines.last() {
        Some(line) => line.seq,
        None => app.store.run(|store| store.read(audit::chain::head)).await?.seq,
    };
    let shown = stream::iter(lines.into_iter().map(|line| Ok(line.json)));
    let until = app.draining.clone();
    if !follow {
        return Ok(ndjson::lines(shown, until));
    }
    let next = tail::follow(app.store.clone(), behind).map_ok(|line| line.json).map_err(Failure::from);
    Ok(ndjson::lines(shown.chain(next), until))
}

fn outcome_of<T>(read: &Result<Vec<T>, crate::store::StoreError>) -> Outcome {
    match read {
        Ok(lines) => Outcome::success().with("records", lines.len() as u64),
        Err(error) => Outcome::failed("NotRead", error),
    }
}

/// Does blocking work with the operations, and answers what comes of it.
pub(super) async fn work<R: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Admin) -> Result<R, AdminError> + Send + 'static,
) -> Result<Json<R>, Failure> {
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| work(&admin)).await?))
}

/// Where to begin.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VerifyParams {
    /// First record to check; the one before it is trusted.
    #[serde(default = "first_record")]
    from: u64,
}

fn first_record() -> u64 {
    1
}

async fn verify_audit(
    State(app): State<Arc<App>>,
    asked: Asked,
    Params(VerifyParams { from }): Params<VerifyParams>,
) -> Result<Json<Verdict>, Failure> {
    let authorized = asked.authorize("").await?;
    let clock = Arc::clone(&app.clock);
    let verdict = app.store.run(move |store| {
        let verdict = audit::verify(store, from);
        let outcome = match &verdict {
            Ok(Verdict { sound, fault: None, .. }) => Outcome::success().with("records", *sound),
            Ok(Verdict { fault: Some(fault), .. }) => Outcome::failed("ChainBroken", fault),
            Err(error) => Outcome::failed("NotRead", error),
        };
        authorized.complete(&outcome, clock.now());
        verdict
    });
    Ok(Json(verdict.await?))
}
