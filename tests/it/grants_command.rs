//! `bailey grant --url`: people who signed in with `bailey login` ask for roles, agree to them and end them, by the real program at a
//! real daemon.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bed::daemon::Bailey;
use crate::bed::visitor::Visitor;
use crate::grants_bed::{Company, PASSWORD, arn};
use crate::run::said;

/// Somebody's own machine, where `bailey login` keeps things.
struct Home<'a> {
    company: &'a Company,
    folder: TempDir,
}

impl<'a> Home<'a> {
    fn new(company: &'a Company) -> Self {
        Self { company, folder: tempfile::tempdir().unwrap() }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailey"));
        command.args(words).env("HOME", self.folder.path()).env("XDG_CACHE_HOME", self.folder.path().join("cache"));
        // No browser of this machine: the tests have one of their own.
        command.env("PATH", "/nonexistent").current_dir(self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    /// Signs in by a device's code, which `visitor` types.
    fn signs_in(&self, visitor: &mut Visitor, more: &[&str]) {
        let (url, ca_file) = (self.company.counter.url(), self.company.counter.authority_file());
        let words = ["login", "--url", &url, "--ca-file", ca_file.to_str().unwrap(), "--device"];
        let mut command = self.command(&[&words, more].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut all = String::new();
        while !all.contains(" and type: ") {
            assert!(lines.read_line(&mut all).unwrap() > 0, "{all}");
        }
        let code = all.trim().rsplit(' ').next().unwrap().to_owned();
        let form = visitor.get("/device").field("form");
        let page = visitor.post("/device", &[("form", &form), ("user_code", &code)]);
        page.says(200, "roles for a while: asking for them");
        let (form, code) = (page.field("form"), page.field("user_code"));
        let answer = [("form", form.as_str()), ("user_code", &code), ("answer", "agree")];
        visitor.post("/device/answer", &answer).says(200, "The device is signed in");
        lines.read_to_string(&mut all).unwrap();
        assert!(child.wait().unwrap().success(), "{all}");
    }

    fn words<'w>(url: &'w str, words: &[&'w str]) -> Vec<&'w str> {
        [words, &["--url", url]].concat()
    }

    fn run(&self, words: &[&str]) -> Output {
        let url = self.company.counter.url();
        self.command(&Self::words(&url, words)).output().unwrap()
    }

    fn ok(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{}\n{}", said(&output), self.company.counter.bailey.log());
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[words, &["--output", "json"]].concat())).unwrap()
    }

    fn refused(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{}", said(&output));
        String::from_utf8(output.stderr).unwrap()
    }

    /// The same at a terminal, where somebody types this.
    fn at_terminal(&self, words: &[&str], typed: &str) -> (bool, String) {
        let url = self.company.counter.url();
        let line: Vec<&str> = [env!("CARGO_BIN_EXE_bailey")].into_iter().chain(Self::words(&url, words)).collect();
        let mut command = Command::new("/usr/bin/script");
        command
            .args(["--quiet", "--return", "--command", &line.join(" "), "/dev/null"])
            .env("HOME", self.folder.path());
        command.env("XDG_CACHE_HOME", self.folder.path().join("cache")).env("SHELL", "/bin/sh");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut out, mut all) = (BufReader::new(child.stdout.take().unwrap()), Vec::new());
        while !String::from_utf8_lossy(&all).contains("yes or no: ") {
            assert!(out.read_until(b' ', &mut all).unwrap() > 0, "{}", String::from_utf8_lossy(&all));
        }
        writeln!(child.stdin.as_ref().unwrap(), "{typed}").unwrap();
        out.read_to_end(&mut all).unwrap();
        (child.wait().unwrap().success(), String::from_utf8_lossy(&all).into_owned())
    }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value}"))
}

