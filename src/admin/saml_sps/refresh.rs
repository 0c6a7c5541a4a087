//! Metadata that is fetched again: what changes how long it is good alone is taken, everything else waits for an administrator.
//!
//! Whoever takes over the address of an application's metadata, or the application itself, must not have assertions sent elsewhere
//! by that alone (threats 1.3). What waits counts for nothing. So a task may write it down, and it is told until somebody decides.

use serde::{Deserialize, Serialize};

use super::SpView;
use super::metadata::{consistent, digest, fitting};
use crate::admin::clients::Source;
use crate::admin::{Admin, AdminError};
use crate::audit::{Event, Outcome};
use crate::authn::saml::{SpMetadata, Unfetched};
use crate::base::Timestamp;
use crate::base::clock::expired;
use crate::gate::Authorized;
use crate::model::saml_sp::{MetadataSource, Waiting};
use crate::model::{Actor, SamlSp, SpName};
use crate::store::iam::Read;
use crate::store::{Commit, Intent, StoreError, saml};

/// What came of metadata that was fetched again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Came {
    /// It is what counts already.
    Same,
    /// It is good for another time, and counts.
    Renewed,
    /// It waits for an administrator.
    Waits,
    /// It waits, and did before.
    WaitsStill,
}

/// Which metadata an administrator takes for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// Its SHA-256: that of what was looked at.
    pub digest: String,
}

/// A service provider, and what came of its metadata.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refreshed {
    /// What came of it.
    pub came: Came,
    /// The service provider.
    #[serde(flatten)]
    pub sp: SpView,
}

/// `sp` with `text` as its newest metadata, and what came of it.
fn with_newer(sp: &SamlSp, text: String, now: Timestamp) -> Result<(SamlSp, Came), AdminError> {
    let mut after = sp.clone();
    // Who calls itself otherwise now is to be looked at, too; of many the one is meant that was meant before.
    let text = match fitting(text.clone(), Some(&sp.entity_id)) {
        Ok(text) => text,
        Err(_) => fitting(text, None)?,
    };
    if text == sp.metadata {
        // What waited was taken back there.
        after.waiting = None;
        return Ok((after, Came::Same));
    }
    let newer = SpMetadata::read(&text, Some(&sp.entity_id)).or_else(|_| SpMetadata::read(&text, None))?;
    if let Some(end) = newer.valid_until().filter(|end| expired(*end, now)) {
        return Err(AdminError::NotNow {
            what: format!("what was fetched was valid until {end:.0}"),
            remedy: "have the application publish metadata that is valid".to_owned(),
        });
    }
    let changes = SpMetadata::read(&sp.metadata, Some(&sp.entity_id))?.changes(&newer);
    if changes.is_empty() {
        (after.metadata, after.waiting, after.updated) = (text, None, now);
        return Ok((after, Came::Renewed));
    }
    let before = sp.waiting.as_ref().filter(|waiting| waiting.changes == changes);
    let came = if before.is_some() { Came::WaitsStill } else { Came::Waits };
    let since = before.map_or(now, |waiting| waiting.since);
    after.waiting = Some(Waiting { digest: digest(&text), metadata: text, since, changes });
    Ok((after, came))
}

