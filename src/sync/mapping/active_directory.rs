//! What Active Directory says of accounts and groups.
//!
//! Every attribute here is read wherever it is present, and one that cannot be read is a reason to skip the entry, never
//! taken for absent. Two things come without an event and are therefore compared at use, not here: that an account has
//! ended, and that its hours are over. `lastLogonTimestamp` and `badPwdCount` change all day and are not read.

use super::standing::state;
use crate::base::text::printable;
use crate::base::{Sid, Timestamp};
use crate::directory::{Entry, Kind};
use crate::model::{GroupScope, LogonHours, Origin, Standing};
use crate::sync::settings::Settings;

/// The attributes read here, to be asked for beside those that are mapped.
pub const ATTRIBUTES: [&str; 11] = [
    "accountExpires",
    COMPUTED,
    "groupType",
    "lockoutTime",
    "logonHours",
    "objectSid",
    "primaryGroupID",
    "pwdLastSet",
    ACCOUNT,
    "sAMAccountType",
    CONTROL,
];

/// The name of an account, unique in its domain at any one moment and not over time.
pub(super) const ACCOUNT: &str = "sAMAccountName";

const CONTROL: &str = "userAccountControl";

/// The constructed twin of `userAccountControl`: bits that follow from the time (MS-ADTS 3.1.1.4.5.17).
const COMPUTED: &str = "msDS-User-Account-Control-Computed";

/// Bits of `userAccountControl` (MS-ADTS 2.2.16). Those not named here say how somebody may authenticate or be delegated
/// to, which the directory decides when they do.
mod control {
    /// UF_ACCOUNTDISABLE: switched off.
    pub(super) const DISABLED: i64 = 0x2;
    /// UF_LOCKOUT, in the computed attribute only: the lock of `lockoutTime` still holds.
    pub(super) const LOCKED: i64 = 0x10;
    /// UF_INTERDOMAIN_TRUST_ACCOUNT, UF_WORKSTATION_TRUST_ACCOUNT, UF_SERVER_TRUST_ACCOUNT: no person.
    pub(super) const TRUSTS: i64 = 0x800 | 0x1000 | 0x2000;
    /// UF_DONT_EXPIRE_PASSWD, UF_SMARTCARD_REQUIRED: the password never has to be changed.
    pub(super) const LASTING_PASSWORD: i64 = 0x1_0000 | 0x4_0000;
    /// UF_PASSWORD_EXPIRED, in the computed attribute only.
    pub(super) const PASSWORD_EXPIRED: i64 = 0x80_0000;
}

/// Bits of `groupType` (MS-ADTS 2.2.12). GROUP_TYPE_BUILTIN_LOCAL (0x1) always comes with 0x4.
mod group {
    pub(super) const GLOBAL: i64 = 0x2;
    pub(super) const DOMAIN_LOCAL: i64 = 0x4;
    pub(super) const UNIVERSAL: i64 = 0x8;
    pub(super) const SECURITY: i64 = 0x8000_0000;
}

/// `sAMAccountType` of people's accounts: SAM_USER_OBJECT (MS-SAMR 2.2.1.9). Machines have 0x30000001, trusts 0x30000002.
const SAM_USER: i64 = 0x3000_0000;

/// The entry's security identifier.
///
/// # Errors
/// When there is one that cannot be read.
pub(super) fn sid(entry: &Entry) -> Result<Option<Sid>, String> {
    let Some(value) = entry.attributes.values("objectSid").first() else { return Ok(None) };
    Sid::from_bytes(value).map(Some).map_err(|why| format!("`objectSid`: {why}"))
}

