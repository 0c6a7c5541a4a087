//! Computers of a real Active Directory domain (Samba) that show their Kerberos tickets: with curl, against a real daemon.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::bed::daemon::{Bailey, UNGUARDED};
use crate::bed::{Account, Authority, Samba, SambaOptions, free_port, wait_until};
use crate::run;

const ROLE: &str = "arn:aws:iam::123456789012:role/Upload";

/// A domain, and a daemon that takes tickets for `HTTP/localhost`.
struct Company {
    samba: Samba,
    web: Authority,
    bailey: Bailey,
    port: u16,
}

impl Company {
    fn new() -> Self {
        let samba = Samba::start(SambaOptions::default());
        samba.add_service("http", "HTTP/localhost");
        samba.add_service("other", "HTTP/127.0.0.1");
        let mut company = Self { samba, web: Authority::new("Web CA"), bailey: Bailey::with(""), port: free_port() };
        company.samba.export_key_of("HTTP/localhost", &company.bailey.path("http.keytab"));
        let leaf = company.web.issue("web", &["localhost", "127.0.0.1"]);
        for file in [&leaf.key_file, &company.bailey.path("http.keytab")] {
            std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        let sections = format!(
            "[https]\nlisten = \"127.0.0.1:{}\"\ncertificate = \"{}\"\nkey = \"{}\"\n\n\
             [sts]\nassume_role_with_kerberos = true\n\n[kerberos]\nservice_keytab_file = \"http.keytab\"\n\n{}",
            company.port,
            leaf.certificate_file.display(),
            leaf.key_file.display(),
            company.samba.section("corp", Account::Sync, &format!("primary = true\n{UNGUARDED}")),
        );
        company.bailey.configure(&sections);
        let configuration = company.samba.krb5_conf().display().to_string();
        company.bailey.environment("KRB5_CONFIG", &configuration);
        company.bailey.start();
        company.bailey.ok(&["role", "create", "Upload"]);
        company
    }

    /// A computer that joined and was read, has the role, and a ticket in the file that is answered.
    fn joined(&self, name: &str) -> PathBuf {
        self.samba.add_computer(name);
        wait_until("the computer is read", || self.bailey.run(&["resource", "show", name]).status.success());
        self.bailey.ok(&["role", "assign", "Upload", "--to", &format!("resource/{name}")]);
        self.signed_in(&format!("{name}$"))
    }

    /// The tickets of whatever is called `name`.
    fn signed_in(&self, name: &str) -> PathBuf {
        let cache = self.bailey.path(&format!("{name}.{}.tickets", free_port()));
        self.samba.sign_in(name, &cache);
        cache
    }

    fn curl(&self) -> Command {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--include", "--noproxy", "*", "--cacert"]).arg(self.web.ca_file());
        curl.args(["--data", "Action=AssumeRoleWithKerberos", "--data", "Version=2011-06-15"]);
        curl.args(["--data-urlencode", &format!("RoleArn={ROLE}")]);
        curl
    }

    /// What curl is answered with the tickets in this file.
    fn ask(&self, tickets: &Path, host: &str) -> String {
        let mut curl = self.curl();
        self.negotiating(&mut curl, tickets);
        run::stdout(curl.arg(format!("https://{host}:{}/", self.port)))
    }

    fn negotiating(&self, curl: &mut Command, tickets: &Path) {
        curl.args(["--negotiate", "--user", ":"]);
        curl.env("KRB5_CONFIG", self.samba.krb5_conf()).env("KRB5CCNAME", format!("FILE:{}", tickets.display()));
    }

    /// What curl would show a server called `host`, which is one of anybody's.
    fn captured(&self, tickets: &Path, host: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{host}:{}/", listener.local_addr().unwrap().port());
        let server = thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let lines = BufReader::new(client.try_clone().unwrap()).lines().map(Result::unwrap);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            client.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            head.into_iter().find(|line| line.starts_with("Authorization: ")).expect("a ticket")
        });
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--noproxy", "*", &url]);
        self.negotiating(&mut curl, tickets);
        run::stdout(&mut curl);
        server.join().unwrap()
    }

    /// What whoever shows such a header is answered.
    fn show(&self, header: &str) -> String {
        run::stdout(self.curl().args(["--header", header]).arg(format!("https://localhost:{}/", self.port)))
    }
}

/// The values of `WWW-Authenticate`.
fn challenges(answer: &str) -> Vec<&str> {
    let head = answer.split("\r\n\r\n").next().unwrap();
    head.lines().filter_map(|line| line.strip_prefix("www-authenticate: ")).collect()
}

