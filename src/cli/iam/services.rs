//! `bailey policy last-accessed` and `granting`: which services somebody may use, which policies say so, and who did.

use clap::Subcommand;
use serde::Deserialize;
use serde_json::json;

use crate::admin::iam::services::{Accessed, Granted, Granting, GrantingQuestion, JobView, ServiceView, UsedBy};
use crate::cli::Exit;
use crate::cli::output::{Column, Format, moment};
use crate::cli::session::{Session, encoded};

/// Services: who may use them, and did.
#[derive(Debug, Subcommand)]
pub enum Services {
    /// Show which services somebody's policies name, and when each was last used
    ///
    /// Of use, access keys alone tell, each of its last: so the services `iam` and `sts` have a time. Services that nobody told of
    /// have none, and those that only a wildcard covers are not listed.
    LastAccessed {
        /// Of whom: `user/ann`, `group/ops`, `role/Deploy`, `policy/s3-read`, or an ARN
        #[arg(value_name = "KIND/NAME", value_parser = subject)]
        who: Subject,
        /// Show everybody who used this service instead
        #[arg(long, value_name = "SERVICE")]
        users: Option<String>,
    },
    /// Show which policies let somebody use a service
    ///
    /// What denies, boundaries and guardrails are not looked at; `simulate` and `who-can` do that.
    Granting {
        /// Whom: `user/ann`, `group/ops`, `role/Deploy`, or an ARN
        #[arg(value_name = "KIND/NAME", value_parser = subject)]
        who: Subject,
        /// Which services, such as `s3`
        #[arg(required = true, value_name = "SERVICE")]
        services: Vec<String>,
    },
}

/// A user, group, role or policy as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Its ARN.
    Arn(String),
    /// Its kind, as routes call it, and its name.
    Named(&'static str, String),
}

fn subject(text: &str) -> Result<Subject, String> {
    if text.starts_with("arn:") {
        return Ok(Subject::Arn(text.to_owned()));
    }
    let named = |(kind, name): (&str, &str)| {
        let route = match kind {
            "user" => "users",
            "group" => "groups",
            "role" => "roles",
            "policy" => "policies",
            _ => return None,
        };
        (!name.is_empty()).then(|| Subject::Named(route, name.to_owned()))
    };
    let expected = || "expected `user/NAME`, `group/NAME`, `role/NAME`, `policy/NAME` or an ARN".to_owned();
    text.split_once('/').and_then(named).ok_or_else(expected)
}

const SERVICES: &[Column<ServiceView>] = &[
    Column { title: "service", cell: |service| service.service.clone() },
    Column {
        title: "last used",
        cell: |service| service.last.as_ref().map(|used| moment(used.at)).unwrap_or_default(),
    },
    Column { title: "by", cell: |service| service.last.as_ref().map(|used| used.name.clone()).unwrap_or_default() },
    Column {
        title: "region",
        cell: |service| service.last.as_ref().map(|used| used.region.clone()).unwrap_or_default(),
    },
    Column { title: "users", cell: |service| service.users.to_string() },
];

const USERS: &[Column<UsedBy>] = &[
    Column { title: "user", cell: |used| used.name.clone() },
    Column { title: "last used", cell: |used| moment(used.at) },
    Column { title: "region", cell: |used| used.region.clone() },
    Column { title: "arn", cell: |used| used.arn.clone() },
];

/// A line: a service, and one policy that grants it.
#[derive(serde::Serialize)]
struct Line {
    service: String,
    policy: String,
    on: String,
}

const LINES: &[Column<Line>] = &[
    Column { title: "service", cell: |line| line.service.clone() },
    Column { title: "policy", cell: |line| line.policy.clone() },
    Column { title: "inline on", cell: |line| line.on.clone() },
];

/// Does a verb.
///
/// # Errors
/// When the operation fails.
pub async fn run(session: &mut Session, verb: Services) -> anyhow::Result<Exit> {
    match verb {
        Services::LastAccessed { who, users } => {
            let arn = arn_of(session, who).await?;
            let JobView { job } = session.client.post("/v1/last-accessed", &json!({ "arn": arn })).await?;
            let path = format!("/v1/last-accessed/{}", encoded(&job));
            if let Some(service) = users {
                let users: Vec<UsedBy> = session.client.get(&format!("{path}/{}", encoded(&service))).await?;
                session.output.listing(&users, USERS)?;
            } else {
                let found: Accessed = session.client.get(&path).await?;
                session.output.listing(&found.services, SERVICES)?;
            }
        }
        Services::Granting { who, services } => {
            let question = GrantingQuestion { arn: arn_of(session, who).await?, services };
            let found: Vec<Granted> = session.client.post("/v1/policies-granting", &question).await?;
            match session.output.format() {
                Format::Json => session.output.json(&found)?,
                Format::Table => {
                    session.output.listing(&found.into_iter().flat_map(lines).collect::<Vec<_>>(), LINES)?
                }
            }
        }
    }
    Ok(Exit::Done)
}

/// These questions are asked by ARN, which policies about them are decided by; a name is looked up for it first.
async fn arn_of(session: &Session, who: Subject) -> anyhow::Result<String> {
    #[derive(Deserialize)]
    struct Shown {
        arn: String,
    }
    match who {
        Subject::Arn(arn) => Ok(arn),
        Subject::Named(kind, name) => {
            let shown: Shown = session.client.get(&format!("/v1/{kind}/{}", encoded(&name))).await?;
            Ok(shown.arn)
        }
    }
}

/// A service that no policy grants has a line that says so.
fn lines(granted: Granted) -> Vec<Line> {
    let Granted { service, policies } = granted;
    if policies.is_empty() {
        return vec![Line { service, policy: "none".to_owned(), on: String::new() }];
    }
    let line = |policy| match policy {
        Granting::Managed { arn } => Line { service: service.clone(), policy: arn, on: String::new() },
        Granting::Inline { name, kind, on } => {
            Line { service: service.clone(), policy: name, on: format!("{kind}/{on}") }
        }
    };
    policies.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_it_is_about_has_a_kind_or_is_an_arn() {
        assert_eq!(subject("group/ops"), Ok(Subject::Named("groups", "ops".to_owned())));
        let elsewhere = "210987654321/poweruser".to_owned();
        assert_eq!(subject("role/210987654321/poweruser"), Ok(Subject::Named("roles", elsewhere)));
        let arn = "arn:aws:iam::123456789012:user/firm/ann";
        assert_eq!(subject(arn), Ok(Subject::Arn(arn.to_owned())));
        assert!(["ops", "team/ops", "user/", "/ops", "resource/web1"].iter().all(|text| subject(text).is_err()));
    }
}
