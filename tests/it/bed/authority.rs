//! A certificate authority of our own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bailey::base::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod, KeyPair,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
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
        let (key, params) = (KeyPair::generate().unwrap(), Self::params(name));
        let certificate = params.self_signed(&key).unwrap().pem();
        Self::with(params, key, &certificate)
    }

    /// An authority for which this one vouches.
    pub(crate) fn below(&self, name: &str) -> Self {
        let (key, params) = (KeyPair::generate().unwrap(), Self::params(name));
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Self::with(params, key, &certificate)
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    fn with(params: CertificateParams, key: KeyPair, certificate: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), certificate).unwrap();
        Self { issuer: Issuer::new(params, key), directory }
    }

    /// Writes its list of revoked certificates, good until `until`.
    pub(crate) fn revoke(&self, serials: &[SerialNumber], until: Timestamp) -> PathBuf {
        let from = date_time_ymd(2026, 1, 1);
        let revoked = |serial: &SerialNumber| RevokedCertParams {
            serial_number: serial.clone(),
            revocation_time: from,
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: from,
            next_update: date_time_ymd(1970, 1, 1) + Duration::from_secs(until.as_second().unsigned_abs()),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let file = self.path().join("crl.pem");
        std::fs::write(&file, list.signed_by(&self.issuer).unwrap().pem().unwrap()).unwrap();
        file
    }

    /// The authority's own certificate.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.path().join("ca.pem")
    }

    /// A certificate for `common_name`, good for `hosts`.
    pub(crate) fn issue(&self, common_name: &str, hosts: &[&str]) -> Leaf {
        let mut params =
            CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        self.sign(common_name, &params)
    }

    /// A certificate that says all this, its files called `name`.
    pub(crate) fn sign(&self, name: &str, params: &CertificateParams) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        let key = key.serialize_pem();
        let (certificate_file, key_file) =
            (self.path().join(format!("{name}.pem")), self.path().join(format!("{name}.key")));
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
