//! `[store]`: how the store is kept.

use std::time::Duration;

use super::section::Section;
use super::values::Bytes;

/// How the store is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Disk space set aside and given up when the disk is full, so that revoking still works.
    pub reserve_bytes: u64,
    /// Memory for rows read lately.
    pub cache_bytes: u64,
    /// How long past states stay readable.
    pub history_retention: Duration,
}

impl Store {
    pub(super) fn meant(section: &Section<'_>) -> Self {
        let (Bytes(reserve_bytes), Bytes(cache_bytes)) = (section.read("reserve"), section.read("cache"));
        Self { reserve_bytes, cache_bytes, history_retention: section.read("history_retention") }
    }
}
