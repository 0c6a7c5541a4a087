//! What users, groups and roles have in common: policies attached and inline, boundary, tags.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use serde_json::value::RawValue;

use super::{document, tag, warn};
use crate::admin::iam::views::EntitlementsView;
use crate::cli::Exit;
use crate::cli::output::Column;
use crate::cli::session::{Session, encoded};

/// What can be done with the policies of a user, group or role.
#[derive(Debug, Subcommand)]
pub enum Holding {
    /// Show what hangs on it: policies, boundary, tags
    Policies {
        /// Name or id
        who: String,
    },
    /// Attach a managed policy
    Attach {
        /// Name or id
        who: String,
        /// Name or ARN of the policy
        policy: String,
    },
    /// Detach a managed policy
    Detach {
        /// Name or id
        who: String,
        /// Name or ARN of the policy
        policy: String,
    },
    /// Print an inline policy
    ShowPolicy {
        /// Name or id
        who: String,
        /// Name of the inline policy
        name: String,
    },
    /// Write an inline policy, in the place of one of that name
    PutPolicy {
        /// Name or id
        who: String,
        /// Name of the inline policy
        name: String,
        /// The document; `-` is standard input
        file: PathBuf,
    },
    /// Delete an inline policy
    DeletePolicy {
        /// Name or id
        who: String,
        /// Name of the inline policy
        name: String,
    },
}

/// What can be done with a user's or role's boundary and tags.
#[derive(Debug, Subcommand)]
pub enum Bounding {
    /// Set the policy beyond which none of the others reaches, or take it away
    Boundary {
        /// Name or id
        who: String,
        /// Name or ARN of the policy
        #[arg(required_unless_present = "none", conflicts_with = "none")]
        policy: Option<String>,
        /// No boundary any more
        #[arg(long)]
        none: bool,
    },
    /// Set tags
    Tag {
        /// Name or id
        who: String,
        /// The tags
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = tag)]
        tags: Vec<(String, String)>,
    },
    /// Take tags away
    Untag {
        /// Name or id
        who: String,
        /// Their keys
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
    },
}

/// What hangs on somebody, as a record.
const FIELDS: &[Column<EntitlementsView>] = &[
    Column { title: "attached", cell: |held| held.attached.join(", ") },
    Column { title: "inline", cell: |held| held.inline.keys().cloned().collect::<Vec<_>>().join(", ") },
    Column { title: "boundary", cell: |held| held.boundary.clone().unwrap_or_default() },
    Column { title: "tags", cell: |held| tags(&held.tags) },
];

/// Tags on a line.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> String {
    tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}

/// Does a verb of `Holding` with one of `kind`: `users`, `groups` or `roles`.
///
/// # Errors
/// When the operation fails.
pub async fn holding(session: &mut Session, kind: &str, verb: Holding) -> anyhow::Result<Exit> {
    let held: EntitlementsView = match verb {
        Holding::Policies { who } => session.client.get(&format!("/v1/{kind}/{}/policies", encoded(&who))).await?,
        Holding::Attach { who, policy } => session.client.put(&attached(kind, &who, &policy), &json!({})).await?,
        Holding::Detach { who, policy } => session.client.delete(&attached(kind, &who, &policy)).await?,
        Holding::PutPolicy { who, name, file } => {
            let body = BTreeMap::from([("document", document(&file)?)]);
            session.client.put(&inline(kind, &who, &name), &body).await?
        }
        Holding::DeletePolicy { who, name } => session.client.delete(&inline(kind, &who, &name)).await?,
        Holding::ShowPolicy { who, name } => {
            let text: Box<RawValue> = session.client.get(&inline(kind, &who, &name)).await?;
            session.output.line(text.get())?;
            return Ok(Exit::Done);
        }
    };
    show(session, &held)
}

/// Does a verb of `Bounding` with one of `kind`: `users` or `roles`.
///
/// # Errors
/// When the operation fails.
pub async fn bounding(session: &mut Session, kind: &str, verb: Bounding) -> anyhow::Result<Exit> {
    let held: EntitlementsView = match verb {
        Bounding::Boundary { who, policy: Some(policy), none: _ } => {
            let path = format!("/v1/{kind}/{}/boundary/{}", encoded(&who), encoded(&policy));
            session.client.put(&path, &json!({})).await?
        }
        Bounding::Boundary { who, policy: None, none: _ } => {
            session.client.delete(&format!("/v1/{kind}/{}/boundary", encoded(&who))).await?
        }
        Bounding::Tag { who, tags } => {
            let tags: BTreeMap<String, String> = tags.into_iter().collect();
            session.client.put(&format!("/v1/{kind}/{}/tags", encoded(&who)), &json!({ "tags": tags })).await?
        }
        Bounding::Untag { who, keys } => {
            session.client.post(&format!("/v1/{kind}/{}/untag", encoded(&who)), &json!({ "keys": keys })).await?
        }
    };
    show(session, &held)
}

fn show(session: &mut Session, held: &EntitlementsView) -> anyhow::Result<Exit> {
    let EntitlementsView { attached, inline, boundary, tags, warnings } = held;
    warn(warnings)?;
    if attached.is_empty() && inline.is_empty() && boundary.is_none() && tags.is_empty() {
        session.output.sentence("nothing hangs there")?;
    }
    session.output.record(held, FIELDS)?;
    Ok(Exit::Done)
}

fn attached(kind: &str, who: &str, policy: &str) -> String {
    format!("/v1/{kind}/{}/policies/{}", encoded(who), encoded(policy))
}

fn inline(kind: &str, who: &str, name: &str) -> String {
    format!("/v1/{kind}/{}/inline/{}", encoded(who), encoded(name))
}
