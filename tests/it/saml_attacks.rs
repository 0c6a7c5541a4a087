//! Attacks on SAML responses, as they were found in others: nothing that nobody signed gets in. `saml-rs` is asked about each of them, too:
//! it refuses what we refuse, or overlooks what is [named](Overlooked) there and takes whoever was signed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::saml_bed::{
    ALICE, ASSERTION, DSIG, EXCLUSIVE, PROTOCOL, RSA, RSA_SHA256, SHA256, STRANGER, Sign, assertion_of, judged, part,
    rule,
};
use crate::saml_second_opinion::{Overlooked, SIGNED, accepted, refused, second, told};

const MALLORY: &str = "mallory@example.com";
const ISSUER: &str = "<saml:Issuer>https://idp.test/metadata</saml:Issuer>";

/// The signature that stands first in `xml`.
fn signature_of(xml: &str) -> &str {
    part(xml, "<ds:Signature ", "</ds:Signature>")
}

fn unsigned(xml: &str) -> String {
    xml.replace(signature_of(xml), "")
}

/// `child` as the last thing in the first element `name` of `xml`.
fn inside(xml: &str, name: &str, child: &str) -> String {
    let end = format!("</{name}>");
    assert!(xml.contains(&end), "no {end} in {xml}");
    xml.replacen(&end, &format!("{child}{end}"), 1)
}

/// The eight that SAML Raider made famous, by its numbers.
#[test]
fn the_eight_classic_wrappings_are_refused() {
    let signed = RSA.response(Sign::Response, &[]);
    let evil_response = signed.replace(ALICE, MALLORY).replace("_response-1\" Version", "_evil\" Version");
    let kernel = unsigned(&signed);
    let xsw1 = inside(&evil_response, "ds:Signature", &kernel);
    let xsw2 = evil_response.replacen("<ds:Signature ", &format!("{kernel}<ds:Signature "), 1);
    let signed = RSA.response(Sign::Assertion, &[]);
    let original = assertion_of(&signed);
    let bare = unsigned(original);
    let evil = original.replace(ALICE, MALLORY).replace("ID=\"_assertion-1\"", "ID=\"_evil\"");
    let evil_bare = unsigned(&evil);
    let with = |assertions: &str| signed.replace(original, assertions);
    let xsw3 = with(&format!("{evil_bare}{original}"));
    let xsw4 = with(&inside(&evil_bare, "saml:Assertion", original));
    let xsw5 = with(&format!("{evil}{bare}"));
    let xsw6 = with(&inside(&evil, "ds:Signature", &bare));
    let xsw7 = with(&format!("<samlp:Extensions>{}</samlp:Extensions>{original}", original.replace(ALICE, MALLORY)));
    let xsw8 = with(&inside(&evil, "ds:Signature", &format!("<ds:Object>{bare}</ds:Object>")));
    for (number, text) in [xsw1, xsw2, xsw3, xsw4, xsw5, xsw6, xsw7, xsw8].iter().enumerate() {
        assert!(text.contains(MALLORY) && text.contains(ALICE));
        assert!(["structure", "signature"].contains(&refused(text, None)), "XSW{}", number + 1);
    }
}

/// An assertion of somebody else and the signed one, in every place beside and inside each other, with the signatures and IDs moved
/// about: whoever is accepted is who was signed.
#[test]
fn no_arrangement_of_two_assertions_brings_the_other_one_in() {
    let (mut tried, mut accepted, mut milder) = (0, 0, 0);
    for what in [Sign::Response, Sign::Assertion, Sign::Both] {
        let signed = RSA.response(what, &[]);
        let original = assertion_of(&signed).to_owned();
        let own_signature = if what == Sign::Response { String::new() } else { signature_of(&original).to_owned() };
        let bare = original.replace(&own_signature, "");
        for id in ["ID=\"_assertion-1\"", "ID=\"_evil\"", "Id=\"_evil\"", ""] {
            for (evil_signed, original_signed) in [(false, false), (false, true), (true, false), (true, true)] {
                let evil_bare = bare.replace(ALICE, MALLORY).replace("ID=\"_assertion-1\"", id);
                let evil = if evil_signed {
                    evil_bare.replacen(ISSUER, &format!("{ISSUER}{own_signature}"), 1)
                } else {
                    evil_bare
                };
                let original_now = if original_signed { &original } else { &bare };
                for text in arrangements(&signed, &original, &evil, original_now) {
                    tried += 1;
                    if let Ok(taken) = second(&text) {
                        milder += 1;
                        assert_eq!(told(&taken), *SIGNED, "{text}");
                    }
                    let Ok(taken) = judged(&text) else { continue };
                    accepted += 1;
                    assert_eq!(taken.name_id().value, ALICE, "{text}");
                }
            }
        }
    }
    assert!(tried > 1_000, "{tried}");
    assert_eq!(accepted, 0, "of {tried}: each has two assertions");
    // In the signature of the other one, which is cut out before that is digested; in Extensions, StatusDetail and EncryptedAssertion of
    // an envelope that nobody signed.
    assert_eq!(milder, 81, "those that `saml-rs` overlooks");
}

