//! Stands in for `gss.rs` in a build without the feature `gssapi`: there is no context, and this is said.

use std::convert::Infallible;

/// Whether this build can sign in by Kerberos.
pub const AVAILABLE: bool = false;

/// A security context, of which there is none.
pub(super) struct Context(Infallible);

impl Context {
    /// Refuses. The configuration refuses before.
    ///
    /// # Errors
    /// Always.
    pub(super) fn begin(_: &str, _: &str, _: Option<&[u8]>) -> Result<(Self, Vec<u8>), String> {
        Err("this bailey was built without Kerberos (`cargo build --features gssapi`)".to_owned())
    }

    pub(super) fn step(&mut self, _: &[u8]) -> Result<Vec<u8>, String> {
        match self.0 {}
    }

    pub(super) fn is_complete(&self) -> bool {
        match self.0 {}
    }

    pub(super) fn wrap(&mut self, _: bool, _: &[u8]) -> Result<Vec<u8>, String> {
        match self.0 {}
    }

    pub(super) fn unwrap(&mut self, _: &[u8]) -> Result<Vec<u8>, String> {
        match self.0 {}
    }
}
