//! The only outbound HTTP client: fetches small documents of outsiders, such as the keys of an issuer of tokens, sends them
//! short forms and notices, and asks them short questions.
//!
//! Owns what such a request may reach and how much it may cost: HTTPS alone, to an address that is public or that the
//! configuration allows, one answer of a limited size within a limited time. Whoever names an address here, an administrator of
//! the IAM API or the document of an issuer, must not be able to make this machine talk to its own network (server-side request
//! forgery). Knows nothing of tokens and keys.
//!
//! ```text
//!  URL --scheme, port, nobody named--> host --resolver--> addresses --each public or allowed--> one dialled --TLS for the
//!                                                                                                  host's name--> GET
//! ```
//!
//! It stands on hyper's connection, which is in the tree already, and not on a ready client: such a client resolves, redirects,
//! pools and asks the environment for proxies by itself, and each of these would have to be switched off again. Here the address
//! that was checked is the one that is dialled, because there is nothing in between: DNS is asked once, so no second answer can be
//! another (DNS rebinding).

mod address;
mod error;
mod resolver;
mod tls;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, LOCATION, USER_AGENT,
};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use url::{Host, Url};

pub use error::FetchError;
pub use resolver::{Resolver, System};
pub use tls::secured;

use crate::base::Secret;
use crate::base::network::Networks;
use crate::base::text::printable;

/// Time for everything: somebody waits for what comes of it.
const WHOLE: Duration = Duration::from_secs(5);

/// Time for one address to take the connection; then comes the next.
const CONNECT: Duration = Duration::from_secs(2);

/// Most addresses of a host that are looked at.
const MOST_ADDRESSES: usize = 16;

/// Most lines, and bytes, of an answer's head.
const MOST_HEADERS: usize = 64;
const LONGEST_HEAD: usize = 32 << 10;

/// What a request may reach besides public addresses, and whom it believes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Networks that are not public and are meant all the same.
    pub networks: Networks,
    /// The file with the authorities of the server's certificate, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether `http://` will do where the server is this machine itself.
    pub plain_on_loopback: bool,
}

/// Fetches.
#[derive(Clone)]
pub struct Client {
    resolver: Arc<dyn Resolver>,
}

