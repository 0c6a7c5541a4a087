//! What can go wrong with the store, and whose fault that is.

use std::path::PathBuf;

use crate::base::{Fault, Faulty};

/// Why the store could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed a row first. Nothing was written; read again and retry.
    #[error("changed meanwhile: {what}")]
    Conflict {
        /// Which expectation failed.
        what: String,
    },
    /// The disk is full. Only what narrows access is still accepted.
    #[error("the disk under {path} is full; free some space, the store resumes by itself")]
    Full {
        /// The store's directory.
        path: PathBuf,
    },
    /// A row that cannot be what it says: damaged, or written by something else.
    #[error("row {key} is damaged: {why}; run `bailey store verify`, then restore from an export")]
    Corrupt {
        /// The key, in hexadecimal.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// The time asked for is older than the history kept.
    #[error(
        "history before revision {oldest} is no longer kept (asked for {asked}); raise `store.history_retention` to keep more"
    )]
    BeyondHistory {
        /// The oldest revision that can still be read.
        oldest: u64,
        /// The revision asked for.
        asked: u64,
    },
    /// The store cannot be opened as it is; says what to do.
    #[error("cannot open the store in {path}: {why}. {remedy}")]
    CannotOpen {
        /// The store's directory.
        path: PathBuf,
        /// What is wrong.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// The engine failed.
    #[error("the store failed: {why}")]
    Broken {
        /// What the engine says.
        why: String,
    },
}

impl StoreError {
    /// The row at `key` cannot be what it says.
    #[must_use]
    pub fn corrupt(key: &[u8], why: impl std::fmt::Display) -> Self {
        Self::Corrupt { key: hex::encode(key), why: why.to_string() }
    }
}

impl Faulty for StoreError {
    fn fault(&self) -> Fault {
        match self {
            Self::Conflict { .. } | Self::BeyondHistory { .. } => Fault::Caller,
            Self::Full { .. } | Self::CannotOpen { .. } | Self::Corrupt { .. } => Fault::Operator,
            Self::Broken { .. } => Fault::Bug,
        }
    }
}
