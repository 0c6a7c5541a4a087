//! What a SAML response costs: to write and sign, and to judge, beside what the cryptographic library takes for the signatures in it alone.
//! In one thread, in turns, so that a machine's moods meet all of it alike; what is printed is the median of each.
//!
//! Usage: bailey-saml-bench DIRECTORY [ROUNDS [SAMPLES]]; leaves response.xml, unsigned.xml (the same but
//! for what signing fills in), metadata.xml, key.pem and certificate.pem there for other programs.

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
use bailey::model::SamlSp;
use bailey::model::saml_sp::{Encryption, NameFormat, NameId, SignedParts};
use bailey::saml_xml::{CHANCE, RSA_SHA256, Signer};
use bailey::sso::saml::{Attribute, Author, Known, Says};
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
    let known = known(now);
    let text = own.response(&known, now);
    let metadata = own.metadata();
    std::fs::write(at.join("response.xml"), &text).expect("response.xml");
    std::fs::write(at.join("unsigned.xml"), unsigned(&text)).expect("unsigned.xml");
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
        ("response written, both signed", &|| drop(black_box(own.response(&known, now)))),
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

    /// A response as applications get it, as Bailey writes it: ten attributes, thirty groups.
    fn response(&self, known: &Known, now: Timestamp) -> String {
        let values = |name: &str, count: usize| Attribute {
            name: name.to_owned(),
            name_format: NameFormat::Basic.urn(),
            friendly_name: None,
            values: (0..count).map(|n| format!("{name} {n} of Prüfer & Söhne")).collect(),
        };
        let names = ["mail", "givenName", "sn", "title", "department", "employeeNumber", "o", "c", "l"];
        let says = Says {
            id: "_assertion",
            name_id: (NameId::Persistent.format(), "1f3870be274f6c49b3e31a0c6728957f"),
            in_response_to: Some("_request"),
            acs: ACS,
            authenticated: now,
            class: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
            session_index: "_session",
            session_until: now.saturating_add(std::time::Duration::from_secs(28_800)).expect("a moment"),
            attributes: names.into_iter().map(|name| values(name, 1)).chain([values("groups", 30)]).collect(),
        };
        let sign = |message: &[u8]| self.sign(message);
        let signer = Signer { algorithm: RSA_SHA256, certificate: &self.certificate, sign: &sign };
        let author = Author { entity_id: IDP, signer, id: "_response".to_owned(), chance: [0; CHANCE] };
        author.response(known, says, now).expect("a response")
    }
}

/// Who is told.
fn known(now: Timestamp) -> Known {
    let metadata = format!(
        "<md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{SP}\"><md:SPSSODescriptor \
         protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\"><md:AssertionConsumerService \
         Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" Location=\"{ACS}\" index=\"0\"/></md:SPSSODescriptor>\
         </md:EntityDescriptor>"
    );
    let sp = SamlSp {
        name: "wiki".parse().expect("a name"),
        title: "The wiki".to_owned(),
        preset: None,
        entity_id: SP.to_owned(),
        metadata,
        source: None,
        waiting: None,
        name_id: NameId::Persistent,
        attributes: Vec::new(),
        aws: None,
        allowed_groups: std::collections::BTreeSet::new(),
        require_mfa: false,
        require_signed_requests: false,
        idp_initiated: false,
        relay_state: None,
        signed: SignedParts::Both,
        encrypt: Encryption::Never,
        session: SamlSp::USUAL_SESSION,
        created: now,
        updated: now,
    };
    Known::of(sp, now).expect("its metadata")
}

/// `response`, whose assertion is signed, before it is itself: its digest and signature are empty.
fn unsigned(response: &str) -> String {
    let emptied = |text: &str, name: &str| {
        let (before, rest) = text.split_once(&format!("<ds:{name}>")).expect("a signature");
        let (_, behind) = rest.split_once(&format!("</ds:{name}>")).expect("its end");
        format!("{before}<ds:{name}></ds:{name}>{behind}")
    };
    emptied(&emptied(response, "DigestValue"), "SignatureValue")
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
