//! `bailey saml verify`: the judgement at the terminal, without a daemon.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tempfile::TempDir;

use crate::saml_bed::{ACS, ALICE, NOW, REQUEST, RSA, SP, STRANGER, Sign, encrypted, metadata};

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
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailey"));
        command.current_dir(self.0.path()).args(["saml", "verify", "--idp-metadata", "idp.xml"]);
        command.args(["--sp-entity-id", SP, "--acs", ACS, "--now", NOW]).args(words).output().unwrap()
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
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).starts_with("bailey: "), "{}", said(&output));
    }
    assert!(files.path().join("response").exists());
}
