//! What is asked for: for how long, from when, under which conditions, and why.

use serde::{Deserialize, Serialize};

use crate::base::Timestamp;
use crate::base::clock::later;
use crate::base::text::printable_within;

/// Seconds that a grant lasts at most: 90 days. Whoever needs longer asks anew.
pub const LONGEST: u32 = 90 * 24 * 3_600;

/// Fewest seconds that one is worth.
const SHORTEST: u32 = 300;

/// Longest reason, in bytes.
const LONGEST_REASON: usize = 1_000;

/// Longest name of a ticket, in bytes.
const LONGEST_TICKET: usize = 128;

/// Most conditions besides each other: who asks has one, and each who approves may add one.
const MOST_CONDITIONS: usize = 16;

/// The terms of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// When the working window begins.
    pub start: Start,
    /// Seconds that it lasts.
    pub seconds: u32,
    /// It has to be claimed before then, or is over.
    pub claim_by: Timestamp,
    /// A document that counts in sessions of it as if it hung on the role, as text: never past the role's boundary, nor the ceiling of
    /// an engagement. Of a role whose rule asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gives: Option<String>,
    /// A document beyond which sessions of it do not reach, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// `Condition` blocks of the policy language, as text; all of them have to hold, at every call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// What for.
    pub reason: String,
    /// The ticket that says so elsewhere.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ticket: String,
}

/// When a working window begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "at", content = "time")]
pub enum Start {
    /// With the last approval.
    Approval,
    /// When its holder first uses it.
    FirstUse,
    /// At a fixed time.
    Time(Timestamp),
}

/// Terms that are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {limit}")]
pub struct TermsError {
    /// What is wrong.
    pub what: &'static str,
    /// How it has to be.
    pub limit: String,
}

impl Terms {
    /// Whether somebody could work by them, asked for at `now`; `longest` and `claim_within` are seconds that a rule allows.
    ///
    /// # Errors
    /// The first of them that is out of bounds.
    pub fn check(&self, now: Timestamp, longest: u32, claim_within: u32) -> Result<(), TermsError> {
        let error = |what, limit| Err(TermsError { what, limit });
        let longest = longest.min(LONGEST);
        if !(SHORTEST..=longest).contains(&self.seconds) {
            return error("seconds", format!("from {SHORTEST} to {longest}"));
        }
        let most = later(now, jiff::SignedDuration::from_secs(claim_within.into()));
        if self.claim_by <= now || self.claim_by > most {
            return error("claim_by", format!("after {now:.0} and not after {most:.0}"));
        }
        if let Start::Time(at) = self.start
            && !(now..self.claim_by).contains(&at)
        {
            return error("start", format!("from {now:.0} until before claim_by, {:.0}", self.claim_by));
        }
        if self.reason.trim().is_empty() || !fits(&self.reason, LONGEST_REASON) {
            return error("reason", format!("printable text of 1 to {LONGEST_REASON} bytes"));
        }
        if !fits(&self.ticket, LONGEST_TICKET) {
            return error("ticket", format!("printable text of at most {LONGEST_TICKET} bytes"));
        }
        if self.conditions.len() > MOST_CONDITIONS {
            return error("conditions", format!("at most {MOST_CONDITIONS}"));
        }
        Ok(())
    }

    /// Whether they let nobody do more, or for longer, than `wider` does. What the two documents of a narrowing policy say is not
    /// compared: one that was there may stay or, where there was none, come.
    #[must_use]
    pub fn are_within(&self, wider: &Self) -> bool {
        let starts = match (self.start, wider.start) {
            (Start::Time(ours), Start::Time(theirs)) => ours >= theirs && self.ends() <= wider.ends(),
            (ours, theirs) => ours == theirs,
        };
        let policy = self.policy == wider.policy || wider.policy.is_none();
        starts
            && policy
            && self.gives == wider.gives
            && self.seconds <= wider.seconds
            && self.claim_by <= wider.claim_by
            && wider.conditions.iter().all(|condition| self.conditions.contains(condition))
            && (&self.reason, &self.ticket) == (&wider.reason, &wider.ticket)
    }

    /// When a window ends that begins `at` that moment.
    fn end_of(&self, at: Timestamp) -> Timestamp {
        later(at, jiff::SignedDuration::from_secs(self.seconds.into()))
    }

    /// When a window with a fixed beginning ends.
    fn ends(&self) -> Option<Timestamp> {
        match self.start {
            Start::Time(at) => Some(self.end_of(at)),
            Start::Approval | Start::FirstUse => None,
        }
    }

    /// Until just before when it can be claimed, `approved` at that time if at all: as long as is said, and never once the window is
    /// over that does not wait for its holder. Nobody is told to begin what would be over as it begins.
    pub(super) fn closes(&self, approved: Option<Timestamp>) -> Timestamp {
        let over = match (self.start, approved) {
            (Start::Approval, Some(approved)) => Some(self.end_of(approved)),
            (Start::Time(at), _) => Some(self.end_of(at)),
            (Start::Approval, None) | (Start::FirstUse, _) => None,
        };
        over.map_or(self.claim_by, |over| over.min(self.claim_by))
    }

    /// From when it can be claimed, approved at `approved`.
    pub(super) fn opens(&self, approved: Timestamp) -> Timestamp {
        match self.start {
            Start::Time(at) => at.max(approved),
            Start::Approval | Start::FirstUse => approved,
        }
    }

    /// The working window of a grant that was approved and claimed then.
    pub(super) fn window(&self, approved: Timestamp, claimed: Timestamp) -> (Timestamp, Timestamp) {
        let from = match self.start {
            Start::Approval => approved,
            Start::FirstUse => claimed,
            Start::Time(at) => at,
        };
        (from, self.end_of(from))
    }
}

fn fits(text: &str, longest: usize) -> bool {
    text.len() <= longest && printable_within(text, longest) == text
}
