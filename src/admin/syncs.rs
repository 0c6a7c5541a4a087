//! Looking at syncs, starting them, and deciding about what the guard holds.

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use super::lines::Line;
use super::page::Page;
use super::{Admin, AdminError};
use crate::audit::Outcome;
use crate::base::Timestamp;
use crate::directory::{Method, ServerHealth};
use crate::gate::Authorized;
use crate::model::{Actor, DirectoryLabel};
use crate::store::{Commit, Intent, StoreError};
use crate::sync::held::{self, Decision, Held};
use crate::sync::progress::{Step, Unwatched, Watched};
use crate::sync::state::{self, Skipped, SyncState, Totals};
use crate::sync::worker::{Activity, Command, Handle, Phase};
use crate::sync::{Report, SyncError};

/// How a directory's sync is doing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SyncStatus {
    /// Which directory.
    pub directory: DirectoryLabel,
    /// False once it was taken out of the configuration.
    pub configured: bool,
    /// In one word: `green`, `yellow` or `red`.
    pub health: Health,
    /// Why it is not green.
    pub reasons: Vec<String>,
    /// What its task is doing.
    pub phase: Option<Phase>,
    /// How changes are followed.
    pub method: Option<Method>,
    /// Whether deletions are told; where they are not, only a full read finds out who left.
    pub sees_deletions: Option<bool>,
    /// The server last read from.
    pub server: Option<String>,
    /// The server that is followed, and what we know of its changes.
    pub cursor: Option<FollowedTo>,
    /// Last time the directory answered.
    pub last_contact: Option<Timestamp>,
    /// Last full read.
    pub last_full: Option<Timestamp>,
    /// Last change applied.
    pub last_change: Option<Timestamp>,
    /// Rows and edges stored.
    pub totals: Totals,
    /// Sets of changes held and not decided.
    pub held: u64,
    /// Entries that could not be used in the last full read.
    pub skipped: Skipped,
    /// Servers, best first.
    pub servers: Vec<ServerHealth>,
    /// What the last run did.
    pub last_report: Option<Report>,
}

/// How far a server is followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowedTo {
    /// The server the position belongs to.
    pub server: String,
    /// Up to which of its changes we know, in its own words; `None` where it is nothing to read.
    pub position: Option<String>,
    /// How far the server itself had come when it was last asked.
    pub highest: Option<String>,
    /// Seconds since nothing of it was unknown here; of a server that pushes, since it was last heard of. What happened
    /// later may be unknown. `None` before the first such moment.
    pub lag_seconds: Option<u64>,
}

/// Health in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Green,
    /// Works, but somebody should look.
    Yellow,
    /// Does not work.
    Red,
}

/// True when this was decided in the same way before.
fn is_decided_so(decision: &Decision, approve: bool) -> bool {
    match decision {
        Decision::Open => false,
        Decision::Approved { .. } => approve,
        Decision::Refused { .. } => !approve,
    }
}

/// Contact older than this is worth a look, older than the second does not work.
const STALE: (i64, i64) = (15 * 60, 24 * 3_600);

/// Something that happens during a run that is watched.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum SyncEvent {
    /// How far it is.
    Progress(Step),
    /// A line of a plan.
    Plan(Line),
    /// A plan of many lines, gathered.
    Page(Box<Page>),
    /// It is done.
    Report(Box<Report>),
    /// It failed.
    Failed {
        /// Why.
        message: String,
    },
}

