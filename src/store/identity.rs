//! What a store says of itself: which one it is, since when, for what, in which layout.

use serde::{Deserialize, Serialize};

use super::execute::{Writes, from_json, to_json};
use super::{Row, Snapshot, StoreError, schema};
use crate::base::Timestamp;

/// Which store this is. Written once, kept by export and import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its id, 32 hexadecimal digits.
    pub store: String,
    /// When it was made.
    pub created: Timestamp,
    /// True when it was made for the demonstration, with people and passwords that mean nothing.
    #[serde(default)]
    pub demo: bool,
}

/// Which store this is; `None` where nothing was ever written.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn identity(snapshot: &dyn Snapshot) -> Result<Option<Identity>, StoreError> {
    let key = schema::meta(IDENTITY);
    snapshot.get(&key)?.map(|row| from_json(&key, &row.value)).transpose()
}

/// In which layout the rows are; `None` where nothing was ever written.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn schema_version(snapshot: &dyn Snapshot) -> Result<Option<u32>, StoreError> {
    let key = schema::meta(SCHEMA);
    snapshot.get(&key)?.map(|row| from_json(&key, &row.value)).transpose()
}

/// The rows a new store begins with. They belong to no commit.
pub(super) fn first_rows(identity: &Identity) -> Result<Writes, StoreError> {
    let row = |value| Some(Row { revision: 0, value });
    let schema = to_json(&schema::SCHEMA_VERSION)?;
    Ok([(schema::meta(IDENTITY), row(to_json(identity)?)), (schema::meta(SCHEMA), row(schema))].into())
}

/// Name of the meta row that holds the [`Identity`].
pub(super) const IDENTITY: &str = "identity";

/// Name of the meta row that holds the layout's number.
pub(super) const SCHEMA: &str = "schema";
