//! Checking directories and letting go of removed ones.

use serde::{Deserialize, Serialize};

use super::{Admin, AdminError};
use crate::audit::Outcome;
use crate::base::Finding;
use crate::gate::Authorized;
use crate::model::{Actor, DirectoryLabel};
use crate::sync::guard::Tripped;
use crate::sync::held::Held;
use crate::sync::removal::{self, Removal};
use crate::sync::{Report, SyncError};

/// What removing a directory did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Removed {
    /// Rows deleted.
    pub deleted: u64,
    /// Rows held until their removal is approved.
    pub held: u64,
    /// What to approve.
    pub held_digest: Option<String>,
    /// Why it is held.
    pub tripped: Vec<Tripped>,
}

impl Admin {
    /// Tries everything a sync of a configured directory needs.
    ///
    /// # Errors
    /// When there is no such directory.
    pub async fn check_directory(
        &self,
        _asked: &Authorized,
        label: &DirectoryLabel,
    ) -> Result<Vec<Finding>, AdminError> {
        Ok(self.directory(label)?.runner.source.check().await)
    }

    /// Lets go of everything that came from a directory that is no longer configured. More than a few
    /// rows are held first; `approve` then carries it out. Blocks.
    ///
    /// # Errors
    /// When the directory is still configured or unknown, or the store fails.
    pub fn remove_directory(&self, asked: Authorized, label: &DirectoryLabel) -> Result<Removed, AdminError> {
        let actor = asked.actor();
        let done = self.removable(label).and_then(|()| Ok(self.remove_rows(&actor, label)?));
        let outcome = match &done {
            Ok(removal) => Outcome::success().with("deleted", removal.deleted).with("held", removal.held),
            Err(error) => Outcome::failed("NotRemoved", error),
        };
        asked.complete(&outcome, self.now());
        let Removal { deleted, held, digest, tripped } = done?;
        Ok(Removed { deleted, held, held_digest: digest, tripped })
    }

    fn removable(&self, label: &DirectoryLabel) -> Result<(), AdminError> {
        if self.directories.of(label).is_some() {
            return Err(AdminError::NotNow {
                what: format!("directory `{label}` is configured"),
                remedy: "take its [[directory]] out of the configuration and reload first".to_owned(),
            });
        }
        let known = self.store.read(|snapshot| crate::sync::state::load(snapshot, label))?;
        known.map(drop).ok_or_else(|| AdminError::NoSuchDirectory { label: label.to_string() })
    }

    fn remove_rows(&self, actor: &Actor, label: &DirectoryLabel) -> Result<Removal, SyncError> {
        removal::remove(&self.store, &self.audit, label, actor, &self.work, self.now())
    }

    /// Carries an approved removal out and says so as a run would.
    pub(super) async fn remove_approved(&self, actor: Actor, held: Held) -> Result<Report, AdminError> {
        let (admin, started) = (self.clone(), self.now());
        let label = held.directory.clone();
        let removal = self.store.run(move |_| admin.remove_rows(&actor, &label)).await?;
        let mut tally = crate::sync::tally::Tally::default();
        tally.deleted.users = removal.deleted;
        Ok(Report {
            directory: held.directory,
            dry_run: false,
            full: false,
            server: None,
            started,
            milliseconds: 0,
            read: 0,
            tally,
            applied: removal.deleted,
            held: removal.held,
            refused: 0,
            held_digest: removal.digest,
            tripped: removal.tripped,
            doubts: Vec::new(),
            skipped: crate::sync::state::Skipped::default(),
            effects: None,
            revision: None,
            look_again: Vec::new(),
        })
    }
}
