//! SAML providers. Their metadata is kept as text and not read: see [`Metadata`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::super::{Admin, AdminError};
use super::super::{Change, digest, find, holders, roles, views};
use super::room;
use crate::base::{SamlProviderId, Timestamp};
use crate::gate::Authorized;
use crate::model::saml_provider::{MOST, Metadata};
use crate::model::{SamlProvider, SamlProviderName, Tags};
use crate::store::iam::{self, Read};

/// A provider to be described.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSamlProvider {
    /// Its name.
    pub name: SamlProviderName,
    /// What it says of itself, as text.
    pub metadata: Metadata,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A provider as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SamlProviderView {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// When its metadata was written last.
    pub updated: Timestamp,
    /// What it says of itself; `None` in listings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl Admin {
    /// Describes a provider. Blocks.
    ///
    /// # Errors
    /// When there is one of that name, its metadata is too long, there are too many, or a part fails.
    pub fn create_saml_provider(
        &self,
        asked: Authorized,
        new: &NewSamlProvider,
    ) -> Result<SamlProviderView, AdminError> {
        let id = SamlProviderId::from_bytes(self.fresh_id());
        self.change(asked, |change| {
            let provider = SamlProvider {
                id,
                account: change.account.clone(),
                name: new.name.clone(),
                metadata: new.metadata.clone(),
                created: change.now,
                updated: change.now,
                tags: holders::tags_of(&new.tags)?,
            };
            fits(&provider)?;
            roles::must_be_free::<SamlProvider>(change.snapshot, &provider, "SAML provider")?;
            room::<SamlProvider>(change, MOST, "SAML provider")?;
            change.commit.add_object(&provider)?;
            noted(change, &provider);
            Ok(SamlProviderView::of(&provider))
        })
    }

    /// Deletes a provider. Trust policies that name it stay, and trust nobody by it, as in AWS. Blocks.
    ///
    /// # Errors
    /// When there is none, or a part fails.
    pub fn delete_saml_provider(&self, asked: Authorized) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: provider, revision } = find::saml_provider(change.snapshot, change.account, &which)?;
            // Nothing hangs on a provider.
            change.commit.delete_object(&provider, revision, 0);
            change.note("provider", provider.arn().to_string());
            Ok(())
        })
    }

    /// Writes the metadata of a provider anew. Blocks.
    ///
    /// # Errors
    /// When there is no such provider, it is too long, or a part fails.
    pub fn update_saml_provider(&self, asked: Authorized, metadata: &Metadata) -> Result<SamlProviderView, AdminError> {
        self.change_saml(asked, |change, provider| {
            provider.metadata = metadata.clone();
            provider.updated = change.now;
            noted(change, provider);
            Ok(())
        })
    }

    /// Sets tags of a provider. Blocks.
    ///
    /// # Errors
    /// When there is no such provider, a tag is none, or a part fails.
    pub fn tag_saml_provider(
        &self,
        asked: Authorized,
        set: &BTreeMap<String, String>,
    ) -> Result<SamlProviderView, AdminError> {
        self.retag_saml(asked, |tags| holders::set_tags(tags, set))
    }

    /// Takes tags of a provider away. Blocks.
    ///
    /// # Errors
    /// When there is no such provider, or a part fails.
    pub fn untag_saml_provider(&self, asked: Authorized, remove: &[String]) -> Result<SamlProviderView, AdminError> {
        self.retag_saml(asked, |tags| {
            holders::remove_tags(tags, remove);
            Ok(())
        })
    }

    fn retag_saml(
        &self,
        asked: Authorized,
        change_tags: impl FnOnce(&mut Tags) -> Result<(), AdminError>,
    ) -> Result<SamlProviderView, AdminError> {
        self.change_saml(asked, |change, provider| {
            change_tags(&mut provider.tags)?;
            change.note("provider", provider.arn().to_string());
            change.note("tags", holders::told_tags(&provider.tags));
            Ok(())
        })
    }

    fn change_saml(
        &self,
        asked: Authorized,
        work: impl FnOnce(&mut Change<'_>, &mut SamlProvider) -> Result<(), AdminError>,
    ) -> Result<SamlProviderView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: mut provider, revision } = find::saml_provider(change.snapshot, change.account, &which)?;
            work(change, &mut provider)?;
            fits(&provider)?;
            change.commit.put_object(&provider, revision)?;
            Ok(SamlProviderView::of(&provider))
        })
    }

    /// Shows a provider with its metadata. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn saml_provider(&self, asked: &Authorized) -> Result<SamlProviderView, AdminError> {
        self.store.read(|snapshot| {
            let provider = find::saml_provider(snapshot, &self.account, asked.resource())?.value;
            let metadata = Some(provider.metadata.as_str().to_owned());
            Ok(SamlProviderView { metadata, ..SamlProviderView::of(&provider) })
        })
    }

    /// All providers, by name; there are a hundred at most. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn saml_providers(&self) -> Result<Vec<SamlProviderView>, AdminError> {
        let found =
            self.store.read(|snapshot| iam::page::<SamlProvider>(snapshot, Some(&self.account), None, usize::MAX))?;
        Ok(found.iter().map(SamlProviderView::of).collect())
    }
}

impl SamlProviderView {
    fn of(provider: &SamlProvider) -> Self {
        Self {
            arn: provider.arn().to_string(),
            name: provider.name.to_string(),
            created: provider.created,
            updated: provider.updated,
            metadata: None,
            tags: views::tags(&provider.tags),
        }
    }
}

/// AWS takes ten million characters; here they lie in one row.
fn fits(provider: &SamlProvider) -> Result<(), AdminError> {
    super::super::fits(provider, "SAML metadata and tags")
}

/// Metadata stands in the audit log by its digest, and in the history of its row.
fn noted(change: &mut Change<'_>, provider: &SamlProvider) {
    change.note("provider", provider.arn().to_string());
    change.note("metadata_sha256", digest(provider.metadata.as_str()));
}
