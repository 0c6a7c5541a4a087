//! `POST /`: the Query API, as unmodified AWS command lines and SDKs speak it.
//!
//! One place verifies the signature, before anything of the request is looked at; then comes the action, then the gate, then
//! the operation. An answer is XML, an error too. What is asked in a form is asked in the body alone; a presigned address
//! may ask who one is, and nothing else.

mod xml;

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{self, FromRequest, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Method, StatusCode, Uri};

use super::authorization::AuthorizationError;
use super::origin::Origin;
use super::rate::Payer;
use super::{App, authorization};
use crate::audit::Outcome;
use crate::authn::Caller;
use crate::authn::kerberos::{Accepted, KerberosRefused, Token};
use crate::authn::machine::Shown;
use crate::authn::signed::{self, Signed, SignedError};
use crate::authn::sigv4::{Body, Claim, Expected, Request, SigV4Error, Verified, Way};
use crate::base::text::printable_within;
use crate::base::{Fault, Faulty as _, Secret, Timestamp};
use crate::gate::{Operation, Proof, Whence};
use crate::model::CredentialOwner;
use crate::query::{Action, Node, Params, QueryError};
use crate::store::StoreError;
use crate::sts::unsigned::{Doors, Unsigned};
use crate::{iam, sts};
use xml::Sign;

/// What signatures may be for.
const EXPECTED: Expected<'_> = Expected { services: &["iam", "sts"], presigned: &["sts"], regions: &[] };

/// Versions of the services' interfaces, and their namespaces.
const VERSIONS: [(&str, &str, &str); 2] = [
    ("iam", "2010-05-08", "https://iam.amazonaws.com/doc/2010-05-08/"),
    ("sts", "2011-06-15", "https://sts.amazonaws.com/doc/2011-06-15/"),
];

/// A request as it was sent.
pub(super) struct Sent {
    from: signed::RequestSource,
    certificate: Option<Shown>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    /// Its body.
    pub(super) body: Bytes,
}

impl Sent {
    /// The token that its sender bears, if they show one.
    pub(super) fn bearer(&self) -> Result<Option<&str>, AuthorizationError> {
        authorization::bearer(&self.headers)
    }

    /// Where it came from.
    pub(super) fn from(&self) -> &signed::RequestSource {
        &self.from
    }
}

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Response;

    async fn from_request(request: extract::Request, state: &S) -> Result<Self, Response> {
        type Parts = (Extension<Origin>, Method, Uri, HeaderMap, Bytes);
        let (Extension(origin), method, uri, headers, body) = Parts::from_request(request, state).await?;
        Ok(Self { from: from(&origin, &headers), certificate: origin.client_certificate, method, uri, headers, body })
    }
}