impl Admin {
    /// Takes up metadata that was fetched because somebody asked for that. Blocks.
    ///
    /// # Errors
    /// When there is no such service provider, the configuration declares it, what was fetched is of no use, or a part fails.
    pub fn refresh_sp(&self, asked: Authorized, fetched: Result<String, Unfetched>) -> Result<Refreshed, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: before, revision } = self.registered_sp(change.snapshot, &which)?;
            let (after, came) = with_newer(&before, fetched?, change.now)?;
            if after != before {
                super::put(change, &after, Some(&before), revision)?;
            }
            change.note("came", came.word());
            note_waiting(&after, |name, value| change.note(name, value));
            Ok(Refreshed { came, sp: SpView::of(&after, Source::Stored) })
        })
    }

    /// The same of what the daemon fetched by itself. What waits is told in the log and written down; nothing that it says counts. Blocks.
    ///
    /// # Errors
    /// When what was fetched is of no use, or the store fails.
    pub fn take_fetched_sp(&self, name: &SpName, fetched: String, now: Timestamp) -> Result<Came, AdminError> {
        let Some(Read { value: before, revision }) = self.store.read(|snapshot| saml::sp(snapshot, name))? else {
            return Ok(Came::Same);
        };
        let (after, came) = with_newer(&before, fetched, now)?;
        if after == before {
            return Ok(came);
        }
        let by = Actor::task("saml-metadata");
        let mut commit = Commit::new(by.clone(), now, Intent::Narrow);
        commit.put_sp(&after, Some(&before), revision)?;
        match self.store.commit(commit) {
            Ok(_) => {}
            // Somebody changed it meanwhile: the next round looks at what they left.
            Err(StoreError::Conflict { .. }) => return Ok(Came::Same),
            Err(error) => return Err(error.into()),
        }
        let mut event = Event::reading("RefreshSAMLServiceProvider")
            .with("sp", name.as_str())
            .with("entity_id", before.entity_id.as_str())
            .with("came", came.word())
            .with("metadata", digest(&after.metadata));
        let mut told = Vec::new();
        note_waiting(&after, |name, value| told.push((name, value)));
        for (name, value) in told {
            event = event.with(name, value);
        }
        self.audit.note(&by, &event, &Outcome::success(), now);
        if let (Came::Waits, Some(waiting)) = (came, &after.waiting) {
            let changes = waiting.changes.join("; ");
            tracing::warn!(sp = %name, digest = %waiting.digest, %changes, "changed metadata of a service provider waits for an administrator");
        }
        Ok(came)
    }

    /// Takes metadata for good that waits. Blocks.
    ///
    /// # Errors
    /// When none waits, another one does than was looked at, settings do not go with it, or a part fails.
    pub fn confirm_sp(&self, asked: Authorized, which: &Confirmation) -> Result<SpView, AdminError> {
        let name = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: before, revision } = self.registered_sp(change.snapshot, &name)?;
            let not = |what: String| AdminError::NotNow {
                what,
                remedy: format!("look at it by `bailey sp show {}`", before.name),
            };
            let waiting = before.waiting.clone().ok_or_else(|| not("no metadata waits".to_owned()))?;
            if waiting.digest != which.digest {
                return Err(not(format!("other metadata waits by now: {}", waiting.digest)));
            }
            let mut after = before.clone();
            let read = SpMetadata::read(&waiting.metadata, Some(&before.entity_id));
            let read = read.or_else(|_| SpMetadata::read(&waiting.metadata, None))?;
            after.entity_id = read.entity_id().to_owned();
            (after.metadata, after.waiting, after.updated) = (waiting.metadata, None, change.now);
            consistent(&after)?;
            if after.entity_id != before.entity_id {
                self.must_be_alone(change.snapshot, &after)?;
            }
            super::put(change, &after, Some(&before), revision)?;
            change.note("changes", waiting.changes.join("; "));
            Ok(SpView::of(&after, Source::Stored))
        })
    }

    /// Service providers whose metadata is fetched from somewhere, and from where. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn fetched_sps(&self) -> Result<Vec<(SpName, String)>, StoreError> {
        let all = self.store.read(saml::sps)?.into_iter();
        Ok(all.filter_map(|sp| Some((sp.name, url(sp.source?)?))).collect())
    }

    /// Where the metadata of a service provider is fetched from, for whoever may have that done. Blocks.
    ///
    /// # Errors
    /// When there is no such service provider, the configuration declares it, or its metadata came otherwise.
    pub fn sp_url(&self, asked: Authorized) -> Result<(Authorized, String), AdminError> {
        match self.url_of(asked.resource()) {
            Ok(url) => Ok((asked, url)),
            Err(error) => {
                asked.complete(&Outcome::failed(error.code(), &error), self.now());
                Err(error)
            }
        }
    }

    fn url_of(&self, which: &str) -> Result<String, AdminError> {
        let found = self.store.read(|snapshot| self.registered_sp(snapshot, which))?;
        let url = found.value.source.and_then(url);
        url.ok_or_else(|| AdminError::NotNow {
            what: format!("metadata of `{which}` is fetched from nowhere"),
            remedy: "give newer metadata by `bailey sp change --metadata FILE`".to_owned(),
        })
    }

    /// What is told of metadata: which service providers have some that waits, or that is over soon. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sps_to_look_at(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let mut told = Vec::new();
        for sp in self.store.read(saml::sps)?.into_iter().chain(self.declared_sps()) {
            if let Some(waiting) = &sp.waiting {
                told.push(format!("changed metadata of `{}` waits since {:.0}", sp.name, waiting.since));
            }
            let read = SpMetadata::read(&sp.metadata, Some(&sp.entity_id));
            match read.map(|read| read.valid_until()) {
                Ok(Some(end)) if expired(end, now) => {
                    told.push(format!("metadata of `{}` was valid until {end:.0}", sp.name));
                }
                Err(error) => told.push(format!("metadata of `{}` cannot be read: {error}", sp.name)),
                Ok(_) => {}
            }
        }
        Ok(told)
    }
}

/// Notes what waits, by its digest.
fn note_waiting(sp: &SamlSp, mut note: impl FnMut(&'static str, String)) {
    if let Some(waiting) = &sp.waiting {
        note("waiting", waiting.digest.clone());
        note("changes", waiting.changes.join("; "));
    }
}

fn url(source: MetadataSource) -> Option<String> {
    match source {
        MetadataSource::Url(url) => Some(url),
        MetadataSource::File(_) => None,
    }
}

impl Came {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Renewed => "renewed",
            Self::Waits => "waits",
            Self::WaitsStill => "waits_still",
        }
    }
}