/// Why an entry of the kind people are is no person.
///
/// Machines and trusts have accounts that differ from people's by what the directory set when it made them, not by name:
/// whoever may rename a computer can take the `$` from its name and hope to be taken for the person (or the domain
/// controller) called like that (CVE-2021-42278). So a name with a `$` is never a person's, and one without proves nothing.
#[must_use]
pub fn not_a_person(settings: &Settings, entry: &Entry) -> Option<String> {
    if entry.kind != Kind::Person {
        return None;
    }
    for attribute in [settings.mapping.login.as_str(), ACCOUNT] {
        if entry.attributes.values(attribute).iter().any(|name| name.trim_ascii_end().ends_with(b"$")) {
            return Some(format!("its `{attribute}` ends with `$`, so it is the account of a machine or a trust"));
        }
    }
    let bits = number(entry, CONTROL).ok().flatten().unwrap_or(0);
    if bits & control::TRUSTS != 0 {
        return Some(format!("its `{CONTROL}` is {bits}: the account of a machine or a trust, not of a person"));
    }
    let sort = number(entry, "sAMAccountType").ok().flatten().filter(|sort| *sort != SAM_USER)?;
    Some(format!("its `sAMAccountType` is {sort}: the account of a machine or a trust, not of a person"))
}

/// True when the entry says that its account is switched off.
pub(super) fn is_disabled(entry: &Entry) -> bool {
    number(entry, CONTROL).is_ok_and(|bits| bits.is_some_and(|bits| bits & control::DISABLED != 0))
}

/// Adds to `standing` when the account is locked, when it ends, and its hours.
///
/// * `userAccountControl` must be there: an account of a domain has one, and one that the reader may not see leaves open
///   whether it is switched off.
/// * `lockoutTime`: since when password logins are locked; 0 means they are not. Nobody resets it when the lock runs out,
///   but the computed attribute then says so.
/// * `accountExpires`: 0 and the largest number mean never.
/// * `logonHours`: a bit an hour.
///
/// # Errors
/// When a value cannot be read, or the account's state is hidden.
pub(super) fn add_standing(entry: &Entry, standing: &mut Standing) -> Result<(), String> {
    let bits = number(entry, CONTROL)?;
    if bits.is_none() && entry.kind != Kind::Group && !entry.attributes.values("objectSid").is_empty() {
        return Err(format!(
            "no `{CONTROL}`: whether the account is switched off is unknown; let the reader's account read it"
        ));
    }
    number(entry, "sAMAccountType")?;
    let holds = number(entry, COMPUTED)?.is_none_or(|bits| bits & control::LOCKED != 0);
    if let Some(locked) = filetime(entry, "lockoutTime")?.filter(|_| holds) {
        standing.locked_since = Some(locked);
    }
    if let Some(ends) = filetime(entry, "accountExpires")? {
        standing.expires = Some(standing.expires.map_or(ends, |other| other.min(ends)));
    }
    if let Some(value) = entry.attributes.values("logonHours").first() {
        let hours = <[u8; 21]>::try_from(value.as_ref())
            .map_err(|_| format!("`logonHours` has {} bytes instead of 21", value.len()))?;
        standing.logon_hours = LogonHours::limit(hours);
    }
    Ok(())
}

/// What is said of somebody's password.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Password {
    /// When it was set.
    pub(super) changed: Option<Timestamp>,
    /// It is refused until it is changed.
    pub(super) must_change: bool,
}

/// `pwdLastSet`: when the password was set; 0 when it must be changed first. Whether it has expired is in the computed
/// attribute, because it depends on the password policy that applies.
///
/// # Errors
/// When a value cannot be read.
pub(super) fn password(entry: &Entry) -> Result<Password, String> {
    let bits = number(entry, CONTROL)?.unwrap_or(0);
    let must_change = match number(entry, COMPUTED)? {
        Some(computed) => computed & control::PASSWORD_EXPIRED != 0,
        None => number(entry, "pwdLastSet")? == Some(0) && bits & control::LASTING_PASSWORD == 0,
    };
    Ok(Password { changed: filetime(entry, "pwdLastSet")?, must_change })
}

/// The group that does not list this member: `primaryGroupID` is its RID in the account's own domain (MS-ADA3, `primaryGroupID`).
///
/// # Errors
/// When the value cannot be read.
pub(super) fn primary_group(entry: &Entry, origin: &Origin) -> Result<Option<Sid>, String> {
    let Some(rid) = number(entry, "primaryGroupID")? else { return Ok(None) };
    let rid = u32::try_from(rid).map_err(|_| format!("`primaryGroupID` is {rid}, not the RID of a group"))?;
    Ok(origin.sid.as_ref().and_then(|sid| sid.sibling(rid)))
}

