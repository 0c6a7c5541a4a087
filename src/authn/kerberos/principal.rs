//! The name of whoever holds a ticket.

use std::fmt;

use super::KerberosRefused;
use crate::base::text::{hidden, printable_within};

/// Longest name and longest realm, in bytes. An account of a domain has 20 characters at most, a domain's name 255.
const LONGEST: usize = 255;

/// A name of one part, and the realm whose servers say so: `alice@AD.EXAMPLE.COM`, `WEB1$@AD.EXAMPLE.COM`.
///
/// Names of several parts (`host/web1.example.com`) are services' and other names of accounts that have one of these, too. Made
/// from a ticket that was taken alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    name: String,
    realm: String,
}

impl Principal {
    /// What the library shows (`krb5_unparse_name`): a backslash stands in front of what would be taken for a separator. A name
    /// that has any of these is not taken apart and refused: `alice\@ad.example.com@AD.EXAMPLE.COM` is an enterprise name
    /// (RFC 6806 5), which its holder may have chosen.
    pub(in crate::authn) fn shown(text: &str) -> Result<Self, KerberosRefused> {
        let refused = || KerberosRefused::Name(printable_within(text, 200).into_owned());
        let (name, realm) = text.split_once('@').ok_or_else(refused)?;
        let fits = |part: &str| {
            let odd = |c: char| matches!(c, '/' | '@' | '\\') || c.is_whitespace() || hidden(c);
            !part.is_empty() && part.len() <= LONGEST && !part.contains(odd)
        };
        if !fits(name) || !fits(realm) {
            return Err(refused());
        }
        Ok(Self { name: name.to_owned(), realm: realm.to_owned() })
    }

    /// The realm, as it is spelled.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The name in it, as it is spelled.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same, if it is the account of a computer or of a managed service. These end with `$`, and a `$` is never added: what
    /// takes the name without one for the name with it lets everybody be a computer who may rename one (CVE-2021-42287).
    #[must_use]
    pub fn machine(&self) -> Option<&str> {
        let plain = self.name.strip_suffix('$')?;
        (!plain.is_empty() && !plain.contains('$')).then_some(&self.name)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.realm)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn machine(text: &str) -> Option<String> {
        Principal::shown(text).ok()?.machine().map(str::to_owned)
    }

    #[test]
    fn a_machine_has_one_part_that_ends_with_a_dollar() {
        assert_eq!(machine("WEB1$@AD.TEST").as_deref(), Some("WEB1$"));
        assert_eq!(machine("web-1$@ad.test").as_deref(), Some("web-1$"));
        for nobody in ["alice@AD.TEST", "WEB1@AD.TEST", "$@AD.TEST", "WEB1$$@AD.TEST", "a$b@AD.TEST", "a$b$@AD.TEST"] {
            assert_eq!(machine(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn a_name_that_could_be_read_otherwise_is_none() {
        for odd in [
            "host/web1.ad.test@AD.TEST",
            "host/WEB1$@AD.TEST",
            "WEB1$\\@AD.TEST@AD.TEST",
            "WEB1$\\/x@AD.TEST",
            "WEB1\\$@AD.TEST",
            "WEB1$@AD.TEST@OTHER.TEST",
            "WEB1$@AD.TEST/OTHER",
            "WEB1$@AD\\@TEST",
            "WEB1$@",
            "@AD.TEST",
            "WEB1$",
            "WEB 1$@AD.TEST",
            "WEB1\0$@AD.TEST",
            "WEB1$@AD.TEST\n",
            "",
        ] {
            assert!(matches!(Principal::shown(odd), Err(KerberosRefused::Name(_))), "{odd}");
        }
        assert!(Principal::shown(&format!("{}$@AD.TEST", "w".repeat(LONGEST))).is_err());
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_shown(text in "[a-zA-Z$@/\\\\. ]{0,24}") {
            if let Ok(principal) = Principal::shown(&text) {
                prop_assert_eq!(&principal.to_string(), &text);
                prop_assert_eq!(text.matches('@').count(), 1);
                prop_assert!(!text.contains(['/', '\\', ' ']));
            }
        }
    }
}
