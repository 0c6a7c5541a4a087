//! Stands in for `accept.rs` in a build without the feature `gssapi`: no ticket is taken, and this is said.

use super::KerberosRefused;

/// Whether this build can take tickets.
pub const AVAILABLE: bool = false;

/// Refuses. The configuration refuses before.
pub(super) fn accept(_: &[u8]) -> Result<(String, Option<Vec<u8>>), KerberosRefused> {
    Err(KerberosRefused::Undecided(
        "this bailey was built without Kerberos (`cargo build --features gssapi`)".to_owned(),
    ))
}
