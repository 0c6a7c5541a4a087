//! A real OpenLDAP server from nothing, in under two seconds.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use bailey::base::Secret;
use bailey::directory::Settings;
use bailey::directory::settings::{Bind, ClientCertificate};
use tempfile::TempDir;

use super::authority::{Authority, Leaf};
use super::{free_port, wait_until};

/// What a server is like.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Groups lose members that are deleted.
    pub(crate) refint: bool,
    /// Members know their groups (`memberOf`), and the overlay that sees to it keeps the names in groups up to date as well.
    pub(crate) memberof: bool,
    /// The sync account may not read past this many entries in all.
    pub(crate) size_limit: Option<u32>,
    /// Largest page the sync account may ask for.
    pub(crate) page_limit: Option<u32>,
    /// A second database, [`SECOND`].
    pub(crate) second_database: bool,
    /// Clients must show a certificate of the server's own authority.
    pub(crate) require_client_certificate: bool,
    /// Offers content synchronization.
    pub(crate) syncprov: bool,
    /// Loaded before the start, after the suffix entries. Groups need no `memberOf`.
    pub(crate) ldif: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            refint: true,
            memberof: true,
            size_limit: None,
            page_limit: None,
            second_database: false,
            require_client_certificate: false,
            syncprov: true,
            ldif: String::new(),
        }
    }
}

pub(crate) const SUFFIX: &str = "dc=example,dc=test";
pub(crate) const SECOND: &str = "dc=second,dc=test";
pub(crate) const ADMIN: &str = "cn=admin,dc=example,dc=test";
pub(crate) const ADMIN_PASSWORD: &str = "admin-secret";
pub(crate) const SYNC: &str = "cn=sync,dc=example,dc=test";
pub(crate) const SYNC_PASSWORD: &str = "sync-secret";

/// A running server.
pub(crate) struct Slapd {
    directory: TempDir,
    authority: Authority,
    /// Our certificate as a client; its subject maps to the sync account.
    client: Leaf,
    process: Option<Child>,
    port: u16,
    tls_port: u16,
}

impl Slapd {
    /// Starts a server with `ou=people`, `ou=groups`, alice and bob.
    pub(crate) fn start(options: Options) -> Self {
        let authority = Authority::new("test authority");
        let server = authority.issue("server", &["localhost", "127.0.0.1"]);
        let client = authority.issue("sync", &["client"]);
        let directory = tempfile::tempdir().unwrap();
        let mut slapd = Self { directory, authority, client, process: None, port: free_port(), tls_port: free_port() };
        std::fs::write(slapd.path("slapd.conf"), slapd.configuration(&options, &server)).unwrap();
        slapd.load(1, &format!("{}\n{}", content(), options.ldif));
        if options.second_database {
            slapd.load(
                2,
                &format!("dn: {SECOND}\nobjectClass: organization\nobjectClass: dcObject\no: Second\ndc: second\n"),
            );
        }
        slapd.run();
        slapd
    }

    pub(crate) fn url(&self) -> String {
        format!("ldap://localhost:{}", self.port)
    }

    pub(crate) fn tls_url(&self) -> String {
        format!("ldaps://localhost:{}", self.tls_port)
    }

    pub(crate) fn socket_url(&self) -> String {
        format!("ldapi://{}", self.path("ldapi").to_str().unwrap().replace('/', "%2F"))
    }

    /// Settings for reading this server over TLS as its sync account.
    pub(crate) fn settings(&self, label: &str) -> Settings {
        Settings {
            ca_file: Some(self.authority.ca_file()),
            bind: Bind::Simple { dn: SYNC.to_owned(), password: Secret::new(SYNC_PASSWORD.to_owned()) },
            ..super::settings(label, &self.tls_url(), SUFFIX)
        }
    }

    /// Our client certificate, as the settings want it.
    pub(crate) fn client_certificate(&self) -> ClientCertificate {
        ClientCertificate {
            certificate_file: self.client.certificate_file.clone(),
            key_file: self.client.key_file.clone(),
        }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.authority.ca_file()
    }

    /// Adds the entries of `ldif`.
    pub(crate) fn add(&self, ldif: &str) {
        self.apply("ldapadd", ldif);
    }

