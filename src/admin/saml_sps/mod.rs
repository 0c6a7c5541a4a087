//! Service providers of SAML: registered here, or declared in the configuration.
//!
//! What counts of their metadata is pinned when they are registered; newer metadata is taken for good by an administrator alone
//! ([`refresh`]). One that the configuration declares ([`declared`]) is shown and not changed here, and takes the place of a registered
//! one of its name, or of what it calls itself.

mod alike;
pub mod aws;
pub mod declared;
pub mod idp;
pub mod metadata;
mod person;
pub mod refresh;
pub mod report;
mod settings;

pub use alike::Alike;

use serde::{Deserialize, Serialize};

pub use settings::{NewSp, SpSettings};

use declared::{Declarations, FetchedSp, Standing};
use idp::Idp;
use report::{Known, Report};

use super::clients::Source;
use super::iam::{Change, fits};
use super::{Admin, AdminError};
use crate::authn::saml::{MetadataFetchError, SpMetadata};
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
    /// What it calls itself by; nothing, as long as that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<String>,
    /// Where responses are delivered.
    pub acs: Vec<String>,
    /// SHA-256 of the metadata that counts, if any does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_digest: Option<String>,
    /// Why nobody signs in to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<String>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_from: Option<MetadataSource>,
    /// Newer metadata that nobody has confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingView>,
    /// What it has to be told of us, where it is shown alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idp: Option<Idp>,
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
    /// In the place of both: where it is fetched from, now and then once a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
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
        fetched: Option<Result<String, MetadataFetchError>>,
    ) -> Result<SpView, AdminError> {
        self.change(asked, |change| {
            new.single()?;
            let sp = new.begin(fetched.transpose()?, change.now)?;
            let declared = self.declarations(change.snapshot)?;
            if declared.section(&sp.name).is_some() || saml::sp(change.snapshot, &sp.name)?.is_some() {
                return Err(AdminError::Exists { kind: "service provider", name: sp.name.to_string() });
            }
            if saml::count_sps(change.snapshot)? >= MOST {
                return Err(AdminError::LimitExceeded {
                    what: "one more service provider".to_owned(),
                    limit: format!("{MOST} are kept; remove one first"),
                });
            }
            must_be_alone(change.snapshot, &declared, &sp)?;
            put(change, &sp, None, 0)?;
            Ok(SpView::of(&sp, Source::Stored))
        })
    }

    /// Changes what is said of a service provider, or its metadata; the rest stays, and so does its name. `fetched` is its metadata, where
    /// an address of that is said. Blocks.
    ///
    /// # Errors
    /// When there is none, the configuration declares it, settings contradict each other or its metadata, or a part fails.
    pub fn update_sp(
        &self,
        asked: Authorized,
        said: &SpChange,
        fetched: Option<Result<String, MetadataFetchError>>,
    ) -> Result<SpView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: before, revision } = self.registered_sp(change.snapshot, &which)?;
            let mut after = before.clone();
            if let Some(text) = &said.text(fetched.transpose()?)? {
                let read = SpMetadata::read(text, Some(&before.entity_id));
                let read = read.or_else(|_| SpMetadata::read(text, None))?;
                after.entity_id = read.entity_id().to_owned();
                (after.metadata, after.waiting) = (metadata::fitting(text.clone(), Some(&after.entity_id))?, None);
                after.source = match (&said.url, after.source) {
                    (Some(url), _) => Some(MetadataSource::Url(url.clone())),
                    // Where it is fetched from stays: what comes from there otherwise waits.
                    (None, Some(MetadataSource::Url(url))) => Some(MetadataSource::Url(url)),
                    (None, _) => said.file.clone().map(MetadataSource::File),
                };
            }
            said.settings.apply(&mut after)?;
            if after.entity_id != before.entity_id {
                must_be_alone(change.snapshot, &self.declarations(change.snapshot)?, &after)?;
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

    /// The service provider that is asked about, as it counts. Blocks.
    ///
    /// # Errors
    /// When there is none, it is not answered yet, or the store cannot be read.
    pub fn sp(&self, asked: &Authorized) -> Result<(SamlSp, Source), AdminError> {
        self.answered_sp(asked.resource())
    }

    fn answered_sp(&self, which: &str) -> Result<(SamlSp, Source), AdminError> {
        match self.found_sp(which)? {
            Found::Counts(sp, source) => Ok((*sp, source)),
            Found::Waits { section, why } => Err(AdminError::NotNow {
                what: format!("nobody signs in to `{}`: {why}", section.name()),
                remedy: format!("see what is wrong by `bailey sp check {}`", section.name()),
            }),
        }
    }

    /// Shows it, with the metadata that counts. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn shown_sp(&self, asked: &Authorized) -> Result<(SpView, Option<SamlSp>), AdminError> {
        Ok(match self.found_sp(asked.resource())? {
            Found::Counts(sp, source) => (SpView::of(&sp, source), Some(*sp)),
            Found::Waits { section, why } => (SpView::waiting(&section, why), None),
        })
    }

    /// What it comes to, in words; `us` is what it has to be told of us, while single sign-on is on. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn sp_report(&self, asked: &Authorized, us: Option<&Idp>) -> Result<Report, AdminError> {
        let accounts = self.accounts();
        let known = |failure| Known { us, next: self.next_is_published(), accounts: &accounts, failure };
        Ok(match self.found_sp(asked.resource())? {
            Found::Counts(sp, _) => {
                // One of before, when it was fetched from somewhere, says nothing any more.
                let is_fetched = matches!(sp.source, Some(MetadataSource::Url(_)));
                let failure = self.sp_fetcher.failure(&sp.name).filter(|_| is_fetched);
                report::report_known(&sp, known(failure), self.now())
            }
            Found::Waits { section, why } => {
                let failure = self.sp_fetcher.failure(section.name());
                report::of_unanswered(&section, why, known(failure))
            }
        })
    }

    /// All service providers, by name. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sps(&self) -> Result<Vec<SpView>, AdminError> {
        let mut all: Vec<SpView> = self.known_sps()?.iter().map(|(sp, source)| SpView::of(sp, *source)).collect();
        let standings = self.store.read(|snapshot| self.declarations(snapshot))?.standings();
        all.extend(standings.into_iter().filter_map(|standing| match standing {
            Standing::Counts(_) => None,
            Standing::Waits { section, why } => Some(SpView::waiting(&section, why)),
        }));
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// All of them that are answered, as they count, by name. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn known_sps(&self) -> Result<Vec<(SamlSp, Source)>, StoreError> {
        let (declared, stored) =
            self.store.read(|snapshot| Ok::<_, StoreError>((self.declarations(snapshot)?, saml::sps(snapshot)?)))?;
        let stored = stored.into_iter().filter(|sp| !declared.hides(sp));
        let mut all: Vec<_> = stored.map(|sp| (sp, Source::Stored)).collect();
        all.extend(declared.standings().into_iter().filter_map(|standing| match standing {
            Standing::Counts(sp) => Some((*sp, Source::Config)),
            Standing::Waits { .. } => None,
        }));
        all.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        Ok(all)
    }

    /// The service provider of this name, if it is answered. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn known_sp(&self, name: &SpName) -> Result<Option<(SamlSp, Source)>, StoreError> {
        Ok(match self.find_sp(name)? {
            Some(Found::Counts(sp, source)) => Some((*sp, source)),
            Some(Found::Waits { .. }) | None => None,
        })
    }

    /// The service provider that calls itself so: what its requests are held to. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sp_called(&self, entity_id: &str) -> Result<Option<(SamlSp, Source)>, StoreError> {
        self.store.read(|snapshot| {
            let declared = self.declarations(snapshot)?;
            if let Some(sp) = declared.called(entity_id) {
                return Ok(Some((sp, Source::Config)));
            }
            let stored = saml::sp_of(snapshot, entity_id)?.map(|found| found.value);
            Ok(stored.filter(|sp| !declared.hides(sp)).map(|sp| (sp, Source::Stored)))
        })
    }

    fn found_sp(&self, which: &str) -> Result<Found, AdminError> {
        let name: SpName = which.parse().map_err(|_| missing(which))?;
        self.find_sp(&name)?.ok_or_else(|| missing(which))
    }

    fn find_sp(&self, name: &SpName) -> Result<Option<Found>, StoreError> {
        self.store.read(|snapshot| {
            let declared = self.declarations(snapshot)?;
            if let Some(standing) = declared.named(name) {
                return Ok(Some(match standing {
                    Standing::Counts(sp) => Found::Counts(sp, Source::Config),
                    Standing::Waits { section, why } => Found::Waits { section, why },
                }));
            }
            let stored = saml::sp(snapshot, name)?.map(|found| found.value).filter(|sp| !declared.hides(sp));
            Ok(stored.map(|sp| Found::Counts(Box::new(sp), Source::Stored)))
        })
    }

    /// A service provider that can be changed here.
    fn registered_sp(&self, snapshot: &dyn Snapshot, which: &str) -> Result<Read<SamlSp>, AdminError> {
        let name: SpName = which.parse().map_err(|_| missing(which))?;
        if self.declarations(snapshot)?.section(&name).is_some() {
            return Err(unmodifiable(&name));
        }
        saml::sp(snapshot, &name)?.ok_or_else(|| missing(which))
    }
}

