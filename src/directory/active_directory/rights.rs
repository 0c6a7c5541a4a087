//! What the account may see, and what to do where that is too little.

use super::super::ldap::{Connection, Question, extension};
use super::super::{DirectoryError, Dn};

/// True when the account sees what was deleted from `context`: it can read the container of tombstones.
///
/// By default only administrators can, and whoever cannot gets a polite answer with nobody in it.
pub(super) async fn sees_deletions(connection: &mut Connection, context: &Dn) -> Result<bool, DirectoryError> {
    let container = format!("CN=Deleted Objects,{context}");
    let question = Question::entry(&container, &["name"]).with(extension::show_deleted());
    let (entries, _) = connection.search(&question).await?.all().await?;
    Ok(entries.first().is_some_and(|entry| !entry.values("name").is_empty()))
}
