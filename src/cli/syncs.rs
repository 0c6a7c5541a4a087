//! `bailey sync` and `bailey directory`.

use std::time::Instant;

use serde_json::json;

use super::args::{Directory, Sync, SyncAbout, SyncRun};
use super::output::{Column, Format, moment};
use super::people::fields;
use super::progress::{Meter, Progress};
use super::session::{Session, encoded, remark};
use super::{Exit, check};
use crate::admin::directories::Removed;
use crate::admin::lines::{Line, MembersLine, RowLine};
use crate::admin::syncs::{SyncEvent, SyncStatus};
use crate::directory::Finding;
use crate::http::syncs::HeldShown;
use crate::model::DirectoryLabel;
use crate::sync::Report;
use crate::sync::guard::Tripped;
use crate::sync::held::{Decision, Held};

const STATUS: &[Column<SyncStatus>] = &[
    Column { title: "directory", cell: |status| status.directory.to_string() },
    Column { title: "health", cell: |status| word(&status.health) },
    Column { title: "doing", cell: |status| status.phase.as_ref().map_or_else(|| "not configured".to_owned(), word) },
    Column { title: "follows by", cell: |status| status.method.as_ref().map(word).unwrap_or_default() },
    Column { title: "server", cell: |status| status.server.clone().unwrap_or_default() },
    Column { title: "last contact", cell: |status| status.last_contact.map(moment).unwrap_or_default() },
    Column { title: "last full read", cell: |status| status.last_full.map(moment).unwrap_or_default() },
    Column { title: "users", cell: |status| status.totals.users.to_string() },
    Column { title: "groups", cell: |status| status.totals.groups.to_string() },
    Column { title: "resources", cell: |status| status.totals.resources.to_string() },
    Column { title: "memberships", cell: |status| status.totals.memberships.to_string() },
    Column { title: "held", cell: |status| status.held.to_string() },
    Column { title: "skipped", cell: |status| status.skipped.count.to_string() },
    Column { title: "why not green", cell: |status| status.reasons.join("; ") },
];

const HELD: &[Column<Held>] = &[
    Column { title: "digest", cell: |held| held.digest.chars().take(12).collect() },
    Column { title: "directory", cell: |held| held.directory.to_string() },
    Column { title: "changes", cell: |held| held.changes.to_string() },
    Column { title: "since", cell: |held| moment(held.since) },
    Column { title: "why", cell: |held| held.tripped.iter().map(tripped).collect::<Vec<_>>().join("; ") },
    Column { title: "decision", cell: |held| decision(&held.decision) },
];

const ROWS: &[Column<RowLine>] = &[
    Column { title: "", cell: |line| if line.held { "HELD".to_owned() } else { String::new() } },
    Column { title: "what", cell: |line| line.action.clone() },
    Column { title: "kind", cell: |line| line.kind.clone() },
    Column { title: "name", cell: |line| line.name.clone() },
    Column { title: "dn", cell: |line| line.dn.clone() },
    Column { title: "fields", cell: |line| fields(&line.fields) },
];

const MEMBERS: &[Column<MembersLine>] = &[
    Column { title: "", cell: |line| if line.held > 0 { "HELD".to_owned() } else { String::new() } },
    Column { title: "group", cell: |line| line.group.clone() },
    Column { title: "gains", cell: |line| names(line.gained, &line.gains) },
    Column { title: "loses", cell: |line| names(line.lost, &line.losses) },
];

fn names(count: u64, first: &[String]) -> String {
    if count == 0 {
        return String::new();
    }
    let more = if count > first.len() as u64 { ", …" } else { "" };
    format!("{count}: {}{more}", first.join(", "))
}

