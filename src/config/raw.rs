//! The configuration as written: a tree of values, each with the line and column it stands in.
//!
//! The only importer of `toml`. Knows nothing of keys and what they mean. Nothing in here has
//! `Debug`, and no fault made here quotes the text: a password may stand in any line.

use std::borrow::Cow;

use toml::de::{DeInteger, DeTable, DeValue};

use super::fault::{ConfigFault, Place};

/// A value and where it stands.
pub(super) struct Written<'a> {
    /// Its first character.
    pub(super) place: Place,
    /// What is written there.
    pub(super) value: Value<'a>,
}

/// What can be written.
pub(super) enum Value<'a> {
    /// A string.
    Text(Cow<'a, str>),
    /// An integer.
    Whole(i64),
    /// `true` or `false`.
    Flag(bool),
    /// `[..]`, or several `[[..]]`.
    List(Vec<Written<'a>>),
    /// `{..}`, or `[..]`.
    Table(Vec<Entry<'a>>),
    /// Something no key takes, by name: a decimal number, a date.
    Foreign(&'static str),
}

/// One `key = value` of a table.
pub(super) struct Entry<'a> {
    /// The key, unquoted.
    pub(super) key: Cow<'a, str>,
    /// Where the key stands.
    pub(super) place: Place,
    /// What it is set to.
    pub(super) written: Written<'a>,
}

impl<'a> Written<'a> {
    /// The entries of a table; none of anything else.
    pub(super) fn entries(&self) -> &[Entry<'a>] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// What `key` of this table is set to.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry<'a>> {
        self.entries().iter().find(|entry| entry.key == key)
    }
}

/// Reads a whole file.
///
/// # Errors
/// Every place where it is not TOML. A tree guessed from broken text would accuse the wrong
/// lines, so there is none.
pub(super) fn parse(text: &str) -> Result<Written<'_>, Vec<ConfigFault>> {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(Written { place: Place { line: 1, column: 1 }, value: lines.table(table.into_inner()) });
    }
    Err(errors.iter().map(|error| lines.fault(error)).collect())
}

/// Reads a single value, as defaults are noted.
pub(super) fn parse_value(text: &str) -> Option<Written<'_>> {
    let value = DeValue::parse(text).ok()?;
    Some(Lines::of(text).written(value.span().start, value.into_inner()))
}

/// Turns offsets into lines and columns.
struct Lines<'a> {
    text: &'a str,
    /// Offset of each line's first byte, ascending; the first is 0.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let behind_newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(behind_newlines).collect() }
    }

    /// Line and column of an offset, both from 1, the column in characters as editors count.
    fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count()) + 1;
        Place { line, column }
    }

    fn written(&self, offset: usize, value: DeValue<'a>) -> Written<'a> {
        let value = match value {
            DeValue::String(text) => Value::Text(text),
            DeValue::Integer(number) => whole(&number),
            DeValue::Boolean(flag) => Value::Flag(flag),
            DeValue::Float(_) => Value::Foreign("a decimal number"),
            DeValue::Datetime(_) => Value::Foreign("a date or time"),
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.written(item.span().start, item.get_ref().clone())).collect())
            }
            DeValue::Table(table) => self.table(table),
        };
        Written { place: self.place(offset), value }
    }

    fn table(&self, table: DeTable<'a>) -> Value<'a> {
        let entry = |(key, value): (toml::Spanned<Cow<'a, str>>, toml::Spanned<DeValue<'a>>)| Entry {
            place: self.place(key.span().start),
            key: key.into_inner(),
            written: self.written(value.span().start, value.into_inner()),
        };
        Value::Table(table.into_iter().map(entry).collect())
    }

    /// `message()` names what was expected; the error's `Display` would quote the line, secret or not.
    fn fault(&self, error: &toml::de::Error) -> ConfigFault {
        let place = error.span().map_or(Place { line: 1, column: 1 }, |span| self.place(span.start));
        ConfigFault {
            place,
            key: String::new(),
            problem: format!("not TOML: {}", error.message()),
            remedy: "mend this first; what the keys mean is checked once the file can be read".to_owned(),
        }
    }
}

fn whole(number: &DeInteger<'_>) -> Value<'static> {
    match i64::from_str_radix(number.as_str(), number.radix()) {
        Ok(number) => Value::Whole(number),
        Err(_) => Value::Foreign("a number too large to hold"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_knows_its_line_and_column() {
        let tree = parse("a = 1\n\n[b]\n  \"é\" = { c = true }\n").unwrap_or_else(|_| panic!("is TOML"));
        let b = tree.entry("b").unwrap();
        let e = b.written.entry("é").unwrap();
        let c = e.written.entry("c").unwrap();
        let places = [b.written.place, e.place, c.place, c.written.place].map(|p| (p.line, p.column));
        assert_eq!(places, [(3, 1), (4, 3), (4, 11), (4, 15)]);
    }

    #[test]
    fn broken_text_is_told_by_place_and_never_quoted() {
        let text = "account = \"1\"\nbind_password = hunter2\nlabel = \n";
        let Err(faults) = parse(text) else { panic!("is not TOML") };
        let lines: Vec<usize> = faults.iter().map(|fault| fault.place.line).collect();
        assert_eq!(lines, [2, 3]);
        assert!(!format!("{faults:?}").contains("hunter2"));
    }
}
