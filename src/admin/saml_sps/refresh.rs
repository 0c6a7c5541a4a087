//! Metadata that is fetched again: what changes how long it is good alone is taken, everything else waits for an administrator. Where a
//! section of the configuration names the address, the first that comes from there is pinned.
//!
//! Whoever takes over the address of an application's metadata, or the application itself, must not have assertions sent elsewhere
//! by that alone ([`crate::manual::saml`]). What waits counts for nothing. So a task may write it down, and it is told until somebody decides.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::declared::{DeclaredSp, FetchedSp, Standing};
use super::metadata::{consistent, digest, fitting};
use super::{SpView, must_be_alone};
use crate::admin::clients::Source;
use crate::admin::told::Happened;
use crate::admin::{Admin, AdminError};
use crate::audit::{Event, Outcome};
use crate::authn::saml::{MetadataFetchError, SpMetadata};
use crate::base::Timestamp;
use crate::base::clock::{expired, later};
use crate::base::text::printable;
use crate::gate::Authorized;
use crate::model::notice::WaitingMetadata;
use crate::model::saml_sp::{MetadataSource, SpPin, Waiting};
use crate::model::{Actor, SamlSp, SpName};
use crate::store::iam::Read;
use crate::store::{Commit, Intent, Revision, Snapshot, StoreError, saml};

/// How long before its end metadata is told to end. Where it is fetched it is renewed by then, unless something is wrong there.
const SOON: SignedDuration = SignedDuration::from_hours(24 * 7);

const FITS: &str = "settings of a service provider, with its metadata";

/// What came of metadata that was fetched again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Came {
    /// It is what counts already.
    Same,
    /// It is the first, and counts from now on.
    Pinned,
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

/// A service provider whose metadata is fetched, and where it is kept what counts of it.
struct Held {
    /// As it counts; of a section for which nothing is pinned there is none.
    sp: Option<SamlSp>,
    /// What is written down beside its section, whether all of it counts or not.
    pin: Option<SpPin>,
    kept: Kept,
    /// The row's revision; 0 if there is none.
    revision: Revision,
}

/// Where what counts is kept.
enum Kept {
    /// With everything else that is registered of it.
    Registered,
    /// Beside the section that declares it.
    Pinned(Box<FetchedSp>),
}

impl Held {
    /// It with `text` as its newest metadata, and what came of that.
    fn meets(&self, text: String, now: Timestamp) -> Result<(SamlSp, Came), AdminError> {
        match (&self.sp, &self.kept) {
            (Some(sp), _) => with_newer(sp, text, now),
            (None, Kept::Pinned(section)) => Ok((section.first(text, now)?, Came::Pinned)),
            // A registered one always has metadata.
            (None, Kept::Registered) => {
                Err(AdminError::NotNow { what: "it has no metadata".to_owned(), remedy: "register it anew".to_owned() })
            }
        }
    }

    /// Whether `after` is what is written down. What a section confirms by its digest counts before that, and would not any more once
    /// the digest is taken out of it.
    fn is_written(&self, after: &SamlSp) -> bool {
        match &self.kept {
            Kept::Registered => self.sp.as_ref() == Some(after),
            Kept::Pinned(section) => self.pin.as_ref() == Some(&section.pin(after)),
        }
    }

    fn source(&self) -> Source {
        match self.kept {
            Kept::Registered => Source::Stored,
            Kept::Pinned(_) => Source::Config,
        }
    }

    fn url(&self) -> Option<String> {
        match &self.kept {
            Kept::Registered => self.sp.as_ref().and_then(|sp| url(sp.source.clone()?)),
            Kept::Pinned(section) => Some(section.url().to_owned()),
        }
    }

    /// Has `after` counted from now on.
    fn put(&self, commit: &mut Commit, after: &SamlSp) -> Result<(), AdminError> {
        match &self.kept {
            Kept::Registered => {
                super::fits(after, FITS)?;
                commit.put_sp(after, self.sp.as_ref(), self.revision)?;
            }
            Kept::Pinned(section) => {
                let pin = section.pin(after);
                super::fits(&pin, FITS)?;
                commit.put_pin(&pin, self.revision)?;
            }
        }
        Ok(())
    }
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
    /// The service provider of this name, for newer metadata of it.
    fn sp_held(&self, snapshot: &dyn Snapshot, which: &str) -> Result<Held, AdminError> {
        let name: SpName = which.parse().map_err(|_| super::missing(which))?;
        let declared = self.declarations(snapshot)?;
        let section = match declared.section(&name) {
            None => {
                let Read { value, revision } = saml::sp(snapshot, &name)?.ok_or_else(|| super::missing(which))?;
                return Ok(Held { sp: Some(value), pin: None, kept: Kept::Registered, revision });
            }
            Some(DeclaredSp::Whole(_)) => return Err(super::unmodifiable(&name)),
            Some(DeclaredSp::Fetched(section)) => section,
        };
        let row = declared.row(&name);
        let (pin, revision) = (row.map(|row| row.value.clone()), row.map_or(0, |row| row.revision));
        // What is pinned and does not go with its section goes on to be what newer metadata is held against.
        let sp = declared.pinned(section).map(|pin| section.by(pin).or_else(|_| section.bare(pin))).transpose()?;
        Ok(Held { sp, pin, kept: Kept::Pinned(section.clone()), revision })
    }

