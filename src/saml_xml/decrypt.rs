//! Opening an encrypted assertion: AES-GCM under a key that RSA-OAEP brings, and nothing else.
//!
//! Whoever can send us what cannot be decrypted, and sees in what way it cannot, decrypts with our key ("How To Break XML
//! Encryption"; Bleichenbacher and Manger). So what is not authenticated (CBC) or tells by itself (PKCS #1 v1.5) is refused by its
//! name before a key is touched; everything after that has one error, and a key that could not be unwrapped is followed by the same
//! work as one that could. Where there are several keys each is tried, whichever of them opens it. The layer is our own, on the
//! primitives of the cryptographic library: the ready one would have to be kept from names, references and derivations by which a
//! message chooses its key.

use aws_lc_rs::aead::{
    AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, NONCE_LEN, Nonce, UnboundKey,
};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512, OaepAlgorithm,
};
use bergshamra::xml::uppsala::{Document, NodeId};
use zeroize::Zeroizing;

use super::decryption_key::DecryptionKey;
use super::error::{Kind, XmlError, quoted};
use super::names::{AES_GCM, ENCRYPTION, ENCRYPTION_11, OAEP, OAEP_11, SHA1, SHA256, SHA384, SHA512, SIGNATURE};
use super::shape::{base64, only};
use super::tree::{Presence, attribute, elements, exactly, is, path};

use Presence::{May, Must};

/// What is encrypted has to be an element.
const ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";

/// The one error for whatever cannot be decrypted.
pub(super) fn refused() -> XmlError {
    XmlError::new(Kind::Decryption, "EncryptedAssertion", "it cannot be decrypted")
}

/// The text of the assertion in an `EncryptedAssertion`, by one of `keys`.
pub(super) fn open(document: &Document<'_>, node: NodeId, keys: &[&DecryptionKey]) -> Result<String, XmlError> {
    let parts = parts(document, node)?;
    if keys.is_empty() {
        return Err(XmlError::new(
            Kind::Decryption,
            "EncryptedAssertion",
            "the assertion is encrypted, and there is no key to open it",
        ));
    }
    // With every one of them, to the end: how long it takes says neither which one it was nor whether it was one.
    let opened: Vec<_> = keys.iter().map(|key| by(key, &parts)).collect();
    let plain = opened.into_iter().find_map(Result::ok).ok_or_else(refused)?;
    String::from_utf8(plain).map_err(|_| refused())
}

/// What was encrypted, by one key.
fn by(key: &DecryptionKey, parts: &Parts) -> Result<Vec<u8>, XmlError> {
    let Parts { cipher, wrap, wrapped, sealed } = parts;
    let mut room = Zeroizing::new(vec![0; key.oaep().min_output_size()]);
    let unwrapped = key.oaep().decrypt(wrap, wrapped, &mut room, None).ok().filter(|key| key.len() == cipher.key_len());
    // A key of zeros stands in for the one that is not there, so that the work is the same. It opens nothing: see below.
    let zeros = [0; 32];
    let content_key = unwrapped.as_deref().or(zeros.get(..cipher.key_len())).ok_or_else(refused)?;
    let plain = unseal(cipher, content_key, sealed.clone());
    if unwrapped.is_none() {
        return Err(refused());
    }
    plain
}

/// Nonce, ciphertext, tag (XML Encryption 1.1, section 5.2.4).
fn unseal(cipher: &'static Algorithm, key: &[u8], mut sealed: Vec<u8>) -> Result<Vec<u8>, XmlError> {
    let key = LessSafeKey::new(UnboundKey::new(cipher, key).map_err(|_| refused())?);
    let (nonce, body) = sealed.split_at_mut_checked(NONCE_LEN).ok_or_else(refused)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| refused())?;
    Ok(key.open_in_place(nonce, Aad::empty(), body).map_err(|_| refused())?.to_vec())
}

struct Parts {
    cipher: &'static Algorithm,
    wrap: &'static OaepAlgorithm,
    wrapped: Vec<u8>,
    sealed: Vec<u8>,
}

