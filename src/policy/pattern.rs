//! Text with wildcards and variables.
//!
//! `*` is any run of characters, `?` any one. `${key}` is the one value of a context key, `${key, 'text'}` with a default,
//! and `${*}`, `${?}`, `${$}` are these characters themselves. What a variable stands for is compared as text.
//!
//! Matching walks the text once and goes back to the last `*` alone, so it takes at most the pattern's length times the
//! text's, whatever either holds.

use super::context::{Context, Key};
use super::document::Version;

/// Parts of a pattern whose variables are stood in for without asking the heap.
const FEW: usize = 8;

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Shape);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// `*`
    Everything,
    /// No wildcard, no variable.
    Exact(Box<str>),
    /// Text, and a `*` at its end.
    Prefix(Box<str>),
    /// Wildcards.
    Wild(Box<[Part]>),
    /// Variables, perhaps wildcards.
    Variable(Box<[Part]>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    One,
    Many,
    Variable { key: Key, default: Option<Box<str>> },
}

/// A part whose variable has been looked up.
#[derive(Debug, Clone, Copy)]
enum Piece<'a> {
    Text(&'a str),
    One,
    Many,
}

/// How a pattern is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// `*` and `?` are wildcards.
    pub(super) wildcards: bool,
    /// Compared without regard to case.
    pub(super) folded: bool,
}

impl Pattern {
    /// Compiles `text`; variables only in the version that has them.
    ///
    /// # Errors
    /// What is wrong with a variable.
    pub(super) fn compile(text: &str, version: Version, reading: Reading) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['*', '?', '$']) {
            let (before, marked) = rest.split_at_checked(at).unwrap_or((rest, ""));
            push_text(&mut parts, before, reading);
            let mut behind = marked.chars();
            match behind.next() {
                // Several in a row are one.
                Some('*') if reading.wildcards && parts.last() == Some(&Part::Many) => {}
                Some('*') if reading.wildcards => parts.push(Part::Many),
                Some('?') if reading.wildcards => parts.push(Part::One),
                Some('$') if version.has_variables() && behind.as_str().starts_with('{') => {
                    let inner = behind.as_str().strip_prefix('{').unwrap_or_default();
                    let (variable, after) = variable(inner, reading)?;
                    match variable {
                        Part::Text(text) => push_text(&mut parts, &text, reading),
                        variable => parts.push(variable),
                    }
                    rest = after;
                    continue;
                }
                Some(other) => push_text(&mut parts, other.encode_utf8(&mut [0; 4]), reading),
                None => {}
            }
            rest = behind.as_str();
        }
        push_text(&mut parts, rest, reading);
        Ok(Self(shape(parts)))
    }

    /// Its text, for a document of this version, which has to be the one it was compiled for.
    pub(super) fn print(&self, version: Version) -> String {
        let mut text = String::new();
        match &self.0 {
            Shape::Everything => text.push('*'),
            Shape::Exact(exact) => push_escaped(&mut text, exact, version),
            Shape::Prefix(prefix) => {
                push_escaped(&mut text, prefix, version);
                text.push('*');
            }
            Shape::Wild(parts) | Shape::Variable(parts) => {
                parts.iter().for_each(|part| part.print(&mut text, version));
            }
        }
        text
    }

    /// Whether everything matches.
    pub(super) fn is_everything(&self) -> bool {
        self.0 == Shape::Everything
    }

    /// Whether exactly one text matches, and which.
    pub(super) fn exact(&self) -> Option<&str> {
        match &self.0 {
            Shape::Exact(text) => Some(text),
            _ => None,
        }
    }

    /// The text that everything it matches begins with: what stands before its first wildcard or variable.
    pub(super) fn beginning(&self) -> &str {
        match &self.0 {
            Shape::Everything => "",
            Shape::Exact(text) | Shape::Prefix(text) => text,
            Shape::Wild(parts) | Shape::Variable(parts) => match parts.first() {
                Some(Part::Text(text)) => text,
                _ => "",
            },
        }
    }

    /// Whether it has variables.
    pub(super) fn has_variables(&self) -> bool {
        matches!(self.0, Shape::Variable(_))
    }

    /// The keys of its variables.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        let parts: &[Part] = match &self.0 {
            Shape::Variable(parts) => parts,
            _ => &[],
        };
        parts.iter().filter_map(|part| match part {
            Part::Variable { key, .. } => Some(key),
            _ => None,
        })
    }

    /// Whether all of `text` matches. `None` when a variable has no value.
    pub(super) fn matches(&self, text: &str, context: &Context) -> Option<bool> {
        match &self.0 {
            Shape::Everything => Some(true),
            Shape::Exact(exact) => Some(**exact == *text),
            Shape::Prefix(prefix) => Some(text.starts_with(&**prefix)),
            Shape::Wild(parts) => Some(glob(parts.len(), |n| parts.get(n).map(plain), text)),
            Shape::Variable(parts) => {
                let mut few = [Piece::One; FEW];
                if let Some(pieces) = few.get_mut(..parts.len()) {
                    for (piece, part) in pieces.iter_mut().zip(parts) {
                        *piece = resolved(part, context)?;
                    }
                    return Some(glob(pieces.len(), |n| pieces.get(n).copied(), text));
                }
                let pieces: Vec<Piece<'_>> = parts.iter().map(|part| resolved(part, context)).collect::<Option<_>>()?;
                Some(glob(pieces.len(), |n| pieces.get(n).copied(), text))
            }
        }
    }

    /// As [`Pattern::matches`], without regard to case; `self` was compiled so, and without wildcards.
    pub(super) fn matches_folded(&self, text: &str, context: &Context) -> Option<bool> {
        let text = text.to_lowercase();
        let Shape::Variable(parts) = &self.0 else { return self.matches(&text, context) };
        let mut whole = String::new();
        for part in parts {
            if let Piece::Text(text) = resolved(part, context)? {
                whole.push_str(&text.to_lowercase());
            }
        }
        Some(whole == text)
    }
}

