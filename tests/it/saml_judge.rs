//! Judging SAML responses: what is good is taken as it is, and every field that is wrong is refused by its rule.

use std::process::Command;

use bailey::authn::saml::{Attribute, Expected, IdentityProvider, judge};
use bailey::saml_xml::PinnedKeys;

use crate::saml_bed::{
    ACS, ALICE, IDP, NOW, OWN, PROVIDER, REQUEST, RSA, STRANGER, Sign, Signer, encrypted, judged, metadata, now, own,
    own_with_key, part, provider, rule,
};

const GCM: &str = "http://www.w3.org/2009/xmlenc11#aes256-gcm";
const OAEP: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";

// Places in a response of the bed, at which tests make it wrong.
const DESTINATION: &str = " Destination=\"https://bailey.test/saml/acs\"";
const ISSUED: &str = "IssueInstant=\"2026-11-30T08:59:58Z\"";
const CONFIRMED_UNTIL: &str = "NotOnOrAfter=\"2026-11-30T09:04:00Z\"";
const AFTER_AUDIENCES: &str = "</saml:AudienceRestriction>";

#[test]
fn what_is_signed_is_taken_as_it_stands() {
    for (what, response, assertion) in
        [(Sign::Response, true, false), (Sign::Assertion, false, true), (Sign::Both, true, true)]
    {
        let taken = judged(&RSA.response(what, &[])).unwrap();
        assert_eq!(taken.issuer(), IDP);
        assert_eq!(taken.name_id().value, ALICE);
        assert_eq!(taken.name_id().format.as_deref(), Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"));
        assert_eq!(taken.id(), "_assertion-1");
        assert_eq!(taken.session_index(), Some("session-1"));
        assert_eq!(taken.session_ends(), Some("2026-11-30T17:00:00Z".parse().unwrap()));
        assert_eq!(taken.authenticated(), "2026-11-30T08:50:00Z".parse().unwrap());
        // Conditions end first, at 09:03, and clocks may be a minute apart.
        assert_eq!(taken.good_until(), "2026-11-30T09:04:00Z".parse().unwrap());
        assert!(taken.context_class().unwrap().ends_with(":PasswordProtectedTransport"));
        let groups = Attribute {
            name: "groups".into(),
            name_format: Some("urn:oasis:names:tc:SAML:2.0:attrname-format:basic".into()),
            friendly_name: None,
            values: vec!["staff & friends".into(), "Prüfer".into()],
        };
        assert_eq!(taken.attributes(), [groups]);
        assert_eq!((taken.signed().response, taken.signed().assertion), (response, assertion));
        assert_eq!(taken.signed().by.as_deref(), PROVIDER.keys().fingerprints().next());
    }
}

#[test]
fn elliptic_curves_and_a_second_certificate_count() {
    let (p256, p384) = (Signer::p256(), Signer::p384());
    let provider = provider(&[&RSA, &p256, &p384]);
    for signer in [&*RSA, &p256, &p384] {
        let text = signer.response(Sign::Both, &[]);
        let taken = judge(&text, Expected { provider: &provider, own: &OWN, request: Some(REQUEST) }, now()).unwrap();
        assert_eq!(taken.name_id().value, ALICE, "{}", signer.algorithm);
    }
    assert_eq!(rule(&p256.response(Sign::Both, &[])), "signature");
}

/// Keys that are too weak, or that nobody here calculates with, whatever their points look like.
#[test]
fn other_keys_are_not_pinned() {
    let certificate = |options: &[&str]| {
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=idp", "-outform", "DER"]);
        let made = openssl.args(options).output().unwrap();
        assert!(made.status.success(), "{options:?}: {}", String::from_utf8_lossy(&made.stderr));
        made.stdout
    };
    let curve = |name: &str| certificate(&["-newkey", "ec", "-pkeyopt", &format!("ec_paramgen_curve:{name}")]);
    for (name, der, counts) in [
        ("rsa 1024", certificate(&["-newkey", "rsa:1024"]), false),
        ("rsa 2047", certificate(&["-newkey", "rsa:2047"]), false),
        ("rsa 2048", certificate(&["-newkey", "rsa:2048"]), true),
        ("ed25519", certificate(&["-newkey", "ed25519"]), false),
        ("P-256", curve("prime256v1"), true),
        ("P-384", curve("secp384r1"), true),
        ("P-521", curve("secp521r1"), false),
        ("secp256k1", curve("secp256k1"), false),
        ("brainpoolP384r1", curve("brainpoolP384r1"), false),
    ] {
        let pinned = PinnedKeys::none().pin(&der).map_err(|error| error.to_string());
        assert_eq!(pinned.is_ok(), counts, "{name}: {pinned:?}");
    }
}

/// Each field wrong, one at a time, in what is signed: nothing but that field can be the reason.
#[test]
fn every_wrong_field_is_refused_by_its_rule() {
    for (from, wanted, wrongs) in [
        // The envelope.
        (
            "ID=\"_response-1\" Version=\"2.0\"",
            "version",
            &["ID=\"_response-1\" Version=\"1.1\"", "ID=\"_response-1\""][..],
        ),
        (
            DESTINATION,
            "destination",
            &[" Destination=\"https://other.test/acs\"", " Destination=\"https://bailey.test/saml/acs/\"", ""],
        ),
        ("acs\" InResponseTo=\"_request-1\">", "in-response-to", &["acs\" InResponseTo=\"_request-2\">", "acs\">"]),
        ("status:Success", "status", &["status:Requester"]),
        ("<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>", "status", &[""]),
        // The assertion.
        ("ID=\"_assertion-1\" Version=\"2.0\"", "version", &["ID=\"_assertion-1\" Version=\"1.0\""]),
        (ISSUED, "time", &["", "IssueInstant=\"2026-11-30T08:54:00Z\"", "IssueInstant=\"2026-11-30T09:01:01Z\""]),
        (ISSUED, "value", &["IssueInstant=\"yesterday\""]),
        (">https://idp.test/metadata<", "issuer", &[">https://idp.test/other<", "> https://idp.test/metadata <"]),
        ("<saml:Issuer>https://idp.test/metadata</saml:Issuer>", "structure", &[""]),
        // The subject.
        (
            ">alice@example.com<",
            "subject",
            &["><", "> alice@example.com<", ">alice@example.com&#x202E;<", ">alice@example.com&#13;<"],
        ),
        (">alice@example.com<", "value", &["><saml:b>alice@example.com</saml:b><"]),
        ("saml:NameID", "subject", &["saml:BaseID", "saml:EncryptedID"]),
        ("cm:bearer", "confirmation", &["cm:holder-of-key", "cm:sender-vouches"]),
        (" Recipient=\"https://bailey.test/saml/acs\"", "recipient", &[" Recipient=\"https://other.test/acs\"", ""]),
        ("acs\" InResponseTo=\"_request-1\"/>", "in-response-to", &["acs\" InResponseTo=\"_request-2\"/>", "acs\"/>"]),
        (CONFIRMED_UNTIL, "time", &["NotOnOrAfter=\"2026-11-30T08:59:00Z\"", ""]),
        (
            CONFIRMED_UNTIL,
            "confirmation",
            &["NotBefore=\"2026-11-30T08:00:00Z\" NotOnOrAfter=\"2026-11-30T09:04:00Z\""],
        ),
        // The conditions.
        (
            "NotBefore=\"2026-11-30T08:59:58Z\"",
            "time",
            &["NotBefore=\"2026-11-30T09:01:01Z\"", "NotBefore=\"2026-11-30T09:03:00Z\""],
        ),
        ("NotOnOrAfter=\"2026-11-30T09:03:00Z\"", "time", &["NotOnOrAfter=\"2026-11-30T08:59:00Z\""]),
        (" NotOnOrAfter=\"2026-11-30T09:03:00Z\"", "time", &[""]),
        (">https://bailey.test/saml<", "audience", &[">https://other.test/saml<", ">https://bailey.test/saml/<"]),
        (
            "<saml:AudienceRestriction><saml:Audience>https://bailey.test/saml</saml:Audience></saml:AudienceRestriction>",
            "audience",
            &[""],
        ),
        (
            AFTER_AUDIENCES,
            "audience",
            &[
                "</saml:AudienceRestriction><saml:AudienceRestriction><saml:Audience>https://other.test</saml:Audience></saml:AudienceRestriction>",
            ],
        ),
        (
            AFTER_AUDIENCES,
            "condition",
            &[
                "</saml:AudienceRestriction><saml:Condition xsi:type=\"saml:Unknown\"/>",
                "</saml:AudienceRestriction><x:New xmlns:x=\"urn:x\"/>",
            ],
        ),
        // The statements.
        ("AuthnInstant=\"2026-11-30T08:50:00Z\"", "time", &["AuthnInstant=\"2026-11-30T09:02:00Z\""]),
        ("SessionNotOnOrAfter=\"2026-11-30T17:00:00Z\"", "time", &["SessionNotOnOrAfter=\"2026-11-30T08:00:00Z\""]),
        (
            "<saml:AttributeStatement>",
            "authentication",
            &[
                "<saml:AuthnStatement AuthnInstant=\"2026-11-30T08:50:00Z\"><saml:AuthnContext/></saml:AuthnStatement><saml:AttributeStatement>",
            ],
        ),
        (
            "</saml:AttributeStatement>",
            "structure",
            &[
                "<saml:Attribute Name=\"groups\"/></saml:AttributeStatement>",
                "<saml:EncryptedAttribute/></saml:AttributeStatement>",
                "</saml:AttributeStatement><saml:Advice/>",
            ],
        ),
        (">Prüfer<", "value", &[">Prüfer<saml:b/><"]),
        ("<saml:AttributeStatement>", "structure", &["<saml:AttributeStatement>words"]),
    ] {
        for to in wrongs {
            // The response's signature covers all of it.
            let refused = judged(&RSA.response(Sign::Response, &[(from, to)]));
            let word = refused.as_ref().map_err(|refused| refused.rule().word()).map(|_| "nobody");
            assert_eq!(word.unwrap_err(), wanted, "{from} -> {to}: {refused:?}");
        }
    }
}

/// On the right side of each edge.
#[test]
fn what_is_just_good_enough_is_taken() {
    for (from, to) in [
        (ISSUED, "IssueInstant=\"2026-11-30T08:54:01Z\""),
        (ISSUED, "IssueInstant=\"2026-11-30T09:01:00Z\""),
        (CONFIRMED_UNTIL, "NotOnOrAfter=\"2026-11-30T08:59:01Z\""),
        ("NotBefore=\"2026-11-30T08:59:58Z\"", "NotBefore=\"2026-11-30T09:01:00.000Z\""),
        (AFTER_AUDIENCES, "</saml:AudienceRestriction><saml:OneTimeUse/><saml:ProxyRestriction Count=\"0\"/>"),
        ("<saml:Audience>", "<saml:Audience>https://other.test</saml:Audience><saml:Audience>"),
        (" NotBefore=\"2026-11-30T08:59:58Z\"", ""),
    ] {
        judged(&RSA.response(Sign::Response, &[(from, to)])).unwrap_or_else(|why| panic!("{to}: {why}"));
    }
}

#[test]
fn a_response_that_was_not_asked_for_answers_nothing() {
    let unsolicited = RSA.response(Sign::Both, &[(" InResponseTo=\"_request-1\"", "")]);
    let asked = RSA.response(Sign::Both, &[]);
    let half = RSA.response(Sign::Both, &[("acs\" InResponseTo=\"_request-1\">", "acs\">")]);
    let judge = |text: &str, request| {
        let judged = judge(text, Expected { provider: &PROVIDER, own: &OWN, request }, now());
        judged.map(|_| ()).map_err(|refused| refused.rule().word())
    };
    assert_eq!(judge(&unsolicited, None), Ok(()));
    assert_eq!(judge(&unsolicited, Some(REQUEST)), Err("in-response-to"));
    assert_eq!(judge(&asked, None), Err("in-response-to"));
    assert_eq!(judge(&half, None), Err("in-response-to"));
    assert_eq!(judge(&half, Some(REQUEST)), Err("in-response-to"));
}

#[test]
fn around_a_signed_assertion_the_envelope_can_only_refuse() {
    let good = RSA.response(Sign::Assertion, &[]);
    // Unsigned, so anybody could leave these out: then they say nothing, and the assertion says it all.
    for from in [DESTINATION, "<saml:Issuer>https://idp.test/metadata</saml:Issuer>"] {
        judged(&good.replacen(from, "", 1)).unwrap();
    }
    assert_eq!(rule(&good.replacen("saml/acs", "saml/other", 1)), "destination");
    assert_eq!(rule(&good.replacen("https://idp.test/metadata", "https://evil.test", 1)), "issuer");
    let failed = RSA.response(Sign::Neither, &[("status:Success\"/>", "status:Responder\"><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:AuthnFailed\"/></samlp:StatusCode><samlp:StatusMessage>wrong password</samlp:StatusMessage>")]);
    let failed = failed.replace(crate::saml_bed::assertion_of(&failed), "");
    let refused = judged(&failed).unwrap_err();
    assert_eq!(refused.rule().word(), "status");
    assert!(refused.why().contains("AuthnFailed") && refused.why().contains("wrong password"), "{refused}");
}

#[test]
fn encrypted_assertions_are_opened_and_have_to_be_signed() {
    let key = &*STRANGER;
    let own = own_with_key(key);
    let expected = Expected { provider: &PROVIDER, own: &own, request: Some(REQUEST) };
    for cipher in [GCM, "http://www.w3.org/2009/xmlenc11#aes128-gcm"] {
        let text = encrypted(&RSA.response(Sign::Assertion, &[]), key, cipher, OAEP);
        let taken = judge(&text, expected, now()).unwrap();
        assert_eq!(taken.name_id().value, ALICE);
        assert!(taken.signed().encrypted && taken.signed().assertion && !taken.signed().response);
    }
    // Signed around it: made from what is encrypted.
    let unsigned = encrypted(&RSA.response(Sign::Neither, &[]), key, GCM, OAEP);
    assert_eq!(judge(&unsigned, expected, now()).unwrap_err().rule().word(), "signature");
    let issuer = "<saml:Issuer>https://idp.test/metadata</saml:Issuer>";
    let around = unsigned.replacen(issuer, &format!("{issuer}{}", RSA.template("_response-1")), 1);
    let taken = judge(&RSA.sign(&around), expected, now()).unwrap();
    assert!(taken.signed().encrypted && taken.signed().response && !taken.signed().assertion);
    // One key for it, in it or beside it, and never two.
    let text = encrypted(&RSA.response(Sign::Assertion, &[]), key, GCM, OAEP);
    let wrapped = part(&text, "<xenc:EncryptedKey>", "</xenc:EncryptedKey>");
    let info = part(&text, "<ds:KeyInfo><xenc:EncryptedKey>", "</ds:KeyInfo>");
    let spaces = "xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\"";
    let beside = wrapped.replacen("<xenc:EncryptedKey>", &format!("<xenc:EncryptedKey {spaces}>"), 1);
    let beside =
        |text: &str| text.replace("</saml:EncryptedAssertion>", &format!("{beside}</saml:EncryptedAssertion>"));
    judge(&beside(&text.replace(info, "")), expected, now()).unwrap();
    for several in [text.replace(wrapped, &wrapped.repeat(2)), beside(&text), text.replace(info, "")] {
        let refused = judge(&several, expected, now()).unwrap_err();
        assert!(refused.to_string().contains("there has to be one EncryptedKey"), "{refused}");
    }
    // Without a key, or with another one.
    let text = encrypted(&RSA.response(Sign::Assertion, &[]), key, GCM, OAEP);
    assert_eq!(rule(&text), "decryption");
    let other = own_with_key(&RSA);
    let refused = judge(&text, Expected { own: &other, ..expected }, now()).unwrap_err();
    assert_eq!(refused.to_string(), "decryption: EncryptedAssertion: it cannot be decrypted");
}

#[test]
fn whatever_cannot_be_decrypted_is_refused_in_the_same_words() {
    let key = &*STRANGER;
    let own = own_with_key(key);
    let expected = Expected { provider: &PROVIDER, own: &own, request: Some(REQUEST) };
    let text = encrypted(&RSA.response(Sign::Assertion, &[]), key, GCM, OAEP);
    let values: Vec<&str> =
        text.split("<xenc:CipherValue>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    let [wrapped, sealed] = values[..] else { panic!("{text}") };
    let other = encrypted(&RSA.response(Sign::Assertion, &[]), &RSA, GCM, OAEP);
    let foreign = other.split("<xenc:CipherValue>").nth(1).unwrap().split('<').next().unwrap();
    let nonsense = encrypted(
        &text.replace(
            part(&text, "<saml:Encrypted", "</saml:EncryptedAssertion>"),
            "<saml:Assertion>no XML</saml:Assertion>",
        ),
        key,
        GCM,
        OAEP,
    );
    for broken in [
        text.replace(wrapped, foreign),
        text.replace(wrapped, "AAAA"),
        text.replace(sealed, "AAAA"),
        text.replace(sealed, &flipped(sealed, 3)),
        text.replace(sealed, &flipped(sealed, sealed.len() - 8)),
        nonsense,
    ] {
        let refused = judge(&broken, expected, now()).unwrap_err();
        assert_eq!(refused.to_string(), "decryption: EncryptedAssertion: it cannot be decrypted");
    }
    // By its name, before a key is touched.
    for (from, to) in [
        (GCM, "http://www.w3.org/2001/04/xmlenc#aes256-cbc"),
        (GCM, "http://www.w3.org/2001/04/xmlenc#tripledes-cbc"),
        (OAEP, "http://www.w3.org/2001/04/xmlenc#rsa-1_5"),
        (OAEP, "http://www.w3.org/2001/04/xmlenc#kw-aes256"),
    ] {
        let refused = judge(&text.replace(from, to), expected, now()).unwrap_err();
        assert_eq!(refused.rule().word(), "algorithm", "{refused}");
        assert!(refused.why().contains(to), "{refused}");
    }
}

fn flipped(base64: &str, at: usize) -> String {
    let mut text = base64.to_owned().into_bytes();
    text[at] = if text[at] == b'A' { b'B' } else { b'A' };
    String::from_utf8(text).unwrap()
}

#[test]
fn metadata_says_whose_keys_count_and_until_when() {
    let text = metadata(&[&RSA, &STRANGER]);
    let read = IdentityProvider::read(&text).unwrap();
    assert_eq!(read.entity_id(), IDP);
    assert_eq!(read.keys().fingerprints().count(), 2);
    assert_eq!(read.sign_on()[0].location, "https://idp.test/sso");
    assert_eq!(read.logout()[0].location, "https://idp.test/slo");
    assert!(read.wants_signed_requests());
    let root = "entityID=";
    let over = text.replacen(root, &format!("validUntil=\"{NOW}\" {root}"), 1);
    let over = IdentityProvider::read(&over).unwrap();
    let judged =
        judge(&RSA.response(Sign::Both, &[]), Expected { provider: &over, own: &own(), request: Some(REQUEST) }, now());
    assert_eq!(judged.unwrap_err().rule().word(), "metadata");
    for (from, to, words) in [
        ("use=\"signing\"", "use=\"encryption\"", "there is no certificate for signing"),
        ("use=\"signing\"", "use=\"other\"", "use has to be"),
        ("entityID=\"https://idp.test/metadata\"", "", "entityID"),
        ("SAML:2.0:protocol", "SAML:1.1:protocol", "does not speak SAML 2.0"),
        ("https://idp.test/sso", "javascript:alert(1)", "no address of the web"),
        ("md:IDPSSODescriptor", "md:SPSSODescriptor", "there is no IDPSSODescriptor"),
        ("<ds:X509Certificate>", "<ds:X509Certificate>AAAA", "X509Certificate"),
        ("<ds:X509Certificate>", "<ds:X509Certificate><!-- -->", "markup in a value"),
        ("<md:EntityDescriptor", "<!DOCTYPE x><md:EntityDescriptor", "document type"),
        ("md:EntityDescriptor", "md:EntitiesDescriptor", "of one"),
    ] {
        assert!(text.contains(from), "{from}");
        let why = IdentityProvider::read(&text.replace(from, to)).unwrap_err().to_string();
        assert!(why.contains(words), "{to}: {why}");
    }
    assert!(IdentityProvider::read(&RSA.response(Sign::Neither, &[])).is_err(), "a response is no metadata");
    assert!(ACS.starts_with("https://"));
}
