//! `bailey store` and `bailey audit`.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;

use super::args::{Audit, Global, Store};
use super::output::{Column, Format, Output};
use super::session::{Session, query};
use super::{Exit, configuration};
use crate::audit::Verdict;
use crate::base::clock::{Clock as _, SystemClock};
use crate::daemon::compose::{self, Opening};
use crate::store::verify::{self, Finding};
use crate::store::{export, import, open};

const FINDINGS: &[Column<Finding>] = &[
    Column { title: "row", cell: |finding| finding.key.clone() },
    Column { title: "what is wrong", cell: |finding| finding.problem.clone() },
];

/// `bailey store`: opens the files itself, so the daemon must be down. Blocks.
///
/// # Errors
/// When the store or the file cannot be opened, or something in them is wrong.
pub fn store(global: &Global, verb: &Store) -> anyhow::Result<Exit> {
    let mut output = Output::standard(global.output);
    let config = configuration(global)?;
    compose::must_own(&config.state_directory)?;
    let now = SystemClock.now();
    match verb {
        Store::Export { file } => {
            let opening = Opening { demo: open::is_demo(&config.state_directory), ..Opening::default() };
            let settings = compose::store_settings(&config, opening);
            let ready = open::open(&settings, now)?;
            let trailer = if file == Path::new("-") {
                export::export(&ready.store, &mut io::stdout().lock(), now)?
            } else {
                export_to(&ready.store, file, now)?
            };
            super::session::remark(&format!("{} rows written", trailer.rows))?;
            Ok(Exit::Done)
        }
        Store::Import { file } => {
            let settings = compose::store_settings(&config, Opening::default());
            let (header, trailer) = if file == Path::new("-") {
                import::import(&settings, &mut io::stdin().lock())?
            } else {
                let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
                import::import(&settings, &mut BufReader::new(opened))?
            };
            let words = format!("{} rows of an export of {} are in place", trailer.rows, header.exported_at);
            output.sentence(&words)?;
            Ok(Exit::Done)
        }
        Store::Verify => {
            let opening = Opening { demo: open::is_demo(&config.state_directory), ..Opening::default() };
            let settings = compose::store_settings(&config, opening);
            let ready = open::open(&settings, now)?;
            let verified = verify::verify(&ready.store)?;
            if output.format() == Format::Json {
                output.json(&verified)?;
            } else if verified.findings.is_empty() {
                output.sentence(&format!("{} rows, all sound", verified.rows))?;
            } else {
                output.listing(&verified.findings, FINDINGS)?;
                output.sentence(&format!("{} rows looked at; restore from an export", verified.rows))?;
            }
            Ok(if verified.findings.is_empty() { Exit::Done } else { Exit::Failed })
        }
    }
}

/// Written beside and renamed when whole, so that a file that is there is an export.
fn export_to(store: &crate::store::Store, file: &Path, now: crate::base::Timestamp) -> anyhow::Result<export::Trailer> {
    let directory = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let mut partial = tempfile::NamedTempFile::new_in(directory)
        .with_context(|| format!("cannot write to {}", directory.display()))?;
    let mut buffered = BufWriter::new(partial.as_file_mut());
    let trailer = export::export(store, &mut buffered, now)?;
    buffered.flush()?;
    drop(buffered);
    partial.as_file().sync_all()?;
    partial.persist(file).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(trailer)
}

/// `bailey audit`.
///
/// # Errors
/// When the operation fails.
pub async fn audit(session: &mut Session, verb: Audit) -> anyhow::Result<Exit> {
    match verb {
        Audit::Tail { count, follow } => {
            let parameters = query(&[("last", Some(count.to_string())), ("follow", follow.then(|| "true".to_owned()))]);
            let mut lines = session.client.get_lines(&format!("/v1/audit/tail{parameters}")).await?;
            while let Some(line) = lines.next_text().await? {
                session.output.line(&line)?;
            }
            Ok(Exit::Done)
        }
        Audit::Verify => {
            let verdict: Verdict = session.client.get("/v1/audit/verify").await?;
            if session.output.format() == Format::Json {
                session.output.json(&verdict)?;
            } else if let Some(fault) = &verdict.fault {
                session.output.sentence(&format!("record {} does not hold: {fault}", fault.seq))?;
            } else {
                session.output.sentence(&format!(
                    "{} records, the chain holds; last hash {}",
                    verdict.sound, verdict.last_hash
                ))?;
            }
            Ok(if verdict.fault.is_some() { Exit::Failed } else { Exit::Done })
        }
    }
}
