//! A role: what somebody may become for a while.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AccountId, Holder, IamName, IamPath, UniqueId};
use crate::base::{RoleId, Timestamp};

/// Seconds that a session of a role may last at most, unless the role says otherwise (IAM API reference,
/// `MaxSessionDuration`).
pub const USUAL_SESSION: u32 = 3_600;

/// What a role may set that to.
pub const SESSION_BOUNDS: std::ops::RangeInclusive<u32> = 3_600..=43_200;

/// A role of an account. What it may do is in its [`super::Entitlements`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Stays the same through renames.
    pub id: RoleId,
    /// The account it belongs to.
    pub account: AccountId,
    /// Where in that account.
    pub path: IamPath,
    /// Its name, unique in its account whatever the path.
    pub name: IamName,
    /// For people to read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Who may assume it besides those it is assigned to; `None` is nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
    /// Seconds a session may last at most.
    pub max_session: u32,
    /// Whether its sessions are held to the shorter of the two ages of what is known of the directory.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub privileged: bool,
    /// When it was made.
    pub created: Timestamp,
}

/// A trust policy, bound to whom it named when it was written.
///
/// A principal of an account of ours stands in the document by unique id, so that somebody who gets a name later does not
/// get the trust with it (IAM User Guide, "AWS JSON policy elements: Principal").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// The document, unique ids in the place of ARNs.
    pub document: String,
    /// Whose those ids are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bound: BTreeMap<UniqueId, Holder>,
}
