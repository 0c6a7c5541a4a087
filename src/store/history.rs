//! What was true at a past revision, and who changed what since.
//!
//! An undo log. The current row carries the revision that wrote it; when a commit replaces or
//! deletes a historied row, the row as it was goes to `H key revision` in the same act. Creating a
//! row writes no history, so a first load costs nothing extra; a change costs one row. Each
//! commit has a journal row `J revision`: when, who, the audit record, and which rows.
//!
//! ```text
//! rev 3 creates k = a     U k -> (3, a)
//! rev 7 changes k = b     U k -> (7, b)     H k 7 -> (3, a)
//! rev 9 deletes k         -                 H k 7 -> (3, a)   H k 9 -> (7, b)
//!
//! as of 5: the first H k n with n > 5 is H k 7: it holds what revision 3 wrote, so a.
//! ```
//!
//! This rests on keys of one historied space being equally long: the history of a key then
//! stands right behind it in key order. Removing what is too old is [`super::prune`]'s.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::execute::{from_json, read_head, unpack};
use super::{Entry, KeyRange, Revision, Row, Snapshot, StoreError, readable, schema};
use crate::base::Timestamp;
use crate::model::Actor;

/// What the journal says of one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// When. Never earlier than the commit before.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// Sequence number of the audit record opened for it, or that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<u64>,
    /// How many historied rows it created, changed or deleted.
    pub changed: usize,
    /// Their keys. The first ones only, where all of them would not fit a row: then fewer than `changed`.
    #[serde(with = "keys")]
    pub keys: Vec<Vec<u8>>,
}

impl JournalEntry {
    /// The entry of a commit that changed the historied rows `keys`, cut to what fits a row.
    pub(super) fn new(at: Timestamp, by: Actor, audit: Option<u64>, mut keys: Vec<Vec<u8>>) -> Self {
        let changed = keys.len();
        let mut room = KEYS_ROOM;
        let fitting = keys.iter().take_while(|key| {
            // Two digits a byte, quotes and comma.
            let takes = key.len() * 2 + 3;
            let fits = takes <= room;
            room = room.saturating_sub(takes);
            fits
        });
        let fitting = fitting.count();
        keys.truncate(fitting);
        Self { at, by, audit, changed, keys }
    }
}

/// Bytes the key list of a journal row may take: journal rows are neighbours, and neighbours are to be short
/// (see [`super::sled::tree`]).
const KEYS_ROOM: usize = 4 * 1024;

mod keys {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(keys: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(keys.iter().map(hex::encode))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| hex::decode(text).map_err(D::Error::custom)).collect()
    }
}

/// One change of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The commit that made it.
    pub revision: Revision,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// Sequence number of the audit record opened for it, or that came with it.
    pub audit: Option<u64>,
    /// The row's value before; `None` when this created it.
    pub before: Option<Vec<u8>>,
    /// The row's value after; `None` when this deleted it.
    pub after: Option<Vec<u8>>,
}

/// Name of the meta row with the oldest revision that can still be read.
pub(super) const HORIZON: &str = "horizon";

/// The oldest revision whose state can still be read; 0 while nothing was removed.
///
/// # Errors
/// When the store cannot be read.
pub fn horizon(snapshot: &dyn Snapshot) -> Result<Revision, StoreError> {
    let key = schema::meta(HORIZON);
    snapshot.get(&key)?.map_or(Ok(0), |row| from_json(&key, &row.value))
}

/// The row at `key` as commit `revision` left it. Only for historied rows.
///
/// # Errors
/// [`StoreError::BeyondHistory`] when that is no longer kept; when the store cannot be read.
pub fn as_of(snapshot: &dyn Snapshot, key: &[u8], revision: Revision) -> Result<Option<Row>, StoreError> {
    within(snapshot, revision)?;
    if !schema::is_historied(key) {
        return Err(StoreError::Broken { why: format!("{} keeps no history", readable::describe(key)) });
    }
    if let Some(row) = snapshot.get(key)?
        && row.revision <= revision
    {
        return Ok(Some(row));
    }
    let range = KeyRange {
        from: schema::history(key, revision.saturating_add(1)),
        to: KeyRange::prefix(&schema::histories(key)).to,
    };
    let Some((found, row)) = snapshot.scan(&range, 1)?.pop() else { return Ok(None) };
    let (of, _) = parsed(&found)?;
    if of != key {
        return Ok(None);
    }
    let before = unpack(&found, &row.value)?;
    Ok((before.revision <= revision).then_some(before))
}

