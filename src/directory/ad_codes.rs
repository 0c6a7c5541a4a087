//! Why Active Directory refused a bind, in words.
//!
//! It answers every failed bind with result 49 and the reason as a Windows error code in the diagnostic message:
//! `80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data 52e, v4563`.
//! Log and findings may show what it says about our own account; about people it goes through [`refusal`].

use super::DirectoryError;
use super::sign_in::RefusalKind;

/// LDAP's invalidCredentials (RFC 4511 4.1.9).
const INVALID_CREDENTIALS: u32 = 49;
/// What stands before the code.
const BEFORE: &str = "AcceptSecurityContext error, data ";

/// A reason.
#[derive(Debug, PartialEq, Eq)]
struct Reason {
    /// The Windows error code, in hexadecimal as Active Directory writes it.
    code: u32,
    /// What it means.
    sentence: &'static str,
    /// What to do.
    remedy: &'static str,
}

/// The codes seen in binds ([MS-ERREF] 2.2).
#[rustfmt::skip]
const REASONS: [Reason; 10] = [
    Reason { code: 0x525, sentence: "there is no such account", remedy: "correct `bind_dn`" },
    Reason { code: 0x52e, sentence: "wrong name or password", remedy: "check `bind_dn` and its password" },
    Reason { code: 0x530, sentence: "the account may not sign in at this hour", remedy: "give the account logon hours without gaps" },
    Reason { code: 0x531, sentence: "the account may not sign in from this computer", remedy: "take the list of workstations off the account (`Log On To`)" },
    Reason { code: 0x532, sentence: "the account's password has expired", remedy: "set a new password, and let those of service accounts not expire" },
    Reason { code: 0x533, sentence: "the account is disabled", remedy: "enable the account" },
    Reason { code: 0x701, sentence: "the account has expired", remedy: "move or remove the account's expiry date" },
    Reason { code: 0x773, sentence: "the password must be changed before it is used", remedy: "clear `User must change password at next logon`, or set a new password" },
    Reason { code: 0x775, sentence: "the account is locked after too many failures", remedy: "find out who uses an old password, then unlock the account" },
    Reason { code: 0x8009_0346, sentence: "the sign-in is tied to another TLS connection than the one it came by", remedy: "connect to the domain controller itself: something in between ends TLS" },
];

/// `error` with the reason in words, if it is a refused bind that gives one; what the server wrote stays behind it.
pub(super) fn explained(mut error: DirectoryError) -> DirectoryError {
    if let DirectoryError::Refused { code: INVALID_CREDENTIALS, text, .. } = &mut error
        && let Some(reason) = reason(text)
    {
        *text = format!("{} ({text})", reason.sentence);
    }
    error
}

/// What to do about a bind refused with this diagnostic message; `None` when it gives no reason.
pub(super) fn remedy(text: &str) -> Option<&'static str> {
    reason(text).map(|reason| reason.remedy)
}

/// What such a message means for a person, and whether only somebody who has the password is told so.
pub(super) fn refusal(text: &str) -> Option<(RefusalKind, bool)> {
    Some(match code(text)? {
        0x525 | 0x52e => (RefusalKind::WrongPassword, false),
        0x530 => (RefusalKind::OutsideHours, true),
        0x531 => (RefusalKind::WrongWorkstation, true),
        0x532 => (RefusalKind::PasswordExpired, true),
        0x533 => (RefusalKind::Disabled, true),
        0x701 => (RefusalKind::AccountExpired, true),
        0x773 => (RefusalKind::MustChange, true),
        0x775 => (RefusalKind::Locked, false),
        _ => return None,
    })
}

fn reason(text: &str) -> Option<&'static Reason> {
    let code = code(text)?;
    REASONS.iter().find(|reason| reason.code == code)
}

fn code(text: &str) -> Option<u32> {
    let (_, behind) = text.split_once(BEFORE)?;
    let code = behind.split(|c: char| !c.is_ascii_hexdigit()).next()?;
    u32::from_str_radix(code, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u32, text: &str) -> DirectoryError {
        let (server, what) = ("ldaps://dc1.example.com".to_owned(), "the bind".to_owned());
        DirectoryError::Refused { server, what, code, name: "invalidCredentials", text: text.to_owned() }
    }

    #[test]
    fn every_code_has_its_words_and_keeps_what_the_server_wrote() {
        for (code, words, todo) in [
            ("525", "no such account", "bind_dn"),
            ("52e", "wrong name or password", "password"),
            ("530", "at this hour", "logon hours"),
            ("531", "from this computer", "workstations"),
            ("532", "password has expired", "new password"),
            ("533", "is disabled", "enable"),
            ("701", "account has expired", "expiry date"),
            ("773", "must be changed", "new password"),
            ("775", "is locked", "unlock"),
        ] {
            let text =
                format!("80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {code}, v1db1");
            let said = explained(refused(49, &text)).to_string();
            assert!(said.contains(words) && said.ends_with(&format!("({text})")), "{said}");
            assert!(remedy(&text).unwrap().contains(todo), "{code}");
        }
    }

    #[test]
    fn other_words_and_other_results_stay_as_they_are() {
        let known = "AcceptSecurityContext error, data 533, v1db1";
        for (code, text) in [
            (49, ""),
            (49, "AcceptSecurityContext error, data "),
            (49, "AcceptSecurityContext error, data 5333, v1db1"),
            (49, "AcceptSecurityContext error, data ffffffffffff, v1db1"),
            (8, known),
        ] {
            let before = refused(code, text).to_string();
            assert_eq!(explained(refused(code, text)).to_string(), before);
        }
        assert_eq!(remedy("data 533"), None);
    }
}
