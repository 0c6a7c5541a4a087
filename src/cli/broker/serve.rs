//! `bailey credentials serve`: one role on one address of loopback, for one's own processes.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args as ClapArgs;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use super::container::{self, Container};
use super::imds::{self, Imds};
use super::print::quoted;
use super::role::{Given, Role};
use super::{arrival, peer};
use crate::base::clock::{Clock as _, SystemClock};
use crate::base::rng;
use crate::cli::Exit;
use crate::cli::login::service::ServiceError;
use crate::cli::session::remark;

/// Connections at a time; more wait.
const MOST: usize = 64;

/// Time for a request's head, and largest head in bytes.
const HEAD_TIME: Duration = Duration::from_secs(5);
const LARGEST_HEAD: usize = 16 << 10;

/// Rest after a failure to accept.
const PAUSE: Duration = Duration::from_millis(100);

/// `bailey credentials serve`.
#[derive(Debug, ClapArgs)]
pub struct Serve {
    /// The address of loopback to listen on; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9911", value_parser = loopback)]
    pub listen: SocketAddr,
    /// Write the token that has to be shown into this file, closed to others [default: beside the kept sessions]
    #[arg(long, value_name = "FILE", conflicts_with = "imds")]
    pub token_file: Option<PathBuf>,
    /// Be an instance metadata service (version 2) instead of a container endpoint
    #[arg(long)]
    pub imds: bool,
    /// Answer processes of this user as well; may be repeated
    #[arg(long = "allow-uid", value_name = "UID")]
    pub allowed: Vec<u32>,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "expected an address and a port such as 127.0.0.1:9911".to_owned())?;
    if address.ip().is_loopback() { Ok(address) } else { Err("only loopback is served: 127.0.0.1 or [::1]".to_owned()) }
}

/// What a request asks for, once it may be looked at.
pub enum Asked {
    /// The role's credentials.
    Credentials,
    /// What needs none.
    Answer(Answer),
}

/// An answer.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The text.
    pub body: String,
    json: bool,
    header: Option<(&'static str, String)>,
}

impl Answer {
    /// A plain text that was asked for.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self { status: StatusCode::OK, body: text.to_owned(), json: false, header: None }
    }

    /// Why there is nothing else, in the form that SDKs show.
    #[must_use]
    pub fn words(status: StatusCode, words: &str) -> Self {
        let code = status.canonical_reason().unwrap_or_default().replace(' ', "");
        Self { status, body: json!({ "Code": code, "Message": words }).to_string(), json: true, header: None }
    }

    /// The same with a header.
    #[must_use]
    pub fn with(self, name: &'static str, value: &str) -> Self {
        Self { header: Some((name, value.to_owned())), ..self }
    }

    fn of(document: &Value) -> Self {
        Self { status: StatusCode::OK, body: document.to_string(), json: true, header: None }
    }

    fn response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from(self.body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let kind = if self.json { "application/json" } else { "text/plain" };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some((name, Ok(value))) = self.header.map(|(name, value)| (name, HeaderValue::from_str(&value))) {
            headers.insert(HeaderName::from_static(name), value);
        }
        response
    }
}

/// One of the two ways.
enum Way {
    Container(Container),
    Imds(Imds),
}

/// What is served, and to whom.
struct Broker {
    role: Role,
    /// The role's name, as instance metadata tell it.
    name: String,
    way: Way,
    /// What `Host` has to say.
    host: String,
    uids: Vec<u32>,
    /// The second of the last complaint.
    complained: AtomicI64,
}

/// Serves `role` until it is told to end.
///
/// # Errors
/// When there are no credentials to begin with, or the address or the token file cannot be had.
pub async fn serve(role: Role, verb: Serve) -> anyhow::Result<Exit> {
    // Who is told where to ask should be answered.
    let given = role.credentials().await?;
    let listener = TcpListener::bind(verb.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", verb.listen))?;
    let host = listener.local_addr()?.to_string();
    let way = if verb.imds {
        // With the slash, without which older SDKs put their path right behind the port.
        tell(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &format!("http://{host}/"))])?;
        Way::Imds(Imds::default())
    } else {
        let port = listener.local_addr()?.port();
        let file = verb.token_file.unwrap_or_else(|| role.cache.path(&format!("token-{port}")));
        let file = std::path::absolute(file)?;
        let container = Container::new(&file, &mut rng::from_os()?)?;
        tell(&[
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("http://{host}{}", container::PATH)),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file.display().to_string()),
        ])?;
        Way::Container(container)
    };
    let name = given.role.rsplit('/').next().unwrap_or_default().to_owned();
    let uids = verb.allowed.into_iter().chain([nix::unistd::geteuid().as_raw()]).collect();
    let broker = Arc::new(Broker { role, name, way, host, uids, complained: AtomicI64::default() });
    let (mut ended, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        () = accept(&listener, &broker) => {}
        _ = ended.recv() => {}
        _ = interrupted.recv() => {}
    }
    if let Way::Container(container) = &broker.way {
        container.end();
    }
    Ok(Exit::Done)
}

