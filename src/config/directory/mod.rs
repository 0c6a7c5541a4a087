//! `[[directory]]`: the directories, each as its reader and its sync want it.

mod bind;
mod domain;
mod guard;
mod mapping;
mod urls;

use crate::base::text::printable;
use crate::directory::settings::{ClientCertificate, Family};
use crate::directory::{self, Dn, Method};
use crate::model::{DirectoryLabel, origin::id_prefix};
use crate::sync::{self, settings::Mapping};

use super::files::Files;
use super::section::Section;
use super::values::{Attribute, Bytes, Word};

/// One directory.
#[derive(Debug)]
pub struct DirectoryConfig {
    /// How it is read.
    pub source: directory::Settings,
    /// How it becomes part of the model.
    pub sync: sync::settings::Settings,
}

/// All directories, checked one by one and then against each other.
pub(super) fn all(sections: &[Section<'_>], files: &Files<'_>) -> Option<Vec<DirectoryConfig>> {
    let directories: Vec<Option<DirectoryConfig>> = sections.iter().map(|section| one(section, files)).collect();
    check_labels(sections);
    check_primary(sections);
    directories.into_iter().collect()
}

fn one(section: &Section<'_>, files: &Files<'_>) -> Option<DirectoryConfig> {
    let Kind(family) = section.read("kind");
    let section = &section.of_kind(kind_of(family));
    let mapping = mapping::meant(section, bytes(section, "max_name_size"));
    // Both are read before either is missed, so that no fault hides behind another.
    let source = source(section, files, &mapping, family);
    let sync = sync(section, mapping);
    Some(DirectoryConfig { source: source?, sync: sync? })
}

fn source(section: &Section<'_>, files: &Files<'_>, mapping: &Mapping, family: Family) -> Option<directory::Settings> {
    let label: Option<DirectoryLabel> = section.required("label");
    let (urls, domain) = (urls::meant(section), domain::meant(section));
    let bind = bind::meant(section, files, &urls);
    let bases: Option<Vec<Dn>> = section.required("bases");
    check_within(bases.as_deref().unwrap_or_default(), section);
    let (people, groups, machines) = mapping::scopes(section, family);
    let (Attribute(id_attribute), FollowBy(method)) = (section.read("id_attribute"), section.read("method"));
    Some(directory::Settings {
        family,
        urls,
        domain,
        start_tls: section.read("start_tls"),
        insecure: urls::insecure(section),
        ca_file: files.readable(section, "ca_file"),
        client_certificate: client_certificate(section, files),
        only_under: section.read("only_under"),
        people,
        groups,
        machines,
        id_attribute,
        attributes: mapping::attributes(mapping, family),
        login_attribute: mapping.login.clone(),
        method,
        follow_every: section.read("follow_every"),
        notified: section.read("notified"),
        page_size: section.read("page_size"),
        connect_timeout: section.read("connect_timeout"),
        answer_timeout: section.read("answer_timeout"),
        max_values: section.read("max_values"),
        max_value_bytes: bytes(section, "max_value_size"),
        label: label?.to_string(),
        bind: bind?,
        bases: bases?,
    })
}

fn sync(section: &Section<'_>, mapping: Mapping) -> Option<sync::settings::Settings> {
    Some(sync::settings::Settings {
        primary: section.read("primary"),
        mapping,
        guard: guard::meant(&section.section("guard")),
        reconcile_every: section.read("reconcile_every"),
        reconcile_blind_every: section.read("reconcile_blind_every"),
        poll_every: section.read("poll_every"),
        keep_leavers: section.read("keep_leavers"),
        label: section.optional("label")?,
    })
}

/// What lies outside the bases is never read: scope would be empty, and a sentinel missing for ever.
fn check_within(bases: &[Dn], section: &Section<'_>) {
    if bases.is_empty() {
        return;
    }
    let guard = section.section("guard");
    for (section, name) in [(section, "only_under"), (&guard, "sentinels")] {
        for dn in section.optional::<Vec<Dn>>(name).unwrap_or_default() {
            if !bases.iter().any(|base| dn.is_under(base)) {
                section.fault(
                    name,
                    format!("`{}` lies under none of the bases", printable(dn.as_str())),
                    "correct it, or add a base",
                );
            }
        }
    }
}

/// Ids are derived from labels, so two directories must not share one, nor the beginning of ids made from it.
fn check_labels(sections: &[Section<'_>]) {
    let mut seen: Vec<(DirectoryLabel, usize)> = Vec::new();
    for section in sections {
        let Some(label) = section.optional::<DirectoryLabel>("label") else { continue };
        if let Some((other, line)) = seen.iter().find(|(other, _)| id_prefix(other) == id_prefix(&label)) {
            let problem = if *other == label {
                format!("`{label}` is the label of the directory on line {line} already")
            } else {
                format!("ids made from `{label}` would begin like those of `{other}` on line {line}")
            };
            section.fault("label", problem, "choose another label");
        }
        seen.push((label, section.place.line));
    }
}

/// Bare names can come from one directory only, and of several one must be chosen: which one
/// cannot be changed later without renaming people.
fn check_primary(sections: &[Section<'_>]) {
    let chosen: Vec<&Section<'_>> = sections.iter().filter(|section| section.read("primary")).collect();
    match (chosen.as_slice(), sections) {
        ([], [first, _, ..]) => {
            first.fault("primary", "no directory is primary", "say `primary = true` in the one whose names stay bare")
        }
        ([first, others @ ..], _) => {
            for other in others {
                let problem = format!("the directory on line {} is primary already", first.place.line);
                other.fault("primary", problem, "names of only one directory can stay bare");
            }
        }
        _ => {}
    }
}

fn bytes(section: &Section<'_>, name: &str) -> usize {
    let Bytes(bytes) = section.read(name);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn client_certificate(section: &Section<'_>, files: &Files<'_>) -> Option<ClientCertificate> {
    const CERTIFICATE: &str = "client_certificate_file";
    const KEY: &str = "client_key_file";
    let (certificate_file, key_file) = (files.readable(section, CERTIFICATE), files.private(section, KEY));
    match (section.has(CERTIFICATE), section.has(KEY)) {
        (true, false) => section.fault(CERTIFICATE, "has no key", format!("set {KEY} too")),
        (false, true) => section.fault(KEY, "has no certificate", format!("set {CERTIFICATE} too")),
        _ => {}
    }
    Some(ClientCertificate { certificate_file: certificate_file?, key_file: key_file? })
}

/// `method`, with `auto` as the absence of a choice.
#[derive(Default)]
struct FollowBy(Option<Method>);

impl Word for FollowBy {
    fn word(text: &str) -> Option<Self> {
        Some(Self(match text {
            "auto" => None,
            "syncrepl" => Some(Method::Syncrepl),
            "dirsync" => Some(Method::Dirsync),
            "usn" => Some(Method::Usn),
            "polling" => Some(Method::Polling),
            _ => return None,
        }))
    }
}

/// `kind`.
#[derive(Default)]
struct Kind(Family);

impl Word for Kind {
    fn word(text: &str) -> Option<Self> {
        let family = [Family::Ldap, Family::ActiveDirectory, Family::Ds389];
        family.into_iter().find(|family| kind_of(*family) == text).map(Self)
    }
}

/// The word for a family.
fn kind_of(family: Family) -> &'static str {
    match family {
        Family::Ldap => "ldap",
        Family::ActiveDirectory => "active-directory",
        Family::Ds389 => "389-ds",
    }
}