impl Part {
    fn print(&self, into: &mut String, version: Version) {
        match self {
            Self::Text(text) => push_escaped(into, text, version),
            Self::One => into.push('?'),
            Self::Many => into.push('*'),
            Self::Variable { key, default: None } => into.extend(["${", key.folded(), "}"]),
            // The quotes inside of a default are in pairs, or it would not have been read: it goes back as it is.
            Self::Variable { key, default: Some(default) } => into.extend(["${", key.folded(), ", '", default, "'}"]),
        }
    }
}

/// Appends `text` so that it is read as text. The version without variables has no way to say so, and no need: what would be
/// a wildcard there was read as one.
fn push_escaped(into: &mut String, text: &str, version: Version) {
    for c in text.chars() {
        match c {
            '*' | '?' | '$' if version.has_variables() => into.extend(['$', '{', c, '}']),
            c => into.push(c),
        }
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str, reading: Reading) {
    if text.is_empty() {
        return;
    }
    let text = if reading.folded { text.to_lowercase() } else { text.to_owned() };
    match parts.last_mut() {
        Some(Part::Text(held)) => held.push_str(&text),
        _ => parts.push(Part::Text(text)),
    }
}

fn shape(parts: Vec<Part>) -> Shape {
    match parts.as_slice() {
        [] => Shape::Exact("".into()),
        [Part::Many] => Shape::Everything,
        [Part::Text(text)] => Shape::Exact(text.as_str().into()),
        [Part::Text(text), Part::Many] => Shape::Prefix(text.as_str().into()),
        parts if parts.iter().any(|part| matches!(part, Part::Variable { .. })) => Shape::Variable(parts.into()),
        parts => Shape::Wild(parts.into()),
    }
}

/// The variable whose inside begins `text`, and what follows it.
fn variable(text: &str, reading: Reading) -> Result<(Part, &str), String> {
    let (inside, after) = split_variable(text).ok_or("a variable without its `}`")?;
    let literal = |text: &str| Ok((Part::Text(text.into()), after));
    match inside {
        "*" | "?" | "$" => return literal(inside),
        _ => {}
    }
    let (key, default) = match inside.split_once(',') {
        None => (inside.trim(), None),
        Some((key, default)) => {
            let quoted = default.trim().strip_prefix('\'').and_then(|default| default.strip_suffix('\''));
            let quoted = quoted.ok_or_else(|| format!("the default of `{}` is not in single quotes", key.trim()))?;
            let default = if reading.folded { quoted.to_lowercase() } else { quoted.to_owned() };
            (key.trim(), Some(default.into_boxed_str()))
        }
    };
    if key.is_empty() || key.contains(|c: char| c.is_whitespace() || "*?${'".contains(c)) {
        return Err(format!("`{inside}` is not the name of a context key"));
    }
    Ok((Part::Variable { key: Key::of(key), default }, after))
}

/// What is inside of a variable, and what is behind. A brace in the quotes of a default is text.
pub(super) fn split_variable(text: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '}' if !quoted => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

fn plain(part: &Part) -> Piece<'_> {
    match part {
        Part::Text(text) => Piece::Text(text),
        Part::One => Piece::One,
        // A shape without variables has none.
        Part::Many | Part::Variable { .. } => Piece::Many,
    }
}

fn resolved<'a>(part: &'a Part, context: &'a Context) -> Option<Piece<'a>> {
    match part {
        Part::Variable { key, default } => {
            let key = key.folded();
            let value = context.single(key).or(default.as_deref().filter(|_| context.values(key).is_none()))?;
            Some(Piece::Text(value))
        }
        part => Some(plain(part)),
    }
}

/// Whether the pieces match all of `text`.
fn glob<'a>(count: usize, piece: impl Fn(usize) -> Option<Piece<'a>>, text: &str) -> bool {
    let (mut at, mut rest) = (0, text);
    // Where to go on after the last `*`, which then takes a character more.
    let mut again: Option<(usize, &str)> = None;
    loop {
        match piece(at) {
            Some(Piece::Many) => {
                if at + 1 == count {
                    return true;
                }
                at += 1;
                again = Some((at, rest));
                continue;
            }
            Some(Piece::Text(wanted)) => {
                if let Some(behind) = rest.strip_prefix(wanted) {
                    (at, rest) = (at + 1, behind);
                    continue;
                }
            }
            Some(Piece::One) => {
                let mut behind = rest.chars();
                if behind.next().is_some() {
                    (at, rest) = (at + 1, behind.as_str());
                    continue;
                }
            }
            None if rest.is_empty() => return true,
            None => {}
        }
        let Some((after, from)) = again else { return false };
        let mut from = from.chars();
        if from.next().is_none() {
            return false;
        }
        (at, rest) = (after, from.as_str());
        again = Some((after, rest));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIKE: Reading = Reading { wildcards: true, folded: false };
    const EQUALS: Reading = Reading { wildcards: false, folded: false };

    fn context(pairs: &[(&str, &[&str])]) -> Context {
        let mut context = Context::default();
        for (key, values) in pairs {
            context.set(key, values.iter().map(|value| (*value).to_owned()).collect());
        }
        context
    }

    fn like(pattern: &str, text: &str) -> bool {
        Pattern::compile(pattern, Version::V2012, LIKE).unwrap().matches(text, &Context::default()).unwrap()
    }

    #[test]
    fn wildcards_match_runs_and_single_characters() {
        for (pattern, text, matches) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*", "a", true),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("*a*b*", "xxaxxbxx", true),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("??", "a", false),
            ("*?", "", false),
            ("*?", "é", true),
            ("a**b", "ab", true),
            ("*ab", "aab", true),
            ("*abc", "ababc", true),
        ] {
            assert_eq!(like(pattern, text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn no_pattern_is_slow() {
        let text = "a".repeat(20_000);
        let pattern = format!("{}b", "a*".repeat(200));
        assert!(!like(&pattern, &text));
        assert!(!like(&format!("{}b", "*a?".repeat(200)), &text));
    }

    #[test]
    fn a_variable_is_text_and_what_it_stands_for_never_a_wildcard() {
        let known = context(&[("aws:username", &["*"]), ("aws:many", &["a", "b"]), ("aws:none", &[])]);
        for (pattern, text, expected) in [
            ("home/${aws:username}/*", "home/*/x", Some(true)),
            ("home/${aws:username}/*", "home/bob/x", Some(false)),
            ("${AWS:UserName}", "*", Some(true)),
            ("${aws:unknown}", "", None),
            ("${aws:unknown, 'all'}", "all", Some(true)),
            ("${aws:unknown,'}'}", "}", Some(true)),
            ("${aws:username, 'all'}", "*", Some(true)),
            ("${aws:many, 'all'}", "all", None),
            ("${*}${?}${$}", "*?$", Some(true)),
            ("${*}${?}${$}", "abc", Some(false)),
            ("$x{", "$x{", Some(true)),
        ] {
            let compiled = Pattern::compile(pattern, Version::V2012, LIKE).unwrap();
            assert_eq!(compiled.matches(text, &known), expected, "{pattern} {text}");
        }
        let literal = Pattern::compile("${aws:username}", Version::V2008, LIKE).unwrap();
        assert_eq!(literal.exact(), Some("${aws:username}"));
        let folded = Reading { folded: true, ..EQUALS };
        let folded = Pattern::compile("X-${aws:unknown, 'ÄB'}", Version::V2012, folded).unwrap();
        assert_eq!(folded.matches_folded("x-äB", &known), Some(true));
    }

    #[test]
    fn a_variable_that_is_none_is_refused() {
        for bad in ["${", "${aws:username", "${}", "${ }", "${a b}", "${a, b}", "${a, 'b}", "${a*}", "${${a}}"] {
            assert!(Pattern::compile(bad, Version::V2012, LIKE).is_err(), "{bad}");
        }
    }

    /// The textbook's recursive definition.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|n| naive(rest, &text[n..])),
            Some(('?', rest)) => !text.is_empty() && naive(rest, &text[1..]),
            Some((c, rest)) => text.first() == Some(c) && naive(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn matching_is_what_the_textbook_says(pattern in "[ab*?é]{0,10}", text in "[abé]{0,12}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(like(&pattern, &text), naive(&p, &t));
        }
    }
}
