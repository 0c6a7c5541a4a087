//! `bailey policy list`, `create` and the like: policies in the store.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::holders::tags;
use super::{document, done, go_on, tag, warn, who_can};
use crate::admin::iam::policies::{NewPolicy, NewVersion};
use crate::admin::iam::simulate::{Because, Simulated, Simulation};
use crate::admin::iam::views::{HolderView, Page, PolicyView, VersionView};
use crate::admin::iam::who_can::{Able, WhoCan};
use crate::cli::Exit;
use crate::cli::output::{Column, Format, moment};
use crate::cli::session::{Session, encoded, query};
use crate::model::{IamPath, PolicyName};

/// Managed policies: what can be done with those in the store.
#[derive(Debug, Subcommand)]
pub enum Managed {
    /// List managed policies
    List {
        /// The ready-made ones instead of your own
        #[arg(long)]
        templates: bool,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// Go on behind this one
        #[arg(long, value_name = "NAME")]
        after: Option<String>,
    },
    /// Show a managed policy and the document that counts, or one of its versions
    Show {
        /// Name or ARN
        policy: String,
        /// Which version, such as `v2`
        #[arg(long)]
        version: Option<String>,
    },
    /// Make a managed policy
    Create {
        /// Its name
        name: PolicyName,
        /// The document; `-` is standard input
        file: PathBuf,
        /// Where, such as `/app/`
        #[arg(long, default_value = "/")]
        path: IamPath,
        /// For people to read
        #[arg(long, default_value = "")]
        description: String,
        /// A tag; may be repeated
        #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
        tags: Vec<(String, String)>,
    },
    /// Add a version, and make it count
    Update {
        /// Name or ARN
        policy: String,
        /// The document; `-` is standard input
        file: PathBuf,
        /// Leave the version that counts as it is
        #[arg(long)]
        keep_default: bool,
    },
    /// Make a version count
    Default {
        /// Name or ARN
        policy: String,
        /// Which version, such as `v2`
        version: String,
    },
    /// Delete a version that does not count
    DeleteVersion {
        /// Name or ARN
        policy: String,
        /// Which version, such as `v2`
        version: String,
    },
    /// Delete a policy that nobody holds
    Delete {
        /// Name or ARN
        policy: String,
    },
    /// Ask whether somebody may do something, by what is stored now, and why
    ///
    /// Every action is asked about every resource. What AWS fills in for such a principal is known: its ARN, name, tags, the
    /// time. The rest, such as aws:SourceIp, is absent unless given. Exit code 1 where something is not allowed.
    Simulate {
        /// The ARN of a user, a role, a session of a role, or the account's root
        #[arg(long, value_name = "ARN")]
        principal: String,
        /// What is to be done, such as `s3:GetObject`; may be repeated
        #[arg(long = "action", required = true, value_name = "ACTION")]
        actions: Vec<String>,
        /// To what; may be repeated [default: nothing in particular]
        #[arg(long = "resource", value_name = "ARN")]
        resources: Vec<String>,
        /// A context key and its value; a key with several values is repeated
        #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
        context: Vec<(String, String)>,
        /// As if this policy were gone; may be repeated
        #[arg(long, value_name = "POLICY")]
        without: Vec<String>,
        /// As if it had the policy in this file besides; may be repeated
        #[arg(long, value_name = "FILE")]
        with: Vec<PathBuf>,
    },
    /// Ask who may do something, by what is stored now, and by which way
    ///
    /// Users and roles that may, and users who may assume such a role. Of conditions, what is known is as with `simulate`;
    /// what was asked for and is absent stands beside each answer. People who may not act are left out, and counted.
    WhoCan {
        /// What is to be done, such as `s3:GetObject`
        action: String,
        /// To what; `*` is nothing in particular
        #[arg(default_value = "*")]
        resource: String,
        /// A context key and its value; a key with several values is repeated
        #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
        context: Vec<(String, String)>,
        /// Users or roles alone
        #[arg(long)]
        kind: Option<who_can::Kind>,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// Go on behind this one
        #[arg(long, value_name = "MARK")]
        after: Option<String>,
    },
    /// List who holds a policy
    Holders {
        /// Name or ARN
        policy: String,
    },
    /// Set tags
    Tag {
        /// Name or ARN
        policy: String,
        /// The tags
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = tag)]
        tags: Vec<(String, String)>,
    },
    /// Take tags away
    Untag {
        /// Name or ARN
        policy: String,
        /// Their keys
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
    },
}

