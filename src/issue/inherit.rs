//! What a session takes over from the one that began it: tags that are to go on, and who is behind it.

use std::collections::{BTreeMap, BTreeSet};

use super::IssueError;
use crate::authn::federated;
use crate::model::Session;
use crate::model::tags::held_key;

/// Tags, and who is behind it: of its own, and taken over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inherited {
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// Keys of those that go on to sessions it begins.
    pub transitive: BTreeSet<String>,
    /// Who is behind it.
    pub source_identity: Option<String>,
}

/// Tags that are asked for.
#[derive(Debug, Clone, Default)]
pub struct SessionTags {
    /// By key.
    pub tags: BTreeMap<String, String>,
    /// Keys of those that are to go on.
    pub transitive: BTreeSet<String>,
}

impl From<&federated::SessionTags> for SessionTags {
    /// What a provider asks for, whatever it speaks.
    fn from(said: &federated::SessionTags) -> Self {
        Self {
            tags: said.principal.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            transitive: said.transitive.iter().cloned().collect(),
        }
    }
}

impl Inherited {
    /// What a session begun by `parent` has, with what is asked for.
    ///
    /// # Errors
    /// When a tag that goes on, or who is behind it, would become another: neither is for a session on the way to change.
    pub fn of(
        parent: Option<&Session>,
        asked: SessionTags,
        source_identity: Option<String>,
    ) -> Result<Self, IssueError> {
        let SessionTags { mut tags, mut transitive } = asked;
        let Some(parent) = parent else { return Ok(Self { tags, transitive, source_identity }) };
        for key in &parent.transitive {
            if let Some(own) = held_key(tags.keys(), key) {
                let message =
                    format!("the tag `{own}` is transitive in the session that asks, and cannot be set again");
                return Err(IssueError::NotYours(message));
            }
            if let Some(value) = parent.tags.get(key) {
                tags.insert(key.clone(), value.clone());
                transitive.insert(key.clone());
            }
        }
        let source_identity = match (&parent.source_identity, source_identity) {
            (Some(held), Some(asked)) if *held != asked => {
                let message = "the source identity of the session that asks cannot become another".to_owned();
                return Err(IssueError::NotYours(message));
            }
            (Some(held), _) => Some(held.clone()),
            (None, asked) => asked,
        };
        Ok(Self { tags, transitive, source_identity })
    }
}
