//! The part of the wire that people sign in by: a connection that is nobody's yet, a bind, and whose it is then.

use std::time::Duration;

use ldap3::controls::RawControl;
use ldap3::exop::{Exop, WhoAmI as Question};

use super::ber::{self, Elements};
use super::transport::Purpose;
use super::{Connection, control, timed_out};
use crate::base::Secret;
use crate::base::text::printable;
use crate::directory::{DirectoryError, Settings};

/// OID of the question whose a connection is (RFC 4532).
pub(in crate::directory) const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";

/// Control of draft-behera-ldap-password-policy-10, section 6: asked for without a value, and answered.
const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";
/// Netscape's control "password expired" (draft-vchu-ldap-pwd-policy-00), which 389-DS sends unasked.
const PASSWORD_EXPIRED: &str = "2.16.840.1.113730.3.4.4";

/// How a bind was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::directory) struct Tried {
    /// The result (RFC 4511 4.1.9).
    pub(in crate::directory) code: u32,
    /// The diagnostic message, printable.
    pub(in crate::directory) text: String,
    /// What the password policy has to say.
    pub(in crate::directory) policy: Option<PolicyError>,
    /// Netscape's control was there.
    pub(in crate::directory) expired: bool,
}

/// What a password policy has against a bind (draft-behera, section 6.2), as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::directory) enum PolicyError {
    /// The password is too old.
    Expired,
    /// The account is locked.
    Locked,
    /// Somebody else set the password.
    ChangeAfterReset,
}

/// Whose a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::directory) enum WhoAmI {
    /// Somebody's.
    Somebody,
    /// Nobody's: the bind was anonymous, whatever its result.
    Nobody,
    /// The server does not know the question.
    NotOffered,
}

impl Connection {
    /// Connects to `server` for somebody who will sign in with a password, and says nothing yet. Within the connect
    /// time-out.
    pub(in crate::directory) async fn open_for_person(
        server: &str,
        settings: &Settings,
    ) -> Result<Self, DirectoryError> {
        let limit = settings.connect_timeout;
        let opened = tokio::time::timeout(limit, Self::connect(server, settings, Purpose::Person)).await;
        let mut connection = opened.unwrap_or_else(|_| Err(timed_out(server, "connecting", limit)))?;
        // A person waits at the other end: no answer takes as long as a page of a full read may.
        connection.answer_timeout = connection.answer_timeout.min(limit);
        Ok(connection)
    }

    /// Binds as `dn`, which was read from the directory and is sent as it came.
    pub(in crate::directory) async fn bind_person(
        &mut self,
        dn: &str,
        password: &Secret<String>,
    ) -> Result<Tried, DirectoryError> {
        // Active Directory has no such control.
        if !self.domain_scope {
            let asked = RawControl { ctype: PASSWORD_POLICY.to_owned(), crit: false, val: None };
            self.ldap.with_controls(vec![asked]);
        }
        let limit = self.answer_timeout;
        let bound = tokio::time::timeout(limit, self.ldap.simple_bind(dn, password.expose())).await;
        let result = bound.map_err(|_| timed_out(&self.server, "a bind", limit))?;
        let result = result.map_err(|error| self.failure(&error))?;
        let policy = match control(&result.ctrls, PASSWORD_POLICY) {
            None => None,
            Some(value) => value
                .map_or(Some(None), policy_error)
                .ok_or_else(|| self.broken("it sent a malformed password policy control"))?,
        };
        let expired = control(&result.ctrls, PASSWORD_EXPIRED).is_some();
        Ok(Tried { code: result.rc, text: printable(&result.text).into_owned(), policy, expired })
    }

    /// Whose the connection is, by the server's own word.
    pub(in crate::directory) async fn who_am_i(&mut self) -> Result<WhoAmI, DirectoryError> {
        const PROTOCOL_ERROR: u32 = 2;
        let limit: Duration = self.answer_timeout;
        let asked = tokio::time::timeout(limit, self.ldap.extended(Question)).await;
        let answer = asked.map_err(|_| timed_out(&self.server, "the question who it is", limit))?;
        let answer = answer.map_err(|error| self.failure(&error))?;
        let ldap3::result::ExopResult(Exop { val, .. }, result) = answer;
        match (result.rc, val) {
            (0, Some(name)) if !is_anonymous(&name) => Ok(WhoAmI::Somebody),
            (PROTOCOL_ERROR, _) => Ok(WhoAmI::NotOffered),
            // A server that refuses the question to whoever has just signed in does not take them for somebody.
            _ => Ok(WhoAmI::Nobody),
        }
    }
}

/// Names of nobody: none (RFC 4532 2), an empty DN, and what Windows calls it.
fn is_anonymous(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).trim().to_ascii_lowercase();
    matches!(name.as_str(), "" | "dn:" | "u:") || name.contains("anonymous")
}

/// `PasswordPolicyResponseValue ::= SEQUENCE { warning [0] CHOICE {..} OPTIONAL, error [1] ENUMERATED OPTIONAL }`;
/// `None` when malformed.
fn policy_error(value: &[u8]) -> Option<Option<PolicyError>> {
    const WARNING: u8 = 0xa0;
    const ERROR: u8 = 0x81;
    let mut outer = Elements(value);
    let mut parts = Elements(outer.next_if(ber::SEQUENCE)?.content);
    parts.next_if(WARNING);
    let error = match parts.next_if(ERROR) {
        Some(error) => match error.number()? {
            0 => Some(PolicyError::Expired),
            1 => Some(PolicyError::Locked),
            2 => Some(PolicyError::ChangeAfterReset),
            // About new passwords.
            _ => None,
        },
        None => None,
    };
    (parts.is_empty() && outer.is_empty()).then_some(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_many_names() {
        for nobody in ["", " ", "dn:", "u:", "u:NT AUTHORITY\\ANONYMOUS LOGON", "anonymous"] {
            assert!(is_anonymous(nobody.as_bytes()), "{nobody}");
        }
        assert!(!is_anonymous(b"dn:uid=ann,dc=example"));
        assert!(!is_anonymous(b"u:ADT\\ann"));
    }

    #[test]
    fn a_policy_says_what_it_has_against_it() {
        let warning = [0xa0, 0x03, 0x81, 0x01, 0x02];
        for (parts, expected) in [
            (vec![], Some(None)),
            (warning.to_vec(), Some(None)),
            (vec![0x81, 0x01, 0x00], Some(Some(PolicyError::Expired))),
            (vec![0x81, 0x01, 0x01], Some(Some(PolicyError::Locked))),
            ([&warning[..], &[0x81, 0x01, 0x02]].concat(), Some(Some(PolicyError::ChangeAfterReset))),
            (vec![0x81, 0x01, 0x05], Some(None)),
            (vec![0x81, 0x00], None),
            (vec![0x82, 0x01, 0x01], None),
        ] {
            let mut value = Vec::new();
            ber::push(&mut value, ber::SEQUENCE, &parts);
            assert_eq!(policy_error(&value), expected, "{parts:x?}");
        }
        assert_eq!(policy_error(b""), None);
    }
}
