//! Access keys: the long-lived credentials that programs sign their requests with.

use std::fmt;
use std::str::FromStr;

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::Sealed;
use crate::base::{SessionId, Timestamp, UserId};

/// Most access keys of one owner (IAM User Guide, "IAM and STS quotas"): one in use and its successor.
pub const MOST: usize = 2;

/// Characters behind `AKIA`: 80 bits.
const LENGTH: usize = 16;

/// RFC 4648, section 6.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The public half of an access key, such as `AKIAIOSFODNN7EXAMPLE`. No secret: it stands in every signed request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccessKeyId(String);

/// Text that is no access key id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an access key id: 16 to 128 letters and digits")]
pub struct AccessKeyIdError(String);

/// Whose a credential is: never a name, always who was meant when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum CredentialOwner {
    /// The root of the home account.
    Root,
    /// A user.
    User(UserId),
}

/// An access key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// Its public half.
    pub id: AccessKeyId,
    /// Whose it is.
    pub owner: CredentialOwner,
    /// False while it is switched off.
    pub active: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Its secret half.
    pub secret: Sealed,
}

/// When a credential was used last, to the minute, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUsed {
    /// When.
    pub at: Timestamp,
    /// The service it was used for, such as `iam`.
    pub service: String,
    /// The region the request was signed for.
    pub region: String,
}

impl AccessKeyId {
    /// A fresh one.
    pub fn fresh(rng: &mut impl rand::Rng) -> Self {
        let letters: [u8; LENGTH] = rng.random();
        let letters = letters.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 31)));
        Self("AKIA".chars().chain(letters.map(|letter| char::from(*letter))).collect())
    }

    /// That of a session, which follows from the session's id: the first 80 bits of it.
    #[must_use]
    pub fn of_session(session: &SessionId) -> Self {
        let bits =
            session.as_bytes().iter().take(LENGTH * 5 / 8).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        let letter = |place: usize| usize::try_from(bits >> (5 * (LENGTH - 1 - place)) & 31).ok();
        let letters = (0..LENGTH).filter_map(|place| ALPHABET.get(letter(place)?));
        Self("ASIA".chars().chain(letters.map(|letter| char::from(*letter))).collect())
    }

    /// How the ids of sessions begin of which one has this key; `None` of a key that is none of a session's.
    #[must_use]
    pub fn session_prefix(&self) -> Option<[u8; LENGTH * 5 / 8]> {
        let letters = self.0.strip_prefix("ASIA").filter(|letters| letters.len() == LENGTH)?;
        let mut bits = 0_u128;
        for letter in letters.bytes() {
            bits = bits << 5 | ALPHABET.iter().position(|known| *known == letter)? as u128;
        }
        let bytes = bits.to_be_bytes();
        bytes.get(bytes.len() - LENGTH * 5 / 8..)?.try_into().ok()
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl CredentialOwner {
    /// The kind's byte in keys. Never renumber: it is on disk.
    #[must_use]
    pub fn byte(&self) -> u8 {
        match self {
            Self::Root => 0,
            Self::User(_) => 1,
        }
    }

    /// The id's bytes; zeroes for root.
    #[must_use]
    pub fn id_bytes(&self) -> [u8; 16] {
        match self {
            Self::Root => [0; 16],
            Self::User(id) => *id.as_bytes(),
        }
    }

    /// The owner of this kind with these id bytes.
    #[must_use]
    pub fn from_parts(byte: u8, id: [u8; 16]) -> Option<Self> {
        match byte {
            0 if id == [0; 16] => Some(Self::Root),
            1 => Some(Self::User(UserId::from_bytes(id))),
            _ => None,
        }
    }
}

impl FromStr for AccessKeyId {
    type Err = AccessKeyIdError;

    fn from_str(text: &str) -> Result<Self, AccessKeyIdError> {
        let well_formed = (16..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(AccessKeyIdError(crate::base::text::printable_within(text, 32).into_owned()))
        }
    }
}

impl TryFrom<String> for AccessKeyId {
    type Error = AccessKeyIdError;

    fn try_from(text: String) -> Result<Self, AccessKeyIdError> {
        text.parse()
    }
}

impl From<AccessKeyId> for String {
    fn from(id: AccessKeyId) -> Self {
        id.0
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn the_key_of_a_session_leads_to_its_id() {
        let mut rng = StdRng::from_seed([1; 32]);
        for _ in 0..100 {
            let session = SessionId::fresh("2026-03-12T12:00:00Z".parse().unwrap(), &mut rng);
            let key = AccessKeyId::of_session(&session);
            assert!(key.as_str().starts_with("ASIA") && key.as_str().len() == 20, "{key}");
            assert_eq!(key.session_prefix().unwrap(), session.as_bytes()[..10]);
            assert_eq!(key.as_str().parse(), Ok(key));
        }
        for none in ["AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPL", "ASIAIOSFODNN7EXAMPL1"] {
            assert_eq!(none.parse::<AccessKeyId>().unwrap().session_prefix(), None, "{none}");
        }
    }

    #[test]
    fn a_fresh_id_has_the_shape_of_those_of_aws() {
        let mut rng = StdRng::from_seed([1; 32]);
        let (one, two) = (AccessKeyId::fresh(&mut rng), AccessKeyId::fresh(&mut rng));
        assert_ne!(one, two);
        assert_eq!(one.as_str().len(), 20);
        assert!(one.as_str().starts_with("AKIA"));
        assert_eq!(one.as_str().parse(), Ok(one));
        for bad in ["", "AKIA", "AKIAIOSFODNN7EXAMPL/", &"A".repeat(129)] {
            assert!(bad.parse::<AccessKeyId>().is_err(), "{bad}");
        }
    }
}
