//! The authorities that are believed about machines: whether one of them signed a certificate, and took it back since.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, RootCertStore};

use super::Shown;
use super::leaf::{self, Leaf};
use super::refused::{MachineRefused, Untrusted};
use super::settings::MachineIssuerSettings;
use crate::base::{Finding, Severity, Timestamp};

/// All of them; what the configuration says can be exchanged.
#[derive(Default)]
pub struct MachineIssuers(RwLock<Arc<[Issuer]>>);

/// One authority, and what was made of its files last.
struct Issuer {
    settings: MachineIssuerSettings,
    files: Mutex<Watched>,
}

/// What was last seen of the files, and what is in use.
#[derive(Default)]
struct Watched {
    seen: Option<Stamp>,
    /// What follows from the last files that could be used.
    ready: Option<Arc<dyn ClientCertVerifier>>,
    /// Why newer ones are not.
    trouble: Option<String>,
}

/// A certificate that an authority vouches for.
pub(super) struct Vouched {
    /// By which.
    pub(super) settings: MachineIssuerSettings,
    /// What it says.
    pub(super) leaf: Leaf,
}

impl MachineIssuers {
    /// With what the configuration says of some.
    #[must_use]
    pub fn new(settings: Vec<MachineIssuerSettings>) -> Self {
        let issuers = Self::default();
        issuers.replace(settings);
        issuers
    }

    /// From now on, this is what the configuration says. Files are read anew at their next use.
    pub fn replace(&self, settings: Vec<MachineIssuerSettings>) {
        let issuers = settings.into_iter().map(|settings| Issuer { settings, files: Mutex::default() }).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = issuers;
    }

    fn all(&self) -> Arc<[Issuer]> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files of each authority, and says what is wrong at `now`. Blocks.
    #[must_use]
    pub fn check(&self, now: Timestamp) -> Vec<Finding> {
        let all = self.all();
        let finding = |issuer: &Issuer| {
            let subject = format!("machine issuer {}", issuer.settings.name);
            let fault = |what, remedy| Finding::new(Severity::Fault, subject.clone(), what, remedy);
            match (verifier(&issuer.settings), issuer.settings.stale(now)) {
                (Err(why), _) => fault(why, "correct the file it names"),
                (Ok(_), Some(since)) => fault(
                    format!("a list of revoked certificates is out of date since {since:.0}, so nobody gets in"),
                    "fetch the next one before the last one ends, such as once an hour",
                ),
                (Ok(_), None) => Finding::new(Severity::Fine, subject.clone(), "its files can be used", ""),
            }
        };
        all.iter().map(finding).collect()
    }

    /// By which authority the certificate counts at `now`, and what it says. Of several sections that one authority stands in,
    /// each that takes it counts; of noes the first that is not about who signed it is told. Reads files that changed, so it
    /// blocks.
    pub(super) fn vouching(&self, shown: &Shown, now: Timestamp) -> Result<Vec<Vouched>, MachineRefused> {
        let all = self.all();
        if all.is_empty() {
            return Err(MachineRefused::NobodyVouches);
        }
        let (mut vouched, mut refusal) = (Vec::new(), None);
        for issuer in all.iter() {
            match issuer.vouches(shown, now) {
                Ok(found) => vouched.push(found),
                Err(MachineRefused::Untrusted(Untrusted::Issuer)) => {}
                Err(error) => {
                    refusal.get_or_insert(error);
                }
            }
        }
        if vouched.is_empty() {
            return Err(refusal.unwrap_or_else(|| Untrusted::Issuer.into()));
        }
        Ok(vouched)
    }
}

