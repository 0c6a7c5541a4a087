//! TLS of the public listener: our certificate, whose client certificates are believed, and the exchange of both while
//! connections go on.
//!
//! TLS 1.3, and 1.2 with ECDHE and AEAD alone, by rustls (RFC 9325). Owns the files and what is made of them; the
//! handshake is the listener's ([`super::public`]), and when to look at the files is the daemon's.
//!
//! The whole configuration of rustls is exchanged, not the certificate within it: so the authorities of client
//! certificates go with it, and a connection is held to one state of the files and never to a mixture.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{InconsistentKeys, ProtocolVersion, RootCertStore, ServerConfig, ServerConnection};
use x509_parser::prelude::{ASN1Time, FromDer as _, GeneralName, X509Certificate};

use crate::base::{Fault, Faulty, Timestamp};

/// HTTP/2 is left out on purpose. Every client there is to serve (the AWS command lines and SDKs, curl, browsers) speaks
/// HTTP/1.1, and the second protocol is where the floods were: rapid reset (CVE-2023-44487), CONTINUATION
/// (RUSTSEC-2024-0332). What it saves, handshakes of a client with many requests at once, matters little here.
const PROTOCOL: &[u8] = b"http/1.1";

/// Where certificates and the key lie, each a PEM file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Our certificate, then those that lead to its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authorities of client certificates; without them none is asked for.
    pub client_ca: Option<PathBuf>,
}

/// Why TLS cannot be had with these files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The key is another's.
    #[error(
        "the key in {} is not that of the first certificate in {}; put the server's own certificate first, and the key it was made with beside it",
        key.display(), certificate.display()
    )]
    Mismatch {
        /// File of the certificate.
        certificate: PathBuf,
        /// File of the key.
        key: PathBuf,
    },
    /// TLS itself does not start.
    #[error("TLS does not start: {0}")]
    Setup(String),
    /// A file is not what it should be.
    #[error("{} cannot be used: {why}", file.display())]
    Unusable {
        /// Which.
        file: PathBuf,
        /// Why; never quotes it.
        why: String,
    },
}

impl Faulty for TlsError {
    fn fault(&self) -> Fault {
        Fault::Operator
    }
}

/// From when until when our certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Its first moment.
    pub from: Timestamp,
    /// Its last.
    pub until: Timestamp,
}

/// TLS as it is now; what is in use can be exchanged.
#[derive(Debug)]
pub struct Tls {
    /// Taken while files are read, so that of two exchanges the later one counts.
    files: Mutex<Watched>,
    current: RwLock<Arc<Loaded>>,
}

/// The files, and what was last seen of them.
#[derive(Debug)]
struct Watched {
    files: Files,
    /// What the files looked like when they were last read, well or not.
    seen: Stamp,
    /// Why they are not in use.
    trouble: Option<String>,
}

/// What was made of the files at one time.
#[derive(Debug)]
pub struct Loaded {
    files: Files,
    stamp: Stamp,
    config: Arc<ServerConfig>,
    validity: Validity,
}

impl Tls {
    /// TLS with what was read.
    #[must_use]
    pub fn new(loaded: Loaded) -> Self {
        let watched = Watched { files: loaded.files.clone(), seen: loaded.stamp.clone(), trouble: None };
        Self { files: Mutex::new(watched), current: RwLock::new(Arc::new(loaded)) }
    }

    /// What the next handshake uses.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.loaded().config)
    }

    /// How long the certificate in use is good.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.loaded().validity
    }

    /// Why newer files are not in use.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).trouble.clone()
    }

    /// Takes the files up if they are no longer those last read; says whether it did. Blocks.
    ///
    /// # Errors
    /// When they changed and cannot be used; what is in use stays. Told once a change: a renewal that writes the
    /// certificate before the key is between the two for a moment, and the next look finds it whole.
    pub fn refresh(&self) -> Result<bool, TlsError> {
        let mut watched = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = Stamp::of(&watched.files);
        if seen == watched.seen {
            return Ok(false);
        }
        watched.seen = seen;
        match Loaded::read(&watched.files) {
            Ok(loaded) => {
                self.put(&mut watched, loaded);
                Ok(true)
            }
            Err(error) => {
                watched.trouble = Some(error.to_string());
                Err(error)
            }
        }
    }

    /// Uses what was read from now on, and watches its files.
    pub fn exchange(&self, loaded: Loaded) {
        let mut watched = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        self.put(&mut watched, loaded);
    }

    fn put(&self, watched: &mut Watched, loaded: Loaded) {
        *watched = Watched { files: loaded.files.clone(), seen: loaded.stamp.clone(), trouble: None };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
    }

    fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Loaded {
    /// How long the certificate is good.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Reads the files. Blocks.
    ///
    /// # Errors
    /// When one of them cannot be used; says which and why.
    pub fn read(files: &Files) -> Result<Self, TlsError> {
        // Before the files are read: what is written meanwhile shows at the next look.
        let stamp = Stamp::of(files);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let (certified, validity) = certified(files, &provider)?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Setup(error.to_string()))?;
        let builder = match &files.client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => builder.with_client_cert_verifier(verifier(file, provider)?),
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        // No session is resumed: a resumed one would keep a client certificate that has expired meanwhile, or whose
        // authority was taken out. It costs a signature a connection.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { files: files.clone(), stamp, config: Arc::new(config), validity })
    }
}

