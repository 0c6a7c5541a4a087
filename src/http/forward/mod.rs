//! Forward auth: the listener that proxies ask before they pass a request on (nginx `auth_request`, Traefik `forwardAuth`,
//! Envoy `ext_authz`).
//!
//! Owns who is listened to and how a proxy says what it was asked ([`visit`]); the answer is `access`'s. 200 with the headers
//! for the application is a yes; 401 is for a request that is not signed well, 403 for every other no that is the client's. All
//! else (429 for too many requests, 400 for an address that a proxy garbled, a failure of ours) is no yes to any of the proxies.

mod visit;

use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router, middleware};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use rand::RngExt as _;

use super::origin::{Origin, Wire};
use super::rate::{Limit, Payer, Rates};
use super::{App, Failure, limits, public, query, request};
use crate::access::forward::identity::{self, About};
use crate::access::forward::mapping::Mapping;
use crate::access::forward::{self, Allowed};
use crate::authn::Caller;
use crate::authn::proxy::{self, Evidence, TrustedProxies, UntrustedProxy};
use crate::authn::signed::{Signed, SignedError};
use crate::authn::sigv4::{Body, Expected, Replays, Verified};
use crate::base::text::printable;
use crate::base::{Fault, Secret, Timestamp};
use crate::gate::{Authorized, Operation, Proof, Refusal};
use crate::store::StoreError;
use crate::telemetry::Metric;
use visit::{VISITS, Visit};

/// What signatures may be for: the service of `/v1/authorize`, at the host of an application.
const EXPECTED: Expected<'_> = Expected { services: &["bailey"], presigned: &[], regions: &[] };

/// The token for the application.
const IDENTITY: HeaderName = HeaderName::from_static("x-bailey-identity");

/// Who it is, for applications that cannot read tokens: a name, and an ARN.
const PLAIN: [HeaderName; 2] = [HeaderName::from_static("x-bailey-user"), HeaderName::from_static("x-bailey-arn")];

/// What the listener is to hold requests to.
#[derive(Debug)]
pub struct Settings {
    /// Where and how it listens.
    pub listener: public::Settings,
    /// Who may ask.
    pub proxies: TrustedProxies,
    /// What requests mean.
    pub mapping: Mapping,
    /// Whether names go out beside the token.
    pub plain_headers: bool,
}

/// What requests are held to now.
#[derive(Debug)]
pub struct Rules {
    proxies: TrustedProxies,
    mapping: Mapping,
    plain_headers: bool,
}

/// What the routes work with.
pub struct Forward {
    app: Arc<App>,
    rules: RwLock<Arc<Rules>>,
    rates: Rates,
    /// How many of those that change something: each is remembered for minutes, so one key may not fill the memory.
    changes: Rates,
    /// Their signatures; not those of the APIs, which have to go on whatever happens to applications.
    replays: Replays,
}

impl Settings {
    /// The listener, and what its requests are held to.
    #[must_use]
    pub fn parts(self) -> (public::Settings, Rules) {
        let Self { listener, proxies, mapping, plain_headers } = self;
        (listener, Rules { proxies, mapping, plain_headers })
    }
}

impl Forward {
    /// What the routes work with.
    #[must_use]
    pub fn new(app: Arc<App>, rules: Rules) -> Self {
        let replays = Replays::since(app.clock.now());
        let (rates, changes) = (Rates::new(Limit::REQUESTS), Rates::new(Limit::CALLS));
        Self { app, rules: RwLock::new(Arc::new(rules)), rates, changes, replays }
    }

