//! What is thrown at readers of hostile text, and what has to hold whatever that is. Built into the fuzz targets, and into the tests, which
//! try every seed once.
//!
//! Each entry ends without a panic and soon. Where something is accepted, more is asked of it: what a key signed is accepted as it was signed
//! and in no other words. The private keys that signed the seeds are kept by nobody, so nothing else can be signed by them.

use std::sync::LazyLock;

use bailey::authn::federated::assertion::{check_keys, claims_of};
use bailey::authn::saml::{Expected, IdentityProvider, ServiceProvider, SpMetadata, judge};
use bailey::authn::sigv4::{self, Body, Claim, Request};
use bailey::base::{Secret, Timestamp};
use bailey::policy::{Document, Kind, lint};
use bailey::saml_xml::{Asked, Asking, Asks, DecryptionKey, LARGEST, PinnedKeys, inflate};
use bailey::sso::saml::Sent;

/// What is given something.
type Entry = fn(&[u8]);

/// Every entry, by the name of its target and of its folder of seeds.
pub(crate) const ALL: &[(&str, Entry)] = &[
    ("deflate", deflate),
    ("jwks", jwks),
    ("jwt", jwt),
    ("policy", policy),
    ("saml_metadata", saml_metadata),
    ("saml_redirect", saml_redirect),
    ("saml_request", saml_request),
    ("saml_response", saml_response),
    ("sigv4", sigv4),
];

static NOW: LazyLock<Timestamp> = LazyLock::new(|| "2026-11-30T09:00:00Z".parse().expect("a moment"));
static PROVIDER: LazyLock<IdentityProvider> = LazyLock::new(|| {
    IdentityProvider::read(include_str!("seeds/saml_metadata/identity-provider.xml"))
        .expect("the provider of the seeds")
});
/// Us, with the key in `own.pem`, which opens what is encrypted for us and signs nothing.
pub(crate) static OWN: LazyLock<ServiceProvider> = LazyLock::new(|| ServiceProvider {
    key: Some(DecryptionKey::from_pem(include_str!("own.pem")).expect("our key")),
    ..ServiceProvider::new("https://bailey.test/saml", "https://bailey.test/saml/acs")
});
/// The application of the seeds, by whose key its requests are signed.
static SERVICE: LazyLock<SpMetadata> = LazyLock::new(|| {
    SpMetadata::read(include_str!("seeds/saml_metadata/service-provider.xml"), None).expect("the service of the seeds")
});
const ASKS: [Asks; 3] = [Asks::SignIn, Asks::SignOut, Asks::SignedOut];

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// A response is accepted as it was signed, or not at all, whether it is encrypted or not.
pub(crate) fn saml_response(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let expected = Expected { provider: &PROVIDER, own: &OWN, request: Some("_request-1") };
    if let Ok(assertion) = judge(text, expected, *NOW) {
        let said: Vec<_> = assertion.attributes().iter().map(|one| (&*one.name, one.values.as_slice())).collect();
        assert_eq!(assertion.name_id().value, "alice@example.com");
        assert_eq!((assertion.id(), assertion.issuer()), ("_assertion-1", "https://idp.test/metadata"));
        assert_eq!(said, [("groups", ["staff & friends".to_owned(), "Prüfer".to_owned()].as_slice())]);
    }
}

/// Metadata is read or refused; what was read has a name and keys.
pub(crate) fn saml_metadata(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(provider) = IdentityProvider::read(text) {
        assert!(!provider.entity_id().is_empty() && !provider.keys().is_empty());
    }
    if let Ok(service) = SpMetadata::read(text, None) {
        assert!(!service.entity_id().is_empty() && !service.acs().is_empty());
        assert!(service.changes(&service).is_empty(), "it is as it is");
    }
}

