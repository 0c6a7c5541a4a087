//! Which key means what. Never change a layout without a migration (`store/migrate.rs`).
//!
//! The first byte names the space. Ids are 16 bytes and begin with their directory's prefix, so one
//! directory's rows lie side by side.
//!
//! | space | key | value | historied |
//! |---|---|---|---|
//! | `M` meta | name | per name | no |
//! | `U` users | user id | digest (16, see [`rows`]) + [`User`] as JSON | yes |
//! | `G` groups | group id | digest (16) + [`Group`] as JSON | yes |
//! | `R` resources | resource id | digest (16) + [`Resource`] as JSON | yes |
//! | `N` names | kind byte, folded IAM name | id (16) | no |
//! | `E` edges | group id, member kind, member id | [`RefHash`] (16) | yes |
//! | `F` edges backwards | member kind, member id, group id | nothing | no |
//! | `D` references to nobody yet | group id, ref hash | nothing | no |
//! | `B` the same backwards | directory prefix (4), ref hash, group id | nothing | no |
//! | `I` groups by SID | directory prefix (4), SID (8 to 68), group id | nothing | no |
//! | `c` machines by what they are known by | directory prefix (4), [`RefHash`] (16), resource id | nothing | no |
//! | `K` re-linked objects | member kind, derived id (16) | id (16) it stands for | yes |
//! | `L` roles | role id | [`Role`] as JSON | yes |
//! | `Y` managed policies | policy id | [`ManagedPolicy`] as JSON | yes |
//! | `V` versions of policies | policy id, number (4) | the document | yes |
//! | `W` instance profiles | profile id | [`InstanceProfile`] as JSON | yes |
//! | `r` guardrails | guardrail id | [`Guardrail`] as JSON | yes |
//! | `o` OpenID Connect providers | provider id | [`OidcProvider`] as JSON | yes |
//! | `i` SAML providers | provider id | [`SamlProvider`] as JSON | yes |
//! | `Z` names of roles, policies, profiles, guardrails, providers | kind byte, account, 0, folded name | id (16) | no |
//! | `T` entitlements | holder byte, holder id | [`Entitlements`] as JSON | yes |
//! | `X` policies' holders | policy id, holder byte, holder id | nothing | no |
//! | `Q` assignments | member kind, member id, role id | [`Assignment`] as JSON | yes |
//! | `C` the same backwards | role id, member kind, member id | nothing | no |
//! | `a` access keys | access key id | [`AccessKey`] as JSON | no |
//! | `b` access keys of | owner byte, owner id, access key id | nothing | no |
//! | `u` access keys' last use | access key id | [`LastUsed`] as JSON | no |
//! | `p` passwords of local users | owner byte, owner id | hashes as JSON | no |
//! | `m` devices of the second factor | folded path and name | [`MfaDevice`] as JSON | no |
//! | `n` devices of | owner byte, owner id, folded path and name | nothing | no |
//! | `x` passkeys | user id, passkey id (32) | [`Passkey`] as JSON | no |
//! | `z` owners of passkeys | passkey id (32) | user id (16) | no |
//! | `q` recovery codes | user id | [`RecoveryCodes`] as JSON | no |
//! | `k` sealing keys | number (4) | the key, sealed, as JSON | no |
//! | `j` signing keys | number (4) | the key, sealed, as JSON | no |
//! | `y` session keys | number (4) | the key, sealed, as JSON | no |
//! | `t` sessions | session id | [`Session`] as JSON | no |
//! | `v` sessions of | owner byte, id (16) of a user, role or session, session id | nothing | no |
//! | `w` last uses of browsers' sessions | session id | a moment as JSON | no |
//! | `e` clients of single sign-on | client id | [`Client`] as JSON | yes |
//! | `+` service providers of SAML | 1, name | [`SamlSp`] as JSON | yes |
//! | `+` what they call themselves | 2, digest of that (32) | name as JSON | no |
//! | `+` where browsers' sessions were signed in by SAML | 3, session id | [`SamlParticipations`] as JSON | no |
//! | `+` keys that open assertions of SAML providers | 4, provider id, key id | [`SealedPrivateKey`] as JSON | no |
//! | `+` metadata that is pinned for `[[saml_sp]]` | 5, name | [`SpPin`] as JSON | yes |
//! | `f` authorization codes | digest of the code (32) | [`Code`] as JSON | no |
//! | `h` families of tokens | family id (16) | [`Family`] as JSON | no |
//! | `3` what devices asked for | digest of the device's code (32) | [`DeviceGrant`] as JSON | no |
//! | `4` codes that people type for devices | digest of the code (32) | digest (32) of the device's code, and until when, as JSON | no |
//! | `5` what clients are owed about ends of sessions | session id (16), client id | [`LogoutNotice`] as JSON | no |
//! | `7` when somebody has to look at what is in `5` | second (8), that row's key, or its beginning of a session | nothing | no |
//! | `6` requests of clients that were pushed | 1, digest of the name (32) | [`PushedRequest`] as JSON | no |
//! | `6` tokens by which software registers itself | 2, name | [`RegistrationToken`] as JSON | no |
//! | `2` families of | user id, family id | nothing | no |
//! | `1` when what is over of `f`, `h`, `d`, `3`, `4` and `6` is forgotten | second (8), that row's key | nothing | no |
//! | `l` engagements | 1, engagement id | [`Engagement`] as JSON | yes |
//! | `l` engagements of | 2, user id, engagement id | nothing | no |
//! | `l` grants that wait for somebody | 3, grant id | nothing | no |
//! | `l` invitations | 4, user id | [`Invitation`] as JSON | no |
//! | `l` who people of elsewhere are here | 8, digest of issuer and subject (32) | [`OutsideIdentity`] as JSON | no |
//! | `l` the same backwards | 9, user id, digest (32) | nothing | no |
//! | `l` grants of that are over | 7, user id, second (8, counted down), grant id | nothing | no |
//! | `l` when somebody has to have looked back at grants | 5, second (8), grant id | nothing, or when the last alarm was, as JSON | no |
//! | `8` grants | grant id | [`Grant`] as JSON | yes |
//! | `9` grants of that are not over | user id, role id, grant id | nothing | no |
//! | `0` when the clock ends grants | second (8), grant id | nothing, or when its holder was told last that it ends soon, as JSON | no |
//! | `@` notices | 1, notice id | [`Notice`] as JSON | no |
//! | `@` when they are told, by each way | 2, way, 0, second (8), notice id | nothing | no |
//! | `@` what was told of the end of engagements | 3, engagement id | [`ToldOfEnd`] as JSON | no |
//! | `d` what counts once, or no more: client assertions, tokens | kind byte, digest (32) | until when that matters, as JSON | no |
//! | `s` settings of the account | setting byte | per setting | yes |
//! | `g` claims: touched whenever something comes to hang on a row | that row's key | nothing | no |
//! | `S` sync state | label, 0, name | JSON | no |
//! | `P` held changes | digest (32), 0 or 1, chunk number | JSON | no |
//! | `A` chained log | sequence number (8) | record | no |
//! | `O` log records not yet completed | tag of the event (8) | event id (16), sequence number (8) it stands behind | no |
//! | `H` history | key, revision that superseded it (8) | the row before | - |
//! | `J` journal | revision (8) | JSON: time, actor, audit, keys | - |
//!
//! Keys of roles, policies and what hangs on whom are in [`iam`], those of credentials in [`credentials`], of passkeys in
//! [`factors`], of sessions in [`sessions`], of single sign-on in [`sso`], of SAML in [`saml`], of grants in [`grants`], of notices in
//! [`notices`].
//!
//! [`rows`]: super::rows
//! [`User`]: crate::model::User
//! [`Group`]: crate::model::Group
//! [`Resource`]: crate::model::Resource
//! [`RefHash`]: crate::model::RefHash
//! [`Role`]: crate::model::Role
//! [`ManagedPolicy`]: crate::model::ManagedPolicy
//! [`InstanceProfile`]: crate::model::InstanceProfile
//! [`Guardrail`]: crate::model::Guardrail
//! [`OidcProvider`]: crate::model::OidcProvider
//! [`SamlProvider`]: crate::model::SamlProvider
//! [`Entitlements`]: crate::model::Entitlements
//! [`Assignment`]: crate::model::Assignment
//! [`AccessKey`]: crate::model::AccessKey
//! [`LastUsed`]: crate::model::LastUsed
//! [`MfaDevice`]: crate::model::MfaDevice
//! [`Passkey`]: crate::model::Passkey
//! [`RecoveryCodes`]: crate::model::RecoveryCodes
//! [`Session`]: crate::model::Session
//! [`Client`]: crate::model::Client
//! [`SamlSp`]: crate::model::SamlSp
//! [`SpPin`]: crate::model::saml_sp::SpPin
//! [`SamlParticipations`]: crate::model::saml_participation::SamlParticipations
//! [`SealedPrivateKey`]: crate::model::saml_encryption::SealedPrivateKey
//! [`Engagement`]: crate::model::Engagement
//! [`Grant`]: crate::model::Grant
//! [`OutsideIdentity`]: crate::model::OutsideIdentity
//! [`Invitation`]: crate::model::Invitation
//! [`Notice`]: crate::model::Notice
//! [`ToldOfEnd`]: super::notices::ToldOfEnd
//! [`Code`]: crate::model::token_family::Code
//! [`Family`]: crate::model::token_family::Family
//! [`LogoutNotice`]: crate::model::logout_notice::LogoutNotice
//! [`DeviceGrant`]: crate::model::device_grant::DeviceGrant
//! [`RegistrationToken`]: crate::model::client::RegistrationToken
//! [`PushedRequest`]: crate::model::token_family::PushedRequest