/// A group's scope, and whether it is a security group. Groups of other directories have neither.
///
/// # Errors
/// When the value cannot be read.
pub(super) fn group_type(entry: &Entry) -> Result<(Option<GroupScope>, bool), String> {
    let Some(bits) = number(entry, "groupType")? else { return Ok((None, false)) };
    let scopes = [
        (group::GLOBAL, GroupScope::Global),
        (group::DOMAIN_LOCAL, GroupScope::DomainLocal),
        (group::UNIVERSAL, GroupScope::Universal),
    ];
    // None for groups that applications define for themselves (0x10, 0x20).
    let scope = scopes.into_iter().find(|(bit, _)| bits & bit != 0).map(|(_, scope)| scope);
    Ok((scope, bits & group::SECURITY != 0))
}

/// A number of 32 or 64 bits as LDAP writes it. One of 32 bits is signed, so its highest bit makes it negative; as
/// 64 bits it still has that bit.
fn number(entry: &Entry, attribute: &str) -> Result<Option<i64>, String> {
    let Some(text) = state(entry, attribute)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| format!("`{attribute}` is `{}`, not a whole number", printable(text)))
}

/// 100-nanosecond steps between 1601, where FILETIME begins (MS-DTYP 2.3.3), and 1970.
const EPOCH: i128 = 116_444_736_000_000_000;

