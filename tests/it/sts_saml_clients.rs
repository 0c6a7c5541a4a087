//! `AssumeRoleWithSAML` of the real program: by boto3 and the AWS command line, with responses of pysaml2; and of an assertion that
//! sixty-four show at once, over a restart.

use std::path::Path;
use std::process::Command;

use bailey::base::Clock as _;
use bailey::base::clock::SystemClock;
use serde_json::{Value, json};

use crate::bed::counter::Counter;
use crate::run;
use crate::saml_bed::{ACS, RSA, SP, metadata};
use crate::sts_office::{Told, allow};
use crate::sts_races::{RACERS, at_once, done};
use crate::sts_saml::{Wanted, provider_arn, role_arn, trust};

/// Where assertions are delivered to a program that listens on this machine, and says nothing of it.
const OURS: &str = "https://localhost/saml";

fn python(words: &[&str]) -> Command {
    let mut python = Command::new("/usr/bin/python3");
    python.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed/saml_sts.py")).args(words);
    python
}

fn told_to(counter: &Counter, mut command: Command) -> Command {
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID"] {
        command.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    command.env("AWS_CA_BUNDLE", counter.authority_file()).env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command
}

fn key_of_the_provider(at: &Path) {
    std::fs::write(at.join("idp.key"), &RSA.key_pem).unwrap();
    std::fs::write(at.join("idp.crt"), &RSA.certificate).unwrap();
}

#[test]
fn boto3_and_the_aws_command_line_assume_a_role_by_a_response_of_pysaml2() {
    let counter = Counter::open("");
    let directory = tempfile::tempdir().unwrap();
    let (at, shown) = (directory.path(), directory.path().to_str().unwrap());
    key_of_the_provider(at);
    run::stdout(&mut python(&["metadata", shown, OURS]));
    let file = at.join("idp.xml");
    counter.bailey.ok(&["provider", "saml", "create", "Corp", file.to_str().unwrap()]);
    let asks = json!({
        "StringEquals": { "saml:aud": OURS, "saml:sub_type": "persistent", "saml:mail": "alice@example.com" },
        "ForAnyValue:StringEquals": { "saml:edupersonaffiliation": "staff" },
    });
    counter.role("Reader", &trust(asks), &allow(&["iam:ListRoles"]));
    let (role, provider) = (role_arn("Reader"), provider_arn());
    let boto = python(&["assume", shown, OURS, &counter.url(), &role, &provider]);
    let told: Value = serde_json::from_str(&run::stdout(&mut told_to(&counter, boto))).unwrap();
    let first = &told["told"][0];
    assert_eq!((&first["Subject"], &first["SubjectType"]), (&json!("p-4711"), &json!("persistent")), "{told}");
    assert_eq!((&first["Issuer"], &first["Audience"]), (&json!("https://idp.test/metadata"), &json!(OURS)));
    assert_eq!(first["NameQualifier"], "O9Kl8Yq8bF1J1FFAPrDyHqowT7E=");
    assert_eq!(told["is"], first["AssumedRoleUser"]["Arn"]);
    assert!(told["is"].as_str().unwrap().ends_with(":assumed-role/Reader/alice"), "{told}");
    let again = &told["told"][1];
    assert_eq!(again["class"], "InvalidIdentityTokenException");
    assert!(again["message"].as_str().unwrap().contains("shown before"), "{again}");

    let line = |assertion: &str| {
        let mut aws = told_to(&counter, Command::new("/usr/bin/aws"));
        let ca = counter.authority_file();
        aws.args(["--endpoint-url", &counter.url(), "--region", "us-east-1", "--ca-bundle", ca.to_str().unwrap()]);
        aws.args(["sts", "assume-role-with-saml", "--role-arn", &role, "--principal-arn", &provider]);
        aws.args(["--saml-assertion", assertion, "--duration-seconds", "900"]);
        aws
    };
    let assertion = format!("file://{}", at.join("assertion").display());
    let made: Value = serde_json::from_str(&run::stdout(&mut line(&assertion))).unwrap();
    assert_eq!(made["AssumedRoleUser"]["Arn"], told["is"]);
    let refused = run::said(&run::output(&mut line(&assertion)));
    assert!(refused.contains("InvalidIdentityToken") && refused.contains("shown before"), "{refused}");
}

#[test]
fn of_an_assertion_and_sixty_four_who_show_it_one_begins_a_session_and_none_after_a_restart() {
    let mut counter = Counter::open(&format!(
        "[sts]\nsaml_urls = [\"{ACS}\"]\nsaml_audiences = [\"urn:amazon:webservices\", \"{SP}\"]\n"
    ));
    counter.post("/v1/saml-providers", &json!({ "name": "Corp", "metadata": metadata(&[&RSA]) }));
    counter.role("Reader", &trust(json!({})), &allow(&["iam:ListRoles"]));
    let (role, provider) = (role_arn("Reader"), provider_arn());
    let assertion = Wanted { at: SystemClock.now(), ..Wanted::of(&["Reader"]) }.base64();
    let params = [
        ("Action", "AssumeRoleWithSAML"),
        ("RoleArn", role.as_str()),
        ("PrincipalArn", provider.as_str()),
        ("SAMLAssertion", assertion.as_str()),
    ];
    let before = counter.sound_records();
    let told = at_once(&counter, RACERS, |_, caller| caller.unsigned(&params).unwrap());
    let begun: Vec<&Told> = told.iter().filter(|told| told.status == 200).collect();
    assert_eq!(begun.len(), 1, "{told:?}");
    for refused in told.iter().filter(|told| told.status != 200) {
        refused.refuses("InvalidIdentityToken", "was shown before");
    }
    let records = counter.records_behind(before);
    assert_eq!(done(&records, "AssumeRoleWithSAML").count(), 1);
    let session = begun[0].credentials();
    for orderly in [false, true] {
        if orderly {
            assert!(counter.bailey.terminate().success());
        } else {
            counter.bailey.kill();
        }
        counter.start();
        let told = at_once(&counter, RACERS / 4, |_, caller| caller.unsigned(&params).unwrap());
        for refused in told {
            refused.refuses("InvalidIdentityToken", "was shown before");
        }
        assert_eq!(counter.caller().who_is(&session).unwrap().status, 200, "what it began goes on");
    }
}
