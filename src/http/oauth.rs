//! Routes of single sign-on that no browser page is behind: discovery, tokens, introspection, revocation, `userinfo`.
//!
//! Answers are JSON in the form of the RFCs, errors too, and are kept by nobody (RFC 6749, section 5.1). What is asked in a form is
//! asked in the body alone: an address stands in logs. Without an issuer in the configuration none of it is there.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};

use axum::body::Bytes;
use axum::extract::{Extension, FromRequest, Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{AppendHeaders, IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CONTENT_TYPE, HeaderValue, ORIGIN, PRAGMA, RETRY_AFTER,
    VARY, WWW_AUTHENTICATE,
};
use hyper::{HeaderMap, Method, StatusCode, Uri};

use super::authorization::AuthorizationError;
use super::origin::Origin;
use super::request::Told;
use super::{App, Failure, authorization, exchange};
use crate::base::{Secret, Timestamp};
use crate::model::Client;
use crate::model::client::GrantType;
use crate::sso::error::Code;
use crate::sso::metadata::paths;
use crate::sso::{self, Form, OauthError, Shown, ShownToken, Sso};
use crate::store::StoreError;
use crate::telemetry::Metric;

/// Adds the routes.
pub(super) fn add(router: Router<Arc<App>>, app: &Arc<App>) -> Router<Arc<App>> {
    // Pages of other origins may read these where a client is registered that runs in them.
    let open = Router::new()
        .route(paths::OPENID, get(metadata).options(preflight))
        .route(paths::OAUTH, get(metadata).options(preflight))
        .route(paths::KEYS, get(super::public::keys).options(preflight))
        .route(paths::TOKEN, post(token).options(preflight))
        .route(paths::PAR, post(par).options(preflight))
        .layer(middleware::from_fn_with_state(Arc::clone(app), share));
    let closed = Router::new()
        .route(paths::DEVICE_AUTHORIZATION, post(device_authorization))
        .route(paths::REGISTER, post(register))
        .route(&format!("{}/{{client}}", paths::REGISTER), get(registered).delete(unregister))
        .route(paths::INTROSPECT, post(introspect))
        .route(paths::REVOKE, post(revoke))
        .route(paths::USERINFO, get(userinfo).post(userinfo));
    router.merge(open).merge(closed)
}

/// A request that has a form.
struct Asked {
    headers: HeaderMap,
    uri: Uri,
    origin: Option<Origin>,
    body: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Asked {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        type Parts = (Option<Extension<Origin>>, Uri, HeaderMap, Bytes);
        let (origin, uri, headers, body) = Parts::from_request(request, state).await?;
        Ok(Self { headers, uri, origin: origin.map(|Extension(origin)| origin), body })
    }
}

/// Lets pages of an origin where a client is registered read the answer.
async fn share(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok()).map(str::to_owned);
    let asks_first = request.method() == Method::OPTIONS;
    let Some(origin) = origin else { return next.run(request).await };
    let admitted = match (app.sso(), origin.parse::<HeaderValue>()) {
        (Some(sso), Ok(value)) => {
            let admits = app.store.run(move |_| Ok::<_, StoreError>(sso.admits_origin(&origin).unwrap_or(false)));
            admits.await.unwrap_or(false).then_some(value)
        }
        _ => None,
    };
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = admitted {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("dpop-nonce, x-request-id"));
        if asks_first {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type, dpop"));
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        }
    }
    answer
}

/// What a browser asks before it lets a page ask; the answer is in the headers that [`share`] adds.
async fn preflight() -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn metadata(State(app): State<Arc<App>>) -> Response {
    let Some(sso) = app.sso() else { return off() };
    match sso.metadata() {
        Ok(document) => Json(document).into_response(),
        Err(why) => Failure::bug(&format!("the discovery document: {why}")).into_response(),
    }
}

