//! Signs in by Kerberos: SASL's GSSAPI mechanism (RFC 4752), before `ldap3` sees the connection.
//!
//! Owns the exchange of bind messages and what it leaves: over `ldap://` a [`layer`] that seals everything that follows,
//! over TLS nothing, since TLS protects already and Active Directory takes no second layer inside it. Tickets and
//! keytabs are MIT Kerberos' business ([`gss`]): `krb5.conf` says where the realm's servers are, here as everywhere else.
//!
//! By hand, because the guard reads plain messages, so the layer has to lie below it; `ldap3` would put it above.

#[cfg(feature = "gssapi")]
mod binding;
#[cfg(feature = "gssapi")]
mod gss;
#[cfg(not(feature = "gssapi"))]
#[path = "no_gss.rs"]
mod gss;
mod layer;

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Mutex;

use super::ber::{self, Header};
use super::message::{BIND_REQUEST, Message};
use super::transport::{Connected, Stream};
use crate::base::text::printable;
use crate::directory::error::result_name;
use crate::directory::{DirectoryError, ad_codes};
use gss::Context;
use layer::Protection;

pub use gss::AVAILABLE;
pub(in crate::directory) use layer::NOT_INSIDE_TLS;

/// How the error goes on that says that there is no ticket, or that it was of no use.
pub(in crate::directory) const FAILED: &str = "by Kerberos failed";
/// saslBindInProgress (RFC 4511 4.2.2).
const IN_PROGRESS: u32 = 14;
/// Longest answer to a bind: a token with the privileges of an account in a thousand groups takes some 50 KiB.
const MAX_ANSWER: usize = 1 << 20;
/// What is left of the time to connect when there is no ticket yet, as a share: for words that name Kerberos.
const FOR_TICKETS: f64 = 0.7;
/// One at a time asks the realm's servers: a thread that waits for one cannot be told to stop.
static ASKING: Mutex<()> = Mutex::const_new(());
/// A context that is not there after so many answers never will be. Kerberos needs one or two.
const MAX_ROUNDS: u32 = 8;

/// Signs in as `principal` to the server on `host`; what it answers is the connection as it is afterwards.
pub(super) async fn sign_in(
    server: &str,
    host: &str,
    principal: &str,
    connected: Connected,
    limit: Duration,
) -> Result<Box<dyn Stream>, DirectoryError> {
    let Connected { stream, certificate } = connected;
    let protection = if certificate.is_some() { Protection::None } else { Protection::Sealed };
    let mut exchange = Exchange { server, what: format!("the bind as `{}`", printable(principal)), stream, next: 1 };
    let patience = limit.mul_f64(FOR_TICKETS);
    let begun = tokio::time::timeout(patience, begin(principal, host, certificate)).await;
    let begun = begun.unwrap_or_else(|_| {
        Err(format!("no ticket within {} s: the realm's servers do not answer", patience.as_secs()))
    });
    let (mut context, token) = begun.map_err(|why| exchange.failed(&why))?;

    // Once our side is complete, what the server answers is its offer (RFC 4752 3.1).
    let (mut token, mut rounds) = (token, 0);
    let offer = loop {
        let answer = exchange.send(&token).await?;
        rounds += 1;
        if !answer.goes_on {
            return Err(exchange.broken("it ended the bind before it had proven who it is"));
        }
        if rounds > MAX_ROUNDS {
            return Err(exchange.broken("it goes on asking without proving who it is"));
        }
        if context.is_complete() {
            break answer.credentials;
        }
        token = context.step(&answer.credentials).map_err(|why| exchange.failed(&why))?;
    };
    let offer = context.unwrap(&offer).map_err(|why| exchange.failed(&why))?;
    let chosen = protection.chosen_from(&offer).map_err(|why| exchange.refused(&why))?;
    let token = context.wrap(false, &chosen.answer()).map_err(|why| exchange.failed(&why))?;
    if exchange.send(&token).await?.goes_on {
        return Err(exchange.broken("it asks for more after the bind's last message"));
    }
    Ok(match protection {
        Protection::None => exchange.stream,
        Protection::Sealed => Box::new(layer::seal(exchange.stream, context, chosen.largest)),
    })
}

