//! `[[saml_sp]]`: service providers of SAML that need no registration. The section is what pins their metadata: it stands in a file
//! beside it, or the section names where it is fetched from, once, and what is fetched then is pinned. Here nothing is fetched.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::files::Files;
use super::raw::{Entry, Value, Written};
use super::section::Section;
use super::values::{Meant, Misfit, Word, asked_address, from_text};
use crate::admin::saml_sps::declared::{DeclaredSp, FetchedSp};
use crate::admin::saml_sps::{NewSp, SpSettings};
use crate::base::Timestamp;
use crate::model::saml_sp::{
    AttributeRule, AttributeValue, AwsProvider, Encryption, NameFormat, NameId, Preset, SignedParts,
};
use crate::model::{SamlSpError, SpName};
use crate::sso::IssuerUrl;

/// The service providers, in the order of the file.
pub(super) fn all(sections: &[Section<'_>], files: &Files<'_>, ours: Option<&IssuerUrl>) -> Vec<DeclaredSp> {
    let mut sps: Vec<DeclaredSp> = Vec::new();
    for section in sections {
        if ours.is_none() && NAMED.iter().any(|key| section.has(key)) {
            let remedy = "set `issuer` of [sso]: it is the address by which applications know us";
            section.fault("name", "nobody can sign in to it, since nothing says what this site is called", remedy);
        }
        let Some(sp) = one(section, files) else { continue };
        if sps.iter().any(|other| other.name() == sp.name()) {
            section.fault("name", format!("`{}` is another's, too", sp.name()), "give each its own name");
        }
        let same = |other: &&DeclaredSp| sp.entity_id().is_some() && other.entity_id() == sp.entity_id();
        if let Some(other) = sps.iter().find(same) {
            let problem = format!("`{}` calls itself the same", other.name());
            section.fault("entity_id", problem, "give each application one section");
        }
        sps.push(sp);
    }
    sps
}

/// What says that a service provider is meant.
const NAMED: [&str; 6] = ["name", "preset", "metadata_file", "metadata_url", "entity_id", "acs"];

fn one(section: &Section<'_>, files: &Files<'_>) -> Option<DeclaredSp> {
    let settings = settings(section);
    let values = section.read::<Texts>("values").0;
    let (name, preset) = (section.optional::<SpName>("name"), section.optional::<Preset>("preset"));
    let (entity_id, acs) = (section.optional("entity_id"), section.optional("acs"));
    let path = files.readable(section, "metadata_file");
    let url = section.optional("metadata_url").map(|MetadataUrl(url)| url);
    let sha256 = section.optional("metadata_sha256").map(|Sha256(digits)| digits);
    // As it stands in the example: of nobody anything is said.
    if !NAMED.iter().any(|key| section.has(key)) {
        return None;
    }
    if !section.has("name") {
        section.fault("name", "missing", "give it one: it stands in addresses and in `bailey sp list`");
    }
    let file = path.as_ref().map(|path| path.display().to_string());
    let metadata = path.and_then(|path| {
        let read = std::fs::read_to_string(&path);
        read.map_err(|why| {
            section.fault("metadata_file", format!("it cannot be read: {why}"), "put its metadata there")
        })
        .ok()
    });
    if section.has("metadata_file") && section.has("metadata_url") {
        section.fault("metadata_url", "is set beside metadata_file", "keep one of them");
        return None;
    }
    if section.has("metadata_sha256") && !section.has("metadata_url") {
        section.fault(
            "metadata_sha256",
            "nothing is fetched that could be that",
            "set metadata_url, too, or take it out",
        );
    }
    // What is wrong with it was told.
    if section.has("metadata_file") && metadata.is_none() || section.has("metadata_url") && url.is_none() {
        return None;
    }
    let fetched = url.is_some();
    let new = NewSp { name: name?, preset, values, metadata, file, url, entity_id, acs, settings };
    let sp = if fetched {
        FetchedSp::new(new, sha256).map(|section| DeclaredSp::Fetched(Box::new(section)))
    } else {
        let sp = new.single().and_then(|()| new.begin(None, Timestamp::UNIX_EPOCH));
        sp.map(|sp| DeclaredSp::Whole(Box::new(sp)))
    };
    sp.map_err(|error| section.fault("name", format!("it cannot be so: {error}"), "correct its section")).ok()
}

fn settings(section: &Section<'_>) -> SpSettings {
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    let providers = section.read::<Vec<AwsProvider>>("aws_providers");
    let friendly = section.read::<Texts>("friendly_names").0;
    let format = section.read::<Format>("attribute_format").0;
    let attributes = section.optional::<Attributes>("attributes").map(|Attributes(rules)| {
        let rule = |(name, value): (String, AttributeValue)| AttributeRule {
            name_format: format.unwrap_or_else(|| NameFormat::of(&name)),
            friendly_name: friendly.get(&name).cloned(),
            name,
            value,
        };
        rules.into_iter().map(rule).collect::<Vec<_>>()
    });
    let named = |name: &String| attributes.iter().flatten().any(|rule| rule.name == *name);
    if let Some(name) = friendly.keys().find(|name| !named(name)) {
        section.fault("friendly_names", format!("there is no attribute `{name}`"), "name it in `attributes`, too");
    }
    SpSettings {
        title: section.optional("title"),
        name_id: section.optional("name_id"),
        attributes,
        aws_providers: Some(providers).filter(|providers| !providers.is_empty()),
        aws_session_duration: section.optional::<Duration>("aws_session_duration").map(seconds),
        allowed_groups: Some(section.read::<Vec<String>>("allowed_groups").into_iter().collect::<BTreeSet<_>>()),
        require_mfa: Some(section.read("require_mfa")),
        require_signed_requests: Some(section.read("require_signed_requests")),
        idp_initiated: section.optional("idp_initiated"),
        relay_state: section.optional("relay_state"),
        signed: Some(section.read("signed")),
        encrypt: Some(section.read("encrypt")),
        session: Some(seconds(section.read("session"))),
    }
}

/// What kind of names attributes have; by how they look, if nothing is said.
#[derive(Default)]
struct Format(Option<NameFormat>);

/// Attributes and what they say.
struct Attributes(BTreeMap<String, AttributeValue>);

/// Names and text.
#[derive(Default)]
struct Texts(BTreeMap<String, String>);

/// Where metadata is fetched from.
struct MetadataUrl(String);

/// The digest of metadata.
struct Sha256(String);

impl Meant for MetadataUrl {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| {
            let clear = |text: &str| format!("`{text}` in the clear could be answered by anybody on the way");
            let url = asked_address(text, clear)?;
            // As it is written: by it is known what was fetched from there.
            if url.scheme() == "https" { Ok(Self(text.to_owned())) } else { Err(Some(clear(text))) }
        })
    }
}

