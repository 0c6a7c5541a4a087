//! Keys of roles, policies, and what hangs on whom. The table is in [`super`].

use super::key;
use crate::base::{GuardrailId, InstanceProfileId, PolicyId, RoleId};
use crate::model::{AccountId, Holder, Member};

/// What has a name of its own in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Named {
    /// A role.
    Role,
    /// A managed policy.
    Policy,
    /// An instance profile.
    InstanceProfile,
    /// A guardrail.
    Guardrail,
    /// An OpenID Connect provider.
    OidcProvider,
    /// A SAML provider.
    SamlProvider,
}

impl Named {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Role, Self::Policy, Self::InstanceProfile, Self::Guardrail, Self::OidcProvider, Self::SamlProvider];

    /// The byte in keys. Never renumber: it is on disk.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::Role => 1,
            Self::Policy => 2,
            Self::InstanceProfile => 3,
            Self::Guardrail => 4,
            Self::OidcProvider => 5,
            Self::SamlProvider => 6,
        }
    }

    /// The kind of this byte.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.byte() == byte)
    }

    /// `role`, `policy`, `instance-profile` ..
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Policy => "policy",
            Self::InstanceProfile => "instance-profile",
            Self::Guardrail => "guardrail",
            Self::OidcProvider => "oidc-provider",
            Self::SamlProvider => "saml-provider",
        }
    }

    /// The space byte of its rows.
    #[must_use]
    pub fn space(self) -> u8 {
        match self {
            Self::Role => b'L',
            Self::Policy => b'Y',
            Self::InstanceProfile => b'W',
            Self::Guardrail => b'r',
            Self::OidcProvider => b'o',
            Self::SamlProvider => b'i',
        }
    }
}

/// Spaces whose superseded rows move into history.
pub(super) fn is_historied(key: &[u8]) -> bool {
    matches!(key.first(), Some(b'L' | b'Y' | b'V' | b'W' | b'r' | b'o' | b'i' | b'T' | b'Q'))
}

/// Prefix of all rows of a kind.
#[must_use]
pub fn objects(kind: Named) -> Vec<u8> {
    vec![kind.space()]
}

/// The row of what has a name, by its id.
#[must_use]
pub fn object(kind: Named, id: &[u8; 16]) -> Vec<u8> {
    key(kind.space(), &[id])
}

/// A role's row.
#[must_use]
pub fn role(id: &RoleId) -> Vec<u8> {
    object(Named::Role, id.as_bytes())
}

/// A managed policy's row.
#[must_use]
pub fn policy(id: &PolicyId) -> Vec<u8> {
    object(Named::Policy, id.as_bytes())
}

/// An instance profile's row.
#[must_use]
pub fn instance_profile(id: &InstanceProfileId) -> Vec<u8> {
    object(Named::InstanceProfile, id.as_bytes())
}

/// A guardrail's row.
#[must_use]
pub fn guardrail(id: &GuardrailId) -> Vec<u8> {
    object(Named::Guardrail, id.as_bytes())
}

/// The document of a version of a policy.
#[must_use]
pub fn policy_version(id: &PolicyId, number: u32) -> Vec<u8> {
    key(b'V', &[id.as_bytes(), &number.to_be_bytes()])
}

/// Policy and number of a version's key.
#[must_use]
pub fn parse_policy_version(key: &[u8]) -> Option<(PolicyId, u32)> {
    let (policy, number) = key.strip_prefix(b"V")?.split_last_chunk::<4>()?;
    Some((PolicyId::from_bytes(policy.try_into().ok()?), u32::from_be_bytes(*number)))
}

/// Who bears a name in an account, `None` being what belongs to all of them.
#[must_use]
pub fn name(kind: Named, account: Option<&AccountId>, folded: &str) -> Vec<u8> {
    let mut name = names(kind, account);
    name.extend_from_slice(folded.as_bytes());
    name
}

/// Prefix of the names of a kind in an account.
#[must_use]
pub fn names(kind: Named, account: Option<&AccountId>) -> Vec<u8> {
    let account = account.map_or_else(|| "aws".to_owned(), ToString::to_string);
    key(b'Z', &[&[kind.byte()], account.as_bytes(), b"\0"])
}

/// Prefix of the names of a kind in all accounts.
#[must_use]
pub fn all_names(kind: Named) -> Vec<u8> {
    key(b'Z', &[&[kind.byte()]])
}

/// Kind, account and folded name of a name's key.
#[must_use]
pub fn parse_name(key: &[u8]) -> Option<(Named, &str, &str)> {
    let (kind, rest) = key.strip_prefix(b"Z")?.split_first()?;
    let (account, name) = std::str::from_utf8(rest).ok()?.split_once('\0')?;
    Some((Named::from_byte(*kind)?, account, name))
}

/// What hangs on a holder.
#[must_use]
pub fn entitlements(holder: &Holder) -> Vec<u8> {
    key(b'T', &[&[holder.byte()], holder.id_bytes()])
}

/// Prefix of what hangs on anybody.
#[must_use]
pub fn all_entitlements() -> Vec<u8> {
    vec![b'T']
}

/// Whose entitlements a row is.
#[must_use]
pub fn parse_entitlements(key: &[u8]) -> Option<Holder> {
    let (kind, id) = key.strip_prefix(b"T")?.split_first()?;
    Holder::from_parts(*kind, id.try_into().ok()?)
}

/// `holder` holds `policy`, attached or as its boundary.
#[must_use]
pub fn held_by(policy: &PolicyId, holder: &Holder) -> Vec<u8> {
    key(b'X', &[policy.as_bytes(), &[holder.byte()], holder.id_bytes()])
}

