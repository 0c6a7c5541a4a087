//! Signing what we write: enveloped, exclusively canonicalised, SHA-256, with our certificate beside it (SAML core, section 5.4).
//!
//! The private key is not here: whoever has it lends what signs with it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::names::{ENVELOPED, EXCLUSIVE, SHA256};
use super::write::Node;

/// What signs, with the key of one certificate.
pub struct Signer<'k> {
    /// How: one of the algorithms that count.
    pub algorithm: &'static str,
    /// The certificate, in DER.
    pub certificate: &'k [u8],
    /// The signature of what is canonical, as XML Signature has it; `None` if there is none to be had.
    pub sign: &'k dyn Fn(&[u8]) -> Option<Vec<u8>>,
}

/// Why nothing was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message cannot be signed: the cryptographic library refuses")]
pub struct SignError;

impl Signer<'_> {
    /// `node`, which has an `ID`, with a signature of it in it.
    ///
    /// # Errors
    /// When it has no `ID`, or the key does not sign.
    pub fn signed(&self, mut node: Node) -> Result<Node, SignError> {
        let id = node.attribute("ID").ok_or(SignError)?;
        let info = self.info(id, &STANDARD.encode(Sha256::digest(node.render())));
        let value = (self.sign)(info.render().as_bytes()).ok_or(SignError)?;
        let signature = Node::new("ds:Signature")
            .child(info)
            .child(Node::text("ds:SignatureValue", STANDARD.encode(value)))
            .child(key_info(self.certificate));
        node.insert_signature(signature);
        Ok(node)
    }

    fn info(&self, id: &str, digest: &str) -> Node {
        let algorithm = |name, uri| Node::new(name).with("Algorithm", uri);
        let transforms = Node::new("ds:Transforms")
            .child(algorithm("ds:Transform", ENVELOPED))
            .child(algorithm("ds:Transform", EXCLUSIVE));
        let reference = Node::new("ds:Reference")
            .with("URI", format!("#{id}"))
            .child(transforms)
            .child(algorithm("ds:DigestMethod", SHA256))
            .child(Node::text("ds:DigestValue", digest));
        Node::new("ds:SignedInfo")
            .child(algorithm("ds:CanonicalizationMethod", EXCLUSIVE))
            .child(algorithm("ds:SignatureMethod", self.algorithm))
            .child(reference)
    }
}

/// A certificate, as signatures and metadata name it.
#[must_use]
pub fn key_info(certificate: &[u8]) -> Node {
    let data = Node::new("ds:X509Data").child(Node::text("ds:X509Certificate", STANDARD.encode(certificate)));
    Node::new("ds:KeyInfo").child(data)
}

