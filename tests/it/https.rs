//! The public listener: TLS and its certificates, who is let in under which name and address, and what every answer carries.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use bailey::base::network::Networks;
use bailey::daemon;
use bailey::http::hosts::Hosts;
use bailey::http::limits::{LARGEST_BODY, LONGEST_URI, MOST_CONNECTIONS_OF_ONE};
use bailey::http::origin::Origin;
use bailey::http::public::{self, Front, ListenError, Public, Settings};
use bailey::http::serve::Ending;
use bailey::http::tls::Files;
use bailey::telemetry::Condition;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::bed::authority::Leaf;
use crate::bed::daemon::Bailey;
use crate::bed::{Authority, PATIENCE, free_port, wait_until};
use crate::fixture::Fixture;
use crate::run;

pub(crate) const NAME: &str = "bailey.test";

/// A public listener in this process.
struct Listening {
    fixture: Fixture,
    address: SocketAddr,
    front: Arc<Front>,
    settings: Settings,
    ending: Ending,
    serving: JoinHandle<()>,
}

/// Plain HTTP on loopback, where 127.0.0.2 is a proxy.
fn plain() -> Settings {
    let listen = "127.0.0.1:0".parse().unwrap();
    Settings {
        listen,
        tls: None,
        trusted_proxies: Networks::new(vec!["127.0.0.2".parse().unwrap()]),
        hosts: Some(Hosts::new([NAME.parse().unwrap()], listen)),
        section: "https",
    }
}

/// An authority, and the files of a certificate it made for [`NAME`].
struct Certified {
    authority: Authority,
    files: Files,
    _directory: tempfile::TempDir,
}

impl Certified {
    fn new() -> Self {
        let (authority, directory) = (Authority::new("Test"), tempfile::tempdir().unwrap());
        let path = |name: &str| directory.path().join(name);
        let files = Files { certificate: path("https.pem"), key: path("https.key"), client_ca: None };
        let certified = Self { authority, files, _directory: directory };
        certified.renew();
        certified
    }

    fn renew(&self) -> Leaf {
        self.authority.renew(&[NAME], [&self.files.certificate, &self.files.key])
    }

    fn settings(&self) -> Settings {
        Settings { tls: Some(self.files.clone()), ..plain() }
    }
}

async fn listening(settings: Settings) -> Listening {
    let fixture = Fixture::new(None);
    let listener = Public::bind(&settings).await.unwrap();
    let (front, ending) = (listener.front(), Ending::default());
    let router = public::router(Arc::clone(&fixture.app)).merge(Router::new().route("/origin", get(origin)));
    let serving = tokio::spawn(listener.serve(router, ending.clone()));
    Listening { fixture, address: front.address(), front, settings, ending, serving }
}

/// What the routes learn of where a request comes from.
async fn origin(Extension(origin): Extension<Origin>) -> String {
    let certificate = origin.client_certificate.map(hex::encode);
    let tls = origin.tls.map(|tls| format!("{} {}", tls.version, tls.cipher));
    let peer = origin.peer.ip();
    format!("{peer} for {}, secure {}, {tls:?}, {certificate:?}", origin.client, origin.secure)
}

/// A client that trusts `authority`, and shows `identity` where it is asked for one.
pub(crate) async fn connect(
    address: SocketAddr,
    authority: &Authority,
    identity: Option<&Leaf>,
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.ca_file()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(leaf) => {
            let chain = vec![CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(NAME).unwrap(), stream).await
}

/// A connection from another address of this machine.
async fn from(source: &str, address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
    socket.connect(address).await.unwrap()
}

/// One answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    /// The value of a header, whose name is in lower case.
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Sends `text` and reads one answer; the connection stays open.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), text: &str) -> io::Result<Answer> {
    // A refused body may be cut off; what was answered before counts.
    let _ = stream.write_all(text.as_bytes()).await;
    stream.flush().await?;
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let answer = Answer {
                status: head.split(' ').nth(1).unwrap().parse().unwrap(),
                head: head.to_owned(),
                body: body.to_owned(),
            };
            let length: usize = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Ok(answer);
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => read.extend_from_slice(&chunk[..count]),
        }
    }
}

