//! `bailey idp`: outside SAML providers whose people assume roles and sign in. They are the SAML providers of the account, which
//! `bailey provider saml` and the IAM API know too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;

use super::iam::providers::text_of;
use super::iam::read;
use super::output::{Column, Format, moment};
use super::session::{Session, encoded};
use super::{Exit, check};
use crate::admin::iam::providers::encryption::EncryptionChange;
use crate::admin::iam::providers::fetched::{Came, Confirmation, Refreshed};
use crate::admin::iam::providers::saml::{NewSamlProvider, SamlProviderView};
use crate::directory::{Finding, Severity};
use crate::model::SamlProviderName;
use crate::model::saml_encryption::{Encryption, EncryptionMode, PrivateKey, PrivateKeyId, PrivateKeyPem};

/// What is shown under the help of `bailey idp`.
pub const EXAMPLES: &str = "\
Examples:
  bailey idp add Corp --metadata https://idp.example.com/metadata
  bailey idp check Corp
They are what `bailey provider saml` and the IAM API name as SAML providers; here they are fetched, judged and confirmed, there they are \
tagged. Applications that people sign in to are `bailey sp`.";

/// `bailey idp`.
#[derive(Debug, Subcommand)]
pub enum IdpVerb {
    /// List all of them
    List,
    /// Show one, with the certificates that it signs by
    Show {
        /// Name or ARN
        provider: String,
        /// Print its metadata instead
        #[arg(long)]
        metadata: bool,
    },
    /// Add one, by its metadata
    Add {
        /// What it is called here, and in ARNs
        name: SamlProviderName,
        /// Its metadata: a file, `-` for standard input, or an `https://` address, from which it is fetched again once a day
        #[arg(long, value_name = "FILE|URL")]
        metadata: String,
        /// What it calls itself by: of metadata of many, which one is meant
        #[arg(long, value_name = "ID")]
        entity_id: Option<String>,
        /// Whether its assertions have to be encrypted: allowed or required
        #[arg(long, value_name = "MODE", requires = "private_key")]
        encryption: Option<EncryptionMode>,
        /// The private key that opens them: RSA, as PEM; `-` is standard input
        #[arg(long, value_name = "FILE")]
        private_key: Option<PathBuf>,
    },
    /// Change how the assertions of one are encrypted
    Change {
        /// Name or ARN
        provider: String,
        /// What
        #[command(flatten)]
        what: Changed,
    },
    /// Say whether one is believed, and what has to be done about it
    Check {
        /// Name or ARN
        provider: String,
    },
    /// Fetch its metadata again; what changed waits to be confirmed
    Refresh {
        /// Name or ARN
        provider: String,
    },
    /// Take other metadata for good: what waits, by its digest, or a file
    #[command(
        override_usage = "bailey idp confirm <PROVIDER> <DIGEST>\n       bailey idp confirm <PROVIDER> --metadata <FILE>"
    )]
    Confirm {
        /// Name or ARN
        provider: String,
        /// Which metadata
        #[command(flatten)]
        what: Confirmed,
    },
    /// Delete one; sessions that its people have end
    Remove {
        /// Name or ARN
        provider: String,
    },
}

/// Which metadata is confirmed.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub struct Confirmed {
    /// SHA-256 of what waits, as `bailey idp refresh` and `bailey idp check` say it
    digest: Option<String>,
    /// Other metadata, which you take for good: a file, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,
}

/// What is changed.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = true)]
pub struct Changed {
    /// Whether its assertions have to be encrypted: allowed or required
    #[arg(long, value_name = "MODE")]
    encryption: Option<EncryptionMode>,
    /// One more private key that opens them: RSA, as PEM; `-` is standard input. There are two at most
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// A private key that opens them no more, by its id as `show` tells it
    #[arg(long, value_name = "ID")]
    remove_private_key: Option<PrivateKeyId>,
}

const COLUMNS: &[Column<SamlProviderView>] = &[
    Column { title: "name", cell: |provider| provider.name.clone() },
    Column { title: "entity id", cell: |provider| provider.entity_id.clone().unwrap_or_default() },
    Column { title: "arn", cell: |provider| provider.arn.clone() },
    Column { title: "certificates", cell: |provider| provider.certificates.join(", ") },
    Column { title: "metadata of", cell: |provider| moment(provider.updated) },
    Column { title: "valid until", cell: |provider| provider.valid_until.map(moment).unwrap_or_default() },
    Column { title: "encrypted", cell: |provider| provider.encryption.as_ref().map(encrypted).unwrap_or_default() },
    Column { title: "fetched from", cell: |provider| provider.source.clone().unwrap_or_default() },
    Column {
        title: "waits",
        cell: |provider| provider.waiting.as_ref().map(|waiting| waiting.changes.join("; ")).unwrap_or_default(),
    },
];

