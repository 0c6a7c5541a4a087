//! Keys of credentials, and of what opens them. The table is in [`super`].

use super::key;
use crate::model::{AccessKeyId, CredentialOwner, KeyNumber};

/// Spaces whose superseded rows move into history. Not those of credentials: an old secret that is kept is one that can
/// leak. What befell them stands in the audit log.
pub(super) fn is_historied(key: &[u8]) -> bool {
    key.first() == Some(&b's')
}

/// An access key.
#[must_use]
pub fn access_key(id: &AccessKeyId) -> Vec<u8> {
    key(b'a', &[id.as_str().as_bytes()])
}

/// Prefix of all access keys.
#[must_use]
pub fn access_keys() -> Vec<u8> {
    vec![b'a']
}

/// Whose access key `id` is.
#[must_use]
pub fn access_key_of(owner: &CredentialOwner, id: &AccessKeyId) -> Vec<u8> {
    key(b'b', &[&[owner.byte()], &owner.id_bytes(), id.as_str().as_bytes()])
}

/// Prefix of somebody's access keys.
#[must_use]
pub fn access_keys_of(owner: &CredentialOwner) -> Vec<u8> {
    key(b'b', &[&[owner.byte()], &owner.id_bytes()])
}

/// Owner and id of such a key.
#[must_use]
pub fn parse_access_key_of(key: &[u8]) -> Option<(CredentialOwner, AccessKeyId)> {
    let (owner, id) = parse_owner(key.strip_prefix(b"b")?)?;
    Some((owner, id.parse().ok()?))
}

/// When an access key was used last.
#[must_use]
pub fn last_used(id: &AccessKeyId) -> Vec<u8> {
    key(b'u', &[id.as_str().as_bytes()])
}

/// The key id of such a row, or of an access key's.
#[must_use]
pub fn parse_key_id(key: &[u8]) -> Option<AccessKeyId> {
    std::str::from_utf8(key.get(1..)?).ok()?.parse().ok()
}

/// The password of somebody whom no directory knows.
#[must_use]
pub fn login_profile(owner: &CredentialOwner) -> Vec<u8> {
    key(b'p', &[&[owner.byte()], &owner.id_bytes()])
}

/// Whose password a row is.
#[must_use]
pub fn parse_login_profile(key: &[u8]) -> Option<CredentialOwner> {
    let (owner, rest) = parse_owner(key.strip_prefix(b"p")?)?;
    rest.is_empty().then_some(owner)
}

/// A device of the second factor, by the end of its serial number, in small letters.
#[must_use]
pub fn mfa_device(folded: &str) -> Vec<u8> {
    key(b'm', &[folded.as_bytes()])
}

/// Prefix of all devices.
#[must_use]
pub fn mfa_devices() -> Vec<u8> {
    vec![b'm']
}

/// The folded name of a device's key.
#[must_use]
pub fn parse_mfa_device(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.strip_prefix(b"m")?).ok()
}

/// Whose device it is.
#[must_use]
pub fn mfa_device_of(owner: &CredentialOwner, folded: &str) -> Vec<u8> {
    key(b'n', &[&[owner.byte()], &owner.id_bytes(), folded.as_bytes()])
}

/// Prefix of somebody's devices.
#[must_use]
pub fn mfa_devices_of(owner: &CredentialOwner) -> Vec<u8> {
    key(b'n', &[&[owner.byte()], &owner.id_bytes()])
}

/// Owner and folded name of such a key.
#[must_use]
pub fn parse_mfa_device_of(key: &[u8]) -> Option<(CredentialOwner, &str)> {
    parse_owner(key.strip_prefix(b"n")?)
}

/// A sealing key, itself sealed by the master key.
#[must_use]
pub fn sealing_key(number: KeyNumber) -> Vec<u8> {
    key(b'k', &[&number.to_be_bytes()])
}

/// Prefix of all sealing keys.
#[must_use]
pub fn sealing_keys() -> Vec<u8> {
    vec![b'k']
}

/// The number of a sealing key.
#[must_use]
pub fn parse_sealing_key(key: &[u8]) -> Option<KeyNumber> {
    Some(KeyNumber::from_be_bytes(key.strip_prefix(b"k")?.try_into().ok()?))
}

/// A signing key, sealed.
#[must_use]
pub fn signing_key(number: KeyNumber) -> Vec<u8> {
    key(b'j', &[&number.to_be_bytes()])
}

/// Prefix of all signing keys.
#[must_use]
pub fn signing_keys() -> Vec<u8> {
    vec![b'j']
}

/// The number of a signing key.
#[must_use]
pub fn parse_signing_key(key: &[u8]) -> Option<KeyNumber> {
    Some(KeyNumber::from_be_bytes(key.strip_prefix(b"j")?.try_into().ok()?))
}

/// A key that session tokens follow from, sealed.
#[must_use]
pub fn session_key(number: KeyNumber) -> Vec<u8> {
    key(b'y', &[&number.to_be_bytes()])
}

/// Prefix of all session keys.
#[must_use]
pub fn session_keys() -> Vec<u8> {
    vec![b'y']
}

/// The number of a session key.
#[must_use]
pub fn parse_session_key(key: &[u8]) -> Option<KeyNumber> {
    Some(KeyNumber::from_be_bytes(key.strip_prefix(b"y")?.try_into().ok()?))
}

/// What is set for the home account as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Its alias.
    Alias,
    /// What passwords of local users have to be like.
    PasswordPolicy,
    /// Its root.
    Root,
}

impl Setting {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Alias, Self::PasswordPolicy, Self::Root];

    /// The byte in keys. Never renumber: it is on disk.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::Alias => 1,
            Self::PasswordPolicy => 2,
            Self::Root => 3,
        }
    }

    /// Its name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Alias => "alias",
            Self::PasswordPolicy => "password-policy",
            Self::Root => "root",
        }
    }
}

/// A setting of the home account.
#[must_use]
pub fn setting(which: Setting) -> Vec<u8> {
    key(b's', &[&[which.byte()]])
}

/// Which setting a row is.
#[must_use]
pub fn parse_setting(key: &[u8]) -> Option<Setting> {
    let byte = <[u8; 1]>::try_from(key.strip_prefix(b"s")?).ok()?;
    Setting::ALL.into_iter().find(|which| [which.byte()] == byte)
}

fn parse_owner(rest: &[u8]) -> Option<(CredentialOwner, &str)> {
    let (kind, rest) = rest.split_first()?;
    let (id, rest) = rest.split_first_chunk::<16>()?;
    Some((CredentialOwner::from_parts(*kind, *id)?, std::str::from_utf8(rest).ok()?))
}
