//! A managed policy: a document that many can hold, in versions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AccountId, Arn, IamPath, PolicyName, Tags};
use crate::base::{PolicyId, Timestamp};

/// Versions kept of a policy (IAM User Guide, "IAM and STS quotas").
pub const MOST_VERSIONS: usize = 5;

/// A managed policy. The documents of its versions are rows of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedPolicy {
    /// Stays the same.
    pub id: PolicyId,
    /// The account it belongs to; `None` of a template, which comes with the program and belongs to every account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Where in that account.
    pub path: IamPath,
    /// Its name, unique in its account whatever the path.
    pub name: PolicyName,
    /// For people to read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
    /// The version that counts.
    pub default_version: u32,
    /// The number the next version gets; numbers are never given again.
    pub next_version: u32,
    /// Versions there are, and when each was made.
    pub versions: BTreeMap<u32, Timestamp>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

impl ManagedPolicy {
    /// Its name in policies and SDKs.
    #[must_use]
    pub fn arn(&self) -> Arn {
        Arn::policy(self.account.as_ref(), &self.path, &self.name)
    }

    /// True of a template.
    #[must_use]
    pub fn is_template(&self) -> bool {
        self.account.is_none()
    }
}
