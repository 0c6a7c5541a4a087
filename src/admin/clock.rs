//! The clock: how it is, and a person's word that it is right.

use serde::{Deserialize, Serialize};

use super::{Admin, AdminError};
use crate::audit::Outcome;
use crate::base::Timestamp;
use crate::base::clock::ClockState;
use crate::gate::Authorized;

/// How the clock is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockView {
    /// `right`, `behind` or `ahead`.
    pub state: String,
    /// By how many seconds it is behind or ahead; 0 when it is right.
    pub seconds: i64,
    /// What the daemon takes for now.
    pub now: Timestamp,
    /// Why nothing is issued that ends, and what to do; nothing while the clock is right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuses: Option<String>,
}

impl Admin {
    /// How the clock is.
    #[must_use]
    pub fn clock_view(&self, _asked: &Authorized) -> ClockView {
        self.view()
    }

    /// Takes the wall clock as it stands for right. Where it was behind, time goes back to it. Blocks.
    ///
    /// # Errors
    /// When it cannot be written down; then it holds until the next start.
    pub fn confirm_clock(&self, asked: Authorized) -> Result<ClockView, AdminError> {
        let (before, was) = (self.now(), self.clock.state());
        self.clock.confirm();
        let kept = self.clock.keep();
        let view = self.view();
        let outcome = match &kept {
            Ok(()) => Outcome::success().with("before", before.to_string()).with("after", view.now.to_string()),
            Err(error) => Outcome::failed("NotKept", error),
        };
        tracing::warn!(?was, %before, after = %view.now, "the clock was confirmed");
        asked.complete(&outcome, view.now);
        kept.map_err(|why| AdminError::NotNow {
            what: format!("the clock is taken for right until the next start, for that cannot be written down: {why}"),
            remedy: "free some space, and confirm it again".to_owned(),
        })?;
        Ok(view)
    }

    fn view(&self) -> ClockView {
        let (state, seconds) = match self.clock.state() {
            ClockState::Right => ("right", 0),
            ClockState::Behind { seconds } => ("behind", seconds),
            ClockState::Ahead { seconds } => ("ahead", seconds),
        };
        let refuses = self.clock.may_mint().err().map(|error| error.to_string());
        ClockView { state: state.to_owned(), seconds, now: self.now(), refuses }
    }
}