    /// Applies the change records of `ldif`.
    pub(crate) fn modify(&self, ldif: &str) {
        self.apply("ldapmodify", ldif);
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

    /// Stops the server in an orderly way.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let killed = Command::new("kill").arg(process.id().to_string()).status().unwrap();
            assert!(killed.success());
            process.wait().unwrap();
        }
    }

    /// Starts a stopped server again, on the same ports and data.
    pub(crate) fn run(&mut self) {
        let urls = format!("ldap://127.0.0.1:{} ldaps://127.0.0.1:{} {}", self.port, self.tls_port, self.socket_url());
        let log = std::fs::File::create(self.path("log")).unwrap();
        let process = Command::new("/usr/sbin/slapd")
            .args(["-d", "0", "-f"])
            .arg(self.path("slapd.conf"))
            .args(["-h", &urls])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("slapd is installed (package `slapd`)");
        self.process = Some(process);
        let socket = self.path("ldapi");
        wait_until("slapd listening", || UnixStream::connect(&socket).is_ok());
    }

    fn apply(&self, program: &str, ldif: &str) {
        let mut child = Command::new(program)
            .args(["-x", "-H", &self.socket_url(), "-D", ADMIN, "-w", ADMIN_PASSWORD])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the LDAP clients are installed (package `ldap-utils`)");
        child.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{program}: {}\n{ldif}", String::from_utf8_lossy(&output.stderr));
    }

    /// Loads `ldif` into the database with this number, before the server runs.
    fn load(&self, database: u8, ldif: &str) {
        let file = self.path("load.ldif");
        std::fs::write(&file, ldif).unwrap();
        let output = Command::new("/usr/sbin/slapadd")
            .args(["-q", "-w", "-n", &database.to_string(), "-f"])
            .arg(self.path("slapd.conf"))
            .arg("-l")
            .arg(&file)
            .output()
            .expect("slapd is installed (package `slapd`)");
        assert!(output.status.success(), "slapadd: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn configuration(&self, options: &Options, server: &Leaf) -> String {
        let at = |name: &str| self.path(name).display().to_string();
        let on = |wanted: bool, text: &str| if wanted { text.to_owned() } else { String::new() };
        std::fs::create_dir(self.path("db")).unwrap();
        let total = options.size_limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
        let page = options.page_limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
        let syncprov =
            on(options.syncprov, "overlay syncprov\nsyncprov-checkpoint 1000 10\nsyncprov-sessionlog 1000\n");
        let second = if options.second_database {
            std::fs::create_dir(self.path("db2")).unwrap();
            format!(
                "database mdb\nsuffix {SECOND}\nrootdn {ADMIN}\ndirectory {}\nmaxsize 1073741824\nindex objectClass,entryUUID,entryCSN eq\n\
                 access to * by users read by * none\nlimits dn.exact=\"{SYNC}\" size=unlimited\n{syncprov}",
                at("db2")
            )
        } else {
            String::new()
        };
        format!(
            "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
pidfile {pid}
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload refint
{module}
moduleload ppolicy
TLSCACertificateFile {ca}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
{demand}
sizelimit 500
threads 4
localSSF 71
security simple_bind=64
authz-regexp gidNumber=.*\\+uidNumber=.*,cn=peercred,cn=external,cn=auth {SYNC}
authz-regexp cn=sync {SYNC}

database mdb
suffix {SUFFIX}
rootdn {ADMIN}
rootpw {ADMIN_PASSWORD}
directory {db}
maxsize 1073741824
dbnosync
index objectClass eq
index entryUUID,entryCSN eq
index uid,cn,mail eq
index member,memberOf eq
access to attrs=userPassword by self write by anonymous auth by * none
access to * by dn.exact=\"{SYNC}\" read by users read by * none
limits dn.exact=\"{SYNC}\" size.soft={total} size.hard={total} size.pr={page} size.prtotal={total} time=unlimited
{memberof}
{refint}
overlay ppolicy
{syncprov}
{second}
",
            pid = at("pid"),
            module = on(options.syncprov, "moduleload syncprov"),
            ca = self.authority.ca_file().display(),
            certificate = server.certificate_file.display(),
            key = server.key_file.display(),
            demand = on(options.require_client_certificate, "TLSVerifyClient demand")
                + &on(!options.require_client_certificate, "TLSVerifyClient try"),
            db = at("db"),
            memberof = on(
                options.memberof,
                "overlay memberof\nmemberof-group-oc groupOfNames\nmemberof-member-ad member\n\
                 memberof-memberof-ad memberOf\nmemberof-refint true"
            ),
            refint = on(options.refint, &format!("overlay refint\nrefint_attributes member\nrefint_nothing {ADMIN}")),
        )
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// LDIF of a person under `ou=people`.
pub(crate) fn person(uid: &str) -> String {
    format!(
        "dn: uid={uid},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid} Example\nsn: Example\nmail: {uid}@example.test\n\n"
    )
}

/// LDIF of a group under `ou=groups` with members by uid.
pub(crate) fn group(name: &str, members: &[&str]) -> String {
    let members: String = members.iter().map(|uid| format!("member: uid={uid},ou=people,{SUFFIX}\n")).collect();
    format!("dn: cn={name},ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: {name}\n{members}\n")
}

fn content() -> String {
    let unit = |name: &str| format!("dn: ou={name},{SUFFIX}\nobjectClass: organizationalUnit\nou: {name}\n\n");
    [
        format!("dn: {SUFFIX}\nobjectClass: organization\nobjectClass: dcObject\no: Example\ndc: example\n\n"),
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
    ]
    .concat()
}
