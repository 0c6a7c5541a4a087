//! Reads keys of one section: looks them up, falls back to their defaults, notes what does not fit.
//!
//! Reading never stops at a fault. A value that does not fit is replaced by something to go on
//! with, which nobody will see: once a fault is noted, no configuration comes out.

use super::fault::{Faults, Place};
use super::keys::{self, Form, Key, Presence};
use super::presets;
use super::raw::{Value, Written};
use super::values::{Meant, Misfit};
use crate::base::text::printable;

/// A section of the file, or the absence of one.
pub(super) struct Section<'a> {
    /// Its full name; empty for the top.
    path: String,
    /// Where it stands; for an absent one, the section around it.
    pub(super) place: Place,
    table: Option<&'a Written<'a>>,
    /// The kind of directory it is about, whose presets hold.
    kind: &'static str,
    faults: &'a Faults,
}

impl<'a> Section<'a> {
    /// The top of the file.
    pub(super) fn top(file: &'a Written<'a>, faults: &'a Faults) -> Self {
        Self { path: String::new(), place: file.place, table: Some(file), kind: "", faults }
    }

    /// The section `name` in this one.
    pub(super) fn section(&self, name: &str) -> Self {
        let table = self.table.and_then(|table| table.entry(name)).map(|entry| &entry.written);
        let place = table.map_or(self.place, |table| table.place);
        Self { path: keys::join(&self.path, name), place, table, kind: self.kind, faults: self.faults }
    }

    /// The sections `[[name]]` in this one.
    pub(super) fn sections(&self, name: &str) -> Vec<Self> {
        let Some(Value::List(items)) = self.table.and_then(|table| table.entry(name)).map(|entry| &entry.written.value)
        else {
            return Vec::new();
        };
        let section = |item: &'a Written<'a>| Self {
            path: keys::join(&self.path, name),
            place: item.place,
            table: Some(item),
            kind: self.kind,
            faults: self.faults,
        };
        items.iter().map(section).collect()
    }

    /// The same section, in which the presets of `kind` hold.
    pub(super) fn of_kind(&self, kind: &'static str) -> Self {
        Self { path: self.path.clone(), kind, ..*self }
    }

    /// What `name` is set to, or its default.
    pub(super) fn read<T: Meant + Default>(&self, name: &str) -> T {
        self.optional(name).or_else(|| self.default(name)).unwrap_or_default()
    }

    /// What `name` is set to; its absence is a fault, and so is a list of nothing.
    pub(super) fn required<T: Meant>(&self, name: &str) -> Option<T> {
        let problem = match self.written(name).map(|written| &written.value) {
            None => Some("missing"),
            Some(Value::List(items)) if items.is_empty() => Some("is empty"),
            Some(_) => None,
        };
        if let Some(problem) = problem {
            let key = keys::find(&keys::join(&self.path, name));
            let expected = key.map(|key| format!("expected {}: {}", key.form.describe(), key.meaning));
            self.fault(name, problem, expected.unwrap_or_default());
        }
        self.optional(name)
    }

    /// What `name` is set to; of a list, the elements that fit.
    pub(super) fn optional<T: Meant>(&self, name: &str) -> Option<T> {
        let path = keys::join(&self.path, name);
        let written = self.written(name)?;
        let Some(key) = keys::find(&path) else {
            self.fault(name, "is read but not listed", "this is a fault of the program: report it");
            return None;
        };
        let mut misfits = Vec::new();
        let value = T::meant(written, &mut misfits);
        if let (Value::Whole(number), Form::Whole(least, most)) = (&written.value, key.form)
            && misfits.is_empty()
            && !(least..=most).contains(number)
        {
            misfits.push(Misfit { place: written.place, found: number.to_string(), why: None });
        }
        for misfit in misfits {
            self.misfit(key, misfit);
        }
        value
    }

    /// Whether `name` is written at all.
    pub(super) fn has(&self, name: &str) -> bool {
        self.written(name).is_some()
    }

    /// Notes what is wrong with `name`, at its place or, if it is not written, at the section's.
    pub(super) fn fault(&self, name: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        let place = self.table.and_then(|table| table.entry(name)).map_or(self.place, |entry| entry.place);
        self.faults.add(place, &keys::join(&self.path, name), problem, remedy);
    }

    fn written(&self, name: &str) -> Option<&'a Written<'a>> {
        self.table?.entry(name).map(|entry| &entry.written)
    }

    fn default<T: Meant>(&self, name: &str) -> Option<T> {
        let path = keys::join(&self.path, name);
        let preset = presets::find(&path, self.kind).map(Presence::Default);
        match preset.unwrap_or(keys::find(&path)?.presence) {
            Presence::Default(text) => T::meant(&super::raw::parse_value(text)?, &mut Vec::new()),
            Presence::Required | Presence::Or(_) | Presence::Optional => None,
        }
    }

    fn misfit(&self, key: &Key, Misfit { place, found, why }: Misfit) {
        let expected = format!("expected {}", key.form.describe());
        let problem = match (key.form, why) {
            // What was found might be the secret itself, written as a number.
            (Form::Secret, _) => "is empty or not text".to_owned(),
            (_, Some(why)) => printable(&why).into_owned(),
            (_, None) => format!("found {found}"),
        };
        self.faults.add(place, key.path, problem, expected);
    }
}
