//! Clients that register themselves (RFC 7591): by which token that may happen, and what is known of one that did.

use serde::{Deserialize, Serialize};

use super::{ClientId, SecretHash};
use crate::base::clock::expired;
use crate::base::{Secret, Timestamp};

/// A token by which software may register itself (RFC 7591, section 1.2, "initial access token"): so often, and until then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationToken {
    /// What it is called by those who make and remove it.
    pub name: ClientId,
    /// Of its secret part: the token itself is written down nowhere.
    pub secret: SecretHash,
    /// When it was made.
    pub created: Timestamp,
    /// It counts until then.
    pub expires: Timestamp,
    /// How many clients may still register by it.
    pub left: u32,
    /// The store it was made in: a restore ends it, since it brings used ones back. None in rows of before, which the store gives
    /// one when it is brought up to date.
    #[serde(default)]
    pub epoch: String,
}

/// How a client came to be that registered itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfRegistered {
    /// The name of the token that it showed.
    pub by: ClientId,
    /// Of the token by which it looks at its registration, and takes it back (RFC 7592).
    pub token: SecretHash,
}

impl RegistrationToken {
    /// Whether somebody who shows `secret` may register by it at `now` in the life `epoch` of the store.
    #[must_use]
    pub fn admits(&self, secret: &Secret<String>, epoch: &str, now: Timestamp) -> bool {
        self.secret.is_of(secret) && !expired(self.expires, now) && self.left > 0 && self.epoch == epoch
    }
}
