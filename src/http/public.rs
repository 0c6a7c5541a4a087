//! The public listener: HTTPS for whoever has a network between them and us, or plain HTTP for this machine alone.
//!
//! Owns its socket, the handshake, how many connections an address may have, and the few routes that need no name.
//! What every request passes is in [`super::arrive`], certificates in [`super::tls`]. Certificate, hosts and proxies can
//! be exchanged while it runs; its address cannot.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use hyper::http::Extensions;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::hosts::Hosts;
use super::limits::{self, HANDSHAKE_TIME, MOST_CONNECTIONS_OF_ONE, MOST_PUBLIC_CONNECTIONS};
use super::origin::Wire;
use super::patient::Patient;
use super::places::{Place, Places};
use super::serve::{self, Accept, Ending, Opened};
use super::tls::{Files, Loaded, Tls, TlsError, Validity};
use super::{App, Failure, arrive, authorize, explain, me, oauth, portal, query, request, session};
use crate::base::network::Networks;
use crate::base::{Fault, Faulty};
use crate::telemetry::Metric;

/// What the public listener is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The section of the configuration that it is from, for errors.
    pub section: &'static str,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Certificate and key; without them it is plain HTTP, which is for loopback addresses.
    pub tls: Option<Files>,
    /// Proxies whose word about a request's origin counts.
    pub trusted_proxies: Networks,
    /// The names it answers to; `None` where nobody reaches it by a name.
    pub hosts: Option<Hosts>,
}

/// Why there is no public listener, or not the one asked for.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// It would be another listener.
    #[error("`{section}.{key}` cannot change while the daemon runs; restart it")]
    NeedsRestart {
        /// The section that it is from.
        section: &'static str,
        /// What would have to change.
        key: &'static str,
    },
    /// The system refuses.
    #[error("cannot listen on {address}: {why}; choose another `{section}.listen`")]
    Refused {
        /// The section that it is from.
        section: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the system says.
        why: io::Error,
    },
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Faulty for ListenError {
    fn fault(&self) -> Fault {
        Fault::Operator
    }
}

/// What requests are held to.
#[derive(Debug)]
pub(super) struct Rules {
    /// Whose word about a request's origin counts.
    pub(super) proxies: Networks,
    /// The names that are answered to; `None` is any.
    pub(super) hosts: Option<Hosts>,
}

/// What of the listener can be seen and exchanged while it runs.
#[derive(Debug)]
pub struct Front {
    address: SocketAddr,
    tls: Option<Tls>,
    rules: RwLock<Arc<Rules>>,
    /// As configured, to tell a change from none: port 0 is bound to another.
    listen: SocketAddr,
    section: &'static str,
}

/// New settings that were found to work.
pub struct Prepared {
    rules: Rules,
    loaded: Option<Loaded>,
}

/// The listener.
pub struct Public {
    listener: TcpListener,
    front: Arc<Front>,
    places: Places,
}

impl Public {
    /// Reads the certificate and listens.
    ///
    /// # Errors
    /// When a file cannot be used or the system refuses.
    pub async fn bind(settings: &Settings) -> Result<Self, ListenError> {
        let Prepared { rules, loaded } = Prepared::read(settings)?;
        let refused = |why| ListenError::Refused { section: settings.section, address: settings.listen, why };
        let listener = TcpListener::bind(settings.listen).await.map_err(refused)?;
        let front = Front {
            address: listener.local_addr().map_err(refused)?,
            tls: loaded.map(Tls::new),
            rules: RwLock::new(Arc::new(rules)),
            listen: settings.listen,
            section: settings.section,
        };
        Ok(Self { listener, front: Arc::new(front), places: Places::new(MOST_CONNECTIONS_OF_ONE) })
    }

    /// What of it can be seen and exchanged.
    #[must_use]
    pub fn front(&self) -> Arc<Front> {
        Arc::clone(&self.front)
    }

    /// Serves `router` until the end, each request behind what all of them pass.
    pub async fn serve(self, router: Router, ending: Ending) {
        let router = router.layer(middleware::from_fn_with_state(self.front(), arrive::arrive));
        serve::serve(self, router, ending).await;
    }
}

/// Where the public halves of signing keys are.
pub const KEYS: &str = crate::sso::metadata::paths::KEYS;

/// The public halves of the keys that sign tokens (RFC 7517, section 5).
pub(super) async fn keys(State(app): State<Arc<App>>) -> Response {
    ([(CONTENT_TYPE, "application/jwk-set+json")], Json(app.admin.keys.jwks())).into_response()
}

