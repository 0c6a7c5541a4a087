//! `bailey grant`: roles for a while.
//!
//! Operators of the daemon's machine see all of them and take them back, over the socket. People ask, agree, begin and end from their
//! own machines, as who they signed in as ([`super::own`]): a socket is nobody, and agrees to nothing.

use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;
use serde_json::value::RawValue;

use super::login::seconds;
use super::output::{Column, moment};
use super::session::{Session, encoded, query};
use super::{Exit, args};
use crate::admin::grants::GrantView;
use crate::admin::iam::views::Page;
use crate::base::Timestamp;

/// `bailey grant`.
#[derive(Debug, Subcommand)]
pub enum GrantVerb {
    /// List those that are not over: of everybody; with --url one's own
    List {
        /// Those that wait for you to decide, or to look back at (people, with --url)
        #[arg(long, conflicts_with_all = ["all", "after", "limit"])]
        waiting: bool,
        /// Your last ones that are over, how they ended, by whom and why (people, with --url)
        #[arg(long, conflicts_with_all = ["waiting", "all", "after", "limit"])]
        over: bool,
        /// Those that are over, too, in the order in which they were asked for
        #[arg(long)]
        all: bool,
        /// Go on behind the page before, as it says
        #[arg(long, value_name = "NEXT")]
        after: Option<String>,
        /// Grants at most
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// List the roles that you can ask for (needs `bailey login`)
    Roles {
        /// What their names have in them
        #[arg(long, value_name = "TEXT", default_value = "")]
        find: String,
    },
    /// Show one: what is asked, who agreed, how it ended; with --url, what its role allows, too
    Show {
        /// Its id
        grant: String,
    },
    /// Ask for a role for a while (needs `bailey login`)
    ///
    /// With --dry-run nothing is asked for: it shows what the role allows, for how long it can be had, and who would have to agree.
    Request(Box<Asking>),
    /// Agree to what somebody asks for (needs `bailey login`)
    ///
    /// Shows who wants which role, what it allows, for how long and why, and asks for a yes. It takes a second factor that was
    /// shown within the last five minutes: `bailey login --url URL --step-up`.
    Approve {
        /// Its id
        grant: String,
        /// What you saw, as `bailey grant show` tells it, where nobody is at a terminal
        #[arg(long, value_name = "DIGEST")]
        digest: Option<String>,
        /// A word to it
        #[arg(long, default_value = "")]
        comment: String,
    },
    /// Refuse what somebody asks for (needs `bailey login`)
    Refuse {
        /// Its id
        grant: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Make a request shorter or narrower; whoever agreed has to again (needs `bailey login`)
    #[command(group = clap::ArgGroup::new("narrower").required(true).multiple(true).args(["lasts", "condition"]))]
    Narrow {
        /// Its id
        grant: String,
        /// For how long instead, such as `1h`
        #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
        lasts: Option<u32>,
        /// A condition besides: a Condition block of the policy language
        #[arg(long, value_name = "JSON", value_parser = condition)]
        condition: Option<Json>,
    },
    /// Begin to work with one that was agreed to (needs `bailey login`)
    Claim {
        /// Its id
        grant: String,
    },
    /// Say that you are done with one; its sessions end with it (needs `bailey login`)
    Complete {
        /// Its id
        grant: String,
    },
    /// Take one back; its sessions end with it
    Revoke {
        /// Its id
        grant: String,
        /// Why, for the log and for whoever had it
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Write down what you found on looking back at one that nobody else had agreed to (needs `bailey login`)
    Review {
        /// Its id
        grant: String,
        /// What you found
        #[arg(long)]
        finding: String,
    },
}

/// What somebody asks for.
#[derive(Debug, ClapArgs)]
pub struct Asking {
    /// The role: its ARN, or its name
    #[arg(long, value_name = "ARN")]
    pub role: String,
    /// Show what it would be, and ask for nothing
    #[arg(long)]
    pub dry_run: bool,
    /// For how long, such as `2h`
    #[arg(long = "for", value_name = "TIME", value_parser = seconds, required_unless_present = "dry_run")]
    pub lasts: Option<u32>,
    /// What for
    #[arg(long, required_unless_present = "dry_run")]
    pub reason: Option<String>,
    /// The ticket that says so elsewhere
    #[arg(long, default_value = "")]
    pub ticket: String,
    /// Who is to have it [default: you]
    #[arg(long, value_name = "WHO")]
    pub person: Option<String>,
    /// When its time begins: `approval`, `first-use`, or a time; a date is its begin in UTC [default: first-use]
    #[arg(long, value_name = "WHEN", value_parser = start)]
    pub start: Option<Start>,
    /// It has to be agreed to and begun before then, such as 2026-12-01 (its begin in UTC) or 2026-12-01T18:00:00Z [default: as late
    /// as its rule allows]
    #[arg(long, value_name = "TIME", value_parser = args::moment)]
    pub claim_by: Option<Timestamp>,
    /// What it is to be good for, where its rule takes that from whoever asks: a policy
    #[arg(long, value_name = "JSON", value_parser = condition)]
    pub gives: Option<Json>,
    /// What has to hold at each call: a Condition block of the policy language
    #[arg(long, value_name = "JSON", value_parser = condition)]
    pub condition: Option<Json>,
}

/// JSON as it was typed.
#[derive(Debug, Clone)]
pub struct Json(pub Box<RawValue>);

fn condition(text: &str) -> Result<Json, String> {
    RawValue::from_string(text.trim().to_owned()).map(Json).map_err(|error| format!("that is no JSON: {error}"))
}

/// When the time of a grant begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// When the last one agreed.
    Approval,
    /// When it is begun.
    FirstUse,
    /// At a fixed time.
    At(Timestamp),
}

impl Start {
    /// As requests say it.
    pub(super) fn word(self) -> String {
        match self {
            Self::Approval => "approval".to_owned(),
            Self::FirstUse => "first_use".to_owned(),
            Self::At(at) => at.to_string(),
        }
    }
}

fn start(text: &str) -> Result<Start, String> {
    match text {
        "approval" => Ok(Start::Approval),
        "first-use" | "first_use" => Ok(Start::FirstUse),
        time => {
            let at = args::moment(time).map(Start::At);
            at.map_err(|_| "expected `approval`, `first-use`, or a time such as 2027-01-31T09:00:00Z".to_owned())
        }
    }
}

impl GrantVerb {
    /// Whether it takes a person, whom the socket is not.
    #[must_use]
    pub fn takes_a_person(&self) -> bool {
        !matches!(self, Self::List { waiting: false, over: false, .. } | Self::Show { .. } | Self::Revoke { .. })
    }

    /// Whether something of it is for operators alone.
    #[must_use]
    pub fn takes_an_operator(&self) -> bool {
        matches!(self, Self::List { all, after, limit, .. } if *all || after.is_some() || limit.is_some())
    }
}

/// Those that are over.
pub(super) const OVER: &[Column<GrantView>] = &[
    Column { title: "id", cell: |view| view.id.clone() },
    Column { title: "role", cell: |view| view.role.clone() },
    Column { title: "ended", cell: |view| view.ended.map(moment).unwrap_or_default() },
    Column { title: "how", cell: |view| view.how.clone().unwrap_or_default() },
    Column { title: "by", cell: |view| view.ended_by.clone().unwrap_or_default() },
    Column { title: "why", cell: |view| view.end_reason.clone().unwrap_or_default() },
    Column { title: "reason", cell: |view| view.reason.clone() },
];

/// Those that are not over.
pub(super) const GRANTS: &[Column<GrantView>] = &[
    Column { title: "id", cell: |view| view.id.clone() },
    Column { title: "person", cell: |view| view.person.clone() },
    Column { title: "role", cell: |view| view.role.clone() },
    Column { title: "stage", cell: stage },
    Column { title: "until", cell: |view| moment(view.ended.or(view.until).unwrap_or(view.claim_by)) },
    Column {
        title: "agreed",
        cell: |view| view.approvals.iter().map(|yes| yes.by.as_str()).collect::<Vec<_>>().join(" "),
    },
    Column { title: "ticket", cell: |view| view.ticket.clone() },
    Column { title: "reason", cell: |view| view.reason.clone() },
    Column { title: "void because", cell: |view| view.void.clone().unwrap_or_default() },
];

/// Where one stands, in a word or two.
fn stage(view: &GrantView) -> String {
    match (&view.how, &view.void) {
        (Some(how), _) => how.clone(),
        (None, Some(_)) => format!("{}, void", view.stage.word()),
        (None, None) => view.stage.word().to_owned(),
    }
}

/// Does the verb that an operator asks for.
///
/// # Errors
/// When the operation fails.
pub(super) async fn run(session: &mut Session, verb: GrantVerb) -> anyhow::Result<Exit> {
    let view: GrantView = match verb {
        GrantVerb::List { all, after, limit, .. } => {
            let asked = query(&[
                ("all", all.then(|| "true".to_owned())),
                ("after", after),
                ("limit", limit.map(|limit| limit.to_string())),
            ]);
            let page: Page<GrantView> = session.client.get(&format!("/v1/grants{asked}")).await?;
            session.output.listing(&page.items, GRANTS)?;
            if let Some(next) = &page.next {
                super::session::remark(&format!("there are more: --after {next}"))?;
            }
            return Ok(Exit::Done);
        }
        GrantVerb::Show { grant } => session.client.get(&format!("/v1/grants/{}", encoded(&grant))).await?,
        GrantVerb::Revoke { grant, reason } => {
            let body = json!({ "reason": reason });
            session.client.post(&format!("/v1/grants/{}/revoke", encoded(&grant)), &body).await?
        }
        GrantVerb::Roles { .. }
        | GrantVerb::Request(_)
        | GrantVerb::Approve { .. }
        | GrantVerb::Refuse { .. }
        | GrantVerb::Narrow { .. }
        | GrantVerb::Claim { .. }
        | GrantVerb::Complete { .. }
        | GrantVerb::Review { .. } => {
            anyhow::bail!(
                "that takes a person who is signed in: run `bailey login --url URL`, then say --url URL here, too"
            )
        }
    };
    session.output.record(&view, GRANTS)?;
    Ok(Exit::Done)
}
