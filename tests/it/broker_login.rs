//! `bailey login` and `logout`: who gets in, and how what is kept lies on the disk.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use bailey::base::Clock as _;
use bailey::base::clock::SystemClock;
use bailey::cli::client::Client;
use serde_json::{Value, json};

use crate::broker_bed::{ALICE, DEPLOY, Desk, PASSWORD};
use crate::credentials::app_code;
use crate::run;

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().mode() & 0o777
}

#[test]
fn who_signs_in_is_kept_closed_to_others_and_forgotten_when_told() {
    let desk = Desk::new();
    assert!(desk.refused(&["credentials", "--role", "Deploy"]).contains("run `bailey login --url URL`"));
    let told: Value =
        serde_json::from_str(&desk.ok(&[desk.login(), vec!["--output".into(), "json".into()]].concat())).unwrap();
    assert_eq!((&told["arn"], &told["url"]), (&json!(ALICE), &json!(desk.url)));
    let left = told["expires"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second()
        - SystemClock.now().as_second();
    assert!((43_000..=43_200).contains(&left), "{left}");
    desk.credentials();
    assert_eq!((mode(&desk.cache()), mode(&desk.kept("login-")), mode(&desk.kept("role-"))), (0o700, 0o600, 0o600));
    for entry in std::fs::read_dir(desk.cache()).unwrap() {
        let file = entry.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{file:?}");
        assert!(!std::fs::read_to_string(&file).unwrap().contains(PASSWORD), "the password is kept in {file:?}");
    }

    let key = |file: &Path| {
        let kept: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        kept["keys"]["access_key_id"].as_str().unwrap().to_owned()
    };
    let before = key(&desk.kept("login-"));
    let words = run::said(&desk.run(&["logout"]));
    assert!(words.contains(ALICE) && words.contains(&format!("bailey session end {before}")), "{words}");
    let left: Vec<_> = std::fs::read_dir(desk.cache()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name.to_str().unwrap().ends_with(".lock")), "{left:?}");
    assert!(desk.refused(&["credentials", "--role", "Deploy"]).contains("nobody is signed in"));
    desk.bailey.ok(&["session", "end", &before]);
}

