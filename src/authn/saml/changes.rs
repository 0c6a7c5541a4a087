//! What newer metadata has otherwise than what counts, in words: by them an administrator decides. Of identity providers and of service
//! providers it is told in the same way.

use crate::base::Timestamp;
use crate::base::text::printable;
use crate::saml_xml::Certificate;

/// How everything begins that is said of until when metadata is good.
const GOOD: &str = "it is good ";

/// Changes, one sentence each.
#[derive(Debug, Default)]
pub(super) struct Changes(Vec<String>);

impl Changes {
    /// What it calls itself by.
    pub(super) fn entity_id(&mut self, before: &str, after: &str) {
        if before != after {
            self.say(format!("entityID: `{}` becomes `{}`", printable(before), printable(after)));
        }
    }

    /// What it says yes or no to.
    pub(super) fn flag(&mut self, what: &str, before: bool, after: bool) {
        if before != after {
            self.say(format!("{what}: {before} becomes {after}"));
        }
    }

    /// Certificates.
    pub(super) fn certificates(&mut self, what: &str, before: &[Certificate], after: &[Certificate]) {
        let shown = |all: &[Certificate]| all.iter().map(shown).collect();
        self.listed(what, shown(before), shown(after));
    }

    /// What is there in one of two lists alone; answers whether anything is.
    pub(super) fn listed(&mut self, what: &str, before: Vec<String>, after: Vec<String>) -> bool {
        let told = self.0.len();
        for gone in before.iter().filter(|one| !after.contains(one)) {
            self.say(format!("{what} goes: {}", printable(gone)));
        }
        for new in after.iter().filter(|one| !before.contains(one)) {
            self.say(format!("{what} comes: {}", printable(new)));
        }
        self.0.len() > told
    }

    pub(super) fn say(&mut self, change: String) {
        self.0.push(change);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn told(self) -> Vec<String> {
        self.0
    }
}

/// A certificate, for people to compare with what they are told of it.
pub(super) fn shown(certificate: &Certificate) -> String {
    format!("{} (SHA-256 {})", certificate.subject, certificate.fingerprint)
}

/// That metadata which was good until `before` is now good until `after`; nothing, if that is the same.
#[must_use]
pub fn another_end(before: Option<Timestamp>, after: Option<Timestamp>) -> Option<String> {
    let words = |end: Option<Timestamp>| end.map_or_else(|| "without end".to_owned(), |end| format!("until {end:.0}"));
    (before != after).then(|| format!("{GOOD}{} instead of {}", words(after), words(before)))
}

/// Whether a change is one of until when metadata is good.
#[must_use]
pub fn is_another_end(change: &str) -> bool {
    change.starts_with(GOOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_in_words() {
        let at = |text: &str| Some(text.parse().unwrap());
        let (soon, late) = (at("2026-12-01T00:00:00Z"), at("2027-12-01T00:00:00Z"));
        assert_eq!(another_end(soon, soon), None);
        let told = another_end(soon, late).unwrap();
        assert_eq!(told, "it is good until 2027-12-01T00:00:00Z instead of until 2026-12-01T00:00:00Z");
        assert!(is_another_end(&told) && !is_another_end("signing certificate goes: x"));
        assert_eq!(another_end(late, None).unwrap(), "it is good without end instead of until 2027-12-01T00:00:00Z");
        assert_eq!(another_end(None, late).unwrap(), "it is good until 2027-12-01T00:00:00Z instead of without end");
    }
}
