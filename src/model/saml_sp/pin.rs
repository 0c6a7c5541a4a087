//! What is pinned of a service provider that the configuration declares by the address of its metadata.

use serde::{Deserialize, Serialize};

use super::{SpName, Waiting};
use crate::base::Timestamp;

/// Metadata that was fetched for a section of the configuration, and counts for it. The section says who may sign in and what the
/// application is told; this says where that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpPin {
    /// What the section calls the service provider.
    pub name: SpName,
    /// Where it was fetched. It counts for a section that names this address, and for no other.
    pub url: String,
    /// What the section said that the first has to be: a SHA-256, in hexadecimal digits. As long as it says the same, what was
    /// confirmed since goes on to count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// What the service provider calls itself by.
    pub entity_id: String,
    /// What it says of itself.
    pub metadata: String,
    /// Newer metadata that nobody has confirmed yet; it counts for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// When it was pinned first.
    pub created: Timestamp,
    /// When other metadata came to count last.
    pub updated: Timestamp,
}
