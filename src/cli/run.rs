//! `bailey run`: the daemon.

use std::process::ExitCode;

use super::args::Global;
use super::kerberos::SigningIn;
use super::{configuration, kerberos};
use crate::config::{Config, LogFormat, LogLevel};
use crate::daemon::compose::{self, Opening};
use crate::daemon::memory;
use crate::telemetry::logs::{Format, Logs, Settings};
use crate::telemetry::metrics;

/// Runs the daemon until it is told to end. Answers its exit code: 0, or why it ended otherwise.
///
/// # Errors
/// When it cannot start; then nothing was served.
pub async fn run(global: &Global, opening: Opening) -> anyhow::Result<ExitCode> {
    memory::close()?;
    let config = configuration(global)?;
    let _tickets = kerberos::prepare(&config)?;
    let signing_in = SigningIn::of(&config);
    let logs = Logs::install(&log_settings(&config))?;
    let handle = metrics::install(env!("CARGO_PKG_VERSION"))?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), config = %global.config.display(), "starting");
    let again = global.clone();
    let reload = move || {
        let config = configuration(&again)?;
        signing_in.can_become(&SigningIn::of(&config))?;
        logs.set_filter(level(config.log.level))?;
        Ok(config)
    };
    let exit = compose::serve(config, opening, handle, reload).await?;
    Ok(ExitCode::from(exit.code()))
}

fn log_settings(config: &Config) -> Settings {
    let format = match config.log.format {
        LogFormat::Auto => Format::Auto,
        LogFormat::Json => Format::Json,
        LogFormat::Text => Format::Text,
    };
    Settings { format, filter: level(config.log.level).to_owned() }
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}
