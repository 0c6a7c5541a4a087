//! `bailey notify`: what waits to be told, and whether it would arrive.

use clap::Subcommand;

use super::Exit;
use super::output::{Column, moment};
use super::session::Session;
use crate::admin::notices::{NoticeView, TriedWay, WaysToTry};

/// `bailey notify`.
#[derive(Debug, Subcommand)]
pub enum NotifyVerb {
    /// List what waits to be told, and why it was not yet
    List,
    /// Tell something now, and say what the other side said; exit code 1 where one did not take it
    ///
    /// Without a word by every way that is configured, mail to the addresses of `notify.security`.
    Test {
        /// By mail, to this address
        #[arg(long, value_name = "ADDRESS")]
        to: Option<String>,
        /// By the webhook of this name
        #[arg(long, value_name = "NAME")]
        webhook: Option<String>,
    },
}

const WAITING: &[Column<NoticeView>] = &[
    Column { title: "id", cell: |notice| notice.id.clone() },
    Column { title: "what", cell: |notice| notice.kind.word().to_owned() },
    Column { title: "about", cell: |notice| notice.about.clone() },
    Column { title: "by", cell: |notice| notice.way.to_string() },
    Column { title: "to", cell: |notice| notice.to.clone() },
    Column { title: "since", cell: |notice| moment(notice.at) },
    Column { title: "next try", cell: |notice| moment(notice.next) },
    Column { title: "why not yet", cell: |notice| notice.why.clone().unwrap_or_default() },
];

const TRIED: &[Column<TriedWay>] = &[
    Column { title: "by", cell: |tried| tried.way.to_string() },
    Column { title: "to", cell: |tried| tried.to.clone() },
    Column { title: "told", cell: |tried| if tried.told { "yes" } else { "no" }.to_owned() },
    Column { title: "they said", cell: |tried| tried.said.clone() },
];

/// Does the verb.
///
/// # Errors
/// When the operation fails.
pub(super) async fn run(session: &mut Session, verb: NotifyVerb) -> anyhow::Result<Exit> {
    match verb {
        NotifyVerb::List => {
            let waiting: Vec<NoticeView> = session.client.get("/v1/notices").await?;
            session.output.listing(&waiting, WAITING)?;
            Ok(Exit::Done)
        }
        NotifyVerb::Test { to, webhook } => {
            let which = WaysToTry { to, webhook };
            let tried: Vec<TriedWay> = session.client.post("/v1/notices/test", &which).await?;
            session.output.listing(&tried, TRIED)?;
            Ok(if tried.iter().all(|tried| tried.told) { Exit::Done } else { Exit::Failed })
        }
    }
}
