//! From ready to ended: signals, tasks that must not die, systemd's protocol, and a bounded drain.
//!
//! The first SIGTERM or SIGINT is the soft end: nothing new is taken, what runs is finished. The
//! hard end is a second signal or the deadline. A task that ends by itself ends the daemon with a code of
//! its own, so that whoever supervises it starts it again instead of keeping half a daemon.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::audit::Outcome;
use crate::http::serve::Ending;

/// What the daemon is told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// End (SIGTERM, SIGINT); twice: at once.
    Terminate,
    /// Read the configuration again (SIGHUP).
    Reload,
}

/// Where signals come from: the process's own, or a test's.
pub type Signals = mpsc::Receiver<Signal>;

/// Reads the configuration again and applies it; an error says why everything stays as it was.
pub type Reload = Box<dyn FnMut() -> BoxFuture<'static, anyhow::Result<()>> + Send>;

/// How the daemon ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// Told to, and everything was finished.
    Clean,
    /// Told to, and the time to finish was over, or it was told twice.
    Forced {
        /// Tasks that did not even let go then.
        left: Vec<String>,
    },
    /// A task that must not end did.
    Died {
        /// Which.
        task: String,
        /// Why.
        why: String,
    },
}

impl Exit {
    /// The process's exit code. 1 to 3 belong to the command line.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Died { .. } => 4,
            Self::Forced { .. } => 5,
        }
    }

    /// How audit tells it.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Clean => Outcome::success(),
            Self::Forced { left } if left.is_empty() => Outcome::failed("Forced", &"what ran was cut off"),
            Self::Forced { left } => Outcome::failed("Forced", &format!("left behind: {}", left.join(", "))),
            Self::Died { task, why } => Outcome::failed("TaskDied", &format!("{task}: {why}")),
        }
    }
}

/// The daemon's tasks and their end.
pub struct Lifecycle {
    ending: Ending,
    tasks: TaskTracker,
    /// Names of the tasks that run.
    names: Arc<Mutex<BTreeSet<String>>>,
    drain: Duration,
    deaths: (mpsc::UnboundedSender<Exit>, mpsc::UnboundedReceiver<Exit>),
}

/// Time for tasks to let go after the hard end.
const LAST_MOMENT: Duration = Duration::from_secs(2);

impl Lifecycle {
    /// A life whose drain takes at most `drain`.
    #[must_use]
    pub fn new(drain: Duration) -> Self {
        Self {
            ending: Ending::default(),
            tasks: TaskTracker::new(),
            names: Arc::default(),
            drain,
            deaths: mpsc::unbounded_channel(),
        }
    }

    /// The two ends, for tasks to wait on.
    #[must_use]
    pub fn ending(&self) -> Ending {
        self.ending.clone()
    }

    /// Runs `task` until it ends; each needs a name of its own. To end before the soft end, to fail and to panic are deaths.
    pub fn spawn(&self, name: impl Into<String>, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        let (name, soft, deaths) = (name.into(), self.ending.soft.clone(), self.deaths.0.clone());
        let names = Arc::clone(&self.names);
        locked(&names).insert(name.clone());
        self.tasks.spawn(async move {
            let ended = tokio::spawn(task).await;
            locked(&names).remove(&name);
            let why = match ended {
                Ok(Ok(())) if soft.is_cancelled() => return,
                Ok(Ok(())) => "it ended by itself".to_owned(),
                Ok(Err(error)) => format!("{error:#}"),
                Err(panic) => format!("it panicked: {panic}"),
            };
            tracing::error!(task = name, why, "a task died");
            // Nobody listens any more once the end is under way and everything was said.
            let _ = deaths.send(Exit::Died { task: name, why });
        });
    }

