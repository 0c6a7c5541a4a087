//! What XML may be at all, before anybody asks what it says.
//!
//! No document type, so no entities: neither one that fetches nor one that explodes (ruby-saml#247, libsaml#43). No processing
//! instructions, comments or CDATA in a message: canonicalisation and whoever reads text disagree about these (CVE-2017-11428 cut
//! a name at a comment). These are looked for in the bytes, before there is a parser to disagree with. Every prefix is declared,
//! every namespace absolute, every ID there once, whatever its attribute is called: who resolves a reference must find what we find.

use std::collections::HashSet;

use bergshamra::xml::uppsala::parser::Parser;
use bergshamra::xml::uppsala::{Document, Element, NodeId, NodeKind};

use super::error::{Kind, XmlError, quoted};
use super::tree::path;

/// Largest text, in bytes.
pub const LARGEST: usize = 256 << 10;
/// Most elements inside each other.
const DEEPEST: u32 = 32;
/// Most attributes of an element, its namespace declarations included.
const MOST_ATTRIBUTES: usize = 64;
/// Most elements. An assertion of a thousand attributes has some two thousand; the parser and canonicalisation do for each of them
/// what they do for one.
const MOST_ELEMENTS: usize = 8_192;
/// Most namespace declarations that reach an element, its own and those around it: each name is looked up among them all.
const MOST_DECLARED: usize = 64;
/// Longest ID.
const LONGEST_ID: usize = 256;

/// What a text is, which decides what it may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A message that anybody may have written.
    Sent,
    /// A file for which an administrator vouches: it may have comments between elements.
    Vouched,
}

/// Parses `text`, within the limits.
pub(super) fn parse(text: &str, origin: Origin) -> Result<Document<'_>, XmlError> {
    bytes(text, origin)?;
    let parser = Parser::new().with_max_depth(DEEPEST).with_forbid_dtd(true).with_forbid_entities(true);
    let document = parser.parse(text).map_err(|error| refuse(Kind::Form, format!("no XML: {error}")))?;
    declaration(&document)?;
    let mut ids = HashSet::new();
    for node in document.descendants(document.root()) {
        match document.node_kind(node) {
            Some(NodeKind::Element(element)) => each(&document, node, element, &mut ids)?,
            Some(NodeKind::Comment(_)) if origin == Origin::Vouched => {}
            Some(NodeKind::Text(_) | NodeKind::Document) | None => {}
            Some(_) => return Err(refuse(Kind::Form, "a comment, CDATA section or processing instruction")),
        }
    }
    Ok(document)
}

fn refuse(kind: Kind, why: impl Into<String>) -> XmlError {
    XmlError::new(kind, "the text", why)
}

/// In text and in values, `<` is always written `&lt;`: each `<!` and `<?` is markup.
fn bytes(text: &str, origin: Origin) -> Result<(), XmlError> {
    if text.len() > LARGEST {
        return Err(refuse(Kind::Limit, format!("{} bytes are more than {LARGEST}", text.len())));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let body = if text.starts_with("<?xml ") { text.split_once("?>").map_or(text, |(_, body)| body) } else { text };
    if body.contains("<?") {
        return Err(refuse(Kind::Form, "a processing instruction"));
    }
    for (at, _) in body.match_indices("<!") {
        let rest = body.get(at + 2..).unwrap_or_default();
        let what = match rest.get(..2) {
            Some("--") if origin == Origin::Vouched => continue,
            Some("--") => "a comment",
            _ if rest.starts_with('[') => "a CDATA section",
            _ => "a document type or another declaration (`<!`)",
        };
        return Err(refuse(Kind::Form, what));
    }
    crowded(body)
}

/// Refuses what the parser would take a second for: it compares the attributes of a tag each with each, and goes through all
/// declarations around an element for each of its names. What is no XML is left to it.
fn crowded(text: &str) -> Result<(), XmlError> {
    let too_many = |what: String| Err(refuse(Kind::Limit, what));
    let (mut rest, mut elements, mut around) = (text, 0, Vec::new());
    while let Some((_, tag)) = rest.split_once('<') {
        if let Some(comment) = tag.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, behind)| behind);
            continue;
        }
        // A tag without an end is the parser's to refuse; to look for it from each `<` again would take long.
        let Some(found) = Tag::scan(tag) else { return Ok(()) };
        rest = found.behind;
        if tag.starts_with('/') {
            around.pop();
            continue;
        }
        elements += 1;
        if elements > MOST_ELEMENTS {
            return too_many(format!("more than {MOST_ELEMENTS} elements"));
        }
        if found.attributes > MOST_ATTRIBUTES {
            return too_many(format!("a tag with more than {MOST_ATTRIBUTES} attributes"));
        }
        let declared = around.last().unwrap_or(&0) + found.declared;
        if declared > MOST_DECLARED {
            return too_many(format!("an element within more than {MOST_DECLARED} namespace declarations"));
        }
        if !found.closed {
            around.push(declared);
        }
    }
    Ok(())
}

