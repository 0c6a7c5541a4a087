//! The composition root: wires the parts, serves until told to end, and ends well.
//!
//! Owns the order of start and end, nothing else. Signals, readiness and the drain are in
//! [`lifecycle`], what has to be looked after while it runs in [`upkeep`].

pub mod lifecycle;
pub mod upkeep;

use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};

use crate::audit::{AuditError, Event, Outcome};
use crate::http::socket::Socket;
use crate::http::{App, health, serve, v1};
use crate::model::Actor;
use lifecycle::{Exit, Lifecycle, Reload, Signals};
use upkeep::Regression;

/// What a daemon needs that was made before it: everything that can fail for want of a right or a
/// file has succeeded by then.
pub struct Daemon {
    /// What the routes work with.
    pub app: Arc<App>,
    /// How far the wall clock lags behind the highest time seen, in seconds.
    pub regression: Regression,
    /// The local socket.
    pub socket: (UnixListener, Socket),
    /// The health listener.
    pub health: TcpListener,
}

/// Serves until a signal or a death. Tasks of the caller (the directories) are spawned on
/// `lifecycle` beforehand; `reload` runs at each SIGHUP.
///
/// # Errors
/// When the audit log cannot be written: then nothing is served.
pub async fn run(daemon: Daemon, lifecycle: Lifecycle, signals: Signals, reload: Reload) -> Result<Exit, AuditError> {
    let Daemon { app, regression, socket: (socket, file), health: health_listener } = daemon;
    let ending = lifecycle.ending();
    let started = Arc::clone(&app);
    app.store
        .run(move |_| {
            let now = started.clock.now();
            let unfinished = started.audit.close_unfinished(now)?;
            let event = Event::reading("StartDaemon").with("unfinished", unfinished);
            started.audit.record(&Actor::task("daemon"), &event, &Outcome::success(), now)
        })
        .await?;

    lifecycle.spawn("health", served(serve::serve(health_listener, health::router(Arc::clone(&app)), ending.clone())));
    lifecycle.spawn("socket", served(serve::serve(socket, v1::router(Arc::clone(&app)), ending.clone())));
    lifecycle.spawn("upkeep", upkeep::run(Arc::clone(&app), regression, ending.soft));
    let draining = app.draining.clone();
    let exit = lifecycle.run(signals, reload, move || draining.cancel()).await;

    drop(file);
    let ended = Arc::clone(&app);
    let outcome = exit.outcome();
    app.store
        .run(move |_| {
            ended.audit.note(&Actor::task("daemon"), &Event::reading("StopDaemon"), &outcome, ended.clock.now());
            Ok::<_, AuditError>(())
        })
        .await?;
    Ok(exit)
}

async fn served(serving: impl Future<Output = ()>) -> anyhow::Result<()> {
    serving.await;
    Ok(())
}
