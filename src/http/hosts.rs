//! The names the public listener answers to, and the check of what a request names.
//!
//! A page elsewhere can point a name of its own at our address and have a browser ask us under it (DNS rebinding), and
//! whatever makes a link out of the host it was asked for can be made to write somebody else's. A list of names ends both.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use hyper::header::HOST;
use hyper::http::request::Parts;

use crate::base::text::printable;
use crate::base::{Fault, Faulty};

/// A host without its port, as it is compared: in lower case, an IPv6 address in brackets and in its one short form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host(String);

/// Names that are answered to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    known: BTreeSet<Host>,
    /// The one that was written first, or this machine's own where only it can ask.
    main: Option<Host>,
}

/// Why a request is not answered under the host it names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The target names one host, the header another.
    #[error("the request is addressed to `{}` and its Host header names `{}`: send one and the same", printable(.target), printable(.header))]
    Disagree {
        /// The host of the target.
        target: String,
        /// That of the header.
        header: String,
    },
    /// It is none.
    #[error("`{}` is not a host name or address with an optional port", printable(.0))]
    Malformed(String),
    /// There is none (RFC 9112 3.2).
    #[error("the request has no Host header; send the name this server was reached by")]
    Missing,
    /// There are several (RFC 9112 3.2).
    #[error("the request has {0} Host headers; send one")]
    Several(usize),
    /// It is not ours.
    #[error("this server does not answer to `{}`; whoever runs it can add the name to `https.hosts`", printable(.0))]
    Unknown(String),
}

impl Faulty for HostError {
    fn fault(&self) -> Fault {
        Fault::Caller
    }
}

/// A text that names no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a host name or address without a port")]
pub struct NoHost;

impl FromStr for Host {
    type Err = NoHost;

    /// Reads a name or an address, the latter with or without the brackets of IPv6.
    fn from_str(text: &str) -> Result<Self, NoHost> {
        if let Ok(v6) = text.parse::<Ipv6Addr>() {
            return Ok(IpAddr::V6(v6).into());
        }
        match authority(text) {
            Some((host, None)) => Ok(host),
            _ => Err(NoHost),
        }
    }
}

impl Host {
    /// The host of `text`, a host with or without a port.
    pub(super) fn of_authority(text: &str) -> Option<Self> {
        authority(text).map(|(host, _)| host)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self(v4.to_string()),
            IpAddr::V6(v6) => Self(format!("[{v6}]")),
        }
    }
}

impl Hosts {
    /// `names`, and those of this machine where only this machine can reach `listen`.
    pub fn new(names: impl IntoIterator<Item = Host>, listen: SocketAddr) -> Self {
        let names: Vec<Host> = names.into_iter().collect();
        let mut main = names.first().cloned();
        let mut known: BTreeSet<Host> = names.into_iter().collect();
        if listen.ip().is_loopback() {
            let (v4, v6) = (IpAddr::from([127, 0, 0, 1]), IpAddr::V6(Ipv6Addr::LOCALHOST));
            let own = Host("localhost".to_owned());
            main = main.or_else(|| Some(own.clone()));
            known.extend([own, v4.into(), v6.into(), listen.ip().into()]);
        }
        Self { known, main }
    }

    /// The one that people are meant to use: it was written first.
    #[must_use]
    pub fn main(&self) -> Option<&Host> {
        self.main.as_ref()
    }

    /// Whether `host`, a name or an address without a port, is one of ours.
    #[must_use]
    pub fn has(&self, host: &str) -> bool {
        host.parse().is_ok_and(|host: Host| self.known.contains(&host))
    }

    /// Whether a request that names these hosts is meant for us.
    ///
    /// RFC 9112 3.2.2 has the host of an absolute target win over the header. Here the two must agree: a signature covers
    /// the header, so nobody behind this may be left to choose.
    ///
    /// # Errors
    /// When it names none, several or one that is not ours.
    pub(super) fn admit(&self, request: &Parts) -> Result<(), HostError> {
        let mut headers = request.headers.get_all(HOST).iter();
        let header = headers.next().ok_or(HostError::Missing)?;
        match headers.count() {
            0 => {}
            more => return Err(HostError::Several(more + 1)),
        }
        let header = String::from_utf8_lossy(header.as_bytes());
        let host = named(&header)?;
        if let Some(target) = request.uri.authority()
            && named(target.as_str())? != host
        {
            return Err(HostError::Disagree { target: target.to_string(), header: header.into_owned() });
        }
        if self.known.contains(&host) { Ok(()) } else { Err(HostError::Unknown(host.0)) }
    }
}

fn named(text: &str) -> Result<Host, HostError> {
    authority(text).map(|(host, _)| host).ok_or_else(|| HostError::Malformed(text.to_owned()))
}