/// A tag, of which nobody has parsed anything yet.
struct Tag<'t> {
    /// Its attributes, namespace declarations included; counted no further than one beyond the limit.
    attributes: usize,
    /// Its namespace declarations.
    declared: usize,
    /// Whether it is an element without content.
    closed: bool,
    /// The text behind it.
    behind: &'t str,
}

impl<'t> Tag<'t> {
    /// The tag whose `<` stands before `text`, if it has an end.
    fn scan(text: &'t str) -> Option<Self> {
        let mut tag = Self { attributes: 0, declared: 0, closed: false, behind: text };
        loop {
            let at = tag.behind.find(['"', '\'', '>'])?;
            let (before, found) = tag.behind.split_at(at);
            let (found, behind) = found.split_at(1);
            tag.behind = behind;
            if found == ">" {
                tag.closed = before.ends_with('/');
                return Some(tag);
            }
            tag.attributes += 1;
            let name = before.trim_end().trim_end_matches('=').trim_end().rsplit([' ', '\t', '\r', '\n']).next();
            tag.declared += usize::from(name.is_some_and(|name| name == "xmlns" || name.starts_with("xmlns:")));
            if tag.attributes > MOST_ATTRIBUTES {
                return Some(tag);
            }
            tag.behind = behind.split_once(found).map_or("", |(_, behind)| behind);
        }
    }
}

fn declaration(document: &Document<'_>) -> Result<(), XmlError> {
    let Some(declared) = &document.xml_declaration else { return Ok(()) };
    if declared.version != "1.0" {
        return Err(refuse(Kind::Form, format!("XML version {}, not 1.0", quoted(&declared.version))));
    }
    match declared.encoding.as_deref() {
        Some(encoding) if !encoding.eq_ignore_ascii_case("utf-8") => {
            Err(refuse(Kind::Form, format!("encoding {}, not UTF-8", quoted(encoding))))
        }
        _ => Ok(()),
    }
}

fn each<'d>(
    document: &'d Document<'_>,
    node: NodeId,
    element: &'d Element<'_>,
    ids: &mut HashSet<&'d str>,
) -> Result<(), XmlError> {
    let refuse = |kind, why: String| Err(XmlError::new(kind, path(document, node), why));
    let count = element.attributes.len() + element.namespace_declarations.len();
    if count > MOST_ATTRIBUTES {
        return refuse(Kind::Limit, format!("{count} attributes are more than {MOST_ATTRIBUTES}"));
    }
    if element.name.namespace_uri.as_deref().unwrap_or_default().is_empty() {
        return refuse(Kind::Form, "an element in no namespace".to_owned());
    }
    let names = element.attributes.iter().map(|attribute| &attribute.name).chain([&element.name]);
    // `:a` and `a:` would be names without a prefix to this parser, and errors to others.
    if let Some(name) = names.into_iter().find(|name| name.local_name.contains(':')) {
        return refuse(Kind::Form, format!("the name {} has a colon too many", quoted(&name.local_name)));
    }
    for (prefix, uri) in &element.namespace_declarations {
        if !absolute(uri) {
            return refuse(Kind::Form, format!("the namespace {} of prefix {}", quoted(uri), quoted(prefix)));
        }
    }
    for attribute in &element.attributes {
        // Whatever anybody may take for an ID: libraries go by the name and forget its namespace.
        let name = attribute.name.local_name.as_ref();
        if !name.eq_ignore_ascii_case("id") && !name.eq_ignore_ascii_case("assertionid") {
            continue;
        }
        if !is_id(&attribute.value) {
            return refuse(Kind::Form, format!("the ID {} is none", quoted(&attribute.value)));
        }
        if !ids.insert(attribute.value.as_ref()) {
            return refuse(Kind::Structure, format!("the ID {} stands twice", quoted(&attribute.value)));
        }
    }
    Ok(())
}

