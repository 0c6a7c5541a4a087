//! Rows of credentials, of what opens them, and of what is set for the account as a whole, in terms of the model.
//!
//! The one place that knows how they are written, and which rows belong together: a credential and the way to it from its
//! owner. Secrets are sealed before they come here; nothing here can open them.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::execute::{from_json, to_json};
use super::iam::{Read, as_read};
use super::schema::credentials as keys;
use super::schema::credentials::Setting;
use super::schema::iam as iam_keys;
use super::{Commit, Expect, KeyRange, Revision, Row, Snapshot, StoreError, schema};
use crate::base::Timestamp;
use crate::model::{
    AccessKey, AccessKeyId, CredentialOwner, KeyNumber, LastUsed, LoginProfile, Member, MfaDevice, User,
};

fn read<T: DeserializeOwned>(snapshot: &dyn Snapshot, key: &[u8]) -> Result<Option<Read<T>>, StoreError> {
    let Some(Row { revision, value }) = snapshot.get(key)? else { return Ok(None) };
    Ok(Some(Read { value: from_json(key, &value)?, revision }))
}

/// The access key with this id.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn access_key(snapshot: &dyn Snapshot, id: &AccessKeyId) -> Result<Option<Read<AccessKey>>, StoreError> {
    read(snapshot, &keys::access_key(id))
}

/// The access keys of `owner`, in the order of their ids. There are few.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn access_keys_of(snapshot: &dyn Snapshot, owner: &CredentialOwner) -> Result<Vec<Read<AccessKey>>, StoreError> {
    let mut found = Vec::new();
    for (key, _) in snapshot.scan(&KeyRange::prefix(&keys::access_keys_of(owner)), usize::MAX)? {
        let (_, id) = keys::parse_access_key_of(&key).ok_or_else(|| StoreError::corrupt(&key, "it names no key"))?;
        let held = access_key(snapshot, &id)?;
        found.push(held.ok_or_else(|| StoreError::corrupt(&key, "the access key it leads to is not there"))?);
    }
    Ok(found)
}

/// When the access key was used last; `None` if it never was.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn last_used(snapshot: &dyn Snapshot, id: &AccessKeyId) -> Result<Option<LastUsed>, StoreError> {
    Ok(read(snapshot, &keys::last_used(id))?.map(|read| read.value))
}

/// The password of somebody whom no directory knows, if they have one.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn login_profile(
    snapshot: &dyn Snapshot,
    owner: &CredentialOwner,
) -> Result<Option<Read<LoginProfile>>, StoreError> {
    read(snapshot, &keys::login_profile(owner))
}

/// When the password that `user` signs in with was set: as the directory tells it, or here, of a local user. `None` where that
/// is not known, or there is none.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn password_changed(snapshot: &dyn Snapshot, user: &User) -> Result<Option<Timestamp>, StoreError> {
    if !user.origin.directory.is_local() {
        return Ok(user.password_changed);
    }
    Ok(login_profile(snapshot, &CredentialOwner::User(user.id))?.map(|held| held.value.changed))
}

/// The device whose path and name are `name`, in whatever case they are written.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn mfa_device(snapshot: &dyn Snapshot, name: &str) -> Result<Option<Read<MfaDevice>>, StoreError> {
    read(snapshot, &keys::mfa_device(&name.to_ascii_lowercase()))
}

/// The first `limit` devices behind `after`, by name.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn mfa_devices(snapshot: &dyn Snapshot, after: Option<&str>, limit: usize) -> Result<Vec<MfaDevice>, StoreError> {
    let mut range = KeyRange::prefix(&keys::mfa_devices());
    if let Some(after) = after {
        range = range.after(&keys::mfa_device(&after.to_ascii_lowercase()));
    }
    snapshot.scan(&range, limit)?.iter().map(|(key, row)| from_json(key, &row.value)).collect()
}

/// The devices of `owner`, by name. There are few.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn mfa_devices_of(snapshot: &dyn Snapshot, owner: &CredentialOwner) -> Result<Vec<Read<MfaDevice>>, StoreError> {
    let mut found = Vec::new();
    for (key, _) in snapshot.scan(&KeyRange::prefix(&keys::mfa_devices_of(owner)), usize::MAX)? {
        let (_, name) = keys::parse_mfa_device_of(&key).ok_or_else(|| StoreError::corrupt(&key, "it names none"))?;
        let held = mfa_device(snapshot, name)?;
        found.push(held.ok_or_else(|| StoreError::corrupt(&key, "the device it leads to is not there"))?);
    }
    Ok(found)
}

/// What is set for the account, if anything is.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn setting<T: DeserializeOwned>(snapshot: &dyn Snapshot, which: Setting) -> Result<Option<Read<T>>, StoreError> {
    read(snapshot, &keys::setting(which))
}