/// `EncryptedData`, and the one `EncryptedKey`, in it or beside it (SAML core, section 2.3.4).
fn parts(document: &Document<'_>, node: NodeId) -> Result<Parts, XmlError> {
    let [data, beside] =
        exactly(document, node, [(ENCRYPTION, "EncryptedData", Must), (ENCRYPTION, "EncryptedKey", May)])?;
    let data = data.ok_or_else(refused)?;
    only(document, data, &["Id", "Type"])?;
    if attribute(document, data, "Type").is_some_and(|kind| kind != ELEMENT) {
        return Err(XmlError::new(Kind::Structure, path(document, data), "what is encrypted is no element"));
    }
    let [method, info, content] = exactly(
        document,
        data,
        [(ENCRYPTION, "EncryptionMethod", Must), (SIGNATURE, "KeyInfo", May), (ENCRYPTION, "CipherData", Must)],
    )?;
    let (method, content) = method.zip(content).ok_or_else(refused)?;
    let mut keys = match info {
        Some(info) => elements(document, info)?,
        None => Vec::new(),
    };
    keys.retain(|child| is(document, *child, ENCRYPTION, "EncryptedKey"));
    keys.extend(beside);
    let [wrapped] = keys[..] else {
        return Err(XmlError::new(Kind::Structure, path(document, node), "there has to be one EncryptedKey"));
    };
    let cipher = cipher(document, method)?;
    let (wrap, wrapped) = wrapping(document, wrapped)?;
    Ok(Parts { cipher, wrap, wrapped, sealed: value(document, content)? })
}

fn cipher(document: &Document<'_>, method: NodeId) -> Result<&'static Algorithm, XmlError> {
    match attribute(document, method, "Algorithm") {
        Some(name) if name == AES_GCM[0] => Ok(&AES_128_GCM),
        Some(name) if name == AES_GCM[1] => Ok(&AES_192_GCM),
        Some(name) if name == AES_GCM[2] => Ok(&AES_256_GCM),
        name => Err(unknown(document, method, name)),
    }
}

fn wrapping(document: &Document<'_>, key: NodeId) -> Result<(&'static OaepAlgorithm, Vec<u8>), XmlError> {
    let all = elements(document, key)?;
    let one = |name: &str| {
        let mut found = all.iter().copied().filter(|child| is(document, *child, ENCRYPTION, name));
        found
            .next()
            .filter(|_| found.next().is_none())
            .ok_or_else(|| XmlError::new(Kind::Structure, path(document, key), format!("there has to be one {name}")))
    };
    let method = one("EncryptionMethod")?;
    let (mut digest, mut mask) = (SHA1, None);
    for parameter in elements(document, method)? {
        let said = attribute(document, parameter, "Algorithm");
        if is(document, parameter, SIGNATURE, "DigestMethod") {
            digest = said.unwrap_or_default();
        } else if is(document, parameter, ENCRYPTION_11, "MGF") {
            mask = Some(said.unwrap_or_default());
        } else {
            return Err(unknown(document, parameter, said));
        }
    }
    let name = attribute(document, method, "Algorithm");
    // The library has OAEP with one hash for both its purposes, and that is what is sent.
    let wrap = match (name, digest, mask.and_then(|mask| mask.strip_prefix(ENCRYPTION_11))) {
        (Some(OAEP), SHA1, None) | (Some(OAEP_11), SHA1, None | Some("mgf1sha1")) => &OAEP_SHA1_MGF1SHA1,
        (Some(OAEP_11), SHA256, Some("mgf1sha256")) => &OAEP_SHA256_MGF1SHA256,
        (Some(OAEP_11), SHA384, Some("mgf1sha384")) => &OAEP_SHA384_MGF1SHA384,
        (Some(OAEP_11), SHA512, Some("mgf1sha512")) => &OAEP_SHA512_MGF1SHA512,
        (Some(OAEP | OAEP_11), _, _) => return Err(unknown(document, method, Some("that pair of digest and mask"))),
        _ => return Err(unknown(document, method, name)),
    };
    Ok((wrap, value(document, one("CipherData")?)?))
}

fn unknown(document: &Document<'_>, node: NodeId, said: Option<&str>) -> XmlError {
    let why = format!("{} does not count here: AES-GCM and RSA-OAEP do", quoted(said.unwrap_or_default()));
    XmlError::new(Kind::Algorithm, path(document, node), why)
}

fn value(document: &Document<'_>, node: NodeId) -> Result<Vec<u8>, XmlError> {
    let [value] = exactly(document, node, [(ENCRYPTION, "CipherValue", Must)])?;
    base64(document, value.ok_or_else(refused)?)
}
