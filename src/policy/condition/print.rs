//! Conditions back to text.
//!
//! The language has no case in operators and keys, and has two names for one operator; JSON has every member once. So a
//! statement can hold two conditions of one operator on one key, both of which must hold: `ArnLike` and `ArnEquals`, or
//! `aws:username` and `AWS:UserName`. They come back under another name or in another case, and in their order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::operator::Operator;
use super::{Condition, Values};
use crate::policy::arn::{ArnPattern, Variables};
use crate::policy::document::Version;
use crate::policy::pattern::Pattern;

/// An operator, and the keys that stand under it.
pub(in crate::policy) struct Block<'a> {
    /// Of the operator, and no other block's.
    pub(in crate::policy) name: String,
    /// As they are to be written, each once, with their values.
    pub(in crate::policy) keys: Vec<(String, Vec<String>)>,
    operator: Operator,
    /// The same keys, lower-case.
    held: Vec<&'a str>,
}

/// The blocks in which `conditions` stand.
pub(in crate::policy) fn blocks(conditions: &[Condition], version: Version) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for condition in conditions {
        let operator = condition.operator;
        let like_it = blocks.iter().filter(|block| block.operator == operator).count();
        let open = blocks.last().filter(|block| block.operator == operator);
        let key = open.and_then(|block| block.spelling(condition.key.folded(), like_it)).unwrap_or_else(|| {
            blocks.push(Block { name: name(operator, like_it), keys: Vec::new(), operator, held: Vec::new() });
            condition.key.folded().to_owned()
        });
        if let Some(block) = blocks.last_mut() {
            block.keys.push((key, condition.values.print(version)));
            block.held.push(condition.key.folded());
        }
    }
    blocks
}

impl Block<'_> {
    /// How one more condition on `key` is to be written here; `None` when it needs another block.
    fn spelling(&self, key: &str, blocks_like_this: usize) -> Option<String> {
        let repeats = self.held.iter().filter(|held| **held == key).count();
        // Another name is easier to read than another case.
        if repeats > 0 && blocks_like_this < self.operator.names().count() {
            return None;
        }
        spellings(key.to_owned()).nth(repeats)
    }
}

/// A name of the operator that none of its `earlier` blocks has.
fn name(operator: Operator, earlier: usize) -> String {
    let others = operator.names().flat_map(|name| spellings(name).skip(1));
    // What was parsed was spelled in as many ways. Only letters beyond ASCII have more cases than are tried here; where even
    // that was exhausted the print has a name that the parser refuses, rather than one condition less.
    operator.names().chain(others).nth(earlier).unwrap_or_default()
}

/// `text`, and then with its ASCII letters in every other case.
fn spellings(text: String) -> impl Iterator<Item = String> {
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    let count = u32::try_from(letters).ok().and_then(|letters| 1_u64.checked_shl(letters)).unwrap_or(u64::MAX);
    (0..count).map(move |flips| flipped(&text, flips))
}

/// `text` with the case of those letters turned whose bits are set, the first letter's being the lowest.
fn flipped(text: &str, mut flips: u64) -> String {
    let flip = |c: char| {
        let flip = c.is_ascii_alphabetic() && flips & 1 == 1;
        if c.is_ascii_alphabetic() {
            flips >>= 1;
        }
        match flip {
            true if c.is_ascii_lowercase() => c.to_ascii_uppercase(),
            true => c.to_ascii_lowercase(),
            false => c,
        }
    };
    text.chars().map(flip).collect()
}

impl Values {
    /// Each as the parser takes it.
    fn print(&self, version: Version) -> Vec<String> {
        let patterns = |patterns: &[Pattern]| patterns.iter().map(|pattern| pattern.print(version)).collect();
        let arn = |pattern: &ArnPattern| pattern.print(version, Variables::Anywhere);
        match self {
            Self::Arns(arns) => arns.iter().map(arn).collect(),
            Self::Binary(held) => held.iter().map(|bytes| STANDARD.encode(bytes)).collect(),
            Self::Flags(flags) => patterns(flags),
            Self::Moments(_, moments) => texts(moments),
            Self::Networks(networks) => texts(networks),
            Self::Numbers(_, numbers) => texts(numbers),
            Self::Absence(flags) => texts(flags),
            Self::Texts { patterns: held, .. } => patterns(held),
        }
    }
}

fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(T::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_of_a_text_comes_once() {
        assert_eq!(spellings("a1B".to_owned()).collect::<Vec<_>>(), ["a1B", "A1B", "a1b", "A1b"]);
        assert_eq!(spellings("1".to_owned()).count(), 1);
        assert_eq!(spellings("x".repeat(100)).nth(1).unwrap().matches('X').count(), 1);
    }

    #[test]
    fn a_name_of_an_operator_is_the_same_operator() {
        let operator = Operator::named("ForAnyValue:ArnNotLikeIfExists").unwrap();
        let names: Vec<String> = (0..1_000).map(|earlier| name(operator, earlier)).collect();
        assert_eq!(names[..2], ["ForAnyValue:ArnNotLikeIfExists", "ForAnyValue:ArnNotEqualsIfExists"]);
        assert!(names.iter().all(|name| Operator::named(name) == Some(operator)));
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
        let null = Operator::named("Null").unwrap();
        assert_eq!((name(null, 15), name(null, 16)), ("nULL".to_owned(), String::new()));
    }
}
