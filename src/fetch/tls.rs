//! TLS towards those whose documents are fetched: TLS 1.2 and 1.3 alone, the host's name always checked.
//!
//! The authorities are read for every connection, of which there are few: a renewed file counts without a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

use super::FetchError;
use crate::base::text::printable;

/// `stream`, encrypted, to somebody who has proven to be `host`, which `ca_file` says, or the authorities of the system.
///
/// # Errors
/// When there are no authorities, or they do not say so.
pub async fn secured(
    stream: TcpStream,
    host: &Host,
    ca_file: Option<PathBuf>,
) -> Result<TlsStream<TcpStream>, FetchError> {
    let shown = || printable(&host.to_string()).into_owned();
    let failed = |why: String| FetchError::Tls { host: shown(), why };
    let name = match host {
        Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|error| failed(error.to_string()))?,
        Host::Ipv4(address) => ServerName::from(std::net::IpAddr::V4(*address)),
        Host::Ipv6(address) => ServerName::from(std::net::IpAddr::V6(*address)),
    };
    // Files are read, and the system has many.
    let config = tokio::task::spawn_blocking(move || config(ca_file.as_deref())).await;
    let config = config.map_err(|error| failed(error.to_string()))??;
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.map_err(|error| failed(error.to_string()))
}

fn config(ca_file: Option<&Path>) -> Result<ClientConfig, FetchError> {
    let authorities = |why: String| FetchError::Authorities { why };
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(file) => {
            let fault = |why: String| authorities(format!("{}: {why}", file.display()));
            let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
            for certificate in found.map_err(|error| fault(error.to_string()))? {
                roots.add(certificate).map_err(|error| fault(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(fault("there is no PEM certificate in it".to_owned()));
            }
        }
        None => {
            // Systems carry certificates that rustls cannot use; one of them must not cost all the others.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(authorities(
                    "the system has none; install `ca-certificates` or name a `ca_file`".to_owned(),
                ));
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| authorities(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
