//! A scripted LDAP server for what a real one will not do.
//!
//! Left alone it serves its entries like an honest server: root DSE, bind, paged searches, look-ups by
//! entryUUID. A script sees every request with the honest replies and may replace them.
//!
//! ```ignore
//! let server = Scripted::start(Script::serving(people(10)).faults(|request, mut replies| {
//!     if request.page == Some(1) { replies.truncate(3); replies.push(Reply::Close); }
//!     replies
//! })).await;
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bailey::base::Secret;
use bailey::directory::Settings;
use bailey::directory::settings::Bind;
use lber::structure::StructureTag;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::authority::Leaf;
use super::ber::{self, bytes, control, element, enumerated, message, number, octets, parts, result, sequence, text};

pub(crate) const SUFFIX: &str = "dc=example,dc=test";
pub(crate) const CSN: &str = "20260312120000.000000Z#000000#000#000000";
const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
const PAGED: &str = "1.2.840.113556.1.4.319";
const SYNC: &str = "1.3.6.1.4.1.4203.1.9.1.1";
const SYNC_STATE: &str = "1.3.6.1.4.1.4203.1.9.1.2";
const SYNC_DONE: &str = "1.3.6.1.4.1.4203.1.9.1.3";
const SYNC_INFO: &str = "1.3.6.1.4.1.4203.1.9.1.4";

/// An entry as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    pub(crate) dn: Vec<u8>,
    pub(crate) attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl Served {
    /// Gives `name` these values.
    pub(crate) fn with(mut self, name: &str, values: Vec<Vec<u8>>) -> Self {
        self.attributes.retain(|(held, _)| held != name);
        self.attributes.push((name.to_owned(), values));
        self
    }

    fn id(&self) -> Option<&[u8]> {
        self.attributes
            .iter()
            .find(|(name, _)| name == "entryUUID")
            .and_then(|(_, values)| values.first())
            .map(Vec::as_slice)
    }
}

/// The id of the person with this number.
pub(crate) fn guid(number: u8) -> bailey::base::Guid {
    bailey::base::Guid::from_bytes([number; 16])
}

/// A person.
pub(crate) fn person(number: u8) -> Served {
    let uid = format!("u{number}");
    let one = |value: &str| vec![value.as_bytes().to_vec()];
    Served {
        dn: format!("uid={uid},ou=people,{SUFFIX}").into_bytes(),
        attributes: vec![
            ("objectClass".to_owned(), one("inetOrgPerson")),
            ("entryUUID".to_owned(), one(&guid(number).to_string())),
            ("uid".to_owned(), one(&uid)),
            ("cn".to_owned(), one(&format!("Person {number}"))),
        ],
    }
}

/// People 1 to `count`.
pub(crate) fn people(count: u8) -> Vec<Served> {
    (1..=count).map(person).collect()
}

/// Something the server sends.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Entry(Served),
    /// An entry with a sync state (0 present, 1 add, 2 modify, 3 delete).
    Synced(Served, u32, bailey::base::Guid, Option<Vec<u8>>),
    Reference(String),
    /// The end of a search; with where the next page begins.
    Done {
        code: u32,
        text: String,
        page: Option<Vec<u8>>,
    },
    /// The end of a synchronization.
    SyncDone {
        code: u32,
        cookie: Option<Vec<u8>>,
    },
    /// The end of the refresh stage: by deletions (1) or by what is present (2).
    RefreshEnd {
        choice: u8,
        cookie: Option<Vec<u8>>,
    },
    /// Ids that are left, or deleted.
    Ids {
        deletes: bool,
        ids: Vec<bailey::base::Guid>,
    },
    NewCookie(Vec<u8>),
    /// A bind or extended result.
    Result {
        code: u32,
        text: String,
    },
    /// An operation of our own making, as an answer to this request.
    Operation(Vec<u8>),
    /// Any bytes at all.
    Raw(Vec<u8>),
    /// Ends the connection.
    Close,
    /// Says nothing more.
    Hang,
}

/// What a client asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) id: u32,
    pub(crate) kind: Asked,
    /// Which page of a subtree search, from 0.
    pub(crate) page: Option<usize>,
    /// The whole message, for those who look closer.
    pub(crate) tag: Option<StructureTag>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Asked {
    Bind {
        dn: String,
        password: Vec<u8>,
    },
    StartTls,
    /// Whose the connection is (RFC 4532).
    WhoAmI,
    /// A search for who has one of these logins.
    Login {
        base: String,
        names: Vec<String>,
    },
    /// A base-object search.
    Base {
        dn: String,
        attributes: Vec<String>,
    },
    /// A subtree search; `ids` when it looks objects up.
    Subtree {
        base: String,
        ids: Vec<String>,
    },
    /// A synchronizing search.
    Sync {
        base: String,
        cookie: Vec<u8>,
    },
    #[default]
    Other,
}

