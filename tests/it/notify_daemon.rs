//! Notices of a daemon: a real mail server, the command line of an operator, and what is left when the daemon is killed or the disk is
//! full.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::bed::daemon::Bailey;
use crate::bed::{Authority, free_port, wait_until};
use crate::grants_bed::Company;
use crate::run;
use crate::store_full::{Disk, MEBIBYTE, is_root_here};

/// aiosmtpd: mail is taken from whoever signs in over TLS, and written down, a line each.
const SERVER: &str = r#"
import json, ssl, sys
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

class Taking:
    async def handle_DATA(self, server, session, envelope):
        with open(sys.argv[4], "a") as file:
            file.write(json.dumps({"to": envelope.rcpt_tos, "text": envelope.content.decode()}) + "\n")
        return "250 2.0.0 taken as 4711"

def known(server, session, envelope, mechanism, login):
    return AuthResult(success=login.login == b"bailey" and login.password == b"moor-42")

context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server = Controller(Taking(), hostname="127.0.0.1", port=int(sys.argv[1]), tls_context=context, require_starttls=True,
                    authenticator=known, auth_required=True)
server.start()
print("ready", flush=True)
sys.stdin.read()
server.stop()
"#;

/// Where there is a mail server, or is to be one.
struct Mail {
    directory: TempDir,
    authority: Authority,
    port: u16,
    process: Option<Child>,
}

impl Mail {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let password = directory.path().join("password");
        fs::write(&password, "moor-42\n").unwrap();
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
        Self { directory, authority: Authority::new("mail"), port: free_port(), process: None }
    }

    fn start(&mut self) {
        let leaf = self.authority.issue("mail", &["localhost"]);
        let program = self.directory.path().join("server.py");
        fs::write(&program, SERVER).unwrap();
        let mut server = Command::new("/usr/bin/python3");
        server
            .arg(program)
            .arg(self.port.to_string())
            .arg(&leaf.certificate_file)
            .arg(&leaf.key_file)
            .arg(self.taken());
        let mut process = server.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n", "is python3-aiosmtpd installed? .ci/tools installs it");
        self.process = Some(process);
    }

    fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    fn taken(&self) -> PathBuf {
        self.directory.path().join("taken")
    }

    /// What was taken so far.
    fn mails(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.taken()).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The sections that name it.
    fn sections(&self) -> String {
        format!(
            "[notify]\nportal = \"https://localhost:@PORT@\"\nsecurity = [\"security@corp.example\"]\n\n\
             [notify.smtp]\nserver = \"localhost\"\nport = {}\nuser = \"bailey\"\npassword_file = \"{}\"\n\
             from = \"Bailey <bailey@corp.example>\"\nca_file = \"{}\"\ntimeout = \"5s\"\n\n",
            self.port,
            self.directory.path().join("password").display(),
            self.authority.ca_file().display()
        )
    }
}

impl Drop for Mail {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.stop();
        }
    }
}

fn waiting(company: &Company) -> Vec<Value> {
    company.counter.bailey.json(&["notify", "list"]).as_array().unwrap().clone()
}

