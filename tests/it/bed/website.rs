//! A web server from a script: documents over HTTPS or HTTP, and every way to answer badly; with it, a resolver from a script.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bailey::fetch::Resolver;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::authority::Leaf;

/// How a path is answered.
#[derive(Debug, Clone)]
pub(crate) enum Page {
    /// With this document.
    Document(String),
    /// With this, head and all.
    Raw(Vec<u8>),
    /// With this again and again, in pieces, for ever.
    Endless(String),
    /// Not at all.
    Silence,
    /// With a byte a second.
    Drops(String),
}

#[derive(Default)]
struct Script {
    pages: HashMap<String, Page>,
    asked: Vec<String>,
    heads: Vec<String>,
    bodies: Vec<String>,
}

/// A running server.
pub(crate) struct Website {
    at: SocketAddr,
    script: Arc<Mutex<Script>>,
    _task: AbortOnDropHandle<()>,
}

impl Website {
    /// With TLS, on a free port.
    pub(crate) async fn secure(leaf: &Leaf) -> Self {
        Self::at("127.0.0.1:0", Some(leaf)).await
    }

    /// In the clear, on a free port.
    pub(crate) async fn plain() -> Self {
        Self::at("127.0.0.1:0", None).await
    }

    pub(crate) async fn at(place: &str, leaf: Option<&Leaf>) -> Self {
        let listener = TcpListener::bind(place).await.unwrap();
        let at = listener.local_addr().unwrap();
        let acceptor = leaf.map(|leaf| TlsAcceptor::from(Arc::new(server_config(leaf))));
        let script = Arc::<Mutex<Script>>::default();
        let shared = Arc::clone(&script);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, script) = (acceptor.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    match acceptor {
                        None => answer(stream, &script).await,
                        // A client that does not believe in us hangs up.
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => answer(stream, &script).await,
                            Err(_) => Ok(()),
                        },
                    }
                });
            }
        });
        Self { at, script, _task: AbortOnDropHandle::new(task) }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.at
    }

    pub(crate) fn show(&self, path: &str, page: Page) {
        self.script.lock().unwrap().pages.insert(path.to_owned(), page);
    }

    pub(crate) fn document(&self, path: &str, document: impl ToString) {
        self.show(path, Page::Document(document.to_string()));
    }

    /// From now on there is nothing there.
    pub(crate) fn take_down(&self) {
        self.script.lock().unwrap().pages.clear();
    }

    /// How often `path` was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.script.lock().unwrap().asked.iter().filter(|asked| *asked == path).count()
    }

    /// How often anything was asked for.
    pub(crate) fn asked_at_all(&self) -> usize {
        self.script.lock().unwrap().asked.len()
    }

    /// The bodies of all requests that had one.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.script.lock().unwrap().bodies.clone()
    }

    /// The heads of all requests.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.script.lock().unwrap().heads.clone()
    }

    /// The head of the last request.
    pub(crate) fn last_head(&self) -> String {
        self.script.lock().unwrap().heads.last().cloned().unwrap_or_default()
    }
}

fn server_config(leaf: &Leaf) -> ServerConfig {
    let certificate = CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap()
}

/// One request a connection.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, script: &Mutex<Script>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    let page = {
        let mut script = script.lock().unwrap();
        script.bodies.extend((!body.is_empty()).then(|| String::from_utf8(body).unwrap()));
        script.asked.push(path.clone());
        script.heads.push(head);
        script.pages.get(&path).cloned()
    };
    match page {
        None => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await?,
        Some(Page::Raw(bytes)) => stream.write_all(&bytes).await?,
        Some(Page::Silence) => std::future::pending().await,
        Some(Page::Document(text)) => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(text.as_bytes()).await?;
        }
        Some(Page::Endless(text)) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
            let chunk = format!("{:x}\r\n{text}\r\n", text.len());
            loop {
                stream.write_all(chunk.as_bytes()).await?;
            }
        }
        Some(Page::Drops(text)) => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
            stream.write_all(head.as_bytes()).await?;
            for byte in text.bytes() {
                stream.write_all(&[byte]).await?;
                stream.flush().await?;
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
    }
    stream.flush().await?;
    stream.shutdown().await
}

/// A resolver that knows what it was told. A host with several answers gives them in turn, and the last for ever.
#[derive(Default)]
pub(crate) struct Places(Mutex<HashMap<String, VecDeque<Vec<SocketAddr>>>>);

impl Places {
    /// `host` is at `place`, whatever port is asked for.
    pub(crate) fn with(self, host: &str, place: SocketAddr) -> Self {
        self.then(host, &[place]);
        self
    }

    /// The next answer about `host`.
    pub(crate) fn then(&self, host: &str, places: &[SocketAddr]) {
        self.0.lock().unwrap().entry(host.to_owned()).or_default().push_back(places.to_vec());
    }

    /// The next answer about `host`, for the port that is asked for.
    pub(crate) fn then_at(&self, host: &str, addresses: &[&str]) {
        let places: Vec<_> = addresses.iter().map(|a| SocketAddr::new(a.parse::<IpAddr>().unwrap(), 443)).collect();
        self.then(host, &places);
    }
}

#[async_trait]
impl Resolver for Places {
    async fn resolve(&self, host: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
        let mut places = self.0.lock().unwrap();
        let answers = places.get_mut(host).ok_or_else(|| io::Error::other("no such host"))?;
        let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        next.ok_or_else(|| io::Error::other("no such host"))
    }
}
