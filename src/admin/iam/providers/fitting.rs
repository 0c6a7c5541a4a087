//! Metadata of an identity provider as it is kept: that of one, in one row.

use crate::admin::AdminError;
use crate::authn::saml::IdentityProvider;
use crate::model::saml_provider::{Metadata, SHORTEST_METADATA};

/// Longest text that is kept as it is, in bytes of its row: settings and what waits need some room beside it.
const LONGEST: usize = 60 << 10;

/// What is kept of `text`, the metadata of `entity` or of one alone: all of it as it was written or, of a federation's file and of what is
/// too long, the part that counts.
///
/// # Errors
/// When it is of another, of several of which none is meant, or of no use.
pub(super) fn fitting(text: Metadata, entity: Option<&str>) -> Result<Metadata, AdminError> {
    let fits = serde_json::to_vec(&text).is_ok_and(|row| row.len() <= LONGEST);
    let is_meant = |read: &IdentityProvider| entity.is_none_or(|entity| read.entity_id() == entity);
    if fits && IdentityProvider::read(text.as_str()).is_ok_and(|read| is_meant(&read)) {
        return Ok(text);
    }
    cut(&text, entity)
}

/// The part of `text` that counts.
///
/// # Errors
/// As of [`fitting`].
pub(super) fn cut(text: &Metadata, entity: Option<&str>) -> Result<Metadata, AdminError> {
    let mut cut = IdentityProvider::extract(text.as_str(), entity).map_err(AdminError::SamlMetadata)?;
    // The IAM API takes none that is shorter; blanks behind it say nothing.
    let missing = SHORTEST_METADATA.saturating_sub(cut.chars().count());
    cut.extend(std::iter::repeat_n(' ', missing));
    Ok(cut.parse()?)
}
