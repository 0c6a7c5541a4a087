//! Routes of syncs, held changes and directories.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::extract::{Asked, Params};
use super::v1::Routes;
use super::{App, Failure, ndjson};
use crate::admin::directories::Removed;
use crate::admin::lines::Line;
use crate::admin::page::{Page, Shown};
use crate::admin::syncs::{SyncEvent, SyncStatus};
use crate::base::Finding;
use crate::gate::Operation;
use crate::model::DirectoryLabel;
use crate::sync::Report;
use crate::sync::foresight::Effects;
use crate::sync::held::Held;

/// Adds these routes.
pub(super) fn add(routes: Routes) -> Routes {
    routes
        .get("/v1/sync", Operation::GetSyncStatus, status)
        .post("/v1/sync/{label}/start", Operation::StartSync, start)
        .get("/v1/sync/{label}/preview", Operation::PreviewSync, preview)
        .get("/v1/held", Operation::ListHeldChanges, held)
        .get("/v1/held/{digest}", Operation::ListHeldChanges, held_changes)
        .post("/v1/held/{digest}/approve", Operation::ApproveHeldChanges, approve)
        .post("/v1/held/{digest}/refuse", Operation::RefuseHeldChanges, refuse)
        .get("/v1/directories", Operation::ListDirectories, status)
        .get("/v1/directories/{label}/check", Operation::CheckDirectory, check)
        .post("/v1/directories/{label}/remove", Operation::RemoveDirectory, remove)
}

type Shared = State<Arc<App>>;

async fn status(State(app): Shared, asked: Asked) -> Result<Json<Vec<SyncStatus>>, Failure> {
    let allowed = asked.authorize("").await?;
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| admin.sync_status(&allowed)).await?))
}

async fn start(State(app): Shared, asked: Asked, Path(label): Path<DirectoryLabel>) -> Result<Response, Failure> {
    let allowed = asked.authorize(label.as_str()).await?;
    let (events, watched) = mpsc::channel(64);
    let admin = app.admin.clone();
    // The run goes on when the one who started it stops watching.
    tokio::spawn(async move { admin.start_sync(allowed, label, events).await });
    Ok(stream(watched, &app))
}

/// How changes are listed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Listing {
    /// Many changes come as a page of counts, not line by line.
    gathered: bool,
}

async fn preview(
    State(app): Shared,
    asked: Asked,
    Path(label): Path<DirectoryLabel>,
    Params(Listing { gathered }): Params<Listing>,
) -> Result<Response, Failure> {
    let allowed = asked.authorize(label.as_str()).await?;
    let (events, watched) = mpsc::channel(64);
    let admin = app.admin.clone();
    tokio::spawn(async move { admin.preview_sync(&allowed, label, gathered, events).await });
    Ok(stream(watched, &app))
}

fn stream(watched: mpsc::Receiver<SyncEvent>, app: &App) -> Response {
    let lines = futures_util::stream::unfold(watched, async |mut watched| {
        let event = watched.recv().await?;
        let line = serde_json::to_string(&event).map_err(|why| Failure::bug(&why.to_string()));
        Some((line, watched))
    });
    ndjson::lines(lines.boxed(), app.draining.clone())
}

async fn held(State(app): Shared, asked: Asked) -> Result<Json<Vec<Held>>, Failure> {
    let allowed = asked.authorize("").await?;
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| admin.held(&allowed)).await?))
}

/// A held set and its changes.
#[derive(Debug, Serialize, Deserialize)]
pub struct HeldShown {
    /// The set.
    #[serde(flatten)]
    pub held: Held,
    /// Its changes in words.
    pub lines: Vec<Line>,
    /// The same on a page, instead of lines, where that was asked for and there are many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Box<Page>>,
    /// Who would gain and lose which rights.
    #[serde(default)]
    pub effects: Effects,
}

async fn held_changes(
    State(app): Shared,
    asked: Asked,
    Path(digest): Path<String>,
    Params(Listing { gathered }): Params<Listing>,
) -> Result<Json<HeldShown>, Failure> {
    let allowed = asked.authorize(&digest).await?;
    let admin = app.admin.clone();
    let (held, shown, effects) = app.store.run(move |_| admin.held_changes(&allowed, gathered)).await?;
    Ok(Json(match shown {
        Shown::Lines(lines) => HeldShown { held, lines, page: None, effects },
        Shown::Page(page) => HeldShown { held, lines: Vec::new(), page: Some(page), effects },
    }))
}

async fn approve(State(app): Shared, asked: Asked, Path(digest): Path<String>) -> Result<Json<Report>, Failure> {
    let allowed = asked.authorize(&digest).await?;
    Ok(Json(app.admin.approve(allowed).await?))
}

async fn refuse(State(app): Shared, asked: Asked, Path(digest): Path<String>) -> Result<Json<Held>, Failure> {
    let allowed = asked.authorize(&digest).await?;
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| admin.refuse(allowed)).await?))
}

async fn check(
    State(app): Shared,
    asked: Asked,
    Path(label): Path<DirectoryLabel>,
) -> Result<Json<Vec<Finding>>, Failure> {
    let allowed = asked.authorize(label.as_str()).await?;
    Ok(Json(app.admin.check_directory(&allowed, &label).await?))
}

async fn remove(State(app): Shared, asked: Asked, Path(label): Path<DirectoryLabel>) -> Result<Json<Removed>, Failure> {
    let allowed = asked.authorize(label.as_str()).await?;
    let admin = app.admin.clone();
    Ok(Json(app.store.run(move |_| admin.remove_directory(allowed, &label)).await?))
}
