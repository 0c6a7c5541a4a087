//! Computers of a real Active Directory domain (Samba), and a machine that no directory knows, with curl and the certificates of
//! their authorities against a real daemon.

use std::process::Command;

use bailey::base::Clock as _;
use bailey::base::clock::SystemClock;
use rcgen::{CertificateParams, SanType};

use crate::bed::authority::Leaf;
use crate::bed::daemon::{Bailey, UNGUARDED};
use crate::bed::signer::Credentials;
use crate::bed::{Account, Authority, Samba, SambaOptions, free_port, wait_until};
use crate::machine_certificates::{client, sid_extension};
use crate::run;

const ROLE: &str = "arn:aws:iam::123456789012:role/Upload";

/// A domain whose computers have certificates, an authority for everything else, and a daemon.
struct Company {
    samba: Samba,
    corp: Authority,
    pki: Authority,
    web: Authority,
    bailey: Bailey,
    port: u16,
}

impl Company {
    fn new() -> Self {
        let samba = Samba::start(SambaOptions::default());
        let (corp, pki, web) = (Authority::new("Corp CA"), Authority::new("Plant CA"), Authority::new("Web CA"));
        let port = free_port();
        let mut company = Self { bailey: Bailey::with(""), samba, corp, pki, web, port };
        let leaf = company.web.issue("web", &["localhost"]);
        std::fs::set_permissions(&leaf.key_file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let both = [&company.corp, &company.pki].map(|authority| std::fs::read_to_string(authority.ca_file()).unwrap());
        std::fs::write(company.bailey.path("clients.pem"), both.concat()).unwrap();
        let sections = company.sections(&leaf, "");
        company.bailey.configure(&sections);
        company.bailey.start();
        company
    }

    fn sections(&self, leaf: &Leaf, proxies: &str) -> String {
        let shown = |path: std::path::PathBuf| path.display().to_string();
        format!(
            "[https]\nlisten = \"127.0.0.1:{}\"\ncertificate = \"{}\"\nkey = \"{}\"\nclient_ca = \"{}\"\n\
             trusted_proxies = [{proxies}]\n\n\
             [[machine_issuer]]\nname = \"ad\"\nkind = \"ad-cs\"\ndirectory = \"corp\"\nca_file = \"{}\"\n\n\
             [[machine_issuer]]\nname = \"pki\"\nca_file = \"{}\"\n\n{}",
            self.port,
            leaf.certificate_file.display(),
            leaf.key_file.display(),
            shown(self.bailey.path("clients.pem")),
            shown(self.corp.ca_file()),
            shown(self.pki.ca_file()),
            self.samba.section("corp", Account::Sync, &format!("primary = true\n{UNGUARDED}")),
        )
    }

    /// What curl is answered that shows this certificate.
    fn ask(&self, identity: Option<&Leaf>, more: &[&str]) -> String {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--noproxy", "*", "--cacert"]).arg(self.web.ca_file());
        if let Some(leaf) = identity {
            curl.arg("--cert").arg(&leaf.certificate_file).arg("--key").arg(&leaf.key_file);
        }
        curl.args(["--data", "Action=AssumeRoleWithCertificate", "--data", "Version=2011-06-15"]);
        curl.args(["--data-urlencode", &format!("RoleArn={ROLE}")]).args(more);
        run::stdout(curl.arg(format!("https://localhost:{}/", self.port)))
    }

    /// Who the credentials in an answer are, to curl that signs with them.
    fn who_is(&self, answer: &str) -> String {
        let text = |name: &str| {
            let of = answer.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name}: {answer}")).1;
            of.split_once('<').unwrap().0.to_owned()
        };
        let who =
            Credentials { id: text("AccessKeyId"), secret: text("SecretAccessKey"), token: Some(text("SessionToken")) };
        let (host, body) = (format!("localhost:{}", self.port), "Action=GetCallerIdentity&Version=2011-06-15");
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--noproxy", "*", "--cacert"]).arg(self.web.ca_file()).args(["--data", body]);
        for (name, value) in who.sign(&host, "sts", body, SystemClock.now()) {
            curl.args(["--header", &format!("{name}: {value}")]);
        }
        run::stdout(curl.arg(format!("https://{host}/")))
    }

    fn computer(&self, name: &str) -> CertificateParams {
        let mut params = client(SystemClock.now(), 12);
        params.custom_extensions = vec![sid_extension(&self.sid_of(name))];
        params
    }

