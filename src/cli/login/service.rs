//! Talks to the STS of a daemon over HTTPS, as a person's own client: signs in, begins sessions, asks who one is.
//!
//! One request a connection: a sign-in or a refresh is rare, and nothing stays open between them.

use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rand::RngExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use url::Url;
use zeroize::Zeroizing;

use super::answer::{self, Identity};
use super::keys::Keys;
use crate::authn::sigv4::{self, Body, Header, Signing};
use crate::base::clock::{Clock as _, SystemClock};
use crate::base::text::printable;
use crate::base::{Secret, Timestamp, rng};
use crate::cli::client::{self, ClientError};
use crate::fetch;

/// Time for a connection, and for all of a request; a directory may take its time for a password.
const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(30);

/// Largest answer, in bytes.
const LARGEST: usize = 4 << 20;

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

const AGENT: &str = concat!("bailey/", env!("CARGO_PKG_VERSION"));

/// The region that is signed for: the daemon takes any.
pub(super) const REGION: &str = "us-east-1";

/// Why STS gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// No daemon is at such a URL.
    #[error("`{url}` is no address of a daemon: {why}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is no connection, or it broke.
    #[error("{url} cannot be reached: {why}")]
    Unreachable {
        /// The daemon.
        url: String,
        /// Why not.
        why: String,
    },
    /// The daemon says no.
    #[error("{message} ({code})")]
    Refused {
        /// The code, such as `AccessDenied`.
        code: String,
        /// Why, in the daemon's words.
        message: String,
        /// The status.
        status: u16,
    },
    /// The answer is not what STS answers.
    #[error("the answer cannot be read ({why}); is a Bailey daemon at this address?")]
    Unreadable {
        /// What is wrong with it.
        why: String,
    },
    /// What was given is over for this machine.
    #[error("what the daemon gave is over since {expires:.0}, and here it is {now:.0}; set this machine's clock right")]
    Over {
        /// When it ended.
        expires: Timestamp,
        /// What time it is here.
        now: Timestamp,
    },
}

/// The STS of a daemon.
#[derive(Debug, Clone)]
pub struct Service {
    url: Url,
    ca_file: Option<PathBuf>,
}

/// Parameters of a call, or an answer, wiped when it is over.
pub(super) type Form = Zeroizing<String>;

