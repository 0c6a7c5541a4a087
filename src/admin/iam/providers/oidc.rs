//! OpenID Connect providers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::super::{Admin, AdminError};
use super::super::{Change, find, holders, roles, views};
use super::room;
use crate::base::{OidcProviderId, Timestamp};
use crate::gate::Authorized;
use crate::model::oidc_provider::{ClientId, MOST, MOST_CLIENTS, MOST_THUMBPRINTS, Thumbprint};
use crate::model::{Issuer, OidcProvider, Tags};
use crate::store::iam::{self, Read};

/// A provider to be described.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOidcProvider {
    /// Its address, `https://` and what tokens of it say in `iss`.
    pub url: Issuer,
    /// The audiences whose tokens count.
    #[serde(default)]
    pub clients: Vec<ClientId>,
    /// SHA-1 of certificates of its server.
    #[serde(default)]
    pub thumbprints: Vec<Thumbprint>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A provider as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OidcProviderView {
    /// Its ARN.
    pub arn: String,
    /// Its address, without `https://`, as AWS shows it.
    pub url: String,
    /// The audiences whose tokens count.
    pub clients: Vec<String>,
    /// SHA-1 of certificates of its server.
    pub thumbprints: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl Admin {
    /// Describes a provider. Blocks.
    ///
    /// # Errors
    /// When there is one of that address, it has too much of something, there are too many, or a part fails.
    pub fn create_oidc_provider(
        &self,
        asked: Authorized,
        new: &NewOidcProvider,
    ) -> Result<OidcProviderView, AdminError> {
        let id = OidcProviderId::from_bytes(self.fresh_id());
        self.change(asked, |change| {
            let provider = OidcProvider {
                id,
                account: change.account.clone(),
                issuer: new.url.clone(),
                clients: few_clients(new.clients.iter().cloned().collect())?,
                thumbprints: few_thumbprints(new.thumbprints.clone())?,
                created: change.now,
                tags: holders::tags_of(&new.tags)?,
            };
            super::super::fits(&provider, "client ids and tags")?;
            roles::must_be_free::<OidcProvider>(change.snapshot, &provider, "OpenID Connect provider")?;
            room::<OidcProvider>(change, MOST, "OpenID Connect provider")?;
            change.commit.add_object(&provider)?;
            change.note("provider", provider.arn().to_string());
            Ok(OidcProviderView::of(&provider))
        })
    }

    /// Deletes a provider. Trust policies that name it stay, and trust nobody by it, as in AWS. Blocks.
    ///
    /// # Errors
    /// When there is none, or a part fails.
    pub fn delete_oidc_provider(&self, asked: Authorized) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: provider, revision } = find::oidc_provider(change.snapshot, change.account, &which)?;
            // Nothing hangs on a provider.
            change.commit.delete_object(&provider, revision, 0);
            change.note("provider", provider.arn().to_string());
            Ok(())
        })
    }

    /// Lets tokens for one more client count; one that counts already is no fault. Blocks.
    ///
    /// # Errors
    /// When there is no such provider, it has a hundred, or a part fails.
    pub fn add_oidc_client(&self, asked: Authorized, client: &ClientId) -> Result<OidcProviderView, AdminError> {
        self.change_oidc(asked, |change, provider| {
            change.note("client", client.to_string());
            provider.clients.insert(client.clone());
            provider.clients = few_clients(std::mem::take(&mut provider.clients))?;
            Ok(())
        })
    }

    /// Lets tokens for a client count no longer; one that does not count is no fault. Blocks.
    ///
    /// # Errors
    /// When there is no such provider, or a part fails.
    pub fn remove_oidc_client(&self, asked: Authorized, client: &ClientId) -> Result<OidcProviderView, AdminError> {
        self.change_oidc(asked, |change, provider| {
            change.note("client", client.to_string());
            provider.clients.remove(client);
            Ok(())
        })
    }

    /// Sets the thumbprints, in the place of those there are. Blocks.
    ///
    /// # Errors
    /// When there is no such provider, there are more than five, or a part fails.
    pub fn set_oidc_thumbprints(
        &self,
        asked: Authorized,
        thumbprints: &[Thumbprint],
    ) -> Result<OidcProviderView, AdminError> {
        self.change_oidc(asked, |change, provider| {
            let told: Vec<String> = thumbprints.iter().map(ToString::to_string).collect();
            change.note("thumbprints", told.join(" "));
            provider.thumbprints = few_thumbprints(thumbprints.to_vec())?;
            Ok(())
        })
    }

    /// Changes the tags of a provider. Blocks.
    ///
    /// # Errors
    /// When there is no such provider, a tag is none, or a part fails.
    pub fn tag_oidc_provider(
        &self,
        asked: Authorized,
        set: &BTreeMap<String, String>,
    ) -> Result<OidcProviderView, AdminError> {
        self.retag_oidc(asked, |tags| holders::set_tags(tags, set))
    }

    /// Takes tags of a provider away. Blocks.
    ///
    /// # Errors
    /// When there is no such provider, or a part fails.
    pub fn untag_oidc_provider(&self, asked: Authorized, remove: &[String]) -> Result<OidcProviderView, AdminError> {
        self.retag_oidc(asked, |tags| {
            holders::remove_tags(tags, remove);
            Ok(())
        })
    }

    fn retag_oidc(
        &self,
        asked: Authorized,
        change_tags: impl FnOnce(&mut Tags) -> Result<(), AdminError>,
    ) -> Result<OidcProviderView, AdminError> {
        self.change_oidc(asked, |change, provider| {
            change_tags(&mut provider.tags)?;
            change.note("tags", holders::told_tags(&provider.tags));
            Ok(())
        })
    }

    fn change_oidc(
        &self,
        asked: Authorized,
        work: impl FnOnce(&mut Change<'_>, &mut OidcProvider) -> Result<(), AdminError>,
    ) -> Result<OidcProviderView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: before, revision } = find::oidc_provider(change.snapshot, change.account, &which)?;
            let mut after = before.clone();
            work(change, &mut after)?;
            super::super::fits(&after, "client ids and tags")?;
            change.note("provider", after.arn().to_string());
            if after != before {
                change.commit.put_object(&after, revision)?;
            }
            Ok(OidcProviderView::of(&after))
        })
    }

    /// Shows a provider. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn oidc_provider(&self, asked: &Authorized) -> Result<OidcProviderView, AdminError> {
        self.store.read(|snapshot| {
            let provider = find::oidc_provider(snapshot, &self.account, asked.resource())?.value;
            Ok(OidcProviderView::of(&provider))
        })
    }

    /// All providers, by address; there are a hundred at most. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn oidc_providers(&self) -> Result<Vec<OidcProviderView>, AdminError> {
        let found =
            self.store.read(|snapshot| iam::page::<OidcProvider>(snapshot, Some(&self.account), None, usize::MAX))?;
        Ok(found.iter().map(OidcProviderView::of).collect())
    }
}

