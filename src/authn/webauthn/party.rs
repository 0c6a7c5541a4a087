//! Who we are to browsers and devices.

use url::Url;

/// The relying party: a passkey works for its name alone (level 2, section 5.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The host that passkeys are bound to, which never changes without making all of them worthless.
    pub(super) id: String,
    /// Where pages are that use them.
    pub(super) origin: Url,
    /// Pages of another port count as well: it was not said which one browsers use.
    pub(super) any_port: bool,
}

impl Party {
    /// The party of this address, such as `https://sso.example.com:8443`. `None` of one whose host is an address: browsers make
    /// passkeys for names alone.
    #[must_use]
    pub fn at(origin: &str) -> Option<Self> {
        let origin = Url::parse(origin).ok()?;
        Some(Self { id: origin.domain()?.to_owned(), origin, any_port: false })
    }

    /// The party of this host, whatever port its pages have.
    #[must_use]
    pub fn of_host(host: &str) -> Option<Self> {
        Self::at(&format!("https://{host}")).map(|party| Self { any_port: true, ..party })
    }

    /// The host that passkeys are bound to.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_has_a_name() {
        assert_eq!(Party::at("https://sso.example:8443").unwrap().id(), "sso.example");
        assert_eq!(Party::at("http://localhost:1").unwrap().id(), "localhost");
        assert!(Party::of_host("bailey.example").unwrap().any_port);
        for address in ["https://127.0.0.1", "https://[::1]:8443", "sso.example", ""] {
            assert_eq!(Party::at(address), None, "{address}");
        }
        assert_eq!(Party::of_host("127.0.0.1"), None);
    }
}
