//! A certificate authority of our own.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// An authority; its certificates lie in a temporary directory.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: TempDir,
}

/// A certificate and its key, as PEM files and as text.
pub struct Leaf {
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), directory }
    }

    /// The authority's own certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.path().join("ca.pem")
    }

    /// A certificate for `common_name`, good for `hosts`.
    pub fn issue(&self, common_name: &str, hosts: &[&str]) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let mut params =
            CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        let key = key.serialize_pem();
        let (certificate_file, key_file) =
            (self.path().join(format!("{common_name}.pem")), self.path().join(format!("{common_name}.key")));
        std::fs::write(&certificate_file, &certificate).unwrap();
        std::fs::write(&key_file, &key).unwrap();
        Leaf { certificate_file, key_file, certificate, key }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }
}
