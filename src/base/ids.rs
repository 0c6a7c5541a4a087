//! Typed 16-byte ids: a user's id cannot be passed where a group's is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Text that is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id: expected {expected}")]
pub struct IdError {
    text: String,
    expected: &'static str,
}

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id made of these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The id's bytes, in key order.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut bytes = [0_u8; 16];
                hex::decode_to_slice(text, &mut bytes)
                    .map_err(|_| IdError { text: text.to_owned(), expected: "32 hexadecimal digits" })?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

typed_id!(
    /// A person or program in the model. Stays the same through renames, moves and re-linking.
    UserId
);
typed_id!(
    /// A group in the model.
    GroupId
);
typed_id!(
    /// A machine or workload in the model.
    ResourceId
);
typed_id!(
    /// A role in the model.
    RoleId
);
typed_id!(
    /// A managed policy in the model.
    PolicyId
);
typed_id!(
    /// An instance profile in the model.
    InstanceProfileId
);
typed_id!(
    /// A guardrail in the model.
    GuardrailId
);
typed_id!(
    /// An OpenID Connect provider in the model.
    OidcProviderId
);
typed_id!(
    /// A SAML provider in the model.
    SamlProviderId
);

typed_id!(
    /// A family of tokens: what follows from one sign-in at a client.
    FamilyId
);

typed_id!(
    /// A session: the moment it began, and chance. Sorted, sessions stand in the order in which they began.
    SessionId
);

typed_id!(
    /// An engagement: the moment it was made, and chance.
    EngagementId
);

typed_id!(
    /// A grant: the moment it was asked for, and chance.
    GrantId
);

typed_id!(
    /// A notice: the moment it was written, and chance.
    NoticeId
);

/// 48 bits of milliseconds as in a UUID of version 7 (RFC 9562, section 5.7), then 80 of chance.
fn timed(now: super::Timestamp, rng: &mut impl rand::Rng) -> [u8; 16] {
    use rand::RngExt as _;
    let mut bytes: [u8; 16] = rng.random();
    for (byte, of) in bytes.iter_mut().zip(now.as_millisecond().max(0).to_be_bytes().into_iter().skip(2)) {
        *byte = of;
    }
    bytes
}

impl EngagementId {
    /// A fresh one at `now`. Sorted, they stand in the order in which they were made.
    pub fn fresh(now: super::Timestamp, rng: &mut impl rand::Rng) -> Self {
        Self(timed(now, rng))
    }
}

impl GrantId {
    /// A fresh one at `now`. Sorted, they stand in the order in which they were asked for.
    pub fn fresh(now: super::Timestamp, rng: &mut impl rand::Rng) -> Self {
        Self(timed(now, rng))
    }
}

impl NoticeId {
    /// A fresh one at `now`. Sorted, they stand in the order in which they were written.
    pub fn fresh(now: super::Timestamp, rng: &mut impl rand::Rng) -> Self {
        Self(timed(now, rng))
    }
}

impl SessionId {
    /// A fresh one at `now`.
    pub fn fresh(now: super::Timestamp, rng: &mut impl rand::Rng) -> Self {
        Self(timed(now, rng))
    }

    /// The lowest id of those that began at `at` or later.
    #[must_use]
    pub fn first_at(at: super::Timestamp) -> Self {
        let mut bytes = [0; 16];
        for (byte, of) in bytes.iter_mut().zip(at.as_millisecond().max(0).to_be_bytes().into_iter().skip(2)) {
            *byte = of;
        }
        Self(bytes)
    }
}

/// The immutable id a directory gives an object: objectGUID, entryUUID or nsUniqueId.
///
/// Shown with dashes, as directories show it. Never a name, never a DN.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Guid([u8; 16]);

impl Guid {
    /// The id made of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&uuid::Uuid::from_bytes(self.0), f)
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guid({self})")
    }
}

impl FromStr for Guid {
    type Err = IdError;

    /// Any spelling `uuid` accepts, and 389-DS's four groups of eight (`nsUniqueId`).
    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        let fault = || IdError { text: super::text::printable(text).into_owned(), expected: "a UUID" };
        if text.len() > 45 || digits.len() != 32 {
            return Err(fault());
        }
        let mut bytes = [0_u8; 16];
        hex::decode_to_slice(&digits, &mut bytes).map_err(|_| fault())?;
        Ok(Self(bytes))
    }
}

impl Serialize for Guid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Guid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_reads_every_spelling_directories_use() {
        let dashed = "3f2504e0-4f89-11d3-9a0c-0305e82c3301";
        let guid: Guid = dashed.parse().unwrap();
        assert_eq!(guid.to_string(), dashed);
        assert_eq!("3f2504e0-4f8911d3-9a0c0305-e82c3301".parse::<Guid>().unwrap(), guid);
        for bad in ["", "3f2504e0", "3f2504e0-4f89-11d3-9a0c-0305e82c330z", &"0".repeat(64)] {
            assert!(bad.parse::<Guid>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_survive_their_text() {
        let id = UserId::from_bytes([7; 16]);
        assert_eq!(id.to_string().parse::<UserId>().unwrap(), id);
        assert!("xyz".parse::<UserId>().is_err());
    }
}
