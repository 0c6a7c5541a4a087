//! Whether an account may act, as OpenLDAP, 389-DS and RFC 2307 say it; Active Directory's word is added to it.

use super::active_directory;
use crate::base::Timestamp;
use crate::base::text::printable;
use crate::directory::Entry;
use crate::model::Standing;

/// What the entry says of its account.
///
/// # Errors
/// When a value cannot be read: it is not taken for absent.
pub(super) fn read(entry: &Entry) -> Result<Standing, String> {
    let mut standing = locks_and_end(entry)?;
    active_directory::add_standing(entry, &mut standing)?;
    standing.disabled = is_disabled(entry);
    Ok(standing)
}

/// True when the entry says that its account is switched off, whatever else is wrong with it.
///
/// * `pwdAccountLockedTime` (draft-behera-ldap-password-policy 5.3.3): `000001010000Z` locks until an
///   administrator unlocks.
/// * `nsAccountLock` (389-DS): TRUE switches it off.
/// * `userAccountControl` (Active Directory): ACCOUNTDISABLE.
pub(super) fn is_disabled(entry: &Entry) -> bool {
    let says = |attribute: &str, told: fn(&[u8]) -> bool| {
        entry.attributes.values(attribute).iter().any(|value| told(value.trim_ascii()))
    };
    says("nsAccountLock", |value| value.eq_ignore_ascii_case(b"true"))
        || says("pwdAccountLockedTime", is_for_good)
        || active_directory::is_disabled(entry)
}

/// Year 0 stands for no time at all, with or without seconds.
fn is_for_good(locked: &[u8]) -> bool {
    locked.starts_with(b"00000101")
}

/// Since when password logins are locked, and when the account ends.
///
/// * `pwdAccountLockedTime`: any time but `000001010000Z` is a lockout after failed attempts.
/// * `pwdEndTime` (same draft): the account ends then.
/// * `shadowExpire` (RFC 2307): days since 1970; the account ends then. -1 and absence mean never.
fn locks_and_end(entry: &Entry) -> Result<Standing, String> {
    let mut standing = Standing::default();
    if let Some(time) = state(entry, "pwdAccountLockedTime")?.filter(|time| !is_for_good(time.as_bytes())) {
        standing.locked_since = Some(generalized_time("pwdAccountLockedTime", time)?);
    }
    let ends = [
        state(entry, "pwdEndTime")?.map(|time| generalized_time("pwdEndTime", time)).transpose()?,
        state(entry, "shadowExpire")?.map(shadow_expire).transpose()?.flatten(),
    ];
    standing.expires = ends.into_iter().flatten().min();
    Ok(standing)
}

/// An attribute that says something about the account's state. One that cannot be read is not taken for absent.
pub(super) fn state<'a>(entry: &'a Entry, attribute: &str) -> Result<Option<&'a str>, String> {
    let Some(value) = entry.attributes.values(attribute).first() else { return Ok(None) };
    let text = std::str::from_utf8(value).map_err(|_| format!("`{attribute}` is not valid UTF-8"))?;
    Ok(Some(text.trim_matches(' ')))
}

fn shadow_expire(text: &str) -> Result<Option<Timestamp>, String> {
    let fault = || format!("`shadowExpire` is `{}`, not a number of days", printable(text));
    let days: i64 = text.trim().parse().map_err(|_| fault())?;
    if days < 0 {
        return Ok(None);
    }
    let seconds = days.checked_mul(86_400).ok_or_else(fault)?;
    // A date beyond what a timestamp can hold is as good as never.
    Ok(Timestamp::from_second(seconds).ok())
}