pub mod credentials;
pub mod factors;
pub mod grants;
pub mod iam;
pub mod notices;
pub mod saml;
pub mod sessions;
pub mod sso;

use crate::base::{GroupId, ResourceId, Sid, UserId};
use crate::model::{DirectoryLabel, Member, MemberKind, RefHash, origin};

/// Layout written by this version. A store with a higher number is refused, a lower one migrated.
pub const SCHEMA_VERSION: u32 = 15;

/// Spaces whose superseded rows move into history.
#[must_use]
pub fn is_historied(key: &[u8]) -> bool {
    matches!(key.first(), Some(b'U' | b'G' | b'R' | b'E' | b'K'))
        || iam::is_historied(key)
        || credentials::is_historied(key)
        || sso::is_historied(key)
        || grants::is_historied(key)
        || saml::is_historied(key)
}

/// Rows that say nothing of who may what: what happens (sessions, codes, tokens, log records, uses, steps of devices, counters of
/// passkeys, notices), and what
/// was read of a directory and is not applied. A space that is not named here bears on rights.
#[must_use]
pub fn is_aside(key: &[u8]) -> bool {
    matches!(
        key.first(),
        Some(
            b't' | b'v'
                | b'w'
                | b'f'
                | b'h'
                | b'd'
                | b'1'
                | b'2'
                | b'3'
                | b'4'
                | b'5'
                | b'6'
                | b'7'
                | b'@'
                | b'A'
                | b'O'
                | b'u'
                | b'm'
                | b'x'
                | b'z'
                | b'q'
                | b'S'
                | b'P'
                | b'M'
        )
    ) || saml::is_aside(key)
}

