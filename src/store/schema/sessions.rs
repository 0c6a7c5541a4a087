//! Keys of sessions. The table is in [`super`].

use super::key;
use crate::base::SessionId;

/// What sessions are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The person at the beginning of their chain.
    User,
    /// The role they are of.
    Role,
    /// The session that began them.
    Session,
}

impl Owner {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::User, Self::Role, Self::Session];

    /// The byte in keys. Never renumber: it is on disk.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Role => 2,
            Self::Session => 3,
        }
    }

    /// `user`, `role`, `session`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Role => "role",
            Self::Session => "session",
        }
    }
}

/// A session.
#[must_use]
pub fn session(id: &SessionId) -> Vec<u8> {
    key(b't', &[id.as_bytes()])
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

/// That a session is of this owner.
#[must_use]
pub fn of(owner: Owner, id: &[u8; 16], session: &SessionId) -> Vec<u8> {
    key(b'v', &[&[owner.byte()], id, session.as_bytes()])
}

/// Prefix of an owner's sessions.
#[must_use]
pub fn all_of(owner: Owner, id: &[u8; 16]) -> Vec<u8> {
    key(b'v', &[&[owner.byte()], id])
}

/// Owner and session of such a key.
#[must_use]
pub fn parse_of(key: &[u8]) -> Option<(Owner, [u8; 16], SessionId)> {
    let (byte, rest) = key.strip_prefix(b"v")?.split_first()?;
    let (id, session) = rest.split_first_chunk::<16>()?;
    let owner = Owner::ALL.into_iter().find(|owner| owner.byte() == *byte)?;
    Some((owner, *id, SessionId::from_bytes(session.try_into().ok()?)))
}
