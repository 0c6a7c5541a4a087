//! What monitoring sees: `/healthz`, `/readyz` and `/metrics`, on a listener of their own.
//!
//! Nobody is asked who they are here, so nothing here names a person; the listener binds loopback
//! unless configured otherwise.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};

use super::{App, Failure, limits};
use crate::admin::AdminError;
use crate::base::Timestamp;
use crate::keys::{KeysError, Standing};
use crate::store::EngineHealth;
use crate::telemetry::{Condition, Metric, Part};

/// How the daemon is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// How the worst part is.
    pub status: Condition,
    /// Whether every part can do its work.
    pub ready: bool,
    /// Version that runs.
    pub version: String,
    /// When this was so.
    pub time: Timestamp,
    /// Each part.
    pub parts: BTreeMap<String, Part>,
}

/// The routes of the health listener.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(async || Failure::not_found("here are /healthz, /readyz and /metrics"))
        .with_state(app)
        .layer(middleware::from_fn(limits::hold))
}

/// 200 as long as the process answers: a restart would not help a directory that is away.
async fn healthz(State(app): State<Arc<App>>) -> Response {
    Json(examine(app).await).into_response()
}

/// 200 once there is something to serve, 503 before.
async fn readyz(State(app): State<Arc<App>>) -> Response {
    let health = examine(app).await;
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let Some(handle) = app.metrics.clone() else {
        return Failure::not_found("metrics are not recorded here").into_response();
    };
    let _ = examine(app).await;
    let page = tokio::task::spawn_blocking(move || {
        handle.run_upkeep();
        handle.render()
    });
    match page.await {
        Ok(page) => ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response(),
        Err(ended) => Failure::bug(&format!("metrics ended early: {ended}")).into_response(),
    }
}

/// How the daemon is now. Refreshes the gauges that have no event of their own.
pub(super) async fn examine(app: Arc<App>) -> Health {
    let now = app.clock.now();
    let mut parts = app.board.read(now);
    let asked = Arc::clone(&app);
    // Asking the engine for its size may touch the disk.
    let examined = tokio::task::spawn_blocking(move || {
        let root = asked.admin.is_initialized();
        (asked.store.health(), asked.audit.owed(), root, asked.admin.keys.standing())
    });
    match examined.await {
        Ok((engine, owed, root, keys)) => {
            parts.insert("root".to_owned(), root_part(root));
            parts.insert("keys".to_owned(), keys_part(keys));
            publish(&engine);
            parts.insert("store".to_owned(), store_part(&engine));
            parts.insert("audit".to_owned(), audit_part(owed));
        }
        Err(ended) => drop(parts.insert("store".to_owned(), Part::red(format!("cannot be examined: {ended}")))),
    }
    Health {
        status: parts.values().map(|part| part.condition).max().unwrap_or(Condition::Green),
        ready: parts.values().all(|part| part.ready),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        time: now,
        parts,
    }
}

fn store_part(engine: &EngineHealth) -> Part {
    if let Some(why) = &engine.broken {
        return Part::red(format!("refuses work: {why}"));
    }
    if engine.reserve_spent {
        return Part::yellow("the disk is full: only what narrows access is accepted; free some space");
    }
    Part::green(format!("{} on disk", bytes(engine.bytes_on_disk)))
}

/// Before there is a root, nobody but the operators of this machine could set anything right.
fn root_part(made: Result<bool, AdminError>) -> Part {
    match made {
        Ok(true) => Part::green("made"),
        Ok(false) => Part::yellow("not made yet: run `bailey init`").ready(false),
        Err(error) => Part::red(format!("cannot be found out: {error}")),
    }
}

/// Everything else works without them, so a daemon whose keys cannot be used is ready.
fn keys_part(standing: Result<Standing, KeysError>) -> Part {
    match standing {
        Ok(standing) if standing.retiring.is_empty() => Part::green(format!("sealing key {}", standing.current)),
        Ok(standing) => Part::yellow(format!(
            "sealing key {}; older ones are still in use: run `bailey key reseal`",
            standing.current
        )),
        Err(error) => Part::red(error.to_string()).ready(true),
    }
}

fn audit_part(owed: usize) -> Part {
    if owed == 0 {
        Part::green("written")
    } else {
        Part::yellow(format!("{owed} records wait until the log can be written"))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge; nobody needs the last of 2^53 bytes")]
fn publish(engine: &EngineHealth) {
    Metric::StoreBytes.gauge(&[]).set(engine.bytes_on_disk as f64);
    if let Some(free) = engine.bytes_free {
        Metric::StoreFreeBytes.gauge(&[]).set(free as f64);
    }
    Metric::StoreReserveSpent.gauge(&[]).set(f64::from(u8::from(engine.reserve_spent)));
}

/// `1.5 MiB`.
fn bytes(count: u64) -> String {
    let (unit, name) = match count {
        0..1_048_576 => (1_024, "KiB"),
        1_048_576..1_073_741_824 => (1_048_576, "MiB"),
        _ => (1_073_741_824, "GiB"),
    };
    format!("{}.{} {name}", count / unit, count % unit * 10 / unit)
}