impl Default for Client {
    fn default() -> Self {
        Self::new(Arc::new(System))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    /// One that asks `resolver` where hosts are.
    #[must_use]
    pub fn new(resolver: Arc<dyn Resolver>) -> Self {
        Self { resolver }
    }

    /// The document at `url`, at most `most` bytes of it. What it is said to be counts for nothing (`Content-Type`): object
    /// stores, from which many clusters publish their keys, say that everything is bytes; the reader has to be strict instead.
    ///
    /// # Errors
    /// When the URL is not allowed, what it names may not be reached, or no whole document comes in time.
    pub async fn get(&self, url: &Url, reach: &Reach, most: usize) -> Result<Vec<u8>, FetchError> {
        let slow = |_| FetchError::Slow { url: shown(url), seconds: WHOLE.as_secs() };
        Ok(timeout(WHOLE, self.exchange(url, reach, Asked::Document { most })).await.map_err(slow)??.document)
    }

    /// Sends a form to `url`, whose server says that it took it; what else it says is not read.
    ///
    /// # Errors
    /// As of [`Client::get`].
    pub async fn post(&self, url: &Url, reach: &Reach, form: &str) -> Result<(), FetchError> {
        let slow = |_| FetchError::Slow { url: shown(url), seconds: WHOLE.as_secs() };
        timeout(WHOLE, self.exchange(url, reach, Asked::Form(form))).await.map_err(slow)?.map(drop)
    }

    /// Sends a form to `url`, with what says who sends it if anything does, and takes the document that is answered, at most `most` bytes.
    ///
    /// # Errors
    /// As of [`Client::get`].
    pub async fn post_for(
        &self,
        url: &Url,
        reach: &Reach,
        (form, authorization): (&Secret<String>, Option<&Secret<String>>),
        most: usize,
    ) -> Result<Vec<u8>, FetchError> {
        let slow = |_| FetchError::Slow { url: shown(url), seconds: WHOLE.as_secs() };
        let asked = Asked::Answer { form, authorization, most };
        Ok(timeout(WHOLE, self.exchange(url, reach, asked)).await.map_err(slow)??.document)
    }

    /// Sends JSON to `url`, with these headers besides, whose server says that it took it: by which status. What else it says is not
    /// read.
    ///
    /// # Errors
    /// As of [`Client::get`].
    pub async fn post_json(
        &self,
        url: &Url,
        reach: &Reach,
        body: &[u8],
        headers: &[(&'static str, &str)],
    ) -> Result<u16, FetchError> {
        let slow = |_| FetchError::Slow { url: shown(url), seconds: WHOLE.as_secs() };
        let taken = timeout(WHOLE, self.exchange(url, reach, Asked::Json { body, headers })).await.map_err(slow)??;
        Ok(taken.status)
    }

    /// Sends `question`, JSON, to `url`, with what we show to be let in (RFC 6750) if there is such, and takes at most `most` bytes of what
    /// is answered.
    ///
    /// # Errors
    /// As of [`Client::get`].
    pub async fn ask(
        &self,
        url: &Url,
        reach: &Reach,
        (question, token): (&[u8], Option<&str>),
        most: usize,
    ) -> Result<Vec<u8>, FetchError> {
        let slow = |_| FetchError::Slow { url: shown(url), seconds: WHOLE.as_secs() };
        let asked = Asked::Question { question, token, most };
        Ok(timeout(WHOLE, self.exchange(url, reach, asked)).await.map_err(slow)??.document)
    }

    async fn exchange(&self, url: &Url, reach: &Reach, asked: Asked<'_>) -> Result<Answered, FetchError> {
        let target = Target::of(url, reach)?;
        let addresses = self.addresses(&target, reach).await?;
        let stream = dial(&target, &addresses).await?;
        if target.plain {
            return ask(stream, url, asked).await;
        }
        ask(tls::secured(stream, &target.host, reach.ca_file.clone()).await?, url, asked).await
    }

    /// Where the target is: all of its addresses, each of which may be reached. One that may not spoils the others: a name that
    /// is in two networks at once is how it looks when somebody tries.
    async fn addresses(&self, target: &Target, reach: &Reach) -> Result<Vec<SocketAddr>, FetchError> {
        let mut found =
            match &target.host {
                Host::Ipv4(address) => vec![SocketAddr::new((*address).into(), target.port)],
                Host::Ipv6(address) => vec![SocketAddr::new((*address).into(), target.port)],
                Host::Domain(name) => self.resolver.resolve(name, target.port).await.map_err(|why| {
                    FetchError::Unresolved { host: printable(name).into_owned(), why: why.to_string() }
                })?,
            };
        found.truncate(MOST_ADDRESSES);
        let host = || printable(&target.host.to_string()).into_owned();
        if found.is_empty() {
            return Err(FetchError::Unresolved { host: host(), why: "it has no address".to_owned() });
        }
        for address in &found {
            let ip = address.ip();
            if let Some(what) = address::refused(ip, &reach.networks) {
                return Err(FetchError::Forbidden { host: host(), address: ip, what });
            }
            if target.plain && !ip.to_canonical().is_loopback() {
                return Err(FetchError::Url { url: host(), why: "in the clear this machine alone may be asked" });
            }
        }
        Ok(found)
    }
}

/// What is asked of a server.
#[derive(Clone, Copy)]
enum Asked<'a> {
    /// A document of so many bytes at most.
    Document { most: usize },
    /// That it takes this form.
    Form(&'a str),
    /// A document of so many bytes at most, for this form.
    Answer { form: &'a Secret<String>, authorization: Option<&'a Secret<String>>, most: usize },
    /// An answer to this JSON of so many bytes at most.
    Question { question: &'a [u8], token: Option<&'a str>, most: usize },
    /// That it takes this, with these headers besides.
    Json { body: &'a [u8], headers: &'a [(&'static str, &'a str)] },
}

/// How it was answered.
struct Answered {
    status: u16,
    /// Empty where none was asked for.
    document: Vec<u8>,
}

/// What a URL names.
struct Target {
    host: Host,
    port: u16,
    plain: bool,
}

impl Target {
    fn of(url: &Url, reach: &Reach) -> Result<Self, FetchError> {
        let fault = |why| FetchError::Url { url: shown(url), why };
        let plain = match url.scheme() {
            "https" => false,
            "http" if reach.plain_on_loopback => true,
            _ => return Err(fault("it must begin with `https://`")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(fault("it must not hold a name or password"));
        }
        let host = url.host().ok_or_else(|| fault("it names no host"))?.to_owned();
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or_else(|| fault("it has no port"))?;
        Ok(Self { host, port, plain })
    }
}

/// A connection to the first of the addresses that takes one.
async fn dial(target: &Target, addresses: &[SocketAddr]) -> Result<TcpStream, FetchError> {
    let mut why = String::new();
    for address in addresses {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => why = format!("{address}: {error}"),
            Err(_) => why = format!("{address}: no connection within {} s", CONNECT.as_secs()),
        }
    }
    Err(FetchError::Unreachable { host: printable(&target.host.to_string()).into_owned(), why })
}

/// Sends the one request of a connection and takes the answer in.
async fn ask<S>(stream: S, url: &Url, asked: Asked<'_>) -> Result<Answered, FetchError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let broken = |error: hyper::Error| FetchError::Broken { url: shown(url), why: error.to_string() };
    let mut builder = http1::Builder::new();
    builder.max_headers(MOST_HEADERS).max_buf_size(LONGEST_HEAD);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let answer = sender.send_request(request(url, asked)?).await.map_err(broken)?;
    acceptable(&answer, url, asked)?;
    let status = answer.status().as_u16();
    let (Asked::Document { most } | Asked::Answer { most, .. } | Asked::Question { most, .. }) = asked else {
        return Ok(Answered { status, document: Vec::new() });
    };
    let too_large = || FetchError::TooLarge { url: shown(url), most };
    let mut body = answer.into_body();
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(broken)?.into_data() else { continue };
        if whole.len() + piece.len() > most {
            return Err(too_large());
        }
        whole.extend_from_slice(&piece);
    }
    Ok(Answered { status, document: whole })
}

fn request(url: &Url, asked: Asked<'_>) -> Result<Request<Full<Bytes>>, FetchError> {
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let (request, body) = match asked {
        Asked::Document { .. } => (Request::get(path), Bytes::new()),
        Asked::Form(form) => {
            let request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            (request.header(CONTENT_LENGTH, form.len()), Bytes::copy_from_slice(form.as_bytes()))
        }
        Asked::Answer { form, authorization, .. } => {
            let request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            let mut request = request.header(CONTENT_LENGTH, form.expose().len());
            if let Some(authorization) = authorization {
                let sensitive = HeaderValue::from_str(authorization.expose()).map(|mut value| {
                    value.set_sensitive(true);
                    value
                });
                let unsent = |_| FetchError::Url { url: shown(url), why: "who asks cannot be written as a header" };
                request = request.header(AUTHORIZATION, sensitive.map_err(unsent)?);
            }
            (request, Bytes::copy_from_slice(form.expose().as_bytes()))
        }
        Asked::Json { body, headers } => {
            let request = Request::post(path).header(CONTENT_TYPE, "application/json");
            let request = request.header(CONTENT_LENGTH, body.len());
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            (request, Bytes::copy_from_slice(body))
        }
        Asked::Question { question, token, .. } => {
            let request = Request::post(path).header(CONTENT_TYPE, "application/json");
            let request = request.header(CONTENT_LENGTH, question.len());
            let request = match token {
                Some(token) => request.header(AUTHORIZATION, bearer(url, token)?),
                None => request,
            };
            (request, Bytes::copy_from_slice(question))
        }
    };
    let request = request
        .header(HOST, host)
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, concat!("bailey/", env!("CARGO_PKG_VERSION")));
    request.body(Full::new(body)).map_err(|_| FetchError::Url { url: shown(url), why: "it cannot be sent" })
}

fn bearer(url: &Url, token: &str) -> Result<HeaderValue, FetchError> {
    let fault = |_| FetchError::Url { url: shown(url), why: "its token cannot be sent" };
    let mut header = HeaderValue::from_str(&format!("Bearer {token}")).map_err(fault)?;
    header.set_sensitive(true);
    Ok(header)
}

/// A redirection is no answer: it would lead to an address that nobody configured, and OpenID Connect Discovery 1.0, section 4,
/// knows none. What is compressed could grow beyond every limit; it was not asked for.
fn acceptable(answer: &Response<Incoming>, url: &Url, asked: Asked<'_>) -> Result<(), FetchError> {
    if answer.status().is_redirection() {
        let to = answer.headers().get(LOCATION).map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
        return Err(FetchError::Redirected {
            url: shown(url),
            to: printable(&to.unwrap_or_else(|| "nowhere".to_owned())).into_owned(),
        });
    }
    // A form was taken by whoever says nothing, too.
    let silent = matches!(asked, Asked::Form(_)) && answer.status() == StatusCode::NO_CONTENT;
    let taken = matches!(asked, Asked::Json { .. }) && answer.status().is_success();
    if answer.status() != StatusCode::OK && !silent && !taken {
        return Err(FetchError::Status { url: shown(url), status: answer.status().as_u16() });
    }
    if taken {
        // Nothing of it is read.
        return Ok(());
    }
    match answer.headers().get(CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => {
            Err(FetchError::Broken { url: shown(url), why: "it is compressed, which was not asked for".to_owned() })
        }
        _ => Ok(()),
    }
}

fn shown(url: &Url) -> String {
    printable(url.as_str()).into_owned()
}
