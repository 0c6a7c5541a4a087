//! [`LdapSource`]: one directory, its servers and what is asked of them.
//!
//! Owns the choice of a server and the life of connections; the work itself is in `reader`, `look_up`,
//! `syncrepl`, `active_directory` and `check`. Directories that are only polled need nothing more than reads: when to
//! read again is the caller's schedule.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::discovery::Discovery;
use super::intake::{Intake, outermost};
use super::ldap::Connection;
use super::ldap::address::Address;
use super::root_dse::RootDse;
use super::servers::Servers;
use super::settings::Family;
use super::sign_in::Lockouts;
use super::{
    Arrival, Changes, Cursor, DirectoryError, Dn, DomainHead, Finding, Following, Method, Reached, Reading,
    ServerHealth, Settings, Source, Wanted, active_directory, check, look_up, reader, syncrepl,
};
use crate::base::Guid;

/// A directory read over LDAP.
#[derive(Debug)]
pub struct LdapSource {
    pub(super) settings: Settings,
    pub(super) intake: Intake,
    /// Bases that are not below each other, with their normal forms.
    pub(super) bases: Vec<(Dn, String)>,
    pub(super) servers: Servers,
    /// Keeps `servers` up to date; `None` where the settings name them.
    pub(super) discovery: Option<Discovery>,
    /// When accounts are locked, as far as that was read.
    pub(super) lockouts: Lockouts,
    /// A connection kept for the next look-up.
    idle: Mutex<Option<Connection>>,
    /// Objects the last full read brought; 0 before the first.
    last_count: AtomicU64,
    /// How far following has come.
    reached: Mutex<Option<Reached>>,
}

impl LdapSource {
    /// A source for `settings`; nothing is connected yet. `seed` sets the jitter of retries.
    ///
    /// # Errors
    /// When an address or an attribute name in the settings is none, or there is no server or base.
    pub fn new(settings: Settings, seed: [u8; 32]) -> Result<Self, DirectoryError> {
        let missing = |what: &str| DirectoryError::Setup {
            what: format!("directory `{}`", settings.label),
            why: format!("it names no {what}"),
        };
        for url in &settings.urls {
            Address::parse(url)?;
        }
        if settings.urls.is_empty() && settings.domain.is_none() {
            return Err(missing("server"));
        }
        if settings.bases.is_empty() {
            return Err(missing("base"));
        }
        Ok(Self {
            intake: Intake::new(&settings)?,
            bases: outermost(&settings.bases),
            servers: Servers::new(&settings.urls, seed),
            // A stream of its own: how often servers fail must not change the order they are found in.
            discovery: Discovery::new(&settings, StdRng::from_rng(&mut StdRng::from_seed(seed))),
            lockouts: Lockouts::default(),
            idle: Mutex::new(None),
            last_count: AtomicU64::new(0),
            reached: Mutex::new(None),
            settings,
        })
    }

    /// A connection to the best server that answers. Servers that DNS knows are looked up when that is due, and again
    /// when none of them answers.
    pub(super) async fn open(&self) -> Result<Connection, DirectoryError> {
        self.refresh_servers().await?;
        let opened = self.open_any().await;
        let Some(discovery) = &self.discovery else { return opened };
        if opened.is_err() && discovery.ask_again(&self.servers, Instant::now()).await {
            return self.open_any().await;
        }
        let outdated = discovery.outdated().await;
        opened.map_err(|error| error.because_outdated(outdated))
    }

    /// Brings the list of servers up to date when that is due. To be called before [`Servers::contains`] is believed.
    ///
    /// # Errors
    /// When no server was ever found, and none can be found now.
    pub(super) async fn refresh_servers(&self) -> Result<(), DirectoryError> {
        match &self.discovery {
            Some(discovery) => discovery.refresh(&self.servers, Instant::now()).await,
            None => Ok(()),
        }
    }

    /// A connection to the best server of the list that answers.
    async fn open_any(&self) -> Result<Connection, DirectoryError> {
        let mut errors = Vec::new();
        for url in self.servers.in_order(Instant::now()) {
            match self.open_to(&url).await {
                Ok(connection) => return Ok(connection),
                Err(error) => errors.push((url, error)),
            }
        }
        // A missing file of ours is nobody else's fault, and no other server cures it.
        if errors.iter().all(|(_, error)| matches!(error, DirectoryError::Setup { .. }))
            && let Some((_, error)) = errors.pop()
        {
            return Err(error);
        }
        let reasons = errors.iter().map(|(url, error)| reason(url, error)).collect();
        Err(DirectoryError::AllServersDown { label: self.settings.label.clone(), reasons })
    }

