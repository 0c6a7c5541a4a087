//! A group of users, resources and other groups.

use serde::{Deserialize, Serialize};

use super::{IamName, Origin, Standing};
use crate::base::GroupId;

/// A group of the home account, synced from a directory. Its members are edges of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Stays the same through renames and moves.
    pub id: GroupId,
    /// The name in ARNs.
    pub name: IamName,
    /// The name as the directory spells it.
    pub original_name: String,
    /// The directory object behind it.
    pub origin: Origin,
    /// Whether it counts. A group that is not active gives its members nothing.
    #[serde(default)]
    pub standing: Standing,
    /// For people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}
