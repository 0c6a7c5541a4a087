//! The way a verb reaches the operations: a daemon's socket, or, when none runs, the same routes in this process.

use std::io::{self, Write as _};

use anyhow::Context as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_util::sync::CancellationToken;

use super::args::Global;
use super::client::Client;
use super::kerberos::Tickets;
use super::output::Output;
use super::{configuration, kerberos};
use crate::authn::local::Peer;
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
        anyhow::ensure!(
            global.url.is_none(),
            "--url is for `bailey login` and `bailey credentials`; use the local socket on the daemon's machine, or an AWS command \
             line with the credentials of a role: aws iam list-users --endpoint-url URL"
        );
        let output = Output::standard(global.output);
        if let Some(socket) = &global.socket {
            return Ok(Self { client: Client::socket(socket), output, _workers: None });
        }
        let config = configuration(global)?;
        let client = Client::socket(&config.listen.socket);
        // A socket that is there and closed to us is an answer too: opening the files instead would fail worse.
        if client.reachable().await || config.listen.socket.exists() && !nobody_listens(&config.listen.socket).await {
            return Ok(Self { client, output, _workers: None });
        }
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

async fn nobody_listens(socket: &std::path::Path) -> bool {
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
