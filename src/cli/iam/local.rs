//! Users and groups that no directory knows.

use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;

use super::{done, tag};
use crate::admin::iam::local::groups::{GroupUpdate, NewGroup};
use crate::admin::iam::local::users::{NewUser, UserUpdate};
use crate::admin::views::EntityView;
use crate::base::Timestamp;
use crate::cli::Exit;
use crate::cli::args::moment;
use crate::cli::session::{Session, encoded};
use crate::model::{IamName, IamPath};

/// What can be done with users that no directory knows.
#[derive(Debug, Subcommand)]
pub enum LocalUser {
    /// Make a user that no directory knows: break-glass, a contractor, an auditor
    Create(CreateUser),
    /// Change a user that was made here
    Update(ChangeUser),
    /// Delete a user that was made here and on whom nothing hangs any more
    Delete {
        /// Name or id
        who: String,
    },
}

/// A user to be made.
#[derive(Debug, ClapArgs)]
pub struct CreateUser {
    /// Its name
    name: IamName,
    /// Where it stands in its ARN, such as /contractors/
    #[arg(long, default_value = "/")]
    path: IamPath,
    /// For people to read
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// For notices
    #[arg(long)]
    mail: Option<String>,
    /// The employee's number, which makes this account and others of that number one person who agrees to nothing of their own
    #[arg(long, value_name = "NUMBER")]
    employee_id: Option<String>,
    /// It ends then by itself
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires: Option<Timestamp>,
    /// A policy beyond which it never reaches
    #[arg(long, value_name = "POLICY")]
    boundary: Option<String>,
    /// Tags
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,
}

/// What to change of a user.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = true)]
pub struct Changes {
    /// Another name
    #[arg(long, value_name = "NAME")]
    rename: Option<IamName>,
    /// Another path
    #[arg(long)]
    path: Option<IamPath>,
    /// For people to read
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// For notices
    #[arg(long)]
    mail: Option<String>,
    /// The employee's number; empty takes it away
    #[arg(long, value_name = "NUMBER")]
    employee_id: Option<String>,
    /// It may do nothing from now on
    #[arg(long, conflicts_with = "enable")]
    disable: bool,
    /// It may act again
    #[arg(long)]
    enable: bool,
    /// It ends then by itself
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires: Option<Timestamp>,
}

/// A user, and what to change of it.
#[derive(Debug, ClapArgs)]
pub struct ChangeUser {
    /// Name or id
    who: String,
    /// What
    #[command(flatten)]
    changes: Changes,
}

/// What can be done with groups that no directory knows.
#[derive(Debug, Subcommand)]
pub enum LocalGroup {
    /// Make a group that no directory knows
    Create {
        /// Its name
        name: IamName,
        /// Where it stands in its ARN
        #[arg(long, default_value = "/")]
        path: IamPath,
        /// For people to read
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Change a group that was made here
    #[command(group = clap::ArgGroup::new("changes").required(true).multiple(true).args(["rename", "path", "description"]))]
    Update {
        /// Name or id
        which: String,
        /// Another name
        #[arg(long, value_name = "NAME")]
        rename: Option<IamName>,
        /// Another path
        #[arg(long)]
        path: Option<IamPath>,
        /// For people to read
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Delete a group that was made here and holds nobody
    Delete {
        /// Name or id
        which: String,
    },
    /// Put a user, of whatever directory, into a group that was made here
    Add {
        /// The group
        which: String,
        /// The user
        who: String,
    },
    /// Take a user out of a group that was made here
    Remove {
        /// The group
        which: String,
        /// The user
        who: String,
    },
    /// Put a machine, of whatever directory, into a group that was made here
    AddResource {
        /// The group
        which: String,
        /// The machine
        resource: String,
    },
    /// Take a machine out of a group that was made here
    RemoveResource {
        /// The group
        which: String,
        /// The machine
        resource: String,
    },
}

/// Does a verb of `bailey user`.
///
/// # Errors
/// When the operation fails.
pub async fn user(session: &mut Session, verb: LocalUser) -> anyhow::Result<Exit> {
    match verb {
        LocalUser::Create(CreateUser { name, path, display_name, mail, employee_id, expires, boundary, tags }) => {
            let tags = tags.into_iter().collect();
            let new = NewUser { name, path, display_name, mail, employee_id, expires, boundary, tags };
            let made: EntityView = session.client.post("/v1/users", &new).await?;
            show(session, &made)
        }
        LocalUser::Update(ChangeUser { who, changes }) => {
            let Changes { rename, path, display_name, mail, employee_id, disable, enable, expires } = changes;
            let disabled = (disable || enable).then_some(disable);
            let update = UserUpdate { name: rename, path, display_name, mail, employee_id, disabled, expires };
            let changed: EntityView = session.client.post(&format!("/v1/users/{}", encoded(&who)), &update).await?;
            show(session, &changed)
        }
        LocalUser::Delete { who } => {
            let () = session.client.delete(&format!("/v1/users/{}", encoded(&who))).await?;
            done(session, "deleted")?;
            Ok(Exit::Done)
        }
    }
}

/// Does a verb of `bailey group`.
///
/// # Errors
/// When the operation fails.
pub async fn group(session: &mut Session, verb: LocalGroup) -> anyhow::Result<Exit> {
    match verb {
        LocalGroup::Create { name, path, description } => {
            let new = NewGroup { name, path, description };
            let made: EntityView = session.client.post("/v1/groups", &new).await?;
            return show(session, &made);
        }
        LocalGroup::Update { which, rename, path, description } => {
            let update = GroupUpdate { name: rename, path, description };
            let changed: EntityView = session.client.post(&format!("/v1/groups/{}", encoded(&which)), &update).await?;
            return show(session, &changed);
        }
        LocalGroup::Delete { which } => {
            let () = session.client.delete(&format!("/v1/groups/{}", encoded(&which))).await?;
            done(session, "deleted")?;
        }
        LocalGroup::Add { which, who } => {
            let () = session.client.put(&member(&which, &who), &json!({})).await?;
            done(session, "added")?;
        }
        LocalGroup::Remove { which, who } => {
            let () = session.client.delete(&member(&which, &who)).await?;
            done(session, "removed")?;
        }
        LocalGroup::AddResource { which, resource } => {
            let () = session.client.put(&machine(&which, &resource), &json!({})).await?;
            done(session, "added")?;
        }
        LocalGroup::RemoveResource { which, resource } => {
            let () = session.client.delete(&machine(&which, &resource)).await?;
            done(session, "removed")?;
        }
    }
    Ok(Exit::Done)
}

fn member(group: &str, user: &str) -> String {
    format!("/v1/groups/{}/members/{}", encoded(group), encoded(user))
}

fn machine(group: &str, resource: &str) -> String {
    format!("/v1/groups/{}/resources/{}", encoded(group), encoded(resource))
}

fn show(session: &mut Session, entity: &EntityView) -> anyhow::Result<Exit> {
    session.output.record(entity, crate::cli::people::RECORD)?;
    Ok(Exit::Done)
}
