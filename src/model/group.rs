//! A group of users, resources and other groups.

use serde::{Deserialize, Serialize};

use super::{IamName, IamPath, Origin, Standing};
use crate::base::GroupId;

/// A group of the home account: synced from a directory, or made here. Its members are edges of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Stays the same through renames and moves.
    pub id: GroupId,
    /// The name in ARNs.
    pub name: IamName,
    /// The path in ARNs; `/` of every group that comes from a directory.
    #[serde(default, skip_serializing_if = "IamPath::is_root")]
    pub path: IamPath,
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
    /// Who an Active Directory group can hold and where it counts; `None` for groups of other directories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<GroupScope>,
    /// True when Active Directory puts it into the tokens of its members. Its others are mailing lists.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub security: bool,
}

/// Scopes of Active Directory groups (MS-ADTS 2.2.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupScope {
    /// Counts in its own domain only; holds members of any trusted domain.
    DomainLocal,
    /// Counts everywhere; holds members of its own domain only.
    Global,
    /// Counts everywhere; holds members of any domain of the forest.
    Universal,
}

impl GroupScope {
    /// The scope in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DomainLocal => "domain local",
            Self::Global => "global",
            Self::Universal => "universal",
        }
    }
}