#[test]
fn people_ask_agree_begin_and_end_from_their_own_machines() {
    let company = Company::over(Bailey::with(""), "[sso]\nissuer = \"https://localhost:@PORT@\"\n\n");
    let bailey = &company.counter.bailey;
    let (mut ann, mut bob) = (company.person("ann"), company.person("bob"));
    let (hers, his) = (Home::new(&company), Home::new(&company));
    assert!(hers.refused(&["grant", "list"]).contains("bailey login --url"));
    hers.signs_in(&mut ann.visitor, &[]);
    his.signs_in(&mut bob.visitor, &["--step-up"]);

    // What can be asked for, and what it would be: nothing is asked for by that.
    let roles = hers.json(&["grant", "roles"]);
    let names: Vec<&str> = roles.as_array().unwrap().iter().map(|role| text(role, "name")).collect();
    assert_eq!(names, ["prod-admin", "vault-keeper"]);
    assert_eq!(hers.json(&["grant", "roles", "--find", "VAULT"]).as_array().unwrap().len(), 1);
    let preview = hers.ok(&["grant", "request", "--role", "prod-admin", "--dry-run"]);
    for told in [arn("prod-admin").as_str(), "somebody of leads has to agree", "prod-admin allows:", "s3: reads"] {
        assert!(preview.contains(told), "{told}: {preview}");
    }
    assert_eq!(hers.json(&["grant", "list"]), json!([]));
    let wish = ["grant", "request", "--role", &arn("prod-admin"), "--for", "30m", "--reason", "the queue is stuck"];
    let asked = hers.json(&wish);
    let id = text(&asked, "id");
    assert_eq!((text(&asked, "stage"), &asked["seconds"]), ("requested", &json!(1_800)));
    assert_eq!(hers.json(&["grant", "narrow", id, "--for", "20m"])["seconds"], json!(1_200));

    // Nobody agrees blind.
    assert_eq!(his.json(&["grant", "list", "--waiting"])[0]["id"], json!(id));
    let shown = his.ok(&["grant", "show", id]);
    for told in ["Ann Weber (ann)", "the queue is stuck", "20m", "0 of 1", "prod-admin allows:", "s3: reads"] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    assert!(his.refused(&["grant", "approve", id]).contains("nobody agrees blind"));
    let other = "0".repeat(64);
    assert!(his.refused(&["grant", "approve", id, "--digest", &other]).contains("look at it again"));
    assert!(hers.refused(&["grant", "approve", id]).contains("that is for others to decide about"));
    // At a terminal it is shown, and asked.
    let (done, told) = his.at_terminal(&["grant", "approve", id], "no");
    assert!(!done && told.contains("s3: reads") && told.contains("nothing was agreed to"), "{told}");
    assert_eq!(company.stage(id), "requested");
    let (done, told) = his.at_terminal(&["grant", "approve", id, "--comment", "ok"], "yes");
    assert!(done && told.contains("claimable"), "{told}");

    assert_eq!(text(&hers.json(&["grant", "claim", id]), "stage"), "active");
    // An operator who asks who can sees that it is by the grant.
    let able = bailey.json(&["policy", "who-can", "sts:AssumeRole", &arn("prod-admin"), "--kind", "user"]);
    assert_eq!((text(&able[0], "name"), able.as_array().unwrap().len()), ("ann", 1), "{able}");
    assert_eq!(able[0]["ways"][0]["through"], json!(["user/ann", format!("grant/{id} of role/prod-admin")]));
    assert_eq!(text(&hers.json(&["grant", "complete", id]), "how"), "completed");
    let able = bailey.json(&["policy", "who-can", "sts:AssumeRole", &arn("prod-admin"), "--kind", "user"]);
    assert_eq!(able, json!([]));

    // With the digest that was shown, where nobody is at a terminal; a refusal says why.
    let second = hers.json(&["grant", "request", "--role", "vault-keeper", "--for", "1h", "--reason", "the safe"]);
    let second = text(&second, "id");
    let digest = his.json(&["grant", "show", second])["agree_to"].clone();
    let agreed = his.json(&["grant", "approve", second, "--digest", digest.as_str().unwrap()]);
    assert_eq!((text(&agreed, "stage"), agreed["approvals"].as_array().unwrap().len()), ("requested", 1));
    let third = hers.json(&wish);
    let third = text(&third, "id");
    his.ok(&["grant", "refuse", third, "--reason", "not on a Friday"]);
    let over = hers.ok(&["grant", "list", "--over"]);
    for told in [id, third, "completed", "refused", "bob", "not on a Friday"] {
        assert!(over.contains(told), "{told}: {over}");
    }
    let over = hers.json(&["grant", "list", "--over"]);
    assert_eq!((text(&over[0], "id"), text(&over[1], "id")), (third, id), "the last one first");
    let page = ann.visitor.get("/me/grants");
    page.says(200, "not on a Friday");
    assert!(page.html.contains("<h2>Over</h2>") && page.html.contains("completed"), "{}", page.html);

    // Whoever signed in without a second factor looks, and decides about nothing.
    let theirs = Home::new(&company);
    let mut cam = Visitor::of(&company.counter);
    let page = cam.get("/login?next=/me");
    let (flow, next) = (page.field("flow"), page.field("next"));
    cam.post("/login", &[("flow", &flow), ("next", &next), ("login", "cam"), ("password", PASSWORD)]).leads_to("/me");
    theirs.signs_in(&mut cam, &[]);
    let digest = text(&theirs.json(&["grant", "show", second]), "agree_to").to_owned();
    for words in
        [&["grant", "approve", second, "--digest", &digest][..], &["grant", "refuse", second, "--reason", "no"]]
    {
        let refused = theirs.refused(words);
        let way = format!("bailey login --url {} --step-up", company.counter.url());
        assert!(refused.contains(&way), "{refused}");
    }
    assert_eq!(company.grant(second)["approvals"].as_array().unwrap().len(), 1);

    // What operators do and what people do are not mixed up.
    let socket = bailey.path("socket").display().to_string();
    let output = bailey.run(&["grant", "approve", second, "--socket", &socket]);
    assert!(output.status.code() == Some(2) && said(&output).contains("leave --socket out"), "{}", said(&output));
    assert_eq!(his.run(&["grant", "list", "--all"]).status.code(), Some(2));
    hers.ok(&["grant", "revoke", second]);
    for person in [&mut ann, &mut bob] {
        person.visitor.hang_up();
    }
    company.counter.sound_records();
}

#[test]
fn a_sign_in_to_decide_is_made_anew_in_the_browser_too() {
    let company = Company::over(Bailey::with(""), "[sso]\nissuer = \"https://localhost:@PORT@\"\n\n");
    let mut bob = company.person("bob");
    let home = Home::new(&company);
    let (url, ca_file) = (company.counter.url(), company.counter.authority_file());
    for (more, again) in [(&[][..], false), (&["--step-up"], true)] {
        let words = ["login", "--url", &url, "--ca-file", ca_file.to_str().unwrap()];
        let mut child = home.command(&[&words, more].concat()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut lines, mut all) = (BufReader::new(child.stderr.take().unwrap()), String::new());
        while !all.contains("/oauth2/authorize?") {
            assert!(lines.read_line(&mut all).unwrap() > 0, "{all}");
        }
        let address = all.split_whitespace().find(|word| word.contains("/oauth2/authorize?")).unwrap();
        let page = bob.visitor.get(address.strip_prefix(&url).unwrap());
        let to_sign_in = page.location.as_deref().is_some_and(|location| location.starts_with("/login"));
        assert_eq!(to_sign_in, again, "{page:?}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