impl Service {
    /// The STS at `url`, whose certificate `ca_file` vouches for, or the authorities of the system.
    ///
    /// # Errors
    /// When `url` is not `https://host[:port]`.
    pub fn at(url: &str, ca_file: Option<PathBuf>) -> Result<Self, ServiceError> {
        let fault = |why| ServiceError::Url { url: printable(url).into_owned(), why };
        let parsed = Url::parse(url).map_err(|_| fault("it is no URL; it looks like https://bailey.example"))?;
        if parsed.scheme() != "https" {
            return Err(fault("passwords go over `https://` alone"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(fault("it must not hold a name or password"));
        }
        if parsed.path() != "/" || parsed.query().is_some() || parsed.fragment().is_some() || parsed.port() == Some(0) {
            return Err(fault("only a host and a port belong into it"));
        }
        Ok(Self { url: parsed, ca_file })
    }

    /// The daemon, as `https://host[:port]`: one text for all spellings.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Signs a person in, for a session of their own; `more` are parameters besides name and password.
    ///
    /// # Errors
    /// When there is no answer, or it is a no.
    pub async fn sign_in(&self, user: &str, password: &str, more: &[(&str, &str)]) -> Result<Keys, ServiceError> {
        let own = [("LDAPUsername", user), ("LDAPPassword", password)];
        let form = form("AssumeRoleWithLDAPIdentity", &[&own, more].concat());
        let xml = self.call(&form, None).await?;
        answer::keys(&xml, SystemClock.now())
    }

    /// Begins a session of a role for whoever has `keys`.
    ///
    /// # Errors
    /// When there is no answer, or it is a no.
    pub async fn assume_role(&self, keys: &Keys, params: &[(&str, &str)]) -> Result<Keys, ServiceError> {
        let xml = self.call(&form("AssumeRole", params), Some(keys)).await?;
        answer::keys(&xml, SystemClock.now())
    }

    /// Who has these `keys`.
    ///
    /// # Errors
    /// When there is no answer, or it is a no.
    pub async fn identity(&self, keys: &Keys) -> Result<Identity, ServiceError> {
        answer::identity(&self.call(&form("GetCallerIdentity", &[]), Some(keys)).await?)
    }

    async fn call(&self, form: &Form, keys: Option<&Keys>) -> Result<Form, ServiceError> {
        let late = |_| self.unreachable(format!("no answer within {} s", WHOLE.as_secs()));
        let sent = self.send(self.request(form, keys)?);
        let (status, body) = timeout(WHOLE, sent).await.map_err(late)??;
        if status == StatusCode::OK { Ok(body) } else { Err(answer::refusal(&body, status.as_u16())) }
    }

    /// What is at `path`: its status and its text.
    pub(super) async fn get(&self, path: &str) -> Result<(u16, Form), ServiceError> {
        self.plain(Request::get(path), Bytes::new()).await
    }

    /// What `path` answers to a form.
    pub(super) async fn post_to(&self, path: &str, form: &Form) -> Result<(u16, Form), ServiceError> {
        let request = Request::post(path).header(CONTENT_TYPE, FORM).header(CONTENT_LENGTH, form.len());
        self.plain(request, Bytes::copy_from_slice(form.as_bytes())).await
    }

    /// What is at `path` for whoever has `token`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get_as(&self, path: &str, token: &Secret<String>) -> Result<Answered, ServiceError> {
        let (status, body) = self.plain(bearing(Request::get(path), token), Bytes::new()).await?;
        Ok(Answered { status, body })
    }

    /// What `path` answers whoever has `token` to JSON.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post_as(&self, path: &str, token: &Secret<String>, json: &str) -> Result<Answered, ServiceError> {
        let request = bearing(Request::post(path), token).header(CONTENT_TYPE, "application/json");
        let request = request.header(CONTENT_LENGTH, json.len());
        let (status, body) = self.plain(request, Bytes::copy_from_slice(json.as_bytes())).await?;
        Ok(Answered { status, body })
    }

    /// What is at `path` for whoever signs with these headers.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get_signed(&self, path: &str, headers: &[(String, String)]) -> Result<Answered, ServiceError> {
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(name, value));
        let (status, body) = self.plain(request, Bytes::new()).await?;
        Ok(Answered { status, body })
    }

    async fn plain(&self, request: hyper::http::request::Builder, body: Bytes) -> Result<(u16, Form), ServiceError> {
        let request = request.header(HOST, self.host()).header(USER_AGENT, AGENT).body(Full::new(body));
        let request = request.map_err(|error| self.unreachable(error.to_string()))?;
        let late = |_| self.unreachable(format!("no answer within {} s", WHOLE.as_secs()));
        let (status, body) = timeout(WHOLE, self.send(request)).await.map_err(late)??;
        Ok((status.as_u16(), body))
    }

    /// As a header says it.
    pub(super) fn host(&self) -> &str {
        &self.url[url::Position::BeforeHost..url::Position::AfterPort]
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Form), ServiceError> {
        let failed = |error: hyper::Error| self.unreachable(error.to_string());
        let host = self.url.host().ok_or_else(|| self.unreachable("it has no host".to_owned()))?.to_owned();
        let stream = self.connect().await?;
        let secured = fetch::secured(stream, &host, self.ca_file.clone());
        let stream = secured.await.map_err(|error| self.unreachable(error.to_string()))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let answer = sender.send_request(request).await.map_err(failed)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LARGEST).collect().await;
        let body = body.map_err(|error| self.unreachable(error.to_string()))?.to_bytes();
        Ok((status, Zeroizing::new(String::from_utf8_lossy(&body).into_owned())))
    }

    async fn connect(&self) -> Result<TcpStream, ServiceError> {
        let host = self.url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = self.url.port_or_known_default().unwrap_or(443);
        match timeout(CONNECT, TcpStream::connect((host, port))).await {
            Ok(connected) => connected.map_err(|error| self.unreachable(error.to_string())),
            Err(_) => Err(self.unreachable(format!("no connection within {} s", CONNECT.as_secs()))),
        }
    }

    fn request(&self, form: &Form, keys: Option<&Keys>) -> Result<Request<Full<Bytes>>, ServiceError> {
        let host = self.host().to_owned();
        let mut request = Request::post("/").header(HOST, &host).header(CONTENT_TYPE, FORM);
        request = request.header(CONTENT_LENGTH, form.len());
        request = request.header(USER_AGENT, AGENT);
        if let Some(keys) = keys {
            // The daemon takes a signature once: two calls of one second must not have the same.
            let mut rng = rng::from_os().map_err(|error| self.unreachable(error.to_string()))?;
            let id = uuid::Builder::from_random_bytes(rng.random()).into_uuid().to_string();
            request = request.header("amz-sdk-invocation-id", &id);
            for (name, value) in signed(form, keys, &host, &id) {
                request = request.header(name, value.as_str());
            }
        }
        let body = Full::new(Bytes::copy_from_slice(form.as_bytes()));
        request.body(body).map_err(|error| self.unreachable(error.to_string()))
    }

    fn unreachable(&self, why: String) -> ServiceError {
        ServiceError::Unreachable { url: self.url().to_owned(), why }
    }
}