fn key(space: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|p| p.len()).sum::<usize>());
    key.push(space);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// Meta row `name`, such as `schema`.
#[must_use]
pub fn meta(name: &str) -> Vec<u8> {
    key(b'M', &[name.as_bytes()])
}

/// True for a meta row.
#[must_use]
pub fn is_meta(key: &[u8]) -> bool {
    key.first() == Some(&b'M')
}

/// A user's row.
#[must_use]
pub fn user(id: &UserId) -> Vec<u8> {
    key(b'U', &[id.as_bytes()])
}

/// A group's row.
#[must_use]
pub fn group(id: &GroupId) -> Vec<u8> {
    key(b'G', &[id.as_bytes()])
}

/// A resource's row.
#[must_use]
pub fn resource(id: &ResourceId) -> Vec<u8> {
    key(b'R', &[id.as_bytes()])
}

/// The space byte of a kind's rows.
#[must_use]
pub fn space_of(kind: MemberKind) -> u8 {
    match kind {
        MemberKind::User => b'U',
        MemberKind::Group => b'G',
        MemberKind::Resource => b'R',
    }
}

/// The row of whatever `member` is.
#[must_use]
pub fn entity(member: &Member) -> Vec<u8> {
    key(space_of(member.kind()), &[member.id_bytes()])
}

