//! Load for `benches/sso.sh`: asks an OpenID provider for as much as it gives, over so many connections that stay open, and says how
//! much that was. Knows nothing of whose provider it is.
//!
//!     oidc_load flow|credentials|introspect CONNECTIONS COUNT TARGET.json

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde::Deserialize;
use serde_json::Value;

/// Where, and as whom.
#[derive(Deserialize)]
struct Target {
    /// `127.0.0.1:9443`.
    address: String,
    /// The name in the header `Host`, with its port.
    host: String,
    /// The authority's certificate; without one it is plain HTTP.
    ca: Option<String>,
    /// Path and query that a browser is sent to.
    authorize: String,
    /// What the browser shows for being signed in.
    cookie: String,
    token: String,
    introspect: String,
    client: String,
    secret: String,
    redirect_uri: String,
    verifier: String,
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, connections, count, file] = arguments.as_slice() else {
        return Err(io::Error::other("oidc_load flow|credentials|introspect CONNECTIONS COUNT TARGET.json"));
    };
    let target: Arc<Target> = Arc::new(serde_json::from_str(&std::fs::read_to_string(file)?)?);
    let number = |text: &str| text.parse::<usize>().map_err(io::Error::other);
    let (connections, count) = (number(connections)?, number(count)?);
    let mode = Mode::named(mode)?;
    let (left, spans) = (Arc::new(AtomicUsize::new(count)), Arc::new(Mutex::new(Vec::new())));
    let begun = Instant::now();
    let workers: Vec<_> = (0..connections)
        .map(|_| {
            let (target, left, spans) = (Arc::clone(&target), Arc::clone(&left), Arc::clone(&spans));
            std::thread::spawn(move || work(mode, &target, &left, &spans))
        })
        .collect();
    for worker in workers {
        worker.join().map_err(|_| io::Error::other("a worker ended early"))??;
    }
    let elapsed = begun.elapsed();
    let mut spans: Vec<Duration> = spans.lock().map_err(|_| io::Error::other("a worker ended early"))?.clone();
    spans.sort();
    let at = |share: usize| spans.get(spans.len() * share / 100).copied().unwrap_or_default().as_secs_f64() * 1_000.0;
    let rate = spans.len() as f64 / elapsed.as_secs_f64();
    writeln!(io::stdout(), "{rate:.0} requests a second, p50 {:.1} ms, p99 {:.1} ms", at(50), at(99))
}

#[derive(Clone, Copy)]
enum Mode {
    Flow,
    Credentials,
    Introspect,
}

impl Mode {
    fn named(name: &str) -> io::Result<Self> {
        Ok(match name {
            "flow" => Self::Flow,
            "credentials" => Self::Credentials,
            "introspect" => Self::Introspect,
            _ => return Err(io::Error::other(format!("there is no `{name}`"))),
        })
    }
}

/// Asks until nothing is left to be asked.
fn work(mode: Mode, target: &Target, left: &AtomicUsize, spans: &Mutex<Vec<Duration>>) -> io::Result<()> {
    let mut line = Line::open(target)?;
    let (mut own, mut token) = (Vec::new(), String::new());
    if matches!(mode, Mode::Introspect) {
        token = member(&line.post(target, &target.token, &[("grant_type", "client_credentials")])?, "access_token")?;
    }
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        let mut timed = |line: &mut Line, path: &str, form: &[(&str, &str)]| {
            let begun = Instant::now();
            let answer = line.post(target, path, form)?;
            own.push(begun.elapsed());
            Ok::<Value, io::Error>(answer)
        };
        match mode {
            Mode::Credentials => {
                member(&timed(&mut line, &target.token, &[("grant_type", "client_credentials")])?, "access_token")?;
            }
            Mode::Introspect => {
                let told = timed(&mut line, &target.introspect, &[("token", &token)])?;
                if told.get("active") != Some(&Value::Bool(true)) {
                    return Err(io::Error::other(format!("it does not count: {told}")));
                }
            }
            Mode::Flow => {
                let begun = Instant::now();
                let code = line.code(target)?;
                let asked = begun.elapsed();
                let form = [
                    ("grant_type", "authorization_code"),
                    ("code", &code),
                    ("redirect_uri", &target.redirect_uri),
                    ("code_verifier", &target.verifier),
                ];
                let refresh = member(&timed(&mut line, &target.token, &form)?, "refresh_token")?;
                let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
                member(&timed(&mut line, &target.token, &form)?, "access_token")?;
                own.push(asked);
            }
        }
    }
    spans.lock().map_err(|_| io::Error::other("a worker ended early"))?.extend(own);
    Ok(())
}

fn member(answer: &Value, name: &str) -> io::Result<String> {
    let found = answer.get(name).and_then(Value::as_str).map(str::to_owned);
    found.ok_or_else(|| io::Error::other(format!("no {name} in {answer}")))
}

/// A connection that stays open.
struct Line(Box<dyn Stream>);

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

impl Line {
    fn open(target: &Target) -> io::Result<Self> {
        let stream = TcpStream::connect(&target.address)?;
        stream.set_nodelay(true)?;
        let Some(ca) = &target.ca else { return Ok(Self(Box::new(stream))) };
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).map_err(io::Error::other)?).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(io::Error::other)?.with_root_certificates(roots).with_no_client_auth();
        let name = target.host.rsplit_once(':').map_or(target.host.as_str(), |(name, _)| name).to_owned();
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        Ok(Self(Box::new(StreamOwned::new(connection, stream))))
    }

    /// The code that a browser is sent back with.
    fn code(&mut self, target: &Target) -> io::Result<String> {
        let request =
            format!("GET {} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n", target.authorize, target.host, target.cookie);
        let (head, _) = self.exchange(&request)?;
        let place = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("location").then_some(value)
        });
        let query = place.and_then(|place| place.split_once('?')).map_or("", |(_, query)| query);
        let code = query.split('&').find_map(|pair| pair.strip_prefix("code="));
        code.map(str::to_owned).ok_or_else(|| io::Error::other(format!("no code: {head}")))
    }

    fn post(&mut self, target: &Target, path: &str, form: &[(&str, &str)]) -> io::Result<Value> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", target.client, target.secret));
        let (head, answer) = self.exchange(&format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {basic}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            target.host,
            body.len()
        ))?;
        if !head.starts_with("HTTP/1.1 200") {
            return Err(io::Error::other(format!("{head}\n{}", String::from_utf8_lossy(&answer))));
        }
        Ok(serde_json::from_slice(&answer)?)
    }

    fn exchange(&mut self, request: &str) -> io::Result<(String, Vec<u8>)> {
        self.0.write_all(request.as_bytes())?;
        self.0.flush()?;
        let mut read = Vec::new();
        let end = loop {
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            self.more(&mut read)?;
        };
        let head = String::from_utf8_lossy(read.get(..end).unwrap_or_default()).into_owned();
        let value = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
        };
        let length = value("content-length").unwrap_or_else(|| "0".to_owned());
        if value("transfer-encoding").is_some() {
            return Err(io::Error::other("the answer comes in chunks, which are not read here"));
        }
        let whole = end + 4 + length.parse::<usize>().map_err(io::Error::other)?;
        while read.len() < whole {
            self.more(&mut read)?;
        }
        Ok((head, read.split_off(end + 4)))
    }

    fn more(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        let mut piece = [0; 16 << 10];
        match self.0.read(&mut piece)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                into.extend_from_slice(piece.get(..read).unwrap_or_default());
                Ok(())
            }
        }
    }
}