/// Prefix of a policy's holders.
#[must_use]
pub fn holders_of(policy: &PolicyId) -> Vec<u8> {
    key(b'X', &[policy.as_bytes()])
}

/// Policy and holder of such a key.
#[must_use]
pub fn parse_held_by(key: &[u8]) -> Option<(PolicyId, Holder)> {
    let (policy, rest) = key.strip_prefix(b"X")?.split_first_chunk::<16>()?;
    let (kind, id) = rest.split_first()?;
    Some((PolicyId::from_bytes(*policy), Holder::from_parts(*kind, id.try_into().ok()?)?))
}

/// "`to` may assume `role`."
#[must_use]
pub fn assignment(to: &Member, role: &RoleId) -> Vec<u8> {
    key(b'Q', &[&[to.kind().byte()], to.id_bytes(), role.as_bytes()])
}

/// Prefix of a member's own assignments.
#[must_use]
pub fn assignments_of(to: &Member) -> Vec<u8> {
    key(b'Q', &[&[to.kind().byte()], to.id_bytes()])
}

/// Prefix of everybody's assignments.
#[must_use]
pub fn all_assignments() -> Vec<u8> {
    vec![b'Q']
}

/// Member and role of an assignment's key.
#[must_use]
pub fn parse_assignment(key: &[u8]) -> Option<(Member, RoleId)> {
    let (member, role) = key.strip_prefix(b"Q")?.split_last_chunk::<16>()?;
    Some((super::parse_member(member)?, RoleId::from_bytes(*role)))
}

/// The same assignment, found from the role.
#[must_use]
pub fn assignment_back(role: &RoleId, to: &Member) -> Vec<u8> {
    key(b'C', &[role.as_bytes(), &[to.kind().byte()], to.id_bytes()])
}

/// Prefix of those a role is assigned to.
#[must_use]
pub fn assigned_to(role: &RoleId) -> Vec<u8> {
    key(b'C', &[role.as_bytes()])
}

/// Role and member of such a key.
#[must_use]
pub fn parse_assignment_back(key: &[u8]) -> Option<(RoleId, Member)> {
    let (role, member) = key.strip_prefix(b"C")?.split_first_chunk::<16>()?;
    Some((RoleId::from_bytes(*role), super::parse_member(member)?))
}

/// The claims of a row: written whenever something comes to hang on it, so that whoever deletes it can demand that nothing
/// has since they looked.
#[must_use]
pub fn claims(row: &[u8]) -> Vec<u8> {
    key(b'g', &[row])
}

/// The row whose claims a key is.
#[must_use]
pub fn parse_claims(key: &[u8]) -> Option<&[u8]> {
    // Of rows that things can hang on alone, so that no spelling of a key nests.
    key.strip_prefix(b"g").filter(|row| matches!(row.first(), Some(b'U' | b'G' | b'R' | b'L' | b'Y' | b'k')))
}

/// The row of a holder itself.
#[must_use]
pub fn holder_row(holder: &Holder) -> Vec<u8> {
    member_of(holder).map_or_else(|| object(Named::Role, holder.id_bytes()), |member| super::entity(&member))
}

/// The holder that a member is, unless it is a machine: machines hold no policies, they assume roles.
#[must_use]
pub fn holder_of(member: &Member) -> Option<Holder> {
    match member {
        Member::User(id) => Some(Holder::User(*id)),
        Member::Group(id) => Some(Holder::Group(*id)),
        Member::Resource(_) => None,
    }
}

/// The member that a holder is, unless it is a role.
#[must_use]
pub fn member_of(holder: &Holder) -> Option<Member> {
    match holder {
        Holder::User(id) => Some(Member::User(*id)),
        Holder::Group(id) => Some(Member::Group(*id)),
        Holder::Role(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{GroupId, UserId};

    #[test]
    fn keys_read_back() {
        let (policy, role) = (PolicyId::from_bytes([1; 16]), RoleId::from_bytes([2; 16]));
        let account: AccountId = "123456789012".parse().unwrap();
        let user = UserId::from_bytes([3; 16]);
        for holder in [Holder::User(user), Holder::Group(GroupId::from_bytes([4; 16])), Holder::Role(role)] {
            assert_eq!(parse_entitlements(&entitlements(&holder)), Some(holder));
            assert_eq!(parse_held_by(&held_by(&policy, &holder)), Some((policy, holder)));
        }
        let to = Member::User(user);
        assert_eq!(parse_assignment(&assignment(&to, &role)), Some((to, role)));
        assert_eq!(parse_assignment_back(&assignment_back(&role, &to)), Some((role, to)));
        assert_eq!(parse_policy_version(&policy_version(&policy, 7)), Some((policy, 7)));
        let key = name(Named::Role, Some(&account), "deploy");
        assert_eq!(parse_name(&key), Some((Named::Role, "123456789012", "deploy")));
        assert_eq!(parse_name(&name(Named::Policy, None, "x")), Some((Named::Policy, "aws", "x")));
        for kind in Named::ALL {
            assert_eq!(Named::from_byte(kind.byte()), Some(kind));
            assert!(is_historied(&object(kind, &[1; 16])) && object(kind, &[1; 16]).starts_with(&objects(kind)));
        }
        assert!([&b"T\x031234567890123456"[..], b"Q", b"X", b"V123"].iter().all(|key| {
            parse_entitlements(key).is_none() && parse_assignment(key).is_none() && parse_held_by(key).is_none()
        }));
    }
}
