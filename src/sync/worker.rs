//! The task of one directory: reads it, follows it, and never gives up.
//!
//! Looks at what is stored and at the clock, and does what is due; commands only make it run sooner.
//! One thing happens at a time, so a plan never races another of the same directory. When every
//! server is down, that is a state people can see; nothing is deleted and trying goes on.

mod handle;
mod told;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use handle::{Activity, Command, Handle, Phase};

use super::error::SyncError;
use super::progress::Unwatched;
use super::report::Report;
use super::run::Runner;
use super::state::{self, SyncState};
use crate::base::Guid;
use crate::directory::{Changes, Following, Method, Wanted};
use crate::model::Actor;
use crate::telemetry::Metric;
use told::{log, measure};

/// Shortest and longest wait before trying again after a failure.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// A connection that brought nothing for this long is asked whether it is still there.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// How long a server that keeps references in order by itself is given for it. OpenLDAP's `refint` works behind the answer.
const REFERENCES_SETTLE: Duration = Duration::from_millis(500);

/// Full reads that only the guard asked for are this far apart at least.
const BETWEEN_FULL_READS: Duration = Duration::from_secs(10);

/// The task of one directory.
pub struct Worker {
    runner: Arc<Runner>,
    commands: mpsc::Receiver<Command>,
    activity: watch::Sender<Activity>,
    rng: StdRng,
    /// Groups to look at once more, and when.
    look_again: BTreeSet<Guid>,
    settled_at: Option<Instant>,
}

/// What comes after a step of changes.
enum Next {
    /// The next step.
    Go,
    /// A full read before long, because the guard held something back.
    FullReadSoon,
    /// A full read now, and why.
    FullRead(String),
}

/// Why following ended.
enum Ended {
    /// Look again at what is due.
    Due,
    /// Stop.
    Stop,
}

impl Worker {
    /// A worker and the handle to it. `rng` spreads retries of many machines.
    #[must_use]
    pub fn new(runner: Arc<Runner>, rng: StdRng) -> (Self, Handle) {
        let (sender, commands) = mpsc::channel(16);
        let (activity, watcher) = watch::channel(Activity {
            phase: Phase::Starting,
            following: None,
            last_contact: None,
            failures: 0,
            last_error: None,
            last_report: None,
            servers: runner.source.servers(),
        });
        let handle = Handle { commands: sender, activity: watcher, runner: Arc::clone(&runner) };
        (Self { runner, commands, activity, rng, look_again: BTreeSet::new(), settled_at: None }, handle)
    }