/// All sealing keys as they lie there, by number: what `keys` wrote.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn sealing_keys<T: DeserializeOwned>(snapshot: &dyn Snapshot) -> Result<Vec<(KeyNumber, Read<T>)>, StoreError> {
    numbered(snapshot, &keys::sealing_keys(), keys::parse_sealing_key)
}

/// All signing keys as they lie there, by number: what `keys` wrote.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn signing_keys<T: DeserializeOwned>(snapshot: &dyn Snapshot) -> Result<Vec<(KeyNumber, Read<T>)>, StoreError> {
    numbered(snapshot, &keys::signing_keys(), keys::parse_signing_key)
}

/// All session keys as they lie there, by number: what `keys` wrote.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn session_keys<T: DeserializeOwned>(snapshot: &dyn Snapshot) -> Result<Vec<(KeyNumber, Read<T>)>, StoreError> {
    numbered(snapshot, &keys::session_keys(), keys::parse_session_key)
}

fn numbered<T: DeserializeOwned>(
    snapshot: &dyn Snapshot,
    prefix: &[u8],
    number: fn(&[u8]) -> Option<KeyNumber>,
) -> Result<Vec<(KeyNumber, Read<T>)>, StoreError> {
    let mut found = Vec::new();
    for (key, Row { revision, value }) in snapshot.scan(&KeyRange::prefix(prefix), usize::MAX)? {
        let number = number(&key).ok_or_else(|| StoreError::corrupt(&key, "it has no number"))?;
        found.push((number, Read { value: from_json(&key, &value)?, revision }));
    }
    Ok(found)
}

/// Every row of the credentials of `owner`, with the ways to them.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn rows_of(snapshot: &dyn Snapshot, owner: &CredentialOwner) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut found = vec![keys::login_profile(owner)];
    for held in access_keys_of(snapshot, owner)? {
        found.push(keys::access_key(&held.value.id));
        found.push(keys::access_key_of(owner, &held.value.id));
        found.push(keys::last_used(&held.value.id));
    }
    for held in mfa_devices_of(snapshot, owner)? {
        found.push(keys::mfa_device(&held.value.folded()));
        found.push(keys::mfa_device_of(owner, &held.value.folded()));
    }
    if let CredentialOwner::User(id) = owner {
        found.extend(super::factors::rows_of(snapshot, id)?);
        found.push(super::schema::grants::invitation(id));
        found.extend(super::grants::rows_of(snapshot, id)?);
    }
    Ok(found)
}