async fn token(State(app): State<Arc<App>>, asked: Asked) -> Response {
    let rates = Arc::clone(&app);
    let answer = asked.answer(app, move |sso, shown, now| {
        let tokens = shown.form.required("grant_type").and_then(|grant| {
            let client = sso.authenticate(shown, now)?;
            admit(&rates, &client, shown, now)?;
            if grant == GrantType::TokenExchange.name() {
                return exchange::answer(&rates, sso, &client, shown, now);
            }
            sso.token_for(&client, shown, now).map(|tokens| Json(tokens).into_response())
        });
        count(shown.form, tokens.as_ref().err());
        tokens
    });
    answer.await
}

/// Counts a request for tokens. Labels are words of ours alone: whatever a client says would make as many series as it likes.
fn count(form: &Form, refused: Option<&OauthError>) {
    let grant = form.text("grant_type").and_then(GrantType::named).map_or("none", GrantType::name);
    let outcome = refused.map_or("ok", |error| error.code.word());
    Metric::TokenRequests.counter(&[("grant", grant), ("outcome", outcome)]).increment(1);
}

async fn par(State(app): State<Arc<App>>, asked: Asked) -> Response {
    let rates = Arc::clone(&app);
    let answer = asked.answer(app, move |sso, shown, now| {
        let client = sso.authenticate(shown, now)?;
        admit(&rates, &client, shown, now)?;
        sso.push(&client, shown, now).map(|held| (StatusCode::CREATED, Json(held)).into_response())
    });
    answer.await
}

async fn device_authorization(State(app): State<Arc<App>>, asked: Asked) -> Response {
    let rates = Arc::clone(&app);
    let answer = asked.answer(app, move |sso, shown, now| {
        let client = sso.authenticate(shown, now)?;
        admit(&rates, &client, shown, now)?;
        sso.device_authorization(&client, shown, now).map(|told| Json(told).into_response())
    });
    answer.await
}

async fn register(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    origin: Option<Extension<Origin>>,
    body: Bytes,
) -> Response {
    let ip = origin.map(|Extension(origin)| origin.client);
    registration(app, headers, ip, move |sso, token, now| {
        sso.register(token, &body, now).map(|told| (StatusCode::CREATED, Json(told)).into_response())
    })
    .await
}

async fn registered(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    origin: Option<Extension<Origin>>,
    Path(client): Path<String>,
) -> Response {
    let ip = origin.map(|Extension(origin)| origin.client);
    registration(app, headers, ip, move |sso, token, _| {
        sso.registered(&client, token).map(|told| Json(told).into_response())
    })
    .await
}

async fn unregister(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    origin: Option<Extension<Origin>>,
    Path(client): Path<String>,
) -> Response {
    let ip = origin.map(|Extension(origin)| origin.client);
    registration(app, headers, ip, move |sso, token, now| {
        sso.unregister(&client, token, now).map(|()| StatusCode::NO_CONTENT.into_response())
    })
    .await
}

/// A request about a registration, which shows its token in the header. Where software may not register itself there is none.
async fn registration(
    app: Arc<App>,
    headers: HeaderMap,
    ip: Option<IpAddr>,
    work: impl FnOnce(&Sso, &Secret<String>, Timestamp) -> Result<Response, OauthError> + Send + 'static,
) -> Response {
    if !app.sso().is_some_and(|sso| sso.registration.by_token) {
        return Failure::not_found("software does not register itself here: the configuration says so").into_response();
    }
    let rates = Arc::clone(&app);
    blocking(app, move |sso, now| {
        if !rates.token_rates.may_try(ip, now) {
            return Err(OauthError::new(
                Code::TooMany,
                "too many requests from there showed no token that counts: wait",
            ));
        }
        let answered = match authorization::bearer(&headers) {
            Ok(Some(token)) => work(sso, &Secret::new(token.to_owned()), now),
            Ok(None) => Err(OauthError::token()),
            Err(error) => Err(OauthError::request(&error.to_string())),
        };
        if answered.as_ref().is_err_and(|error| error.code == Code::InvalidToken) {
            rates.token_rates.failed(ip, now);
        }
        answered
    })
    .await
}

