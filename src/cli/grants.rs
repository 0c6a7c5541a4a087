//! `bailey grant`: roles for a while.

use clap::Subcommand;
use serde_json::json;

use super::Exit;
use super::output::{Column, moment};
use super::session::{Session, encoded, query};
use crate::admin::grants::GrantView;
use crate::admin::iam::views::Page;

/// `bailey grant`.
#[derive(Debug, Subcommand)]
pub enum GrantVerb {
    /// List those that are not over: who has a role for a while, and who waits for one
    List {
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
    /// Show one: what is asked, who agreed, how it ended
    Show {
        /// Its id
        grant: String,
    },
    /// Take one back; its sessions end with it
    ///
    /// People ask for roles, agree and begin at the portal, under "Roles for a while".
    Revoke {
        /// Its id
        grant: String,
        /// Why, for the log and for whoever had it
        #[arg(long, default_value = "")]
        reason: String,
    },
}

const GRANTS: &[Column<GrantView>] = &[
    Column { title: "id", cell: |view| view.id.clone() },
    Column { title: "person", cell: |view| view.person.clone() },
    Column { title: "role", cell: |view| view.role.clone() },
    Column { title: "stage", cell: |view| view.how.clone().unwrap_or_else(|| view.stage.word().to_owned()) },
    Column { title: "until", cell: |view| moment(view.ended.or(view.until).unwrap_or(view.claim_by)) },
    Column {
        title: "agreed",
        cell: |view| view.approvals.iter().map(|yes| yes.by.as_str()).collect::<Vec<_>>().join(" "),
    },
    Column { title: "ticket", cell: |view| view.ticket.clone() },
    Column { title: "reason", cell: |view| view.reason.clone() },
];

/// Does the verb.
///
/// # Errors
/// When the operation fails.
pub(super) async fn run(session: &mut Session, verb: GrantVerb) -> anyhow::Result<Exit> {
    let view: GrantView = match verb {
        GrantVerb::List { all, after, limit } => {
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
    };
    session.output.record(&view, GRANTS)?;
    Ok(Exit::Done)
}
