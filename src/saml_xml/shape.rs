//! The shape of a signature, looked at before any cryptography.
//!
//! XML Signature can say a great deal: which parts to sign, after which programs ran over them, by keys brought along, in documents
//! that have to be fetched. An assertion needs one form of it, which is the one that stands here: one reference, to the element that
//! the signature stands in, without the signature and canonicalised exclusively (SAML core, section 5.4). Two `SignedInfo`, of which
//! one is verified and the other one counted (CVE-2025-29775), a comment in a digest (CVE-2019-3465), a transform that leaves the
//! name out, an attribute `x:Algorithm` for those that forget namespaces: none of them has this shape.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bergshamra::xml::uppsala::{Document, NodeId};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::error::{Kind, XmlError, quoted};
use super::names::{ENVELOPED, EXCLUSIVE, SHA256, SHA384, SHA512, SIGNATURE, SIGNATURES};
use super::tree::{Presence, attribute, elements, exactly, is, path, text};

use Presence::{May, Must};

/// Refuses a `Signature` in `owner` that is not exactly as it should be.
pub(super) fn check(document: &Document<'_>, signature: NodeId, owner: NodeId) -> Result<(), XmlError> {
    only(document, signature, &["Id"])?;
    let [info, value, key] = exactly(
        document,
        signature,
        [(SIGNATURE, "SignedInfo", Must), (SIGNATURE, "SignatureValue", Must), (SIGNATURE, "KeyInfo", May)],
    )?;
    let (Some(info), Some(value)) = (info, value) else { return Err(incomplete(document, signature)) };
    signed_info(document, info, owner)?;
    only(document, value, &["Id"])?;
    base64(document, value)?;
    key.map_or(Ok(()), |key| key_info(document, key))
}

fn signed_info(document: &Document<'_>, info: NodeId, owner: NodeId) -> Result<(), XmlError> {
    only(document, info, &["Id"])?;
    let [canonical, method, reference] = exactly(
        document,
        info,
        [
            (SIGNATURE, "CanonicalizationMethod", Must),
            (SIGNATURE, "SignatureMethod", Must),
            (SIGNATURE, "Reference", Must),
        ],
    )?;
    let (Some(canonical), Some(method), Some(reference)) = (canonical, method, reference) else {
        return Err(incomplete(document, info));
    };
    algorithm(document, canonical, &[EXCLUSIVE])?;
    prefixes(document, canonical)?;
    algorithm(document, method, &SIGNATURES)?;
    empty(document, method)?;
    refers(document, reference, owner)
}

fn refers(document: &Document<'_>, reference: NodeId, owner: NodeId) -> Result<(), XmlError> {
    only(document, reference, &["URI"])?;
    let id = attribute(document, owner, "ID");
    let uri = attribute(document, reference, "URI").and_then(|uri| uri.strip_prefix('#'));
    if id.is_none() || uri != id {
        let why = "it does not refer to the element that it stands in by that element's ID";
        return Err(XmlError::new(Kind::Signature, path(document, reference), why));
    }
    let [transforms, method, value] = exactly(
        document,
        reference,
        [(SIGNATURE, "Transforms", Must), (SIGNATURE, "DigestMethod", Must), (SIGNATURE, "DigestValue", Must)],
    )?;
    let (Some(transforms), Some(method), Some(value)) = (transforms, method, value) else {
        return Err(incomplete(document, reference));
    };
    transformed(document, transforms)?;
    let digest = algorithm(document, method, &[SHA256, SHA384, SHA512])?;
    empty(document, method)?;
    only(document, value, &[])?;
    if base64(document, value)? == nothing(digest) {
        // What canonicalisation left nothing of would be signed by any signature of nothing ("void canonicalisation").
        return Err(XmlError::new(Kind::Signature, path(document, value), "it is the digest of nothing"));
    }
    Ok(())
}

/// Enveloped signature, then exclusive canonicalisation (SAML core, section 5.4.4).
fn transformed(document: &Document<'_>, transforms: NodeId) -> Result<(), XmlError> {
    only(document, transforms, &[])?;
    let [enveloped, exclusive] =
        exactly(document, transforms, [(SIGNATURE, "Transform", Must), (SIGNATURE, "Transform", Must)])?;
    let (Some(enveloped), Some(exclusive)) = (enveloped, exclusive) else {
        return Err(incomplete(document, transforms));
    };
    algorithm(document, enveloped, &[ENVELOPED])?;
    empty(document, enveloped)?;
    algorithm(document, exclusive, &[EXCLUSIVE])?;
    prefixes(document, exclusive)
}

