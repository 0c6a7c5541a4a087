//! What a run did, for the log and the metrics.

use std::time::Duration;

use super::super::report::Report;
use crate::telemetry::Metric;

/// Counts what a run did.
pub(super) fn measure(report: &Report) {
    let directory = ("directory", report.directory.as_str());
    let mode = ("mode", if report.full { "full" } else { "events" });
    Metric::SyncDuration.histogram(&[directory, mode]).record(Duration::from_millis(report.milliseconds).as_secs_f64());
    let tally = &report.tally;
    for (change, count) in [
        ("added", tally.added.total()),
        ("updated", tally.updated.total()),
        ("suspended", tally.suspended.total()),
        ("restored", tally.restored.total()),
        ("gone", tally.gone.total()),
        ("deleted", tally.deleted.total()),
        ("renamed", tally.renamed.total()),
        ("joined", tally.joined),
        ("left", tally.left + tally.left_with_member),
    ] {
        if count > 0 {
            Metric::SyncChanges.counter(&[directory, ("change", change)]).increment(count);
        }
    }
}

/// Logs what a run did.
pub(super) fn log(report: &Report) {
    let directory = report.directory.as_str();
    if report.held > 0 {
        let why: Vec<String> = report
            .tripped
            .iter()
            .map(|t| format!("{}: {} planned, {} lately, {} allowed", t.limit, t.planned, t.lately, t.allowed))
            .collect();
        tracing::warn!(directory, held = report.held, why = why.join("; "), "changes are held; see `bailey sync held`");
    }
    if !report.tally.is_empty() || report.full {
        tracing::info!(
            directory,
            full = report.full,
            read = report.read,
            applied = report.applied,
            held = report.held,
            skipped = report.skipped.count,
            milliseconds = report.milliseconds,
            "synced"
        );
    }
}
