//! `[sso]`: who we are to clients of single sign-on.

use super::files::Files;
use super::issuer::Inside;
use super::raw::Written;
use super::section::Section;
use super::values::{Meant, Misfit, Word, from_text};
use crate::base::network::Networks;
use crate::fetch::Reach;
use crate::http::rate::Limit;
use crate::http::token_rate::TokenLimits;
use crate::model::Client;
use crate::sso::settings::IssuerUrlError;
use crate::sso::{IssuerUrl, Registration, Settings, cli};

pub(super) fn meant(section: &Section<'_>, files: &Files<'_>) -> Settings {
    let networks: Vec<Inside> = section.read("client_networks");
    let reach = Reach {
        networks: Networks::new(networks.into_iter().map(|Inside(network)| network).collect()),
        ca_file: files.readable(section, "client_ca_file"),
        // Where a client runs on this very machine, and is registered so.
        plain_on_loopback: true,
    };
    let groups = section.read::<Vec<String>>("registration_groups").into_iter().collect();
    let by_token = section.read::<HowRegistered>("registration").0;
    let registration = Registration { by_token, groups };
    Settings { issuer: section.optional("issuer"), cli: section.read("cli"), reach, registration }
}

/// The declared clients, and the one that `bailey login` is unless a section is about it.
pub(super) fn with_our_own(sso: &Settings, mut clients: Vec<Client>) -> Vec<Client> {
    let Some(issuer) = sso.issuer.as_ref().filter(|_| sso.cli) else { return clients };
    if clients.iter().all(|client| client.id.as_str() != cli::ID) {
        // Its settings are ours, and tested: there is nothing that an operator could correct.
        clients.extend(cli::client(issuer));
    }
    clients
}

/// Whether software registers itself by a token.
#[derive(Default)]
struct HowRegistered(bool);

impl Word for HowRegistered {
    fn word(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self(false)),
            "initial_access_token" => Some(Self(true)),
            _ => None,
        }
    }
}

/// How often clients may ask for tokens.
pub(super) fn limits(section: &Section<'_>) -> TokenLimits {
    let limit = |burst, per_second| Limit {
        burst: i64::from(section.read::<u32>(burst)),
        per_second: i64::from(section.read::<u32>(per_second)),
    };
    TokenLimits {
        requests: limit("token_requests_at_once", "token_requests_per_second"),
        failures: limit("failed_clients_at_once", "failed_clients_per_second"),
    }
}

impl Meant for IssuerUrl {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| text.parse().map_err(|error: IssuerUrlError| Some(error.to_string())))
    }
}