/// The first `limit` historied rows of `range` as commit `revision` left them, in key order: those
/// that still are as they were, those changed since, and those deleted since.
///
/// # Errors
/// [`StoreError::BeyondHistory`] when that is no longer kept; when the store cannot be read.
pub fn scan_as_of(
    snapshot: &dyn Snapshot,
    range: &KeyRange,
    revision: Revision,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    within(snapshot, revision)?;
    let mut current = Pages::new(snapshot, range.clone());
    let mut past = Pages::new(snapshot, history_of(range));
    let mut rows = Vec::new();
    while rows.len() < limit {
        let next_past = loop {
            let Some((key, _)) = past.peek()? else { break None };
            let (of, _) = parsed(key)?;
            if contains(range, of) {
                break Some(of.to_vec());
            }
            past.advance();
        };
        let next_current = current.peek()?.map(|(key, _)| key.clone());
        let key = match (next_past, next_current) {
            (None, None) => break,
            (Some(key), None) | (None, Some(key)) => key,
            (Some(past), Some(current)) => past.min(current),
        };
        let mut then = past_version(&mut past, &key, revision)?;
        if let Some((_, row)) = current.take_if(&key)?
            && row.revision <= revision
        {
            then = Some(row);
        }
        if let Some(row) = then
            && schema::is_historied(&key)
        {
            rows.push((key, row));
        }
    }
    Ok(rows)
}

/// Walks over the history of `key`: what was true at `revision`, if it was superseded later.
fn past_version(past: &mut Pages<'_>, key: &[u8], revision: Revision) -> Result<Option<Row>, StoreError> {
    let mut decided = false;
    let mut then = None;
    while let Some((found, row)) = past.peek()? {
        let (of, superseded_at) = parsed(found)?;
        if of != key {
            break;
        }
        if !decided && superseded_at > revision {
            decided = true;
            then = Some(unpack(found, &row.value)?).filter(|before| before.revision <= revision);
        }
        past.advance();
    }
    Ok(then)
}

