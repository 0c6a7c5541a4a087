//! `bailey sp`: service providers of SAML.

use std::path::Path;

use clap::{Args as ClapArgs, Subcommand};
use serde::{Deserialize, Serialize};

use super::Exit;
use super::args::Global;
use super::iam::read;
use super::output::{Column, Output, moment};
use super::session::{Session, encoded};
use super::sp_settings::{Cleared, Settings, preset, value};
use crate::admin::saml_sps::aws::AwsSetup;
use crate::admin::saml_sps::idp::Idp;
use crate::admin::saml_sps::refresh::{Came, Confirmation, Refreshed};
use crate::admin::saml_sps::report::{Report, report};
use crate::admin::saml_sps::{NewSp, SpChange, SpView};
use crate::base::clock::{Clock as _, SystemClock};
use crate::model::SpName;
use crate::model::saml_sp::{MetadataSource, Preset};

/// What is shown under the help of `bailey sp`.
pub const EXAMPLES: &str = "\
Examples:
  bailey sp add wiki --metadata https://wiki.example.com/saml/metadata --attribute email=mail --group staff
  bailey sp add gitlab --preset gitlab --set host=gitlab.example.com
  bailey sp check wiki --person ann
Outside providers that vouch for people here are `bailey idp`.";

/// What is so of a new one of which nothing else is said.
const USUAL: &str = "\
What is not said is as the preset has it, and without one: people are known by a name for it alone (persistent), response and \
assertion are signed (both), assertions are encrypted where its metadata has a key (auto), a session there lasts 8h, and everybody \
may sign in to it, from there (idp-initiated false), without a second factor.

Example: bailey sp add grafana --preset grafana --set host=grafana.example.com";

/// `bailey sp`.
#[derive(Debug, Subcommand)]
pub enum SpVerb {
    /// Register one, and say what it has to be told of us
    #[command(after_help = USUAL)]
    Add(Box<Add>),
    /// List all of them
    List,
    /// Show one, with what it has to be told of us, and as JSON with its metadata
    Show {
        /// Its name
        sp: String,
    },
    /// Say in words what one is sent, what is asked of it, and what is wrong with it
    Check(Box<Check>),
    /// Fetch its metadata again; what changed waits
    Refresh {
        /// Its name
        sp: String,
    },
    /// Take metadata for good that waits
    Confirm {
        /// Its name
        sp: String,
        /// SHA-256 of what you looked at, as `bailey sp show` says it
        digest: String,
    },
    /// Change what is said of one; the rest stays. A list that is said takes the place of the one before
    Change(Box<Change>),
    /// Delete one; nobody signs in to it any more
    Remove {
        /// Its name
        sp: String,
    },
    /// Print what has to be set up in AWS, as commands to paste
    AwsSetup {
        /// Its name
        sp: String,
    },
}

/// What a service provider says of itself.
#[derive(Debug, ClapArgs)]
pub struct Described {
    /// Which kind of application it is: aws, google-workspace, salesforce, gitlab, grafana or shibboleth
    #[arg(long, value_name = "NAME", value_parser = preset)]
    preset: Option<Preset>,
    /// What the preset has to be told, such as host=wiki.example.com; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = value)]
    values: Vec<(String, String)>,
    /// What it calls itself by; of metadata of many, which one is meant
    #[arg(long, value_name = "ID")]
    entity_id: Option<String>,
    /// Where responses are delivered, of one without metadata
    #[arg(long, value_name = "URL")]
    acs: Option<String>,
}

/// `bailey sp add`.
#[derive(Debug, ClapArgs)]
pub struct Add {
    /// What it is called here: a-z, 0-9 and -
    name: SpName,
    /// Its metadata: a file, `-` for standard input, or an https:// address, which is asked again once a day
    #[arg(long, value_name = "FILE|URL")]
    metadata: Option<String>,
    #[command(flatten)]
    described: Described,
    #[command(flatten)]
    settings: Settings,
}

/// `bailey sp check`.
#[derive(Debug, ClapArgs)]
pub struct Check {
    /// Its name; or in its place, by the options of `add`, what one would be that is not registered
    #[arg(
        required_unless_present_any = ["metadata", "preset", "entity_id"],
        conflicts_with_all = ["metadata", "Described", "Settings"]
    )]
    sp: Option<String>,
    /// Say also what it would be told of this person
    #[arg(long, value_name = "USER", requires = "sp")]
    person: Option<String>,
    /// The metadata of one that is not registered: a file, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    metadata: Option<String>,
    #[command(flatten)]
    described: Described,
    #[command(flatten)]
    settings: Settings,
}

