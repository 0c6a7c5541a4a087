//! Rows of single sign-on, in terms of the model: clients, pushed requests, codes, families of tokens, devices, and what counts once
//! or no more. What clients are owed about sign-outs is in [`super::logouts`].

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::execute::{from_json, to_json};
use super::iam::{Read, as_read};
use super::schema::sso as keys;
use super::schema::sso::Spent;
use super::{Commit, Expect, KeyRange, Revision, Row, Snapshot, Store, StoreError};
use crate::base::{Timestamp, UserId};
use crate::model::client::{ClientId, RegistrationToken};
use crate::model::device_grant::DeviceGrant;
use crate::model::token_family::{Code, Family, FamilyId, PushedRequest};
use crate::model::{Actor, Client};

pub(super) fn read<T: serde::de::DeserializeOwned>(
    snapshot: &dyn Snapshot,
    key: &[u8],
) -> Result<Option<Read<T>>, StoreError> {
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

/// Whose code it is that somebody types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserCodeRow {
    /// Digest of the device's own code, in hexadecimal digits.
    pub device: String,
    /// It is good until then.
    pub expires: Timestamp,
}

/// What the device asked for whose code has this digest.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn device(snapshot: &dyn Snapshot, digest: &[u8; 32]) -> Result<Option<Read<DeviceGrant>>, StoreError> {
    read(snapshot, &keys::device(digest))
}

/// The digest of the device's code for which people type the one of this digest.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn device_of(snapshot: &dyn Snapshot, user_code: &[u8; 32]) -> Result<Option<[u8; 32]>, StoreError> {
    let key = keys::user_code(user_code);
    let Some(found) = read::<UserCodeRow>(snapshot, &key)? else { return Ok(None) };
    let mut device = [0; 32];
    hex::decode_to_slice(&found.value.device, &mut device)
        .map_err(|_| StoreError::corrupt(&key, "it names no device"))?;
    Ok(Some(device))
}

/// The request that was pushed under the name of this digest.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn pushed(snapshot: &dyn Snapshot, digest: &[u8; 32]) -> Result<Option<Read<PushedRequest>>, StoreError> {
    read(snapshot, &keys::pushed(digest))
}

/// The token of this name by which software registers itself.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn registration_token(
    snapshot: &dyn Snapshot,
    name: &ClientId,
) -> Result<Option<Read<RegistrationToken>>, StoreError> {
    read(snapshot, &keys::registration_token(name))
}

/// All of those, by name. There are few.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn registration_tokens(snapshot: &dyn Snapshot) -> Result<Vec<RegistrationToken>, StoreError> {
    let rows = snapshot.scan(&KeyRange::prefix(&keys::registration_tokens()), usize::MAX)?;
    rows.iter().map(|(key, row)| from_json(key, &row.value)).collect()
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
        if revision == 0 {
            self.put(keys::over(code.expires, &key), Vec::new());
        }
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
        // Neither whose it is nor how long it lasts ever changes.
        if revision == 0 {
            self.put(keys::family_of(&family.consent.user, &family.id), Vec::new());
            self.put(keys::over(family.expires, &key), Vec::new());
        }
        self.put(key, to_json(family)?);
        Ok(())
    }

    /// Writes what a device asked for, read at `revision`, 0 if it is new.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_device(&mut self, digest: &[u8; 32], grant: &DeviceGrant, revision: Revision) -> Result<(), StoreError> {
        let key = keys::device(digest);
        self.expect(key.clone(), as_read(revision));
        if revision == 0 {
            self.put(keys::over(not_behind(grant.expires), &key), Vec::new());
        }
        self.put(key, to_json(grant)?);
        Ok(())
    }

    /// Lets people type a code for a device; nobody else may have it.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn add_user_code(
        &mut self,
        user_code: &[u8; 32],
        device: &[u8; 32],
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let key = keys::user_code(user_code);
        self.expect(key.clone(), Expect::Absent);
        self.put(keys::over(not_behind(expires), &key), Vec::new());
        self.put(key, to_json(&UserCodeRow { device: hex::encode(device), expires })?);
        Ok(())
    }

    /// Forgets a code that was answered, and that counted until `expires`.
    pub fn delete_user_code(&mut self, user_code: &[u8; 32], expires: Timestamp) {
        let key = keys::user_code(user_code);
        self.delete(keys::over(not_behind(expires), &key));
        self.delete(key);
    }

    /// Writes a new request that was pushed.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_pushed(&mut self, digest: &[u8; 32], pushed: &PushedRequest) -> Result<(), StoreError> {
        let key = keys::pushed(digest);
        self.expect(key.clone(), Expect::Absent);
        self.put(keys::over(not_behind(pushed.expires), &key), Vec::new());
        self.put(key, to_json(pushed)?);
        Ok(())
    }

    /// Takes a request that was pushed, was read at `revision` and counts until `expires`: it counts once.
    pub fn take_pushed(&mut self, digest: &[u8; 32], expires: Timestamp, revision: Revision) {
        let key = keys::pushed(digest);
        self.expect(key.clone(), Expect::At(revision));
        self.delete(keys::over(not_behind(expires), &key));
        self.delete(key);
    }

    /// Writes a token by which software registers itself, that was read at `revision`, 0 if it is new.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_registration_token(&mut self, token: &RegistrationToken, revision: Revision) -> Result<(), StoreError> {
        let key = keys::registration_token(&token.name);
        self.expect(key.clone(), as_read(revision));
        if revision == 0 {
            self.put(keys::over(not_behind(token.expires), &key), Vec::new());
        }
        self.put(key, to_json(token)?);
        Ok(())
    }

    /// Deletes one that was read at `revision`.
    pub fn delete_registration_token(&mut self, token: &RegistrationToken, revision: Revision) {
        let key = keys::registration_token(&token.name);
        self.expect(key.clone(), Expect::At(revision));
        self.delete(keys::over(not_behind(token.expires), &key));
        self.delete(key);
    }

    /// Spends something that was not spent yet; it is remembered until `until`.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn spend(&mut self, kind: Spent, digest: &[u8; 32], until: Timestamp) -> Result<(), StoreError> {
        let key = keys::spent(kind, digest);
        self.expect(key.clone(), Expect::Absent);
        self.put(keys::over(until, &key), Vec::new());
        self.put(key, to_json(&until)?);
        Ok(())
    }
}