/// Who sent it, by its signature. One that is refused is worth a record, whosever it claims to be; within limits, for it
/// costs its sender nothing. Blocks.
pub(super) fn authenticate(
    app: &App,
    sent: &Sent,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<(Caller, Verified), SignedError> {
    let headers: Vec<(&str, &[u8])> =
        sent.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let request = Request {
        method: sent.method.as_str(),
        path: sent.uri.path(),
        query: sent.uri.query().unwrap_or_default(),
        headers: &headers,
        body: Body::Whole(&sent.body),
    };
    authenticate_request(app, &request, expected, sent.from.clone(), now)
}

/// As [`authenticate`], of a request however it came here.
pub(super) fn authenticate_request(
    app: &App,
    request: &Request<'_>,
    expected: &Expected<'_>,
    from: signed::RequestSource,
    now: Timestamp,
) -> Result<(Caller, Verified), SignedError> {
    let (admin, whence) = (&app.admin, Whence::from(&from));
    let parts = (&app.store, &admin.keys, &admin.sessions);
    let found = signed::authenticate(parts, &admin.account, request, expected, from, now);
    match &found {
        Ok((caller, _)) => {
            if let Some(signed) = caller.signed() {
                admin.uses.note(signed.key(), signed.service(), signed.region(), now);
            }
        }
        // Who claims to be nobody is told what is missing; a record of each would be any scanner's to write.
        Err(SignedError::Signature(SigV4Error::Unsigned)) => {}
        Err(error) => {
            let mut about = vec![("code", error.code().to_owned())];
            if let Ok(claim) = Claim::read(request, expected, now) {
                about.push(("access_key", claim.access_key_id().to_owned()));
            }
            app.gate.refuse_proof(Proof::Signature, whence, about, error, now);
        }
    }
    found
}

/// A call, with what it is carried out with.
struct Call {
    app: Arc<App>,
    sent: Sent,
    now: Timestamp,
}

/// Answers whoever looks in: a presigned address is a call, a browser goes to its pages, anybody else is told where they are.
pub(super) async fn visit(app: State<Arc<App>>, sent: Sent) -> Response {
    if sent.uri.query().is_some_and(|query| query.contains("X-Amz-")) || sent.headers.contains_key(AUTHORIZATION) {
        return call(app, sent).await;
    }
    let shows_pages = app.portal.read().unwrap_or_else(PoisonError::into_inner).enabled;
    let accepts = sent.headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
    if shows_pages && accepts.is_some_and(|accepted| accepted.contains("text/html")) {
        return Redirect::to("/me").into_response();
    }
    "Bailey, a bridge between a company's directory and short-lived access\n".into_response()
}

/// Answers one call.
pub(super) async fn call(State(app): State<Arc<App>>, sent: Sent) -> Response {
    let request_id = sent.from.request.map(|id| id.to_string()).unwrap_or_default();
    let now = app.clock.now();
    let store = app.store.clone();
    let call = Call { app, sent, now };
    if let Some((action, params)) = call.unsigned() {
        let (answered, negotiated) = call.without_signature(action, params).await;
        let mut told = told(answered, namespace("sts"), &request_id);
        told.headers_mut().extend(negotiated.map(|said| (WWW_AUTHENTICATE, said)));
        return told;
    }
    // A signature is arithmetic, and everything behind it reads the store: all of it blocks.
    let answered = store.run(move |_| Ok::<_, StoreError>(call.answer())).await;
    let (namespace, answered) = match answered {
        Ok((service, answered)) => (namespace(service), answered),
        Err(error) => {
            tracing::error!(%error, "a call ended early");
            let failure = QueryError::new(500, "ServiceFailure", "this is a fault of the service; its log says more");
            (namespace("iam"), Err(failure))
        }
    };
    told(answered, namespace, &request_id)
}

fn told(answered: Answered, namespace: &'static str, request_id: &str) -> Response {
    let sign = Sign { namespace, request_id };
    match answered {
        Ok((action, result)) => written(200, xml::answer(action, &result, &sign), request_id),
        Err(error) => written(error.status, xml::error(&named(error, request_id), &sign), request_id),
    }
}

/// What stands before an encoded authorization message.
const ENCODED: &str = crate::sts::authorization_message::ENCODED;

/// A refusal that says what its request was called: command lines print the message of an error, and nothing else of it.
fn named(error: QueryError, request_id: &str) -> QueryError {
    match error.code {
        "AccessDenied" if !request_id.is_empty() => {
            // Behind the encoded message nothing may stand: whoever hands it on takes all there is.
            let (said, encoded) = match error.message.find(ENCODED) {
                Some(at) => error.message.split_at(at),
                None => (error.message.as_str(), ""),
            };
            let message = format!("{said} (request {request_id}){encoded}");
            QueryError { message, ..error }
        }
        _ => error,
    }
}

type Answered = Result<(&'static str, Vec<Node>), QueryError>;

impl Call {
    /// The action that needs no signature, if that is what is asked for and there is none.
    fn unsigned(&self) -> Option<(Unsigned, Params)> {
        let bare = self.sent.uri.query().is_none_or(str::is_empty);
        if !bare || self.sent.method != Method::POST {
            return None;
        }
        let form = url::form_urlencoded::parse(&self.sent.body);
        let params = Params::read(form.map(|(name, value)| (name.into_owned(), value.into_owned()))).ok()?;
        let action = Unsigned::named(params.text("Action")?)?;
        let told = self.sent.headers.contains_key(AUTHORIZATION);
        (!told || action == Unsigned::Kerberos && self.ticket().is_some()).then_some((action, params))
    }

    /// What the request's one `Authorization` header holds, if that is a ticket.
    fn ticket(&self) -> Option<Result<Token, KerberosRefused>> {
        Token::in_header(authorization::header(&self.sent.headers).ok().flatten()?)
    }

    /// Answers an action without a signature, and what is to be said to whoever shows a ticket, or should.
    async fn without_signature(self, action: Unsigned, params: Params) -> (Answered, Option<HeaderValue>) {
        let mut proof = None;
        let answered = self.unsigned_answer(action, &params, &mut proof).await;
        let said = match &answered {
            Err(error) if error.status == 401 => Some("Negotiate".to_owned()),
            Err(_) => None,
            Ok(_) => proof.as_deref().map(Accepted::header),
        };
        (answered, said.and_then(|said| HeaderValue::from_str(&said).ok()))
    }

    /// Who asks is found out first, which may take a directory or an issuer.
    async fn unsigned_answer(self, action: Unsigned, params: &Params, proof: &mut Option<Vec<u8>>) -> Answered {
        asked_for("sts", params)?;
        let ticket = self.ticket();
        let (app, now) = (Arc::clone(&self.app), self.now);
        let by_key = matches!(action, Unsigned::Saml | Unsigned::WebIdentity);
        if by_key && !app.anybody.calls.admit_source(self.sent.from.ip, now) {
            return Err(QueryError::new(400, "Throttling", "Rate exceeded: too many calls from where you are"));
        }
        let sts = app.sts();
        let settings = app.sts_settings.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (machines, certificate, kerberos) = (&app.machines, self.sent.certificate, &app.kerberos);
        let doors = Doors { gate: &app.gate, logins: &app.logins, machines, certificate, kerberos, settings };
        let mut arrived = action.arrive(&sts, &doors, ticket, (params, self.sent.from), now).await?;
        *proof = arrived.take_answer();
        let gate = app.gate.clone();
        let done = app.store.run(move |_| Ok::<_, StoreError>(arrived.carry_out(&sts, &gate, now))).await;
        let answered = done.map_err(|error| {
            tracing::error!(%error, "a call ended early");
            QueryError::new(500, "ServiceFailure", "this is a fault of the service; its log says more")
        })?;
        Ok((action.name(), answered?))
    }

    /// The second factor that comes with a call, of actions that know of one. Blocks.
    fn second_factor(
        &self,
        operation: Operation,
        params: &Params,
        signed: &Signed,
    ) -> Result<Option<Timestamp>, QueryError> {
        if !matches!(operation, Operation::AssumeRole | Operation::GetSessionToken) {
            return Ok(None);
        }
        let denied = |why: &str| {
            let message = format!("MultiFactorAuthentication failed: {why}");
            QueryError::new(403, "AccessDenied", message)
        };
        let (serial, code) = match (params.text("SerialNumber"), params.text("TokenCode")) {
            (None, None) => return Ok(None),
            (Some(serial), Some(code)) => (serial, Secret::new(code.to_owned())),
            _ => return Err(denied("SerialNumber and TokenCode go together")),
        };
        let owner = match signed.user() {
            Some(user) => CredentialOwner::User(user.id),
            None if signed.is_root() => CredentialOwner::Root,
            None => return Err(denied("the session of a role has no device")),
        };
        let taken = self.app.logins.second_factor((owner, &signed.actor()), serial, &code, self.now);
        taken.map(Some).map_err(|refused| {
            let about =
                vec![("access_key", signed.key().to_string()), ("reason_code", refused.reason.code().to_owned())];
            self.app.gate.refuse_proof(Proof::SecondFactor, signed.from(), about, &refused.detail, self.now);
            denied(&refused.to_string())
        })
    }

    /// The service that was asked, and its answer. Blocks.
    fn answer(self) -> (&'static str, Answered) {
        match authenticate(&self.app, &self.sent, &EXPECTED, self.now) {
            Ok((caller, verified)) => {
                let service = if verified.scope().service() == "sts" { "sts" } else { "iam" };
                (service, self.act(service, caller, &verified))
            }
            Err(error) => ("iam", Err(refused(&error))),
        }
    }

    fn act(&self, service: &str, caller: Caller, verified: &Verified) -> Answered {
        let params = self.params(verified)?;
        let (name, unknown) = asked_for(service, &params)?;
        if service == "sts" {
            let (action, sts) = (sts::action(name).ok_or(unknown)?, self.app.sts());
            let params = sts.prepared(action, params, (&self.app.gate, &caller), self.now)?;
            return self.carry_out(action, &sts, (&params, caller, verified));
        }
        let action = iam::action_for(caller.kind(), service, name).ok_or(unknown)?;
        self.carry_out(action, &self.app.admin, (&params, caller, verified))
    }

    fn carry_out<C>(
        &self,
        action: &'static Action<C>,
        with: &C,
        (params, caller, verified): (&Params, Caller, &Verified),
    ) -> Answered {
        if verified.way() == Way::Presigned && action.operation != Operation::GetCallerIdentity {
            let message = "a presigned address may ask who one is, and nothing else";
            return Err(QueryError::new(403, "AccessDenied", message));
        }
        let signed = caller.signed().ok_or_else(|| QueryError::new(403, "AccessDenied", "it is not signed"))?;
        if !self.app.rates.admit(Payer::of(signed), self.now) {
            return Err(QueryError::new(400, "Throttling", "Rate exceeded: too many calls of yours"));
        }
        let (resource, mut asking) = (action.about)(params, signed)?;
        let job = (action.job)(params)?;
        asking.mfa = self.second_factor(action.operation, params, signed)?;
        let allowed = self.app.gate.authorize_about(caller, action.operation, &resource, &asking, self.now);
        let allowed = allowed.map_err(|error| self.app.sts().refused(error, self.now))?;
        // Each signature changes something once: a captured request does not do it again. Behind the gate, so that those who
        // may do nothing cannot fill the memory of signatures. One that begins a session may come again: clients in parallel
        // send equal requests within one second, and whoever holds one holds the way to send it.
        if !action.operation.read_only()
            && !action.operation.begins_a_session()
            && let Err(replayed) = self.app.replays.admit(verified, self.now)
        {
            allowed.complete(&Outcome::failed(replayed.code(), &replayed), self.now);
            return Err(QueryError::new(replayed.status(), replayed.code(), replayed.to_string()));
        }
        Ok((action.name, job.run(with, allowed, || self.app.clock.now())?))
    }

    /// The form: in the body of a POST, in the address of a presigned request.
    fn params(&self, verified: &Verified) -> Result<Params, QueryError> {
        let form: &[u8] = match verified.way() {
            Way::Presigned => self.sent.uri.query().unwrap_or_default().as_bytes(),
            Way::Header if self.sent.uri.query().is_some_and(|query| !query.is_empty()) => {
                let message = "parameters belong into the body of a POST, not into the address";
                return Err(QueryError::new(400, "MalformedQueryString", message));
            }
            Way::Header => &self.sent.body,
        };
        Params::read(url::form_urlencoded::parse(form).map(|(name, value)| (name.into_owned(), value.into_owned())))
    }
}

/// The name of the action that is asked for, and what to say if there is none of it.
fn asked_for<'a>(service: &str, params: &'a Params) -> Result<(&'a str, QueryError), QueryError> {
    let name = params.text("Action").ok_or_else(|| {
        QueryError::new(400, "MissingAction", "the parameter Action is missing: it names what is to be done")
    })?;
    let version = VERSIONS.iter().find(|(of, ..)| *of == service).map_or("", |(_, version, _)| version);
    let asked = params.text("Version").unwrap_or_default();
    let (shown, told) = (printable_within(name, 64), printable_within(asked, 32));
    let message = format!("Could not find operation {shown} for version {told} of {service}");
    let unknown = QueryError::new(400, "InvalidAction", message);
    if asked == version { Ok((name, unknown)) } else { Err(unknown) }
}

/// Why somebody is nobody, in the words that SDKs know.
pub(super) fn refused(error: &SignedError) -> QueryError {
    match error {
        SignedError::Signature(wrong) => QueryError::new(wrong.status(), wrong.code(), wrong.message()),
        SignedError::UnknownKey { .. } => {
            let unknown = SigV4Error::UnknownKey;
            QueryError::new(unknown.status(), unknown.code(), unknown.message())
        }
        SignedError::Inactive { .. } => QueryError::new(403, error.code(), error.to_string()),
        SignedError::Session(why) if why.fault() == Fault::Caller => {
            QueryError::new(403, error.code(), format!("The security token included in the request is expired: {why}"))
        }
        SignedError::Session(why) => {
            tracing::error!(error = %why, "a session cannot be looked over");
            QueryError::new(500, "ServiceFailure", "this is a fault of the service; its log says more")
        }
        SignedError::Keys(why) => {
            tracing::error!(error = %why, "a signature cannot be verified");
            QueryError::new(503, "ServiceUnavailable", "signatures cannot be verified now; the operator has to act")
        }
        SignedError::Store(why) => {
            tracing::error!(error = %why, "a signature cannot be verified");
            QueryError::new(500, "ServiceFailure", "this is a fault of the service; its log says more")
        }
    }
}

pub(super) fn from(origin: &Origin, headers: &HeaderMap) -> signed::RequestSource {
    let user_agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).map(str::to_owned);
    let ip: IpAddr = origin.client;
    signed::RequestSource { ip: Some(ip), secure: origin.secure, user_agent, request: origin.request }
}

fn namespace(service: &str) -> &'static str {
    VERSIONS.iter().find(|(of, ..)| *of == service).map_or("", |(_, _, namespace)| namespace)
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

fn written(status: u16, xml: Vec<u8>, request_id: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = (status, xml).into_response();
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        answer.headers_mut().insert(REQUEST_ID, id);
    }
    answer
}
