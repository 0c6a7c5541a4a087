//! Forward auth: a proxy asks about each request before it passes it on to an application.
//!
//! Owns what a request means ([`mapping`]), which paths are not looked at ([`target`]), the decision, and the token that tells
//! the application who it was ([`identity`]). Which proxies may ask, and how they do, is `authn`'s and `http`'s business.
//!
//! The one who asked is known by a signature over the request as the client sent it, so a proxy passes identities on and cannot
//! make them up.

pub mod identity;
pub mod mapping;
pub mod target;

use std::collections::BTreeMap;

use super::Verdict;
use crate::admin::{Admin, AdminError};
use crate::authn::signed::Signed;
use crate::gate::{Authorized, Grounds};
use mapping::Mapped;

/// A request that somebody may make. Only [`decide`] makes one, so nobody is given a token for anything else.
#[derive(Debug)]
pub struct Allowed<'a> {
    signed: &'a Signed,
    mapped: Mapped,
}

/// Whether `signed` may do what a request means. Blocks.
///
/// # Errors
/// When they may not, with the verdict and what that rests on; or when it cannot be decided.
pub fn decide<'a>(
    admin: &Admin,
    asked: &Authorized,
    signed: &'a Signed,
    mapped: Mapped,
) -> Result<Result<Allowed<'a>, (Verdict, Box<Grounds>)>, AdminError> {
    let mut found = admin.simulate_signed(asked, signed, (&mapped.action, &mapped.resource), &context(signed))?;
    let grounds = std::mem::take(&mut found.grounds);
    let verdict = Verdict::of(None, found);
    Ok(if verdict.allowed { Ok(Allowed { signed, mapped }) } else { Err((verdict, grounds)) })
}

/// What conditions can ask about the request: what the proxy says of where it comes from.
fn context(signed: &Signed) -> BTreeMap<String, Vec<String>> {
    let from = signed.from();
    let mut context = BTreeMap::from([("aws:SecureTransport".to_owned(), vec![from.secure.to_string()])]);
    if let Some(ip) = from.ip {
        context.insert("aws:SourceIp".to_owned(), vec![ip.to_string()]);
    }
    if let Some(agent) = &from.user_agent {
        context.insert("aws:UserAgent".to_owned(), vec![agent.clone()]);
    }
    context
}

impl Allowed<'_> {
    /// What it means.
    #[must_use]
    pub fn mapped(&self) -> &Mapped {
        &self.mapped
    }
}
