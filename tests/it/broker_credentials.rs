//! `bailey credentials`: what is printed, when it is refreshed, and that nothing is printed where there is nothing good.

use std::process::Stdio;

use bailey::base::Clock as _;
use bailey::base::clock::SystemClock;
use serde_json::Value;

use crate::broker_bed::{DEPLOY, Desk};
use crate::run;

#[test]
fn what_is_printed_is_what_sdks_and_shells_read() {
    let desk = Desk::signed_in();
    let printed = desk.credentials();
    let names: Vec<&str> = printed.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["AccessKeyId", "Expiration", "SecretAccessKey", "SessionToken", "Version"]);
    assert_eq!(printed["Version"], 1);
    assert!(printed["AccessKeyId"].as_str().unwrap().starts_with("ASIA"));
    let expires = printed["Expiration"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let left = expires.as_second() - SystemClock.now().as_second();
    assert!((3_500..=3_600).contains(&left), "{left}");
    // By name or ARN, it is the same session.
    let by_arn: Value = serde_json::from_str(&desk.ok(&["credentials", "--role", DEPLOY, "--url", &desk.url])).unwrap();
    assert_eq!((&by_arn, desk.sessions()), (&printed, 1));

    let mut shell = std::process::Command::new("sh");
    let script = "eval \"$(\"$0\" credentials --role Deploy --env)\" && printf '%s\\n' \"$AWS_ACCESS_KEY_ID\" \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_SESSION_TOKEN\" \"$AWS_CREDENTIAL_EXPIRATION\"";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_bailey")]);
    let said = run::stdout(&mut desk.at_desk(shell));
    let expected =
        ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"].map(|name| printed[name].as_str().unwrap());
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);

    // Another name or length is another session.
    let other: Value =
        serde_json::from_str(&desk.ok(&["credentials", "--role", "Deploy", "--session-name", "other"])).unwrap();
    assert_ne!(other["AccessKeyId"], printed["AccessKeyId"]);
    let short: Value =
        serde_json::from_str(&desk.ok(&["credentials", "--role", "Deploy", "--duration", "900"])).unwrap();
    assert!(short["Expiration"].as_str().unwrap() < printed["Expiration"].as_str().unwrap());
}

#[test]
fn a_session_that_is_due_is_refreshed_and_one_that_is_not_is_kept() {
    let desk = Desk::signed_in();
    let first = desk.credentials();
    assert_eq!(desk.credentials(), first);
    desk.age("role-", 890);
    let second = desk.credentials();
    assert_ne!(second["AccessKeyId"], first["AccessKeyId"], "less than a quarter of an hour was left");
    // What cannot be read is nothing that is kept.
    std::fs::write(desk.kept("role-"), "{").unwrap();
    assert_ne!(desk.credentials()["AccessKeyId"], second["AccessKeyId"]);
    assert_eq!(desk.sessions(), 3);
}

#[test]
fn sixteen_processes_at_once_begin_one_session() {
    let desk = Desk::signed_in();
    let start = || desk.command(&["credentials", "--role", "Deploy"]).stdout(Stdio::piped()).spawn().unwrap();
    let running: Vec<_> = (0..16).map(|_| start()).collect();
    let printed: Vec<Value> = running
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success());
            serde_json::from_slice(&output.stdout).unwrap()
        })
        .collect();
    assert!(printed.iter().all(|one| *one == printed[0]));
    assert_eq!(desk.sessions(), 1);
}

#[test]
fn nothing_is_printed_when_there_is_nothing_good() {
    let mut desk = Desk::signed_in();
    assert!(desk.refused(&["credentials", "--role", "Other"]).contains("AccessDenied"));
    assert!(desk.refused(&["credentials", "--role", "Deploy", "--duration", "13h"]).contains("ValidationError"));
    assert!(desk.refused(&["credentials", "--role", "Deploy", "--session-name", "a b"]).contains("ValidationError"));
    let first = desk.credentials();
    desk.bailey.kill();
    // What is not due is as good without the daemon.
    assert_eq!(desk.credentials(), first);
    for left in [600, 0, -1] {
        desk.age("role-", left);
        for more in [&[][..], &["--env"]] {
            let words = desk.refused(&[&["credentials", "--role", "Deploy"], more].concat());
            assert!(words.contains("cannot be reached"), "{left}: {words}");
        }
    }
    desk.age("login-", -1);
    let words = desk.refused(&["credentials", "--role", "Deploy"]);
    assert!(words.contains(&format!("run `bailey login --url {}`", desk.url)), "{words}");
}

#[test]
fn a_session_that_was_ended_gives_no_more() {
    let desk = Desk::signed_in();
    let kept: Value = serde_json::from_slice(&std::fs::read(desk.kept("login-")).unwrap()).unwrap();
    desk.bailey.ok(&["session", "end", kept["keys"]["access_key_id"].as_str().unwrap()]);
    assert!(desk.refused(&["credentials", "--role", "Deploy"]).contains("ExpiredToken"));
}

#[test]
fn of_several_sign_ins_one_has_to_be_meant() {
    let desk = Desk::signed_in();
    let file = desk.kept("login-");
    let other = std::fs::read_to_string(&file).unwrap().replace(&desk.url, "https://other.example");
    let copy = file.with_file_name("login-0.json");
    std::fs::write(&copy, other).unwrap();
    std::fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let words = desk.refused(&["credentials", "--role", "Deploy"]);
    assert!(words.contains("say which is meant with --url"), "{words}");
    desk.ok(&["credentials", "--role", "Deploy", "--url", &desk.url]);
}