/// Rows forgotten in one commit.
const BATCH: usize = 500;

/// Access tokens may outlive what they came from by an hour: as long its end is to be found.
const BEHIND: SignedDuration = SignedDuration::from_hours(1);

/// When something is noted as over that nothing outlives: it is forgotten as soon as it is.
fn not_behind(expires: Timestamp) -> Timestamp {
    expires.saturating_sub(BEHIND).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Forgets codes, families, devices and spent things whose time is over at `now`; answers how many. Blocks.
///
/// They are found in the order of time, so that a round reads what it forgets and nothing else. To look at all there are once a
/// minute would be work that grows with every client that shows itself by assertions, whether or not anything is over; to look at
/// a part of them each minute would let what is over pile up behind that. The price is one more row, in the commit that writes
/// the first.
///
/// # Errors
/// When the store fails; what was forgotten stays so.
pub fn forget(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    let mut forgotten = 0;
    let Ok(until) = now.checked_sub(BEHIND) else { return Ok(0) };
    let over = KeyRange { from: keys::over(Timestamp::UNIX_EPOCH, &[]), to: Some(keys::not_over(until)) };
    loop {
        let commit = store.read(|snapshot| forgetting(snapshot, &over, now))?;
        let Some((commit, count)) = commit else { return Ok(forgotten) };
        store.commit(commit)?;
        forgotten += count;
    }
}

/// The commit that forgets the next ones.
fn forgetting(snapshot: &dyn Snapshot, over: &KeyRange, now: Timestamp) -> Result<Option<(Commit, u64)>, StoreError> {
    let found = snapshot.scan(over, BATCH)?;
    let count = found.len() as u64;
    let mut commit = Commit::new(Actor::task("sso"), now, super::Intent::Narrow);
    for (key, _) in found {
        let row = keys::parse_over(&key).map(|(_, row)| row.to_vec());
        if let Some(row) = row {
            if let Some(family) = row.strip_prefix(b"h").and_then(|id| id.try_into().ok()).map(FamilyId::from_bytes)
                && let Some(held) = self::family(snapshot, &family)?
            {
                commit.delete(keys::family_of(&held.value.consent.user, &family));
            }
            commit.delete(row);
        }
        commit.delete(key);
    }
    Ok((count > 0).then_some((commit, count)))
}

/// The families of a person that nobody ended.
///
/// # Errors
/// When the rows cannot be read, or one is damaged.
pub fn families_of(store: &Store, user: &UserId) -> Result<Vec<FamilyId>, StoreError> {
    store.read(|snapshot| {
        let mut found = Vec::new();
        for (key, _) in snapshot.scan(&KeyRange::prefix(&keys::all_families_of(user)), usize::MAX)? {
            let shape = || StoreError::corrupt(&key, "its key is not of its space's shape");
            let (_, id) = keys::parse_family_of(&key).ok_or_else(shape)?;
            found.extend(self::family(snapshot, &id)?.filter(|held| held.value.ended.is_none()).map(|_| id));
        }
        Ok(found)
    })
}

/// The families that `meant` says and that nobody ended. Looks at all there are.
///
/// # Errors
/// When the rows cannot be read, or one is damaged.
pub fn families_that(store: &Store, meant: impl Fn(&Family) -> bool) -> Result<Vec<FamilyId>, StoreError> {
    let mut found = Vec::new();
    all_families(store, |family| found.extend((family.ended.is_none() && meant(&family)).then_some(family.id)))?;
    Ok(found)
}

/// Shows each family there is.
///
/// # Errors
/// When the rows cannot be read, or one is damaged.
pub fn all_families(store: &Store, mut show: impl FnMut(Family)) -> Result<(), StoreError> {
    store.visit(&KeyRange::prefix(&keys::families()), |key, value| {
        show(from_json(key, value)?);
        Ok(())
    })
}
