//! How somebody's account is at this moment, for a sign-in in which no bind tells it.

use super::super::settings::Family;
use super::super::source::LdapSource;
use super::super::{Arrival, DirectoryError, Entry, Kind, Source as _, Wanted};
use crate::base::Guid;

/// ACCOUNTDISABLE of `userAccountControl` (MS-ADTS 2.2.16).
const DISABLED: i64 = 0x2;

/// How an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// It is a person's, and not switched off.
    Usable,
    /// It is switched off.
    Disabled,
    /// Whether it is cannot be read.
    Hidden,
    /// No person with that id is in scope.
    Absent,
}

/// Looks the person up by id: names change hands, ids do not.
pub(super) async fn state_of(source: &LdapSource, guid: &Guid) -> Result<AccountState, DirectoryError> {
    let found = source.look_up(vec![Wanted::Guid(*guid)]).await?;
    let live = found.iter().find_map(|arrival| match arrival {
        Arrival::Entry(entry) if entry.guid == *guid && entry.kind == Kind::Person => Some(entry),
        _ => None,
    });
    Ok(live.map_or(AccountState::Absent, |entry| of(entry, source.settings.family)))
}

/// What the entry says, as every sync reads it (`sync::mapping`). A lock that wrong passwords brought about is none here: whoever
/// guesses passwords would otherwise lock people out who use none.
fn of(entry: &Entry, family: Family) -> AccountState {
    let says = |attribute: &str, told: fn(&[u8]) -> bool| {
        entry.attributes.values(attribute).iter().any(|value| told(value.trim_ascii()))
    };
    let off = says("nsAccountLock", |value| value.eq_ignore_ascii_case(b"true"))
        || says("pwdAccountLockedTime", |value| value.starts_with(b"00000101"));
    let control = entry.attributes.text("userAccountControl").and_then(|bits| bits.parse::<i64>().ok());
    match control {
        _ if off => AccountState::Disabled,
        Some(bits) if bits & DISABLED != 0 => AccountState::Disabled,
        None if family == Family::ActiveDirectory => AccountState::Hidden,
        _ => AccountState::Usable,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Attributes;
    use super::*;

    #[test]
    fn what_switches_an_account_off_is_seen() {
        let state = |family, attributes: &[(&str, &str)]| {
            let mut held = Attributes::default();
            for (name, value) in attributes {
                held.push(name, vec![value.as_bytes().to_vec()]);
            }
            let (guid, dn) = (Guid::from_bytes([1; 16]), "cn=ann,dc=test".parse().unwrap());
            of(&Entry { kind: Kind::Person, guid, dn, attributes: held }, family)
        };
        use AccountState::{Disabled, Hidden, Usable};
        use Family::{ActiveDirectory, Ldap};
        for (family, attributes, wanted) in [
            (Ldap, &[][..], Usable),
            (Ldap, &[("pwdAccountLockedTime", "20260312120000Z")], Usable),
            (Ldap, &[("pwdAccountLockedTime", "000001010000Z")], Disabled),
            (Ldap, &[("nsAccountLock", "TRUE")], Disabled),
            (ActiveDirectory, &[("userAccountControl", "512")], Usable),
            (ActiveDirectory, &[("userAccountControl", "514")], Disabled),
            (ActiveDirectory, &[("userAccountControl", "x")], Hidden),
            (ActiveDirectory, &[], Hidden),
        ] {
            assert_eq!(state(family, attributes), wanted, "{attributes:?}");
        }
    }
}
