//! Which context keys documents ask for, so that somebody who simulates knows what to say.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::{Admin, AdminError};
use super::custom::parsed;
use super::find;
use crate::gate::Authorized;
use crate::model::{Entity, MemberKind};
use crate::policy::{Document, Kind, context_keys};
use crate::rights::{Held, Library};

/// Documents whose keys are asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfDocuments {
    /// The documents.
    pub policies: Vec<Box<RawValue>>,
}

/// A principal whose policies' keys are asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfPrincipal {
    /// The ARN of a user, a group or a role.
    pub principal: String,
    /// Documents besides.
    #[serde(default)]
    pub policies: Vec<Box<RawValue>>,
}

/// The keys: each once, in order, as it is spelt first.
#[derive(Debug, Serialize, Deserialize)]
pub struct ContextKeys {
    /// Their names.
    pub keys: Vec<String>,
}

impl ContextKeys {
    fn of<'a>(documents: impl IntoIterator<Item = &'a Document>) -> Self {
        Self { keys: context_keys(documents).into_iter().map(str::to_owned).collect() }
    }
}

impl Admin {
    /// The keys that documents ask for which are stored nowhere.
    ///
    /// # Errors
    /// When one is no policy.
    pub fn context_keys_of_documents(&self, asked: &OfDocuments) -> Result<ContextKeys, AdminError> {
        Ok(ContextKeys::of(&all(&asked.policies)?))
    }

    /// The keys that the policies of a user, with those of its groups, of a group or of a role ask for; and its boundary.
    /// Blocks.
    ///
    /// # Errors
    /// When there is no such principal, a document is no policy, or the store cannot be read.
    pub fn context_keys_of_principal(
        &self,
        allowed: &Authorized,
        asked: &OfPrincipal,
    ) -> Result<ContextKeys, AdminError> {
        let besides = all(&asked.policies)?;
        let terms = self.terms(allowed.at())?;
        let mut library = Library::with(self.shelf.clone(), &self.account, &terms);
        let held = self.store.read(|snapshot| {
            let mut reading = library.at(snapshot);
            if asked.principal.starts_with(&format!("arn:aws:iam::{}:group/", self.account))
                && let Entity::Group(group) =
                    find::entity(snapshot, &self.account, MemberKind::Group, &asked.principal)?
            {
                return Ok(reading.policies_of(&group)?);
            }
            let effective = self.subject(snapshot, &mut reading, &asked.principal)?.acting.effective;
            let held =
                effective.into_iter().flat_map(|effective| effective.identity.into_iter().chain(effective.boundary));
            Ok::<Vec<Held>, AdminError>(held.collect())
        })?;
        Ok(ContextKeys::of(held.iter().map(|held| &*held.document).chain(&besides)))
    }
}

fn all(texts: &[Box<RawValue>]) -> Result<Vec<Document>, AdminError> {
    texts.iter().map(|text| parsed(text, Kind::Identity)).collect()
}
