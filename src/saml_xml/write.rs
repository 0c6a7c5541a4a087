//! Writing: messages of ours, in the form that canonicalisation leaves them in.
//!
//! What is signed is digested in its canonical form (Exclusive XML Canonicalization 1.0). A message of ours is written in that form to
//! begin with, so that nothing has to be parsed to be signed, and no two programs can see two texts in it: each prefix is declared where
//! it is first used on the way down, attributes are sorted, every element has its end. Words of others go in as values and are escaped;
//! a character that XML has no word for becomes U+FFFD.

use super::names::{ASSERTION, ENCRYPTION, METADATA, PROTOCOL, SIGNATURE};

/// The prefixes that are written, and what each stands for.
const PREFIXES: [(&str, &str); 5] =
    [("ds", SIGNATURE), ("md", METADATA), ("saml", ASSERTION), ("samlp", PROTOCOL), ("xenc", ENCRYPTION)];

/// An element to be written.
#[derive(Debug, Clone)]
pub struct Node {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    inside: Inside,
}

#[derive(Debug, Clone)]
enum Inside {
    Text(String),
    Nodes(Vec<Node>),
}

impl Node {
    /// An empty element; `name` is one of ours, with its prefix.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), inside: Inside::Nodes(Vec::new()) }
    }

    /// An element with a text in it.
    #[must_use]
    pub fn text(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, attributes: Vec::new(), inside: Inside::Text(text.into()) }
    }

    /// With an attribute, of a name without a prefix.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self.attributes.sort_by_key(|(name, _)| *name);
        self
    }

    /// With an attribute, if there is a value.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// With another element at its end. One with a text has none.
    #[must_use]
    pub fn child(self, node: Self) -> Self {
        self.children([node])
    }

    /// With these at its end.
    #[must_use]
    pub fn children(mut self, nodes: impl IntoIterator<Item = Self>) -> Self {
        if let Inside::Nodes(all) = &mut self.inside {
            all.extend(nodes);
        }
        self
    }

    /// Its ID, if it has one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.attribute("ID")
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Puts an element behind its issuer, or before all others where there is none: where SAML's schemas have the signature.
    pub(super) fn insert_signature(&mut self, node: Self) {
        if let Inside::Nodes(all) = &mut self.inside {
            let behind = usize::from(all.first().is_some_and(|first| first.name == "saml:Issuer"));
            all.insert(behind, node);
        }
    }

    /// Its text, canonical, as if nothing stood around it.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        self.render_to(&mut text, &[]);
        text
    }

    fn render_to(&self, text: &mut String, declared: &[&str]) {
        text.push('<');
        text.push_str(self.name);
        let prefix = self.name.split_once(':').map_or("", |(prefix, _)| prefix);
        let mut declared = declared.to_vec();
        if !declared.contains(&prefix) {
            let uri = PREFIXES.iter().find(|(known, _)| *known == prefix).map_or("", |(_, uri)| uri);
            attribute(text, &format!("xmlns:{prefix}"), uri);
            declared.push(prefix);
        }
        for (name, value) in &self.attributes {
            attribute(text, name, value);
        }
        text.push('>');
        match &self.inside {
            Inside::Text(words) => escape_text(words, text),
            Inside::Nodes(nodes) => nodes.iter().for_each(|node| node.render_to(text, &declared)),
        }
        text.push_str("</");
        text.push_str(self.name);
        text.push('>');
    }
}

fn attribute(text: &mut String, name: &str, value: &str) {
    text.push(' ');
    text.push_str(name);
    text.push_str("=\"");
    escape_attribute(value, text);
    text.push('"');
}

/// Writes `words` as they stand between tags.
pub fn escape_text(words: &str, to: &mut String) {
    words.chars().for_each(|c| escape(to, c, false));
}

/// Writes `value` as it stands in quotes.
pub fn escape_attribute(value: &str, to: &mut String) {
    value.chars().for_each(|c| escape(to, c, true));
}

/// Canonical XML 1.0, section 2.3: what is written for what, in text and in attributes.
fn escape(text: &mut String, c: char, in_attribute: bool) {
    match c {
        '&' => text.push_str("&amp;"),
        '<' => text.push_str("&lt;"),
        '>' if !in_attribute => text.push_str("&gt;"),
        '"' if in_attribute => text.push_str("&quot;"),
        '\t' if in_attribute => text.push_str("&#x9;"),
        '\n' if in_attribute => text.push_str("&#xA;"),
        '\r' => text.push_str("&#xD;"),
        '\t' | '\n' => text.push(c),
        // No character of XML 1.0 (section 2.2), however it is written.
        '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => text.push(char::REPLACEMENT_CHARACTER),
        _ => text.push(c),
    }
}

#[cfg(test)]
mod tests {
    use bergshamra::c14n::{C14nMode, canonicalize};

    use super::*;

    #[test]
    fn what_is_written_is_canonical() {
        let odd = "a & b <c> \"d\" 'e' \t\n\r é\u{0}\u{1f}\u{fffe} ]]> 日本";
        let node = Node::new("samlp:Response")
            .with("Version", "2.0")
            .with("ID", "_1")
            .with("Destination", odd)
            .child(Node::text("saml:Issuer", odd))
            .child(Node::new("samlp:Status").child(Node::new("samlp:StatusCode").with("Value", odd)))
            .child(Node::new("saml:Assertion").with("ID", "_2").child(Node::text("saml:Issuer", odd)));
        let text = node.render();
        let canonical = canonicalize::<&str>(&text, C14nMode::Exclusive, None, &[]).unwrap();
        assert_eq!(String::from_utf8(canonical).unwrap(), text);
        assert_eq!(text.matches("xmlns:saml=").count(), 2, "{text}");
    }
}
