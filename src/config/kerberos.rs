//! `[kerberos]`: the keytab. One for the process, because that is what Kerberos' library reads.

use std::path::PathBuf;

use super::files::Files;
use super::section::Section;

/// Where the keys are by which we sign in to directories with `bind = "gssapi"`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kerberos {
    /// The keytab; `None` leaves it to `krb5.conf` and the environment.
    pub keytab: Option<PathBuf>,
}

impl Kerberos {
    pub(super) fn meant(section: &Section<'_>, files: &Files<'_>) -> Self {
        const FILE: &str = "keytab_file";
        const CREDENTIAL: &str = "keytab_credential";
        if section.has(FILE) && section.has(CREDENTIAL) {
            section.fault(CREDENTIAL, format!("the keytab stands in `{FILE}` already"), "keep one of them");
        }
        let file = files.private(section, FILE);
        let credential = files.private_credential(section, CREDENTIAL);
        Self { keytab: file.or(credential) }
    }
}
