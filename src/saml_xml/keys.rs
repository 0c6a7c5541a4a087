//! The keys that count: those of certificates that an administrator pinned.
//!
//! A certificate is a bag for a key here: who issued it and until when it is good says nothing about an identity provider that we
//! were told to trust by this very key (SAML metadata interoperability profile, section 2.6.1).

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, VerificationAlgorithm,
};
use bergshamra::keys::loader::load_x509_cert_der;
use bergshamra::{Key, KeysManager};
use sha2::{Digest as _, Sha256};
use x509_parser::oid_registry::{OID_EC_P256, OID_NIST_EC_P384, Oid};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::error::{Kind, XmlError, quoted};
use super::names::SIGNATURES;
use crate::base::Timestamp;
use crate::base::text::printable;

/// Smallest RSA key, in bits (NIST SP 800-131A, table 2).
const SMALLEST_RSA: usize = 2048;
/// Largest, so that nobody makes us calculate for long.
const LARGEST_RSA: usize = 8192;
/// The curves, by their names (RFC 5480, section 2.1.1.1): others have points of the same size.
const CURVES: [Oid<'static>; 2] = [OID_EC_P256, OID_NIST_EC_P384];

/// Keys that verify, each with the fingerprint of its certificate.
#[derive(Clone, Default)]
pub struct PinnedKeys {
    keys: Vec<Key>,
    /// What each verifies by that is no XML: `SubjectPublicKeyInfo`.
    plain: Vec<Vec<u8>>,
    fingerprints: Vec<String>,
}

impl PinnedKeys {
    /// None yet: nothing verifies.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Pins the key of a certificate in DER.
    ///
    /// # Errors
    /// When it is none, or its key is not RSA of 2048 to 8192 bits, or on P-256 or P-384.
    pub fn pin(&mut self, certificate: &[u8]) -> Result<(), XmlError> {
        let refuse = |why: String| XmlError::new(Kind::Algorithm, "X509Certificate", why);
        let (rest, parsed) =
            X509Certificate::from_der(certificate).map_err(|_| refuse("it is no X.509 certificate".into()))?;
        if !rest.is_empty() {
            return Err(refuse("there is more behind the certificate".into()));
        }
        match parsed.public_key().parsed() {
            Ok(PublicKey::RSA(key)) if (SMALLEST_RSA..=LARGEST_RSA).contains(&key.key_size()) => {}
            Ok(PublicKey::RSA(key)) => {
                let bits = key.key_size();
                return Err(refuse(format!("an RSA key of {bits} bits; {SMALLEST_RSA} to {LARGEST_RSA} count")));
            }
            Ok(PublicKey::EC(_)) if curve(&parsed).is_some_and(|curve| CURVES.contains(&curve)) => {}
            _ => return Err(refuse("its key is neither RSA nor on P-256 or P-384".into())),
        }
        let key = load_x509_cert_der(certificate).map_err(|_| refuse("its key cannot be used".into()))?;
        let fingerprint = fingerprint(certificate);
        if !self.fingerprints.contains(&fingerprint) {
            self.keys.push(key);
            self.plain.push(parsed.public_key().raw.to_vec());
            self.fingerprints.push(fingerprint);
        }
        Ok(())
    }

    /// Whether `signature` is of one of these keys, of `message`, by the algorithm that XML Signature calls so: what is signed beside a
    /// message and not in it (SAML bindings, section 3.4.4.1).
    ///
    /// # Errors
    /// When the algorithm does not count, or no key verifies it.
    pub fn verify(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> Result<(), XmlError> {
        let refuse = |kind, why: String| XmlError::new(kind, "Signature", why);
        let by = by_name(algorithm)
            .ok_or_else(|| refuse(Kind::Algorithm, format!("{} does not count here", quoted(algorithm))))?;
        let verifies =
            |key: &Vec<u8>| ParsedPublicKey::new(by, key).is_ok_and(|key| key.verify_sig(message, signature).is_ok());
        if self.plain.iter().any(verifies) {
            return Ok(());
        }
        Err(refuse(Kind::Signature, "it does not hold by any pinned key".to_owned()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// SHA-256 of each certificate, in hex.
    pub fn fingerprints(&self) -> impl Iterator<Item = &str> {
        self.fingerprints.iter().map(String::as_str)
    }

    pub(super) fn manager(&self) -> KeysManager {
        let mut manager = KeysManager::new();
        manager.add_keys(self.keys.iter().cloned());
        manager
    }
}

/// The curve of its key, where that is named.
fn curve(certificate: &X509Certificate<'_>) -> Option<Oid<'static>> {
    let named = certificate.public_key().algorithm.parameters.as_ref()?;
    named.as_oid().ok().map(|oid| oid.to_owned())
}

/// Which one is called so. The name has no curve in it; each digest goes with the curve that is made for it.
fn by_name(name: &str) -> Option<&'static dyn VerificationAlgorithm> {
    match SIGNATURES.iter().position(|known| *known == name)? {
        0 => Some(&RSA_PKCS1_2048_8192_SHA256),
        1 => Some(&RSA_PKCS1_2048_8192_SHA384),
        2 => Some(&RSA_PKCS1_2048_8192_SHA512),
        3 => Some(&ECDSA_P256_SHA256_FIXED),
        _ => Some(&ECDSA_P384_SHA384_FIXED),
    }
}

/// A certificate, as far as people look at it. It is a bag for a key: that it is over is told, and nothing more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// It, in DER.
    pub der: Vec<u8>,
    /// SHA-256 of it, in hex.
    pub fingerprint: String,
    /// Whose it is by its own word, for people to read.
    pub subject: String,
    /// Its last moment.
    pub until: Timestamp,
    /// Whether its key is RSA, so that something can be encrypted for it.
    pub rsa: bool,
}

impl Certificate {
    /// Reads one whose key would count if it were pinned.
    ///
    /// # Errors
    /// As [`PinnedKeys::pin`].
    pub fn read(der: Vec<u8>) -> Result<Self, XmlError> {
        PinnedKeys::none().pin(&der)?;
        let refuse = |_| XmlError::new(Kind::Algorithm, "X509Certificate", "it is no X.509 certificate");
        let (subject, until, rsa) = {
            let (_, parsed) = X509Certificate::from_der(&der).map_err(refuse)?;
            let until = Timestamp::from_second(parsed.validity().not_after.timestamp()).unwrap_or(Timestamp::MAX);
            let rsa = matches!(parsed.public_key().parsed(), Ok(PublicKey::RSA(_)));
            (printable(&parsed.subject().to_string()).into_owned(), until, rsa)
        };
        Ok(Self { fingerprint: fingerprint(&der), der, subject, until, rsa })
    }
}

/// The public key in a certificate in DER, as it stands there (RFC 5280, section 4.1); by it is seen which private one belongs to it.
pub(super) fn public_part(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(parsed.public_key().subject_public_key.data.to_vec())
}

/// The same with its algorithm (`SubjectPublicKeyInfo`), which encrypting takes.
pub(super) fn public_key_info(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(parsed.public_key().raw.to_vec())
}

/// SHA-256 of a certificate, in hex.
pub(super) fn fingerprint(certificate: &[u8]) -> String {
    hex::encode(Sha256::digest(certificate))
}

impl fmt::Debug for PinnedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PinnedKeys").field(&self.fingerprints).finish()
    }
}
