//! `bailey provider`: providers of identity, as they are described for trust policies.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;

use super::holders::tags;
use super::{done, read, tag};
use crate::admin::iam::providers::oidc::{NewOidcProvider, OidcProviderView};
use crate::admin::iam::providers::saml::{NewSamlProvider, SamlProviderView};
use crate::cli::Exit;
use crate::cli::output::{Column, Format, moment};
use crate::cli::session::{Session, encoded};
use crate::model::oidc_provider::{ClientId, Thumbprint};
use crate::model::saml_provider::Metadata;
use crate::model::{Issuer, SamlProviderName};

/// `bailey provider`.
#[derive(Debug, Subcommand)]
pub enum ProviderVerb {
    /// Providers that speak OpenID Connect
    #[command(subcommand)]
    Oidc(OidcVerb),
    /// Providers that speak SAML, as the IAM API has them; `bailey idp` fetches and judges the same
    #[command(subcommand)]
    Saml(SamlVerb),
}

/// `bailey provider oidc`.
#[derive(Debug, Subcommand)]
pub enum OidcVerb {
    /// List all of them
    List,
    /// Show one
    Show {
        /// Address or ARN
        provider: String,
    },
    /// Describe one
    Create {
        /// Its address, as tokens of it say in `iss`, such as `https://login.example/realm`
        #[arg(value_name = "URL")]
        issuer: Issuer,
        /// A client whose tokens count; may be repeated
        #[arg(long = "client", value_name = "ID")]
        clients: Vec<ClientId>,
        /// SHA-1 of a certificate of its server, 40 hexadecimal digits; may be repeated
        #[arg(long = "thumbprint", value_name = "HEX")]
        thumbprints: Vec<Thumbprint>,
        /// A tag; may be repeated
        #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
        tags: Vec<(String, String)>,
    },
    /// Let tokens for one more client count
    AddClient {
        /// Address or ARN
        provider: String,
        /// The client's id
        client: String,
    },
    /// Let tokens for a client count no longer
    RemoveClient {
        /// Address or ARN
        provider: String,
        /// The client's id
        client: String,
    },
    /// Set the thumbprints, in the place of those there are
    Thumbprints {
        /// Address or ARN
        provider: String,
        /// SHA-1 of certificates of its server; none, if nothing is said
        #[arg(value_name = "HEX")]
        thumbprints: Vec<Thumbprint>,
    },
    /// Set tags
    Tag(Tagging),
    /// Take tags away
    Untag(Untagging),
    /// Delete one
    Delete {
        /// Address or ARN
        provider: String,
    },
}

/// `bailey provider saml`.
#[derive(Debug, Subcommand)]
pub enum SamlVerb {
    /// List all of them
    List,
    /// Show one; its metadata by `--metadata`
    Show {
        /// Name or ARN
        provider: String,
        /// Print its metadata instead
        #[arg(long)]
        metadata: bool,
    },
    /// Describe one
    Create {
        /// Its name
        name: SamlProviderName,
        /// The file with its metadata; `-` is standard input
        metadata: PathBuf,
        /// A tag; may be repeated
        #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
        tags: Vec<(String, String)>,
    },
    /// Write its metadata anew
    Update {
        /// Name or ARN
        provider: String,
        /// The file with its metadata; `-` is standard input
        metadata: PathBuf,
    },
    /// Set tags
    Tag(Tagging),
    /// Take tags away
    Untag(Untagging),
    /// Delete one
    Delete {
        /// Name or ARN
        provider: String,
    },
}

/// Tags to be set.
#[derive(Debug, ClapArgs)]
pub struct Tagging {
    /// Which one
    provider: String,
    /// The tags
    #[arg(required = true, value_name = "KEY=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,
}

/// Tags to be taken away.
#[derive(Debug, ClapArgs)]
pub struct Untagging {
    /// Which one
    provider: String,
    /// Their keys
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
}

const OIDC: &[Column<OidcProviderView>] = &[
    Column { title: "url", cell: |provider| provider.url.clone() },
    Column { title: "arn", cell: |provider| provider.arn.clone() },
    Column { title: "clients", cell: |provider| provider.clients.join(", ") },
    Column { title: "thumbprints", cell: |provider| provider.thumbprints.join(", ") },
    Column { title: "made", cell: |provider| moment(provider.created) },
    Column { title: "tags", cell: |provider| tags(&provider.tags) },
];

const SAML: &[Column<SamlProviderView>] = &[
    Column { title: "name", cell: |provider| provider.name.clone() },
    Column { title: "arn", cell: |provider| provider.arn.clone() },
    Column { title: "entity id", cell: |provider| provider.entity_id.clone().unwrap_or_default() },
    Column { title: "made", cell: |provider| moment(provider.created) },
    Column { title: "metadata of", cell: |provider| moment(provider.updated) },
    Column { title: "tags", cell: |provider| tags(&provider.tags) },
];

