//! Providers of identity, as they are described here: OpenID Connect and SAML.
//!
//! A role's trust policy can name one. What is kept is the description, by which `AssumeRoleWithWebIdentity` and
//! `AssumeRoleWithSAML` go.

pub mod encryption;
pub mod fetched;
mod fitting;
pub mod oidc;
pub mod saml;

use super::super::AdminError;
use super::Change;
use crate::store::KeyRange;
use crate::store::iam::Object;
use crate::store::schema::iam as keys;

/// Refuses one more where there are `most` already. Two that come at the same moment may both be let in: the limit keeps
/// listings short, and nothing rests on it.
fn room<T: Object>(change: &Change<'_>, most: usize, what: &str) -> Result<(), AdminError> {
    let names = KeyRange::prefix(&keys::names(T::KIND, Some(change.account)));
    if change.snapshot.scan(&names, most)?.len() < most {
        return Ok(());
    }
    Err(AdminError::LimitExceeded {
        what: format!("one more {what}"),
        limit: format!("an account has {most} at most; delete one first"),
    })
}
