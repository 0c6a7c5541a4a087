//! `[sts]`: what the token service takes besides signatures.

use super::section::Section;
use crate::authn::kerberos;
use crate::sts::unsigned::Settings;

/// `keytab` says whether one for tickets is named.
pub(super) fn meant(section: &Section<'_>, keytab: bool) -> Settings {
    const KERBEROS: &str = "assume_role_with_kerberos";
    let settings =
        Settings { ldap_identity: section.read("assume_role_with_ldap_identity"), kerberos: section.read(KERBEROS) };
    if settings.kerberos && !kerberos::AVAILABLE {
        let remedy = "build with `cargo build --features gssapi`, or let machines show certificates";
        section.fault(KERBEROS, "this bailey was built without Kerberos", remedy);
    }
    if settings.kerberos && !keytab {
        let remedy = "set kerberos.service_keytab_file to a keytab with the key of HTTP/ and the name that clients use";
        section.fault(KERBEROS, "tickets are for a key of ours, and there is none", remedy);
    }
    settings
}
