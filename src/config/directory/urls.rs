//! `urls`, and what may travel to them unencrypted.

use std::net::IpAddr;

use crate::base::text::printable;
use crate::config::keys::INSECURE;
use crate::config::raw::Written;
use crate::config::section::Section;
use crate::config::values::{Meant, Misfit, Word, from_text};

/// An LDAP URL that names a server and nothing else.
struct Url {
    /// As written.
    text: String,
    scheme: Scheme,
    /// Whether the server is this machine.
    loopback: bool,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    /// TLS from the first byte.
    Ldaps,
    /// Nothing, unless StartTLS adds it.
    Ldap,
    /// A Unix socket of this machine.
    Ldapi,
}

/// The dangerous switch, thrown.
struct Insecure;

/// The servers named; none where `domain` says how to find them. A fault for each whose traffic others could read or
/// change. Of servers found in DNS nothing is to be said here: they are `ldaps://` unless `start_tls` or `insecure`
/// ask for `ldap://`.
pub(super) fn meant(section: &Section<'_>) -> Vec<String> {
    // Its absence is judged where `domain` is.
    let urls = if section.has("urls") { section.required("urls") } else { None };
    let urls: Vec<Url> = urls.unwrap_or_default();
    let start_tls: bool = section.read("start_tls");
    // Kerberos encrypts what TLS does not.
    let sealed = section.optional::<String>("bind").is_some_and(|bind| bind == "gssapi");
    for url in &urls {
        match url.scheme {
            Scheme::Ldap if !start_tls && !sealed && !url.loopback && !insecure(section) => section.fault(
                "urls",
                format!("{} would send the password and every answer in the clear", printable(&url.text)),
                "use ldaps://, or set start_tls = true",
            ),
            Scheme::Ldaps if start_tls => section.fault(
                "start_tls",
                format!("{} is encrypted from its first byte and cannot be upgraded", printable(&url.text)),
                "remove start_tls, or write ldap://",
            ),
            Scheme::Ldapi if start_tls => section.fault(
                "start_tls",
                format!("{} is a socket of this machine and is not upgraded", printable(&url.text)),
                "remove start_tls",
            ),
            Scheme::Ldap | Scheme::Ldaps | Scheme::Ldapi => {}
        }
    }
    urls.into_iter().map(|url| url.text).collect()
}

/// Whether the dangerous switch is thrown.
pub(super) fn insecure(section: &Section<'_>) -> bool {
    section.optional::<Insecure>("insecure").is_some()
}

/// Whether any server is a socket of this machine.
pub(super) fn any_socket(urls: &[String]) -> bool {
    urls.iter().any(|url| url.starts_with("ldapi://"))
}

impl Word for Insecure {
    fn word(text: &str) -> Option<Self> {
        (text == INSECURE).then_some(Self)
    }
}

impl Meant for Url {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| Self::parse(text).map_err(Some))
    }
}

impl Url {
    /// RFC 4516 allows a base, attributes and a filter behind the host; we take those from keys of
    /// their own and refuse them here, rather than ignore them.
    fn parse(text: &str) -> Result<Self, String> {
        let shown = || format!("`{}`", printable(text));
        let (scheme, rest) = text.split_once("://").ok_or_else(|| format!("{} is not a URL", shown()))?;
        if rest.contains('@') {
            return Err("a URL with a user in it: who signs in is said by `bind_dn`".to_owned());
        }
        let scheme = match scheme {
            "ldaps" => Scheme::Ldaps,
            "ldap" => Scheme::Ldap,
            "ldapi" => Scheme::Ldapi,
            _ => return Err(format!("{} does not begin with ldaps://, ldap:// or ldapi://", shown())),
        };
        if scheme == Scheme::Ldapi {
            let path = rest.strip_prefix("%2F").or_else(|| rest.strip_prefix("%2f"));
            return match path {
                Some(path) if !path.is_empty() && !path.contains('/') => {
                    Ok(Self { text: text.to_owned(), scheme, loopback: true })
                }
                _ => Err(format!("{} does not name a socket: write its path with %2F for each /", shown())),
            };
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let host = host(authority).ok_or_else(|| format!("{} does not name a host and nothing else", shown()))?;
        Ok(Self { text: text.to_owned(), scheme, loopback: is_loopback(host) })
    }
}

/// The host of `host`, `host:port` or `[v6]:port`.
fn host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if behind.is_empty() { None } else { Some(behind.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let named = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b));
    let numbered = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    (named && numbered).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_server_and_nothing_else() {
        for (text, loopback) in [
            ("ldaps://ldap.example.com", false),
            ("ldaps://ldap.example.com:6360/", false),
            ("ldap://127.0.0.1:3890", true),
            ("ldap://127.9.9.9", true),
            ("ldap://LOCALHOST", true),
            ("ldap://[::1]:389", true),
            ("ldap://[2001:db8::1]", false),
            ("ldap://localhost.example.com", false),
            ("ldap://127.0.0.1.example.com", false),
            ("ldapi://%2Frun%2Fslapd%2Fldapi", true),
        ] {
            let url = Url::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(url.loopback, loopback, "{text}");
        }
        for bad in [
            "",
            "ldap.example.com",
            "https://ldap.example.com",
            "ldaps://",
            "ldaps://:636",
            "ldaps://h:0",
            "ldaps://h:70000",
            "ldaps://h/dc=example",
            "ldaps://h?uid",
            "ldaps://u:hunter2@h",
            "ldaps://[::1",
            "ldaps://[x]",
            "ldaps://h h",
            "ldapi://",
            "ldapi://%2F",
            "ldapi:///run/ldapi",
            "ldaps://h\n",
        ] {
            let Err(why) = Url::parse(bad) else { panic!("{bad} was taken") };
            assert!(!why.contains("hunter2"));
        }
    }
}
