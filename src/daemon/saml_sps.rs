//! Fetches metadata of service providers again, once a day, and says what an administrator has to look at.
//!
//! What changed waits (`admin/saml_sps/refresh`); here it is only fetched, and told on the board.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::base::Timestamp;
use crate::base::clock::expired;
use crate::http::App;
use crate::model::SpName;
use crate::store::StoreError;
use crate::telemetry::board::Part;

/// How often it is looked at what is due.
const EVERY: Duration = Duration::from_secs(60);

/// How long metadata is not fetched again.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// The same where it could not be had.
const RETRY: SignedDuration = SignedDuration::from_hours(1);

/// The part's name on the board.
const PART: &str = "saml_sps";

/// When each was fetched, or could not be; nothing of it outlives the daemon, so that a start fetches all of them.
#[derive(Debug, Default)]
pub struct Rounds {
    due: BTreeMap<SpName, Timestamp>,
    failed: BTreeMap<SpName, String>,
}

/// Fetches until `end`. Idempotent: each round looks at what is due and converges.
///
/// # Errors
/// Never: what fails in one round is tried in a later one.
pub async fn run(app: Arc<App>, end: CancellationToken) -> anyhow::Result<()> {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut rounds = Rounds::default();
    loop {
        tokio::select! {
            () = end.cancelled() => return Ok(()),
            _ = every.tick() => {}
        }
        tokio::select! {
            () = end.cancelled() => return Ok(()),
            () = rounds.round(&app) => {}
        }
    }
}

impl Rounds {
    /// One round.
    pub async fn round(&mut self, app: &Arc<App>) {
        let admin = app.admin.clone();
        let found = match app.store.run(move |_| admin.fetched_sps()).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "whose metadata is to be fetched is not found out yet");
                return;
            }
        };
        self.due.retain(|name, _| found.iter().any(|(other, _)| other == name));
        self.failed.retain(|name, _| found.iter().any(|(other, _)| other == name));
        for (name, url) in found {
            let now = app.clock.now();
            if self.due.get(&name).is_none_or(|due| expired(*due, now)) {
                self.fetch(app, name, &url).await;
            }
        }
        self.show(app).await;
    }

    async fn fetch(&mut self, app: &Arc<App>, name: SpName, url: &str) {
        let fetched = app.admin.sp_fetcher.get(url).await.map_err(|error| error.to_string());
        let (admin, of, now) = (app.admin.clone(), name.clone(), app.clock.now());
        let taken = match fetched {
            Ok(text) => {
                let taken = app.store.run(move |_| Ok::<_, StoreError>(admin.take_fetched_sp(&of, text, now))).await;
                taken.map_err(|error| error.to_string()).and_then(|taken| taken.map_err(|error| error.to_string()))
            }
            Err(why) => Err(why),
        };
        let wait = if taken.is_ok() { AGAIN } else { RETRY };
        match taken {
            Ok(_) => {
                self.failed.remove(&name);
            }
            Err(why) => {
                tracing::warn!(sp = %name, %why, "metadata of a service provider is not fetched anew yet; what is known goes on to count");
                self.failed.insert(name.clone(), why);
            }
        }
        self.due.insert(name, now.saturating_add(wait).unwrap_or(Timestamp::MAX));
    }

    /// Says what somebody has to look at.
    async fn show(&self, app: &Arc<App>) {
        let (admin, now) = (app.admin.clone(), app.clock.now());
        let mut told = match app.store.run(move |_| admin.sps_to_look_at(now)).await {
            Ok(told) => told,
            Err(error) => {
                tracing::warn!(%error, "what is to be said of service providers is not found out yet");
                return;
            }
        };
        told.extend(self.failed.iter().map(|(name, why)| format!("metadata of `{name}` is not fetched anew: {why}")));
        if told.is_empty() {
            app.board.remove(PART);
        } else {
            app.board.post(PART, Part::yellow(format!("{}: `bailey sp check NAME`", told.join("; "))));
        }
    }
}
