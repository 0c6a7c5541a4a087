//! Every seed of the fuzz targets, once: what was found by throwing things at readers stays found, whatever compiler there is.

#[path = "../../fuzz/entries.rs"]
mod entries;

use std::path::Path;

use bailey::authn::saml::{Expected, SpMetadata, judge};
use bailey::saml_xml::{Asking, Asks};
use bailey::sso::saml::Sent;

use crate::saml_bed;

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files
        .map(|file| file.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap()))
        .collect()
}

fn seed(target: &str, wanted: &str) -> Vec<u8> {
    let mut all = seeds(target).into_iter();
    all.find(|(name, _)| name == wanted).unwrap_or_else(|| panic!("no {wanted} of {target}")).1
}

#[test]
fn every_seed_of_every_target_ends_well() {
    for (target, entry) in entries::ALL {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target} begins with nothing");
        for (name, data) in seeds {
            let tried = std::panic::catch_unwind(|| {
                entry(&data);
                // And cut short anywhere, as the first thing that a fuzzer tries.
                for end in (0..data.len()).step_by(data.len() / 64 + 1) {
                    entry(&data[..end]);
                }
            });
            assert!(tried.is_ok(), "fuzz/seeds/{target}/{name}");
        }
    }
}

/// A fuzzer that begins with responses that are refused would never come to what is behind the signature.
#[test]
fn the_signed_responses_among_the_seeds_are_accepted() {
    for (name, data) in seeds("saml_response") {
        let text = String::from_utf8(data).unwrap();
        let metadata = std::fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/saml_metadata/identity-provider.xml"),
        );
        let provider = bailey::authn::saml::IdentityProvider::read(&metadata.unwrap()).unwrap();
        let expected = Expected { provider: &provider, own: &entries::OWN, request: Some(saml_bed::REQUEST) };
        let signed = ["assertion.xml", "both.xml", "encrypted.xml", "response.xml"].contains(&&*name);
        if let Err(refused) = judge(&text, expected, saml_bed::now()) {
            assert!(!signed, "{name}: {refused:?}");
        } else {
            assert!(name != "neither.xml", "nobody signed {name}");
        }
    }
}

/// And one that begins with requests whose signature does not hold would never come to what is asked of those that are signed.
#[test]
fn the_signed_requests_among_the_seeds_are_signed() {
    let service = String::from_utf8(seed("saml_metadata", "service-provider.xml")).unwrap();
    let service = SpMetadata::read(&service, None).unwrap();
    let posted = String::from_utf8(seed("saml_request", "signed.xml")).unwrap();
    let asked = Asking::parse(&posted, &[Asks::SignIn]).unwrap().verified(service.keys()).unwrap();
    assert!(asked.signed());
    let redirected = String::from_utf8(seed("saml_redirect", "signed")).unwrap();
    let signed = |query: &str| {
        let sent = Sent::in_address(query).unwrap();
        sent.verified(sent.asking(&[Asks::SignIn]).unwrap(), service.keys()).is_ok_and(|verified| verified.signed)
    };
    assert!(signed(&redirected));
    assert!(!signed(&redirected.replace("RelayState=wiki", "RelayState=wiko")));
}
