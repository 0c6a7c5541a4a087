//! Carries out a commit on paper: what has to be written for it, or why it may not happen.
//!
//! Every engine runs its commits through [`execute`], so expectations, revisions, history, the
//! journal and the chained log mean the same everywhere. It reads through a closure and answers a
//! list of rows; how these reach the disk in one act, and when that is durable, is the engine's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::history::JournalEntry;
use super::{Commit, Committed, Expect, Link, Revision, Row, StoreError, readable, schema};
use crate::base::Timestamp;

/// Longest value a row may have. Many long ones beside each other are slow: engines may keep those in files of their own.
pub const LONGEST_VALUE: usize = 64 * 1024 - 1;

/// Rows as the engine keeps them: key to revision and value, or to nothing where it is to go.
pub(super) type Writes = BTreeMap<Vec<u8>, Option<Row>>;

/// How the row at a key is read while a commit is worked out.
pub(super) type Get<'a> = dyn Fn(&[u8]) -> Result<Option<Row>, StoreError> + 'a;

/// Where the store stands. Written with every commit as the meta row `head`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The last commit.
    pub revision: Revision,
    /// The last commit that could have changed who may what: see [`schema::is_aside`].
    #[serde(default)]
    pub model: Revision,
    /// When it was made. Never earlier than the one before, whatever the caller's clock said:
    /// history is found by binary search over it.
    pub at: Timestamp,
    /// Number of the last record of the chained log.
    pub log_seq: u64,
    /// That record's hash.
    #[serde(with = "hash")]
    pub log_hash: [u8; 32],
}

impl Default for Head {
    fn default() -> Self {
        Self { revision: 0, model: 0, at: Timestamp::UNIX_EPOCH, log_seq: 0, log_hash: [0; 32] }
    }
}

mod hash {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(hash: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(hash))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let mut hash = [0; 32];
        hex::decode_to_slice(String::deserialize(deserializer)?, &mut hash).map_err(D::Error::custom)?;
        Ok(hash)
    }
}

/// A commit on paper.
pub(super) struct Executed {
    /// What its caller learns once it is durable.
    pub(super) committed: Committed,
    /// Where the store stands behind it.
    pub(super) head: Head,
    /// Everything to write, history and journal included.
    pub(super) writes: Writes,
}

/// Works out what `commit` writes on a store that stands at `head`.
///
/// # Errors
/// [`StoreError::Conflict`] when an expectation does not hold; what `get` answers.
pub(super) fn execute(commit: &Commit, head: &Head, get: &Get<'_>) -> Result<Executed, StoreError> {
    for (key, expect) in &commit.expects {
        check(key, *expect, get(key)?)?;
    }
    let revision = head.revision + 1;
    let mut next = Head { revision, at: head.at.max(commit.at), ..head.clone() };
    let mut writes = Writes::new();
    let mut changed = Vec::new();
    for (key, value) in &commit.writes {
        let too_long = value.as_ref().map_or(0, Vec::len) > LONGEST_VALUE;
        if too_long {
            return Err(bug(format!("{} is longer than {LONGEST_VALUE} bytes", readable::describe(key))));
        }
        if schema::is_historied(key) {
            if let Some(before) = get(key)? {
                writes.insert(schema::history(key, revision), Some(Row { revision, value: superseded(&before) }));
            } else if value.is_none() {
                // Deleting what is not there changes nothing worth remembering.
                continue;
            }
            changed.push(key.clone());
        }
        if !schema::is_aside(key) {
            next.model = revision;
        }
        let row = value.as_ref().map(|value| Row { revision, value: value.clone() });
        if writes.insert(key.clone(), row).is_some() {
            return Err(bug(format!("{} is written twice by one commit", readable::describe(key))));
        }
    }
    let appended = append(commit, &mut next, &mut writes);
    // A commit that names no record may bring its own.
    let audit = commit.audit.or_else(|| appended.last().copied());
    let journal = JournalEntry::new(next.at, commit.by.clone(), audit, changed);
    writes.insert(schema::journal(revision), Some(Row { revision, value: to_json(&journal)? }));
    writes.insert(schema::meta(HEAD), Some(Row { revision, value: to_json(&next)? }));
    Ok(Executed { committed: Committed { revision, appended }, head: next, writes })
}

/// Name of the meta row that holds the [`Head`].
pub(super) const HEAD: &str = "head";

/// Reads the head of a store; the default one when nothing was ever committed.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub(super) fn read_head(row: Option<Row>) -> Result<Head, StoreError> {
    let Some(row) = row else { return Ok(Head::default()) };
    from_json(&schema::meta(HEAD), &row.value)
}

