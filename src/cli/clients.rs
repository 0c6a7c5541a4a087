//! `bailey client`: clients of single sign-on.

use std::io::{self, Write as _};

use clap::{Args as ClapArgs, Subcommand};
use serde::{Deserialize, Serialize};

use super::Exit;
use super::client_settings::{Settings, method, seconds};
use super::output::{Column, moment};
use super::session::{Session, encoded, remark};
use crate::admin::clients::{ClientView, LogoutView, NewClient, NewRegistrationToken, RegistrationTokenView, Rotation};
use crate::model::client::{AuthMethod, ClientId, Lifetimes, RedirectUri};
use crate::model::logout_notice::{MOST_TRIES, NoticeState};

/// Shown below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  # An application that people sign in to with a browser
  bailey client add grafana --redirect-uri https://grafana.example.com/login/generic_oauth --group Staff
  # A program that runs on people's own devices and keeps no secret
  bailey client add tool --auth none --redirect-uri http://127.0.0.1/callback --scope openid --scope offline_access
  # A program with nobody behind it
  bailey client add batch --grant client_credentials --audience orders
  # Shorter tokens, for everybody
  bailey client update grafana --access-token 5m --clear groups";

/// `bailey client`.
#[derive(Debug, Subcommand)]
pub enum ClientVerb {
    /// Register one; its secret is shown this once
    Add(Box<Add>),
    /// List all of them
    List,
    /// Show one
    Show {
        /// Its id
        client: String,
    },
    /// Change what is said of one; the rest stays. A list that is said takes the place of the one before
    Update(Box<Update>),
    /// Give one another secret, which is shown this once; the one before counts a while longer
    RotateSecret {
        /// Its id
        client: String,
        /// How long the one before counts besides, 7d at most; 0s ends it at once
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = seconds)]
        overlap: u32,
    },
    /// What clients are owed about sign-outs, and what they were told in the last week
    Logouts,
    /// Tokens by which software registers itself, where the configuration lets it
    #[command(subcommand)]
    RegistrationToken(TokenVerb),
    /// Delete one; whatever it was given counts no more
    Remove {
        /// Its id
        client: String,
    },
}

/// `bailey client registration-token`.
#[derive(Debug, Subcommand)]
pub enum TokenVerb {
    /// Make one; it is shown this once
    Create {
        /// What it is called: a-z, 0-9, `.`, `_` and `-`; chosen by chance, if nothing is said
        #[arg(long)]
        name: Option<ClientId>,
        /// How long it counts, 90d at most
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = seconds)]
        expires: u32,
        /// How many clients may register by it, 1000 at most
        #[arg(long, value_name = "N", default_value_t = 1)]
        uses: u32,
    },
    /// List all of them
    List,
    /// Remove one: nobody registers by it any more
    Remove {
        /// Its name
        name: String,
    },
}

/// `bailey client add`.
#[derive(Debug, ClapArgs)]
pub struct Add {
    /// What it calls itself by: a-z, 0-9, `.`, `_` and `-`
    id: ClientId,
    /// How it shows who it is: client_secret_basic, client_secret_post, private_key_jwt or none
    #[arg(long, value_name = "METHOD", default_value = "client_secret_basic", value_parser = method)]
    auth: AuthMethod,
    #[command(flatten)]
    settings: Settings,
}

/// `bailey client update`.
#[derive(Debug, ClapArgs)]
pub struct Update {
    /// Its id
    client: String,
    #[command(flatten)]
    settings: Settings,
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
    Column { title: "from", cell: |told| told.client.source.word().to_owned() },
];