impl fmt::Debug for Signer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.algorithm)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};

    use super::super::names::RSA_SHA256;
    use super::super::{Asking, Asks, CHANCE, DecryptionKey, Kind, Message, PinnedKeys, encrypted};
    use super::*;

    struct Own {
        pair: RsaKeyPair,
        certificate: Vec<u8>,
        pem: String,
    }

    impl Own {
        fn new() -> Self {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
            let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap().as_ref().to_vec();
            let key =
                rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der.clone().into(), &rcgen::PKCS_RSA_SHA256).unwrap();
            let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap().der().to_vec();
            let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", STANDARD.encode(der));
            Self { pair, certificate, pem }
        }

        fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
            let mut signature = vec![0; self.pair.public_modulus_len()];
            self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
            Some(signature)
        }

        fn signed(&self, node: Node) -> Node {
            let sign = |message: &[u8]| self.sign(message);
            Signer { algorithm: RSA_SHA256, certificate: &self.certificate, sign: &sign }.signed(node).unwrap()
        }

        fn pinned(&self) -> PinnedKeys {
            let mut keys = PinnedKeys::none();
            keys.pin(&self.certificate).unwrap();
            keys
        }
    }

    fn assertion() -> Node {
        Node::new("saml:Assertion").with("ID", "_a").child(Node::text("saml:Issuer", "a & b <é>"))
    }

    fn response(inside: Node) -> Node {
        Node::new("samlp:Response")
            .with("ID", "_r")
            .child(Node::text("saml:Issuer", "us"))
            .child(Node::new("samlp:Status"))
            .child(inside)
    }

    #[test]
    fn what_is_signed_here_is_verified_by_the_verifier() {
        let own = Own::new();
        let text = own.signed(response(own.signed(assertion()))).render();
        let covered = Message::parse(&text).unwrap().cover(&own.pinned(), &[]).unwrap();
        assert!(covered.response_signed() && covered.assertion_signed());
        let issuer = covered.assertion().one(super::super::ASSERTION, "Issuer").unwrap().text().unwrap();
        assert_eq!(issuer, "a & b <é>");
        for (from, to) in [("a &amp; b", "a &amp; c"), (">us<", ">as<")] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            let refused = Message::parse(&changed).unwrap().cover(&own.pinned(), &[]).map(|_| ()).unwrap_err();
            assert_eq!(refused.kind(), Kind::Signature);
        }
    }

    #[test]
    fn what_is_encrypted_here_is_opened_by_its_key_alone() {
        let (own, theirs) = (Own::new(), Own::new());
        let sealed = encrypted(&own.signed(assertion()), &theirs.certificate, [7; CHANCE]).unwrap();
        let text = own.signed(response(sealed)).render();
        let open = |key: &Own| {
            let key = DecryptionKey::from_pem(&key.pem).unwrap();
            Message::parse(&text).unwrap().cover(&own.pinned(), &[&key])
        };
        let covered = open(&theirs).unwrap();
        assert!(covered.response_signed() && covered.assertion_signed() && covered.encrypted());
        assert_eq!(open(&own).map(|_| ()).unwrap_err().kind(), Kind::Decryption);
    }

    #[test]
    fn requests_are_read_signed_or_not_and_responses_never_are() {
        let own = Own::new();
        let ask = || Node::new("samlp:AuthnRequest").with("ID", "_q").child(Node::text("saml:Issuer", "sp"));
        let read = |text: &str, keys: &PinnedKeys| {
            let asking = Asking::parse(text, &[Asks::SignIn])?;
            assert_eq!((asking.issuer(), asking.asks()), ("sp", Asks::SignIn));
            asking.verified(keys)
        };
        assert!(!read(&ask().render(), &PinnedKeys::none()).unwrap().signed());
        let signed = own.signed(ask()).render();
        assert!(read(&signed, &own.pinned()).unwrap().signed());
        for keys in [PinnedKeys::none(), Own::new().pinned()] {
            assert_eq!(read(&signed, &keys).map(|_| ()).unwrap_err().kind(), Kind::Signature);
        }
        let changed = signed.replacen("ID=\"_q\"", "ID=\"_q\" IsPassive=\"true\"", 1);
        assert!(read(&changed, &own.pinned()).is_err());
        for not in [response(assertion()), ask().child(assertion()), Node::new("samlp:AuthnRequest").with("ID", "_q")] {
            assert!(Asking::parse(&not.render(), &[Asks::SignIn]).is_err());
        }
    }

    #[test]
    fn what_is_signed_beside_a_message_is_verified_by_lists() {
        let own = Own::new();
        let signature = own.sign(b"octets").unwrap();
        let keys = own.pinned();
        keys.verify(RSA_SHA256, b"octets", &signature).unwrap();
        assert_eq!(keys.verify(RSA_SHA256, b"octet", &signature).unwrap_err().kind(), Kind::Signature);
        let sha1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
        assert_eq!(keys.verify(sha1, b"octets", &signature).unwrap_err().kind(), Kind::Algorithm);
        assert!(PinnedKeys::none().verify(RSA_SHA256, b"octets", &signature).is_err());
    }
}