/// `bailey sp change`.
#[derive(Debug, ClapArgs)]
pub struct Change {
    /// Its name
    sp: String,
    /// Newer metadata, which you take for good: a file, `-` for standard input, or an https:// address, which is asked again once a day
    #[arg(long, value_name = "FILE|URL")]
    metadata: Option<String>,
    #[command(flatten)]
    settings: Settings,
    /// What is to be empty, or said no more; may be repeated
    #[arg(long, value_name = "SETTING", value_enum)]
    clear: Vec<Cleared>,
}

/// A service provider as the daemon tells it.
#[derive(Deserialize, Serialize)]
struct Told {
    #[serde(flatten)]
    view: SpView,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waiting_metadata: Option<String>,
}

const SPS: &[Column<Told>] = &[
    Column { title: "name", cell: |told| told.view.name.to_string() },
    Column { title: "title", cell: |told| told.view.settings.title.clone().unwrap_or_default() },
    Column { title: "entity id", cell: |told| told.view.entity_id.clone().unwrap_or_default() },
    Column { title: "responses to", cell: |told| told.view.acs.join(", ") },
    Column { title: "metadata", cell: state },
    Column { title: "from", cell: |told| told.view.source.word().to_owned() },
];

/// What else is shown of one alone.
const MORE: &[Column<Told>] = &[
    Column { title: "SHA-256", cell: |told| told.view.metadata_digest.clone().unwrap_or_default() },
    Column {
        title: "fetched from",
        cell: |told| match &told.view.metadata_from {
            Some(MetadataSource::Url(from) | MetadataSource::File(from)) => from.clone(),
            None => String::new(),
        },
    },
    Column {
        title: "waiting",
        cell: |told| told.view.waiting.as_ref().map(|waiting| waiting.digest.clone()).unwrap_or_default(),
    },
    Column {
        title: "changes",
        cell: |told| told.view.waiting.as_ref().map(|waiting| waiting.changes.join("; ")).unwrap_or_default(),
    },
    Column { title: "updated", cell: |told| told.view.updated.map(moment).unwrap_or_default() },
    Column { title: "our entity id", cell: |told| of_us(told, |us| &us.entity_id) },
    Column { title: "our sign-in address", cell: |told| of_us(told, |us| &us.sign_on) },
    Column { title: "our sign-out address", cell: |told| of_us(told, |us| &us.sign_out) },
    Column {
        title: "our certificate",
        cell: |told| told.view.idp.as_ref().map(|_| "bailey saml certificate".to_owned()).unwrap_or_default(),
    },
];

fn of_us(told: &Told, part: impl Fn(&Idp) -> &String) -> String {
    told.view.idp.as_ref().map(|us| part(us).clone()).unwrap_or_default()
}

fn state(told: &Told) -> String {
    match (&told.view.unanswered, &told.view.waiting) {
        (Some(why), _) => format!("answers nobody: {why}"),
        (None, Some(waiting)) => format!("changes wait since {}", moment(waiting.since)),
        (None, None) => "pinned".to_owned(),
    }
}

/// Does the verb.
///
/// # Errors
/// When the operation fails.
pub(super) async fn run(global: &Global, verb: SpVerb) -> anyhow::Result<Exit> {
    if let SpVerb::Check(check) = verb {
        return self::check(global, *check).await;
    }
    let session = &mut Session::open(global).await?;
    let told: Told = match verb {
        SpVerb::List => {
            let all: Vec<Told> = session.client.get("/v1/saml-sps").await?;
            session.output.listing(&all, SPS)?;
            return Ok(Exit::Done);
        }
        SpVerb::Remove { sp } => {
            let () = session.client.delete(&one(&sp)).await?;
            session.output.sentence("deleted")?;
            return Ok(Exit::Done);
        }
        SpVerb::Refresh { sp } => return refresh(session, &sp).await,
        SpVerb::AwsSetup { sp } => return aws_setup(session, &sp).await,
        SpVerb::Show { sp } => session.client.get(&one(&sp)).await?,
        SpVerb::Add(add) => {
            let Add { name, metadata, described, settings } = *add;
            let new = described.said(name, Given::of(metadata)?, settings)?;
            session.client.post("/v1/saml-sps", &new).await?
        }
        SpVerb::Change(change) => {
            let Change { sp, metadata, settings, clear } = *change;
            let Given { text, file, url } = Given::of(metadata)?;
            let said = SpChange { metadata: text, file, url, settings: settings.said(&clear)? };
            session.client.put(&one(&sp), &said).await?
        }
        SpVerb::Confirm { sp, digest } => {
            session.client.post(&format!("{}/confirm", one(&sp)), &Confirmation { digest }).await?
        }
        SpVerb::Check(_) => return Ok(Exit::Usage),
    };
    let columns = [SPS, MORE].concat();
    session.output.record(&told, &columns)?;
    Ok(Exit::Done)
}

