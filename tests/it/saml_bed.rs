//! An identity provider in the tests' hands: responses signed by bergshamra, as wrong as a test wants them.

use std::sync::LazyLock;

use bailey::authn::saml::{Expected, IdentityProvider, ResponseError, SamlAssertion, ServiceProvider, judge};
use bailey::base::Timestamp;
use bailey::saml_xml::DecryptionKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bergshamra::keys::loader::{load_hmac_key, load_pem_auto, load_x509_cert_pem};
use bergshamra::{DsigContext, EncContext, Key, KeysManager};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, RsaKeySize};

pub(crate) const IDP: &str = "https://idp.test/metadata";
pub(crate) const SP: &str = "https://bailey.test/saml";
pub(crate) const ACS: &str = "https://bailey.test/saml/acs";
pub(crate) const REQUEST: &str = "_request-1";
pub(crate) const NOW: &str = "2026-11-30T09:00:00Z";
pub(crate) const ALICE: &str = "alice@example.com";

pub(crate) const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
pub(crate) const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
pub(crate) const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub(crate) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
pub(crate) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
pub(crate) const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub(crate) const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";

/// A key that signs, and its certificate.
pub(crate) struct Signer {
    pub(crate) key_pem: String,
    pub(crate) certificate: String,
    pub(crate) algorithm: &'static str,
    key: Key,
}

/// What to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Neither,
    Response,
    Assertion,
    Both,
}

pub(crate) static RSA: LazyLock<Signer> = LazyLock::new(Signer::rsa);
pub(crate) static STRANGER: LazyLock<Signer> = LazyLock::new(Signer::rsa);
pub(crate) static PROVIDER: LazyLock<IdentityProvider> = LazyLock::new(|| provider(&[&RSA]));
pub(crate) static OWN: LazyLock<ServiceProvider> = LazyLock::new(own);

impl Signer {
    pub(crate) fn rsa() -> Self {
        Self::of(KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap(), RSA_SHA256)
    }

    pub(crate) fn p256() -> Self {
        let algorithm = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
        Self::of(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(), algorithm)
    }

    pub(crate) fn p384() -> Self {
        let algorithm = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384";
        Self::of(KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap(), algorithm)
    }

    fn of(pair: KeyPair, algorithm: &'static str) -> Self {
        let params = CertificateParams::new(vec!["idp.test".into()]).unwrap();
        let certificate = params.self_signed(&pair).unwrap().pem();
        let key_pem = pair.serialize_pem();
        let key = load_pem_auto(key_pem.as_bytes(), None).unwrap();
        Self { key_pem, certificate, algorithm, key }
    }

    /// The certificate as it stands in XML.
    pub(crate) fn base64(&self) -> String {
        self.certificate.lines().filter(|line| !line.starts_with("---")).collect()
    }

    /// Fills the first signature in `xml`.
    pub(crate) fn sign(&self, xml: &str) -> String {
        sign(self.key.clone(), xml)
    }

    /// As [`Self::sign`], with the certificate as a shared secret, which everybody knows.
    pub(crate) fn sign_hmac(&self, xml: &str) -> String {
        let secret = STANDARD.decode(self.base64()).unwrap();
        sign(load_hmac_key(&secret).unwrap(), xml)
    }

    /// An empty signature of the element called `id`.
    pub(crate) fn template(&self, id: &str) -> String {
        format!(
            "<ds:Signature xmlns:ds=\"{DSIG}\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\"/>\
             <ds:SignatureMethod Algorithm=\"{}\"/><ds:Reference URI=\"#{id}\"><ds:Transforms><ds:Transform \
             Algorithm=\"{ENVELOPED}\"/><ds:Transform Algorithm=\"{EXCLUSIVE}\"/></ds:Transforms><ds:DigestMethod \
             Algorithm=\"{SHA256}\"/><ds:DigestValue></ds:DigestValue></ds:Reference></ds:SignedInfo>\
             <ds:SignatureValue></ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}\
             </ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>",
            self.algorithm,
            self.base64()
        )
    }

    /// A response, with `edits` of what is then signed. Each edit has to find its place.
    pub(crate) fn response(&self, what: Sign, edits: &[(&str, &str)]) -> String {
        let mut edited = vec![false; edits.len()];
        let mut edit = |mut text: String| {
            for ((from, to), done) in edits.iter().zip(&mut edited) {
                *done |= text.contains(from);
                text = text.replace(from, to);
            }
            text
        };
        let mut assertion = ASSERTION_TEMPLATE.to_owned();
        if matches!(what, Sign::Assertion | Sign::Both) {
            assertion = assertion.replace("<!--SIGNATURE-->", &self.template("_assertion-1"));
            assertion = self.sign(&edit(assertion));
        } else {
            assertion = edit(assertion.replace("<!--SIGNATURE-->", ""));
        }
        let mut response = RESPONSE_TEMPLATE.to_owned();
        if matches!(what, Sign::Response | Sign::Both) {
            response = response.replace("<!--SIGNATURE-->", &self.template("_response-1"));
        }
        response = edit(response).replace("<!--SIGNATURE-->", "").replace("<!--ASSERTION-->", &assertion);
        if matches!(what, Sign::Response | Sign::Both) {
            response = self.sign(&response);
        }
        for ((from, _), done) in edits.iter().zip(edited) {
            assert!(done, "{from} stands nowhere");
        }
        response
    }
}

fn sign(key: Key, xml: &str) -> String {
    let mut keys = KeysManager::new();
    keys.add_key(key);
    bergshamra::sign(&DsigContext::new_permissive(keys), xml).unwrap()
}

