//! What a run did, for people and programs.

use serde::{Deserialize, Serialize};

use super::guard::Tripped;
use super::state::Skipped;
use super::tally::Tally;
use crate::base::{Guid, Timestamp};
use crate::model::DirectoryLabel;
use crate::rights::Effects;

/// What one run did or, dry, would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which directory.
    pub directory: DirectoryLabel,
    /// True when nothing was written.
    pub dry_run: bool,
    /// True after a full read, false after events.
    pub full: bool,
    /// The server read from.
    pub server: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// Entries read.
    pub read: u64,
    /// What the plan amounts to, without the counts by group.
    pub tally: Tally,
    /// Changes applied (or, dry, that would be).
    pub applied: u64,
    /// Changes held back until somebody decides.
    pub held: u64,
    /// Changes that stay undone because somebody refused them.
    pub refused: u64,
    /// Digest of what is held, once stored.
    pub held_digest: Option<String>,
    /// Limits that tripped; of those of single groups the first alone, where there are very many.
    pub tripped: Vec<Tripped>,
    /// Why absence was not believed; empty when it was.
    pub doubts: Vec<String>,
    /// Entries that could not be used.
    pub skipped: Skipped,
    /// Who gains and loses which rights; worked out for a dry run alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effects: Option<Effects>,
    /// Last revision written.
    pub revision: Option<u64>,
    /// Groups worth another look in a moment; the worker's own business.
    #[serde(skip)]
    pub look_again: Vec<Guid>,
}

impl Report {
    /// True when somebody has to decide something.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held > 0
    }
}
