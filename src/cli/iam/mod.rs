//! Roles, policies and what hangs on whom: the words, and what they print.
//!
//! ```text
//!  roles        bailey role, bailey instance-profile
//!  coverage     bailey role coverage
//!  policies     bailey policy list, create, ...: those in the store
//!  who_can      bailey policy who-can
//!  services     bailey policy last-accessed, granting
//!  guardrails   bailey guardrail
//!  local        bailey user create, bailey group create, ...: those that no directory knows
//!  resources    bailey resource create, ...: machines that no directory knows
//!  credentials  bailey access-key, root, init
//!  keys         bailey key: those that sign and seal
//!  factors      bailey mfa, bailey account, passwords of local users
//!  sessions     bailey session
//!  details      bailey account details
//!  providers    bailey provider oidc, saml
//!  holders      what users, groups and roles have in common: attach, put-policy, boundary, tag
//! ```

pub mod coverage;
pub mod credentials;
mod details;
pub mod factors;
pub mod guardrails;
pub mod holders;
pub mod keys;
pub mod local;
pub mod policies;
pub mod providers;
pub mod resources;
pub mod roles;
pub mod services;
pub mod sessions;
mod who_can;

use std::io::{self, Read as _};
use std::path::Path;

use anyhow::Context as _;
use serde_json::value::RawValue;

use super::session::{Session, remark};

/// The text of `file`; `-` is standard input.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read(file: &Path) -> anyhow::Result<String> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    text.with_context(|| format!("cannot read {}", file.display()))
}

/// A document to send, which has to be JSON at least; what else it has to be, the daemon says.
fn document(file: &Path) -> anyhow::Result<Box<RawValue>> {
    let text = read(file)?;
    let name = if file == Path::new("-") { "standard input".into() } else { file.display().to_string() };
    RawValue::from_string(text.trim().to_owned()).with_context(|| format!("{name} is no JSON"))
}

/// `key=value` as it is typed.
fn tag(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Says what is worth a thought about what was just written.
fn warn(warnings: &[String]) -> io::Result<()> {
    warnings.iter().try_for_each(|warning| remark(&format!("warning: {warning}")))
}

/// Says where a listing goes on.
fn go_on(next: Option<String>) -> io::Result<()> {
    next.map_or(Ok(()), |next| remark(&format!("more: --after {next}")))
}

/// Says that it was done, to people.
fn done(session: &mut Session, what: &str) -> io::Result<()> {
    session.output.sentence(what)
}
