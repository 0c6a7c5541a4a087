//! Unique ids as AWS forms them: four letters for the kind, seventeen of base 32.
//!
//! They are derived from our own ids, so nothing is stored to find one from the other, and the same object has the same
//! one on every machine.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Member;
use crate::base::{InstanceProfileId, PolicyId, RoleId};

/// Characters behind the four of the kind: 85 bits.
const LENGTH: usize = 17;

/// RFC 4648, section 6.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The id that policies, SDKs and `GetCallerIdentity` know an object by. It outlives every rename, and no other object ever
/// gets it (IAM User Guide, "Unique identifiers").
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UniqueId(String);

impl UniqueId {
    /// That of a user (`AIDA`), a group (`AGPA`), or a machine. IAM has no kind for machines that are not in EC2; theirs begins
    /// with `ARES`, which AWS gives to nothing.
    #[must_use]
    pub fn of_member(member: &Member) -> Self {
        let prefix = match member {
            Member::User(_) => "AIDA",
            Member::Group(_) => "AGPA",
            Member::Resource(_) => "ARES",
        };
        Self::derived(prefix, member.id_bytes())
    }

    /// That of a role: `AROA`.
    #[must_use]
    pub fn of_role(role: &RoleId) -> Self {
        Self::derived("AROA", role.as_bytes())
    }

    /// That of a managed policy: `ANPA`.
    #[must_use]
    pub fn of_policy(policy: &PolicyId) -> Self {
        Self::derived("ANPA", policy.as_bytes())
    }

    /// That of an instance profile: `AIPA`.
    #[must_use]
    pub fn of_instance_profile(profile: &InstanceProfileId) -> Self {
        Self::derived("AIPA", profile.as_bytes())
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn derived(prefix: &str, id: &[u8; 16]) -> Self {
        let digest = Sha256::new().chain_update(b"bailey unique id\0").chain_update(prefix).chain_update(id).finalize();
        let letters = digest.iter().take(LENGTH).filter_map(|byte| ALPHABET.get(usize::from(byte & 31)));
        Self(prefix.chars().chain(letters.map(|letter| char::from(*letter))).collect())
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{GroupId, UserId};

    #[test]
    fn ids_have_the_shape_of_those_of_aws_and_tell_kinds_apart() {
        let (user, group) = (Member::User(UserId::from_bytes([7; 16])), Member::Group(GroupId::from_bytes([7; 16])));
        let ids = [
            UniqueId::of_member(&user),
            UniqueId::of_member(&group),
            UniqueId::of_role(&RoleId::from_bytes([7; 16])),
            UniqueId::of_policy(&PolicyId::from_bytes([7; 16])),
        ];
        for id in &ids {
            assert_eq!(id.as_str().len(), 21);
            assert!(id.as_str().bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b)), "{id}");
        }
        let tails: std::collections::BTreeSet<&str> = ids.iter().filter_map(|id| id.as_str().get(4..)).collect();
        assert_eq!(tails.len(), ids.len());
        assert_ne!(ids[0], UniqueId::of_member(&Member::User(UserId::from_bytes([8; 16]))));
    }
}