    /// Writes `after`, and refuses what somebody else calls itself.
    fn keep(
        &self,
        snapshot: &dyn Snapshot,
        held: &Held,
        after: &SamlSp,
        commit: &mut Commit,
    ) -> Result<(), AdminError> {
        if held.sp.as_ref().is_none_or(|before| before.entity_id != after.entity_id) {
            let declared = self.declarations(snapshot)?;
            match &held.kept {
                Kept::Registered => must_be_alone(snapshot, &declared, after)?,
                // Who is meant stands in the configuration, which goes first.
                Kept::Pinned(section) if section.said().entity_id.is_some() => declared.must_be_alone(after)?,
                // Nobody said that it should be another one that is registered.
                Kept::Pinned(_) => must_be_alone(snapshot, &declared, after)?,
            }
        }
        held.put(commit, after)
    }

    /// Takes up metadata that was fetched because somebody asked for that. Blocks.
    ///
    /// # Errors
    /// When there is no such service provider, the configuration declares it with its metadata, what was fetched is of no use, or a
    /// part fails.
    pub fn refresh_sp(
        &self,
        asked: Authorized,
        fetched: Result<String, MetadataFetchError>,
    ) -> Result<Refreshed, AdminError> {
        let which = asked.resource().to_owned();
        let refreshed = self.change(asked, |change| {
            let held = self.sp_held(change.snapshot, &which)?;
            let (after, came) = held.meets(fetched?, change.now)?;
            if !held.is_written(&after) {
                self.keep(change.snapshot, &held, &after, &mut change.commit)?;
            }
            note(&after, came, |name, value| change.note(name, value));
            Ok(Refreshed { came, sp: SpView::of(&after, held.source()) })
        })?;
        self.sp_fetcher.keep_failure(&refreshed.sp.name, None);
        Ok(refreshed)
    }