/// Whose row an entity's key is.
#[must_use]
pub fn parse_entity(key: &[u8]) -> Option<Member> {
    let (space, id) = key.split_first()?;
    let kind =
        [MemberKind::User, MemberKind::Group, MemberKind::Resource].into_iter().find(|k| space_of(*k) == *space)?;
    Some(Member::from_parts(kind, id.try_into().ok()?))
}

/// Prefix of all rows of a kind.
#[must_use]
pub fn all(kind: MemberKind) -> Vec<u8> {
    vec![space_of(kind)]
}

/// Prefix of all rows of a kind that come from one directory.
#[must_use]
pub fn all_of_directory(kind: MemberKind, directory: &DirectoryLabel) -> Vec<u8> {
    key(space_of(kind), &[&origin::id_prefix(directory)])
}

/// Who holds an IAM name; `folded` as [`crate::model::IamName::folded`] gives it.
#[must_use]
pub fn name(kind: MemberKind, folded: &str) -> Vec<u8> {
    key(b'N', &[&[kind.byte()], folded.as_bytes()])
}

/// Prefix of all held names of a kind.
#[must_use]
pub fn names(kind: MemberKind) -> Vec<u8> {
    key(b'N', &[&[kind.byte()]])
}

/// The edge "`member` is in `group`".
#[must_use]
pub fn edge(group: &GroupId, member: &Member) -> Vec<u8> {
    key(b'E', &[group.as_bytes(), &[member.kind().byte()], member.id_bytes()])
}

/// Prefix of a group's edges.
#[must_use]
pub fn edges_of(group: &GroupId) -> Vec<u8> {
    key(b'E', &[group.as_bytes()])
}

/// Prefix of a group's edges to members of one kind.
#[must_use]
pub fn edges_of_kind(group: &GroupId, kind: MemberKind) -> Vec<u8> {
    key(b'E', &[group.as_bytes(), &[kind.byte()]])
}

/// Prefix of all edges of groups of one directory.
#[must_use]
pub fn edges_of_directory(directory: &DirectoryLabel) -> Vec<u8> {
    key(b'E', &[&origin::id_prefix(directory)])
}

/// Group and member of an edge's key.
#[must_use]
pub fn parse_edge(key: &[u8]) -> Option<(GroupId, Member)> {
    let rest = key.strip_prefix(b"E")?;
    let (group, rest) = rest.split_first_chunk::<16>()?;
    Some((GroupId::from_bytes(*group), parse_member(rest)?))
}

/// The same edge, found from the member.
#[must_use]
pub fn edge_back(member: &Member, group: &GroupId) -> Vec<u8> {
    key(b'F', &[&[member.kind().byte()], member.id_bytes(), group.as_bytes()])
}

/// Prefix of the groups a member is in.
#[must_use]
pub fn groups_of(member: &Member) -> Vec<u8> {
    key(b'F', &[&[member.kind().byte()], member.id_bytes()])
}

/// Member and group of a backward edge's key.
#[must_use]
pub fn parse_edge_back(key: &[u8]) -> Option<(Member, GroupId)> {
    let rest = key.strip_prefix(b"F")?;
    let (member, group) = rest.split_at_checked(17)?;
    Some((parse_member(member)?, GroupId::from_bytes(group.try_into().ok()?)))
}

fn parse_member(bytes: &[u8]) -> Option<Member> {
    let (kind, id) = bytes.split_first()?;
    Some(Member::from_parts(MemberKind::from_byte(*kind)?, id.try_into().ok()?))
}

/// A reference in `group` that resolves to nobody yet.
#[must_use]
pub fn dangling(group: &GroupId, reference: &RefHash) -> Vec<u8> {
    key(b'D', &[group.as_bytes(), &reference.0])
}

/// Prefix of a group's references to nobody.
#[must_use]
pub fn dangling_of(group: &GroupId) -> Vec<u8> {
    key(b'D', &[group.as_bytes()])
}

/// Prefix of the references to nobody of all groups of one directory.
#[must_use]
pub fn dangling_of_directory(directory: &DirectoryLabel) -> Vec<u8> {
    key(b'D', &[&origin::id_prefix(directory)])
}

