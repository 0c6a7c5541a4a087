//! `[sessions]`: how long what is known of a directory is good enough for a session, and what sessions take from it.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::raw::{Value, Written};
use super::section::Section;
use super::values::{Meant, Misfit, from_text, is_tag_key, no_tag_key};
use crate::issue::{Template, TemplateError, Templates};
use crate::model::tags::held_key;
use crate::rights::Ages;

/// What the configuration says of sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sessions {
    /// How old what is known of a directory may be.
    pub ages: Ages,
    /// What they are called and tagged.
    pub templates: Templates,
}

impl Sessions {
    pub(super) fn meant(section: &Section<'_>) -> Self {
        let age = |key: &str| {
            let age: std::time::Duration = section.read(key);
            SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX)
        };
        Self {
            ages: Ages { ordinary: age("max_directory_age"), privileged: age("max_directory_age_privileged") },
            templates: Templates {
                role_session_name: section.optional("role_session_name"),
                source_identity: section.optional("source_identity"),
                tags: section.read("tags"),
            },
        }
    }
}

impl Meant for Template {
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        from_text(written, misfits, |text| text.parse().map_err(|error: TemplateError| Some(error.to_string())))
    }
}

impl Meant for BTreeMap<String, Template> {
    /// Tag keys, each set to a template. Two that differ by case alone are one.
    fn meant(written: &Written<'_>, misfits: &mut Vec<Misfit>) -> Option<Self> {
        let Value::Table(entries) = &written.value else {
            misfits.push(Misfit::of(written, None));
            return None;
        };
        let mut tags = Self::new();
        for entry in entries {
            if !is_tag_key(&entry.key) {
                misfits.push(no_tag_key(entry));
            }
            if held_key(tags.keys(), &entry.key).is_some() {
                let why = format!("`{}` is set twice: keys have no case", crate::base::text::printable(&entry.key));
                misfits.push(Misfit { place: entry.place, found: String::new(), why: Some(why) });
            }
            if let Some(template) = Template::meant(&entry.written, misfits) {
                tags.insert(entry.key.to_string(), template);
            }
        }
        Some(tags)
    }
}