impl Admin {
    /// How every directory's sync is doing. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sync_status(&self, _asked: &Authorized) -> Result<Vec<SyncStatus>, AdminError> {
        self.statuses()
    }

    /// The same for the health page, which shows it to whoever can reach it. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn statuses(&self) -> Result<Vec<SyncStatus>, AdminError> {
        let now = self.now();
        let (states, held) =
            self.store.read(|snapshot| Ok::<_, AdminError>((state::load_all(snapshot)?, held::every(snapshot)?)))?;
        let mut known: std::collections::BTreeMap<DirectoryLabel, SyncState> = states.into_iter().collect();
        let handles = self.directories.all();
        for label in handles.keys() {
            known.entry(label.clone()).or_default();
        }
        let open = |label: &DirectoryLabel| {
            held.iter().filter(|(_, held)| held.directory == *label && held.decision == Decision::Open).count() as u64
        };
        let statuses = known.into_iter().map(|(label, state)| {
            let open = open(&label);
            status(label.clone(), state, handles.get(&label), open, now)
        });
        Ok(statuses.collect())
    }

    /// Sets of changes that the guard holds. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn held(&self, _asked: &Authorized) -> Result<Vec<Held>, AdminError> {
        let mut sets: Vec<Held> =
            self.store.read(|snapshot| held::every(snapshot))?.into_iter().map(|(_, held)| held).collect();
        sets.sort_by_key(|held| held.since);
        Ok(sets)
    }

    /// Decides that exactly these changes may happen, and lets a run apply them. Answers what that run did.
    ///
    /// # Errors
    /// When there is no such set, or the run fails; the decision stands then and the next run applies it.
    pub async fn approve(&self, asked: Authorized) -> Result<Report, AdminError> {
        let (digest, actor) = (asked.resource().to_owned(), asked.actor());
        let admin = self.clone();
        let held = self.store.run(move |_| admin.decide(asked, &digest, true)).await?;
        let Some(handle) = self.directories.of(&held.directory) else {
            return self.remove_approved(actor, held).await;
        };
        let (reply, answer) = oneshot::channel();
        handle.send(Command::Full { actor, progress: Box::new(Unwatched), reply }).await?;
        Ok(answer.await.map_err(|_| SyncError::Stopping)??)
    }

    /// Decides that these changes shall not happen. They stay held, and nobody is asked about them again. Blocks.
    ///
    /// # Errors
    /// When there is no such set, or the store cannot be written.
    pub fn refuse(&self, asked: Authorized) -> Result<Held, AdminError> {
        let digest = asked.resource().to_owned();
        self.decide(asked, &digest, false)
    }

    fn decide(&self, asked: Authorized, digest: &str, approve: bool) -> Result<Held, AdminError> {
        let now = self.now();
        let found = self.store.read(|snapshot| held::find(snapshot, digest));
        if let Ok((_, held)) = &found
            && is_decided_so(&held.decision, approve)
        {
            // Whoever decided first stays on record; who asks again is heard, for the run may have failed.
            asked.complete(&Outcome::success().with("digest", held.digest.clone()).with("decidedBefore", true), now);
            return Ok(held.clone());
        }
        let decided = found.and_then(|(revision, held)| {
            let mut commit = Commit::new(asked.actor(), now, Intent::Narrow);
            commit.audit = asked.audit_seq();
            let (by, at) = (asked.actor(), now);
            let decision = if approve { Decision::Approved { by, at } } else { Decision::Refused { by, at } };
            held::decide(&mut commit, revision, &held, decision)?;
            Ok((commit, held))
        });
        match decided {
            Ok((commit, held)) => {
                let outcome = Outcome::success().with("digest", held.digest.clone()).with("changes", held.changes);
                asked.commit(&self.store, commit, &outcome, now).map_err(|error| match error {
                    StoreError::Conflict { .. } => AdminError::NotNow {
                        what: format!("somebody else decided about {} at the same moment", held.digest),
                        remedy: "see `bailey sync held`, and ask again if it is still needed".to_owned(),
                    },
                    other => other.into(),
                })?;
                Ok(held)
            }
            Err(error) => {
                asked.complete(&Outcome::failed("NoSuchHeld", &error), now);
                Err(error.into())
            }
        }
    }

    /// Reads `label` now and applies what changed, telling `events` how it goes. The last event is the report or the failure.
    pub async fn start_sync(&self, asked: Authorized, label: DirectoryLabel, events: mpsc::Sender<SyncEvent>) {
        let actor = asked.actor();
        let outcome = match self.directory(&label) {
            Ok(handle) => self.watched_run(&handle, actor, &events).await,
            Err(error) => Err(error),
        };
        let (now, record, event) = (self.now(), recorded(&outcome), last_event(outcome));
        // Recording ends the operation; a watcher that has gone does not matter.
        let written = self.store.run(move |_| {
            asked.complete(&record, now);
            Ok::<_, AdminError>(())
        });
        if let Err(error) = written.await {
            tracing::error!(%error, "the end of a sync could not be recorded");
        }
        let _ = events.send(event).await;
    }

    async fn watched_run(
        &self,
        handle: &Handle,
        actor: Actor,
        events: &mpsc::Sender<SyncEvent>,
    ) -> Result<Report, AdminError> {
        let (progress, steps) = Watched::new(handle.runner.source.estimate().await);
        let (reply, answer) = oneshot::channel();
        handle.send(Command::Full { actor, progress: Box::new(progress), reply }).await?;
        watch_steps(steps, answer, events).await
    }
}

/// Passes steps on, at most ten a second, until the answer is there.
pub(super) async fn watch_steps(
    mut steps: watch::Receiver<Step>,
    mut answer: oneshot::Receiver<Result<Report, SyncError>>,
    events: &mpsc::Sender<SyncEvent>,
) -> Result<Report, AdminError> {
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(100));
    loop {
        tokio::select! {
            answer = &mut answer => return Ok(answer.map_err(|_| SyncError::Stopping)??),
            _ = tick.tick() => {
                if steps.has_changed().unwrap_or(false) {
                    let step = steps.borrow_and_update().clone();
                    let _ = events.send(SyncEvent::Progress(step)).await;
                }
            }
        }
    }
}

