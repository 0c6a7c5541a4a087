//! Every seed of the fuzz targets, once: what was found by throwing things at readers stays found, whatever compiler there is.

#[path = "../../fuzz/entries.rs"]
mod entries;

use std::path::Path;

use bailey::authn::saml::{Expected, judge};

use crate::saml_bed;

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files
        .map(|file| file.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap()))
        .collect()
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
        let expected = Expected { provider: &provider, own: &saml_bed::OWN, request: Some(saml_bed::REQUEST) };
        let signed = ["assertion.xml", "both.xml", "response.xml"].contains(&&*name);
        if let Err(refused) = judge(&text, expected, saml_bed::now()) {
            assert!(!signed, "{name}: {refused:?}");
        } else {
            assert!(name != "neither.xml", "nobody signed {name}");
        }
    }
}
