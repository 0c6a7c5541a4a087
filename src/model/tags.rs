//! Tags: words that an administrator hangs on an object, for conditions and for people.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Most tags of one object (IAM User Guide, "IAM and STS quotas").
pub const MOST: usize = 50;

const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

/// Tags by key. Two keys that differ by case alone are one (IAM User Guide, "Rules for tagging").
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(BTreeMap<String, String>);

/// What is wrong with a tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// Its key.
    #[error("`{0}` is no tag key: use 1 to 128 letters, digits, blanks and _.:/=+-@, not beginning with `aws:`")]
    Key(String),
    /// Its value.
    #[error("the value of tag `{0}` is none: use at most 256 letters, digits, blanks and _.:/=+-@")]
    Value(String),
    /// There are too many.
    #[error("an object has at most {MOST} tags")]
    TooMany,
}

impl Tags {
    /// Sets a tag, in the place of one whose key differs by case alone.
    ///
    /// # Errors
    /// What is wrong with it; then nothing changed.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), TagError> {
        let shown = || crate::base::text::printable(key).into_owned();
        let reserved = key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
        if !(1..=LONGEST_KEY).contains(&key.chars().count()) || !key.chars().all(allowed) || reserved {
            return Err(TagError::Key(shown()));
        }
        if value.chars().count() > LONGEST_VALUE || !value.chars().all(allowed) {
            return Err(TagError::Value(shown()));
        }
        let held = held_key(self.0.keys(), key).cloned();
        if held.is_none() && self.0.len() >= MOST {
            return Err(TagError::TooMany);
        }
        if let Some(held) = held {
            self.0.remove(&held);
        }
        self.0.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// Takes a tag away; false when there was none.
    pub fn remove(&mut self, key: &str) -> bool {
        let held = held_key(self.0.keys(), key).cloned();
        held.is_some_and(|held| self.0.remove(&held).is_some())
    }

    /// All of them, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key as it is held that is `key` but for case.
    #[must_use]
    pub fn key(&self, key: &str) -> Option<&str> {
        held_key(self.0.keys(), key).map(String::as_str)
    }
}

/// The one of `held` that is `key` but for case: two such keys are one.
pub fn held_key<'a>(held: impl IntoIterator<Item = &'a String>, key: &str) -> Option<&'a String> {
    let folded = key.to_lowercase();
    held.into_iter().find(|held| held.to_lowercase() == folded)
}

/// `text` as the value of a tag: what values cannot hold is replaced by `-`, and it is cut to what fits.
#[must_use]
pub fn sanitised(text: &str) -> String {
    text.chars().take(LONGEST_VALUE).map(|c| if allowed(c) { c } else { '-' }).collect()
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]`
fn allowed(c: char) -> bool {
    // Of the separators only the blank: the others cannot be told from it, or break lines.
    c.is_alphanumeric() || c == ' ' || matches!(c, '_' | '.' | ':' | '/' | '=' | '+' | '-' | '@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_more_than_case() {
        let mut tags = Tags::default();
        tags.set("Team", "red").unwrap();
        tags.set("team", "blue").unwrap();
        assert_eq!(tags.iter().collect::<Vec<_>>(), [("team", "blue")]);
        assert_eq!((tags.key("TEAM"), tags.key("tea")), (Some("team"), None));
        assert!(tags.remove("TEAM") && !tags.remove("TEAM") && tags.is_empty());
    }

    #[test]
    fn any_text_becomes_a_value() {
        let mut tags = Tags::default();
        for text in ["R&D / Köln", "a\u{7}\n*", "", &"x".repeat(1_000)] {
            tags.set("k", &sanitised(text)).unwrap();
        }
        assert_eq!(sanitised("R&D, Köln*"), "R-D- Köln-");
    }

    #[test]
    fn limits_hold() {
        let mut tags = Tags::default();
        for (key, value) in
            [("", ""), ("aws:x", ""), ("AWS:x", ""), ("a\u{7}", ""), ("a", "\n"), ("a", &"x".repeat(257))]
        {
            assert!(tags.set(key, value).is_err(), "{key} {value}");
        }
        for n in 0..MOST {
            tags.set(&format!("k{n}"), "größe 1").unwrap();
        }
        assert_eq!(tags.set("one more", ""), Err(TagError::TooMany));
        assert_eq!(tags.set("K1", "again"), Ok(()));
    }
}
