//! What a SAML response costs: to write and sign, and to judge, beside what the cryptographic library takes for the signatures in it alone.
//! In one thread, in turns, so that a machine's moods meet all of it alike; what is printed is the median of each.
//!
//! Usage: bailey-saml-bench DIRECTORY [ROUNDS [SAMPLES]]; leaves response.xml, metadata.xml, key.pem and certificate.pem there for other programs.

mod oracle;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use bailey::authn::saml::{Expected, IdentityProvider, ServiceProvider, judge};
use bailey::base::Timestamp;
use bailey::saml_xml::{Node, RSA_SHA256, Signer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SP: &str = "https://sp.test/metadata";
const ACS: &str = "https://sp.test/acs";
const IDP: &str = "https://idp.test/metadata";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let at = arguments.next().expect("a directory");
    let at = Path::new(&at);
    let rounds = arguments.next().map_or(400, |rounds| rounds.parse().expect("rounds"));
    let own = Own::new();
    let now = Timestamp::now();
    let text = own.response(now);
    let metadata = own.metadata();
    std::fs::write(at.join("response.xml"), &text).expect("response.xml");
    std::fs::write(at.join("metadata.xml"), &metadata).expect("metadata.xml");
    std::fs::write(at.join("key.pem"), &own.key_pem).expect("key.pem");
    std::fs::write(at.join("certificate.pem"), &own.certificate_pem).expect("certificate.pem");
    let provider = IdentityProvider::read(&metadata).expect("its own metadata");
    let service = ServiceProvider::new(SP, ACS);
    let judged = || judge(&text, Expected { provider: &provider, own: &service, request: Some("_request") }, now);
    let accepted = judged().unwrap_or_else(|refused| panic!("{refused:?}"));
    assert!(accepted.signed().response && accepted.signed().assertion);

    let (p256, message) = (P256::new(), [7; 512]);
    let (rsa_signature, p256_signature) = (own.sign(&message).expect("a signature"), p256.sign(&message));
    let works: [(&str, &dyn Fn()); 6] = [
        ("rsa-3072 signature", &|| drop(black_box(own.sign(&message)))),
        ("rsa-3072 verification", &|| own.verify(&message, &rsa_signature)),
        ("p-256 signature", &|| drop(black_box(p256.sign(&message)))),
        ("p-256 verification", &|| p256.verify(&message, &p256_signature)),
        ("response written, both signed", &|| drop(black_box(own.response(now)))),
        ("response judged, both signed", &|| drop(black_box(judged().expect("what was accepted")))),
    ];
    let mut took: Vec<Vec<Duration>> = vec![Vec::new(); works.len()];
    for _ in 0..rounds {
        for ((_, work), took) in works.iter().zip(&mut took) {
            let begun = Instant::now();
            work();
            took.push(begun.elapsed());
        }
    }
    for ((name, _), took) in works.iter().zip(&mut took) {
        took.sort();
        println!("{name}: {:.1} us", took[took.len() / 2].as_secs_f64() * 1e6);
    }
    println!("bytes of the response: {}", text.len());
    let samples = arguments.next().map_or(10_000, |samples| samples.parse().expect("samples"));
    println!("largest t of refusals, {samples} of each of {}: {:.2}", oracle::WAYS.join(", "), oracle::largest_t(&provider, samples, now));
}

struct Own {
    pair: RsaKeyPair,
    certificate: Vec<u8>,
    key_pem: String,
    certificate_pem: String,
}

