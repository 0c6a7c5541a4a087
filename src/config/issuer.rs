//! `[[issuer]]`: issuers of tokens, and what is to be said of them beyond the IAM API.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::files::Files;
use super::raw::Written;
use super::section::Section;
use super::values::{Meant, Misfit, Word, asked_address, from_text};
use crate::authn::federated::settings::{MAX_AGE_BOUNDS, USUAL_MAX_AGE};
use crate::authn::federated::{IssuerSettings, KeysFrom};
use crate::base::network::{Network, NetworkError, Networks};
use crate::model::{Issuer, IssuerPreset, OidcProviderError};

/// The issuers, in the order of the file.
pub(super) fn all(sections: &[Section<'_>], files: &Files<'_>) -> Vec<IssuerSettings> {
    let mut issuers: Vec<IssuerSettings> = Vec::new();
    for section in sections {
        let Some(issuer) = one(section, files) else { continue };
        if issuers.iter().any(|other| other.issuer.folded() == issuer.issuer.folded()) {
            section.fault("url", format!("{} has a section already", issuer.issuer.url()), "keep one of them");
        }
        issuers.push(issuer);
    }
    issuers
}

fn one(section: &Section<'_>, files: &Files<'_>) -> Option<IssuerSettings> {
    let preset: Option<IssuerPreset> = section.optional("preset");
    let ca_file = files.readable(section, "ca_file");
    let networks: Vec<Inside> = section.read("networks");
    let keys = keys(section, files);
    let max_age: Option<Duration> = section.optional("max_age");
    if max_age.is_some_and(|max_age| !MAX_AGE_BOUNDS.contains(&max_age)) {
        section.fault("max_age", "is out of bounds", "write 1m to 24h");
    }
    let usual = || preset.and_then(IssuerPreset::usual_url).and_then(|url| url.parse().ok());
    let issuer: Issuer = match section.has("url") {
        true => section.optional("url")?,
        false => usual().or_else(|| section.required("url"))?,
    };
    if matches!(keys, KeysFrom::File(_)) {
        for (name, set) in [("ca_file", ca_file.is_some()), ("networks", !networks.is_empty())] {
            if set {
                section.fault(name, "is not used: with jwks_file nobody is asked", "remove one of them");
            }
        }
    }
    let networks = Networks::new(networks.into_iter().map(|Inside(network)| network).collect());
    Some(IssuerSettings { issuer, preset, ca_file, networks, keys, max_age: max_age.unwrap_or(USUAL_MAX_AGE) })
}

/// Where its keys are.
fn keys(section: &Section<'_>, files: &Files<'_>) -> KeysFrom {
    let url = section.optional("jwks_url").map(|KeysUrl(url)| KeysFrom::Url(url));
    if section.has("jwks_url") && section.has("jwks_file") {
        section.fault("jwks_file", "is set beside jwks_url", "keep one of them");
    }
    let file: Option<PathBuf> = files.readable(section, "jwks_file");
    url.or(file.map(KeysFrom::File)).unwrap_or(KeysFrom::Discovery)
}

/// A network that may be reached though it is not public.
pub(super) struct Inside(pub(super) Network);

/// An address that is fetched or asked.
pub(super) struct KeysUrl(pub(super) Url);

impl Meant for Inside {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        let why = |text: &str, error| match error {
            NetworkError::NoNetwork => None,
            NetworkError::Everybody => {
                Some(format!("`{text}` would reach everything there is; name the networks that are meant"))
            }
            NetworkError::HostBits(_) => Some(format!("`{text}` {error}")),
        };
        from_text(written, misfits, |text| text.parse().map(Self).map_err(|error| why(text, error)))
    }
}

impl Meant for KeysUrl {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        let clear = |text: &str| {
            format!("`{text}` in the clear could be answered by anybody on the way, with keys of their own")
        };
        from_text(written, misfits, |text| asked_address(text, clear).map(Self))
    }
}

impl Meant for Issuer {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| text.parse().map_err(|error: OidcProviderError| Some(error.to_string())))
    }
}

impl Word for IssuerPreset {
    fn word(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|preset| preset.as_str() == text)
    }
}
