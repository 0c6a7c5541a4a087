//! Unmodified programs of AWS find a role's credentials in each of the three ways, by `config/aws-config.example`: Debian's
//! command line and boto3, and the SDK for JavaScript, each by its own chain of providers.

use std::path::PathBuf;
use std::process::Command;

use crate::aws_clients::client::packages;
use crate::broker_bed::{Desk, SESSION};
use crate::run;

const EXAMPLE: &str = include_str!("../../config/aws-config.example");
const BOTO: &str = "import boto3, os; print(boto3.client('sts', endpoint_url=os.environ['AWS_ENDPOINT_URL']).get_caller_identity()['Arn'])";
const JAVASCRIPT: &str = "const { STSClient, GetCallerIdentityCommand } = require('@aws-sdk/client-sts');\
    new STSClient({ endpoint: process.env.AWS_ENDPOINT_URL }).send(new GetCallerIdentityCommand({})).then((answer) => console.log(answer.Arn));";

/// The example, for this desk.
fn example(desk: &Desk, metadata: &str) -> PathBuf {
    let changes = [
        ("/usr/bin/bailey", env!("CARGO_BIN_EXE_bailey")),
        ("https://bailey.example", &desk.url),
        ("http://127.0.0.1:9912/", metadata),
    ];
    let text = changes.into_iter().fold(EXAMPLE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the example has no {from}");
        text.replace(from, to)
    });
    let file = desk.at_home("aws-config");
    std::fs::write(&file, text).unwrap();
    file
}

/// Who each of the programs says that it is, by this profile and with these variables.
fn asked(desk: &Desk, profile: &str, file: &PathBuf, variables: &[(String, String)]) -> Vec<String> {
    let mut line = Command::new("/usr/bin/aws");
    line.args(["sts", "get-caller-identity", "--query", "Arn", "--output", "text", "--endpoint-url", &desk.url]);
    let mut boto = Command::new("/usr/bin/python3");
    boto.args(["-c", BOTO]);
    if let Some((_, token_file)) = variables.iter().find(|(name, _)| name.ends_with("TOKEN_FILE")) {
        // Debian's are older than that variable, and so may others be.
        for older in [&mut line, &mut boto] {
            older.env("AWS_CONTAINER_AUTHORIZATION_TOKEN", std::fs::read_to_string(token_file).unwrap());
        }
    }
    let mut javascript = Command::new("node");
    javascript.args(["-e", JAVASCRIPT]).env("NODE_PATH", packages());
    [line, boto, javascript]
        .into_iter()
        .map(|command| {
            let mut command = desk.at_desk(command);
            command.env("AWS_CONFIG_FILE", file).env("AWS_PROFILE", profile);
            // A second is what they wait for by themselves, and this machine may be busy.
            command.env("AWS_METADATA_SERVICE_TIMEOUT", "20").env("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "3");
            command.envs(variables.iter().cloned());
            run::stdout(&mut command).trim().to_owned()
        })
        .collect()
}

#[test]
fn a_command_that_prints_them() {
    let desk = Desk::signed_in();
    let file = example(&desk, "http://127.0.0.1:1/");
    assert_eq!(asked(&desk, "deploy", &file, &[]), [SESSION; 3]);
    assert_eq!(desk.sessions(), 1, "each program asked anew, and one session was enough");
}

#[test]
fn a_container_endpoint() {
    let desk = Desk::signed_in();
    let file = example(&desk, "http://127.0.0.1:1/");
    let served = desk.serve(&["--token-file", desk.at_home(".deploy-token").to_str().unwrap()]);
    assert_eq!(asked(&desk, "container", &file, &served.variables), [SESSION; 3]);
    assert_eq!(desk.sessions(), 1);
}

#[test]
fn instance_metadata() {
    let desk = Desk::signed_in();
    let served = desk.serve(&["--imds"]);
    // Begun already: no program waits for the role to be taken.
    desk.ok(&["credentials", "--role", "Deploy"]);
    let file = example(&desk, &served.variables[0].1);
    assert_eq!(asked(&desk, "metadata", &file, &[]), [SESSION; 3]);
    // As SDKs do that know the variable alone.
    assert_eq!(asked(&desk, "container", &file, &served.variables), [SESSION; 3]);
    assert_eq!(desk.sessions(), 1);
}
