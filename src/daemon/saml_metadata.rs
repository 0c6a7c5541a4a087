//! Fetches published metadata of SAML again, once a day, and says what an administrator has to look at: that of outside providers, and that
//! of applications.
//!
//! What changed waits (`admin/iam/providers/fetched`, `admin/saml_sps/refresh`); here it is only fetched, and told on the board.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::admin::AdminError;
use crate::admin::iam::providers::fetched::address;
use crate::base::clock::{expired, later};
use crate::base::{SamlProviderId, Timestamp};
use crate::http::App;
use crate::model::SpName;
use crate::saml_xml::LARGEST;
use crate::store::StoreError;
use crate::telemetry::Part;

/// How often it is looked at what is due.
const EVERY: Duration = Duration::from_secs(60);

/// How long metadata is not fetched again. Where it could not be had, a minute, then twice as long each time, an hour at most.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);
const RETRY: SignedDuration = SignedDuration::from_mins(1);
const LONGEST_RETRY: SignedDuration = SignedDuration::from_hours(1);

/// Those who publish metadata.
pub trait Publishers: Send + Sync + 'static {
    /// Whose it is.
    type Key: Ord + Clone + Send + Sync;
    /// The name of the part on the board.
    const PART: &'static str;
    /// What one of them is called.
    const CALLED: &'static str;
    /// What tells more of one of them, by its name.
    const VERB: &'static str;

    /// Whose is fetched: key, name and address. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn found(app: &App) -> Result<Vec<(Self::Key, String, String)>, StoreError>;

    /// What is published there.
    fn get(app: &App, key: &Self::Key, url: &str) -> impl Future<Output = Result<Vec<u8>, String>> + Send;

    /// Takes it up. Blocks.
    ///
    /// # Errors
    /// When it is of no use, or the store fails.
    fn take(app: &App, key: &Self::Key, fetched: Vec<u8>, now: Timestamp) -> Result<(), AdminError>;

    /// What somebody has to look at. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn to_look_at(app: &App, now: Timestamp) -> Result<Vec<String>, StoreError>;
}

/// Outside providers.
#[derive(Debug)]
pub struct Providers;

/// Applications.
#[derive(Debug)]
pub struct Applications;

/// When each is due, and why what could not be had could not. Nothing of it outlives the daemon, so that a start fetches all.
#[derive(Debug)]
pub struct Rounds<P: Publishers> {
    due: BTreeMap<P::Key, Timestamp>,
    failed: BTreeMap<P::Key, Failed>,
    of: PhantomData<P>,
}

/// What could not be had.
#[derive(Debug)]
struct Failed {
    /// Whose, and why.
    why: String,
    /// When it is tried again, from then.
    wait: SignedDuration,
}

