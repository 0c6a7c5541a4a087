//! What has to be looked after while the daemon runs: owed audit records, counted denials, the clock.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::audit::{AuditError, Event, Outcome};
use crate::http::App;
use crate::model::Actor;
use crate::telemetry::{Metric, Part};

/// Answers how far the wall clock lags behind the highest time seen, in seconds.
pub type Regression = Box<dyn Fn() -> i64 + Send + Sync>;

/// How often everything is looked at.
const EVERY: Duration = Duration::from_secs(5);

/// A lag that is worth a record: adjustments of a second are everyday life.
const WORTH_A_RECORD: i64 = 2;

/// Looks after things until `end`. Idempotent: each round looks at what is and converges.
///
/// # Errors
/// Never: what fails in one round is tried in the next.
pub async fn run(app: Arc<App>, regression: Regression, end: CancellationToken) -> anyhow::Result<()> {
    let mut rounds = tokio::time::interval(EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut lagged = false;
    loop {
        tokio::select! {
            () = end.cancelled() => return Ok(()),
            _ = rounds.tick() => {}
        }
        let behind = regression();
        let lags = behind >= WORTH_A_RECORD;
        show_clock(&app, behind, lags);
        let (round, first) = (Arc::clone(&app), lags && !lagged);
        lagged = lags;
        let kept = app.store.run(move |_| {
            let now = round.clock.now();
            if first {
                let event = Event::reading("ClockWentBack").with("seconds", behind.unsigned_abs());
                round.audit.note(&Actor::task("clock"), &event, &Outcome::success(), now);
            }
            round.gate.settle_denials(now);
            round.audit.settle_owed(now)?;
            round.audit.close_unfinished(now).map(drop)
        });
        if let Err(error) = kept.await {
            let error: AuditError = error;
            tracing::warn!(%error, "the audit log is behind");
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge of seconds")]
fn show_clock(app: &App, behind: i64, lags: bool) {
    app.audit.note_clock(behind);
    Metric::ClockRegression.gauge(&[]).set(behind as f64);
    let part = if lags {
        Part::yellow(format!("the clock went back {behind} s; time stands still here until it has caught up"))
    } else {
        Part::green("goes forward")
    };
    app.board.post("clock", part);
}
