//! Access keys and root.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args as ClapArgs, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::done;
use crate::admin::iam::access_keys::AccessKeyView;
use crate::admin::iam::root::{Initialization, RootView};
use crate::admin::views::Page;
use crate::cli::Exit;
use crate::cli::output::{Column, moment};
use crate::cli::session::{Session, encoded, remark};

/// What can be done with a user's access keys.
#[derive(Debug, Subcommand)]
pub enum AccessKeyVerb {
    /// List a user's access keys, with their last use
    List {
        /// The user's name or id
        who: String,
    },
    /// Make an access key; its secret half is shown this once
    Create {
        /// The user's name or id
        who: String,
        /// Where the secret goes
        #[command(flatten)]
        to: Destination,
    },
    /// Switch an access key off
    Disable {
        /// The user's name or id
        who: String,
        /// The key's id, `AKIA..`
        key: String,
    },
    /// Switch an access key on
    Enable {
        /// The user's name or id
        who: String,
        /// The key's id, `AKIA..`
        key: String,
    },
    /// Delete an access key
    Delete {
        /// The user's name or id
        who: String,
        /// The key's id, `AKIA..`
        key: String,
    },
    /// Whose an access key is, and when it was used last
    Show {
        /// The key's id, `AKIA..`
        key: String,
    },
}

/// `bailey root`.
#[derive(Debug, Subcommand)]
pub enum RootVerb {
    /// How root is: its keys, its devices, whether it is locked away
    Show,
    /// Lock root away: none of its credentials works until it is let out
    Lock,
    /// Let root's credentials work again
    Unlock,
    /// Make another access key for root
    CreateKey {
        /// Where the secret goes
        #[command(flatten)]
        to: Destination,
    },
    /// Delete an access key of root
    DeleteKey {
        /// The key's id, `AKIA..`
        key: String,
    },
}

/// `bailey init`.
#[derive(Debug, ClapArgs)]
pub struct Init {
    /// The group whose members administer; asked for on a terminal, if nothing is said
    #[arg(long, value_name = "GROUP", conflicts_with = "no_administrators")]
    pub administrators: Option<String>,
    /// Nobody administers but root and the operators of this machine
    #[arg(long)]
    pub no_administrators: bool,
    /// Where root's secret goes
    #[command(flatten)]
    pub to: Destination,
}

/// Where a secret goes.
#[derive(Debug, ClapArgs)]
pub struct Destination {
    /// Write the secret into this new file, closed to others, instead of showing it
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
}

/// A new access key as the daemon tells it.
#[derive(Deserialize, Serialize)]
struct Told {
    #[serde(flatten)]
    key: AccessKeyView,
    secret: String,
}

const KEYS: &[Column<AccessKeyView>] = &[
    Column { title: "access key", cell: |key| key.id.clone() },
    Column { title: "user", cell: |key| key.user.clone() },
    Column { title: "state", cell: |key| if key.active { "active" } else { "off" }.to_owned() },
    Column { title: "made", cell: |key| moment(key.created) },
    Column { title: "last used", cell: |key| used(key) },
];

fn used(key: &AccessKeyView) -> String {
    key.last_used.as_ref().map_or_else(|| "never".to_owned(), |used| format!("{} ({})", moment(used.at), used.service))
}

const ROOT: &[Column<RootView>] = &[
    Column { title: "arn", cell: |root| root.arn.clone() },
    Column { title: "made", cell: |root| root.created.map_or_else(|| "not yet: run `bailey init`".to_owned(), moment) },
    Column { title: "locked since", cell: |root| root.locked_since.map(moment).unwrap_or_default() },
    Column {
        title: "access keys",
        cell: |root| {
            let keys = root.access_keys.iter();
            keys.map(|key| format!("{}, last used: {}", key.id, used(key))).collect::<Vec<_>>().join("; ")
        },
    },
    Column { title: "mfa devices", cell: |root| root.mfa_devices.join(", ") },
];

/// Does a verb of `bailey access-key`.
///
/// # Errors
/// When the operation fails.
pub async fn access_key(session: &mut Session, verb: AccessKeyVerb) -> anyhow::Result<Exit> {
    match verb {
        AccessKeyVerb::List { who } => {
            let keys: Vec<AccessKeyView> = session.client.get(&keys_of(&who)).await?;
            session.output.listing(&keys, KEYS)?;
        }
        AccessKeyVerb::Create { who, to } => {
            to.check()?;
            let told: Told = session.client.post(&keys_of(&who), &json!({})).await?;
            to.tell(session, &told)?;
        }
        AccessKeyVerb::Disable { who, key } => switch(session, &who, &key, false).await?,
        AccessKeyVerb::Enable { who, key } => switch(session, &who, &key, true).await?,
        AccessKeyVerb::Delete { who, key } => {
            let () = session.client.delete(&format!("{}/{}", keys_of(&who), encoded(&key))).await?;
            done(session, "deleted")?;
        }
        AccessKeyVerb::Show { key } => {
            let key: AccessKeyView = session.client.get(&format!("/v1/access-keys/{}", encoded(&key))).await?;
            session.output.record(&key, KEYS)?;
        }
    }
    Ok(Exit::Done)
}