/// The reference of a dangling row's key.
#[must_use]
pub fn parse_dangling(key: &[u8]) -> Option<(GroupId, RefHash)> {
    let rest = key.strip_prefix(b"D")?;
    let (group, reference) = rest.split_first_chunk::<16>()?;
    Some((GroupId::from_bytes(*group), RefHash(reference.try_into().ok()?)))
}

/// The same reference, found when somebody appears that it names.
#[must_use]
pub fn dangling_back(directory: &DirectoryLabel, reference: &RefHash, group: &GroupId) -> Vec<u8> {
    key(b'B', &[&origin::id_prefix(directory), &reference.0, group.as_bytes()])
}

/// Prefix of the groups that hold a reference to nobody.
#[must_use]
pub fn waiting_for(directory: &DirectoryLabel, reference: &RefHash) -> Vec<u8> {
    key(b'B', &[&origin::id_prefix(directory), &reference.0])
}

/// The group of a backward dangling row's key.
#[must_use]
pub fn parse_dangling_back(key: &[u8]) -> Option<GroupId> {
    let rest = key.strip_prefix(b"B")?;
    Some(GroupId::from_bytes(rest.get(20..)?.try_into().ok()?))
}

/// The group of a directory that has this security identifier: it is how a member's primary group is found.
///
/// A SID's bytes say how many there are, so no SID's rows lie among those of another.
#[must_use]
pub fn group_by_sid(directory: &DirectoryLabel, sid: &Sid, group: &GroupId) -> Vec<u8> {
    key(b'I', &[&origin::id_prefix(directory), &sid.to_bytes(), group.as_bytes()])
}

/// Prefix of the groups of a directory with this security identifier: more than one only for moments, while one takes
/// the place of another.
#[must_use]
pub fn groups_by_sid(directory: &DirectoryLabel, sid: &Sid) -> Vec<u8> {
    key(b'I', &[&origin::id_prefix(directory), &sid.to_bytes()])
}

/// Prefix of all groups of a directory that have a security identifier.
#[must_use]
pub fn all_groups_by_sid(directory: &DirectoryLabel) -> Vec<u8> {
    key(b'I', &[&origin::id_prefix(directory)])
}

/// SID and group of such a row's key.
#[must_use]
pub fn parse_group_by_sid(key: &[u8]) -> Option<(Sid, GroupId)> {
    let (sid, group) = key.strip_prefix(b"I")?.get(4..)?.split_last_chunk::<16>()?;
    Some((Sid::from_bytes(sid).ok()?, GroupId::from_bytes(*group)))
}

/// The machine of a directory that is known by this to those who vouch for it: a SID, or a name in certificates or tokens.
#[must_use]
pub fn machine_known_by(directory: &DirectoryLabel, reference: &RefHash, machine: &ResourceId) -> Vec<u8> {
    key(b'c', &[&origin::id_prefix(directory), &reference.0, machine.as_bytes()])
}

/// Prefix of the machines of a directory that are known by this.
#[must_use]
pub fn machines_known_by(directory: &DirectoryLabel, reference: &RefHash) -> Vec<u8> {
    key(b'c', &[&origin::id_prefix(directory), &reference.0])
}

/// Digest and machine of such a row's key.
#[must_use]
pub fn parse_machine_known_by(key: &[u8]) -> Option<(RefHash, ResourceId)> {
    let (reference, machine) = key.strip_prefix(b"c")?.get(4..)?.split_first_chunk::<16>()?;
    Some((RefHash(*reference), ResourceId::from_bytes(machine.try_into().ok()?)))
}

/// Which id stands for a directory object whose derived id is `derived`.
#[must_use]
pub fn relink(kind: MemberKind, derived: &[u8; 16]) -> Vec<u8> {
    key(b'K', &[&[kind.byte()], derived])
}

/// Prefix of all re-linked objects of a kind that come from one directory.
#[must_use]
pub fn relinks_of_directory(kind: MemberKind, directory: &DirectoryLabel) -> Vec<u8> {
    key(b'K', &[&[kind.byte()], &origin::id_prefix(directory)])
}

/// A piece of a directory's sync state.
#[must_use]
pub fn sync_state(directory: &DirectoryLabel, name: &str) -> Vec<u8> {
    key(b'S', &[directory.as_str().as_bytes(), b"\0", name.as_bytes()])
}

