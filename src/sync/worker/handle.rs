//! What a worker can be asked for, and what it says of itself.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use super::super::error::SyncError;
use super::super::progress::Progress;
use super::super::report::Report;
use super::super::run::{Listing, Runner};
use crate::base::Timestamp;
use crate::directory::{Following, ServerHealth};
use crate::model::Actor;

/// Something asked of a worker.
pub enum Command {
    /// Read everything and apply what differs.
    Full {
        /// Who asks.
        actor: Actor,
        /// Who watches.
        progress: Box<dyn Progress>,
        /// Takes the answer.
        reply: oneshot::Sender<Result<Report, SyncError>>,
    },
    /// Read everything and list what would happen.
    Dry {
        /// Who watches.
        progress: Box<dyn Progress>,
        /// Takes the changes.
        list: Listing,
        /// Takes the answer.
        reply: oneshot::Sender<Result<Report, SyncError>>,
    },
    /// Look again at what is due.
    Wake,
}

/// What a worker is doing, for people.
#[derive(Debug, Clone, Serialize)]
pub struct Activity {
    /// What it is doing.
    pub phase: Phase,
    /// How changes are followed, once that is known.
    pub following: Option<Following>,
    /// Last time the directory answered.
    pub last_contact: Option<Timestamp>,
    /// Failures since then.
    pub failures: u32,
    /// The last failure, in words.
    pub last_error: Option<String>,
    /// What the last run that changed something did.
    pub last_report: Option<Report>,
    /// The servers, best first.
    pub servers: Vec<ServerHealth>,
}

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Has not talked to the directory yet.
    Starting,
    /// Reads everything.
    Reading,
    /// Follows changes as they happen.
    Following,
    /// Waits until the next full read is due.
    Waiting,
    /// Every server is down; tries again.
    Away,
    /// Ended.
    Stopped,
}

/// A handle to a worker.
#[derive(Clone)]
pub struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) activity: watch::Receiver<Activity>,
    /// The directory's runner, for reads that need no turn.
    pub runner: Arc<Runner>,
}

impl Handle {
    /// Gives the worker something to do.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn send(&self, command: Command) -> Result<(), SyncError> {
        self.commands.send(command).await.map_err(|_| SyncError::Stopping)
    }

    /// What it is doing now.
    #[must_use]
    pub fn activity(&self) -> Activity {
        self.activity.borrow().clone()
    }
}
