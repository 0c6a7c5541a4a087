//! What single sign-on is to be.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use crate::base::text::printable;
use crate::fetch::Reach;

/// What the configuration says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Who we are to clients; without it there is no single sign-on.
    pub issuer: Option<IssuerUrl>,
    /// Whether the client that `bailey login` is, is there without registration.
    pub cli: bool,
    /// What may be reached to tell clients that somebody signed out, besides public addresses.
    pub reach: Reach,
    /// Whether software may register itself.
    pub registration: Registration,
}

/// Whether software may register itself (RFC 7591), and for whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registration {
    /// By a token that an administrator made; otherwise not at all.
    pub by_token: bool,
    /// Names of the groups whose people such clients may sign in; without any, everybody.
    pub groups: BTreeSet<String>,
}

/// Our own address, letter by letter as tokens and discovery documents say it: scheme, host and port, and nothing behind.
///
/// It comes from the configuration alone: an address made of what a request says (`Host`, `X-Forwarded-Host`) would be the
/// sender's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerUrl(String);

/// Text that is no such address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` cannot be our address: {why}")]
pub struct IssuerUrlError {
    text: String,
    why: &'static str,
}

impl IssuerUrl {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the way to it is encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Its host, without a port.
    #[must_use]
    pub fn host(&self) -> &str {
        let behind = self.0.split_once("://").map_or(self.0.as_str(), |(_, behind)| behind);
        match behind.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => behind,
        }
    }

    /// The address of `path`, which begins with a slash.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromStr for IssuerUrl {
    type Err = IssuerUrlError;

    fn from_str(text: &str) -> Result<Self, IssuerUrlError> {
        let fault = |why| IssuerUrlError { text: printable(text).into_owned(), why };
        let url = Url::parse(text).map_err(|_| fault("it is no address"))?;
        let is_here = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        match url.scheme() {
            "https" => {}
            "http" if is_here => {}
            "http" => return Err(fault("`http://` is for this machine alone: write `https://`")),
            _ => return Err(fault("it must begin with `https://`")),
        }
        // Clients compare letter by letter (OpenID Connect Discovery 1.0, section 4.3): what a parser would put right is refused.
        if url.as_str().strip_suffix('/') != Some(text) || url.path() != "/" {
            return Err(fault("write scheme, host and port in small letters, and nothing behind, no slash either"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(fault("it names a user"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_an_origin_in_its_plain_form() {
        for good in ["https://sso.example", "https://sso.example:8443", "http://127.0.0.1:9443", "http://localhost:1"] {
            assert_eq!(good.parse::<IssuerUrl>().unwrap().at("/x"), format!("{good}/x"));
        }
        for (text, host) in [
            ("https://sso.example", "sso.example"),
            ("http://127.0.0.1:9443", "127.0.0.1"),
            ("https://[2001:db8::7]:1", "[2001:db8::7]"),
        ] {
            assert_eq!(text.parse::<IssuerUrl>().unwrap().host(), host);
        }
        for bad in [
            "",
            "sso.example",
            "https://sso.example/",
            "https://sso.example/realm",
            "https://sso.example?x",
            "https://sso.example#",
            "https://SSO.example",
            "HTTPS://sso.example",
            "https://sso.example:443",
            "https://ann@sso.example",
            "http://sso.example",
            "http://127.0.0.1.evil.example",
            "ftp://sso.example",
        ] {
            assert!(bad.parse::<IssuerUrl>().is_err(), "{bad}");
        }
    }
}
