//! The edge between a group and what is in it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::{GroupId, ResourceId, UserId};

/// What a group can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Member {
    /// A person or program.
    User(UserId),
    /// A nested group.
    Group(GroupId),
    /// A machine or workload.
    Resource(ResourceId),
}

/// The kinds of [`Member`], as one byte of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberKind {
    /// See [`Member::User`].
    User,
    /// See [`Member::Group`].
    Group,
    /// See [`Member::Resource`].
    Resource,
}

impl Member {
    /// Which kind.
    #[must_use]
    pub fn kind(&self) -> MemberKind {
        match self {
            Self::User(_) => MemberKind::User,
            Self::Group(_) => MemberKind::Group,
            Self::Resource(_) => MemberKind::Resource,
        }
    }

    /// The id's bytes.
    #[must_use]
    pub fn id_bytes(&self) -> &[u8; 16] {
        match self {
            Self::User(id) => id.as_bytes(),
            Self::Group(id) => id.as_bytes(),
            Self::Resource(id) => id.as_bytes(),
        }
    }

    /// The member of this kind with these id bytes.
    #[must_use]
    pub fn from_parts(kind: MemberKind, id: [u8; 16]) -> Self {
        match kind {
            MemberKind::User => Self::User(UserId::from_bytes(id)),
            MemberKind::Group => Self::Group(GroupId::from_bytes(id)),
            MemberKind::Resource => Self::Resource(ResourceId::from_bytes(id)),
        }
    }
}

impl MemberKind {
    /// The byte in keys. Never renumber: it is on disk.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Group => 2,
            Self::Resource => 3,
        }
    }

    /// The kind of this byte.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::User),
            2 => Some(Self::Group),
            3 => Some(Self::Resource),
            _ => None,
        }
    }
}

/// Digest of how a directory spells a reference to a member: a normalised DN, or a login (`memberUid`).
///
/// Kept with each edge so that a changed group is compared with what is stored without
/// resolving every member again, and with references that resolve to nobody yet, so that they
/// are found when that somebody appears.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RefHash(pub [u8; 16]);

impl Serialize for RefHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for RefHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(String::deserialize(deserializer)?, &mut bytes).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for RefHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefHash({})", hex::encode(self.0))
    }
}