impl OidcProviderView {
    fn of(provider: &OidcProvider) -> Self {
        Self {
            arn: provider.arn().to_string(),
            url: provider.issuer.to_string(),
            clients: provider.clients.iter().map(ToString::to_string).collect(),
            thumbprints: provider.thumbprints.iter().map(ToString::to_string).collect(),
            created: provider.created,
            tags: views::tags(&provider.tags),
        }
    }
}

fn few_clients(clients: BTreeSet<ClientId>) -> Result<BTreeSet<ClientId>, AdminError> {
    within(clients.len(), MOST_CLIENTS, "client ids").map(|()| clients)
}

/// Each once, in their order.
fn few_thumbprints(mut thumbprints: Vec<Thumbprint>) -> Result<Vec<Thumbprint>, AdminError> {
    let mut seen = BTreeSet::new();
    thumbprints.retain(|thumbprint| seen.insert(thumbprint.clone()));
    within(thumbprints.len(), MOST_THUMBPRINTS, "thumbprints").map(|()| thumbprints)
}

fn within(count: usize, most: usize, what: &str) -> Result<(), AdminError> {
    if count <= most {
        return Ok(());
    }
    Err(AdminError::LimitExceeded {
        what: format!("{count} {what}"),
        limit: format!("an OpenID Connect provider has {most} at most"),
    })
}