fn arrangements(response: &str, original: &str, evil: &str, kept: &str) -> Vec<String> {
    let with = |assertions: String| response.replace(original, &assertions);
    let object = |xml: &str| format!("<ds:Object xmlns:ds=\"{DSIG}\">{xml}</ds:Object>");
    let mut all = vec![
        with(format!("{evil}{kept}")),
        with(format!("{kept}{evil}")),
        with(format!("<samlp:Extensions>{kept}</samlp:Extensions>{evil}")),
        with(format!("<samlp:Extensions>{evil}</samlp:Extensions>{kept}")),
        with(format!("<saml:EncryptedAssertion>{kept}</saml:EncryptedAssertion>{evil}")),
        with(format!("<saml:EncryptedAssertion>{evil}</saml:EncryptedAssertion>{kept}")),
        with(format!("<x:Assertion xmlns:x=\"urn:x\">{kept}</x:Assertion>{evil}")),
        with(evil.to_owned()).replace("</samlp:Status>", &format!("<samlp:StatusDetail>{kept}</samlp:StatusDetail></samlp:Status>")),
        with(kept.to_owned()).replace("</samlp:Status>", &format!("<samlp:StatusDetail>{evil}</samlp:StatusDetail></samlp:Status>")),
        with(evil.to_owned()).replacen(ISSUER, &format!("<saml:Issuer>{kept}https://idp.test/metadata</saml:Issuer>"), 1),
        with(format!("{evil}<samlp:Response>{kept}</samlp:Response>")),
        with(format!("<samlp:Response ID=\"_inner\">{kept}</samlp:Response>{evil}")),
        response.replacen("<samlp:Response ", "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_outer\" Version=\"2.0\"><samlp:Response ", 1)
            + evil + "</samlp:Response>",
    ];
    let places = [
        "saml:Assertion",
        "saml:Issuer",
        "saml:Subject",
        "saml:NameID",
        "saml:SubjectConfirmation",
        "saml:Conditions",
        "saml:AudienceRestriction",
        "saml:Audience",
        "saml:AuthnStatement",
        "saml:AuthnContext",
        "saml:AttributeStatement",
        "saml:Attribute",
        "saml:AttributeValue",
        "ds:Signature",
        "ds:SignedInfo",
        "ds:Reference",
        "ds:Transforms",
        "ds:DigestValue",
        "ds:SignatureValue",
        "ds:KeyInfo",
        "ds:X509Data",
    ];
    for (outer, inner) in [(evil, kept), (kept, evil)] {
        for place in places.iter().filter(|place| outer.contains(&format!("</{place}>"))) {
            all.push(with(inside(outer, place, inner)));
            all.push(with(inside(outer, place, &object(inner))));
        }
    }
    // The response's own signature holds one.
    let signature = signature_of(response);
    for (held, direct) in [(kept, evil), (evil, kept)] {
        let holding = inside(signature, "ds:Signature", &object(held));
        all.push(with(direct.to_owned()).replacen(signature, &holding, 1));
    }
    all
}

