//! Speaks LDAP to one server: connect, bind, search.
//!
//! Owns the wire and everything that guards it; the only importer of `ldap3` and, for directories, of
//! `rustls`. Knows nothing of people, scopes or failover. A [`Connection`] is used for one thing at
//! a time and thrown away after any trouble.
//!
//! ```text
//! server == TLS == transport == guard ==[requests, results]== ldap3 == Connection == reader, syncrepl, look_up
//!                                 \\===[entries, bounded]=============//
//! ```
//!
//! The guard shows `ldap3` only what it can bear, so its driver has nothing left to panic at; should it
//! do so after all, it runs in a task of its own and takes one connection with it.

pub(in crate::directory) mod address;
mod ber;
mod entry;
pub(in crate::directory) mod extension;
mod guard;
mod message;
mod person;
pub(in crate::directory) mod sasl;
pub(in crate::directory) mod sync;
mod tls;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use ldap3::controls::{Control, RawControl};
use ldap3::{DerefAliases, Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, SearchOptions, StdStream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use address::Address;
use guard::{End, Frames, Line};
use message::Message;
use transport::Purpose;

pub(super) use entry::RawEntry;
pub(super) use extension::DirSyncDone;
pub(super) use ldap3::Scope;
pub(super) use person::{PolicyError, Tried, WHO_AM_I, WhoAmI};
pub use sasl::AVAILABLE as KERBEROS;
pub(super) use sync::{State, SyncDone, SyncInfo, SyncState};
pub(super) use transport::NO_ADDRESS;

use super::ad_codes;
use super::error::result_name;
use super::filter::Filter;
use super::settings::{Bind, Family};
use super::{DirectoryError, Dn, Settings};
use crate::base::text::printable;

/// OIDs a server lists in `supportedControl`.
pub(super) mod controls {
    /// Paging (RFC 2696).
    pub(in crate::directory) const PAGED_RESULTS: &str = super::sync::PAGED_RESULTS;
    /// Content synchronization (RFC 4533).
    pub(in crate::directory) const SYNC_REQUEST: &str = super::sync::SYNC_REQUEST;
    /// Changes since a cookie (MS-ADTS 3.1.1.3.4.1.3).
    pub(in crate::directory) const DIRSYNC: &str = super::extension::DIRSYNC;
    /// Notification of changes (MS-ADTS 3.1.1.3.4.1.9).
    pub(in crate::directory) const NOTIFICATION: &str = super::extension::NOTIFICATION;
}

/// A bound connection.
#[derive(Debug)]
pub(super) struct Connection {
    server: String,
    ldap: Ldap,
    line: Arc<Line>,
    answer_timeout: Duration,
    /// Every search stays within the partition it begins in.
    domain_scope: bool,
    _driver: AbortOnDropHandle<()>,
    _guard: AbortOnDropHandle<()>,
}

/// What to search for.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// Where.
    pub(super) base: String,
    /// How deep.
    pub(super) scope: Scope,
    /// Which entries.
    pub(super) filter: Filter,
    /// Which of their attributes.
    pub(super) attributes: Arc<[String]>,
    /// Sent along, besides what paging needs.
    pub(super) controls: Vec<RawControl>,
}

impl Question {
    /// Everything below `base` that `filter` matches.
    pub(super) fn below(base: &Dn, filter: Filter, attributes: Arc<[String]>) -> Self {
        Self { base: base.to_string(), scope: Scope::Subtree, filter, attributes, controls: Vec::new() }
    }

    /// The same, with a control.
    pub(super) fn with(mut self, control: RawControl) -> Self {
        self.controls.push(control);
        self
    }

    /// The entry `dn` itself.
    pub(super) fn entry(dn: &str, attributes: &[&str]) -> Self {
        Self {
            base: dn.to_owned(),
            scope: Scope::Base,
            filter: everything(),
            attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
            controls: Vec::new(),
        }
    }
}

/// `(objectClass=*)`
fn everything() -> Filter {
    // The name is sound; the fallback is the same filter (RFC 4526's "true").
    "objectClass".parse().map_or(Filter::And(Vec::new()), Filter::Present)
}

