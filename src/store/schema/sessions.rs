//! Keys of sessions. The table is in [`super`].

use super::key;
use crate::base::SessionId;

/// What sessions are found by, besides their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The person at the beginning of their chain.
    User,
    /// The role they are of.
    Role,
    /// The session that began them.
    Session,
    /// The machine that began them, by what it showed.
    Machine,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::User, Self::Role, Self::Session, Self::Machine];

    /// The byte in keys. Never renumber: it is on disk.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Role => 2,
            Self::Session => 3,
            Self::Machine => 4,
        }
    }

    /// `user`, `role`, `session`, `machine`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Role => "role",
            Self::Session => "session",
            Self::Machine => "machine",
        }
    }
}

/// A session.
#[must_use]
pub fn session(id: &SessionId) -> Vec<u8> {
    key(b't', &[id.as_bytes()])
}

/// When the browser that holds a session used it last.
#[must_use]
pub fn seen(id: &SessionId) -> Vec<u8> {
    key(b'w', &[id.as_bytes()])
}

/// Prefix of all sessions.
#[must_use]
pub fn sessions() -> Vec<u8> {
    vec![b't']
}

/// Prefix of the sessions whose ids begin so.
#[must_use]
pub fn sessions_like(start: &[u8]) -> Vec<u8> {
    key(b't', &[start])
}

/// That a session is of this way.
#[must_use]
pub fn of(way: Way, id: &[u8; 16], session: &SessionId) -> Vec<u8> {
    key(b'v', &[&[way.byte()], id, session.as_bytes()])
}

/// Prefix of a way's sessions.
#[must_use]
pub fn all_of(way: Way, id: &[u8; 16]) -> Vec<u8> {
    key(b'v', &[&[way.byte()], id])
}

/// Way and session of such a key.
#[must_use]
pub fn parse_of(key: &[u8]) -> Option<(Way, [u8; 16], SessionId)> {
    let (byte, rest) = key.strip_prefix(b"v")?.split_first()?;
    let (id, session) = rest.split_first_chunk::<16>()?;
    let way = Way::ALL.into_iter().find(|way| way.byte() == *byte)?;
    Some((way, *id, SessionId::from_bytes(session.try_into().ok()?)))
}
