//! How old what is known of a directory may be before nobody of it may act on it.
//!
//! A directory that does not answer hides that somebody was disabled an hour ago. How long that may be is a matter of what
//! somebody could do meanwhile: a day for most roles, a quarter of an hour for privileged ones.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::SignedDuration;

use crate::base::Timestamp;
use crate::model::{DirectoryLabel, Origin, Role};

/// How old what is known of a directory may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// For people, and for sessions of most roles.
    pub ordinary: SignedDuration,
    /// For sessions of privileged roles.
    pub privileged: SignedDuration,
}

impl Default for Ages {
    fn default() -> Self {
        Self { ordinary: SignedDuration::from_hours(24), privileged: SignedDuration::from_mins(15) }
    }
}

/// When each directory answered last, as its worker knows, and how old that may be. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Contacts(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
struct Known {
    heard: HashMap<DirectoryLabel, Timestamp>,
    ages: Ages,
}

/// What was known of a directory at a moment: part of the terms on which rights count.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// When each directory answered last.
    pub last: HashMap<DirectoryLabel, Timestamp>,
    /// How old that may be.
    pub ages: Ages,
}

/// What is known of a directory is too old.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("directory {label} {}; {whom} at most {limit:#} old", told(.since.as_ref()))]
pub struct Stale {
    /// Which.
    pub label: DirectoryLabel,
    /// When it answered last.
    pub since: Option<Timestamp>,
    /// Whom the limit is of.
    pub whom: &'static str,
    /// What is known of it may be so old.
    pub limit: SignedDuration,
}

fn told(since: Option<&Timestamp>) -> String {
    since.map_or_else(|| "has never answered".to_owned(), |at| format!("has not answered since {at:.0}"))
}

impl Contacts {
    /// From now on what is known may be so old.
    pub fn allow(&self, ages: Ages) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).ages = ages;
    }

    /// A directory answered.
    pub fn heard(&self, label: &DirectoryLabel, at: Timestamp) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let last = known.heard.entry(label.clone()).or_insert(at);
        *last = (*last).max(at);
    }

    /// What is known, with what was written down of it.
    #[must_use]
    pub fn with(&self, written: impl Iterator<Item = (DirectoryLabel, Timestamp)>) -> Heard {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut last = known.heard.clone();
        for (label, at) in written {
            let held = last.entry(label).or_insert(at);
            *held = (*held).max(at);
        }
        Heard { last, ages: known.ages }
    }
}

impl Heard {
    /// Whether what is known of somebody with this origin is recent enough for a session of `role`, or of their own. Whoever was
    /// made here is known for good.
    ///
    /// # Errors
    /// When it is too old.
    pub fn recent(&self, origin: &Origin, role: Option<&Role>, now: Timestamp) -> Result<(), Stale> {
        let label = &origin.directory;
        if *label == DirectoryLabel::local() {
            return Ok(());
        }
        let (whom, limit) = match role.is_some_and(|role| role.privileged) {
            true => ("for a privileged role what is known of it is", self.ages.privileged),
            false => ("what is known of it is", self.ages.ordinary),
        };
        let since = self.last.get(label).copied();
        match since {
            Some(at) if now.duration_since(at) <= limit => Ok(()),
            _ => Err(Stale { label: label.clone(), since, whom, limit }),
        }
    }
}
