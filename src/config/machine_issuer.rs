//! `[[machine_issuer]]`: authorities that vouch for machines.

use std::time::Duration;

use jiff::SignedDuration;

use super::directory::DirectoryConfig;
use super::files::Files;
use super::section::Section;
use super::values::Word;
use crate::authn::machine::settings::LONGEST_UNREVOCABLE;
use crate::authn::machine::{MachineIssuerSettings, Vouches};
use crate::model::DirectoryLabel;

/// The authorities, in the order of the file. `asked` says whether clients are asked for certificates at all.
pub(super) fn all(
    sections: &[Section<'_>],
    files: &Files<'_>,
    directories: &[DirectoryConfig],
    asked: bool,
) -> Vec<MachineIssuerSettings> {
    let mut issuers: Vec<MachineIssuerSettings> = Vec::new();
    for section in sections {
        let Some(issuer) = one(section, files, directories) else { continue };
        if !asked {
            let remedy = "set https.client_ca to a file that has this authority in it, too";
            section.fault("ca_file", "is believed about machines, and nobody is asked for a certificate", remedy);
        }
        if issuers.iter().any(|other| other.name == issuer.name) {
            section.fault("name", format!("`{}` is another's, too", issuer.name), "give each its own name");
        }
        issuers.push(issuer);
    }
    issuers
}

fn one(section: &Section<'_>, files: &Files<'_>, directories: &[DirectoryConfig]) -> Option<MachineIssuerSettings> {
    // As it stands in the example: of nobody anything is said.
    if !["name", "ca_file", "crl_file", "directory", "max_lifetime"].iter().any(|key| section.has(key)) {
        let _: Kind = section.read("kind");
        return None;
    }
    let name: Option<String> = section.required("name");
    let ca_file = match section.has("ca_file") {
        true => files.readable(section, "ca_file"),
        false => section.required("ca_file"),
    };
    let crl_file = files.readable(section, "crl_file");
    let max_lifetime = max_lifetime(section);
    let vouches = vouches(section, directories);
    Some(MachineIssuerSettings { name: name?, ca_file: ca_file?, crl_file, max_lifetime, vouches: vouches? })
}

/// Where nobody can say that a certificate was revoked, its end has to come soon by itself.
fn max_lifetime(section: &Section<'_>) -> Option<SignedDuration> {
    let written = section.optional::<Duration>("max_lifetime");
    let written = written.map(|limit| SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX));
    if section.has("crl_file") {
        return written;
    }
    if written.is_some_and(|limit| limit > LONGEST_UNREVOCABLE) {
        let problem = "is longer than 24h, and no certificate can be revoked";
        section.fault("max_lifetime", problem, "set crl_file, or write 24h or less");
    }
    Some(written.unwrap_or(LONGEST_UNREVOCABLE))
}

fn vouches(section: &Section<'_>, directories: &[DirectoryConfig]) -> Option<Vouches> {
    let directory: Option<DirectoryLabel> = section.optional("directory");
    match section.read::<Kind>("kind") {
        Kind::Declared => {
            if directory.is_some() {
                let remedy = r#"remove it, or set kind = "ad-cs""#;
                section.fault("directory", "is not used: declared machines are of none", remedy);
            }
            Some(Vouches::Declared)
        }
        Kind::AdCs => {
            let Some(directory) = directory else {
                if !section.has("directory") {
                    section.fault("directory", "missing", "name the directory whose computers have these certificates");
                }
                return None;
            };
            if !directories.iter().any(|known| known.sync.label == directory) {
                section.fault("directory", format!("there is no directory `{directory}`"), "name one by its label");
            }
            Some(Vouches::Computers { directory })
        }
    }
}

/// Which machines an authority is believed about.
#[derive(Debug, Clone, Copy, Default)]
enum Kind {
    /// Computers of Active Directory.
    AdCs,
    /// Machines that were made here.
    #[default]
    Declared,
}

impl Word for Kind {
    fn word(text: &str) -> Option<Self> {
        match text {
            "ad-cs" => Some(Self::AdCs),
            "declared" => Some(Self::Declared),
            _ => None,
        }
    }
}
