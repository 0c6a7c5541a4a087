//! Two controllers of one domain.
//!
//! They look each other up by name. So each sees an `/etc/hosts` of its own; the machine's stays as it is.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use super::{ADMIN_PASSWORD, Authority, Domain, Samba, SambaOptions, copy_directory, enclosed, made_once, run};
use crate::bed::converges;

/// Longest wait for a replication. Two controllers that tell each other at one moment that they want to hear of changes
/// (`UpdateRefs`) both wait for the other, until Samba gives up after a minute.
const REPLICATION: Duration = Duration::from_secs(100);

impl Samba {
    /// Starts two controllers of one domain; from a snapshot where there is one, else it makes one.
    pub(crate) fn start_two(options: SambaOptions) -> (Self, Self) {
        let options = SambaOptions { partners: true, ..options };
        let snapshot = made_once("samba-two", &options.recipe(), |made| {
            let mut first = Self::start(options.clone());
            let mut second = Self::second_dc(&first);
            for (name, server) in [("dc1", &mut first), ("dc2", &mut second)] {
                server.stop();
                copy_directory(server.path(), &made.join(name));
            }
        });
        let authority = Arc::new(Authority::new("test authority"));
        let over = |number: u8| {
            let server = Self::over(&options, number, Arc::clone(&authority), tempfile::tempdir().unwrap());
            copy_directory(&snapshot.join(format!("dc{number}")), server.path());
            server
        };
        let (mut first, mut second) = (over(1), over(2));
        let names = first.names() + &second.names();
        for server in [&mut first, &mut second] {
            fs::write(server.path().join("partners"), &names).unwrap();
            server.run();
        }
        (first, second)
    }

    /// A second controller joins the domain of `first`, which was started with `partners`.
    pub(crate) fn second_dc(first: &Self) -> Self {
        assert!(first.options.partners, "a server nobody can join: start it with `partners`");
        let directory = tempfile::tempdir().unwrap();
        let mut second = Self::over(&first.options, 2, Arc::clone(&first.authority), directory);
        second.know(&first.names());
        let domain = first.options.domain;
        run(second
            .enclosed("samba-tool")
            .args(["domain", "join", &domain.realm(), "DC", "--dns-backend=NONE", "--use-kerberos=required"])
            .args([
                &format!("--server={}", first.host_name()),
                &administrator(domain),
                &format!("--option=realm={}", domain.realm()),
                &format!("--targetdir={}", second.path().display()),
                "--option=netbios name=DC2",
                &format!("--option=interfaces={}/8", second.address.ip),
                "--option=bind interfaces only=yes",
                "--option=ldb:nosync=true",
            ]));
        first.know(&second.names());
        second.configure();
        run(second.enclosed("samba_spnupdate").arg("-s").arg(second.configuration_file()));
        second.run();
        Self::replicate(&second, first);
        second
    }

    /// Brings the changes of `from` to `to`, now: by itself it happens late.
    pub(crate) fn replicate(from: &Self, to: &Self) {
        Self::try_replicate(from, to).unwrap_or_else(|said| panic!("no replication:\n{said}"));
    }

    /// As [`Samba::replicate`]; or what Samba said in the end. A server that has just started refuses for a moment.
    pub(crate) fn try_replicate(from: &Self, to: &Self) -> Result<(), String> {
        let said = std::cell::RefCell::new(String::new());
        let mut whole = false;
        let replicated = converges(REPLICATION, || {
            let mut replicate = to.enclosed("samba-tool");
            replicate.args(["drs", "replicate", &to.host_name(), &from.host_name(), &to.base()]);
            replicate.args([&administrator(to.options.domain), "--use-kerberos=required"]);
            replicate.arg(format!("--configfile={}", to.configuration_file().display()));
            // What came since the last time cannot always be applied by itself, such as a child before the unit it moved to.
            replicate.args(whole.then_some("--full-sync"));
            whole = !whole;
            let output = replicate.output().unwrap();
            *said.borrow_mut() = String::from_utf8_lossy(&output.stderr).into_owned();
            output.status.success()
        });
        if replicated { Ok(()) } else { Err(said.into_inner()) }
    }

    /// `program`, which looks names up where this server does.
    pub(super) fn enclosed(&self, program: &str) -> Command {
        let names = self.path().join("hosts");
        let mut command = enclosed(&[(&names, Path::new("/etc/hosts"))], program);
        command.env("KRB5_CONFIG", self.path().join("krb5.conf"));
        command
    }

    /// Adds the names of another server to those this one knows, at once.
    fn know(&self, names: &str) {
        let known = self.path().join("partners");
        let before = fs::read_to_string(&known).unwrap_or_default();
        fs::write(known, before + names).unwrap();
        self.write_names();
    }

    /// Writes the names this server knows, its partners' and its own, and where to ask for Kerberos tickets: a server that
    /// is about to join asks its partner. In place, as it may be looking.
    pub(super) fn write_names(&self) {
        let partners = fs::read_to_string(self.path().join("partners")).unwrap_or_default();
        let names = partners + &self.names();
        let addresses = names.lines().filter_map(|line| line.split(' ').next());
        let centres: BTreeSet<String> = addresses.map(|address| format!("kdc = {address}\n")).collect();
        fs::write(self.path().join("hosts"), format!("127.0.0.1 localhost\n{names}")).unwrap();
        let realm = self.options.domain.realm();
        let kerberos = format!(
            "[libdefaults]\ndefault_realm = {realm}\ndns_lookup_kdc = false\ndns_lookup_realm = false\nrdns = false\n\
             dns_canonicalize_hostname = false\n[realms]\n{realm} = {{\n{}}}\n",
            Vec::from_iter(centres).concat()
        );
        fs::write(self.path().join("krb5.conf"), kerberos).unwrap();
    }

    /// This server's lines for `/etc/hosts`. The second is what replication asks for (MS-ADTS 6.1.1.2.2.1.2.1.1).
    fn names(&self) -> String {
        let (ip, name, domain) = (self.address.ip, self.host_name(), self.options.domain.dns);
        let alias = self.ntds_guid_of(self.number).map(|guid| format!("{ip} {guid}._msdcs.{domain}\n"));
        format!("{ip} {name} dc{}\n{}", self.number, alias.unwrap_or_default())
    }
}

/// The administrator for Samba's tools, with the realm, without which they do not try Kerberos. NTLM takes winbind.
fn administrator(domain: Domain) -> String {
    format!("-UAdministrator@{}%{ADMIN_PASSWORD}", domain.realm())
}