/// Fetches until `end`. Idempotent: each round looks at what is due and converges.
///
/// # Errors
/// Never: what fails in one round is tried in a later one.
pub async fn run<P: Publishers>(app: Arc<App>, end: CancellationToken) -> anyhow::Result<()> {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut rounds = Rounds::<P>::default();
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

impl<P: Publishers> Rounds<P> {
    /// One round.
    pub async fn round(&mut self, app: &Arc<App>) {
        let worker = Arc::clone(app);
        let found = match app.store.run(move |_| P::found(&worker)).await {
            Ok(found) => found,
            Err(error) => return tracing::warn!(%error, "whose metadata is to be fetched is not found out yet"),
        };
        self.due.retain(|key, _| found.iter().any(|(other, ..)| other == key));
        self.failed.retain(|key, _| found.iter().any(|(other, ..)| other == key));
        for (key, name, url) in found {
            if self.due.get(&key).is_none_or(|due| expired(*due, app.clock.now())) {
                self.fetch(app, (key, &name), &url).await;
            }
        }
        self.show(app).await;
    }

    async fn fetch(&mut self, app: &Arc<App>, (key, name): (P::Key, &str), url: &str) {
        let fetched = P::get(app, &key, url).await;
        let (worker, of, now) = (Arc::clone(app), key.clone(), app.clock.now());
        let why = match fetched {
            Ok(fetched) => {
                let taken = app.store.run(move |_| P::take(&worker, &of, fetched, now)).await;
                taken.err().map(|error: AdminError| error.to_string())
            }
            Err(why) => Some(why),
        };
        let longer = |failed: &Failed| failed.wait.saturating_add(failed.wait).min(LONGEST_RETRY);
        let retry = self.failed.get(&key).map_or(RETRY, longer);
        let wait = if why.is_none() { AGAIN } else { retry };
        self.due.insert(key.clone(), later(now, wait));
        match why {
            None => drop(self.failed.remove(&key)),
            Some(why) => {
                tracing::warn!(
                    name,
                    why,
                    "metadata of {} is not fetched anew yet; what is known goes on to count",
                    P::CALLED
                );
                let why = format!("{} {name}: {why}. Review: `{} {name}`", P::CALLED, P::VERB);
                self.failed.insert(key, Failed { why, wait });
            }
        }
    }

    /// Says what somebody has to look at.
    async fn show(&self, app: &Arc<App>) {
        let (worker, now) = (Arc::clone(app), app.clock.now());
        let mut told = match app.store.run(move |_| P::to_look_at(&worker, now)).await {
            Ok(told) => told,
            Err(error) => return tracing::warn!(%error, "what is to be said of {} is not found out yet", P::CALLED),
        };
        told.extend(self.failed.values().map(|failed| failed.why.clone()));
        if told.is_empty() {
            app.board.remove(P::PART);
        } else {
            app.board.post(P::PART, Part::yellow(told.join("; ")));
        }
    }
}

impl<P: Publishers> Default for Rounds<P> {
    fn default() -> Self {
        Self { due: BTreeMap::new(), failed: BTreeMap::new(), of: PhantomData }
    }
}

impl Publishers for Providers {
    type Key = SamlProviderId;
    const PART: &'static str = "saml_providers";
    const CALLED: &'static str = "SAML provider";
    const VERB: &'static str = "bailey idp check";

    fn found(app: &App) -> Result<Vec<(SamlProviderId, String, String)>, StoreError> {
        app.admin.fetched_saml()
    }

    async fn get(app: &App, _: &SamlProviderId, url: &str) -> Result<Vec<u8>, String> {
        // By the rules of single sign-on about what may be reached.
        let url = address(url).map_err(|error| error.to_string())?;
        let reach = app.sso_settings.read().unwrap_or_else(PoisonError::into_inner).reach.clone();
        app.admin.issuers.client().get(&url, &reach, LARGEST).await.map_err(|error| error.to_string())
    }

    fn take(app: &App, id: &SamlProviderId, fetched: Vec<u8>, now: Timestamp) -> Result<(), AdminError> {
        app.admin.take_fetched_saml(id, Ok(fetched), now).map(drop)
    }

    fn to_look_at(app: &App, now: Timestamp) -> Result<Vec<String>, StoreError> {
        app.admin.saml_to_look_at(&app.providers, now)
    }
}

impl Publishers for Applications {
    /// Who it is, where it is fetched from, and what a section asks for first: one that says otherwise is due at once.
    type Key = (SpName, String, Option<String>);
    const PART: &'static str = "saml_sps";
    const CALLED: &'static str = "SAML service provider";
    const VERB: &'static str = "bailey sp check";

    fn found(app: &App) -> Result<Vec<(Self::Key, String, String)>, StoreError> {
        let all = app.admin.fetched_sps()?.into_iter();
        Ok(all.map(|key| (key.clone(), key.0.to_string(), key.1)).collect())
    }

    async fn get(app: &App, (name, ..): &Self::Key, url: &str) -> Result<Vec<u8>, String> {
        let fetched = app.admin.sp_fetcher.get(url).await.map(String::into_bytes).map_err(|error| error.to_string());
        app.admin.sp_fetcher.keep_failure(name, fetched.as_ref().err().cloned());
        fetched
    }

    fn take(app: &App, (name, ..): &Self::Key, fetched: Vec<u8>, now: Timestamp) -> Result<(), AdminError> {
        let text = String::from_utf8_lossy(&fetched).into_owned();
        let taken = app.admin.take_fetched_sp(name, text, now).map(drop);
        app.admin.sp_fetcher.keep_failure(name, taken.as_ref().err().map(ToString::to_string));
        taken
    }

    fn to_look_at(app: &App, now: Timestamp) -> Result<Vec<String>, StoreError> {
        app.admin.sps_to_look_at(now)
    }
}