    /// Says that the daemon is ready, and waits for its end. `reload` runs at each reload; when it
    /// fails, everything stays as it was. `draining` is called at the soft end.
    pub async fn run(mut self, mut signals: Signals, mut reload: Reload, draining: impl FnOnce()) -> Exit {
        let watchdog = tokio::spawn(feed_watchdog());
        notify(&[NotifyState::Ready, NotifyState::Status("serving")]);
        tracing::info!("ready");
        let death = loop {
            tokio::select! {
                biased;
                death = self.deaths.1.recv() => break death,
                signal = signals.recv() => match signal {
                    Some(Signal::Reload) => {
                        if reloaded(&mut reload, &mut signals).await.is_break() {
                            break None;
                        }
                    }
                    Some(Signal::Terminate) | None => break None,
                },
            }
        };
        notify(&[NotifyState::Stopping, NotifyState::Status("finishing what runs")]);
        tracing::info!(running = ?self.running(), "ending");
        self.ending.soft.cancel();
        draining();
        let drained = self.drained(&mut signals).await;
        watchdog.abort();
        death.or_else(|| self.deaths.1.try_recv().ok()).unwrap_or(drained)
    }

    /// Waits until all tasks have ended, or ends them.
    async fn drained(&self, signals: &mut Signals) -> Exit {
        self.tasks.close();
        let why = tokio::select! {
            () = self.tasks.wait() => return Exit::Clean,
            () = tokio::time::sleep(self.drain) => "the time to finish is over",
            () = told_again(signals) => "told again to end",
        };
        tracing::warn!(running = ?self.running(), why, "cutting off");
        self.ending.hard.cancel();
        // Either they let go, or they are named below.
        let _ = tokio::time::timeout(LAST_MOMENT, self.tasks.wait()).await;
        Exit::Forced { left: self.running() }
    }

    fn running(&self) -> Vec<String> {
        locked(&self.names).iter().cloned().collect()
    }
}

fn locked(names: &Mutex<BTreeSet<String>>) -> MutexGuard<'_, BTreeSet<String>> {
    names.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reloads; breaks when told to end meanwhile.
async fn reloaded(reload: &mut Reload, signals: &mut Signals) -> ControlFlow<()> {
    notify_reloading();
    let ended = tokio::select! {
        done = reload() => {
            match done {
                Ok(()) => tracing::info!("configuration reloaded"),
                Err(error) => tracing::error!(error = format!("{error:#}"), "the configuration stays as it was"),
            }
            ControlFlow::Continue(())
        }
        () = told_again(signals) => ControlFlow::Break(()),
    };
    notify(&[NotifyState::Ready, NotifyState::Status("serving")]);
    ended
}

/// The next order to end. A closed channel gives none: a test that dropped its end has said all it will.
async fn told_again(signals: &mut Signals) {
    loop {
        match signals.recv().await {
            Some(Signal::Terminate) => return,
            Some(Signal::Reload) => {}
            None => std::future::pending().await,
        }
    }
}

/// The process's signals, from now on. Call it before anything that takes long.
///
/// # Errors
/// When the system does not let us listen.
pub fn signals() -> std::io::Result<Signals> {
    let (sender, receiver) = mpsc::channel(8);
    for (kind, meaning) in [
        (SignalKind::terminate(), Signal::Terminate),
        (SignalKind::interrupt(), Signal::Terminate),
        (SignalKind::hangup(), Signal::Reload),
    ] {
        let (mut stream, sender) = (signal(kind)?, sender.clone());
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                if sender.send(meaning).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(receiver)
}

/// Tells systemd that the event loop turns, twice as often as it asks for; nothing when it does not ask.
async fn feed_watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else { return };
    let mut beats = tokio::time::interval(limit / 2);
    loop {
        beats.tick().await;
        notify(&[NotifyState::Watchdog]);
    }
}

fn notify_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now, NotifyState::Status("reading the configuration")]),
        Err(error) => tracing::debug!(%error, "no monotonic time for systemd"),
    }
}

/// Tells systemd; without it, nobody.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd could not be told");
    }
}
