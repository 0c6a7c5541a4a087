//! Whether the time it takes to refuse an encrypted assertion tells why: a key that does not open, one of another length than the cipher's,
//! or content that was altered. Welch's t-test over many refusals of each, in an order by chance.
//!
//! Bleichenbacher's and Manger's attacks need such a difference.

use std::hint::black_box;
use std::time::Instant;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use aws_lc_rs::rsa::{KeySize, OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PrivateDecryptingKey};
use bailey::authn::saml::{Expected, IdentityProvider, ServiceProvider, judge};
use bailey::base::Timestamp;
use bailey::saml_xml::DecryptionKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How each is wrong.
pub const WAYS: [&str; 3] = ["a key that does not open", "a key of another length", "altered content"];

/// The largest t of two of the ways, over `samples` of each.
pub fn largest_t(provider: &IdentityProvider, samples: usize, now: Timestamp) -> f64 {
    let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).expect("a key");
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&private).expect("its form");
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", STANDARD.encode(der.as_ref()));
    let key = Some(DecryptionKey::from_pem(&pem).expect("the same key"));
    let own = ServiceProvider { key, ..ServiceProvider::new(super::SP, super::ACS) };
    let public = OaepPublicEncryptingKey::new(private.public_key()).expect("its public half");
    let wrap = |key: &[u8]| {
        let mut wrapped = vec![0; public.ciphertext_size()];
        public.encrypt(&OAEP_SHA1_MGF1SHA1, key, &mut wrapped, None).expect("a wrapped key").to_vec()
    };
    let mut altered = wrap(&[1; 32]);
    *altered.last_mut().expect("bytes") ^= 1;
    let texts = [altered, wrap(&[1; 16]), wrap(&[1; 32])].map(|wrapped| response(&wrapped, &[9; 2_000], now));

    let mut took = [Vec::new(), Vec::new(), Vec::new()];
    let random = SystemRandom::new();
    while took.iter().any(|took| took.len() < samples) {
        let mut chance = [0];
        random.fill(&mut chance).expect("chance");
        let way = usize::from(chance[0]) % WAYS.len();
        let begun = Instant::now();
        let expected = Expected { provider, own: &own, request: Some("_request") };
        let refused = black_box(judge(&texts[way], expected, now)).expect_err("nothing was signed");
        took[way].push(begun.elapsed().as_secs_f64());
        assert!(refused.why().contains("cannot be decrypted"), "{}", refused.why());
    }
    for took in &mut took {
        // What an interrupted thread took tells nothing.
        took.sort_by(f64::total_cmp);
        took.truncate(took.len() * 95 / 100);
    }
    let pairs = [(0, 1), (0, 2), (1, 2)];
    pairs.into_iter().map(|(one, other)| t(&took[one], &took[other]).abs()).fold(0.0, f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "thousands")]
fn t(one: &[f64], other: &[f64]) -> f64 {
    let of = |all: &[f64]| {
        let count = all.len() as f64;
        let mean = all.iter().sum::<f64>() / count;
        let variance = all.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    let ((mean, spread), (other_mean, other_spread)) = (of(one), of(other));
    (mean - other_mean) / (spread + other_spread).sqrt()
}

fn response(wrapped: &[u8], sealed: &[u8], now: Timestamp) -> String {
    let (wrapped, sealed) = (STANDARD.encode(wrapped), STANDARD.encode(sealed));
    format!(
        "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" \
         ID=\"_response\" Version=\"2.0\" IssueInstant=\"{now:.0}\" Destination=\"{acs}\" InResponseTo=\"_request\"><saml:Issuer>{idp}\
         </saml:Issuer><samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:Status>\
         <saml:EncryptedAssertion><xenc:EncryptedData xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" \
         Type=\"http://www.w3.org/2001/04/xmlenc#Element\"><xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#aes256-gcm\"/>\
         <ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><xenc:EncryptedKey><xenc:EncryptionMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p\"/><xenc:CipherData><xenc:CipherValue>{wrapped}</xenc:CipherValue>\
         </xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{sealed}</xenc:CipherValue>\
         </xenc:CipherData></xenc:EncryptedData></saml:EncryptedAssertion></samlp:Response>",
        acs = super::ACS,
        idp = super::IDP,
    )
}
