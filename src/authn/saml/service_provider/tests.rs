//! What metadata of service providers is taken for.

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};

use super::*;
use crate::model::saml_sp::{Encryption, NameId, SignedParts};

const NAMESPACES: &str =
    "xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"";
const ACS: &str = "<md:AssertionConsumerService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" \
                   Location=\"https://sp.test/acs\" index=\"0\"/>";

fn certificate(rsa: bool) -> String {
    let pair = match rsa {
        true => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap(),
        false => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(),
    };
    STANDARD.encode(CertificateParams::new(vec!["sp.test".into()]).unwrap().self_signed(&pair).unwrap().der())
}

fn key(usage: &str, certificate: &str) -> String {
    format!(
        "<md:KeyDescriptor {usage}><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate>\
         </ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
    )
}

fn entity(name: &str, attributes: &str, inside: &str) -> String {
    format!(
        "<md:EntityDescriptor {NAMESPACES} entityID=\"{name}\"><md:SPSSODescriptor {attributes} \
         protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">{inside}</md:SPSSODescriptor>\
         </md:EntityDescriptor>"
    )
}

fn read(attributes: &str, inside: &str) -> Result<SpMetadata, MetadataError> {
    SpMetadata::read(&entity("https://sp.test", attributes, inside), None)
}

fn refused(attributes: &str, inside: &str) -> String {
    read(attributes, inside).unwrap_err().to_string()
}

#[test]
fn keys_serve_what_they_are_said_to() {
    let (rsa, other, curve) = (certificate(true), certificate(true), certificate(false));
    let keys = [key("use=\"signing\"", &rsa), key("use=\"encryption\"", &other), key("", &curve)].concat();
    let sp = read("AuthnRequestsSigned=\"true\" WantAssertionsSigned=\"1\"", &format!("{keys}{ACS}")).unwrap();
    assert!(sp.requests_signed() && sp.wants_assertions_signed());
    assert_eq!((sp.signing().len(), sp.encryption().len(), sp.keys().fingerprints().count()), (2, 1, 2));
    assert_eq!(STANDARD.encode(&sp.encryption()[0].certificate.der), other);
    assert!(sp.kept_out().is_empty(), "{:?}", sp.kept_out());
    // A curve can sign, and nothing is encrypted for it.
    let sp = read("", &format!("{}{ACS}", key("use=\"encryption\"", &curve))).unwrap();
    assert!(sp.signing().is_empty() && sp.encryption().is_empty());
    assert!(sp.kept_out()[0].why.contains("RSA"), "{:?}", sp.kept_out());
}

#[test]
fn an_assertion_is_encrypted_for_the_first_key_that_reads_what_we_write() {
    let (first, second) = (certificate(true), certificate(true));
    let cbc = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
    let [small, ours] = ["http://www.w3.org/2009/xmlenc11#aes128-gcm", "http://www.w3.org/2009/xmlenc11#aes256-gcm"];
    let oaep = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
    let wrap = "http://www.w3.org/2001/04/xmlenc#kw-aes256";
    let reads = |certificate: &str, methods: &[&str]| {
        let method = |uri: &&str| format!("<md:EncryptionMethod Algorithm=\"{uri}\"/>");
        let methods: String = methods.iter().map(method).collect();
        key("use=\"encryption\"", certificate).replace("</md:Key", &format!("{methods}</md:Key"))
    };
    let sp = |keys: &[String]| read("", &format!("{}{ACS}", keys.concat())).unwrap();
    for (keys, found) in [
        (vec![reads(&first, &[])], Ok(&first)),
        (vec![reads(&first, &[oaep, wrap])], Ok(&first)),
        (vec![reads(&first, &[cbc, ours, oaep])], Ok(&first)),
        (vec![reads(&first, &[small, oaep]), reads(&second, &[oaep, ours])], Ok(&second)),
        (vec![reads(&first, &[small])], Err(NoKey::OtherMethods)),
        (vec![reads(&first, &[cbc, oaep])], Err(NoKey::OtherMethods)),
        (vec![], Err(NoKey::Missing)),
    ] {
        let sp = sp(&keys);
        let named = |key: &EncryptionKey| STANDARD.encode(&key.certificate.der);
        let required = sp.encrypts_for(Encryption::Required).map(|key| key.map(named));
        assert_eq!(required, found.map(|certificate| Some(certificate.clone())), "{keys:?}");
        let auto = sp.encrypts_for(Encryption::Auto).map(|key| key.map(named));
        assert_eq!(auto, Ok(found.ok().cloned()), "{keys:?}");
        assert_eq!(sp.encrypts_for(Encryption::Never), Ok(None));
    }
}