impl Connection {
    /// Connects to `server` and binds, within the connect time-out.
    pub(super) async fn open(server: &str, settings: &Settings) -> Result<Self, DirectoryError> {
        let limit = settings.connect_timeout;
        let opening = async {
            let mut connection = Self::connect(server, settings, Purpose::Service).await?;
            connection.bind(&settings.bind).await?;
            Ok(connection)
        };
        let opened = tokio::time::timeout(limit, opening).await;
        opened.unwrap_or_else(|_| Err(timed_out(server, "connecting and binding", limit)))
    }

    /// Connects to `server`. Nobody has signed in then, but where a ticket does.
    async fn connect(server: &str, settings: &Settings, purpose: Purpose) -> Result<Self, DirectoryError> {
        let address = Address::parse(server)?;
        let connected = transport::connect(server, &address, settings, purpose).await?;
        let stream = match &settings.bind {
            Bind::Kerberos { principal } if purpose == Purpose::Service => {
                let host = address.host().map_or("localhost", |host| &host.name);
                sasl::sign_in(server, host, principal, connected, settings.connect_timeout).await?
            }
            _ => connected.stream,
        };
        let closed = |why: String| DirectoryError::Connection { server: server.to_owned(), why };
        let (inner, line, guard) = guard::start(stream).map_err(|error| closed(error.to_string()))?;
        let over = LdapConnSettings::new().set_std_stream(StdStream::Unix(inner));
        let opened = LdapConnAsync::with_settings(over, "ldapi:///").await;
        let (driver, ldap) = opened.map_err(|error| closed(error.to_string()))?;
        let driver = AbortOnDropHandle::new(tokio::spawn(async move {
            // The reason is in the line; whoever waits for an answer reads it there.
            let _ = driver.drive().await;
        }));
        Ok(Self {
            server: server.to_owned(),
            ldap,
            line,
            answer_timeout: settings.answer_timeout,
            domain_scope: settings.family == Family::ActiveDirectory,
            _driver: driver,
            _guard: guard,
        })
    }

    async fn bind(&mut self, bind: &Bind) -> Result<(), DirectoryError> {
        let (what, bound) = match bind {
            // Kerberos has signed in before anything else was sent.
            Bind::Anonymous | Bind::Kerberos { .. } => return Ok(()),
            // RFC 4513 5.1.2: with an empty password the server would say yes to anybody.
            Bind::Simple { dn, password } if password.expose().is_empty() || dn.is_empty() => {
                return Err(DirectoryError::Setup {
                    what: "bind".to_owned(),
                    why: "an empty name or password would make the bind anonymous; nothing was sent".to_owned(),
                });
            }
            Bind::Simple { dn, password } => {
                (format!("the bind as `{}`", printable(dn)), self.ldap.simple_bind(dn, password.expose()).await)
            }
            Bind::External => ("the SASL EXTERNAL bind".to_owned(), self.ldap.sasl_external_bind().await),
        };
        let result = bound.map_err(|error| self.failure(&error))?;
        let outcome = Outcome::from_result(result).map_err(|why| self.broken(why))?;
        outcome.success(&self.server, &what).map_err(ad_codes::explained)?;
        Ok(())
    }

    /// The server's URL.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// False once the connection has ended.
    pub(super) fn is_alive(&self) -> bool {
        self.line.end().is_none()
    }

    /// Starts a search. Its answers must come within the answer time-out, waiting time counted as a whole.
    pub(super) async fn search(&mut self, question: &Question) -> Result<Answers, DirectoryError> {
        let budget = Some(self.answer_timeout);
        self.start(question, None, budget).await
    }

    /// Asks for a page of a search (RFC 2696): the first when `cookie` is empty. As [`Connection::search`] otherwise.
    pub(super) async fn search_page(
        &mut self,
        question: &Question,
        size: u32,
        cookie: &[u8],
    ) -> Result<Answers, DirectoryError> {
        let budget = Some(self.answer_timeout);
        self.start(question, Some(sync::page_request(size, cookie)), budget).await
    }

    /// Starts a search that goes on for as long as the connection lives.
    pub(super) async fn search_on(&mut self, question: &Question) -> Result<Answers, DirectoryError> {
        self.start(question, None, None).await
    }

