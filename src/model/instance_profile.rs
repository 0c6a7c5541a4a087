//! An instance profile: the name under which a machine finds its role.

use serde::{Deserialize, Serialize};

use super::{AccountId, IamPath, PolicyName, Tags};
use crate::base::{InstanceProfileId, RoleId, Timestamp};

/// An instance profile of an account. It holds one role at most (IAM User Guide, "IAM and STS quotas").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceProfile {
    /// Stays the same.
    pub id: InstanceProfileId,
    /// The account it belongs to.
    pub account: AccountId,
    /// Where in that account.
    pub path: IamPath,
    /// Its name, unique in its account whatever the path.
    pub name: PolicyName,
    /// The role in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleId>,
    /// When it was made.
    pub created: Timestamp,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}
