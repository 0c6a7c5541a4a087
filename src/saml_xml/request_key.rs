//! Our key towards identity providers: by it we sign what a browser carries to them in an address.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::pem::parse_x509_pem;
use zeroize::Zeroizing;

use super::error::{Kind, XmlError};

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
        let (_, rest) = key.split_once("-----BEGIN PRIVATE KEY-----").ok_or_else(no_key)?;
        let (body, _) = rest.split_once("-----END PRIVATE KEY-----").ok_or_else(no_key)?;
        let digits: Zeroizing<String> = Zeroizing::new(body.split_whitespace().collect());
        let der = Zeroizing::new(STANDARD.decode(digits.as_bytes()).map_err(|_| no_key())?);
        let pair = RsaKeyPair::from_pkcs8(&der).map_err(|_| no_key())?;
        let no_certificate = || refuse("the certificate", "it is no X.509 certificate as PEM");
        let (_, pem) = parse_x509_pem(certificate.as_bytes()).map_err(|_| no_certificate())?;
        let parsed = pem.parse_x509().map_err(|_| no_certificate())?;
        if *parsed.public_key().subject_public_key.data != *pair.public_key().as_ref() {
            return Err(refuse("the certificate", "it is for another key"));
        }
        Ok(Self { pair, certificate: pem.contents })
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