#[test]
fn a_session_lasts_as_long_as_was_asked_for_and_no_longer_than_may_be() {
    let desk = Desk::new();
    let with = |more: &[&str]| [desk.login(), more.iter().map(|word| (*word).to_owned()).collect()].concat();
    desk.ok(&with(&["--duration", "1h"]));
    let kept: Value = serde_json::from_slice(&std::fs::read(desk.kept("login-")).unwrap()).unwrap();
    let moment = |name: &str| kept["keys"][name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
    assert!((3_590..=3_601).contains(&(moment("expires") - moment("begun"))));
    assert!(desk.refused(&with(&["--duration", "37h"])).contains("ValidationError"));
    desk.credentials();
    // Another sign-in begins anew: nothing of the one before is given out.
    let before = desk.kept("role-");
    desk.ok(&desk.login());
    assert!(!before.exists());
}

#[test]
fn wrong_words_sign_nobody_in() {
    let desk = Desk::new();
    let file = desk.at_home("wrong");
    std::fs::write(&file, "wrong").unwrap();
    let (file, ca) = (file.display().to_string(), desk.ca_file().display().to_string());
    let with = |url: &str, ca: &str, user: &str| {
        desk.refused(&["login", "--url", url, "--ca-file", ca, "--user", user, "--password-file", &file])
    };
    assert!(with(&desk.url, &ca, "alice").contains("AccessDenied"));
    assert!(with(&desk.url, &ca, "nobody").contains("AccessDenied"));
    assert!(with(&desk.url.replace("https", "http"), &ca, "alice").contains("`https://` alone"));
    assert!(with("https://localhost:1", &ca, "alice").contains("cannot be reached"));
    // Somebody in between, whom no authority of ours vouches for.
    let other = crate::bed::Authority::new("Other");
    assert!(with(&desk.url, &other.ca_file().display().to_string(), "alice").contains("there is no TLS"));
    assert!(
        desk.refused(&["login", "--password", "--url", &desk.url, "--ca-file", &ca]).contains("--password-file"),
        "no terminal"
    );
    assert!(desk.refused(&["login"]).contains("--url"));
    let kept: Vec<_> = std::fs::read_dir(desk.cache()).unwrap().collect();
    assert!(kept.is_empty(), "{kept:?}");
}

#[test]
fn what_others_could_have_read_is_not_used() {
    let desk = Desk::signed_in();
    desk.credentials();
    let login = desk.kept("login-");
    let set = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    let credentials = || desk.refused(&["credentials", "--role", "Deploy"]);
    for wrong in [0o640, 0o604, 0o620] {
        set(&login, wrong);
        assert!(credentials().contains("others than its owner may open it"), "{wrong:o}");
    }
    set(&login, 0o600);
    set(&desk.kept("role-"), 0o644);
    assert!(credentials().contains("others than its owner may open it"));
    set(&desk.kept("role-"), 0o600);
    set(&desk.cache(), 0o750);
    assert!(credentials().contains("others than its owner may open it"));
    set(&desk.cache(), 0o700);
    let moved = desk.at_home("moved");
    std::fs::rename(&login, &moved).unwrap();
    symlink(&moved, &login).unwrap();
    assert!(credentials().contains("it is a symbolic link"));
    std::fs::rename(&moved, &login).unwrap();
    desk.credentials();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_asked_for_where_there_is_a_device() {
    let desk = Desk::new();
    let client = Client::socket(desk.bailey.path("socket"));
    let made: Value = client.post("/v1/mfa-devices", &json!({ "name": "alice-phone" })).await.unwrap();
    let seed = made["seed"].as_str().unwrap();
    // All of one moment: each is good for half a minute before and after its own.
    let now = SystemClock.now();
    let code = |steps: i64| app_code(seed, now + jiff::SignedDuration::from_secs(30 * steps));
    desk.bailey.ok(&["mfa", "enable", "alice", "alice-phone", &code(-1), &code(0)]);
    let words = desk.refused(&desk.login());
    assert!(words.contains("second factor") && words.contains("--code CODE"), "{words}");
    let with = |code: &str| [desk.login(), vec!["--code".to_owned(), code.to_owned()]].concat();
    assert!(desk.refused(&with(&code(0))).contains("used before"), "the code that put the device into use");
    desk.ok(&with(&code(1)));
    desk.credentials();
    // Typed, on a terminal that shows neither.
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed/typist.py");
    let mut typist = Command::new("/usr/bin/python3");
    let words = ["login", "--url", &desk.url, "--user", "alice", "--ca-file"];
    typist.args([script, env!("CARGO_BIN_EXE_bailey")]).args(words).arg(desk.ca_file());
    let asked = json!([["password: ", PASSWORD], ["code of your second factor: ", code(1)]]);
    let mut typist = desk.at_desk(typist);
    typist.env("ASKED", asked.to_string());
    let output = run::output(&mut typist);
    // The code was taken above: what counts is that it was asked for, and heard.
    let shown = run::said(&output);
    assert!(shown.contains("used before") && !shown.contains(PASSWORD) && !shown.contains(&code(1)), "{shown}");
    assert_eq!(output.status.code(), Some(1));
    assert!(desk.ok(&["credentials", "--role", DEPLOY]).contains("ASIA"), "the session before is still kept");
}

#[test]
fn a_refusal_is_explained_at_ones_own_command_line_by_the_id_that_the_message_has() {
    let desk = Desk::signed_in();
    desk.bailey.ok(&["role", "create", "Closed"]);
    let id = |said: &str| {
        let (_, rest) = said.split_once("(request ").unwrap_or_else(|| panic!("{said}"));
        rest.split_once(')').unwrap().0.to_owned()
    };
    let own = id(&desk.refused(&["credentials", "--role", "Closed"]));
    let said = desk.ok(&["explain", &own, "--url", &desk.url]);
    assert!(said.contains("missing: ") && said.contains("now: it would be refused, as it was"), "{said}");
    assert!(said.contains("arn:aws:iam::123456789012:role/Closed") && said.contains(ALICE), "{said}");
    // The command line of AWS prints the message alone, and the id is in it.
    let keys = desk.credentials();
    let mut aws = desk.at_desk(Command::new("/usr/bin/aws"));
    aws.args(["iam", "list-users", "--endpoint-url", &desk.url]).env("AWS_REGION", "us-east-1");
    for (name, member) in [
        ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
        ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
        ("AWS_SESSION_TOKEN", "SessionToken"),
    ] {
        aws.env(name, keys[member].as_str().unwrap());
    }
    let said = run::said(&run::output(&mut aws));
    assert!(said.contains("AccessDenied"), "{said}");
    let of_the_role = id(&said);
    let said = desk.ok(&["explain", &of_the_role, "--url", &desk.url, "--output", "json"]);
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&told["operation"], &told["lacking"][0]["layer"]), (&json!("ListUsers"), &json!("identity")), "{told}");
    // An operator of the machine needs no sign-in; a stranger's id is nobody's.
    assert!(desk.bailey.ok(&["explain", &of_the_role]).contains("iam:ListUsers"));
    let none = desk.refused(&["explain", "01890a5d-ac96-774b-bcce-b302099a8057", "--url", &desk.url]);
    assert!(none.contains("there is no refusal by that id"), "{none}");
}
