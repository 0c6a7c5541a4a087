//! An engagement: the window of a contract in which people of another firm may be granted roles.
//!
//! It gives nobody anything. It bounds what its people are granted: from where, at which hours, until when, never beyond its ceiling;
//! and all of that ends with it, or when whoever answers for it inside is gone.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Actor, Hours, Zone};
use crate::base::clock::{expired, later};
use crate::base::network::Network;
use crate::base::text::printable_within;
use crate::base::{EngagementId, PolicyId, Timestamp, UserId};

/// Days that one lasts at most: an audit of a year, and what is left to be said of it.
pub const LONGEST_DAYS: i64 = 400;

/// Longest text of its own, in bytes.
const LONGEST_TEXT: usize = 256;

/// People of one at most.
pub const MOST_PEOPLE: usize = 100;

/// Networks of one at most.
const MOST_NETWORKS: usize = 32;

/// The window of a firm's contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engagement {
    /// Stays the same.
    pub id: EngagementId,
    /// What it is called here: small letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The firm.
    pub firm: String,
    /// By which book it audits, such as `SOC 2`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub framework: String,
    /// The days that are audited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<(Date, Date)>,
    /// The contract, or the letter, that says so elsewhere.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub contract: String,
    /// Who answers for it inside.
    pub sponsor: UserId,
    /// People of the firm, as local users.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub people: BTreeSet<UserId>,
    /// The outside provider by which they sign in, as the configuration names it; with a password of their own, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in_with: Option<String>,
    /// From where they work; from anywhere, if nothing is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    /// When they do; always, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// Whose hours.
    #[serde(default)]
    pub zone: Zone,
    /// The managed policy beyond which nothing of it reaches.
    pub ceiling: PolicyId,
    /// A word that whoever trusts the firm's own account asks for (`sts:ExternalId`), made here: 128 bits of chance.
    pub external_id: String,
    /// The life of the store it was made in, or an operator changed it last in: a restore could bring a closed one back.
    #[serde(default)]
    pub epoch: String,
    /// It counts from then on.
    pub starts: Timestamp,
    /// Until just before then.
    pub ends: Timestamp,
    /// When it was made.
    pub created: Timestamp,
    /// By whom.
    pub by: Actor,
    /// Set once it was closed before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
}

/// How an engagement was closed before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What an engagement cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {limit}")]
pub struct EngagementError {
    /// What is wrong.
    pub what: &'static str,
    /// How it has to be.
    pub limit: String,
}

impl Engagement {
    /// Whether it lets `person` in at `now`, in this life of the store, or why it does not.
    ///
    /// # Errors
    /// In words, behind "the engagement".
    pub fn lets_in(&self, person: &UserId, epoch: &str, now: Timestamp) -> Result<(), String> {
        if !self.people.contains(person) {
            return Err("has them no longer among its people".to_owned());
        }
        if self.epoch != epoch {
            return Err(
                "is of before the store was restored: an operator confirms it by `bailey engagement update`".to_owned()
            );
        }
        self.open(now)
    }

    /// Whether it counts at `now`, or why it does not.
    ///
    /// # Errors
    /// In words, behind "the engagement".
    pub fn open(&self, now: Timestamp) -> Result<(), String> {
        match &self.closed {
            Some(closed) => Err(format!("was closed at {:.0}", closed.at)),
            None if now < self.starts => Err(format!("begins at {:.0}", self.starts)),
            None if expired(self.ends, now) => Err(format!("ended at {:.0}", self.ends)),
            None => Ok(()),
        }
    }

    /// The condition that has to hold at each call of its people; `None` where nothing is asked for. As a `Condition` block.
    #[must_use]
    pub fn condition(&self) -> Option<String> {
        let mut condition = serde_json::Map::new();
        let mut add = |operator: &str, key: &str, value: serde_json::Value| {
            let of = condition.entry(operator).or_insert_with(|| serde_json::json!({}));
            if let Some(of) = of.as_object_mut() {
                of.insert(key.to_owned(), value);
            }
        };
        if !self.networks.is_empty() {
            add("IpAddress", "aws:SourceIp", serde_json::json!(self.networks));
        }
        if let Some(hours) = &self.hours {
            let (from, until) = hours.span();
            add("StringEquals", "bailey:Weekday", serde_json::json!(hours.days().collect::<Vec<_>>()));
            add("NumericGreaterThanEquals", "bailey:TimeOfDay", serde_json::json!(from.to_string()));
            add("NumericLessThan", "bailey:TimeOfDay", serde_json::json!(until.to_string()));
        }
        (!condition.is_empty()).then(|| serde_json::Value::Object(condition).to_string())
    }

    /// Whether it can be so.
    ///
    /// # Errors
    /// The first of what is out of bounds.
    pub fn check(&self) -> Result<(), EngagementError> {
        let error = |what, limit: String| Err(EngagementError { what, limit });
        let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        if self.name.is_empty() || self.name.len() > 64 || !self.name.bytes().all(named) {
            return error("name", "1 to 64 small letters, digits, `.`, `_` and `-`".to_owned());
        }
        for (what, text, may_be_empty) in
            [("firm", &self.firm, false), ("framework", &self.framework, true), ("contract", &self.contract, true)]
        {
            let fits = text.len() <= LONGEST_TEXT && printable_within(text, LONGEST_TEXT) == text.as_str();
            if !fits || text.trim().is_empty() && !may_be_empty {
                return error(what, format!("printable text of at most {LONGEST_TEXT} bytes"));
            }
        }
        if self.period.is_some_and(|(from, to)| to < from) {
            return error("period", "from a day to the same or a later one".to_owned());
        }
        let most = later(self.starts, SignedDuration::from_hours(LONGEST_DAYS * 24));
        if self.ends <= self.starts || self.ends > most {
            return error("ends", format!("after {:.0} and not after {most:.0}: {LONGEST_DAYS} days", self.starts));
        }
        if self.networks.len() > MOST_NETWORKS || !self.networks.iter().all(|text| text.parse::<Network>().is_ok()) {
            return error("networks", format!("at most {MOST_NETWORKS} addresses or networks such as 198.51.100.0/24"));
        }
        if self.people.len() > MOST_PEOPLE {
            return error("people", format!("at most {MOST_PEOPLE}"));
        }
        Ok(())
    }
}
