//! Rows of single sign-on, in terms of the model: clients, codes, families of tokens, and what counts once or no more.

use super::execute::{from_json, to_json};
use super::iam::{Read, as_read};
use super::schema::sso as keys;
use super::schema::sso::Spent;
use super::{Commit, Expect, KeyRange, Revision, Row, Snapshot, Store, StoreError};
use crate::base::clock::expired;
use crate::base::{Timestamp, UserId};
use crate::model::client::ClientId;
use crate::model::token_family::{Code, Family, FamilyId};
use crate::model::{Actor, Client};

fn read<T: serde::de::DeserializeOwned>(snapshot: &dyn Snapshot, key: &[u8]) -> Result<Option<Read<T>>, StoreError> {
    let Some(Row { revision, value }) = snapshot.get(key)? else { return Ok(None) };
    Ok(Some(Read { value: from_json(key, &value)?, revision }))
}

/// The client of this id.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn client(snapshot: &dyn Snapshot, id: &ClientId) -> Result<Option<Read<Client>>, StoreError> {
    read(snapshot, &keys::client(id))
}

/// All clients, by id. There are few.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn clients(snapshot: &dyn Snapshot) -> Result<Vec<Client>, StoreError> {
    let rows = snapshot.scan(&KeyRange::prefix(&keys::clients()), usize::MAX)?;
    rows.iter().map(|(key, row)| from_json(key, &row.value)).collect()
}

/// The code of this digest.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn code(snapshot: &dyn Snapshot, digest: &[u8; 32]) -> Result<Option<Read<Code>>, StoreError> {
    read(snapshot, &keys::code(digest))
}

/// The family of this id.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn family(snapshot: &dyn Snapshot, id: &FamilyId) -> Result<Option<Read<Family>>, StoreError> {
    read(snapshot, &keys::family(id))
}

/// Whether something was spent.
///
/// # Errors
/// When the row cannot be read.
pub fn is_spent(snapshot: &dyn Snapshot, kind: Spent, digest: &[u8; 32]) -> Result<bool, StoreError> {
    Ok(snapshot.get(&keys::spent(kind, digest))?.is_some())
}

impl Commit {
    /// Writes a client that was read at `revision`, 0 if it is new.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_client(&mut self, client: &Client, revision: Revision) -> Result<(), StoreError> {
        let key = keys::client(&client.id);
        self.expect(key.clone(), as_read(revision));
        self.put(key, to_json(client)?);
        Ok(())
    }

    /// Deletes a client that was read at `revision`.
    pub fn delete_client(&mut self, id: &ClientId, revision: Revision) {
        let key = keys::client(id);
        self.expect(key.clone(), Expect::At(revision));
        self.delete(key);
    }

    /// Writes a code that was read at `revision`, 0 if it is new.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_code(&mut self, digest: &[u8; 32], code: &Code, revision: Revision) -> Result<(), StoreError> {
        let key = keys::code(digest);
        self.expect(key.clone(), as_read(revision));
        self.put(key, to_json(code)?);
        Ok(())
    }

    /// Writes a family that was read at `revision`, 0 if it is new.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_family(&mut self, family: &Family, revision: Revision) -> Result<(), StoreError> {
        let key = keys::family(&family.id);
        self.expect(key.clone(), as_read(revision));
        self.put(key, to_json(family)?);
        Ok(())
    }

    /// Spends something that was not spent yet; it is remembered until `until`.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn spend(&mut self, kind: Spent, digest: &[u8; 32], until: Timestamp) -> Result<(), StoreError> {
        let key = keys::spent(kind, digest);
        self.expect(key.clone(), Expect::Absent);
        self.put(key, to_json(&until)?);
        Ok(())
    }
}

/// Rows forgotten in one commit.
const BATCH: usize = 500;

/// Forgets codes, families and spent things whose time is over at `now`; answers how many. Blocks.
///
/// # Errors
/// When the store fails; what was forgotten stays so.
pub fn forget(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    let mut over = Vec::new();
    store.visit(&KeyRange::prefix(&keys::codes()), |key, value| {
        let code: Code = from_json(key, value)?;
        keep(&mut over, key, code.expires, now);
        Ok(())
    })?;
    store.visit(&KeyRange::prefix(&keys::families()), |key, value| {
        let family: Family = from_json(key, value)?;
        keep(&mut over, key, family.expires, now);
        Ok(())
    })?;
    store.visit(&KeyRange::prefix(&keys::all_spent()), |key, value| {
        keep(&mut over, key, from_json(key, value)?, now);
        Ok(())
    })?;
    for batch in over.chunks(BATCH) {
        let mut commit = Commit::new(Actor::task("sso"), now, super::Intent::Narrow);
        batch.iter().for_each(|key| commit.delete(key.clone()));
        store.commit(commit)?;
    }
    Ok(over.len() as u64)
}

/// The families of a person that nobody ended. Looks at all there are: it is asked for when somebody signs out of everything.
///
/// # Errors
/// When the rows cannot be read, or one is damaged.
pub fn families_of(store: &Store, user: &UserId) -> Result<Vec<FamilyId>, StoreError> {
    let mut found = Vec::new();
    store.visit(&KeyRange::prefix(&keys::families()), |key, value| {
        let family: Family = from_json(key, value)?;
        found.extend((family.consent.user == *user && family.ended.is_none()).then_some(family.id));
        Ok(())
    })?;
    Ok(found)
}

/// Access tokens may outlive what they came from by an hour: as long its end is to be found.
const BEHIND: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

fn keep(over: &mut Vec<Vec<u8>>, key: &[u8], expires: Timestamp, now: Timestamp) {
    if expired(expires.saturating_add(BEHIND).unwrap_or(Timestamp::MAX), now) {
        over.push(key.to_vec());
    }
}
