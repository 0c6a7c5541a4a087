//! Ties a Kerberos context to the TLS connection it is made on: the channel binding `tls-server-end-point` (RFC 5929 4).
//!
//! A ticket meant for this server is then of no use on a connection to somebody who passes it on. Domain controllers can
//! insist on it (`LdapEnforceChannelBinding`).

use sha2::{Digest as _, Sha256, Sha384, Sha512};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::signature_algorithm::SignatureAlgorithm;

/// Signature algorithms (by OID) that hash with SHA-384 and SHA-512; those with MD5, SHA-1 and SHA-256 all bind by SHA-256.
const SHA_384: [&str; 3] = ["1.2.840.113549.1.1.12", "1.2.840.10045.4.3.3", "2.16.840.1.101.3.4.2.2"];
const SHA_512: [&str; 3] = ["1.2.840.113549.1.1.13", "1.2.840.10045.4.3.4", "2.16.840.1.101.3.4.2.3"];
const SHA_256_AND_OLDER: [&str; 8] = [
    "1.2.840.113549.1.1.4",
    "1.2.840.113549.1.1.5",
    "1.2.840.113549.1.1.11",
    "1.2.840.10045.4.1",
    "1.2.840.10045.4.3.2",
    "1.3.14.3.2.26",
    "1.2.840.113549.2.5",
    "2.16.840.1.101.3.4.2.1",
];

/// The binding to a server with this certificate; `None` where none is defined, as for Ed25519, which hashes in its own way.
pub(super) fn to_end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let oid = match SignatureAlgorithm::try_from(&parsed.signature_algorithm).ok()? {
        SignatureAlgorithm::RSASSA_PSS(parameters) => parameters.hash_algorithm_oid().to_id_string(),
        _ => parsed.signature_algorithm.algorithm.to_id_string(),
    };
    let hash = match oid.as_str() {
        oid if SHA_384.contains(&oid) => Sha384::digest(certificate).to_vec(),
        oid if SHA_512.contains(&oid) => Sha512::digest(certificate).to_vec(),
        oid if SHA_256_AND_OLDER.contains(&oid) => Sha256::digest(certificate).to_vec(),
        _ => return None,
    };
    Some([b"tls-server-end-point:".as_slice(), &hash].concat())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

    use super::*;

    #[test]
    fn the_certificate_is_hashed_as_it_is_signed() {
        let cases = [(&PKCS_ECDSA_P256_SHA256, Some(32)), (&PKCS_ECDSA_P384_SHA384, Some(48)), (&PKCS_ED25519, None)];
        for (algorithm, length) in cases {
            let key = KeyPair::generate_for(algorithm).unwrap();
            let certificate = CertificateParams::new(vec!["dc1.corp.example".to_owned()]).unwrap();
            let certificate = certificate.self_signed(&key).unwrap();
            let binding = to_end_point(certificate.der());
            assert_eq!(binding.as_ref().map(|binding| binding.len() - "tls-server-end-point:".len()), length);
            if length == Some(32) {
                assert!(binding.unwrap().ends_with(&Sha256::digest(certificate.der())));
            }
        }
        assert_eq!(to_end_point(b"no certificate"), None);
    }
}
