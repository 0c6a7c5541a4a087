//! The tasks of all configured directories, exchanged as a whole when the configuration changes.
//!
//! A worker resumes from the cursor in the store, so starting all of them again costs a connection each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admin::syncs::{FollowedTo, Health, SyncStatus};
use crate::admin::{Admin, AdminError, Directories};
use crate::authn::login::Door;
use crate::base::rng;
use crate::config::DirectoryConfig;
use crate::directory::{LdapSource, Verifier};
use crate::model::DirectoryLabel;
use crate::store::{Commit, Expect, Intent, StoreError, schema};
use crate::sync::worker::{Handle, Worker};
use crate::sync::{Runner, SyncError, state};
use crate::telemetry::{Board, Condition, Metric, Part};

/// How often every directory's health is posted.
const POST_EVERY: Duration = Duration::from_secs(2);

/// A word on the board holds this long without being said again.
const WORD_HOLDS: Duration = Duration::from_secs(30);

/// Workers that are ready to run.
pub struct Fleet {
    workers: Vec<(DirectoryLabel, Worker)>,
    handles: BTreeMap<DirectoryLabel, Handle>,
    doors: Vec<Door>,
}

impl Fleet {
    /// Workers for `directories`, not yet running.
    ///
    /// # Errors
    /// When a directory's certificates or addresses cannot be used.
    pub fn build(admin: &Admin, directories: Vec<DirectoryConfig>) -> anyhow::Result<Self> {
        let mut fleet = Self { workers: Vec::new(), handles: BTreeMap::new(), doors: Vec::new() };
        for DirectoryConfig { source, sync } in directories {
            let label = sync.label.clone();
            let insecure = source.insecure;
            let mut random = rng::from_os()?;
            let seed = rand::RngExt::random(&mut random);
            let source = Arc::new(LdapSource::new(source, seed)?);
            let verifier: Arc<dyn Verifier> = Arc::<LdapSource>::clone(&source);
            fleet.doors.push(Door { label: label.clone(), primary: sync.primary, verifier });
            let runner = Runner {
                store: admin.store.clone(),
                audit: admin.audit.clone(),
                source,
                settings: Arc::new(sync),
                grounds: admin.grounds(),
                clock: Arc::clone(&admin.clock),
                work: admin.work.clone(),
                insecure,
            };
            let (worker, handle) = Worker::new(Arc::new(runner), random);
            fleet.workers.push((label.clone(), worker));
            fleet.handles.insert(label, handle);
        }
        Ok(fleet)
    }

    /// The labels of its directories.
    #[must_use]
    pub fn labels(&self) -> Vec<DirectoryLabel> {
        self.handles.keys().cloned().collect()
    }

    /// Its directories, as their people sign in to them.
    #[must_use]
    pub fn doors(&self) -> Vec<Door> {
        self.doors.clone()
    }

    /// The handles of its workers.
    #[must_use]
    pub fn handles(&self) -> BTreeMap<DirectoryLabel, Handle> {
        self.handles.clone()
    }

    /// Runs the workers until `stop`; then waits for them.
    pub async fn run(self, directories: &Directories, stop: CancellationToken) {
        self.start(directories, stop, false).await;
    }

    /// Runs the workers until `stop`, each doing only what it is asked.
    pub async fn run_on_request(self, directories: &Directories, stop: CancellationToken) {
        self.start(directories, stop, true).await;
    }

    async fn start(self, directories: &Directories, stop: CancellationToken, on_request: bool) {
        directories.replace(self.handles);
        let mut tasks = JoinSet::new();
        for (label, worker) in self.workers {
            let stop = stop.clone();
            tasks.spawn(async move {
                if on_request {
                    worker.run_on_request(stop).await;
                } else {
                    worker.run(stop).await;
                }
                label
            });
        }
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(label) => tracing::debug!(directory = %label, "no longer read"),
                Err(error) => tracing::error!(%error, "a directory's task ended early"),
            }
        }
    }
}

/// Runs `first` and then whatever `next` brings, until `stop`.
///
/// # Errors
/// When a fleet ends by itself: every task in it died.
pub async fn run(
    first: Fleet,
    admin: Admin,
    mut next: tokio::sync::mpsc::Receiver<Fleet>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut fleet = first;
    loop {
        let ours = stop.child_token();
        let running = fleet.run(&admin.directories, ours.clone());
        tokio::pin!(running);
        // Without a directory there is nothing to run, and that is no failure.
        let replaced = tokio::select! {
            replaced = next.recv() => replaced,
            () = stop.cancelled() => None,
            () = async { running.as_mut().await; std::future::pending().await } => None,
        };
        ours.cancel();
        match replaced {
            Some(with) if !stop.is_cancelled() => fleet = with,
            _ => return Ok(()),
        }
    }
}

/// Marks directories that are stored and not configured as frozen, and those that are back as not.
///
/// # Errors
/// When the store fails.
pub fn freeze(admin: &Admin, configured: &[DirectoryLabel]) -> Result<(), SyncError> {
    for (label, _) in admin.store.read(|snapshot| state::load_all(snapshot))? {
        let frozen = !configured.contains(&label);
        // A sync that is under way writes the same row: what it wrote is read, and frozen then.
        while let Err(error) = set_frozen(admin, &label, frozen) {
            if !matches!(error, SyncError::Store(StoreError::Conflict { .. })) {
                return Err(error);
            }
        }
    }
    Ok(())
}