/// Changes that leave the signature good, since canonicalisation drops what they add, or that a careless reader takes for nothing.
#[test]
fn what_readers_disagree_about_is_refused() {
    for what in [Sign::Response, Sign::Assertion, Sign::Both] {
        let longer = RSA.response(what, &[(ALICE, "alice@example.com.evil.test")]);
        assert_eq!(accepted(&longer).name_id().value, "alice@example.com.evil.test");
        for (odd, dropped) in
            [("<!---->", true), ("<!-- x -->", true), ("<?x?>", false), ("<?x y?>", false), ("<![CDATA[]]>", true)]
        {
            let text = longer.replace("alice@example.com.evil", &format!("{ALICE}{odd}.evil"));
            assert_eq!(rule(&text), "form", "{odd}");
            // Nobody reads half a name: what canonicalisation drops, `saml-rs` drops, too.
            let there = second(&text).map(|taken| taken.name_id().value().to_owned());
            assert_eq!(there.ok(), dropped.then(|| format!("{ALICE}.evil.test")), "{odd}");
        }
        let good = RSA.response(what, &[]);
        for odd in ["<!-- -->", "<?pi?>", "<![CDATA[ ]]>"] {
            let is_comment = odd.starts_with("<!--");
            for place in [
                "</saml:Audience>",
                "</saml:AttributeValue>",
                "</ds:DigestValue>",
                "</ds:SignatureValue>",
                "</saml:Issuer>",
                "</samlp:Status>",
                "<ds:Reference ",
                "</samlp:Response>",
            ] {
                let in_envelope = ["</saml:Issuer>", "</samlp:Status>", "</samlp:Response>"].contains(&place);
                let overlooked = match place {
                    _ if is_comment => Some(Overlooked::Comments),
                    "</ds:SignatureValue>" => Some(Overlooked::InSignature),
                    _ => (what == Sign::Assertion && in_envelope).then_some(Overlooked::InEnvelope),
                };
                let text = good.replacen(place, &format!("{odd}{place}"), 1);
                assert_eq!(refused(&text, overlooked), "form", "{odd} at {place}");
            }
            let overlooked = (!odd.contains("CDATA")).then_some(Overlooked::Around);
            assert_eq!(refused(&format!("{odd}{good}"), overlooked), "form");
            assert_eq!(refused(&format!("{good}{odd}"), overlooked), "form");
        }
    }
}

#[test]
fn no_document_type_and_no_entity_gets_as_far_as_the_parser() {
    let good = RSA.response(Sign::Both, &[]);
    let laughs: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    for head in [
        "<!DOCTYPE x>".to_owned(),
        "<!doctype x>".to_owned(),
        "<!DOCTYPE x SYSTEM \"file:///etc/passwd\">".to_owned(),
        "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>".to_owned(),
        "<!DOCTYPE x [<!ENTITY % e SYSTEM \"http://127.0.0.1/x\"> %e;]>".to_owned(),
        format!("<!DOCTYPE x [<!ENTITY l0 \"ha\">{laughs}]>"),
        "<!DOCTYPE x [<!ATTLIST saml:NameID Format CDATA \"x\">]>".to_owned(),
    ] {
        for text in [
            format!("{head}{good}"),
            format!("<?xml version=\"1.0\"?>{head}{good}"),
            good.replacen("<saml:Issuer", &format!("{head}<saml:Issuer"), 1),
        ] {
            assert_eq!(refused(&text, None), "form", "{head}");
            assert_eq!(refused(&text.replacen(ALICE, "&l9;", 1), None), "form");
        }
    }
    for entity in ["&e;", "&#0;", "&#xFFFE;", "&nbsp;", "&", "&amp"] {
        assert_eq!(refused(&good.replacen(ALICE, entity, 1), None), "form", "{entity}");
    }
    for (head, overlooked) in [
        ("<?xml version=\"1.1\"?>", Some(Overlooked::Declaration)),
        ("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>", Some(Overlooked::Declaration)),
        ("<?xml version=\"1.0\" encoding=\"utf-16\"?>", Some(Overlooked::Declaration)),
        ("<?xml version=\"1.0\"?><?xml version=\"1.0\"?>", None),
        (" <?xml version=\"1.0\"?>", None),
    ] {
        assert_eq!(refused(&format!("{head}{good}"), overlooked), "form", "{head}");
    }
    accepted(&format!("<?xml version='1.0' encoding='utf-8'?>\n{good}\n"));
}