fn is_refused(answer: &str, status: &str, why: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(why), "not {status} {why}: {answer}");
    assert!(!answer.contains("SecretAccessKey"), "{answer}");
}

fn is_allowed(answer: &str, name: &str) {
    assert!(answer.contains(&format!("assumed-role/Upload/{name}</Arn>")), "{answer}");
    assert!(answer.contains("<SecretAccessKey>"), "{answer}");
}

#[test]
fn curl_gets_credentials_with_the_ticket_of_a_computer_and_nobody_else_does() {
    let mut company = Company::new();
    let web1 = company.joined("web1");
    let anybody = run::stdout(company.curl().arg(format!("https://localhost:{}/", company.port)));
    is_refused(&anybody, "401", "MissingAuthenticationToken");
    assert_eq!(challenges(&anybody), ["Negotiate"]);

    let answer = company.ask(&web1, "localhost");
    is_allowed(&answer, "web1");
    // The server proves itself, too.
    assert!(matches!(challenges(&answer)[..], [proof] if proof.len() > "Negotiate ".len() + 40), "{answer}");
    is_allowed(&company.ask(&web1, "localhost"), "web1");
    company.bailey.ok(&["role", "unassign", "Upload", "--to", "resource/web1"]);
    let refused = company.ask(&web1, "localhost");
    is_refused(&refused, "403", "not authorized to perform: sts:AssumeRoleWithKerberos");
    assert!(challenges(&refused).is_empty(), "{refused}");
    company.bailey.ok(&["role", "assign", "Upload", "--to", "resource/web1"]);

    // People are no computers, whatever they are called, nor are other services' tickets for us.
    let alice = company.signed_in("alice");
    is_refused(&company.ask(&alice, "localhost"), "403", "`alice@AD.TEST`, and that is no account of a computer");
    is_refused(&company.ask(&web1, "127.0.0.1"), "403", "the Kerberos ticket is not accepted");
    let relayed = company.captured(&web1, "127.0.0.1");
    is_refused(&company.show(&relayed), "403", "the Kerberos ticket is not accepted");
    is_refused(&company.show("Authorization: Negotiate TlRMTVNTUAABAAAA"), "403", "NTLM is not taken");
    is_refused(&company.show("Authorization: Negotiate YIIB"), "403", "the Kerberos ticket is not accepted");
    is_refused(&company.show("Authorization: Negotiate %"), "403", "it is not base64");
    let twice = ["--header", "Authorization: Negotiate YIIB", "--header", "Authorization: Negotiate YIIB"];
    let two = run::stdout(company.curl().args(twice).arg(format!("https://localhost:{}/", company.port)));
    assert!(!two.contains("SecretAccessKey") && !two.starts_with("HTTP/1.1 200"), "{two}");

    // What is wrong with the question spends no token; what is right spends it once, of many at once and behind a restart.
    let token = company.captured(&web1, "localhost");
    let url = format!("https://localhost:{}/", company.port);
    let wrong = ["--data", "DurationSeconds=1", "--header", &token, &url];
    is_refused(&run::stdout(company.curl().args(wrong)), "400", "urationSeconds");
    let answers = thread::scope(|scope| {
        let shown: Vec<_> = (0..64).map(|_| scope.spawn(|| company.show(&token))).collect();
        shown.into_iter().map(|shown| shown.join().unwrap()).collect::<Vec<String>>()
    });
    let (taken, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.contains("SecretAccessKey"));
    assert_eq!((taken.len(), refused.len()), (1, 63));
    for answer in refused {
        is_refused(answer, "403", "the Kerberos token was taken before");
    }
    assert!(company.bailey.terminate().success());
    company.bailey.start();
    is_refused(&company.show(&token), "403", "the Kerberos token was taken before");
    is_allowed(&company.ask(&web1, "localhost"), "web1");

    let log = company.bailey.ok(&["audit", "tail", "--count", "300", "--output", "json"]);
    for said in ["AssumeRoleWithKerberos", "VerifyTicket", "web1$@AD.TEST", "alice@AD.TEST", "replayed", "no_machine"] {
        assert!(log.contains(said), "{said}: {log}");
    }
    assert!(company.bailey.terminate().success());
    assert!(company.bailey.ok(&["store", "verify"]).contains("all sound"));
}

