//! The test bed: real servers from nothing, hostile ones from a script, and an authority for their certificates.
//!
//! Everything binds loopback on free ports, lives in a temporary directory and ends with its value.

#![expect(dead_code, reason = "each test uses a part of the bed")]

pub(crate) mod address;
pub(crate) mod apache;
pub(crate) mod authenticator;
pub(crate) mod authority;
pub(crate) mod ber;
pub(crate) mod chromium;
pub(crate) mod controller;
pub(crate) mod counter;
pub(crate) mod daemon;
pub(crate) mod dns;
pub(crate) mod ds389;
pub(crate) mod enclosure;
pub(crate) mod issuer;
pub(crate) mod ldap_tools;
pub(crate) mod mail;
pub(crate) mod people;
pub(crate) mod pysaml2;
pub(crate) mod samba;
pub(crate) mod scripted;
pub(crate) mod service_provider;
pub(crate) mod signer;
pub(crate) mod simplesaml;
pub(crate) mod slapd;
pub(crate) mod snapshot;
pub(crate) mod visitor;
pub(crate) mod wanderer;
pub(crate) mod website;

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::{Duration, Instant};

pub(crate) use authority::Authority;
pub(crate) use dns::{Dns, Mood};
pub(crate) use ds389::Ds389;
pub(crate) use samba::{Account, Samba, SambaOptions};
pub(crate) use scripted::{Reply, Script, Scripted};
pub(crate) use slapd::{Options, Slapd};

use bailey::directory::settings::{Bind, Family, Scope};
use bailey::directory::{Arrival, Changes, Reading, Settings, Source};
use tokio::sync::mpsc;

/// Longest wait for anything a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A TCP port nobody listens on, nor will until this process ends, but for whom it is given to.
///
/// It lies below those from which the system takes what it gives to connections, and no other test
/// is given it: a socket of its name is bound, which is as far-reaching as the port itself.
pub(crate) fn free_port() -> u16 {
    const PORTS: std::ops::Range<u16> = 10_000..32_000;
    let start = usize::try_from(std::process::id()).unwrap() * 7;
    for port in PORTS.cycle().skip(start % PORTS.len()).take(PORTS.len()) {
        let name = SocketAddr::from_abstract_name(format!("bailey-test-port-{port}")).unwrap();
        let Ok(ours) = UnixListener::bind_addr(&name) else { continue };
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            std::mem::forget(ours);
            return port;
        }
    }
    panic!("no port is free");
}

/// Waits until `met` is true; fails the test when it does not happen.
pub(crate) fn wait_until(what: &str, mut met: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !met() {
        assert!(Instant::now() < deadline, "{what} did not happen within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether `met` becomes true within `patience`; unlike [`wait_until`] leaves it to the caller to say what is so instead.
pub(crate) fn converges(patience: Duration, mut met: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        if met() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

/// Settings with the defaults of a small company, for `url` and `base`.
pub(crate) fn settings(label: &str, url: &str, base: &str) -> Settings {
    let classes =
        |names: &[&str]| Scope { object_classes: names.iter().map(|name| (*name).to_owned()).collect(), filter: None };
    Settings {
        label: label.to_owned(),
        family: Family::Ldap,
        urls: vec![url.to_owned()],
        domain: None,
        start_tls: false,
        insecure: false,
        ca_file: None,
        client_certificate: None,
        bind: Bind::Anonymous,
        bases: vec![base.parse().unwrap()],
        only_under: Vec::new(),
        people: classes(&["inetOrgPerson"]),
        groups: classes(&["groupOfNames", "groupOfUniqueNames", "posixGroup"]),
        machines: classes(&["device", "ipHost"]),
        id_attribute: "entryUUID".to_owned(),
        attributes: [
            "uid",
            "cn",
            "sn",
            "displayName",
            "mail",
            "employeeNumber",
            "member",
            "uniqueMember",
            "memberUid",
            "jpegPhoto",
        ]
        .map(str::to_owned)
        .to_vec(),
        login_attribute: "uid".to_owned(),
        method: None,
        follow_every: Duration::from_secs(30),
        notified: true,
        page_size: 500,
        connect_timeout: Duration::from_secs(5),
        answer_timeout: Duration::from_secs(10),
        max_values: 100_000,
        max_value_bytes: 1 << 20,
    }
}

/// A full read, collected.
pub(crate) async fn read_all(
    source: &dyn Source,
) -> Result<(Vec<Arrival>, Reading), bailey::directory::DirectoryError> {
    let (into, mut pages) = mpsc::channel(2);
    let collect = async {
        let mut arrivals = Vec::new();
        while let Some(page) = pages.recv().await {
            arrivals.extend(page);
        }
        arrivals
    };
    let (arrivals, reading) = tokio::join!(collect, source.read(into));
    Ok((arrivals, reading?))
}

/// The next change, or the end of patience.
pub(crate) async fn next_change(changes: &mut mpsc::Receiver<Changes>) -> Changes {
    tokio::time::timeout(PATIENCE, changes.recv()).await.expect("a change in time").expect("following goes on")
}

/// The DNs that arrived usable, sorted.
pub(crate) fn names(arrivals: &[Arrival]) -> Vec<String> {
    let mut names: Vec<String> = arrivals
        .iter()
        .filter_map(|arrival| match arrival {
            Arrival::Entry(entry) => Some(entry.dn.to_string()),
            Arrival::Unusable(_) => None,
        })
        .collect();
    names.sort();
    names
}
