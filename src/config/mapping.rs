//! The file of `forward_auth.mapping_file`: which action on which resource a request to an application is.
//!
//! A file of its own, since it is written by those who know the applications. Its faults are told by its own lines.

use std::path::Path;

use super::fault::Place;
use super::raw::{self, Value, Written};
use super::section::Section;
use crate::access::forward::mapping::{Application, Mapping};
use crate::base::text::printable;
use crate::http::hosts::Host;

/// What an application has, and a rule.
const OF_APPLICATION: [&str; 3] = ["name", "hosts", "rule"];
const OF_RULE: [&str; 4] = ["methods", "path", "action", "resource"];

/// The mapping, or all that is wrong with it.
pub(super) fn read(section: &Section<'_>, path: &Path) -> Option<Mapping> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(why) => {
            section.fault("mapping_file", format!("{} cannot be read: {why}", path.display()), "see that it is there");
            return None;
        }
    };
    let mut reader = Reader { section, path };
    match raw::parse(&text) {
        Ok(file) => reader.mapping(&file),
        Err(faults) => {
            faults.into_iter().for_each(|fault| reader.fault(fault.place, "", &fault.problem));
            None
        }
    }
}

struct Reader<'a, 'f> {
    section: &'a Section<'f>,
    path: &'a Path,
}

impl Reader<'_, '_> {
    fn mapping(&mut self, file: &Written<'_>) -> Option<Mapping> {
        let mut mapping = Mapping::default();
        self.known(file, &["application"], "the file");
        let applications = self.tables(file, "application", "");
        if file.entry("application").is_none() {
            self.fault(file.place, "application", "there is none; write [[application]]");
        }
        for written in applications {
            self.known(written, &OF_APPLICATION, "an application");
            let name = self.text(written, "name", "application");
            let hosts = self.hosts(written);
            let mut application = Application::new(name.unwrap_or_default());
            for rule in self.tables(written, "rule", "application.") {
                self.rule(&mut application, rule);
            }
            if name.is_some_and(|name| mapping.has(name)) {
                self.fault(written.place, "application.name", "another application has it");
            }
            if let Err(host) = mapping.add(application, hosts) {
                self.fault(written.place, "application.hosts", &format!("`{host}` is another application's"));
            }
        }
        Some(mapping)
    }

    fn rule(&mut self, application: &mut Application, written: &Written<'_>) {
        self.known(written, &OF_RULE, "a rule");
        let methods = self.texts(written, "methods", "application.rule");
        let of_rule = |reader: &mut Self, key| reader.text(written, key, "application.rule").map(str::to_owned);
        let (path, action) = (of_rule(self, "path"), of_rule(self, "action"));
        let resource = of_rule(self, "resource");
        let (Some(methods), Some(path), Some(action), Some(resource)) = (methods, path, action, resource) else {
            return;
        };
        if let Err(error) = application.add(&methods, &path, &action, &resource) {
            let place = written.entry(error.part).map_or(written.place, |entry| entry.place);
            self.fault(place, &format!("application.rule.{}", error.part), &error.why);
        }
    }

    fn hosts(&mut self, written: &Written<'_>) -> Vec<String> {
        let mut hosts = Vec::new();
        for text in self.texts(written, "hosts", "application").unwrap_or_default() {
            match text.parse::<Host>() {
                Ok(host) => hosts.push(host.to_string()),
                Err(error) => {
                    self.fault(written.place, "application.hosts", &format!("`{}` is {error}", printable(&text)));
                }
            }
        }
        hosts
    }

    /// The tables `[[name]]`.
    fn tables<'w>(&mut self, written: &'w Written<'w>, name: &str, around: &str) -> Vec<&'w Written<'w>> {
        let Some(entry) = written.entry(name) else { return Vec::new() };
        match &entry.written.value {
            Value::List(items) if items.iter().all(|item| matches!(item.value, Value::Table(_))) => {
                items.iter().collect()
            }
            _ => {
                self.fault(entry.place, &format!("{around}{name}"), &format!("write it as [[{around}{name}]]"));
                Vec::new()
            }
        }
    }

    fn text<'w>(&mut self, written: &'w Written<'w>, key: &str, around: &str) -> Option<&'w str> {
        let full = format!("{around}.{key}");
        match written.entry(key) {
            None => self.fault(written.place, &full, "missing"),
            Some(entry) => match &entry.written.value {
                Value::Text(text) if !text.is_empty() => return Some(text),
                _ => self.fault(entry.place, &full, "expected text"),
            },
        }
        None
    }

    fn texts(&mut self, written: &Written<'_>, key: &str, around: &str) -> Option<Vec<String>> {
        let full = format!("{around}.{key}");
        let Some(entry) = written.entry(key) else {
            self.fault(written.place, &full, "missing");
            return None;
        };
        let Value::List(items) = &entry.written.value else {
            self.fault(entry.place, &full, "expected a list of texts");
            return None;
        };
        let text = |item: &Written<'_>| match &item.value {
            Value::Text(text) => Some(text.to_string()),
            _ => None,
        };
        let texts: Option<Vec<String>> = items.iter().map(text).collect();
        if texts.as_ref().is_none_or(Vec::is_empty) {
            self.fault(entry.place, &full, "expected a list of one text at least");
            return None;
        }
        texts
    }

    /// Notes keys that mean nothing: a misspelt one should not be ignored.
    fn known(&mut self, written: &Written<'_>, keys: &[&str], of: &str) {
        for entry in written.entries() {
            if !keys.contains(&&*entry.key) {
                let problem = format!("is no key of {of}, which has {}", keys.join(", "));
                self.fault(entry.place, &printable(&entry.key), &problem);
            }
        }
    }

    fn fault(&mut self, place: Place, key: &str, problem: &str) {
        let Place { line, column } = place;
        let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
        let problem = format!("{}:{line}:{column}: {key}{}", self.path.display(), printable(problem));
        self.section.fault("mapping_file", problem, "");
    }
}