#[test]
fn a_name_that_changed_hands_is_not_taken_while_old_tickets_are_good() {
    let company = Company::new();
    let (samba, machines) = (&company.samba, format!("OU=Machines,{}", company.samba.base()));
    let (first, second) = (company.joined("web1"), company.joined("web2"));
    is_allowed(&company.ask(&first, "localhost"), "web1");
    is_allowed(&company.ask(&second, "localhost"), "web2");
    let guid_of = |name: &str| company.bailey.json(&["resource", "show", name])["guid"].clone();
    let old = guid_of("web1");

    // Deleted, and another one joined under its name: of its own tickets and of those of the first one nobody can tell which.
    samba.delete(&format!("CN=web1,{machines}"));
    samba.add_computer("web1");
    wait_until("the other one is read", || guid_of("web1") != old);
    company.bailey.ok(&["role", "assign", "Upload", "--to", "resource/web1"]);
    let other = company.signed_in("web1$");
    for tickets in [&first, &other] {
        is_refused(&company.ask(tickets, "localhost"), "403", "was another computer&apos;s until lately");
    }

    // Renamed: it goes on under its new name, and its old one is nobody's, or that of another for a day.
    samba.modify(&format!(
        "dn: CN=web2,{machines}\nchangetype: modify\nreplace: sAMAccountName\nsAMAccountName: web3$\n"
    ));
    wait_until("the old name is nobody's", || company.ask(&second, "localhost").contains("no machine is known by"));
    is_allowed(&company.ask(&company.signed_in("web3$"), "localhost"), "web2");
    samba.modify(&format!(
        "dn: CN=taker,{machines}\nchangetype: add\nobjectClass: computer\nsAMAccountName: web2$\nuserAccountControl: 4096\n"
    ));
    wait_until("its taker is refused", || {
        company.ask(&second, "localhost").contains("was another computer&apos;s until lately")
    });
    // A name that nobody had is taken at once.
    let fresh = company.joined("web9");
    is_allowed(&company.ask(&fresh, "localhost"), "web9");
}

#[test]
fn what_its_directory_says_now_counts() {
    let mut company = Company::new();
    let tickets = company.joined("web1");
    is_allowed(&company.ask(&tickets, "localhost"), "web1");
    // Before any sync can have seen it: the daemon is told nothing but by the question.
    let dn = format!("CN=web1,OU=Machines,{}", company.samba.base());
    let control = |bits: u32| {
        company.samba.modify(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: {bits}\n"
        ));
    };
    control(4098);
    let refused = company.ask(&tickets, "localhost");
    assert!(refused.contains("it is disabled") || refused.contains("disabled in the directory"), "{refused}");
    is_refused(&refused, "403", "AccessDenied");
    // Both states are read before the domain goes away: after that a machine stays what was read of it.
    let state = || company.bailey.json(&["resource", "show", "web1"])["state"].clone();
    wait_until("it is read that it is disabled", || state() == "disabled");
    control(4096);
    wait_until("it is read that it is not", || state() == "active");
    is_allowed(&company.ask(&tickets, "localhost"), "web1");

    company.samba.stop();
    is_refused(&company.ask(&tickets, "localhost"), "503", "cannot be told now");
    let log = company.bailey.ok(&["audit", "tail", "--count", "50", "--output", "json"]);
    assert!(log.contains("directory_unavailable"), "{log}");
    company.samba.run();
    wait_until("it may act again", || company.ask(&tickets, "localhost").contains("<SecretAccessKey>"));
}

/// The clock of Kerberos' library, a quarter of an hour ahead of everybody else's.
const AHEAD: &str = "
    #include <sys/time.h>
    #include <time.h>
    time_t time(time_t *out) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        if (out) *out = now.tv_sec + 900;
        return now.tv_sec + 900;
    }
    int gettimeofday(struct timeval *restrict out, void *restrict zone) {
        (void)zone;
        out->tv_usec = 0;
        time(&out->tv_sec);
        return 0;
    }";

#[test]
fn clocks_that_differ_are_said_to_be_why() {
    let mut company = Company::new();
    let tickets = company.joined("web1");
    is_allowed(&company.ask(&tickets, "localhost"), "web1");
    let (source, library) = (company.bailey.path("ahead.c"), company.bailey.path("ahead.so"));
    std::fs::write(&source, AHEAD).unwrap();
    run::stdout(Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]));
    assert!(company.bailey.terminate().success());
    company.bailey.environment("LD_PRELOAD", &library.display().to_string());
    company.bailey.start();
    is_refused(&company.ask(&tickets, "localhost"), "403", "the clocks of the client and of this server differ");
}
