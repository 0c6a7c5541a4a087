//! Rows in terms of the model: users, groups and resources, their names and the edges between them.
//!
//! The one place that knows how an entity row is written: a digest (16 bytes), then the entity as
//! JSON. The digest is of what the directory said when the row was written, as `sync` works it out,
//! so that a full read compares without decoding. It is not a hash of the JSON beside it: an entity
//! may have got another name than it wished for. Where the row no longer shows what the directory
//! said, it is [`NO_DIGEST`]. Which rows exist and why is the business of `sync` and `admin`.

use super::{KeyRange, Revision, Row, Snapshot, StoreError, schema};
use crate::base::{GroupId, ResourceId, Sid, UserId};
use crate::model::{DirectoryLabel, Entity, Group, IamName, Member, MemberKind, RefHash, Resource};

/// Digest of what a directory said of an object.
pub type Digest = [u8; 16];

/// Digest of rows that no longer show what the directory said: equal to that of no object.
pub const NO_DIGEST: Digest = [0; 16];

/// An entity row, its entity not yet decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityRow {
    /// Whose row it is.
    pub member: Member,
    /// Digest of what the directory said when it was written.
    pub digest: Digest,
    value: Vec<u8>,
}

impl EntityRow {
    /// The row with this key and value.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it is none.
    pub fn parse(key: &[u8], value: Vec<u8>) -> Result<Self, StoreError> {
        let (member, digest) = brief(key, &value)?;
        Ok(Self { member, digest, value })
    }

    /// The entity in it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when there is none, or one of another key.
    pub fn entity(&self) -> Result<Entity, StoreError> {
        let damaged = |why: String| StoreError::corrupt(&schema::entity(&self.member), why);
        let json = split(&self.value).map(|(_, json)| json).unwrap_or_default();
        let entity = Entity::from_json(self.member.kind(), json).map_err(|why| damaged(why.to_string()))?;
        let at_home = entity.member() == self.member;
        at_home.then_some(entity).ok_or_else(|| damaged("it holds the entity of another key".to_owned()))
    }
}

/// Whose row this is, and its digest.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is no entity row.
pub fn brief(key: &[u8], value: &[u8]) -> Result<(Member, Digest), StoreError> {
    let member = schema::parse_entity(key).ok_or_else(|| StoreError::corrupt(key, "it is no entity row"))?;
    let (digest, _) = split(value).ok_or_else(|| StoreError::corrupt(key, "it has no digest"))?;
    Ok((member, *digest))
}

/// The value of an entity row.
#[must_use]
pub fn encode(digest: &Digest, json: &[u8]) -> Vec<u8> {
    [digest.as_slice(), json].concat()
}

/// The opposite of [`encode`].
pub(super) fn split(value: &[u8]) -> Option<(&Digest, &[u8])> {
    value.split_first_chunk()
}

/// The entity in the row with this key and value.
///
/// # Errors
/// [`StoreError::Corrupt`] when there is none, or one of another key.
pub fn decode(key: &[u8], value: Vec<u8>) -> Result<Entity, StoreError> {
    EntityRow::parse(key, value)?.entity()
}

/// The primary group that the user or resource in this row names: for walks over everybody, that need no more of them.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is no such row.
pub fn primary_group(key: &[u8], value: &[u8]) -> Result<Option<Sid>, StoreError> {
    #[derive(serde::Deserialize)]
    struct Brief {
        #[serde(default)]
        primary_group: Option<Sid>,
    }
    let (_, json) = split(value).ok_or_else(|| StoreError::corrupt(key, "it has no digest"))?;
    let brief: Brief = serde_json::from_slice(json).map_err(|why| StoreError::corrupt(key, why.to_string()))?;
    Ok(brief.primary_group)
}

/// How the person in this row refers to who manages them, and whom that meant: for walks over everybody, most of whom say nothing.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is no such row.
pub fn manager(key: &[u8], value: &[u8]) -> Result<Option<(RefHash, Option<UserId>)>, StoreError> {
    const MEMBER: &[u8] = b"\"manager_reference\"";
    #[derive(serde::Deserialize)]
    struct Brief {
        #[serde(default)]
        manager_reference: Option<RefHash>,
        #[serde(default)]
        manager: Option<UserId>,
    }
    let (_, json) = split(value).ok_or_else(|| StoreError::corrupt(key, "it has no digest"))?;
    if !json.windows(MEMBER.len()).any(|some| some == MEMBER) {
        return Ok(None);
    }
    let brief: Brief = serde_json::from_slice(json).map_err(|why| StoreError::corrupt(key, why.to_string()))?;
    Ok(brief.manager_reference.map(|reference| (reference, brief.manager)))
}

