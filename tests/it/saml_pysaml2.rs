//! Responses of pysaml2, signed and encrypted by xmlsec1: another implementation's word is understood.

use std::fs;
use std::path::Path;
use std::process::Command;

use bailey::authn::saml::{Expected, IdentityProvider, ResponseError, SamlAssertion, judge};
use bailey::base::clock::{Clock as _, SystemClock};

use crate::saml_bed::{ALICE, IDP, REQUEST, RSA, STRANGER, own_with_key};

/// A directory full of its responses.
fn responses(at: &Path) {
    for (name, text) in [
        ("idp.key", &RSA.key_pem),
        ("idp.crt", &RSA.certificate),
        ("sp.key", &STRANGER.key_pem),
        ("sp.crt", &STRANGER.certificate),
    ] {
        fs::write(at.join(name), text).unwrap();
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed/saml_idp.py");
    let output = Command::new("/usr/bin/python3").arg(script).arg(at).output().unwrap();
    assert!(
        output.status.success(),
        "this test needs pysaml2 and xmlsec1: apt-get install python3-pysaml2 xmlsec1\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn responses_of_pysaml2_are_accepted_and_altered_ones_are_not() {
    let directory = tempfile::tempdir().unwrap();
    responses(directory.path());
    let read = |name: &str| fs::read_to_string(directory.path().join(format!("{name}.xml"))).unwrap();
    let provider = IdentityProvider::read(&read("idp")).unwrap();
    assert_eq!(provider.entity_id(), IDP);
    assert_eq!((provider.sign_on().len(), provider.logout().len()), (1, 1));
    let own = own_with_key(&STRANGER);
    let judge = |text: &str| -> Result<SamlAssertion, ResponseError> {
        judge(text, Expected { provider: &provider, own: &own, request: Some(REQUEST) }, SystemClock.now())
    };
    for (name, response, assertion, encrypted) in [
        ("response", true, false, false),
        ("assertion", false, true, false),
        ("both", true, true, false),
        ("encrypted", false, true, true),
        ("encrypted-response", true, false, true),
        ("encrypted-both", true, true, true),
    ] {
        let text = read(name);
        let taken = judge(&text).unwrap_or_else(|why| panic!("{name}: {why}\n{text}"));
        assert_eq!(taken.name_id().value, ALICE, "{name}");
        let signed = taken.signed();
        assert_eq!((signed.response, signed.assertion, signed.encrypted), (response, assertion, encrypted), "{name}");
        let values = |name: &str| {
            let mut found =
                taken.attributes().iter().filter(|a| a.friendly_name.as_deref() == Some(name) || a.name == name);
            found.next().map(|attribute| attribute.values.join("|")).unwrap_or_default()
        };
        assert_eq!(values("givenName"), "Älice & Co", "{name}: {:?}", taken.attributes());
        assert_eq!(values("eduPersonEntitlement"), "urn:a|urn:b", "{name}");
        for altered in [text.replace("alice@", "mallory@"), text.replace("lice &amp; Co", "vil &amp; Co")] {
            assert!(encrypted || judge(&altered).is_err(), "{name}");
        }
    }
    assert_eq!(judge(&read("neither")).unwrap_err().rule().word(), "signature");
    let refused = judge(&read("cbc")).unwrap_err();
    assert_eq!(refused.rule().word(), "algorithm");
    assert!(refused.why().contains("tripledes-cbc"), "{refused}");
}