/// How connections are made.
#[derive(Clone, Default)]
pub(crate) enum Tls {
    #[default]
    None,
    /// TLS at once, with this certificate.
    Direct(Arc<ServerConfig>),
    /// After StartTLS, these bytes being sent in the clear right behind the answer.
    Started { config: Arc<ServerConfig>, inject: Vec<u8> },
}

type Faults = Arc<dyn Fn(&Request, Vec<Reply>) -> Vec<Reply> + Send + Sync>;

/// What a server does.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) entries: Vec<Served>,
    pub(crate) tls: Tls,
    pub(crate) controls: Vec<String>,
    /// Operations that the root DSE lists.
    pub(crate) extensions: Vec<String>,
    faults: Faults,
}

impl Script {
    pub(crate) fn serving(entries: Vec<Served>) -> Self {
        Self {
            entries,
            tls: Tls::None,
            controls: vec![PAGED.to_owned(), SYNC.to_owned()],
            extensions: vec![WHO_AM_I.to_owned()],
            faults: Arc::new(|_, replies| replies),
        }
    }

    /// Replaces the honest replies.
    pub(crate) fn faults(
        mut self,
        faults: impl Fn(&Request, Vec<Reply>) -> Vec<Reply> + Send + Sync + 'static,
    ) -> Self {
        self.faults = Arc::new(faults);
        self
    }

    pub(crate) fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }
}

/// The TLS side of `leaf`.
pub(crate) fn server_config(leaf: &Leaf) -> Arc<ServerConfig> {
    let certificates = CertificateDer::pem_slice_iter(leaf.certificate.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(certificates, key).unwrap())
}

/// A running scripted server.
pub(crate) struct Scripted {
    port: u16,
    seen: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    _task: AbortOnDropHandle<()>,
}

impl Scripted {
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let connection =
                    Connection { script: script.clone(), log: Arc::clone(&log), pages: 0, bound: String::new() };
                connections.spawn(connection.serve(stream));
            }
        });
        Self { port, seen, connections, _task: AbortOnDropHandle::new(task) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}", self.port)
    }

    /// Settings for reading this server in the clear, bound as somebody, four entries a page.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            bind: Bind::Simple { dn: format!("cn=sync,{SUFFIX}"), password: Secret::new("sync-secret".to_owned()) },
            page_size: 4,
            connect_timeout: std::time::Duration::from_secs(2),
            answer_timeout: std::time::Duration::from_secs(10),
            ..super::settings("scripted", &self.url("ldap"), SUFFIX)
        }
    }

    /// Everything asked so far, over all connections.
    pub(crate) fn seen(&self) -> Vec<Asked> {
        self.seen.lock().unwrap().clone()
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// True when anybody tried to bind.
    pub(crate) fn saw_a_bind(&self) -> bool {
        self.seen().iter().any(|asked| matches!(asked, Asked::Bind { .. }))
    }
}

