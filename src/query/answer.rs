//! What a call answers: names and texts, which `http` writes as XML.

use crate::base::Timestamp;

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its element's name.
    pub name: &'static str,
    /// What is in it.
    pub content: Content,
}

/// What is in a piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text.
    Text(String),
    /// More pieces.
    Nodes(Vec<Node>),
}

/// A text.
#[must_use]
pub fn text(name: &'static str, value: impl Into<String>) -> Node {
    Node { name, content: Content::Text(value.into()) }
}

/// A structure.
#[must_use]
pub fn nodes(name: &'static str, nodes: Vec<Node>) -> Node {
    Node { name, content: Content::Nodes(nodes) }
}

/// A list of structures.
#[must_use]
pub fn list(name: &'static str, items: impl IntoIterator<Item = Vec<Node>>) -> Node {
    nodes(name, items.into_iter().map(|item| nodes("member", item)).collect())
}

/// A list of texts.
#[must_use]
pub fn texts(name: &'static str, items: impl IntoIterator<Item = impl Into<String>>) -> Node {
    nodes(name, items.into_iter().map(|item| text("member", item)).collect())
}

/// A moment, in the form that SDKs read (ISO 8601, whole seconds).
#[must_use]
pub fn time(name: &'static str, at: Timestamp) -> Node {
    text(name, at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// `true` or `false`.
#[must_use]
pub fn flag(name: &'static str, is: bool) -> Node {
    text(name, is.to_string())
}

/// Tags.
#[must_use]
pub fn tags(tags: &std::collections::BTreeMap<String, String>) -> Node {
    list("Tags", tags.iter().map(|(key, value)| vec![text("Key", key), text("Value", value)]))
}

/// A policy document, encoded as AWS encodes it in answers (RFC 3986).
#[must_use]
pub fn document(name: &'static str, document: &str) -> Node {
    text(name, percent_encoding::utf8_percent_encode(document, UNRESERVED).to_string())
}

/// RFC 3986, section 2.3.
const UNRESERVED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What a page says of the rest: `IsTruncated`, and the `Marker` to go on behind.
#[must_use]
pub fn rest(next: Option<String>) -> Vec<Node> {
    let mut rest = vec![flag("IsTruncated", next.is_some())];
    rest.extend(next.map(|next| text("Marker", next)));
    rest
}
