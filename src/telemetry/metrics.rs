//! Every metric the daemon has: its name, its kind, and what it means.
//!
//! Recording goes through [`Metric`], so a name that is not in this list cannot be written, and
//! each one reaches `/metrics` with a help text. Without an installed recorder it costs nothing.

use metrics::{Counter, Gauge, Histogram, Label};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $variant:ident = $kind:ident $name:literal),+ $(,)?) => {
        /// A metric of the daemon.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Metric {
            $($(#[doc = $help])+ $variant,)+
        }

        impl Metric {
            /// All of them, in the order of `/metrics`' source.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name on `/metrics`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it means, in one sentence.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => concat!($($help),+),)+ }
            }

            const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)+ }
            }
        }
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

metrics! {
    /// Records written to the audit log.
    AuditRecords = Counter "bailey_audit_records_total",
    /// Records that wait in reserved space until the audit log can be written.
    AuditOwed = Gauge "bailey_audit_owed_records",
    /// Always 1; the labels say which build runs.
    BuildInfo = Gauge "bailey_build_info",
    /// Seconds the wall clock is ahead of what has passed since it was right, once that is more than an hour.
    ClockLeap = Gauge "bailey_clock_leap_seconds",
    /// Seconds the wall clock lags behind the highest time seen.
    ClockRegression = Gauge "bailey_clock_regression_seconds",
    /// Connections to the public listener that were not opened: their address had all it may have, or the handshake failed.
    ConnectionsRefused = Counter "bailey_connections_refused_total",
    /// 1 while a server of a directory answers, 0 while it does not.
    DirectoryServerUp = Gauge "bailey_directory_server_up",
    /// Requests to applications that a proxy asked about, by outcome.
    ForwardAuth = Counter "bailey_forward_auth_total",
    /// Requests answered, by route and status.
    HttpRequests = Counter "bailey_http_requests_total",
    /// Sign-ins with a password, by outcome.
    Logins = Counter "bailey_logins_total",
    /// Notices, by way and outcome: told, failed, given up, or dropped for want of room.
    Notices = Counter "bailey_notices_total",
    /// Notices that wait to be told, by way.
    NoticesWaiting = Gauge "bailey_notices_waiting",
    /// Grants that somebody has to have looked back at by now, and nobody has.
    ReviewsOverdue = Gauge "bailey_reviews_overdue",
    /// Commits made durable since the start.
    StoreCommits = Counter "bailey_store_commits_total",
    /// Bytes the store takes on disk.
    StoreBytes = Gauge "bailey_store_bytes",
    /// Bytes free on the store's file system.
    StoreFreeBytes = Gauge "bailey_store_free_bytes",
    /// 1 while the reserve file is given up and only what narrows access is accepted.
    StoreReserveSpent = Gauge "bailey_store_reserve_spent",
    /// Changes applied, by directory and kind of change.
    SyncChanges = Counter "bailey_sync_changes_total",
    /// How long a run took, from its first read to its last commit.
    SyncDuration = Histogram "bailey_sync_duration_seconds",
    /// Objects stored of a directory.
    SyncEntries = Gauge "bailey_sync_entries",
    /// Runs that failed.
    SyncErrors = Counter "bailey_sync_errors_total",
    /// Changes the guard holds until a person decides.
    SyncHeld = Gauge "bailey_sync_held_changes",
    /// Time from a change's arrival to its commit.
    SyncLag = Histogram "bailey_sync_lag_seconds",
    /// When a directory was last read or followed without error, in seconds since the epoch.
    SyncLastSuccess = Gauge "bailey_sync_last_success_timestamp_seconds",
    /// Seconds since nothing in the followed server was unknown here, or, where it pushes, since it was last heard of.
    SyncSinceInStep = Gauge "bailey_sync_seconds_since_in_step",
    /// The number of the last change of the followed server that is known here, where the server counts its changes.
    SyncPosition = Gauge "bailey_sync_position",
    /// The number of its last change that the followed server told of.
    SyncServerPosition = Gauge "bailey_sync_server_position",
    /// Entries that could not be used.
    SyncUnusable = Gauge "bailey_sync_unusable_entries",
    /// Requests of clients for tokens, by grant and outcome: `ok`, or the word of the error that was answered.
    TokenRequests = Counter "bailey_token_requests_total",
}

