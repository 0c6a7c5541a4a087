//! Typed rows: users, groups and resources, their names and the edges between them.
//!
//! The value of an entity row is a digest (16 bytes) and the entity as JSON. The digest is the
//! beginning of the JSON's SHA-256: two rows are compared by it without decoding either, and a
//! row that was damaged shows. Which rows exist and why is the business of `sync` and `admin`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::execute::{from_json, to_json};
use super::{KeyRange, Revision, Row, Snapshot, StoreError, schema};
use crate::base::{GroupId, ResourceId, UserId};
use crate::model::{Group, IamName, Member, MemberKind, RefHash, Resource, User};

/// A kind of entity that has rows.
pub trait Stored: Serialize + DeserializeOwned {
    /// Its id.
    type Id: Copy + PartialEq;
    /// Its kind.
    const KIND: MemberKind;

    /// This entity's id.
    fn id(&self) -> Self::Id;

    /// This entity's name.
    fn name(&self) -> &IamName;

    /// The id made of these bytes.
    fn id_from(bytes: [u8; 16]) -> Self::Id;

    /// The same id as what a group can hold.
    fn member(id: Self::Id) -> Member;
}

macro_rules! stored {
    ($entity:ident, $id:ident) => {
        impl Stored for $entity {
            type Id = $id;
            const KIND: MemberKind = MemberKind::$entity;

            fn id(&self) -> $id {
                self.id
            }

            fn name(&self) -> &IamName {
                &self.name
            }

            fn id_from(bytes: [u8; 16]) -> $id {
                $id::from_bytes(bytes)
            }

            fn member(id: $id) -> Member {
                Member::$entity(id)
            }
        }
    };
}

stored!(Group, GroupId);
stored!(Resource, ResourceId);
stored!(User, UserId);

/// Length of the digest a row begins with.
pub const DIGEST: usize = 16;

/// The value of `entity`'s row.
///
/// # Errors
/// When it cannot be written as JSON, which only a mistake in its type can cause.
pub fn encode<T: Stored>(entity: &T) -> Result<Vec<u8>, StoreError> {
    let json = to_json(entity)?;
    let mut value = Vec::with_capacity(DIGEST + json.len());
    value.extend(Sha256::digest(&json).into_iter().take(DIGEST));
    value.extend(json);
    Ok(value)
}

/// The entity in the row at `key`.
///
/// # Errors
/// [`StoreError::Corrupt`] when the value is not one, or is one of another key.
pub fn decode<T: Stored>(key: &[u8], value: &[u8]) -> Result<T, StoreError> {
    let (_, json) = value.split_at_checked(DIGEST).ok_or_else(|| StoreError::corrupt(key, "it has no digest"))?;
    let entity: T = from_json(key, json)?;
    if schema::entity(&T::member(entity.id())) == key {
        Ok(entity)
    } else {
        Err(StoreError::corrupt(key, "it holds the entity of another key"))
    }
}

/// The digest a row's value begins with. Equal digests mean equal rows.
#[must_use]
pub fn digest_of(value: &[u8]) -> Option<[u8; DIGEST]> {
    value.first_chunk().copied()
}

/// True when the digest is that of the JSON behind it.
#[must_use]
pub fn digest_holds(value: &[u8]) -> bool {
    value.split_at_checked(DIGEST).is_some_and(|(digest, json)| Sha256::digest(json).as_slice().starts_with(digest))
}

/// The entity with this id, and the commit that wrote it.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn read<T: Stored>(snapshot: &dyn Snapshot, id: T::Id) -> Result<Option<(Revision, T)>, StoreError> {
    let key = schema::entity(&T::member(id));
    let Some(Row { revision, value }) = snapshot.get(&key)? else { return Ok(None) };
    Ok(Some((revision, decode(&key, &value)?)))
}

/// The user with this id.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn user(snapshot: &dyn Snapshot, id: &UserId) -> Result<Option<(Revision, User)>, StoreError> {
    read(snapshot, *id)
}

/// The group with this id.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn group(snapshot: &dyn Snapshot, id: &GroupId) -> Result<Option<(Revision, Group)>, StoreError> {
    read(snapshot, *id)
}

/// The resource with this id.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn resource(snapshot: &dyn Snapshot, id: &ResourceId) -> Result<Option<(Revision, Resource)>, StoreError> {
    read(snapshot, *id)
}

/// Who of this kind holds `name`, in whatever case it is written.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn holder<T: Stored>(snapshot: &dyn Snapshot, name: &IamName) -> Result<Option<T::Id>, StoreError> {
    let key = schema::name(T::KIND, &name.folded());
    let Some(row) = snapshot.get(&key)? else { return Ok(None) };
    Ok(Some(T::id_from(sixteen(&key, &row.value)?)))
}

/// One edge of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// Who is in the group.
    pub member: Member,
    /// How the directory spells the reference.
    pub reference: RefHash,
    /// The commit that wrote the edge.
    pub revision: Revision,
}

/// The first `limit` edges of `group` behind `after`, in key order. Fewer than `limit` means there are no more.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn edges_of(
    snapshot: &dyn Snapshot,
    group: &GroupId,
    after: Option<&Member>,
    limit: usize,
) -> Result<Vec<Edge>, StoreError> {
    let mut range = KeyRange::prefix(&schema::edges_of(group));
    if let Some(member) = after {
        range = range.after(&schema::edge(group, member));
    }
    let rows = snapshot.scan(&range, limit)?;
    rows.iter().map(|(key, row)| edge(key, row)).collect()
}

fn edge(key: &[u8], row: &Row) -> Result<Edge, StoreError> {
    let (_, member) = schema::parse_edge(key).ok_or_else(|| StoreError::corrupt(key, "it is no edge"))?;
    Ok(Edge { member, reference: RefHash(sixteen(key, &row.value)?), revision: row.revision })
}

/// The groups `member` is directly in, in key order.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn groups_of(snapshot: &dyn Snapshot, member: &Member) -> Result<Vec<GroupId>, StoreError> {
    let rows = snapshot.scan(&KeyRange::prefix(&schema::groups_of(member)), usize::MAX)?;
    let group = |key: &[u8]| {
        let (_, group) = schema::parse_edge_back(key).ok_or_else(|| StoreError::corrupt(key, "it is no edge"))?;
        Ok(group)
    };
    rows.iter().map(|(key, _)| group(key)).collect()
}

fn sixteen(key: &[u8], value: &[u8]) -> Result<[u8; 16], StoreError> {
    value.try_into().map_err(|_| StoreError::corrupt(key, format!("it has {} bytes instead of 16", value.len())))
}