impl Commit {
    /// Writes a new access key. Whose it is has to be there still.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn add_access_key(&mut self, new: &AccessKey) -> Result<(), StoreError> {
        self.claim_owner(&new.owner);
        self.add_first_access_key(new)
    }

    /// Writes the access key of somebody whose own row is in the same commit.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn add_first_access_key(&mut self, new: &AccessKey) -> Result<(), StoreError> {
        let key = keys::access_key(&new.id);
        self.expect(key.clone(), Expect::Absent);
        self.claim(&keys::sealing_key(new.secret.key));
        self.put(key, to_json(new)?);
        self.put(keys::access_key_of(&new.owner, &new.id), Vec::new());
        Ok(())
    }

    /// Writes an access key that was read at `revision`.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_access_key(&mut self, changed: &AccessKey, revision: Revision) -> Result<(), StoreError> {
        let key = keys::access_key(&changed.id);
        self.expect(key.clone(), Expect::At(revision));
        self.claim(&keys::sealing_key(changed.secret.key));
        self.put(key, to_json(changed)?);
        Ok(())
    }

    /// Deletes an access key that was read at `revision`.
    pub fn delete_access_key(&mut self, old: &AccessKey, revision: Revision) {
        let key = keys::access_key(&old.id);
        self.expect(key.clone(), Expect::At(revision));
        self.delete(key);
        self.delete(keys::access_key_of(&old.owner, &old.id));
        self.delete(keys::last_used(&old.id));
    }

    /// Writes when a key was used last, if there is such a key still and that is not written yet.
    ///
    /// # Errors
    /// When it cannot be read, or written as JSON.
    pub fn put_last_used(
        &mut self,
        snapshot: &dyn Snapshot,
        id: &AccessKeyId,
        used: &LastUsed,
    ) -> Result<(), StoreError> {
        let key = keys::access_key(id);
        let told = last_used(snapshot, id)?;
        if snapshot.get(&key)?.is_some() && told.as_ref() != Some(used) {
            self.expect(key, Expect::Present);
            self.put(keys::last_used(id), to_json(used)?);
        }
        Ok(())
    }

    /// Writes the password of somebody that was read at `revision`, 0 if there was none.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_login_profile(
        &mut self,
        owner: &CredentialOwner,
        profile: &LoginProfile,
        revision: Revision,
    ) -> Result<(), StoreError> {
        let key = keys::login_profile(owner);
        self.expect(key.clone(), as_read(revision));
        self.claim_owner(owner);
        self.put(key, to_json(profile)?);
        Ok(())
    }

    /// Deletes the password of somebody that was read at `revision`.
    pub fn delete_login_profile(&mut self, owner: &CredentialOwner, revision: Revision) {
        let key = keys::login_profile(owner);
        self.expect(key.clone(), Expect::At(revision));
        self.delete(key);
    }

    /// Writes a device that was read at `revision`, 0 if it is new, as `before`.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_mfa_device(
        &mut self,
        before: Option<&MfaDevice>,
        after: &MfaDevice,
        revision: Revision,
    ) -> Result<(), StoreError> {
        let (key, folded) = (keys::mfa_device(&after.folded()), after.folded());
        self.expect(key.clone(), as_read(revision));
        self.put(key, to_json(after)?);
        self.claim(&keys::sealing_key(after.seed.key));
        let owner = |device: &MfaDevice| device.enabled.as_ref().map(|enabled| enabled.owner);
        let (before, after) = (before.and_then(owner), owner(after));
        if before != after {
            if let Some(before) = before {
                self.delete(keys::mfa_device_of(&before, &folded));
            }
            if let Some(after) = after {
                self.claim_owner(&after);
                self.put(keys::mfa_device_of(&after, &folded), Vec::new());
            }
        }
        Ok(())
    }

    /// Deletes a device that was read at `revision`.
    pub fn delete_mfa_device(&mut self, old: &MfaDevice, revision: Revision) {
        let key = keys::mfa_device(&old.folded());
        self.expect(key.clone(), Expect::At(revision));
        self.delete(key);
        if let Some(enabled) = &old.enabled {
            self.delete(keys::mfa_device_of(&enabled.owner, &old.folded()));
        }
    }

    /// Writes a sealing key that was read at `revision`, 0 if it is new.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_sealing_key<T: Serialize>(
        &mut self,
        number: KeyNumber,
        value: &T,
        revision: Revision,
    ) -> Result<(), StoreError> {
        let key = keys::sealing_key(number);
        self.expect(key.clone(), as_read(revision));
        self.put(key, to_json(value)?);
        Ok(())
    }

    /// Deletes a sealing key by which nothing was sealed since `claimed` was read.
    pub fn delete_sealing_key(&mut self, number: KeyNumber, claimed: Revision) {
        let key = keys::sealing_key(number);
        self.unclaimed_since(&key, claimed);
        self.expect(key.clone(), Expect::Present);
        self.delete(iam_keys::claims(&key));
        self.delete(key);
    }

    /// Writes a signing key that was read at `revision`, 0 if it is new, and that sealing key `sealed_by` sealed.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_signing_key<T: Serialize>(
        &mut self,
        number: KeyNumber,
        value: &T,
        sealed_by: KeyNumber,
        revision: Revision,
    ) -> Result<(), StoreError> {
        let key = keys::signing_key(number);
        self.expect(key.clone(), as_read(revision));
        self.claim(&keys::sealing_key(sealed_by));
        self.put(key, to_json(value)?);
        Ok(())
    }

    /// Deletes a signing key.
    pub fn delete_signing_key(&mut self, number: KeyNumber) {
        let key = keys::signing_key(number);
        self.expect(key.clone(), Expect::Present);
        self.delete(key);
    }

    /// Writes a session key that was read at `revision`, 0 if it is new, and that sealing key `sealed_by` sealed.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_session_key<T: Serialize>(
        &mut self,
        number: KeyNumber,
        value: &T,
        sealed_by: KeyNumber,
        revision: Revision,
    ) -> Result<(), StoreError> {
        let key = keys::session_key(number);
        self.expect(key.clone(), as_read(revision));
        self.claim(&keys::sealing_key(sealed_by));
        self.put(key, to_json(value)?);
        Ok(())
    }

    /// Deletes a session key.
    pub fn delete_session_key(&mut self, number: KeyNumber) {
        let key = keys::session_key(number);
        self.expect(key.clone(), Expect::Present);
        self.delete(key);
    }

    /// Sets something for the account; it was read at `revision`, 0 if it was not set.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_setting<T: Serialize>(
        &mut self,
        which: Setting,
        value: &T,
        revision: Revision,
    ) -> Result<(), StoreError> {
        let key = keys::setting(which);
        self.expect(key.clone(), as_read(revision));
        self.put(key, to_json(value)?);
        Ok(())
    }

    /// Takes a setting that was read at `revision` away.
    pub fn delete_setting(&mut self, which: Setting, revision: Revision) {
        self.expect(keys::setting(which), Expect::At(revision));
        self.delete(keys::setting(which));
    }

    /// Says that a credential comes to hang on `owner`, who has to be there.
    pub fn claim_owner(&mut self, owner: &CredentialOwner) {
        match owner {
            CredentialOwner::Root => self.expect(keys::setting(Setting::Root), Expect::Present),
            CredentialOwner::User(id) => self.claim(&schema::entity(&Member::User(*id))),
        }
    }
}