/// The last commit made at or before `time`; 0 when there was none yet.
///
/// # Errors
/// [`StoreError::BeyondHistory`] when the journal no longer reaches back that far; when the store cannot be read.
pub fn revision_at(snapshot: &dyn Snapshot, time: Timestamp) -> Result<Revision, StoreError> {
    let oldest = horizon(snapshot)?;
    // What holds of `low` and not of `high`: made at or before `time`.
    let mut low = oldest;
    let mut high = snapshot.revision() + 1;
    if oldest > 0 && made_at(snapshot, oldest)? > time {
        return Err(StoreError::BeyondHistory { oldest, asked: oldest - 1 });
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if made_at(snapshot, middle)? <= time {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

fn made_at(snapshot: &dyn Snapshot, revision: Revision) -> Result<Timestamp, StoreError> {
    Ok(expect_entry(snapshot, revision)?.at)
}

fn expect_entry(snapshot: &dyn Snapshot, revision: Revision) -> Result<JournalEntry, StoreError> {
    journal_entry(snapshot, revision)?
        .ok_or_else(|| StoreError::corrupt(&schema::journal(revision), "the journal has no such revision"))
}

/// What the journal says of commit `revision`; `None` when there is no such commit, or it is no longer kept.
///
/// # Errors
/// When the store cannot be read.
pub fn journal_entry(snapshot: &dyn Snapshot, revision: Revision) -> Result<Option<JournalEntry>, StoreError> {
    let key = schema::journal(revision);
    snapshot.get(&key)?.map(|row| from_json(&key, &row.value)).transpose()
}

/// Every change of the row at `key` that is still kept, oldest first.
///
/// Changes up to the horizon are not among them: a row that has not changed since has none.
///
/// # Errors
/// When the store cannot be read.
pub fn versions(snapshot: &dyn Snapshot, key: &[u8]) -> Result<Vec<Version>, StoreError> {
    let oldest = horizon(snapshot)?;
    // What each commit found and what it left. A commit that changed the row ends one value and begins the next.
    let mut changes: BTreeMap<Revision, Change> = BTreeMap::new();
    for (row, superseded_at) in lives(snapshot, key)? {
        if let Some(at) = superseded_at {
            changes.entry(at).or_default().before = Some(row.value.clone());
        }
        changes.entry(row.revision).or_default().after = Some(row.value);
    }
    let kept = changes.into_iter().filter(|(revision, _)| *revision > oldest);
    kept.map(|(revision, Change { before, after })| {
        let JournalEntry { at, by, audit, .. } = expect_entry(snapshot, revision)?;
        Ok(Version { revision, at, by, audit, before, after })
    })
    .collect()
}

/// One row, before and after a commit.
#[derive(Default)]
struct Change {
    before: Option<Vec<u8>>,
    after: Option<Vec<u8>>,
}

/// The row's values in order, each with the revision that superseded it.
fn lives(snapshot: &dyn Snapshot, key: &[u8]) -> Result<Vec<(Row, Option<Revision>)>, StoreError> {
    let mut lives = Vec::new();
    let mut past = Pages::new(snapshot, KeyRange::prefix(&schema::histories(key)));
    while let Some((found, row)) = past.peek()? {
        let (of, superseded_at) = parsed(found)?;
        if of == key {
            lives.push((unpack(found, &row.value)?, Some(superseded_at)));
        }
        past.advance();
    }
    lives.extend(snapshot.get(key)?.map(|row| (row, None)));
    Ok(lives)
}

/// Visits every value of the rows in `range` that was superseded after `since`: the key, the row as it was, and until when. What
/// stands now is not among them.
///
/// # Errors
/// [`StoreError::BeyondHistory`] when what is kept does not reach back that far; when the store cannot be read; the first error
/// that `visit` answers ends the walk.
pub fn superseded_since(
    snapshot: &dyn Snapshot,
    range: &KeyRange,
    since: Timestamp,
    mut visit: impl FnMut(&[u8], Row, Timestamp) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let then = revision_at(snapshot, since)?;
    let mut past = Pages::new(snapshot, history_of(range));
    while let Some((found, row)) = past.peek()? {
        let (of, superseded_at) = parsed(found)?;
        if superseded_at > then && contains(range, of) {
            visit(of, unpack(found, &row.value)?, made_at(snapshot, superseded_at)?)?;
        }
        past.advance();
    }
    Ok(())
}

/// When the last commit was made; `None` in a store without one. The floor of the daemon's clock.
///
/// # Errors
/// When the store cannot be read.
pub fn last_commit_time(snapshot: &dyn Snapshot) -> Result<Option<Timestamp>, StoreError> {
    let head = read_head(snapshot.get(&schema::meta(super::execute::HEAD))?)?;
    Ok((head.revision > 0).then_some(head.at))
}

fn within(snapshot: &dyn Snapshot, revision: Revision) -> Result<(), StoreError> {
    let oldest = horizon(snapshot)?;
    if revision < oldest { Err(StoreError::BeyondHistory { oldest, asked: revision }) } else { Ok(()) }
}

fn parsed(key: &[u8]) -> Result<(&[u8], Revision), StoreError> {
    schema::parse_history(key).ok_or_else(|| StoreError::corrupt(key, "it is no history key"))
}

fn contains(range: &KeyRange, key: &[u8]) -> bool {
    key >= range.from.as_slice() && range.to.as_ref().is_none_or(|to| key < to.as_slice())
}

/// Where the history of a range of rows stands. Somewhat wider than exact, because a bound may
/// fall between a key and the revision behind it: whoever walks over it asks [`contains`].
fn history_of(range: &KeyRange) -> KeyRange {
    let to = match &range.to {
        Some(to) => Some([schema::histories(to).as_slice(), &[0xff; 9]].concat()),
        None => KeyRange::prefix(&schema::histories(&[])).to,
    };
    KeyRange { from: schema::histories(&range.from), to }
}

/// A scan that reads ahead a page at a time.
struct Pages<'a> {
    snapshot: &'a dyn Snapshot,
    rest: Option<KeyRange>,
    page: VecDeque<Entry>,
}

impl<'a> Pages<'a> {
    fn new(snapshot: &'a dyn Snapshot, range: KeyRange) -> Self {
        Self { snapshot, rest: Some(range), page: VecDeque::new() }
    }

    fn peek(&mut self) -> Result<Option<&Entry>, StoreError> {
        if self.page.is_empty()
            && let Some(range) = self.rest.take()
        {
            self.page = self.snapshot.scan(&range, PAGE)?.into();
            self.rest = self.page.back().filter(|_| self.page.len() == PAGE).map(|(last, _)| range.after(last));
        }
        Ok(self.page.front())
    }

    fn advance(&mut self) {
        self.page.pop_front();
    }

    /// Takes the next entry if it is the one at `key`.
    fn take_if(&mut self, key: &[u8]) -> Result<Option<Entry>, StoreError> {
        if self.peek()?.is_some_and(|(next, _)| next == key) { Ok(self.page.pop_front()) } else { Ok(None) }
    }
}

/// Rows read ahead at a time.
const PAGE: usize = 512;
