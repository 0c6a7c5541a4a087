//! What a change to the store is made of.

use super::Revision;
use crate::base::Timestamp;
use crate::model::Actor;

/// All the writes of one change, with what must still be true for it to happen.
pub struct Commit {
    /// Who is behind it; kept in the journal.
    pub by: Actor,
    /// When; kept in the journal. History finds revisions by it.
    pub at: Timestamp,
    /// Sequence number of the audit record that was opened for it. `None`: the last of those that it appends, if it appends
    /// any.
    pub audit: Option<u64>,
    /// What it does to access: on a full disk only what narrows is accepted.
    pub intent: Intent,
    /// It may reach the disk only with the next commit that is not deferred; never later than that one, never out of
    /// order. For the steps of long work whose last commit is the one that counts.
    pub deferred: bool,
    /// What must hold, checked in the same act.
    pub expects: Vec<(Vec<u8>, Expect)>,
    /// Rows to write (`Some`) or delete (`None`). A key at most once.
    pub writes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Records for the chained log.
    pub appends: Vec<Append>,
}

/// What must be true of a row for a commit to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// There is no such row.
    Absent,
    /// There is such a row, whatever it says.
    Present,
    /// The row was last written by this commit.
    At(Revision),
}

/// What a commit does to access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Gives someone more, or is not known to give less. Refused once the reserve is spent.
    Widen,
    /// Only takes away: suspends, ends, deletes, records an audit entry of doing so. Accepted as long as a byte fits.
    Narrow,
}

/// Where a record of the chained log is to stand: known only inside the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Number of this record: 1, 2, 3 .. without gaps.
    pub seq: u64,
    /// Hash of the record before; zeroes for the first.
    pub previous: [u8; 32],
}

/// A record of the chained log, finished.
pub struct Sealed {
    /// The record's bytes as they are stored.
    pub record: Vec<u8>,
    /// Its hash, which the next record names.
    pub hash: [u8; 32],
}

/// A record for the chained log. The closure may run twice.
pub struct Append {
    /// Finishes the record, given its place.
    pub seal: Box<dyn Fn(&Link) -> Sealed + Send>,
}

/// A commit that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its number.
    pub revision: Revision,
    /// Sequence numbers of its log records, in the order of [`Commit::appends`].
    pub appended: Vec<u64>,
}

impl Commit {
    /// A commit without content yet.
    #[must_use]
    pub fn new(by: Actor, at: Timestamp, intent: Intent) -> Self {
        Self {
            by,
            at,
            audit: None,
            intent,
            deferred: false,
            expects: Vec::new(),
            writes: Vec::new(),
            appends: Vec::new(),
        }
    }

    /// Demands that `key` be as `expect` says.
    pub fn expect(&mut self, key: Vec<u8>, expect: Expect) {
        self.expects.push((key, expect));
    }

    /// Writes `value` at `key`.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.writes.push((key, Some(value)));
    }

    /// Deletes the row at `key`, if there is one.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.writes.push((key, None));
    }

    /// Appends a record to the chained log.
    pub fn append(&mut self, seal: impl Fn(&Link) -> Sealed + Send + 'static) {
        self.appends.push(Append { seal: Box::new(seal) });
    }

    /// True when it would change nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.appends.is_empty()
    }
}
