//! The near side of the merge: stored rows of one directory, in id order.

use crate::model::{DirectoryLabel, Entity, Member, MemberKind};
use crate::store::{Entry, KeyRange, Row, Snapshot, Store, StoreError, schema};

/// Rows read under one snapshot while walking.
const PAGE: usize = 2_000;

/// A stored entity, not yet decoded.
#[derive(Debug, Clone)]
pub struct StoredRow {
    /// Its key.
    pub key: Vec<u8>,
    /// Its id.
    pub id: [u8; 16],
    /// Digest of the JSON in it. Equal to a staged entry's where the row shows just what the directory says.
    pub digest: [u8; 16],
    row: Row,
}

impl StoredRow {
    fn parse((key, row): Entry) -> Result<Self, StoreError> {
        let parts = key.get(1..17).and_then(|id| Some((id.try_into().ok()?, *row.value.first_chunk::<16>()?)));
        match parts {
            Some((id, digest)) => Ok(Self { key, id, digest, row }),
            None => Err(corrupt(&key, "shorter than an entity row")),
        }
    }

    /// The entity in it.
    ///
    /// # Errors
    /// When the row is damaged.
    pub fn entity(&self, kind: MemberKind) -> Result<Entity, StoreError> {
        let json = self.row.value.get(16..).unwrap_or_default();
        Entity::from_json(kind, json).map_err(|why| corrupt(&self.key, &why.to_string()))
    }
}

/// An entity row's bytes.
#[must_use]
pub fn encode(digest: &[u8; 16], json: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(16 + json.len());
    value.extend_from_slice(digest);
    value.extend_from_slice(json);
    value
}

/// The entity `member`, if it is stored.
///
/// # Errors
/// When the store cannot be read.
pub fn entity(snapshot: &dyn Snapshot, member: &Member) -> Result<Option<(StoredRow, Entity)>, StoreError> {
    let key = schema::entity(member);
    let Some(row) = snapshot.get(&key)? else { return Ok(None) };
    let stored = StoredRow::parse((key, row))?;
    let entity = stored.entity(member.kind())?;
    Ok(Some((stored, entity)))
}

/// True when `member` is stored and the directory has it.
///
/// # Errors
/// When the store cannot be read or the row is damaged.
pub fn is_present(snapshot: &dyn Snapshot, member: &Member) -> Result<bool, StoreError> {
    /// All that has to be decoded of a row to know.
    #[derive(serde::Deserialize)]
    struct Standing {
        standing: crate::model::Standing,
    }
    let key = schema::entity(member);
    let Some(row) = snapshot.get(&key)? else { return Ok(false) };
    let json = row.value.get(16..).unwrap_or_default();
    let row: Standing = serde_json::from_slice(json).map_err(|why| corrupt(&key, &why.to_string()))?;
    Ok(row.standing.is_present())
}

/// A walk over a directory's rows of one kind.
pub struct Walk<'a> {
    store: &'a Store,
    rest: Option<KeyRange>,
    page: std::vec::IntoIter<Entry>,
}

impl<'a> Walk<'a> {
    /// From the first row on.
    #[must_use]
    pub fn new(store: &'a Store, kind: MemberKind, directory: &DirectoryLabel) -> Self {
        let rest = Some(KeyRange::prefix(&schema::all_of_directory(kind, directory)));
        Self { store, rest, page: Vec::new().into_iter() }
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<StoredRow, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(entry) = self.page.next() {
            return Some(StoredRow::parse(entry));
        }
        let range = self.rest.take()?;
        let page = match self.store.read(|snapshot| snapshot.scan(&range, PAGE)) {
            Ok(page) => page,
            Err(error) => return Some(Err(error)),
        };
        if page.len() == PAGE {
            self.rest = page.last().map(|(key, _)| range.after(key));
        }
        self.page = page.into_iter();
        self.page.next().map(StoredRow::parse)
    }
}

/// Every row under `prefix`, read a page at a time under one snapshot.
///
/// # Errors
/// When the store cannot be read.
pub fn scan_all(snapshot: &dyn Snapshot, prefix: &[u8]) -> Result<Vec<Entry>, StoreError> {
    snapshot.scan(&KeyRange::prefix(prefix), usize::MAX)
}

/// The error for a damaged row.
#[must_use]
pub fn corrupt(key: &[u8], why: &str) -> StoreError {
    StoreError::Corrupt { key: hex::encode(key), why: why.to_owned() }
}
