//! When a directory locks an account, so that we stop before it does.
//!
//! Active Directory keeps it at the head of the domain, and for some people in a policy of their own
//! (`msDS-ResultantPSO`); OpenLDAP in the policy a person names. Where none of it can be read nothing is known, which is
//! no error: the limit set here is low by itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::ldap::{Connection, Question, RawEntry};
use super::super::root_dse::RootDse;
use super::super::settings::Family;
use super::super::source::LdapSource;
use super::super::{DirectoryError, Dn};
use super::Lockout;

/// How long what was read of a domain or a policy holds.
const HOLDS: Duration = Duration::from_secs(300);

/// Most policies that are remembered.
const MOST: usize = 1_000;

/// Active Directory counts time in these many a second, downwards from zero (MS-ADTS 2.2.9).
const TICKS: u64 = 10_000_000;

/// What was read, by the object it stands in.
#[derive(Debug, Default)]
pub(in crate::directory) struct Lockouts(Mutex<HashMap<String, (Instant, Option<Lockout>)>>);

/// What is asked of a person for it.
pub(super) fn attributes(family: Family) -> Option<&'static str> {
    match family {
        Family::ActiveDirectory => Some("msDS-ResultantPSO"),
        Family::Ldap => Some("pwdPolicySubentry"),
        Family::Ds389 => None,
    }
}

/// When the account of `person`, which is `dn`, is locked; `None` where it never is, or nobody can say.
pub(super) async fn of(
    source: &LdapSource,
    connection: &mut Connection,
    person: &RawEntry,
    dn: &Dn,
) -> Result<Option<Lockout>, DirectoryError> {
    let family = source.settings.family;
    let own = attributes(family).and_then(|name| text(person, name));
    let names = match family {
        Family::ActiveDirectory => ("msDS-LockoutThreshold", "msDS-LockoutObservationWindow"),
        Family::Ldap | Family::Ds389 => ("pwdMaxFailure", "pwdFailureCountInterval"),
    };
    if let Some(policy) = own
        && let Read::Known(lockout) = read(source, connection, policy, names).await?
    {
        return Ok(lockout);
    }
    if family != Family::ActiveDirectory {
        return Ok(None);
    }
    let root = RootDse::read(connection).await?;
    let Some(head) = root.context_of(dn) else { return Ok(None) };
    match read(source, connection, head.as_str(), ("lockoutThreshold", "lockOutObservationWindow")).await? {
        Read::Known(lockout) => Ok(lockout),
        Read::Hidden => Ok(None),
    }
}

enum Read {
    Known(Option<Lockout>),
    /// It is not there, or our account may not see it.
    Hidden,
}

async fn read(
    source: &LdapSource,
    connection: &mut Connection,
    object: &str,
    (threshold, window): (&str, &str),
) -> Result<Read, DirectoryError> {
    let now = Instant::now();
    if let Some(known) = source.lockouts.get(object, now) {
        return Ok(Read::Known(known));
    }
    let (entries, outcome) = connection.search(&Question::entry(object, &[threshold, window])).await?.all().await?;
    let Some(entry) = entries.first().filter(|_| outcome.code == 0) else { return Ok(Read::Hidden) };
    let Some(limit) = text(entry, threshold).and_then(|limit| limit.parse::<u32>().ok()) else {
        return Ok(Read::Hidden);
    };
    let window = text(entry, window).map_or(Duration::MAX, |window| meant(source.settings.family, window));
    // None at all is the directory's word for never (MS-ADTS 3.1.1.5.4.1; draft-behera 5.2.11).
    let lockout = (limit > 0).then_some(Lockout { threshold: limit, window });
    source.lockouts.put(object, lockout, now);
    Ok(Read::Known(lockout))
}

/// A window as the directory writes it; one that cannot be read is taken for the longest.
fn meant(family: Family, text: &str) -> Duration {
    match family {
        Family::ActiveDirectory => match text.parse::<i64>() {
            Ok(0 | i64::MIN) | Err(_) => Duration::MAX,
            Ok(ticks) => Duration::from_secs(ticks.unsigned_abs() / TICKS),
        },
        Family::Ldap | Family::Ds389 => match text.parse::<u64>() {
            Ok(0) | Err(_) => Duration::MAX,
            Ok(seconds) => Duration::from_secs(seconds),
        },
    }
}

fn text<'a>(entry: &'a RawEntry, name: &str) -> Option<&'a str> {
    entry.values(name).first().and_then(|value| std::str::from_utf8(value).ok())
}

impl Lockouts {
    fn get(&self, object: &str, now: Instant) -> Option<Option<Lockout>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(object).filter(|(read, _)| now.duration_since(*read) < HOLDS).map(|(_, lockout)| *lockout)
    }

    fn put(&self, object: &str, lockout: Option<Lockout>, now: Instant) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MOST {
            held.retain(|_, (read, _)| now.duration_since(*read) < HOLDS);
        }
        if held.len() < MOST {
            held.insert(object.to_owned(), (now, lockout));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_as_their_directory_writes_them() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        for (family, text, expected) in [
            (Family::ActiveDirectory, "-18000000000", minutes(30)),
            (Family::ActiveDirectory, "-9223372036854775808", Duration::MAX),
            (Family::ActiveDirectory, "0", Duration::MAX),
            (Family::ActiveDirectory, "soon", Duration::MAX),
            (Family::Ldap, "900", minutes(15)),
            (Family::Ldap, "0", Duration::MAX),
        ] {
            assert_eq!(meant(family, text), expected, "{text}");
        }
    }
}
