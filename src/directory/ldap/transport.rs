//! Opens the byte stream to a server: TCP or a Unix socket, TLS at once or by StartTLS.
//!
//! No LDAP operation happens here except StartTLS itself, which is done by hand: the answer is the only
//! thing read in the clear, and a single byte more ends the connection. A client that buffered it would
//! take words an attacker spoke before the handshake for the server's (threat L7).

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::address::{Address, Host};
use super::ber::{self, Header};
use super::message::{EXTENDED_REQUEST, Message};
use super::tls;
use crate::base::text::printable;
use crate::directory::error::result_name;
use crate::directory::settings::Domain;
use crate::directory::{DirectoryError, Settings, discovery};

/// A connected, as far as asked for encrypted, byte stream.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection on which nothing was said yet.
pub(super) struct Connected {
    pub(super) stream: Box<dyn Stream>,
    /// What the server showed in the TLS handshake; `None` without TLS.
    pub(super) certificate: Option<Vec<u8>>,
}

/// What a connection is for, which decides what may cross it in the clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Our own account signs in, as the settings say.
    Service,
    /// A person signs in with a password. Where a ticket of ours would encrypt the connection it does not do so here.
    Person,
}

impl Purpose {
    /// Whether TLS is asked for once connected.
    fn starts_tls(self, settings: &Settings) -> bool {
        settings.start_tls || self == Self::Person && settings.bind.seals()
    }

    /// Whether signing in encrypts the connection.
    fn seals(self, settings: &Settings) -> bool {
        self == Self::Service && settings.bind.seals()
    }
}

/// How the error begins that says that a host has no address.
pub(in crate::directory) const NO_ADDRESS: &str = "cannot find the address";

/// OID of the StartTLS operation (RFC 4511 4.14).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

/// Connects to `server`, which is at `address`.
pub(super) async fn connect(
    server: &str,
    address: &Address,
    settings: &Settings,
    purpose: Purpose,
) -> Result<Connected, DirectoryError> {
    match address {
        Address::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(|error| failed(server, "cannot connect", &error))?;
            Ok(Connected::in_the_clear(stream))
        }
        Address::Tls(host) => encrypted(server, host, tcp(server, host, settings).await?, settings).await,
        Address::Plain(host) if purpose.starts_tls(settings) => {
            let mut stream = tcp(server, host, settings).await?;
            start_tls(server, &mut stream).await?;
            encrypted(server, host, stream, settings).await
        }
        Address::Plain(host) => {
            if address.is_overheard(settings) && !settings.insecure {
                return Err(overheard(server));
            }
            let stream = tcp(server, host, settings).await?;
            // `localhost` is a name like any other; what counts is where it led.
            let near = stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback());
            if near || settings.insecure || purpose.seals(settings) {
                Ok(Connected::in_the_clear(stream))
            } else {
                Err(overheard(server))
            }
        }
    }
}

impl Connected {
    fn in_the_clear(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), certificate: None }
    }
}

fn overheard(server: &str) -> DirectoryError {
    DirectoryError::Setup {
        what: format!("server `{server}`"),
        why: "everything, the bind password too, would cross the network in the clear: use `ldaps://` or `start_tls`, or \
              accept it with `insecure`"
            .to_owned(),
    }
}

async fn tcp(server: &str, host: &Host, settings: &Settings) -> Result<TcpStream, DirectoryError> {
    let stream = match settings.domain.as_ref().filter(|domain| !domain.nameservers.is_empty()) {
        Some(domain) => through_nameservers(server, host, domain, settings.connect_timeout).await?,
        None => {
            let connected = TcpStream::connect((host.name.as_str(), host.port)).await;
            connected.map_err(|error| failed(server, "cannot connect", &error))?
        }
    };
    stream.set_nodelay(true).map_err(|error| failed(server, "cannot connect", &error))?;
    Ok(stream)
}