/// An enum's word, as JSON has it.
fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn tripped(tripped: &Tripped) -> String {
    let about = if tripped.about.is_empty() { String::new() } else { format!(" of group {}", tripped.about) };
    let lately = if tripped.lately == 0 { String::new() } else { format!(" after {} lately", tripped.lately) };
    format!("{}{about}: {} planned{lately}, {} allowed", tripped.limit, tripped.planned, tripped.allowed)
}

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
        Some(SyncAbout::Status) => status(session).await,
        Some(SyncAbout::Held { digest: None }) => {
            let held: Vec<Held> = session.client.get("/v1/held").await?;
            session.output.listing(&held, HELD)?;
            Ok(Exit::Done)
        }
        Some(SyncAbout::Held { digest: Some(digest) }) => show_held(session, &digest).await,
        Some(SyncAbout::Approve { digest }) => {
            let report: Report = session.client.post(&format!("/v1/held/{digest}/approve"), &json!({})).await?;
            summary(session, &report)?;
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

async fn status(session: &mut Session) -> anyhow::Result<Exit> {
    let statuses: Vec<SyncStatus> = session.client.get("/v1/sync").await?;
    if session.output.format() == Format::Json {
        session.output.json(&statuses)?;
        return Ok(Exit::Done);
    }
    for (n, status) in statuses.iter().enumerate() {
        if n > 0 {
            session.output.sentence("")?;
        }
        session.output.record(status, STATUS)?;
        for skipped in &status.skipped.first {
            session.output.sentence(&format!("  skipped {}: {}", skipped.dn, skipped.why))?;
        }
    }
    Ok(Exit::Done)
}

async fn show_held(session: &mut Session, digest: &str) -> anyhow::Result<Exit> {
    let shown: HeldShown = session.client.get(&format!("/v1/held/{digest}")).await?;
    if session.output.format() == Format::Json {
        session.output.json(&shown)?;
        return Ok(Exit::Done);
    }
    session.output.record(&shown.held, HELD)?;
    print_lines(session, shown.lines)?;
    session.output.sentence(&format!("\nbailey sync approve {digest}   lets exactly these changes happen"))?;
    session.output.sentence(&format!("bailey sync refuse {digest}    leaves everything as it is"))?;
    Ok(Exit::Done)
}

fn print_lines(session: &mut Session, lines: Vec<Line>) -> anyhow::Result<()> {
    let (mut rows, mut members) = (Vec::new(), Vec::new());
    for line in lines {
        match line {
            Line::Row(row) => rows.push(row),
            Line::Members(line) => members.push(line),
        }
    }
    if !rows.is_empty() {
        session.output.listing(&rows, ROWS)?;
    }
    if !members.is_empty() {
        session.output.sentence("\nmemberships")?;
        session.output.listing(&members, MEMBERS)?;
    }
    Ok(())
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
        match one(session, &label, run.dry_run).await? {
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
async fn one(session: &mut Session, label: &DirectoryLabel, dry_run: bool) -> anyhow::Result<Option<Report>> {
    let path = encoded(label.as_str());
    let mut events = if dry_run {
        session.client.get_lines(&format!("/v1/sync/{path}/preview")).await?
    } else {
        session.client.post_lines(&format!("/v1/sync/{path}/start"), &json!({})).await?
    };
    let (mut meter, began, mut lines, mut ended) = (Meter::standard(), Instant::now(), Vec::new(), None);
    while let Some(event) = events.next::<SyncEvent>().await? {
        match event {
            SyncEvent::Progress(step) => {
                let progress =
                    Progress { phase: format!("{} {label}", step.phase), done: step.done, total: step.total };
                meter.show(&progress, began.elapsed())?;
            }
            SyncEvent::Plan(line) => lines.push(line),
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
    if dry_run && session.output.format() == Format::Json {
        session.output.json(&json!({ "report": report, "lines": lines }))?;
        return Ok(Some(report));
    }
    print_lines(session, lines)?;
    if session.output.format() == Format::Table {
        summary(session, &report)?;
    }
    Ok(Some(report))
}

/// What a run did, in a few sentences.
fn summary(session: &mut Session, report: &Report) -> anyhow::Result<()> {
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
        let why: Vec<String> = report.tripped.iter().map(tripped).collect();
        session.output.sentence(&format!("{} changes held: {}", report.held, why.join("; ")))?;
        if !report.dry_run {
            session.output.sentence(&format!("see them with `bailey sync held {digest}`"))?;
        }
    }
    if report.refused > 0 {
        session.output.sentence(&format!("{} changes stay undone because somebody refused them", report.refused))?;
    }
    for doubt in &report.doubts {
        session.output.sentence(&format!("nothing was taken for gone: {doubt}"))?;
    }
    if report.skipped.count > 0 {
        session.output.sentence(&format!("{} entries skipped:", report.skipped.count))?;
        for skipped in &report.skipped.first {
            session.output.sentence(&format!("  {}: {}", skipped.dn, skipped.why))?;
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
        Directory::List => status(session).await,
        Directory::Check { label } => {
            let findings = findings(session, label).await?;
            let bad = findings.iter().any(|finding| finding.severity == crate::directory::Severity::Fault);
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