impl Issuer {
    fn vouches(&self, shown: &Shown, now: Timestamp) -> Result<Vouched, MachineRefused> {
        let leaf = CertificateDer::from(shown.leaf.as_ref());
        let others: Vec<_> = shown.others.iter().map(|other| CertificateDer::from(other.as_ref())).collect();
        let since = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default());
        let verified = self.verifier()?.verify_client_cert(&leaf, &others, UnixTime::since_unix_epoch(since));
        verified.map_err(|error| self.refused(&error))?;
        let leaf = Leaf::read(&shown.leaf)?;
        // The verification takes a certificate without any purpose to be for all of them.
        if !leaf.is_for_clients {
            return Err(Untrusted::Purpose.into());
        }
        // It counts seconds; of a session's end that follows from this, moments matter.
        if now >= leaf.until {
            return Err(Untrusted::Expired(leaf.until).into());
        }
        if let Some(limit) = self.settings.max_lifetime
            && leaf.lifetime() > limit.saturating_add(BACKDATED)
        {
            let (issuer, lifetime) = (self.settings.name.clone(), leaf.lifetime());
            return Err(Untrusted::Lifetime { issuer, lifetime, limit }.into());
        }
        Ok(Vouched { settings: self.settings.clone(), leaf })
    }

    /// What follows from the files as they are, or as they last were of use.
    fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, MachineRefused> {
        let mut watched = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the files are read: what is written meanwhile shows at the next look.
        let stamp = Stamp::of(&self.settings);
        if watched.seen.as_ref() != Some(&stamp) {
            watched.seen = Some(stamp);
            match verifier(&self.settings) {
                Ok(ready) => *watched = Watched { seen: watched.seen.take(), ready: Some(ready), trouble: None },
                Err(why) => {
                    tracing::error!(machine_issuer = %self.settings.name, %why, "files cannot be used; those in use stay");
                    watched.trouble = Some(why);
                }
            }
        }
        let trouble = || watched.trouble.clone().unwrap_or_default();
        watched.ready.clone().ok_or_else(|| MachineRefused::Undecided { why: trouble() })
    }

    fn refused(&self, error: &rustls::Error) -> MachineRefused {
        let undecided = |why: &str| MachineRefused::Undecided { why: format!("{why} of `{}`", self.settings.name) };
        match error {
            rustls::Error::InvalidCertificate(error) => match error {
                // Of an authority that has the name of one of these, and not its key.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => Untrusted::Issuer.into(),
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Untrusted::Time.into(),
                CertificateError::Revoked => Untrusted::Revoked.into(),
                CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                    Untrusted::Purpose.into()
                }
                CertificateError::UnknownRevocationStatus => {
                    undecided("no list of revoked certificates of every authority on the way stands in the crl_file")
                }
                CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
                    undecided("the list of revoked certificates is out of date in the crl_file")
                }
                other => Untrusted::Chain(other.to_string()).into(),
            },
            other => Untrusted::Chain(other.to_string()).into(),
        }
    }
}

impl MachineIssuerSettings {
    /// Since when a list of it is out of date, if one is.
    fn stale(&self, now: Timestamp) -> Option<Timestamp> {
        let lists = lists(self.crl_file.as_ref()?).ok()?;
        lists.iter().filter_map(|list| leaf::list_until(list)).min().filter(|until| *until <= now)
    }
}

/// By which authorities date their certificates back, for clocks that are behind: 10 minutes in Active Directory Certificate
/// Services, one in others.
const BACKDATED: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);

/// Reads the files. Blocks.
fn verifier(settings: &MachineIssuerSettings) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&settings.ca_file)? {
        roots.add(certificate).map_err(|error| unusable(&settings.ca_file, &error))?;
    }
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    if let Some(file) = &settings.crl_file {
        // Of every authority on the way, and none that is out of date: whoever keeps new lists from us could otherwise keep a
        // machine in that was thrown out.
        builder = builder.with_crls(lists(file)?).enforce_revocation_expiration();
    }
    builder.build().map_err(|error| format!("`{}`: {error}", settings.name))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    some(file, found, "there is no PEM certificate in it")
}

/// Active Directory Certificate Services publish DER, OpenSSL writes PEM.
fn lists(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let bytes = std::fs::read(file).map_err(|error| unusable(file, &error))?;
    // A SEQUENCE.
    if bytes.first() == Some(&0x30) {
        return Ok(vec![CertificateRevocationListDer::from(bytes)]);
    }
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
    some(file, found, "there is no list of revoked certificates in it, PEM (X509 CRL) or DER")
}

/// None at all is a fault: it would make a verification that looks for nothing.
fn some<T>(file: &Path, found: Result<Vec<T>, pem::Error>, none: &str) -> Result<Vec<T>, String> {
    match found {
        Ok(found) if found.is_empty() => Err(unusable(file, &none)),
        Ok(found) => Ok(found),
        Err(pem::Error::Io(why)) => Err(unusable(file, &why)),
        Err(_) => Err(unusable(file, &"it is not PEM")),
    }
}

fn unusable(file: &Path, why: &dyn fmt::Display) -> String {
    format!("{} cannot be used: {why}", file.display())
}

/// What tells one state of the files from another: who they are, how long, and when they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp(Vec<Option<[i64; 4]>>);

impl Stamp {
    /// Follows links, which renewals love to move.
    fn of(settings: &MachineIssuerSettings) -> Self {
        let look = |file: &PathBuf| {
            let found = std::fs::metadata(file).ok()?;
            Some([found.ino().cast_signed(), found.size().cast_signed(), found.mtime(), found.mtime_nsec()])
        };
        Self([Some(&settings.ca_file), settings.crl_file.as_ref()].map(|file| look(file?)).to_vec())
    }
}

impl fmt::Debug for MachineIssuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all().iter().map(|issuer| &issuer.settings.name)).finish()
    }
}