#[test]
fn ids_stand_once_whatever_the_attribute_is_called() {
    for what in [Sign::Response, Sign::Assertion] {
        let good = RSA.response(what, &[]);
        for id in ["_assertion-1", "_response-1"] {
            for name in ["ID", "Id", "id", "xml:id", "AssertionID", "x:ID"] {
                for element in ["<samlp:Status", "<saml:NameID", "<saml:Conditions", "<ds:KeyInfo", "<saml:Subject"] {
                    let text = good.replacen(element, &format!("{element} xmlns:x=\"urn:x\" {name}=\"{id}\""), 1);
                    assert_eq!(refused(&text, None), "structure", "{name} on {element}");
                }
            }
        }
        for bad in ["", " _assertion-1", "1a", "a b", "a:b", &"a".repeat(257)] {
            assert_eq!(refused(&good.replace("_assertion-1", bad), None), "form", "{bad:?}");
        }
    }
}

#[test]
fn namespaces_are_declared_absolute_and_not_confused() {
    let good = RSA.response(Sign::Assertion, &[]);
    let foreign =
        |name: &str| good.replacen(&format!("xmlns:{name}=\"urn:oasis"), &format!("xmlns:{name}=\"urn:evil"), 1);
    for (text, wanted, overlooked) in [
        (good.replacen("<samlp:Status>", "<samlp:Status><x:y/>", 1), "form", None),
        (
            good.replacen("<samlp:Status>", "<samlp:Status xmlns:x=\"relative\">", 1),
            "form",
            Some(Overlooked::InEnvelope),
        ),
        (good.replacen("<samlp:Status>", "<samlp:Status xmlns:x=\"../up\">", 1), "form", Some(Overlooked::InEnvelope)),
        (good.replacen("<samlp:Status>", "<samlp:Status xmlns=\"\">", 1), "form", Some(Overlooked::InEnvelope)),
        (
            good.replacen("<samlp:Status>", "<samlp:Status xmlns:x=\"urn:a b\">", 1),
            "form",
            Some(Overlooked::InEnvelope),
        ),
        (good.replacen("<samlp:Status>", "<samlp:Status xmlns:xml=\"urn:x\">", 1), "form", None),
        (good.replacen("<samlp:Status>", "<samlp:Status xmlns:xmlns=\"urn:x\">", 1), "form", None),
        (
            good.replacen(
                "<samlp:Status>",
                "<samlp:Status xmlns:a=\"urn:x\" xmlns:b=\"urn:x\" a:c=\"1\" b:c=\"2\">",
                1,
            ),
            "form",
            None,
        ),
        (good.replacen("<samlp:Status>", "<samlp:Status a=\"1\" a=\"2\">", 1), "form", None),
        (good.replacen("<samlp:Status>", "<plain/><samlp:Status>", 1), "form", Some(Overlooked::InEnvelope)),
        (good.replacen("<samlp:Status>", "<:Status/><samlp:Status>", 1), "form", None),
        (foreign("samlp"), "structure", None),
        (
            good.replacen("<saml:Assertion xmlns:saml=\"urn:oasis", "<saml:Assertion xmlns:saml=\"urn:evil", 1),
            "structure",
            None,
        ),
        (
            good.replacen(&format!("<ds:Signature xmlns:ds=\"{DSIG}\""), "<ds:Signature xmlns:ds=\"urn:evil\"", 1),
            "structure",
            None,
        ),
        (good.replacen("<saml:Subject>", "<saml:Subject xmlns:saml=\"urn:evil\">", 1), "signature", None),
        (good.replacen("<saml:NameID ", "<saml:NameID xmlns:xsi=\"urn:evil\" xsi:nil=\"true\" ", 1), "signature", None),
    ] {
        assert_eq!(refused(&text, overlooked), wanted, "{text}");
    }
    // Another prefix for the same namespace signs otherwise, and is as good where the signature says so.
    let renamed =
        RSA.sign(&unsigned_template(Sign::Assertion).replace("saml:", "s:").replace("xmlns:saml=", "xmlns:s="));
    assert_eq!(accepted(&renamed).name_id().value, ALICE);
}

/// A response that is to be signed: with the template in the response, or in the assertion.
fn unsigned_template(what: Sign) -> String {
    let (before, id) = match what {
        Sign::Assertion => ("<saml:Subject>", "_assertion-1"),
        _ => ("<samlp:Status>", "_response-1"),
    };
    RSA.response(Sign::Neither, &[]).replacen(before, &format!("{}{before}", RSA.template(id)), 1)
}

