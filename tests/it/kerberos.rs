//! Signing in by Kerberos: the whole program against Samba, over a connection that Kerberos seals and over TLS.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::bed::daemon::{Bailey, UNGUARDED};
use crate::bed::samba::{AD, LAB};
use crate::bed::{Account, Dns, Samba, SambaOptions, wait_until};

/// A domain whose server can be named by its address.
fn domain(options: SambaOptions) -> Samba {
    let samba = Samba::start(options);
    samba.serve_by_address();
    samba
}

/// An installation that finds its keys in a keytab.
fn installation(domains: &[&Samba], account: Account) -> Bailey {
    let mut bailey = Bailey::with("");
    let keytab = bailey.path("keytab");
    for samba in domains {
        samba.export_key(account, &keytab);
    }
    closed_to_others(&keytab);
    // As an administrator leaves it: names are canonicalised by DNS unless somebody takes care, and ours here have none.
    let realms = domains.iter().enumerate().map(|(n, samba)| {
        let ours = bailey.path(&format!("krb5-{n}.conf"));
        let text = std::fs::read_to_string(samba.krb5_conf()).unwrap();
        let kept = text.lines().filter(|line| !line.starts_with("rdns") && !line.starts_with("dns_canonicalize"));
        std::fs::write(&ours, kept.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        ours.display().to_string()
    });
    let realms = realms.collect::<Vec<_>>().join(":");
    bailey.environment("KRB5_CONFIG", &realms);
    // What a shell of somebody who is signed in has.
    bailey.environment("KRB5CCNAME", "FILE:/nonexistent/krb5cc");
    bailey
}

fn closed_to_others(file: &Path) {
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// The section that reads the whole domain from `url` by a ticket.
fn section(samba: &Samba, label: &str, url: &str, more: &str) -> String {
    let simple = samba.section(label, Account::Sync, more);
    let lines = simple.lines().map(|line| match line.split_once(" = ") {
        Some(("urls", _)) => format!("urls = [\"{url}\"]"),
        Some(("bind_dn", _)) => "bind = \"gssapi\"".to_owned(),
        Some(("bind_password", _)) => format!("bind_principal = \"{}\"", samba.principal(Account::Sync)),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn with_keytab(sections: &str) -> String {
    format!("[kerberos]\nkeytab_file = \"keytab\"\n\n{sections}\n")
}

fn state_of(bailey: &Bailey, who: &str) -> String {
    let shown = bailey.run(&["user", "show", who, "--output", "json"]).stdout;
    let shown: Value = serde_json::from_slice(&shown).unwrap_or_default();
    shown["state"].as_str().unwrap_or_default().to_owned()
}

/// What `bailey check` says, in one line.
fn checked(bailey: &Bailey) -> String {
    String::from_utf8(bailey.run(&["check"]).stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_directory_is_followed_over_a_connection_that_kerberos_seals() {
    let samba = domain(SambaOptions::default());
    let wire = Wire::before(&samba);
    let mut bailey = installation(&[&samba], Account::Sync);
    // Without a bell, so that it is the connection that asks which is harmed.
    let section = section(&samba, "corp", &wire.url(), &format!("primary = true\nnotified = false\n{UNGUARDED}"));
    bailey.configure(&with_keytab(&section));
    let findings = checked(&bailey);
    assert!(findings.contains("connected and bound") && !findings.contains("FAULT"), "{findings}");
    bailey.start();
    assert_eq!(bailey.json(&["sync", "status"])[0]["method"], "dirsync");
    samba.add_person("kerberized");
    wait_until("a change is seen", || state_of(&bailey, "kerberized") == "active");

    let seen = wire.seen();
    assert!(seen.len() > 100_000, "all of it went this way, but only {} bytes did", seen.len());
    for word in [&b"kerberized"[..], b"sAMAccountName", b"alice"] {
        assert!(
            !seen.windows(word.len()).any(|window| window == word),
            "{} in the clear",
            String::from_utf8_lossy(word)
        );
    }

    // A byte changed on the way ends the connection; nothing of it is believed, and the next one goes on.
    let before = wire.connections();
    wire.corrupt();
    samba.add_person("after-harm");
    wait_until("the harm is done", || !wire.is_harmful());
    wait_until("another connection goes on", || {
        wire.connections() > before && state_of(&bailey, "after-harm") == "active"
    });
    assert_eq!(state_of(&bailey, "alice"), "active");
}

#[test]
fn over_tls_kerberos_adds_no_layer_where_the_server_takes_that() {
    let strict = domain(SambaOptions::default());
    let bailey = installation(&[&strict], Account::Sync);
    bailey.configure(&with_keytab(&section(&strict, "corp", &strict.url(), "primary = true\n")));
    let findings = checked(&bailey);
    assert!(findings.contains("allow_sasl_over_tls"), "{findings}");
    drop((bailey, strict));

    let lenient = domain(SambaOptions { sasl_over_tls: true, ..SambaOptions::default() });
    let start_tls = format!("primary = true\nstart_tls = true\n{UNGUARDED}");
    for (url, more) in [(lenient.url(), "primary = true\n"), (lenient.plain_url(), start_tls.as_str())] {
        let mut bailey = installation(&[&lenient], Account::Sync);
        bailey.configure(&with_keytab(&section(&lenient, "corp", &url, more)));
        bailey.start();
        assert_eq!(state_of(&bailey, "alice"), "active", "{url}");
    }
}

#[test]
fn two_domains_take_tickets_of_two_realms_from_one_keytab() {
    let corp = domain(SambaOptions { domain: AD, ..SambaOptions::default() });
    let lab = domain(SambaOptions { domain: LAB, ..SambaOptions::default() });
    let mut bailey = installation(&[&corp, &lab], Account::Sync);
    let sections = [
        section(&corp, "corp", &corp.plain_url(), &format!("primary = true\n{UNGUARDED}")),
        section(&lab, "lab", &lab.plain_url(), UNGUARDED),
    ];
    bailey.configure(&with_keytab(&sections.join("\n")));
    bailey.start();
    assert_eq!(state_of(&bailey, "alice"), "active");
    assert_eq!(state_of(&bailey, "alice@lab"), "active");
    // Each gets new connections, and tickets for them, for as long as it runs.
    for (samba, who) in [(&corp, "again"), (&lab, "again@lab")] {
        samba.add_person("again");
        wait_until("a change is seen", || state_of(&bailey, who) == "active");
    }
    // They are kept in a directory, for as long as that.
    assert_eq!(kept(&bailey), 1);
    assert!(bailey.terminate().success(), "{}", bailey.log());
    assert_eq!(kept(&bailey), 0);
}

/// How many directories of tickets there are.
fn kept(bailey: &Bailey) -> usize {
    let all = std::fs::read_dir(bailey.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    all.filter(|name| name.to_string_lossy().starts_with("bailey-tickets-")).count()
}

/// What the domain's name leads to is sealed, too: domain controllers need no certificates.
#[test]
fn a_controller_found_in_dns_is_reached_by_a_sealed_connection() {
    let samba = domain(SambaOptions::default());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dns = runtime.block_on(Dns::start());
    dns.srv("_ldap._tcp.dc._msdcs.ad.test", 600, (0, 100), "dc1.ad.test", 389);
    dns.address("dc1.ad.test", samba.ip());
    let bailey = installation(&[&samba], Account::Sync);
    let section = section(&samba, "corp", "ldap://unused", "primary = true\n");
    let without = section.lines().filter(|line| !line.starts_with("urls") && !line.starts_with("ca_file"));
    let found = format!("domain = \"ad.test\"\nnameservers = [\"{}\"]", dns.at());
    bailey.configure(&with_keytab(&format!("{}\n{found}\n", without.collect::<Vec<_>>().join("\n"))));
    let findings = checked(&bailey);
    assert!(findings.contains("connect ldap://dc1.ad.test: connected and bound"), "{findings}");
    assert!(!findings.contains("FAULT") && !findings.contains("in the clear"), "{findings}");
}

#[test]
fn what_kerberos_lacks_is_said() {
    let samba = domain(SambaOptions::default());
    let bailey = installation(&[&samba], Account::Plain);
    bailey.configure(&with_keytab(&section(&samba, "corp", &samba.plain_url(), "primary = true\n")));
    let findings = checked(&bailey);
    let words = "by Kerberos failed: No credentials were supplied, or the credentials were unavailable";
    assert!(findings.contains(words) && findings.contains("svc-sync@AD.TEST"), "{findings}");

    // Another keytab takes a restart, and a reload says so.
    let mut bailey = installation(&[&samba], Account::Sync);
    let section = section(&samba, "corp", &samba.plain_url(), "primary = true\n");
    bailey.configure(&with_keytab(&section));
    bailey.start();
    std::fs::copy(bailey.path("keytab"), bailey.path("other")).unwrap();
    closed_to_others(&bailey.path("other"));
    bailey.reconfigure(&[("\"keytab\"", "\"other\"")]);
    bailey.signal("HUP");
    wait_until("the reload is refused", || bailey.log().contains("takes a restart"));
}

/// The way to a server's LDAP port, watched; it can be made to do harm once.
struct Wire {
    to: String,
    listener: std::net::SocketAddr,
    seen: Arc<Mutex<Vec<u8>>>,
    connections: Arc<AtomicUsize>,
    harmful: Arc<AtomicBool>,
}

impl Wire {
    /// Another port on the address of `samba`, since that is what tickets name.
    fn before(samba: &Samba) -> Self {
        let listener = TcpListener::bind((samba.ip(), 0)).unwrap();
        let wire = Self {
            to: format!("{}:389", samba.ip()),
            listener: listener.local_addr().unwrap(),
            seen: Arc::default(),
            connections: Arc::default(),
            harmful: Arc::default(),
        };
        let (to, seen, harmful) = (wire.to.clone(), Arc::clone(&wire.seen), Arc::clone(&wire.harmful));
        let connections = Arc::clone(&wire.connections);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&to).unwrap());
                connections.fetch_add(1, Ordering::SeqCst);
                let (back, forth) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                pass(client, forth, &seen, &Arc::default());
                pass(server, back, &seen, &harmful);
            }
        });
        wire
    }

    fn url(&self) -> String {
        format!("ldap://{}", self.listener)
    }

    fn seen(&self) -> Vec<u8> {
        self.seen.lock().unwrap().clone()
    }

    /// How many were made so far.
    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The next answer is changed on its way.
    fn corrupt(&self) {
        self.harmful.store(true, Ordering::SeqCst);
    }

    fn is_harmful(&self) -> bool {
        self.harmful.load(Ordering::SeqCst)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, seen: &Arc<Mutex<Vec<u8>>>, harmful: &Arc<AtomicBool>) {
    let (seen, harmful) = (Arc::clone(seen), Arc::clone(harmful));
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if harmful.swap(false, Ordering::SeqCst) {
                buffer[read - 1] ^= 1;
            }
            seen.lock().unwrap().extend(&buffer[..read]);
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
