//! Keys in words, such as `edge/3f25.../user/9a0c...`, and back.
//!
//! For messages, exports and findings. The words cover every layout of [`schema`]; a key of no
//! known layout reads `hex/...`, so each key has exactly one spelling and each spelling one key.

mod grants;
mod notices;
mod saml;
mod sso;

use super::schema;
use super::schema::credentials::Setting;
use super::schema::iam::Named;
use super::schema::sessions::Way;
use crate::base::Sid;
use crate::model::{AccessKeyId, CredentialOwner, Holder, MemberKind};

/// `key` in words.
#[must_use]
pub fn describe(key: &[u8]) -> String {
    // Only a spelling that leads back to this very key is used.
    words(key).filter(|text| parse(text).as_deref() == Some(key)).unwrap_or_else(|| format!("hex/{}", hex::encode(key)))
}

/// The key that [`describe`] spells so.
#[must_use]
pub fn parse(text: &str) -> Option<Vec<u8>> {
    let (space, rest) = text.split_once('/')?;
    match space {
        "hex" => hex::decode(rest).ok(),
        "meta" => Some(schema::meta(rest)),
        "user" | "group" | "resource" => keyed(schema::space_of(kind(space)?), &[rest], 16),
        "name" => {
            let (of, name) = rest.split_once('/')?;
            Some(schema::name(kind(of)?, name))
        }
        "edge" => {
            let (group, member) = rest.split_once('/')?;
            keyed(b'E', &[group, &member_hex(member)?], 33)
        }
        "edge-back" => {
            let (member, group) = rest.rsplit_once('/')?;
            keyed(b'F', &[&member_hex(member)?, group], 33)
        }
        "dangling" => keyed(b'D', &rest.split('/').collect::<Vec<_>>(), 32),
        "dangling-back" => keyed(b'B', &rest.split('/').collect::<Vec<_>>(), 36),
        "group-by-sid" => by_sid(rest),
        "machine-known-by" => keyed(b'c', &rest.split('/').collect::<Vec<_>>(), 36),
        "relink" => keyed(b'K', &[&member_hex(rest)?], 17),
        "role" | "policy" | "instance-profile" | "guardrail" | "oidc-provider" | "saml-provider" => {
            keyed(named(space)?.space(), &[rest], 16)
        }
        "policy-version" => {
            let (policy, number) = rest.split_once('/')?;
            keyed(b'V', &[policy, &format!("{:08x}", number.parse::<u32>().ok()?)], 20)
        }
        "iam-name" => {
            let (kind, rest) = rest.split_once('/')?;
            let (account, name) = rest.split_once('/')?;
            Some([&[b'Z', named(kind)?.byte()], account.as_bytes(), b"\0", name.as_bytes()].concat())
        }
        "claims" => {
            let claims = schema::iam::claims(&parse(rest)?);
            schema::iam::parse_claims(&claims).is_some().then_some(claims)
        }
        "entitlements" => keyed(b'T', &[&holder_hex(rest)?], 17),
        "held-by" => {
            let (policy, holder) = rest.split_once('/')?;
            keyed(b'X', &[policy, &holder_hex(holder)?], 33)
        }
        "assignment" => {
            let (member, role) = rest.rsplit_once('/')?;
            keyed(b'Q', &[&member_hex(member)?, role], 33)
        }
        "assignment-back" => {
            let (role, member) = rest.split_once('/')?;
            keyed(b'C', &[role, &member_hex(member)?], 33)
        }
        "access-key" => access_key_id(rest).map(|id| schema::credentials::access_key(&id)),
        "last-used" => access_key_id(rest).map(|id| schema::credentials::last_used(&id)),
        "access-key-of" => {
            let (owner, id) = owned(rest)?;
            Some(schema::credentials::access_key_of(&owner, &access_key_id(id)?))
        }
        "login-profile" => {
            let (owner, rest) = owned(rest)?;
            rest.is_empty().then(|| schema::credentials::login_profile(&owner))
        }
        "mfa-device" => Some(schema::credentials::mfa_device(rest)),
        "mfa-device-of" => {
            let (owner, name) = owned(rest)?;
            Some(schema::credentials::mfa_device_of(&owner, name))
        }
        "passkey" | "passkey-owner" | "recovery-codes" => of_factors(space, rest),
        "sealing-key" => Some(schema::credentials::sealing_key(rest.parse().ok()?)),
        "session-key" => Some(schema::credentials::session_key(rest.parse().ok()?)),
        "session" | "session-of" | "session-seen" => of_sessions(space, rest),
        "signing-key" => Some(schema::credentials::signing_key(rest.parse().ok()?)),
        "setting" => {
            let which = Setting::ALL.into_iter().find(|which| which.word() == rest)?;
            Some(schema::credentials::setting(which))
        }
        "client" | "authorization-code" | "registration-token" | "pushed-request" | "token-family"
        | "token-family-of" | "over" | "device" | "device-code-of" | "logout-notice" | "logout-turn" | "spent" => {
            sso::parse(space, rest)
        }
        space if grants::SPACES.contains(&space) => grants::parse(space, rest),
        space if saml::SPACES.contains(&space) => saml::parse(space, rest),
        "notice" | "notice-turn" | "told-of-end" => notices::parse(space, rest),
        "sync" => {
            let (label, name) = rest.split_once('/')?;
            Some([b"S", label.as_bytes(), b"\0", name.as_bytes()].concat())
        }
        "held" => match rest.split_once('/') {
            None => keyed(b'P', &[rest, "00"], 33),
            Some((digest, chunk)) => keyed(b'P', &[digest, "01", &format!("{:08x}", chunk.parse::<u32>().ok()?)], 37),
        },
        "log" => Some(schema::log(rest.parse().ok()?)),
        "open-log" => Some(schema::open_log(rest.parse().ok()?)),
        "journal" => Some(schema::journal(rest.parse().ok()?)),
        "history" => {
            // See `words`: no spelling nests, so hostile text cannot make this recurse.
            let (at, row) = rest.split_once('/').filter(|(_, row)| !row.starts_with("history/"))?;
            Some(schema::history(&parse(row)?, at.parse().ok()?))
        }
        _ => None,
    }
}

