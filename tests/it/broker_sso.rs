//! `bailey login` by a browser and by a device's code, with Chromium for the person; and what becomes of it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::{Value, json};

use crate::bed::chromium::{Chromium, Look};
use crate::broker_bed::{ALICE, DEPLOY, Desk, PASSWORD, SESSION};
use crate::run;

/// A `bailey login` that waits for somebody.
struct Waiting {
    child: Child,
    words: BufReader<ChildStderr>,
}

impl Waiting {
    fn begin(desk: &Desk, more: &[&str]) -> Self {
        let ca_file = desk.ca_file();
        let words = ["login", "--url", &desk.url, "--ca-file", ca_file.to_str().unwrap(), "--output", "json"];
        let mut command = desk.command(&[&words, more].concat());
        // No browser of this machine: the tests have one of their own.
        command.env("PATH", "/nonexistent").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let words = BufReader::new(child.stderr.take().unwrap());
        Self { child, words }
    }

    /// The first line that has this in it.
    fn line(&mut self, with: &str) -> String {
        let mut all = String::new();
        loop {
            let before = all.len();
            assert!(self.words.read_line(&mut all).unwrap() > 0, "no `{with}` in {all}");
            if all[before..].contains(with) {
                return all[before..].trim().to_owned();
            }
        }
    }

    fn ended(self) -> (Output, String) {
        let Self { child, mut words } = self;
        let output = child.wait_with_output().unwrap();
        let mut said = String::new();
        words.read_to_string(&mut said).unwrap();
        (output, said)
    }

