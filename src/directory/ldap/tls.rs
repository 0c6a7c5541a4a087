//! TLS towards directory servers: who is trusted, who we are.
//!
//! TLS 1.2 and 1.3 only, server name always checked; there is no switch to turn that off. Files are
//! read for every connection, so a renewed certificate is used without a restart.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::directory::{DirectoryError, Settings};

/// The TLS configuration `settings` ask for.
pub(super) fn client_config(settings: &Settings) -> Result<ClientConfig, DirectoryError> {
    let roots = match &settings.ca_file {
        Some(file) => roots_from(file)?,
        None => system_roots()?,
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| setup("TLS", error))?
        .with_root_certificates(roots);
    match &settings.client_certificate {
        None => Ok(builder.with_no_client_auth()),
        Some(ours) => {
            let chain = certificates(&ours.certificate_file)?;
            let key = PrivateKeyDer::from_pem_file(&ours.key_file)
                .map_err(|error| setup(&format!("key file {}", ours.key_file.display()), error))?;
            let what = format!("client certificate {}", ours.certificate_file.display());
            builder.with_client_auth_cert(chain, key).map_err(|error| setup(&what, error))
        }
    }
}

fn roots_from(file: &Path) -> Result<RootCertStore, DirectoryError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| setup(&format!("CA file {}", file.display()), error))?;
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, DirectoryError> {
    let mut roots = RootCertStore::empty();
    // Systems carry certificates that rustls cannot use; one of them must not cost all the others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(setup(
            "system certificate authorities",
            "none found; install `ca-certificates` or name a `ca_file`",
        ));
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, DirectoryError> {
    let what = || format!("certificate file {}", file.display());
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).and_then(Iterator::collect).map_err(|error| setup(&what(), error));
    match found {
        Ok(found) if found.is_empty() => Err(setup(&what(), "there is no PEM certificate in it")),
        found => found,
    }
}

fn setup(what: &str, why: impl std::fmt::Display) -> DirectoryError {
    DirectoryError::Setup { what: what.to_owned(), why: why.to_string() }
}
