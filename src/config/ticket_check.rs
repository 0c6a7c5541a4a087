//! `[[ticket_check]]`: what is asked whether a ticket is one.

use std::path::PathBuf;
use std::sync::Arc;

use super::files::Files;
use super::issuer::{Inside, KeysUrl};
use super::section::Section;
use crate::base::Secret;
use crate::base::network::Networks;
use crate::ticket::{Settings, Way};

/// What there is to be asked, in the order of the file.
pub(super) fn all(sections: &[Section<'_>], files: &Files<'_>) -> Vec<Settings> {
    let mut checks: Vec<Settings> = Vec::new();
    for section in sections {
        let Some(check) = one(section, files) else { continue };
        if checks.iter().any(|other| other.name == check.name) {
            section.fault("name", format!("`{}` has a section already", check.name), "keep one of them");
        }
        checks.push(check);
    }
    checks
}

fn one(section: &Section<'_>, files: &Files<'_>) -> Option<Settings> {
    let name = section.required("name");
    let command: Option<Vec<String>> = section.optional("command");
    let url = section.optional("url").map(|KeysUrl(url)| url);
    let networks: Vec<Inside> = section.read("networks");
    let networks = Networks::new(networks.into_iter().map(|Inside(network)| network).collect());
    let (ca_file, token) = (files.readable(section, "ca_file"), token(section, files));
    let way = match (command, url) {
        (Some(command), None) => {
            for name in ["networks", "ca_file", "token_file", "token_credential"] {
                if section.has(name) {
                    section.fault(name, "is not used: a command is started and nobody is called", "remove it");
                }
            }
            started(section, command)
        }
        (None, Some(url)) => Some(Way::Webhook { url, networks, ca_file, token }),
        (Some(_), Some(_)) => {
            section.fault("url", "is set beside command", "keep one of them");
            None
        }
        (None, None) if section.has("command") || section.has("url") => None,
        (None, None) => {
            section.fault("command", "missing", "write command = [\"/usr/local/bin/check-ticket\"], or url");
            None
        }
    };
    Some(Settings { name: name?, way: way? })
}

/// A program by its place: without an environment there is no path to look along.
fn started(section: &Section<'_>, command: Vec<String>) -> Option<Way> {
    let mut words = command.into_iter();
    let program = words.next().map(PathBuf::from).filter(|program| program.is_absolute());
    if program.is_none() {
        section.fault(
            "command",
            "does not begin with the whole path of a program",
            "such as [\"/usr/local/bin/check\"]",
        );
    }
    Some(Way::Command { program: program?, arguments: words.collect() })
}

fn token(section: &Section<'_>, files: &Files<'_>) -> Option<Arc<Secret<String>>> {
    if section.has("token_file") && section.has("token_credential") {
        section.fault("token_credential", "is set beside token_file", "keep one of them");
    }
    let file = files.secret_in_file(section, "token_file");
    let token = file.or_else(|| files.secret_in_credential(section, "token_credential"))?;
    if !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        let name = if section.has("token_file") { "token_file" } else { "token_credential" };
        section.fault(name, "is no token: it holds more than letters, digits and signs", "put the token alone into it");
        return None;
    }
    Some(Arc::new(token))
}
