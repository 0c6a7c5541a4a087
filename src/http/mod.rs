//! The HTTP shell: listeners, limits, routes, and what outsiders learn of an error.
//!
//! Owns the local socket ([`socket`]), the health listener ([`health`]), the public listener
//! ([`public`]), the one for proxies that ask about requests ([`forward`]), the JSON interface ([`v1`]), what people do at their terminals
//! ([`me`]), the one mapping of errors to answers ([`error`]), the accept loop with its limits ([`serve`]), and what each request is called
//! ([`request`]). The web framework is imported here and nowhere else. A route only unpacks a request,
//! asks the gate and calls one operation; it decides nothing.

pub mod arrive;
mod authorization;
pub mod authorize;
pub mod backup;
mod clients;
pub mod clock;
pub mod error;
mod exchange;
mod explain;
pub mod extract;
pub mod forward;
mod grants;
pub mod health;
pub mod hosts;
pub mod iam;
pub mod limits;
pub mod logins;
pub mod me;
pub mod model;
pub mod ndjson;
mod notices;
mod oauth;
pub mod origin;
pub mod patient;
pub mod places;
pub mod portal;
pub mod public;
pub mod query;
pub mod rate;
mod records;
mod request;
mod saml_sps;
pub mod serve;
pub mod session;
pub mod socket;
pub mod syncs;
pub mod tls;
pub mod token_rate;
pub mod v1;

use std::sync::{Arc, RwLock};

use axum::Router;
use axum::body::Body;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Bytes;
use hyper::{Request, Response};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

pub use error::{Failure, PublicError};

use crate::admin::Admin;
use crate::audit::Audit;
use crate::authn::kerberos::Acceptor;
use crate::authn::local::{LocalRoles, Peer};
use crate::authn::login::Logins;
use crate::authn::machine::MachineIssuers;
use crate::authn::outside::Providers;
use crate::authn::sigv4::Replays;
use crate::base::Clock;
use crate::gate::Gate;
use crate::sso::{self, sign_in};
use crate::store::Store;
use crate::sts::{Mint, Sts, unsigned};
use crate::telemetry::Board;

/// What the routes work with.
pub struct App {
    /// All operations on the model.
    pub admin: Admin,
    /// The store.
    pub store: Store,
    /// The audit log.
    pub audit: Audit,
    /// Begins sessions.
    pub mint: Mint,
    /// What may be asked of STS without a signature; a reload replaces it.
    pub sts_settings: RwLock<unsigned::Settings>,
    /// Whether there are pages, and how long somebody stays signed in; a reload replaces it.
    pub portal: RwLock<sign_in::Settings>,
    /// Who we are to clients of single sign-on, if anybody; a reload replaces it.
    pub sso_settings: RwLock<sso::Settings>,
    /// How often codes of devices are typed.
    pub devices: Arc<sso::device::Guard>,
    /// Authorities that are believed about machines; a reload exchanges them.
    pub machines: Arc<MachineIssuers>,
    /// Outside providers by which people of other firms sign in; a reload exchanges them.
    pub providers: Arc<Providers>,
    /// Takes Kerberos tickets.
    pub kerberos: Acceptor,
    /// Decides who may do what.
    pub gate: Gate,
    /// Where `now` comes from.
    pub clock: Arc<dyn Clock>,
    /// How the parts of the daemon are.
    pub board: Board,
    /// Lets people sign in with passwords; a reload exchanges what it holds.
    pub logins: Logins,
    /// Who has which role on this machine; a reload replaces it.
    pub roles: RwLock<LocalRoles>,
    /// How many calls each access key made lately.
    pub rates: rate::Rates,
    /// How often clients of single sign-on asked for tokens lately.
    pub token_rates: token_rate::TokenRates,
    /// How often somebody was sent to an outside provider lately, or came back from one.
    pub outside_rates: rate::Rates,
    /// How often one source asked lately for what anybody may and what costs us a key.
    pub anybody: rate::Anybody,
    /// Signatures that were taken.
    pub replays: Replays,
    /// Renders `/metrics`, where metrics are recorded.
    pub metrics: Option<PrometheusHandle>,
    /// Cancelled when the daemon is to end: answers that would go on for ever end then.
    pub draining: CancellationToken,
}

impl App {
    /// What the actions of STS work with.
    #[must_use]
    pub fn sts(&self) -> Sts {
        Sts { admin: self.admin.clone(), mint: self.mint.clone() }
    }
}

/// The routes without a socket: what the command line uses when no daemon runs.
#[derive(Clone)]
pub struct InProcess {
    router: Router,
    peer: Peer,
}

/// An answer whose body comes in pieces.
pub type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

impl InProcess {
    /// Answers requests of `peer` with the routes of [`v1::router`].
    #[must_use]
    pub fn new(app: Arc<App>, peer: Peer) -> Self {
        Self { router: v1::router(app), peer }
    }

    /// Answers one request.
    pub async fn call(&self, request: Request<Bytes>) -> Answer {
        let mut request = request.map(Body::from);
        request.extensions_mut().insert(self.peer);
        match self.router.clone().oneshot(request).await {
            Ok(answer) => answer.map(|body| body.map_err(std::io::Error::other).boxed_unsync()),
            Err(never) => match never {},
        }
    }
}