fn one(sp: &str) -> String {
    format!("/v1/saml-sps/{}", encoded(sp))
}

/// Metadata, as it was given.
#[derive(Default)]
struct Given {
    text: Option<String>,
    /// The file's name, for people: standard input has none.
    file: Option<String>,
    url: Option<String>,
}

impl Given {
    fn of(metadata: Option<String>) -> anyhow::Result<Self> {
        let Some(metadata) = metadata else { return Ok(Self::default()) };
        if metadata.contains("://") {
            return Ok(Self { url: Some(metadata), ..Self::default() });
        }
        let text = Some(read(Path::new(&metadata))?);
        let file = if metadata == "-" { "standard input".to_owned() } else { metadata };
        Ok(Self { text, file: Some(file), url: None })
    }
}

async fn refresh(session: &mut Session, sp: &str) -> anyhow::Result<Exit> {
    let refreshed: Refreshed = session.client.post(&format!("{}/refresh", one(sp)), &serde_json::json!({})).await?;
    if session.output.format() == super::output::Format::Json {
        session.output.json(&refreshed)?;
        return Ok(Exit::Done);
    }
    session.output.sentence(match refreshed.came {
        Came::Same => "what was fetched is what counts already",
        Came::Pinned => "what was fetched is the first, and counts from now on",
        Came::Renewed => "good for another time: it counts",
        Came::Waits | Came::WaitsStill => "what was fetched has changes, and waits:",
    })?;
    let Some(waiting) = refreshed.sp.waiting else { return Ok(Exit::Done) };
    for change in &waiting.changes {
        session.output.sentence(&format!("  {change}"))?;
    }
    session.output.sentence(&format!("take it for good by: bailey sp confirm {sp} {}", waiting.digest))?;
    Ok(Exit::Held)
}

async fn check(global: &Global, check: Check) -> anyhow::Result<Exit> {
    let told: Report = match check.sp {
        Some(sp) => {
            let session = Session::open(global).await?;
            let mut told: Report = session.client.get(&format!("{}/check", one(&sp))).await?;
            if let Some(person) = &check.person {
                let path = format!("/v1/users/{}/saml-sps/{}", encoded(person), encoded(&sp));
                let of: Vec<String> = session.client.get(&path).await?;
                told.does.extend(of);
            }
            told
        }
        None => {
            let (now, given) = (SystemClock.now(), Given::of(check.metadata)?);
            anyhow::ensure!(given.url.is_none(), "give a file: the daemon fetches an address, at `bailey sp add`");
            report(&check.described.said("new".parse()?, given, check.settings)?.begin(None, now)?, now)
        }
    };
    let mut output = Output::standard(global.output);
    if output.format() == super::output::Format::Json {
        output.json(&told)?;
    } else {
        for sentence in &told.does {
            output.paragraph(sentence, 2)?;
        }
        for problem in &told.problems {
            output.paragraph(&format!("problem: {problem}"), 2)?;
        }
    }
    Ok(if told.problems.is_empty() { Exit::Done } else { Exit::Failed })
}

async fn aws_setup(session: &mut Session, sp: &str) -> anyhow::Result<Exit> {
    let setups: Vec<AwsSetup> = session.client.get(&format!("{}/aws-setup", one(sp))).await?;
    if session.output.format() == super::output::Format::Json {
        session.output.json(&setups)?;
        return Ok(Exit::Done);
    }
    for setup in setups {
        session.output.line(&format!("# account {}, with credentials of an administrator there", setup.account))?;
        session.output.line(&format!("# provider {}", setup.provider))?;
        for command in setup.commands {
            session.output.line(&command)?;
        }
    }
    Ok(Exit::Done)
}

impl Described {
    /// What is said.
    fn said(self, name: SpName, given: Given, settings: Settings) -> anyhow::Result<NewSp> {
        Ok(NewSp {
            name,
            preset: self.preset,
            values: self.values.into_iter().collect(),
            metadata: given.text,
            file: given.file,
            url: given.url,
            entity_id: self.entity_id,
            acs: self.acs,
            settings: settings.said(&[])?,
        })
    }
}