async fn introspect(State(app): State<Arc<App>>, asked: Asked) -> Response {
    asked.answer(app, |sso, shown, now| sso.introspect(shown, now).map(|told| Json(told).into_response())).await
}

async fn revoke(State(app): State<Arc<App>>, asked: Asked) -> Response {
    asked.answer(app, |sso, shown, now| sso.revoke(shown, now).map(|()| StatusCode::OK.into_response())).await
}

/// A token is shown in the header alone (RFC 6750, section 2.1): a form or an address would carry it further.
async fn userinfo(State(app): State<Arc<App>>, method: Method, headers: HeaderMap) -> Response {
    let shown = authorization::bearer(&headers).and_then(|bearer| match bearer {
        Some(token) => Ok(Some((token, false))),
        None => Ok(authorization::token(&headers, "DPoP")?.map(|token| (token, true))),
    });
    let (token, is_bound) = match shown {
        Ok(Some((token, is_bound))) => (token.to_owned(), is_bound),
        Err(error) => return refused(&OauthError::request(&error.to_string()), false),
        // Who shows nothing is told how it is done, and nothing else (RFC 6750, section 3.1).
        Ok(None) => {
            let challenges = [(WWW_AUTHENTICATE, r#"Bearer realm="bailey""#), (WWW_AUTHENTICATE, ALGS)];
            return (StatusCode::UNAUTHORIZED, AppendHeaders(challenges)).into_response();
        }
    };
    let answer = blocking(app, move |sso, now| {
        let given = proof(&headers)?;
        let proof = if is_bound { Some(given.unwrap_or_default()) } else { None };
        let method = if method == Method::HEAD { "GET" } else { method.as_str() };
        let told = sso.userinfo(&ShownToken { token: &token, proof, method }, now);
        Ok(with_nonce(
            sso,
            told.map_or_else(|error| refused(&error, is_bound), |told| Json(told).into_response()),
            is_bound,
            now,
        ))
    });
    answer.await
}

/// How one shows a token that is bound to a key (RFC 9449, section 7.1).
const ALGS: &str = r#"DPoP realm="bailey", algs="ES256 EdDSA RS256""#;

/// The header `DPoP`, if it is there once.
fn proof(headers: &HeaderMap) -> Result<Option<&str>, OauthError> {
    let mut all = headers.get_all("dpop").iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => match one.to_str() {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(OauthError::new(Code::InvalidDpopProof, "the header DPoP is no text")),
        },
        (Some(_), Some(_)) => Err(OauthError::new(Code::InvalidDpopProof, "the header DPoP is there twice")),
    }
}

/// The answer, with the nonce that the next proof has to carry (RFC 9449, section 8.2).
fn with_nonce(sso: &Sso, mut answer: Response, is_asked: bool, now: Timestamp) -> Response {
    if is_asked
        && let Ok(nonce) = sso.dpop_nonce(now)
        && let Ok(nonce) = HeaderValue::from_str(nonce.expose())
    {
        answer.headers_mut().insert("dpop-nonce", nonce);
    }
    answer
}

/// Whether a client may ask once more.
fn admit(app: &App, client: &Client, shown: &Shown<'_>, now: Timestamp) -> Result<(), OauthError> {
    if app.token_rates.admit(client, shown.ip, now) {
        return Ok(());
    }
    Err(OauthError::new(Code::TooMany, "the client asks too often: keep a token until shortly before it ends"))
}

impl Asked {
    async fn answer(
        self,
        app: Arc<App>,
        work: impl FnOnce(&Sso, &Shown<'_>, Timestamp) -> Result<Response, OauthError> + Send + 'static,
    ) -> Response {
        let rates = Arc::clone(&app);
        blocking(app, move |sso, now| {
            let form = self.form()?;
            let ip = self.origin.as_ref().map(|origin| origin.client);
            let request = self.origin.as_ref().and_then(|origin| origin.request);
            if !rates.token_rates.may_try(ip, now) {
                let why = "too many requests from there did not show which client they are of: wait, and show the right secret";
                return Err(OauthError::new(Code::TooMany, why));
            }
            let authorization = authorization::header(&self.headers).map_err(|error| match error {
                AuthorizationError::Twice => OauthError::request(&error.to_string()),
                AuthorizationError::NoText => OauthError::new(Code::InvalidClient, &error.to_string()),
            })?;
            let dpop = proof(&self.headers)?;
            let answered = work(sso, &Shown { authorization, form: &form, ip, request, dpop, jkt: None }, now);
            if answered.as_ref().is_err_and(|error| error.code == Code::InvalidClient) {
                rates.token_rates.failed(ip, now);
            }
            match answered {
                Err(error) if error.code == Code::UseDpopNonce => Ok(with_nonce(sso, refused(&error, false), true, now)),
                answered => answered.map(|answer| with_nonce(sso, answer, dpop.is_some(), now)),
            }
        })
        .await
    }

    fn form(&self) -> Result<Form, OauthError> {
        if self.uri.query().is_some_and(|query| !query.is_empty()) {
            // RFC 6749, section 2.3.1.
            return Err(OauthError::request("parameters belong into the body: an address stands in logs"));
        }
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(OauthError::request("the body must be application/x-www-form-urlencoded"));
        }
        Form::read(&self.body)
    }
}

async fn blocking(
    app: Arc<App>,
    work: impl FnOnce(&Sso, Timestamp) -> Result<Response, OauthError> + Send + 'static,
) -> Response {
    let Some(sso) = app.sso() else { return off() };
    let now = app.clock.now();
    let answered = app.store.run(move |_| Ok::<_, StoreError>(work(&sso, now))).await;
    let mut answer = match answered.map_err(OauthError::from).and_then(|answered| answered) {
        Ok(answer) => answer,
        Err(error) => refused(&error, false),
    };
    // RFC 6749, section 5.1; the other one, `no-store`, is every answer's.
    answer.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    answer
}

/// An error in the form of RFC 6749, section 5.2, with how one shows who one is, where that is what lacks. `is_bound` of an access
/// token that is shown as one that is bound to a key.
fn refused(error: &OauthError, is_bound: bool) -> Response {
    let (word, description) = (error.code.word(), &error.description);
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let of_proof = matches!(error.code, Code::InvalidDpopProof | Code::UseDpopNonce);
    let status = if is_bound && of_proof { StatusCode::UNAUTHORIZED } else { status };
    let body = serde_json::json!({ "error": word, "error_description": description });
    let challenge = match error.code {
        Code::InvalidClient => Some(r#"Basic realm="bailey", charset="UTF-8""#.to_owned()),
        Code::InvalidToken | Code::InsufficientScope | Code::InvalidDpopProof | Code::UseDpopNonce if is_bound => {
            Some(format!(r#"{ALGS}, error="{word}", error_description="{description}""#))
        }
        Code::InvalidToken | Code::InsufficientScope => {
            Some(format!(r#"Bearer realm="bailey", error="{word}", error_description="{description}""#))
        }
        _ => None,
    };
    let mut answer = (status, Json(&body)).into_response();
    answer.extensions_mut().insert(Told::Beside(body));
    if error.code == Code::TooMany {
        // A bucket gives at least one request back each second.
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if let Some(challenge) = challenge.and_then(|text| HeaderValue::from_str(&text).ok()) {
        answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    answer
}

fn off() -> Response {
    Failure::no_single_sign_on().into_response()
}

impl App {
    /// What single sign-on works with, if the configuration names an issuer.
    #[must_use]
    pub fn sso(&self) -> Option<Sso> {
        let settings = self.sso_settings.read().unwrap_or_else(PoisonError::into_inner).clone();
        let sso::Settings { issuer, registration, .. } = settings;
        let (admin, gate, devices) = (self.admin.clone(), self.gate.clone(), Arc::clone(&self.devices));
        Some(Sso { admin, gate, issuer: issuer?, devices, registration })
    }
}
