//! Signing keys, made and destroyed as their time comes, and written down.
//!
//! Apart from all other upkeep, because to make a key of RS256 takes a good part of a second, or several of them.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::audit::Outcome;
use crate::base::Timestamp;
use crate::http::App;
use crate::keys::{Algorithm, KeyEvent, RotationError};
use crate::model::Actor;
use crate::store::StoreError;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(5);

/// Turns signing keys until `end`. Idempotent: each round looks at what is and converges.
///
/// # Errors
/// Never: what fails in one round is tried in the next.
pub async fn run(app: Arc<App>, end: CancellationToken) -> anyhow::Result<()> {
    let mut rounds = tokio::time::interval(EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = end.cancelled() => return Ok(()),
            _ = rounds.tick() => {}
        }
        // Those there are go on. By a clock that leapt ahead they would all be over.
        if app.clock.may_mint().is_err() {
            continue;
        }
        let (round, ending) = (Arc::clone(&app), end.clone());
        let turned = tokio::task::spawn_blocking(move || {
            for algorithm in Algorithm::ALL.into_iter().take_while(|_| !ending.is_cancelled()) {
                turn(&round, algorithm);
            }
            if !ending.is_cancelled() {
                turn_saml(&round);
            }
        });
        if let Err(ended) = turned.await {
            tracing::error!(%ended, "signing keys are not turned");
        }
    }
}

/// Blocks.
fn turn(app: &App, algorithm: Algorithm) {
    let now = app.clock.now();
    let events = match app.admin.keys.turn_signing_keys(&app.store, algorithm, now) {
        Ok(events) => events,
        // Looked at every few seconds, and told by the store's own health.
        Err(error @ RotationError::Store(StoreError::Full { .. })) => {
            return tracing::debug!(%error, %algorithm, "signing keys are not turned yet");
        }
        Err(error) => return tracing::warn!(%error, %algorithm, "signing keys are not turned yet"),
    };
    note(app, &events, now);
}

/// The same of the key of SAML, which only somebody needs who is known to service providers. Blocks.
fn turn_saml(app: &App) {
    let known = app.sso_settings.read().unwrap_or_else(PoisonError::into_inner).issuer.is_some();
    let now = app.clock.now();
    if !known {
        return;
    }
    match app.admin.keys.turn_saml_keys(&app.store, &app.admin.saml_key_name(), now) {
        Ok(events) => note(app, &events, now),
        Err(error) => tracing::debug!(%error, "the key of SAML is not turned yet"),
    }
}

fn note(app: &App, events: &[KeyEvent], now: Timestamp) {
    for event in events {
        app.audit.note(&Actor::task("keys"), &event.event(), &Outcome::success(), now);
    }
}
