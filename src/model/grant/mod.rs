//! A grant: one person may have one role for a while, because others agreed to that.
//!
//! What is asked for ([`Terms`]) and how far it has come ([`State`]) lie apart: approvals are given to the terms, by their digest, and
//! count for nothing once a word of them is another. Every state carries what is true in it and nothing else, and the ways between
//! them consume it ([`state`]). What the clock does by itself nobody has to write down: [`Grant::stage`] says where it stands at a
//! moment, and a row that nobody touched since says the same as one that was written in time.

mod rule;
mod state;
mod terms;

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use rule::{LONGEST_CLAIM, Rule, Rules};
pub use state::{Approval, Closing, End, How, Opened, Stage, State, StateError, Working};
pub use terms::{LONGEST, Start, Terms, TermsError};

use crate::base::{EngagementId, GrantId, RoleId, Timestamp, UserId};

/// A grant, or the request for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Stays the same from the request to the end.
    pub id: GrantId,
    /// Who is to have the role.
    pub person: UserId,
    /// The role.
    pub role: RoleId,
    /// The engagement that it is part of; none of one of our own people's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engagement: Option<EngagementId>,
    /// Who asked for it.
    pub requested_by: UserId,
    /// When.
    pub requested: Timestamp,
    /// The life of the store it was asked for in: a restore could bring one back that was taken back since, and ends all.
    #[serde(default)]
    pub epoch: String,
    /// What is asked for.
    pub terms: Terms,
    /// How far it has come.
    pub state: State,
    /// What agreed that its ticket is one, when the last approval came; of none where no rule asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<Checked>,
    /// Somebody has to look back at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

/// A ticket was asked about, and is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// By what, as rules call it.
    pub by: String,
    /// What it said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.by)?;
        if self.said.is_empty() { Ok(()) } else { write!(f, ": {}", self.said) }
    }
}

/// A look back at what was done with a grant that nobody else agreed to beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Until when.
    pub due: Timestamp,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Reviewed>,
}

/// A review that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
    /// By whom.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
    /// What they found.
    pub finding: String,
}

impl Grant {
    /// What approvals are given to: a digest of who is to have what, on which terms. Not of the state, which they change.
    #[must_use]
    pub fn digest(&self) -> String {
        #[derive(Serialize)]
        struct Signed<'a> {
            id: &'a GrantId,
            person: &'a UserId,
            role: &'a RoleId,
            engagement: &'a Option<EngagementId>,
            requested_by: &'a UserId,
            terms: &'a Terms,
        }
        let Self { id, person, role, engagement, requested_by, terms, .. } = self;
        // Members stand in the order in which they are declared and maps are sorted, so one request has one text. It has no map
        // whose keys are no text, so it can be written.
        let text =
            serde_json::to_vec(&Signed { id, person, role, engagement, requested_by, terms }).unwrap_or_default();
        hex::encode(Sha256::digest(text))
    }

    /// Where it stands at `now`.
    #[must_use]
    pub fn stage(&self, now: Timestamp) -> Stage {
        self.state.stage(&self.terms, now)
    }

    /// Whether nothing is left to be done about it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self.state, State::Ended(_)) && self.review.as_ref().is_none_or(|review| review.done.is_some())
    }

    /// Whether it waits for somebody else: to agree to it, or to look back at it.
    #[must_use]
    pub fn waits(&self) -> bool {
        matches!(self.state, State::Requested { .. })
            || self.review.as_ref().is_some_and(|review| review.done.is_none())
    }

    /// When the clock changes where it stands, if it does by itself.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        self.state.due(&self.terms)
    }
}
