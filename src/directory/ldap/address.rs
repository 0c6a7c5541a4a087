//! A server's address, and whether what is said to it can be overheard.

use std::net::IpAddr;
use std::path::PathBuf;

use url::Url;

use crate::directory::{DirectoryError, Settings};

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::directory) enum Address {
    /// `ldaps://`: TLS from the first byte.
    Tls(Host),
    /// `ldap://`: in the clear, or StartTLS.
    Plain(Host),
    /// `ldapi://`: a Unix socket.
    Unix(PathBuf),
}

/// A host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::directory) struct Host {
    /// Name or address, without brackets.
    pub(in crate::directory) name: String,
    /// TCP port.
    pub(in crate::directory) port: u16,
}

impl Host {
    fn is_loopback(&self) -> bool {
        self.name.eq_ignore_ascii_case("localhost") || self.name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl Address {
    /// The address `text` names.
    pub(in crate::directory) fn parse(text: &str) -> Result<Self, DirectoryError> {
        let fault = |why: &str| DirectoryError::Setup { what: format!("server `{text}`"), why: why.to_owned() };
        let url = Url::parse(text).map_err(|error| fault(&error.to_string()))?;
        if !matches!(url.path(), "" | "/")
            || url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
        {
            return Err(fault(
                "expected only a scheme, a host and a port; bases and filters have settings of their own",
            ));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| fault("expected a host after `//`"))?;
        let at = |port: u16| Host {
            name: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port().unwrap_or(port),
        };
        match url.scheme() {
            "ldaps" => Ok(Self::Tls(at(636))),
            "ldap" => Ok(Self::Plain(at(389))),
            "ldapi" => {
                let path = percent_encoding::percent_decode_str(host).decode_utf8();
                let path = path.ok().filter(|path| path.starts_with('/') && url.port().is_none());
                let path = path.ok_or_else(|| fault("expected the socket's path with `/` written `%2F`"))?;
                Ok(Self::Unix(PathBuf::from(path.into_owned())))
            }
            _ => Err(fault("expected `ldaps://`, `ldap://` or `ldapi://`")),
        }
    }

    /// True when passwords and people would cross a network readable by anyone on it.
    pub(in crate::directory) fn is_overheard(&self, settings: &Settings) -> bool {
        matches!(self, Self::Plain(host) if !settings.start_tls && !settings.bind.seals() && !host.is_loopback())
    }

    /// The host whose name the server must prove to have; none of a socket.
    pub(in crate::directory) fn host(&self) -> Option<&Host> {
        match self {
            Self::Tls(host) | Self::Plain(host) => Some(host),
            Self::Unix(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let host = |name: &str, port| Host { name: name.to_owned(), port };
        let cases = [
            ("ldaps://dc1.example.com", Address::Tls(host("dc1.example.com", 636))),
            ("ldap://127.0.0.1:3890/", Address::Plain(host("127.0.0.1", 3890))),
            ("ldap://[::1]", Address::Plain(host("::1", 389))),
            ("ldapi://%2Frun%2Fslapd%2Fldapi", Address::Unix("/run/slapd/ldapi".into())),
        ];
        for (text, address) in cases {
            assert_eq!(Address::parse(text).unwrap(), address, "{text}");
        }
        for bad in [
            "",
            "dc1",
            "http://dc1",
            "ldap://",
            "ldaps://dc1/dc=x",
            "ldap://dc1:99999",
            "ldapi://run",
            "ldap://user@dc1",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }
}
