//! `bailey guardrail`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::{document, done, warn};
use crate::admin::iam::guardrails::{GuardrailUpdate, GuardrailView, NewGuardrail};
use crate::cli::Exit;
use crate::cli::output::{Column, Format, moment};
use crate::cli::session::{Session, encoded};
use crate::model::{GuardrailKind, GuardrailTarget, PolicyName};

/// `bailey guardrail`.
#[derive(Debug, Subcommand)]
pub enum GuardrailVerb {
    /// List guardrails and what they are attached to
    List,
    /// Show a guardrail and what it says
    Show {
        /// Name or ARN
        guardrail: String,
    },
    /// Make a guardrail, which binds nobody before it is attached
    Create {
        /// Its name
        name: PolicyName,
        /// What it says, as a policy; `-` is standard input
        file: PathBuf,
        /// Whom it binds: `service` those who belong to an account, `resource` all who do something to what belongs to it
        #[arg(long)]
        kind: GuardrailKind,
        /// For people to read
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Say anew what a guardrail says, wherever it is attached
    Update {
        /// Name or ARN
        guardrail: String,
        /// What it says from now on; `-` is standard input
        #[arg(required_unless_present = "description")]
        file: Option<PathBuf>,
        /// For people to read
        #[arg(long)]
        description: Option<String>,
    },
    /// Delete a guardrail that is attached to nothing
    Delete {
        /// Name or ARN
        guardrail: String,
    },
    /// Attach a guardrail
    ///
    /// Of those attached to one target one has to allow what is done, at every target that has any, and none may deny it. The
    /// account's root is bound, too; operators of this machine are not.
    Attach {
        /// Name or ARN
        guardrail: String,
        /// To what: `organization` or `account/123456789012`
        #[arg(long, value_name = "TARGET")]
        to: GuardrailTarget,
    },
    /// Detach a guardrail
    Detach {
        /// Name or ARN
        guardrail: String,
        /// From what: `organization` or `account/123456789012`
        #[arg(long, value_name = "TARGET")]
        from: GuardrailTarget,
    },
}

const GUARDRAILS: &[Column<GuardrailView>] = &[
    Column { title: "name", cell: |guardrail| guardrail.name.clone() },
    Column { title: "kind", cell: |guardrail| guardrail.kind.to_string() },
    Column { title: "on", cell: on },
    Column { title: "changed", cell: |guardrail| moment(guardrail.updated) },
    Column { title: "description", cell: |guardrail| guardrail.description.clone() },
];

const RECORD: &[Column<GuardrailView>] = &[
    Column { title: "name", cell: |guardrail| guardrail.name.clone() },
    Column { title: "arn", cell: |guardrail| guardrail.arn.clone() },
    Column { title: "id", cell: |guardrail| guardrail.id.clone() },
    Column { title: "kind", cell: |guardrail| guardrail.kind.to_string() },
    Column { title: "description", cell: |guardrail| guardrail.description.clone() },
    Column { title: "on", cell: on },
    Column { title: "changed", cell: |guardrail| moment(guardrail.updated) },
];

fn on(guardrail: &GuardrailView) -> String {
    guardrail.on.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Does the verb.
///
/// # Errors
/// When the operation fails.
pub async fn run(session: &mut Session, verb: GuardrailVerb) -> anyhow::Result<Exit> {
    match verb {
        GuardrailVerb::List => {
            let found: Vec<GuardrailView> = session.client.get("/v1/guardrails").await?;
            session.output.listing(&found, GUARDRAILS)?;
        }
        GuardrailVerb::Show { guardrail } => {
            let found: GuardrailView = session.client.get(&one(&guardrail)).await?;
            session.output.record(&found, RECORD)?;
            if let Some(document) = found.document.filter(|_| session.output.format() == Format::Table) {
                session.output.line(document.get())?;
            }
        }
        GuardrailVerb::Create { name, file, kind, description } => {
            let new = NewGuardrail { name, kind, description, document: document(&file)? };
            let made: GuardrailView = session.client.post("/v1/guardrails", &new).await?;
            written(session, &made)?;
        }
        GuardrailVerb::Update { guardrail, file, description } => {
            let document = file.map(|file| document(&file)).transpose()?;
            let update = GuardrailUpdate { description, document };
            let made: GuardrailView = session.client.post(&one(&guardrail), &update).await?;
            written(session, &made)?;
        }
        GuardrailVerb::Delete { guardrail } => {
            let () = session.client.delete(&one(&guardrail)).await?;
            done(session, "deleted")?;
        }
        GuardrailVerb::Attach { guardrail, to } => {
            let made: GuardrailView = session.client.put(&attached(&guardrail, &to), &json!({})).await?;
            written(session, &made)?;
        }
        GuardrailVerb::Detach { guardrail, from } => {
            let made: GuardrailView = session.client.delete(&attached(&guardrail, &from)).await?;
            written(session, &made)?;
        }
    }
    Ok(Exit::Done)
}

fn one(guardrail: &str) -> String {
    format!("/v1/guardrails/{}", encoded(guardrail))
}

fn attached(guardrail: &str, target: &GuardrailTarget) -> String {
    format!("{}/on/{}", one(guardrail), encoded(&target.to_string()))
}

fn written(session: &mut Session, guardrail: &GuardrailView) -> anyhow::Result<()> {
    warn(&guardrail.warnings)?;
    session.output.record(guardrail, RECORD)?;
    Ok(())
}