/// Prefix of every directory's sync state.
#[must_use]
pub fn sync_states() -> Vec<u8> {
    vec![b'S']
}

/// Head of a set of held changes.
#[must_use]
pub fn held(digest: &[u8; 32]) -> Vec<u8> {
    key(b'P', &[digest, &[0]])
}

/// A chunk of held changes.
#[must_use]
pub fn held_chunk(digest: &[u8; 32], number: u32) -> Vec<u8> {
    key(b'P', &[digest, &[1], &number.to_be_bytes()])
}

/// Prefix of all held changes.
#[must_use]
pub fn all_held() -> Vec<u8> {
    vec![b'P']
}

/// A record of the chained log.
#[must_use]
pub fn log(seq: u64) -> Vec<u8> {
    key(b'A', &[&seq.to_be_bytes()])
}

/// Prefix of the chained log.
#[must_use]
pub fn logs() -> Vec<u8> {
    vec![b'A']
}

/// Marks an event of the log as begun and not completed. Keyed by a random tag: the number of
/// its record is known only inside the commit.
#[must_use]
pub fn open_log(tag: u64) -> Vec<u8> {
    key(b'O', &[&tag.to_be_bytes()])
}

/// Prefix of what was begun and not completed.
#[must_use]
pub fn open_logs() -> Vec<u8> {
    vec![b'O']
}

/// The number at the end of a log, open-log or journal key.
#[must_use]
pub fn parse_number(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(1..)?.try_into().ok()?))
}

/// A superseded row.
#[must_use]
pub fn history(row: &[u8], superseded_at: u64) -> Vec<u8> {
    key(b'H', &[row, &superseded_at.to_be_bytes()])
}

/// Prefix of a row's (or a whole prefix's) superseded versions.
#[must_use]
pub fn histories(row_prefix: &[u8]) -> Vec<u8> {
    key(b'H', &[row_prefix])
}

/// The row's key and the superseding revision of a history key.
#[must_use]
pub fn parse_history(key: &[u8]) -> Option<(&[u8], u64)> {
    let (row, at) = key.strip_prefix(b"H")?.split_last_chunk::<8>()?;
    Some((row, u64::from_be_bytes(*at)))
}

/// What a revision changed, when and by whom.
#[must_use]
pub fn journal(revision: u64) -> Vec<u8> {
    key(b'J', &[&revision.to_be_bytes()])
}

/// Prefix of the journal.
#[must_use]
pub fn journals() -> Vec<u8> {
    vec![b'J']
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_read_back_both_ways() {
        let group = GroupId::from_bytes([3; 16]);
        for member in [
            Member::User(UserId::from_bytes([1; 16])),
            Member::Group(GroupId::from_bytes([2; 16])),
            Member::Resource(ResourceId::from_bytes([4; 16])),
        ] {
            assert_eq!(parse_edge(&edge(&group, &member)), Some((group, member)));
            assert_eq!(parse_edge_back(&edge_back(&member, &group)), Some((member, group)));
            assert_eq!(parse_entity(&entity(&member)), Some(member));
        }
        assert_eq!(parse_edge(b"E123"), None);
        assert_eq!(parse_entity(b"U123"), None);
        assert_eq!(parse_entity(&edge(&group, &Member::Group(group))), None);
    }

    #[test]
    fn references_and_history_read_back() {
        let (group, reference) = (GroupId::from_bytes([3; 16]), RefHash([9; 16]));
        let label: DirectoryLabel = "corp".parse().unwrap();
        assert_eq!(parse_dangling(&dangling(&group, &reference)), Some((group, reference)));
        assert_eq!(parse_dangling_back(&dangling_back(&label, &reference, &group)), Some(group));
        let sid: Sid = "S-1-5-21-1-2-3-513".parse().unwrap();
        assert_eq!(parse_group_by_sid(&group_by_sid(&label, &sid, &group)), Some((sid, group)));
        let row = user(&UserId::from_bytes([1; 16]));
        assert_eq!(parse_history(&history(&row, 77)), Some((row.as_slice(), 77)));
        assert_eq!(parse_number(&journal(5)), Some(5));
    }
}
