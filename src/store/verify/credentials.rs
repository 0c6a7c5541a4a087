//! The rows of credentials and settings.

use serde_json::Value;

use super::{expect, plain, there};
use crate::model::{AccessKey, CredentialOwner, LastUsed, LoginProfile, MfaDevice, PasswordPolicy, Root};
use crate::store::credentials;
use crate::store::schema::credentials as keys;
use crate::store::schema::credentials::Setting;
use crate::store::schema::entity;
use crate::store::{Snapshot, execute};

const SHAPE: &str = "its key is not of its space's shape";

/// What does not fit about a row of these spaces.
pub(super) fn check(snapshot: &dyn Snapshot, key: &[u8], value: &[u8]) -> Result<(), String> {
    match key.first() {
        Some(b'a') => {
            let held = plain(execute::from_json::<AccessKey>(key, value))?;
            expect(keys::access_key(&held.id) == key, "it holds the access key of another key")?;
            owner_is_there(snapshot, &held.owner)?;
            let way = there(snapshot, &keys::access_key_of(&held.owner, &held.id))?;
            expect(way, "its owner does not lead to it")
        }
        Some(b'b') => {
            let (owner, id) = keys::parse_access_key_of(key).ok_or(SHAPE)?;
            let held = plain(credentials::access_key(snapshot, &id))?.ok_or("the access key is not there")?;
            expect(held.value.owner == owner, "the access key is somebody else's")
        }
        Some(b'u') => {
            plain(execute::from_json::<LastUsed>(key, value))?;
            let id = keys::parse_key_id(key).ok_or(SHAPE)?;
            expect(there(snapshot, &keys::access_key(&id))?, "its access key is not there")
        }
        Some(b'p') => {
            plain(execute::from_json::<LoginProfile>(key, value))?;
            owner_is_there(snapshot, &keys::parse_login_profile(key).ok_or(SHAPE)?)
        }
        Some(b'm') => {
            let device = plain(execute::from_json::<MfaDevice>(key, value))?;
            expect(keys::mfa_device(&device.folded()) == key, "it holds the device of another key")?;
            let Some(enabled) = &device.enabled else { return Ok(()) };
            owner_is_there(snapshot, &enabled.owner)?;
            let way = there(snapshot, &keys::mfa_device_of(&enabled.owner, &device.folded()))?;
            expect(way, "its owner does not lead to it")
        }
        Some(b'n') => {
            let (owner, name) = keys::parse_mfa_device_of(key).ok_or(SHAPE)?;
            let held = plain(credentials::mfa_device(snapshot, name))?.ok_or("the device is not there")?;
            expect(held.value.enabled.is_some_and(|enabled| enabled.owner == owner), "the device is somebody else's")
        }
        Some(b'k') => {
            expect(keys::parse_sealing_key(key).is_some(), SHAPE)?;
            plain(execute::from_json::<Value>(key, value)).map(drop)
        }
        Some(b'j') => {
            expect(keys::parse_signing_key(key).is_some(), SHAPE)?;
            plain(execute::from_json::<Value>(key, value)).map(drop)
        }
        Some(b'y') => {
            expect(keys::parse_session_key(key).is_some(), SHAPE)?;
            plain(execute::from_json::<Value>(key, value)).map(drop)
        }
        _ => check_setting(key, value),
    }
}

/// What does not fit about the value of a setting alone, as in history.
pub(super) fn check_setting(key: &[u8], value: &[u8]) -> Result<(), String> {
    match keys::parse_setting(key).ok_or(SHAPE)? {
        Setting::Root => plain(execute::from_json::<Root>(key, value)).map(drop),
        Setting::PasswordPolicy => plain(execute::from_json::<PasswordPolicy>(key, value)).map(drop),
        Setting::Alias => plain(execute::from_json::<String>(key, value)).map(drop),
    }
}

fn owner_is_there(snapshot: &dyn Snapshot, owner: &CredentialOwner) -> Result<(), String> {
    let row = match owner {
        CredentialOwner::Root => keys::setting(Setting::Root),
        CredentialOwner::User(id) => entity(&crate::model::Member::User(*id)),
    };
    expect(there(snapshot, &row)?, "whose it is is not there")
}
