//! What it means that a directory refuses a bind, or takes it only in part.
//!
//! Active Directory says why in its diagnostic message ([`super::super::ad_codes`]); OpenLDAP in the control of
//! draft-behera-ldap-password-policy, which has to be asked for; 389-DS in that, in two controls of Netscape's, and in
//! results of its own.

use std::fmt;

use super::super::ad_codes;
use super::super::ldap::{PolicyError, Tried};
use super::super::settings::Family;

/// Results of a bind (RFC 4511 4.1.9).
const SUCCESS: u32 = 0;
const REFERRAL: u32 = 10;
const CONSTRAINT_VIOLATION: u32 = 19;
const INVALID_CREDENTIALS: u32 = 49;
const UNWILLING: u32 = 53;

/// Why a directory does not let somebody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub kind: RefusalKind,
    /// The password was right: the directory says this to nobody else, so its owner may be told.
    pub password_was_right: bool,
    /// What the server wrote, printable; empty when it wrote nothing.
    pub said: String,
}

/// Why a directory does not let somebody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The password is wrong, or the account is gone meanwhile.
    WrongPassword,
    /// The account is locked after too many wrong passwords.
    Locked,
    /// The account is switched off.
    Disabled,
    /// The account has ended.
    AccountExpired,
    /// The password is too old.
    PasswordExpired,
    /// The password has to be changed before it is used.
    MustChange,
    /// Not at this hour.
    OutsideHours,
    /// Not from this computer.
    WrongWorkstation,
    /// The server pointed elsewhere, where the password does not go.
    Referral,
    /// Something else; the number is the result (RFC 4511 4.1.9).
    Other(u32),
}

impl Refusal {
    /// A refusal about which no server said anything.
    #[must_use]
    pub fn of(kind: RefusalKind) -> Self {
        Self { kind, password_was_right: false, said: String::new() }
    }
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongPassword => "the password is wrong",
            Self::Locked => "the account is locked after too many wrong passwords",
            Self::Disabled => "the account is disabled",
            Self::AccountExpired => "the account has expired",
            Self::PasswordExpired => "the password has expired",
            Self::MustChange => "the password must be changed before it is used",
            Self::OutsideHours => "the account may not sign in at this hour",
            Self::WrongWorkstation => "the account may not sign in from this computer",
            Self::Referral => "the server refers to another one, and passwords are not sent on",
            Self::Other(code) => return write!(f, "the directory refuses with result {code}"),
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if self.said.is_empty() { Ok(()) } else { write!(f, " ({})", self.said) }
    }
}

impl std::error::Error for Refusal {}

/// Whether the server let them in.
pub(super) fn judge(family: Family, tried: &Tried) -> Result<(), Refusal> {
    use RefusalKind as Kind;
    let refused = |kind, password_was_right| Err(Refusal { kind, password_was_right, said: tried.text.clone() });
    match (tried.code, tried.policy) {
        // Let in, for nothing but a new password.
        (SUCCESS, Some(PolicyError::ChangeAfterReset)) => refused(Kind::MustChange, true),
        (SUCCESS, _) if tried.expired => refused(Kind::MustChange, true),
        (SUCCESS, _) => Ok(()),
        (REFERRAL, _) => refused(Kind::Referral, false),
        (INVALID_CREDENTIALS, _) if family == Family::ActiveDirectory => {
            let (kind, right) = ad_codes::refusal(&tried.text).unwrap_or((Kind::WrongPassword, false));
            refused(kind, right)
        }
        // `nsAccountLock`, which is looked at before the password; the control calls it a lock as well.
        (UNWILLING, _) if family == Family::Ds389 => refused(Kind::Disabled, false),
        (CONSTRAINT_VIOLATION, _) if family == Family::Ds389 => refused(Kind::Locked, false),
        // Expiry is looked at behind the password, locks before it.
        (INVALID_CREDENTIALS, Some(PolicyError::Expired)) => refused(Kind::PasswordExpired, true),
        (INVALID_CREDENTIALS, _) if tried.expired => refused(Kind::PasswordExpired, true),
        (_, Some(PolicyError::Locked)) => refused(Kind::Locked, false),
        (INVALID_CREDENTIALS, _) => refused(Kind::WrongPassword, false),
        (code, _) => refused(Kind::Other(code), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(code: u32, text: &str, policy: Option<PolicyError>, expired: bool) -> Tried {
        Tried { code, text: text.to_owned(), policy, expired }
    }

    #[test]
    fn every_directory_says_it_in_its_own_way() {
        use RefusalKind as Kind;
        let ad = |data: &str| {
            format!("80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {data}, v1db1")
        };
        let of = |family, tried: &Tried| {
            judge(family, tried).err().map(|refusal| (refusal.kind, refusal.password_was_right))
        };
        for (data, expected) in [
            ("525", (Kind::WrongPassword, false)),
            ("52e", (Kind::WrongPassword, false)),
            ("530", (Kind::OutsideHours, true)),
            ("531", (Kind::WrongWorkstation, true)),
            ("532", (Kind::PasswordExpired, true)),
            ("533", (Kind::Disabled, true)),
            ("701", (Kind::AccountExpired, true)),
            ("773", (Kind::MustChange, true)),
            ("775", (Kind::Locked, false)),
            ("1234", (Kind::WrongPassword, false)),
        ] {
            assert_eq!(of(Family::ActiveDirectory, &tried(49, &ad(data), None, false)), Some(expected), "{data}");
        }
        let (open, ds) = (Family::Ldap, Family::Ds389);
        for (family, tried, expected) in [
            (open, tried(0, "", None, false), None),
            (open, tried(0, "", Some(PolicyError::ChangeAfterReset), false), Some((Kind::MustChange, true))),
            (ds, tried(0, "", None, true), Some((Kind::MustChange, true))),
            (open, tried(49, "", None, false), Some((Kind::WrongPassword, false))),
            (open, tried(49, "", Some(PolicyError::Expired), false), Some((Kind::PasswordExpired, true))),
            (open, tried(49, "", Some(PolicyError::Locked), false), Some((Kind::Locked, false))),
            (ds, tried(49, "", None, true), Some((Kind::PasswordExpired, true))),
            (ds, tried(19, "", None, false), Some((Kind::Locked, false))),
            (ds, tried(53, "", Some(PolicyError::Locked), false), Some((Kind::Disabled, false))),
            (open, tried(53, "", None, false), Some((Kind::Other(53), false))),
            (open, tried(10, "", None, false), Some((Kind::Referral, false))),
            (Family::ActiveDirectory, tried(8, "", None, false), Some((Kind::Other(8), false))),
        ] {
            assert_eq!(of(family, &tried), expected, "{tried:?}");
        }
    }
}