/// Longest name DNS has (RFC 1035 2.3.4).
const LONGEST: usize = 253;

/// Host and port of `text` (RFC 3986 3.2.2 and 3.2.3, without user and percent signs, which no host of ours has).
fn authority(text: &str) -> Option<(Host, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, behind) = rest.split_once(']')?;
            let port = if behind.is_empty() { None } else { Some(behind.strip_prefix(':')?) };
            (Host::from(IpAddr::V6(address.parse().ok()?)), port)
        }
        None => {
            let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
            // The dot of the root makes no other name of it.
            let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
            if name.is_empty() || name.len() > LONGEST || !plain {
                return None;
            }
            (Host(name), port)
        }
    };
    match port {
        // `host:` has the default port (RFC 3986 3.2.3).
        None | Some("") => Some((host, None)),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some((host, Some(digits.parse().ok()?))),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;
    use proptest::prelude::*;

    use super::*;

    fn hosts(listen: &str) -> Hosts {
        let names = ["Bailey.example.com", "[2001:DB8:0::7]"].map(|name| name.parse().unwrap());
        Hosts::new(names, listen.parse().unwrap())
    }

    fn asked(target: &str, headers: &[&str]) -> Parts {
        let request = headers.iter().fold(Request::get(target), |request, host| request.header(HOST, *host));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_host_is_one_of_ours_whatever_its_case_and_port() {
        let hosts = hosts("192.0.2.1:8443");
        for host in ["bailey.example.com", "BAILEY.EXAMPLE.COM:8443", "bailey.example.com.", "[2001:db8::7]:443"] {
            assert_eq!(hosts.admit(&asked("/", &[host])), Ok(()), "{host}");
        }
        for host in ["evil.example", "bailey.example.com.evil.example", "localhost", "127.0.0.1", "192.0.2.1"] {
            assert!(matches!(hosts.admit(&asked("/", &[host])), Err(HostError::Unknown(_))), "{host}");
        }
    }

    #[test]
    fn none_several_and_what_is_no_host_are_told_apart() {
        let hosts = hosts("192.0.2.1:8443");
        assert_eq!(hosts.admit(&asked("/", &[])), Err(HostError::Missing));
        let ours = "bailey.example.com";
        assert_eq!(hosts.admit(&asked("/", &[ours, ours])), Err(HostError::Several(2)));
        for host in ["", ":443", "a b", "user@bailey.example.com", "[::1", "[::1]x", "a:b:c", "a:65536", "bailey/", "é"]
        {
            assert!(matches!(hosts.admit(&asked("/", &[host])), Err(HostError::Malformed(_))), "{host}");
        }
    }

    #[test]
    fn an_absolute_target_names_the_same_host_as_the_header() {
        let hosts = hosts("192.0.2.1:8443");
        let target = "http://Bailey.Example.com:8443/x?y";
        assert_eq!(hosts.admit(&asked(target, &["bailey.example.com"])), Ok(()));
        assert_eq!(hosts.admit(&asked(target, &[])), Err(HostError::Missing));
        assert!(matches!(hosts.admit(&asked(target, &["[2001:db8::7]"])), Err(HostError::Disagree { .. })));
        let elsewhere = "http://evil.example/";
        assert!(matches!(hosts.admit(&asked(elsewhere, &["evil.example"])), Err(HostError::Unknown(_))));
        assert!(matches!(hosts.admit(&asked(elsewhere, &["bailey.example.com"])), Err(HostError::Disagree { .. })));
    }

    #[test]
    fn this_machine_has_its_names_where_nobody_else_can_ask() {
        for listen in ["127.0.0.1:80", "[::1]:80", "127.0.0.9:80"] {
            let hosts = Hosts::new([], listen.parse().unwrap());
            for host in ["localhost:8080", "127.0.0.1", "[0::1]", listen] {
                assert_eq!(hosts.admit(&asked("/", &[host])), Ok(()), "{listen} {host}");
            }
        }
    }

    #[test]
    fn a_name_of_the_list_has_no_port_and_no_wildcard() {
        for text in ["bailey.example.com:443", "*.example.com", "https://bailey.example.com", "", "[::1]:80"] {
            assert_eq!(text.parse::<Host>(), Err(NoHost), "{text}");
        }
        assert_eq!("::1".parse::<Host>(), "[::1]".parse());
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_answered_and_only_our_names_are_let_in(host in "[ -~]{0,40}") {
            let outcome = hosts("192.0.2.1:8443").admit(&asked("/", &[&host]));
            if outcome.is_ok() {
                let lower = host.to_ascii_lowercase();
                prop_assert!(lower.starts_with("bailey.example.com") || lower.starts_with('['), "{host}");
            }
        }
    }
}