/// Our certificate with its key, which must belong together.
fn certified(files: &Files, provider: &CryptoProvider) -> Result<(CertifiedKey, Validity), TlsError> {
    let chain = certificates(&files.certificate)?;
    let validity = chain.first().map_or_else(|| Err(NO_CERTIFICATE.to_owned()), |leaf| Validity::of(leaf));
    let validity = validity.map_err(|why| unusable(&files.certificate, why))?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| unusable(&files.key, words(&error, "there is no PEM private key in it")))?;
    let key = provider.key_provider.load_private_key(key).map_err(|error| unusable(&files.key, error))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok((certified, validity)),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(TlsError::Mismatch { certificate: files.certificate.clone(), key: files.key.clone() })
        }
        Err(error) => Err(unusable(&files.certificate, error)),
    }
}

/// Believes certificates signed by the authorities in `file`, and lets in whoever shows none: who must have one is for
/// the route to say.
fn verifier(file: &Path, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| unusable(file, error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).allow_unauthenticated();
    builder.build().map_err(|error| unusable(file, error))
}

const NO_CERTIFICATE: &str = "there is no PEM certificate in it";

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    match found {
        Ok(found) if found.is_empty() => Err(unusable(file, NO_CERTIFICATE)),
        Ok(found) => Ok(found),
        Err(error) => Err(unusable(file, words(&error, NO_CERTIFICATE))),
    }
}

/// The reader's own words would quote the line that is wrong, and it may be a line of a key.
fn words(error: &pem::Error, none: &str) -> String {
    match error {
        pem::Error::Io(why) => why.to_string(),
        pem::Error::NoItemsFound => none.to_owned(),
        pem::Error::MissingSectionEnd { .. } => "it ends in the middle of a PEM section".to_owned(),
        _ => "it is not PEM".to_owned(),
    }
}

fn unusable(file: &Path, why: impl ToString) -> TlsError {
    TlsError::Unusable { file: file.to_owned(), why: why.to_string() }
}

impl Validity {
    fn of(leaf: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, parsed) = X509Certificate::from_der(leaf).map_err(|error| format!("no X.509 certificate: {error}"))?;
        // RFC 5280 4.1.2.5 has a date for "never", which lies beyond what a timestamp holds.
        let at = |time: ASN1Time| Timestamp::from_second(time.timestamp()).unwrap_or(Timestamp::MAX);
        let validity = parsed.validity();
        Ok(Self { from: at(validity.not_before), until: at(validity.not_after) })
    }
}

/// The names (RFC 5280, section 4.2.1.6, dNSName) that a certificate (DER) is for. Its common name is none of them (RFC 6125,
/// section 6.4.4).
pub(super) fn dns_names(certificate: &[u8]) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(name).collect()
}

/// What tells one state of the files from another: who they are, how long, and when they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp(Vec<Option<[i64; 4]>>);

impl Stamp {
    /// Follows links, which renewals love to move.
    fn of(files: &Files) -> Self {
        let look = |file: &PathBuf| {
            let found = std::fs::metadata(file).ok()?;
            Some([found.ino().cast_signed(), found.size().cast_signed(), found.mtime(), found.mtime_nsec()])
        };
        Self([Some(&files.certificate), Some(&files.key), files.client_ca.as_ref()].map(|file| look(file?)).to_vec())
    }
}

/// A TLS session, in the words of AWS' own records (`tlsDetails`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// `TLSv1.3`.
    pub version: &'static str,
    /// `TLS_AES_256_GCM_SHA384`.
    pub cipher: String,
}

