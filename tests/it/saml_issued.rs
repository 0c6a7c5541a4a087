//! `bailey saml issued`: whether an assertion was made here, as whoever runs a service provider has it asked.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use bailey::base::clock::{Clock as _, SystemClock};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::portal::Browser;
use crate::saml_bed::part;
use crate::saml_desk::{ACS, SP, described, desk, metadata, posted, registered, xml};
use crate::sso_desk::Desk;
use crate::sts_unsigned::PASSWORD;

/// The program, which asks the daemon of a desk.
struct Terminal<'d> {
    desk: &'d Desk,
    folder: tempfile::TempDir,
}

impl<'d> Terminal<'d> {
    fn at(desk: &'d Desk) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (state, socket) = (folder.path().join("state"), desk.office.fixture.path());
        let text = format!(
            "account = \"123456789012\"\nstate_directory = \"{}\"\n\n[listen]\nsocket = \"{}\"\n",
            state.display(),
            socket.display()
        );
        fs::write(folder.path().join("bailey.toml"), text).unwrap();
        Self { desk, folder }
    }

    fn runs(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailey"));
        command.args(words).arg("--config").arg(self.folder.path().join("bailey.toml"));
        // The daemon is in this very process, and answers meanwhile.
        tokio::task::block_in_place(|| command.output().unwrap())
    }

    /// The exit code, and what is printed.
    fn issued(&self, id: &str, more: &[&str]) -> (Option<i32>, String) {
        let output = self.runs(&[&["saml", "issued", id], more].concat());
        assert!(output.stderr.is_empty(), "{output:?}");
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    /// Ann signs in to the wiki `days` from now; the IDs of the response and of the assertion in it.
    async fn makes_one(&self, days: i64) -> (String, String) {
        self.desk.office.fixture.clock.set(SystemClock.now() + SignedDuration::from_hours(24 * days));
        let mut browser = Browser::new(&self.desk.office);
        browser.sign_in("ann", PASSWORD).await.leads_to("/me");
        let form = browser.get("/me/apps/wiki").await.field("form");
        let page = browser.post("/me/apps/wiki", &[("form", &form)]).await;
        let text = xml(&posted(&page).1);
        let id = |element: &str| {
            let start = part(&text, element, ">");
            start.split(" ID=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
        };
        (id("<samlp:Response"), id("<saml:Assertion"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_here_is_known_on_any_day_and_nothing_else_is() {
    let desk = desk().await;
    registered(&desk, "wiki", &described(SP, ACS, false, ""), json!({ "idp_initiated": true })).await;
    let terminal = Terminal::at(&desk);
    let (response, first) = terminal.makes_one(0).await;
    let (_, later) = terminal.makes_one(40).await;
    assert_ne!(first, later);
    for (id, days) in [(&first, 0), (&later, 40)] {
        for format in [&[][..], &["--output", "json"]] {
            let (code, said) = terminal.issued(id, format);
            assert_eq!(code, Some(0), "{said}");
            // One record, as the log has it, whoever reads.
            let record: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
            assert_eq!((said.lines().count(), record["eventName"].as_str()), (1, Some("IssueSamlResponse")));
            assert_eq!(record["responseElements"]["assertion"], json!(id));
            assert_eq!(record["responseElements"]["entity_id"], json!(SP));
            let day = (SystemClock.now() + SignedDuration::from_hours(24 * days)).strftime("%Y-%m-%d").to_string();
            assert!(record["eventTime"].as_str().unwrap().starts_with(&day), "{day}: {said}");
        }
    }
    // A response's own ID is none of an assertion, and neither is one of somebody who has our key.
    let nothing = "no such assertion was made here\n";
    for id in [response.as_str(), "_00000000000000000000000000000000", &first[..first.len() - 1], "", "_x&person=ann"] {
        // Twice, since by then the question itself stands in the log.
        for _ in 0..2 {
            assert_eq!(terminal.issued(id, &[]), (Some(1), nothing.to_owned()), "{id:?}");
        }
        assert_eq!(terminal.issued(id, &["--output", "json"]), (Some(1), String::new()), "{id:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_certificate_is_printed_for_applications_that_read_no_metadata() {
    let desk = desk().await;
    let terminal = Terminal::at(&desk);
    let printed = |words: &[&str]| {
        let output = terminal.runs(&[&["saml", "certificate"], words].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let published = async || {
        let all = metadata(&desk).await;
        let parts = all.split("<ds:X509Certificate>").skip(1);
        // The last one is that of the signature on it.
        let mut all: Vec<String> = parts.map(|part| part.split_once('<').unwrap().0.to_owned()).collect();
        all.dedup();
        all
    };
    let digits = |pem: &str| -> String { pem.lines().filter(|line| !line.starts_with("---")).collect() };
    let current = printed(&[]);
    assert!(published().await.contains(&digits(&current)), "{current}");
    // Another reads it: it is PEM, and the certificate in it is whole.
    let mut openssl = Command::new("openssl");
    openssl
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-subject"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = openssl.spawn().unwrap();
    child.stdin.take().unwrap().write_all(current.as_bytes()).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let json: Value = serde_json::from_str(&printed(&["--output", "json"])).unwrap();
    let colons = json["sha256"].as_str().unwrap().to_uppercase();
    assert!(said.replace(':', "").contains(&colons) && said.contains("subject="), "{said}");
    assert_eq!((&json["state"], &json["pem"]), (&json!("current"), &json!(current)));

    let none = terminal.runs(&["saml", "certificate", "--next"]);
    assert!(String::from_utf8(none.stderr).unwrap().contains("`bailey key rotate --saml` publishes one"));
    assert_eq!(none.status.code(), Some(1));
    registered(&desk, "wiki", &described(SP, ACS, false, ""), json!({})).await;
    let checked = || String::from_utf8(terminal.runs(&["sp", "check", "wiki"]).stdout).unwrap();
    assert!(!checked().contains("--next"));
    assert!(terminal.runs(&["key", "rotate", "--saml"]).status.success());
    let next = printed(&["--next"]);
    assert!(next != current && published().await.contains(&digits(&next)), "{next}");
    assert_eq!(printed(&[]), current);
    assert!(checked().contains("bailey saml certificate --next"), "{}", checked());
    assert!(terminal.runs(&["key", "rotate", "--saml", "--sign"]).status.success());
    assert_eq!(printed(&[]), next);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_no_answer() {
    let desk = desk().await;
    let terminal = Terminal::at(&desk);
    assert_eq!(terminal.runs(&["saml", "issued"]).status.code(), Some(2), "an ID is needed");
    // A no that comes of an error would be taken for one, whatever the error is.
    let text = fs::read_to_string(terminal.folder.path().join("bailey.toml")).unwrap();
    let gone = text.replace(desk.office.fixture.path().to_str().unwrap(), "/nonexistent/socket");
    let state = terminal.folder.path().join("state");
    fs::write(&state, "no directory").unwrap();
    fs::write(terminal.folder.path().join("bailey.toml"), gone).unwrap();
    let output = terminal.runs(&["saml", "issued", "_x"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stderr.starts_with(b"bailey: no verdict: "), "{output:?}");
    fs::remove_file(state).unwrap();
    fs::write(terminal.folder.path().join("bailey.toml"), "account = \"1\"\n").unwrap();
    let output = terminal.runs(&["saml", "issued", "_x"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{output:?}");
}
