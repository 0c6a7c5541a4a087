//! How long the past stays readable: removes history older than `store.history_retention`.
//!
//! Looked at once an hour, done once a day: a removal walks all of the history there is, so the
//! horizon moves a day at a time. What is removed and how is the store's; here it is written down.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::audit::{Audit, Event, Outcome};
use crate::base::Timestamp;
use crate::http::App;
use crate::model::Actor;
use crate::store::Store;
use crate::store::prune::{self, Pruned, Removal};

/// How often it is looked at.
const EVERY: Duration = Duration::from_hours(1);

const SECONDS_A_DAY: i64 = 24 * 60 * 60;

/// Removes what is older than `keep`, until `end`. Idempotent: each round looks at what is and converges.
///
/// # Errors
/// Never: what fails in one round is tried in the next.
pub async fn run(app: Arc<App>, keep: Duration, end: CancellationToken) -> anyhow::Result<()> {
    let mut rounds = tokio::time::interval(EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = end.cancelled() => return Ok(()),
            _ = rounds.tick() => {}
        }
        let (round, ending) = (Arc::clone(&app), end.clone());
        let removed = app.store.run(move |store| {
            // A clock that leapt ahead would make all of history too old.
            let Some(now) = round.clock.certain() else { return Ok(None) };
            remove(store, &round.audit, horizon_at(now, keep), now, &|| ending.is_cancelled())
        });
        match removed.await {
            Ok(Some(Pruned { rows, journal, .. })) => tracing::info!(rows, journal, "removed old history"),
            Ok(None) => {}
            Err(error) => tracing::warn!(error = format!("{error:#}"), "old history could not be removed"),
        }
    }
}

/// The beginning of the day that `keep` ago was in.
fn horizon_at(now: Timestamp, keep: Duration) -> Timestamp {
    let ago = now.saturating_sub(keep).unwrap_or(Timestamp::UNIX_EPOCH).as_second();
    Timestamp::from_second(ago - ago.rem_euclid(SECONDS_A_DAY)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Removes what was superseded before `before` and writes it down; `None` when there is no such thing.
fn remove(
    store: &Store,
    audit: &Audit,
    before: Timestamp,
    now: Timestamp,
    stop: &dyn Fn() -> bool,
) -> anyhow::Result<Option<Pruned>> {
    let Some(horizon) = prune::due(store, before)? else { return Ok(None) };
    let by = Actor::task("retention");
    let event = Event::narrowing("PruneHistory").with("before", before.to_string()).with("oldestRevisionKept", horizon);
    let opened = audit.begin(&by, &event, now)?;
    let removal = Removal { horizon, by: &by, audit: Some(opened.seq()), now, stop };
    match prune::prune(store, &removal) {
        Ok(pruned) => {
            let outcome = Outcome::success().with("rows", pruned.rows).with("journalEntries", pruned.journal);
            opened.complete(&outcome, now);
            Ok(Some(pruned))
        }
        Err(error) => {
            opened.complete(&Outcome::failed("NotPruned", &error), now);
            Err(error.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Identity;
    use crate::base::Clock;
    use crate::base::clock::FakeClock;
    use crate::store::memory::Memory;
    use crate::store::{Commit, Intent, KeyRange, StoreError, history, schema};

    const KEEP: Duration = Duration::from_hours(24 * 400);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The log's records, as text.
    fn log(store: &Store) -> Vec<String> {
        let rows = store.read(|s| s.scan(&KeyRange::prefix(&schema::logs()), 100)).unwrap();
        rows.into_iter().map(|(_, row)| String::from_utf8(row.value).unwrap()).collect()
    }

    #[test]
    fn a_day_is_removed_when_it_is_too_old_and_that_is_written_down() {
        let (store, state) = (Store::new(Memory::new()), tempfile::tempdir().unwrap());
        let identity =
            Identity { account: "123456789012".parse().unwrap(), build: "test".to_owned(), node: "n".to_owned() };
        let audit = Audit::open(store.clone(), identity, state.path()).unwrap();
        let clock = FakeClock::at(at("2025-01-01T09:00:00Z"));
        let key = [b"U".as_slice(), &[1; 16]].concat();
        // A change a day, for ten days.
        for day in 1..=10_u8 {
            clock.set(at(&format!("2025-01-{day:02}T09:00:00Z")));
            let mut commit = Commit::new(Actor::task("test"), clock.now(), Intent::Widen);
            commit.put(key.clone(), vec![day]);
            store.commit(commit).unwrap();
        }
        let round = || {
            let now = clock.now();
            remove(&store, &audit, horizon_at(now, KEEP), now, &|| false).unwrap()
        };
        let on = |text: &str| {
            let found = store.read(|s| history::as_of(s, &key, history::revision_at(s, at(text))?));
            found.map(|row| row.map(|row| row.value))
        };

        clock.set(at("2025-06-01T00:00:00Z"));
        assert_eq!(round(), None);
        assert_eq!(log(&store).len(), 0, "what did not happen is not written down");

        // 400 days after the sixth: the fifth is the last day that is too old.
        clock.set(at("2026-02-10T15:00:00Z"));
        let removed = round().unwrap();
        assert_eq!((removed.horizon, removed.rows, removed.journal), (5, 4, 4));
        assert_eq!(on("2025-01-06T00:00:00Z").unwrap(), Some(vec![5]), "400 days back can be read");
        assert!(matches!(on("2025-01-05T00:00:00Z"), Err(StoreError::BeyondHistory { .. })));
        let written = log(&store);
        assert!(written.iter().all(|record| record.contains("PruneHistory")), "{written:#?}");
        assert!(written.last().unwrap().contains(r#""rows":4"#), "{written:#?}");

        // Later the same day there is nothing more to do; the day after there is.
        clock.set(at("2026-02-10T23:00:00Z"));
        assert_eq!(round(), None);
        clock.set(at("2026-02-11T00:00:00Z"));
        assert_eq!(round().unwrap().horizon, 6);
    }
}
