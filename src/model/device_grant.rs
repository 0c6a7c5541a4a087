//! What a device without a browser asks for, and what a person answers elsewhere (RFC 8628).
//!
//! The code that people type is a [`super::UserCode`]. How a grant is made, answered and redeemed is the business of `sso`.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::client::{ClientId, Scope};
use super::token_family::Consent;
use crate::base::{FamilyId, Timestamp};

/// How long a device waits for an answer, in seconds.
pub const DEVICE_SECONDS: u32 = 600;

/// Seconds between two of its questions (RFC 8628, section 3.2).
pub const INTERVAL: u32 = 5;

/// What a device asked for, as it lies in the store under the digest of its own code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceGrant {
    /// Which client asks.
    pub client: ClientId,
    /// For what.
    pub scopes: Vec<Scope>,
    /// From where, for the person to see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<IpAddr>,
    /// Seconds that the second factor of whoever answers may lie back, if one is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor_age: Option<u32>,
    /// When.
    pub begun: Timestamp,
    /// It is good until then.
    pub expires: Timestamp,
    /// The store it was made in: a restore ends it.
    pub epoch: String,
    /// When the device was told last that there is no answer yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polled: Option<Timestamp>,
    /// What became of it.
    pub answer: Answer,
}

/// What became of what a device asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// Nobody answered yet.
    Waiting,
    /// Somebody agreed.
    Agreed {
        /// To this.
        consent: Box<Consent>,
    },
    /// Somebody refused.
    Refused,
    /// It was redeemed: a code is so once.
    Redeemed {
        /// For this family.
        family: FamilyId,
    },
}