const POLICIES: &[Column<PolicyView>] = &[
    Column { title: "name", cell: |policy| policy.name.clone() },
    Column { title: "path", cell: |policy| policy.path.clone() },
    Column { title: "version", cell: |policy| format!("v{}", policy.default_version) },
    Column { title: "changed", cell: |policy| moment(policy.updated) },
    Column { title: "description", cell: |policy| policy.description.clone() },
];

const RECORD: &[Column<PolicyView>] = &[
    Column { title: "name", cell: |policy| policy.name.clone() },
    Column { title: "arn", cell: |policy| policy.arn.clone() },
    Column { title: "id", cell: |policy| policy.id.clone() },
    Column { title: "description", cell: |policy| policy.description.clone() },
    Column { title: "counts", cell: |policy| format!("v{}", policy.default_version) },
    Column { title: "versions", cell: versions },
    Column { title: "holders", cell: |policy| policy.holders.map(|count| count.to_string()).unwrap_or_default() },
    Column { title: "tags", cell: |policy| tags(&policy.tags) },
];

fn versions(policy: &PolicyView) -> String {
    let version = |(number, at): (&u32, &_)| format!("v{number} of {}", moment(*at));
    policy.versions.iter().map(version).collect::<Vec<_>>().join(", ")
}

const HOLDERS: &[Column<HolderView>] = &[
    Column { title: "kind", cell: |holder| holder.kind.clone() },
    Column { title: "name", cell: |holder| holder.name.clone() },
    Column { title: "as", cell: |holder| holding(holder).to_owned() },
];

fn holding(holder: &HolderView) -> &'static str {
    match (holder.attached, holder.boundary) {
        (true, true) => "policy and boundary",
        (false, true) => "boundary",
        _ => "policy",
    }
}

