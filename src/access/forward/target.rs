//! The path of a request, decoded once, or refused where a proxy and an application could read it in two ways.
//!
//! What is let through to an application is what was asked about only if both see the same path. `/public/..%2fadmin` is
//! `/public/x` to one and `/admin` to another, `;` begins a parameter to some (CVE-2021-22112 and its kin), `//` and a trailing
//! dot vanish on the way. No guess is made: such a path is refused, whoever asks.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::base::text::{hidden, printable_within};

/// Longest path, in bytes, as for signatures.
const LONGEST: usize = 2_048;

/// How much of a path an error shows, in characters.
const SHOWN: usize = 128;

/// Why a path is not looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It has something that is read in two ways.
    #[error("the path `{path}` has {what}, which proxies and applications read in different ways")]
    Ambiguous {
        /// The path, made safe to show.
        path: String,
        /// What it has.
        what: &'static str,
    },
    /// It is none.
    #[error("`{path}` is no path: expected {expected}")]
    Malformed {
        /// What was there, made safe to show.
        path: String,
        /// What it should be.
        expected: &'static str,
    },
    /// It is too long.
    #[error("the path has {0} bytes, and {LONGEST} are the limit")]
    TooLong(usize),
}

/// Path and query of a target in origin form (RFC 9112, section 3.2.1), as they were sent.
///
/// # Errors
/// When it is of another form.
pub fn split(target: &str) -> Result<(&str, &str), TargetError> {
    if !target.starts_with('/') || !target.bytes().all(|byte| byte.is_ascii_graphic()) || target.contains('#') {
        return Err(malformed(target, "a slash, and visible ASCII without `#`"));
    }
    Ok(target.split_once('?').unwrap_or((target, "")))
}

/// The path `raw`, decoded once.
///
/// # Errors
/// When it can be read in two ways, or is none.
pub fn decoded(raw: &str) -> Result<String, TargetError> {
    if raw.len() > LONGEST {
        return Err(TargetError::TooLong(raw.len()));
    }
    let ambiguous = |what| TargetError::Ambiguous { path: shown(raw), what };
    if let Some(what) = doubtful(raw) {
        return Err(ambiguous(what));
    }
    for behind in raw.split('%').skip(1) {
        if !is_escape(behind) {
            return Err(malformed(raw, "two hexadecimal digits behind each `%`"));
        }
        if behind.get(..2).is_some_and(|digits| digits.eq_ignore_ascii_case("2f")) {
            return Err(ambiguous("an encoded slash"));
        }
    }
    let text = percent_decode_str(raw).decode_utf8().map(Cow::into_owned);
    let text = text.map_err(|_| malformed(raw, "UTF-8 once it is decoded"))?;
    // What is still encoded was encoded twice, and is a slash or a dot to whoever decodes twice.
    if text.split('%').skip(1).any(is_escape) {
        return Err(ambiguous("something that was encoded twice"));
    }
    match doubtful(&text) {
        Some(what) => Err(ambiguous(what)),
        None => Ok(text),
    }
}

/// What of `path`, a path without its escapes or with them, is read in two ways.
pub(super) fn doubtful(path: &str) -> Option<&'static str> {
    let has = |found: bool, what| found.then_some(what);
    // The last segment of `/a/` is empty, and that is how it differs from `/a`.
    let inner = path.strip_prefix('/').unwrap_or(path);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let mut segments = inner.split('/');
    has(path.contains("//"), "`//`")
        .or_else(|| has(path.contains('\\'), "a backslash"))
        .or_else(|| has(path.contains(';'), "`;`"))
        .or_else(|| has(path.contains(hidden), "a control character"))
        // `.` and `..`, and what systems that drop dots and blanks at the end of a name make of another.
        .or_else(|| has(segments.any(is_trimmed), "a segment that ends in a dot or a blank"))
}

fn is_trimmed(segment: &str) -> bool {
    segment.ends_with(|c: char| c == '.' || c.is_whitespace())
}

fn is_escape(behind: &str) -> bool {
    behind.as_bytes().first_chunk::<2>().is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

fn shown(path: &str) -> String {
    printable_within(path, SHOWN).into_owned()
}

fn malformed(path: &str, expected: &'static str) -> TargetError {
    TargetError::Malformed { path: shown(path), expected }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_is_decoded_once() {
        for (raw, path) in [
            ("/", "/"),
            ("/pages/7", "/pages/7"),
            ("/pages/", "/pages/"),
            ("/k%C3%A4se", "/k\u{e4}se"),
            ("/a%20b/c%3Ad", "/a b/c:d"),
            ("/100%25.txt", "/100%.txt"),
            ("/.well-known/x..y", "/.well-known/x..y"),
            ("/a%3fb*c%2a", "/a?b*c*"),
        ] {
            assert_eq!(decoded(raw).as_deref(), Ok(path), "{raw}");
        }
    }

    #[test]
    fn what_two_could_read_in_two_ways_is_refused() {
        for (raw, what) in [
            ("/a/../b", "a dot"),
            ("/a/%2e%2E/b", "a dot"),
            ("/a/.%2e", "a dot"),
            ("/./a", "a dot"),
            ("/a/..%20/b", "a dot"),
            ("/a/.../b", "a dot"),
            ("/a./b", "a dot"),
            ("/private%20", "a blank"),
            ("//a", "`//`"),
            ("/a//b", "`//`"),
            ("/a//", "`//`"),
            ("/a%2fb", "encoded slash"),
            ("/a%2Fb", "encoded slash"),
            ("/a%252fb", "twice"),
            ("/a%25%32%66b", "twice"),
            ("/a%252e%252e/b", "twice"),
            ("/a;x=1/b", "`;`"),
            ("/a%3bx", "`;`"),
            ("/a\\b", "backslash"),
            ("/a%5cb", "backslash"),
            ("/a%00", "control"),
            ("/a%0d%0ab", "control"),
            ("/a%E2%80%AEb", "control"),
        ] {
            let error = decoded(raw).unwrap_err();
            assert!(matches!(error, TargetError::Ambiguous { .. }), "{raw}: {error}");
            assert!(error.to_string().contains(what), "{raw}: {error}");
        }
        for raw in ["/a%", "/a%2", "/a%zz", "/a%ff", "/%c0%ae%c0%ae/"] {
            assert!(matches!(decoded(raw), Err(TargetError::Malformed { .. })), "{raw}");
        }
        assert_eq!(decoded(&format!("/{}", "a".repeat(2_048))), Err(TargetError::TooLong(2_049)));
    }

    #[test]
    fn a_target_is_in_origin_form() {
        assert_eq!(split("/a?b?c"), Ok(("/a", "b?c")));
        for target in ["", "*", "a", "http://x/a", "/a b", "/a#b", "/\u{e4}", "/a\u{0}"] {
            assert!(split(target).is_err(), "{target}");
        }
    }

    proptest! {
        /// Whatever is let through reads the same however often it is decoded, and climbs nowhere.
        #[test]
        fn what_is_let_through_has_one_reading(raw in "/([a-c./;%\\\\]|%2[ef5F]|%5c){0,12}") {
            if let Ok(path) = decoded(&raw) {
                let again = percent_decode_str(&path).decode_utf8().unwrap();
                prop_assert_eq!(again.as_ref(), path.as_str());
                prop_assert!(!path.split('/').any(|segment| segment == ".." || segment == "."));
                prop_assert_eq!(path.matches('/').count(), raw.matches('/').count());
            }
        }
    }
}
