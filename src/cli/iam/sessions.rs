//! `bailey session`.

use clap::{Args, Subcommand};
use jiff::SignedDuration;
use serde_json::json;

use super::{done, go_on};
use crate::admin::iam::sessions::{EndedSessions, SessionView, Which};
use crate::admin::iam::views::Page;
use crate::base::clock::{Clock as _, SystemClock};
use crate::base::{SessionId, Timestamp};
use crate::cli::Exit;
use crate::cli::output::{Column, moment};
use crate::cli::session::{Session, encoded, query};

/// `bailey session`.
#[derive(Debug, Subcommand)]
pub enum SessionVerb {
    /// List sessions that run, the oldest first
    List {
        /// Which.
        #[command(flatten)]
        which: Meant,
        /// Those that are over, too; they are kept for a week
        #[arg(long)]
        all: bool,
        /// Go on behind this session
        #[arg(long, value_name = "ID")]
        after: Option<SessionId>,
        /// Sessions at most
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Show a session: who, by which way, and whether it counts
    Show {
        /// Its id, or its access key (`ASIA..`)
        session: String,
    },
    /// End a session and those that it began, or all that are meant
    ///
    /// What has ended stays so: whoever had it can begin another, if they still may.
    End {
        /// Its id, or its access key (`ASIA..`)
        #[arg(required_unless_present_any = ["person", "machine", "role", "source_identity", "older_than"])]
        session: Option<String>,
        /// Which.
        #[command(flatten)]
        which: Meant,
        /// Why, for the log and for whoever had it
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Print the policy that ends the sessions of a role in a real account of AWS that began before now
    ///
    /// AWS cannot end a session; it can deny all that began before a moment. Put this on the role there, as its console does:
    /// aws iam put-role-policy --role-name ROLE --policy-name AWSRevokeOlderSessions --policy-document file://FILE
    RevokePolicy {
        /// Sessions that began before then instead of before now; a date is its begin in UTC
        #[arg(long, value_name = "TIME", value_parser = crate::cli::args::moment)]
        before: Option<Timestamp>,
    },
}

/// Which sessions are meant. What is said has to hold together.
#[derive(Debug, Args)]
pub struct Meant {
    /// Of this person: name, ARN or id
    #[arg(long, value_name = "WHO")]
    person: Option<String>,
    /// That this machine began: name, ARN or id
    #[arg(long, value_name = "MACHINE")]
    machine: Option<String>,
    /// Of this role: name or ARN
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// With this source identity
    #[arg(long, value_name = "NAME")]
    source_identity: Option<String>,
    /// That began longer ago, such as `1h`, `30m`, `2d`
    #[arg(long, value_name = "TIME", value_parser = ago)]
    older_than: Option<SignedDuration>,
}

fn ago(text: &str) -> Result<SignedDuration, String> {
    text.parse::<SignedDuration>().map_err(|_| "expected a time such as `1h`, `30m` or `90s`".to_owned())
}

impl Meant {
    fn which(self, all: bool) -> Which {
        let before = self.older_than.and_then(|age| SystemClock.now().checked_sub(age).ok());
        let Self { person, machine, role, source_identity, .. } = self;
        Which { person, machine, role, source_identity, before, all }
    }

    fn is_any(&self) -> bool {
        let whose = self.person.is_some() || self.machine.is_some();
        whose || self.role.is_some() || self.source_identity.is_some() || self.older_than.is_some()
    }
}

const SESSIONS: &[Column<SessionView>] = &[
    Column { title: "id", cell: |session| session.id.to_string() },
    Column { title: "who", cell: |session| session.person.clone().unwrap_or_default() },
    Column { title: "as", cell: |session| session.arn.clone() },
    Column { title: "state", cell: |session| session.state.clone() },
    Column { title: "began", cell: |session| moment(session.created) },
    Column { title: "ends", cell: |session| moment(session.expires) },
    Column { title: "from", cell: |session| session.source_ip.clone().unwrap_or_default() },
];

const RECORD: &[Column<SessionView>] = &[
    Column { title: "id", cell: |session| session.id.to_string() },
    Column { title: "access key", cell: |session| session.access_key.to_string() },
    Column { title: "as", cell: |session| session.arn.clone() },
    Column { title: "who", cell: |session| session.person.clone().unwrap_or_default() },
    Column { title: "state", cell: |session| session.state.clone() },
    Column { title: "because", cell: |session| session.because.clone().unwrap_or_default() },
    Column { title: "began", cell: |session| moment(session.created) },
    Column { title: "with", cell: |session| session.begun_with.clone() },
    Column { title: "by way of", cell: |session| session.through.join(" > ") },
    Column { title: "from", cell: |session| session.source_ip.clone().unwrap_or_default() },
    Column { title: "ends", cell: |session| moment(session.expires) },
    Column { title: "source identity", cell: |session| session.source_identity.clone().unwrap_or_default() },
    Column { title: "tags", cell: tags },
    Column { title: "narrowed", cell: |session| if session.narrowed { "yes".to_owned() } else { String::new() } },
    Column { title: "second factor", cell: |session| session.mfa.map(moment).unwrap_or_default() },
];

fn tags(session: &SessionView) -> String {
    session.tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}

/// Does the verb.
///
/// # Errors
/// When the operation fails.
pub async fn run(session: &mut Session, verb: SessionVerb) -> anyhow::Result<Exit> {
    match verb {
        SessionVerb::List { which, all, after, limit } => {
            let which = which.which(all);
            let asked = query(&[
                ("person", which.person),
                ("machine", which.machine),
                ("role", which.role),
                ("source_identity", which.source_identity),
                ("before", which.before.map(|before| before.to_string())),
                ("all", all.then(|| "true".to_owned())),
                ("after", after.map(|after| after.to_string())),
                ("limit", limit.map(|limit| limit.to_string())),
            ]);
            let page: Page<SessionView> = session.client.get(&format!("/v1/sessions{asked}")).await?;
            session.output.listing(&page.items, SESSIONS)?;
            go_on(page.next)?;
        }
        SessionVerb::Show { session: which } => {
            let found: SessionView = session.client.get(&format!("/v1/sessions/{}", encoded(&which))).await?;
            session.output.record(&found, RECORD)?;
        }
        SessionVerb::End { session: one, which, reason } => {
            let ended: EndedSessions = match one {
                Some(_) if which.is_any() => anyhow::bail!("name a session, or say which are meant; not both"),
                Some(one) => {
                    let path = format!("/v1/sessions/{}/end", encoded(&one));
                    session.client.post(&path, &json!({ "reason": reason })).await?
                }
                None => {
                    let body = json!({ "which": which.which(false), "reason": reason });
                    session.client.post("/v1/end-sessions", &body).await?
                }
            };
            let what = match ended.ended {
                0 => "no session was left to end".to_owned(),
                1 => "1 session ended, and those that it began".to_owned(),
                many => format!("{many} sessions ended, and those that they began"),
            };
            done(session, &what)?;
        }
        SessionVerb::RevokePolicy { .. } => {}
    }
    Ok(Exit::Done)
}

/// The policy that `revoke-policy` prints: what the console of AWS calls `AWSRevokeOlderSessions` (IAM User Guide, "Revoke IAM
/// role temporary security credentials").
#[must_use]
pub fn revoke_policy(before: Option<Timestamp>) -> String {
    let before = before.unwrap_or_else(|| SystemClock.now());
    let document = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "AWSRevokeOlderSessions",
            "Effect": "Deny",
            "Action": ["*"],
            "Resource": ["*"],
            "Condition": { "DateLessThan": { "aws:TokenIssueTime": format!("{before:.0}") } }
        }]
    });
    format!("{document:#}")
}
