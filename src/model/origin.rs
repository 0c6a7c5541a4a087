//! Where a synced row comes from, and the ids derived from that.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::DirectoryLabel;
use crate::base::{GroupId, Guid, ResourceId, Sid, UserId};

/// The directory object behind a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Which configured directory.
    pub directory: DirectoryLabel,
    /// The object's immutable id there.
    pub guid: Guid,
    /// Its distinguished name when last read. An attribute like any other: it changes, and another object may get it later.
    pub dn: String,
    /// Its security identifier, in Active Directory. Unique and never given to another object of its domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Sid>,
}

impl Origin {
    /// An object without a security identifier.
    #[must_use]
    pub fn new(directory: DirectoryLabel, guid: Guid, dn: impl Into<String>) -> Self {
        Self { directory, guid, dn: dn.into(), sid: None }
    }
}

/// Bytes of [`id_prefix`].
pub const PREFIX: usize = 4;

/// First bytes of every id of one directory: its rows lie side by side in the store, so that a
/// reconcile scans this directory and no other. Two labels that share it are refused at start.
#[must_use]
pub fn id_prefix(directory: &DirectoryLabel) -> [u8; PREFIX] {
    let digest = Sha256::new().chain_update(b"bailey directory\0").chain_update(directory.as_str()).finalize();
    let mut prefix = [0; PREFIX];
    for (to, from) in prefix.iter_mut().zip(digest) {
        *to = from;
    }
    prefix
}

/// Ids are derived, not drawn: the same object gets the same id on every machine, in every
/// plan and after every restore, and no look-up row is needed to find it. The GUID is hashed so
/// that a directory that hands out chosen GUIDs cannot choose another directory's ids.
fn derive(kind: &str, directory: &DirectoryLabel, guid: &Guid) -> [u8; 16] {
    let digest = Sha256::new()
        .chain_update(b"bailey ")
        .chain_update(kind)
        .chain_update(b"\0")
        .chain_update(directory.as_str())
        .chain_update(b"\0")
        .chain_update(guid.as_bytes())
        .finalize();
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(id_prefix(directory).into_iter().chain(digest)) {
        *to = from;
    }
    id
}

/// The id of the user made from this directory object.
#[must_use]
pub fn user_id(directory: &DirectoryLabel, guid: &Guid) -> UserId {
    UserId::from_bytes(derive("user", directory, guid))
}

/// The id of the group made from this directory object.
#[must_use]
pub fn group_id(directory: &DirectoryLabel, guid: &Guid) -> GroupId {
    GroupId::from_bytes(derive("group", directory, guid))
}

/// The id of the resource made from this directory object.
#[must_use]
pub fn resource_id(directory: &DirectoryLabel, guid: &Guid) -> ResourceId {
    ResourceId::from_bytes(derive("resource", directory, guid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_by_kind_directory_and_object_and_share_the_directory_prefix() {
        let (corp, labs): (DirectoryLabel, DirectoryLabel) = ("corp".parse().unwrap(), "labs".parse().unwrap());
        let (a, b) = (Guid::from_bytes([1; 16]), Guid::from_bytes([2; 16]));
        assert_eq!(user_id(&corp, &a), user_id(&corp, &a));
        assert_ne!(user_id(&corp, &a), user_id(&corp, &b));
        assert_ne!(user_id(&corp, &a), user_id(&labs, &a));
        assert_ne!(user_id(&corp, &a).as_bytes(), group_id(&corp, &a).as_bytes());
        assert_eq!(user_id(&corp, &a).as_bytes()[..4], id_prefix(&corp));
    }
}
