//! A certificate authority of our own.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// An authority; its certificates lie in a temporary directory.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: TempDir,
}

/// A certificate and its key, as PEM files and as text.
pub(crate) struct Leaf {
    pub(crate) certificate_file: PathBuf,
    pub(crate) key_file: PathBuf,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), directory }
    }

    /// The authority's own certificate.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.path().join("ca.pem")
    }

    /// A certificate for `common_name`, good for `hosts`.
    pub(crate) fn issue(&self, common_name: &str, hosts: &[&str]) -> Leaf {
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

    /// As [`Authority::issue`], as a file with the certificate and one with the key, which then lie at `files`. They are
    /// put there as a renewal does it: written elsewhere and moved, so that nobody reads half a file.
    pub(crate) fn renew(&self, hosts: &[&str], files: [&Path; 2]) -> Leaf {
        let leaf = self.issue("renewed", hosts);
        for (from, to) in [&leaf.certificate_file, &leaf.key_file].into_iter().zip(files) {
            let beside = to.with_extension("new");
            std::fs::copy(from, &beside).unwrap();
            std::fs::set_permissions(&beside, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            std::fs::rename(&beside, to).unwrap();
        }
        leaf
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }
}
