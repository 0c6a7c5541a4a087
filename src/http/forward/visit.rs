//! What a proxy was asked, as the proxies say it.
//!
//! nginx, Traefik and most others say it in headers, `X-Forwarded-Method`, `-Host`, `-Uri`; Envoy sends the request as it is, to
//! a path in front of its own. What is read here may be there once: of two, one could be the client's.

use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, StatusCode};

use super::super::Failure;
use super::super::hosts::Host;
use crate::base::text::printable_within;
use crate::base::{Fault, Faulty};

/// Where those ask who say it in headers.
pub(super) const VISITS: [&str; 1] = ["/v1/forward-auth"];

/// What Envoy puts in front of the path.
const ENVOY: &str = "/v1/envoy-auth";

/// The proxy's shared secret.
pub(super) const SECRET: &str = "x-bailey-proxy-secret";

/// The application that the proxy asks for.
const APPLICATION: &str = "x-bailey-application";
const HOST: &str = "host";
const METHOD: &str = "x-forwarded-method";
const FORWARDED_HOST: &str = "x-forwarded-host";
const URI: &str = "x-forwarded-uri";
const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";

/// Headers by which applications take a request for another than it is, or for somebody else's: what was asked about would not
/// be what is done. The last three are ours, and a proxy sets them once it was answered.
const DISGUISES: [&str; 8] = [
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
    "x-bailey-identity",
    "x-bailey-user",
    "x-bailey-arn",
];

/// A request that a client sent to a proxy. Its headers hold the proxy's secret.
pub(super) struct Visit {
    /// Its method.
    pub(super) method: String,
    /// Its host as it is compared: without port, in lower case.
    pub(super) host: String,
    /// The same as the client wrote it, which is what it signed.
    authority: String,
    /// `http` or `https`.
    scheme: String,
    /// Path and query, as they were sent.
    pub(super) target: String,
    /// The application that the proxy says it is for.
    pub(super) application: Option<String>,
    /// Its headers, and the proxy's.
    pub(super) header_map: HeaderMap,
}

/// Why a question is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum VisitError {
    /// A header makes another request of it for the application.
    #[error("`{0}` can make another request of it for the application, or somebody else's")]
    Disguise(&'static str),
    /// A header is not what it should be.
    #[error("the header `{name}` is no {expected}: `{}`", printable_within(.found, 128))]
    Malformed {
        /// Which.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A header is there several times.
    #[error("the header `{0}` is there more than once; the proxy has to set it, not to add it")]
    Repeated(&'static str),
    /// A header that is not there.
    #[error("the proxy does not say `{0}`; have it set that header")]
    Unsaid(&'static str),
    /// Nobody asks at this path.
    #[error("nothing is asked at this path; ask at {} or behind {ENVOY}", VISITS.join(", "))]
    Elsewhere,
}

impl Faulty for VisitError {
    fn fault(&self) -> Fault {
        Fault::Caller
    }
}

impl From<VisitError> for Failure {
    fn from(error: VisitError) -> Self {
        match error {
            VisitError::Elsewhere => Self::not_found(&error.to_string()),
            _ => Self::coded(&error, StatusCode::FORBIDDEN, "InvalidForwarding"),
        }
    }
}

impl Visit {
    /// What the proxy asks about.
    pub(super) fn read(parts: Parts) -> Result<Self, VisitError> {
        let Parts { method, uri, headers, .. } = parts;
        // CGI and its heirs (RFC 3875, section 4.1.18) do not tell `_` from `-` in a name.
        let spelt = |name: &HeaderName| name.as_str().replace('_', "-");
        if let Some(name) = headers.keys().map(spelt).find_map(|name| DISGUISES.into_iter().find(|one| *one == name)) {
            return Err(VisitError::Disguise(name));
        }
        // Without it everybody would have the proxy's address, and conditions on addresses would let all of them in.
        needed(&headers, FOR)?;
        let scheme = text(needed(&headers, PROTO)?, PROTO)?;
        let in_path = uri.path_and_query().and_then(|target| target.as_str().strip_prefix(ENVOY));
        let (method, authority, target) = match in_path {
            Some(target) => (method.to_string(), text(needed(&headers, HOST)?, HOST)?, target.to_owned()),
            None if VISITS.contains(&uri.path()) => (
                text(needed(&headers, METHOD)?, METHOD)?,
                text(needed(&headers, FORWARDED_HOST)?, FORWARDED_HOST)?,
                text(needed(&headers, URI)?, URI)?,
            ),
            None => return Err(VisitError::Elsewhere),
        };
        let host = Host::of_authority(&authority);
        let host = host.ok_or_else(|| malformed(FORWARDED_HOST, "host", &authority))?;
        let application = single(&headers, APPLICATION)?.map(|value| text(value, APPLICATION)).transpose()?;
        let host = host.to_string();
        Ok(Self { method, host, authority, scheme, target, application, header_map: headers })
    }

    /// The headers as the client sent them, as far as they are still there: its own host, and nothing of the proxy's.
    pub(super) fn headers(&self) -> Vec<(&str, &[u8])> {
        let theirs = |name: &HeaderName| {
            let name = name.as_str();
            name == HOST || name == SECRET || name == APPLICATION || name.starts_with("x-forwarded-")
        };
        let kept = self.header_map.iter().filter(|(name, _)| !theirs(name));
        let kept = kept.map(|(name, value)| (name.as_str(), value.as_bytes()));
        kept.chain([(HOST, self.authority.as_bytes())]).collect()
    }

    /// Scheme, host, path and query, as the client sent them.
    pub(super) fn address(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority, self.target)
    }
}

/// The value of a header that is there once, or not at all.
pub(super) fn single<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h HeaderValue>, VisitError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(VisitError::Repeated(name)),
    }
}

fn needed<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h HeaderValue, VisitError> {
    single(headers, name)?.ok_or(VisitError::Unsaid(name))
}

fn text(value: &HeaderValue, name: &'static str) -> Result<String, VisitError> {
    let text = value.to_str().ok().filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()));
    let found = || malformed(name, "visible ASCII", &String::from_utf8_lossy(value.as_bytes()));
    text.map(str::to_owned).ok_or_else(found)
}

fn malformed(name: &'static str, expected: &'static str, found: &str) -> VisitError {
    VisitError::Malformed { name, expected, found: found.to_owned() }
}