    /// Holds everything that comes from now on to new rules.
    pub fn exchange(&self, rules: Rules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The routes of the listener.
pub fn router(forward: Arc<Forward>) -> Router {
    let keys = Router::new().route(public::KEYS, get(public::keys)).with_state(Arc::clone(&forward.app));
    let asked = VISITS.iter().fold(Router::new(), |router, path| router.route(path, axum::routing::any(ask)));
    // A path of Envoy's has the request's own behind it, and is matched as it is written.
    let app = Arc::clone(&forward.app);
    let routes = asked.fallback(ask).with_state(forward).merge(keys).layer(middleware::from_fn(limits::hold));
    routes.layer(middleware::from_fn_with_state(app, request::name))
}

/// Who asks, and about what.
struct Question {
    forward: Arc<Forward>,
    rules: Arc<Rules>,
    proxy: Caller,
    visit: Visit,
    origin: Origin,
    now: Timestamp,
}

/// What an application is told.
struct Answer {
    identity: Secret<String>,
    plain: Option<[String; 2]>,
}

async fn ask(
    State(forward): State<Arc<Forward>>,
    Extension(origin): Extension<Origin>,
    Extension(wire): Extension<Wire>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let (now, rules) = (forward.app.clock.now(), forward.rules());
    let store = forward.app.store.clone();
    // Signatures are arithmetic, and everything behind them reads the store: all of it blocks.
    let answered = store.run(move |_| {
        let asked = || {
            let proxy = known(&forward, &rules, (&wire, &origin), &parts.headers, now)?;
            let visit = Visit::read(parts).map_err(|error| {
                forward.app.gate.refuse_question(&proxy.actor(), (origin.client, origin.request), &error, now);
                Failure::from(error)
            })?;
            Question { forward, rules, proxy, visit, origin, now }.answer()
        };
        Ok::<_, StoreError>(asked())
    });
    let answered = answered.await.map_err(Failure::from).and_then(|answered| answered);
    let (outcome, answer) = match answered {
        Ok(answer) => ("allowed", allowed(answer)),
        Err(failure) => ("refused", failure.into_response()),
    };
    Metric::ForwardAuth.counter(&[("outcome", outcome)]).increment(1);
    answer
}

/// The proxy that asks.
fn known(
    forward: &Forward,
    rules: &Rules,
    (wire, origin): (&Wire, &Origin),
    headers: &hyper::HeaderMap,
    now: Timestamp,
) -> Result<Caller, Failure> {
    let peer = wire.peer.ip();
    let secret = visit::single(headers, visit::SECRET)?;
    let names = wire.names();
    let evidence = Evidence { peer, secret: secret.map(HeaderValue::as_bytes), names: &names };
    proxy::from_evidence(&rules.proxies, &evidence).map_err(|error| {
        forward.app.gate.refuse_proof(Proof::Proxy, (Some(peer), origin.request), Vec::new(), &error, now);
        Failure::from(error)
    })
}

impl Question {
    /// Blocks.
    fn answer(self) -> Result<Answer, Failure> {
        let Self { forward, rules, proxy, visit, origin, now } = self;
        let (app, mapping) = (&forward.app, &rules.mapping);
        let asked = app.gate.authorize(proxy, Operation::AuthorizeAny, "", now)?;
        let (caller, verified) = authenticate(app, &visit, &origin, now)?;
        let signed = caller.signed().ok_or_else(|| Failure::bug("a signature without a signer"))?;
        let safe = is_safe(&visit.method);
        let payer = Payer::of(signed);
        if !forward.rates.admit(payer, now) || !(safe || forward.changes.admit(payer, now)) {
            let message = "whose key this is makes too many requests";
            return Err(Failure::new(StatusCode::TOO_MANY_REQUESTS, "Throttling", message, Fault::Caller));
        }
        let subject = Subject { app, asked: &asked, signed, visit: &visit, now };
        // Each use of root is to be written down and said aloud, and here only a no is.
        if signed.is_root() {
            return Err(subject.refused(&[], &"the access key of root is for the account, and not for applications"));
        }
        let allowed = subject.decide(mapping)?;
        // Behind the decision, so that those who may do nothing cannot fill the memory of signatures.
        if !safe && let Err(replayed) = forward.replays.admit(&verified, now) {
            return Err(subject.refused(&[], &replayed));
        }
        Ok(Answer {
            identity: subject.token(&allowed, &verified)?,
            plain: rules.plain_headers.then(|| [signed.title(), signed.arn().to_string()]),
        })
    }
}

/// Methods that change nothing (RFC 9110, section 9.2.1): such a request may come again.
fn is_safe(method: &str) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].iter().any(|safe| safe == method)
}

/// Who signed the request that the proxy asks about.
fn authenticate(app: &App, visit: &Visit, origin: &Origin, now: Timestamp) -> Result<(Caller, Verified), Failure> {
    let (path, query) = visit.target.split_once('?').unwrap_or((&visit.target, ""));
    let headers = visit.headers();
    let request =
        crate::authn::sigv4::Request { method: &visit.method, path, query, headers: &headers, body: Body::Elsewhere };
    let from = query::from(origin, &visit.header_map);
    query::authenticate_request(app, &request, &EXPECTED, from, now).map_err(|error| unauthenticated(&error))
}

/// Whom a decision is about.
struct Subject<'a> {
    app: &'a App,
    asked: &'a Authorized,
    signed: &'a Signed,
    visit: &'a Visit,
    now: Timestamp,
}

