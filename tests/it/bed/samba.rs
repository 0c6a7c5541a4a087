//! A real Active Directory domain controller (Samba) from nothing: in some ten seconds, and in one from the second test
//! on, which begins with a copy of the files the first one made ([`super::snapshot`]).
//!
//! What the domain holds: `samba/zoo.ldif`. What the service accounts may: [`Account`]. What is done to the files of a
//! server that is down: `samba/offline.rs`. A second controller: `samba/partner.rs`.
//!
//! Passwords are checked (three wrong ones lock an account for good) and grow old after 42 days.

#[cfg(feature = "gssapi")]
mod kerberos;
pub(crate) mod offline;
mod partner;

use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bailey::base::{Guid, Secret};
use bailey::directory::Settings;
use bailey::directory::settings::{Bind, Family, Scope};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tempfile::TempDir;
use uuid::Uuid;

use super::address::Address;
use super::authority::Authority;
use super::enclosure::{Enclosed, copy_directory, enclosed, run};
use super::ldap_tools::{self, LdapTools};
use super::snapshot::made_once;
use super::wait_until;

pub(crate) const ADMIN_PASSWORD: &str = "Passw0rd!Adm";
/// Everybody else's.
pub(crate) const PASSWORD: &str = "Passw0rd!1";
/// Show deleted entries (MS-ADTS 3.1.1.3.4.1.14), as `-e` or `-E` want it.
pub(crate) const SHOW_DELETED: &str = "!1.2.840.113556.1.4.417";

/// A domain's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Domain {
    pub(crate) dns: &'static str,
    pub(crate) netbios: &'static str,
}

pub(crate) const AD: Domain = Domain { dns: "ad.test", netbios: "ADT" };
/// For two companies at once.
pub(crate) const LAB: Domain = Domain { dns: "lab.test", netbios: "LABT" };

impl Domain {
    /// The DN of the domain's head, such as `DC=ad,DC=test`.
    pub(crate) fn base(self) -> String {
        format!("DC={}", self.dns.replace('.', ",DC="))
    }

    fn realm(self) -> String {
        self.dns.to_uppercase()
    }
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// May everything.
    Administrator,
    /// A user like any other.
    Plain,
    /// Has DS-Replication-Get-Changes on the domain, and no sight of deleted objects.
    Changes,
    /// Has DS-Replication-Get-Changes on the domain, and may list and read `CN=Deleted Objects`.
    Sync,
}

/// What a domain is like. Equal options share a snapshot.
#[derive(Debug, Clone)]
pub(crate) struct SambaOptions {
    pub(crate) domain: Domain,
    /// Deleted objects keep their attributes. Off in a new forest. Samba 4.17 cannot [`Samba::restore`] them.
    pub(crate) recycle_bin: bool,
    /// Other controllers can join and replicate. Costs more services, so a slower start.
    pub(crate) partners: bool,
    /// The server takes SASL over TLS.
    pub(crate) sasl_over_tls: bool,
    /// Added to the domain before the first start, after the zoo.
    pub(crate) ldif: String,
}

impl Default for SambaOptions {
    fn default() -> Self {
        Self { domain: AD, recycle_bin: false, partners: false, sasl_over_tls: false, ldif: String::new() }
    }
}

/// A domain controller, running unless it was stopped.
pub(crate) struct Samba {
    options: SambaOptions,
    /// 1 is `dc1`, 2 `dc2`.
    number: u8,
    server: Option<Enclosed>,
    directory: TempDir,
    address: Address,
    authority: Arc<Authority>,
}

impl Samba {
    /// Starts a domain like this; from a snapshot where there is one, else it makes one.
    pub(crate) fn start(options: SambaOptions) -> Self {
        let snapshot =
            made_once("samba", &options.recipe(), |made| copy_directory(Self::provisioned(&options).path(), made));
        let mut samba =
            Self::over(&options, 1, Arc::new(Authority::new("test authority")), tempfile::tempdir().unwrap());
        copy_directory(&snapshot, samba.path());
        samba.run();
        samba
    }

    /// Starts a domain that was not there before, and leaves no snapshot.
    pub(crate) fn start_from_nothing(options: SambaOptions) -> Self {
        let authority = Arc::new(Authority::new("test authority"));
        let mut samba = Self::over(&options, 1, authority, Self::provisioned(&options));
        samba.run();
        samba
    }

