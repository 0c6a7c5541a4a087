//! Bailey as an identity provider, and a service provider in the tests' hands: what it asks, signed or not, and what it is answered.

use bailey::authn::saml::{Expected, IdentityProvider, ResponseError, SamlAssertion, ServiceProvider, judge};
use bailey::base::Timestamp;
use bailey::base::clock::{Clock as _, SystemClock};
use bailey::saml_xml::{DecryptionKey, Node, RSA_SHA256, Signer as Signing, deflate};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Request;
use serde_json::{Value, json};

use crate::portal::{Browser, Page};
use crate::role_tokens::send;
use crate::saml_bed::{STRANGER, Signer};
use crate::sso_desk::{Desk, ISSUER};
use crate::sts_unsigned::PASSWORD;

pub(crate) const SP: &str = "https://sp.test/metadata";
pub(crate) const ACS: &str = "https://sp.test/acs";
pub(crate) const SSO: &str = "https://sso.example/saml/sso";
pub(crate) const SLO: &str = "https://sso.example/saml/slo";

/// A desk whose clock is right, with a key of SAML.
pub(crate) async fn desk() -> Desk {
    let desk = Desk::new().await;
    let fixture = &desk.office.fixture;
    fixture.clock.set(SystemClock.now());
    let app = &fixture.app;
    app.admin.keys.turn_saml_keys(&app.store, "test", app.admin.now()).unwrap();
    desk
}

/// What a service provider says of itself. Words in the place of `more` stand where its keys do.
pub(crate) fn described(entity: &str, acs: &str, signs: bool, more: &str) -> String {
    let key = format!(
        "<md:KeyDescriptor use=\"signing\"><ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:X509Data>\
         <ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>",
        STRANGER.base64()
    );
    format!(
        "<md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{entity}\"><md:SPSSODescriptor \
         protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\" AuthnRequestsSigned=\"{signs}\">{key}{more}\
         <md:AssertionConsumerService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" Location=\"{acs}\" index=\"0\" \
         isDefault=\"true\"/><md:AssertionConsumerService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" \
         Location=\"{acs}/other\" index=\"7\"/></md:SPSSODescriptor></md:EntityDescriptor>"
    )
}

/// A key in there that assertions are encrypted for.
pub(crate) fn encrypts(signer: &Signer) -> String {
    format!(
        "<md:KeyDescriptor use=\"encryption\"><ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:X509Data>\
         <ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>",
        signer.base64()
    )
}

/// Registers a service provider.
pub(crate) async fn registered(desk: &Desk, name: &str, metadata: &str, settings: Value) {
    desk.office.post("/v1/saml-sps", json!({ "name": name, "metadata": metadata, "settings": settings })).await;
}

