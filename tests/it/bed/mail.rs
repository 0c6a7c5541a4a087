//! A mail server from a script: honest when left alone, and every way not to be.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bailey::notify::smtp::{Server, Tls};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::authority::Leaf;

/// What is said in place of what an honest server says.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    /// This.
    Line(&'static str),
    /// Nothing, for ever.
    Nothing,
    /// Nothing, and the connection is gone.
    Gone,
    /// A line that never ends.
    Endless,
    /// An answer of lines that never ends.
    Lines,
}

#[derive(Default)]
struct Script {
    /// What is said next at a step: `greeting`, `EHLO`, `MAIL`, .., `message`. The last is said for ever where it is marked so.
    says: HashMap<String, (VecDeque<Say>, bool)>,
    commands: Vec<String>,
    messages: Vec<String>,
    /// What somebody in between puts behind the answer to STARTTLS.
    forged: Option<&'static str>,
}

/// A running mail server.
pub(crate) struct MailServer {
    at: SocketAddr,
    script: Arc<Mutex<Script>>,
    _task: AbortOnDropHandle<()>,
}

impl MailServer {
    /// In the clear, and by STARTTLS where there is a certificate.
    pub(crate) async fn start(leaf: Option<&Leaf>) -> Self {
        Self::with(leaf, false).await
    }

    /// With TLS from the first byte.
    pub(crate) async fn implicit(leaf: &Leaf) -> Self {
        Self::with(Some(leaf), true).await
    }

    async fn with(leaf: Option<&Leaf>, implicit: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let acceptor = leaf.map(|leaf| TlsAcceptor::from(Arc::new(config(leaf))));
        let script = Arc::<Mutex<Script>>::default();
        let shared = Arc::clone(&script);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, script) = (acceptor.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    if implicit {
                        let stream = acceptor.unwrap().accept(stream).await?;
                        talk(BufReader::new(stream), &script, false, true).await.map(drop)
                    } else {
                        let upgraded = talk(BufReader::new(stream), &script, acceptor.is_some(), true).await?;
                        let Some((stream, acceptor)) = upgraded.zip(acceptor) else { return Ok(()) };
                        let stream = acceptor.accept(stream.into_inner()).await?;
                        talk(BufReader::new(stream), &script, false, false).await.map(drop)
                    }
                });
            }
        });
        Self { at, script, _task: AbortOnDropHandle::new(task) }
    }

    /// What is configured of it.
    pub(crate) fn server(&self, tls: Tls) -> Server {
        Server {
            host: url::Host::Ipv4([127, 0, 0, 1].into()),
            port: self.at.port(),
            tls,
            login: None,
            from: "Bailey <bailey@corp.example>".to_owned(),
            ca_file: None,
            timeout: Duration::from_secs(5),
            name: "bailey.example".to_owned(),
        }
    }

    /// The next things that are said at `step`; then honestly again.
    pub(crate) fn says(&self, step: &str, says: &[Say]) {
        self.script.lock().unwrap().says.insert(step.to_owned(), (says.iter().cloned().collect(), false));
    }

    /// What is said at `step` from now on.
    pub(crate) fn always_says(&self, step: &str, say: Say) {
        self.script.lock().unwrap().says.insert(step.to_owned(), (VecDeque::from([say]), true));
    }

    /// Somebody in between puts this behind the answer to STARTTLS.
    pub(crate) fn forge(&self, text: &'static str) {
        self.script.lock().unwrap().forged = Some(text);
    }

    pub(crate) fn is_honest(&self) {
        let mut script = self.script.lock().unwrap();
        script.says.clear();
        script.forged = None;
    }

    /// The commands so far.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.script.lock().unwrap().commands.clone()
    }

    /// The messages that were taken, and forgets them.
    pub(crate) fn take(&self) -> Vec<Mail> {
        std::mem::take(&mut self.script.lock().unwrap().messages).iter().map(|text| Mail::of(text)).collect()
    }
}

/// A message, as its reader reads it.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) head: String,
    pub(crate) text: String,
}

impl Mail {
    fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        // Long lines of the body are folded as quoted-printable has them.
        let body = if head.contains("quoted-printable") { unquoted(body) } else { body.to_owned() };
        Self { head: head.replace("\r\n ", " "), text: body.replace("\r\n", "\n") }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let line = self.head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }
}

fn unquoted(body: &str) -> String {
    let body = body.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = body.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'=', [high, low, behind @ ..]) => {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&[*high, *low]).unwrap(), 16).unwrap());
                rest = behind;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn config(leaf: &Leaf) -> ServerConfig {
    let certificate = CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap()
}

/// Says something at `step`: whether that was the honest thing, and `None` where nothing more is said.
async fn say<S: AsyncWrite + Unpin>(
    stream: &mut S,
    script: &Mutex<Script>,
    step: &str,
    honest: &str,
) -> io::Result<Option<bool>> {
    let next = {
        let mut script = script.lock().unwrap();
        script
            .says
            .get_mut(step)
            .and_then(|(says, always)| if *always { says.front().cloned() } else { says.pop_front() })
    };
    match next {
        None => {
            stream.write_all(format!("{honest}\r\n").as_bytes()).await?;
            return Ok(Some(true));
        }
        Some(Say::Line(line)) => stream.write_all(format!("{line}\r\n").as_bytes()).await?,
        Some(Say::Nothing) => std::future::pending().await,
        Some(Say::Gone) => return Ok(None),
        Some(Say::Endless) => loop {
            stream.write_all(&[b'2'; 4_096]).await?;
        },
        Some(Say::Lines) => loop {
            stream.write_all(b"250-and more of it\r\n").await?;
        },
    }
    Ok(Some(false))
}

/// Talks until the end, or until the stream is to be encrypted.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: BufReader<S>,
    script: &Mutex<Script>,
    offers_tls: bool,
    greets: bool,
) -> io::Result<Option<BufReader<S>>> {
    if greets && say(&mut stream, script, "greeting", "220 mail.example").await?.is_none() {
        return Ok(None);
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_owned();
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        script.lock().unwrap().commands.push(line.clone());
        let goes_on = match verb.as_str() {
            "EHLO" => {
                let tls = if offers_tls { "250-STARTTLS\r\n" } else { "" };
                say(&mut stream, script, "EHLO", &format!("250-mail.example\r\n{tls}250 AUTH PLAIN LOGIN")).await?
            }
            "STARTTLS" => {
                let forged = script.lock().unwrap().forged;
                let honest = format!("220 go ahead{}", forged.map(|text| format!("\r\n{text}")).unwrap_or_default());
                match say(&mut stream, script, "STARTTLS", &honest).await? {
                    Some(true) => return Ok(Some(stream)),
                    said => said,
                }
            }
            "DATA" => match say(&mut stream, script, "DATA", "354 go on").await? {
                Some(true) => {
                    let text = message(&mut stream).await?;
                    let said = say(&mut stream, script, "message", "250 2.0.0 taken as 4711").await?;
                    if said == Some(true) {
                        script.lock().unwrap().messages.push(text);
                    }
                    said
                }
                said => said,
            },
            "AUTH" => say(&mut stream, script, "AUTH", "235 welcome").await?,
            "QUIT" => {
                say(&mut stream, script, "QUIT", "221 bye").await?;
                None
            }
            step => say(&mut stream, script, step, "250 ok").await?,
        };
        if goes_on.is_none() {
            return Ok(None);
        }
    }
}

/// A message up to its lone dot.
async fn message<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> io::Result<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == ".\r\n" {
            return Ok(text);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