/// Does the verb.
///
/// # Errors
/// When the operation fails.
pub async fn run(session: &mut Session, verb: IdpVerb) -> anyhow::Result<Exit> {
    let one = |provider: &str| format!("/v1/saml-providers/{}", encoded(provider));
    let found: SamlProviderView = match verb {
        IdpVerb::List => {
            let all: Vec<SamlProviderView> = session.client.get("/v1/saml-providers").await?;
            session.output.listing(&all, COLUMNS)?;
            return Ok(Exit::Done);
        }
        IdpVerb::Check { provider } => {
            let findings: Vec<Finding> = session.client.get(&format!("{}/check", one(&provider))).await?;
            let bad = findings.iter().any(|finding| finding.severity == Severity::Fault);
            check::print(findings, &mut session.output)?;
            return Ok(if bad { Exit::Failed } else { Exit::Done });
        }
        IdpVerb::Refresh { provider } => return refresh(session, &one(&provider)).await,
        IdpVerb::Remove { provider } => {
            let () = session.client.delete(&one(&provider)).await?;
            session.output.sentence("deleted")?;
            return Ok(Exit::Done);
        }
        IdpVerb::Show { provider, metadata } => {
            let found: SamlProviderView = session.client.get(&one(&provider)).await?;
            if metadata && session.output.format() == Format::Table {
                session.output.line(found.metadata.as_deref().unwrap_or_default())?;
                return Ok(Exit::Done);
            }
            found
        }
        IdpVerb::Add { name, metadata, entity_id, encryption, private_key } => {
            let (metadata, url) = match metadata.contains("://") {
                true => (None, Some(metadata)),
                false => (Some(text_of(Path::new(&metadata))?), None),
            };
            let (private_key, tags) = (private_key.as_deref().map(key_of).transpose()?, BTreeMap::new());
            let new = NewSamlProvider { name, metadata, url, entity_id, tags, encryption, private_key };
            session.client.post("/v1/saml-providers", &new).await?
        }
        IdpVerb::Change { provider, what: Changed { encryption, private_key, remove_private_key } } => {
            let private_key = private_key.as_deref().map(key_of).transpose()?;
            let change = EncryptionChange { encryption, private_key, remove_private_key };
            session.client.put(&format!("{}/encryption", one(&provider)), &change).await?
        }
        IdpVerb::Confirm { provider, what } => confirm(session, &one(&provider), what).await?,
    };
    session.output.record(&found, COLUMNS)?;
    Ok(Exit::Done)
}

/// The private key in a file. What is wrong with it is told without it.
fn key_of(file: &Path) -> anyhow::Result<PrivateKeyPem> {
    PrivateKeyPem::try_from(read(file)?).with_context(|| format!("cannot use {}", file.display()))
}

/// How assertions are encrypted, in words.
fn encrypted(encryption: &Encryption) -> String {
    let key = |key: &PrivateKey| format!("{} of {}", key.id, moment(key.added));
    let keys: Vec<String> = encryption.keys.iter().map(key).collect();
    format!("{}, for {}", encryption.mode.word(), keys.join(" and "))
}

async fn refresh(session: &mut Session, provider: &str) -> anyhow::Result<Exit> {
    let refreshed: Refreshed = session.client.post(&format!("{provider}/refresh"), &json!({})).await?;
    if session.output.format() == Format::Json {
        session.output.json(&refreshed)?;
        return Ok(Exit::Done);
    }
    session.output.sentence(match refreshed.came {
        Came::Same => "its metadata is what counts already",
        Came::Renewed => "its metadata says the same in other words, and counts",
        Came::Waits => "its metadata says something else, which counts for nothing until it is confirmed:",
    })?;
    let Some(waiting) = refreshed.provider.waiting.filter(|_| refreshed.came == Came::Waits) else {
        return Ok(Exit::Done);
    };
    for change in &waiting.changes {
        session.output.line(&format!("  {change}"))?;
    }
    let name = &refreshed.provider.name;
    session.output.sentence(&format!("to confirm it: bailey idp confirm {name} {}", waiting.digest))?;
    Ok(Exit::Held)
}

async fn confirm(session: &mut Session, provider: &str, what: Confirmed) -> anyhow::Result<SamlProviderView> {
    let Confirmed { digest, metadata } = what;
    if let Some(digest) = digest {
        return Ok(session.client.post(&format!("{provider}/confirm"), &Confirmation { digest }).await?);
    }
    let metadata = text_of(metadata.as_deref().unwrap_or_else(|| Path::new("-")))?;
    Ok(session.client.put(&format!("{provider}/metadata"), &json!({ "metadata": metadata })).await?)
}