/// Prints what SDKs need to know, for a shell.
fn tell(variables: &[(&str, &str)]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    for (name, value) in variables {
        writeln!(output, "export {name}={}", quoted(value))?;
    }
    output.flush()
}

async fn accept(listener: &TcpListener, broker: &Arc<Broker>) {
    let slots = Arc::new(Semaphore::new(MOST));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let broker = Arc::clone(broker);
                tokio::spawn(async move {
                    connection(stream, peer, broker).await;
                    drop(slot);
                });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, broker: Arc<Broker>) {
    // Once, at its begin: a connection keeps its owner, and one that is half closed has none to be asked for.
    let stranger = broker.stranger(&stream, peer).await;
    let service = service_fn(|request: Request<Incoming>| {
        let broker = &broker;
        let stranger = stranger.clone();
        async move { Ok::<_, Infallible>(broker.answer(&request, stranger).await.response()) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    // Whoever hangs up or speaks no HTTP learns nothing, and neither do we.
    let _ = served.await;
}

impl Broker {
    /// Why whoever is connected is nobody to be answered.
    async fn stranger(&self, stream: &TcpStream, peer: SocketAddr) -> Option<String> {
        let Ok(ours) = stream.local_addr() else { return Some("the connection is gone".to_owned()) };
        let found = tokio::task::spawn_blocking(move || peer::owner(peer, ours)).await;
        match found {
            Ok(Ok(Some(uid))) if self.uids.contains(&uid) => None,
            Ok(Ok(Some(uid))) => Some(format!("user {uid} is not answered here; --allow-uid {uid} would do it")),
            Ok(Ok(None)) => Some("the kernel does not say whose connection this is".to_owned()),
            Ok(Err(why)) => Some(format!("it cannot be found out whose connection this is: {why}")),
            Err(_) => Some("it was not found out whose connection this is".to_owned()),
        }
    }

    async fn answer(&self, request: &Request<Incoming>, stranger: Option<String>) -> Answer {
        if let Some(why) = stranger.or_else(|| arrival::refused(request, &self.host)) {
            self.complain(&format!("refused: {why}"));
            // Not 403: an SDK that is answered so when it asks for a token of metadata falls back to version 1.
            return Answer::words(StatusCode::BAD_REQUEST, &why);
        }
        let asked = match &self.way {
            Way::Container(container) => container.asked(request),
            Way::Imds(imds) => match rng::from_os() {
                Ok(mut rng) => self.metadata(imds, request, &mut rng),
                Err(why) => Asked::Answer(Answer::words(StatusCode::BAD_REQUEST, &format!("no randomness: {why}"))),
            },
        };
        match asked {
            Asked::Answer(answer) => answer,
            Asked::Credentials => match self.credentials().await {
                Ok(given) => Answer::of(&self.told(&given)),
                Err(why) => self.without_credentials(&why),
            },
        }
    }

    /// Goes on when the client has had enough, as SDKs have after a second or two: so the next time finds it done.
    async fn credentials(&self) -> anyhow::Result<Given> {
        let role = self.role.clone();
        tokio::spawn(async move { role.credentials().await }).await?
    }

    fn metadata(&self, imds: &Imds, request: &Request<Incoming>, rng: &mut StdRng) -> Asked {
        imds.asked(request, &self.name, SystemClock.now(), rng)
    }

    fn told(&self, given: &Given) -> Value {
        match &self.way {
            Way::Container(_) => container::told(given),
            Way::Imds(_) => imds::told(given),
        }
    }

    fn without_credentials(&self, why: &anyhow::Error) -> Answer {
        let words = format!("{why:#}");
        self.complain(&words);
        let refused = matches!(why.downcast_ref(), Some(ServiceError::Refused { status, .. }) if *status < 500);
        let status = match &self.way {
            Way::Container(_) if refused => StatusCode::FORBIDDEN,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Answer::words(status, &words)
    }

    /// Says it to whoever runs this, once a second at most: anybody on this machine can be refused as often as they like.
    fn complain(&self, words: &str) {
        let second = SystemClock.now().as_second();
        if self.complained.swap(second, Ordering::Relaxed) != second {
            // Nobody may be there to read it.
            let _ = remark(&format!("bailey: {words}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_listened_on() {
        for fine in ["127.0.0.1:0", "127.0.0.2:9911", "[::1]:9911"] {
            assert!(loopback(fine).is_ok(), "{fine}");
        }
        for wrong in
            ["0.0.0.0:9911", "[::]:9911", "192.0.2.1:9911", "[::ffff:192.0.2.1]:1", "localhost:9911", "127.0.0.1", ""]
        {
            assert!(loopback(wrong).is_err(), "{wrong}");
        }
    }
}
