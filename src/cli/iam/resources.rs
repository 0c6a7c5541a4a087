//! Machines that no directory knows.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;

use super::{done, tag};
use crate::admin::iam::local::resources::{NewResource, ResourceUpdate};
use crate::admin::views::EntityView;
use crate::base::Timestamp;
use crate::cli::Exit;
use crate::cli::args::moment;
use crate::cli::session::{Session, encoded};
use crate::model::{IamName, MachineIdentity};

/// What can be done with machines that no directory knows.
#[derive(Debug, Subcommand)]
pub enum LocalResource {
    /// Make a machine that no directory knows: in another network, an appliance, a workload
    Create(CreateResource),
    /// Change a machine that was made here
    Update(ChangeResource),
    /// Delete a machine that was made here and on which nothing hangs any more
    Delete {
        /// Name or id
        which: String,
    },
    /// Set tags of a machine that was made here
    Tag {
        /// Name or id
        which: String,
        /// The tags
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = tag)]
        tags: Vec<(String, String)>,
    },
    /// Take tags of a machine that was made here away
    Untag {
        /// Name or id
        which: String,
        /// Their keys
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
    },
}

/// A machine to be made.
#[derive(Debug, ClapArgs)]
pub struct CreateResource {
    /// Its name
    name: IamName,
    /// For people to read
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// It ends then by itself
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires: Option<Timestamp>,
    /// Tags
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,
    /// What its certificate or token calls it: dns:NAME, uri:SCHEME://.. or token:https://ISSUER#SUBJECT; may be repeated
    #[arg(long = "identity", value_name = "IDENTITY")]
    identities: Vec<MachineIdentity>,
}

/// A machine, and what to change of it.
#[derive(Debug, ClapArgs)]
pub struct ChangeResource {
    /// Name or id
    which: String,
    /// What
    #[command(flatten)]
    changes: Changes,
}

/// What to change of a machine.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = true)]
pub struct Changes {
    /// Another name
    #[arg(long, value_name = "NAME")]
    rename: Option<IamName>,
    /// For people to read
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// It may do nothing from now on
    #[arg(long, conflicts_with = "enable")]
    disable: bool,
    /// It may act again
    #[arg(long)]
    enable: bool,
    /// It ends then by itself
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires: Option<Timestamp>,
    /// All that its certificate or token may call it, in the place of what was said before
    #[arg(long = "identity", value_name = "IDENTITY", conflicts_with = "no_identities")]
    identities: Vec<MachineIdentity>,
    /// No certificate or token counts for it any more
    #[arg(long)]
    no_identities: bool,
}

/// Does a verb of `bailey resource`.
///
/// # Errors
/// When the operation fails.
pub async fn resource(session: &mut Session, verb: LocalResource) -> anyhow::Result<Exit> {
    let shown: EntityView = match verb {
        LocalResource::Create(CreateResource { name, description, expires, tags, identities }) => {
            let (tags, identities) = (tags.into_iter().collect(), identities.into_iter().collect());
            let new = NewResource { name, description, expires, tags, identities };
            session.client.post("/v1/resources", &new).await?
        }
        LocalResource::Update(ChangeResource { which, changes }) => {
            let Changes { rename, description, disable, enable, expires, identities, no_identities } = changes;
            let disabled = (disable || enable).then_some(disable);
            let identities: BTreeSet<MachineIdentity> = identities.into_iter().collect();
            let identities = (no_identities || !identities.is_empty()).then_some(identities);
            let update = ResourceUpdate { name: rename, description, disabled, expires, identities };
            session.client.post(&path(&which), &update).await?
        }
        LocalResource::Delete { which } => {
            let () = session.client.delete(&path(&which)).await?;
            done(session, "deleted")?;
            return Ok(Exit::Done);
        }
        LocalResource::Tag { which, tags } => {
            let tags: BTreeMap<String, String> = tags.into_iter().collect();
            session.client.put(&format!("{}/tags", path(&which)), &json!({ "tags": tags })).await?
        }
        LocalResource::Untag { which, keys } => {
            session.client.post(&format!("{}/untag", path(&which)), &json!({ "keys": keys })).await?
        }
    };
    session.output.record(&shown, crate::cli::people::RECORD)?;
    Ok(Exit::Done)
}

fn path(which: &str) -> String {
    format!("/v1/resources/{}", encoded(which))
}