    fn sid_of(&self, name: &str) -> String {
        let shown = |kind: &str| self.bailey.json(&[kind, "show", name])["sid"].as_str().unwrap().to_owned();
        if name == "alice" { shown("user") } else { shown("resource") }
    }
}

#[test]
fn curl_gets_credentials_with_the_certificate_of_a_computer_as_long_as_its_domain_says() {
    let mut company = Company::new();
    let base = company.samba.base();
    let (ws1_dn, group) = (format!("CN=ws1,OU=Machines,{base}"), format!("CN=uploaders,OU=Groups,{base}"));
    company.samba.modify(&format!(
        "dn: {group}\nchangetype: add\nobjectClass: group\nsAMAccountName: uploaders\nmember: {ws1_dn}\n"
    ));
    let bailey = &company.bailey;
    wait_until("the group is read", || bailey.run(&["group", "show", "uploaders"]).status.success());
    bailey.ok(&["role", "create", "Upload"]);
    let ws1 = company.corp.sign("ws1", &company.computer("ws1"));
    let refused = company.ask(Some(&ws1), &[]);
    assert!(refused.contains("AccessDenied") && refused.contains("resource/ws1"), "{refused}");
    bailey.ok(&["role", "assign", "Upload", "--to", "group/uploaders"]);
    let answer = company.ask(Some(&ws1), &[]);
    let arn = "<Arn>arn:aws:sts::123456789012:assumed-role/Upload/ws1</Arn>";
    assert!(answer.contains(arn), "{answer}");
    assert!(company.who_is(&answer).contains(arn), "{}", company.who_is(&answer));

    // A person of the domain is no computer, whoever signs her certificate; nor is whoever shows none, or says so in a header.
    let alice = company.corp.sign("alice", &company.computer("alice"));
    let refused = company.ask(Some(&alice), &[]);
    assert!(refused.contains("no machine is known by"), "{refused}");
    let header = format!("X-SSL-Client-Cert: {}", ws1.certificate.replace('\n', " "));
    let refused = company.ask(None, &["--header", &header]);
    assert!(refused.contains("no client certificate came with the connection"), "{refused}");
    // Its own authority is believed about computers, and no other.
    let forged = company.pki.sign("forged", &company.computer("ws1"));
    let refused = company.ask(Some(&forged), &[]);
    assert!(refused.contains("that of a directory&apos;s computer"), "{refused}");

    // A machine that no directory knows.
    bailey.ok(&["resource", "create", "scanner", "--identity", "uri:spiffe://example.com/scanner"]);
    bailey.ok(&["role", "assign", "Upload", "--to", "resource/scanner"]);
    let mut params = client(SystemClock.now(), 12);
    params.subject_alt_names = vec![SanType::URI("spiffe://example.com/scanner".try_into().unwrap())];
    let scanner = company.pki.sign("scanner", &params);
    let answered = company.ask(Some(&scanner), &[]);
    assert!(answered.contains("assumed-role/Upload/scanner"), "{answered}");

    // Out of the group, and disabled in the domain.
    company.samba.modify(&format!("dn: {group}\nchangetype: modify\ndelete: member\nmember: {ws1_dn}\n"));
    wait_until("the session ends with the membership", || company.who_is(&answer).contains("ExpiredToken"));
    bailey.ok(&["role", "assign", "Upload", "--to", "resource/ws1"]);
    let answer = company.ask(Some(&ws1), &[]);
    assert!(company.who_is(&answer).contains(arn), "{answer}");
    company
        .samba
        .modify(&format!("dn: {ws1_dn}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 4098\n"));
    wait_until("the session ends with the computer", || company.who_is(&answer).contains("ExpiredToken"));
    let refused = company.ask(Some(&ws1), &[]);
    assert!(refused.contains("machine `ws1` may not act"), "{refused}");
    assert!(company.who_is(&answered).contains("assumed-role/Upload/scanner"), "the other one goes on");

    // Behind a proxy the certificate of the connection is the proxy's.
    let leaf = company.web.issue("web", &["localhost"]);
    std::fs::set_permissions(&leaf.key_file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    company.bailey.configure(&company.sections(&leaf, "\"127.0.0.1\""));
    assert!(company.bailey.terminate().success());
    company.bailey.start();
    let refused = company.ask(Some(&scanner), &["--header", "X-Forwarded-For: 203.0.113.9"]);
    assert!(refused.contains("no client certificate came with the connection"), "{refused}");
    assert!(company.bailey.terminate().success());
    assert!(company.bailey.ok(&["store", "verify"]).contains("all sound"));
}
