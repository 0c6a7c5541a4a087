//! `bailey sp`: service providers of SAML.

use std::path::Path;

use clap::{Args as ClapArgs, Subcommand};
use serde::{Deserialize, Serialize};

use super::Exit;
use super::args::Global;
use super::iam::read;
use super::output::{Column, Output, moment};
use super::session::{Session, encoded};
use super::sp_settings::{Settings, preset, value};
use crate::admin::saml_sps::aws::AwsSetup;
use crate::admin::saml_sps::refresh::{Came, Confirmation, Refreshed};
use crate::admin::saml_sps::report::{Report, report};
use crate::admin::saml_sps::{NewSp, SpChange, SpView};
use crate::base::clock::{Clock as _, SystemClock};
use crate::model::SpName;
use crate::model::saml_sp::{MetadataSource, Preset};

/// `bailey sp`.
#[derive(Debug, Subcommand)]
pub enum SpVerb {
    /// Register one
    Add(Box<Add>),
    /// List all of them
    List,
    /// Show one, with its metadata as JSON
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
    /// Its metadata: a file, `-` for standard input, or an https:// address, which is asked again once a day
    #[arg(long, value_name = "FILE|URL")]
    metadata: Option<String>,
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
    #[command(flatten)]
    settings: Settings,
}

/// `bailey sp add`.
#[derive(Debug, ClapArgs)]
pub struct Add {
    /// What it is called here: a-z, 0-9 and -
    name: SpName,
    #[command(flatten)]
    described: Described,
}

/// `bailey sp check`.
#[derive(Debug, ClapArgs)]
pub struct Check {
    /// Its name; or say, by the options of `add`, what it would be
    #[arg(required_unless_present_any = ["metadata", "preset", "entity_id"])]
    sp: Option<String>,
    /// Say also what it would be told of this person
    #[arg(long, value_name = "USER", requires = "sp")]
    person: Option<String>,
    #[command(flatten)]
    described: Described,
}

/// `bailey sp change`.
#[derive(Debug, ClapArgs)]
pub struct Change {
    /// Its name
    sp: String,
    /// Newer metadata, which you take for good: a file, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    metadata: Option<String>,
    #[command(flatten)]
    settings: Settings,
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
];

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
            session.output.sentence("removed")?;
            return Ok(Exit::Done);
        }
        SpVerb::Refresh { sp } => return refresh(session, &sp).await,
        SpVerb::AwsSetup { sp } => return aws_setup(session, &sp).await,
        SpVerb::Show { sp } => session.client.get(&one(&sp)).await?,
        SpVerb::Add(add) => {
            let Add { name, described } = *add;
            session.client.post("/v1/saml-sps", &described.said(name, true)?).await?
        }
        SpVerb::Change(change) => {
            let Change { sp, metadata, settings } = *change;
            let text = metadata.as_deref().map(|file| read(Path::new(file))).transpose()?;
            let said = SpChange { metadata: text, file: metadata.map(|file| named(&file)), settings: settings.said()? };
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

/// A file's name, for people: standard input has none.
fn named(file: &str) -> String {
    if file == "-" { "standard input".to_owned() } else { file.to_owned() }
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
            let now = SystemClock.now();
            report(&check.described.said("new".parse()?, false)?.begin(None, now)?, now)
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
    /// What is said; `fetched` says whether the daemon may fetch an address.
    fn said(self, name: SpName, fetched: bool) -> anyhow::Result<NewSp> {
        let is_url = |text: &String| text.starts_with("https://") || text.starts_with("http://");
        let url = self.metadata.clone().filter(is_url);
        anyhow::ensure!(
            fetched || url.is_none(),
            "give a file: an address is fetched by the daemon, at `bailey sp add`"
        );
        let file = self.metadata.filter(|text| !is_url(text));
        let metadata = file.as_deref().map(|file| read(Path::new(file))).transpose()?;
        Ok(NewSp {
            name,
            preset: self.preset,
            values: self.values.into_iter().collect(),
            metadata,
            file: file.map(|file| named(&file)),
            url,
            entity_id: self.entity_id,
            acs: self.acs,
            settings: self.settings.said()?,
        })
    }
}