/// What somebody asks is read, counts for signed by no key that is not pinned, and by one that is only as it was signed.
pub(crate) fn saml_request(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(asking) = Asking::parse(text, &ASKS) {
        assert!(asking.verified(&PinnedKeys::none()).is_ok_and(|asked| !asked.signed()) || text.contains("Signature"));
    }
    let asked = Asking::parse(text, &ASKS).and_then(|asking| asking.verified(SERVICE.keys()));
    if let Some(asked) = asked.ok().filter(Asked::signed) {
        is_of_the_seeds(&asked, "_posted");
    }
}

/// The same of what stands in an address, where the signature is beside it.
pub(crate) fn saml_redirect(data: &[u8]) {
    let Some(sent) = text(data).and_then(|text| Sent::in_address(text).ok()) else { return };
    let Ok(asking) = sent.asking(&ASKS) else { return };
    let Ok(verified) = sent.verified(asking, SERVICE.keys()) else { return };
    // One that is signed in itself may stand in an address, too.
    if verified.message.signed() {
        is_of_the_seeds(&verified.message, "_posted");
    } else if verified.signed {
        is_of_the_seeds(&verified.message, "_redirected");
        assert_eq!(verified.relay_state.as_deref(), Some("wiki"));
    }
}

/// What the application of the seeds signed, and nothing else.
fn is_of_the_seeds(asked: &Asked, id: &str) {
    let root = asked.root();
    for (name, value) in [
        ("ID", id),
        ("IssueInstant", "2026-11-30T09:00:00Z"),
        ("Destination", "https://bailey.test/saml/sso"),
        ("AssertionConsumerServiceURL", "https://sp.test/acs"),
        ("ForceAuthn", "true"),
    ] {
        assert_eq!(root.attribute(name), Some(value), "{name}");
    }
    assert_eq!(root.attribute("IsPassive"), None);
}

/// What is inflated is no larger than a message may be.
pub(crate) fn deflate(data: &[u8]) {
    if let Ok(text) = inflate(data) {
        assert!(text.len() <= LARGEST);
        saml_request(text.as_bytes());
    }
}

/// A token is accepted as it was signed, or not at all.
pub(crate) fn jwt(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(claims) = claims_of(include_str!("seeds/jwks/two.json"), text) {
        let said = serde_json::json!(claims);
        let signed = serde_json::json!({
            "iss": "https://login.example", "sub": "alice", "aud": ["bailey"], "iat": 1_764_493_200, "exp": 1_764_496_800
        });
        assert_eq!(said, signed);
    }
}

/// Keys are read or refused.
pub(crate) fn jwks(data: &[u8]) {
    if let Some(text) = text(data) {
        let _ = check_keys(text);
    }
}

/// A policy that is read is printed in words that are read as the same policy.
pub(crate) fn policy(data: &[u8]) {
    let Some(text) = text(data) else { return };
    for kind in [Kind::Identity, Kind::Resource, Kind::Trust, Kind::ServiceControl] {
        let Ok(document) = Document::parse(text, kind) else { continue };
        let _ = lint(&document, text);
        let printed = document.print();
        let again = Document::parse(&printed, kind).unwrap_or_else(|error| panic!("{error}: {printed}"));
        assert_eq!(again.print(), printed);
    }
}

/// A signed request: a line with method and address, headers, an empty line, the body. What is verified was signed with that key.
pub(crate) fn sigv4(data: &[u8]) {
    let (head, body) = match data.windows(2).position(|two| two == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (data, &[][..]),
    };
    let Some(head) = text(head) else { return };
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().splitn(2, ' ');
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(&str, &[u8])> =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name, value.as_bytes())).collect();
    let request = Request { method, path, query, headers: &headers, body: Body::Whole(body) };
    let expected = sigv4::Expected { services: &["sts", "iam"], presigned: &["sts"], regions: &[] };
    let Ok(claim) = Claim::read(&request, &expected, *NOW) else { return };
    let secret = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned());
    if let Ok(verified) = claim.verify(&secret) {
        // The id is not under the signature; all else is that the seeds say.
        assert!(verified.scope().service() == "sts" && query.len() + body.len() >= "Action=GetCallerIdentity".len());
    }
}
