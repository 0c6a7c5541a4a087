//! Whether a token holds a ticket for us, by MIT Kerberos through GSSAPI.
//!
//! Which keys are ours, and where it is noted what was taken, the library finds in the process' environment (`KRB5_KTNAME`,
//! `KRB5RCACHENAME`), which `cli::kerberos` sets from the configuration. Signing in to directories is another matter, and has
//! another keytab: `directory/ldap/sasl/gss.rs`.

use libgssapi::context::{SecurityContext as _, ServerCtx};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::error::Error;
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_KRB5, GSS_MECH_SPNEGO, GSS_NT_HOSTBASED_SERVICE, OidSet};

use super::KerberosRefused;

/// Whether this build can take tickets.
pub const AVAILABLE: bool = true;

/// Who holds the ticket in `token`, and what proves us to them. Blocks: the library waits for its replay cache.
pub(super) fn accept(token: &[u8]) -> Result<(String, Option<Vec<u8>>), KerberosRefused> {
    let ours = ours().map_err(|error| KerberosRefused::Undecided(error.to_string()))?;
    let mut context = ServerCtx::new(Some(ours));
    let refused = |error: Error| KerberosRefused::of_library(&error.to_string());
    // Not bound to the TLS connection (RFC 5929): curl cannot say which one it is on. What stops a relay is that the ticket is for
    // `HTTP/` and our host, and that nobody but us has that host's certificate.
    let answer = context.step(token, None).map_err(refused)?;
    if !context.is_complete() {
        return Err(KerberosRefused::Rounds);
    }
    // SPNEGO may have agreed on whatever the machine has a plug-in for.
    if context.mechanism().map_err(refused)? != GSS_MECH_KRB5 {
        return Err(KerberosRefused::Rounds);
    }
    let holder = context.source_name().and_then(|name| name.display_name()).map_err(refused)?;
    let holder =
        std::str::from_utf8(&holder).map_err(|_| KerberosRefused::Name("a name that is no text".to_owned()))?;
    Ok((holder.to_owned(), answer.map(|answer| answer.to_vec())))
}

/// The keys of services called `HTTP/` and any host; read anew each time, as a keytab is exchanged while we run.
fn ours() -> Result<Cred, Error> {
    let mut mechanisms = OidSet::singleton(GSS_MECH_KRB5)?;
    mechanisms.add(GSS_MECH_SPNEGO)?;
    // Without a host: any that the keytab has, and nothing is asked of DNS. A keytab that has other services' keys too, such as
    // `host/`, takes no tickets for these.
    let name = Name::new(b"HTTP", Some(GSS_NT_HOSTBASED_SERVICE))?;
    Cred::acquire(Some(&name), None, CredUsage::Accept, Some(&mechanisms))
}
