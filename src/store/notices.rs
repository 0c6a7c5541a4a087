//! Rows of notices, and whose turn it is to be told.
//!
//! Beside each notice lies a row that says when it is tried next, in the order of time, for each way apart: a webhook that is gone
//! keeps no mail waiting, and whoever looks for what is due reads nothing else. A notice that was told leaves no row.

use serde::{Deserialize, Serialize};

use super::execute::to_json;
use super::iam::Read;
use super::schema::notices as keys;
use super::sso::read;
use super::{Commit, Expect, KeyRange, Snapshot, StoreError};
use crate::base::{EngagementId, NoticeId, Timestamp};
use crate::model::Notice;
use crate::model::notice::Way;

/// What whoever answers for an engagement was told of its end, and of which one: of another they are told anew.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldOfEnd {
    /// That it ends within a week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub week: Option<Timestamp>,
    /// That it ends within a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<Timestamp>,
    /// That it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
}

/// The notice with this id.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn notice(snapshot: &dyn Snapshot, id: &NoticeId) -> Result<Option<Read<Notice>>, StoreError> {
    read(snapshot, &keys::notice(id))
}

/// The first `limit` notices of `way` whose turn it is at `now`, in the order of time.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn due(snapshot: &dyn Snapshot, way: &Way, now: Timestamp, limit: usize) -> Result<Vec<Read<Notice>>, StoreError> {
    found(snapshot, &KeyRange { from: keys::turns_of(way), to: Some(keys::no_turn_yet(way, now)) }, limit)
}

/// The first `limit` notices of `way` that wait, whosever turn it is.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn waiting(snapshot: &dyn Snapshot, way: &Way, limit: usize) -> Result<Vec<Read<Notice>>, StoreError> {
    found(snapshot, &KeyRange::prefix(&keys::turns_of(way)), limit)
}

/// How many notices of `way` wait; `most` where there are as many or more. Looks at keys alone.
///
/// # Errors
/// When the rows cannot be read.
pub fn count(snapshot: &dyn Snapshot, way: &Way, most: usize) -> Result<usize, StoreError> {
    snapshot.visit(&KeyRange::prefix(&keys::turns_of(way)), most, &mut |_, _| Ok(()))
}

/// Every way by which something waits, configured or not. Reads one row for each.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn ways(snapshot: &dyn Snapshot) -> Result<Vec<Way>, StoreError> {
    let mut found = Vec::new();
    let mut rest = KeyRange::prefix(&keys::turns());
    while let Some((key, _)) = snapshot.scan(&rest, 1)?.pop() {
        let (way, ..) = keys::parse_turn(&key).ok_or_else(|| StoreError::corrupt(&key, "it names no notice"))?;
        rest.from = keys::behind_turns_of(&way);
        found.push(way);
    }
    Ok(found)
}

/// What whoever answers for an engagement was told of its end.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn told_of_end(snapshot: &dyn Snapshot, id: &EngagementId) -> Result<Option<Read<ToldOfEnd>>, StoreError> {
    read(snapshot, &keys::told_of_end(id))
}

fn found(snapshot: &dyn Snapshot, range: &KeyRange, limit: usize) -> Result<Vec<Read<Notice>>, StoreError> {
    let mut found = Vec::new();
    for (key, _) in snapshot.scan(range, limit)? {
        let (.., id) = keys::parse_turn(&key).ok_or_else(|| StoreError::corrupt(&key, "it names no notice"))?;
        let held = notice(snapshot, &id)?;
        found.push(held.ok_or_else(|| StoreError::corrupt(&key, "the notice it leads to is not there"))?);
    }
    Ok(found)
}

/// The row that says when it is the turn of a notice.
#[must_use]
pub fn turn_of(notice: &Notice) -> Vec<u8> {
    keys::turn(&notice.way, notice.next, &notice.id)
}

impl Commit {
    /// Writes a new notice.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn add_told(&mut self, new: &Notice) -> Result<(), StoreError> {
        self.put(keys::notice(&new.id), to_json(new)?);
        self.put(turn_of(new), Vec::new());
        Ok(())
    }

    /// Writes a notice anew that was read so.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_told(&mut self, before: &Read<Notice>, after: &Notice) -> Result<(), StoreError> {
        let key = keys::notice(&after.id);
        self.expect(key.clone(), Expect::At(before.revision));
        let (old, new) = (turn_of(&before.value), turn_of(after));
        if old != new {
            self.delete(old);
            self.put(new, Vec::new());
        }
        self.put(key, to_json(after)?);
        Ok(())
    }

    /// Deletes a notice that was read so.
    pub fn delete_told(&mut self, held: &Read<Notice>) {
        let key = keys::notice(&held.value.id);
        self.expect(key.clone(), Expect::At(held.revision));
        self.delete(turn_of(&held.value));
        self.delete(key);
    }

    /// Writes down what whoever answers for an engagement was told of its end.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_told_of_end(
        &mut self,
        id: &EngagementId,
        before: Option<&Read<ToldOfEnd>>,
        after: &ToldOfEnd,
    ) -> Result<(), StoreError> {
        let key = keys::told_of_end(id);
        self.expect(key.clone(), before.map_or(Expect::Absent, |before| Expect::At(before.revision)));
        self.put(key, to_json(after)?);
        Ok(())
    }
}