impl Session {
    /// That of a connection whose handshake is done.
    pub(super) fn of(connection: &ServerConnection) -> Option<Self> {
        let version = match connection.protocol_version()? {
            ProtocolVersion::TLSv1_3 => "TLSv1.3",
            ProtocolVersion::TLSv1_2 => "TLSv1.2",
            _ => return None,
        };
        let name = format!("{:?}", connection.negotiated_cipher_suite()?.suite());
        Some(Self { version, cipher: name.replacen("TLS13_", "TLS_", 1) })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use tempfile::TempDir;

    use super::*;

    fn files(directory: &TempDir) -> Files {
        let path = |name: &str| directory.path().join(name);
        Files { certificate: path("cert.pem"), key: path("key.pem"), client_ca: None }
    }

    fn write(files: &Files, until: i32) -> KeyPair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["bailey.example.com".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        std::fs::write(&files.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        key
    }

    fn until(tls: &Tls) -> String {
        tls.validity().until.to_string()
    }

    #[test]
    fn what_is_written_anew_is_taken_up_and_what_cannot_be_used_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(&directory);
        write(&files, 2027);
        let tls = Tls::new(Loaded::read(&files).unwrap());
        assert!(!tls.refresh().unwrap(), "nothing changed");

        // The certificate alone, then the key that belongs to it.
        let old_key = std::fs::read(&files.key).unwrap();
        write(&files, 2028);
        let new_key = std::fs::read(&files.key).unwrap();
        std::fs::write(&files.key, old_key).unwrap();
        let error = tls.refresh().unwrap_err();
        assert!(matches!(error, TlsError::Mismatch { .. }), "{error}");
        assert!(tls.trouble().is_some_and(|why| why.contains("key.pem") && why.contains("cert.pem")));
        assert!(!tls.refresh().unwrap(), "one change is told once");
        assert_eq!(until(&tls), "2027-01-01T00:00:00Z");
        std::fs::write(&files.key, new_key).unwrap();
        assert!(tls.refresh().unwrap());
        assert_eq!((until(&tls).as_str(), tls.trouble()), ("2028-01-01T00:00:00Z", None));

        // Gone, and back.
        let moved = directory.path().join("moved");
        std::fs::rename(&files.certificate, &moved).unwrap();
        assert!(tls.refresh().unwrap_err().to_string().contains("cert.pem cannot be used: No such file"));
        assert_eq!(until(&tls), "2028-01-01T00:00:00Z");
        std::fs::rename(&moved, &files.certificate).unwrap();
        assert!(tls.refresh().unwrap());
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_and_never_quoted() {
        let directory = tempfile::tempdir().unwrap();
        let good = files(&directory);
        write(&good, 2027);
        let key = std::fs::read_to_string(&good.key).unwrap();
        let secret = key.lines().nth(1).unwrap();
        let cut = format!("{}\n", key.lines().take(2).collect::<Vec<_>>().join("\n"));
        let broken = format!("-----BEGIN {secret}\n{key}");
        for (name, text, said) in [
            ("cert.pem", "", "no PEM certificate"),
            ("cert.pem", key.as_str(), "no PEM certificate"),
            ("cert.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no X.509 certificate"),
            ("key.pem", "", "no PEM private key"),
            ("key.pem", cut.as_str(), "in the middle"),
            ("key.pem", broken.as_str(), "not PEM"),
            ("ca.pem", "", "no PEM certificate"),
        ] {
            write(&good, 2027);
            let files = Files { client_ca: Some(good.certificate.clone()), ..good.clone() };
            let files = match name {
                "ca.pem" => Files { client_ca: Some(directory.path().join(name)), ..files },
                _ => files,
            };
            std::fs::write(directory.path().join(name), text).unwrap();
            let error = Loaded::read(&files).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(said) && !error.contains(secret), "{name}: {error}");
        }
    }

    #[test]
    fn a_certificate_is_for_its_alternative_names_alone() {
        let names = vec!["a.example.com".to_owned(), "192.0.2.1".to_owned(), "*.example.com".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "cn.example.com");
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(dns_names(certificate.der()), ["a.example.com", "*.example.com"]);
        assert!(dns_names(b"none").is_empty());
    }

    #[test]
    fn a_certificate_that_never_expires_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(&directory);
        write(&files, 9999);
        assert_eq!(Loaded::read(&files).unwrap().validity.from, "2026-01-01T00:00:00Z".parse().unwrap());
    }
}
