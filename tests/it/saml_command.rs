//! `bailey saml verify`: the judgement at the terminal, without a daemon.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use bailey::base::clock::{Clock as _, SystemClock};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde_json::Value;
use tempfile::TempDir;

use crate::saml_bed::{ACS, ALICE, IDP, NOW, REQUEST, RSA, SP, STRANGER, Sign, encrypted, metadata};

/// Every moment in a response of the bed, and how many minutes it is from when that was made.
const MOMENTS: [(&str, i64); 6] = [
    ("2026-11-30T08:59:58Z", 0),
    ("2026-11-30T08:59:59Z", 0),
    ("2026-11-30T09:03:00Z", 3),
    ("2026-11-30T09:04:00Z", 4),
    ("2026-11-30T08:50:00Z", -10),
    ("2026-11-30T17:00:00Z", 480),
];

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.put("idp.xml", &metadata(&[&RSA]));
        files
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn verify(&self, words: &[&str]) -> Output {
        self.verify_at(Some(NOW), words)
    }

    /// At this moment; now, if none is said.
    fn verify_at(&self, now: Option<&str>, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailey"));
        command.current_dir(self.0.path()).args(["saml", "verify", "--idp-metadata", "idp.xml"]);
        command.args(["--sp-entity-id", SP, "--acs", ACS]).args(now.iter().flat_map(|now| ["--now", now]));
        command.args(words).output().unwrap()
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap() + &String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn it_accepts_whatever_form_a_response_was_copied_in() {
    let files = Files::new();
    let xml = RSA.response(Sign::Both, &[]);
    let base64 = STANDARD.encode(&xml);
    let posted = format!("SAMLResponse={}&RelayState=x", base64.replace('+', "%2B").replace('=', "%3D"));
    for text in [xml.as_str(), &base64, &posted, &format!("\n{xml}\n")] {
        files.put("response", text);
        let output = files.verify(&["--request-id", REQUEST, "response"]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert!(said(&output).starts_with("accepted\n") && said(&output).contains(ALICE), "{}", said(&output));
    }
    files.put("response", &xml);
    let output = files.verify(&["--request-id", REQUEST, "--output", "json", "response"]);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&value["accepted"], &value["subject"]), (&true.into(), &ALICE.into()));
    assert_eq!(value["attributes"][0]["values"][1], "Prüfer");
}

#[test]
fn it_says_which_rule_a_response_breaks_and_exits_with_one() {
    let files = Files::new();
    files.put("response", &RSA.response(Sign::Both, &[]));
    let output = files.verify(&["response"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).starts_with("refused (in-response-to): Response: "), "{}", said(&output));
    let output =
        files.verify(&["--request-id", REQUEST, "--output", "json", "--now", "2026-11-30T09:30:00Z", "response"]);
    assert_eq!(output.status.code(), Some(2), "a word said twice: {}", said(&output));
    files.put("response", &STRANGER.response(Sign::Both, &[]));
    let output = files.verify(&["--request-id", REQUEST, "--output", "json", "response"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&value["accepted"], &value["rule"]), (&false.into(), &"signature".into()));
}

#[test]
fn it_opens_what_is_encrypted_and_tells_files_that_are_none() {
    let files = Files::new();
    let gcm = "http://www.w3.org/2009/xmlenc11#aes128-gcm";
    let oaep = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
    files.put("response", &encrypted(&RSA.response(Sign::Assertion, &[]), &STRANGER, gcm, oaep));
    files.put("key.pem", &STRANGER.key_pem);
    let output = files.verify(&["--request-id", REQUEST, "--key", "key.pem", "response"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("assertion, encrypted"), "{}", said(&output));
    files.put("nothing", "no response");
    for words in [&["nothing"][..], &["missing"], &["--key", "idp.xml", "response"]] {
        let output = files.verify(words);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).starts_with("bailey: no verdict: "), "{}", said(&output));
    }
    assert!(files.path().join("response").exists());
    // Nor is there one by metadata that is none.
    files.put("idp.xml", "<x/>");
    let output = files.verify(&["--request-id", REQUEST, "response"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).starts_with("bailey: no verdict: cannot use idp.xml: "), "{}", said(&output));
}

#[test]
fn the_moment_decides_and_it_is_now_where_none_is_said() {
    let files = Files::new();
    files.put("response", &RSA.response(Sign::Both, &[]));
    let words = ["--request-id", REQUEST, "response"];
    for (now, code, verdict) in [
        (Some(NOW), 0, "accepted"),
        (Some("2026-11-30T10:30:00Z"), 1, "refused ("),
        (Some("2026-11-30T08:00:00Z"), 1, "refused ("),
        (Some("2030-01-01T00:00:00Z"), 1, "refused ("),
        (Some("yesterday"), 2, "error"),
    ] {
        let output = files.verify_at(now, &words);
        assert_eq!(output.status.code(), Some(code), "{now:?}: {}", said(&output));
        assert!(said(&output).starts_with(verdict), "{now:?}: {}", said(&output));
    }
    // What was made a moment ago is good now, and not when everything else here is.
    let now = SystemClock.now();
    let moved = MOMENTS.map(|(from, minutes)| (from, format!("{:.0}", now + SignedDuration::from_mins(minutes))));
    let edits: Vec<(&str, &str)> = moved.iter().map(|(from, to)| (*from, to.as_str())).collect();
    files.put("fresh", &RSA.response(Sign::Both, &edits));
    let words = ["--request-id", REQUEST, "fresh"];
    let output = files.verify_at(None, &words);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(files.verify_at(Some("2020-01-01T00:00:00Z"), &words).status.code(), Some(1));
}

#[test]
fn of_the_metadata_of_a_federation_one_is_chosen() {
    let files = Files::new();
    let other = metadata(&[&STRANGER]).replace(IDP, "https://other.test/metadata");
    let inside = |text: &str| text.split_once("?>").map_or_else(|| text.to_owned(), |(_, rest)| rest.to_owned());
    files.put(
        "idp.xml",
        &format!(
            "<md:EntitiesDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\">{}{}</md:EntitiesDescriptor>",
            inside(&other),
            inside(&metadata(&[&RSA]))
        ),
    );
    files.put("response", &RSA.response(Sign::Both, &[]));
    let words = ["--request-id", REQUEST, "response"];
    assert_eq!(files.verify(&words).status.code(), Some(2), "which one is meant is not said");
    for (entity, code) in [(IDP, 0), ("https://other.test/metadata", 1), ("https://nobody.test/", 2)] {
        let output = files.verify(&[&["--entity-id", entity], &words[..]].concat());
        assert_eq!(output.status.code(), Some(code), "{entity}: {}", said(&output));
    }
}