impl Meant for Sha256 {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| {
            let is_one = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
            if is_one { Ok(Self(text.to_ascii_lowercase())) } else { Err(None) }
        })
    }
}

impl Word for Format {
    fn word(text: &str) -> Option<Self> {
        if text == "auto" { Some(Self(None)) } else { NameFormat::named(text).map(|format| Self(Some(format))) }
    }
}

impl Word for Preset {
    fn word(text: &str) -> Option<Self> {
        Self::named(text)
    }
}

impl Word for SignedParts {
    fn word(text: &str) -> Option<Self> {
        Self::named(text)
    }
}

impl Word for Encryption {
    fn word(text: &str) -> Option<Self> {
        Self::named(text)
    }
}

macro_rules! read {
    ($($text:ty),+) => {$(
        impl Meant for $text {
            fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
                from_text(written, misfits, |text| text.parse().map_err(|error: SamlSpError| Some(error.to_string())))
            }
        }
    )+};
}

read!(SpName, NameId, AttributeValue, AwsProvider);

/// A table whose values are of one kind.
fn table<T: Meant>(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<BTreeMap<String, T>> {
    let Value::Table(entries) = &written.value else {
        misfits.push(Misfit::of(written, None));
        return None;
    };
    let value = |entry: &Entry<'_>| T::meant(&entry.written, misfits).map(|value| (entry.key.to_string(), value));
    Some(entries.iter().filter_map(value).collect())
}

impl Meant for Attributes {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        table(written, misfits).map(Self)
    }
}

impl Meant for Texts {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        table(written, misfits).map(Self)
    }
}
