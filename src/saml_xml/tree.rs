//! Finding one's way in the tree. For this module's own eyes: nothing here asks whether anybody signed what it finds.

use bergshamra::xml::uppsala::{Document, NodeId, NodeKind};

use super::error::{Kind, XmlError, quoted};

/// Whether it is that element.
pub(super) fn is(document: &Document<'_>, node: NodeId, namespace: &str, name: &str) -> bool {
    document.element(node).is_some_and(|element| element.matches_name_ns(namespace, name))
}

/// Its name without a prefix.
pub(super) fn local<'d>(document: &'d Document<'_>, node: NodeId) -> &'d str {
    document.element(node).map_or("", |element| element.name.local_name.as_ref())
}

/// Its attribute of that name in no namespace. Libraries that go by the local name alone would take another one's.
pub(super) fn attribute<'d>(document: &'d Document<'_>, node: NodeId, name: &str) -> Option<&'d str> {
    let attributes = &document.element(node)?.attributes;
    let found = attributes.iter().find(|a| a.name.namespace_uri.is_none() && a.name.local_name == name)?;
    Some(found.value.as_ref())
}

/// The elements in it. Between them may be blanks, and comments of whoever vouches, but no text.
pub(super) fn elements(document: &Document<'_>, node: NodeId) -> Result<Vec<NodeId>, XmlError> {
    let mut found = Vec::new();
    for child in document.children_iter(node) {
        match document.node_kind(child) {
            Some(NodeKind::Element(_)) => found.push(child),
            Some(NodeKind::Comment(_)) => {}
            Some(NodeKind::Text(text)) if text.chars().all(|c| " \t\r\n".contains(c)) => {}
            _ => return Err(XmlError::new(Kind::Structure, path(document, node), "text between its elements")),
        }
    }
    Ok(found)
}

/// Its text, if that is all there is in it.
pub(super) fn text(document: &Document<'_>, node: NodeId) -> Result<String, XmlError> {
    let mut all = String::new();
    for child in document.children_iter(node) {
        match document.node_kind(child) {
            Some(NodeKind::Text(text)) => all.push_str(text),
            _ => return Err(XmlError::new(Kind::Value, path(document, node), "markup in a value")),
        }
    }
    Ok(all)
}

/// The elements in `node`, which have to be exactly these, in this order; `None` for those that need not be there.
pub(super) fn exactly<const N: usize>(
    document: &Document<'_>,
    node: NodeId,
    wanted: [(&str, &str, Presence); N],
) -> Result<[Option<NodeId>; N], XmlError> {
    let children = elements(document, node)?;
    let mut left = children.iter().copied().peekable();
    let found = wanted.map(|(namespace, name, _)| left.next_if(|child| is(document, *child, namespace, name)));
    if let Some(child) = left.next() {
        let why = format!("an element {} that is not allowed here", quoted(local(document, child)));
        return Err(XmlError::new(Kind::Structure, path(document, node), why));
    }
    let mut pairs = found.iter().zip(&wanted);
    if let Some((_, (_, name, _))) = pairs.find(|(found, wanted)| found.is_none() && wanted.2 == Presence::Must) {
        return Err(XmlError::new(Kind::Structure, path(document, node), format!("there is no {name}")));
    }
    Ok(found)
}

/// Whether an element has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// It may.
    May,
    /// It must.
    Must,
}

/// Where it stands, for people: the names from the root down.
pub(super) fn path(document: &Document<'_>, node: NodeId) -> String {
    let mut names = vec![local(document, node)];
    names.extend(document.ancestors(node).into_iter().map(|up| local(document, up)).filter(|name| !name.is_empty()));
    names.reverse();
    names.iter().map(|name| quoted(name).trim_matches('`').to_owned()).collect::<Vec<_>>().join("/")
}