#[test]
fn signatures_have_one_shape() {
    for what in [Sign::Response, Sign::Assertion] {
        let good = RSA.response(what, &[]);
        let signature = signature_of(&good);
        let (info, value) = (
            part(signature, "<ds:SignedInfo>", "</ds:SignedInfo>"),
            part(signature, "<ds:SignatureValue>", "</ds:SignatureValue>"),
        );
        let (reference, digest) = (
            part(signature, "<ds:Reference ", "</ds:Reference>"),
            part(signature, "<ds:DigestValue>", "</ds:DigestValue>"),
        );
        let key = part(signature, "<ds:KeyInfo>", "</ds:KeyInfo>");
        let forged = info.replace(digest, "<ds:DigestValue>AAAA</ds:DigestValue>");
        let nothing = STANDARD.encode(Sha256::digest([]));
        for (from, to, wanted, overlooked) in [
            (info, format!("{info}{info}"), "structure", None),
            (info, format!("{forged}{info}"), "structure", None),
            (info, format!("{info}{forged}"), "structure", None),
            (info, String::new(), "structure", None),
            (info, format!("<ds:Object>{info}</ds:Object>{forged}"), "structure", None),
            (reference, format!("{reference}{reference}"), "structure", None),
            (reference, String::new(), "structure", None),
            (value, format!("{value}{value}"), "structure", Some(Overlooked::InSignature)),
            (value, String::new(), "structure", None),
            (value, "<ds:SignatureValue></ds:SignatureValue>".into(), "value", None),
            (value, "<ds:SignatureValue>!</ds:SignatureValue>".into(), "value", None),
            (value, value.replace("<ds:SignatureValue>", "<ds:SignatureValue><ds:b/>"), "value", Some(Overlooked::InSignature)),
            (digest, format!("{digest}{digest}"), "structure", None),
            (digest, String::new(), "structure", None),
            (digest, digest.replace("</", "<x:y xmlns:x=\"urn:x\"/></"), "value", None),
            (digest, format!("<ds:DigestValue>{nothing}</ds:DigestValue>"), "signature", None),
            (key, format!("{key}{key}"), "structure", Some(Overlooked::InSignature)),
            (key, format!("{key}<ds:Object/>"), "structure", Some(Overlooked::InSignature)),
            (key, "<ds:KeyInfo><ds:RetrievalMethod URI=\"#x\"/></ds:KeyInfo>".into(), "structure", Some(Overlooked::InSignature)),
            (key, "<ds:KeyInfo><x:KeyInfoReference xmlns:x=\"http://www.w3.org/2009/xmldsig11#\" URI=\"#x\"/></ds:KeyInfo>".into(), "structure", Some(Overlooked::InSignature)),
            (signature, format!("{signature}{signature}"), "structure", None),
            (signature, format!("<ds:Signature xmlns:ds=\"{DSIG}\"/>"), "structure", None),
            (signature, String::new(), "signature", None),
            ("<ds:SignedInfo>", "<ds:SignedInfo>text".into(), "structure", None),
            ("<ds:SignedInfo>", "<ds:SignedInfo x=\"y\">".into(), "structure", None),
            ("<ds:Transforms>", "<ds:Transforms><ds:Transform Algorithm=\"x\"/>".into(), "structure", None),
        ] {
            assert_eq!(refused(&good.replacen(from, &to, 1), overlooked), wanted, "{what:?}: {to}");
        }
        // Where it does not belong: only in the element it signs.
        for place in
            ["</samlp:Status>", "</saml:Subject>", "</saml:AuthnStatement>", "</saml:Attribute>", "</samlp:Response>"]
        {
            let moved = good.replacen(signature, "", 1).replacen(place, &format!("{signature}{place}"), 1);
            let overlooked = (place == "</samlp:Response>").then_some(Overlooked::Place);
            assert!(["structure", "signature"].contains(&refused(&moved, overlooked)), "{place}");
        }
        for uri in [
            "",
            "#",
            "#other",
            "#xpointer(/)",
            "#xpointer(id('_assertion-1'))",
            "#_response-1x",
            "_assertion-1",
            "cid:x",
            "file:///etc/passwd",
            "Cargo.toml",
            "http://127.0.0.1/",
        ] {
            let text = good
                .replace("URI=\"#_assertion-1\"", &format!("URI=\"{uri}\""))
                .replace("URI=\"#_response-1\"", &format!("URI=\"{uri}\""));
            assert_eq!(refused(&text, None), "signature", "{uri}");
        }
        assert_eq!(refused(&good.replacen(" URI=\"#", " x=\"#", 1), None), "structure");
    }
    // The assertion's signature that refers to the response, and the other way round.
    let both = RSA.response(Sign::Both, &[]);
    assert_eq!(refused(&both.replacen("URI=\"#_response-1\"", "URI=\"#_assertion-1\"", 1), None), "signature");
    // A signature in the wrong place that was really made so.
    let text = RSA.response(Sign::Neither, &[]).replacen(
        "<samlp:Status>",
        &format!("{}<samlp:Status>", RSA.template("_assertion-1")),
        1,
    );
    assert_eq!(refused(&RSA.sign(&text), Some(Overlooked::Place)), "signature");
    assert_eq!(refused(&RSA.response(Sign::Neither, &[]), None), "signature");
}