const RESPONSE_TEMPLATE: &str = "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" \
    xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_response-1\" Version=\"2.0\" \
    IssueInstant=\"2026-11-30T08:59:59Z\" Destination=\"https://bailey.test/saml/acs\" InResponseTo=\"_request-1\">\
    <saml:Issuer>https://idp.test/metadata</saml:Issuer><!--SIGNATURE--><samlp:Status><samlp:StatusCode \
    Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:Status><!--ASSERTION--></samlp:Response>";

const ASSERTION_TEMPLATE: &str = "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" \
    xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
    ID=\"_assertion-1\" Version=\"2.0\" IssueInstant=\"2026-11-30T08:59:58Z\">\
    <saml:Issuer>https://idp.test/metadata</saml:Issuer><!--SIGNATURE--><saml:Subject><saml:NameID \
    Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\">alice@example.com</saml:NameID>\
    <saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"><saml:SubjectConfirmationData \
    NotOnOrAfter=\"2026-11-30T09:04:00Z\" Recipient=\"https://bailey.test/saml/acs\" InResponseTo=\"_request-1\"/>\
    </saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore=\"2026-11-30T08:59:58Z\" \
    NotOnOrAfter=\"2026-11-30T09:03:00Z\"><saml:AudienceRestriction><saml:Audience>https://bailey.test/saml\
    </saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement \
    AuthnInstant=\"2026-11-30T08:50:00Z\" SessionIndex=\"session-1\" SessionNotOnOrAfter=\"2026-11-30T17:00:00Z\">\
    <saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport\
    </saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement>\
    <saml:Attribute Name=\"groups\" NameFormat=\"urn:oasis:names:tc:SAML:2.0:attrname-format:basic\">\
    <saml:AttributeValue xsi:type=\"xs:string\">staff &amp; friends</saml:AttributeValue>\
    <saml:AttributeValue>Prüfer</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>";

pub(crate) fn own() -> ServiceProvider {
    ServiceProvider::new(SP, ACS)
}

pub(crate) fn metadata(signers: &[&Signer]) -> String {
    let keys: String = signers
        .iter()
        .map(|signer| {
            format!(
                "<md:KeyDescriptor use=\"signing\"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate>\
                 </ds:X509Data></ds:KeyInfo></md:KeyDescriptor>",
                signer.base64()
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- Of a provider. -->\n<md:EntityDescriptor \
         xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" xmlns:ds=\"{DSIG}\" entityID=\"{IDP}\">\n  <md:IDPSSODescriptor \
         protocolSupportEnumeration=\"{PROTOCOL}\" WantAuthnRequestsSigned=\"true\">{keys}<md:SingleLogoutService \
         Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"https://idp.test/slo\"/>\
         <md:SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" \
         Location=\"https://idp.test/sso\"/></md:IDPSSODescriptor>\n</md:EntityDescriptor>\n"
    )
}

pub(crate) fn provider(signers: &[&Signer]) -> IdentityProvider {
    IdentityProvider::read(&metadata(signers)).unwrap()
}

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// The judgement on `xml`, at the usual moment.
pub(crate) fn judged(xml: &str) -> Result<SamlAssertion, ResponseError> {
    judge(xml, Expected { provider: &PROVIDER, own: &OWN, request: Some(REQUEST) }, now())
}

/// By which rule `xml` is refused.
pub(crate) fn rule(xml: &str) -> &'static str {
    match judged(xml) {
        Ok(assertion) => panic!("accepted: {assertion:?}\n{xml}"),
        Err(refused) => refused.rule().word(),
    }
}

/// The part of `xml` from `start` up to the end of `end`.
pub(crate) fn part<'x>(xml: &'x str, start: &str, end: &str) -> &'x str {
    let from = xml.find(start).unwrap_or_else(|| panic!("no {start} in {xml}"));
    let length = xml[from..].find(end).unwrap_or_else(|| panic!("no {end} in {xml}")) + end.len();
    &xml[from..from + length]
}

/// The assertion in a response.
pub(crate) fn assertion_of(xml: &str) -> &str {
    part(xml, "<saml:Assertion", "</saml:Assertion>")
}

/// A service provider with a key, and that key's certificate.
pub(crate) fn own_with_key(signer: &Signer) -> ServiceProvider {
    ServiceProvider { key: Some(DecryptionKey::from_pem(&signer.key_pem).unwrap()), ..own() }
}

/// `response` with its assertion encrypted to `to`.
pub(crate) fn encrypted(response: &str, to: &Signer, cipher: &str, wrap: &str) -> String {
    let assertion = assertion_of(response);
    let template = format!(
        "<xenc:EncryptedData xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" xmlns:ds=\"{DSIG}\" \
         Type=\"http://www.w3.org/2001/04/xmlenc#Element\"><xenc:EncryptionMethod Algorithm=\"{cipher}\"/><ds:KeyInfo>\
         <xenc:EncryptedKey><xenc:EncryptionMethod Algorithm=\"{wrap}\"/><xenc:CipherData><xenc:CipherValue>\
         </xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>\
         </xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>"
    );
    let mut keys = KeysManager::new();
    keys.add_key(load_x509_cert_pem(to.certificate.as_bytes()).unwrap());
    let sealed = bergshamra::encrypt(&EncContext::new(keys), &template, assertion.as_bytes()).unwrap();
    let sealed = sealed.split_once("?>").map_or(sealed.as_str(), |(_, rest)| rest).to_owned();
    response.replace(assertion, &format!("<saml:EncryptedAssertion>{sealed}</saml:EncryptedAssertion>"))
}