    /// Works until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut due: Option<String> = None;
        loop {
            if stop.is_cancelled() {
                break;
            }
            let turn = self.turn(&mut due, &stop).await;
            match turn {
                Ok(Ended::Due) => {}
                Ok(Ended::Stop) => break,
                Err(error) => {
                    self.failed(&error);
                    if let Ended::Stop = self.wait_to_retry(&stop).await {
                        break;
                    }
                }
            }
        }
        self.phase(Phase::Stopped);
    }

    /// Does only what it is asked, until `stop` or nobody can ask any more: for a command that finds no daemon.
    pub async fn run_on_request(mut self, stop: CancellationToken) {
        loop {
            let command = tokio::select! {
                () = stop.cancelled() => break,
                command = self.commands.recv() => command,
            };
            if !matches!(self.obey(command).await, Ok(Ended::Due)) {
                break;
            }
        }
        self.phase(Phase::Stopped);
    }

    /// Does what is due, then follows until something else is.
    async fn turn(&mut self, due: &mut Option<String>, stop: &CancellationToken) -> Result<Ended, SyncError> {
        let state = self.state().await?;
        if let Some(why) = due.take().or_else(|| self.full_read_due(&state)) {
            tracing::info!(directory = %self.runner.settings.label, why, "reading everything");
            let runner = Arc::clone(&self.runner);
            self.phase(Phase::Reading);
            let full = runner.full(Actor::task(runner.task()), Box::new(Unwatched));
            let report = tokio::select! {
                report = full => report?,
                () = stop.cancelled() => return Ok(Ended::Stop),
            };
            self.done(report);
        }
        let following = self.runner.source.following().await?;
        self.activity.send_modify(|activity| activity.following = Some(following));
        let state = self.state().await?;
        match state.cursor.clone() {
            Some(cursor) if following.method != Method::Polling => self.follow(cursor, &state, due, stop).await,
            _ => {
                let next = self.next_full_read(&state, self.runner.settings.poll_every);
                self.phase(Phase::Waiting);
                self.wait_until(next, stop).await
            }
        }
    }

    /// Why a full read is due now, if it is.
    fn full_read_due(&self, state: &SyncState) -> Option<String> {
        let settings = &self.runner.settings;
        let Some(last) = state.last_full else { return Some("this directory was never read".to_owned()) };
        let age = self.runner.clock.now().duration_since(last).unsigned_abs();
        match &state.full_read_due {
            Some(why) if age >= BETWEEN_FULL_READS => Some(why.clone()),
            _ if age >= self.reconcile_every() => Some("the schedule".to_owned()),
            _ if state.cursor.is_none() && age >= settings.poll_every => Some("changes cannot be followed".to_owned()),
            _ => None,
        }
    }

    /// How often everything is read whatever else is told. While the account cannot see deletions, that is how leavers are
    /// noticed.
    fn reconcile_every(&self) -> Duration {
        let settings = &self.runner.settings;
        match self.activity.borrow().following {
            Some(Following { sees_deletions: false, .. }) => {
                settings.reconcile_every.min(settings.reconcile_blind_every)
            }
            _ => settings.reconcile_every,
        }
    }

    /// When the next full read is due.
    fn next_full_read(&self, state: &SyncState, every: Duration) -> Instant {
        let age =
            state.last_full.map_or(Duration::MAX, |last| self.runner.clock.now().duration_since(last).unsigned_abs());
        let every = match state.full_read_due {
            Some(_) => BETWEEN_FULL_READS,
            None => every.min(self.reconcile_every()),
        };
        Instant::now() + every.saturating_sub(age)
    }

    async fn follow(
        &mut self,
        cursor: crate::directory::Cursor,
        state: &SyncState,
        due: &mut Option<String>,
        stop: &CancellationToken,
    ) -> Result<Ended, SyncError> {
        let (into, mut changes) = mpsc::channel(4);
        let source = Arc::clone(&self.runner.source);
        let mut following = AbortOnDrop(tokio::spawn(async move { source.follow(cursor, into).await }));
        let mut reconcile = self.next_full_read(state, self.reconcile_every());
        self.phase(Phase::Following);
        // What was left when this ended last.
        if !state.look_again.is_empty() {
            self.look_again.extend(&state.look_again);
            self.settled_at = Some(Instant::now());
        }
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Ended::Stop),
                command = self.commands.recv() => {
                    // A full read moves the cursor; following starts again from there.
                    drop(following);
                    return self.obey(command).await;
                }
                change = changes.recv() => match change {
                    Some(change) => match self.apply(change).await? {
                        Next::Go => {}
                        // Not at once: a thousand deletions one by one must not become a thousand full reads.
                        Next::FullReadSoon => reconcile = self.next_full_read(&self.state().await?, BETWEEN_FULL_READS),
                        Next::FullRead(why) => {
                            *due = Some(why);
                            return Ok(Ended::Due);
                        }
                    },
                    None => return match (&mut following.0).await {
                        Ok(ended) => ended.map(|()| Ended::Due).map_err(SyncError::from),
                        Err(ended) => Err(SyncError::Bug(format!("following ended early: {ended}"))),
                    },
                },
                () = tokio::time::sleep_until(reconcile) => return Ok(Ended::Due),
                () = until(self.settled_at) => self.look_again().await?,
                () = tokio::time::sleep(HEARTBEAT) => self.heartbeat().await?,
            }
        }
    }

    /// Applies a step of changes.
    async fn apply(&mut self, change: Changes) -> Result<Next, SyncError> {
        if let Changes::FullReadNeeded { why } = &change {
            return Ok(Next::FullRead(why.clone()));
        }
        let received = match &change {
            Changes::Delta { received, .. } | Changes::Present { received, .. } => Some(*received),
            Changes::FullReadNeeded { .. } => None,
        };
        let Some(report) = self.runner.delta(change).await? else {
            return Ok(Next::FullRead("more changed than can be looked up one by one".to_owned()));
        };
        if let Some(received) = received.filter(|_| report.applied > 0) {
            Metric::SyncLag
                .histogram(&[("directory", self.runner.settings.label.as_str())])
                .record(received.elapsed().as_secs_f64());
        }
        // What was held before is in its set already.
        let tripped = !report.tripped.is_empty();
        if !report.look_again.is_empty() {
            self.look_again.extend(&report.look_again);
            self.settled_at = Some(Instant::now() + REFERENCES_SETTLE);
        }
        self.done(report);
        Ok(if tripped { Next::FullReadSoon } else { Next::Go })
    }

    /// Reads groups once more that others changed: the server may have rewritten them since, without an event.
    async fn look_again(&mut self) -> Result<(), SyncError> {
        // Forgotten once it is done: after a broken connection they are looked at again.
        let report = self.runner.look_again(self.look_again.iter().copied().collect()).await?;
        self.look_again.clear();
        self.settled_at = None;
        if let Some(report) = report {
            self.done(report);
        }
        Ok(())
    }

    async fn heartbeat(&mut self) -> Result<(), SyncError> {
        // Nobody has this id; what matters is that the server answers.
        self.runner.source.look_up(vec![Wanted::Guid(Guid::from_bytes([0; 16]))]).await?;
        self.contact();
        Ok(())
    }

    async fn wait_until(&mut self, at: Instant, stop: &CancellationToken) -> Result<Ended, SyncError> {
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(Ended::Stop),
            command = self.commands.recv() => self.obey(command).await,
            () = tokio::time::sleep_until(at) => Ok(Ended::Due),
        }
    }

    async fn wait_to_retry(&mut self, stop: &CancellationToken) -> Ended {
        let failures = self.activity.borrow().failures.clamp(1, 10);
        let ceiling = RETRY.0.saturating_mul(1 << (failures - 1)).min(RETRY.1);
        // Half fixed, half drawn: a thousand machines do not come back in step.
        let wait = ceiling / 2 + ceiling.mul_f64(self.rng.random_range(0.0..0.5));
        self.wait_until(Instant::now() + wait, stop).await.unwrap_or(Ended::Due)
    }

    /// Carries out a command; its error goes to whoever asked.
    async fn obey(&mut self, command: Option<Command>) -> Result<Ended, SyncError> {
        match command {
            None => return Ok(Ended::Stop),
            Some(Command::Wake) => {}
            Some(Command::Full { actor, progress, reply }) => {
                self.phase(Phase::Reading);
                let answer = self.runner.full(actor, progress).await;
                match &answer {
                    Ok(report) => self.done(report.clone()),
                    Err(error) => self.failed(error),
                }
                // Whoever asked may have gone; the run stands.
                let _ = reply.send(answer);
            }
            Some(Command::Dry { progress, list, reply }) => {
                let answer = self.runner.dry(progress, list).await;
                let _ = reply.send(answer);
            }
        }
        Ok(Ended::Due)
    }

    async fn state(&self) -> Result<SyncState, SyncError> {
        let label = self.runner.settings.label.clone();
        let known = self.runner.store.run(move |store| store.read(|snapshot| state::load(snapshot, &label))).await?;
        Ok(known.map(|(_, state)| state).unwrap_or_default())
    }

    fn phase(&self, phase: Phase) {
        self.activity.send_modify(|activity| activity.phase = phase);
    }

    fn contact(&self) {
        let now = self.runner.clock.now();
        self.activity.send_modify(|activity| {
            activity.last_contact = Some(now);
            activity.failures = 0;
            activity.last_error = None;
            activity.servers = self.runner.source.servers();
        });
    }

    fn done(&self, report: Report) {
        self.contact();
        log(&report);
        measure(&report);
        if !report.tally.is_empty() || report.full {
            self.activity.send_modify(|activity| activity.last_report = Some(report));
        }
    }

    fn failed(&self, error: &SyncError) {
        let label = self.runner.settings.label.as_str();
        let servers = self.runner.source.servers();
        tracing::warn!(directory = label, %error, "the directory could not be synced; trying again");
        Metric::SyncErrors.counter(&[("directory", label)]).increment(1);
        self.activity.send_modify(|activity| {
            activity.phase = Phase::Away;
            activity.failures = activity.failures.saturating_add(1);
            activity.last_error = Some(error.to_string());
            activity.servers = servers;
        });
    }
}

/// Waits until `at`; for ever where there is nothing to wait for.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Ends the task with whoever holds it.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