    async fn start(
        &mut self,
        question: &Question,
        page: Option<RawControl>,
        budget: Option<Duration>,
    ) -> Result<Answers, DirectoryError> {
        let options = SearchOptions::new().deref(DerefAliases::Never);
        let paged = page.is_some();
        let scope = self.domain_scope.then(extension::domain_scope);
        let controls: Vec<RawControl> = question.controls.iter().cloned().chain(page).chain(scope).collect();
        if !controls.is_empty() {
            self.ldap.with_controls(controls);
        }
        let filter = question.filter.to_string();
        let frames = self.line.expect_search(paged);
        let sending = self.ldap.with_search_options(options).streaming_search(
            &question.base,
            question.scope,
            &filter,
            Arc::clone(&question.attributes),
        );
        let sent = tokio::time::timeout(self.answer_timeout, sending).await;
        let sent = sent.map_err(|_| timed_out(&self.server, "a search", self.answer_timeout))?;
        let stream = sent.map_err(|error| self.failure(&error))?;
        Ok(Answers {
            frames,
            current: None,
            result: stream,
            line: Arc::clone(&self.line),
            server: self.server.clone(),
            limit: self.answer_timeout,
            budget,
        })
    }

    fn failure(&self, error: &LdapError) -> DirectoryError {
        failure(&self.server, &self.line, error)
    }

    fn broken(&self, why: &str) -> DirectoryError {
        DirectoryError::Protocol { server: self.server.clone(), why: why.to_owned() }
    }
}

/// A search under way.
pub(super) struct Answers {
    frames: mpsc::UnboundedReceiver<Frames>,
    /// Frames being decoded, and how far that is.
    current: Option<(Frames, usize)>,
    /// Brings the result, and nothing else.
    result: ldap3::SearchStream<'static, String, Arc<[String]>>,
    line: Arc<Line>,
    server: String,
    limit: Duration,
    /// Waiting time left; `None` when there is no bound.
    budget: Option<Duration>,
}

/// One answer to a search.
#[derive(Debug)]
pub(super) enum Answer {
    /// An entry, with its state when the search synchronizes.
    Entry(RawEntry, Option<SyncState>),
    /// A pointer to another server, which is never followed.
    Reference,
    /// A sync info message.
    Sync(SyncInfo),
    /// The end.
    Done(Outcome),
}

impl Answers {
    /// The next answer. Nothing comes after [`Answer::Done`].
    pub(super) async fn next(&mut self) -> Result<Answer, DirectoryError> {
        loop {
            if let Some((frames, at)) = &mut self.current {
                let rest = frames.bytes.get(*at..).unwrap_or_default();
                if let Some(length) = frame_length(rest) {
                    *at += length;
                    let decoded = decode(&frames.bytes.slice_ref(rest.get(..length).unwrap_or_default()));
                    match decoded.map_err(|why| self.broken(why))? {
                        Some(answer) => return Ok(answer),
                        None => continue,
                    }
                }
                // Makes room for more.
                self.current = None;
            }
            match bounded(&mut self.budget, self.frames.recv()).await.ok_or_else(|| self.timed_out())? {
                Some(frames) => self.current = Some((frames, 0)),
                None => return self.result().await.map(Answer::Done),
            }
        }
    }

    /// The result. All else has come: the guard closes the queue before it shows `ldap3` the result.
    async fn result(&mut self) -> Result<Outcome, DirectoryError> {
        let ended = bounded(&mut self.budget, self.result.next()).await.ok_or_else(|| self.timed_out())?;
        match ended.map_err(|error| failure(&self.server, &self.line, &error))? {
            None => Outcome::from_result(self.result.finish().await).map_err(|why| self.broken(why)),
            Some(_) => Err(self.broken("it sent an answer after the end of a search")),
        }
    }

    /// Reads to the end; entries only.
    pub(super) async fn all(mut self) -> Result<(Vec<RawEntry>, Outcome), DirectoryError> {
        let mut entries = Vec::new();
        loop {
            match self.next().await? {
                Answer::Entry(entry, _) => entries.push(entry),
                Answer::Done(outcome) => return Ok((entries, outcome)),
                Answer::Reference | Answer::Sync(_) => {}
            }
        }
    }

    fn timed_out(&self) -> DirectoryError {
        timed_out(&self.server, "a search", self.limit)
    }

    fn broken(&self, why: &str) -> DirectoryError {
        DirectoryError::Protocol { server: self.server.clone(), why: why.to_owned() }
    }
}

/// Waits, taking the time from the budget; `None` when it is spent. What is there already costs no timer.
async fn bounded<T>(budget: &mut Option<Duration>, wait: impl Future<Output = T>) -> Option<T> {
    let mut wait = std::pin::pin!(wait);
    if let Some(ready) = wait.as_mut().now_or_never() {
        return Some(ready);
    }
    let Some(left) = *budget else { return Some(wait.await) };
    let since = Instant::now();
    let came = tokio::time::timeout(left, wait).await;
    *budget = Some(left.saturating_sub(since.elapsed()));
    came.ok()
}

