//! Metadata of SAML providers that is fetched from where they publish it.
//!
//! Whoever takes over that address, or the provider's web server, must not become the provider by it: what is found there and says
//! something else than what counts waits, and counts for nothing, until an administrator confirms it by its digest.
//!
//! Until when metadata counts is one of the things that it says. A later end would keep alive a key that its owner withdrew; an earlier
//! one would let whoever holds the web server switch the provider off, and with it everybody's sign-in. So both wait. A later end is
//! told aloud only when the one that counts draws near: those who publish say another each day, and who is called each day for that
//! does not look when it is a key.

use serde::{Deserialize, Serialize};
use url::Url;

use super::super::super::told::Happened;
use super::super::super::{Admin, AdminError};
use super::super::{digest, find};
use super::encryption;
use super::fitting::cut;
use super::saml::{SamlProviderView, described, fits, fitting_for, write};
use crate::audit::{Event, Outcome};
use crate::authn::outside::{Providers, Unsent};
use crate::authn::saml::{IdentityProvider, another_end, is_another_end};
use crate::base::clock::expired;
use crate::base::text::printable;
use crate::base::{Finding, SamlProviderId, Severity, Timestamp};
use crate::gate::Authorized;
use crate::keys::Keys;
use crate::model::notice::WaitingMetadata;
use crate::model::saml_encryption::SealedPrivateKey;
use crate::model::saml_provider::{Metadata, Waiting};
use crate::model::{Actor, SamlProvider};
use crate::store::iam::{self, Read};
use crate::store::{Commit, Intent, StoreError, saml};

/// How long before its end metadata is told to end.
const SOON: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * 7);

/// What came of metadata that was fetched again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Came {
    /// It is what counts already.
    Same,
    /// It says the same in other words, and counts.
    Renewed,
    /// It says something else, and waits for an administrator.
    Waits,
}

/// A provider, and what came of its metadata.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refreshed {
    /// What came of it.
    pub came: Came,
    /// The provider.
    #[serde(flatten)]
    pub provider: SamlProviderView,
}

/// Which metadata an administrator takes for good.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// Its SHA-256: that of what was looked at.
    pub digest: String,
}

/// Where metadata is fetched from.
///
/// # Errors
/// When it is no `https://` address.
pub fn address(text: &str) -> Result<Url, AdminError> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.has_host());
    url.ok_or_else(|| AdminError::OutOfBounds {
        what: format!("`{}` as the address of metadata", printable(text)),
        limit: "an `https://` address, such as https://idp.example.com/metadata".to_owned(),
    })
}

/// What was fetched, as text.
///
/// # Errors
/// When it is none.
pub fn text(fetched: Result<Vec<u8>, String>) -> Result<Metadata, AdminError> {
    let no = |what: String| AdminError::NotNow {
        what,
        remedy: "make it reachable from here (`sso.client_networks`, `sso.client_ca_file`), or give a file with it"
            .to_owned(),
    };
    let bytes = fetched.map_err(|why| no(format!("the metadata cannot be fetched: {why}")))?;
    let text = String::from_utf8(bytes).map_err(|_| no("what was fetched is no text in UTF-8".to_owned()))?;
    Ok(text.trim_start_matches('\u{feff}').parse::<Metadata>()?)
}

/// `provider` once its address has `newer`, and what came of it.
fn met(provider: &SamlProvider, newer: Metadata, now: Timestamp) -> Result<(SamlProvider, Came), AdminError> {
    let newer = &fitting_for(provider, newer)?;
    let mut after = provider.clone();
    if *newer == provider.metadata {
        // What waited was taken back there.
        after.waiting = None;
        return Ok((after, Came::Same));
    }
    let new = read(newer)?;
    if let Some(end) = new.valid_until().filter(|end| expired(*end, now)) {
        return Err(AdminError::NotNow {
            what: format!("what was fetched was valid until {end:.0}"),
            remedy: "have the provider publish metadata that is valid".to_owned(),
        });
    }
    let (changes, prolongs) = match read(&provider.metadata) {
        Ok(old) => differences(&old, &new),
        Err(_) => (vec!["what counts now cannot be read".to_owned()], false),
    };
    if changes.is_empty() {
        after.described = Some(described(newer)?);
        (after.metadata, after.waiting, after.updated) = (newer.clone(), None, now);
        return Ok((after, Came::Renewed));
    }
    // Another end each day is no news.
    let others =
        |changes: &[String]| changes.iter().filter(|change| !is_another_end(change)).cloned().collect::<Vec<_>>();
    let before = provider.waiting.as_ref().filter(|held| others(&held.changes) == others(&changes));
    let since = before.map_or(now, |held| held.since);
    let told = before.is_some_and(|held| held.told);
    let waiting = Waiting { digest: digest(newer.as_str()), changes, prolongs, since, told, metadata: None };
    // The text itself, or the part of it that counts, or nothing: whatever there is room for.
    let short = cut(newer, Some(new.entity_id())).ok();
    for metadata in [Some(newer.clone()), short, None] {
        after.waiting = Some(Waiting { metadata, ..waiting.clone() });
        if fits(&after).is_ok() {
            break;
        }
    }
    Ok((after, Came::Waits))
}

