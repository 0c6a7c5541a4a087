//! Foreign text made safe to show: in a terminal, a log line or an error message.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Longest piece of foreign text shown in one message, in characters.
pub const SHOWN: usize = 256;

/// `text` with control, bidirectional and other invisible format characters written as `\u{..}`,
/// cut at [`SHOWN`] characters.
///
/// Names come from a directory that others can write to: a newline could forge a log line, an
/// escape could drive the reader's terminal, U+202E could show a name backwards.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    printable_within(text, SHOWN)
}

/// As [`printable`], cut at `limit` characters.
#[must_use]
pub fn printable_within(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit && !text.chars().any(hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len().min(limit) + 8);
    for (count, c) in text.chars().enumerate() {
        if count == limit {
            shown.push('…');
            break;
        }
        if hidden(c) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// True for characters that change how a line looks without being seen themselves.
#[must_use]
pub fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_forge_a_line_is_written_out() {
        assert_eq!(printable("Ann Lee"), "Ann Lee");
        assert_eq!(printable("a\n{\"event\":1}"), "a\\u{a}{\"event\":1}");
        assert_eq!(printable("\u{1b}[2J"), "\\u{1b}[2J");
        assert_eq!(printable("evil\u{202e}txt"), "evil\\u{202e}txt");
        assert_eq!(printable(&"x".repeat(1_000)).chars().count(), SHOWN + 1);
    }
}
