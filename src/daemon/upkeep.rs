//! What has to be looked after while the daemon runs: owed audit records, counted denials, the clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::audit::{AuditError, Event, Outcome};
use crate::base::Timestamp;
use crate::base::clock::ClockState;
use crate::http::App;
use crate::model::Actor;
use crate::sessions::Place;
use crate::store::{Commit, Intent, Store, schema};
use crate::sync::state::CONTACT;
use crate::telemetry::{Metric, Part};

/// How often everything is looked at.
const EVERY: Duration = Duration::from_secs(5);

/// How far what is written down of a directory's answers may lag behind.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Looks after things until `end`. Idempotent: each round looks at what is and converges.
///
/// # Errors
/// Never: what fails in one round is tried in the next.
pub async fn run(app: Arc<App>, end: CancellationToken) -> anyhow::Result<()> {
    let mut rounds = tokio::time::interval(EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let place = Arc::new(Mutex::new(Place::default()));
    let mut clock = ClockState::Right;
    loop {
        tokio::select! {
            () = end.cancelled() => return Ok(()),
            _ = rounds.tick() => {}
        }
        keep_clock(&app).await;
        let state = app.clock.state();
        show_clock(&app, state);
        let befell = befell(clock, state);
        clock = state;
        let (round, place) = (Arc::clone(&app), Arc::clone(&place));
        let kept = app.store.run(move |_| {
            let now = round.clock.now();
            if let Some(event) = befell {
                round.audit.note(&Actor::task("clock"), &event, &Outcome::success(), now);
            }
            if let Err(error) = round.admin.uses.settle(&round.store, now) {
                tracing::warn!(%error, "when access keys were used is not written down yet");
            }
            round.admin.settle_reports(now);
            turn_session_keys(&round, now);
            end_lapsed_grants(&round, now);
            sweep_sessions(&round, &mut place.lock().unwrap_or_else(PoisonError::into_inner), now);
            note_contacts(&round, now);
            forget_tokens(&round);
            round.gate.settle_denials(now);
            round.audit.settle_owed(now)?;
            round.audit.tell_of_restore(now)?;
            round.audit.close_unfinished(now).map(drop)
        });
        if let Err(error) = kept.await {
            let error: AuditError = error;
            tracing::warn!(%error, "the audit log is behind");
        }
    }
}

/// Writes down which grants the clock has ended. They count for nothing since then, whether or not that is written down. Blocks.
pub(super) fn end_lapsed_grants(app: &App, now: Timestamp) {
    loop {
        match app.admin.end_lapsed_grants(now) {
            Ok(lapsed) if lapsed.ended > 0 => {
                tracing::info!(ended = lapsed.ended, "grants ended by their time");
                if !lapsed.more {
                    return;
                }
            }
            Ok(_) => return,
            Err(error) => return tracing::warn!(%error, "which grants ended is not written down yet"),
        }
    }
}

/// Has the log say which sessions ended. Blocks.
fn sweep_sessions(app: &App, place: &mut Place, now: Timestamp) {
    match app.admin.sessions.sweep(&app.audit, place, now) {
        Ok(swept) if swept.ended > 0 => tracing::info!(ended = swept.ended, "sessions ended with their reasons"),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "which sessions ended is not written down yet"),
    }
}

/// Forgets codes and tokens that are long over, once a minute; and nothing by a clock that is in doubt: to one that leapt ahead all is
/// over, and what was spent would count again as soon as that is set right. Blocks.
fn forget_tokens(app: &App) {
    let Some(now) = app.clock.certain() else { return };
    if now.as_second().rem_euclid(60) >= i64::try_from(EVERY.as_secs()).unwrap_or(60) {
        return;
    }
    if let Err(error) = crate::store::sso::forget(&app.store, now) {
        tracing::debug!(%error, "codes and tokens that are over are not forgotten yet");
    }
}

/// Writes down when directories answered last, once a minute, so that a restart knows. Blocks.
fn note_contacts(app: &App, now: Timestamp) {
    let noted = app.admin.terms(now).and_then(|terms| {
        let known = crate::sync::state::contacts(&app.store)?;
        let mut commit = Commit { deferred: true, ..Commit::new(Actor::task("contacts"), now, Intent::Narrow) };
        for (label, at) in terms.heard.last {
            let old = known.get(&label).is_none_or(|noted| at.duration_since(*noted) >= NOTED_EVERY);
            if old && !terms.frozen.contains(&label) {
                commit.put(schema::sync_state(&label, CONTACT), serde_json::to_vec(&at).unwrap_or_default());
            }
        }
        if commit.is_empty() { Ok(()) } else { app.store.commit(commit).map(drop) }
    });
    if let Err(error) = noted {
        tracing::debug!(%error, "when directories answered last is not written down yet");
    }
}