    /// The files of a new domain.
    fn provisioned(options: &SambaOptions) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        offline::provision(directory.path(), options);
        directory
    }

    fn over(options: &SambaOptions, number: u8, authority: Arc<Authority>, directory: TempDir) -> Self {
        Self { options: options.clone(), number, server: None, directory, address: Address::take(), authority }
    }

    /// The DN of the domain's head.
    pub(crate) fn base(&self) -> String {
        self.options.domain.base()
    }

    /// Its address on this machine.
    pub(crate) fn ip(&self) -> std::net::IpAddr {
        self.address.ip.into()
    }

    /// LDAPS by address: the names of test domains are in nobody's DNS.
    pub(crate) fn url(&self) -> String {
        format!("ldaps://{}", self.address.ip)
    }

    /// LDAP, for StartTLS; Samba takes no simple bind in the clear.
    pub(crate) fn plain_url(&self) -> String {
        format!("ldap://{}", self.address.ip)
    }

    /// The authority of the server's certificate, which is good for its names, its address and `localhost`.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.authority.ca_file()
    }

    /// Name and password of an account; the name is a DN.
    pub(crate) fn credentials(&self, account: Account) -> (String, &'static str) {
        let (name, password) = match account {
            Account::Administrator => ("CN=Administrator,CN=Users", ADMIN_PASSWORD),
            Account::Plain => ("CN=svc-plain,OU=Services", PASSWORD),
            Account::Changes => ("CN=svc-changes,OU=Services", PASSWORD),
            Account::Sync => ("CN=svc-sync,OU=Services", PASSWORD),
        };
        (format!("{name},{}", self.base()), password)
    }

    /// Settings for reading the whole domain as this account.
    pub(crate) fn settings(&self, label: &str, account: Account) -> Settings {
        let (dn, password) = self.credentials(account);
        let class = |name: &str| Scope { object_classes: vec![name.to_owned()], filter: None };
        Settings {
            family: Family::ActiveDirectory,
            ca_file: Some(self.ca_file()),
            bind: Bind::Simple { dn, password: Secret::new(password.to_owned()) },
            id_attribute: "objectGUID".to_owned(),
            // Computers and managed service accounts are of class `user` too; this type is people's alone.
            people: Scope { filter: Some("(sAMAccountType=805306368)".parse().unwrap()), ..class("user") },
            groups: class("group"),
            machines: class("computer"),
            attributes: ATTRIBUTES.map(str::to_owned).to_vec(),
            login_attribute: "sAMAccountName".to_owned(),
            ..super::settings(label, &self.url(), &self.base())
        }
    }

    /// The section of a configuration that reads the whole domain as this account, with `more` in it.
    pub(crate) fn section(&self, label: &str, account: Account, more: &str) -> String {
        let (dn, password) = self.credentials(account);
        format!(
            "[[directory]]\nlabel = \"{label}\"\nkind = \"active-directory\"\nurls = [\"{}\"]\nca_file = \"{}\"\n\
             bind_dn = \"{dn}\"\nbind_password = \"{password}\"\nbases = [\"{}\"]\nfollow_every = \"200ms\"\n{more}\n",
            self.url(),
            self.ca_file().display(),
            self.base()
        )
    }

    /// The command line tools as this account.
    pub(crate) fn tools(&self, account: Account) -> LdapTools {
        let (bind, password) = self.credentials(account);
        LdapTools { url: self.url(), ca_file: self.ca_file(), bind, password: password.to_owned() }
    }

    /// Applies the change records of `ldif` as the administrator.
    pub(crate) fn modify(&self, ldif: &str) {
        self.tools(Account::Administrator).modify(&[], ldif);
    }

    /// Adds a user under `OU=Staff`.
    pub(crate) fn add_person(&self, name: &str) {
        self.modify(&person(self.options.domain, name));
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

    /// Brings the deleted entry with this id back as `dn` (MS-ADTS 3.1.1.5.3.7). Most of its attributes
    /// are lost.
    pub(crate) fn restore(&self, guid: Guid, dn: &str) {
        let tools = self.tools(Account::Administrator);
        // The server finds it by its id, but brings it back only by its name.
        let by_id = format!("<GUID={guid}>");
        let found = tools.values_with(&["-E", SHOW_DELETED], &by_id, "distinguishedName");
        let deleted = BASE64.encode(found.first().expect("a deleted entry"));
        tools.modify(
            &["-e", SHOW_DELETED],
            &format!(
                "dn:: {deleted}\nchangetype: modify\ndelete: isDeleted\n-\n\
                 replace: distinguishedName\ndistinguishedName: {dn}\n"
            ),
        );
    }

    /// What ldapsearch answers the administrator to these words, as LDIF.
    pub(crate) fn search(&self, words: &[&str]) -> String {
        self.tools(Account::Administrator).search(words)
    }

    /// The values of an attribute as text; those that are no text are in the way.
    pub(crate) fn values(&self, dn: &str, attribute: &str) -> Vec<String> {
        let values = self.tools(Account::Administrator).values(dn, attribute);
        values.into_iter().map(|value| String::from_utf8(value).unwrap()).collect()
    }

    /// An entry's objectGUID as it is written: the first three fields of its bytes are little-endian (MS-DTYP 2.3.4.2).
    pub(crate) fn guid_of(&self, dn: &str) -> Guid {
        self.guid(dn, "objectGUID")
    }

    /// An entry's objectSid as text, of a server that runs or one that is stopped.
    pub(crate) fn sid_of(&self, dn: &str) -> String {
        let sid = match self.server {
            Some(_) => self.tools(Account::Administrator).values(dn, "objectSid").into_iter().next().unwrap(),
            None => return self.offline_value(dn, "objectSid"),
        };
        bailey::base::Sid::from_bytes(&sid).unwrap().to_string()
    }

    /// The id of the database behind this server, which a restore is to renew (MS-ADTS 3.1.1.1.9).
    pub(crate) fn invocation_id(&self) -> Guid {
        self.guid(&self.ntds_settings(), "invocationId")
    }

    /// The last update sequence number this server has given.
    pub(crate) fn highest_usn(&self) -> u64 {
        self.values("", "highestCommittedUSN").first().unwrap().parse().unwrap()
    }

    fn guid(&self, dn: &str, attribute: &str) -> Guid {
        let values = self.tools(Account::Administrator).values(dn, attribute);
        let bytes = values.first().and_then(|value| value.as_slice().try_into().ok()).expect("16 bytes");
        Guid::from_bytes(Uuid::from_bytes_le(bytes).into_bytes())
    }

    /// The object of this server that its replication is about.
    fn ntds_settings(&self) -> String {
        ntds_settings(self.number, &self.base())
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

    /// Starts a stopped server again, on the same address and files.
    pub(crate) fn run(&mut self) {
        assert!(self.server.is_none(), "it runs already");
        self.configure();
        let mut command = self.enclosed("/usr/sbin/samba");
        command.args(["-F", "--no-process-group", "--debug-stdout", "-s"]).arg(self.configuration_file());
        let log = self.path().join("log");
        let server = self.server.insert(Enclosed::start(command, &log));
        let (tls, url) = (SocketAddr::from((self.address.ip, 636)), format!("ldaps://{}", self.address.ip));
        wait_until("Samba listening", || {
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(server.is_running(), "Samba has ended:\n{}", said());
            TcpStream::connect_timeout(&tls, Duration::from_millis(200)).is_ok() && {
                let mut rootdse = Command::new("ldapsearch");
                rootdse.args(["-x", "-H", &url, "-s", "base", "-b", "", "1.1"]);
                rootdse.env("LDAPTLS_CACERT", self.authority.ca_file()).output().unwrap().status.success()
            }
        });
    }

    /// Writes all that depends on where the files are and on the address.
    fn configure(&self) {
        let leaf = self.authority.issue(
            &self.host_name(),
            &[&self.host_name(), self.options.domain.dns, "localhost", &self.address.ip.to_string()],
        );
        let tls = self.path().join("tls");
        std::fs::create_dir_all(&tls).unwrap();
        std::fs::copy(self.ca_file(), tls.join("ca.pem")).unwrap();
        std::fs::write(tls.join("cert.pem"), &leaf.certificate).unwrap();
        std::fs::write(tls.join("key.pem"), &leaf.key).unwrap();
        std::fs::set_permissions(tls.join("key.pem"), PermissionsExt::from_mode(0o600)).unwrap();
        let configuration =
            offline::configuration(self.path(), &self.options, self.number, &self.address.ip.to_string());
        std::fs::write(self.configuration_file(), configuration).unwrap();
        self.write_names();
    }

    fn host_name(&self) -> String {
        format!("dc{}.{}", self.number, self.options.domain.dns)
    }

    fn configuration_file(&self) -> PathBuf {
        self.path().join("etc/smb.conf")
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl SambaOptions {
    /// All that decides what a new domain holds.
    fn recipe(&self) -> Vec<String> {
        let version = run(Command::new("samba").arg("--version"));
        let sources = [
            include_str!("samba/offline.rs"),
            include_str!("samba/partner.rs"),
            include_str!("samba/zoo.ldif"),
            include_str!("samba/rights.py"),
        ];
        let domain =
            [self.domain.dns, self.domain.netbios, if self.recycle_bin { "recycle bin" } else { "" }, &self.ldif];
        sources.iter().chain(&domain).map(|part| (*part).to_owned()).chain([version]).collect()
    }
}

/// LDIF of a user under `OU=Staff`.
pub(crate) fn person(domain: Domain, name: &str) -> String {
    let Domain { dns, .. } = domain;
    format!(
        "dn: CN={name},OU=Staff,{}\nchangetype: add\nobjectClass: user\nsAMAccountName: {name}\nuserPrincipalName: {name}@{dns}\n\
         displayName: {name} Example\nmail: {name}@example.test\nuserAccountControl: 544\n\n",
        domain.base()
    )
}

fn ntds_settings(number: u8, base: &str) -> String {
    format!("CN=NTDS Settings,CN=DC{number},CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,{base}")
}

/// What is read of a company's Active Directory.
const ATTRIBUTES: [&str; 20] = [
    "cn",
    "sAMAccountName",
    "userPrincipalName",
    "displayName",
    "givenName",
    "sn",
    "mail",
    "description",
    "manager",
    "member",
    "primaryGroupID",
    "objectSid",
    "groupType",
    "userAccountControl",
    "accountExpires",
    "lockoutTime",
    "pwdLastSet",
    "logonHours",
    "userWorkstations",
    "dNSHostName",
];
