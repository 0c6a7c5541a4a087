//! JSON in which every value knows where it stands.
//!
//! Stands on `serde_json`'s raw values: each is a piece of the text it was read from, so its place is how far it lies
//! behind the beginning. A member that stands twice is a fault, since readers disagree about which one counts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

use super::fault::PolicyError;
use crate::base::text::printable;

/// Longest document, in bytes. AWS takes 10,240 characters at most, and 32 KiB for a key's; a limit keeps what grows with the
/// square of the length, such as matching, from being of use to anybody.
pub(super) const LONGEST: usize = 64 << 10;

/// A value of a document.
#[derive(Clone, Copy)]
pub(super) struct Node<'a, 'p> {
    text: &'a str,
    raw: &'a RawValue,
    path: Path<'p>,
}

/// The way to a value; written out only when something is wrong with it.
#[derive(Clone, Copy)]
enum Path<'p> {
    Top,
    Member(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

/// What a value is.
pub(super) enum Value<'a> {
    Object(Vec<Member<'a>>),
    Array(Vec<&'a RawValue>),
    Text(Cow<'a, str>),
    /// As written.
    Number(&'a str),
    Bool(bool),
    Null,
}

/// A member of an object.
pub(super) struct Member<'a> {
    pub(super) name: Cow<'a, str>,
    raw: &'a RawValue,
}

/// The document in `text`, of which `with` makes something.
pub(super) fn document<T>(
    text: &str,
    with: impl FnOnce(Node<'_, '_>) -> Result<T, PolicyError>,
) -> Result<T, PolicyError> {
    let fault = |line, column, problem: String, expected: &str| PolicyError {
        path: String::new(),
        line,
        column,
        problem,
        expected: expected.to_owned(),
    };
    if text.len() > LONGEST {
        let problem = format!("the document has {} bytes", text.len());
        return Err(fault(1, 1, problem, &format!("at most {LONGEST}")));
    }
    let raw: &RawValue = serde_json::from_str(text)
        .map_err(|error| fault(error.line(), error.column().max(1), problem(&error), "JSON (RFC 8259)"))?;
    with(Node { text, raw, path: Path::Top })
}

impl<'a, 'p> Node<'a, 'p> {
    /// What it is.
    pub(super) fn value(&self) -> Result<Value<'a>, PolicyError> {
        let raw = self.raw.get();
        let read = match raw.as_bytes().first() {
            Some(b'{') => serde_json::from_str::<Members<'a>>(raw).map(|Members(members)| Value::Object(members)),
            Some(b'[') => serde_json::from_str(raw).map(Value::Array),
            Some(b'"') => serde_json::from_str(raw).map(|Text(text)| Value::Text(text)),
            Some(b't' | b'f') => serde_json::from_str(raw).map(Value::Bool),
            Some(b'n') => Ok(Value::Null),
            _ => Ok(Value::Number(raw)),
        };
        // The text as a whole was read before; what remains is a broken escape, or a member that stands twice.
        read.map_err(|error| self.fault(problem(&error), "JSON with every member once"))
    }

    /// A member of this object.
    pub(super) fn member<'q>(&'q self, member: &'q Member<'a>) -> Node<'a, 'q>
    where
        'p: 'q,
    {
        Node { text: self.text, raw: member.raw, path: Path::Member(&self.path, &member.name) }
    }

    /// An item of this array.
    pub(super) fn item<'q>(&'q self, raw: &'a RawValue, index: usize) -> Node<'a, 'q>
    where
        'p: 'q,
    {
        Node { text: self.text, raw, path: Path::Item(&self.path, index) }
    }

    /// The members, if it is an object.
    pub(super) fn object(&self, expected: &str) -> Result<Vec<Member<'a>>, PolicyError> {
        match self.value()? {
            Value::Object(members) => Ok(members),
            other => Err(self.fault(format!("found {}", other.kind()), expected)),
        }
    }

    /// The text, if it is one.
    pub(super) fn string(&self, expected: &str) -> Result<Cow<'a, str>, PolicyError> {
        match self.value()? {
            Value::Text(text) => Ok(text),
            other => Err(self.fault(format!("found {}", other.kind()), expected)),
        }
    }

    /// Makes something of this value, or of every item if it is an array: the language takes one or several everywhere.
    pub(super) fn each<T>(
        &self,
        expected: &str,
        mut make: impl FnMut(Node<'a, '_>) -> Result<T, PolicyError>,
    ) -> Result<Vec<T>, PolicyError> {
        match self.value()? {
            Value::Array(items) if items.is_empty() => Err(self.fault("found an empty list", expected)),
            Value::Array(items) => {
                items.into_iter().enumerate().map(|(index, raw)| make(self.item(raw, index))).collect()
            }
            _ => Ok(vec![make(*self)?]),
        }
    }

    /// A fault at this place.
    pub(super) fn fault(&self, problem: impl Into<String>, expected: impl Into<String>) -> PolicyError {
        let offset = (self.raw.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let before = self.text.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        PolicyError { path: self.path.to_string(), line, column, problem: problem.into(), expected: expected.into() }
    }
}

