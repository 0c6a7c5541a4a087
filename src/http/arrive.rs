//! What a request to the public listener passes before its route, and what its answer carries whatever the route:
//! where it comes from ([`Origin`]), which host it names, how long its target is; then the headers that tell a browser to
//! do nothing unasked.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, SERVER,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, StatusCode};

use super::Failure;
use super::hosts::HostError;
use super::limits::LONGEST_URI;
use super::origin::{Origin, OriginError, Wire};
use super::public::{Front, Rules};
use crate::base::Fault;
use crate::telemetry::Metric;

/// Lets a request in or refuses it, and seals the answer.
pub(super) async fn arrive(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response {
    let Some(wire) = request.extensions().get::<Wire>().cloned() else {
        return Failure::bug("a request without a connection").into_response();
    };
    let rules = front.rules();
    let origin = Origin::of(&wire, request.headers(), &rules.proxies);
    let secure = origin.as_ref().map_or(wire.is_encrypted(), |origin| origin.secure);
    let mut answer = match admitted(&rules, request, origin) {
        Ok(request) => next.run(request).await,
        Err(failure) => refused(failure),
    };
    // What a proxy hands on to a browser would speak for the application's name, which is not ours to speak for.
    seal(answer.headers_mut(), secure && rules.hosts.is_some());
    answer
}

/// The request with its origin, before anything of its body was read.
fn admitted(rules: &Rules, request: Request, origin: Result<Origin, OriginError>) -> Result<Request, Failure> {
    let (mut parts, body) = request.into_parts();
    let length = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if length > LONGEST_URI {
        let message = format!("path and query have {length} bytes, and {LONGEST_URI} are the limit; send a body");
        return Err(Failure::new(StatusCode::URI_TOO_LONG, "UriTooLong", &message, Fault::Caller));
    }
    let origin = origin?;
    if let Some(hosts) = &rules.hosts {
        hosts.admit(&parts)?;
    }
    parts.extensions.insert(origin);
    Ok(Request::from_parts(parts, body))
}

/// Counted here, since it does not reach where the others are.
fn refused(failure: Failure) -> Response {
    let answer = failure.into_response();
    Metric::HttpRequests.counter(&[("route", "none"), ("status", answer.status().as_str())]).increment(1);
    answer
}

impl From<OriginError> for Failure {
    fn from(error: OriginError) -> Self {
        Self::coded(&error, StatusCode::BAD_REQUEST, "InvalidForwarding")
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Unknown(_) => Self::coded(&error, StatusCode::MISDIRECTED_REQUEST, "MisdirectedRequest"),
            HostError::Disagree { .. } | HostError::Malformed(_) | HostError::Missing | HostError::Several(_) => {
                Self::coded(&error, StatusCode::BAD_REQUEST, "InvalidHost")
            }
        }
    }
}

/// What a browser may do with an answer that does not say otherwise: nothing but show it.
const POLICY: &str = "default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// A year (RFC 6797). Without subdomains: what runs there is not ours to decide on.
const ONLY_ENCRYPTED: &str = "max-age=31536000";

const SEALS: [(HeaderName, &str); 4] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()",
    ),
];

/// The content policy may be a route's own: a page needs its style and its form, and that its forms say where they are from. So may how long an answer is kept, where it
/// is the same for everybody.
fn seal(headers: &mut HeaderMap, secure: bool) {
    for (name, value) in SEALS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    // RFC 6797 7.2: never over a connection in the clear, where anybody could have written it.
    if secure {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(ONLY_ENCRYPTED));
    } else {
        headers.remove(STRICT_TRANSPORT_SECURITY);
    }
    headers.remove(SERVER);
}
