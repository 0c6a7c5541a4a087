//! Service providers of SAML: registered here, or declared in the configuration.
//!
//! What counts of their metadata is pinned when they are registered; newer metadata is taken for good by an administrator alone
//! ([`refresh`]). One that the configuration declares is shown and not changed here, and takes the place of a registered one of its
//! name, or of what it calls itself.

pub mod aws;
pub mod metadata;
mod person;
pub mod refresh;
pub mod report;
mod settings;

use std::sync::PoisonError;

use serde::{Deserialize, Serialize};

pub use settings::{NewSp, SpSettings};

use super::clients::Source;
use super::iam::{Change, fits};
use super::{Admin, AdminError};
use crate::authn::saml::{SpMetadata, Unfetched};
use crate::base::Timestamp;
use crate::base::text::printable;
use crate::gate::Authorized;
use crate::model::saml_sp::{MOST, MetadataSource, Preset};
use crate::model::{SamlSp, SpName};
use crate::store::iam::Read;
use crate::store::{Revision, Snapshot, StoreError, saml};

/// A service provider as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SpView {
    /// What it is called here.
    pub name: SpName,
    /// Whence it is known.
    pub source: Source,
    /// Which kind of application it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// What it calls itself by.
    pub entity_id: String,
    /// Where responses are delivered.
    pub acs: Vec<String>,
    /// SHA-256 of the metadata that counts.
    pub metadata_digest: String,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_from: Option<MetadataSource>,
    /// Newer metadata that nobody has confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingView>,
    /// Its settings.
    pub settings: SpSettings,
    /// When it was registered; nothing of a declared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// When its settings were changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
}

/// Metadata that waits, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingView {
    /// SHA-256 of it: what is confirmed by.
    pub digest: String,
    /// Since when it waits.
    pub since: Timestamp,
    /// What it has otherwise.
    pub changes: Vec<String>,
}

/// A change of a service provider.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpChange {
    /// Metadata that an administrator takes for good, in the place of what counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
    /// The file that it came in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Settings; those that are not said stay.
    pub settings: SpSettings,
}

impl Admin {
    /// Registers a service provider; `fetched` is its metadata, where an address of that is said. Blocks.
    ///
    /// # Errors
    /// When there is one of that name, or that calls itself so, its metadata cannot be used, settings contradict each other, there are
    /// too many, or a part fails.
    pub fn create_sp(
        &self,
        asked: Authorized,
        new: &NewSp,
        fetched: Option<Result<String, Unfetched>>,
    ) -> Result<SpView, AdminError> {
        self.change(asked, |change| {
            new.single()?;
            let sp = new.begin(fetched.transpose()?, change.now)?;
            if self.declared_sp(&sp.name).is_some() || saml::sp(change.snapshot, &sp.name)?.is_some() {
                return Err(AdminError::Exists { kind: "service provider", name: sp.name.to_string() });
            }
            if saml::count_sps(change.snapshot)? >= MOST {
                return Err(AdminError::LimitExceeded {
                    what: "one more service provider".to_owned(),
                    limit: format!("{MOST} are kept; remove one first"),
                });
            }
            self.must_be_alone(change.snapshot, &sp)?;
            put(change, &sp, None, 0)?;
            Ok(SpView::of(&sp, Source::Stored))
        })
    }