/// Whether what counts of `provider` counts for a short while only: then it is time to tell of another end.
fn is_due(provider: &SamlProvider, now: Timestamp) -> bool {
    let end = read(&provider.metadata).ok().and_then(|read| read.valid_until());
    end.is_some_and(|end| end.duration_since(now) < SOON)
}

fn read(text: &Metadata) -> Result<IdentityProvider, AdminError> {
    IdentityProvider::read(text.as_str()).map_err(AdminError::SamlMetadata)
}

/// What `new` says otherwise than `old`, in words; and whether that is a later end alone.
fn differences(old: &IdentityProvider, new: &IdentityProvider) -> (Vec<String>, bool) {
    let mut changes = old.changes(new);
    let (before, after) = (old.valid_until(), new.valid_until());
    let later = before.is_some_and(|before| after.is_none_or(|after| after > before));
    let prolongs = later && changes.is_empty();
    changes.extend(another_end(before, after));
    (changes, prolongs)
}

/// What is taken when `waiting` is confirmed and `published` is what is published by then: what was looked at, if that is still what
/// is said there, though perhaps until another time.
fn confirmed(waiting: Option<&Waiting>, published: Metadata, looked_at: &str) -> Option<Metadata> {
    if digest(published.as_str()) == looked_at {
        return Some(published);
    }
    let held = waiting.filter(|waiting| waiting.digest == looked_at)?.metadata.clone()?;
    let same = read(&held).ok()?.changes(&read(&published).ok()?).is_empty();
    same.then_some(held)
}

impl Admin {
    /// Where the provider `asked.resource()` publishes its metadata, for whoever may have that fetched. Blocks.
    ///
    /// # Errors
    /// When there is no such provider, or its metadata came otherwise; that is recorded.
    pub fn saml_source(&self, asked: Authorized) -> Result<(Authorized, Url), AdminError> {
        let found = self.store.read(|snapshot| {
            let provider = find::saml_provider(snapshot, &self.account, asked.resource())?.value;
            let source = provider.source.as_deref().ok_or_else(|| AdminError::NotNow {
                what: format!("`{}` was added without a metadata address", provider.name),
                remedy: format!("give newer metadata by `bailey idp confirm {} --metadata FILE`", provider.name),
            })?;
            address(source)
        });
        match found {
            Ok(url) => Ok((asked, url)),
            Err(error) => {
                asked.complete(&Outcome::failed(error.code(), &error), self.now());
                Err(error)
            }
        }
    }

