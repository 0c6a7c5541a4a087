//! `bailey sync` and `bailey directory`.

use std::time::Instant;

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::{Column, Format, moment};
use super::progress::{Meter, Progress};
use super::session::{Session, encoded, remark};
use super::{Exit, check, effects, plan, status};
use crate::admin::directories::Removed;
use crate::admin::lines::MembersLine;
use crate::admin::syncs::{SyncEvent, SyncStatus};
use crate::base::Finding;
use crate::base::text::printable;
use crate::http::syncs::HeldShown;
use crate::model::DirectoryLabel;
use crate::sync::Report;
use crate::sync::held::{Decision, Held};

/// `bailey sync`: a run of its own, or a question about runs.
#[derive(Debug, Args)]
pub struct Sync {
    /// A question about runs, instead of a run.
    #[command(subcommand)]
    pub about: Option<SyncAbout>,
    /// How to run.
    #[command(flatten)]
    pub run: SyncRun,
}

/// How to run a sync.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct SyncRun {
    /// Show what would change, with every check of a real run, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// With --dry-run, list every line however many there are
    #[arg(long, requires = "dry_run")]
    pub all: bool,
    /// Only this directory
    #[arg(long, value_name = "LABEL")]
    pub directory: Option<DirectoryLabel>,
}

/// Questions and decisions about syncs.
#[derive(Debug, Subcommand)]
pub enum SyncAbout {
    /// Show each directory: its last good contact, what it brought, what is held
    Status,
    /// List what a guard holds, or show one held set of changes
    Held {
        /// Which, as `sync held` lists it
        #[arg(value_parser = digest)]
        digest: Option<String>,
        /// List every line of the set however many there are
        #[arg(long, requires = "digest")]
        all: bool,
    },
    /// Let exactly these held changes happen
    Approve {
        /// Which, as `sync held` lists it
        #[arg(value_parser = digest)]
        digest: String,
    },
    /// Decide that these held changes shall not happen; nobody is asked about them again
    Refuse {
        /// Which, as `sync held` lists it
        #[arg(value_parser = digest)]
        digest: String,
    },
}

/// `bailey directory`.
#[derive(Debug, Subcommand)]
pub enum Directory {
    /// List the directories, removed ones included, with their state
    List,
    /// Try everything a sync needs and say what would go wrong
    Check {
        /// Only this directory
        label: Option<DirectoryLabel>,
    },
    /// Let the people of a directory go that is no longer configured
    Remove {
        /// Which directory
        label: DirectoryLabel,
    },
}

/// A digest or the beginning of one, long enough to be meant.
fn digest(text: &str) -> Result<String, String> {
    if (8..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("expected at least 8 hexadecimal digits, as `bailey sync held` lists them".to_owned())
    }
}

const HELD: &[Column<Held>] = &[
    Column { title: "digest", cell: |held| held.digest.chars().take(12).collect() },
    Column { title: "directory", cell: |held| held.directory.to_string() },
    Column { title: "changes", cell: |held| held.changes.to_string() },
    Column { title: "since", cell: |held| moment(held.since) },
    Column { title: "why", cell: |held| plan::why(&held.tripped, &[]).join("; ") },
    Column { title: "decision", cell: |held| decision(&held.decision) },
];

fn decision(decision: &Decision) -> String {
    match decision {
        Decision::Open => "open".to_owned(),
        Decision::Approved { by, at } => format!("approved by {by} at {}", moment(*at)),
        Decision::Refused { by, at } => format!("refused by {by} at {}", moment(*at)),
    }
}

/// `bailey sync`.
///
/// # Errors
/// When the operation fails.
pub async fn sync(session: &mut Session, verb: Sync) -> anyhow::Result<Exit> {
    match verb.about {
        None => run(session, &verb.run).await,
        Some(SyncAbout::Status) => status::full(session).await,
        Some(SyncAbout::Held { digest: None, .. }) => {
            let held: Vec<Held> = session.client.get("/v1/held").await?;
            session.output.listing(&held, HELD)?;
            Ok(Exit::Done)
        }
        Some(SyncAbout::Held { digest: Some(digest), all }) => show_held(session, &digest, all).await,
        Some(SyncAbout::Approve { digest }) => {
            let report: Report = session.client.post(&format!("/v1/held/{digest}/approve"), &json!({})).await?;
            summary(session, &report, &[])?;
            Ok(if report.is_held() { Exit::Held } else { Exit::Done })
        }
        Some(SyncAbout::Refuse { digest }) => {
            let held: Held = session.client.post(&format!("/v1/held/{digest}/refuse"), &json!({})).await?;
            session
                .output
                .sentence(&format!("refused: {} changes of {} stay as they are", held.changes, held.directory))?;
            Ok(Exit::Done)
        }
    }
}