fn request(target: &str, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("GET {target} HTTP/1.1\r\nHost: {NAME}\r\n{lines}\r\n")
}

/// Reads until the other end closes, however it does.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    rest
}

/// Lets time pass as fast as nothing happens, until `what` is over. Not for longer: the kernel takes its own time to bring
/// what was sent over TCP, and meanwhile nothing seems to happen.
async fn without_waiting<T>(what: impl Future<Output = T>) -> T {
    tokio::time::pause();
    let ended = what.await;
    tokio::time::resume();
    ended
}

fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

fn der(leaf: &Leaf) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_is_served_by_http_1_1_over_tls_1_3_and_1_2() {
    let certified = Certified::new();
    let listening = listening(certified.settings()).await;
    let (port, ca) = (listening.address.port(), certified.authority.ca_file());
    for (version, cipher) in [("1.3", "TLSv1.3 TLS_"), ("1.2", "TLSv1.2 TLS_ECDHE_")] {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--include", "--http2", "--noproxy", "*", "--cacert"]).arg(&ca);
        curl.args([&format!("--tlsv{version}"), "--tls-max", version]);
        curl.args(["--resolve", &format!("{NAME}:{port}:127.0.0.1"), &format!("https://{NAME}:{port}/origin")]);
        let said = tokio::task::spawn_blocking(move || run::stdout(&mut curl)).await.unwrap();
        assert!(said.starts_with("HTTP/1.1 200"), "{said}");
        assert!(said.contains(&format!("127.0.0.1 for 127.0.0.1, secure true, Some(\"{cipher}")), "{said}");
    }
}

