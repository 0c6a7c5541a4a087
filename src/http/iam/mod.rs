//! Routes of roles, policies, and what hangs on whom.

mod account;
mod credentials;
mod factors;
mod guardrails;
mod holders;
mod keys;
mod local;
mod policies;
mod providers;
mod questions;
mod reports;
mod roles;
mod sessions;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::extract::Payload;
use super::v1::{Routes, work};
use super::{App, Failure};
use crate::admin::people::{LARGEST_PAGE, PAGE};

/// Adds these routes.
pub(super) fn add(routes: Routes) -> Routes {
    routes
        .with(policies::add)
        .with(guardrails::add)
        .with(questions::add)
        .with(roles::add)
        .with(holders::add)
        .with(local::add)
        .with(credentials::add)
        .with(factors::add)
        .with(keys::add)
        .with(account::add)
        .with(providers::add)
        .with(reports::add)
        .with(sessions::add)
}

type Shared = State<Arc<App>>;

/// A body that may be unreadable, which is told only to those who may ask.
type Body<T> = Result<Payload<T>, Failure>;

/// A policy as a body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentBody {
    document: Box<RawValue>,
}

/// Tags as a body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TagsBody {
    tags: BTreeMap<String, String>,
}

/// Keys of tags as a body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysBody {
    keys: Vec<String>,
}

/// Which part of a listing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    /// What to go on behind.
    #[serde(default)]
    after: Option<String>,
    /// Items a page.
    #[serde(default)]
    limit: Option<usize>,
}

impl Listing {
    fn limit(&self) -> Result<usize, Failure> {
        let limit = self.limit.unwrap_or(PAGE);
        if (1..=LARGEST_PAGE).contains(&limit) {
            return Ok(limit);
        }
        Err(Failure::invalid(&format!("`limit` must be 1 to {LARGEST_PAGE}")))
    }
}