/// A row of passkeys or recovery codes.
fn of_factors(space: &str, rest: &str) -> Option<Vec<u8>> {
    match space {
        "passkey" => {
            let (owner, id) = rest.split_once('/')?;
            keyed(b'x', &[owner, id], 48)
        }
        "passkey-owner" => keyed(b'z', &[rest], 32),
        _ => keyed(b'q', &[rest], 16),
    }
}

/// A group by its SID.
fn by_sid(rest: &str) -> Option<Vec<u8>> {
    let pieces = rest.split('/').collect::<Vec<_>>();
    let [directory, sid, group] = pieces.as_slice() else { return None };
    let sid = hex::encode(sid.parse::<Sid>().ok()?.to_bytes());
    keyed(b'I', &[directory, &sid, group], 20 + sid.len() / 2)
}

/// What is found by a reference: members of a group that are not there, groups by SID, machines.
fn referred(space: u8, key: &[u8], rest: &[u8]) -> Option<String> {
    if space == b'D' {
        let (group, reference) = rest.split_at_checked(16)?;
        return Some(format!("dangling/{}/{}", hex::encode(group), hex::encode(reference)));
    }
    let (directory, rest) = rest.split_at_checked(4)?;
    let directory = hex::encode(directory);
    Some(match space {
        b'B' => {
            let (reference, group) = rest.split_at_checked(16)?;
            format!("dangling-back/{directory}/{}/{}", hex::encode(reference), hex::encode(group))
        }
        b'I' => {
            let (sid, group) = schema::parse_group_by_sid(key)?;
            format!("group-by-sid/{directory}/{sid}/{group}")
        }
        _ => {
            let (reference, machine) = schema::parse_machine_known_by(key)?;
            format!("machine-known-by/{directory}/{}/{machine}", hex::encode(reference.0))
        }
    })
}