    /// Changes what is said of a service provider, or its metadata; the rest stays, and so does its name. Blocks.
    ///
    /// # Errors
    /// When there is none, the configuration declares it, settings contradict each other or its metadata, or a part fails.
    pub fn update_sp(&self, asked: Authorized, said: &SpChange) -> Result<SpView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: before, revision } = self.registered_sp(change.snapshot, &which)?;
            let mut after = before.clone();
            if let Some(text) = &said.metadata {
                let read = SpMetadata::read(text, Some(&before.entity_id));
                let read = read.or_else(|_| SpMetadata::read(text, None))?;
                after.entity_id = read.entity_id().to_owned();
                (after.metadata, after.waiting) = (metadata::fitting(text.clone(), Some(&after.entity_id))?, None);
                // Where it is fetched from stays: what comes from there otherwise waits.
                if !matches!(after.source, Some(MetadataSource::Url(_))) {
                    after.source = said.file.clone().map(MetadataSource::File);
                }
            }
            said.settings.apply(&mut after)?;
            if after.entity_id != before.entity_id {
                self.must_be_alone(change.snapshot, &after)?;
            }
            if after != before {
                after.updated = change.now;
                put(change, &after, Some(&before), revision)?;
            }
            Ok(SpView::of(&after, Source::Stored))
        })
    }

    /// Deletes a service provider: nobody signs in to it any more. Blocks.
    ///
    /// # Errors
    /// When there is none, the configuration declares it, or a part fails.
    pub fn delete_sp(&self, asked: Authorized) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: sp, revision } = self.registered_sp(change.snapshot, &which)?;
            change.commit.delete_sp(&sp, revision);
            change.note("sp", sp.name.to_string());
            change.note("entity_id", sp.entity_id.clone());
            Ok(())
        })
    }

    /// Shows a service provider. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn sp(&self, asked: &Authorized) -> Result<(SamlSp, Source), AdminError> {
        let name: SpName = asked.resource().parse().map_err(|_| missing(asked.resource()))?;
        self.known_sp(&name)?.ok_or_else(|| missing(name.as_str()))
    }

    /// All service providers, by name. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sps(&self) -> Result<Vec<SpView>, AdminError> {
        Ok(self.known_sps()?.iter().map(|(sp, source)| SpView::of(sp, *source)).collect())
    }

    /// All of them, as they count, by name. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn known_sps(&self) -> Result<Vec<(SamlSp, Source)>, StoreError> {
        let declared = self.declared_sps();
        let hidden =
            |sp: &SamlSp| declared.iter().any(|other| other.name == sp.name || other.entity_id == sp.entity_id);
        let stored = self.store.read(saml::sps)?.into_iter().filter(|sp| !hidden(sp));
        let mut all: Vec<_> = stored.map(|sp| (sp, Source::Stored)).collect();
        all.extend(declared.iter().map(|sp| (sp.clone(), Source::Config)));
        all.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        Ok(all)
    }

    /// The service provider of this name. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn known_sp(&self, name: &SpName) -> Result<Option<(SamlSp, Source)>, StoreError> {
        if let Some(sp) = self.declared_sp(name) {
            return Ok(Some((sp, Source::Config)));
        }
        let stored = self.store.read(|snapshot| saml::sp(snapshot, name))?.map(|found| found.value);
        let declared = self.declared_sps();
        let stored = stored.filter(|sp| declared.iter().all(|other| other.entity_id != sp.entity_id));
        Ok(stored.map(|sp| (sp, Source::Stored)))
    }

    /// The service provider that calls itself so: what its requests are held to. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sp_called(&self, entity_id: &str) -> Result<Option<(SamlSp, Source)>, StoreError> {
        if let Some(sp) = self.declared_sps().into_iter().find(|sp| sp.entity_id == entity_id) {
            return Ok(Some((sp, Source::Config)));
        }
        let stored = self.store.read(|snapshot| saml::sp_of(snapshot, entity_id))?.map(|found| found.value);
        let stored = stored.filter(|sp| self.declared_sp(&sp.name).is_none());
        Ok(stored.map(|sp| (sp, Source::Stored)))
    }

    fn declared_sps(&self) -> Vec<SamlSp> {
        self.declared_sps.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn declared_sp(&self, name: &SpName) -> Option<SamlSp> {
        self.declared_sps().into_iter().find(|sp| sp.name == *name)
    }

    /// A service provider that can be changed here.
    fn registered_sp(&self, snapshot: &dyn Snapshot, which: &str) -> Result<Read<SamlSp>, AdminError> {
        let name: SpName = which.parse().map_err(|_| missing(which))?;
        if self.declared_sp(&name).is_some() {
            return Err(AdminError::Unmodifiable {
                what: format!("service provider `{name}` is declared in the configuration"),
                remedy: "change its [[saml_sp]] section and reload".to_owned(),
            });
        }
        saml::sp(snapshot, &name)?.ok_or_else(|| missing(which))
    }

    /// Refuses a second service provider that calls itself the same: whose request it is would be anybody's guess.
    fn must_be_alone(&self, snapshot: &dyn Snapshot, sp: &SamlSp) -> Result<(), AdminError> {
        let declared = self.declared_sps().into_iter().find(|other| other.entity_id == sp.entity_id);
        let stored = saml::sp_of(snapshot, &sp.entity_id)?.map(|found| found.value);
        match declared.or(stored).filter(|other| other.name != sp.name) {
            None => Ok(()),
            Some(other) => Err(AdminError::NotNow {
                what: format!("`{}` calls itself `{}`, too", other.name, printable(&sp.entity_id)),
                remedy: "change that one, or remove it first".to_owned(),
            }),
        }
    }
}

fn put(change: &mut Change<'_>, sp: &SamlSp, before: Option<&SamlSp>, revision: Revision) -> Result<(), AdminError> {
    let read = metadata::consistent(sp)?;
    fits(sp, "settings of a service provider, with its metadata")?;
    change.commit.put_sp(sp, before, revision)?;
    change.note("sp", sp.name.to_string());
    change.note("entity_id", sp.entity_id.clone());
    change.note("metadata", metadata::digest(&sp.metadata));
    let acs: Vec<&str> = read.acs().iter().map(|acs| acs.location.as_str()).collect();
    change.note("acs", acs.join(" "));
    Ok(())
}

impl SpView {
    /// What is shown of `sp`.
    #[must_use]
    pub fn of(sp: &SamlSp, source: Source) -> Self {
        let when = |at| (source == Source::Stored).then_some(at);
        let read = SpMetadata::read(&sp.metadata, Some(&sp.entity_id));
        let waiting = sp.waiting.as_ref().map(|waiting| WaitingView {
            digest: waiting.digest.clone(),
            since: waiting.since,
            changes: waiting.changes.clone(),
        });
        Self {
            name: sp.name.clone(),
            source,
            preset: sp.preset,
            entity_id: sp.entity_id.clone(),
            acs: read.map(|read| read.acs().iter().map(|acs| acs.location.clone()).collect()).unwrap_or_default(),
            metadata_digest: metadata::digest(&sp.metadata),
            metadata_from: sp.source.clone(),
            waiting,
            settings: SpSettings::of(sp),
            created: when(sp.created),
            updated: when(sp.updated),
        }
    }
}

fn missing(which: &str) -> AdminError {
    AdminError::NotFound { kind: "service provider", who: printable(which).into_owned() }
}
