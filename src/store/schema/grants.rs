//! Keys of grants and engagements. The table is in [`super`].

use super::key;
use crate::base::{EngagementId, GrantId, RoleId, Timestamp, UserId};

/// Spaces whose superseded rows move into history.
pub(super) fn is_historied(key: &[u8]) -> bool {
    key.first() == Some(&b'8') || key.starts_with(&[b'l', ENGAGEMENT])
}

/// The kind of engagements in their space. Never renumber: it is on disk.
const ENGAGEMENT: u8 = 1;

/// The kind of ways to them, beside them.
const ENGAGED: u8 = 2;

/// The kind of grants that wait for somebody, beside those.
const WAITING: u8 = 3;

/// The kind of invitations, beside those.
const INVITATION: u8 = 4;

/// The kind of identities of elsewhere, and of the ways to them.
const OUTSIDE: u8 = 8;
const OUTSIDE_OF: u8 = 9;

/// The kind of somebody's grants that are over, beside those.
const ENDED: u8 = 7;

/// The kind of looks back at grants by their time, beside those.
const REVIEW: u8 = 5;

/// An engagement.
#[must_use]
pub fn engagement(id: &EngagementId) -> Vec<u8> {
    key(b'l', &[&[ENGAGEMENT], id.as_bytes()])
}

/// Prefix of all engagements.
#[must_use]
pub fn engagements() -> Vec<u8> {
    vec![b'l', ENGAGEMENT]
}

/// The engagement of such a key.
#[must_use]
pub fn parse_engagement(key: &[u8]) -> Option<EngagementId> {
    key.strip_prefix(&[b'l', ENGAGEMENT])?.try_into().ok().map(EngagementId::from_bytes)
}

/// That somebody is one of the people of an engagement.
#[must_use]
pub fn engaged(person: &UserId, id: &EngagementId) -> Vec<u8> {
    key(b'l', &[&[ENGAGED], person.as_bytes(), id.as_bytes()])
}

/// Prefix of somebody's engagements.
#[must_use]
pub fn engagements_of(person: &UserId) -> Vec<u8> {
    key(b'l', &[&[ENGAGED], person.as_bytes()])
}

/// Person and engagement of such a key.
#[must_use]
pub fn parse_engaged(key: &[u8]) -> Option<(UserId, EngagementId)> {
    let (person, engagement) = key.strip_prefix(&[b'l', ENGAGED])?.split_first_chunk::<16>()?;
    Some((UserId::from_bytes(*person), EngagementId::from_bytes(engagement.try_into().ok()?)))
}

/// A grant.
#[must_use]
pub fn grant(id: &GrantId) -> Vec<u8> {
    key(b'8', &[id.as_bytes()])
}

/// Prefix of all grants.
#[must_use]
pub fn grants() -> Vec<u8> {
    vec![b'8']
}

/// That a grant which is not over is somebody's, and for which role.
#[must_use]
pub fn open_grant_of(person: &UserId, role: &RoleId, id: &GrantId) -> Vec<u8> {
    key(b'9', &[person.as_bytes(), role.as_bytes(), id.as_bytes()])
}

/// Prefix of somebody's grants of a role that are not over.
#[must_use]
pub fn open_grants_of_role(person: &UserId, role: &RoleId) -> Vec<u8> {
    key(b'9', &[person.as_bytes(), role.as_bytes()])
}

/// Prefix of all of somebody's that are not over.
#[must_use]
pub fn open_grants_of(person: &UserId) -> Vec<u8> {
    key(b'9', &[person.as_bytes()])
}

/// Prefix of everybody's that are not over.
#[must_use]
pub fn open_grants() -> Vec<u8> {
    vec![b'9']
}

/// Person, role and grant of such a key.
#[must_use]
pub fn parse_open_grant_of(key: &[u8]) -> Option<(UserId, RoleId, GrantId)> {
    let (person, rest) = key.strip_prefix(b"9")?.split_first_chunk::<16>()?;
    let (role, grant) = rest.split_first_chunk::<16>()?;
    Some((UserId::from_bytes(*person), RoleId::from_bytes(*role), GrantId::from_bytes(grant.try_into().ok()?)))
}

/// That a grant waits for somebody: to be agreed to, or looked back at.
#[must_use]
pub fn waiting(id: &GrantId) -> Vec<u8> {
    key(b'l', &[&[WAITING], id.as_bytes()])
}

/// Prefix of all of those.
#[must_use]
pub fn all_waiting() -> Vec<u8> {
    vec![b'l', WAITING]
}

/// The grant of such a key.
#[must_use]
pub fn parse_waiting(key: &[u8]) -> Option<GrantId> {
    key.strip_prefix(&[b'l', WAITING])?.try_into().ok().map(GrantId::from_bytes)
}

/// What somebody is invited by.
#[must_use]
pub fn invitation(person: &UserId) -> Vec<u8> {
    key(b'l', &[&[INVITATION], person.as_bytes()])
}

