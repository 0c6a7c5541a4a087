//! Active Directory domains, and for what each of them may speak.
//!
//! A group may refer to somebody of another domain, by SID (a foreign security principal) or by DN. Whoever answers to
//! that reference gets what the group gives. So an object's own word for its SID or DN is not enough: a directory of
//! lesser trust could hold an entry that says it is the other domain's administrator. A claim counts only if
//!
//! * the object's directory is an Active Directory domain ([`Domains`] holds no others), where no administrator of an
//!   organisational unit can choose a SID,
//! * the SID was given out by that very domain, or the DN lies in it and in no domain below it, and
//! * no second directory stands for the same domain. Which of them is meant would be a guess, so nobody is.
//!
//! Whoever runs a domain's controllers can speak as anybody of that domain, and of no other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::DirectoryLabel;
use crate::base::Sid;

/// What a domain is known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// Its SID: `objectSid` of the domain's head.
    pub sid: Sid,
    /// Normal form of the DN of its head, the default naming context: `dc=ad,dc=example`.
    pub base: String,
}

/// The directories that are Active Directory domains and may hold members of each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Domains(BTreeMap<DirectoryLabel, Domain>);

impl Domains {
    /// These directories are these domains.
    #[must_use]
    pub fn new(domains: impl IntoIterator<Item = (DirectoryLabel, Domain)>) -> Self {
        Self(domains.into_iter().filter(|(_, domain)| domain.sid.is_domain() && !domain.base.is_empty()).collect())
    }

    /// All of them, by label.
    pub fn labels(&self) -> impl Iterator<Item = &DirectoryLabel> {
        self.0.keys()
    }

    /// True when `directory` is one of them.
    #[must_use]
    pub fn holds(&self, directory: &DirectoryLabel) -> bool {
        self.0.contains_key(directory)
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True when an object of `directory` may say that it is `sid`.
    #[must_use]
    pub fn may_claim_sid(&self, directory: &DirectoryLabel, sid: &Sid) -> bool {
        let Some(domain) = sid.domain() else { return false };
        self.sole(directory, |other| other.sid == domain)
    }

    /// True when an object of `directory` may say that it is called `normal`, the normal form of a DN.
    #[must_use]
    pub fn may_claim_dn(&self, directory: &DirectoryLabel, normal: &str) -> bool {
        let bases = self.0.values().map(|domain| domain.base.as_str()).filter(|base| lies_under(normal, base));
        // A child domain's DNs lie under its parent's, which has no say in them.
        let Some(nearest) = bases.max_by_key(|base| base.len()) else { return false };
        self.sole(directory, |other| other.base == nearest)
    }

    /// The one directory that is the domain of this DNS name, which a Kerberos realm spells in upper case.
    #[must_use]
    pub fn called(&self, name: &str) -> Option<&DirectoryLabel> {
        let base = format!("dc={}", name.to_lowercase().replace('.', ",dc="));
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        let mut such = self.0.iter().filter(|(_, domain)| plain && domain.base == base);
        such.next().filter(|_| such.next().is_none()).map(|(label, _)| label)
    }

    /// True when `directory`, and no other, is as `is` says.
    fn sole(&self, directory: &DirectoryLabel, is: impl Fn(&Domain) -> bool) -> bool {
        let mut such = self.0.iter().filter(|(_, domain)| is(domain));
        such.next().is_some_and(|(label, _)| label == directory) && such.next().is_none()
    }
}

/// True when the normal form `name` is `base` or below it: there a comma always ends an RDN.
fn lies_under(name: &str, base: &str) -> bool {
    name.strip_suffix(base).is_some_and(|above| above.is_empty() || above.ends_with(','))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains(all: &[(&str, &str, &str)]) -> Domains {
        let domain = |(label, sid, base): &(&str, &str, &str)| {
            (label.parse().unwrap(), Domain { sid: sid.parse().unwrap(), base: (*base).to_owned() })
        };
        Domains::new(all.iter().map(domain))
    }

    fn claims(domains: &Domains, label: &str, sid: &str, dn: &str) -> (bool, bool) {
        let label = label.parse().unwrap();
        (domains.may_claim_sid(&label, &sid.parse().unwrap()), domains.may_claim_dn(&label, dn))
    }

    #[test]
    fn a_domain_speaks_for_its_own_and_for_nobody_else() {
        let both = domains(&[("a", "S-1-5-21-1-1-1", "dc=a,dc=test"), ("b", "S-1-5-21-2-2-2", "dc=b,dc=test")]);
        assert_eq!(claims(&both, "a", "S-1-5-21-1-1-1-500", "cn=ann,dc=a,dc=test"), (true, true));
        assert_eq!(claims(&both, "b", "S-1-5-21-1-1-1-500", "cn=ann,dc=a,dc=test"), (false, false));
        assert_eq!(claims(&both, "a", "S-1-5-32-544", "cn=ann,dc=other"), (false, false));
        assert_eq!(claims(&both, "a", "S-1-5-11", "cn=ann,xdc=a,dc=test"), (false, false));
        assert_eq!(claims(&both, "ldap", "S-1-5-21-1-1-1-500", "cn=ann,dc=a,dc=test"), (false, false));
    }

    #[test]
    fn a_parent_has_no_say_in_its_child() {
        let forest = domains(&[("p", "S-1-5-21-1-1-1", "dc=test"), ("c", "S-1-5-21-2-2-2", "dc=c,dc=test")]);
        assert!(!claims(&forest, "p", "S-1-5-21-1-1-1-1", "cn=ann,dc=c,dc=test").1);
        assert!(claims(&forest, "c", "S-1-5-21-2-2-2-1", "cn=ann,dc=c,dc=test").1);
        assert!(claims(&forest, "p", "S-1-5-21-1-1-1-1", "cn=ann,dc=test").1);
    }

    #[test]
    fn two_that_stand_for_one_domain_speak_for_nobody() {
        let twice = domains(&[("a", "S-1-5-21-1-1-1", "dc=a,dc=test"), ("x", "S-1-5-21-1-1-1", "dc=a,dc=test")]);
        for label in ["a", "x"] {
            assert_eq!(claims(&twice, label, "S-1-5-21-1-1-1-500", "cn=ann,dc=a,dc=test"), (false, false));
        }
        assert!(domains(&[("a", "S-1-5-32-544", "dc=a")]).is_empty(), "no domain's SID");
    }
}
