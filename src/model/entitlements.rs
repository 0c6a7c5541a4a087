//! What hangs on a user, group or role: policies, a boundary, tags.
//!
//! Kept apart from the user or group itself, which belongs to the directory and is written by its sync; this belongs to
//! administrators here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{PolicyName, Tags};
use crate::base::PolicyId;

/// Policies, boundary and tags of one holder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entitlements {
    /// Managed policies, in the order of their ids.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub attached: BTreeSet<PolicyId>,
    /// Inline policies: documents by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub inline: BTreeMap<PolicyName, String>,
    /// The managed policy beyond which none of the others reaches. Groups have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boundary: Option<PolicyId>,
    /// Tags. Groups have none.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

impl Entitlements {
    /// True when nothing hangs there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Every managed policy that is used, the boundary included.
    pub fn policies(&self) -> BTreeSet<PolicyId> {
        self.attached.iter().copied().chain(self.boundary).collect()
    }
}
