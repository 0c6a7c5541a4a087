//! What a store would show after writes that nobody has committed.
//!
//! So whoever reads snapshots can be asked about a state that is only planned, and answers as it would once that is so.
//! Nothing here writes, and nothing here knows what rows mean.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Entry, KeyRange, Revision, Row, Snapshot, StoreError};

/// What a row takes in memory besides its key and value, roughly.
const ROW_BYTES: usize = 120;

/// Rows to be written (`Some`) or deleted (`None`), by key.
#[derive(Debug, Default)]
pub struct Laid {
    rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl Laid {
    /// Lays these over what is there already.
    pub fn extend(&mut self, rows: impl IntoIterator<Item = (Vec<u8>, Option<Vec<u8>>)>) {
        for (key, value) in rows {
            self.bytes += ROW_BYTES + key.len() + value.as_ref().map_or(0, Vec::len);
            self.rows.insert(key, value);
        }
    }

    /// How much memory it takes, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The rows that are to be written, in key order.
    pub fn written(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.rows.iter().filter_map(|(key, value)| Some((key.as_slice(), value.as_deref()?)))
    }

    /// `base` with these rows on top.
    #[must_use]
    pub fn over<'a>(&'a self, base: &'a dyn Snapshot) -> Overlay<'a> {
        Overlay { base, laid: self }
    }
}

/// A snapshot with rows on top. They are of the revision behind its own, as the next commit's would be.
pub struct Overlay<'a> {
    base: &'a dyn Snapshot,
    laid: &'a Laid,
}

impl Overlay<'_> {
    fn row(&self, value: &[u8]) -> Row {
        Row { revision: self.base.revision().saturating_add(1), value: value.to_vec() }
    }
}

impl Snapshot for Overlay<'_> {
    fn revision(&self) -> Revision {
        self.base.revision()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Row>, StoreError> {
        match self.laid.rows.get(key) {
            Some(value) => Ok(value.as_deref().map(|value| self.row(value))),
            None => self.base.get(key),
        }
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Entry>, StoreError> {
        if range.to.as_ref().is_some_and(|to| *to <= range.from) {
            return Ok(Vec::new());
        }
        let to = range.to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut laid = self.laid.rows.range::<[u8], _>((Bound::Included(range.from.as_slice()), to)).peekable();
        if laid.peek().is_none() {
            return self.base.scan(range, limit);
        }
        // Of as many rows below as are asked for, each one on top may hide one: then the next page fills the gap.
        let mut found = Vec::new();
        let mut rest = Some(range.clone());
        while let Some(range) = rest.take() {
            let below = self.base.scan(&range, limit)?;
            rest = (below.len() == limit).then(|| below.last().map(|(key, _)| range.after(key))).flatten();
            for (key, row) in below {
                while let Some((over, value)) = laid.next_if(|(over, _)| **over < key) {
                    found.extend(value.as_deref().map(|value| (over.clone(), self.row(value))));
                }
                match laid.next_if(|(over, _)| **over == key) {
                    Some((_, value)) => found.extend(value.as_deref().map(|value| (key, self.row(value)))),
                    None => found.push((key, row)),
                }
            }
            if found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
        }
        found.extend(laid.filter_map(|(key, value)| Some((key.clone(), self.row(value.as_deref()?)))));
        found.truncate(limit);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::Timestamp;
    use crate::model::Actor;
    use crate::store::{Commit, Intent, Store, memory::Memory};

    fn commit(store: &Store, rows: &BTreeMap<u8, Option<u8>>) {
        let mut commit = Commit::new(Actor::task("test"), Timestamp::UNIX_EPOCH, Intent::Widen);
        commit.writes = rows.iter().map(|(key, value)| (vec![b'S', *key], value.map(|value| vec![value]))).collect();
        store.commit(commit).unwrap();
    }

    fn laid(rows: &BTreeMap<u8, Option<u8>>) -> Laid {
        let mut laid = Laid::default();
        laid.extend(rows.iter().map(|(key, value)| (vec![b'S', *key], value.map(|value| vec![value]))));
        laid
    }

    type Rows = BTreeMap<u8, Option<u8>>;

    fn rows() -> impl Strategy<Value = Rows> {
        proptest::collection::btree_map(0..24_u8, proptest::option::of(any::<u8>()), 0..16)
    }

    proptest! {
        #[test]
        fn it_shows_what_a_commit_would_leave(
            base in rows(), first in rows(), second in rows(), from in 0..24_u8, to in 0..26_u8, limit in 0..30_usize,
        ) {
            let (planned, carried_out) = (Store::new(Memory::new()), Store::new(Memory::new()));
            commit(&planned, &base);
            [&base, &first, &second].into_iter().for_each(|rows| commit(&carried_out, rows));
            let range = KeyRange { from: vec![b'S', from], to: Some(vec![b'S', to]) };
            let values = |snapshot: &dyn Snapshot| {
                let got: Vec<_> = (0..24).map(|key| snapshot.get(&[b'S', key]).unwrap().map(|row| row.value)).collect();
                let scanned = snapshot.scan(&range, limit).unwrap();
                (got, scanned.into_iter().map(|(key, row)| (key, row.value)).collect::<Vec<_>>())
            };
            let (first, second) = (laid(&first), laid(&second));
            let seen = planned.read(|snapshot| {
                let below = first.over(snapshot);
                Ok::<_, StoreError>(values(&second.over(&below)))
            });
            let expected = carried_out.read(|snapshot| Ok::<_, StoreError>(values(snapshot)));
            prop_assert_eq!(seen.unwrap(), expected.unwrap());
        }
    }
}
