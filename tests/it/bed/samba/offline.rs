//! What is done to the files of a server that is down: made, changed past the server's own rules, put aside and put back.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use bailey::base::Guid;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tempfile::TempDir;
use uuid::Uuid;

use super::{ADMIN_PASSWORD, PASSWORD, Samba, SambaOptions, copy_directory, ldap_tools, ntds_settings, run};

/// Lets a change set what only the server itself may (`DSDB_CONTROL_DBCHECK_MODIFY_RO_REPLICA` and its kin in Samba).
const AS_THE_SERVER: &str = "--controls=local_oid:1.3.6.1.4.1.7165.4.3.20:0";

/// 2019-04-17, as a Windows file time: 100 ns since 1601.
const LONG_AGO: u64 = 132_000_000_000_000_000;

/// The files of a server, put aside.
pub(crate) struct Files(TempDir);

impl Samba {
    /// A copy of the stopped server's files.
    pub(crate) fn put_aside(&self) -> Files {
        self.assert_stopped();
        let aside = tempfile::tempdir().unwrap();
        copy_directory(self.path(), aside.path());
        Files(aside)
    }

    /// Replaces the stopped server's files by an earlier copy, as who restores a virtual machine does: the same invocation
    /// id, and sequence numbers given before are given again.
    pub(crate) fn put_back(&self, files: &Files) {
        self.assert_stopped();
        for entry in fs::read_dir(self.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        copy_directory(files.0.path(), self.path());
    }

    /// Gives the stopped server's database another invocation id, as a proper restore does.
    pub(crate) fn renew_invocation_id(&self, to: Guid) {
        let bytes = Uuid::from_bytes(*to.as_bytes()).to_bytes_le();
        self.modify_offline(
            "ldbmodify",
            &[AS_THE_SERVER],
            &format!(
                "dn: {}\nchangetype: modify\nreplace: invocationId\ninvocationId:: {}\n",
                self.ntds_settings(),
                BASE64.encode(bytes)
            ),
        );
    }

    /// Sets when the password of an entry was changed, in 100 ns since 1601; no server lets one do that.
    pub(crate) fn set_password_time(&self, dn: &str, time: u64) {
        self.modify_offline("ldbmodify", &[AS_THE_SERVER], &replacement(dn, "pwdLastSet", time));
    }

    /// Feeds `ldif` to `ldbadd` or `ldbmodify` on the stopped server's database.
    pub(crate) fn modify_offline(&self, program: &str, words: &[&str], ldif: &str) {
        self.assert_stopped();
        apply(self.path(), program, words, ldif);
    }

    /// Runs a `samba-tool` line as an administrator pastes it into a shell of the stopped server.
    pub(crate) fn paste(&self, line: &str) {
        self.assert_stopped();
        let smb_conf = self.path().join("etc/smb.conf");
        run(Command::new("bash").args(["-c", &format!("{line} --configfile={}", smb_conf.display())]));
    }

    /// The objectGUID of another server's NTDS Settings as this stopped server's database has it.
    pub(super) fn ntds_guid_of(&self, number: u8) -> Option<String> {
        self.offline_values(&ntds_settings(number, &self.base()), "objectGUID").into_iter().next()
    }

    /// A value as `ldbsearch` writes it.
    pub(super) fn offline_value(&self, dn: &str, attribute: &str) -> String {
        self.offline_values(dn, attribute).into_iter().next().unwrap_or_else(|| panic!("{dn} has no {attribute}"))
    }

    fn offline_values(&self, dn: &str, attribute: &str) -> Vec<String> {
        let mut search = Command::new("ldbsearch");
        search.arg("-H").arg(self.path().join("private/sam.ldb")).args(["-s", "base", "-b", dn, attribute]);
        let found = search.output().expect("ldbsearch is installed (package `ldb-tools`)");
        let values = ldap_tools::values(&String::from_utf8_lossy(&found.stdout), attribute);
        values.into_iter().map(|value| String::from_utf8(value).unwrap()).collect()
    }

    fn assert_stopped(&self) {
        assert!(self.server.is_none(), "stop the server first");
    }
}

/// Makes the files of a new domain in `directory`, with everything in `zoo.ldif`.
pub(super) fn provision(directory: &Path, options: &SambaOptions) {
    let domain = options.domain;
    run(Command::new("samba-tool").args(["domain", "provision", "--server-role=dc", "--dns-backend=NONE"]).args([
        &format!("--targetdir={}", directory.display()),
        &format!("--realm={}", domain.realm()),
        &format!("--domain={}", domain.netbios),
        &format!("--adminpass={ADMIN_PASSWORD}"),
        "--host-name=dc1",
        "--host-ip=127.0.0.1",
        "--option=interfaces=127.0.0.1/8",
        "--option=bind interfaces only=yes",
        "--option=ldb:nosync=true",
    ]));
    let smb_conf = directory.join("etc/smb.conf");
    fs::write(&smb_conf, configuration(directory, options, 1, "127.0.0.1")).unwrap();
    run(Command::new("samba-tool")
        .args(["domain", "passwordsettings", "set", "--min-pwd-age=0", "--history-length=0", "--max-pwd-age=42"])
        .args(["--account-lockout-threshold=3", "--account-lockout-duration=0", "--reset-account-lockout-after=0"])
        .arg(format!("--configfile={}", smb_conf.display())));
    // Without it the server has no name for Kerberos.
    run(Command::new("samba_spnupdate").arg("-s").arg(&smb_conf));
    seed(directory, options);
    // Debian's Python, which has Samba's modules, whichever comes first in PATH.
    run(Command::new("/usr/bin/python3").args(["-c", include_str!("rights.py")]).arg(&smb_conf));
}

fn seed(directory: &Path, options: &SambaOptions) {
    let base = options.domain.base();
    let password: Vec<u8> = format!("\"{PASSWORD}\"").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let zoo = include_str!("zoo.ldif")
        .replace("BASE", &base)
        .replace("DOMAIN", options.domain.dns)
        .replace("PASSWORD", &BASE64.encode(password));
    apply(directory, "ldbadd", &[], &zoo);
    let past = replacement(&format!("CN=oldpassword,OU=Staff,{base}"), "pwdLastSet", LONG_AGO)
        + &replacement(&format!("CN=locked,OU=Staff,{base}"), "lockoutTime", LONG_AGO);
    apply(directory, "ldbmodify", &[AS_THE_SERVER], &past);
    // A transaction takes a time that grows with the square of what is in it.
    let records: Vec<&str> = options.ldif.split("\n\n").map(str::trim).filter(|record| !record.is_empty()).collect();
    for some in records.chunks(500) {
        apply(directory, "ldbadd", &[], &some.join("\n\n"));
    }
    if options.recycle_bin {
        // MS-ADTS 3.1.1.3.3.9, with the feature's GUID (3.1.1.9.1).
        let feature = "766ddcd8-acd0-445e-f3b9-a7f9b6744f2a";
        let enable = format!(
            "dn:\nchangetype: modify\nadd: enableOptionalFeature\n\
             enableOptionalFeature: CN=Partitions,CN=Configuration,{base}:{feature}\n"
        );
        apply(directory, "ldbmodify", &[], &enable);
    }
}

fn replacement(dn: &str, attribute: &str, value: u64) -> String {
    format!("dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n\n")
}

/// Feeds `ldif` to `ldbadd` or `ldbmodify` on the database in `directory`.
fn apply(directory: &Path, program: &str, words: &[&str], ldif: &str) {
    let mut child = Command::new(program)
        .arg("-H")
        .arg(directory.join("private/sam.ldb"))
        .args(["--option=ldb:nosync=true"])
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; it is in package `ldb-tools`"));
    child.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{program}: {said}\n{ldif}");
}

/// The server's configuration: where its files are, its address, and no more services than the tests ask.
pub(super) fn configuration(directory: &Path, options: &SambaOptions, number: u8, ip: &str) -> String {
    let at = directory.display();
    let (realm, workgroup) = (options.domain.realm(), options.domain.netbios);
    let (services, endpoints) = if options.partners {
        ("ldap, cldap, kdc, rpc, drepl", "epmapper, drsuapi, netlogon, lsarpc, samr, wkssvc, dssetup")
    } else {
        ("ldap, cldap, kdc", "")
    };
    let strong = if options.sasl_over_tls { "allow_sasl_over_tls" } else { "yes" };
    format!(
        "[global]
netbios name = DC{number}
realm = {realm}
workgroup = {workgroup}
server role = active directory domain controller
server services = {services}
dcerpc endpoint servers = {endpoints}
prefork children = 2
disable netbios = yes
bind interfaces only = yes
# Without the prefix length Samba finds no interface.
interfaces = {ip}/8
private dir = {at}/private
state directory = {at}/state
cache directory = {at}/cache
lock directory = {at}
pid directory = {at}
binddns dir = {at}/bind-dns
ncalrpc dir = {at}/ncalrpc
winbindd socket directory = {at}/winbindd
ntp signd socket directory = {at}/ntp_signd
log file = {at}/log.%m
tls certfile = {at}/tls/cert.pem
tls keyfile = {at}/tls/key.pem
tls cafile = {at}/tls/ca.pem
ldap server require strong auth = {strong}
ldb:nosync = true
"
    )
}
