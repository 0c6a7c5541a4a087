//! Tells people and programs what happened to grants, as long as the daemon runs, and raises alarms about what nobody did in time.
//!
//! Each way has a task of its own for as long as there is something to tell by it: a webhook that takes its time keeps no mail waiting.
//! The end waits a moment for what is being told, and for nothing else: what waits lies in the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::base::Timestamp;
use crate::http::App;
use crate::model::notice::Way;
use crate::notify::MOST_WAITING;
use crate::notify::delivery::Parts;
use crate::store::{StoreError, notices};
use crate::telemetry::{Metric, Part};

/// How often it is looked at what is due.
const EVERY: Duration = Duration::from_secs(2);

/// How many of those rounds there are to one in which all else is looked at.
const ROUNDS: u32 = 30;

/// Time for what is being told to be told, at the end.
const LAST_MOMENT: Duration = Duration::from_secs(5);

/// Tells until `end`. Idempotent: each round looks at what is due and converges.
///
/// # Errors
/// Never: what fails in one round is tried in a later one.
pub async fn run(app: Arc<App>, end: CancellationToken) -> anyhow::Result<()> {
    let mut rounds = tokio::time::interval(EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut running: BTreeMap<Way, AbortOnDropHandle<()>> = BTreeMap::new();
    let mut round = 0_u32;
    loop {
        tokio::select! {
            () = end.cancelled() => break,
            _ = rounds.tick() => {}
        }
        running.retain(|_, task| !task.is_finished());
        if round.is_multiple_of(ROUNDS) {
            look_around(&app).await;
        }
        round = round.wrapping_add(1);
        for way in ways(&app).await {
            let telling = || tokio::spawn(tell(Arc::clone(&app), way.clone(), end.clone()));
            running.entry(way.clone()).or_insert_with(|| AbortOnDropHandle::new(telling()));
        }
    }
    let last = futures_util::future::join_all(running.into_values());
    // What is cut off here is told again by the next start, under the same id.
    let _ = tokio::time::timeout(LAST_MOMENT, last).await;
    Ok(())
}

/// What notices are told with.
fn parts(app: &App) -> Parts {
    Parts { store: app.store.clone(), audit: app.audit.clone(), clock: Arc::clone(&app.clock) }
}

/// Tells what is due by `way`, as long as there is more.
async fn tell(app: Arc<App>, way: Way, end: CancellationToken) {
    let parts = parts(&app);
    while !end.is_cancelled() {
        match app.admin.notices.deliver(&parts, &way).await {
            Ok(done) if done.more => {}
            Ok(_) => return,
            Err(error) => {
                return tracing::warn!(%way, %error, "what is to be told is not found out or written down yet");
            }
        }
    }
}

/// Every way by which something waits.
async fn ways(app: &App) -> Vec<Way> {
    let found = app.store.run(|store| store.read(notices::ways)).await;
    found.unwrap_or_else(|error: StoreError| {
        tracing::warn!(%error, "what is to be told is not found out yet");
        Vec::new()
    })
}

/// Looks at what nobody did in time, and says how all of it is.
pub async fn look_around(app: &Arc<App>) {
    let asked = Arc::clone(app);
    let looked: Result<(), StoreError> = app
        .store
        .run(move |_| {
            let now = asked.clock.now();
            // By a clock that leapt ahead everything would be overdue.
            if asked.clock.may_mint().is_ok() {
                alarm(&asked, now)?;
                asked.admin.tell_of_last_moments(now)?;
                asked.admin.tell_of_ends(now)?;
            }
            show(&asked)
        })
        .await;
    if let Err(error) = looked {
        tracing::warn!(%error, "what nobody did in time is not found out yet");
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge of counts")]
fn alarm(app: &App, now: Timestamp) -> Result<(), StoreError> {
    let overdue = app.admin.alarm_of_reviews(now)?;
    Metric::ReviewsOverdue.gauge(&[]).set(overdue.count as f64);
    match overdue.since {
        None => app.board.remove("reviews"),
        Some(since) => {
            let words = format!(
                "nobody looked back at {} break-glass grants in time, the first since {since:.0}: `bailey grant list`",
                overdue.count
            );
            app.board.post("reviews", Part::yellow(words));
        }
    }
    Ok(())
}

/// How each way is.
#[expect(clippy::cast_precision_loss, reason = "a gauge of counts")]
fn show(app: &App) -> Result<(), StoreError> {
    let configured = app.admin.notices.settings().all_ways();
    if configured.is_empty() {
        app.board.remove("notices");
        return Ok(());
    }
    let mut all = 0;
    for way in &configured {
        let waiting = app.store.read(|snapshot| notices::count(snapshot, way, MOST_WAITING * 2))?;
        Metric::NoticesWaiting.gauge(&[("way", &way.to_string())]).set(waiting as f64);
        all += waiting;
    }
    let resting = app.admin.notices.resting();
    let failing: Vec<_> =
        resting.iter().map(|(way, rest)| format!("{way} since {:.0}: {}", rest.since, rest.why)).collect();
    let part = if failing.is_empty() {
        Part::green(format!("{all} wait"))
    } else {
        Part::yellow(format!("{all} wait; not told by {}", failing.join("; ")))
    };
    app.board.post("notices", part);
    Ok(())
}
