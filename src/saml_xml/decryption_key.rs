//! A private key by whose public half assertions are encrypted for us: read from PEM, and written to be sealed.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::error::{Kind, XmlError};
use crate::base::Secret;

/// What a key is called where it is one (RFC 7468, section 10; RFC 8017, appendix A.1.2, as OpenSSL writes that).
const PKCS8: &str = "PRIVATE KEY";
const PKCS1: &str = "RSA PRIVATE KEY";

/// What a PEM says that a passphrase is needed for (RFC 7468, section 11; RFC 1421, section 4.6.1.1).
const LOCKED: [&str; 2] = ["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"];

/// Our key, by whose public half assertions are encrypted.
pub struct DecryptionKey {
    private: PrivateDecryptingKey,
    oaep: OaepPrivateDecryptingKey,
}

impl DecryptionKey {
    /// Takes an RSA key in PKCS #8 or PKCS #1, as PEM.
    ///
    /// # Errors
    /// When it is none. The error says nothing of what is in it.
    pub fn from_pem(text: &str) -> Result<Self, XmlError> {
        if LOCKED.iter().any(|mark| text.contains(mark)) {
            return Err(refused("a passphrase is on it: take it off first, such as by `openssl pkey -in KEY`"));
        }
        let pkcs8 = between(text, PKCS8).or_else(|| between(text, PKCS1).map(|key| wrapped(&key)));
        Self::from_pkcs8(&pkcs8.ok_or_else(none)?)
    }

    /// Takes an RSA key in PKCS #8 (RFC 5208). One of less than 2048 bits is none.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, XmlError> {
        let private = PrivateDecryptingKey::from_pkcs8(der).map_err(|_| none())?;
        let oaep = OaepPrivateDecryptingKey::new(private.clone()).map_err(|_| none())?;
        Ok(Self { private, oaep })
    }

    /// The key in PKCS #8, and nothing besides it that stood where it was read from.
    ///
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn pkcs8(&self) -> Result<Secret<Vec<u8>>, XmlError> {
        let der: Pkcs8V1Der<'_> = self.private.as_der().map_err(|_| none())?;
        Ok(Secret::new(der.as_ref().to_vec()))
    }

    /// SHA-256 of its public half (`SubjectPublicKeyInfo`, RFC 5280, section 4.1.2.7).
    ///
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn fingerprint(&self) -> Result<[u8; 32], XmlError> {
        let der: PublicKeyX509Der<'_> = self.private.public_key().as_der().map_err(|_| none())?;
        Ok(Sha256::digest(der.as_ref()).into())
    }

    pub(super) fn oaep(&self) -> &OaepPrivateDecryptingKey {
        &self.oaep
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecryptionKey")
    }
}

fn none() -> XmlError {
    refused("it is no RSA key of 2048 to 8192 bits as PEM (`BEGIN PRIVATE KEY` or `BEGIN RSA PRIVATE KEY`)")
}

fn refused(why: &str) -> XmlError {
    XmlError::new(Kind::Algorithm, "the key", why)
}

/// What stands in the first block of PEM of this name (RFC 7468).
pub(super) fn between(text: &str, name: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {name}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {name}-----"))?;
    let digits: Zeroizing<String> = Zeroizing::new(body.split_whitespace().collect());
    Some(Zeroizing::new(STANDARD.decode(digits.as_bytes()).ok()?))
}

/// An `RSAPrivateKey` (RFC 8017, appendix A.1.2) as `PrivateKeyInfo` (RFC 5208, section 5).
fn wrapped(pkcs1: &[u8]) -> Zeroizing<Vec<u8>> {
    /// Version 0, and the algorithm: `rsaEncryption`, with no parameters.
    const HEAD: [u8; 18] = [2, 1, 0, 0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let key = tagged(0x04, &[pkcs1]);
    tagged(0x30, &[&HEAD, &key])
}

/// A value of DER (X.690, section 8.1). All that are of use have between 256 and 65535 bytes; of another length it is nothing that reads.
fn tagged(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let [high, low] = u16::try_from(length).unwrap_or_default().to_be_bytes();
    let mut value = Zeroizing::new(Vec::with_capacity(length.saturating_add(4)));
    value.extend([tag, 0x82, high, low]);
    parts.iter().for_each(|part| value.extend_from_slice(part));
    value
}

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};

    use super::*;

    fn pem(name: &str, der: &[u8]) -> String {
        format!("-----BEGIN {name}-----\n{}\n-----END {name}-----\n", STANDARD.encode(der))
    }

    #[test]
    fn a_key_is_the_same_in_either_form_and_comes_back_from_what_is_sealed() {
        let text = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap().serialize_pem();
        let key = DecryptionKey::from_pem(&text).unwrap();
        let pkcs8 = key.pkcs8().unwrap();
        assert_eq!(
            DecryptionKey::from_pkcs8(pkcs8.expose()).unwrap().fingerprint().unwrap(),
            key.fingerprint().unwrap()
        );
        // What stands around PKCS #1 in PKCS #8 has 26 bytes.
        let pkcs1 = &between(&text, PKCS8).unwrap()[26..];
        assert_eq!(*wrapped(pkcs1), *between(&text, PKCS8).unwrap());
        let other = DecryptionKey::from_pem(&format!("of openssl\n{}", pem(PKCS1, pkcs1))).unwrap();
        assert_eq!(other.fingerprint().unwrap(), key.fingerprint().unwrap());
        assert_eq!(format!("{key:?}"), "DecryptionKey");
    }

    #[test]
    fn what_is_no_key_is_refused_without_a_word_of_it() {
        let elliptic = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
        for bad in
            ["", "hunter2", &elliptic, &pem(PKCS1, b"hunter2"), &pem(PKCS8, &[0; 70_000]), &pem(PKCS1, &[0; 70_000])]
        {
            let refused = DecryptionKey::from_pem(bad).unwrap_err();
            assert_eq!(refused.to_string(), none().to_string());
        }
        for locked in
            ["-----BEGIN ENCRYPTED PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"]
        {
            assert!(DecryptionKey::from_pem(locked).unwrap_err().why().contains("passphrase"));
        }
    }
}
