//! `AssumeRoleWithSAML` of the real program: by boto3 and the AWS command line, with responses of pysaml2; and of an assertion that
//! sixty-four show at once, over a restart. And of keys that both clients give IAM for what is encrypted.

use std::path::Path;
use std::process::Command;

use bailey::base::Clock as _;
use bailey::base::clock::SystemClock;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::bed::counter::Counter;
use crate::bed::signer::Credentials;
use crate::run;
use crate::saml_bed::{ACS, RSA, SP, metadata};
use crate::secrets_kept::{Look, Secrets, files};
use crate::sts_office::{Told, allow};
use crate::sts_races::{RACERS, at_once, done};
use crate::sts_saml::{Wanted, provider_arn, role_arn, trust};
use crate::sts_saml_encrypted::{FIRST, SECOND, id_of};

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

/// Both clients of Debian 12 are older than encrypted assertions; what AWS added to their model of IAM is merged into it.
const NEWER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed/aws");

fn by(counter: &Counter, who: &Credentials, command: Command) -> Value {
    let mut command = told_to(counter, command);
    command.env("AWS_ACCESS_KEY_ID", &who.id).env("AWS_SECRET_ACCESS_KEY", &who.secret).env("AWS_DATA_PATH", NEWER);
    let said = run::stdout(&mut command);
    if said.trim().is_empty() { Value::Null } else { serde_json::from_str(&said).unwrap() }
}

#[test]
fn keys_that_clients_give_open_what_pysaml2_encrypts_over_a_restart_and_a_restore_and_lie_nowhere() {
    let mut counter = Counter::open("[log]\nlevel = \"trace\"\n");
    let directory = tempfile::tempdir().unwrap();
    let (at, shown) = (directory.path(), directory.path().to_str().unwrap());
    key_of_the_provider(at);
    run::stdout(&mut python(&["metadata", shown, OURS]));
    for (name, text) in [("first.pem", &FIRST.key_pem), ("second.pem", &SECOND.key_pem), ("sp.crt", &FIRST.certificate)]
    {
        std::fs::write(at.join(name), text).unwrap();
    }
    let admin = counter.user("admin", allow(&["iam:*"]));
    let known = by(&counter, &admin, python(&["provider", shown, OURS, &counter.url(), "Corp"]));
    assert_eq!(
        (&known["AssertionEncryptionMode"], &known["PrivateKeyList"][0]["KeyId"]),
        (&json!("Required"), &json!(id_of(&FIRST)))
    );
    counter.role("Reader", &trust(json!({})), &allow(&["iam:ListRoles"]));
    let (role, provider) = (role_arn("Reader"), provider_arn());
    let assumed = |counter: &Counter| -> Value {
        let boto = python(&["assume", shown, OURS, &counter.url(), &role, &provider]);
        let told: Value = serde_json::from_str(&run::stdout(&mut told_to(counter, boto))).unwrap();
        assert!(told["is"].as_str().unwrap().ends_with(":assumed-role/Reader/alice"), "{told}");
        assert!(told["told"][1]["message"].as_str().unwrap().contains("shown before"), "{told}");
        told
    };
    let aws = |counter: &Counter, words: &[&str]| {
        let (mut aws, ca) = (Command::new("/usr/bin/aws"), counter.authority_file());
        aws.args(["--endpoint-url", &counter.url(), "--region", "us-east-1", "--output", "json"]);
        aws.args(["--ca-bundle", ca.to_str().unwrap(), "iam"]).args(words).args(["--saml-provider-arn", &provider]);
        by(counter, &admin, aws)
    };
    assumed(&counter);
    let second = format!("file://{}", at.join("second.pem").display());
    assert_eq!(aws(&counter, &["update-saml-provider", "--add-private-key", &second])["SAMLProviderArn"], provider);
    assumed(&counter);
    std::fs::write(at.join("sp.crt"), &SECOND.certificate).unwrap();
    assumed(&counter);
    let known = aws(&counter, &["get-saml-provider"]);
    assert_eq!(known["PrivateKeyList"][1]["KeyId"], id_of(&SECOND), "{known}");
    aws(&counter, &["update-saml-provider", "--remove-private-key", &id_of(&FIRST)]);
    let said = counter.bailey.ok(&["idp", "show", "Corp"]);
    assert!(said.contains(&format!("required, for {} of", id_of(&SECOND))), "{said}");
    assert!(counter.bailey.terminate().success());
    counter.start();
    assumed(&counter);
    let said = counter.bailey.ok(&["idp", "change", "Corp", "--private-key", at.join("first.pem").to_str().unwrap()]);
    assert!(said.contains(&id_of(&FIRST)), "{said}");
    let said = counter.bailey.ok(&["idp", "check", "Corp"]);
    assert!(said.contains("have to be encrypted"), "{said}");

    // Brought back from a backup, as operators do.
    let backup = counter.bailey.path("backup.jsonl");
    counter.bailey.ok(&["store", "export", backup.to_str().unwrap()]);
    let audit = counter.bailey.ok(&["audit", "tail", "--count", "10000"]);
    assert!(audit.contains(&id_of(&FIRST)) && audit.contains("private_key_removed"), "{audit}");
    assert!(counter.bailey.terminate().success());
    let (state, aside) = (counter.bailey.path("state"), counter.bailey.path("state.aside"));
    std::fs::rename(&state, &aside).unwrap();
    counter.bailey.ok(&["store", "import", backup.to_str().unwrap()]);
    std::fs::copy(aside.join("master.key"), state.join("master.key")).unwrap();
    counter.start();
    assumed(&counter);
    std::fs::write(at.join("sp.crt"), &FIRST.certificate).unwrap();
    assumed(&counter);
    assert!(counter.bailey.terminate().success());
    assert!(counter.bailey.ok(&["store", "verify"]).contains("all sound"));

    let mut secrets = Secrets::new();
    for (name, signer) in [("first", &*FIRST), ("second", &*SECOND)] {
        // A line in the middle of the private exponent: forty-eight bytes.
        let line = signer.key_pem.lines().nth(9).unwrap();
        secrets.insert(name.to_owned(), STANDARD.decode(line).unwrap());
    }
    let look = Look::for_all(&secrets);
    assert!(!look.found(FIRST.key_pem.as_bytes()).is_empty());
    let mut all = vec![backup];
    files(&state, &mut all);
    files(&aside, &mut all);
    let mut rows = 0;
    for file in all {
        let text = std::fs::read(&file).unwrap();
        rows += usize::from(String::from_utf8_lossy(&text).contains(&id_of(&SECOND)));
        assert_eq!(look.found(&text), [""; 0], "in {}", file.display());
    }
    assert!(rows > 1, "what is no secret was found nowhere: secrets would not have been either");
    let log = counter.bailey.log();
    assert!(log.contains("DEBUG"), "the log tells everything it can");
    for (place, text) in [("audit log", &audit), ("log", &log)] {
        assert_eq!(look.found(text.as_bytes()), [""; 0], "in the {place}");
    }
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
