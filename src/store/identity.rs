//! What a store says of itself: which one it is, since when, for what, in which layout, and in which life of it.

use std::fmt;

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use super::execute::{Writes, from_json, to_json};
use super::{Row, Snapshot, StoreError, schema};
use crate::base::Timestamp;
use crate::model::Actor;

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

/// Which life of a store this is: another one after each restore, and the same after a restart.
///
/// What is issued names the epoch in which it was, and counts in that one alone. What a backup brings back is a state that was
/// left behind: what was ended since lives in it again, and what was issued since is unknown to it. So everything issued before
/// is void. Drawn at random, because a backup that is restored twice has to make two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Epoch(u64);

impl Epoch {
    /// One that never was.
    pub fn fresh(rng: &mut impl Rng) -> Self {
        // Zero is that of stores made before there were epochs.
        Self(rng.random::<u64>().max(1))
    }

    /// Its bytes, for what is signed or sealed.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl From<Epoch> for String {
    fn from(epoch: Epoch) -> Self {
        epoch.to_string()
    }
}

impl TryFrom<String> for Epoch {
    type Error = NoEpoch;

    fn try_from(text: String) -> Result<Self, NoEpoch> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = digits.then(|| u64::from_str_radix(&text, 16).ok()).flatten();
        number.map(Self).ok_or(NoEpoch)
    }
}

/// Text that is no epoch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not 16 hexadecimal digits")]
pub struct NoEpoch;

/// In which epoch the store is.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn epoch(snapshot: &dyn Snapshot) -> Result<Epoch, StoreError> {
    epoch_in(|key| snapshot.get(key))
}

/// As [`epoch`], of a store that is put together and not open yet.
pub(super) fn epoch_in(get: impl FnOnce(&[u8]) -> Result<Option<Row>, StoreError>) -> Result<Epoch, StoreError> {
    let key = schema::meta(EPOCH);
    get(&key)?.map_or_else(|| Ok(Epoch::default()), |row| from_json(&key, &row.value))
}

/// Who puts a store back, from what, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restorer {
    /// Who.
    pub by: Actor,
    /// From what: a file, or words for what is none.
    pub from: String,
    /// When.
    pub at: Timestamp,
}

/// A restore that the log does not tell of yet. It is there from the moment on in which the store is; whoever opens the log
/// next has it say so, and takes this away in the same commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// Who did it.
    pub by: Actor,
    /// From what.
    pub from: String,
    /// When.
    pub at: Timestamp,
    /// The epoch that ended with it.
    pub before: Epoch,
    /// The epoch that began with it.
    pub after: Epoch,
}

/// The restore that the log does not tell of yet, if there is one.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn restored(snapshot: &dyn Snapshot) -> Result<Option<Restored>, StoreError> {
    let key = restored_key();
    snapshot.get(&key)?.map(|row| from_json(&key, &row.value)).transpose()
}

/// The row of such a restore. Whoever writes down that it happened deletes it in the same commit.
#[must_use]
pub fn restored_key() -> Vec<u8> {
    schema::meta(RESTORED)
}

/// The rows with which another life begins behind the epoch `before`. They belong to no commit: none of the life before made them.
pub(super) fn new_life(before: Epoch, after: Epoch, restorer: &Restorer) -> Result<Writes, StoreError> {
    let Restorer { by, from, at } = restorer.clone();
    let restored = to_json(&Restored { by, from, at, before, after })?;
    Ok([epoch_row(after)?, (restored_key(), Some(Row { revision: 0, value: restored }))].into())
}

fn epoch_row(epoch: Epoch) -> Result<(Vec<u8>, Option<Row>), StoreError> {
    Ok((schema::meta(EPOCH), Some(Row { revision: 0, value: to_json(&epoch)? })))
}

/// The rows a new store begins with. They belong to no commit.
pub(super) fn first_rows(identity: &Identity, epoch: Epoch) -> Result<Writes, StoreError> {
    let row = |value| Some(Row { revision: 0, value });
    let schema = to_json(&schema::SCHEMA_VERSION)?;
    let identity = (schema::meta(IDENTITY), row(to_json(identity)?));
    Ok([identity, (schema::meta(SCHEMA), row(schema)), epoch_row(epoch)?].into())
}

/// Name of the meta row that holds the [`Identity`].
pub(super) const IDENTITY: &str = "identity";

/// Name of the meta row that holds the layout's number.
pub(super) const SCHEMA: &str = "schema";

/// Name of the meta row that holds the [`Epoch`].
const EPOCH: &str = "epoch";

/// Name of the meta row that holds a [`Restored`].
const RESTORED: &str = "restored";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_survives_its_text_and_nothing_else_is_read() {
        for number in [0, 1, u64::MAX] {
            assert_eq!(Epoch::try_from(Epoch(number).to_string()), Ok(Epoch(number)));
        }
        for bad in ["", "1", "+00000000000000f", "00000000000000000", "000000000000000g"] {
            assert_eq!(Epoch::try_from(bad.to_owned()), Err(NoEpoch), "{bad}");
        }
    }
}