fn words(key: &[u8]) -> Option<String> {
    let (space, rest) = key.split_first()?;
    Some(match space {
        b'M' => format!("meta/{}", std::str::from_utf8(rest).ok()?),
        b'U' => format!("user/{}", hex::encode(rest)),
        b'G' => format!("group/{}", hex::encode(rest)),
        b'R' => format!("resource/{}", hex::encode(rest)),
        b'N' => {
            let (kind, name) = rest.split_first()?;
            format!("name/{}/{}", word(*kind)?, std::str::from_utf8(name).ok()?)
        }
        b'E' => {
            let (group, member) = rest.split_at_checked(16)?;
            format!("edge/{}/{}", hex::encode(group), member_words(member)?)
        }
        b'F' => {
            let (member, group) = rest.split_at_checked(17)?;
            format!("edge-back/{}/{}", member_words(member)?, hex::encode(group))
        }
        b'D' | b'B' | b'I' | b'c' => referred(*space, key, rest)?,
        b'K' => format!("relink/{}", member_words(rest)?),
        b'L' => format!("role/{}", hex::encode(rest)),
        b'Y' => format!("policy/{}", hex::encode(rest)),
        b'W' => format!("instance-profile/{}", hex::encode(rest)),
        b'r' => format!("guardrail/{}", hex::encode(rest)),
        b'o' => format!("oidc-provider/{}", hex::encode(rest)),
        b'i' => format!("saml-provider/{}", hex::encode(rest)),
        b'V' => {
            let (policy, number) = schema::iam::parse_policy_version(key)?;
            format!("policy-version/{policy}/{number}")
        }
        b'Z' => {
            let (kind, account, name) = schema::iam::parse_name(key)?;
            format!("iam-name/{}/{account}/{name}", kind.word())
        }
        b'g' => format!("claims/{}", describe(schema::iam::parse_claims(key)?)),
        b'T' => format!("entitlements/{}", holder_words(rest)?),
        b'X' => {
            let (policy, holder) = rest.split_at_checked(16)?;
            format!("held-by/{}/{}", hex::encode(policy), holder_words(holder)?)
        }
        b'Q' => {
            let (member, role) = rest.split_at_checked(17)?;
            format!("assignment/{}/{}", member_words(member)?, hex::encode(role))
        }
        b'C' => {
            let (role, member) = rest.split_at_checked(16)?;
            format!("assignment-back/{}/{}", hex::encode(role), member_words(member)?)
        }
        b'a' => format!("access-key/{}", schema::credentials::parse_key_id(key)?),
        b'u' => format!("last-used/{}", schema::credentials::parse_key_id(key)?),
        b'b' => {
            let (owner, id) = schema::credentials::parse_access_key_of(key)?;
            format!("access-key-of/{}/{id}", owner_words(&owner))
        }
        b'p' => format!("login-profile/{}/", owner_words(&schema::credentials::parse_login_profile(key)?)),
        b'm' => format!("mfa-device/{}", schema::credentials::parse_mfa_device(key)?),
        b'n' => {
            let (owner, name) = schema::credentials::parse_mfa_device_of(key)?;
            format!("mfa-device-of/{}/{name}", owner_words(&owner))
        }
        b'x' => {
            let (owner, id) = rest.split_at_checked(16)?;
            format!("passkey/{}/{}", hex::encode(owner), hex::encode(id))
        }
        b'z' => format!("passkey-owner/{}", hex::encode(rest)),
        b'q' => format!("recovery-codes/{}", hex::encode(rest)),
        b'k' => format!("sealing-key/{}", schema::credentials::parse_sealing_key(key)?),
        b'j' => format!("signing-key/{}", schema::credentials::parse_signing_key(key)?),
        b'y' => format!("session-key/{}", schema::credentials::parse_session_key(key)?),
        b't' => format!("session/{}", hex::encode(rest)),
        b'v' => session_of_words(key)?,
        b'w' => format!("session-seen/{}", hex::encode(rest)),
        b's' => format!("setting/{}", schema::credentials::parse_setting(key)?.word()),
        b'e' | b'f' | b'h' | b'd' | b'1' | b'2' | b'3' | b'4' | b'5' | b'6' | b'7' => sso::words(key)?,
        b'l' | b'8' | b'9' | b'0' => grants::words(key)?,
        b'@' => notices::words(key)?,
        b'+' => saml::words(key)?,
        b'S' => {
            let text = std::str::from_utf8(rest).ok()?;
            let (label, name) = text.split_once('\0')?;
            format!("sync/{label}/{name}")
        }
        b'P' => {
            let (digest, rest) = rest.split_at_checked(32)?;
            match rest.split_first()? {
                (0, _) => format!("held/{}", hex::encode(digest)),
                (_, chunk) => format!("held/{}/{}", hex::encode(digest), u32::from_be_bytes(chunk.try_into().ok()?)),
            }
        }
        b'A' | b'O' | b'J' => numbered(*space, key)?,
        b'H' => {
            let (row, at) = schema::parse_history(key)?;
            // A history of history is never written; spelling it out would recurse as deep as a key is long.
            let row = if row.first() == Some(&b'H') { format!("hex/{}", hex::encode(row)) } else { describe(row) };
            format!("history/{at}/{row}")
        }
        _ => return None,
    })
}