async fn show_held(session: &mut Session, digest: &str, all: bool) -> anyhow::Result<Exit> {
    let gathered = gathered(session, all);
    let shown: HeldShown = session.client.get(&format!("/v1/held/{digest}?gathered={gathered}")).await?;
    if session.output.format() == Format::Json {
        session.output.json(&shown)?;
        return Ok(Exit::Done);
    }
    // Why stands with the changes, where groups have their names.
    let head: Vec<Column<Held>> = HELD.iter().filter(|column| column.title != "why").copied().collect();
    session.output.record(&shown.held, &head)?;
    session.output.sentence("")?;
    let mut next = vec![
        (format!("approve {digest}"), "lets exactly these changes happen"),
        (format!("refuse {digest}"), "leaves everything as it is"),
    ];
    if let Some(page) = shown.page {
        plan::page(&mut session.output, &page, &shown.held.tripped)?;
        next.insert(0, (format!("held {digest} --all"), "lists every line"));
    } else {
        plan::limits(&mut session.output, &shown.held.tripped, &plan::groups_in(&shown.lines))?;
        plan::lines(&mut session.output, shown.lines)?;
    }
    effects::print(&mut session.output, &shown.effects)?;
    session.output.sentence("")?;
    let width = next.iter().map(|(verb, _)| verb.len()).max().unwrap_or_default();
    for (verb, what) in next {
        session.output.sentence(&format!("bailey sync {verb:<width$}   {what}"))?;
    }
    Ok(Exit::Done)
}

/// Whether to ask for a page: programs, and who asks for all, get every line.
fn gathered(session: &Session, all: bool) -> bool {
    !all && session.output.format() == Format::Table
}

async fn run(session: &mut Session, run: &SyncRun) -> anyhow::Result<Exit> {
    let labels: Vec<DirectoryLabel> = match &run.directory {
        Some(label) => vec![label.clone()],
        None => {
            let statuses: Vec<SyncStatus> = session.client.get("/v1/directories").await?;
            statuses.into_iter().filter(|status| status.configured).map(|status| status.directory).collect()
        }
    };
    anyhow::ensure!(!labels.is_empty(), "no directory is configured: add a [[directory]], see config/example.toml");
    let (mut exit, mut reports) = (Exit::Done, Vec::new());
    for label in labels {
        match one(session, &label, run).await? {
            Some(report) => {
                if report.is_held() && exit == Exit::Done {
                    exit = Exit::Held;
                }
                reports.push(report);
            }
            None => exit = Exit::Failed,
        }
    }
    if session.output.format() == Format::Json && !run.dry_run {
        session.output.json(&reports)?;
    }
    Ok(exit)
}

/// Runs one directory and shows how it goes; `None` when it failed, which was said.
async fn one(session: &mut Session, label: &DirectoryLabel, run: &SyncRun) -> anyhow::Result<Option<Report>> {
    let path = encoded(label.as_str());
    let mut events = if run.dry_run {
        let gathered = gathered(session, run.all);
        session.client.get_lines(&format!("/v1/sync/{path}/preview?gathered={gathered}")).await?
    } else {
        session.client.post_lines(&format!("/v1/sync/{path}/start"), &json!({})).await?
    };
    let (mut meter, began) = (Meter::standard(), Instant::now());
    let (mut lines, mut page, mut ended) = (Vec::new(), None, None);
    while let Some(event) = events.next::<SyncEvent>().await? {
        match event {
            SyncEvent::Progress(step) => {
                let progress =
                    Progress { phase: format!("{} {label}", step.phase), done: step.done, total: step.total };
                meter.show(&progress, began.elapsed())?;
            }
            SyncEvent::Plan(line) => lines.push(line),
            SyncEvent::Page(gathered) => page = Some(gathered),
            SyncEvent::Report(report) => ended = Some(Ok(*report)),
            SyncEvent::Failed { message } => ended = Some(Err(message)),
        }
    }
    meter.finish()?;
    let report = match ended {
        Some(Ok(report)) => report,
        Some(Err(message)) => {
            remark(&format!("{label}: {message}"))?;
            return Ok(None);
        }
        None => anyhow::bail!("the daemon ended before the run did; `bailey sync status` shows where it stands"),
    };
    if run.dry_run && session.output.format() == Format::Json {
        session.output.json(&json!({ "report": report, "lines": lines }))?;
        return Ok(Some(report));
    }
    let groups = page.as_ref().map_or_else(|| plan::groups_in(&lines), |page| page.groups.clone());
    plan::lines(&mut session.output, lines)?;
    if let Some(page) = &page {
        plan::page(&mut session.output, page, &report.tripped)?;
    }
    if let Some(effects) = &report.effects {
        effects::print(&mut session.output, effects)?;
    }
    if page.is_some() {
        session.output.sentence("\nbailey sync --dry-run --all   lists every line\n")?;
    }
    if session.output.format() == Format::Table {
        summary(session, &report, &groups)?;
    }
    Ok(Some(report))
}