#[tokio::test]
async fn the_certificate_is_exchanged_and_no_connection_notices() {
    let certified = Certified::new();
    let listening = listening(certified.settings()).await;
    let mut before = connect(listening.address, &certified.authority, None).await.unwrap();
    assert_eq!(ask(&mut before, &request("/", &[])).await.unwrap().status, 200);
    let renewed = certified.renew();
    assert!(listening.front.refresh().unwrap());
    let mut after = connect(listening.address, &certified.authority, None).await.unwrap();
    assert_eq!(shown(&after), der(&renewed));
    assert_ne!(shown(&before), shown(&after));
    for stream in [&mut before, &mut after] {
        assert_eq!(ask(stream, &request("/", &[])).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn files_are_looked_at_every_minute_and_bad_ones_change_nothing_but_health() {
    let certified = Certified::new();
    let listening = listening(certified.settings()).await;
    let (front, app) = (Arc::clone(&listening.front), Arc::clone(&listening.fixture.app));
    let ending = listening.ending.soft.clone();
    let watching = tokio::spawn(daemon::https::run(front, app.board.clone(), Arc::clone(&app.clock), ending));
    let part = || app.board.read(app.clock.now())["https"].clone();
    let minute = || without_waiting(tokio::time::sleep(Duration::from_secs(61)));
    minute().await;
    assert_eq!(part().condition, Condition::Green, "{}", part().words);

    let other = Authority::new("Other").issue("other", &[NAME]);
    fs::write(&certified.files.key, other.key).unwrap();
    minute().await;
    let words = part().words;
    assert!(part().condition == Condition::Yellow && part().ready, "{words}");
    assert!(words.contains("https.key is not that of the first certificate in"), "{words}");
    assert!(connect(listening.address, &certified.authority, None).await.is_ok(), "the one before still serves");

    let renewed = certified.renew();
    minute().await;
    assert_eq!(part().condition, Condition::Green, "{}", part().words);
    let stream = connect(listening.address, &certified.authority, None).await.unwrap();
    assert_eq!(shown(&stream), der(&renewed));
    listening.ending.soft.cancel();
    watching.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_reload_takes_new_names_and_proxies_up_and_no_other_address() {
    let certified = Certified::new();
    let listening = listening(certified.settings()).await;
    let mut stream = connect(listening.address, &certified.authority, None).await.unwrap();
    let asked = "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n";
    assert_eq!(ask(&mut stream, asked).await.unwrap().status, 421);
    let hosts = Hosts::new(["other.test".parse().unwrap()], listening.settings.listen);
    let settings = Settings { hosts: Some(hosts), ..listening.settings.clone() };
    listening.front.exchange(listening.front.prepare(&settings).unwrap());
    assert_eq!(ask(&mut stream, asked).await.unwrap().status, 200, "the open connection is held to it too");
    assert_eq!(ask(&mut stream, &request("/", &[])).await.unwrap().status, 421);

    let moved = Settings { listen: "127.0.0.1:1".parse().unwrap(), ..settings.clone() };
    let bare = Settings { tls: None, ..settings.clone() };
    for (settings, key) in [(moved, "listen"), (bare, "certificate")] {
        let refused = listening.front.prepare(&settings).err().unwrap();
        assert!(
            matches!(refused, ListenError::NeedsRestart { section: "https", key: named } if named == key),
            "{refused}"
        );
    }
    fs::write(&certified.files.certificate, "nonsense").unwrap();
    let refused = listening.front.prepare(&settings).err().unwrap().to_string();
    assert!(refused.contains("https.pem cannot be used: there is no PEM certificate"), "{refused}");
    assert!(connect(listening.address, &certified.authority, None).await.is_ok());
}

#[tokio::test]
async fn a_client_certificate_is_asked_for_and_never_required() {
    let certified = Certified::new();
    let (clients, others) = (Authority::new("Clients"), Authority::new("Others"));
    let files = Files { client_ca: Some(clients.ca_file()), ..certified.files.clone() };
    let listening = listening(Settings { tls: Some(files), ..certified.settings() }).await;

    let ours = clients.issue("ann", &[]);
    let mut stream = connect(listening.address, &certified.authority, Some(&ours)).await.unwrap();
    let answer = ask(&mut stream, &request("/origin", &[])).await.unwrap();
    assert!(answer.body.contains(&format!("Some(\"{}\")", hex::encode(der(&ours)))), "{answer:?}");

    let mut stream = connect(listening.address, &certified.authority, None).await.unwrap();
    let answer = ask(&mut stream, &request("/origin", &[])).await.unwrap();
    assert!(answer.status == 200 && answer.body.ends_with(", None"), "{answer:?}");

    // Signed by somebody else, and by somebody else of the same name. In TLS 1.3 the client learns it with its first read.
    for theirs in [others.issue("ann", &[]), Authority::new("Clients").issue("ann", &[])] {
        let refused = match connect(listening.address, &certified.authority, Some(&theirs)).await {
            Ok(mut stream) => ask(&mut stream, &request("/origin", &[])).await.map(|_| ()),
            Err(error) => Err(error),
        };
        assert!(refused.is_err());
    }
}

/// What a client of TLS 1.1 (minor 2) or 1.2 (minor 3) begins with (RFC 5246 7.4.1.2).
fn client_hello(minor: u8) -> Vec<u8> {
    let suites: &[u8] = &[0, 4, 0xc0, 0x2b, 0xc0, 0x13];
    let signatures: &[u8] = &[0, 13, 0, 4, 0, 2, 4, 3];
    let groups: &[u8] = &[0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0];
    // Record, handshake, version; then random, no session, suites, no compression, extensions.
    let head: &[u8] = &[22, 3, 1, 0, 71, 1, 0, 0, 67, 3, minor];
    [head, &[7; 32], &[0], suites, &[1, 0, 0, 22], signatures, groups].concat()
}

#[tokio::test]
async fn what_is_not_tls_or_too_old_ends_and_harms_nobody() {
    let certified = Certified::new();
    let listening = listening(certified.settings()).await;
    // The same in all but its version is answered by a handshake record.
    for (minor, answered) in [(2, &[21, 3, 3, 0, 2, 2, 70][..]), (3, &[22, 3, 3])] {
        let mut stream = TcpStream::connect(listening.address).await.unwrap();
        stream.write_all(&client_hello(minor)).await.unwrap();
        let mut said = vec![0; answered.len()];
        stream.read_exact(&mut said).await.unwrap();
        assert_eq!(said, answered, "TLS 1.{}", minor - 1);
    }
    for sent in [request("/", &[]).into_bytes(), vec![0; 600], vec![22, 3, 1, 0xff, 0xff]] {
        let mut stream = TcpStream::connect(listening.address).await.unwrap();
        stream.write_all(&sent).await.unwrap();
        if sent.len() < 10 {
            stream.shutdown().await.unwrap();
        }
        let said = rest(&mut stream).await;
        // An alert (RFC 8446 6), or nothing.
        assert!(said.is_empty() || (said[0] == 21 && said.len() == 7), "{said:?}");
    }
    let mut stream = connect(listening.address, &certified.authority, None).await.unwrap();
    assert_eq!(ask(&mut stream, &request("/", &[])).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_handshake_that_drags_on_keeps_nobody_waiting_and_no_end() {
    let certified = Certified::new();
    let listening = listening(certified.settings()).await;
    let mut idle = TcpStream::connect(listening.address).await.unwrap();
    idle.write_all(&[22, 3, 1]).await.unwrap();
    let mut stream = connect(listening.address, &certified.authority, None).await.unwrap();
    assert_eq!(ask(&mut stream, &request("/", &[])).await.unwrap().status, 200);
    listening.ending.soft.cancel();
    listening.serving.await.unwrap();
    assert_eq!(rest(&mut stream).await, b"", "an idle connection is closed at the end");
    assert!(TcpStream::connect(listening.address).await.is_err());
}

#[tokio::test]
async fn slow_and_idle_clients_are_ended() {
    let certified = Certified::new();
    let listening = listening(certified.settings()).await;
    let began = tokio::time::Instant::now();
    let mut silent = TcpStream::connect(listening.address).await.unwrap();
    assert_eq!(without_waiting(rest(&mut silent)).await, b"", "no handshake");
    let mut slow = connect(listening.address, &certified.authority, None).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: b").await.unwrap();
    assert!(!String::from_utf8_lossy(&without_waiting(rest(&mut slow)).await).contains(" 200 "), "half a head");
    let mut idle = connect(listening.address, &certified.authority, None).await.unwrap();
    assert_eq!(ask(&mut idle, &request("/", &[])).await.unwrap().status, 200);
    assert_eq!(without_waiting(rest(&mut idle)).await, b"", "nothing after the first answer");
    assert!((30..40).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_a_proxy_more() {
    let listening = listening(plain()).await;
    let mut open = Vec::new();
    for _ in 0..MOST_CONNECTIONS_OF_ONE {
        let mut stream = TcpStream::connect(listening.address).await.unwrap();
        assert_eq!(ask(&mut stream, &request("/", &[])).await.unwrap().status, 200);
        open.push(stream);
    }
    let mut beyond = TcpStream::connect(listening.address).await.unwrap();
    assert!(ask(&mut beyond, &request("/", &[])).await.is_err());
    let mut another = from("127.0.0.3", listening.address).await;
    assert_eq!(ask(&mut another, &request("/", &[])).await.unwrap().status, 200);
    let mut proxied = Vec::new();
    for _ in 0..=MOST_CONNECTIONS_OF_ONE {
        let mut stream = from("127.0.0.2", listening.address).await;
        assert_eq!(ask(&mut stream, &request("/", &[])).await.unwrap().status, 200);
        proxied.push(stream);
    }
    // The place is free again once the listener has seen the end.
    drop(open.pop());
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let mut stream = TcpStream::connect(listening.address).await.unwrap();
        match ask(&mut stream, &request("/", &[])).await {
            Ok(answer) => break assert_eq!(answer.status, 200),
            Err(_) => assert!(tokio::time::Instant::now() < deadline, "no place became free"),
        }
    }
}

#[tokio::test]
async fn a_request_is_for_a_host_of_ours_or_refused() {
    let listening = listening(plain()).await;
    let long = "x".repeat(LONGEST_URI);
    for (text, status, said) in [
        (format!("GET / HTTP/1.1\r\nHost: {NAME}:8443\r\n\r\n"), 200, "Bailey"),
        ("GET / HTTP/1.1\r\nHost: LOCALHOST\r\n\r\n".to_owned(), 200, "Bailey"),
        (format!("GET http://{NAME}/ HTTP/1.1\r\nHost: {NAME}\r\n\r\n"), 200, "Bailey"),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(), 421, "does not answer to `evil.example`"),
        (format!("GET http://evil.example/ HTTP/1.1\r\nHost: {NAME}\r\n\r\n"), 400, "its Host header names"),
        ("GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(), 421, "evil.example"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400, "no Host header"),
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), 400, "no Host header"),
        (format!("GET / HTTP/1.1\r\nHost: {NAME}\r\nHost: {NAME}\r\n\r\n"), 400, "2 Host headers"),
        (format!("GET / HTTP/1.1\r\nHost: x@{NAME}\r\n\r\n"), 400, "not a host name"),
        (format!("CONNECT evil.example:443 HTTP/1.1\r\nHost: {NAME}\r\n\r\n"), 400, "its Host header names"),
        (format!("POST / HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 0\r\n\r\n"), 403, "MissingAuthenticationToken"),
        (format!("PUT / HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 0\r\n\r\n"), 405, "another method"),
        (format!("GET /{long} HTTP/1.1\r\nHost: {NAME}\r\n\r\n"), 414, "8192 are the limit"),
        (format!("GET /nothing HTTP/1.1\r\nHost: {NAME}\r\n\r\n"), 404, "\"NotFound\""),
    ] {
        let mut stream = TcpStream::connect(listening.address).await.unwrap();
        let answer = ask(&mut stream, &text).await.unwrap();
        assert!(answer.status == status && answer.body.contains(said), "{text}: {answer:?}");
    }
}

#[tokio::test]
async fn where_a_request_comes_from_is_the_word_of_proxies_we_know() {
    let listening = listening(plain()).await;
    let hop = "X-Forwarded-For: 203.0.113.9";
    for (source, lines, status, said) in [
        ("127.0.0.1", &[hop, "X-Forwarded-Proto: https"][..], 200, "127.0.0.1 for 127.0.0.1, secure false"),
        ("127.0.0.1", &["X-Forwarded-For: garbage"], 200, "for 127.0.0.1,"),
        ("127.0.0.2", &[hop], 200, "127.0.0.2 for 203.0.113.9, secure false, None, None"),
        ("127.0.0.2", &[hop, "X-Forwarded-Proto: https"], 200, "for 203.0.113.9, secure true"),
        ("127.0.0.2", &["X-Forwarded-For: 198.51.100.1, 203.0.113.9, 127.0.0.2"], 200, "for 203.0.113.9,"),
        ("127.0.0.2", &["X-Forwarded-For: 198.51.100.1", hop], 200, "for 203.0.113.9,"),
        ("127.0.0.2", &["X-Forwarded-For: [2001:db8::7]:443"], 200, "for 2001:db8::7,"),
        ("127.0.0.2", &["Forwarded: for=203.0.113.9"], 200, "for 127.0.0.2,"),
        ("127.0.0.2", &[hop, "X-Forwarded-For: unknown"], 400, "`unknown` in X-Forwarded-For is not an IP address"),
        ("127.0.0.2", &[hop, "X-Forwarded-Proto: gopher"], 400, "neither `http` nor `https`"),
    ] {
        let mut stream = from(source, listening.address).await;
        let answer = ask(&mut stream, &request("/origin", lines)).await.unwrap();
        assert!(answer.status == status && answer.body.contains(said), "{source} {lines:?}: {answer:?}");
        let secure = said.contains("secure true");
        assert_eq!(answer.header("strict-transport-security").is_some(), secure, "{lines:?}");
    }
}

#[tokio::test]
async fn every_answer_tells_a_browser_to_do_nothing_unasked() {
    let certified = Certified::new();
    let listening = listening(certified.settings()).await;
    let large = format!("POST / HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: {}\r\n\r\n", LARGEST_BODY + 1);
    for (text, status) in [
        (request("/", &[]), 200),
        (request("/nothing", &[]), 404),
        (large + &"x".repeat(LARGEST_BODY + 1), 413),
        (request("/", &["Host: other.test"]), 400),
        ("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n".to_owned(), 421),
    ] {
        let mut stream = connect(listening.address, &certified.authority, None).await.unwrap();
        let answer = ask(&mut stream, &text).await.unwrap();
        assert_eq!(answer.status, status, "{answer:?}");
        for (name, value) in [
            (
                "content-security-policy",
                "default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
            ),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name} of {answer:?}");
        }
        assert!(answer.header("permissions-policy").is_some_and(|policy| policy.contains("camera=()")), "{answer:?}");
        assert!(answer.header("server").is_none() && answer.header("access-control-allow-origin").is_none());
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_with_its_key() {
    let first = Public::bind(&plain()).await.unwrap();
    let taken = Settings { listen: first.front().address(), ..plain() };
    let error = Public::bind(&taken).await.err().unwrap().to_string();
    assert!(error.contains("choose another `https.listen`"), "{error}");
}

/// The program itself, its certificate, and what curl says of it.
struct Installed {
    bailey: Bailey,
    certified: Certified,
    address: String,
}

impl Installed {
    fn new() -> Self {
        let certified = Certified::new();
        let address = format!("127.0.0.1:{}", free_port());
        let (certificate, key) = (certified.files.certificate.display(), certified.files.key.display());
        let section = format!(
            "[https]\nlisten = \"{address}\"\ncertificate = \"{certificate}\"\nkey = \"{key}\"\nhosts = [\"{NAME}\"]\n"
        );
        Self { bailey: Bailey::with(&section), certified, address }
    }

    /// The certificate it shows, in DER.
    fn shown(&self) -> Option<CertificateDer<'static>> {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-connect", &self.address, "-servername", NAME]).stdin(std::process::Stdio::null());
        CertificateDer::from_pem_slice(&run::output(&mut client).stdout).ok()
    }

    fn health(&self) -> serde_json::Value {
        let file = std::fs::read_to_string(self.bailey.config()).unwrap();
        let health = file.lines().find_map(|line| line.strip_prefix("health = ")).unwrap().trim_matches('"').to_owned();
        let mut curl = Command::new("curl");
        let said = run::stdout(curl.args(["--silent", "--noproxy", "*", &format!("http://{health}/healthz")]));
        serde_json::from_str(&said).unwrap()
    }

    fn key(&self) -> PathBuf {
        self.certified.files.key.clone()
    }
}

#[test]
fn the_daemon_serves_it_shows_it_and_takes_a_new_certificate_at_a_reload() {
    let mut installed = Installed::new();
    let checked = installed.bailey.ok(&["check"]);
    assert!(checked.contains("its certificate is good until"), "{checked}");
    installed.bailey.spawn();
    wait_until("the public listener", || installed.shown().is_some());
    wait_until("its health", || installed.health()["parts"]["https"]["condition"] == "green");
    let words = installed.health()["parts"]["https"]["words"].to_string();
    assert!(words.contains(&installed.address) && words.contains("good until 4096-01-01"), "{words}");

    let before = installed.shown();
    std::fs::write(installed.key(), "nonsense").unwrap();
    installed.bailey.signal("HUP");
    wait_until("the refusal", || {
        installed.bailey.log().contains("https.key cannot be used: there is no PEM private key")
    });
    assert_eq!(installed.shown(), before, "what is in use stays");

    let renewed = installed.certified.renew();
    installed.bailey.signal("HUP");
    wait_until("the new certificate", || installed.shown() == Some(der(&renewed)));
    assert!(installed.bailey.terminate().success());
}

#[test]
fn a_certificate_that_cannot_be_used_stops_the_start_and_check_says_so() {
    let installed = Installed::new();
    std::fs::write(installed.key(), "nonsense").unwrap();
    for words in [&["check"][..], &["run"]] {
        let output = installed.bailey.run(words);
        let said = run::said(&output);
        assert!(said.contains("https.key cannot be used: there is no PEM private key in it"), "{words:?}: {said}");
        assert_eq!(output.status.code(), Some(1), "{words:?}");
    }
    assert!(!installed.bailey.path("state").exists(), "the store was not opened");
}
