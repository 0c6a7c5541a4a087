//! `[kerberos]`: the keytabs. One of each for the process, because that is what Kerberos' library reads.

use std::path::{Path, PathBuf};

use super::files::Files;
use super::section::Section;

/// Where keys of Kerberos are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kerberos {
    /// The keytab by which we sign in to directories with `bind = "gssapi"`; `None` leaves it to `krb5.conf` and the environment.
    pub keytab: Option<PathBuf>,
    /// The keytab with the keys of `HTTP/` and our host, which tickets of others are for.
    pub service_keytab: Option<PathBuf>,
}

impl Kerberos {
    pub(super) fn meant(section: &Section<'_>, files: &Files<'_>) -> Self {
        Self {
            keytab: one(section, files, ("keytab_file", "keytab_credential")),
            service_keytab: one(section, files, SERVICE),
        }
    }

    /// The file in which Kerberos' library notes which tickets it took, if it takes any: in the state directory, so that a sandboxed
    /// daemon may write it and a restart forgets nothing.
    #[must_use]
    pub fn replay_cache(&self, state_directory: &Path) -> Option<PathBuf> {
        self.service_keytab.as_ref().map(|_| state_directory.join("kerberos.replays"))
    }

    /// True where a keytab is named that tickets of others are for, whether or not it can be used.
    pub(super) fn takes_tickets(section: &Section<'_>) -> bool {
        section.has(SERVICE.0) || section.has(SERVICE.1)
    }
}

const SERVICE: (&str, &str) = ("service_keytab_file", "service_keytab_credential");

fn one(section: &Section<'_>, files: &Files<'_>, (file, credential): (&'static str, &'static str)) -> Option<PathBuf> {
    if section.has(file) && section.has(credential) {
        section.fault(credential, format!("the keytab stands in `{file}` already"), "keep one of them");
    }
    let (file, credential) = (files.private(section, file), files.private_credential(section, credential));
    file.or(credential)
}
