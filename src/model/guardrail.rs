//! A guardrail: the maximum permissions of an account (AWS SCPs and RCPs), whatever else allows.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AccountId, Arn, PolicyName};
use crate::base::text::printable;
use crate::base::{GuardrailId, Timestamp};

/// Guardrails there may be. Each decision about a caller looks at all of them.
pub const MOST: usize = 100;

/// Of one kind that may be attached to one target (AWS Organizations User Guide, "Quotas").
pub const MOST_ATTACHED: usize = 5;

/// A guardrail, shaped like AWS Organizations' service and resource control policies. It gives nobody anything: of what
/// policies allow it leaves less.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guardrail {
    /// Stays the same.
    pub id: GuardrailId,
    /// Its name, unique among guardrails.
    pub name: PolicyName,
    /// Whom it binds.
    pub kind: GuardrailKind,
    /// For people to read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What it says.
    pub document: String,
    /// What it is attached to; it means nothing where that is nothing.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub on: BTreeSet<GuardrailTarget>,
    /// When it was made.
    pub created: Timestamp,
    /// When it, or what it is attached to, was changed last.
    pub updated: Timestamp,
}

impl Guardrail {
    /// Its name in reasons and for programs; `home` is the account that all guardrails belong to.
    #[must_use]
    pub fn arn(&self, home: &AccountId) -> Arn {
        Arn::guardrail(home, &self.name)
    }

    /// Whether it has a say about `account`.
    #[must_use]
    pub fn binds(&self, account: &AccountId) -> bool {
        self.on.iter().any(|target| target.covers(account))
    }
}

/// Whom a guardrail binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardrailKind {
    /// Those who belong to an account, root included, whatever they do it to: AWS's SCP.
    Service,
    /// Everybody who does something to what belongs to an account: AWS's RCP.
    Resource,
}

/// What a guardrail is attached to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum GuardrailTarget {
    /// All accounts of ours together: level 0.
    Organization,
    /// One of them: level 1.
    Account(AccountId),
}

impl GuardrailTarget {
    /// The targets that have a say about `account`, by level.
    #[must_use]
    pub fn levels(account: &AccountId) -> [Self; 2] {
        [Self::Organization, Self::Account(account.clone())]
    }

    /// Whether what is attached to it has a say about `account`.
    #[must_use]
    pub fn covers(&self, account: &AccountId) -> bool {
        match self {
            Self::Organization => true,
            Self::Account(own) => own == account,
        }
    }
}

/// Text that says nothing about a guardrail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuardrailError {
    /// It is no kind.
    #[error("`{0}` is no kind of guardrail: expected `service` or `resource`")]
    Kind(String),
    /// It is no target.
    #[error("`{0}` is nothing to attach a guardrail to: expected `organization` or `account/` and its 12 digits")]
    Target(String),
}

impl GuardrailKind {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Resource => "resource",
        }
    }
}

impl FromStr for GuardrailKind {
    type Err = GuardrailError;

    fn from_str(text: &str) -> Result<Self, GuardrailError> {
        let known = [Self::Service, Self::Resource].into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| GuardrailError::Kind(printable(text).into_owned()))
    }
}

impl fmt::Display for GuardrailKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for GuardrailTarget {
    type Err = GuardrailError;

    fn from_str(text: &str) -> Result<Self, GuardrailError> {
        if text == "organization" {
            return Ok(Self::Organization);
        }
        let account = text.strip_prefix("account/").and_then(|account| account.parse().ok());
        account.map(Self::Account).ok_or_else(|| GuardrailError::Target(printable(text).into_owned()))
    }
}

impl TryFrom<String> for GuardrailTarget {
    type Error = GuardrailError;

    fn try_from(text: String) -> Result<Self, GuardrailError> {
        text.parse()
    }
}

impl From<GuardrailTarget> for String {
    fn from(target: GuardrailTarget) -> Self {
        target.to_string()
    }
}

impl fmt::Display for GuardrailTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization => f.write_str("organization"),
            Self::Account(account) => write!(f, "account/{account}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(n: u8) -> AccountId {
        format!("{n:012}").parse().unwrap()
    }

    fn on(targets: &[GuardrailTarget]) -> Guardrail {
        let now = "2026-03-12T12:00:00Z".parse().unwrap();
        Guardrail {
            id: GuardrailId::from_bytes([1; 16]),
            name: "Regions".parse().unwrap(),
            kind: GuardrailKind::Service,
            description: String::new(),
            document: "{}".to_owned(),
            on: targets.iter().cloned().collect(),
            created: now,
            updated: now,
        }
    }

    #[test]
    fn targets_and_kinds_survive_their_words_and_nothing_else_is_one() {
        for target in [GuardrailTarget::Organization, GuardrailTarget::Account(account(7))] {
            assert_eq!(target.to_string().parse(), Ok(target.clone()));
            let json = serde_json::to_string(&target).unwrap();
            assert_eq!(serde_json::from_str::<GuardrailTarget>(&json).unwrap(), target);
        }
        for bad in ["", "Organization", "organization/", "account", "account/", "account/1", "000000000007", "ou/x"] {
            assert!(bad.parse::<GuardrailTarget>().is_err(), "{bad}");
        }
        assert_eq!("service".parse(), Ok(GuardrailKind::Service));
        assert_eq!("resource".parse(), Ok(GuardrailKind::Resource));
        assert!("scp".parse::<GuardrailKind>().unwrap_err().to_string().contains("`service` or `resource`"));
    }

    #[test]
    fn what_it_is_attached_to_says_whom_it_binds() {
        assert!(!on(&[]).binds(&account(1)));
        assert!(on(&[GuardrailTarget::Organization]).binds(&account(1)));
        let one = on(&[GuardrailTarget::Account(account(1))]);
        assert!(one.binds(&account(1)) && !one.binds(&account(2)));
        assert_eq!(one.arn(&account(3)).as_str(), "arn:aws:bailey::000000000003:guardrail/Regions");
    }

    #[test]
    fn a_row_reads_back_and_levels_stand_in_their_order() {
        let both = on(&[GuardrailTarget::Account(account(1)), GuardrailTarget::Organization]);
        let row = serde_json::to_string(&both).unwrap();
        assert!(row.contains(r#""on":["organization","account/000000000001"]"#), "{row}");
        assert_eq!(serde_json::from_str::<Guardrail>(&row).unwrap(), both);
        assert_eq!(GuardrailTarget::levels(&account(1)).as_slice(), both.on.iter().cloned().collect::<Vec<_>>());
    }
}
