//! `domain`, `site` and `nameservers`: servers that DNS knows.

use std::net::{IpAddr, SocketAddr};

use crate::base::text::printable;
use crate::config::raw::Written;
use crate::config::section::Section;
use crate::config::values::{Meant, Misfit, from_text};
use crate::directory::settings::{self, is_host_name};

/// The port of DNS.
const DNS: u16 = 53;

/// A domain's name.
struct Name(String);

/// A site's name.
struct Site(String);

/// Where a DNS server listens.
struct Nameserver(SocketAddr);

/// The domain whose servers DNS knows; `None` where servers are named, and after a fault. Exactly one of `urls` and
/// `domain` says where the servers are; what only serves to find them is a mistake beside `urls`.
pub(super) fn meant(section: &Section<'_>) -> Option<settings::Domain> {
    let (named, found) = (section.has("urls"), section.has("domain"));
    if named && found {
        section.fault("domain", "servers are named in `urls` already", "keep one of them");
    }
    if !named && !found {
        let remedy = "name the servers here, or set `domain` to find them in DNS";
        section.fault("urls", "missing", remedy);
    }
    for name in ["site", "nameservers"].into_iter().filter(|name| section.has(name) && !found) {
        section.fault(name, "is used only to find servers by `domain`", "remove it, or set `domain` instead of `urls`");
    }
    let name = section.optional("domain");
    let site = section.optional("site").map(|Site(site)| site);
    // A list of nothing would silently ask the system's.
    let nameservers = if section.has("nameservers") { section.required("nameservers") } else { None };
    let nameservers: Vec<Nameserver> = nameservers.unwrap_or_default();
    let Name(name) = name?;
    Some(settings::Domain { name, site, nameservers: nameservers.into_iter().map(|Nameserver(at)| at).collect() })
}

impl Meant for Name {
    /// A name with a dot in it: without one it is a NetBIOS name, or a top-level domain in which anybody has hosts.
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| {
            let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
            if is_host_name(&name) && !name.contains('.') {
                return Err(Some(format!("`{}` is a NetBIOS name or a part of a name", printable(text))));
            }
            is_host_name(&name).then_some(Self(name)).ok_or(None)
        })
    }
}

impl Meant for Site {
    /// A site is a single label in DNS. Names that cannot be one have no records there either.
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        let label = |text: &str| {
            (1..=63).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        from_text(written, misfits, |text| label(text).then(|| Self(text.to_owned())).ok_or(None))
    }
}

impl Meant for Nameserver {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        let at = |text: &str| {
            let bare = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS));
            bare.or_else(|_| text.parse::<SocketAddr>()).ok().filter(|at| at.port() > 0)
        };
        from_text(written, misfits, |text| at(text).map(Self).ok_or(None))
    }
}