#[test]
fn what_is_wanted_signed_is_signed_and_any_kind_of_name_is_any() {
    for (wants, signed, is) in [
        (false, SignedParts::Both, true),
        (false, SignedParts::Assertion, true),
        (false, SignedParts::Response, false),
        (true, SignedParts::Response, true),
    ] {
        let sp = read(&format!("WantAssertionsSigned=\"{wants}\""), ACS).unwrap();
        assert_eq!(sp.assertion_is_signed(signed), is, "{wants} {signed:?}");
    }
    let (persistent, transient) = (NameId::Persistent.format(), NameId::Transient.format());
    for (formats, takes) in [
        (vec![], true),
        (vec![persistent], true),
        (vec![transient], false),
        (vec![NameId::ANY_FORMAT], true),
        (vec![transient, NameId::ANY_FORMAT], true),
    ] {
        let named = |format: &&str| format!("<md:NameIDFormat>{format}</md:NameIDFormat>");
        let inside: String = formats.iter().map(named).collect();
        assert_eq!(read("", &format!("{inside}{ACS}")).unwrap().knows_people_by(persistent), takes, "{formats:?}");
    }
}

#[test]
fn signed_requests_need_a_key() {
    assert!(refused("AuthnRequestsSigned=\"true\"", ACS).contains("no key to verify"));
    let broken = key("", "AAAA");
    assert!(refused("AuthnRequestsSigned=\"true\"", &format!("{broken}{ACS}")).contains("no X.509 certificate"));
    // Where they need not be signed, it is kept out.
    assert_eq!(read("", &format!("{broken}{ACS}")).unwrap().kept_out().len(), 1);
}

#[test]
fn responses_go_to_registered_addresses_by_post_alone() {
    let acs = |binding: &str, location: &str, more: &str| {
        format!(
            "<md:AssertionConsumerService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" \
             Location=\"{location}\" {more}/>"
        )
    };
    let all = [
        acs("HTTP-Artifact", "https://sp.test/artifact", "index=\"1\" isDefault=\"true\""),
        acs("HTTP-POST", "http://sp.test/plain", "index=\"2\""),
        acs("HTTP-POST", "https://user@sp.test/", "index=\"3\""),
        acs("HTTP-POST", "javascript:alert(1)", "index=\"4\""),
        acs("HTTP-POST", "https://sp.test/first", "index=\"5\" isDefault=\"false\""),
        acs("HTTP-POST", "https://sp.test?so=00D", "index=\"6\""),
        acs("HTTP-POST", "http://127.0.0.1:8080/acs", "index=\"7\""),
    ];
    let sp = read("", &all.concat()).unwrap();
    let taken: Vec<&str> = sp.acs().iter().map(|acs| acs.location.as_str()).collect();
    assert_eq!(taken, ["https://sp.test/first", "https://sp.test?so=00D", "http://127.0.0.1:8080/acs"]);
    assert_eq!(sp.default_acs().unwrap().location, "https://sp.test?so=00D");
    assert_eq!(sp.acs_of(7).unwrap().location, "http://127.0.0.1:8080/acs");
    assert!(sp.acs_of(1).is_none() && sp.acs_at("https://sp.test/artifact").is_none());
    assert_eq!(sp.kept_out().len(), 4);
    let none = refused("", &all[..2].concat());
    assert!(none.contains("no address that responses can be posted to") && none.contains("HTTP-Artifact"), "{none}");
    let twice = acs("HTTP-POST", "https://sp.test/other", "index=\"0\"");
    assert!(refused("", &format!("{ACS}{twice}")).contains("one index"));
    let number = acs("HTTP-POST", "https://sp.test/other", "index=\"x\"");
    assert!(refused("", &number).contains("no number"));
}

#[test]
fn sign_outs_have_two_bindings() {
    let slo = |binding: &str, more: &str| {
        format!(
            "<md:SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" \
             Location=\"https://sp.test/slo\" {more}/>"
        )
    };
    let all =
        [slo("HTTP-Redirect", "ResponseLocation=\"https://sp.test/back\""), slo("HTTP-POST", ""), slo("SOAP", "")];
    let sp = read("", &format!("{}{ACS}", all.concat())).unwrap();
    assert_eq!(sp.logout().len(), 2);
    assert_eq!(sp.logout()[0].response_location.as_deref(), Some("https://sp.test/back"));
    assert!(sp.kept_out()[0].why.contains("SOAP"));
}

