//! `bailey clock`.

use clap::Subcommand;
use serde_json::json;

use super::Exit;
use super::output::Column;
use super::session::Session;
use crate::admin::clock::ClockView;

/// `bailey clock`.
#[derive(Debug, Subcommand)]
pub enum ClockVerb {
    /// Whether the clock can be relied upon; exit code 1 where it cannot
    Status,
    /// Say that the machine's clock is right as it stands, after it stepped back or leapt ahead
    Confirm,
}

const CLOCK: &[Column<ClockView>] = &[
    Column { title: "clock", cell: said },
    Column { title: "now", cell: |clock| format!("{:.0}", clock.now) },
    Column { title: "refuses", cell: |clock| clock.refuses.clone().unwrap_or_default() },
];

fn said(clock: &ClockView) -> String {
    if clock.seconds == 0 { clock.state.clone() } else { format!("{} by {} s", clock.state, clock.seconds) }
}

/// Does a verb of `bailey clock`.
///
/// # Errors
/// When the operation fails.
pub async fn clock(session: &mut Session, verb: ClockVerb) -> anyhow::Result<Exit> {
    let clock: ClockView = match verb {
        ClockVerb::Status => session.client.get("/v1/clock").await?,
        ClockVerb::Confirm => session.client.post("/v1/clock/confirm", &json!({})).await?,
    };
    session.output.record(&clock, CLOCK)?;
    Ok(if clock.refuses.is_some() { Exit::Failed } else { Exit::Done })
}
