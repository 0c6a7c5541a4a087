//! ldapmodify and ldapsearch, as one account on one server.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// An account at a server, for the command line tools.
pub(crate) struct LdapTools {
    pub(crate) url: String,
    pub(crate) ca_file: PathBuf,
    pub(crate) bind: String,
    pub(crate) password: String,
}

impl LdapTools {
    /// Applies the change records of `ldif`; `controls` are words such as `-e`, `!1.2.840.113556.1.4.417`.
    pub(crate) fn modify(&self, controls: &[&str], ldif: &str) {
        let output = self.try_modify(controls, ldif);
        assert!(output.status.success(), "ldapmodify: {}\n{ldif}", String::from_utf8_lossy(&output.stderr));
    }

    /// As [`Self::modify`]; or its failure.
    pub(crate) fn try_modify(&self, controls: &[&str], ldif: &str) -> Output {
        let mut child = self
            .command("ldapmodify")
            .args(controls)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the LDAP clients are installed (package `ldap-utils`)");
        child.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// What ldapsearch answers to these words, lines unfolded, with what it says of controls; or its failure.
    pub(crate) fn try_search(&self, words: &[&str]) -> Output {
        let mut command = self.command("ldapsearch");
        command.args(["-o", "ldif-wrap=no"]).args(words).stdin(Stdio::null());
        command.output().expect("the LDAP clients are installed (package `ldap-utils`)")
    }

    /// The LDIF ldapsearch answers to these words, without comments.
    pub(crate) fn search(&self, words: &[&str]) -> String {
        let output = self.try_search(&[&["-LLL"], words].concat());
        assert!(output.status.success(), "ldapsearch {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The values of one attribute of one entry, as bytes.
    pub(crate) fn values(&self, dn: &str, attribute: &str) -> Vec<Vec<u8>> {
        self.values_with(&[], dn, attribute)
    }

    /// As [`Self::values`], with further words for ldapsearch, such as a control.
    pub(crate) fn values_with(&self, words: &[&str], dn: &str, attribute: &str) -> Vec<Vec<u8>> {
        let entry = ["-s", "base", "-b", dn, "(objectClass=*)", attribute];
        values(&self.search(&[words, &entry].concat()), attribute)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(["-x", "-H", &self.url, "-D", &self.bind, "-w", &self.password]);
        command.env("LDAPTLS_CACERT", &self.ca_file);
        command
    }
}

/// The values of one attribute in LDIF whose lines are not folded (RFC 2849).
pub(crate) fn values(ldif: &str, attribute: &str) -> Vec<Vec<u8>> {
    let of_line = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let name = name.eq_ignore_ascii_case(attribute);
        name.then(|| match value.strip_prefix(':') {
            Some(encoded) => BASE64.decode(encoded.trim()).unwrap(),
            None => value.trim_start().as_bytes().to_vec(),
        })
    };
    ldif.lines().filter_map(of_line).collect()
}
