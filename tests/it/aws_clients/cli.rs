//! Debian's AWS command line, as people type it.

use std::process::Command;

use serde_json::{Value, json};

use super::client::{has, names};
use super::{ACCOUNT, Company, Key, READ_ONLY, clock, code};
use crate::run;

/// Debian's own: another may come first in the path.
const AWS: &str = "/usr/bin/aws";

struct CommandLine<'a> {
    company: &'a Company,
    key: Key,
}

impl CommandLine<'_> {
    fn command(&self, words: &[&str]) -> Command {
        let mut aws = Command::new(AWS);
        self.company.addresses(&mut aws);
        aws.args(["--endpoint-url", &self.company.endpoint]).args(words).env("AWS_DEFAULT_REGION", "us-east-1");
        aws.env("AWS_ACCESS_KEY_ID", &self.key.id).env("AWS_SECRET_ACCESS_KEY", &self.key.secret);
        aws.current_dir(self.company.bailey.path(""));
        aws
    }

    /// What it prints, of a command that must succeed.
    fn prints(&self, words: &[&str]) -> String {
        run::stdout(&mut self.command(words))
    }

    /// The JSON it prints, of a command that must succeed.
    fn json(&self, words: &[&str]) -> Value {
        let value = serde_json::from_str(&self.prints(words)).unwrap();
        self.company.remember_secrets_in(&value);
        value
    }

    /// What it says, of a command that the service refuses (AWS CLI user guide, "return codes").
    fn refused(&self, words: &[&str]) -> String {
        let output = run::output(&mut self.command(words));
        assert_eq!(output.status.code(), Some(254), "{words:?}: {}", run::said(&output));
        run::said(&output)
    }
}

#[test]
fn the_aws_command_line_works_as_its_manual_says() {
    let company = Company::new();
    company.initialized();
    let aws = CommandLine { company: &company, key: company.key_of("alice") };
    let identity = aws.json(&["sts", "get-caller-identity"]);
    has(&identity, &json!({"Account": ACCOUNT, "Arn": format!("arn:aws:iam::{ACCOUNT}:user/alice")}));

    let made = aws.json(&["iam", "create-user", "--user-name", "cli", "--path", "/x/", "--tags", "Key=a,Value=b c"]);
    has(&made["User"], &json!({"UserName": "cli", "Tags": [{"Key": "a", "Value": "b c"}]}));
    let created: jiff::Timestamp = made["User"]["CreateDate"].as_str().unwrap().parse().unwrap();
    assert!((clock() - created.as_second()).abs() < 120, "{created}");
    assert_eq!(aws.prints(&["iam", "wait", "user-exists", "--user-name", "cli"]), "");
    let paged =
        aws.prints(&["iam", "list-users", "--page-size", "1", "--query", "Users[].UserName", "--output", "text"]);
    assert_eq!(paged.split_whitespace().collect::<Vec<_>>(), ["alice", "bob", "carol", "cli"]);
    let first = aws.json(&["iam", "list-users", "--max-items", "3"]);
    assert_eq!(names(&first["Users"], "UserName").len(), 3);
    let token = first["NextToken"].as_str().unwrap();
    let rest = aws.json(&["iam", "list-users", "--starting-token", token]);
    assert_eq!(names(&rest["Users"], "UserName"), ["cli"]);

    let text = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::ä/*"}]});
    std::fs::write(company.bailey.path("policy.json"), text.to_string()).unwrap();
    let own = ["--user-name", "cli", "--policy-name", "own"];
    aws.prints(&[&["iam", "put-user-policy", "--policy-document", "file://policy.json"], &own[..]].concat());
    assert_eq!(aws.json(&[&["iam", "get-user-policy"], &own[..]].concat())["PolicyDocument"], text);
    aws.prints(&["iam", "attach-user-policy", "--user-name", "cli", "--policy-arn", READ_ONLY]);

    let key = aws.json(&["iam", "create-access-key", "--user-name", "cli"]);
    let text_of = |name: &str| key["AccessKey"][name].as_str().unwrap().to_owned();
    let cli =
        CommandLine { company: &company, key: Key { id: text_of("AccessKeyId"), secret: text_of("SecretAccessKey") } };
    let seen = cli.json(&["iam", "get-user"]);
    has(&seen["User"], &json!({"UserName": "cli", "UserId": made["User"]["UserId"]}));
    let refused = cli.refused(&["iam", "create-user", "--user-name", "more"]);
    let words = format!(
        "An error occurred (AccessDenied) when calling the CreateUser operation: User: arn:aws:iam::{ACCOUNT}:user/x/cli is not authorized"
    );
    assert!(refused.contains(&words), "{refused}");
    let refused = aws.refused(&["iam", "delete-user", "--user-name", "carol"]);
    assert!(refused.contains("(UnmodifiableEntity)") && refused.contains("directory `corp`"), "{refused}");

    let (picture, seed) = (company.bailey.path("qr.png"), company.bailey.path("seed"));
    for (method, file, name) in [("QRCodePNG", &picture, "shown"), ("Base32StringSeed", &seed, "typed")] {
        let file = file.to_str().unwrap();
        let made = aws.json(&[
            "iam",
            "create-virtual-mfa-device",
            "--virtual-mfa-device-name",
            name,
            "--outfile",
            file,
            "--bootstrap-method",
            method,
        ]);
        has(&made["VirtualMFADevice"], &json!({"SerialNumber": format!("arn:aws:iam::{ACCOUNT}:mfa/{name}")}));
    }
    assert!(std::fs::read(picture).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));
    let seed = std::fs::read_to_string(seed).unwrap();
    company.remember(&seed);
    let serial = format!("arn:aws:iam::{ACCOUNT}:mfa/typed");
    let (first, second) = (code(&seed, -1), code(&seed, 0));
    aws.prints(&[
        "iam",
        "enable-mfa-device",
        "--user-name",
        "cli",
        "--serial-number",
        &serial,
        "--authentication-code1",
        &first,
        "--authentication-code2",
        &second,
    ]);
    let devices = aws.prints(&[
        "iam",
        "list-mfa-devices",
        "--user-name",
        "cli",
        "--query",
        "MFADevices[0].SerialNumber",
        "--output",
        "text",
    ]);
    assert_eq!(devices.trim(), serial);
    company.ends_without_a_trace_of_secrets();
}
