//! The Kerberos context (RFC 4121), by MIT Kerberos through GSSAPI.
//!
//! Imports `libgssapi`, beside `authn/kerberos/accept.rs` alone, which takes tickets. Which keytab and cache of tickets are used, the library finds in the process'
//! environment (`KRB5_CLIENT_KTNAME`, `KRB5CCNAME`), which `cli::kerberos` sets from the configuration. (Heimdal 7 knows
//! the former not yet.)

use libgssapi::context::{ClientCtx, CtxFlags, SecurityContext as _};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_KRB5, GSS_NT_KRB5_PRINCIPAL, OidSet};

use super::binding;

/// Whether this build can sign in by Kerberos.
pub const AVAILABLE: bool = true;

/// A security context with a server, or one on its way.
pub(super) struct Context {
    inner: ClientCtx,
    /// To the TLS connection it is made on (RFC 5056).
    binding: Option<Vec<u8>>,
}

impl Context {
    /// Takes a ticket for `ldap` on `host` in the name of `principal`, and makes the first token, tied to the TLS connection
    /// on which the server showed `certificate`. Blocks: the realm's servers are asked.
    ///
    /// # Errors
    /// In the library's words: no key in the keytab, no answer, no such service.
    pub(super) fn begin(principal: &str, host: &str, certificate: Option<&[u8]>) -> Result<(Self, Vec<u8>), String> {
        let said = |error: libgssapi::error::Error| error.to_string();
        let kerberos = OidSet::singleton(GSS_MECH_KRB5).map_err(said)?;
        let name = Name::new(principal.as_bytes(), Some(GSS_NT_KRB5_PRINCIPAL)).map_err(said)?;
        let credential = Cred::acquire(Some(&name), None, CredUsage::Initiate, Some(&kerberos)).map_err(said)?;
        // Not a host-based name: of that MIT Kerberos would ask DNS for the host's other names and take one of those
        // (`dns_canonicalize_hostname`, `rdns`), so that whoever can forge DNS chooses who has to prove himself. RFC 4120
        // 1.3 forbids it. Without a realm after the `@` the domain's servers say where the service is.
        let service = format!("ldap/{}@", host.to_ascii_lowercase());
        let service = Name::new(service.as_bytes(), Some(GSS_NT_KRB5_PRINCIPAL)).map_err(said)?;
        // Mutual: the server proves itself, too, which without TLS is the only proof there is.
        let flags = CtxFlags::GSS_C_MUTUAL_FLAG
            | CtxFlags::GSS_C_SEQUENCE_FLAG
            | CtxFlags::GSS_C_REPLAY_FLAG
            | CtxFlags::GSS_C_INTEG_FLAG
            | CtxFlags::GSS_C_CONF_FLAG;
        let inner = ClientCtx::new(Some(credential), service, flags, Some(GSS_MECH_KRB5));
        let binding = certificate.and_then(binding::to_end_point);
        if certificate.is_some() && binding.is_none() {
            tracing::warn!(
                host,
                "no channel binding is defined for the server's certificate; the sign-in is not tied to TLS"
            );
        }
        let mut context = Self { inner, binding };
        let token = context.advance(None)?;
        Ok((context, token))
    }

    /// Takes the server's token and makes the next; empty when nothing is left to say.
    ///
    /// # Errors
    /// When the server is not who it should be.
    pub(super) fn step(&mut self, token: &[u8]) -> Result<Vec<u8>, String> {
        self.advance(Some(token))
    }

    fn advance(&mut self, token: Option<&[u8]>) -> Result<Vec<u8>, String> {
        let next = self.inner.step(token, self.binding.as_deref()).map_err(|error| error.to_string())?;
        Ok(next.map(|token| token.to_vec()).unwrap_or_default())
    }

    /// True when both sides know each other.
    pub(super) fn is_complete(&self) -> bool {
        self.inner.is_complete()
    }

    /// Signs `plain`, and encrypts it too when `seal` says so.
    ///
    /// # Errors
    /// When the context has ended, as with its ticket.
    pub(super) fn wrap(&mut self, seal: bool, plain: &[u8]) -> Result<Vec<u8>, String> {
        self.inner.wrap(seal, plain).map(|sealed| sealed.to_vec()).map_err(|error| error.to_string())
    }

    /// What is in a buffer of the server's.
    ///
    /// # Errors
    /// When it was changed on its way, came twice or out of turn, or the context has ended.
    pub(super) fn unwrap(&mut self, sealed: &[u8]) -> Result<Vec<u8>, String> {
        self.inner.unwrap(sealed).map(|plain| plain.to_vec()).map_err(|error| error.to_string())
    }
}
