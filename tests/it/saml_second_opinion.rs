//! `saml-rs` beside our own judgement: another reader, of another hand, takes what we issue, and is asked about every attack and mutant.
//!
//! It has its own parser and its own rules, and a bergshamra of its own, an older one. Where it is milder than we are, it reads what was
//! really signed; nobody else's name ever comes out of either.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::sync::LazyLock;
use std::time::SystemTime;

use bailey::authn::saml::SamlAssertion;
use bailey::base::Timestamp;
use bailey::base::clock::{Clock as _, SystemClock};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use saml_rs::{
    AcsEndpoint, AudienceValidationPolicy, BrowserInput, ClockSkew, Credentials, EntityId, FormField, IdpDescriptor,
    MessageId, MetadataTrustPolicy, NameIdFormat, PendingAuthnRequest, PrivateKeyPem, RelayStateParam, ReplayPolicy,
    Saml, SamlError, SamlValidationContext, SessionIndex, Sp, SpConfig, SpValidationPolicy, SsoResponse,
    SsoResponseBinding, SsoSession, XmlEncryptionPolicy, XmlPolicy, XmlSignatureProfile,
};
use serde_json::{Value, json};

use crate::portal::Browser;
use crate::saml_bed::{ACS, REQUEST, RSA, SP, STRANGER, Sign, Signer, judged, metadata, now, rule};
use crate::saml_desk::{self, SSO, address, ask, described, follow, posted, xml};
use crate::sts_unsigned::PASSWORD;

/// `saml-rs` as a service provider that knows one identity provider.
pub(crate) struct SamlRs {
    sp: Saml<Sp>,
    idp: IdpDescriptor,
    acs: AcsEndpoint,
}

impl SamlRs {
    /// One with this name and address. With a key it takes what is encrypted, and nothing else.
    pub(crate) fn new(metadata: &str, (entity, acs): (&str, &str), key: Option<&Signer>) -> Self {
        let acs = AcsEndpoint::post(acs).unwrap();
        // As strict as it can be; by itself it takes SHA-1, and an assertion that is for nobody in particular.
        let validation = SpValidationPolicy {
            xml_signatures: XmlSignatureProfile::StrictRsaSha2,
            audience: AudienceValidationPolicy::Validate,
            ..SpValidationPolicy::recommended()
        };
        let mut config =
            SpConfig::builder(EntityId::try_new(entity).unwrap()).acs_endpoint(acs.clone()).validation(validation);
        if let Some(key) = key {
            config = config
                .credentials(Credentials {
                    decryption_key: Some(PrivateKeyPem::new(key.key_pem.as_str())),
                    ..Credentials::default()
                })
                .xml(XmlPolicy { encryption: XmlEncryptionPolicy::encrypt_assertions(), ..XmlPolicy::default() });
        }
        let idp = IdpDescriptor::from_metadata_xml(metadata, MetadataTrustPolicy::UnsignedForCompatibility).unwrap();
        Self { sp: Saml::sp(config.build().unwrap()).unwrap(), idp, acs }
    }

    /// Its judgement on a response, to `request` if there was one, at a moment.
    pub(crate) fn judge(&self, xml: &str, request: Option<&str>, now: Timestamp) -> Result<SsoSession, SamlError> {
        let posted = BrowserInput::<SsoResponse>::post(vec![FormField::new("SAMLResponse", STANDARD.encode(xml))]);
        let context = SamlValidationContext::new(
            SystemTime::UNIX_EPOCH + now.duration_since(Timestamp::UNIX_EPOCH).unsigned_abs(),
            ReplayPolicy::DisabledForCompatibility,
        )
        .with_clock_skew(ClockSkew::from_millis(-60_000, 60_000));
        let Some(request) = request else { return self.sp.accept_unsolicited_sso(&self.idp, posted, context) };
        let pending = PendingAuthnRequest::try_new(
            MessageId::try_new(request)?,
            RelayStateParam::absent(),
            self.acs.clone(),
            SsoResponseBinding::Post,
            self.idp.entity_id().clone(),
        )?;
        self.sp.finish_sso(&self.idp, &pending, posted, context)
    }
}

static SECOND: LazyLock<SamlRs> = LazyLock::new(|| SamlRs::new(&metadata(&[&RSA]), (SP, ACS), None));

/// What it reads of the bed's response as it was signed: who alice is, and all that is said of her.
pub(crate) static SIGNED: LazyLock<Value> = LazyLock::new(|| told(&second(&RSA.response(Sign::Both, &[])).unwrap()));

/// What it says of a response as [`judged`] judges it. It overflows on some dates, which counts as a no.
pub(crate) fn second(xml: &str) -> Result<SsoSession, SamlError> {
    let judged = catch_unwind(|| SECOND.judge(xml, Some(REQUEST), now()));
    judged.unwrap_or_else(|_| Err(SamlError::Invalid("it panics".to_owned())))
}

/// What it overlooks and we refuse. None of it brings anybody in: what it then reads was signed, and nothing else.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Overlooked {
    /// Comments, which canonicalisation drops; it puts the text on both sides together.
    Comments,
    /// Comments and instructions before and behind the one element that is read.
    Around,
    /// What is odd in an envelope that nobody signed. It believes nothing in there.
    InEnvelope,
    /// What stands beside `SignedInfo` in a signature, which is no part of what is digested; of two values the first counts.
    InSignature,
    /// That a signature does not stand in what it signs, as long as that is what is read.
    Place,
    /// That the only transform is `enveloped-signature` (then canonicalisation is the usual one), or that it stands twice.
    Transforms,
    /// Which version of XML, and which characters, a document says that it is in: it reads 1.0 and UTF-8.
    Declaration,
    /// More than 256 KiB.
    Size,
}

