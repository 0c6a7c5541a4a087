//! Our key towards identity providers: by it we sign what a browser carries to them in an address.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::decryption_key::between;
use super::error::{Kind, XmlError};
use super::keys::public_part;

/// An RSA key that signs requests, with its certificate.
pub struct RequestKey {
    pair: RsaKeyPair,
    certificate: Vec<u8>,
}

impl RequestKey {
    /// Takes an RSA key in PKCS #8 and its certificate, both as PEM.
    ///
    /// # Errors
    /// When one of them is none, or they do not belong together.
    pub fn from_pem(key: &str, certificate: &str) -> Result<Self, XmlError> {
        let refuse = |place: &str, why: &str| XmlError::new(Kind::Algorithm, place, why);
        let no_key = || refuse("the key", "it is no RSA key in PKCS #8 (`BEGIN PRIVATE KEY`)");
        let no_certificate = || refuse("the certificate", "it is no X.509 certificate as PEM");
        let der = between(key, "PRIVATE KEY").ok_or_else(no_key)?;
        let pair = RsaKeyPair::from_pkcs8(&der).map_err(|_| no_key())?;
        let certificate = between(certificate, "CERTIFICATE").ok_or_else(no_certificate)?.to_vec();
        if public_part(&certificate).ok_or_else(no_certificate)? != pair.public_key().as_ref() {
            return Err(refuse("the certificate", "it is for another key"));
        }
        Ok(Self { pair, certificate })
    }

    /// The certificate, in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// A signature of `text` by [`super::RSA_SHA256`], in base64.
    ///
    /// # Errors
    /// When the key does not work.
    pub fn sign(&self, text: &str) -> Result<String, XmlError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let signed = self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature);
        signed.map_err(|_| XmlError::new(Kind::Algorithm, "the key", "it does not sign"))?;
        Ok(STANDARD.encode(signature))
    }
}

impl fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestKey")
    }
}
