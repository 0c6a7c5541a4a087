//! The root of the home account: it may do everything, exists once, and is for the day on which nothing else works.

use serde::{Deserialize, Serialize};

use crate::base::Timestamp;

/// What is remembered of root itself; its access keys and devices are rows like those of users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// When `bailey init` made it.
    pub created: Timestamp,
    /// Since when it is locked away: then none of its credentials works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_since: Option<Timestamp>,
}
