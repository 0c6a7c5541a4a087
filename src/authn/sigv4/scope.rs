//! What a signature is good for: a day, a region, a service; and whose key made it.

use std::fmt;

use super::{Expected, SigV4Error};
use crate::base::text::printable;

/// What every scope ends with.
pub(super) const TERMINATOR: &str = "aws4_request";

/// The credential scope of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    date: String,
    region: String,
    service: String,
}

impl Scope {
    pub(super) fn new(date: &str, region: &str, service: &str) -> Self {
        Self { date: date.to_owned(), region: region.to_owned(), service: service.to_owned() }
    }

    /// The day, `yyyymmdd`.
    #[must_use]
    pub fn date(&self) -> &str {
        &self.date
    }

    /// The region the client is configured for.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The service: one of those expected.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service)
    }
}

/// Reads `KEYID/yyyymmdd/region/service/aws4_request`; `stamp` is the request's `X-Amz-Date`.
pub(super) fn read(credential: &str, stamp: &str, expected: &Expected<'_>) -> Result<(String, Scope), SigV4Error> {
    let fields: Vec<&str> = credential.splitn(6, '/').collect();
    let [id, date, region, service, terminator] = fields.as_slice() else {
        let form = "an access key id, a date, a region, a service and `aws4_request` between slashes";
        return Err(SigV4Error::malformed("Credential", form, credential));
    };
    if !is_key_id(id) {
        return Err(SigV4Error::malformed("the access key id", "16 to 128 letters, digits or underscores", id));
    }
    // A scope of another day would let a key derived for that day sign today.
    if stamp.get(..8) != Some(date) {
        let request = stamp.chars().take(8).collect();
        return Err(SigV4Error::ScopeDate { scope: printable(date).into_owned(), request });
    }
    if !is_region(region) {
        return Err(SigV4Error::malformed("the region", "1 to 64 lower-case letters, digits or hyphens", region));
    }
    // Clients sign with whatever region they are configured for, even where the endpoint is given: no unmodified
    // client could be told ours. Nothing is lost: the region is signed, and our keys are good for this deployment
    // alone. Whoever gives one key to several places lists a region for each.
    if !expected.regions.is_empty() && !expected.regions.iter().any(|ours| ours == region) {
        return Err(SigV4Error::Region((*region).to_owned()));
    }
    if !expected.services.contains(service) {
        let services: Vec<String> = expected.services.iter().map(|name| format!("`{name}`")).collect();
        return Err(SigV4Error::Service { given: printable(service).into_owned(), expected: services.join(" or ") });
    }
    if *terminator != TERMINATOR {
        return Err(SigV4Error::Terminator(printable(terminator).into_owned()));
    }
    Ok(((*id).to_owned(), Scope::new(date, region, service)))
}

/// As the service models have it: 16 to 128 of `\w` (wire format of `GetAccessKeyInfo`).
fn is_key_id(text: &str) -> bool {
    (16..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_region(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
