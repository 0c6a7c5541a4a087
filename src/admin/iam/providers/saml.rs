//! SAML providers. Their metadata is kept as text, and has to be what an identity provider can be known by.
//!
//! Writing it is how an administrator says whom to believe; so what is written counts from then on, and nothing else does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::super::{Admin, AdminError};
use super::super::{Change, digest, find, holders, roles, views};
use super::encryption::{EncryptionChange, encrypt};
use super::fitting::fitting;
use super::room;
use crate::authn::saml::IdentityProvider;
use crate::base::{SamlProviderId, Timestamp};
use crate::gate::Authorized;
use crate::model::saml_encryption::{Encryption, EncryptionMode, PrivateKeyPem};
use crate::model::saml_provider::{Described, MOST, MOST_KEYS, Metadata, Waiting};
use crate::model::{SamlProvider, SamlProviderName, Tags};
use crate::store::iam::{self, Read};
use crate::store::saml;

/// A provider to be described.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSamlProvider {
    /// Its name.
    pub name: SamlProviderName,
    /// What it says of itself, as text; or it is fetched from `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Where it publishes that, `https://`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its own name, its `entityID`: which one is meant, where metadata describes many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Whether its assertions have to be encrypted; goes with a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<EncryptionMode>,
    /// A private key that opens them, as PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key: Option<PrivateKeyPem>,
}

/// A provider as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SamlProviderView {
    /// Stays the same: its id, in hex and capitals.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// When its metadata was written last.
    pub updated: Timestamp,
    /// Where it publishes that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What was found there and waits to be confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// Its own name, its `entityID`; `None` of one whose metadata nobody read when it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<String>,
    /// SHA-256 of the certificates whose keys it signs with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
    /// Until when its metadata counts, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// How its assertions are encrypted, and the ids of the keys that open them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
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
    /// When there is one of that name, its metadata is too long or cannot be used, its key is none, there are too many, or a part fails.
    pub fn create_saml_provider(
        &self,
        asked: Authorized,
        new: NewSamlProvider,
    ) -> Result<SamlProviderView, AdminError> {
        let id = SamlProviderId::from_bytes(self.fresh_id());
        let NewSamlProvider { name, metadata, url, entity_id, tags, encryption, private_key } = new;
        let encryption = EncryptionChange { encryption, private_key, remove_private_key: None };
        self.change(asked, |change| {
            let metadata = metadata.ok_or_else(|| AdminError::OutOfBounds {
                what: "a SAML provider without metadata".to_owned(),
                limit: "give its metadata, or the `url` where it publishes that".to_owned(),
            })?;
            let metadata = fitting(metadata, entity_id.as_deref())?;
            let mut provider = SamlProvider {
                id,
                account: change.account.clone(),
                name,
                metadata: metadata.clone(),
                described: None,
                source: url,
                waiting: None,
                encryption: None,
                created: change.now,
                updated: change.now,
                tags: holders::tags_of(&tags)?,
            };
            fits(&provider)?;
            provider.described = Some(described(&metadata)?);
            roles::must_be_free::<SamlProvider>(change.snapshot, &provider, "SAML provider")?;
            room::<SamlProvider>(change, MOST, "SAML provider")?;
            noted(change, &provider);
            encrypt(change, &self.keys, &mut provider, &encryption)?;
            change.commit.add_object(&provider)?;
            Ok(SamlProviderView::of(&provider))
        })
    }

    /// Deletes a provider, and the keys that open its assertions. Trust policies that name it stay, and trust nobody by it, as in AWS.
    /// Blocks.
    ///
    /// # Errors
    /// When there is none, or a part fails.
    pub fn delete_saml_provider(&self, asked: Authorized) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: provider, revision } = find::saml_provider(change.snapshot, change.account, &which)?;
            for held in saml::provider_keys(change.snapshot, &provider.id)? {
                change.commit.delete_provider_key(&provider.id, &held.id);
            }
            // Nothing else hangs on a provider.
            change.commit.delete_object(&provider, revision, 0);
            change.note("provider", provider.arn().to_string());
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

    pub(super) fn change_saml(
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
    pub(super) fn of(provider: &SamlProvider) -> Self {
        let described = provider.described.as_ref();
        Self {
            id: hex::encode_upper(provider.id.as_bytes()),
            arn: provider.arn().to_string(),
            name: provider.name.to_string(),
            created: provider.created,
            updated: provider.updated,
            source: provider.source.clone(),
            waiting: provider.waiting.clone().map(|waiting| Waiting { metadata: None, ..waiting }),
            entity_id: described.map(|described| described.entity_id.clone()),
            certificates: described.map(|described| described.certificates.clone()).unwrap_or_default(),
            valid_until: described.and_then(|described| described.valid_until),
            encryption: provider.encryption.clone(),
            metadata: None,
            tags: views::tags(&provider.tags),
        }
    }
}

/// From now on it is this that counts.
pub(super) fn write(
    change: &mut Change<'_>,
    provider: &mut SamlProvider,
    metadata: &Metadata,
) -> Result<(), AdminError> {
    provider.metadata = metadata.clone();
    fits(provider)?;
    (provider.described, provider.waiting) = (Some(described(metadata)?), None);
    provider.updated = change.now;
    noted(change, provider);
    Ok(())
}

/// What is kept of newer metadata of a provider: of many the one is meant that was meant before, and who calls itself otherwise now is
/// to be looked at, too.
pub(super) fn fitting_for(provider: &SamlProvider, text: Metadata) -> Result<Metadata, AdminError> {
    let known = provider.described.as_ref().map(|described| described.entity_id.as_str());
    fitting(text.clone(), known).or_else(|_| fitting(text, None))
}

/// What metadata says of who the provider is.
pub(super) fn described(metadata: &Metadata) -> Result<Described, AdminError> {
    let read = IdentityProvider::read(metadata.as_str()).map_err(AdminError::SamlMetadata)?;
    let certificates: Vec<String> = read.keys().fingerprints().map(str::to_owned).collect();
    if certificates.len() > MOST_KEYS {
        return Err(AdminError::LimitExceeded {
            what: format!("{} certificates for signing", certificates.len()),
            limit: format!("a SAML provider has {MOST_KEYS} at most"),
        });
    }
    Ok(Described { entity_id: read.entity_id().to_owned(), certificates, valid_until: read.valid_until() })
}

/// AWS takes ten million characters; here they lie in one row.
pub(super) fn fits(provider: &SamlProvider) -> Result<(), AdminError> {
    super::super::fits(provider, "SAML metadata and tags")
}

/// Metadata stands in the audit log by its digest, and in the history of its row.
fn noted(change: &mut Change<'_>, provider: &SamlProvider) {
    change.note("provider", provider.arn().to_string());
    change.note("metadata_sha256", digest(provider.metadata.as_str()));
}
