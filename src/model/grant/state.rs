//! How far a grant has come, and the ways on from there.
//!
//! ```text
//!            approved by enough          its time comes          its holder claims it
//! Requested ------------------> Approved --------------> (claimable) ------------> Active
//!     |                            |                          |                       |
//!     +--- refused, withdrawn -----+--- claim_by passes ------+--- completed, revoked, expired ---> Ended
//! ```
//!
//! Claimable is an [`State::Approved`] whose time has come: no row changes for that. What is over by the clock is over whether or
//! not somebody has written it down; a row that says [`State::Ended`] never says anything else again, so a clock that steps back
//! revives nothing that was written down, and [`crate::base::Clock`] sees to the rest.

use serde::{Deserialize, Serialize};

use super::Terms;
use crate::base::clock::expired;
use crate::base::{Timestamp, UserId};
use crate::model::Actor;

/// How far a grant has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Somebody asked for it.
    Requested {
        /// Who agreed so far.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        approvals: Vec<Approval>,
    },
    /// Enough agreed. It can be claimed from `opens` until `claim_by`.
    Approved(Opened),
    /// Its holder works with it.
    Active(Working),
    /// It is over.
    Ended(End),
}

/// What is true of a grant that enough agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Who agreed.
    pub approvals: Vec<Approval>,
    /// When the last one did.
    pub approved: Timestamp,
    /// It can be claimed from then on.
    pub opens: Timestamp,
    /// Until just before then.
    pub claim_by: Timestamp,
}

/// What is true of a grant that is in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Working {
    /// Who agreed.
    pub approvals: Vec<Approval>,
    /// When the last one did.
    pub approved: Timestamp,
    /// When its holder claimed it.
    pub claimed: Timestamp,
    /// It counts from then on.
    pub from: Timestamp,
    /// Until just before then.
    pub until: Timestamp,
}

/// What is true of a grant that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Since when: by the clock, of one that expired, and not when that was noticed.
    pub at: Timestamp,
    /// How.
    #[serde(flatten)]
    pub how: How,
    /// Who had agreed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// When it had been claimed, from when it counted, and until when it would have; none of one that never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worked: Option<(Timestamp, Timestamp, Timestamp)>,
}

/// How a grant ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum How {
    /// Its time passed: to be approved, to be claimed, or to work with it.
    Expired,
    /// Its holder said that they are done.
    Completed,
    /// Somebody took it back.
    Revoked {
        /// Who.
        by: Actor,
        /// Why.
        reason: String,
    },
    /// Somebody who could have agreed did not.
    Refused {
        /// Who.
        by: UserId,
        /// Why.
        reason: String,
    },
}

/// Somebody agreed to the terms, as they then were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: UserId,
    /// What they were called.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// The digest of what they agreed to.
    pub digest: String,
    /// A digest of what the role allowed then, and of what bounds it: empty of one who decided alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reach: String,
    /// What made them one who could, such as `group/security`.
    pub right: String,
    /// How they were signed in (RFC 8176), and when they last showed a second factor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// When they last showed a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa: Option<Timestamp>,
    /// What they said to it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// Where a grant stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It waits for others to agree.
    Requested,
    /// They did; its time has not come.
    Approved,
    /// It waits for its holder.
    Claimable,
    /// It counts.
    Active,
    /// It is over.
    Ended,
}

impl Stage {
    /// `requested`, `approved`, `claimable`, `active`, `ended`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Claimable => "claimable",
            Self::Active => "active",
            Self::Ended => "ended",
        }
    }
}

/// A step that does not lead on from where a grant stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It stands elsewhere.
    #[error("the grant is {}", .0.word())]
    Stands(Stage),
    /// They agreed already.
    #[error("you have agreed to it already")]
    Twice,
    /// It is another by now.
    #[error("the request was changed since you read it: look at it again")]
    Changed,
}

/// How somebody ends a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// Its holder is done.
    Complete,
    /// Somebody takes it back: at any stage.
    Revoke {
        /// Who.
        by: Actor,
        /// Why.
        reason: String,
    },
    /// Somebody who could agree does not: before it is approved.
    Refuse {
        /// Who.
        by: UserId,
        /// Why.
        reason: String,
    },
}

impl State {
    /// Where it stands at `now`.
    #[must_use]
    pub fn stage(&self, terms: &Terms, now: Timestamp) -> Stage {
        match self {
            Self::Requested { .. } if expired(terms.closes(None), now) => Stage::Ended,
            Self::Requested { .. } => Stage::Requested,
            Self::Approved(opened) if expired(opened.claim_by, now) => Stage::Ended,
            Self::Approved(opened) if now < opened.opens => Stage::Approved,
            Self::Approved(_) => Stage::Claimable,
            Self::Active(working) if expired(working.until, now) => Stage::Ended,
            Self::Active(_) => Stage::Active,
            Self::Ended(_) => Stage::Ended,
        }
    }

