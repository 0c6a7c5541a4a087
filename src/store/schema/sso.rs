//! Keys of single sign-on: clients, codes, tokens, devices. The table is in [`super`].

use super::key;
use crate::base::{SessionId, Timestamp, UserId};
use crate::model::client::ClientId;
use crate::model::token_family::FamilyId;

/// What counts once, or no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// An assertion that a client showed itself by: it counts once (RFC 7523, section 3).
    Assertion,
    /// An access token of no family that was revoked (RFC 7009).
    Token,
    /// The challenge of a passkey's ceremony (WebAuthn, section 13.4.3).
    Challenge,
    /// A proof that somebody holds a key: it counts once (RFC 9449, section 11.1).
    Proof,
    /// A sign-in that was begun at an outside provider: it is come back from once.
    SignIn,
    /// An assertion of a SAML provider: it counts once for each role, or for one sign-in.
    SamlAssertion,
    /// A request of a service provider of SAML: it is answered once.
    SamlRequest,
}

impl Spent {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Assertion,
        Self::Token,
        Self::Proof,
        Self::Challenge,
        Self::SignIn,
        Self::SamlAssertion,
        Self::SamlRequest,
    ];

    /// The byte in keys. Never renumber: it is on disk.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::Assertion => 1,
            Self::Token => 2,
            Self::Proof => 8,
            Self::Challenge => 9,
            Self::SignIn => 10,
            Self::SamlAssertion => 11,
            Self::SamlRequest => 12,
        }
    }

    /// `assertion`, `token`, `proof`, `challenge`, `sign-in`, `saml`, `saml-request`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Assertion => "assertion",
            Self::Token => "token",
            Self::Challenge => "challenge",
            Self::SignIn => "sign-in",
            Self::SamlAssertion => "saml",
            Self::Proof => "proof",
            Self::SamlRequest => "saml-request",
        }
    }
}

/// Spaces whose superseded rows move into history: clients alone. A code or a token that is over is nothing to look back at, and
/// what befell it stands in the audit log.
pub(super) fn is_historied(key: &[u8]) -> bool {
    key.first() == Some(&b'e')
}

/// A client.
#[must_use]
pub fn client(id: &ClientId) -> Vec<u8> {
    key(b'e', &[id.as_str().as_bytes()])
}

/// Prefix of all clients.
#[must_use]
pub fn clients() -> Vec<u8> {
    vec![b'e']
}

/// The client of such a key.
#[must_use]
pub fn parse_client(key: &[u8]) -> Option<ClientId> {
    std::str::from_utf8(key.strip_prefix(b"e")?).ok()?.parse().ok()
}

/// A code, by its digest: the code itself is written down nowhere.
#[must_use]
pub fn code(digest: &[u8; 32]) -> Vec<u8> {
    key(b'f', &[digest])
}

/// The kind of pushed requests in their space. Never renumber: it is on disk.
const PUSHED: u8 = 1;

/// The kind of tokens by which software registers itself, beside them.
const REGISTRATION: u8 = 2;

/// A token by which software registers itself, by its name.
#[must_use]
pub fn registration_token(name: &ClientId) -> Vec<u8> {
    key(b'6', &[&[REGISTRATION], name.as_str().as_bytes()])
}

/// Prefix of all of those.
#[must_use]
pub fn registration_tokens() -> Vec<u8> {
    key(b'6', &[&[REGISTRATION]])
}

/// The token of such a key.
#[must_use]
pub fn parse_registration_token(key: &[u8]) -> Option<ClientId> {
    std::str::from_utf8(key.strip_prefix(b"6")?.strip_prefix(&[REGISTRATION])?).ok()?.parse().ok()
}

/// A request that was pushed, by the digest of its name.
#[must_use]
pub fn pushed(digest: &[u8; 32]) -> Vec<u8> {
    key(b'6', &[&[PUSHED], digest])
}

/// A family of tokens.
#[must_use]
pub fn family(id: &FamilyId) -> Vec<u8> {
    key(b'h', &[id.as_bytes()])
}

/// Prefix of all families.
#[must_use]
pub fn families() -> Vec<u8> {
    vec![b'h']
}

/// That a family is of a person.
#[must_use]
pub fn family_of(user: &UserId, id: &FamilyId) -> Vec<u8> {
    key(b'2', &[user.as_bytes(), id.as_bytes()])
}

/// Prefix of a person's families.
#[must_use]
pub fn all_families_of(user: &UserId) -> Vec<u8> {
    key(b'2', &[user.as_bytes()])
}

