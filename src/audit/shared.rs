//! What every handle to the log shares: the store, the identity, the ids, and the one way records are appended.

use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rand::Rng as _;
use rand::rngs::StdRng;
use uuid::Uuid;

use super::owed::{Drawer, Late};
use super::record::{Block, Draft, Facts, LARGEST};
use super::{AuditError, Event, Identity, Outcome, chain, tail};
use crate::base::{Timestamp, rng};
use crate::model::Actor;
use crate::store::{Commit, Committed, Expect, Intent, KeyRange, Store, StoreError, identity, schema};
use crate::telemetry::Metric;

pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) identity: Identity,
    rng: Mutex<StdRng>,
    pub(super) drawer: Drawer,
    /// Highest sequence number known to be on disk. What begins next stands behind it.
    seen: AtomicU64,
    /// Marks that were there when the log was opened: events that a crash left open.
    left_open: Mutex<Vec<Mark>>,
    /// Seconds the wall clock lags behind the highest time seen; part of every record.
    clock_behind: AtomicI64,
}

impl Shared {
    pub(super) fn open(store: Store, identity: Identity, state: &Path) -> Result<Self, AuditError> {
        let head = store.read(chain::head)?;
        let drawer = Drawer::open(&state.join("owed.bin"), |kept, behind| tail::holds(&store, kept, behind))?;
        let mut left_open = Vec::new();
        store.for_each(&KeyRange::prefix(&schema::open_logs()), |key, row| {
            left_open.push(Mark { key: key.to_vec(), event: parse_mark(&row.value) });
            Ok::<_, StoreError>(())
        })?;
        let rng = rng::from_os().map_err(|e| AuditError::Unwritable { why: e.to_string() })?;
        Ok(Self {
            store,
            identity,
            rng: Mutex::new(rng),
            drawer,
            seen: AtomicU64::new(head.seq),
            left_open: Mutex::new(left_open),
            clock_behind: AtomicI64::new(0),
        })
    }

    pub(super) fn facts(&self, actor: &Actor, event: &Event, now: Timestamp) -> Facts {
        Facts::new(&self.identity, actor, event, self.fresh_id(now), now)
    }

    pub(super) fn beginning(&self, facts: &Facts) -> Result<Draft, AuditError> {
        Draft::within(LARGEST, facts, Block::begun(&self.identity, self.clock()))
    }

    /// What the record of an event's end says; `seq` is its begun record, if it has one.
    pub(super) fn ending(&self, facts: &Facts, seq: Option<u64>, outcome: &Outcome, now: Timestamp) -> (Facts, Block) {
        let ended = facts.ended(outcome);
        let ended = if seq.is_some() { ended.anew(self.fresh_id(now), now) } else { ended };
        (ended, Block::completed(&self.identity, self.clock(), seq, outcome))
    }

    pub(super) fn completion(
        &self,
        facts: &Facts,
        seq: Option<u64>,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Draft, AuditError> {
        let (facts, block) = self.ending(facts, seq, outcome, now);
        Draft::within(LARGEST, &facts, block)
    }

    /// Appends `draft` with `commit`, and before it all that is owed. Answers the number of `draft`'s record.
    pub(super) fn append(&self, commit: Commit, draft: Draft) -> Result<u64, StoreError> {
        let committed = self.commit(commit, draft)?;
        self.noted(&committed)
    }

    /// Carries out `commit` with `draft` in it, and before that all that is owed.
    pub(super) fn commit(&self, mut commit: Commit, draft: Draft) -> Result<Committed, StoreError> {
        let late = self.load(&mut commit);
        commit.append(move |link| draft.seal(link));
        let committed = self.store.commit(commit)?;
        late.written();
        Ok(committed)
    }

    /// Appends what is owed, if anything is.
    pub(super) fn settle(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut commit = Commit::new(Actor::task("audit"), now, Intent::Narrow);
        let late = self.load(&mut commit);
        if commit.is_empty() {
            return Ok(());
        }
        let committed = self.store.commit(commit)?;
        late.written();
        self.noted(&committed).map(drop)
    }

    /// Puts what is owed into `commit`.
    fn load(&self, commit: &mut Commit) -> Late<'_> {
        let late = self.drawer.take();
        for draft in late.drafts() {
            let draft = draft.clone();
            commit.append(move |link| draft.seal(link));
        }
        if late.lost() > 0 {
            let outcome = Outcome::success().with("records", late.lost());
            let facts = self.facts(&Actor::task("audit"), &Event::new("AuditRecordsLost"), commit.at);
            match self.completion(&facts, None, &outcome, commit.at) {
                Ok(draft) => commit.append(move |link| draft.seal(link)),
                Err(error) => tracing::error!(%error, records = late.lost(), "audit records were lost"),
            }
        }
        late
    }

