//! Passkeys and security keys: a key pair whose private half never leaves the person's device (W3C Web Authentication, level 2).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::base::{Timestamp, UserId};

/// Most of one person.
pub const MOST: usize = 10;

/// Longest name, in characters.
pub const LONGEST_NAME: usize = 60;

/// A passkey or security key of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passkey {
    /// Its id.
    pub id: PasskeyId,
    /// Whose it is, by the id that stays through renames, re-imports and suspension.
    pub owner: UserId,
    /// What its owner calls it.
    pub name: String,
    /// Public key, counter, transports and flags, as `authn/webauthn` keeps them. Nothing in it is secret.
    pub credential: serde_json::Value,
    /// Whether it made sure who holds it when it was made: by a PIN, or a finger.
    pub verifies: bool,
    /// Whether it can be copied to other devices of its owner; `false` is bound to one.
    #[serde(default)]
    pub can_sync: bool,
    /// Whether it is copied.
    #[serde(default)]
    pub synced: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it signed somebody in last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
}

/// The id of a passkey: SHA-256 of the id that its device gave it, which may have a kilobyte (WebAuthn, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PasskeyId([u8; 32]);

/// Text that is no id of a passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of a passkey has 64 hexadecimal digits")]
pub struct NoPasskeyId;

impl PasskeyId {
    /// Of the id that the device gave.
    #[must_use]
    pub fn of(credential_id: &[u8]) -> Self {
        Self(Sha256::digest(credential_id).into())
    }

    /// With these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for PasskeyId {
    type Err = NoPasskeyId;

    fn from_str(text: &str) -> Result<Self, NoPasskeyId> {
        let bytes = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(NoPasskeyId)
    }
}

impl TryFrom<String> for PasskeyId {
    type Error = NoPasskeyId;

    fn try_from(text: String) -> Result<Self, NoPasskeyId> {
        text.parse()
    }
}

impl From<PasskeyId> for String {
    fn from(id: PasskeyId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for PasskeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_nothing_else_is_one() {
        let id = PasskeyId::of(b"credential");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "00", &"0".repeat(63), &"g".repeat(64), &"0".repeat(66)] {
            assert_eq!(text.parse::<PasskeyId>(), Err(NoPasskeyId), "{text}");
        }
    }
}