fn member_words(bytes: &[u8]) -> Option<String> {
    let (kind, id) = bytes.split_first()?;
    Some(format!("{}/{}", word(*kind)?, hex::encode(id)))
}

fn member_hex(text: &str) -> Option<String> {
    let (of, id) = text.split_once('/')?;
    Some(format!("{:02x}{id}", kind(of)?.byte()))
}

fn access_key_id(text: &str) -> Option<AccessKeyId> {
    text.parse().ok()
}

fn owner_words(owner: &CredentialOwner) -> String {
    match owner {
        CredentialOwner::Root => "root".to_owned(),
        CredentialOwner::User(id) => format!("user/{id}"),
    }
}

/// The owner that `text` begins with, and what is behind it.
fn owned(text: &str) -> Option<(CredentialOwner, &str)> {
    if let Some(rest) = text.strip_prefix("root/") {
        return Some((CredentialOwner::Root, rest));
    }
    let (id, rest) = text.strip_prefix("user/")?.split_once('/')?;
    Some((CredentialOwner::User(id.parse().ok()?), rest))
}

fn holder_words(bytes: &[u8]) -> Option<String> {
    let (kind, id) = bytes.split_first()?;
    let holder = Holder::from_parts(*kind, id.try_into().ok()?)?;
    Some(format!("{}/{}", holder.kind(), hex::encode(id)))
}

fn holder_hex(text: &str) -> Option<String> {
    let (of, id) = text.split_once('/')?;
    let byte = HOLDERS.iter().find(|(word, _)| *word == of)?.1;
    Some(format!("{byte:02x}{id}"))
}

/// Words and bytes of the kinds of [`Holder`].
const HOLDERS: [(&str, u8); 3] = [("user", 1), ("group", 2), ("role", 4)];

fn named(word: &str) -> Option<Named> {
    Named::ALL.into_iter().find(|kind| kind.word() == word)
}

/// The key in `space` whose hexadecimal parts make `length` bytes.
fn numbered(space: u8, key: &[u8]) -> Option<String> {
    let word = match space {
        b'A' => "log",
        b'O' => "open-log",
        _ => "journal",
    };
    Some(format!("{word}/{}", schema::parse_number(key)?))
}

fn of_sessions(space: &str, rest: &str) -> Option<Vec<u8>> {
    match space {
        "session" => keyed(b't', &[rest], 16),
        "session-seen" => keyed(b'w', &[rest], 16),
        _ => session_of(rest),
    }
}

fn session_of(rest: &str) -> Option<Vec<u8>> {
    let (kind, rest) = rest.split_once('/')?;
    let (owner, session) = rest.split_once('/')?;
    let kind = Way::ALL.into_iter().find(|way| way.word() == kind)?;
    keyed(b'v', &[&hex::encode([kind.byte()]), owner, session], 33)
}

fn session_of_words(key: &[u8]) -> Option<String> {
    let (kind, owner, session) = schema::sessions::parse_of(key)?;
    Some(format!("session-of/{}/{}/{session}", kind.word(), hex::encode(owner)))
}

fn keyed(space: u8, parts: &[&str], length: usize) -> Option<Vec<u8>> {
    let mut key = vec![space];
    key.extend(hex::decode(parts.concat()).ok()?);
    (key.len() == length + 1).then_some(key)
}

fn kind(word: &str) -> Option<MemberKind> {
    match word {
        "user" => Some(MemberKind::User),
        "group" => Some(MemberKind::Group),
        "resource" => Some(MemberKind::Resource),
        _ => None,
    }
}

