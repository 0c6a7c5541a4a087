//! Metadata cut down to what counts here: that of one service provider out of a federation's, or without what is meant for others.

use std::fmt::Write as _;

use super::super::metadata::MetadataError;
use super::{SpMetadata, role};
use crate::saml_xml::{Element, METADATA, SIGNATURE, Vouched};

/// The elements that are read, in the order in which they stand (SAML metadata, section 2.4.4).
const ELEMENTS: [&str; 4] = ["KeyDescriptor", "SingleLogoutService", "NameIDFormat", "AssertionConsumerService"];

/// Their attributes that are read, and those of what is around them.
const ATTRIBUTES: [&str; 7] = ["use", "Algorithm", "Binding", "Location", "ResponseLocation", "index", "isDefault"];
const AROUND: [&str; 4] = ["entityID", "validUntil", "AuthnRequestsSigned", "WantAssertionsSigned"];

impl SpMetadata {
    /// The part of `text` that [`SpMetadata::read`] reads, as metadata of one entity: it says the same.
    ///
    /// # Errors
    /// As of [`SpMetadata::read`].
    pub fn extract(text: &str, entity: Option<&str>) -> Result<String, MetadataError> {
        let whole = Self::read(text, entity)?;
        let file = Vouched::pick(text, entity)?;
        let (root, role) = (file.root(), role(file.root())?);
        let mut cut = format!("<md:EntityDescriptor xmlns:md=\"{METADATA}\" xmlns:ds=\"{SIGNATURE}\"");
        attributes(root, &AROUND, &mut cut);
        cut.push_str(">\n<md:SPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\"");
        attributes(role, &AROUND, &mut cut);
        cut.push_str(">\n");
        for name in ELEMENTS {
            for element in role.all(METADATA, name)? {
                copy(element, &mut cut)?;
                cut.push('\n');
            }
        }
        cut.push_str("</md:SPSSODescriptor>\n</md:EntityDescriptor>\n");
        // Whoever takes it for good takes what it says; so it is made sure of, and not believed.
        let again = Self::read(&cut, Some(whole.entity_id()))?;
        match whole.changes(&again).first() {
            None => Ok(cut),
            Some(change) => Err(MetadataError::Unusable { place: root.path(), why: format!("cut down, {change}") }),
        }
    }
}

/// Writes `element` with what is read of it. Of what is in it, keys and words alone.
fn copy(element: Element<'_>, to: &mut String) -> Result<(), MetadataError> {
    let prefix = if element.is(SIGNATURE, element.name()) { "ds" } else { "md" };
    // Writing to a String cannot fail.
    let _ = write!(to, "<{prefix}:{}", element.name());
    attributes(element, &ATTRIBUTES, to);
    to.push('>');
    const INSIDE: [(&str, &str); 4] = [
        (SIGNATURE, "KeyInfo"),
        (SIGNATURE, "X509Data"),
        (SIGNATURE, "X509Certificate"),
        (METADATA, "EncryptionMethod"),
    ];
    if element.is(SIGNATURE, "X509Certificate") || element.is(METADATA, "NameIDFormat") {
        escape(element.text()?.trim(), to);
    } else {
        for child in element.children()? {
            if INSIDE.iter().any(|(namespace, name)| child.is(namespace, name)) {
                copy(child, to)?;
            }
        }
    }
    let _ = write!(to, "</{prefix}:{}>", element.name());
    Ok(())
}

fn attributes(element: Element<'_>, names: &[&str], to: &mut String) {
    for name in names {
        if let Some(value) = element.attribute(name) {
            let _ = write!(to, " {name}=\"");
            escape(value, to);
            to.push('"');
        }
    }
}

/// Text as it stands between tags and in values (XML 1.0, section 2.4).
fn escape(text: &str, to: &mut String) {
    for c in text.chars() {
        match c {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' => to.push_str("&quot;"),
            other => to.push(other),
        }
    }
}
