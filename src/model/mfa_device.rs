//! Virtual devices of the second factor: a seed that an authenticator app shares with us (RFC 6238).

use serde::{Deserialize, Serialize};

use super::{CredentialOwner, Sealed, Tags};
use crate::base::Timestamp;

/// Most devices of one owner (IAM User Guide, "IAM and STS quotas").
pub const MOST: usize = 8;

/// Longest path and name together (IAM API reference, `virtualMFADeviceName` and `pathType`).
pub const LONGEST_NAME: usize = 512;

/// A device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MfaDevice {
    /// Path and name, as they stand in its serial number behind `mfa/`.
    pub name: String,
    /// Its seed.
    pub seed: Sealed,
    /// When it was made.
    pub created: Timestamp,
    /// The time step of the last code that was taken: neither it nor one before is taken again (RFC 6238, section 5.2),
    /// whoever holds the device by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_step: Option<u64>,
    /// Whose it is, and since when: it counts from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<Enabled>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

/// A device in somebody's hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enabled {
    /// Whose it is.
    pub owner: CredentialOwner,
    /// Since when.
    pub since: Timestamp,
    /// How many steps the device's clock is ahead of ours, or behind, as it was when it was enabled or followed anew.
    #[serde(default)]
    pub drift: i64,
}

impl MfaDevice {
    /// What must be unique in the account.
    #[must_use]
    pub fn folded(&self) -> String {
        self.name.to_ascii_lowercase()
    }
}
