//! Rows of second factors that people have of themselves: passkeys and recovery codes. Devices that show codes are in
//! [`super::credentials`].

use super::execute::{from_json, to_json};
use super::iam::{Read, as_read};
use super::schema::factors as keys;
use super::{Commit, Expect, KeyRange, Revision, Row, Snapshot, StoreError, schema};
use crate::base::UserId;
use crate::model::{Member, Passkey, PasskeyId, RecoveryCodes};

fn read<T: serde::de::DeserializeOwned>(snapshot: &dyn Snapshot, key: &[u8]) -> Result<Option<Read<T>>, StoreError> {
    let Some(Row { revision, value }) = snapshot.get(key)? else { return Ok(None) };
    Ok(Some(Read { value: from_json(key, &value)?, revision }))
}

/// The passkey of this id, if `owner` has it.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn passkey(snapshot: &dyn Snapshot, owner: &UserId, id: &PasskeyId) -> Result<Option<Read<Passkey>>, StoreError> {
    read(snapshot, &keys::passkey(owner, id))
}

/// The passkeys of `owner`, oldest first. There are at most [`crate::model::passkey::MOST`].
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn passkeys_of(snapshot: &dyn Snapshot, owner: &UserId) -> Result<Vec<Read<Passkey>>, StoreError> {
    let rows = snapshot.scan(&KeyRange::prefix(&keys::passkeys_of(owner)), usize::MAX)?;
    let held = rows.iter().map(|(key, row)| Ok(Read { value: from_json(key, &row.value)?, revision: row.revision }));
    let mut held: Vec<Read<Passkey>> = held.collect::<Result<_, StoreError>>()?;
    held.sort_by_key(|held| held.value.created);
    Ok(held)
}

/// Whose passkey it is, if it is anybody's.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn passkey_owner(snapshot: &dyn Snapshot, id: &PasskeyId) -> Result<Option<UserId>, StoreError> {
    let key = keys::passkey_owner(id);
    let Some(row) = snapshot.get(&key)? else { return Ok(None) };
    let owner = row.value.try_into().map_err(|_| StoreError::corrupt(&key, "it leads to no id"))?;
    Ok(Some(UserId::from_bytes(owner)))
}

/// The recovery codes of `owner`, if they have any.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn recovery_codes(snapshot: &dyn Snapshot, owner: &UserId) -> Result<Option<Read<RecoveryCodes>>, StoreError> {
    read(snapshot, &keys::recovery_codes(owner))
}

/// Every row of these of `owner`.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub(super) fn rows_of(snapshot: &dyn Snapshot, owner: &UserId) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut found = vec![keys::recovery_codes(owner)];
    for held in passkeys_of(snapshot, owner)? {
        found.push(keys::passkey(owner, &held.value.id));
        found.push(keys::passkey_owner(&held.value.id));
    }
    Ok(found)
}

impl Commit {
    /// Writes a new passkey, which must be nobody's yet. Whose it becomes has to be there still.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn add_passkey(&mut self, new: &Passkey) -> Result<(), StoreError> {
        let way = keys::passkey_owner(&new.id);
        self.expect(way.clone(), Expect::Absent);
        self.claim(&schema::entity(&Member::User(new.owner)));
        self.put(way, new.owner.as_bytes().to_vec());
        self.put(keys::passkey(&new.owner, &new.id), to_json(new)?);
        Ok(())
    }

    /// Writes a passkey that was read at `revision`.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_passkey(&mut self, changed: &Passkey, revision: Revision) -> Result<(), StoreError> {
        let key = keys::passkey(&changed.owner, &changed.id);
        self.expect(key.clone(), Expect::At(revision));
        self.put(key, to_json(changed)?);
        Ok(())
    }

    /// Deletes a passkey that was read at `revision`.
    pub fn delete_passkey(&mut self, old: &Passkey, revision: Revision) {
        let key = keys::passkey(&old.owner, &old.id);
        self.expect(key.clone(), Expect::At(revision));
        self.delete(key);
        self.delete(keys::passkey_owner(&old.id));
    }

    /// Writes recovery codes; those before were read at `revision`, 0 if there were none.
    ///
    /// # Errors
    /// When they cannot be written as JSON.
    pub fn put_recovery_codes(&mut self, codes: &RecoveryCodes, revision: Revision) -> Result<(), StoreError> {
        let key = keys::recovery_codes(&codes.owner);
        self.expect(key.clone(), as_read(revision));
        if revision == 0 {
            self.claim(&schema::entity(&Member::User(codes.owner)));
        }
        self.put(key, to_json(codes)?);
        Ok(())
    }

    /// Deletes recovery codes that were read at `revision`.
    pub fn delete_recovery_codes(&mut self, owner: &UserId, revision: Revision) {
        let key = keys::recovery_codes(owner);
        self.expect(key.clone(), Expect::At(revision));
        self.delete(key);
    }
}