/// A moment as Windows counts it; `None` for 0 and the largest number, which mean never, and for a moment beyond what a
/// timestamp can hold, which is as good as never.
fn filetime(entry: &Entry, attribute: &str) -> Result<Option<Timestamp>, String> {
    let Some(steps) = number(entry, attribute)? else { return Ok(None) };
    if steps < 0 {
        return Err(format!("`{attribute}` is {steps}, before time began in 1601"));
    }
    let moment = || Timestamp::from_nanosecond((i128::from(steps) - EPOCH) * 100).ok();
    Ok((steps != 0 && steps != i64::MAX).then(moment).flatten())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, entry, map_person, settings};
    use super::super::{Skip, map};
    use super::*;
    use crate::base::{GroupId, ResourceId};
    use crate::model::{Entity, Inactive, Member, User};

    const SID: &str = "S-1-5-21-1-2-3-1104";

    /// A person's entry of a domain with these attributes besides its SID.
    fn account(kind: Kind, attributes: &[(&str, &str)]) -> Entry {
        let mut entry = entry(kind, &[("uid", &["ann"])]);
        for (name, value) in attributes {
            entry.attributes.push(name, vec![value.as_bytes().to_vec()]);
        }
        entry.attributes.push("objectSid", vec![SID.parse::<Sid>().unwrap().to_bytes()]);
        entry
    }

    fn person(attributes: &[(&str, &str)]) -> Result<User, Skip> {
        map_person(&account(Kind::Person, &[&[("userAccountControl", "512")], attributes].concat()))
    }

    #[test]
    fn what_switches_an_account_off() {
        for (bits, off) in [
            ("512", false),
            ("514", true),
            ("66048", false),
            ("66050", true),
            ("262658", true),
            ("-2147483646", true),
            ("-2147483648", false),
        ] {
            let mapped = map_person(&account(Kind::Person, &[("userAccountControl", bits)])).unwrap();
            assert_eq!(mapped.standing.disabled, off, "{bits}");
        }
        let broken = account(Kind::Person, &[("userAccountControl", "514"), ("accountExpires", "soon")]);
        assert!(map_person(&broken).unwrap_err().disabled, "whatever else is wrong");
    }

    #[test]
    fn an_account_whose_state_is_hidden_is_nobody() {
        let hidden = map_person(&account(Kind::Person, &[])).unwrap_err();
        assert!(hidden.why.contains("userAccountControl") && !hidden.disabled, "{hidden:?}");
        let machine = Member::Resource(ResourceId::from_bytes([3; 16]));
        assert!(map(&settings(), &account(Kind::Machine, &[]), machine).is_err());
        let mut named = settings();
        named.mapping.group_name = "uid".to_owned();
        let group = Member::Group(GroupId::from_bytes([3; 16]));
        assert!(map(&named, &account(Kind::Group, &[]), group).is_ok(), "a group is no account");
    }

    #[test]
    fn when_an_account_ends() {
        for (value, ends) in [
            ("0", None),
            ("9223372036854775807", None),
            ("9223372036854775806", None),
            ("2650467744000000000", None),
            ("133485408000000000", Some("2024-01-01T00:00:00Z")),
            ("116444736000000000", Some("1970-01-01T00:00:00Z")),
            ("1", Some("1601-01-01T00:00:00.0000001Z")),
        ] {
            assert_eq!(person(&[("accountExpires", value)]).unwrap().standing.expires, ends.map(at), "{value}");
        }
    }

    #[test]
    fn a_lock_that_ran_out_is_none() {
        let lock = ("lockoutTime", "133485408000000000");
        for (attributes, locked) in [
            (vec![lock], true),
            (vec![lock, (COMPUTED, "16")], true),
            (vec![lock, (COMPUTED, "8388624")], true),
            (vec![lock, (COMPUTED, "0")], false),
            (vec![("lockoutTime", "0")], false),
            (vec![("lockoutTime", "0"), (COMPUTED, "16")], false),
            (vec![], false),
        ] {
            let since = person(&attributes).unwrap().standing.locked_since;
            assert_eq!(since, locked.then(|| at("2024-01-01T00:00:00Z")), "{attributes:?}");
        }
    }

    #[test]
    fn when_a_password_must_be_changed() {
        let set = ("pwdLastSet", "133485408000000000");
        for (attributes, changed, must_change) in [
            (vec![set], true, false),
            (vec![("pwdLastSet", "0")], false, true),
            (vec![("pwdLastSet", "0"), (COMPUTED, "8388608")], false, true),
            (vec![("pwdLastSet", "0"), (COMPUTED, "0")], false, false),
            (vec![set, (COMPUTED, "8388608")], true, true),
            (vec![], false, false),
        ] {
            let user = person(&attributes).unwrap();
            assert_eq!(user.password_changed, changed.then(|| at("2024-01-01T00:00:00Z")), "{attributes:?}");
            assert_eq!(user.must_change_password, must_change, "{attributes:?}");
        }
        let lasting = account(Kind::Person, &[("userAccountControl", "66048"), ("pwdLastSet", "0")]);
        assert!(!map_person(&lasting).unwrap().must_change_password);
    }

    #[test]
    fn hours_limit_an_account_and_all_of_them_do_not() {
        let hours = |bytes: &[u8]| {
            let mut entry = account(Kind::Person, &[("userAccountControl", "512")]);
            entry.attributes.push("logonHours", vec![bytes.to_vec()]);
            map_person(&entry).map(|user| user.standing)
        };
        assert_eq!(hours(&[0xff; 21]).unwrap().logon_hours, None);
        let never = hours(&[0; 21]).unwrap();
        assert_eq!(never.active(at("2026-03-12T12:00:00Z")), Err(Inactive::OffHours));
        let mut sunday = [0; 21];
        sunday[0] = 1;
        let sunday = hours(&sunday).unwrap();
        assert_eq!(sunday.active(at("2026-03-15T00:30:00Z")), Ok(()));
        assert_eq!(sunday.active(at("2026-03-15T01:30:00Z")), Err(Inactive::OffHours));
        for bytes in [[0xff; 20].as_slice(), &[0xff; 22], &[]] {
            assert!(hours(bytes).unwrap_err().why.contains("logonHours"));
        }
    }

    #[test]
    fn a_value_that_cannot_be_read_is_a_reason_to_skip() {
        for (attribute, value) in [
            ("accountExpires", "never"),
            ("accountExpires", "-1"),
            ("accountExpires", "9223372036854775808"),
            ("lockoutTime", ""),
            ("pwdLastSet", "1.5"),
            ("primaryGroupID", "-513"),
            ("primaryGroupID", "4294967296"),
            ("sAMAccountType", "x"),
            (COMPUTED, "0x10"),
        ] {
            let skip = person(&[(attribute, value)]).unwrap_err();
            assert!(skip.why.contains(attribute) && !skip.disabled, "{attribute} {value}: {skip:?}");
        }
        let mut entry = entry(Kind::Person, &[("uid", &["ann"]), ("userAccountControl", &["514"])]);
        entry.attributes.push("objectSid", vec![vec![1, 2, 3]]);
        assert!(map_person(&entry).unwrap_err().disabled);
    }

    #[test]
    fn machines_and_trusts_are_never_people() {
        for attributes in [
            [("sAMAccountName", "WS1$"), ("userAccountControl", "512")],
            [("sAMAccountName", "WS1$ "), ("userAccountControl", "512")],
            [("sAMAccountName", "DC1"), ("userAccountControl", "4096")],
            [("sAMAccountName", "DC1"), ("userAccountControl", "532480")],
            [("sAMAccountName", "OTHER"), ("userAccountControl", "2080")],
            [("sAMAccountType", "805306369"), ("userAccountControl", "512")],
            [("sAMAccountType", "805306370"), ("userAccountControl", "512")],
        ] {
            let skip = map_person(&account(Kind::Person, &attributes)).unwrap_err();
            assert!(skip.why.contains("machine or a trust") && skip.disabled, "{attributes:?}: {skip:?}");
        }
        let spoofed = entry(Kind::Person, &[("uid", &["ann$"])]);
        assert!(map_person(&spoofed).unwrap_err().why.contains("`uid`"));
        assert!(person(&[("sAMAccountType", "805306368"), ("sAMAccountName", "a$b")]).is_ok());
    }

    #[test]
    fn a_primary_group_is_a_sid_of_the_own_domain() {
        let user = person(&[("primaryGroupID", "513")]).unwrap();
        assert_eq!(user.origin.sid.unwrap().to_string(), SID);
        assert_eq!(user.primary_group.unwrap().to_string(), "S-1-5-21-1-2-3-513");
        let without = entry(Kind::Person, &[("uid", &["ann"]), ("primaryGroupID", &["513"])]);
        assert_eq!(map_person(&without).unwrap().primary_group, None, "no domain to look in");
        let machine = account(Kind::Machine, &[("userAccountControl", "4096"), ("primaryGroupID", "515")]);
        let mut rules = settings();
        rules.mapping.machine_name = "uid".to_owned();
        let mapped = map(&rules, &machine, Member::Resource(ResourceId::from_bytes([3; 16]))).unwrap();
        let Entity::Resource(resource) = mapped.entity else { panic!("no machine") };
        assert_eq!(resource.primary_group.unwrap().to_string(), "S-1-5-21-1-2-3-515");
    }

    #[test]
    fn what_sort_of_group_it_is() {
        let kind = |value: &str| {
            let group = entry(Kind::Group, &[("cn", &["team"]), ("groupType", &[value])]);
            group_type(&group)
        };
        for (value, expected) in [
            ("-2147483646", (Some(GroupScope::Global), true)),
            ("-2147483644", (Some(GroupScope::DomainLocal), true)),
            ("-2147483643", (Some(GroupScope::DomainLocal), true)),
            ("-2147483640", (Some(GroupScope::Universal), true)),
            ("2", (Some(GroupScope::Global), false)),
            ("4", (Some(GroupScope::DomainLocal), false)),
            ("8", (Some(GroupScope::Universal), false)),
            ("16", (None, false)),
            ("2147483650", (Some(GroupScope::Global), true)),
        ] {
            assert_eq!(kind(value), Ok(expected), "{value}");
        }
        assert!(kind("global").is_err());
        assert_eq!(group_type(&entry(Kind::Group, &[("cn", &["team"])])), Ok((None, false)));
    }
}
