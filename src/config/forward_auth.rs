//! `[forward_auth]`: the listener for proxies that ask about the requests of others.

use std::path::PathBuf;

use super::files::Files;
use super::https::{Wired, unused};
use super::mapping;
use super::section::Section;
use crate::authn::proxy::{LEAST_SECRET, SharedSecret, TrustedProxies, TrustedProxy};
use crate::base::Secret;
use crate::base::network::{Network, Networks};
use crate::http::forward::Settings;
use crate::http::public;

/// The listener, where there is one.
pub(super) fn meant(section: &Section<'_>, files: &Files<'_>) -> Option<Settings> {
    let wired = Wired::meant(section, files);
    let before: Vec<Network> = section.read("trusted_proxies");
    let (plain_headers, mapping_file) = (section.read("plain_headers"), section.optional("mapping_file"));
    let sections = section.sections("proxy");
    let certified = section.has("client_ca");
    let proxies: Vec<_> = sections.iter().map(|section| Proxy::meant(section, files, certified)).collect();
    let Some(Wired { listen, tls }) = wired else {
        unused(section, [("trusted_proxies", !before.is_empty()), ("mapping_file", mapping_file.is_some())]);
        return None;
    };
    if sections.is_empty() {
        let remedy = "add a [[forward_auth.proxy]] with its name, its addresses and a secret";
        section.fault("proxy", "there is none, so nobody could ask", remedy);
    }
    let proxies: Vec<_> = sections.iter().zip(proxies).filter_map(|(section, proxy)| proxy.trusted(section)).collect();
    twice(&sections);
    let _: Option<PathBuf> = section.required("mapping_file");
    let mapping = mapping::read(section, &files.path(mapping_file?))?;
    let proxies = TrustedProxies(proxies);
    // Their own addresses are hops of ours, too: one proxy may stand in front of another.
    let hops = [proxies.addresses(), Networks::new(before)];
    let listener = public::Settings {
        section: "forward_auth",
        listen,
        tls,
        trusted_proxies: Networks::all(hops.iter()),
        hosts: None,
    };
    Some(Settings { listener, proxies, mapping, plain_headers })
}

/// A proxy as far as it is written.
struct Proxy {
    name: Option<String>,
    addresses: Option<Vec<Network>>,
    secrets: Vec<SharedSecret>,
    certificate_name: Option<String>,
}

impl Proxy {
    fn meant(section: &Section<'_>, files: &Files<'_>, certified: bool) -> Self {
        let certificate_name: Option<String> = section.optional("certificate_name");
        if certificate_name.is_some() && !certified {
            let remedy = "set forward_auth.client_ca to the authority that signed it";
            section.fault("certificate_name", "is set, and no certificate is asked for", remedy);
        }
        Self {
            name: section.optional("name"),
            addresses: section.optional("addresses"),
            secrets: secrets(section, files),
            certificate_name,
        }
    }

    /// The same, for a listener that is there.
    fn trusted(self, section: &Section<'_>) -> Option<TrustedProxy> {
        let Self { name, addresses, secrets, certificate_name } = self;
        for (key, written) in [("name", section.has("name")), ("addresses", section.has("addresses"))] {
            if !written {
                section.fault(key, "missing", "say who the proxy is, and where its connections come from");
            }
        }
        let shown = ["secret_file", "secret_credential", "certificate_name"].iter().any(|key| section.has(key));
        if !shown {
            let remedy = "set secret_file, secret_credential or certificate_name";
            section.fault("name", "everybody on that machine could ask in its name", remedy);
        }
        if section.has("addresses") && addresses.as_ref().is_some_and(Vec::is_empty) {
            section.fault("addresses", "is empty", "name where its connections come from");
        }
        Some(TrustedProxy { name: name?, addresses: Networks::new(addresses?), secrets, certificate_name })
    }
}

/// The proxy's secrets: one a line, so that the next is known before the last one goes.
fn secrets(section: &Section<'_>, files: &Files<'_>) -> Vec<SharedSecret> {
    let (file, credential) = ("secret_file", "secret_credential");
    if section.has(file) && section.has(credential) {
        section.fault(credential, "is set beside secret_file", "keep one of them");
    }
    let mut secrets = Vec::new();
    for (key, text) in
        [(file, files.secret_in_file(section, file)), (credential, files.secret_in_credential(section, credential))]
    {
        let Some(text) = text else { continue };
        if text.expose().trim().is_empty() {
            section.fault(key, "has nothing but blank lines", "make a secret with `openssl rand -hex 32`");
        }
        for line in text.expose().lines().map(str::trim).filter(|line| !line.is_empty()) {
            if line.chars().count() < LEAST_SECRET {
                let problem = format!("has a line of fewer than {LEAST_SECRET} characters, which could be guessed");
                section.fault(key, problem, "make one with `openssl rand -hex 32`");
            }
            secrets.push(SharedSecret::new(&Secret::new(line.to_owned())));
        }
    }
    secrets
}

/// Notes names that two proxies have: records could not tell them apart.
fn twice(sections: &[Section<'_>]) {
    let mut seen: Vec<String> = Vec::new();
    for section in sections {
        let Some(name) = section.optional::<String>("name") else { continue };
        if seen.contains(&name) {
            section.fault("name", format!("`{name}` is another proxy's, too"), "give each its own name");
        }
        seen.push(name);
    }
}