/// `InclusiveNamespaces`, which canonicalisation may have: it can only add declarations to what is signed.
fn prefixes(document: &Document<'_>, node: NodeId) -> Result<(), XmlError> {
    let [inclusive] = exactly(document, node, [(EXCLUSIVE, "InclusiveNamespaces", May)])?;
    let Some(inclusive) = inclusive else { return Ok(()) };
    only(document, inclusive, &["PrefixList"])?;
    let list = attribute(document, inclusive, "PrefixList").unwrap_or_default();
    // Canonicalisation goes through the list once for every element.
    let count = list.split_ascii_whitespace().count();
    if count > MOST_PREFIXES {
        let why = format!("a list of {count} prefixes is longer than {MOST_PREFIXES}");
        return Err(XmlError::new(Kind::Limit, path(document, inclusive), why));
    }
    let name = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
    };
    if let Some(odd) = list.split_ascii_whitespace().find(|prefix| *prefix != "#default" && !name(prefix)) {
        let why = format!("{} is no prefix", quoted(odd));
        return Err(XmlError::new(Kind::Value, path(document, inclusive), why));
    }
    empty(document, inclusive)
}

/// Longest list of prefixes. Those who write one name what the types of values use (`xs`, `xsi`) and a few besides.
const MOST_PREFIXES: usize = 16;

/// Which key it was, says its maker. We know which ones count, and look at this no further than that it is nothing else.
fn key_info(document: &Document<'_>, key: NodeId) -> Result<(), XmlError> {
    only(document, key, &["Id"])?;
    for child in elements(document, key)? {
        if !["KeyName", "KeyValue", "X509Data"].iter().any(|name| is(document, child, SIGNATURE, name)) {
            let why = "only KeyName, KeyValue and X509Data may stand here";
            return Err(XmlError::new(Kind::Structure, path(document, child), why));
        }
    }
    Ok(())
}

/// No attribute but these.
pub(super) fn only(document: &Document<'_>, node: NodeId, allowed: &[&str]) -> Result<(), XmlError> {
    let attributes = document.element(node).map_or(&[][..], |element| &element.attributes);
    let odd = attributes.iter().find(|attribute| {
        attribute.name.namespace_uri.is_some() || !allowed.contains(&attribute.name.local_name.as_ref())
    });
    odd.map_or(Ok(()), |odd| {
        let why = format!("an attribute {} that is not allowed here", quoted(&odd.name.local_name));
        Err(XmlError::new(Kind::Structure, path(document, node), why))
    })
}

/// Its algorithm, one of these.
pub(super) fn algorithm<'d>(document: &'d Document<'_>, node: NodeId, allowed: &[&str]) -> Result<&'d str, XmlError> {
    only(document, node, &["Algorithm"])?;
    match attribute(document, node, "Algorithm") {
        Some(name) if allowed.contains(&name) => Ok(name),
        Some(name) => {
            Err(XmlError::new(Kind::Algorithm, path(document, node), format!("{} does not count here", quoted(name))))
        }
        None => Err(XmlError::new(Kind::Algorithm, path(document, node), "it names no algorithm")),
    }
}

fn empty(document: &Document<'_>, node: NodeId) -> Result<(), XmlError> {
    exactly(document, node, []).map(|[]| ())
}

/// What its text stands for.
pub(super) fn base64(document: &Document<'_>, node: NodeId) -> Result<Vec<u8>, XmlError> {
    let mut digits = text(document, node)?;
    digits.retain(|c| !" \t\r\n".contains(c));
    let bytes = STANDARD.decode(digits).unwrap_or_default();
    if bytes.is_empty() { Err(XmlError::new(Kind::Value, path(document, node), "it is no base64")) } else { Ok(bytes) }
}

fn nothing(digest: &str) -> Vec<u8> {
    match digest {
        SHA384 => Sha384::digest([]).to_vec(),
        SHA512 => Sha512::digest([]).to_vec(),
        _ => Sha256::digest([]).to_vec(),
    }
}

/// `exactly` has said so already; this is for the compiler.
fn incomplete(document: &Document<'_>, node: NodeId) -> XmlError {
    XmlError::new(Kind::Structure, path(document, node), "an element is missing")
}
