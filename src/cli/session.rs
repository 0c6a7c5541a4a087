//! The way a verb reaches the operations: a daemon's socket, or, when none runs, the same routes in this process.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_util::sync::CancellationToken;

use super::args::{Global, URL_IS_FOR, USUAL_CONFIG};
use super::client::Client;
use super::kerberos::Tickets;
use super::output::Output;
use super::{configuration, kerberos};
use crate::authn::local::Peer;
use crate::config::{Config, ConfigError};
use crate::daemon::compose::{self, Opening, Parts};
use crate::daemon::fleet::Fleet;
use crate::http::InProcess;

/// A way to the operations, and where answers are printed.
pub struct Session {
    /// Sends requests.
    pub client: Client,
    /// Takes answers.
    pub output: Output<io::StdoutLock<'static>>,
    /// Ends the workers of a session without a daemon.
    _workers: Option<Workers>,
}

/// Workers that end with the session.
struct Workers {
    stop: CancellationToken,
    _tickets: Tickets,
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Session {
    /// The daemon's socket if somebody answers there, otherwise this very process.
    ///
    /// # Errors
    /// When the configuration has faults, or neither way is open.
    pub async fn open(global: &Global) -> anyhow::Result<Self> {
        anyhow::ensure!(global.url.is_none(), "{URL_IS_FOR}");
        let output = Output::standard(global.output);
        let socket = socket(global)?;
        let client = Client::socket(&socket);
        // A socket that is there and closed to us is an answer too: opening the files instead would fail worse.
        let is_there = || async { socket.exists() && !nobody_listens(&socket).await };
        if global.socket.is_some() || client.reachable().await || is_there().await {
            return Ok(Self { client, output, _workers: None });
        }
        let config = configuration(global).with_context(|| {
            let socket = socket.display();
            format!(
                "no daemon answers on {socket} (another socket: --socket FILE), and without one all of this is needed"
            )
        })?;
        let tickets = kerberos::prepare(&config)?;
        let parts = tokio::task::spawn_blocking(move || compose::parts(config, Opening::default(), None)).await?;
        let parts = match parts {
            // A daemon has started since, and it listens before it takes the store.
            Err(_) if client.reachable().await => return Ok(Self { client, output, _workers: None }),
            parts => parts.context("no daemon runs, and the store cannot be opened instead")?,
        };
        let Parts { app, directories, .. } = parts;
        let stop = CancellationToken::new();
        let fleet = Fleet::build(&app.admin, directories)?;
        app.admin.directories.replace(fleet.handles());
        app.logins.open_to(fleet.doors());
        let (directories, ours) = (app.admin.directories.clone(), stop.clone());
        tokio::spawn(async move { fleet.run_on_request(&directories, ours).await });
        let client = Client::in_process(InProcess::new(app, Peer::this_process()));
        Ok(Self { client, output, _workers: Some(Workers { stop, _tickets: tickets }) })
    }
}

/// The daemon's socket: the one that is named, otherwise that of the configuration, of which nothing else is looked at; where whoever
/// asks may not read the usual one, the usual socket. Of another configuration it could be another daemon's.
///
/// # Errors
/// When none is named and the configuration tells none.
pub fn socket(global: &Global) -> anyhow::Result<PathBuf> {
    match &global.socket {
        Some(socket) => Ok(socket.clone()),
        None => told(Config::socket(&global.config), Config::usual_socket()),
    }
}

/// What `read` says. Members of `bailey-admin` operate the daemon and cannot read its configuration, which holds passwords.
fn told(read: Result<PathBuf, ConfigError>, usual: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let closed = |error: &ConfigError| match error {
        ConfigError::Unreadable { file, why } => {
            why.kind() == io::ErrorKind::PermissionDenied && file == Path::new(USUAL_CONFIG)
        }
        ConfigError::Faults { .. } => false,
    };
    match (read, usual.filter(|usual| usual.exists())) {
        (Err(error), Some(usual)) if closed(&error) => Ok(usual),
        (read, _) => read.context("where the daemon listens is not known (name its socket with --socket FILE)"),
    }
}

async fn nobody_listens(socket: &Path) -> bool {
    let connected = tokio::net::UnixStream::connect(socket).await;
    connected.is_err_and(|why| why.kind() == io::ErrorKind::ConnectionRefused)
}

/// `text` as one segment of a path or one value of a query.
#[must_use]
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A query string of those parameters that have a value.
#[must_use]
pub fn query(parameters: &[(&str, Option<String>)]) -> String {
    let given: Vec<String> = parameters
        .iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={}", encoded(value))))
        .collect();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}

/// A remark for the person at the terminal, beside the answer.
///
/// # Errors
/// When standard error is gone.
pub fn remark(text: &str) -> io::Result<()> {
    writeln!(io::stderr(), "{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_socket_stands_in_for_a_configuration_that_is_closed_to_whoever_asks() {
        let directory = tempfile::tempdir().unwrap();
        let usual = directory.path().join("bailey.sock");
        let of = |file: &str, kind: io::ErrorKind| {
            Err(ConfigError::Unreadable { file: PathBuf::from(file), why: kind.into() })
        };
        let unreadable = |kind| of("/etc/bailey/bailey.toml", kind);
        let closed = || unreadable(io::ErrorKind::PermissionDenied);
        let words = format!("{:#}", told(closed(), Some(usual.clone())).unwrap_err());
        assert!(words.contains("--socket FILE") && words.contains("/etc/bailey/bailey.toml"), "{words}");
        std::fs::write(&usual, "").unwrap();
        assert_eq!(told(closed(), Some(usual.clone())).unwrap(), usual);
        let other = of("/etc/bailey-staging/bailey.toml", io::ErrorKind::PermissionDenied);
        told(other, Some(usual.clone())).unwrap_err();
        // Nothing stands in for a file that is not there, or is not what it should be: a wrong --config is told.
        let missing = told(unreadable(io::ErrorKind::NotFound), Some(usual.clone())).unwrap_err();
        assert!(missing.is::<ConfigError>(), "exit code 2: {missing:#}");
        assert_eq!(told(Ok(PathBuf::from("/else.sock")), Some(usual)).unwrap(), PathBuf::from("/else.sock"));
        assert_eq!(Config::usual_socket(), Some(PathBuf::from("/run/bailey/bailey.sock")));
    }
}