fn word(kind: u8) -> Option<&'static str> {
    Some(match MemberKind::from_byte(kind)? {
        MemberKind::User => "user",
        MemberKind::Group => "group",
        MemberKind::Resource => "resource",
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::base::{
        EngagementId, GrantId, GroupId, GuardrailId, NoticeId, PolicyId, RoleId, SessionId, Timestamp, UserId,
    };
    use crate::model::token_family::FamilyId;
    use crate::model::{Member, PasskeyId, RefHash};
    use crate::store::schema::{credentials, factors, grants, iam, sessions, sso};

    #[test]
    fn so_have_those_of_notices() {
        for (key, text) in [
            (schema::notices::notice(&NoticeId::from_bytes([9; 16])), format!("notice/{}", "09".repeat(16))),
            (
                schema::notices::turn(
                    &crate::model::notice::Way::Webhook("siem".to_owned()),
                    crate::base::Timestamp::UNIX_EPOCH,
                    &NoticeId::from_bytes([9; 16]),
                ),
                format!("notice-turn/webhook/siem/0/{}", "09".repeat(16)),
            ),
            (
                schema::notices::told_of_end(&EngagementId::from_bytes([9; 16])),
                format!("told-of-end/{}", "09".repeat(16)),
            ),
            (
                schema::grants::review(crate::base::Timestamp::UNIX_EPOCH, &GrantId::from_bytes([9; 16])),
                format!("review-due/0/{}", "09".repeat(16)),
            ),
        ] {
            assert_eq!(describe(&key), text);
            assert_eq!(parse(&text), Some(key));
        }
    }

    #[test]
    fn so_have_those_of_grants() {
        for (key, words) in [
            (grants::engagement(&EngagementId::from_bytes([4; 16])), format!("engagement/{}", "04".repeat(16))),
            (
                grants::engaged(&UserId::from_bytes([6; 16]), &EngagementId::from_bytes([4; 16])),
                format!("engagement-of/{}/{}", "06".repeat(16), "04".repeat(16)),
            ),
            (grants::waiting(&GrantId::from_bytes([5; 16])), format!("grant-waiting/{}", "05".repeat(16))),
            (
                grants::ended_grant_of(
                    &UserId::from_bytes([6; 16]),
                    crate::base::Timestamp::from_second(1_500).unwrap(),
                    &GrantId::from_bytes([5; 16]),
                ),
                format!("ended-grant-of/{}/1500/{}", "06".repeat(16), "05".repeat(16)),
            ),
            (grants::grant(&GrantId::from_bytes([5; 16])), format!("grant/{}", "05".repeat(16))),
            (
                grants::open_grant_of(
                    &UserId::from_bytes([6; 16]),
                    &RoleId::from_bytes([7; 16]),
                    &GrantId::from_bytes([5; 16]),
                ),
                format!("open-grant-of/{}/{}/{}", "06".repeat(16), "07".repeat(16), "05".repeat(16)),
            ),
            (
                grants::due(crate::base::Timestamp::from_millisecond(1_500).unwrap(), &GrantId::from_bytes([5; 16])),
                format!("grant-due/2/{}", "05".repeat(16)),
            ),
        ] {
            assert_eq!(describe(&key), words);
            assert_eq!(parse(&words), Some(key));
        }
    }

    #[test]
    fn turns_of_sign_outs_have_words() {
        let (at, session) = (Timestamp::from_second(9).unwrap(), SessionId::from_bytes([7; 16]));
        let all = format!("logout-turn/9/35{}", "07".repeat(16));
        let one = format!("{all}{}", hex::encode("app"));
        let notice = sso::notice(&session, &"app".parse().unwrap());
        for (of, text) in [(sso::notices_of(&session), all), (notice, one)] {
            let key = sso::turn(at, &of);
            assert_eq!((describe(&key), parse(&text)), (text.clone(), Some(key)));
        }
        assert_eq!(parse("logout-turn/9/36"), None, "it leads to no notice");
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a list, of one line for each layout")]
    fn every_layout_has_words() {
        let (user, group) = (UserId::from_bytes([1; 16]), GroupId::from_bytes([2; 16]));
        let label = "corp".parse().unwrap();
        let member = Member::User(user);
        let (u, g) = (user.to_string(), group.to_string());
        let reference = RefHash([9; 16]);
        for (key, text) in [
            (schema::meta("head"), "meta/head".to_owned()),
            (schema::user(&user), format!("user/{u}")),
            (schema::name(MemberKind::User, "j.smith"), "name/user/j.smith".to_owned()),
            (schema::edge(&group, &member), format!("edge/{g}/user/{u}")),
            (schema::edge_back(&member, &group), format!("edge-back/user/{u}/{g}")),
            (schema::dangling(&group, &reference), format!("dangling/{g}/{}", hex::encode([9; 16]))),
            (schema::relink(MemberKind::User, user.as_bytes()), format!("relink/user/{u}")),
            (schema::sync_state(&label, "cursor"), "sync/corp/cursor".to_owned()),
            (schema::held(&[7; 32]), format!("held/{}", hex::encode([7; 32]))),
            (schema::held_chunk(&[7; 32], 3), format!("held/{}/3", hex::encode([7; 32]))),
            (schema::log(12), "log/12".to_owned()),
            (schema::open_log(12), "open-log/12".to_owned()),
            (schema::journal(5), "journal/5".to_owned()),
            (schema::history(&schema::user(&user), 5), format!("history/5/user/{u}")),
        ] {
            assert_eq!(describe(&key), text);
            assert_eq!(parse(&text), Some(key));
        }
        let (policy, role) = (PolicyId::from_bytes([3; 16]), RoleId::from_bytes([4; 16]));
        let (holder, p, r) = (Holder::Role(role), policy.to_string(), role.to_string());
        for (key, text) in [
            (iam::role(&role), format!("role/{r}")),
            (iam::object(Named::OidcProvider, role.as_bytes()), format!("oidc-provider/{r}")),
            (iam::object(Named::SamlProvider, role.as_bytes()), format!("saml-provider/{r}")),
            (iam::name(Named::OidcProvider, None, "a.b/c/"), "iam-name/oidc-provider/aws/a.b/c/".to_owned()),
            (iam::policy_version(&policy, 2), format!("policy-version/{p}/2")),
            (iam::guardrail(&GuardrailId::from_bytes([3; 16])), format!("guardrail/{p}")),
            (iam::name(Named::Guardrail, None, "regions"), "iam-name/guardrail/aws/regions".to_owned()),
            (iam::name(Named::Policy, None, "x/y"), "iam-name/policy/aws/x/y".to_owned()),
            (iam::entitlements(&holder), format!("entitlements/role/{r}")),
            (iam::claims(&iam::role(&role)), format!("claims/role/{r}")),
            (iam::held_by(&policy, &holder), format!("held-by/{p}/role/{r}")),
            (iam::assignment(&member, &role), format!("assignment/user/{u}/{r}")),
            (iam::assignment_back(&role, &member), format!("assignment-back/{r}/user/{u}")),
        ] {
            assert_eq!(describe(&key), text);
            assert_eq!(parse(&text), Some(key));
        }
        let (owner, id) = (CredentialOwner::User(user), "AKIAIOSFODNN7EXAMPLE".parse().unwrap());
        for (key, text) in [
            (credentials::access_key(&id), format!("access-key/{id}")),
            (credentials::access_key_of(&CredentialOwner::Root, &id), format!("access-key-of/root/{id}")),
            (credentials::last_used(&id), format!("last-used/{id}")),
            (credentials::login_profile(&owner), format!("login-profile/user/{u}/")),
            (credentials::mfa_device("x/y"), "mfa-device/x/y".to_owned()),
            (credentials::mfa_device_of(&owner, "x/y"), format!("mfa-device-of/user/{u}/x/y")),
            (factors::passkey(&user, &PasskeyId::from_bytes([9; 32])), format!("passkey/{u}/{}", "09".repeat(32))),
            (factors::passkey_owner(&PasskeyId::from_bytes([9; 32])), format!("passkey-owner/{}", "09".repeat(32))),
            (factors::recovery_codes(&user), format!("recovery-codes/{u}")),
            (credentials::sealing_key(3), "sealing-key/3".to_owned()),
            (credentials::signing_key(7), "signing-key/7".to_owned()),
            (credentials::session_key(8), "session-key/8".to_owned()),
            (sessions::session(&SessionId::from_bytes([7; 16])), format!("session/{}", "07".repeat(16))),
            (
                schema::saml::participations(&SessionId::from_bytes([7; 16])),
                format!("saml-sessions/{}", "07".repeat(16)),
            ),
            (sessions::seen(&SessionId::from_bytes([7; 16])), format!("session-seen/{}", "07".repeat(16))),
            (
                sessions::of(Way::Role, &[6; 16], &SessionId::from_bytes([7; 16])),
                format!("session-of/role/{}/{}", "06".repeat(16), "07".repeat(16)),
            ),
            (credentials::setting(Setting::PasswordPolicy), "setting/password-policy".to_owned()),
            (sso::client(&"app.1".parse().unwrap()), "client/app.1".to_owned()),
            (schema::saml::sp(&"wiki".parse().unwrap()), "saml-sp/wiki".to_owned()),
            (
                schema::saml::provider_key(
                    &crate::base::SamlProviderId::from_bytes([7; 16]),
                    &"A1".repeat(16).parse().unwrap(),
                ),
                format!("saml-provider-key/{}/{}", "07".repeat(16), "A1".repeat(16)),
            ),
            (schema::saml::pin(&"wiki".parse().unwrap()), "saml-sp-pin/wiki".to_owned()),
            (schema::saml::sp_of(""), format!("saml-sp-of/{}", hex::encode(Sha256::digest("")))),
            (sso::code(&[8; 32]), format!("authorization-code/{}", "08".repeat(32))),
            (sso::registration_token(&"ci".parse().unwrap()), "registration-token/ci".to_owned()),
            (sso::pushed(&[8; 32]), format!("pushed-request/{}", "08".repeat(32))),
            (sso::family(&FamilyId::from_bytes([8; 16])), format!("token-family/{}", "08".repeat(16))),
            (
                sso::family_of(&UserId::from_bytes([6; 16]), &FamilyId::from_bytes([8; 16])),
                format!("token-family-of/{}/{}", "06".repeat(16), "08".repeat(16)),
            ),
            (sso::over(crate::base::Timestamp::UNIX_EPOCH, &[8; 3]), "over/0/080808".to_owned()),
            (sso::device(&[8; 32]), format!("device/{}", "08".repeat(32))),
            (sso::user_code(&[8; 32]), format!("device-code-of/{}", "08".repeat(32))),
            (
                sso::notice(&SessionId::from_bytes([7; 16]), &"app".parse().unwrap()),
                format!("logout-notice/{}/app", "07".repeat(16)),
            ),
            (sso::spent(sso::Spent::Token, &[8; 32]), format!("spent/token/{}", "08".repeat(32))),
        ] {
            assert_eq!(describe(&key), text);
            assert_eq!(parse(&text), Some(key));
        }
        let back = schema::dangling_back(&label, &reference, &group);
        assert!(describe(&back).starts_with("dangling-back/"));
        assert_eq!(parse(&describe(&back)), Some(back));
        let by_sid = schema::group_by_sid(&label, &"S-1-5-21-1-2-3-513".parse().unwrap(), &group);
        assert!(describe(&by_sid).starts_with("group-by-sid/"));
        assert_eq!(parse(&describe(&by_sid)), Some(by_sid));
        let machine = schema::machine_known_by(&label, &reference, &crate::base::ResourceId::from_bytes([8; 16]));
        assert!(describe(&machine).starts_with("machine-known-by/"));
        assert_eq!(parse(&describe(&machine)), Some(machine));
    }

    proptest! {
        #[test]
        fn any_key_has_one_spelling(space in prop::sample::select(b"MUGRNEFDBIcKLYVWroiZTXQCgabupmnxzqkjsefhdSPAOHJ!1263457890l@".as_slice()), rest in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut key = vec![space];
            key.extend(rest);
            prop_assert_eq!(parse(&describe(&key)), Some(key));
        }

        #[test]
        fn hostile_spellings_are_refused_or_read(text in ".{0,60}") {
            let _ = parse(&text);
        }
    }
}