    /// Looks at metadata of the provider `asked.resource()` that was fetched. Blocks.
    ///
    /// # Errors
    /// When there is no such provider, what was fetched is of no use, or a part fails.
    pub fn refresh_saml_provider(
        &self,
        asked: Authorized,
        fetched: Result<Vec<u8>, String>,
    ) -> Result<Refreshed, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: before, revision } = find::saml_provider(change.snapshot, change.account, &which)?;
            let (after, came) = met(&before, text(fetched)?, change.now)?;
            if after != before {
                change.commit.put_object(&after, revision)?;
            }
            change.note("provider", after.arn().to_string());
            for (name, value) in told(&after, came) {
                change.note(name, value);
            }
            Ok(Refreshed { came, provider: SamlProviderView::of(&after) })
        })
    }

    /// Takes metadata of the provider `asked.resource()` for good that was found where it publishes that, and has just been fetched from
    /// there again. Blocks.
    ///
    /// # Errors
    /// When it is other metadata than was looked at, it is of no use, there is no such provider, or a part fails.
    pub fn confirm_saml_provider(
        &self,
        asked: Authorized,
        which: &Confirmation,
        fetched: Result<Vec<u8>, String>,
    ) -> Result<SamlProviderView, AdminError> {
        self.change_saml(asked, |change, provider| {
            let published = fitting_for(provider, text(fetched)?)?;
            let found = digest(published.as_str());
            let taken = confirmed(provider.waiting.as_ref(), published, &which.digest);
            let taken = taken.ok_or_else(|| AdminError::NotNow {
                what: format!("the metadata that is published now is another: {found}"),
                remedy: format!("look at it by `bailey idp refresh {}`", provider.name),
            })?;
            write(change, provider, &taken)
        })
    }

    /// Takes up what the daemon found by itself where a provider publishes its metadata. What waits is written down and told; nothing
    /// that it says counts. Blocks.
    ///
    /// # Errors
    /// When it is of no use, or the store fails.
    pub fn take_fetched_saml(
        &self,
        id: &SamlProviderId,
        fetched: Result<Vec<u8>, String>,
        now: Timestamp,
    ) -> Result<Came, AdminError> {
        let found = self.store.read(|snapshot| iam::object::<SamlProvider>(snapshot, id.as_bytes()))?;
        let Some(Read { value: before, revision }) = found else { return Ok(Came::Same) };
        let (mut after, came) = met(&before, text(fetched)?, now)?;
        let due = is_due(&before, now);
        let untold = after.waiting.as_mut().filter(|waiting| !waiting.told && (!waiting.prolongs || due));
        let aloud = untold.map(|waiting| {
            waiting.told = true;
            waiting.clone()
        });
        if after == before {
            return Ok(came);
        }
        let by = Actor::task("saml-metadata");
        let mut commit = Commit::new(by.clone(), now, Intent::Narrow);
        commit.put_object(&after, revision)?;
        if let Some(waiting) = &aloud {
            let metadata = WaitingMetadata {
                of: format!("SAML provider {}", after.name),
                changes: waiting.changes.clone(),
                look: format!("bailey idp check {}", after.name),
            };
            self.store.read(|snapshot| {
                let happened = Happened { snapshot, commit: &mut commit, by: &by, now };
                self.tell_of_metadata(happened, metadata);
                Ok::<_, StoreError>(())
            })?;
        }
        match self.store.commit(commit) {
            Ok(_) => {}
            // Somebody changed it meanwhile: the next round looks at what they left.
            Err(StoreError::Conflict { .. }) => return Ok(Came::Same),
            Err(error) => return Err(error.into()),
        }
        let event = Event::reading("RefreshSAMLProvider").with("provider", after.arn().to_string());
        let event = told(&after, came).into_iter().fold(event, |event, (name, value)| event.with(name, value));
        self.audit.note(&by, &event, &Outcome::success(), now);
        if let Some(waiting) = aloud {
            let changes = waiting.changes.join("; ");
            tracing::warn!(provider = %after.name, digest = %waiting.digest, %changes, "changed metadata of a SAML provider waits to be confirmed");
        }
        Ok(came)
    }

    /// Providers whose metadata is fetched from somewhere, and from where. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn fetched_saml(&self) -> Result<Vec<(SamlProviderId, String, String)>, StoreError> {
        let all = self.all_saml()?.into_iter();
        Ok(all.filter_map(|provider| Some((provider.id, provider.name.to_string(), provider.source?))).collect())
    }

    /// What is to be said of the provider `asked.resource()`: whether it is believed, and what somebody has to do about it, or about
    /// those of `sections` by which people sign in there. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn check_saml_provider(&self, asked: &Authorized, sections: &Providers) -> Result<Vec<Finding>, AdminError> {
        let now = self.now();
        let (provider, sealed) = self.store.read(|snapshot| {
            let provider = find::saml_provider(snapshot, &self.account, asked.resource())?.value;
            let sealed = saml::provider_keys(snapshot, &provider.id)?;
            Ok::<_, AdminError>((provider, sealed))
        })?;
        let mut found = findings(&self.keys, (&provider, &sealed), now);
        let unsent = sections.unsent(&self.store)?.into_iter();
        found.extend(unsent.filter(|one| one.registered.folded() == provider.name.folded()).map(stuck));
        Ok(found)
    }

    /// What somebody has to look at, of all providers, and of `sections` by which people sign in there. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn saml_to_look_at(&self, sections: &Providers, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let bad = |finding: Finding| (finding.severity > Severity::Fine).then_some(finding);
        let all = self.store.read(|snapshot| {
            let all = iam::page::<SamlProvider>(snapshot, Some(&self.account), None, usize::MAX)?;
            let sealed = |provider: SamlProvider| Ok((saml::provider_keys(snapshot, &provider.id)?, provider));
            all.into_iter().map(sealed).collect::<Result<Vec<_>, StoreError>>()
        })?;
        let say = |(sealed, provider): &(_, _)| findings(&self.keys, (provider, sealed), now);
        let unsent = sections.unsent(&self.store)?.into_iter().map(stuck);
        let found = all.iter().flat_map(say).chain(unsent).filter_map(bad);
        let said = |Finding { subject, what, remedy, .. }: Finding| match remedy.is_empty() {
            true => format!("{subject}: {what}"),
            false => format!("{subject}: {what}; {remedy}"),
        };
        Ok(found.map(said).collect())
    }

    fn all_saml(&self) -> Result<Vec<SamlProvider>, StoreError> {
        self.store.read(|snapshot| iam::page::<SamlProvider>(snapshot, Some(&self.account), None, usize::MAX))
    }
}