/// The routes of the public listener.
pub fn router(app: Arc<App>) -> Router {
    let method = async || {
        let message = "this path has another method";
        Failure::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message, Fault::Caller).into_response()
    };
    let router = Router::new()
        .route("/", get(query::visit).post(query::call))
        .route("/v1/authorize", post(authorize::signed))
        .route("/v1/explain/{id}", get(explain::signed))
        .route("/v1/session", get(session::tell))
        .route("/v1/session/token", post(session::mint))
        .route("/oauth2/revocations", get(session::revocations))
        .merge(portal::routes(&app));
    oauth::add(me::add(router), &app)
        .fallback(async || Failure::not_found("there is no such path"))
        .method_not_allowed_fallback(method)
        .with_state(Arc::clone(&app))
        .layer(middleware::from_fn(limits::hold))
        .layer(middleware::from_fn_with_state(app, request::name))
}

impl Prepared {
    fn read(settings: &Settings) -> Result<Self, TlsError> {
        let loaded = settings.tls.as_ref().map(Loaded::read).transpose()?;
        let rules = Rules { proxies: settings.trusted_proxies.clone(), hosts: settings.hosts.clone() };
        Ok(Self { rules, loaded })
    }
}

impl Front {
    /// The section of the configuration that it is from.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.section
    }

    /// Why `key` stays as it is.
    #[must_use]
    pub fn needs_restart(&self, key: &'static str) -> ListenError {
        ListenError::NeedsRestart { section: self.section, key }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How long the certificate in use is good; `None` of plain HTTP.
    #[must_use]
    pub fn validity(&self) -> Option<Validity> {
        self.tls.as_ref().map(Tls::validity)
    }

    /// Why newer certificate files are not in use.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.tls.as_ref().and_then(Tls::trouble)
    }

    /// Takes certificate files up that changed; says whether it did. Blocks.
    ///
    /// # Errors
    /// When they changed and cannot be used; what is in use stays.
    pub fn refresh(&self) -> Result<bool, TlsError> {
        self.tls.as_ref().map_or(Ok(false), Tls::refresh)
    }

    /// Whether new settings would work, without changing anything. Blocks.
    ///
    /// # Errors
    /// When a file cannot be used, or they are those of another listener.
    pub fn prepare(&self, settings: &Settings) -> Result<Prepared, ListenError> {
        if settings.listen != self.listen {
            return Err(self.needs_restart("listen"));
        }
        if settings.tls.is_some() != self.tls.is_some() {
            return Err(self.needs_restart("certificate"));
        }
        Ok(Prepared::read(settings)?)
    }

    /// Holds everything that comes from now on to new settings. Connections that are open keep their certificate.
    pub fn exchange(&self, prepared: Prepared) {
        let Prepared { rules, loaded } = prepared;
        if let (Some(tls), Some(loaded)) = (&self.tls, loaded) {
            tls.exchange(loaded);
        }
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// What requests are held to now.
    pub(super) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A connection before its handshake.
pub struct Raw {
    stream: TcpStream,
    peer: SocketAddr,
    place: Option<Place>,
    tls: Option<Arc<ServerConfig>>,
}

impl Accept for Public {
    const MOST: usize = MOST_PUBLIC_CONNECTIONS;

    type Raw = Raw;
    type Io = Patient<Either<TcpStream, TlsStream<TcpStream>>>;

    /// A connection beyond what its address may have is closed without a word: an answer would cost what it is to save.
    async fn next(&self) -> io::Result<Raw> {
        loop {
            let (stream, peer) = self.listener.accept().await?;
            // A listener for both families tells IPv4 peers as ::ffff:0:0/96 (RFC 4291 2.5.5.2).
            let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
            let place = self.places.take(peer.ip());
            // A proxy speaks for many: it is held to the limit of all alone.
            if place.is_none() && !self.front.rules().proxies.contains(peer.ip()) {
                Metric::ConnectionsRefused.counter(&[("why", "address")]).increment(1);
                tracing::debug!(%peer, limit = MOST_CONNECTIONS_OF_ONE, "its address has all the connections it may have");
                continue;
            }
            // Only fails when the other end is gone again; the first read will say so.
            let _ = stream.set_nodelay(true);
            return Ok(Raw { stream, peer, place, tls: self.front.tls.as_ref().map(Tls::config) });
        }
    }

    async fn open(Raw { stream, peer, place, tls }: Raw) -> io::Result<Opened<Self::Io>> {
        let (io, wire) = match tls {
            None => (Either::Left(stream), Wire::plain(peer)),
            Some(config) => {
                let stream = handshake(stream, config).await.inspect_err(|_| {
                    Metric::ConnectionsRefused.counter(&[("why", "handshake")]).increment(1);
                })?;
                let wire = Wire::encrypted(peer, stream.get_ref().1);
                (Either::Right(stream), wire)
            }
        };
        let mut marks = Extensions::new();
        marks.insert(wire);
        Ok(Opened { io: Patient::new(io), marks, place })
    }
}

async fn handshake(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<TlsStream<TcpStream>> {
    let done = tokio::time::timeout(HANDSHAKE_TIME, TlsAcceptor::from(config).accept(stream)).await;
    done.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long"))?
}