/// Does the verb.
///
/// # Errors
/// When the operation fails.
pub async fn run(session: &mut Session, verb: Managed) -> anyhow::Result<Exit> {
    match verb {
        Managed::List { templates, limit, after } => {
            let parameters =
                [("templates", Some(templates.to_string())), ("limit", Some(limit.to_string())), ("after", after)];
            let page: Page<PolicyView> = session.client.get(&format!("/v1/policies{}", query(&parameters))).await?;
            session.output.listing(&page.items, POLICIES)?;
            go_on(page.next)?;
        }
        Managed::Show { policy, version: Some(version) } => {
            let path = format!("/v1/policies/{}/versions/{}", encoded(&policy), encoded(&version));
            let found: VersionView = session.client.get(&path).await?;
            match session.output.format() {
                Format::Json => session.output.json(&found)?,
                Format::Table => session.output.line(found.document.get())?,
            }
        }
        Managed::Show { policy, version: None } => {
            let found: PolicyView = session.client.get(&one(&policy)).await?;
            session.output.record(&found, RECORD)?;
            if let Some(document) = found.document.filter(|_| session.output.format() == Format::Table) {
                session.output.line(document.get())?;
            }
        }
        Managed::Create { name, file, path, description, tags } => {
            let document = document(&file)?;
            let new = NewPolicy { name, path, description, document, tags: tags.into_iter().collect() };
            let made: PolicyView = session.client.post("/v1/policies", &new).await?;
            written(session, &made)?;
        }
        Managed::Update { policy, file, keep_default } => {
            let new = NewVersion { document: document(&file)?, set_as_default: !keep_default };
            let path = format!("/v1/policies/{}/versions", encoded(&policy));
            let made: PolicyView = session.client.post(&path, &new).await?;
            written(session, &made)?;
        }
        Managed::Default { policy, version } => {
            let path = format!("/v1/policies/{}/default/{}", encoded(&policy), encoded(&version));
            let made: PolicyView = session.client.put(&path, &json!({})).await?;
            written(session, &made)?;
        }
        Managed::DeleteVersion { policy, version } => {
            let path = format!("/v1/policies/{}/versions/{}", encoded(&policy), encoded(&version));
            let () = session.client.delete(&path).await?;
            done(session, "deleted")?;
        }
        Managed::Delete { policy } => {
            let () = session.client.delete(&one(&policy)).await?;
            done(session, "deleted")?;
        }
        Managed::Simulate { principal, actions, resources, context, without, with } => {
            let (context, policies) =
                (gathered(context), with.iter().map(|file| document(file)).collect::<Result<_, _>>()?);
            let question =
                Simulation { principal, actions, resources, context, without, policies, ..Simulation::default() };
            let answers: Vec<Simulated> = session.client.post("/v1/simulate", &question).await?;
            return simulated(session, &answers);
        }
        Managed::WhoCan { action, resource, context, kind, limit, after } => {
            let (context, kind) = (gathered(context), kind.map(Into::into));
            let question = WhoCan { action, resource, context, kind, limit: Some(limit.try_into()?), after };
            let able: Able = session.client.post("/v1/who-can", &question).await?;
            who_can::print(session, able)?;
        }
        Managed::Holders { policy } => {
            let holders: Vec<HolderView> = session.client.get(&format!("{}/holders", one(&policy))).await?;
            session.output.listing(&holders, HOLDERS)?;
        }
        Managed::Tag { policy, tags } => {
            let tags: BTreeMap<String, String> = tags.into_iter().collect();
            let made: PolicyView =
                session.client.put(&format!("{}/tags", one(&policy)), &json!({ "tags": tags })).await?;
            written(session, &made)?;
        }
        Managed::Untag { policy, keys } => {
            let made: PolicyView =
                session.client.post(&format!("{}/untag", one(&policy)), &json!({ "keys": keys })).await?;
            written(session, &made)?;
        }
    }
    Ok(Exit::Done)
}

/// Values by key.
fn gathered(context: Vec<(String, String)>) -> BTreeMap<String, Vec<String>> {
    let mut values = BTreeMap::<String, Vec<String>>::new();
    for (key, value) in context {
        values.entry(key).or_default().push(value);
    }
    values
}

const ANSWERS: &[Column<Simulated>] = &[
    Column { title: "action", cell: |answer| answer.action.clone() },
    Column { title: "resource", cell: |answer| answer.resource.clone() },
    Column { title: "decision", cell: |answer| answer.decision.clone() },
    Column { title: "because", cell: because },
];

/// The reasons, each with the way to it.
fn because(answer: &Simulated) -> String {
    let one = |because: &Because| match because.through.as_slice() {
        [] => because.what.clone(),
        through => format!("{} [{}]", because.what, through.join(" → ")),
    };
    let missing = (!answer.missing.is_empty()).then(|| format!("without a value: {}", answer.missing.join(", ")));
    answer.reasons.iter().map(one).chain(missing).collect::<Vec<_>>().join("; ")
}

fn simulated(session: &mut Session, answers: &[Simulated]) -> anyhow::Result<Exit> {
    session.output.listing(answers, ANSWERS)?;
    let allowed = answers.iter().all(|answer| answer.decision == "Allowed");
    Ok(if allowed { Exit::Done } else { Exit::Failed })
}

fn one(policy: &str) -> String {
    format!("/v1/policies/{}", encoded(policy))
}

fn written(session: &mut Session, policy: &PolicyView) -> anyhow::Result<()> {
    warn(&policy.warnings)?;
    session.output.record(policy, RECORD)?;
    Ok(())
}
