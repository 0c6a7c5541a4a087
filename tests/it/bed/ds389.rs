//! A real 389 Directory Server from nothing, or from a copy of what an earlier test made ([`super::snapshot`]).
//!
//! It can live in the system's own directories only (`/etc/dirsrv`, `/var/lib/dirsrv` and so on). Here it sees ours in their
//! place ([`super::enclosure`]): so nothing of the machine changes, and as many run at once as one likes.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use bailey::base::{Guid, Secret};
use bailey::directory::Settings;
use bailey::directory::settings::{Bind, Family};
use tempfile::TempDir;

use super::enclosure::{Enclosed, copy_directory, enclosed, run};
use super::ldap_tools::LdapTools;
use super::slapd::{SUFFIX, SYNC, SYNC_PASSWORD, group, person};
use super::snapshot::made_once;
use super::{free_port, wait_until};

const ADMIN: &str = "cn=Directory Manager";
const ADMIN_PASSWORD: &str = "admin-secret";

/// Where a server's files are in our directory, and where it sees them.
const PLACES: [(&str, &str); 6] = [
    ("etc", "/etc/dirsrv"),
    ("lib", "/var/lib/dirsrv"),
    ("log", "/var/log"),
    ("run", "/run"),
    ("shm", "/dev/shm"),
    ("defaults.inf", DEFAULTS),
];
const DEFAULTS: &str = "/usr/share/dirsrv/inf/defaults.inf";
const CONFIGURATION: &str = "etc/slapd-bed/dse.ldif";

/// A server with content synchronization, `memberOf` and referential integrity; the same content as [`super::Slapd`]'s.
pub(crate) struct Ds389 {
    server: Option<Enclosed>,
    directory: TempDir,
    port: u16,
    tls_port: u16,
}

impl Ds389 {
    /// Starts a server with `ou=people`, `ou=groups`, alice and bob.
    pub(crate) fn start() -> Self {
        let recipe = [include_str!("ds389.rs")];
        let snapshot = made_once("ds389", &recipe, |made| {
            let mut server = Self::start_from_nothing();
            server.stop();
            copy_directory(server.path(), made);
        });
        let mut server = Self::empty();
        copy_directory(&snapshot, server.path());
        server.run();
        server
    }

    /// As [`Self::start`], without a snapshot.
    pub(crate) fn start_from_nothing() -> Self {
        let mut server = Self::empty();
        server.create();
        server.run();
        server.add(&content());
        server
    }

    fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { server: None, directory, port: free_port(), tls_port: free_port() }
    }

    /// Has dscreate make the files of a new server.
    fn create(&self) {
        copy_directory(Path::new("/etc/dirsrv"), &self.path().join("etc"));
        for name in ["lib", "log/dirsrv", "run/dirsrv", "run/lock/dirsrv", "shm"] {
            fs::create_dir_all(self.path().join(name)).unwrap();
            // The server gives up being root.
            fs::set_permissions(self.path().join(name), Permissions::from_mode(0o1777)).unwrap();
        }
        // Whatever its own file says, dscreate calls systemctl unless this one says it should not.
        let defaults = fs::read_to_string(DEFAULTS).expect("389-ds is installed (package `389-ds-base`)");
        fs::write(self.path().join("defaults.inf"), defaults.replace("with_systemd = 1", "with_systemd = 0")).unwrap();
        let answers = format!(
            "[general]\nconfig_version = 2\nfull_machine_name = localhost\nstart = False\nstrict_host_checking = False\n\
             [slapd]\ninstance_name = bed\nport = {}\nsecure_port = {}\nroot_password = {ADMIN_PASSWORD}\n\
             self_sign_cert = True\n[backend-userroot]\nsuffix = {SUFFIX}\ncreate_suffix_entry = True\nsample_entries = no\n",
            self.port, self.tls_port
        );
        let file = self.path().join("dscreate.inf");
        fs::write(&file, answers).unwrap();
        run(self.enclosed("dscreate").arg("from-file").arg(file));
        let on = |plugin: &str| (format!("cn={plugin},cn=plugins,cn=config"), "nsslapd-pluginEnabled", "on".to_owned());
        let memberof = |attribute, value: &str| {
            ("cn=MemberOf Plugin,cn=plugins,cn=config".to_owned(), attribute, value.to_owned())
        };
        self.configure(&[
            on("Retro Changelog Plugin"),
            // Without it nobody can go on from a cookie: changes are not found by their object.
            (
                "cn=Retro Changelog Plugin,cn=plugins,cn=config".to_owned(),
                "nsslapd-attribute",
                "nsuniqueid:targetUniqueId".to_owned(),
            ),
            on("Content Synchronization"),
            on("referential integrity postoperation"),
            on("MemberOf Plugin"),
            memberof("memberofgroupattr", "member"),
            memberof("memberofallbackends", "on"),
        ]);
    }

    pub(crate) fn url(&self) -> String {
        format!("ldap://localhost:{}", self.port)
    }

    pub(crate) fn tls_url(&self) -> String {
        format!("ldaps://localhost:{}", self.tls_port)
    }

    /// The authority dscreate made; its certificate is good for `localhost` alone.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.path().join("etc/slapd-bed/ca.crt")
    }

    /// Settings for reading this server over TLS as its sync account.
    pub(crate) fn settings(&self, label: &str) -> Settings {
        Settings {
            family: Family::Ds389,
            ca_file: Some(self.ca_file()),
            bind: Bind::Simple { dn: SYNC.to_owned(), password: Secret::new(SYNC_PASSWORD.to_owned()) },
            id_attribute: "nsUniqueId".to_owned(),
            ..super::settings(label, &self.tls_url(), SUFFIX)
        }
    }

    /// The command line tools as this account.
    pub(crate) fn tools(&self, bind: &str, password: &str) -> LdapTools {
        // Not by TLS: the tools put this machine's name in the place of `localhost`, and the certificate has only that.
        LdapTools {
            url: format!("ldap://127.0.0.1:{}", self.port),
            ca_file: self.ca_file(),
            bind: bind.to_owned(),
            password: password.to_owned(),
        }
    }

    /// Adds the entries of `ldif`.
    pub(crate) fn add(&self, ldif: &str) {
        self.tools(ADMIN, ADMIN_PASSWORD).modify(&["-a"], ldif);
    }

    /// Applies the change records of `ldif`.
    pub(crate) fn modify(&self, ldif: &str) {
        self.tools(ADMIN, ADMIN_PASSWORD).modify(&[], ldif);
    }

    /// Adds a person under `ou=people`.
    pub(crate) fn add_person(&self, uid: &str) {
        self.add(&person(uid));
    }

    /// Deletes one entry.
    pub(crate) fn delete(&self, dn: &str) {
        self.modify(&format!("dn: {dn}\nchangetype: delete\n"));
    }

    /// Renames an entry in place, or moves it under `parent`.
    pub(crate) fn rename(&self, dn: &str, rdn: &str, parent: Option<&str>) {
        let parent = parent.map_or(String::new(), |parent| format!("newsuperior: {parent}\n"));
        self.modify(&format!("dn: {dn}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 1\n{parent}"));
    }

    /// What ldapsearch answers the administrator to these words, as LDIF.
    pub(crate) fn search(&self, words: &[&str]) -> String {
        self.tools(ADMIN, ADMIN_PASSWORD).search(words)
    }

    /// An entry's nsUniqueId.
    pub(crate) fn guid_of(&self, dn: &str) -> Guid {
        let values = self.tools(ADMIN, ADMIN_PASSWORD).values(dn, "nsUniqueId");
        std::str::from_utf8(values.first().expect("an entry")).unwrap().parse().unwrap()
    }

    /// Stops the server in an orderly way.
    pub(crate) fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill();
        }
    }

    /// Starts a stopped server again, on the same ports and files.
    pub(crate) fn run(&mut self) {
        assert!(self.server.is_none(), "it runs already");
        let of_server = |attribute, value: &str| ("cn=config".to_owned(), attribute, value.to_owned());
        self.configure(&[
            of_server("nsslapd-port", &self.port.to_string()),
            of_server("nsslapd-securePort", &self.tls_port.to_string()),
            of_server("nsslapd-listenhost", "127.0.0.1"),
            of_server("nsslapd-securelistenhost", "127.0.0.1"),
        ]);
        let mut command = self.enclosed("/usr/sbin/ns-slapd");
        command.args(["-D", "/etc/dirsrv/slapd-bed", "-i", "/run/dirsrv/slapd-bed.pid", "-d", "0"]);
        let log = self.path().join("output");
        let server = self.server.insert(Enclosed::start(command, &log));
        wait_until("389-ds listening", || {
            let said = || fs::read_to_string(&log).unwrap_or_default();
            assert!(server.is_running(), "389-ds has ended:\n{}", said());
            [self.port, self.tls_port].iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
        });
    }

    /// Sets attributes of entries in the configuration of the stopped server: entry, attribute, its only value.
    fn configure(&self, settings: &[(String, &str, String)]) {
        let file = self.path().join(CONFIGURATION);
        let mut entries: Vec<String> =
            fs::read_to_string(&file).unwrap().split("\n\n").map(|entry| entry.trim().to_owned()).collect();
        for (dn, attribute, value) in settings {
            let head = format!("dn: {dn}\n").to_lowercase();
            let entry = entries.iter_mut().find(|entry| format!("{entry}\n").to_lowercase().starts_with(&head));
            let entry = entry.unwrap_or_else(|| panic!("{dn} is in the configuration of 389-ds"));
            let others = |line: &&str| !line.to_lowercase().starts_with(&format!("{}:", attribute.to_lowercase()));
            let mut changed: String = entry.lines().filter(others).flat_map(|line| [line, "\n"]).collect();
            write!(changed, "{attribute}: {value}").unwrap();
            *entry = changed;
        }
        fs::write(&file, entries.join("\n\n") + "\n").unwrap();
    }

    fn enclosed(&self, program: &str) -> Command {
        let ours = PLACES.map(|(ours, theirs)| (self.path().join(ours), Path::new(theirs)));
        let seen: Vec<(&Path, &Path)> = ours.iter().map(|(ours, theirs)| (ours.as_path(), *theirs)).collect();
        enclosed(&seen, program)
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// LDIF of the content below the suffix, which is there already.
fn content() -> String {
    let unit = |name: &str| format!("dn: ou={name},{SUFFIX}\nobjectClass: organizationalUnit\nou: {name}\n\n");
    [
        format!(
            "dn: {SYNC}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: sync\nuserPassword: {SYNC_PASSWORD}\n\n"
        ),
        unit("people"),
        unit("former"),
        unit("groups"),
        unit("machines"),
        person("alice"),
        person("bob"),
        group("staff", &["alice", "bob"]),
        format!(
            "dn: {SUFFIX}\nchangetype: modify\nadd: aci\naci: (targetattr != \"userPassword\")(version 3.0; acl \"reading\"; \
             allow (read, search, compare) userdn = \"ldap:///{SYNC}\";)\n"
        ),
    ]
    .concat()
}