#[test]
fn transforms_and_algorithms_count_by_name_alone() {
    for what in [Sign::Response, Sign::Assertion] {
        let template = unsigned_template(what);
        let good = RSA.sign(&template);
        accepted(&good);
        let enveloped = format!("<ds:Transform Algorithm=\"{DSIG}enveloped-signature\"/>");
        let exclusive = format!("<ds:Transform Algorithm=\"{EXCLUSIVE}\"/>");
        let both = format!("{enveloped}{exclusive}");
        // Really signed so.
        for (to, overlooked) in [
            (enveloped.clone(), Some(Overlooked::Transforms)),
            (format!("{enveloped}<ds:Transform Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"/>"), None),
            (format!("{enveloped}<ds:Transform Algorithm=\"http://www.w3.org/2006/12/xml-c14n11\"/>"), None),
            (format!("{enveloped}<ds:Transform Algorithm=\"{EXCLUSIVE}WithComments\"/>"), None),
            (format!("{enveloped}{enveloped}{exclusive}"), Some(Overlooked::Transforms)),
            (
                format!(
                    "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><ds:XPath>not(ancestor-or-self::ds:Signature)</ds:XPath></ds:Transform>{exclusive}"
                ),
                None,
            ),
        ] {
            let text = RSA.sign(&template.replacen(&both, &to, 1));
            assert!(["algorithm", "structure"].contains(&refused(&text, overlooked)), "{to}");
        }
        for to in [
            format!("{exclusive}{enveloped}"),
            exclusive.clone(),
            String::new(),
            format!("{enveloped}<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"/>{exclusive}"),
            format!("{enveloped}<ds:Transform Algorithm=\"http://www.w3.org/2002/06/xmldsig-filter2\"/>"),
            format!("{enveloped}<ds:Transform Algorithm=\"{DSIG}base64\"/>"),
            format!("{enveloped}<ds:Transform xmlns:x=\"urn:x\" x:Algorithm=\"{EXCLUSIVE}\"/>"),
            format!(
                "{enveloped}<ds:Transform xmlns:x=\"urn:x\" x:Algorithm=\"{EXCLUSIVE}\" Algorithm=\"{EXCLUSIVE}\"/>"
            ),
            format!("{enveloped}<x:Transform xmlns:x=\"urn:x\" Algorithm=\"{EXCLUSIVE}\"/>"),
        ] {
            assert!(["algorithm", "structure"].contains(&refused(&good.replacen(&both, &to, 1), None)), "{to}");
        }
        for (from, to) in [
            (RSA_SHA256, "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
            (RSA_SHA256, "http://www.w3.org/2000/09/xmldsig#dsa-sha1"),
            (RSA_SHA256, "http://www.w3.org/2000/09/xmldsig#hmac-sha1"),
            (RSA_SHA256, "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
            (RSA_SHA256, "http://www.w3.org/2001/04/xmldsig-more#rsa-md5"),
            (RSA_SHA256, "http://www.w3.org/2001/04/xmldsig-more#RSA-SHA256"),
            (RSA_SHA256, ""),
            (SHA256, "http://www.w3.org/2000/09/xmldsig#sha1"),
            (SHA256, "http://www.w3.org/2001/04/xmldsig-more#md5"),
            (EXCLUSIVE, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        ] {
            assert_eq!(
                refused(&good.replacen(&format!("Algorithm=\"{from}\""), &format!("Algorithm=\"{to}\""), 1), None),
                "algorithm",
                "{to}"
            );
        }
        // Prefixes that are said to be signed, as some providers say, are no reason.
        let listed = format!(
            "<ds:Transform Algorithm=\"{EXCLUSIVE}\"><ec:InclusiveNamespaces xmlns:ec=\"{EXCLUSIVE}\" PrefixList=\"xs\"/></ds:Transform>"
        );
        accepted(&RSA.sign(&template.replacen(&exclusive, &listed, 1)));
    }
}

#[test]
fn keys_come_from_metadata_and_from_nowhere_else() {
    for what in [Sign::Response, Sign::Assertion, Sign::Both] {
        // With the stranger's certificate inside, with the right one, with a bare key, with none.
        let strange = STRANGER.response(what, &[]);
        assert_eq!(refused(&strange, None), "signature");
        assert_eq!(refused(&strange.replace(&STRANGER.base64(), &RSA.base64()), None), "signature");
        let both = format!("{}</ds:X509Certificate><ds:X509Certificate>{}", RSA.base64(), STRANGER.base64());
        assert_eq!(refused(&strange.replace(&STRANGER.base64(), &both), None), "signature");
        let key = part(&strange, "<ds:KeyInfo>", "</ds:KeyInfo>").to_owned();
        assert_eq!(refused(&strange.replace(&key, ""), None), "signature");
        assert_eq!(refused(&strange.replace(&key, "<ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue></ds:KeyInfo>"), None), "signature");
        // And the right signature stays good whatever stands there, unless another one covers that.
        if what == Sign::Both {
            continue;
        }
        let good = RSA.response(what, &[]);
        let key = part(&good, "<ds:KeyInfo>", "</ds:KeyInfo>").to_owned();
        accepted(&good.replace(&key, ""));
        accepted(&good.replace(&key, "<ds:KeyInfo><ds:KeyName>x</ds:KeyName></ds:KeyInfo>"));
        // `saml-rs` looks at it, to refuse another than it knows.
        let other = good.replace(&RSA.base64(), &STRANGER.base64());
        judged(&other).unwrap();
        assert_eq!(second(&other).unwrap_err().to_string(), "certificate mismatch");
    }
    // A shared secret that is the public certificate.
    let hmac =
        unsigned_template(Sign::Assertion).replace(RSA_SHA256, "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256");
    assert_eq!(refused(&RSA.sign_hmac(&hmac), None), "algorithm");
}

#[test]
fn there_is_an_end_to_everything() {
    let good = RSA.response(Sign::Both, &[]);
    let deep = |levels: usize| {
        let (open, close) = ("<saml:b>".repeat(levels), "</saml:b>".repeat(levels));
        good.replacen(
            "</samlp:Status>",
            &format!("<samlp:StatusDetail>{open}{close}</samlp:StatusDetail></samlp:Status>"),
            1,
        )
    };
    let many = |count: usize| {
        let attributes: String = (0..count).map(|n| format!(" a{n}=\"\"")).collect();
        good.replacen("<samlp:Status>", &format!("<samlp:Status{attributes}>"), 1)
    };
    assert_eq!(refused(&deep(40), None), "form");
    assert_eq!(refused(&deep(8_000), None), "form");
    assert_eq!(refused(&deep(100_000).chars().take(200_000).collect::<String>(), None), "limit");
    assert_eq!(refused(&many(65), None), "limit");
    assert_ne!(refused(&many(64), None), "limit");
    let padded = |size: usize| format!("{good}{}", " ".repeat(size - good.len()));
    accepted(&padded(256 << 10));
    assert_eq!(refused(&padded((256 << 10) + 1), Some(Overlooked::Size)), "limit");
    for text in [
        "",
        " ",
        "<",
        "<a",
        "<a>",
        "<a/>",
        "</a>",
        "\u{feff}",
        "\0",
        "<a xmlns='urn:a'/>",
        "<?xml",
        "<?xml version=\"1.0\"?>",
        "<!",
        "]]>",
    ] {
        judged(text).unwrap_err();
        second(text).unwrap_err();
    }
    // Lists that canonicalisation would go through for every element.
    let exclusive = format!("<ds:Transform Algorithm=\"{EXCLUSIVE}\"/>");
    for (list, kind) in [("p ".repeat(17), "limit"), ("p:q".to_owned(), "value"), ("p #other".to_owned(), "value")] {
        assert_eq!(refused(&good.replacen(&exclusive, &listed(&list), 1), None), kind, "{list}");
    }
    for other in ["LogoutResponse", "ArtifactResponse", "AuthnRequest", "Assertion"] {
        assert_eq!(refused(&good.replace("samlp:Response", &format!("samlp:{other}")), None), "structure");
    }
    let soap = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{good}</s:Body></s:Envelope>"
    );
    assert_eq!(refused(&soap, None), "structure");
    assert!(good.contains(PROTOCOL) && good.contains(ASSERTION));
}

/// Exclusive canonicalisation that takes these prefixes inclusively.
fn listed(prefixes: &str) -> String {
    format!(
        "<ds:Transform Algorithm=\"{EXCLUSIVE}\"><ec:InclusiveNamespaces xmlns:ec=\"{EXCLUSIVE}\" PrefixList=\"{prefixes}\"/></ds:Transform>"
    )
}

/// What is made to take long does not: each is refused within a moment, on whatever machine.
#[test]
fn hostile_texts_take_no_time() {
    let good = RSA.response(Sign::Both, &[]);
    let fill = |piece: &dyn Fn(usize) -> String| {
        let mut all = String::new();
        for n in 0.. {
            let next = piece(n);
            if all.len() + next.len() + good.len() + 30_000 > 256 << 10 {
                break;
            }
            all += &next;
        }
        all
    };
    let status = |words: String| good.replacen("<samlp:Status>", &format!("<samlp:Status{words}>"), 1);
    let detail = |words: String| {
        good.replacen("</samlp:Status>", &format!("<samlp:StatusDetail>{words}</samlp:StatusDetail></samlp:Status>"), 1)
    };
    let value = |words: String| good.replacen(ALICE, &words, 1);
    let signed = |words: &str| {
        let end = "</saml:AttributeStatement>";
        RSA.response(Sign::Both, &[(end, &format!("<saml:Attribute Name=\"a\">{words}</saml:Attribute>{end}"))])
    };
    let exclusive = format!("<ds:Transform Algorithm=\"{EXCLUSIVE}\"/>");
    let listed = listed(&(0..16).map(|n| format!("p{n} ")).collect::<String>());
    // Every name is looked for among all that is declared around it.
    let level = |n: usize| (0..50).map(|m| format!(" xmlns:n{n}-{m}=\"urn:x\"")).collect::<String>();
    let levels: String = (0..20).map(|n| format!("<saml:b{}>", level(n))).collect();
    for (name, text) in [
        ("attributes", status(fill(&|n| format!(" a{n}=\"\"")))),
        ("namespaces", status(fill(&|n| format!(" xmlns:a{n}=\"urn:x\"")))),
        ("qualified", status(format!(" xmlns:x=\"urn:x\"{}", fill(&|n| format!(" x:a{n}=\"\""))))),
        ("siblings", detail(fill(&|_| "<saml:b/>".into()))),
        ("ids", detail(fill(&|n| format!("<saml:b ID=\"_{n}\"/>")))),
        ("declared", detail(fill(&|n| format!("<x:b xmlns:x=\"urn:{n}\" xmlns:y{n}=\"urn:y\"/>")))),
        ("nested", detail(format!("{levels}{}", fill(&|_| "<saml:b/>".into())))),
        ("signatures", detail(fill(&|_| "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"/>".into()))),
        ("assertions", detail(fill(&|_| "<saml:Assertion/>".into()))),
        ("references", value(fill(&|_| "&#x61;".into()))),
        ("returns", value(fill(&|_| "\r".into()))),
        ("greater", value(fill(&|_| ">".into()))),
        ("brackets", value(fill(&|_| "]]".into()))),
        ("quotes", status(format!(" a=\"{}", fill(&|_| "'".into())))),
        ("open", fill(&|_| "<saml:b>".into())),
        ("less", fill(&|_| "<".into())),
        ("ampersands", value(fill(&|_| "&".into()))),
        ("signed", signed(&(0..8_000).map(|n| format!("<saml:b xmlns:x{n}=\"urn:x\"/>")).collect::<String>())),
        ("listed", signed(&"<saml:b/>".repeat(8_000)).replace(&exclusive, &listed)),
    ] {
        // Work of this thread alone: how long it takes by the clock hangs on who else wants the machine.
        let spent =
            || nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap();
        let begun = spent();
        drop(judged(&text));
        let took = spent() - begun;
        assert!(took.as_millis() < 500, "{name}: {took:?}");
    }
}
