//! `[https]`: the public listener, and what every listener with TLS has.

use std::net::SocketAddr;

use super::files::Files;
use super::raw::Written;
use super::section::Section;
use super::values::{Address, Meant, Misfit, from_text};
use crate::base::network::{Network, NetworkError, Networks};
use crate::http::hosts::{Host, Hosts};

use crate::http::public::Settings;
use crate::http::tls;

/// Keys of a listener that mean nothing while nothing listens.
const BESIDES_LISTEN: [&str; 3] = ["certificate", "key", "client_ca"];

/// The public listener, where there is one.
pub(super) fn meant(section: &Section<'_>, files: &Files<'_>) -> Option<Settings> {
    let wired = Wired::meant(section, files);
    let proxies: Vec<Network> = section.read("trusted_proxies");
    let names: Vec<Host> = section.read("hosts");
    let Some(Wired { listen, tls }) = wired else {
        unused(section, [("trusted_proxies", !proxies.is_empty()), ("hosts", !names.is_empty())]);
        return None;
    };
    if !listen.ip().is_loopback() && names.is_empty() {
        section.fault(
            "hosts",
            format!("names nothing, and {listen} is for others to reach by a name"),
            r#"list every name clients use for it, such as ["bailey.example.com"]"#,
        );
    }
    Some(Settings {
        section: "https",
        listen,
        tls,
        trusted_proxies: Networks::new(proxies),
        hosts: Some(Hosts::new(names, listen)),
    })
}

/// Where a listener listens, and with which certificate.
pub(super) struct Wired {
    pub(super) listen: SocketAddr,
    pub(super) tls: Option<tls::Files>,
}

impl Wired {
    /// What a section says of its listener; `None` where there is to be none.
    pub(super) fn meant(section: &Section<'_>, files: &Files<'_>) -> Option<Self> {
        let listen = section.optional("listen").map(|Address(listen)| listen);
        let certificate = files.readable(section, "certificate");
        let key = files.private(section, "key");
        let client_ca = files.readable(section, "client_ca");
        pairs(section);
        let listen = listen?;
        if !listen.ip().is_loopback() && !section.has("certificate") && !section.has("key") {
            section.fault(
                "listen",
                format!("{listen} would be served in the clear, for everybody on the way to read and to change"),
                "set certificate and key, or listen on a loopback address such as 127.0.0.1 behind a proxy on this machine",
            );
        }
        Some(Self {
            listen,
            tls: certificate.zip(key).map(|(certificate, key)| tls::Files { certificate, key, client_ca }),
        })
    }
}

/// Notes keys that come only with others.
fn pairs(section: &Section<'_>) {
    match (section.has("certificate"), section.has("key")) {
        (true, false) => section.fault("certificate", "has no key", "set key too"),
        (false, true) => section.fault("key", "has no certificate", "set certificate too"),
        (false, false) if section.has("client_ca") => {
            section.fault(
                "client_ca",
                "is for TLS, which takes a certificate of our own",
                "set certificate and key too",
            );
        }
        _ => {}
    }
}

/// Notes what is set for a listener that is not there, `lists` among it: somebody means to be served.
pub(super) fn unused<const N: usize>(section: &Section<'_>, lists: [(&'static str, bool); N]) {
    if section.has("listen") {
        return;
    }
    let lists = lists.into_iter().filter_map(|(name, set)| set.then_some(name));
    for name in BESIDES_LISTEN.into_iter().filter(|name| section.has(name)).chain(lists) {
        section.fault(name, "is set, and nothing listens", "set listen too, or remove it");
    }
}

impl Meant for Network {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        let why = |text: &str, error| match error {
            NetworkError::NoNetwork => None,
            NetworkError::Everybody | NetworkError::HostBits(_) => Some(format!("`{text}` {error}")),
        };
        from_text(written, misfits, |text| text.parse().map_err(|error| why(text, error)))
    }
}

impl Meant for Host {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| text.parse().map_err(|_| None))
    }
}
