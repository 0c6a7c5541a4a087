//! When access keys were used last: kept in memory, and written down each minute, so that no use costs a write.
//!
//! A daemon that is killed forgets the last minute.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::Timestamp;
use crate::model::{AccessKeyId, Actor, LastUsed};
use crate::store::{Commit, Intent, Store, StoreError};

/// Uses that are not written down yet; clones share them.
#[derive(Clone, Default)]
pub struct Uses(Arc<Mutex<BTreeMap<AccessKeyId, LastUsed>>>);

impl Uses {
    /// `id` was used.
    pub fn note(&self, id: &AccessKeyId, service: &str, region: &str, now: Timestamp) {
        let minute = now.as_second().div_euclid(60) * 60;
        let at = Timestamp::from_second(minute).unwrap_or(now);
        self.lock().insert(id.clone(), LastUsed { at, service: service.to_owned(), region: region.to_owned() });
    }

    /// The last use of `id`, if it is not written down yet.
    #[must_use]
    pub fn of(&self, id: &AccessKeyId) -> Option<LastUsed> {
        self.lock().get(id).cloned()
    }

    /// Writes down what is not yet. What cannot be written is kept for the next time. Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub fn settle(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let noted = std::mem::take(&mut *self.lock());
        if noted.is_empty() {
            return Ok(());
        }
        let written = write(store, &noted, now);
        if written.is_err() {
            let mut newer = self.lock();
            for (id, used) in noted {
                newer.entry(id).or_insert(used);
            }
        }
        written
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AccessKeyId, LastUsed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(store: &Store, noted: &BTreeMap<AccessKeyId, LastUsed>, now: Timestamp) -> Result<(), StoreError> {
    let commit = store.read(|snapshot| {
        // On a full disk nobody needs to know when a key was used last.
        let mut commit = Commit::new(Actor::task("uses"), now, Intent::Widen);
        for (id, used) in noted {
            commit.put_last_used(snapshot, id, used)?;
        }
        Ok::<_, StoreError>(commit)
    })?;
    if commit.is_empty() { Ok(()) } else { store.commit(commit).map(drop) }
}