/// A moment as SAML writes it.
pub(crate) fn moment(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// A request of the service provider.
pub(crate) fn ask(id: &str) -> Node {
    Node::new("samlp:AuthnRequest")
        .with("ID", id)
        .with("Version", "2.0")
        .with("IssueInstant", moment(SystemClock.now()))
        .with("Destination", SSO)
        .child(Node::text("saml:Issuer", SP))
}

/// A key of a test as one that signs.
pub(crate) fn signs(signer: &Signer, message: &[u8]) -> Vec<u8> {
    let pem: String = signer.key_pem.lines().filter(|line| !line.starts_with("---")).collect();
    let pair = aws_lc_rs::signature::RsaKeyPair::from_pkcs8(&STANDARD.decode(pem).unwrap()).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    let chance = aws_lc_rs::rand::SystemRandom::new();
    pair.sign(&aws_lc_rs::signature::RSA_PKCS1_SHA256, &chance, message, &mut signature).unwrap();
    signature
}

/// The same with a signature in it.
pub(crate) fn signed(node: Node, signer: &Signer) -> String {
    let certificate = STANDARD.decode(signer.base64()).unwrap();
    let sign = |message: &[u8]| Some(signs(signer, message));
    Signing { algorithm: RSA_SHA256, certificate: &certificate, sign: &sign }.signed(node).unwrap().render()
}

/// The address that a message stands in, signed beside if somebody signs.
pub(crate) fn address(to: &str, field: &str, xml: &str, relay: &str, signer: Option<&Signer>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair(field, &STANDARD.encode(deflate(xml)));
    if !relay.is_empty() {
        query.append_pair("RelayState", relay);
    }
    let Some(signer) = signer else { return format!("{to}?{}", query.finish()) };
    let octets = query.append_pair("SigAlg", RSA_SHA256).finish();
    let signature = STANDARD.encode(signs(signer, octets.as_bytes()));
    let signature = url::form_urlencoded::Serializer::new(octets).append_pair("Signature", &signature).finish();
    format!("{to}?{signature}")
}

/// The address without what we are called before it.
pub(crate) fn here(address: &str) -> String {
    address.strip_prefix(ISSUER).unwrap_or(address).to_owned()
}

/// Opens an address, and goes on as long as it leads to pages of ours that are not for signing in.
pub(crate) async fn follow(browser: &mut Browser<'_>, address: &str) -> Page {
    let mut page = browser.get(&here(address)).await;
    while let Some(next) = page.location.clone().filter(|next| next.starts_with("/saml/")) {
        page = browser.get(&next).await;
    }
    page
}

/// Signs ann in where a page leads to that, and goes on.
pub(crate) async fn sign_in(browser: &mut Browser<'_>, page: &Page) -> Page {
    let to_login = page.location.clone().unwrap_or_else(|| panic!("{page:?}"));
    assert!(page.status == 303 && to_login.starts_with("/login?next=%2Fsaml%2Fcontinue"), "{to_login}");
    let page = browser.get(&to_login).await;
    let (flow, next) = (page.field("flow"), page.field("next").replace("&#38;", "&").replace("&amp;", "&"));
    let form = [("flow", flow.as_str()), ("next", &next), ("login", "ann"), ("password", PASSWORD)];
    let entered = browser.post("/login", &form).await;
    entered.says(200, "http-equiv=\"refresh\"");
    follow(browser, &next).await
}

/// What a page posts: where to, the message, and what goes along.
pub(crate) fn posted(page: &Page) -> (String, String, Option<String>) {
    page.says(200, "<form id=\"saml\" method=\"post\"");
    let (_, rest) = page.html.split_once("method=\"post\" action=\"").unwrap();
    let to = rest.split_once('"').unwrap().0.to_owned();
    let message = page.field(if page.html.contains("name=\"SAMLRequest\"") { "SAMLRequest" } else { "SAMLResponse" });
    let message = message.replace("&#43;", "+").replace("&#x2b;", "+").replace("&#61;", "=");
    let relay = page.html.contains("name=\"RelayState\"").then(|| page.field("RelayState"));
    (to, message, relay)
}

/// The XML of a message.
pub(crate) fn xml(message: &str) -> String {
    String::from_utf8(STANDARD.decode(message).unwrap()).unwrap()
}

/// Our metadata.
pub(crate) async fn metadata(desk: &Desk) -> String {
    let answer = send(&desk.office, Request::get("/saml/metadata"), String::new()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text
}

/// Judges a response by our own verifier.
pub(crate) async fn judged(
    desk: &Desk,
    xml: &str,
    (acs, request): (&str, Option<&str>),
) -> Result<SamlAssertion, ResponseError> {
    let provider = IdentityProvider::read(&metadata(desk).await).unwrap();
    let key = Some(DecryptionKey::from_pem(&STRANGER.key_pem).unwrap());
    let own = ServiceProvider { key, ..ServiceProvider::new(SP, acs) };
    judge(xml, Expected { provider: &provider, own: &own, request }, SystemClock.now())
}

/// The status of a response, from the first level down.
pub(crate) fn status(xml: &str) -> Vec<String> {
    let codes = xml.split("StatusCode Value=\"").skip(1);
    codes.map(|rest| rest.split_once('"').unwrap().0.rsplit(':').next().unwrap().to_owned()).collect()
}