/// Makes and forgets session keys as their time comes. Blocks.
pub(super) fn turn_session_keys(app: &App, now: Timestamp) {
    if let Err(error) = app.admin.keys.turn_session_keys(&app.store, now) {
        tracing::debug!(%error, "session keys are not turned yet");
    }
}

/// Watches over the store until `end`. Waits for nothing that a broken store may keep waiting.
///
/// # Errors
/// When only a new process can use the store again. Then this one has to end: whoever supervises it
/// starts the next, which opens the store and goes on.
pub async fn watch_store(store: Store, end: CancellationToken) -> anyhow::Result<()> {
    let mut rounds = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = end.cancelled() => return Ok(()),
            _ = rounds.tick() => {}
        }
        let asked = store.clone();
        // Asking the engine for its size may touch the disk.
        let health = tokio::task::spawn_blocking(move || asked.health()).await?;
        let why = health.broken.unwrap_or_default();
        anyhow::ensure!(!health.needs_restart, "the store needs a new process: {why}");
    }
}

/// Writes down how far time has come: a start at an earlier hour has to know. Where that fails the next round tries again.
pub(super) async fn keep_clock(app: &App) {
    let clock = Arc::clone(&app.clock);
    match tokio::task::spawn_blocking(move || clock.keep()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "how far time has come is not written down"),
        Err(ended) => tracing::error!(%ended, "how far time has come is not written down"),
    }
}

/// What befell the clock since it was `before`.
fn befell(before: ClockState, now: ClockState) -> Option<Event> {
    if std::mem::discriminant(&before) == std::mem::discriminant(&now) {
        return None;
    }
    Some(match now {
        ClockState::Behind { seconds } => Event::reading("ClockRegression").with("seconds", seconds.unsigned_abs()),
        ClockState::Ahead { seconds } => Event::reading("ClockLeap").with("seconds", seconds.unsigned_abs()),
        ClockState::Right => Event::reading("ClockRight"),
    })
}

/// Red, since nothing is issued; and ready, since all else goes on.
#[expect(clippy::cast_precision_loss, reason = "a gauge of seconds")]
fn show_clock(app: &App, state: ClockState) {
    let (behind, ahead) = match state {
        ClockState::Right => (0, 0),
        ClockState::Behind { seconds } => (seconds, 0),
        ClockState::Ahead { seconds } => (0, seconds),
    };
    app.audit.note_clock(behind);
    Metric::ClockRegression.gauge(&[]).set(behind as f64);
    Metric::ClockLeap.gauge(&[]).set(ahead as f64);
    let part = match app.clock.may_mint() {
        Ok(()) => Part::green("goes forward"),
        Err(error) => Part::red(error.to_string()).ready(true),
    };
    app.board.post("clock", part);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::watch;

    use super::*;
    use crate::store::memory::Memory;
    use crate::store::{Commit, Committed, Engine, EngineHealth, Revision, Snapshot, StoreError};

    /// A store that says it is broken when it is told to.
    struct Breakable(Memory, Arc<AtomicBool>);

    impl Engine for Breakable {
        fn snapshot(&self, read: &mut dyn FnMut(&dyn Snapshot) -> Result<(), StoreError>) -> Result<(), StoreError> {
            self.0.snapshot(read)
        }

        fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
            self.0.commit(commit)
        }

        fn watch(&self) -> watch::Receiver<Revision> {
            self.0.watch()
        }

        fn health(&self) -> EngineHealth {
            let broken = Some("the disk is gone".to_owned());
            EngineHealth { broken, needs_restart: self.1.load(Ordering::Acquire), ..EngineHealth::default() }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_needs_a_new_process_ends_this_one() {
        let gone = Arc::new(AtomicBool::new(false));
        let store = Store::new(Breakable(Memory::new(), Arc::clone(&gone)));
        let watching = tokio::spawn(watch_store(store, CancellationToken::new()));
        tokio::time::sleep(EVERY * 3).await;
        assert!(!watching.is_finished(), "damage alone is no reason: a restart does not mend it");
        gone.store(true, Ordering::Release);
        let why = watching.await.unwrap().unwrap_err().to_string();
        assert!(why.contains("the disk is gone"), "{why}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_well_is_watched_until_the_end() {
        let end = CancellationToken::new();
        let watching = tokio::spawn(watch_store(Store::new(Memory::new()), end.clone()));
        tokio::time::sleep(EVERY * 3).await;
        end.cancel();
        watching.await.unwrap().unwrap();
    }
}
