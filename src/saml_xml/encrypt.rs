//! Encrypting an assertion for the one whose certificate this is: AES-256-GCM under a key that RSA-OAEP brings (XML Encryption 1.1).
//!
//! The form of OAEP is the one with SHA-1 in its mask: every service provider reads it, and no collision helps anybody there.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::error::{Kind, XmlError};
use super::keys::public_key_info;
use super::names::{AES_GCM, OAEP, SHA1};
use super::write::Node;

/// What is encrypted is an element.
const ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";

/// Bytes of chance that encrypting takes: a key, and a nonce.
pub const CHANCE: usize = 32 + NONCE_LEN;

/// `node` as an `EncryptedAssertion` for the holder of `certificate`, in DER; by `chance`, which is used for nothing else.
///
/// # Errors
/// When the certificate has no RSA key, or the cryptographic library refuses.
pub fn encrypted(node: &Node, certificate: &[u8], chance: [u8; CHANCE]) -> Result<Node, XmlError> {
    let refuse = |why: &str| XmlError::new(Kind::Algorithm, "EncryptedAssertion", why);
    let chance = Zeroizing::new(chance);
    let (key, nonce) = chance.split_at(32);
    let public = public_key_info(certificate).ok_or_else(|| refuse("it is no X.509 certificate"))?;
    let public = PublicEncryptingKey::from_der(&public).map_err(|_| refuse("its key is not RSA"))?;
    let public = OaepPublicEncryptingKey::new(public).map_err(|_| refuse("its key cannot be used"))?;
    let mut wrapped = vec![0; public.ciphertext_size()];
    let wrapped = public.encrypt(&OAEP_SHA1_MGF1SHA1, key, &mut wrapped, None);
    let wrapped = wrapped.map_err(|_| refuse("its key does not encrypt"))?.to_vec();

    let cipher = UnboundKey::new(&AES_256_GCM, key).map_err(|_| refuse("nothing can be encrypted"))?;
    let given = Nonce::try_assume_unique_for_key(nonce).map_err(|_| refuse("nothing can be encrypted"))?;
    let mut body = node.render().into_bytes();
    let sealed = LessSafeKey::new(cipher).seal_in_place_append_tag(given, Aad::empty(), &mut body);
    sealed.map_err(|_| refuse("nothing can be encrypted"))?;

    let method = |uri: &str| Node::new("xenc:EncryptionMethod").with("Algorithm", uri);
    let value =
        |bytes: &[u8]| Node::new("xenc:CipherData").child(Node::text("xenc:CipherValue", STANDARD.encode(bytes)));
    // Some take it for something else where it is not said.
    let transport = method(OAEP).child(Node::new("ds:DigestMethod").with("Algorithm", SHA1));
    let wrapped = Node::new("xenc:EncryptedKey").child(transport).child(value(&wrapped));
    let [_, _, aes] = AES_GCM;
    let data = Node::new("xenc:EncryptedData")
        .with("Type", ELEMENT)
        .child(method(aes))
        .child(Node::new("ds:KeyInfo").child(wrapped))
        .child(value(&[nonce, &body].concat()));
    Ok(Node::new("saml:EncryptedAssertion").child(data))
}