struct Connection {
    script: Script,
    log: Arc<Mutex<Vec<Asked>>>,
    pages: usize,
    /// Who has signed in.
    bound: String,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Connection {
    async fn serve(mut self, mut stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        match self.script.tls.clone() {
            Tls::None => self.answer_all(&mut stream).await,
            Tls::Direct(config) => {
                if let Ok(mut stream) = TlsAcceptor::from(config).accept(stream).await {
                    self.answer_all(&mut stream).await;
                }
            }
            Tls::Started { config, inject } => {
                let Some((request, _)) = self.next_request(&mut stream, &mut Vec::new()).await else { return };
                let refusal = (self.script.faults)(&request, vec![Reply::Result { code: 0, text: String::new() }]);
                let [reply] = refusal.as_slice() else { panic!("one reply to StartTLS") };
                let mut answer = encode(&request, reply).expect("an answer to StartTLS");
                answer.extend(inject);
                if stream.write_all(&answer).await.is_err() {
                    return;
                }
                if let Ok(mut stream) = TlsAcceptor::from(config).accept(stream).await {
                    self.answer_all(&mut stream).await;
                }
            }
        }
    }

    async fn answer_all(&mut self, stream: &mut dyn Stream) {
        let mut buffer = Vec::new();
        while let Some((request, tag)) = self.next_request(stream, &mut buffer).await {
            let honest = self.honest(&request, &tag);
            for reply in (self.script.faults)(&request, honest) {
                match &reply {
                    Reply::Close => return,
                    Reply::Hang => std::future::pending().await,
                    reply => {
                        let Some(bytes) = encode(&request, reply) else { continue };
                        if stream.write_all(&bytes).await.is_err() {
                            return;
                        }
                    }
                }
            }
            let _ = stream.flush().await;
        }
    }

    async fn next_request(&mut self, stream: &mut dyn Stream, buffer: &mut Vec<u8>) -> Option<(Request, StructureTag)> {
        loop {
            let parsed = match lber::Parser::new().parse(buffer) {
                Ok((rest, tag)) => Some((buffer.len() - rest.len(), tag)),
                Err(_) => None,
            };
            if let Some((length, tag)) = parsed {
                buffer.drain(..length);
                let request = self.understand(&tag);
                self.log.lock().unwrap().push(request.kind.clone());
                return Some((request, tag));
            }
            if stream.read_buf(buffer).await.ok()? == 0 {
                return None;
            }
        }
    }

    fn understand(&mut self, tag: &StructureTag) -> Request {
        let [id, operation, rest @ ..] = parts(tag) else { panic!("a client that does not speak LDAP") };
        let controls = rest.first().map(parts).unwrap_or_default();
        let value_of = |oid: &str| {
            controls.iter().map(parts).find(|parts| text(&parts[0]) == oid).map(|parts| bytes(parts.last().unwrap()))
        };
        let arguments = parts(operation);
        let mut page = None;
        let kind = match operation.id {
            0 => {
                self.bound = text(&arguments[1]);
                Asked::Bind { dn: self.bound.clone(), password: bytes(&arguments[2]).to_vec() }
            }
            23 if text(&arguments[0]) == WHO_AM_I => Asked::WhoAmI,
            23 => Asked::StartTls,
            3 if number(&arguments[1]) == 0 => {
                Asked::Base { dn: text(&arguments[0]), attributes: parts(&arguments[7]).iter().map(text).collect() }
            }
            3 => match value_of(SYNC) {
                Some(value) => {
                    let (_, value) = lber::Parser::new().parse(value).unwrap();
                    Asked::Sync {
                        base: text(&arguments[0]),
                        cookie: parts(&value).get(1).map(|cookie| bytes(cookie).to_vec()).unwrap_or_default(),
                    }
                }
                None => {
                    let (mut ids, mut names) = (Vec::new(), Vec::new());
                    values_in(&arguments[6], "entryUUID", &mut ids);
                    values_in(&arguments[6], "uid", &mut names);
                    let base = text(&arguments[0]);
                    if !names.is_empty() {
                        return Request {
                            id: number(id),
                            kind: Asked::Login { base, names },
                            page,
                            tag: Some(tag.clone()),
                        };
                    }
                    if ids.is_empty() {
                        page = Some(self.pages);
                        self.pages += 1;
                    }
                    Asked::Subtree { base, ids }
                }
            },
            _ => Asked::Other,
        };
        Request { id: number(id), kind, page, tag: Some(tag.clone()) }
    }

    fn honest(&self, request: &Request, tag: &StructureTag) -> Vec<Reply> {
        let done = |page| Reply::Done { code: 0, text: String::new(), page };
        match &request.kind {
            Asked::Bind { .. } | Asked::StartTls => vec![Reply::Result { code: 0, text: String::new() }],
            Asked::WhoAmI => {
                let name = format!("dn:{}", self.bound).into_bytes();
                let result = [enumerated(0), octets(""), octets(""), element(0x8b, &[name])];
                vec![Reply::Operation(element(0x78, &result))]
            }
            Asked::Login { names, .. } => {
                let named = |entry: &&Served| {
                    let uids = entry.attributes.iter().filter(|(name, _)| name == "uid").flat_map(|(_, values)| values);
                    uids.map(|uid| String::from_utf8_lossy(uid).to_lowercase()).any(|uid| names.contains(&uid))
                };
                let found = self.script.entries.iter().filter(named).cloned().map(Reply::Entry);
                found.chain([done(None)]).collect()
            }
            Asked::Base { dn, attributes } if dn.is_empty() => {
                let _ = attributes;
                let root = Served { dn: Vec::new(), attributes: Vec::new() }
                    .with("supportedControl", self.script.controls.iter().map(|oid| oid.as_bytes().to_vec()).collect())
                    .with(
                        "supportedExtension",
                        self.script.extensions.iter().map(|oid| oid.as_bytes().to_vec()).collect(),
                    )
                    .with("namingContexts", vec![SUFFIX.as_bytes().to_vec()]);
                vec![Reply::Entry(root), done(None)]
            }
            Asked::Base { dn, .. } if dn == SUFFIX => {
                let suffix = Served { dn: SUFFIX.as_bytes().to_vec(), attributes: Vec::new() };
                vec![Reply::Entry(suffix.with("contextCSN", vec![CSN.as_bytes().to_vec()])), done(None)]
            }
            Asked::Base { dn, .. } => match self.script.entries.iter().find(|entry| entry.dn == dn.as_bytes()) {
                Some(entry) => vec![Reply::Entry(entry.clone()), done(None)],
                None => vec![Reply::Done { code: 32, text: String::new(), page: None }],
            },
            Asked::Subtree { ids, .. } if !ids.is_empty() => {
                let wanted =
                    |entry: &&Served| entry.id().is_some_and(|id| ids.iter().any(|wanted| wanted.as_bytes() == id));
                let found = self.script.entries.iter().filter(wanted).cloned().map(Reply::Entry);
                found.chain([done(None)]).collect()
            }
            Asked::Subtree { .. } => self.page(tag),
            Asked::Sync { .. } => {
                vec![Reply::RefreshEnd { choice: 1, cookie: Some(format!("rid=000,csn={CSN}").into_bytes()) }]
            }
            Asked::Other => Vec::new(),
        }
    }

    fn page(&self, tag: &StructureTag) -> Vec<Reply> {
        let controls = parts(tag).get(2).map(parts).unwrap_or_default();
        let entries = &self.script.entries;
        let Some(paging) = controls.iter().map(parts).find(|parts| text(&parts[0]) == PAGED) else {
            let all = entries.iter().cloned().map(Reply::Entry);
            return all.chain([Reply::Done { code: 0, text: String::new(), page: None }]).collect();
        };
        let (_, value) = lber::Parser::new().parse(bytes(paging.last().unwrap())).unwrap();
        let size = number(&parts(&value)[0]) as usize;
        let start = text(&parts(&value)[1]).parse().unwrap_or(0).min(entries.len());
        let end = (start + size).min(entries.len());
        let next = if end < entries.len() { end.to_string().into_bytes() } else { Vec::new() };
        let page = entries[start..end].iter().cloned().map(Reply::Entry);
        page.chain([Reply::Done { code: 0, text: String::new(), page: Some(next) }]).collect()
    }
}

/// Values of `(attribute=..)` anywhere in a filter.
fn values_in(filter: &StructureTag, attribute: &str, values: &mut Vec<String>) {
    if let [name, value] = parts(filter)
        && text(name) == attribute
    {
        values.push(text(value));
    }
    parts(filter).iter().for_each(|part| values_in(part, attribute, values));
}

fn encode(request: &Request, reply: &Reply) -> Option<Vec<u8>> {
    let id = request.id;
    let cookie_of = |cookie: &Option<Vec<u8>>| cookie.as_ref().map(octets).unwrap_or_default();
    Some(match reply {
        Reply::Entry(entry) => message(id, entry_operation(entry), &[]),
        Reply::Synced(entry, state, guid, cookie) => {
            let value = sequence(&[enumerated(*state), octets(guid.as_bytes()), cookie_of(cookie)]);
            message(id, entry_operation(entry), &[control(SYNC_STATE, value)])
        }
        Reply::Reference(url) => message(id, element(0x73, &[octets(url)]), &[]),
        Reply::Done { code, text, page } => {
            let paging = page.iter().map(|cookie| control(PAGED, sequence(&[ber::integer(0), octets(cookie)])));
            message(id, result(0x65, *code, text), &paging.collect::<Vec<_>>())
        }
        Reply::SyncDone { code, cookie } => {
            message(id, result(0x65, *code, ""), &[control(SYNC_DONE, sequence(&[cookie_of(cookie)]))])
        }
        Reply::RefreshEnd { choice, cookie } => info(id, &element(0xa0 | choice, &[cookie_of(cookie)])),
        Reply::Ids { deletes, ids } => {
            let set = element(0x31, &ids.iter().map(|guid| octets(guid.as_bytes())).collect::<Vec<_>>());
            info(id, &element(0xa3, &[ber::boolean(*deletes), set]))
        }
        Reply::NewCookie(cookie) => info(id, &element(0x80, std::slice::from_ref(cookie))),
        Reply::Result { code, text } => {
            let tag = if matches!(request.kind, Asked::Bind { .. }) { 0x61 } else { 0x78 };
            message(id, result(tag, *code, text), &[])
        }
        Reply::Operation(operation) => message(id, operation.clone(), &[]),
        Reply::Raw(bytes) => bytes.clone(),
        Reply::Close | Reply::Hang => return None,
    })
}

fn info(id: u32, value: &[u8]) -> Vec<u8> {
    message(
        id,
        element(0x79, &[element(0x80, &[SYNC_INFO.as_bytes().to_vec()]), element(0x81, &[value.to_vec()])]),
        &[],
    )
}

pub(crate) fn entry_operation(entry: &Served) -> Vec<u8> {
    let attributes: Vec<Vec<u8>> = entry
        .attributes
        .iter()
        .map(|(name, values)| sequence(&[octets(name), element(0x31, &values.iter().map(octets).collect::<Vec<_>>())]))
        .collect();
    element(0x64, &[octets(&entry.dn), sequence(&attributes)])
}
