//! The board on which the daemon's parts post how they are.
//!
//! Each part posts for itself, and says until when its word holds: a part that fell silent turns
//! red by itself instead of staying green for ever.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::base::Timestamp;
use crate::base::clock::expired;
use crate::base::text::printable_within;

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// As it should be.
    Green,
    /// Works; somebody should look when there is time.
    Yellow,
    /// Does not work.
    Red,
}

/// A part, as it posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// How it is.
    pub condition: Condition,
    /// Why, for a person.
    pub words: String,
    /// Whether it can do its work; the daemon is ready when every part is.
    pub ready: bool,
    /// Its word holds until then; `None` for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good_until: Option<Timestamp>,
}

/// All parts by name; clones share the board.
#[derive(Debug, Clone, Default)]
pub struct Board {
    parts: Arc<Mutex<BTreeMap<String, Part>>>,
}

impl Part {
    /// Fine and ready.
    pub fn green(words: impl Into<String>) -> Self {
        Self { condition: Condition::Green, words: words.into(), ready: true, good_until: None }
    }

    /// Ready, but somebody should look.
    pub fn yellow(words: impl Into<String>) -> Self {
        Self { condition: Condition::Yellow, ..Self::green(words) }
    }

    /// Does not work.
    pub fn red(words: impl Into<String>) -> Self {
        Self { condition: Condition::Red, ready: false, ..Self::green(words) }
    }

    /// The same, ready or not.
    #[must_use]
    pub fn ready(self, ready: bool) -> Self {
        Self { ready, ..self }
    }

    /// The same, if it posts again before `until`.
    #[must_use]
    pub fn good_until(self, until: Timestamp) -> Self {
        Self { good_until: Some(until), ..self }
    }
}

impl Board {
    /// Posts how `part` is, in place of what it posted before.
    pub fn post(&self, part: &str, state: Part) {
        let words = printable_within(&state.words, LONGEST_WORDS).into_owned();
        self.lock().insert(part.to_owned(), Part { words, ..state });
    }

    /// Takes a part off the board.
    pub fn remove(&self, part: &str) {
        self.lock().remove(part);
    }

    /// All parts as they are at `now`.
    #[must_use]
    pub fn read(&self, now: Timestamp) -> BTreeMap<String, Part> {
        let mut parts = self.lock().clone();
        for part in parts.values_mut() {
            let silent_since = part.good_until.filter(|until| expired(*until, now));
            if let Some(since) = silent_since {
                part.words = format!("silent since {since:.0}, when it was {:?}: {}", part.condition, part.words);
                part.condition = Condition::Red;
            }
        }
        parts
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Part>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Longest explanation of a state, in characters.
const LONGEST_WORDS: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_falls_silent_turns_red_but_keeps_its_readiness() {
        let board = Board::default();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        board.post("directory/corp", Part::green("following changes").good_until(at("2026-03-12T12:00:00Z")));
        let before = board.read(at("2026-03-12T11:59:59Z"));
        assert_eq!(before["directory/corp"].condition, Condition::Green);
        let after = board.read(at("2026-03-12T12:00:00Z"));
        assert_eq!(after["directory/corp"].condition, Condition::Red);
        assert!(after["directory/corp"].ready, "what was read is still there");
        assert!(after["directory/corp"].words.contains("following changes"));
    }

    #[test]
    fn words_from_outside_cannot_forge_lines() {
        let board = Board::default();
        board.post("directory/corp", Part::red("refused: \u{1b}[2J\nok"));
        let words = &board.read(Timestamp::UNIX_EPOCH)["directory/corp"].words;
        assert!(!words.chars().any(crate::base::text::hidden), "{words}");
    }
}