/// What `member` is, and the digest of its row.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn entity(snapshot: &dyn Snapshot, member: &Member) -> Result<Option<(Digest, Entity)>, StoreError> {
    let key = schema::entity(member);
    let Some(Row { value, .. }) = snapshot.get(&key)? else { return Ok(None) };
    let row = EntityRow::parse(&key, value)?;
    Ok(Some((row.digest, row.entity()?)))
}

/// The group with this id.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn group(snapshot: &dyn Snapshot, id: &GroupId) -> Result<Option<Group>, StoreError> {
    Ok(entity(snapshot, &Member::Group(*id))?.and_then(|(_, entity)| match entity {
        Entity::Group(group) => Some(group),
        Entity::User(_) | Entity::Resource(_) => None,
    }))
}

/// The machine with this id.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn resource(snapshot: &dyn Snapshot, id: &ResourceId) -> Result<Option<Resource>, StoreError> {
    Ok(entity(snapshot, &Member::Resource(*id))?.and_then(|(_, entity)| match entity {
        Entity::Resource(resource) => Some(resource),
        Entity::User(_) | Entity::Group(_) => None,
    }))
}

/// Who of this kind holds `name`, in whatever case it is written.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn holder(snapshot: &dyn Snapshot, kind: MemberKind, name: &IamName) -> Result<Option<Member>, StoreError> {
    let key = schema::name(kind, &name.folded());
    let Some(row) = snapshot.get(&key)? else { return Ok(None) };
    Ok(Some(Member::from_parts(kind, sixteen(&key, &row.value)?)))
}

/// Who `derived`, the id made from an object of a directory, stands for: somebody else after a rebuilt account was linked
/// to their old identity.
///
/// # Errors
/// When the row cannot be read.
pub fn relinked(snapshot: &dyn Snapshot, derived: Member) -> Result<Member, StoreError> {
    let row = snapshot.get(&schema::relink(derived.kind(), derived.id_bytes()))?;
    let id = row.and_then(|row| <[u8; 16]>::try_from(row.value.as_slice()).ok());
    Ok(id.map_or(derived, |id| Member::from_parts(derived.kind(), id)))
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

/// The groups of `directory` that have the security identifier `sid`.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn groups_by_sid(
    snapshot: &dyn Snapshot,
    directory: &DirectoryLabel,
    sid: &Sid,
) -> Result<Vec<GroupId>, StoreError> {
    let rows = snapshot.scan(&KeyRange::prefix(&schema::groups_by_sid(directory, sid)), usize::MAX)?;
    let group = |key: &[u8]| {
        let (_, group) =
            schema::parse_group_by_sid(key).ok_or_else(|| StoreError::corrupt(key, "it leads to no group by a SID"))?;
        Ok(group)
    };
    rows.iter().map(|(key, _)| group(key)).collect()
}

/// The machines of `directory` that those who vouch for them know by `reference`: one, while nobody claims what is another's.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn machines_known_by(
    snapshot: &dyn Snapshot,
    directory: &DirectoryLabel,
    reference: &RefHash,
) -> Result<Vec<Resource>, StoreError> {
    let rows = snapshot.scan(&KeyRange::prefix(&schema::machines_known_by(directory, reference)), usize::MAX)?;
    let machine = |key: &[u8]| {
        let lost = |why: &str| StoreError::corrupt(key, why);
        let (_, id) = schema::parse_machine_known_by(key).ok_or_else(|| lost("it leads to no machine"))?;
        resource(snapshot, &id)?.ok_or_else(|| lost("the machine it leads to is not there"))
    };
    rows.iter().map(|(key, _)| machine(key)).collect()
}

/// The groups of `directory` that wait for somebody by `reference`.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn groups_waiting(
    snapshot: &dyn Snapshot,
    directory: &DirectoryLabel,
    reference: &RefHash,
) -> Result<Vec<GroupId>, StoreError> {
    let rows = snapshot.scan(&KeyRange::prefix(&schema::waiting_for(directory, reference)), usize::MAX)?;
    let group = |key: &[u8]| {
        schema::parse_dangling_back(key).ok_or_else(|| StoreError::corrupt(key, "it is no reference to nobody"))
    };
    rows.iter().map(|(key, _)| group(key)).collect()
}

fn sixteen(key: &[u8], value: &[u8]) -> Result<[u8; 16], StoreError> {
    value.try_into().map_err(|_| StoreError::corrupt(key, format!("it has {} bytes instead of 16", value.len())))
}
