//! The real program with a public listener, and programs that sign what they ask of it: blocking, each with a connection of
//! its own that stays open, so that real threads ask at once.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bailey::base::Clock as _;
use bailey::base::clock::SystemClock;
use bailey::cli::client::Client;
use jiff::SignedDuration;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::daemon::Bailey;
use super::signer::Credentials;
use super::{Authority, PATIENCE, free_port};
use crate::sts_office::{ACCOUNT, Told, form};

const HOST: &str = "localhost";

/// An installation that answers over HTTPS, and its operator.
pub(crate) struct Counter {
    pub(crate) bailey: Bailey,
    address: SocketAddr,
    health: SocketAddr,
    tls: Arc<ClientConfig>,
    runtime: Runtime,
    authority: Authority,
}

impl Counter {
    /// An installation that has root, and runs. `more` is added to its configuration, `@PORT@` in it being that of its listener.
    pub(crate) fn open(more: &str) -> Self {
        Self::over(Bailey::with(""), more)
    }

    /// The same of an installation whose configuration ends with `more`, which may name directories.
    pub(crate) fn over(bailey: Bailey, more: &str) -> Self {
        let authority = Authority::new("Test");
        let leaf = authority.issue("web", &[HOST]);
        std::fs::set_permissions(&leaf.key_file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        bailey.configure(&format!(
            "[https]\nlisten = \"{address}\"\ncertificate = \"{}\"\nkey = \"{}\"\n\n\
             [api]\ncalls_at_once = 1000000\ncalls_per_second = 1000000\n\n{more}",
            leaf.certificate_file.display(),
            leaf.key_file.display(),
            more = more.replace("@PORT@", &address.port().to_string()),
        ));
        let text = std::fs::read_to_string(bailey.config()).unwrap();
        let health = text.lines().find_map(|line| line.strip_prefix("health = ")).unwrap();
        let mut counter = Self {
            address,
            health: health.trim_matches('"').parse().unwrap(),
            tls: trusting(&authority),
            runtime: tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap(),
            authority,
            bailey,
        };
        counter.bailey.spawn();
        counter.until("a socket", || counter.bailey.path("socket").exists());
        let root = counter.bailey.path("root").display().to_string();
        counter.bailey.ok(&["init", "--no-administrators", "--secret-file", &root]);
        counter.wait_until_ready();
        counter
    }

    /// Starts the daemon; answers how long it took until it was ready.
    pub(crate) fn start(&mut self) -> Duration {
        let begun = Instant::now();
        self.bailey.spawn();
        self.wait_until_ready();
        begun.elapsed()
    }

    /// Waits until `/readyz` says yes and the public listener is there.
    pub(crate) fn wait_until_ready(&self) {
        self.until("a daemon that is ready", || {
            ready(self.health).unwrap_or(false) && TcpStream::connect(self.address).is_ok()
        });
    }

    fn until(&self, what: &str, mut met: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !met() {
            assert!(Instant::now() < end, "{what} did not come:\n{}", self.bailey.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// What the health listener says, whole.
    pub(crate) fn readiness(&self) -> String {
        asked_of(self.health, "/readyz").unwrap()
    }

    /// The certificate of the authority behind it.
    pub(crate) fn authority_file(&self) -> std::path::PathBuf {
        self.authority.ca_file()
    }

    /// Where a browser finds it.
    pub(crate) fn url(&self) -> String {
        format!("https://{HOST}:{}", self.address.port())
    }

    /// A program, not connected yet.
    pub(crate) fn caller(&self) -> Caller {
        let (tls, used) = (Arc::clone(&self.tls), Instant::now());
        Caller { address: self.address, tls, stream: None, used, ahead: SignedDuration::ZERO }
    }

    /// Whoever asks over the local socket, as an operator.
    pub(crate) fn client(&self) -> Client {
        Client::socket(self.bailey.path("socket"))
    }

    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// What an operator is answered, which has to be a yes.
    pub(crate) fn get(&self, path: &str) -> Value {
        self.wait(self.client().get(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        self.wait(self.client().post(path, body)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Value {
        self.wait(self.client().put(path, body)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A local user with an access key and these statements.
    pub(crate) fn user(&self, name: &str, statements: Value) -> Credentials {
        self.wait(Credentials::of_new_user(&self.client(), name, statements))
    }

    /// A role with these statements of its own, which trusts whoever `trust` says.
    pub(crate) fn role(&self, name: &str, trust: &Value, statements: &Value) {
        let trust = json!({ "Version": "2012-10-17", "Statement": trust });
        self.post("/v1/roles", &json!({ "name": name, "max_session": 14_400, "trust": trust }));
        self.put(&format!("/v1/roles/{name}/inline/own"), &json!({ "document": { "Statement": statements } }));
    }

    /// Records of the audit log behind `seq`, oldest first.
    pub(crate) fn records_behind(&self, seq: u64) -> Vec<Value> {
        self.last_records(10_000, seq)
    }

    /// Those of the last `count` records that are behind `seq`.
    pub(crate) fn last_records(&self, count: u64, seq: u64) -> Vec<Value> {
        let client = self.client();
        self.wait(async {
            let mut records = Vec::new();
            let mut lines = client.get_lines(&format!("/v1/audit/tail?last={count}")).await.unwrap();
            while let Some(line) = lines.next_text().await.unwrap() {
                let record: Value = serde_json::from_str(&line).unwrap();
                if record["bailey"]["seq"].as_u64().unwrap() > seq {
                    records.push(record);
                }
            }
            records
        })
    }

    /// Number of records of a chain that has to hold.
    pub(crate) fn sound_records(&self) -> u64 {
        let verdict = self.get("/v1/audit/verify");
        assert!(verdict["fault"].is_null(), "{verdict}");
        verdict["sound"].as_u64().unwrap()
    }
}

fn trusting(authority: &Authority) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.ca_file()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

fn ready(health: SocketAddr) -> io::Result<bool> {
    Ok(asked_of(health, "/readyz")?.starts_with("HTTP/1.1 200"))
}

fn asked_of(health: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(health)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: bailey\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A program that asks over a connection of its own.
pub(crate) struct Caller {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
    stream: Option<StreamOwned<ClientConnection, TcpStream>>,
    /// When something was asked last.
    used: Instant,
    /// How far its clock is ahead of ours.
    ahead: SignedDuration,
}

impl Caller {
    /// A program that asks at `address`, whose certificate `authority` made for `localhost`.
    pub(crate) fn at(address: SocketAddr, authority: &Authority) -> Self {
        Self { address, tls: trusting(authority), stream: None, used: Instant::now(), ahead: SignedDuration::ZERO }
    }

    /// The same program on a machine whose clock is so far ahead.
    pub(crate) fn ahead(self, ahead: SignedDuration) -> Self {
        Self { ahead, ..self }
    }

    /// A call of STS that `who` signs. An error is a connection that broke: nobody knows what became of the call.
    pub(crate) fn sts(&mut self, who: &Credentials, params: &[(&str, &str)]) -> io::Result<Told> {
        self.signed(who, "sts", &form("2011-06-15", params))
    }

    pub(crate) fn iam(&mut self, who: &Credentials, params: &[(&str, &str)]) -> io::Result<Told> {
        self.signed(who, "iam", &form("2010-05-08", params))
    }

    /// A call of STS that nobody signs.
    pub(crate) fn unsigned(&mut self, params: &[(&str, &str)]) -> io::Result<Told> {
        let kind = ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned());
        self.send("/", &[("host".to_owned(), self.host()), kind], &form("2011-06-15", params))
    }

    /// Sends something that nobody signs to one of our own paths; what is answered in JSON.
    pub(crate) fn sends(&mut self, path: &str, headers: &[(&str, &str)], body: &str) -> Value {
        let own = [("host".to_owned(), self.host())];
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let told = self.send(path, &own.into_iter().chain(headers).collect::<Vec<_>>(), body).unwrap();
        serde_json::from_str(&told.xml).unwrap_or_else(|error| panic!("{error}: {}", told.xml))
    }

    /// Begins a session of a role, with these parameters besides.
    pub(crate) fn assume(&mut self, who: &Credentials, role: &str, more: &[(&str, &str)]) -> io::Result<Told> {
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        let own = [("Action", "AssumeRole"), ("RoleArn", &arn), ("RoleSessionName", "endure")];
        self.sts(who, &[&own, more].concat())
    }

    /// What STS says of whose these credentials are.
    pub(crate) fn who_is(&mut self, who: &Credentials) -> io::Result<Told> {
        self.sts(who, &[("Action", "GetCallerIdentity")])
    }

    /// Posts a JSON document to one of our own paths.
    pub(crate) fn post(&mut self, who: &Credentials, path: &str, body: &Value) -> io::Result<Told> {
        let (host, body) = (self.host(), body.to_string());
        let headers = [("host", host.as_str()), ("content-type", "application/json")];
        let hash = super::signer::sha256(body.as_bytes());
        let headers = who.sign_request(("POST", path), &headers, "bailey", &hash, SystemClock.now());
        self.send(path, &headers, &body)
    }

    /// Connects, so that the next call is one of the first to arrive. One address may have so many connections, and those
    /// that ended just now count for a moment.
    pub(crate) fn connect(&mut self) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.connect_once() {
                Err(error) if error.kind() != io::ErrorKind::ConnectionRefused && Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                done => return done,
            }
        }
    }

    /// Closes the connection.
    pub(super) fn hang_up(&mut self) {
        self.stream = None;
    }

    fn connect_once(&mut self) -> io::Result<()> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        let connection = ClientConnection::new(Arc::clone(&self.tls), ServerName::try_from(HOST).unwrap());
        let mut stream = StreamOwned::new(connection.unwrap(), stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        self.stream = Some(stream);
        Ok(())
    }

    pub(super) fn host(&self) -> String {
        format!("{HOST}:{}", self.address.port())
    }

    fn signed(&mut self, who: &Credentials, service: &str, body: &str) -> io::Result<Told> {
        let headers = who.sign(&self.host(), service, body, SystemClock.now() + self.ahead);
        self.send("/", &headers, body)
    }

    fn send(&mut self, path: &str, headers: &[(String, String)], body: &str) -> io::Result<Told> {
        let (status, _, xml) = self.ask(("POST", path), headers, body)?;
        Ok(Told { status, xml })
    }

    /// What is answered to whatever is asked: the status, the head, and the body.
    pub(super) fn ask(
        &mut self,
        request: (&str, &str),
        headers: &[(String, String)],
        body: &str,
    ) -> io::Result<(u16, String, String)> {
        // The daemon closes what is idle for ten seconds; what it has closed already would be found out by a request that is lost.
        if self.used.elapsed() > Duration::from_secs(5) {
            self.stream = None;
        }
        if self.stream.is_none() {
            self.connect()?;
        }
        let told = exchange(self.stream.as_mut().unwrap(), request, headers, body);
        self.used = Instant::now();
        if told.is_err() {
            self.stream = None;
        }
        told
    }
}

fn exchange(
    stream: &mut StreamOwned<ClientConnection, TcpStream>,
    (method, path): (&str, &str),
    headers: &[(String, String)],
    body: &str,
) -> io::Result<(u16, String, String)> {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("{method} {path} HTTP/1.1\r\n{lines}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut answer = Vec::new();
    let head = loop {
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        more(stream, &mut answer)?;
    };
    let text = String::from_utf8(answer[..head].to_vec()).unwrap();
    let length = text
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find_map(|(name, value)| name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap()));
    while answer.len() < head + 4 + length.unwrap_or_default() {
        more(stream, &mut answer)?;
    }
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    Ok((status, text, String::from_utf8(answer[head + 4..].to_vec()).unwrap()))
}

fn more(stream: &mut impl io::Read, into: &mut Vec<u8>) -> io::Result<()> {
    let mut piece = [0; 16 << 10];
    let read = stream.read(&mut piece)?;
    if read == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    into.extend_from_slice(&piece[..read]);
    Ok(())
}
