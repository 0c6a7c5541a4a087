//! The rows of passkeys and recovery codes.

use super::{expect, plain, there};
use crate::base::UserId;
use crate::model::{Member, Passkey, RecoveryCodes};
use crate::store::schema::entity;
use crate::store::schema::factors as keys;
use crate::store::{Snapshot, execute, factors};

const SHAPE: &str = "its key is not of its space's shape";

/// What does not fit about a row of these spaces.
pub(super) fn check(snapshot: &dyn Snapshot, key: &[u8], value: &[u8]) -> Result<(), String> {
    match key.first() {
        Some(b'x') => {
            let held = plain(execute::from_json::<Passkey>(key, value))?;
            expect(keys::passkey(&held.owner, &held.id) == key, "it holds the passkey of another key")?;
            owner_is_there(snapshot, held.owner)?;
            let way = plain(factors::passkey_owner(snapshot, &held.id))?;
            expect(way == Some(held.owner), "its id does not lead to its owner")
        }
        Some(b'z') => {
            let id = keys::parse_passkey_owner(key).ok_or(SHAPE)?;
            let owner = plain(factors::passkey_owner(snapshot, &id))?.ok_or(SHAPE)?;
            expect(there(snapshot, &keys::passkey(&owner, &id))?, "the passkey it leads to is not there")
        }
        _ => {
            let held = plain(execute::from_json::<RecoveryCodes>(key, value))?;
            expect(keys::recovery_codes(&held.owner) == key, "it holds the codes of another key")?;
            owner_is_there(snapshot, held.owner)
        }
    }
}

fn owner_is_there(snapshot: &dyn Snapshot, owner: UserId) -> Result<(), String> {
    expect(there(snapshot, &entity(&Member::User(owner)))?, "whose it is is not there")
}
