//! Tells clients that somebody signed out, as long as the daemon runs.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::fetch;
use crate::http::App;
use crate::sso::Sso;
use crate::store::StoreError;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(5);

/// How many are told at the same time: one that is slow keeps few others waiting.
const AT_ONCE: usize = 8;

/// Tells clients until `end`. Idempotent: each round looks at what is due and converges.
///
/// # Errors
/// Never: what fails in one round is tried in a later one.
pub async fn run(app: Arc<App>, end: CancellationToken) -> anyhow::Result<()> {
    let mut rounds = tokio::time::interval(EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let fetcher = fetch::Client::default();
    loop {
        tokio::select! {
            () = end.cancelled() => return Ok(()),
            _ = rounds.tick() => {}
        }
        if let Some(sso) = app.sso() {
            round(&app, &sso, &fetcher).await;
        }
    }
}

/// One round; answers how many tries there were.
pub async fn round(app: &Arc<App>, sso: &Sso, fetcher: &fetch::Client) -> usize {
    let reach = app.sso_settings.read().unwrap_or_else(PoisonError::into_inner).reach.clone();
    let (asked, now) = (sso.clone(), app.clock.now());
    let due = app.store.run(move |_| Ok::<_, StoreError>(asked.due_notices(now))).await;
    let due = match due {
        Ok(Ok(due)) => due,
        Ok(Err(error)) => {
            tracing::warn!(%error, "who is to be told of a sign-out is not found out yet");
            return 0;
        }
        Err(error) => {
            tracing::warn!(%error, "who is to be told of a sign-out is not found out yet");
            return 0;
        }
    };
    let tries = due.len();
    let told = futures_util::stream::iter(due).for_each_concurrent(AT_ONCE, |sending| {
        let (app, sso, reach) = (Arc::clone(app), sso.clone(), reach.clone());
        async move {
            let why = Sso::send(fetcher, &reach, &sending).await;
            if let Some(why) = &why {
                tracing::warn!(%why, "a client is not told yet that somebody signed out");
            }
            let now = app.clock.now();
            let settled = app.store.run(move |_| Ok::<_, StoreError>(sso.settle_notice(&sending, why, now))).await;
            if let Ok(Err(error)) = settled {
                tracing::warn!(%error, "that a client was told is not written down");
            }
        }
    });
    told.await;
    tries
}