fn recorded(outcome: &Result<Report, AdminError>) -> Outcome {
    match outcome {
        Ok(report) => Outcome::success().with("applied", report.applied).with("held", report.held),
        Err(error) => Outcome::failed("SyncFailed", error),
    }
}

pub(super) fn last_event(outcome: Result<Report, AdminError>) -> SyncEvent {
    match outcome {
        Ok(report) => SyncEvent::Report(Box::new(report)),
        Err(error) => SyncEvent::Failed { message: error.to_string() },
    }
}

fn status(label: DirectoryLabel, state: SyncState, handle: Option<&Handle>, held: u64, now: Timestamp) -> SyncStatus {
    let activity = handle.map(Handle::activity);
    let last_contact = activity.as_ref().and_then(|a| a.last_contact).max(state.last_contact);
    let (health, reasons) =
        judge(&state, activity.as_ref(), last_contact, held, now, handle.is_some_and(|h| h.runner.insecure));
    SyncStatus {
        directory: label,
        configured: handle.is_some(),
        health,
        reasons,
        phase: activity.as_ref().map(|a| a.phase),
        method: activity.as_ref().and_then(|a| a.following).map(|following| following.method),
        sees_deletions: activity.as_ref().and_then(|a| a.following).map(|following| following.sees_deletions),
        cursor: followed_to(&state, handle, last_contact, now),
        server: state.server,
        last_contact,
        last_full: state.last_full,
        last_change: state.last_change,
        totals: state.totals,
        held,
        skipped: state.skipped,
        servers: activity.as_ref().map(|a| a.servers.clone()).unwrap_or_default(),
        last_report: activity.and_then(|a| a.last_report),
    }
}

/// Where following stands: by what the server last said, or, where it pushes, by when it was last heard of.
fn followed_to(
    state: &SyncState,
    handle: Option<&Handle>,
    last_contact: Option<Timestamp>,
    now: Timestamp,
) -> Option<FollowedTo> {
    let server = state.cursor.as_ref()?.server.clone();
    let reached = handle.and_then(|handle| handle.runner.source.reached()).filter(|reached| reached.server == server);
    let heard = || last_contact.and_then(|at| u64::try_from(now.duration_since(at).as_secs()).ok());
    let lag_seconds = match &reached {
        Some(reached) => reached.in_step.map(|at| at.elapsed().as_secs()),
        None => heard(),
    };
    Some(FollowedTo {
        server,
        lag_seconds,
        position: reached.as_ref().map(|reached| reached.ours.clone()),
        highest: reached.map(|reached| reached.highest),
    })
}

fn judge(
    state: &SyncState,
    activity: Option<&Activity>,
    last_contact: Option<Timestamp>,
    held: u64,
    now: Timestamp,
    insecure: bool,
) -> (Health, Vec<String>) {
    let mut reasons: Vec<(Health, String)> = Vec::new();
    let Some(activity) = activity else {
        return (Health::Yellow, vec!["no longer configured: its people are frozen".to_owned()]);
    };
    let age = last_contact.map(|at| now.duration_since(at).as_secs());
    match age {
        None => reasons.push((Health::Red, "never read".to_owned())),
        Some(age) if age > STALE.1 => reasons.push((Health::Red, format!("last contact {} hours ago", age / 3_600))),
        Some(age) if age > STALE.0 => reasons.push((Health::Yellow, format!("last contact {} minutes ago", age / 60))),
        Some(_) => {}
    }
    if let Some(error) = &activity.last_error {
        reasons.push((Health::Yellow, format!("away: {error}")));
    }
    if activity.following.is_some_and(|following| !following.sees_deletions) {
        reasons.push((
            Health::Yellow,
            "the account cannot see deletions, so leavers are noticed by full reads alone; see `bailey check`"
                .to_owned(),
        ));
    }
    if held > 0 {
        let waiting = match held {
            1 => "1 held set of changes waits".to_owned(),
            many => format!("{many} held sets of changes wait"),
        };
        reasons.push((Health::Yellow, format!("{waiting} for a decision; see `bailey sync held`")));
    }
    for doubt in &state.doubts {
        reasons.push((Health::Yellow, format!("the last full read proves no absence: {doubt}")));
    }
    if insecure {
        reasons.push((Health::Yellow, "passwords and groups travel unencrypted (`insecure`)".to_owned()));
    }
    let health = reasons.iter().map(|(health, _)| *health).max().unwrap_or(Health::Green);
    (health, reasons.into_iter().map(|(_, reason)| reason).collect())
}
