//! `bailey store` and `bailey audit`.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;

use super::args::{Global, moment};
use super::client::Client;
use super::output::{Column, Format, Output};
use super::session::{self, Session, query, remark};
use super::{Exit, configuration};
use crate::audit::Verdict;
use crate::base::Timestamp;
use crate::base::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::daemon::compose::{self, Opening};
use crate::model::Actor;
use crate::store::identity::Restorer;
use crate::store::verify::{self, Finding};
use crate::store::{export, import, open};

/// `bailey store`.
#[derive(Debug, Subcommand)]
pub enum Store {
    /// Write everything, history included, as JSON lines: from the daemon while it runs, otherwise from its files
    Export {
        /// Where to; `-` is standard output
        #[arg(default_value = "-")]
        file: PathBuf,
    },
    /// Read an export into an empty store, while the daemon is down
    Import {
        /// Where from; `-` is standard input
        file: PathBuf,
    },
    /// Read every row and say what does not fit together, while the daemon is down
    Verify,
}

/// `bailey audit`.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Show the newest records
    Tail {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        count: u32,
        /// Go on as records come
        #[arg(long)]
        follow: bool,
    },
    /// Look for records, oldest first, one a line
    Query {
        /// By or about this person: name, ARN or id
        #[arg(long, value_name = "WHO")]
        person: Option<String>,
        /// About this role, and what was done for it
        #[arg(long, value_name = "ROLE")]
        role: Option<String>,
        /// About this session, and what was done in it: its id or access key
        #[arg(long, value_name = "ID")]
        session: Option<String>,
        /// Written then or later
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<Timestamp>,
        /// Written before then
        #[arg(long, value_name = "TIME", value_parser = moment)]
        until: Option<Timestamp>,
    },
    /// Check that no record is missing or was changed
    Verify,
}

const FINDINGS: &[Column<Finding>] = &[
    Column { title: "row", cell: |finding| finding.key.clone() },
    Column { title: "what is wrong", cell: |finding| finding.problem.clone() },
];

/// `bailey store export`: from the daemon where one runs, otherwise from the files.
///
/// # Errors
/// When the store cannot be read or the file cannot be written.
pub async fn export(global: &Global, file: &Path) -> anyhow::Result<Exit> {
    let socket = session::socket(global)?;
    let client = Client::socket(&socket);
    // Whoever names a socket wants what is behind it.
    if global.socket.is_some() || client.reachable().await {
        return export_over(&client, file).await;
    }
    let nobody = || format!("no daemon answers on {} (another socket: --socket FILE)", socket.display());
    let config = configuration(global).with_context(nobody)?;
    compose::must_own(&config.state_directory)?;
    let mut target = Target::open(file)?;
    let settings = settings_of(&config);
    let now = SystemClock.now();
    tokio::task::block_in_place(|| {
        let ready = open::open(&settings, now)?;
        anyhow::Ok(export::export(&ready.store, &mut target, now).map(drop)?)
    })?;
    target.keep(file)?;
    Ok(Exit::Done)
}

async fn export_over(client: &Client, file: &Path) -> anyhow::Result<Exit> {
    let mut target = Target::open(file)?;
    client.get_pieces("/v1/store/export", |piece| target.write_all(piece)).await?;
    target.keep(file)?;
    Ok(Exit::Done)
}

/// Looking at a store does not depend on whose it is.
fn settings_of(config: &Config) -> open::Settings {
    let opening = Opening { demo: open::is_demo(&config.state_directory), ..Opening::default() };
    compose::store_settings(config, opening)
}

/// `bailey store import`: makes the files itself, so the daemon must be down. Blocks.
///
/// # Errors
/// When the export is not whole, or a store is there already.
pub fn import(global: &Global, file: &Path) -> anyhow::Result<Exit> {
    let config = configuration(global)?;
    compose::must_own(&config.state_directory)?;
    let settings = compose::store_settings(&config, Opening::default());
    let restorer = |from: String| Restorer {
        by: Actor::Local { uid: nix::unistd::Uid::effective().as_raw() },
        from,
        at: SystemClock.now(),
    };
    let (header, trailer) = if file == Path::new("-") {
        import::import(&settings, &mut io::stdin().lock(), &restorer("standard input".to_owned()))?
    } else {
        let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        let from = std::path::absolute(file)?.display().to_string();
        import::import(&settings, &mut BufReader::new(opened), &restorer(from))?
    };
    let opening = Opening { demo: open::is_demo(&config.state_directory), ..Opening::default() };
    if let Err(error) = compose::tell_of_restore(&config, opening) {
        // The store is in place, and remembers what its log has to say.
        remark(&format!("the log tells of this restore when the daemon starts, since it cannot now: {error:#}"))?;
    }
    let words = format!(
        "{} rows of an export of {:.0} are in place; everything issued before is void",
        trailer.rows, header.exported_at
    );
    Output::standard(global.output).sentence(&words)?;
    Ok(Exit::Done)
}

/// `bailey store verify`: opens the files itself, so the daemon must be down. Blocks.
///
/// # Errors
/// When the store cannot be opened or read.
pub fn verify(global: &Global) -> anyhow::Result<Exit> {
    let mut output = Output::standard(global.output);
    let config = configuration(global)?;
    compose::must_own(&config.state_directory)?;
    let ready = open::open(&settings_of(&config), SystemClock.now())?;
    let verified = verify::verify(&ready.store)?;
    let sound = verified.findings.is_empty();
    if output.format() == Format::Json {
        output.json(&verified)?;
    } else if sound {
        output.sentence(&format!("{} rows, all sound", verified.rows))?;
    } else {
        output.listing(&verified.findings, FINDINGS)?;
        output.sentence(&format!("{} rows looked at; restore from an export", verified.rows))?;
    }
    Ok(if sound { Exit::Done } else { Exit::Failed })
}

/// Where an export goes: standard output, or beside its file until it is whole, so that a file that is there is an export.
enum Target {
    Output(io::Stdout),
    File(Box<BufWriter<tempfile::NamedTempFile>>),
}

impl Target {
    fn open(file: &Path) -> anyhow::Result<Self> {
        if file == Path::new("-") {
            return Ok(Self::Output(io::stdout()));
        }
        let directory = match file.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let partial = tempfile::NamedTempFile::new_in(directory)
            .with_context(|| format!("cannot write to {}", directory.display()))?;
        Ok(Self::File(Box::new(BufWriter::new(partial))))
    }

    fn keep(self, file: &Path) -> anyhow::Result<()> {
        match self {
            Self::Output(mut output) => output.flush()?,
            Self::File(buffered) => {
                let partial = buffered.into_inner().map_err(io::IntoInnerError::into_error)?;
                partial.as_file().sync_all()?;
                partial.persist(file).with_context(|| format!("cannot write {}", file.display()))?;
            }
        }
        Ok(())
    }
}

impl io::Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Output(output) => output.write(bytes),
            Self::File(buffered) => buffered.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Output(output) => output.flush(),
            Self::File(buffered) => buffered.flush(),
        }
    }
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
        Audit::Query { person, role, session: which, since, until } => {
            let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
            let asked = [
                ("person", person),
                ("role", role),
                ("session", which),
                ("since", time(since)),
                ("until", time(until)),
            ];
            let mut lines = session.client.get_lines(&format!("/v1/audit/query{}", query(&asked))).await?;
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
