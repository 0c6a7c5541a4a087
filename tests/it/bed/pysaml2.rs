//! An identity provider of outside people that is made with pysaml2: zoe signs in there. It takes signed requests alone, and signs and
//! encrypts what it says.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::service_provider::{Running, fetched, keys, ready};
use super::{Authority, free_port};

/// Her password there.
pub(crate) const PASSWORD: &str = "vq7-Torf-Lampe";

/// A provider; gone when dropped.
pub(crate) struct Pysaml2 {
    port: u16,
    _process: Running,
    folder: TempDir,
    authority: Authority,
}

impl Pysaml2 {
    pub(crate) fn start() -> Self {
        let (port, authority, folder) = (free_port(), Authority::new("Auditors"), tempfile::tempdir().unwrap());
        let (leaf, at) = (authority.issue("provider", &["127.0.0.1"]), folder.path());
        std::fs::copy(&leaf.certificate_file, at.join("tls.crt")).unwrap();
        std::fs::copy(&leaf.key_file, at.join("tls.key")).unwrap();
        keys(at, "idp");
        // Debian's own Python, for which the package is.
        let mut command = Command::new("/usr/bin/python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bed/saml/pysaml2_idp.py"));
        command.arg(port.to_string()).arg(at);
        Self { port, _process: ready(command), folder, authority }
    }

    /// An address of it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    /// What it calls itself by, and where it says who it is.
    pub(crate) fn entity_id(&self) -> String {
        self.url("/metadata")
    }

    /// What it says of itself.
    pub(crate) fn metadata(&self) -> String {
        fetched(&self.entity_id())
    }

    /// Who signs the certificate of its address.
    pub(crate) fn authority_file(&self) -> PathBuf {
        self.authority.ca_file()
    }

    /// Makes it know the service provider with this metadata.
    pub(crate) fn knows(&self, metadata: &str) {
        std::fs::write(self.folder.path().join("sp.xml"), metadata).unwrap();
    }

    /// From now on it signs by another key, and says so.
    pub(crate) fn takes_another_key(&self) {
        keys(self.folder.path(), "idp");
    }

    /// From now on it encrypts as it does by itself, if this is so.
    pub(crate) fn encrypts_by_itself(&self, so: bool) {
        let file = self.folder.path().join("by-itself");
        if so { std::fs::write(file, "").unwrap() } else { std::fs::remove_file(file).unwrap() }
    }

    /// What it was asked, and how it answered, since it is there.
    pub(crate) fn asked(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("asked")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