/// Canonical XML has no word for relative namespaces (Canonical XML 1.0, section 1.3), and an undeclared default one is as odd. What is
/// no URI to others (RFC 3986) is none here: a URN, or an address of the web, of characters that need no escaping.
fn absolute(uri: &str) -> bool {
    let plain = |rest: &str| {
        !rest.is_empty()
            && rest.matches('#').count() <= 1
            && rest.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/?#@!$&'()*+,;=".contains(c))
    };
    match uri.split_once(':') {
        Some(("urn", rest)) => plain(rest) && !rest.starts_with('/'),
        Some(("http" | "https", rest)) => rest.strip_prefix("//").is_some_and(|rest| plain(rest) && authority(rest)),
        _ => false,
    }
}

/// A host, and a port if there is one; then whatever follows.
fn authority(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = authority.split_once(':').map_or((authority, "0"), |(host, port)| (host, port));
    !host.is_empty()
        && host.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c))
        && port.parse::<u16>().is_ok()
        && port.bytes().all(|c| c.is_ascii_digit())
}

/// An ID as identity providers make them: of `NCName` (Namespaces in XML 1.0, section 3), what is in ASCII.
fn is_id(value: &str) -> bool {
    value.len() <= LONGEST_ID
        && value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && value.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_uris_to_everybody() {
        for good in [
            "urn:oasis:names:tc:SAML:2.0:assertion",
            "http://www.w3.org/2001/10/xml-exc-c14n#",
            "https://a.test:8443/x?y=z",
            "urn:a",
        ] {
            assert!(absolute(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "../a",
            "urn:",
            "urn:/a",
            "urn:a b",
            "urn:%zz",
            "http:a",
            "http:///a",
            "http://a.https://b",
            "http://a:b/",
            "http://a/#b#c",
            "file:///a",
            "http://a/é",
            "//a/b",
            "urn:a\u{202e}",
        ] {
            assert!(!absolute(bad), "{bad}");
        }
    }

    #[test]
    fn tags_are_counted_before_they_are_parsed() {
        let with = |count: usize| format!("<a{}>'\"'<b/></a>", " x=\">'<\"".repeat(count));
        assert!(crowded(&with(MOST_ATTRIBUTES)).is_ok());
        assert!(crowded(&with(MOST_ATTRIBUTES + 1)).is_err());
        assert!(crowded(&format!("<!-- {} --><a/>", "''".repeat(100))).is_ok());
        assert!(crowded("<a x='").is_ok());
        let siblings = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count - 1));
        assert!(crowded(&siblings(MOST_ELEMENTS)).is_ok());
        assert!(crowded(&siblings(MOST_ELEMENTS + 1)).is_err());
    }

    #[test]
    fn declarations_are_counted_where_they_reach() {
        let half = " xmlns:a\n= 'urn:\"/>' xmlns =\"urn:'\"".repeat(MOST_DECLARED / 4);
        let inside = |what: &str| format!("<a{half}><b{half}>{what}</b><b{half}/><b{half}></b></a>");
        assert!(crowded(&inside("<c/>")).is_ok());
        assert!(crowded(&inside("<c xmlnsa='' a='xmlns=\"\"'>xmlns='urn:x'</c>")).is_ok());
        assert!(crowded(&inside("<c xmlns='urn:x'/>")).is_err());
    }
}
