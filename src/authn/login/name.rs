//! What somebody typed as a name: refused, or brought into one form.
//!
//! The form is a key for searching and for counting names that nobody has. It is never who somebody is: that is the id the
//! directory answers with, and however a name is spelt, locks, devices and records are that id's.

use unicode_normalization::UnicodeNormalization as _;

use crate::base::text::hidden;
use crate::directory::Login;
use crate::model::DirectoryLabel;

/// Longest name taken, in bytes as it was typed: DNs are no logins.
const LONGEST: usize = 1_024;

/// A name in its one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// All of it.
    pub(super) whole: String,
    /// What is searched for.
    pub(super) login: Login,
    /// Whose it is said to be: `ann@corp`.
    pub(super) label: Option<DirectoryLabel>,
}

/// The one form of a name: compatibility forms unified, small letters, nothing around it.
///
/// NFKC and simple case folding, not the full one: `ß` and `ss` are two letters to directories, and whoever bears one could
/// not be found by the other. The dotted `İ` of Turkish becomes `i`, without the dot that Unicode leaves behind it.
#[must_use]
pub fn canonical(text: &str) -> String {
    let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let mut name = String::with_capacity(folded.len());
    for c in folded.nfkc() {
        if !(c == '\u{307}' && name.ends_with('i')) {
            name.push(c);
        }
    }
    name.nfkc().collect::<String>().trim().to_owned()
}

impl Name {
    /// The name in `text`, where directories have these labels; why it is none otherwise.
    pub(super) fn read(text: &str, labels: &[DirectoryLabel]) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("the name is too long");
        }
        // Before anything is trimmed: what cannot be seen has no business in a name (ownCloud CVE-2014-9043).
        if text.chars().any(hidden) {
            return Err("the name has a character that cannot be seen");
        }
        let whole = canonical(text);
        let known = |label: &str| {
            let label = label.parse::<DirectoryLabel>().ok()?;
            (label.is_local() || labels.contains(&label)).then_some(label)
        };
        let (name, label) = match whole.rsplit_once('@') {
            Some((name, label)) => known(label).map_or((whole.as_str(), None), |label| (name.trim_end(), Some(label))),
            None => (whole.as_str(), None),
        };
        if name.is_empty() {
            return Err("there is no name");
        }
        let typed = label.is_some().then(|| whole.clone());
        let login = Login { name: name.to_owned(), typed };
        Ok(Self { whole, login, label })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels() -> Vec<DirectoryLabel> {
        vec!["corp".parse().unwrap()]
    }

    #[test]
    fn spellings_of_one_name_have_one_form() {
        for spelt in [
            "Alice",
            "ALICE",
            " alice",
            "alice ",
            "ａｌｉｃｅ",
            "ＡＬＩＣＥ",
            "ALİCE",
            "\u{a0}alice",
            "Al\u{131}ce".to_uppercase().as_str(),
        ] {
            assert_eq!(canonical(spelt), "alice", "{spelt:?}");
        }
        assert_eq!(canonical("Straße"), "straße", "another letter, not another spelling");
        assert_eq!(canonical("e\u{301}"), canonical("\u{c9}"));
    }

    #[test]
    fn what_cannot_be_seen_or_is_nothing_is_no_name() {
        for bad in
            ["", "  ", "\0", "a\0", "\0a", "a\tb", "\talice", "alice\n", "a\u{200b}", "a\u{202e}b", "@corp", " @corp"]
        {
            assert!(Name::read(bad, &labels()).is_err(), "{bad:?}");
        }
        assert!(Name::read(&"x".repeat(1_025), &labels()).is_err());
    }

    #[test]
    fn a_label_behind_a_name_picks_a_directory_and_anything_else_is_part_of_the_name() {
        let read = |text: &str| {
            let name = Name::read(text, &labels()).unwrap();
            (name.login.name, name.login.typed, name.label.map(|label| label.to_string()))
        };
        assert_eq!(read("Ann@Corp"), ("ann".to_owned(), Some("ann@corp".to_owned()), Some("corp".to_owned())));
        assert_eq!(read("ann@corp.example"), ("ann@corp.example".to_owned(), None, None));
        assert_eq!(read("ann@labs"), ("ann@labs".to_owned(), None, None));
        assert_eq!(read("ann@local").2, Some("local".to_owned()));
        assert_eq!(read("a@b@corp").0, "a@b");
    }

    proptest! {
        #[test]
        fn the_form_of_a_form_is_itself(text in "\\PC{0,40}") {
            let once = canonical(&text);
            prop_assert_eq!(canonical(&once), once);
        }
    }
}