/// What a run did, in a few sentences; `groups` are those it was shown to be about.
fn summary(session: &mut Session, report: &Report, groups: &[MembersLine]) -> anyhow::Result<()> {
    if session.output.format() == Format::Json {
        session.output.json(report)?;
        return Ok(());
    }
    let tally = &report.tally;
    let mut parts = Vec::new();
    for (word, by) in [
        ("added", &tally.added),
        ("updated", &tally.updated),
        ("suspended", &tally.suspended),
        ("restored", &tally.restored),
        ("gone", &tally.gone),
        ("deleted", &tally.deleted),
        ("renamed", &tally.renamed),
    ] {
        for (kind, count) in [("users", by.users), ("groups", by.groups), ("resources", by.resources)] {
            if count > 0 {
                parts.push(format!("{count} {kind} {word}"));
            }
        }
    }
    if tally.joined > 0 {
        parts.push(format!("{} memberships gained", tally.joined));
    }
    if tally.left + tally.left_with_member > 0 {
        parts.push(format!("{} memberships lost", tally.left + tally.left_with_member));
    }
    let what = if parts.is_empty() { "nothing to change".to_owned() } else { parts.join(", ") };
    let would = if report.dry_run { "would be: " } else { "" };
    let seconds = std::time::Duration::from_millis(report.milliseconds).as_secs_f64();
    session
        .output
        .sentence(&format!("{}: {would}{what} ({} entries read in {seconds:.1} s)", report.directory, report.read))?;
    if report.held > 0 {
        let digest: String = report.held_digest.as_deref().unwrap_or_default().chars().take(12).collect();
        let why = plan::why(&report.tripped, groups);
        session.output.sentence(&format!("{} changes held: {}", report.held, printable(&why.join("; "))))?;
        if !report.dry_run {
            session.output.sentence(&format!("see them with `bailey sync held {digest}`"))?;
        }
    }
    if report.refused > 0 {
        session.output.sentence(&format!("{} changes stay undone because somebody refused them", report.refused))?;
    }
    for doubt in &report.doubts {
        session.output.sentence(&format!("nothing was taken for gone: {}", printable(doubt)))?;
    }
    if report.skipped.count > 0 {
        session.output.sentence(&format!("{} entries skipped:", report.skipped.count))?;
        for skipped in &report.skipped.first {
            session.output.sentence(&format!("  {}: {}", printable(&skipped.dn), printable(&skipped.why)))?;
        }
    }
    Ok(())
}

/// `bailey directory`.
///
/// # Errors
/// When the operation fails.
pub async fn directory(session: &mut Session, verb: Directory) -> anyhow::Result<Exit> {
    match verb {
        Directory::List => status::list(session).await,
        Directory::Check { label } => {
            let findings = findings(session, label).await?;
            let bad = findings.iter().any(|finding| finding.severity == crate::base::Severity::Fault);
            check::print(findings, &mut session.output)?;
            Ok(if bad { Exit::Failed } else { Exit::Done })
        }
        Directory::Remove { label } => {
            let path = format!("/v1/directories/{}/remove", encoded(label.as_str()));
            let removed: Removed = session.client.post(&path, &json!({})).await?;
            if session.output.format() == Format::Json {
                session.output.json(&removed)?;
            }
            let Some(digest) = removed.held_digest else {
                session.output.sentence(&format!("{} rows of {label} deleted", removed.deleted))?;
                return Ok(Exit::Done);
            };
            session.output.sentence(&format!("{} rows of {label} are held; nothing was deleted yet", removed.held))?;
            session.output.sentence(&format!("bailey sync held {digest}      shows them"))?;
            session.output.sentence(&format!("bailey sync approve {digest}   deletes them"))?;
            Ok(Exit::Held)
        }
    }
}

/// What checking one directory, or all, finds.
///
/// # Errors
/// When a directory cannot be asked for.
pub async fn findings(session: &Session, label: Option<DirectoryLabel>) -> anyhow::Result<Vec<Finding>> {
    let labels = match label {
        Some(label) => vec![label],
        None => {
            let statuses: Vec<SyncStatus> = session.client.get("/v1/directories").await?;
            statuses.into_iter().filter(|status| status.configured).map(|status| status.directory).collect()
        }
    };
    let mut findings = Vec::new();
    for label in labels {
        let found: Vec<Finding> =
            session.client.get(&format!("/v1/directories/{}/check", encoded(label.as_str()))).await?;
        findings.extend(found);
    }
    Ok(findings)
}