    /// What it tells of the sign-in.
    fn told(self) -> Value {
        let (output, said) = self.ended();
        assert!(output.status.success(), "{said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn alice_signs_in(browser: &Chromium, address: &str) {
    browser.go(address);
    browser.until("h1", "Sign in");
    browser.types("#login", "alice");
    browser.types("#password", PASSWORD);
    browser.clicks("button[type=submit]");
}

fn signed_in_by_browser(desk: &Desk, browser: &Chromium) -> Value {
    let mut waiting = Waiting::begin(desk, &[]);
    let address = waiting.line("/oauth2/authorize?");
    alice_signs_in(browser, &address);
    browser.until("h1", "Sign in to the Bailey command line?");
    browser.clicks("button[value=agree]");
    browser.until("p", "You can close this window");
    assert_eq!(browser.path(), "/done", "no code stays in the address");
    waiting.told()
}

fn kept(desk: &Desk) -> Value {
    serde_json::from_slice(&std::fs::read(desk.kept("login-")).unwrap()).unwrap()
}

/// What is kept of the sign-in, as if its access token had ended.
fn without_access(desk: &Desk) {
    desk.change("login-", |kept| kept["tokens"]["access_expires"] = json!("2026-01-01T00:00:00Z"));
}

fn aws(desk: &Desk) -> Output {
    let file = desk.at_home("aws-config");
    let process = format!("{} credentials --role Deploy", env!("CARGO_BIN_EXE_bailey"));
    std::fs::write(&file, format!("[default]\ncredential_process = {process}\n")).unwrap();
    let mut line = Command::new("/usr/bin/aws");
    line.args(["sts", "get-caller-identity", "--query", "Arn", "--output", "text", "--endpoint-url", &desk.url]);
    let mut line = desk.at_desk(line);
    line.env("AWS_CONFIG_FILE", file).output().unwrap()
}

#[test]
fn a_browser_signs_somebody_in_and_the_command_line_of_aws_takes_the_role() {
    let desk = Desk::new();
    let browser = Chromium::open(Look::Light);
    let told = signed_in_by_browser(&desk, &browser);
    assert_eq!((&told["arn"], &told["url"]), (&json!(ALICE), &json!(desk.url)));
    assert_eq!(std::fs::metadata(desk.kept("login-")).unwrap().permissions().mode() & 0o777, 0o600);
    let by_process = aws(&desk);
    assert_eq!(String::from_utf8_lossy(&by_process.stdout).trim(), SESSION, "{}", run::said(&by_process));
    assert_eq!((desk.credentials(), desk.sessions()), (desk.credentials(), 1), "one session for all");
    let ways = desk.ok(&["credentials", "--role", DEPLOY, "--duration", "2h", "--session-name", "release", "--env"]);
    assert!(ways.contains("export AWS_SESSION_TOKEN="));
    let refused = desk.refused(&["credentials", "--role", "Nothing"]);
    assert!(refused.contains("no such role trusts who asks"), "{refused}");
    // The access token shows who asks about a refusal; there is none by that id.
    let none = desk.refused(&["explain", "01890a5d-ac96-774b-bcce-b302099a8057", "--url", &desk.url]);
    assert!(none.contains("there is no refusal by that id"), "{none}");

    // Several at once, when the access token is over: one refreshes, and the sign-in goes on.
    let before = kept(&desk)["tokens"]["refresh"].clone();
    without_access(&desk);
    let roles = ["15m", "16m", "17m", "18m"];
    let at_once: Vec<_> = roles
        .map(|time| {
            let mut command = desk.command(&["credentials", "--role", "Deploy", "--duration", time]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .into_iter()
        .map(|child| child.wait_with_output().unwrap())
        .collect();
    assert!(at_once.iter().all(|one| one.status.success()), "{:?}", at_once.iter().map(run::said).collect::<Vec<_>>());
    let after = kept(&desk)["tokens"]["refresh"].clone();
    assert_ne!(before, after);
    let number = |token: &Value| token.as_str().unwrap().split('.').nth(1).unwrap().parse::<u32>().unwrap();
    assert_eq!((number(&before), number(&after)), (1, 2), "one of them refreshed it");

    // Signed out, the daemon knows nothing of it any more.
    desk.ok(&["credentials", "--role", "Deploy", "--duration", "19m"]);
    let credentials = desk.credentials();
    let said = run::said(&desk.run(&["logout"]));
    assert!(said.contains("ended at the daemon"), "{said}");
    assert!(desk.refused(&["credentials", "--role", "Deploy"]).contains("nobody is signed in"));
    let mut line = Command::new("/usr/bin/aws");
    line.args(["sts", "get-caller-identity", "--endpoint-url", &desk.url]);
    let mut line = desk.at_desk(line);
    for (name, value) in [("AWS_ACCESS_KEY_ID", "AccessKeyId"), ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey")] {
        line.env(name, credentials[value].as_str().unwrap());
    }
    let over = line.env("AWS_SESSION_TOKEN", credentials["SessionToken"].as_str().unwrap()).output().unwrap();
    assert!(run::said(&over).contains("ExpiredToken"), "{}", run::said(&over));
}

#[test]
fn a_refresh_token_that_somebody_else_used_ends_the_sign_in() {
    let desk = Desk::new();
    signed_in_by_browser(&desk, &Chromium::open(Look::Light));
    let copy = std::fs::read(desk.kept("login-")).unwrap();
    for _ in 0..2 {
        without_access(&desk);
        desk.ok(&["credentials", "--role", "Deploy"]);
        std::fs::remove_file(desk.kept("role-")).unwrap();
    }
    std::fs::write(desk.kept("login-"), copy).unwrap();
    without_access(&desk);
    let refused = desk.refused(&["credentials", "--role", "Deploy"]);
    assert!(refused.contains("is over") && refused.contains("bailey login --url"), "{refused}");
}

#[test]
fn a_code_that_is_typed_elsewhere_signs_a_machine_in_that_has_no_browser() {
    let desk = Desk::new();
    let browser = Chromium::open(Look::Phone);
    let mut waiting = Waiting::begin(&desk, &["--device"]);
    let line = waiting.line(" and type: ");
    let code = line.rsplit(' ').next().unwrap().to_owned();
    assert!(line.contains(&format!("{}/device", desk.url)), "{line}");
    alice_signs_in(&browser, &format!("{}/device", desk.url));
    browser.until("h1", "Sign in a device");
    browser.types("#user_code", &code.to_lowercase());
    browser.clicks("button[type=submit]");
    browser.until("h1", "Sign in the Bailey command line?");
    assert!(browser.reads("main").contains(&code));
    browser.clicks("button[value=agree]");
    browser.until("h1", "The device is signed in");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    assert_eq!(waiting.told()["arn"], ALICE);
    assert_eq!(String::from_utf8_lossy(&aws(&desk).stdout).trim(), SESSION);

    let mut waiting = Waiting::begin(&desk, &["--device"]);
    let line = waiting.line(" and type: ");
    browser.go(&format!("{}/device", desk.url));
    browser.types("#user_code", line.rsplit(' ').next().unwrap());
    browser.clicks("button[type=submit]");
    browser.until("h1", "Sign in the Bailey command line?");
    browser.clicks("button[value=refuse]");
    browser.until("h1", "Refused");
    let (output, said) = waiting.ended();
    assert!(output.status.code() == Some(1) && said.contains("the person refused (access_denied)"), "{said}");
    desk.credentials();
}

/// Ends of tokens that were given back.
fn given_back(desk: &Desk) -> usize {
    let log = desk.bailey.ok(&["audit", "tail", "--count", "10000"]);
    log.lines().filter(|line| line.contains("\"EndTokens\"") && line.contains("\"revoked\"")).count()
}

#[test]
fn a_new_sign_in_ends_the_one_that_it_takes_the_place_of() {
    let desk = Desk::new();
    let browser = Chromium::open(Look::Light);
    signed_in_by_browser(&desk, &browser);
    let copy = std::fs::read(desk.kept("login-")).unwrap();
    let mut waiting = Waiting::begin(&desk, &[]);
    let address = waiting.line("/oauth2/authorize?");
    browser.go(&address);
    browser.until("h1", "Sign in to the Bailey command line?");
    browser.clicks("button[value=agree]");
    let (output, said) = waiting.ended();
    assert!(output.status.success() && !said.contains("warning"), "{said}");
    assert_eq!(given_back(&desk), 1);
    desk.credentials();
    let new = std::fs::read(desk.kept("login-")).unwrap();
    std::fs::write(desk.kept("login-"), copy).unwrap();
    without_access(&desk);
    let refused = desk.refused(&["credentials", "--role", "Deploy"]);
    assert!(refused.contains("is over"), "{refused}");
    // The password takes its place, too; and a sign-in that the daemon does not take back is told, and hinders nobody.
    std::fs::write(desk.kept("login-"), new).unwrap();
    desk.change("login-", |kept| kept["tokens"]["refresh"] = json!(""));
    let output = desk.run(&desk.login());
    let said = run::said(&output);
    assert!(output.status.success() && said.contains("warning: the sign-in before, of arn:aws:iam::"), "{said}");
    assert!(said.contains("could not be ended at the daemon") && said.contains("/me/sessions"), "{said}");
    desk.credentials();
    assert_eq!(given_back(&desk), 1);
    // Nor does one that cannot be read.
    std::fs::write(desk.kept("login-"), "x".repeat(100_000)).unwrap();
    let output = desk.run(&desk.login());
    let said = run::said(&output);
    assert!(output.status.success() && said.contains("warning: the sign-in before is not ended"), "{said}");
    desk.credentials();
}

/// Asks the listener of a sign-in for something.
fn asks(port: u16, host: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn nobody_else_ends_a_sign_in_or_begins_one_in_its_place() {
    let desk = Desk::new();
    let mut waiting = Waiting::begin(&desk, &[]);
    let address: url::Url = waiting.line("/oauth2/authorize?").parse().unwrap();
    let asked = |name: &str| {
        let found = address.query_pairs().find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    assert_eq!((asked("code_challenge_method").as_str(), asked("client_id").as_str()), ("S256", "bailey-cli"));
    let back: url::Url = asked("redirect_uri").parse().unwrap();
    let (port, state, iss) = (back.port().unwrap(), asked("state"), desk.url.clone());
    let host = format!("127.0.0.1:{port}");
    for (host, path, why) in [
        (host.as_str(), "/callback?code=x&state=y".to_owned(), "no answer to the sign-in"),
        (&host, format!("/callback?code=x&state={state}"), "no answer to the sign-in"),
        (&host, format!("/callback?code=x&state={state}&iss=https://evil.example"), "no answer to the sign-in"),
        (&host, format!("/callback?code=x&code=y&state={state}&iss={iss}"), "no answer to the sign-in"),
        (&host, format!("/callback?state={state}&state={state}&iss={iss}&code=x"), "no answer to the sign-in"),
        ("evil.example", format!("/callback?code=x&state={state}&iss={iss}"), "Not for this listener"),
        (&host, "/".to_owned(), "nothing here"),
    ] {
        let answer = asks(port, host, &path);
        assert!(answer.starts_with("HTTP/1.1 4") && answer.contains(why), "{path}: {answer}");
    }
    // A policy keeps her out, and the command says so.
    let statement = json!({ "Effect": "Deny", "Action": "sso:Authorize", "Resource": "*" });
    let file = desk.at_home("no.json");
    std::fs::write(&file, json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()).unwrap();
    desk.bailey.ok(&["user", "put-policy", "alice", "no", file.to_str().unwrap()]);
    let browser = Chromium::open(Look::Light);
    alice_signs_in(&browser, address.as_str());
    browser.until("p", "You can close this window");
    let (output, said) = waiting.ended();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("explicit deny") && said.contains("access_denied"), "{said}");
    assert!(desk.refused(&["credentials", "--role", "Deploy"]).contains("nobody is signed in"));
    // The daemon under another address than its own, and one without single sign-on.
    let ca_file = desk.ca_file();
    let other = desk.url.replace("localhost", "127.0.0.1");
    let said = desk.refused(&["login", "--url", &other, "--ca-file", ca_file.to_str().unwrap()]);
    assert!(said.contains("calls itself") || said.contains("cannot be reached"), "{said}");
}