    /// Takes note of the numbers a commit gave.
    pub(super) fn noted(&self, committed: &Committed) -> Result<u64, StoreError> {
        let Some(&last) = committed.appended.last() else {
            return Err(StoreError::Broken { why: "the engine appended no record".to_owned() });
        };
        self.seen.fetch_max(last, Ordering::AcqRel);
        Metric::AuditRecords.counter(&[]).increment(committed.appended.len() as u64);
        Metric::AuditOwed.gauge(&[]).set(self.drawer.waiting() as f64);
        Ok(last)
    }

    /// Completes as `unknown` what a crash left open. What fails is left for the next call.
    pub(super) fn close_left_open(&self, now: Timestamp) -> Result<u64, AuditError> {
        let mut left_open = self.left_open.lock().unwrap_or_else(PoisonError::into_inner);
        if left_open.is_empty() {
            return Ok(0);
        }
        // An end that is owed is an end.
        self.settle(now).map_err(AuditError::NotRecorded)?;
        let mut begun = tail::unfinished(&self.store, left_open.iter().filter_map(|mark| mark.event))?;
        let mut closed = 0;
        while let Some(mark) = left_open.last() {
            let mut commit = Commit::new(Actor::task("audit"), now, Intent::Narrow);
            commit.delete(mark.key.clone());
            match mark.event.and_then(|(id, _)| begun.remove(&id)) {
                Some((seq, facts)) => {
                    let draft = self.completion(&facts, Some(seq), &Outcome::Unknown, now)?;
                    self.append(commit, draft).map_err(AuditError::NotRecorded)?;
                    tracing::warn!(event = facts.name(), seq, "closed as unknown: it was begun before the last end");
                    closed += 1;
                }
                None => drop(self.store.commit(commit).map_err(AuditError::NotRecorded)?),
            }
            left_open.pop();
        }
        Ok(closed)
    }

    /// Appends the record of a restore that nobody wrote down yet, and takes the row away that says so.
    pub(super) fn tell_of_restore(&self, now: Timestamp) -> Result<bool, AuditError> {
        let Some(restored) = self.store.read(identity::restored)? else { return Ok(false) };
        let event = Event::narrowing("RestoreStore")
            .with("from", restored.from.as_str())
            .with("at", format!("{:.3}", restored.at))
            .with("epochBefore", restored.before.to_string());
        let outcome = Outcome::success().with("epoch", restored.after.to_string());
        let draft = self.completion(&self.facts(&restored.by, &event, now), None, &outcome, now)?;
        let mut commit = Commit::new(restored.by, now, Intent::Narrow);
        // Of two who open the log at once, one tells of it.
        commit.expect(identity::restored_key(), Expect::Present);
        commit.delete(identity::restored_key());
        match self.append(commit, draft) {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(AuditError::NotRecorded(error)),
        }
    }

    /// Highest sequence number known to be on disk.
    pub(super) fn seen(&self) -> u64 {
        self.seen.load(Ordering::Acquire)
    }

    pub(super) fn note_clock(&self, behind_seconds: i64) {
        self.clock_behind.store(behind_seconds, Ordering::Release);
    }

    pub(super) fn clock(&self) -> i64 {
        self.clock_behind.load(Ordering::Acquire)
    }

    /// A version 7 UUID (RFC 9562 section 5.7): sorts by time.
    pub(super) fn fresh_id(&self, now: Timestamp) -> Uuid {
        let mut random = [0; 10];
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut random);
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}

/// A row that marks an event as open.
struct Mark {
    key: Vec<u8>,
    /// The event, and a record that its own is behind; `None` when the row is damaged.
    event: Option<(Uuid, u64)>,
}

/// Value of the row that marks an event as open: its id, and a record that its own is behind.
pub(super) fn mark(id: Uuid, behind: u64) -> Vec<u8> {
    [id.as_bytes().as_slice(), &behind.to_be_bytes()].concat()
}

/// The opposite of [`mark`].
fn parse_mark(value: &[u8]) -> Option<(Uuid, u64)> {
    let (id, behind) = value.split_first_chunk::<16>()?;
    Some((Uuid::from_bytes(*id), u64::from_be_bytes(behind.try_into().ok()?)))
}
