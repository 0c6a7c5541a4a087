//! Routes of the model: users, groups, resources, and what was so in the past.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;

use super::extract::{Asked, Params, Payload};
use super::v1::Routes;
use super::{App, Failure};
use crate::admin::AdminError;
use crate::admin::past::{Past, PastState};

use crate::admin::people::{People, Query};
use crate::admin::verify::Verification;
use crate::admin::views::{EntityView, GroupShown, Page, Shown};
use crate::base::{Guid, Timestamp};
use crate::gate::Operation;
use crate::model::MemberKind;

/// Adds these routes.
pub(super) fn add(routes: Routes) -> Routes {
    routes
        .get("/v1/users", Operation::ListUsers, list_users)
        .get("/v1/users/{who}", Operation::GetUser, show_user)
        .get("/v1/users/{who}/verify", Operation::VerifyUser, verify_user)
        .post("/v1/users/{who}/restore", Operation::RestoreUser, restore_user)
        .get("/v1/groups", Operation::ListGroups, list_groups)
        .get("/v1/groups/{which}", Operation::GetGroup, show_group)
        .get("/v1/resources", Operation::ListResources, list_resources)
        .get("/v1/resources/{which}", Operation::GetResource, show_resource)
        .get("/v1/history/{who}", Operation::GetHistory, past)
        .get("/v1/history/{who}/at/{time}", Operation::GetHistory, past_state)
}

type Shared = State<Arc<App>>;

async fn list_users(app: Shared, asked: Asked, query: Params<Query>) -> Result<Json<Page>, Failure> {
    list(app, asked, query, MemberKind::User).await
}

async fn list_groups(app: Shared, asked: Asked, query: Params<Query>) -> Result<Json<Page>, Failure> {
    list(app, asked, query, MemberKind::Group).await
}

async fn list_resources(app: Shared, asked: Asked, query: Params<Query>) -> Result<Json<Page>, Failure> {
    list(app, asked, query, MemberKind::Resource).await
}

async fn list(
    State(app): Shared,
    asked: Asked,
    Params(query): Params<Query>,
    kind: MemberKind,
) -> Result<Json<Page>, Failure> {
    let _allowed = asked.authorize("").await?;
    read(app, move |people| people.list(kind, &query)).await
}

async fn show_user(app: Shared, asked: Asked, who: Path<String>) -> Result<Json<Shown>, Failure> {
    show(app, asked, who, MemberKind::User).await
}

async fn verify_user(State(app): Shared, asked: Asked, Path(who): Path<String>) -> Result<Json<Verification>, Failure> {
    let allowed = asked.authorize(&who).await?;
    Ok(Json(app.admin.verify_user(&allowed).await?))
}

async fn show_resource(app: Shared, asked: Asked, which: Path<String>) -> Result<Json<Shown>, Failure> {
    show(app, asked, which, MemberKind::Resource).await
}

async fn show(
    State(app): Shared,
    asked: Asked,
    Path(who): Path<String>,
    kind: MemberKind,
) -> Result<Json<Shown>, Failure> {
    let allowed = asked.authorize(&who).await?;
    read(app, move |people| people.show(kind, allowed.resource())).await
}

async fn show_group(State(app): Shared, asked: Asked, Path(which): Path<String>) -> Result<Json<GroupShown>, Failure> {
    let allowed = asked.authorize(&which).await?;
    read(app, move |people| people.show_group(allowed.resource())).await
}

async fn read<R: Send + 'static>(
    app: Arc<App>,
    read: impl FnOnce(&People<'_>) -> Result<R, AdminError> + Send + 'static,
) -> Result<Json<R>, Failure> {
    let admin = app.admin.clone();
    let answer = app.store.run(move |store| {
        let people = People::at(store, &admin.account, admin.now())?;
        read(&people)
    });
    Ok(Json(answer.await?))
}

/// What to link a leaver to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RestorePayload {
    /// The rebuilt account.
    #[serde(default)]
    to: Option<Guid>,
}

async fn restore_user(
    State(app): Shared,
    asked: Asked,
    Path(who): Path<String>,
    payload: Result<Payload<RestorePayload>, Failure>,
) -> Result<Json<EntityView>, Failure> {
    let (allowed, RestorePayload { to }) = asked.authorize_body(payload, |_| who.clone(), Vec::new()).await?;
    Ok(Json(app.admin.restore_user(allowed, to).await?))
}

async fn past(State(app): Shared, asked: Asked, Path(who): Path<String>) -> Result<Json<Past>, Failure> {
    let allowed = asked.authorize(&who).await?;
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| admin.past(&allowed)).await?))
}

async fn past_state(
    State(app): Shared,
    asked: Asked,
    Path((who, time)): Path<(String, Timestamp)>,
) -> Result<Json<PastState>, Failure> {
    let allowed = asked.authorize(&who).await?;
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| admin.past_state(&allowed, time)).await?))
}