/// Connects to a host whose addresses the domain's name servers know: to each in turn, for its share of `limit`, so
/// that one that drops packets does not cost the others their turn.
async fn through_nameservers(
    server: &str,
    host: &Host,
    domain: &Domain,
    limit: Duration,
) -> Result<TcpStream, DirectoryError> {
    let failed = |why: String| DirectoryError::Connection { server: server.to_owned(), why };
    let found = discovery::addresses(domain, &host.name).await;
    let addresses = found.map_err(|why| failed(format!("{NO_ADDRESS} of `{}`: {why}", host.name)))?;
    let share = limit / u32::try_from(addresses.len()).unwrap_or(u32::MAX).saturating_add(1);
    let mut reasons = Vec::new();
    for address in addresses {
        match tokio::time::timeout(share, TcpStream::connect((address, host.port))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => reasons.push(format!("{address}: {error}")),
            Err(_) => reasons.push(format!("{address}: no answer")),
        }
    }
    Err(failed(format!("cannot connect: {}", reasons.join("; "))))
}

async fn encrypted(
    server: &str,
    host: &Host,
    stream: TcpStream,
    settings: &Settings,
) -> Result<Connected, DirectoryError> {
    let config = tls::client_config(settings)?;
    let name = ServerName::try_from(host.name.clone()).map_err(|error| DirectoryError::Setup {
        what: format!("server `{server}`"),
        why: format!("no certificate can be checked against this host name: {error}"),
    })?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let stream = connected.map_err(|error| failed(server, "the TLS handshake failed", &error))?;
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    // A certificate is always shown: without one the handshake fails.
    let certificate = Some(shown.map(|shown| shown.to_vec()).unwrap_or_default());
    Ok(Connected { stream: Box::new(stream), certificate })
}

/// Asks for TLS and reads the one answer; the stream is then at the first byte of the handshake.
async fn start_tls(server: &str, stream: &mut TcpStream) -> Result<(), DirectoryError> {
    let closed = |error: std::io::Error| failed(server, "StartTLS failed", &error);
    let broken = |why: &str| DirectoryError::Protocol { server: server.to_owned(), why: why.to_owned() };
    stream.write_all(&start_tls_request()).await.map_err(closed)?;
    let mut answer = Vec::with_capacity(1024);
    let length = loop {
        if stream.read_buf(&mut answer).await.map_err(closed)? == 0 {
            return Err(failed(server, "StartTLS failed", &std::io::ErrorKind::UnexpectedEof.into()));
        }
        match Header::read(&answer).map_err(broken)? {
            Some(header) if header.content > 4096 => return Err(broken("its answer to StartTLS is too long")),
            Some(header) if answer.len() >= header.length + header.content => break header.length + header.content,
            _ => {}
        }
    };
    let message = Message::read(answer.get(..length).unwrap_or_default()).map_err(broken)?;
    message.answers(EXTENDED_REQUEST).map_err(broken)?;
    match message.result() {
        Some((0, _)) if message.id == 1 && answer.len() == length => Ok(()),
        Some((0, _)) => {
            Err(broken("it sent more than the answer to StartTLS before TLS began, which could be anybody's words"))
        }
        Some((code, text)) => Err(DirectoryError::Refused {
            server: server.to_owned(),
            what: "StartTLS".to_owned(),
            code,
            name: result_name(code),
            text: printable(text).into_owned(),
        }),
        None => Err(broken("its answer to StartTLS is malformed")),
    }
}

fn start_tls_request() -> Vec<u8> {
    let (mut name, mut parts, mut request) = (Vec::new(), vec![ber::INTEGER, 1, 1], Vec::new());
    // [0] requestName
    ber::push(&mut name, 0x80, START_TLS);
    ber::push(&mut parts, EXTENDED_REQUEST, &name);
    ber::push(&mut request, ber::SEQUENCE, &parts);
    request
}

fn failed(server: &str, what: &str, error: &std::io::Error) -> DirectoryError {
    DirectoryError::Connection { server: server.to_owned(), why: format!("{what}: {error}") }
}