/// A service provider of some name.
enum Found {
    /// It is answered.
    Counts(Box<SamlSp>, Source),
    /// Nobody is, of one that the configuration declares.
    Waits { section: Box<FetchedSp>, why: String },
}

fn unmodifiable(name: &SpName) -> AdminError {
    AdminError::Unmodifiable {
        what: format!("service provider `{name}` is declared in the configuration"),
        remedy: "change its [[saml_sp]] section and reload".to_owned(),
    }
}

/// Refuses a second service provider that calls itself the same: whose request it is would be anybody's guess.
fn must_be_alone(snapshot: &dyn Snapshot, declared: &Declarations, sp: &SamlSp) -> Result<(), AdminError> {
    declared.must_be_alone(sp)?;
    let stored = saml::sp_of(snapshot, &sp.entity_id)?.map(|found| found.value);
    match stored.filter(|other| other.name != sp.name) {
        None => Ok(()),
        Some(other) => Err(twin(&other.name, &sp.entity_id)),
    }
}

fn twin(other: &SpName, entity_id: &str) -> AdminError {
    AdminError::NotNow {
        what: format!("`{other}` calls itself `{}`, too", printable(entity_id)),
        remedy: "change that one, or remove it first".to_owned(),
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
            entity_id: Some(sp.entity_id.clone()),
            acs: read.map(|read| read.acs().iter().map(|acs| acs.location.clone()).collect()).unwrap_or_default(),
            metadata_digest: Some(metadata::digest(&sp.metadata)),
            unanswered: None,
            metadata_from: sp.source.clone(),
            waiting,
            idp: None,
            settings: SpSettings::of(sp),
            created: when(sp.created),
            updated: when(sp.updated),
        }
    }

    /// What is shown of a section that is not answered, and why it is not.
    fn waiting(section: &FetchedSp, why: String) -> Self {
        let said = section.said();
        Self {
            name: said.name.clone(),
            source: Source::Config,
            preset: said.preset,
            entity_id: said.entity_id.clone(),
            acs: Vec::new(),
            metadata_digest: None,
            unanswered: Some(why),
            metadata_from: Some(MetadataSource::Url(section.url().to_owned())),
            waiting: None,
            idp: None,
            settings: said.settings.clone(),
            created: None,
            updated: None,
        }
    }
}

fn missing(which: &str) -> AdminError {
    AdminError::NotFound { kind: "service provider", who: printable(which).into_owned() }
}
