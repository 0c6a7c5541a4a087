//! The keys that seal secrets: how they are, and their exchange.

use serde::{Deserialize, Serialize};

use super::{Admin, AdminError};
use crate::audit::Outcome;
use crate::base::Timestamp;
use crate::gate::Authorized;
use crate::keys::{Rotated, RotationError};
use crate::model::Actor;

/// How the sealing keys are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SealingView {
    /// The number of the key that seals.
    pub current: u32,
    /// Since when it does.
    pub since: Timestamp,
    /// Keys that only open any more: an exchange that was cut short left them.
    pub retiring: Vec<u32>,
    /// Secrets sealed anew, of an exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resealed: Option<usize>,
}

impl Admin {
    /// How the sealing keys are.
    ///
    /// # Errors
    /// When there is no master key.
    pub fn sealing_keys(&self, _asked: &Authorized) -> Result<SealingView, AdminError> {
        let standing = self.keys.standing()?;
        Ok(SealingView {
            current: standing.current,
            since: standing.since,
            retiring: standing.retiring,
            resealed: None,
        })
    }

    /// Makes the next sealing key, seals every secret anew, and lets the old key go. Whatever was left by an exchange that was
    /// cut short is done, too. Blocks.
    ///
    /// # Errors
    /// When there is no master key, something does not open, or the store fails; what was done stays done.
    pub fn rotate_sealing_key(&self, asked: Authorized) -> Result<SealingView, AdminError> {
        let actor = asked.actor();
        let exchanged = self.exchange(&actor);
        let outcome = match &exchanged {
            Ok(done) => {
                Outcome::success().with("sealing_key", u64::from(done.current)).with("resealed", done.resealed as u64)
            }
            Err(error) => Outcome::failed("NotRotated", error),
        };
        asked.complete(&outcome, self.now());
        let done = exchanged.map_err(|error| match error {
            RotationError::Keys(error) => AdminError::from(error),
            RotationError::Store(error) => error.into(),
        })?;
        let standing = self.keys.standing()?;
        Ok(SealingView {
            current: done.current,
            since: standing.since,
            retiring: standing.retiring,
            resealed: Some(done.resealed),
        })
    }

    /// What was cut short is finished before another key is made.
    fn exchange(&self, actor: &Actor) -> Result<Rotated, RotationError> {
        let now = self.now();
        if self.keys.standing()?.retiring.is_empty() {
            self.keys.advance(&self.store, actor, now)?;
        }
        self.keys.reseal(&self.store, actor, now)
    }
}