    /// A connection to this server.
    pub(super) async fn open_to(&self, url: &str) -> Result<Connection, DirectoryError> {
        let opened = Connection::open(url, &self.settings).await;
        match &opened {
            Ok(_) => self.servers.worked(url),
            Err(error) => self.servers.failed(url, &error.to_string(), Instant::now()),
        }
        opened
    }

    /// A connection to the server a position belongs to; or why that cannot be used any more, when another answers instead.
    pub(super) async fn open_again(&self, server: &str) -> Result<Result<Connection, String>, DirectoryError> {
        if let Ok(connection) = self.open_to(server).await {
            return Ok(Ok(connection));
        }
        let other = self.open().await?;
        if other.server() == server {
            return Ok(Ok(other));
        }
        Ok(Err(format!("the position belongs to {server}, now {} answers", other.server())))
    }

    /// Where following may begin, as of now; `None` where the server has no such position or none is wanted.
    pub(super) async fn position(
        &self,
        connection: &mut Connection,
        root: &RootDse,
    ) -> Result<Option<Cursor>, DirectoryError> {
        if self.settings.method == Some(Method::Polling) {
            return Ok(None);
        }
        match self.settings.family {
            Family::ActiveDirectory => active_directory::position(self, connection, root).await,
            Family::Ldap | Family::Ds389 => syncrepl::position(self, connection, root).await,
        }
    }

    /// The Active Directory domain behind the server, where it is one.
    pub(super) async fn domain(
        &self,
        connection: &mut Connection,
        root: &RootDse,
    ) -> Result<Option<DomainHead>, DirectoryError> {
        match self.settings.family {
            Family::ActiveDirectory => active_directory::domain(self, connection, root).await,
            Family::Ldap | Family::Ds389 => Ok(None),
        }
    }

    /// Digest of what is asked of the directory: bases, filters, attributes. A position is good for one question only.
    pub(super) fn question_digest(&self) -> String {
        let mut digest = Sha256::new();
        let mut line = |text: &str| {
            digest.update(text.as_bytes());
            digest.update(b"\n");
        };
        self.bases.iter().for_each(|(_, base)| line(base));
        self.settings.only_under.iter().for_each(|dn| line(&dn.normalised()));
        line(&self.intake.everything.to_string());
        self.intake.attributes.iter().for_each(|name| line(name));
        hex::encode(digest.finalize())
    }

    /// Why following cannot go on from `cursor` here, if it cannot: by these `methods`, with this configuration.
    pub(super) fn refuses(&self, cursor: &Cursor, methods: &[&str]) -> Option<String> {
        let wanted = self.settings.method.map(Method::as_str);
        if !methods.contains(&cursor.method.as_str()) || wanted.is_some_and(|wanted| wanted != cursor.method) {
            let now = wanted.map_or_else(|| methods.join("` or `"), str::to_owned);
            return Some(format!("the position was taken by `{}`, changes are followed by `{now}`", cursor.method));
        }
        let left = !self.servers.contains(&cursor.server);
        left.then(|| {
            format!("the position belongs to {}, which is no longer a server of this directory", cursor.server)
        })
    }

    /// The state of a cursor whose question is still the one that is asked; or why it cannot be used.
    pub(super) fn state_of<S: DeserializeOwned>(
        &self,
        cursor: &Cursor,
        question: impl FnOnce(&S) -> &str,
    ) -> Result<S, String> {
        let state =
            S::deserialize(&cursor.state).map_err(|error| format!("the stored position is damaged: {error}"))?;
        if question(&state) != self.question_digest() {
            return Err("bases, filters or attributes were changed in the configuration".to_owned());
        }
        Ok(state)
    }

    /// Notes how far following has come.
    pub(super) fn note_reached(&self, reached: Reached) {
        let mut known = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let reached = reached.after(known.take());
        *known = Some(reached);
    }

    /// Counts `error` against `url` when it is the server's trouble rather than an answer.
    pub(super) fn note_failure(&self, url: &str, error: &DirectoryError) {
        if is_trouble(error) {
            self.servers.failed(url, &error.to_string(), Instant::now());
        }
    }

