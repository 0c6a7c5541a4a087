//! What was read once, for as long as it must be the same: a row as it was parsed, of one edition of the model.
//!
//! For what nearly every request asks for, and hardly anything changes: the client that it is of, say. Nothing has to be forgotten
//! in time: of another edition nothing is kept, and a snapshot that has none, such as one of a state that is only planned, is
//! read as it is.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Edition, Snapshot};

/// Values that are kept at most; then all are forgotten, and those that are asked for come back at once.
const MOST: usize = 1_000;

/// What was read of one store, by what it was asked by. Only for rows that bear on rights, which another edition follows from
/// ([`super::schema::is_aside`]). Clones share it.
#[derive(Debug)]
pub struct Recall<K, V>(Arc<Mutex<Kept<K, V>>>);

#[derive(Debug)]
struct Kept<K, V> {
    of: Option<Edition>,
    values: HashMap<K, V>,
}

impl<K, V> Clone for Recall<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> Default for Recall<K, V> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Kept { of: None, values: HashMap::new() })))
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Recall<K, V> {
    /// What `read` answers about `key`, or did answer in the same edition.
    ///
    /// # Errors
    /// What `read` does; nothing is kept then.
    pub fn of<E>(&self, snapshot: &dyn Snapshot, key: &K, read: impl FnOnce() -> Result<V, E>) -> Result<V, E> {
        let Some(edition) = snapshot.edition() else { return read() };
        {
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.of == Some(edition)
                && let Some(value) = kept.values.get(key)
            {
                return Ok(value.clone());
            }
        }
        // Not under the lock: others go on meanwhile, and two who read the same do no harm.
        let value = read()?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.of != Some(edition) || kept.values.len() >= MOST {
            *kept = Kept { of: Some(edition), values: HashMap::new() };
        }
        kept.values.insert(key.clone(), value.clone());
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Commit, Intent, Store, StoreError, memory, schema};
    use super::*;
    use crate::base::Timestamp;
    use crate::model::{Actor, client::ClientId};

    #[test]
    fn it_is_read_anew_when_the_model_is_another_and_not_when_something_happens_beside_it() {
        let store = Store::new(memory::Memory::new());
        let id: ClientId = "app".parse().unwrap();
        let recall = Recall::<ClientId, Option<u64>>::default();
        let mut reads = 0;
        let mut ask = |store: &Store| {
            store.read(|snapshot| {
                recall.of(snapshot, &id, || {
                    reads += 1;
                    Ok::<_, StoreError>(snapshot.get(&schema::sso::client(&id))?.map(|row| row.revision))
                })
            })
        };
        let write = |key: Vec<u8>| {
            let mut commit = Commit::new(Actor::task("test"), Timestamp::UNIX_EPOCH, Intent::Widen);
            commit.put(key, b"{}".to_vec());
            store.commit(commit).unwrap().revision
        };
        assert_eq!((ask(&store).unwrap(), ask(&store).unwrap()), (None, None));
        let revision = write(schema::sso::client(&id));
        assert_eq!(ask(&store).unwrap(), Some(revision));
        write(schema::meta("beside"));
        assert_eq!(ask(&store).unwrap(), Some(revision));
        assert_eq!(reads, 2);
    }
}
