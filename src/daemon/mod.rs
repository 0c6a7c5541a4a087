//! The composition root: wires the parts, serves until told to end, and ends well.
//!
//! Owns the order of start and end, nothing else. Signals, readiness and the drain are in
//! [`lifecycle`], what others reach in [`listeners`], what has to be looked after while it runs in [`upkeep`], [`signing`],
//! [`retention`], [`saml_metadata`] and [`https`]; whose its memory is, in [`memory`].

pub mod compose;
pub mod fleet;
pub mod https;
pub mod lifecycle;
pub mod listeners;
pub mod logouts;
pub mod memory;
pub mod notices;
pub mod retention;
pub mod saml_metadata;
pub mod signing;
pub mod upkeep;

use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};

use crate::audit::{Event, Outcome};
use crate::http::socket::Socket;
use crate::http::{App, health, serve, v1};
use crate::model::Actor;
use lifecycle::{Exit, Lifecycle, Reload, Signals};
use listeners::Ready;

/// What a daemon needs that was made before it: everything that can fail for want of a right or a
/// file has succeeded by then.
pub struct Daemon {
    /// What the routes work with.
    pub app: Arc<App>,
    /// The local socket.
    pub socket: (UnixListener, Socket),
    /// The health listener.
    pub health: TcpListener,
    /// The listeners that others reach.
    pub listeners: Ready,
}

/// Serves until a signal or a death. Tasks of the caller (the directories) are spawned on
/// `lifecycle` beforehand; `reload` runs at each SIGHUP.
///
/// Starts on a full disk too: then the log is owed what it says of the start, and revocation works.
pub async fn run(daemon: Daemon, lifecycle: Lifecycle, signals: Signals, reload: Reload) -> Exit {
    let Daemon { app, socket: (socket, file), health: health_listener, listeners } = daemon;
    let ending = lifecycle.ending();
    record(&app, "StartDaemon", Outcome::success()).await;
    lifecycle.spawn("health", served(serve::serve(health_listener, health::router(Arc::clone(&app)), ending.clone())));
    lifecycle.spawn("socket", served(serve::serve(socket, v1::router(Arc::clone(&app)), ending.clone())));
    listeners.serve(&app, &lifecycle);
    lifecycle.spawn("store", upkeep::watch_store(app.store.clone(), ending.soft.clone()));
    lifecycle.spawn("logouts", logouts::run(Arc::clone(&app), ending.soft.clone()));
    lifecycle.spawn("notices", notices::run(Arc::clone(&app), ending.soft.clone()));
    lifecycle
        .spawn("saml_providers", saml_metadata::run::<saml_metadata::Providers>(Arc::clone(&app), ending.soft.clone()));
    lifecycle
        .spawn("saml_sps", saml_metadata::run::<saml_metadata::Applications>(Arc::clone(&app), ending.soft.clone()));
    lifecycle.spawn("signing keys", signing::run(Arc::clone(&app), ending.soft.clone()));
    lifecycle.spawn("upkeep", upkeep::run(Arc::clone(&app), ending.soft));
    let draining = app.draining.clone();
    let exit = lifecycle.run(signals, reload, move || draining.cancel()).await;

    drop(file);
    record(&app, "StopDaemon", exit.outcome()).await;
    upkeep::keep_clock(&app).await;
    exit
}

/// Start and end of the daemon are start and end of the log (PCI DSS 10.2.1.6).
async fn record(app: &Arc<App>, name: &'static str, outcome: Outcome) {
    let app = Arc::clone(app);
    let recorded = tokio::task::spawn_blocking(move || {
        app.audit.note(&Actor::task("daemon"), &Event::reading(name), &outcome, app.clock.now());
    });
    if let Err(ended) = recorded.await {
        tracing::error!(%ended, name, "could not be recorded");
    }
}

async fn served(serving: impl Future<Output = ()>) -> anyhow::Result<()> {
    serving.await;
    Ok(())
}
