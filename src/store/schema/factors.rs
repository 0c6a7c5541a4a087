//! Keys of passkeys and recovery codes. The table is in [`super`].

use super::key;
use crate::base::UserId;
use crate::model::PasskeyId;

/// A passkey, among its owner's.
#[must_use]
pub fn passkey(owner: &UserId, id: &PasskeyId) -> Vec<u8> {
    key(b'x', &[owner.as_bytes(), id.as_bytes()])
}

/// Prefix of somebody's passkeys.
#[must_use]
pub fn passkeys_of(owner: &UserId) -> Vec<u8> {
    key(b'x', &[owner.as_bytes()])
}

/// Whose passkey it is: a device's key signs one person in.
#[must_use]
pub fn passkey_owner(id: &PasskeyId) -> Vec<u8> {
    key(b'z', &[id.as_bytes()])
}

/// The id of such a key.
#[must_use]
pub fn parse_passkey_owner(key: &[u8]) -> Option<PasskeyId> {
    Some(PasskeyId::from_bytes(key.strip_prefix(b"z")?.try_into().ok()?))
}

/// Somebody's recovery codes.
#[must_use]
pub fn recovery_codes(owner: &UserId) -> Vec<u8> {
    key(b'q', &[owner.as_bytes()])
}

/// Prefix of everybody's.
#[must_use]
pub fn all_recovery_codes() -> Vec<u8> {
    vec![b'q']
}