async fn switch(session: &mut Session, who: &str, key: &str, active: bool) -> anyhow::Result<()> {
    let path = format!("{}/{}", keys_of(who), encoded(key));
    let key: AccessKeyView = session.client.post(&path, &json!({ "active": active })).await?;
    session.output.record(&key, KEYS)?;
    Ok(())
}

/// Does a verb of `bailey root`.
///
/// # Errors
/// When the operation fails.
pub async fn root(session: &mut Session, verb: RootVerb) -> anyhow::Result<Exit> {
    match verb {
        RootVerb::Show => {
            let root: RootView = session.client.get("/v1/root").await?;
            session.output.record(&root, ROOT)?;
        }
        RootVerb::Lock => {
            let () = session.client.post("/v1/root/lock", &json!({})).await?;
            done(session, "locked away; `bailey root unlock` lets it out again")?;
        }
        RootVerb::Unlock => {
            let () = session.client.post("/v1/root/unlock", &json!({})).await?;
            done(session, "unlocked")?;
        }
        RootVerb::CreateKey { to } => {
            to.check()?;
            let told: Told = session.client.post("/v1/root/access-keys", &json!({})).await?;
            to.tell(session, &told)?;
        }
        RootVerb::DeleteKey { key } => {
            let () = session.client.delete(&format!("/v1/root/access-keys/{}", encoded(&key))).await?;
            done(session, "deleted")?;
        }
    }
    Ok(Exit::Done)
}

/// Does `bailey init`.
///
/// # Errors
/// When root is there already, there is no such group, or the secret has no place to go.
pub async fn init(session: &mut Session, init: Init) -> anyhow::Result<Exit> {
    let root: RootView = session.client.get("/v1/root").await?;
    anyhow::ensure!(
        root.created.is_none(),
        "root was made {}; `bailey root show` tells more, `bailey root create-key` makes another key",
        root.created.map(moment).unwrap_or_default()
    );
    init.to.check()?;
    let administrators = match (init.administrators, init.no_administrators) {
        (Some(group), _) => Some(group),
        (None, true) => None,
        (None, false) => ask_for_administrators(session).await?,
    };
    let told: Told =
        session.client.post("/v1/init", &Initialization { administrators: administrators.clone() }).await?;
    if let Some(group) = administrators {
        remark(&format!("members of `{group}` administer from now on: AdministratorAccess is attached to it"))?;
    }
    remark("root may do everything, and every use of it is loud: keep this for the day on which nothing else works,")?;
    remark("and lock it away until then: `bailey root lock`")?;
    init.to.tell(session, &told)?;
    Ok(Exit::Done)
}

/// Shows groups that sound right, and asks for one.
async fn ask_for_administrators(session: &mut Session) -> anyhow::Result<Option<String>> {
    anyhow::ensure!(
        io::stdin().is_terminal(),
        "this is no terminal: say who administers with --administrators GROUP, or --no-administrators"
    );
    let page: Page = session.client.get("/v1/groups?search=admin&limit=20").await?;
    remark("Who administers? Members of that group get AdministratorAccess.")?;
    for group in &page.items {
        remark(&format!("  {}  {}", group.name, group.description.clone().unwrap_or_default()))?;
    }
    if page.items.is_empty() {
        remark("  (no group has `admin` in its name; `bailey sync` brings groups, `bailey group list` shows them)")?;
    }
    loop {
        write!(io::stderr(), "group, or nothing for root alone: ")?;
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        let name = line.trim();
        if name.is_empty() {
            return Ok(None);
        }
        match session.client.get::<serde_json::Value>(&format!("/v1/groups/{}", encoded(name))).await {
            Ok(_) => return Ok(Some(name.to_owned())),
            Err(error) => remark(&error.to_string())?,
        }
    }
}

fn keys_of(who: &str) -> String {
    format!("/v1/users/{}/access-keys", encoded(who))
}

impl Destination {
    /// Refuses, before anything is made, what could not be told: a secret belongs on a terminal or into a closed file,
    /// not into a pipe that may end in a log.
    fn check(&self) -> anyhow::Result<()> {
        match &self.secret_file {
            Some(path) => {
                anyhow::ensure!(!path.exists(), "{} is there already; name a new file", path.display());
                Ok(())
            }
            None => {
                anyhow::ensure!(
                    io::stdout().is_terminal(),
                    "this is no terminal, and a secret is shown on none other; write it with --secret-file FILE"
                );
                Ok(())
            }
        }
    }

    fn tell(&self, session: &mut Session, told: &Told) -> anyhow::Result<()> {
        let lines = format!("AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={}\n", told.key.id, told.secret);
        match &self.secret_file {
            Some(path) => {
                let written = write_closed(path, lines.as_bytes());
                written.with_context(|| {
                    format!(
                        "access key {} was made, and {} cannot be written: delete the key",
                        told.key.id,
                        path.display()
                    )
                })?;
                session.output.record(&told.key, KEYS)?;
            }
            None => session.output.line(lines.trim_end())?,
        }
        Ok(())
    }
}

/// Writes a file that is new and closed to others.
pub(super) fn write_closed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
