//! Fetches metadata of outside SAML providers again, once a day, and says what an administrator has to look at.
//!
//! What changed waits ([`crate::admin::iam::providers::fetched`]); here it is only fetched, and told on the board.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::base::clock::expired;
use crate::base::{SamlProviderId, Timestamp};
use crate::http::App;
use crate::telemetry::Part;

/// How often it is looked at what is due.
const EVERY: Duration = Duration::from_secs(60);

/// How long metadata is not fetched again, and how long where it could not be had.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);
const RETRY: SignedDuration = SignedDuration::from_hours(1);

/// The part's name on the board.
const PART: &str = "saml_providers";

/// When each is due, and why what could not be had could not. Nothing of it outlives the daemon, so that a start fetches all.
#[derive(Debug, Default)]
pub struct Rounds {
    due: BTreeMap<SamlProviderId, Timestamp>,
    failed: BTreeMap<SamlProviderId, String>,
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
        let found = match app.store.run(move |_| admin.fetched_saml()).await {
            Ok(found) => found,
            Err(error) => return tracing::warn!(%error, "whose metadata is to be fetched is not found out yet"),
        };
        self.due.retain(|id, _| found.iter().any(|(other, ..)| other == id));
        self.failed.retain(|id, _| found.iter().any(|(other, ..)| other == id));
        for (id, name, url) in found {
            if self.due.get(&id).is_none_or(|due| expired(*due, app.clock.now())) {
                self.fetch(app, (id, &name), &url).await;
            }
        }
        self.show(app).await;
    }

    async fn fetch(&mut self, app: &Arc<App>, (id, name): (SamlProviderId, &str), url: &str) {
        let fetched = fetch(app, url).await;
        let (admin, now) = (app.admin.clone(), app.clock.now());
        let taken = app.store.run(move |_| admin.take_fetched_saml(&id, fetched, now)).await;
        let wait = match taken {
            Ok(_) => {
                self.failed.remove(&id);
                AGAIN
            }
            Err(error) => {
                let why = error.to_string();
                tracing::warn!(
                    provider = name,
                    why,
                    "the metadata of a SAML provider is not fetched anew yet; what is known goes on to count"
                );
                self.failed.insert(id, format!("SAML provider {name}: {why}"));
                RETRY
            }
        };
        self.due.insert(id, now.saturating_add(wait).unwrap_or(Timestamp::MAX));
    }

    /// Says what somebody has to look at.
    async fn show(&self, app: &Arc<App>) {
        let (admin, now) = (app.admin.clone(), app.clock.now());
        let mut told = match app.store.run(move |_| admin.saml_to_look_at(now)).await {
            Ok(told) => told,
            Err(error) => return tracing::warn!(%error, "what is to be said of SAML providers is not found out yet"),
        };
        told.extend(self.failed.values().cloned());
        if told.is_empty() {
            app.board.remove(PART);
        } else {
            app.board.post(PART, Part::yellow(format!("{}: `bailey idp check NAME`", told.join("; "))));
        }
    }
}

/// The document at `url`, by the rules of single sign-on about what may be reached.
async fn fetch(app: &App, url: &str) -> Result<Vec<u8>, String> {
    let url = crate::admin::iam::providers::fetched::address(url).map_err(|error| error.to_string())?;
    let reach = app.sso_settings.read().unwrap_or_else(PoisonError::into_inner).reach.clone();
    app.admin.issuers.client().get(&url, &reach, crate::saml_xml::LARGEST).await.map_err(|error| error.to_string())
}