/// An answer of the JSON interface.
pub struct Answered {
    status: u16,
    body: Form,
}

impl Answered {
    /// What it says.
    ///
    /// # Errors
    /// When it is a no, or not what this version expects.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, ClientError> {
        match StatusCode::from_u16(self.status) {
            Ok(status) if status.is_success() => {
                serde_json::from_str(&self.body).map_err(|error| ClientError::Unreadable { why: error.to_string() })
            }
            Ok(status) => Err(client::refusal(status, self.body.as_bytes())),
            Err(_) => Err(ClientError::Unreadable { why: format!("status {}", self.status) }),
        }
    }
}

/// A request of whoever has `token` (RFC 6750, section 2.1).
fn bearing(request: hyper::http::request::Builder, token: &Secret<String>) -> hyper::http::request::Builder {
    let shown = Zeroizing::new(format!("Bearer {}", token.expose()));
    let mut value = HeaderValue::from_str(&shown).ok();
    if let Some(value) = &mut value {
        value.set_sensitive(true);
    }
    value.into_iter().fold(request, |request, value| request.header(AUTHORIZATION, value))
}

fn signed(form: &Form, keys: &Keys, host: &str, id: &str) -> Vec<Header> {
    let headers: [(&str, &[u8]); 3] =
        [("host", host.as_bytes()), ("content-type", FORM.as_bytes()), ("amz-sdk-invocation-id", id.as_bytes())];
    let body = Body::Whole(form.as_bytes());
    let request = sigv4::Request { method: "POST", path: "/", query: "", headers: &headers, body };
    let signing = Signing {
        access_key_id: &keys.access_key_id,
        secret: &keys.secret,
        token: Some(&keys.token),
        region: REGION,
        service: "sts",
    };
    signing.sign(&request, SystemClock.now())
}

/// The form of a call.
fn form(action: &str, params: &[(&str, &str)]) -> Form {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", action).append_pair("Version", "2011-06-15").extend_pairs(params);
    Zeroizing::new(form.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_is_a_host_and_a_port_over_tls() {
        for (url, one) in [
            ("https://bailey.example", "https://bailey.example"),
            ("HTTPS://Bailey.Example:443/", "https://bailey.example"),
            ("https://localhost:8443", "https://localhost:8443"),
            ("https://[::1]:8443", "https://[::1]:8443"),
        ] {
            assert_eq!(Service::at(url, None).unwrap().url(), one, "{url}");
        }
        for (url, why) in [
            ("bailey.example", "no URL"),
            ("http://bailey.example", "alone"),
            ("https://ann@bailey.example", "name or password"),
            ("https://bailey.example/sts", "only a host"),
            ("https://bailey.example?a", "only a host"),
            ("https://bailey.example:0", "only a host"),
        ] {
            let error = Service::at(url, None).unwrap_err().to_string();
            assert!(error.contains(why), "{url}: {error}");
        }
    }
}