impl Own {
    fn new() -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072).expect("a key");
        let certificate = CertificateParams::new(vec!["idp.test".to_owned()]).expect("a name").self_signed(&key);
        let certificate = certificate.expect("a certificate");
        Self {
            pair: RsaKeyPair::from_pkcs8(&key.serialize_der()).expect("the same key"),
            certificate: certificate.der().to_vec(),
            key_pem: key.serialize_pem(),
            certificate_pem: certificate.pem(),
        }
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
        Some(signature)
    }

    fn verify(&self, message: &[u8], signature: &[u8]) {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.pair.public_key());
        key.verify(message, signature).expect("what was signed");
    }

    fn signed(&self, node: Node) -> Node {
        let sign = |message: &[u8]| self.sign(message);
        let signer = Signer { algorithm: RSA_SHA256, certificate: &self.certificate, sign: &sign };
        signer.signed(node).expect("a signature")
    }

    fn metadata(&self) -> String {
        let certificate = STANDARD.encode(&self.certificate);
        format!(
            "<md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" \
             entityID=\"{IDP}\"><md:IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\
             <md:KeyDescriptor use=\"signing\"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate>\
             </ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService \
             Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"https://idp.test/sso\"/>\
             </md:IDPSSODescriptor></md:EntityDescriptor>"
        )
    }

    /// A response as applications get it: ten attributes, thirty groups.
    fn response(&self, now: Timestamp) -> String {
        let at = format!("{now:.0}");
        let until = format!("{:.0}", now.saturating_add(std::time::Duration::from_secs(300)).expect("a moment"));
        let values = |name: &str, count: usize| {
            let one = |n| Node::text("saml:AttributeValue", format!("{name} {n} of Prüfer & Söhne"));
            Node::new("saml:Attribute").with("Name", name).children((0..count).map(one))
        };
        let names = ["mail", "givenName", "sn", "title", "department", "employeeNumber", "o", "c", "l"];
        let attributes = names.into_iter().map(|name| values(name, 1)).chain([values("groups", 30)]);
        let confirmed = Node::new("saml:SubjectConfirmationData")
            .with("InResponseTo", "_request")
            .with("NotOnOrAfter", until.as_str())
            .with("Recipient", ACS);
        let bearer = Node::new("saml:SubjectConfirmation")
            .with("Method", "urn:oasis:names:tc:SAML:2.0:cm:bearer")
            .child(confirmed);
        let name = Node::text("saml:NameID", "1f3870be274f6c49b3e31a0c6728957f")
            .with("Format", "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent");
        let audience = Node::new("saml:AudienceRestriction").child(Node::text("saml:Audience", SP));
        let class = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
        let context = Node::new("saml:AuthnContext").child(Node::text("saml:AuthnContextClassRef", class));
        let assertion = Node::new("saml:Assertion")
            .with("ID", "_assertion")
            .with("IssueInstant", at.as_str())
            .with("Version", "2.0")
            .child(Node::text("saml:Issuer", IDP))
            .child(Node::new("saml:Subject").child(name).child(bearer))
            .child(
                Node::new("saml:Conditions")
                    .with("NotBefore", at.as_str())
                    .with("NotOnOrAfter", until.as_str())
                    .child(audience),
            )
            .child(
                Node::new("saml:AuthnStatement")
                    .with("AuthnInstant", at.as_str())
                    .with("SessionIndex", "_session")
                    .child(context),
            )
            .child(Node::new("saml:AttributeStatement").children(attributes));
        let status = Node::new("samlp:Status")
            .child(Node::new("samlp:StatusCode").with("Value", "urn:oasis:names:tc:SAML:2.0:status:Success"));
        let response = Node::new("samlp:Response")
            .with("Destination", ACS)
            .with("ID", "_response")
            .with("InResponseTo", "_request")
            .with("IssueInstant", at.as_str())
            .with("Version", "2.0")
            .child(Node::text("saml:Issuer", IDP))
            .child(status)
            .child(self.signed(assertion));
        self.signed(response).render()
    }
}

struct P256(EcdsaKeyPair);

impl P256 {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key"))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), message).expect("a signature").as_ref().to_vec()
    }

    fn verify(&self, message: &[u8], signature: &[u8]) {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.0.public_key());
        key.verify(message, signature).expect("what was signed");
    }
}