#[test]
fn one_entity_of_many_is_picked_by_its_name() {
    let inside = ACS.to_owned();
    let many = format!(
        "<md:EntitiesDescriptor {NAMESPACES}>{}<md:EntitiesDescriptor>{}</md:EntitiesDescriptor></md:EntitiesDescriptor>",
        entity("https://a.test", "", &inside),
        entity("https://b.test", "", &inside)
    );
    let error = SpMetadata::read(&many, None).unwrap_err().to_string();
    assert!(error.contains("2 entities") && error.contains("https://a.test") && error.contains("which one"), "{error}");
    assert_eq!(SpMetadata::read(&many, Some("https://b.test")).unwrap().entity_id(), "https://b.test");
    assert!(SpMetadata::read(&many, Some("https://c.test")).is_err());
    let one = entity("https://a.test", "", &inside);
    assert!(
        SpMetadata::read(&one, Some("https://b.test")).unwrap_err().to_string().contains("not of `https://b.test`")
    );
    let twice = many.replace("https://b.test", "https://a.test");
    assert!(SpMetadata::read(&twice, Some("https://a.test")).unwrap_err().to_string().contains("more than once"));
}

#[test]
fn what_is_cut_out_of_many_says_the_same() {
    let keys = [key("use=\"signing\"", &certificate(true)), key("use=\"encryption\"", &certificate(true))].concat();
    let slo = "<md:SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" \
               Location=\"https://sp.test/slo?a=1&amp;b=2\"/>";
    let inside = format!("<md:Extensions/>{keys}{slo}<md:NameIDFormat>x</md:NameIDFormat>{ACS}");
    let other = entity("https://a.test", "", ACS);
    let one = entity("https://b.test/\u{e9}", "AuthnRequestsSigned=\"1\" validUntil=\"2030-01-01T00:00:00Z\"", &inside);
    let many = format!("<md:EntitiesDescriptor {NAMESPACES}>{other}{one}</md:EntitiesDescriptor>");
    let cut = SpMetadata::extract(&many, Some("https://b.test/\u{e9}")).unwrap();
    assert!(!cut.contains("Extensions") && !cut.contains("a.test"), "{cut}");
    let (before, after) = (SpMetadata::read(&one, None).unwrap(), SpMetadata::read(&cut, None).unwrap());
    assert_eq!(before.changes(&after), Vec::<String>::new());
    assert_eq!((before.valid_until(), before.entity_id()), (after.valid_until(), after.entity_id()));
    assert_eq!(after.logout()[0].location, "https://sp.test/slo?a=1&b=2");
    assert!(SpMetadata::extract(&many, None).is_err());
}

#[test]
fn what_is_no_service_provider_is_refused() {
    let good = entity("https://sp.test", "", ACS);
    for (from, to, said) in [
        ("SPSSODescriptor", "IDPSSODescriptor", "no SPSSODescriptor"),
        ("urn:oasis:names:tc:SAML:2.0:protocol", "urn:oasis:names:tc:SAML:1.1:protocol", "does not speak SAML 2.0"),
        ("entityID=\"https://sp.test\"", "", "entityID"),
        ("EntityDescriptor", "Response", "no EntityDescriptor"),
    ] {
        let error = SpMetadata::read(&good.replace(from, to), None).unwrap_err().to_string();
        assert!(error.contains(said), "{said}: {error}");
    }
    assert!(refused("AuthnRequestsSigned=\"yes\"", ACS).contains("AuthnRequestsSigned"));
    let doctype = format!("<!DOCTYPE x>{good}");
    assert!(SpMetadata::read(&doctype, None).is_err());
}

#[test]
fn everything_but_how_long_it_is_good_is_a_change() {
    let signing = key("use=\"signing\"", &certificate(true));
    let before = read("", &format!("{signing}{ACS}")).unwrap();
    let later = entity("https://sp.test", "validUntil=\"2030-01-01T00:00:00Z\"", &format!("{signing}{ACS}"));
    let later = SpMetadata::read(&later, None).unwrap();
    assert_eq!(later.valid_until(), Some("2030-01-01T00:00:00Z".parse().unwrap()));
    assert_eq!(before.changes(&later), Vec::<String>::new());
    let other = key("use=\"signing\"", &certificate(true));
    let moved = ACS.replace("sp.test", "evil.test");
    for (attributes, inside, said) in [
        ("", format!("{other}{ACS}"), "signing certificate goes"),
        ("", format!("{signing}{moved}"), "AssertionConsumerService comes: https://evil.test/acs"),
        ("WantAssertionsSigned=\"true\"", format!("{signing}{ACS}"), "assertions have to be signed"),
        ("", format!("{signing}<md:NameIDFormat>x</md:NameIDFormat>{ACS}"), "NameIDFormat comes"),
    ] {
        let changes = before.changes(&read(attributes, &inside).unwrap());
        assert!(changes.iter().any(|change| change.contains(said)), "{said}: {changes:?}");
    }
    let renamed = SpMetadata::read(&entity("https://other.test", "", &format!("{signing}{ACS}")), None).unwrap();
    assert!(before.changes(&renamed)[0].contains("entityID"));
}
