//! Reading the log back: the last records, what follows, and one event's begun record.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use futures_util::Stream;
use futures_util::stream::try_unfold;
use uuid::Uuid;

use super::chain;
use super::record::{Draft, Facts, Phase, Stored};
use crate::store::{Entry, KeyRange, Store, StoreError, schema};

/// A record as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number.
    pub seq: u64,
    /// Its JSON, byte for byte as its hash covers it.
    pub json: String,
}

/// Records a page.
const PAGE: usize = 500;

/// The last `count` records, oldest first. Blocks.
///
/// # Errors
/// When the engine cannot read.
pub fn last(store: &Store, count: u64) -> Result<Vec<Line>, StoreError> {
    let mut behind = store.read(chain::head)?.seq.saturating_sub(count);
    let mut lines = Vec::new();
    loop {
        let page = after(store, behind, PAGE)?;
        let Some(end) = page.last() else { return Ok(lines) };
        behind = end.seq;
        lines.extend(page);
    }
}

/// Up to `limit` records behind record `seq`, oldest first. Blocks.
///
/// # Errors
/// When the engine cannot read.
pub fn after(store: &Store, seq: u64, limit: usize) -> Result<Vec<Line>, StoreError> {
    let page = rows_after(store, seq, limit)?;
    Ok(page.into_iter().filter_map(line).collect())
}

/// Every record behind record `seq`, for ever: waits for the next when there is none.
///
/// # Errors
/// The stream ends with an error when the engine cannot read, and without one when it is gone.
pub fn follow(store: Store, seq: u64) -> impl Stream<Item = Result<Line, StoreError>> + Send {
    let watch = store.watch();
    let state = (store, watch, seq, Vec::new().into_iter());
    try_unfold(state, |(store, mut watch, mut seq, mut page)| async move {
        loop {
            if let Some(line) = page.next() {
                return Ok(Some((line, (store, watch, seq, page))));
            }
            // Marked as seen before the read: what is committed during it wakes us again.
            watch.borrow_and_update();
            let lines: Vec<Line> = store.run(move |store| after(store, seq, PAGE)).await?;
            match lines.last() {
                Some(last) => seq = last.seq,
                None => {
                    if watch.changed().await.is_err() {
                        return Ok(None);
                    }
                }
            }
            page = lines.into_iter();
        }
    })
}

/// Which of `events` have a begun record and no completed one, with that record. Each comes with
/// the number of a record that its own is behind; one pass from the lowest finds them all.
pub(super) fn unfinished(
    store: &Store,
    events: impl Iterator<Item = (Uuid, u64)>,
) -> Result<BTreeMap<Uuid, (u64, Facts)>, StoreError> {
    let events: BTreeMap<Uuid, u64> = events.collect();
    let mut open = BTreeMap::new();
    let Some(lowest) = events.values().min() else { return Ok(open) };
    scan(store, *lowest, |seq, stored| {
        let id = stored.facts.event();
        if events.contains_key(&id) {
            match stored.bailey.phase {
                Phase::Begun => drop(open.insert(id, (seq, stored.facts))),
                Phase::Completed => drop(open.remove(&id)),
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(open)
}

/// True when the record made of `draft` stands somewhere behind record `behind`.
pub(super) fn holds(store: &Store, draft: &Draft, behind: u64) -> Result<bool, StoreError> {
    let mut found = false;
    let Some(id) = draft.id() else { return Ok(false) };
    scan(store, behind, |_, stored| {
        found = stored.facts.id() == id;
        if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(found)
}

/// Visits the records behind record `behind`. Damaged ones are passed over: finding them is `verify`'s work.
fn scan(
    store: &Store,
    mut behind: u64,
    mut visit: impl FnMut(u64, Stored) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    loop {
        let page = rows_after(store, behind, PAGE)?;
        let Some(last) = page.last().and_then(|(key, _)| schema::parse_number(key)) else { return Ok(()) };
        behind = last;
        for (key, row) in page {
            let stored = serde_json::from_slice(&row.value).ok();
            if let (Some(seq), Some(stored)) = (schema::parse_number(&key), stored)
                && visit(seq, stored).is_break()
            {
                return Ok(());
            }
        }
    }
}

fn rows_after(store: &Store, seq: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
    let range = KeyRange::prefix(&schema::logs()).after(&schema::log(seq));
    store.read(|snapshot| snapshot.scan(&range, limit))
}

/// A damaged record shows as far as it can be shown: hiding it would hide the damage.
fn line((key, row): Entry) -> Option<Line> {
    Some(Line { seq: schema::parse_number(&key)?, json: String::from_utf8_lossy(&row.value).into_owned() })
}
