//! Who can hold policies: a user, a group or a role.

use serde::{Deserialize, Serialize};

use super::{Member, UniqueId};
use crate::base::{GroupId, RoleId, UserId};

/// A user, group or role, as policies are attached to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Holder {
    /// A user.
    User(UserId),
    /// A group: its policies are those of its members.
    Group(GroupId),
    /// A role: its policies are those of its sessions.
    Role(RoleId),
}

impl Holder {
    /// The id's bytes.
    #[must_use]
    pub fn id_bytes(&self) -> &[u8; 16] {
        match self {
            Self::User(id) => id.as_bytes(),
            Self::Group(id) => id.as_bytes(),
            Self::Role(id) => id.as_bytes(),
        }
    }

    /// The kind's byte in keys. Never renumber: it is on disk.
    #[must_use]
    pub fn byte(&self) -> u8 {
        match self {
            Self::User(_) => 1,
            Self::Group(_) => 2,
            Self::Role(_) => 4,
        }
    }

    /// The holder of this kind with these id bytes.
    #[must_use]
    pub fn from_parts(byte: u8, id: [u8; 16]) -> Option<Self> {
        Some(match byte {
            1 => Self::User(UserId::from_bytes(id)),
            2 => Self::Group(GroupId::from_bytes(id)),
            4 => Self::Role(RoleId::from_bytes(id)),
            _ => return None,
        })
    }

    /// `user`, `group` or `role`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Group(_) => "group",
            Self::Role(_) => "role",
        }
    }

    /// Its unique id.
    #[must_use]
    pub fn unique_id(&self) -> UniqueId {
        match self {
            Self::User(id) => UniqueId::of_member(&Member::User(*id)),
            Self::Group(id) => UniqueId::of_member(&Member::Group(*id)),
            Self::Role(id) => UniqueId::of_role(id),
        }
    }
}