    /// Looks up over the idle connection, or a new one when it has died meanwhile.
    async fn look_up_once(&self, wanted: &[Wanted], fresh: bool) -> Result<Vec<Arrival>, DirectoryError> {
        let mut connection = self.borrow(fresh).await?;
        let found = look_up::look_up(self, &mut connection, wanted).await;
        match &found {
            Ok(_) => self.give_back(connection),
            Err(error) => self.note_failure(connection.server(), error),
        }
        found
    }

    /// The idle connection, or a new one: where there is none, it has died, or a `fresh` one is wanted.
    pub(super) async fn borrow(&self, fresh: bool) -> Result<Connection, DirectoryError> {
        let held = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        match held.filter(|held| held.is_alive() && !fresh) {
            Some(held) => Ok(held),
            None => self.open().await,
        }
    }

    /// Keeps a connection on which nothing is under way for the next one who needs it.
    pub(super) fn give_back(&self, connection: Connection) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
    }
}

/// True for errors another attempt or another server may cure.
pub(super) fn is_trouble(error: &DirectoryError) -> bool {
    match error {
        DirectoryError::Connection { .. } | DirectoryError::TimedOut { .. } | DirectoryError::Protocol { .. } => true,
        // operationsError, protocolError, busy, unavailable, other
        DirectoryError::Refused { code, .. } => matches!(code, 1 | 2 | 51 | 52 | 80),
        DirectoryError::AllServersDown { .. } | DirectoryError::NoServers { .. } | DirectoryError::Setup { .. } => {
            false
        }
    }
}

/// `url: why`, without saying the URL twice.
pub(super) fn reason(url: &str, error: &DirectoryError) -> String {
    let why = error.to_string();
    if why.contains(url) { why } else { format!("{url}: {why}") }
}

#[async_trait]
impl Source for LdapSource {
    async fn following(&self) -> Result<Following, DirectoryError> {
        if self.settings.method == Some(Method::Polling) {
            return Ok(Following::by(Method::Polling));
        }
        let mut connection = self.open().await?;
        let root = RootDse::read(&mut connection).await?;
        match self.settings.family {
            Family::ActiveDirectory => active_directory::following(self, &mut connection, &root).await,
            Family::Ldap | Family::Ds389 => {
                let offered = syncrepl::position(self, &mut connection, &root).await?.is_some();
                let best = if offered { Method::Syncrepl } else { Method::Polling };
                Ok(Following::by(self.settings.method.unwrap_or(best)))
            }
        }
    }

    async fn read(&self, into: mpsc::Sender<Vec<Arrival>>) -> Result<Reading, DirectoryError> {
        let mut connection = self.open().await?;
        let reading = reader::read(self, &mut connection, into).await;
        match &reading {
            Ok(reading) => self.last_count.store(reading.count, Ordering::Relaxed),
            Err(error) => self.note_failure(connection.server(), error),
        }
        reading
    }

    async fn follow(&self, cursor: Cursor, into: mpsc::Sender<Changes>) -> Result<(), DirectoryError> {
        match self.settings.family {
            Family::ActiveDirectory => active_directory::follow(self, cursor, into).await,
            Family::Ldap | Family::Ds389 => syncrepl::follow(self, cursor, into).await,
        }
    }

    async fn look_up(&self, wanted: Vec<Wanted>) -> Result<Vec<Arrival>, DirectoryError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        match self.look_up_once(&wanted, false).await {
            // The server may have closed an idle connection as we used it.
            Err(error) if is_trouble(&error) => self.look_up_once(&wanted, true).await,
            found => found,
        }
    }

    async fn token_groups(&self, guid: &Guid) -> Result<Option<Vec<Vec<u8>>>, DirectoryError> {
        match self.settings.family {
            Family::ActiveDirectory => active_directory::token_groups(&mut self.open().await?, guid).await,
            Family::Ldap | Family::Ds389 => Ok(None),
        }
    }

    /// What the last full read brought. Counting beforehand would cost a server as much as the read itself.
    async fn estimate(&self) -> Option<u64> {
        match self.last_count.load(Ordering::Relaxed) {
            0 => None,
            count => Some(count),
        }
    }

    async fn check(&self) -> Vec<Finding> {
        check::check(self).await
    }

    fn servers(&self) -> Vec<ServerHealth> {
        self.servers.health(Instant::now())
    }

    fn reached(&self) -> Option<Reached> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