fn set_frozen(admin: &Admin, label: &DirectoryLabel, frozen: bool) -> Result<(), SyncError> {
    let now = admin.now();
    let Some((revision, mut state)) = admin.store.read(|snapshot| state::load(snapshot, label))? else { return Ok(()) };
    if frozen == state.frozen_since.is_some() {
        return Ok(());
    }
    state.frozen_since = frozen.then_some(now);
    let intent = if frozen { Intent::Narrow } else { Intent::Widen };
    let name = if frozen { "FreezeDirectory" } else { "ThawDirectory" };
    let event = crate::audit::Event { intent, ..crate::audit::Event::new(name) };
    let actor = crate::model::Actor::task("daemon");
    let opened = admin.audit.begin(&actor, &event.with("directory", label.as_str()), now)?;
    let mut commit = Commit::new(actor, now, intent);
    let key = schema::sync_state(label, "state");
    commit.expect(key.clone(), Expect::At(revision));
    commit.put(key, serde_json::to_vec(&state)?);
    if let Err(not) = opened.commit(commit, &crate::audit::Outcome::success(), now) {
        not.opened.complete(&crate::audit::Outcome::failed("NotCommitted", &not.error), now);
        return Err(not.error.into());
    }
    tracing::warn!(directory = %label, frozen, "a directory was taken out of the configuration, or is back");
    Ok(())
}

/// Posts every directory's health on the board until `stop`.
///
/// # Errors
/// Never: what fails in one round is tried in the next.
pub async fn post_health(admin: Admin, board: Board, stop: CancellationToken) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(POST_EVERY);
    let mut posted: Vec<String> = Vec::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        let asked = admin.clone();
        let statuses = match admin.store.run(move |_| asked.statuses()).await {
            Ok(statuses) => statuses,
            Err(error) => {
                tracing::warn!(%error, "the directories' health cannot be read");
                continue;
            }
        };
        let names: Vec<String> = statuses.iter().map(name).collect();
        for gone in posted.iter().filter(|old| !names.contains(old)) {
            board.remove(gone);
        }
        for status in &statuses {
            if let Some(at) = status.last_contact {
                admin.contacts.heard(&status.directory, at);
            }
            board.post(&name(status), part(status, &admin));
            publish(status);
        }
        posted = names;
    }
}

fn name(status: &SyncStatus) -> String {
    format!("directory/{}", status.directory)
}

fn part(status: &SyncStatus, admin: &Admin) -> Part {
    let words = if status.reasons.is_empty() { "in step".to_owned() } else { status.reasons.join("; ") };
    let condition = match status.health {
        Health::Green => Condition::Green,
        Health::Yellow => Condition::Yellow,
        Health::Red => Condition::Red,
    };
    // Ready with data, even when the directory is away: a restart would not bring it back.
    let ready = status.last_full.is_some() || !status.configured;
    let until = admin.now().saturating_add(WORD_HOLDS).unwrap_or(crate::base::Timestamp::MAX);
    Part { condition, ..Part::green(words) }.ready(ready).good_until(until)
}

#[expect(clippy::cast_precision_loss, reason = "gauges; nobody needs the last of 2^53 entries")]
fn publish(status: &SyncStatus) {
    let label = [("directory", status.directory.as_str())];
    Metric::SyncEntries.gauge(&label).set(status.totals.rows() as f64);
    Metric::SyncUnusable.gauge(&label).set(status.skipped.count as f64);
    Metric::SyncHeld.gauge(&label).set(status.held as f64);
    if let Some(at) = status.last_contact {
        Metric::SyncLastSuccess.gauge(&label).set(at.as_second() as f64);
    }
    if let Some(cursor) = &status.cursor {
        publish_lag(status, cursor);
    }
    for server in &status.servers {
        let up = f64::from(u8::from(server.failures == 0));
        let labels = [("directory", status.directory.as_str()), ("server", server.url.as_str())];
        Metric::DirectoryServerUp.gauge(&labels).set(up);
    }
}

/// How far following has come. The server is no label: followed is one at a time, and a series that stays behind
/// when another takes over would alarm for ever.
#[expect(clippy::cast_precision_loss, reason = "gauges; nobody needs the last of 2^53 updates")]
fn publish_lag(status: &SyncStatus, cursor: &FollowedTo) {
    let label = [("directory", status.directory.as_str())];
    if let Some(seconds) = cursor.lag_seconds {
        Metric::SyncSinceInStep.gauge(&label).set(seconds as f64);
    }
    let positions = [(Metric::SyncPosition, &cursor.position), (Metric::SyncServerPosition, &cursor.highest)];
    for (metric, position) in positions {
        if let Some(number) = position.as_deref().and_then(number_in) {
            metric.gauge(&label).set(number as f64);
        }
    }
}

/// The number in a position such as `update 4711`.
fn number_in(position: &str) -> Option<u64> {
    position.rsplit(' ').next()?.parse().ok()
}

/// All there is to do before serving: what the configuration says about directories becomes state.
///
/// # Errors
/// When the store fails.
pub fn prepare(admin: &Admin, directories: &[DirectoryConfig]) -> Result<(), AdminError> {
    let labels: Vec<DirectoryLabel> = directories.iter().map(|directory| directory.sync.label.clone()).collect();
    Ok(freeze(admin, &labels)?)
}