    /// Who agreed so far.
    #[must_use]
    pub fn approvals(&self) -> &[Approval] {
        match self {
            Self::Requested { approvals }
            | Self::Approved(Opened { approvals, .. })
            | Self::Active(Working { approvals, .. })
            | Self::Ended(End { approvals, .. }) => approvals,
        }
    }

    /// When the clock ends it by itself; `None` of what is over.
    #[must_use]
    pub fn due(&self, terms: &Terms) -> Option<Timestamp> {
        match self {
            Self::Requested { .. } => Some(terms.closes(None)),
            Self::Approved(opened) => Some(opened.claim_by),
            Self::Active(working) => Some(working.until),
            Self::Ended(_) => None,
        }
    }

    /// One more agrees, of `needed`; whose time to be claimed is over gets nobody's.
    ///
    /// # Errors
    /// When it is no request, they agreed before, or what they read is another by now.
    pub fn approve(self, terms: &Terms, digest: &str, approval: Approval, needed: usize) -> Result<Self, StateError> {
        let now = approval.at;
        let mut approvals = match (self.stage(terms, now), self) {
            (Stage::Requested, Self::Requested { approvals }) => approvals,
            (stage, _) => return Err(StateError::Stands(stage)),
        };
        if approval.digest != digest {
            return Err(StateError::Changed);
        }
        if approvals.iter().any(|other| other.by == approval.by) {
            return Err(StateError::Twice);
        }
        approvals.push(approval);
        if approvals.len() < needed {
            return Ok(Self::Requested { approvals });
        }
        Ok(Self::opened(terms, approvals, now))
    }

    /// Enough agreed, at `now`.
    #[must_use]
    pub fn opened(terms: &Terms, approvals: Vec<Approval>, now: Timestamp) -> Self {
        Self::Approved(Opened { approvals, approved: now, opens: terms.opens(now), claim_by: terms.closes(Some(now)) })
    }

    /// The terms are others: nobody agreed to these.
    ///
    /// # Errors
    /// When it is no request any more.
    pub fn amended(self, terms: &Terms, now: Timestamp) -> Result<Self, StateError> {
        match self.stage(terms, now) {
            Stage::Requested => Ok(Self::Requested { approvals: Vec::new() }),
            stage => Err(StateError::Stands(stage)),
        }
    }

    /// Its holder claims it; it counts until `most` at the latest.
    ///
    /// # Errors
    /// When it cannot be claimed now, or no time is left.
    pub fn claim(self, terms: &Terms, most: Option<Timestamp>, now: Timestamp) -> Result<Self, StateError> {
        match (self.stage(terms, now), self) {
            (Stage::Claimable, Self::Approved(Opened { approvals, approved, .. })) => {
                let (from, until) = terms.window(approved, now);
                let until = most.map_or(until, |most| until.min(most));
                if expired(until, now) {
                    return Err(StateError::Stands(Stage::Ended));
                }
                Ok(Self::Active(Working { approvals, approved, claimed: now, from, until }))
            }
            (stage, _) => Err(StateError::Stands(stage)),
        }
    }

    /// Somebody ends it.
    ///
    /// # Errors
    /// When that is no end from where it stands, or it is over.
    pub fn close(self, terms: &Terms, closing: Closing, now: Timestamp) -> Result<Self, StateError> {
        let how = match (self.stage(terms, now), closing) {
            (Stage::Ended, _) => return Err(StateError::Stands(Stage::Ended)),
            (_, Closing::Revoke { by, reason }) => How::Revoked { by, reason },
            (Stage::Requested, Closing::Refuse { by, reason }) => How::Refused { by, reason },
            (Stage::Active | Stage::Approved | Stage::Claimable, Closing::Complete) => How::Completed,
            (stage, _) => return Err(StateError::Stands(stage)),
        };
        Ok(self.over(now, how))
    }

    /// What the clock has ended, as that is written down; `None` where it has not.
    #[must_use]
    pub fn lapsed(self, terms: &Terms, now: Timestamp) -> Option<Self> {
        let at = self.due(terms).filter(|at| expired(*at, now))?;
        Some(self.over(at, How::Expired))
    }

    fn over(self, at: Timestamp, how: How) -> Self {
        let (approvals, worked) = match self {
            Self::Requested { approvals } => (approvals, None),
            Self::Approved(opened) => (opened.approvals, None),
            Self::Active(working) => (working.approvals, Some((working.claimed, working.from, working.until))),
            Self::Ended(end) => return Self::Ended(end),
        };
        Self::Ended(End { at, how, approvals, worked })
    }
}