const LOGOUTS: &[Column<LogoutView>] = &[
    Column { title: "client", cell: |view| view.client.to_string() },
    Column { title: "person", cell: |view| view.user.clone() },
    Column {
        title: "state",
        cell: |view| match &view.state {
            NoticeState::Watching { .. } => "signed in".to_owned(),
            NoticeState::Due { tries: 0, .. } => "to be told".to_owned(),
            NoticeState::Due { tries, next, .. } => {
                format!("not told in {tries} of {MOST_TRIES} tries; next {}", moment(*next))
            }
            NoticeState::Told { at } => format!("told {}", moment(*at)),
            NoticeState::GivenUp { at, .. } => format!("given up {}", moment(*at)),
        },
    },
    Column {
        title: "why",
        cell: |view| match &view.state {
            NoticeState::Due { why, .. } => why.clone().unwrap_or_default(),
            NoticeState::GivenUp { why, .. } => why.clone(),
            NoticeState::Watching { .. } | NoticeState::Told { .. } => String::new(),
        },
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
        ClientVerb::Logouts => {
            let all: Vec<LogoutView> = session.client.get("/v1/client-logouts").await?;
            session.output.listing(&all, LOGOUTS)?;
            return Ok(Exit::Done);
        }
        ClientVerb::RegistrationToken(verb) => return tokens(session, verb).await,
        ClientVerb::Remove { client } => {
            let () = session.client.delete(&one(&client)).await?;
            session.output.sentence("removed")?;
            return Ok(Exit::Done);
        }
        ClientVerb::Show { client } => session.client.get(&one(&client)).await?,
        ClientVerb::Add(add) => {
            let Add { id, auth, settings } = *add;
            let settings = settings.said(Some(auth), Lifetimes::default())?;
            session.client.post("/v1/clients", &NewClient { id: Some(id), settings }).await?
        }
        ClientVerb::Update(update) => {
            let Update { client, settings } = *update;
            let now: Told = session.client.get(&one(&client)).await?;
            let settings = settings.said(None, now.client.settings.lifetimes.unwrap_or_default())?;
            session.client.put(&one(&client), &settings).await?
        }
        ClientVerb::RotateSecret { client, overlap } => {
            let how = Rotation { overlap: Some(overlap) };
            session.client.post(&format!("{}/secret", one(&client)), &how).await?
        }
    };
    session.output.record(&told, CLIENTS)?;
    show(session, told.secret.as_deref())
}

/// A token as the daemon tells it.
#[derive(Deserialize, Serialize)]
struct ToldToken {
    #[serde(flatten)]
    about: RegistrationTokenView,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

const TOKENS: &[Column<ToldToken>] = &[
    Column { title: "name", cell: |told| told.about.name.to_string() },
    Column { title: "expires", cell: |told| format!("{:.0}", told.about.expires) },
    Column { title: "clients left", cell: |told| left(&told.about) },
];

fn left(token: &RegistrationTokenView) -> String {
    if token.void {
        return "none: made before the store was restored; make a new one".to_owned();
    }
    token.left.to_string()
}

async fn tokens(session: &mut Session, verb: TokenVerb) -> anyhow::Result<Exit> {
    const PATH: &str = "/v1/client-registration-tokens";
    let told: ToldToken = match verb {
        TokenVerb::List => {
            let all: Vec<ToldToken> = session.client.get(PATH).await?;
            session.output.listing(&all, TOKENS)?;
            return Ok(Exit::Done);
        }
        TokenVerb::Remove { name } => {
            let () = session.client.delete(&format!("{PATH}/{}", encoded(&name))).await?;
            session.output.sentence("removed")?;
            return Ok(Exit::Done);
        }
        TokenVerb::Create { name, expires, uses } => {
            let new = NewRegistrationToken { name, seconds: Some(expires), uses: Some(uses) };
            session.client.post(PATH, &new).await?
        }
    };
    session.output.record(&told, TOKENS)?;
    show(session, told.token.as_deref())
}

/// Shows a secret, below a table; as JSON it stands in the record.
fn show(session: &Session, secret: Option<&str>) -> anyhow::Result<Exit> {
    if let Some(secret) = secret
        && session.output.format() == super::output::Format::Table
    {
        write(secret)?;
    }
    Ok(Exit::Done)
}

fn write(secret: &str) -> io::Result<()> {
    remark("this secret is shown this once:")?;
    let mut out = io::stdout().lock();
    writeln!(out, "{secret}")
}