/// How long the frame is that `bytes` begin with. The guard delivers whole ones.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    ber::Header::read(bytes).ok().flatten().map(|header| header.length + header.content)
}

/// The answer in a frame; `None` for one that has no meaning here.
fn decode(frame: &Bytes) -> Result<Option<Answer>, &'static str> {
    let message = Message::read(frame).map_err(|_| "it sent a malformed message")?;
    match message.operation.tag {
        message::SEARCH_ENTRY => {
            let state = match message.control(sync::SYNC_STATE).map(|value| value.and_then(sync::sync_state)) {
                Some(None) => return Err("it sent a malformed sync state"),
                state => state.flatten(),
            };
            let entry = entry::raw_entry(frame, message.operation).ok_or("it sent a malformed entry")?;
            Ok(Some(Answer::Entry(entry, state)))
        }
        message::SEARCH_REFERENCE => Ok(Some(Answer::Reference)),
        message::INTERMEDIATE => {
            let info = sync::intermediate(message.operation).map_err(|()| "it sent a malformed sync info message")?;
            Ok(info.map(Answer::Sync))
        }
        _ => Err("it sent an operation that does not answer a search"),
    }
}

/// How a search or a bind ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The result code.
    pub(super) code: u32,
    /// The server's diagnostic message, printable.
    pub(super) text: String,
    /// Where the next page begins; empty after the last. `None` when the server said nothing of pages.
    pub(super) page: Option<Vec<u8>>,
    /// How a synchronization ended.
    pub(super) sync: Option<SyncDone>,
    /// How a DirSync request ended.
    pub(super) dirsync: Option<DirSyncDone>,
}

impl Outcome {
    fn from_result(result: LdapResult) -> Result<Self, &'static str> {
        let page = match control(&result.ctrls, sync::PAGED_RESULTS).map(|value| value.and_then(sync::page_cookie)) {
            Some(None) => return Err("it sent a malformed paging control"),
            page => page.flatten(),
        };
        let sync = match control(&result.ctrls, sync::SYNC_DONE).map(|value| value.and_then(sync::sync_done)) {
            Some(None) => return Err("it sent a malformed sync done control"),
            sync => sync.flatten(),
        };
        let dirsync =
            match control(&result.ctrls, extension::DIRSYNC).map(|value| value.and_then(extension::dirsync_done)) {
                Some(None) => return Err("it sent a malformed DirSync control"),
                dirsync => dirsync.flatten(),
            };
        Ok(Self { code: result.rc, text: printable(&result.text).into_owned(), page, sync, dirsync })
    }

    /// Itself when the result is success, the server's refusal otherwise.
    pub(super) fn success(self, server: &str, what: &str) -> Result<Self, DirectoryError> {
        if self.code == 0 { Ok(self) } else { Err(self.refusal(server, what)) }
    }

    /// The error this result means.
    pub(super) fn refusal(self, server: &str, what: &str) -> DirectoryError {
        DirectoryError::Refused {
            server: server.to_owned(),
            what: what.to_owned(),
            code: self.code,
            name: result_name(self.code),
            text: self.text,
        }
    }
}

/// The value of the control `oid`: `None` when it is not there, `Some(None)` when it has no value.
fn control<'a>(controls: &'a [Control], oid: &str) -> Option<Option<&'a [u8]>> {
    controls.iter().find(|control| control.1.ctype == oid).map(|control| control.1.val.as_deref())
}

/// What `error` means. `ldap3` only knows that its stream ended; why, the line knows.
fn failure(server: &str, line: &Line, error: &LdapError) -> DirectoryError {
    let server = server.to_owned();
    match line.end() {
        Some(End::Broken(why)) => DirectoryError::Protocol { server, why: why.clone() },
        Some(End::Closed(why)) => DirectoryError::Connection { server, why: why.clone() },
        None => DirectoryError::Connection { server, why: error.to_string() },
    }
}

fn timed_out(server: &str, what: &str, limit: Duration) -> DirectoryError {
    DirectoryError::TimedOut { server: server.to_owned(), what: what.to_owned(), seconds: limit.as_secs() }
}
