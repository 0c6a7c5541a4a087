//! Metadata cut down to what counts here: that of one entity out of a federation's, or without what is meant for others.

use std::fmt::Write as _;

use super::metadata::{self, IdentityProvider, MetadataError};
use super::service_provider::{self, SpMetadata};
use crate::saml_xml::{Element, METADATA, PROTOCOL, SIGNATURE, Vouched, escape_attribute, escape_text};

/// The elements of a service provider that are read, in the order in which they stand (SAML metadata, section 2.4.4).
const OF_SP: [&str; 4] = ["KeyDescriptor", "SingleLogoutService", "NameIDFormat", "AssertionConsumerService"];

/// Those of an identity provider (section 2.4.3).
const OF_IDP: [&str; 3] = ["KeyDescriptor", "SingleLogoutService", "SingleSignOnService"];

/// Their attributes that are read, and those of what is around them.
const ATTRIBUTES: [&str; 7] = ["use", "Algorithm", "Binding", "Location", "ResponseLocation", "index", "isDefault"];
const AROUND: [&str; 5] =
    ["entityID", "validUntil", "AuthnRequestsSigned", "WantAssertionsSigned", "WantAuthnRequestsSigned"];

impl SpMetadata {
    /// The part of `text` that [`SpMetadata::read`] reads, as metadata of one entity: it says the same.
    ///
    /// # Errors
    /// As of [`SpMetadata::read`].
    pub fn extract(text: &str, entity: Option<&str>) -> Result<String, MetadataError> {
        let whole = Self::read(text, entity)?;
        let file = Vouched::pick(text, entity)?;
        let cut = cut(file.root(), service_provider::role(file.root())?, &OF_SP)?;
        let again = Self::read(&cut, Some(whole.entity_id()))?;
        let changes = whole.changes(&again);
        the_same(cut, file.root(), &changes, whole.valid_until() == again.valid_until())
    }
}

impl IdentityProvider {
    /// The part of `text` that [`IdentityProvider::pick`] reads, as metadata of one entity: it says the same.
    ///
    /// # Errors
    /// As of [`IdentityProvider::pick`].
    pub fn extract(text: &str, entity: Option<&str>) -> Result<String, MetadataError> {
        let whole = Self::pick(text, entity)?;
        let file = Vouched::pick(text, entity)?;
        let cut = cut(file.root(), metadata::role(file.root())?, &OF_IDP)?;
        let again = Self::pick(&cut, Some(whole.entity_id()))?;
        let changes = whole.changes(&again);
        the_same(cut, file.root(), &changes, whole.valid_until() == again.valid_until())
    }
}

/// Whoever takes it for good takes what it says; so it is made sure of, and not believed.
fn the_same(cut: String, root: Element<'_>, changes: &[String], as_long: bool) -> Result<String, MetadataError> {
    match changes.first() {
        None if as_long => Ok(cut),
        Some(change) => Err(metadata::unusable(root, format!("cut down, {change}"))),
        None => Err(metadata::unusable(root, "cut down, it is good for another time")),
    }
}

fn cut(root: Element<'_>, role: Element<'_>, elements: &[&str]) -> Result<String, MetadataError> {
    let mut cut = format!("<md:EntityDescriptor xmlns:md=\"{METADATA}\" xmlns:ds=\"{SIGNATURE}\"");
    attributes(root, &AROUND, &mut cut);
    // Writing to a String cannot fail.
    let _ = write!(cut, ">\n<md:{} protocolSupportEnumeration=\"{PROTOCOL}\"", role.name());
    attributes(role, &AROUND, &mut cut);
    cut.push_str(">\n");
    for name in elements {
        for element in role.all(METADATA, name)? {
            copy(element, &mut cut)?;
            cut.push('\n');
        }
    }
    let _ = write!(cut, "</md:{}>\n</md:EntityDescriptor>\n", role.name());
    Ok(cut)
}

/// Writes `element` with what is read of it. Of what is in it, keys and words alone.
fn copy(element: Element<'_>, to: &mut String) -> Result<(), MetadataError> {
    let prefix = if element.is(SIGNATURE, element.name()) { "ds" } else { "md" };
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
        escape_text(element.text()?.trim(), to);
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
            escape_attribute(value, to);
            to.push('"');
        }
    }
}
