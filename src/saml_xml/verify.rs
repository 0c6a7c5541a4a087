//! Whether a signature holds, and what it covers.

use bergshamra::dsig::verify::verify_all_document_with_source;
use bergshamra::xml::uppsala::{Document, NodeId};
use bergshamra::{DsigContext, VerifyResult};

use super::error::{Kind, XmlError, quoted};
use super::keys::{PinnedKeys, fingerprint};
use super::names::SIGNATURE;
use super::shape;
use super::tree::{elements, is, local, path};

/// What signatures cover in a document.
#[derive(Debug)]
pub(super) struct Coverage {
    /// The elements, each verified by a signature in it.
    pub(super) nodes: Vec<NodeId>,
    /// SHA-256 of the certificate whose key verified, in hex.
    pub(super) by: Option<String>,
}

/// Verifies every signature in `document`, which was parsed from `text`. Each has to stand in one of `owners`, one in each at most, and
/// every single one has to hold: a message with a broken signature is refused, whatever else it has.
pub(super) fn coverage(
    document: &Document<'_>,
    text: &str,
    owners: &[NodeId],
    keys: &PinnedKeys,
) -> Result<Coverage, XmlError> {
    let signed = signatures(document, owners)?;
    if signed.is_empty() {
        return Ok(Coverage { nodes: Vec::new(), by: None });
    }
    if keys.is_empty() {
        // Never "no key, nothing to verify" (CVE-2026-28323).
        return Err(XmlError::new(Kind::Signature, "Signature", "no key is pinned that could verify it"));
    }
    for (signature, owner) in &signed {
        shape::check(document, *signature, *owner)?;
    }
    let context = DsigContext::new(keys.manager());
    let results = verify_all_document_with_source(&context, document, Some(text))
        .map_err(|error| XmlError::new(Kind::Signature, "Signature", quoted(&error.to_string())))?;
    if results.len() != signed.len() {
        return Err(XmlError::new(Kind::Signature, "Signature", "not every signature was verified"));
    }
    let mut coverage = Coverage { nodes: Vec::new(), by: None };
    for result in results {
        let (node, by) = held(document, &signed, result)?;
        coverage.nodes.push(node);
        coverage.by = by;
    }
    Ok(coverage)
}

/// Signatures and what they stand in. The name decides, in whatever namespace: who looks for it another way must find no other.
fn signatures(document: &Document<'_>, owners: &[NodeId]) -> Result<Vec<(NodeId, NodeId)>, XmlError> {
    let mut found = Vec::new();
    for node in document.descendants(document.root()) {
        if local(document, node) != "Signature" {
            continue;
        }
        let owner = document.parent(node).filter(|parent| owners.contains(parent));
        let Some(owner) = owner.filter(|_| is(document, node, SIGNATURE, "Signature")) else {
            let why = "a signature may only stand in the response and in its assertion";
            return Err(XmlError::new(Kind::Structure, path(document, node), why));
        };
        let beside = elements(document, owner)?.into_iter().filter(|child| local(document, *child) == "Signature");
        if beside.count() != 1 {
            return Err(XmlError::new(Kind::Structure, path(document, owner), "more than one signature"));
        }
        found.push((node, owner));
    }
    Ok(found)
}

/// What a signature that holds covers: the element that it stands in, by the identity of the node that was digested.
fn held(
    document: &Document<'_>,
    signed: &[(NodeId, NodeId)],
    result: VerifyResult,
) -> Result<(NodeId, Option<String>), XmlError> {
    let complete = result.all_reference_digests_verified();
    let (signature, references, key) = match result {
        VerifyResult::Valid { signature_node, references, key_info } => (signature_node, references, key_info),
        VerifyResult::Invalid { reason } => {
            return Err(XmlError::new(Kind::Signature, "Signature", format!("it does not hold: {}", quoted(&reason))));
        }
    };
    let owner = signed.iter().find(|(node, _)| *node == signature).map(|(_, owner)| *owner);
    match (owner, references.as_slice()) {
        (Some(owner), [reference]) if complete && reference.resolved_node == Some(owner) => {
            Ok((owner, key.x509_chain.first().map(|certificate| fingerprint(certificate))))
        }
        _ => Err(XmlError::new(Kind::Signature, path(document, signature), "it does not cover what it stands in")),
    }
}