/// By which rule we refuse `xml`. `saml-rs` refuses it, too, unless it overlooks something: then it reads of it what was signed.
pub(crate) fn refused(xml: &str, overlooked: Option<Overlooked>) -> &'static str {
    match (second(xml), overlooked) {
        (Ok(taken), Some(_)) => assert_eq!(told(&taken), *SIGNED, "{xml}"),
        (Ok(taken), None) => panic!("saml-rs accepts it, as of {}:\n{xml}", taken.name_id().value()),
        (Err(why), Some(what)) => panic!("saml-rs refuses it ({why}), though it overlooks {what:?}:\n{xml}"),
        (Err(_), None) => {}
    }
    rule(xml)
}

/// What we read of something that both accept, and read in the same way.
pub(crate) fn accepted(xml: &str) -> SamlAssertion {
    let ours = judged(xml).unwrap_or_else(|why| panic!("{why}:\n{xml}"));
    let theirs = second(xml).unwrap_or_else(|why| panic!("saml-rs: {why}:\n{xml}"));
    assert_eq!(told(&theirs), told_here(&ours), "{xml}");
    ours
}

/// Responses of our own writer, for every choice of what is signed.
#[tokio::test(flavor = "multi_thread")]
async fn what_we_issue_is_read_there_as_it_is_read_here() {
    let desk = saml_desk::desk().await;
    let attributes = json!([
        { "name": "mail", "value": "mail" },
        { "name": "groups", "value": "groups" },
        { "name": "urn:x:kind", "name_format": "uri", "value": "text/a & \"b\" <ü>" },
    ]);
    desk.office.post("/v1/groups", json!({ "name": "Auditors" })).await;
    desk.office.put("/v1/groups/Auditors/members/ann", json!({})).await;
    saml_desk::registered(&desk, "wiki", &described(saml_desk::SP, saml_desk::ACS, false, ""), json!({})).await;
    let idp = saml_desk::metadata(&desk).await;
    let mut browser = Browser::new(&desk.office);
    browser.sign_in("ann", PASSWORD).await.leads_to("/me");
    let (plain, sealed) = (None, Some(&*STRANGER));
    for (n, (signed, key)) in
        [("response", plain), ("assertion", plain), ("both", plain), ("assertion", sealed), ("both", sealed)]
            .into_iter()
            .enumerate()
    {
        let metadata =
            described(saml_desk::SP, saml_desk::ACS, false, &key.map(saml_desk::encrypts).unwrap_or_default());
        let change = json!({ "metadata": metadata, "settings": { "signed": signed, "attributes": attributes } });
        desk.office.put("/v1/saml-sps/wiki", change).await;
        let id = format!("_q{n}");
        let page = follow(&mut browser, &address(SSO, "SAMLRequest", &ask(&id).render(), "", None)).await;
        let text = xml(&posted(&page).1);
        assert_eq!(text.contains("<xenc:EncryptedData"), key.is_some());

        let ours = saml_desk::judged(&desk, &text, (saml_desk::ACS, Some(&id))).await.unwrap();
        let theirs = SamlRs::new(&idp, (saml_desk::SP, saml_desk::ACS), key);
        let read = theirs.judge(&text, Some(&id), SystemClock.now());
        let read = read.unwrap_or_else(|why| panic!("{signed}, {}: {why}\n{text}", key.is_some()));
        assert_eq!(told(&read), told_here(&ours), "{text}");
        let audience: Vec<&str> = read.audience().iter().map(EntityId::as_str).collect();
        assert_eq!(audience, [saml_desk::SP]);
        // The same is none to another request, for another service, at another place, at another time.
        assert!(theirs.judge(&text, Some("_other"), SystemClock.now()).is_err());
        assert!(theirs.judge(&text, None, SystemClock.now()).is_err());
        assert!(theirs.judge(&text, Some(&id), SystemClock.now() + SignedDuration::from_mins(7)).is_err());
        for (entity, acs) in [("https://other.test", saml_desk::ACS), (saml_desk::SP, "https://other.test/acs")] {
            assert!(SamlRs::new(&idp, (entity, acs), key).judge(&text, Some(&id), SystemClock.now()).is_err());
        }
    }
}

/// What it read of a response.
pub(crate) fn told(session: &SsoSession) -> Value {
    let name = session.name_id();
    let values = |one: &saml_rs::Attribute| one.values().iter().map(|value| value.as_str().to_owned()).collect();
    let attributes: BTreeMap<String, Vec<String>> =
        session.attributes().as_slice().iter().map(|one| (one.name().to_owned(), values(one))).collect();
    json!({
        "issuer": session.issuer().as_str(),
        "assertion": session.assertion_id().as_str(),
        "name": name.value(),
        "format": name.format().map(NameIdFormat::as_uri),
        "session": session.authn_session().session_index().map(SessionIndex::as_str),
        "attributes": attributes,
    })
}

/// The same, as we read it.
fn told_here(assertion: &SamlAssertion) -> Value {
    let attributes: BTreeMap<&str, &[String]> =
        assertion.attributes().iter().map(|one| (one.name.as_str(), one.values.as_slice())).collect();
    json!({
        "issuer": assertion.issuer(),
        "assertion": assertion.id(),
        "name": assertion.name_id().value,
        "format": assertion.name_id().format,
        "session": assertion.session_index(),
        "attributes": attributes,
    })
}