#[test]
fn what_waits_is_told_behind_a_kill_and_told_once() {
    let mut mail = Mail::new();
    let mut company = Company::over(Bailey::with(""), &mail.sections());
    let (mut ann, mut bob) = (company.person("ann"), company.person("bob"));
    // Nobody answers there: whoever asks and whoever agrees hears nothing of that.
    let id = ann.asks("prod-admin");
    company.counter.bailey.kill();
    company.counter.start();
    let left = waiting(&company);
    assert_eq!(left.len(), 2, "{left:?}");
    bob.visitor.hang_up();
    ann.visitor.hang_up();
    bob.approves(&id).leads_to(&format!("/me/grants/{id}"));
    wait_until("a reason", || waiting(&company).iter().all(|notice| !notice["why"].is_null()));
    let listed = company.counter.bailey.ok(&["notify", "list"]);
    for told in ["grant.requested", "grant.approved", "ann@", &format!("grant/{id}"), "Connection refused"] {
        assert!(listed.contains(told), "{told}: {listed}");
    }
    let tried = company.counter.bailey.run(&["notify", "test"]);
    assert!(tried.status.code() == Some(1) && run::said(&tried).contains("refused"), "{}", run::said(&tried));

    company.counter.bailey.kill();
    mail.start();
    company.counter.start();
    wait_until("all mails", || waiting(&company).is_empty());
    let mails = mail.mails();
    let mut told: Vec<_> = mails.iter().map(|mail| (mail["to"][0].as_str().unwrap(), subject(mail))).collect();
    told.sort_unstable();
    let approved = "[bailey] prod-admin is granted to Ann Weber (ann)";
    let requested = "[bailey] Ann Weber (ann) asks for prod-admin";
    let address = |name: &str| told.iter().any(|(to, _)| to.starts_with(&format!("{name}@")));
    assert_eq!(told.iter().map(|(_, subject)| subject.as_str()).collect::<Vec<_>>().len(), 3, "{told:?}");
    assert!(address("ann") && address("bob") && address("cam"), "{told:?}");
    for (to, subject) in &told {
        assert_eq!(subject, if to.starts_with("ann@") { approved } else { requested });
    }
    let link = format!("{}/me/grants/{id}", company.counter.url());
    assert!(mails.iter().all(|mail| mail["text"].as_str().unwrap().replace("=\r\n", "").contains(&link)), "{mails:?}");

    let tried = company.counter.bailey.ok(&["notify", "test"]);
    assert!(tried.contains("taken as 4711") && tried.contains("security@corp.example"), "{tried}");
    assert!(company.counter.bailey.ok(&["notify", "test", "--to", "eve@corp.example"]).contains("yes"));
    let before = mail.mails().len();
    assert_eq!(before, 5);
    company.counter.bailey.kill();
    company.counter.start();
    bob.visitor.hang_up();
    bob.step(&id, "revoke", &[("comment", "enough")]).leads_to(&format!("/me/grants/{id}"));
    wait_until("one more mail", || mail.mails().len() > before);
    wait_until("nothing that waits", || waiting(&company).is_empty());
    assert_eq!(mail.mails().len(), before + 1, "nothing is told again");
    bob.visitor.hang_up();
    assert!(company.counter.bailey.terminate().success(), "{}", company.counter.bailey.log());
    assert!(company.counter.bailey.ok(&["store", "verify"]).contains("all sound"));
    assert!(!company.counter.bailey.log().contains("moor-42"));
}

fn subject(mail: &Value) -> String {
    let text = mail["text"].as_str().unwrap().replace("\r\n ", " ");
    text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap().to_owned()
}

#[test]
fn the_end_waits_for_no_mail_server() {
    // It takes connections, and says nothing.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut mail = Mail::new();
    mail.port = mute.local_addr().unwrap().port();
    let mut company = Company::over(Bailey::with(""), &mail.sections().replace("\"5s\"", "\"60s\""));
    let mut ann = company.person("ann");
    ann.asks("prod-admin");
    let (_asked, _) = mute.accept().unwrap();
    ann.asks("vault-keeper");
    ann.visitor.hang_up();
    assert!(company.counter.bailey.terminate().success(), "{}", company.counter.bailey.log());
    assert!(company.counter.bailey.ok(&["store", "verify"]).contains("all sound"));
    company.counter.start();
    assert_eq!(waiting(&company).len(), 4);
}

#[test]
fn on_a_full_disk_the_room_is_for_what_takes_away() {
    if !is_root_here("notify_daemon::on_a_full_disk_the_room_is_for_what_takes_away") {
        return;
    }
    let disk = Disk::mount(64);
    let bailey = disk.bailey();
    let mail = Mail::new();
    let mut company = Company::over(bailey, &format!("[store]\nreserve = \"4MiB\"\n\n{}", mail.sections()));
    let (mut ann, mut bob) = (company.person("ann"), company.person("bob"));
    let ids = [ann.asks("prod-admin"), ann.asks("prod-admin")];
    disk.fill_but(2 * MEBIBYTE);
    let mut last = ann.try_to_ask("vault-keeper");
    for _ in 0..1_500 {
        if last.status != 303 {
            break;
        }
        last = ann.try_to_ask("vault-keeper");
    }
    last.says(503, "cannot be written down now");
    let before = waiting(&company).len();
    for id in &ids {
        company.counter.bailey.ok(&["grant", "revoke", id, "--reason", "full"]);
    }
    assert_eq!(waiting(&company).len(), before, "nothing is put there that takes room");
    assert!(company.counter.bailey.log().contains("the disk is full: nobody is told of it"));
    disk.free_up();
    company.counter.bailey.kill();
    company.counter.start();
    ann.visitor.hang_up();
    bob.visitor.hang_up();
    ann.asks("prod-admin");
    assert!(waiting(&company).len() > before);
    ann.visitor.hang_up();
    bob.visitor.hang_up();
    assert!(company.counter.bailey.terminate().success(), "{}", company.counter.bailey.log());
    assert!(company.counter.bailey.ok(&["store", "verify"]).contains("all sound"));
}
