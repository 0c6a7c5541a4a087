//! `[https]`: the public listener.

use super::files::Files;
use super::raw::Written;
use super::section::Section;
use super::values::{Address, Meant, Misfit, from_text};
use crate::base::network::{Network, NetworkError, Networks};
use crate::http::hosts::{Host, Hosts};

use crate::http::public::Settings;
use crate::http::tls;

/// Keys that mean nothing while nothing listens.
const BESIDES_LISTEN: [&str; 3] = ["certificate", "key", "client_ca"];

/// The public listener, where there is one.
pub(super) fn meant(section: &Section<'_>, files: &Files<'_>) -> Option<Settings> {
    let listen = section.optional("listen").map(|Address(listen)| listen);
    let certificate = files.readable(section, "certificate");
    let key = files.private(section, "key");
    let client_ca = files.readable(section, "client_ca");
    let proxies: Vec<Network> = section.read("trusted_proxies");
    let names: Vec<Host> = section.read("hosts");
    pairs(section);
    let Some(listen) = listen else {
        if !section.has("listen") {
            unused(section, !proxies.is_empty(), !names.is_empty());
        }
        return None;
    };
    if !listen.ip().is_loopback() {
        if !section.has("certificate") && !section.has("key") {
            section.fault(
                "listen",
                format!("{listen} would be served in the clear, for everybody on the way to read and to change"),
                "set certificate and key, or listen on a loopback address such as 127.0.0.1 behind a proxy on this machine",
            );
        }
        if names.is_empty() {
            section.fault(
                "hosts",
                format!("names nothing, and {listen} is for others to reach by a name"),
                r#"list every name clients use for it, such as ["bailey.example.com"]"#,
            );
        }
    }
    let tls = certificate.zip(key).map(|(certificate, key)| tls::Files { certificate, key, client_ca });
    Some(Settings { listen, tls, trusted_proxies: Networks::new(proxies), hosts: Hosts::new(names, listen) })
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

/// Notes what is set for a listener that is not there: somebody means to be served.
fn unused(section: &Section<'_>, proxies: bool, hosts: bool) {
    let lists =
        [("trusted_proxies", proxies), ("hosts", hosts)].into_iter().filter_map(|(name, set)| set.then_some(name));
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
