//! What an SRV record is worth: the URL it stands for, or why it is refused.
//!
//! DNS is not authenticated: whoever can forge an answer chooses the name that TLS then checks. A certificate
//! for the name `evil.com` proves nothing but that this is evil.com (RFC 6125 section 4 asks for a name the user
//! gave or a trusted source, and so does RFC 4513 3.1.3). Two things tie the name to what the operator wrote:
//! it must lie in `domain`, where no outsider gets a certificate; or `ca_file` names the authorities that may vouch,
//! and those do not sign for outsiders either. Without one of the two the record is refused, before anything is
//! sent. Within the domain it remains that any machine with a certificate can pose as a domain controller to
//! somebody who believes forged DNS, and so can any with a key for `ldap/` of its own name where Kerberos takes the place
//! of TLS; where that matters, name the servers in `urls`.

use super::order::Record;
use crate::base::text::printable;
use crate::directory::Settings;
use crate::directory::settings::is_host_name;

/// The port of `ldap://`. The one that never speaks TLS from its first byte.
const LDAP: u16 = 389;
/// The port of `ldaps://`.
const LDAPS: u16 = 636;

/// What a record must be like to be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rules {
    /// The domain as configured, in lower case.
    domain: String,
    /// `ldap://` rather than `ldaps://`.
    plain: bool,
    /// Authorities of our own vouch for the servers, so their names may lie elsewhere.
    vouched: bool,
}

impl Rules {
    /// The rules that `settings` mean for servers of `domain`.
    pub(super) fn new(domain: &str, settings: &Settings) -> Self {
        // Kerberos encrypts `ldap://`, which every domain controller speaks. Whoever names authorities wants TLS.
        let sealed = settings.bind.seals() && settings.ca_file.is_none();
        let plain = settings.start_tls || settings.insecure || sealed;
        let encrypted = settings.start_tls || !plain;
        Self { domain: domain.to_owned(), plain, vouched: encrypted && settings.ca_file.is_some() }
    }

    /// The URL of the server that `record` names, or why there is none.
    ///
    /// The record tells the port of `ldap://`. Directories publish none for `ldaps://`, so 389 becomes 636. Any
    /// other port was chosen by somebody and is kept.
    pub(super) fn url(&self, record: &Record) -> Result<String, String> {
        let Record { target, port, .. } = record;
        if target.is_empty() {
            return Err("its target is `.`: the domain decidedly offers no LDAP service (RFC 2782)".to_owned());
        }
        if !is_host_name(target) {
            return Err(format!("its target `{}` is not a host name", printable(target)));
        }
        if *port == 0 {
            return Err(format!("it names port 0 of `{target}`"));
        }
        if !self.vouched && !is_within(target, &self.domain) {
            return Err(format!("its target `{target}` lies outside of `{}`, and DNS can be forged", self.domain));
        }
        Ok(match (self.plain, *port) {
            (true, LDAP) => format!("ldap://{target}"),
            (true, port) => format!("ldap://{target}:{port}"),
            (false, LDAP | LDAPS) => format!("ldaps://{target}"),
            (false, port) => format!("ldaps://{target}:{port}"),
        })
    }
}

/// Whether `host` is `domain` or a name below it.
fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|head| head.is_empty() || head.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(target: &str, port: u16) -> Record {
        Record { priority: 0, weight: 100, target: target.to_owned(), port }
    }

    fn rules(plain: bool, vouched: bool) -> Rules {
        Rules { domain: "corp.example.com".to_owned(), plain, vouched }
    }

    #[test]
    fn the_port_of_the_record_is_that_of_ldap() {
        let url = |plain, port| rules(plain, false).url(&record("dc1.corp.example.com", port)).unwrap();
        assert_eq!(url(false, 389), "ldaps://dc1.corp.example.com");
        assert_eq!(url(false, 636), "ldaps://dc1.corp.example.com");
        assert_eq!(url(false, 6360), "ldaps://dc1.corp.example.com:6360");
        assert_eq!(url(true, 389), "ldap://dc1.corp.example.com");
        assert_eq!(url(true, 3890), "ldap://dc1.corp.example.com:3890");
    }

    #[test]
    fn a_target_outside_of_the_domain_needs_authorities_of_our_own() {
        for outside in ["evil.com", "corp.example.com.evil.com", "evilcorp.example.com", "example.com", "com"] {
            let why = rules(false, false).url(&record(outside, 389)).unwrap_err();
            assert!(why.contains("outside of `corp.example.com`"), "{why}");
            assert_eq!(rules(false, true).url(&record(outside, 389)).unwrap(), format!("ldaps://{outside}"));
        }
        for inside in ["corp.example.com", "dc1.corp.example.com", "a.b.corp.example.com"] {
            assert!(rules(false, false).url(&record(inside, 389)).is_ok(), "{inside}");
        }
    }

    #[test]
    fn what_is_no_host_name_is_refused_whoever_vouches() {
        for bad in
            ["10.0.0.1", "dc1..corp.example.com", "dc1/x.corp.example.com", "dc1@corp.example.com", "-a.b", "a b"]
        {
            assert!(rules(false, true).url(&record(bad, 389)).unwrap_err().contains("not a host name"), "{bad}");
        }
        assert!(rules(false, true).url(&record("", 0)).unwrap_err().contains("decidedly"));
        assert!(rules(false, true).url(&record("dc1.corp.example.com", 0)).unwrap_err().contains("port 0"));
    }
}
