//! `bailey credentials`: a role's credentials for programs of AWS, in the three ways that all of them take.
//!
//! ```text
//!  role       a kept session of the role, refreshed early by one process at a time
//!  print      credential_process and lines for a shell
//!  serve      the listener of the two ways over HTTP, and its rules of arrival
//!  arrival    what a request over loopback must and must not have
//!  peer       whose connection it is
//!  container  the container endpoint
//!  imds       the instance metadata service, version 2
//! ```
//!
//! Loopback is no border: every program of this machine reaches it, other people's among them, and so does every web page
//! that a browser shows (DNS rebinding, cross-site requests). Hence the rules of [`arrival`] and [`peer`]. And nothing is
//! ever answered as success that is over, due, or empty: a client would work with it until it fails somewhere else.

pub mod arrival;
pub mod container;
pub mod imds;
pub mod peer;
pub mod print;
pub mod role;
pub mod serve;

use std::io::{self, Write as _};

use anyhow::Context as _;
use clap::{Args as ClapArgs, Subcommand};

use super::Exit;
use super::args::Global;
use super::login::service::Service;
use super::login::{cache, seconds};
use role::Role;
use serve::Serve;

/// `bailey credentials`.
#[derive(Debug, ClapArgs)]
pub struct Credentials {
    /// Serve them, instead of printing them
    #[command(subcommand)]
    pub verb: Option<CredentialsVerb>,
    /// The role: its name (with its path, as in `app/Deploy`), or its ARN
    #[arg(long, global = true, value_name = "NAME|ARN")]
    pub role: Option<String>,
    /// What the session is called [default: your name]
    #[arg(long, global = true, value_name = "NAME")]
    pub session_name: Option<String>,
    /// For how long a session is asked for, such as `1h` [default: as the daemon says]
    #[arg(long, global = true, value_name = "TIME", value_parser = seconds)]
    pub duration: Option<u32>,
    /// Print lines for a shell: eval "$(bailey credentials --role NAME --env)"
    #[arg(long)]
    pub env: bool,
}

/// Instead of printing.
#[derive(Debug, Subcommand)]
pub enum CredentialsVerb {
    /// Serve a role's credentials on loopback: container endpoint, or instance metadata
    ///
    /// Prints the variables that AWS SDKs need, then serves your own processes until it is told to end.
    Serve(Serve),
}

impl Credentials {
    /// What clap cannot see, because the options stand before and behind `serve` alike.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        if self.role.is_none() {
            Some("say which role: --role NAME")
        } else if self.env && self.verb.is_some() {
            Some("--env prints, and `serve` serves: keep one")
        } else {
            None
        }
    }
}

/// Prints or serves.
///
/// # Errors
/// When there are no credentials that count, or nobody reads them.
pub async fn credentials(global: &Global, verb: Credentials) -> anyhow::Result<Exit> {
    let Credentials { verb, role, session_name, duration, env } = verb;
    let url = global.url.as_deref().map(|url| Service::at(url, None)).transpose()?;
    let role = Role {
        cache: cache()?,
        url: url.map(|service| service.url().to_owned()),
        role: role.context("say which role: --role NAME")?,
        session_name,
        seconds: duration,
    };
    if let Some(CredentialsVerb::Serve(verb)) = verb {
        return serve::serve(role, verb).await;
    }
    let given = role.credentials().await?;
    let text = if env { print::shell(&given) } else { print::process(&given) };
    writeln!(io::stdout().lock(), "{}", *text)?;
    Ok(Exit::Done)
}