    /// The same of what the daemon fetched by itself. What waits is told in the log and written down; nothing that it says counts. Blocks.
    ///
    /// # Errors
    /// When what was fetched is of no use, or the store fails.
    pub fn take_fetched_sp(&self, name: &SpName, fetched: String, now: Timestamp) -> Result<Came, AdminError> {
        let by = Actor::task("saml-metadata");
        let taken = self.store.read(|snapshot| {
            let held = match self.sp_held(snapshot, name.as_str()) {
                // It went meanwhile.
                Err(AdminError::NotFound { .. } | AdminError::Unmodifiable { .. }) => return Ok(None),
                held => held?,
            };
            let (after, came) = held.meets(fetched, now)?;
            // That something is pinned lets people in, by the word of the configuration. What comes later gives nobody anything.
            let intent = if came == Came::Pinned { Intent::Widen } else { Intent::Narrow };
            let mut commit = Commit::new(by.clone(), now, intent);
            if held.is_written(&after) {
                return Ok(Some((after, came, None)));
            }
            self.keep(snapshot, &held, &after, &mut commit)?;
            if let (Came::Waits, Some(waiting)) = (came, &after.waiting) {
                let metadata = WaitingMetadata {
                    of: format!("application {name}"),
                    changes: waiting.changes.clone(),
                    look: format!("bailey sp check {name}"),
                };
                self.tell_of_metadata(Happened { snapshot, commit: &mut commit, by: &by, now }, metadata);
            }
            Ok::<_, AdminError>(Some((after, came, Some(commit))))
        })?;
        let Some((after, came, commit)) = taken else { return Ok(Came::Same) };
        let Some(commit) = commit else { return Ok(came) };
        match self.store.commit(commit) {
            Ok(_) => {}
            // Somebody changed it meanwhile: the next round looks at what they left.
            Err(StoreError::Conflict { .. }) => return Ok(Came::Same),
            Err(error) => return Err(error.into()),
        }
        let mut event = Event::reading("RefreshSAMLServiceProvider");
        let mut told = Vec::new();
        note(&after, came, |name, value| told.push((name, value)));
        for (name, value) in told {
            event = event.with(name, value);
        }
        self.audit.note(&by, &event, &Outcome::success(), now);
        if let (Came::Waits, Some(waiting)) = (came, &after.waiting) {
            let changes = waiting.changes.join("; ");
            tracing::warn!(sp = %name, digest = %waiting.digest, %changes, "changed metadata of a service provider waits for an administrator");
        }
        if came == Came::Pinned {
            tracing::info!(sp = %name, entity_id = %printable(&after.entity_id), digest = %digest(&after.metadata), "the metadata of a service provider is pinned");
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
            let held = self.sp_held(change.snapshot, &name)?;
            let not =
                |what: String| AdminError::NotNow { what, remedy: format!("look at it by `bailey sp show {name}`") };
            let before = held.sp.as_ref().ok_or_else(|| not("it has no metadata yet".to_owned()))?;
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
            if let Kept::Pinned(section) = &held.kept {
                // What the section says of it has to go with that, too.
                section.by(&section.pin(&after))?;
            }
            self.keep(change.snapshot, &held, &after, &mut change.commit)?;
            note(&after, Came::Same, |name, value| change.note(name, value));
            change.note("changes", waiting.changes.join("; "));
            Ok(SpView::of(&after, held.source()))
        })
    }

    /// Service providers whose metadata is fetched from somewhere, from where, and what the first has to be. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn fetched_sps(&self) -> Result<Vec<(SpName, String, Option<String>)>, StoreError> {
        let (declared, stored) =
            self.store.read(|snapshot| Ok::<_, StoreError>((self.declarations(snapshot)?, saml::sps(snapshot)?)))?;
        let stored = stored.into_iter().filter(|sp| declared.section(&sp.name).is_none());
        let stored = stored.filter_map(|sp| Some((sp.name, url(sp.source?)?, None)));
        let sections = declared
            .fetched()
            .map(|section| (section.name().clone(), section.url().to_owned(), section.sha256().map(str::to_owned)));
        Ok(stored.chain(sections).collect())
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
        let url = self.store.read(|snapshot| self.sp_held(snapshot, which))?.url();
        url.ok_or_else(|| AdminError::NotNow {
            what: format!("`{which}` was registered without a metadata address"),
            remedy: format!("give newer metadata by `bailey sp change {which} --metadata FILE|URL`"),
        })
    }

    /// What is told of metadata: which service providers have some that waits, or that is over soon. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sps_to_look_at(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let (declared, stored) =
            self.store.read(|snapshot| Ok::<_, StoreError>((self.declarations(snapshot)?, saml::sps(snapshot)?)))?;
        let mut told = Vec::new();
        let mut all = stored;
        for standing in declared.standings() {
            match standing {
                Standing::Counts(sp) => all.push(*sp),
                Standing::Waits { section, why } => {
                    told.push(format!("`{}` answers nobody: {why}. {}", section.name(), review(section.name())));
                }
            }
        }
        for sp in all {
            if let Some(waiting) = &sp.waiting {
                let since =
                    format!("new metadata of `{}` waits since {:.0}; the old stays in force", sp.name, waiting.since);
                told.push(format!("{since}. {}", review(&sp.name)));
            }
            let read = SpMetadata::read(&sp.metadata, Some(&sp.entity_id));
            match read.map(|read| read.valid_until()) {
                Ok(Some(end)) if expired(end, now) => {
                    told.push(format!("metadata of `{}` was valid until {end:.0}. {}", sp.name, review(&sp.name)));
                }
                Ok(Some(end)) if expired(end, later(now, SOON)) => {
                    told.push(format!("metadata of `{}` is valid until {end:.0} only. {}", sp.name, review(&sp.name)));
                }
                Err(error) => {
                    told.push(format!("metadata of `{}` cannot be read: {error}. {}", sp.name, review(&sp.name)));
                }
                Ok(_) => {}
            }
        }
        Ok(told)
    }
}

/// What tells more of one.
fn review(name: &SpName) -> String {
    format!("Review: `bailey sp check {name}`")
}

/// Notes what counts and what waits, by their digests.
fn note(sp: &SamlSp, came: Came, mut note: impl FnMut(&'static str, String)) {
    note("sp", sp.name.to_string());
    note("entity_id", sp.entity_id.clone());
    note("came", came.word().to_owned());
    note("metadata", digest(&sp.metadata));
    if let Ok(read) = SpMetadata::read(&sp.metadata, Some(&sp.entity_id)) {
        note("acs", read.acs().iter().map(|acs| acs.location.as_str()).collect::<Vec<_>>().join(" "));
    }
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
            Self::Pinned => "pinned",
            Self::Renewed => "renewed",
            Self::Waits => "waits",
            Self::WaitsStill => "waits_still",
        }
    }
}