/// The one step that asks the realm's servers, and may wait for them.
async fn begin(principal: &str, host: &str, certificate: Option<Vec<u8>>) -> Result<(Context, Vec<u8>), String> {
    let turn = ASKING.lock().await;
    let (who, whom) = (principal.to_owned(), host.to_owned());
    let begun = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        Context::begin(&who, &whom, certificate.as_deref())
    });
    begun.await.map_err(|error| error.to_string())?
}

/// Bind messages on a connection nobody else uses yet.
struct Exchange<'a> {
    server: &'a str,
    what: String,
    stream: Box<dyn Stream>,
    /// Id of the next message.
    next: u8,
}

/// What the server answered.
struct Answer {
    credentials: Vec<u8>,
    /// Whether it waits for more.
    goes_on: bool,
}

impl Exchange<'_> {
    /// Sends a token and waits for the answer, which must be a success or a request for more.
    async fn send(&mut self, token: &[u8]) -> Result<Answer, DirectoryError> {
        let id = self.next;
        self.next += 1;
        let sent = self.stream.write_all(&bind_request(id, token)).await;
        sent.map_err(|error| self.lost(&error))?;
        self.stream.flush().await.map_err(|error| self.lost(&error))?;
        let frame = self.receive().await?;
        let message = Message::read(&frame).map_err(|why| self.broken(why))?;
        message.answers(BIND_REQUEST).map_err(|why| self.broken(why))?;
        if message.id != u32::from(id) {
            return Err(self.broken("it answered something other than the bind"));
        }
        match message.result() {
            Some((code @ (0 | IN_PROGRESS), _)) => {
                Ok(Answer { credentials: message.sasl_credentials().unwrap_or_default().to_vec(), goes_on: code != 0 })
            }
            Some((code, text)) => Err(ad_codes::explained(DirectoryError::Refused {
                server: self.server.to_owned(),
                what: self.what.clone(),
                code,
                name: result_name(code),
                text: printable(text).into_owned(),
            })),
            None => Err(self.broken("its answer to the bind is malformed")),
        }
    }

    /// One whole message, and not a byte of the next: what follows the last one may be sealed.
    async fn receive(&mut self) -> Result<Vec<u8>, DirectoryError> {
        let mut frame = Vec::with_capacity(1024);
        let wanted = loop {
            match Header::read(&frame).map_err(|why| self.broken(why))? {
                Some(header) if header.content > MAX_ANSWER => {
                    return Err(self.broken("its answer to the bind is too long"));
                }
                Some(header) => break header.length + header.content,
                None => frame.push(self.stream.read_u8().await.map_err(|error| self.lost(&error))?),
            }
        };
        let begun = frame.len();
        frame.resize(wanted, 0);
        let rest = frame.get_mut(begun..).unwrap_or_default();
        self.stream.read_exact(rest).await.map_err(|error| self.lost(&error))?;
        Ok(frame)
    }

    /// Kerberos says no.
    fn failed(&self, why: &str) -> DirectoryError {
        self.refused(&format!("{FAILED}: {}", printable(why)))
    }

    /// The connection ended.
    fn lost(&self, error: &std::io::Error) -> DirectoryError {
        self.refused(&format!("was cut off: {error}"))
    }

    fn refused(&self, why: &str) -> DirectoryError {
        DirectoryError::Connection { server: self.server.to_owned(), why: format!("{} {why}", self.what) }
    }

    fn broken(&self, why: &str) -> DirectoryError {
        DirectoryError::Protocol { server: self.server.to_owned(), why: why.to_owned() }
    }
}

/// `BindRequest ::= [APPLICATION 0] { version 3, name "", [3] { mechanism, credentials OPTIONAL } }` (RFC 4511 4.2). An
/// empty token is present and empty: absent would be another thing to say.
fn bind_request(id: u8, token: &[u8]) -> Vec<u8> {
    let (mut sasl, mut request, mut message, mut frame) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    ber::push(&mut sasl, ber::OCTETS, b"GSSAPI");
    ber::push(&mut sasl, ber::OCTETS, token);
    ber::push(&mut request, ber::INTEGER, &[3]);
    ber::push(&mut request, ber::OCTETS, b"");
    ber::push(&mut request, 0xa3, &sasl);
    ber::push(&mut message, ber::INTEGER, &[id]);
    ber::push(&mut message, BIND_REQUEST, &request);
    ber::push(&mut frame, ber::SEQUENCE, &message);
    frame
}
