//! `bailey client`: clients of single sign-on.

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args as ClapArgs, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Exit;
use super::iam::read;
use super::output::Column;
use super::session::{Session, encoded, remark};
use crate::admin::clients::{ClientSettings, ClientView, NewClient, Source};
use crate::model::client::{AuthMethod, ClaimSource, ClientId, GrantType, IdTokenAlg, RedirectUri, Scope, Subjects};

/// `bailey client`.
#[derive(Debug, Subcommand)]
pub enum ClientVerb {
    /// Register one; its secret is shown this once
    Add(Add),
    /// List all of them
    List,
    /// Show one
    Show {
        /// Its id
        client: String,
    },
    /// Give one another secret, which is shown this once; the one before counts no more
    RotateSecret {
        /// Its id
        client: String,
    },
    /// Delete one; whatever it was given counts no more
    Remove {
        /// Its id
        client: String,
    },
}

/// `bailey client add`.
#[derive(Debug, ClapArgs)]
pub struct Add {
    /// What it calls itself by: a-z, 0-9, `.`, `_` and `-`
    id: ClientId,
    /// What people are shown
    #[arg(long)]
    name: Option<String>,
    /// How it shows who it is: client_secret_basic, client_secret_post, private_key_jwt or none
    #[arg(long, value_name = "METHOD", default_value = "client_secret_basic", value_parser = method)]
    auth: AuthMethod,
    /// A file with its public keys (RFC 7517), with private_key_jwt; `-` is standard input
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// Where people may be sent back to; may be repeated
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<RedirectUri>,
    /// A grant by which it may ask for tokens; may be repeated
    #[arg(long = "grant", value_name = "GRANT", value_parser = grant)]
    grants: Vec<GrantType>,
    /// A scope that it may ask for; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<Scope>,
    /// Whom its access tokens may be for; may be repeated
    #[arg(long = "audience", value_name = "NAME")]
    audiences: Vec<String>,
    /// A group whose people it may sign in; may be repeated
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// A claim besides the standard ones; may be repeated
    #[arg(long = "claim", value_name = "CLAIM=SOURCE", value_parser = claim)]
    claims: Vec<(String, ClaimSource)>,
    /// By which algorithm its ID tokens are signed: ES256, or RS256 for those that take nothing else
    #[arg(long, value_name = "ALG", default_value = "ES256", value_parser = alg)]
    id_token_alg: IdTokenAlg,
    /// Know people by names that no other client has
    #[arg(long)]
    pairwise: bool,
}

/// A client as the daemon tells it.
#[derive(Deserialize, Serialize)]
struct Told {
    #[serde(flatten)]
    client: ClientView,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

const CLIENTS: &[Column<Told>] = &[
    Column { title: "id", cell: |told| told.client.id.to_string() },
    Column { title: "name", cell: |told| told.client.settings.name.clone().unwrap_or_default() },
    Column { title: "auth", cell: |told| told.client.settings.auth.map_or("", AuthMethod::name).to_owned() },
    Column {
        title: "grants",
        cell: |told| {
            told.client.settings.grants.iter().flatten().map(|grant| grant.name()).collect::<Vec<_>>().join(", ")
        },
    },
    Column {
        title: "redirect URIs",
        cell: |told| {
            told.client.settings.redirect_uris.iter().flatten().map(RedirectUri::as_str).collect::<Vec<_>>().join(", ")
        },
    },
    Column {
        title: "from",
        cell: |told| if told.client.source == Source::Config { "configuration" } else { "store" }.to_owned(),
    },
];

/// Does the verb.
///
/// # Errors
/// When the operation fails.
pub async fn run(session: &mut Session, verb: ClientVerb) -> anyhow::Result<Exit> {
    let one = |client: &str| format!("/v1/clients/{}", encoded(client));
    let told: Told = match verb {
        ClientVerb::List => {
            let all: Vec<Told> = session.client.get("/v1/clients").await?;
            session.output.listing(&all, CLIENTS)?;
            return Ok(Exit::Done);
        }
        ClientVerb::Remove { client } => {
            let () = session.client.delete(&one(&client)).await?;
            session.output.sentence("removed")?;
            return Ok(Exit::Done);
        }
        ClientVerb::Show { client } => session.client.get(&one(&client)).await?,
        ClientVerb::Add(add) => session.client.post("/v1/clients", &add.new_client()?).await?,
        ClientVerb::RotateSecret { client } => {
            session.client.post(&format!("{}/secret", one(&client)), &json!({})).await?
        }
    };
    session.output.record(&told, CLIENTS)?;
    if let Some(secret) = &told.secret
        && session.output.format() == super::output::Format::Table
    {
        show(secret)?;
    }
    Ok(Exit::Done)
}

fn show(secret: &str) -> io::Result<()> {
    remark("this secret is shown this once:")?;
    let mut out = io::stdout().lock();
    writeln!(out, "{secret}")
}

impl Add {
    fn new_client(self) -> anyhow::Result<NewClient> {
        let jwks = self.jwks.as_deref().map(read).transpose()?;
        let jwks = jwks.map(|text| serde_json::from_str(&text)).transpose().context("the key set is no JSON")?;
        let some = |list: Vec<String>| (!list.is_empty()).then(|| list.into_iter().collect());
        let settings = ClientSettings {
            name: self.name,
            auth: Some(self.auth),
            jwks,
            redirect_uris: Some(self.redirect_uris),
            grants: (!self.grants.is_empty()).then(|| self.grants.into_iter().collect()),
            scopes: (!self.scopes.is_empty()).then(|| self.scopes.into_iter().collect()),
            audiences: some(self.audiences),
            allowed_groups: some(self.groups),
            claims: Some(self.claims.into_iter().collect()),
            id_token_alg: Some(self.id_token_alg),
            subjects: self.pairwise.then_some(Subjects::Pairwise),
            ..ClientSettings::default()
        };
        Ok(NewClient { id: Some(self.id), settings })
    }
}

fn method(text: &str) -> Result<AuthMethod, String> {
    AuthMethod::named(text)
        .ok_or_else(|| "expected client_secret_basic, client_secret_post, private_key_jwt or none".to_owned())
}

fn alg(text: &str) -> Result<IdTokenAlg, String> {
    IdTokenAlg::named(text).ok_or_else(|| "expected ES256 or RS256".to_owned())
}

fn grant(text: &str) -> Result<GrantType, String> {
    GrantType::named(text).ok_or_else(|| format!("expected {}", GrantType::ALL.map(GrantType::name).join(", ")))
}

fn scope(text: &str) -> Result<Scope, String> {
    text.parse().map_err(|error: crate::model::client::ClientError| error.to_string())
}

fn claim(text: &str) -> Result<(String, ClaimSource), String> {
    let (claim, source) = text.split_once('=').ok_or("expected CLAIM=SOURCE")?;
    Ok((claim.to_owned(), source.parse().map_err(|error: crate::model::client::ClientError| error.to_string())?))
}