/// RFC 4517 3.3.13, as far as directories write it: `YYYYMMDDHHMM[SS][.f]Z`.
fn generalized_time(attribute: &str, text: &str) -> Result<Timestamp, String> {
    let fault = || format!("`{attribute}` is `{}`, not a generalized time", printable(text));
    let digits = text.strip_suffix('Z').ok_or_else(fault)?;
    let whole = digits.split(['.', ',']).next().unwrap_or_default();
    let padded = match whole.len() {
        12 => format!("{whole}00"),
        14 => whole.to_owned(),
        _ => return Err(fault()),
    };
    let civil = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", &padded).map_err(|_| fault())?;
    jiff::tz::Offset::UTC.to_timestamp(civil).map_err(|_| fault())
}

#[cfg(test)]
mod tests {
    use super::super::Skip;
    use super::super::fixture::{at, entry, map_person};
    use super::*;
    use crate::directory::Kind;

    /// The standing of a person with this one attribute; or why there is none, and whether it is known to be off.
    fn standing(attribute: &str, value: &str) -> Result<Standing, Skip> {
        map_person(&entry(Kind::Person, &[("uid", &["ann"]), (attribute, &[value])])).map(|user| user.standing)
    }

    #[test]
    fn what_switches_an_account_off() {
        for (attribute, value, off) in [
            ("pwdAccountLockedTime", "000001010000Z", true),
            ("pwdAccountLockedTime", "00000101000000Z", true),
            ("pwdAccountLockedTime", "20260312120000Z", false),
            ("nsAccountLock", "TRUE", true),
            ("nsaccountlock", "true ", true),
            ("nsAccountLock", "FALSE", false),
            ("loginShell", "/sbin/nologin", false),
        ] {
            assert_eq!(standing(attribute, value).unwrap().disabled, off, "{attribute} {value}");
        }
    }

    #[test]
    fn when_an_account_ends() {
        for (attribute, value, ends) in [
            ("shadowExpire", "20000", Some("2024-10-04T00:00:00Z")),
            ("shadowExpire", " 1 ", Some("1970-01-02T00:00:00Z")),
            ("shadowExpire", "0", Some("1970-01-01T00:00:00Z")),
            ("shadowExpire", "-1", None),
            ("shadowExpire", "99999999999", None),
            ("pwdEndTime", "20261231235959Z", Some("2026-12-31T23:59:59Z")),
            ("pwdEndTime", "202612312359Z", Some("2026-12-31T23:59:00Z")),
            ("pwdEndTime", "20261231235959.5Z", Some("2026-12-31T23:59:59Z")),
        ] {
            assert_eq!(standing(attribute, value).unwrap().expires, ends.map(at), "{attribute} {value}");
        }
        let both = entry(
            Kind::Person,
            &[("uid", &["ann"]), ("shadowExpire", &["20000"]), ("pwdEndTime", &["20200101000000Z"])],
        );
        assert_eq!(map_person(&both).unwrap().standing.expires, Some(at("2020-01-01T00:00:00Z")), "the earlier one");
    }

    #[test]
    fn a_lockout_has_a_time_and_no_other_effect() {
        let locked = standing("pwdAccountLockedTime", "20260312120000Z").unwrap();
        assert_eq!((locked.locked_since, locked.disabled), (Some(at("2026-03-12T12:00:00Z")), false));
    }

    #[test]
    fn a_time_that_is_none_is_a_reason_to_skip_and_never_a_way_to_stay() {
        for (attribute, value) in [
            ("pwdEndTime", "20261331000000Z"),
            ("pwdEndTime", "2026"),
            ("pwdEndTime", "20261231235959"),
            ("pwdAccountLockedTime", "x"),
            ("shadowExpire", ""),
            ("shadowExpire", "9223372036854775807"),
        ] {
            let skip = standing(attribute, value).unwrap_err();
            assert!(skip.why.contains(attribute) && !skip.disabled, "{skip:?}");
        }
        let entry = entry(
            Kind::Person,
            &[("uid", &["ann"]), ("pwdAccountLockedTime", &["000001010000Z"]), ("shadowExpire", &["soon"])],
        );
        assert!(map_person(&entry).unwrap_err().disabled);
    }
}