impl Value<'_> {
    /// Its kind, for a fault.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Object(_) => "an object".to_owned(),
            Self::Array(_) => "a list".to_owned(),
            Self::Text(text) => format!("`{}`", printable(text)),
            Self::Number(number) => format!("the number {}", printable(number)),
            Self::Bool(flag) => flag.to_string(),
            Self::Null => "null".to_owned(),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => Ok(()),
            Self::Member(Self::Top, name) => f.write_str(&printable(name)),
            Self::Member(parent, name) => write!(f, "{parent}.{}", printable(name)),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// What `serde_json` found, without its own place, which counts from the value and not from the document.
fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    printable(text).into_owned()
}

struct Members<'a>(Vec<Member<'a>>);

#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members: Vec<Member<'de>> = Vec::new();
                while let Some(Text(name)) = map.next_key()? {
                    if members.iter().any(|member| member.name == name) {
                        return Err(de::Error::custom(format_args!("`{}` stands twice", printable(&name))));
                    }
                    members.push(Member { name, raw: map.next_value()? });
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> PolicyError {
        document(text, |node| {
            let members = node.object("an object")?;
            let [member] = members.as_slice() else { return Ok(()) };
            let list = node.member(member);
            list.each("texts", |item| item.string("a text").map(|_| ()))?;
            Ok(())
        })
        .unwrap_err()
    }

    #[test]
    fn a_fault_knows_its_line_column_and_path() {
        let wrong = fault("{\n  \"é\": [\"a\",\n    7]}");
        assert_eq!((wrong.path.as_str(), wrong.line, wrong.column), ("é[1]", 3, 5));
        assert_eq!(wrong.to_string(), "é[1], line 3, column 5: found the number 7; expected a text");
    }

    #[test]
    fn what_is_no_json_and_what_stands_twice_is_refused() {
        for (text, words) in [
            ("", "EOF"),
            ("{\"a\": [\"x\"]} x", "trailing"),
            ("{\"a\": \"x\", \"a\": \"y\"}", "`a` stands twice"),
            ("{\"a\": \"x\", \"\\u0061\": \"y\"}", "`a` stands twice"),
            ("{\"a\": [\"\\ud800\"]}", "hex escape"),
            ("[\"a\"]", "found a list"),
            ("{\"a\": []}", "an empty list"),
        ] {
            let wrong = fault(text);
            assert!(wrong.problem.contains(words), "{text}: {wrong}");
        }
        assert!(fault(&format!("\"{}\"", "x".repeat(LONGEST))).problem.contains("bytes"));
    }

    #[test]
    fn nothing_nests_too_deep_to_be_refused() {
        let deep = format!("{{\"a\": {}{}}}", "[".repeat(30_000), "]".repeat(30_000));
        assert!(document(&deep, |node| node.object("an object").map(|_| ())).is_ok());
    }
}