/// Does the verb.
///
/// # Errors
/// When the operation fails.
pub async fn run(session: &mut Session, verb: ProviderVerb) -> anyhow::Result<Exit> {
    match verb {
        ProviderVerb::Oidc(verb) => oidc(session, verb).await,
        ProviderVerb::Saml(verb) => saml(session, verb).await,
    }
}

async fn oidc(session: &mut Session, verb: OidcVerb) -> anyhow::Result<Exit> {
    let one = |provider: &str| format!("/v1/oidc-providers/{}", encoded(provider));
    let client_of = |provider: &str, client: &str| format!("{}/clients/{}", one(provider), encoded(client));
    let found: OidcProviderView = match verb {
        OidcVerb::List => {
            let all: Vec<OidcProviderView> = session.client.get("/v1/oidc-providers").await?;
            session.output.listing(&all, OIDC)?;
            return Ok(Exit::Done);
        }
        OidcVerb::Delete { provider } => {
            let () = session.client.delete(&one(&provider)).await?;
            done(session, "deleted")?;
            return Ok(Exit::Done);
        }
        OidcVerb::Show { provider } => session.client.get(&one(&provider)).await?,
        OidcVerb::Create { issuer, clients, thumbprints, tags } => {
            let new = NewOidcProvider { url: issuer, clients, thumbprints, tags: tags.into_iter().collect() };
            session.client.post("/v1/oidc-providers", &new).await?
        }
        OidcVerb::AddClient { provider, client } => {
            session.client.put(&client_of(&provider, &client), &json!({})).await?
        }
        OidcVerb::RemoveClient { provider, client } => session.client.delete(&client_of(&provider, &client)).await?,
        OidcVerb::Thumbprints { provider, thumbprints } => {
            let body = json!({ "thumbprints": thumbprints });
            session.client.put(&format!("{}/thumbprints", one(&provider)), &body).await?
        }
        OidcVerb::Tag(Tagging { provider, tags }) => {
            let tags: BTreeMap<String, String> = tags.into_iter().collect();
            session.client.put(&format!("{}/tags", one(&provider)), &json!({ "tags": tags })).await?
        }
        OidcVerb::Untag(Untagging { provider, keys }) => {
            session.client.post(&format!("{}/untag", one(&provider)), &json!({ "keys": keys })).await?
        }
    };
    session.output.record(&found, OIDC)?;
    Ok(Exit::Done)
}

async fn saml(session: &mut Session, verb: SamlVerb) -> anyhow::Result<Exit> {
    let one = |provider: &str| format!("/v1/saml-providers/{}", encoded(provider));
    let found: SamlProviderView = match verb {
        SamlVerb::List => {
            let all: Vec<SamlProviderView> = session.client.get("/v1/saml-providers").await?;
            session.output.listing(&all, SAML)?;
            return Ok(Exit::Done);
        }
        SamlVerb::Delete { provider } => {
            let () = session.client.delete(&one(&provider)).await?;
            done(session, "deleted")?;
            return Ok(Exit::Done);
        }
        SamlVerb::Show { provider, metadata } => {
            let found: SamlProviderView = session.client.get(&one(&provider)).await?;
            if metadata && session.output.format() == Format::Table {
                session.output.line(found.metadata.as_deref().unwrap_or_default())?;
                return Ok(Exit::Done);
            }
            found
        }
        SamlVerb::Create { name, metadata, tags } => {
            let metadata = Some(text_of(&metadata)?);
            let tags = tags.into_iter().collect();
            let new = NewSamlProvider {
                name,
                metadata,
                url: None,
                entity_id: None,
                tags,
                encryption: None,
                private_key: None,
            };
            session.client.post("/v1/saml-providers", &new).await?
        }
        SamlVerb::Update { provider, metadata } => {
            let body = json!({ "metadata": text_of(&metadata)? });
            session.client.put(&format!("{}/metadata", one(&provider)), &body).await?
        }
        SamlVerb::Tag(Tagging { provider, tags }) => {
            let tags: BTreeMap<String, String> = tags.into_iter().collect();
            session.client.put(&format!("{}/tags", one(&provider)), &json!({ "tags": tags })).await?
        }
        SamlVerb::Untag(Untagging { provider, keys }) => {
            session.client.post(&format!("{}/untag", one(&provider)), &json!({ "keys": keys })).await?
        }
    };
    session.output.record(&found, SAML)?;
    Ok(Exit::Done)
}

/// Metadata in a file, a byte order mark at its start left out.
pub(in crate::cli) fn text_of(file: &std::path::Path) -> anyhow::Result<Metadata> {
    let text = read(file)?;
    text.trim_start_matches('\u{feff}').parse().with_context(|| format!("{}", file.display()))
}