/// Prefix of all invitations.
#[must_use]
pub fn invitations() -> Vec<u8> {
    vec![b'l', INVITATION]
}

/// Who is invited by what lies under such a key.
#[must_use]
pub fn parse_invitation(key: &[u8]) -> Option<UserId> {
    key.strip_prefix(&[b'l', INVITATION])?.try_into().ok().map(UserId::from_bytes)
}

/// Who somebody of elsewhere is here.
#[must_use]
pub fn outside_identity(digest: &[u8; 32]) -> Vec<u8> {
    key(b'l', &[&[OUTSIDE], digest])
}

/// The digest of such a key.
#[must_use]
pub fn parse_outside_identity(key: &[u8]) -> Option<[u8; 32]> {
    key.strip_prefix(&[b'l', OUTSIDE])?.try_into().ok()
}

/// That somebody has one.
#[must_use]
pub fn outside_identity_of(person: &UserId, digest: &[u8; 32]) -> Vec<u8> {
    key(b'l', &[&[OUTSIDE_OF], person.as_bytes(), digest])
}

/// Prefix of somebody's.
#[must_use]
pub fn outside_identities_of(person: &UserId) -> Vec<u8> {
    key(b'l', &[&[OUTSIDE_OF], person.as_bytes()])
}

/// Person and digest of such a key.
#[must_use]
pub fn parse_outside_identity_of(key: &[u8]) -> Option<(UserId, [u8; 32])> {
    let (person, digest) = key.strip_prefix(&[b'l', OUTSIDE_OF])?.split_first_chunk::<16>()?;
    Some((UserId::from_bytes(*person), digest.try_into().ok()?))
}

/// That a grant which is over was somebody's. The last one comes first: seconds are counted down.
#[must_use]
pub fn ended_grant_of(person: &UserId, at: Timestamp, id: &GrantId) -> Vec<u8> {
    let left = u64::MAX - u64::try_from(at.as_second()).unwrap_or_default();
    key(b'l', &[&[ENDED], person.as_bytes(), &left.to_be_bytes(), id.as_bytes()])
}

/// Prefix of somebody's that are over.
#[must_use]
pub fn ended_grants_of(person: &UserId) -> Vec<u8> {
    key(b'l', &[&[ENDED], person.as_bytes()])
}

/// Person, second and grant of such a key.
#[must_use]
pub fn parse_ended_grant_of(key: &[u8]) -> Option<(UserId, u64, GrantId)> {
    let (person, rest) = key.strip_prefix(&[b'l', ENDED])?.split_first_chunk::<16>()?;
    let (left, grant) = rest.split_first_chunk::<8>()?;
    let second = u64::MAX - u64::from_be_bytes(*left);
    Some((UserId::from_bytes(*person), second, GrantId::from_bytes(grant.try_into().ok()?)))
}

/// That somebody has to have looked back at a grant by `at`, in the order of time; whole seconds, counted up.
#[must_use]
pub fn review(at: Timestamp, id: &GrantId) -> Vec<u8> {
    key(b'l', &[&[REVIEW], &counted_up(at).to_be_bytes(), id.as_bytes()])
}

/// Prefix of all of those.
#[must_use]
pub fn reviews() -> Vec<u8> {
    vec![b'l', REVIEW]
}

/// Behind all whose time is over at `at`.
#[must_use]
pub fn no_review_yet(at: Timestamp) -> Vec<u8> {
    key(b'l', &[&[REVIEW], &at.as_second().max(0).saturating_add(1).to_be_bytes()])
}

/// Second and grant of such a key.
#[must_use]
pub fn parse_review(key: &[u8]) -> Option<(i64, GrantId)> {
    let (second, grant) = key.strip_prefix(&[b'l', REVIEW])?.split_first_chunk::<8>()?;
    Some((i64::from_be_bytes(*second), GrantId::from_bytes(grant.try_into().ok()?)))
}

fn counted_up(at: Timestamp) -> i64 {
    at.as_second().saturating_add(i64::from(at.subsec_nanosecond() > 0)).max(0)
}

/// That the clock ends a grant at `at`, in the order of time; whole seconds, counted up.
#[must_use]
pub fn due(at: Timestamp, id: &GrantId) -> Vec<u8> {
    key(b'0', &[&counted_up(at).to_be_bytes(), id.as_bytes()])
}

/// Prefix of all of those.
#[must_use]
pub fn dues() -> Vec<u8> {
    vec![b'0']
}

/// Behind all whose time is over at `at`.
#[must_use]
pub fn not_due_yet(at: Timestamp) -> Vec<u8> {
    key(b'0', &[&at.as_second().max(0).saturating_add(1).to_be_bytes()])
}

/// Second and grant of such a key.
#[must_use]
pub fn parse_due(key: &[u8]) -> Option<(i64, GrantId)> {
    let (second, grant) = key.strip_prefix(b"0")?.split_first_chunk::<8>()?;
    Some((i64::from_be_bytes(*second), GrantId::from_bytes(grant.try_into().ok()?)))
}