fn append(commit: &Commit, head: &mut Head, writes: &mut Writes) -> Vec<u64> {
    let mut appended = Vec::with_capacity(commit.appends.len());
    for append in &commit.appends {
        let link = Link { seq: head.log_seq + 1, previous: head.log_hash };
        let sealed = (append.seal)(&link);
        head.log_seq = link.seq;
        head.log_hash = sealed.hash;
        writes.insert(schema::log(link.seq), Some(Row { revision: head.revision, value: sealed.record }));
        appended.push(link.seq);
    }
    appended
}

fn check(key: &[u8], expect: Expect, found: Option<Row>) -> Result<(), StoreError> {
    let found = found.map(|row| row.revision);
    let holds = match expect {
        Expect::Absent => found.is_none(),
        Expect::Present => found.is_some(),
        Expect::At(revision) => found == Some(revision),
    };
    if holds {
        return Ok(());
    }
    let found = found.map_or_else(|| "is not there".to_owned(), |at| format!("was written by revision {at}"));
    let wanted = match expect {
        Expect::Absent => "expected none".to_owned(),
        Expect::Present => "expected one".to_owned(),
        Expect::At(revision) => format!("expected revision {revision}"),
    };
    Err(StoreError::Conflict { what: format!("{} {found}, {wanted}", readable::describe(key)) })
}

/// Value of a history row: the revision that had written the row, then its value.
fn superseded(before: &Row) -> Vec<u8> {
    let mut value = Vec::with_capacity(8 + before.value.len());
    value.extend_from_slice(&before.revision.to_be_bytes());
    value.extend_from_slice(&before.value);
    value
}

fn bug(why: String) -> StoreError {
    StoreError::Broken { why }
}

/// `value` as the JSON of a row.
///
/// # Errors
/// When it cannot be written as JSON, which only a mistake in its type can cause.
pub(super) fn to_json(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| bug(format!("cannot write a row as JSON: {error}")))
}

/// The JSON of the row at `key` as a value.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is not one.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value).map_err(|error| StoreError::corrupt(key, error))
}

/// A row as engines that know only bytes keep it: revision (8, big endian), then the value.
pub(super) fn pack(row: &Row) -> Vec<u8> {
    superseded(row)
}

/// The opposite of [`pack`].
///
/// # Errors
/// [`StoreError::Corrupt`] when there is not even room for a revision.
pub(super) fn unpack(key: &[u8], packed: &[u8]) -> Result<Row, StoreError> {
    let (revision, value) = packed_value(key, packed)?;
    Ok(Row { revision, value: value.to_vec() })
}

/// Revision and value of a packed row.
///
/// # Errors
/// As [`unpack`].
pub(super) fn packed_value<'a>(key: &[u8], packed: &'a [u8]) -> Result<(Revision, &'a [u8]), StoreError> {
    let (revision, value) =
        packed.split_first_chunk::<8>().ok_or_else(|| StoreError::corrupt(key, "it has no revision"))?;
    Ok((u64::from_be_bytes(*revision), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Actor;
    use crate::store::Intent;

    fn commit() -> Commit {
        Commit::new(Actor::task("test"), Timestamp::UNIX_EPOCH, Intent::Narrow)
    }

    fn refusal(commit: &Commit) -> String {
        match execute(commit, &Head::default(), &|_| Ok(None)) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_a_row_cannot_hold_is_refused() {
        let mut long = commit();
        long.put(b"Slong".to_vec(), vec![0; LONGEST_VALUE + 1]);
        assert!(refusal(&long).contains("longer than 65535 bytes"), "{}", refusal(&long));
        let mut twice = commit();
        twice.put(b"Stwice".to_vec(), vec![1]);
        twice.delete(b"Stwice".to_vec());
        assert!(refusal(&twice).contains("written twice"));
    }

    #[test]
    fn the_journal_never_goes_back_in_time() {
        let late: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        let head = Head { at: late, ..Head::default() };
        let executed = execute(&commit(), &head, &|_| Ok(None)).unwrap();
        assert_eq!(executed.head.at, late);
    }

    #[test]
    fn a_packed_row_reads_back_and_a_stump_does_not() {
        let row = Row { revision: 77, value: b"x".to_vec() };
        assert_eq!(unpack(b"Sk", &pack(&row)).unwrap(), row);
        assert!(matches!(unpack(b"Sk", b"1234567"), Err(StoreError::Corrupt { .. })));
    }
}
