//! `[keys]`: where the master key is, which seals every secret that has to be readable again.

use std::path::Path;

use super::files::Files;
use super::section::Section;
use crate::keys::{MasterKey, Settings, Source};

const FILE: &str = "master_key_file";
const CREDENTIAL: &str = "master_key_credential";
const PREVIOUS: &str = "previous_master_key_file";

pub(super) fn meant(section: &Section<'_>, files: &Files<'_>, state_directory: &Path) -> Settings {
    if section.has(FILE) && section.has(CREDENTIAL) {
        section.fault(CREDENTIAL, format!("the master key stands in `{FILE}` already"), "keep one of them");
    }
    // A file that is not there yet is made when it is needed, so nothing is read here.
    let file = section.optional(FILE).map(|path| files.path(path));
    let credential = files.secret_in_credential(section, CREDENTIAL);
    let previous = files.secret_in_file(section, PREVIOUS);
    for (name, text) in [(CREDENTIAL, &credential), (PREVIOUS, &previous)] {
        if let Some(Err(error)) = text.as_ref().map(MasterKey::parse) {
            section.fault(name, error.to_string(), "name the file or credential that holds a master key");
        }
    }
    let current = match (file, credential) {
        (Some(path), _) => Source::File(path),
        (None, Some(text)) => Source::Text(text),
        (None, None) => Source::File(state_directory.join("master.key")),
    };
    Settings { current, previous }
}