impl Metric {
    /// The counter with these labels.
    pub fn counter(self, labels: &[(&'static str, &str)]) -> Counter {
        debug_assert_eq!(self.kind(), Kind::Counter);
        metrics::counter!(self.name(), owned(labels))
    }

    /// The gauge with these labels.
    pub fn gauge(self, labels: &[(&'static str, &str)]) -> Gauge {
        debug_assert_eq!(self.kind(), Kind::Gauge);
        metrics::gauge!(self.name(), owned(labels))
    }

    /// The histogram with these labels.
    pub fn histogram(self, labels: &[(&'static str, &str)]) -> Histogram {
        debug_assert_eq!(self.kind(), Kind::Histogram);
        metrics::histogram!(self.name(), owned(labels))
    }

    fn describe(self) {
        match self.kind() {
            Kind::Counter => metrics::describe_counter!(self.name(), self.help().trim()),
            Kind::Gauge => metrics::describe_gauge!(self.name(), self.help().trim()),
            Kind::Histogram => metrics::describe_histogram!(self.name(), self.help().trim()),
        }
    }
}

fn owned(labels: &[(&'static str, &str)]) -> Vec<Label> {
    labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect()
}

/// Seconds of a change on its way: a push arrives in milliseconds, a poll takes minutes.
const LAG_BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 60.0, 600.0];

/// Seconds of a run: from one change to a million people.
const DURATION_BUCKETS: &[f64] = &[0.01, 0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0];

/// Installs the process's recorder. The handle renders what `/metrics` shows.
///
/// # Errors
/// When one is installed already.
pub fn install(version: &str) -> Result<PrometheusHandle, BuildError> {
    let recorder = recorder()?;
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    announce(version);
    Ok(handle)
}

fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let full = |metric: Metric| Matcher::Full(metric.name().to_owned());
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(full(Metric::SyncLag), LAG_BUCKETS)?
        .set_buckets_for_metric(full(Metric::SyncDuration), DURATION_BUCKETS)?;
    Ok(builder.build_recorder())
}

fn announce(version: &str) {
    for metric in Metric::ALL {
        metric.describe();
    }
    Metric::BuildInfo.gauge(&[("version", version)]).set(1.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_renders_with_its_help() {
        let recorder = recorder().unwrap();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            announce("0.1.0");
            for metric in Metric::ALL {
                match metric.kind() {
                    Kind::Counter => metric.counter(&[("directory", "corp")]).increment(1),
                    Kind::Gauge => metric.gauge(&[("directory", "corp")]).set(1.0),
                    Kind::Histogram => metric.histogram(&[("directory", "corp")]).record(1.0),
                }
            }
        });
        let page = handle.render();
        for metric in Metric::ALL {
            let name = metric.name();
            assert!(page.contains(&format!("# HELP {name} {}\n", metric.help().trim())), "{name} in\n{page}");
            assert_eq!(name.ends_with("_total"), metric.kind() == Kind::Counter, "{name}");
        }
        assert!(page.contains("bailey_sync_lag_seconds_bucket{directory=\"corp\",le=\"0.2\"}"), "{page}");
    }

    #[test]
    fn a_hostile_label_cannot_forge_a_sample() {
        let recorder = recorder().unwrap();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            Metric::SyncErrors.counter(&[("directory", "x\"} 1\nbailey_store_bytes 7")]).increment(1);
        });
        assert_eq!(handle.render().lines().filter(|line| line.starts_with("bailey_store_bytes")).count(), 0);
    }
}
