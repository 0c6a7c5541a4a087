//! The program as a person starts it: help, exit codes, `check`, completions.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

const BROKEN: &str = "tests/fixtures/config/broken.toml";

fn bailey(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailey"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("BAILEY_CONFIG").env_remove("CREDENTIALS_DIRECTORY");
    command.args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn help_names_every_verb_and_exit_code() {
    let help = bailey(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let verbs = "run check sync directory user group resource history store audit login logout credentials completions";
    for word in verbs.split(' ').chain(["--config", "--url", "--socket", "--output", "3 held by a guard"]) {
        assert!(stdout(&help).contains(word), "{word} is missing in\n{}", stdout(&help));
    }
}

#[test]
fn wrong_words_are_told_with_what_was_meant() {
    let wrong = bailey(&["chekc"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("'check'"), "{}", stderr(&wrong));
}

#[test]
fn check_tells_every_fault_of_a_broken_file() {
    let checked = bailey(&["check", "--output", "json", "--config", BROKEN]);
    assert_eq!(checked.status.code(), Some(2), "{}", stderr(&checked));
    let findings: Vec<serde_json::Value> = serde_json::from_slice(&checked.stdout).unwrap();
    assert!(findings.len() > 40, "{}", findings.len());
    for finding in &findings {
        assert_eq!(finding["severity"], "fault");
        assert!(finding["subject"].as_str().unwrap().starts_with(&format!("{BROKEN}:")), "{finding}");
        assert!(!finding["remedy"].as_str().unwrap().is_empty(), "{finding}");
    }
    let table = bailey(&["--config", BROKEN, "check"]);
    assert_eq!(table.status.code(), Some(2));
    assert!(stdout(&table).contains("did you mean `account`?"), "{}", stdout(&table));
    assert!(!stdout(&table).contains("hunter2"));
}

#[test]
fn check_of_a_missing_file_is_a_fault_of_the_configuration() {
    let checked = bailey(&["check", "--config", "no/such/bailey.toml"]);
    assert_eq!(checked.status.code(), Some(2));
    assert!(stdout(&checked).contains("no/such/bailey.toml"), "{}", stdout(&checked));
}

#[test]
fn check_of_a_sound_file_is_fine() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bailey.toml");
    std::fs::write(&file, "account = \"123456789012\"\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailey"));
    let checked = command.arg("check").env("BAILEY_CONFIG", &file).output().unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", stdout(&checked));
    assert!(stdout(&checked).contains("no fault"), "{}", stdout(&checked));
}

#[test]
fn completions_are_scripts_their_shell_understands() {
    let script = bailey(&["completions", "bash"]);
    assert_eq!(script.status.code(), Some(0));
    assert!(stdout(&script).contains("approve"));
    let mut shell = Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    shell.stdin.take().unwrap().write_all(&script.stdout).unwrap();
    let verdict = shell.wait_with_output().unwrap();
    assert!(verdict.status.success(), "{}", stderr(&verdict));
    for shell in ["elvish", "fish", "powershell", "zsh"] {
        assert!(stdout(&bailey(&["completions", shell])).contains("bailey"), "{shell}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended =
        Command::new(env!("CARGO_BIN_EXE_bailey")).args(["completions", "bash"]).stdout(writer).output().unwrap();
    assert_eq!((ended.status.code(), stderr(&ended)), (Some(0), ""));
}
