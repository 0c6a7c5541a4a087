//! Keys of notices: what somebody is told of, and has not been yet. The table is in [`super`].

use super::key;
use crate::base::{EngagementId, NoticeId, Timestamp};
use crate::model::notice::Way;

/// The kinds of rows in their space. Never renumber: they are on disk.
const NOTICE: u8 = 1;
const TURN: u8 = 2;
const TOLD: u8 = 3;

/// Ends the name of a way in keys; none has it.
const END: u8 = 0;

/// A notice.
#[must_use]
pub fn notice(id: &NoticeId) -> Vec<u8> {
    key(b'@', &[&[NOTICE], id.as_bytes()])
}

/// Prefix of all notices.
#[must_use]
pub fn notices() -> Vec<u8> {
    key(b'@', &[&[NOTICE]])
}

/// The notice of such a key.
#[must_use]
pub fn parse_notice(key: &[u8]) -> Option<NoticeId> {
    key.strip_prefix(&[b'@', NOTICE])?.try_into().ok().map(NoticeId::from_bytes)
}

/// That it is a notice's turn at `at`, in the order of time for each way; whole seconds.
#[must_use]
pub fn turn(way: &Way, at: Timestamp, id: &NoticeId) -> Vec<u8> {
    [turns_of(way).as_slice(), &seconds(at).to_be_bytes(), id.as_bytes()].concat()
}

/// Prefix of all turns.
#[must_use]
pub fn turns() -> Vec<u8> {
    key(b'@', &[&[TURN]])
}

/// Prefix of the turns of one way.
#[must_use]
pub fn turns_of(way: &Way) -> Vec<u8> {
    key(b'@', &[&[TURN], way.to_string().as_bytes(), &[END]])
}

/// Behind all turns of a way that have come at `at`.
#[must_use]
pub fn no_turn_yet(way: &Way, at: Timestamp) -> Vec<u8> {
    [turns_of(way).as_slice(), &seconds(at).saturating_add(1).to_be_bytes()].concat()
}

/// Behind all turns of a way.
#[must_use]
pub fn behind_turns_of(way: &Way) -> Vec<u8> {
    key(b'@', &[&[TURN], way.to_string().as_bytes(), &[END + 1]])
}

/// Way, moment (seconds) and notice of such a key.
#[must_use]
pub fn parse_turn(key: &[u8]) -> Option<(Way, u64, NoticeId)> {
    let rest = key.strip_prefix(&[b'@', TURN])?;
    let end = rest.iter().position(|byte| *byte == END)?;
    let (way, rest) = rest.split_at_checked(end)?;
    let (at, id) = rest.get(1..)?.split_first_chunk::<8>()?;
    let way = std::str::from_utf8(way).ok()?.parse().ok()?;
    Some((way, u64::from_be_bytes(*at), NoticeId::from_bytes(id.try_into().ok()?)))
}

/// What whoever answers for an engagement was told of its end.
#[must_use]
pub fn told_of_end(id: &EngagementId) -> Vec<u8> {
    key(b'@', &[&[TOLD], id.as_bytes()])
}

/// The engagement of such a key.
#[must_use]
pub fn parse_told_of_end(key: &[u8]) -> Option<EngagementId> {
    key.strip_prefix(&[b'@', TOLD])?.try_into().ok().map(EngagementId::from_bytes)
}

fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_second()).unwrap_or(0)
}
