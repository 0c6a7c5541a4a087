//! Routes of sessions.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use super::super::extract::{Asked, Params};
use super::super::v1::Routes;
use super::{Body, Failure, Listing, Shared, work};
use crate::admin::iam::sessions::{EndedSessions, SessionView, Which};
use crate::admin::iam::views::Page;
use crate::base::{SessionId, Timestamp};
use crate::gate::Operation;

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .get("/v1/sessions", Operation::ListSessions, list)
        .get("/v1/sessions/{session}", Operation::GetSession, show)
        .post("/v1/sessions/{session}/end", Operation::EndSession, end)
        .post("/v1/end-sessions", Operation::EndSessions, end_all)
}

/// Which part of which sessions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    #[serde(default)]
    person: Option<String>,
    #[serde(default)]
    machine: Option<String>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    source_identity: Option<String>,
    #[serde(default)]
    before: Option<Timestamp>,
    #[serde(default)]
    all: Option<bool>,
    #[serde(default)]
    after: Option<SessionId>,
    #[serde(default)]
    limit: Option<usize>,
}

/// Why sessions are ended, and which.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Ending {
    which: Which,
    reason: String,
}

async fn list(
    State(app): Shared,
    asked: Asked,
    Params(query): Params<Query>,
) -> Result<Json<Page<SessionView>>, Failure> {
    let _allowed = asked.authorize("").await?;
    let Query { person, machine, role, source_identity, before, all, after, limit } = query;
    let limit = Listing { after: None, limit }.limit()?;
    let which = Which { person, machine, role, source_identity, before, all: all.unwrap_or_default() };
    work(&app, move |admin| admin.sessions(&which, after.as_ref(), limit)).await
}

async fn show(State(app): Shared, asked: Asked, Path(which): Path<String>) -> Result<Json<SessionView>, Failure> {
    let allowed = asked.authorize(&which).await?;
    work(&app, move |admin| admin.session(&allowed)).await
}

async fn end(
    State(app): Shared,
    asked: Asked,
    Path(which): Path<String>,
    body: Body<Ending>,
) -> Result<Json<EndedSessions>, Failure> {
    let (allowed, ending) = asked.authorize_body(body, |_| which, Vec::new()).await?;
    work(&app, move |admin| admin.end_session(allowed, &ending.reason)).await
}

async fn end_all(State(app): Shared, asked: Asked, body: Body<Ending>) -> Result<Json<EndedSessions>, Failure> {
    let (allowed, ending) = asked.authorize_body(body, |_| String::new(), Vec::new()).await?;
    work(&app, move |admin| admin.end_sessions(allowed, &ending.which, &ending.reason)).await
}