/// Person and family of such a key.
#[must_use]
pub fn parse_family_of(key: &[u8]) -> Option<(UserId, FamilyId)> {
    let (user, family) = key.strip_prefix(b"2")?.split_first_chunk::<16>()?;
    Some((UserId::from_bytes(*user), FamilyId::from_bytes(family.try_into().ok()?)))
}

/// That the time of a row is over at `at`, in the order of time; whole seconds.
#[must_use]
pub fn over(at: Timestamp, row: &[u8]) -> Vec<u8> {
    key(b'1', &[&u64::try_from(at.as_second()).unwrap_or(0).to_be_bytes(), row])
}

/// Behind all rows whose time is over at `at`.
#[must_use]
pub fn not_over(at: Timestamp) -> Vec<u8> {
    key(b'1', &[&u64::try_from(at.as_second()).unwrap_or(0).saturating_add(1).to_be_bytes()])
}

/// Moment (seconds) and row of such a key.
#[must_use]
pub fn parse_over(key: &[u8]) -> Option<(u64, &[u8])> {
    let (at, row) = key.strip_prefix(b"1")?.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*at), row))
}

/// What a device asked for, by the digest of its code.
#[must_use]
pub fn device(digest: &[u8; 32]) -> Vec<u8> {
    key(b'3', &[digest])
}

/// Prefix of all that devices asked for.
#[must_use]
pub fn devices() -> Vec<u8> {
    vec![b'3']
}

/// What a code that people type is for, by its digest. It is there until somebody answered.
#[must_use]
pub fn user_code(digest: &[u8; 32]) -> Vec<u8> {
    key(b'4', &[digest])
}

/// What a client is owed about the end of a session.
#[must_use]
pub fn notice(session: &SessionId, client: &ClientId) -> Vec<u8> {
    key(b'5', &[session.as_bytes(), client.as_str().as_bytes()])
}

/// Prefix of all that clients are owed about ends of sessions.
#[must_use]
pub fn notices() -> Vec<u8> {
    vec![b'5']
}

/// Session and client of such a key.
#[must_use]
pub fn parse_notice(key: &[u8]) -> Option<(SessionId, ClientId)> {
    let (session, client) = key.strip_prefix(b"5")?.split_first_chunk::<16>()?;
    Some((SessionId::from_bytes(*session), std::str::from_utf8(client).ok()?.parse().ok()?))
}

/// Prefix of what clients are owed about the end of a session.
#[must_use]
pub fn notices_of(session: &SessionId) -> Vec<u8> {
    key(b'5', &[session.as_bytes()])
}

/// That somebody has to look at a notice at `at`, or at all of a session ([`notices_of`]), in the order of time; whole seconds.
#[must_use]
pub fn turn(at: Timestamp, of: &[u8]) -> Vec<u8> {
    key(b'7', &[&u64::try_from(at.as_second()).unwrap_or(0).to_be_bytes(), of])
}

/// Prefix of all of those.
#[must_use]
pub fn turns() -> Vec<u8> {
    vec![b'7']
}

/// Behind all whose turn it is at `at`.
#[must_use]
pub fn no_turn_yet(at: Timestamp) -> Vec<u8> {
    key(b'7', &[&u64::try_from(at.as_second()).unwrap_or(0).saturating_add(1).to_be_bytes()])
}

/// Moment (seconds), session and, where it is of one notice alone, client of such a key.
#[must_use]
pub fn parse_turn(key: &[u8]) -> Option<(u64, SessionId, Option<ClientId>)> {
    let (at, of) = key.strip_prefix(b"7")?.split_first_chunk::<8>()?;
    let (session, client) = of.strip_prefix(b"5")?.split_first_chunk::<16>()?;
    let client = (!client.is_empty()).then(|| std::str::from_utf8(client).ok()?.parse().ok());
    // Of a client whose name is none it is nobody's turn.
    let client = client.map_or(Some(None), |client| client.map(Some))?;
    Some((u64::from_be_bytes(*at), SessionId::from_bytes(*session), client))
}

/// Something that counts once or no more, by the digest of its name.
#[must_use]
pub fn spent(kind: Spent, digest: &[u8; 32]) -> Vec<u8> {
    key(b'd', &[&[kind.byte()], digest])
}

/// Kind and digest of such a key.
#[must_use]
pub fn parse_spent(key: &[u8]) -> Option<(Spent, [u8; 32])> {
    let (byte, digest) = key.strip_prefix(b"d")?.split_first()?;
    let kind = Spent::ALL.into_iter().find(|kind| kind.byte() == *byte)?;
    Some((kind, digest.try_into().ok()?))
}
