//! Proxies that ask about the requests of others: known by their address, and by a shared secret or their certificate.
//!
//! An address alone is not enough: whoever shares a machine with a proxy has it too. Nothing of what a proxy passes on counts
//! before it is known which one it is.

use std::fmt;
use std::net::IpAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

use super::Caller;
use crate::base::network::Networks;
use crate::base::{Fault, Faulty, Secret};

/// Least length of a shared secret, in characters: 16 random bytes, in hexadecimal digits.
pub const LEAST_SECRET: usize = 32;

/// A proxy whose questions are answered.
#[derive(Debug, Clone)]
pub struct TrustedProxy {
    /// Its name in records.
    pub name: String,
    /// Where its connections come from.
    pub addresses: Networks,
    /// What it has to send, if anything; any of these, so that one can be exchanged for the next.
    pub secrets: Vec<SharedSecret>,
    /// The name (RFC 5280, section 4.2.1.6, dNSName) that its certificate has to be for, if it has to have one.
    pub certificate_name: Option<String>,
}

/// A shared secret, as it is compared.
#[derive(Clone)]
pub struct SharedSecret([u8; 32]);

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(pub Vec<TrustedProxy>);

/// What a connection and a request say of the proxy at the other end.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The address of the connection's other end.
    pub peer: IpAddr,
    /// The secret that it sent.
    pub secret: Option<&'a [u8]>,
    /// The names (dNSName) of its certificate, which an authority of ours signed and whose key it proved to have; none without.
    pub names: &'a [String],
}

/// An authenticated proxy.
#[derive(Debug)]
pub struct Proxy {
    name: String,
}

/// Why somebody is no proxy of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UntrustedProxy {
    /// Nobody there is.
    #[error("no proxy of `forward_auth` has the address {0}")]
    Address(IpAddr),
    /// It does not have to show what it should.
    #[error("{proxy} does not show {lacks}")]
    Unproven {
        /// Which proxy has this address.
        proxy: String,
        /// What it would take.
        lacks: &'static str,
    },
}

impl Faulty for UntrustedProxy {
    fn fault(&self) -> Fault {
        Fault::Caller
    }
}

impl SharedSecret {
    /// This secret.
    #[must_use]
    pub fn new(secret: &Secret<String>) -> Self {
        Self(hashed(secret.expose().as_bytes()))
    }

    /// Compares hashes: neither length nor content is told by time.
    fn is(&self, shown: &[u8]) -> bool {
        verify_slices_are_equal(&self.0, &hashed(shown)).is_ok()
    }
}

fn hashed(text: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text).as_ref());
    hash
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret")
    }
}

impl TrustedProxies {
    /// The addresses of all of them.
    #[must_use]
    pub fn addresses(&self) -> Networks {
        Networks::all(self.0.iter().map(|proxy| &proxy.addresses))
    }
}

impl TrustedProxy {
    fn check(&self, evidence: &Evidence<'_>) -> Result<(), UntrustedProxy> {
        let lacks = |lacks| UntrustedProxy::Unproven { proxy: self.name.clone(), lacks };
        if self.secrets.is_empty() && self.certificate_name.is_none() {
            return Err(lacks("anything: it has neither a secret nor a certificate"));
        }
        // Each is tried, so that time does not tell which one it was.
        let shown = evidence.secret.unwrap_or_default();
        let known = self.secrets.iter().fold(false, |known, secret| known | secret.is(shown));
        if !self.secrets.is_empty() && !known {
            return Err(lacks("its shared secret in `X-Bailey-Proxy-Secret`"));
        }
        match &self.certificate_name {
            Some(name) if !evidence.names.iter().any(|shown| shown.eq_ignore_ascii_case(name)) => {
                Err(lacks("a certificate for its name, signed by an authority of `forward_auth.client_ca`"))
            }
            _ => Ok(()),
        }
    }
}