impl<'a> Subject<'a> {
    fn decide(&self, mapping: &Mapping) -> Result<Allowed<'a>, Failure> {
        let Visit { host, application, method, target, .. } = self.visit;
        let path = forward::target::split(target).and_then(|(path, _)| forward::target::decoded(path));
        let path = path.map_err(|error| self.refused(&[], &error))?;
        let mapped = mapping.find(host, application.as_deref(), method, &path);
        let mapped = mapped.map_err(|error| self.refused(&[], &error))?;
        let about = [("action", mapped.action.clone()), ("resource", mapped.resource.clone())];
        match forward::decide(&self.app.admin, self.asked, self.signed, mapped)? {
            Ok(allowed) => Ok(allowed),
            Err((verdict, grounds)) => {
                let [(_, action), (_, resource)] = &about;
                let reasons: Vec<&str> = verdict.reasons.iter().map(|because| because.what.as_str()).collect();
                let (who, because) = (self.signed, reasons.join("; "));
                let why = format!("{who} may not do {action} to {}: {because}", printable(resource));
                let refusal = Refusal::of_decision(self.signed, (action, resource), (because, *grounds));
                Err(self.denied(&about, (&why, Some(&refusal))))
            }
        }
    }

    /// Writes a no down, and tells it.
    fn refused(&self, about: &[(&'static str, String)], why: &dyn std::fmt::Display) -> Failure {
        self.denied(about, (why, None))
    }

    /// The same, with what it rested on where policies said it.
    fn denied(
        &self,
        about: &[(&'static str, String)],
        (why, refusal): (&dyn std::fmt::Display, Option<&Refusal>),
    ) -> Failure {
        let Visit { host, method, target, .. } = self.visit;
        let path = target.split('?').next().unwrap_or_default();
        let mut noted = vec![("host", host.clone()), ("method", method.clone()), ("path", path.to_owned())];
        noted.extend(about.iter().cloned());
        self.app.gate.refuse_request(self.signed, noted, (why, refusal), self.now);
        Failure::new(StatusCode::FORBIDDEN, "AccessDenied", &why.to_string(), Fault::Caller)
    }

    fn token(&self, allowed: &Allowed<'_>, verified: &Verified) -> Result<Secret<String>, Failure> {
        let admin = &self.app.admin;
        // A token says until when it counts; where the time is not known, nobody is told anything that ends.
        self.app.clock.may_mint().map_err(|error| Failure::of(&error))?;
        let jti = {
            let mut rng = admin.rng.lock().unwrap_or_else(PoisonError::into_inner);
            uuid::Builder::from_random_bytes(rng.random()).into_uuid().to_string()
        };
        let about =
            About { method: &self.visit.method, target: &self.visit.address(), body_sha256: verified.body_hash() };
        identity::token(admin, allowed, about, jti, self.now).map_err(|error| Failure::of(&error))
    }
}

/// The yes, with what the proxy is to hand on.
fn allowed(Answer { identity, plain }: Answer) -> Response {
    let mut answer = StatusCode::OK.into_response();
    let named = plain.into_iter().flat_map(|plain| PLAIN.into_iter().zip(plain));
    for (name, value) in named.chain([(IDENTITY, identity.expose().clone())]) {
        match HeaderValue::from_str(&value) {
            Ok(mut value) => {
                value.set_sensitive(name == IDENTITY);
                answer.headers_mut().insert(name, value);
            }
            // Never a yes without saying to whom.
            Err(_) => return Failure::bug("a name that no header can carry").into_response(),
        }
    }
    answer
}

/// A request that is not signed well is asked for a signature: 401, as proxies know it. What is our own failure stays that.
fn unauthenticated(error: &SignedError) -> Failure {
    let refused = query::refused(error);
    match refused.status {
        500.. => Failure::new(StatusCode::SERVICE_UNAVAILABLE, refused.code, &refused.message, Fault::Operator),
        _ => {
            Failure::new(StatusCode::UNAUTHORIZED, refused.code, &refused.message, Fault::Caller).challenging(CHALLENGE)
        }
    }
}

/// The scheme of the signature (RFC 9110, section 11.6.1), and the service that it is to be for.
const CHALLENGE: &str = "AWS4-HMAC-SHA256 realm=\"bailey\"";

impl From<UntrustedProxy> for Failure {
    fn from(error: UntrustedProxy) -> Self {
        Self::coded(&error, StatusCode::FORBIDDEN, "UntrustedProxy")
    }
}