/// What is to be said of a section by which nobody can sign in.
fn stuck(one: Unsent) -> Finding {
    let what = format!("nobody can sign in by it: {}", one.why);
    Finding::new(Severity::Fault, format!("[[sign_in_provider]] {}", one.name), what, one.remedy)
}

/// What is noted of metadata that was fetched.
fn told(provider: &SamlProvider, came: Came) -> Vec<(&'static str, String)> {
    let word = match came {
        Came::Same => "same",
        Came::Renewed => "renewed",
        Came::Waits => "waits",
    };
    let mut told = vec![("came", word.to_owned())];
    match (&provider.waiting, came) {
        (_, Came::Renewed) => told.push(("metadata_sha256", digest(provider.metadata.as_str()))),
        (Some(waiting), _) => {
            told.push(("waiting_sha256", waiting.digest.clone()));
            told.push(("changes", waiting.changes.join("; ")));
        }
        (None, _) => {}
    }
    told
}

/// What is to be said of a provider, and of its keys, of which `sealed` lies in the store.
fn findings(keys: &Keys, (provider, sealed): (&SamlProvider, &Vec<SealedPrivateKey>), now: Timestamp) -> Vec<Finding> {
    let subject = format!("SAML provider {}", provider.name);
    let mut findings = Vec::new();
    let mut say = |severity, what: String, remedy: String| {
        findings.push(Finding::new(severity, subject.clone(), what, remedy));
    };
    let waiting = provider.waiting.as_ref();
    let confirm = waiting.map(|waiting| confirmation(provider, waiting));
    let anew = confirm.clone().unwrap_or_else(|| {
        let name = &provider.name;
        match provider.source {
            Some(_) => format!("have the provider publish other metadata, then: bailey idp refresh {name}"),
            None => format!("write its metadata anew: bailey idp confirm {name} --metadata FILE"),
        }
    });
    match IdentityProvider::read(provider.metadata.as_str()) {
        Err(error) => say(Severity::Fault, format!("trusts nobody: its metadata cannot be used: {error}"), anew),
        Ok(read) => {
            let keys: Vec<&str> = read.keys().fingerprints().collect();
            let what = format!("{} signs by {}", printable(read.entity_id()), keys.join(", "));
            say(Severity::Fine, what, String::new());
            match read.valid_until() {
                Some(end) if expired(end, now) => {
                    say(Severity::Fault, format!("trusts nobody: its metadata was valid until {end:.0}"), anew);
                }
                Some(end) if end.duration_since(now) < SOON => {
                    let what = format!("its metadata is valid until {end:.0}, and then it trusts nobody");
                    say(Severity::Warning, what, anew);
                }
                _ => {}
            }
        }
    }
    if let Some((waiting, confirm)) = waiting.zip(confirm) {
        let severity = if waiting.prolongs { Severity::Fine } else { Severity::Warning };
        let what = format!("other metadata waits since {:.0}: {}", waiting.since, waiting.changes.join("; "));
        say(severity, what, confirm);
    }
    findings.extend(encryption::findings(keys, provider, sealed));
    findings
}

/// What has to be done for `waiting` to count.
fn confirmation(provider: &SamlProvider, waiting: &Waiting) -> String {
    let Waiting { digest, .. } = waiting;
    format!("ask the provider whether that is theirs, then: bailey idp confirm {} {digest}", provider.name)
}