/// Authenticates a proxy: the one constructor of such a [`Caller`].
///
/// # Errors
/// When there is none at that address, or it does not show what it should.
pub fn from_evidence(proxies: &TrustedProxies, evidence: &Evidence<'_>) -> Result<Caller, UntrustedProxy> {
    let mut refusal = UntrustedProxy::Address(evidence.peer);
    for proxy in proxies.0.iter().filter(|proxy| proxy.addresses.contains(evidence.peer)) {
        match proxy.check(evidence) {
            Ok(()) => return Ok(Proxy { name: proxy.name.clone() }.into()),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

impl Proxy {
    /// Its name in the configuration.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "proxy {}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "0123456789abcdef0123456789abcdef";
    const NEXT: &str = "fedcba9876543210fedcba9876543210";

    fn proxy(name: &str, address: &str, secrets: &[&str], certificate_name: Option<&str>) -> TrustedProxy {
        let secret = |text: &&str| SharedSecret::new(&Secret::new((*text).to_owned()));
        TrustedProxy {
            name: name.to_owned(),
            addresses: Networks::new(vec![address.parse().unwrap()]),
            secrets: secrets.iter().map(secret).collect(),
            certificate_name: certificate_name.map(str::to_owned),
        }
    }

    #[test]
    fn a_proxy_has_an_address_and_shows_what_it_should() {
        let proxies = TrustedProxies(vec![
            proxy("edge", "192.0.2.1", &[FIRST, NEXT], None),
            proxy("mesh", "192.0.2.2", &[], Some("mesh.example.com")),
            proxy("both", "192.0.2.3", &[FIRST], Some("both.example.com")),
            // Two on one machine.
            proxy("other", "192.0.2.1", &["other-secret-other-secret-other-"], None),
            proxy("bare", "192.0.2.4", &[], None),
        ]);
        let (mesh, both) = (&["x.example.com", "MESH.example.com"][..], &["both.example.com"][..]);
        let known = |peer: &str, secret: Option<&str>, names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let evidence = Evidence { peer: peer.parse().unwrap(), secret: secret.map(str::as_bytes), names: &names };
            from_evidence(&proxies, &evidence).map(|caller| caller.to_string()).map_err(|error| error.to_string())
        };
        let ok = |name: &str| Ok(format!("proxy {name}"));
        assert_eq!(known("192.0.2.1", Some(FIRST), &[]), ok("edge"));
        assert_eq!(known("192.0.2.1", Some(NEXT), &[]), ok("edge"));
        assert_eq!(known("192.0.2.1", Some("other-secret-other-secret-other-"), &[]), ok("other"));
        assert_eq!(known("192.0.2.2", None, mesh), ok("mesh"));
        assert_eq!(known("192.0.2.3", Some(FIRST), both), ok("both"));
        for (peer, secret, names, said) in [
            ("192.0.2.9", Some(FIRST), mesh, "has the address 192.0.2.9"),
            ("192.0.2.1", None, &[], "its shared secret"),
            ("192.0.2.1", Some(""), &[], "its shared secret"),
            ("192.0.2.1", Some("0123456789abcdef0123456789abcdeF"), mesh, "its shared secret"),
            ("192.0.2.2", Some(FIRST), &[], "a certificate for its name"),
            ("192.0.2.2", None, both, "a certificate for its name"),
            // A wildcard is a name like any other.
            ("192.0.2.2", None, &["*.example.com"], "a certificate for its name"),
            ("192.0.2.3", Some(FIRST), &[], "a certificate for its name"),
            ("192.0.2.3", None, both, "its shared secret"),
            ("192.0.2.4", None, &[], "neither a secret nor a certificate"),
        ] {
            let refusal = known(peer, secret, names).unwrap_err();
            assert!(refusal.contains(said), "{peer}: {refusal}");
            assert!(!refusal.contains(FIRST) && !format!("{proxies:?}").contains(FIRST));
        }
    }
}
