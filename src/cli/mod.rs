//! The command line: words in, a verb done, an exit code out.
//!
//! Three mains: [`main`] makes the runtime, `run_and_flush` turns an outcome into words and an
//! [`Exit`], `run` does the verb and may fail. What can be typed is in [`args`].

pub mod args;
pub mod check;
pub mod client;
pub mod completions;
pub mod output;
pub mod progress;

use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::config::{Config, ConfigError};
use crate::directory::{Finding, Severity};
use args::{Args, Global, Verb};
use output::Output;

/// How a verb ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// The words, or the configuration, were wrong; nothing was tried.
    Usage,
    /// A guard holds some of it until a person decides.
    Held,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Held => 3,
        })
    }
}

/// The program. Wrong words end it in here, with exit code 2.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let exit = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run_and_flush(args)),
        Err(why) => complain(&anyhow::Error::new(why).context("no runtime")),
    };
    exit.into()
}

/// Runs the verb, says what went wrong, and lets nothing that was printed be lost.
async fn run_and_flush(args: Args) -> Exit {
    let exit = run(args).await.unwrap_or_else(|error| complain(&error));
    match io::stdout().flush() {
        Ok(()) => exit,
        Err(why) => complain(&why.into()),
    }
}

/// Does the verb.
async fn run(args: Args) -> anyhow::Result<Exit> {
    let Args { global, verb } = args;
    match verb {
        Verb::Check => check_configuration(&global),
        Verb::Completions { shell } => {
            completions::write(shell, &mut io::stdout().lock())?;
            Ok(Exit::Done)
        }
        Verb::Run { .. }
        | Verb::Sync(_)
        | Verb::Directory(_)
        | Verb::User(_)
        | Verb::Group(_)
        | Verb::Resource(_)
        | Verb::History(_)
        | Verb::Store(_)
        | Verb::Audit(_) => anyhow::bail!("this build has no such verb"),
    }
}

/// The configuration, with what it needs from the environment.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn configuration(global: &Global) -> Result<Config, ConfigError> {
    Config::load(&global.config, |name| std::env::var_os(name))
}

fn check_configuration(global: &Global) -> anyhow::Result<Exit> {
    let mut output = Output::standard(global.output);
    let (findings, exit) = match configuration(global) {
        Err(error) => (check::findings(&error), Exit::Usage),
        Ok(config) => (vec![sound(global, &config)], Exit::Done),
    };
    check::print(findings, &mut output)?;
    Ok(exit)
}

fn sound(global: &Global, config: &Config) -> Finding {
    Finding {
        severity: Severity::Fine,
        subject: global.config.display().to_string(),
        what: format!("no fault, directories: {}", config.directories.len()),
        remedy: String::new(),
    }
}

/// Says what went wrong. A reader that has seen enough (`bailey user list | head`) is no failure.
#[expect(clippy::print_stderr, reason = "the one place where errors become words for the person at the terminal")]
fn complain(error: &anyhow::Error) -> Exit {
    if error.downcast_ref::<io::Error>().is_some_and(|why| why.kind() == io::ErrorKind::BrokenPipe) {
        return Exit::Done;
    }
    eprintln!("bailey: {error:#}");
    if error.is::<ConfigError>() { Exit::Usage } else { Exit::Failed }
}
