//! What is remembered of a directory between runs, and the window the guard counts in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::change::Rule;
use crate::base::text::printable;
use crate::base::{GroupId, Guid, Timestamp};
use crate::directory::{Cursor, Method, Unusable};
use crate::model::{DirectoryLabel, Domain};
use crate::store::{Revision, Snapshot, Store, StoreError, schema};

/// Examples kept of entries that were skipped.
pub const SKIPPED_KEPT: usize = 50;

/// Bytes of foreign text kept with the examples, and with the doubts: the state is one row of the store.
const TEXT_KEPT: usize = 8 << 10;

/// A directory's row of sync state. Every commit that touches the directory's rows rewrites it, so its
/// revision tells whether a plan still fits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncState {
    /// Where following changes goes on.
    pub cursor: Option<Cursor>,
    /// How changes are followed.
    pub method: Option<Method>,
    /// The server last read from.
    pub server: Option<String>,
    /// Last time the directory answered.
    pub last_contact: Option<Timestamp>,
    /// Last time a full read was applied.
    pub last_full: Option<Timestamp>,
    /// Last time a change was applied.
    pub last_change: Option<Timestamp>,
    /// Stored rows and edges that come from this directory.
    pub totals: Totals,
    /// Why absence could not be believed in the last full read; empty when it could.
    pub doubts: Vec<String>,
    /// Entries skipped in the last full read: how many, and the first of them.
    pub skipped: Skipped,
    /// A full read is due as soon as possible, and why.
    pub full_read_due: Option<String>,
    /// Groups to read once more in a moment, because the server may rewrite them without saying so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub look_again: Vec<Guid>,
    /// What narrowed lately, counted by the guard.
    pub window: Window,
    /// Since when the directory is no longer configured.
    pub frozen_since: Option<Timestamp>,
    /// The Active Directory domain this is, where it may share members with the other configured domains. What a claim of
    /// its objects to be somebody is worth hangs on it, so it is kept from the first read on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
}

/// Name of the row with the moment at which a directory answered last, kept apart from the state: it moves while nothing else
/// does, and a plan must not be thrown away for it.
pub const CONTACT: &str = "contact";

/// Groups remembered for another look. Each takes 39 bytes of a row of 64 KiB at most; for more of them a full read is due.
const MOST_TO_LOOK_AT: usize = 500;

impl SyncState {
    /// Remembers groups to read once more, so that a restart in between does not forget them.
    pub fn remember_to_look_again(&mut self, groups: &[Guid]) {
        self.look_again.extend(groups);
        self.look_again.sort_unstable();
        self.look_again.dedup();
        if self.look_again.len() > MOST_TO_LOOK_AT {
            self.look_again.clear();
            self.full_read_due = Some("more groups may have been rewritten than are read one by one".to_owned());
        }
    }
}

/// Rows and edges of one directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Users that are present.
    pub users: u64,
    /// Groups that are present.
    pub groups: u64,
    /// Resources that are present.
    pub resources: u64,
    /// Edges.
    pub memberships: u64,
}

impl Totals {
    /// Rows of all kinds.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.users + self.groups + self.resources
    }
}

/// Entries that could not be used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// How many.
    pub count: u64,
    /// The first [`SKIPPED_KEPT`].
    pub first: Vec<SkippedEntry>,
}

/// One entry that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedEntry {
    /// Its DN, printable.
    pub dn: String,
    /// What is wrong with it.
    pub why: String,
}

impl Skipped {
    /// Notes one.
    pub fn push(&mut self, dn: String, why: String) {
        self.keep(SkippedEntry { dn, why });
        self.count += 1;
    }

    /// Notes what was skipped elsewhere.
    pub fn extend(&mut self, others: Self) {
        let more = self.count.saturating_add(others.count);
        others.first.into_iter().for_each(|entry| self.keep(entry));
        self.count = more;
    }

    fn keep(&mut self, entry: SkippedEntry) {
        let entry = SkippedEntry { dn: printable(&entry.dn).into_owned(), why: printable(&entry.why).into_owned() };
        let size = |entry: &SkippedEntry| entry.dn.len() + entry.why.len();
        let kept: usize = self.first.iter().map(size).sum();
        if self.first.len() < SKIPPED_KEPT && kept + size(&entry) <= TEXT_KEPT {
            self.first.push(entry);
        }
    }

    /// Notes one that the directory layer refused.
    pub fn unusable(&mut self, unusable: &Unusable) {
        self.push(unusable.dn.clone(), unusable.why.clone());
    }
}

/// As many of `lines`, cut for showing, as the state has room for.
#[must_use]
pub fn kept(lines: &[String]) -> Vec<String> {
    let mut room = TEXT_KEPT;
    let short = lines.iter().map(|line| printable(line).into_owned());
    short.take_while(|line| room.checked_sub(line.len()).map(|left| room = left).is_some()).collect()
}

/// Narrowing changes applied lately, by minute. Many small steps within the window trip like one large one.
///
/// It is part of one row of the store, so it stays small: when there is too much of it, first groups are no
/// longer told apart, then minutes become longer. Nothing is forgotten early, and the sums stay right.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Window(Vec<Counted>);

/// How many changes of a rule there were in the minute that begins at so many seconds since the epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "(i64, Rule, u64)", into = "(i64, Rule, u64)")]
struct Counted {
    minute: i64,
    rule: Rule,
    count: u64,
}

impl From<(i64, Rule, u64)> for Counted {
    fn from((minute, rule, count): (i64, Rule, u64)) -> Self {
        Self { minute, rule, count }
    }
}

impl From<Counted> for (i64, Rule, u64) {
    fn from(Counted { minute, rule, count }: Counted) -> Self {
        (minute, rule, count)
    }
}

/// Most counts in the window: some 25 KiB of the row.
const COUNTS: usize = 400;

/// Stands for groups that are no longer told apart. No group has this id: ids begin with their directory's prefix.
const SOME_GROUP: GroupId = GroupId::from_bytes([0; 16]);

impl Window {
    /// Forgets what is older than `keep`.
    pub fn forget(&mut self, now: Timestamp, keep: std::time::Duration) {
        let oldest = now.as_second().saturating_sub(i64::try_from(keep.as_secs()).unwrap_or(i64::MAX));
        self.0.retain(|counted| counted.minute + 60 > oldest);
    }

    /// Counts `count` changes of `rule` applied at `now`.
    pub fn add(&mut self, rule: Rule, count: u64, now: Timestamp) {
        let minute = now.as_second() - now.as_second().rem_euclid(60);
        if count == 0 {
            return;
        }
        match self.0.iter_mut().rev().find(|counted| counted.minute == minute && counted.rule == rule) {
            Some(counted) => counted.count += count,
            None => self.0.push(Counted { minute, rule, count }),
        }
        if self.0.len() > COUNTS {
            self.merge(|counted| match counted.rule {
                Rule::Loss(_) => (counted.minute, Rule::Loss(SOME_GROUP)),
                rule => (counted.minute, rule),
            });
        }
        let mut length = 60;
        while self.0.len() > COUNTS {
            length *= 2;
            // Rounded up: remembered a little longer, never shorter.
            self.merge(|counted| ((counted.minute + length - 1).div_euclid(length) * length, counted.rule));
        }
    }

    /// Counts what `place` puts in one place as one.
    fn merge(&mut self, place: impl Fn(&Counted) -> (i64, Rule)) {
        let mut merged: BTreeMap<(i64, Rule), u64> = BTreeMap::new();
        for counted in &self.0 {
            *merged.entry(place(counted)).or_default() += counted.count;
        }
        self.0 = merged.into_iter().map(|((minute, rule), count)| Counted { minute, rule, count }).collect();
    }

    /// How many changes of `rule` there were.
    #[must_use]
    pub fn of(&self, rule: Rule) -> u64 {
        self.0.iter().filter(|counted| counted.rule == rule).map(|counted| counted.count).sum()
    }

    /// How many memberships were lost in all.
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.0.iter().filter(|counted| matches!(counted.rule, Rule::Loss(_))).map(|counted| counted.count).sum()
    }

    /// How many members `group` lost.
    #[must_use]
    pub fn group_losses(&self, group: GroupId) -> u64 {
        self.of(Rule::Loss(group))
    }
}

/// A directory's state and the revision that wrote it; `None` before the first run.
///
/// # Errors
/// When the store cannot be read or the row is damaged.
pub fn load(snapshot: &dyn Snapshot, label: &DirectoryLabel) -> Result<Option<(Revision, SyncState)>, StoreError> {
    let key = schema::sync_state(label, "state");
    let Some(row) = snapshot.get(&key)? else { return Ok(None) };
    let state = serde_json::from_slice(&row.value).map_err(|why| StoreError::corrupt(&key, why))?;
    Ok(Some((row.revision, state)))
}

/// Every directory that has state, configured or not.
///
/// # Errors
/// When the store cannot be read or a row is damaged.
pub fn load_all(snapshot: &dyn Snapshot) -> Result<Vec<(DirectoryLabel, SyncState)>, StoreError> {
    each(snapshot, |state: &mut SyncState, at| state.last_contact = state.last_contact.max(at))
}

/// What rights hang on of the state of a directory. It is asked for at every request, and the rest may be long.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Bearing {
    /// As [`SyncState::last_contact`].
    pub last_contact: Option<Timestamp>,
    /// As [`SyncState::frozen_since`].
    pub frozen_since: Option<Timestamp>,
    /// As [`SyncState::domain`].
    pub domain: Option<Domain>,
}

/// As [`load_all`], of what rights hang on.
///
/// # Errors
/// When the store cannot be read or a row is damaged.
pub fn bearings(snapshot: &dyn Snapshot) -> Result<Vec<(DirectoryLabel, Bearing)>, StoreError> {
    each(snapshot, |bearing: &mut Bearing, at| bearing.last_contact = bearing.last_contact.max(at))
}

/// The state of each directory; `hear` takes the moment that is kept apart from it.
fn each<T: for<'de> Deserialize<'de>>(
    snapshot: &dyn Snapshot,
    hear: impl Fn(&mut T, Option<Timestamp>),
) -> Result<Vec<(DirectoryLabel, T)>, StoreError> {
    let (mut states, mut heard) = (Vec::new(), None);
    for (key, row) in super::stored::scan_all(snapshot, &schema::sync_states())? {
        let text = String::from_utf8_lossy(key.get(1..).unwrap_or_default()).into_owned();
        let Some((label, name)) = text.split_once('\0') else { continue };
        let label: DirectoryLabel = label.parse().map_err(|why| StoreError::corrupt(&key, why))?;
        match name {
            // Stands before the state in key order.
            CONTACT => {
                let at: Timestamp = serde_json::from_slice(&row.value).map_err(|why| StoreError::corrupt(&key, why))?;
                heard = Some((label, at));
            }
            "state" => {
                let mut state: T = serde_json::from_slice(&row.value).map_err(|why| StoreError::corrupt(&key, why))?;
                hear(&mut state, heard.take_if(|(of, _)| *of == label).map(|(_, at)| at));
                states.push((label, state));
            }
            _ => {}
        }
    }
    Ok(states)
}

/// When each directory was heard of last, as it was noted apart from its state.
///
/// # Errors
/// When the store cannot be read or a row is damaged.
pub fn contacts(store: &Store) -> Result<BTreeMap<DirectoryLabel, Timestamp>, StoreError> {
    store.read(|snapshot| {
        let mut found = BTreeMap::new();
        for (key, row) in super::stored::scan_all(snapshot, &schema::sync_states())? {
            let text = String::from_utf8_lossy(key.get(1..).unwrap_or_default()).into_owned();
            let Some((label, CONTACT)) = text.split_once('\0') else { continue };
            let label = label.parse().map_err(|why| StoreError::corrupt(&key, why))?;
            found.insert(label, serde_json::from_slice(&row.value).map_err(|why| StoreError::corrupt(&key, why))?);
        }
        Ok(found)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::LONGEST_VALUE;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn group(n: u64) -> GroupId {
        let mut id = [7; 16];
        id[8..].copy_from_slice(&n.to_be_bytes());
        GroupId::from_bytes(id)
    }

    #[test]
    fn the_window_counts_what_is_within_it() {
        let mut window = Window::default();
        window.add(Rule::Deletion, 2, at(0));
        window.add(Rule::Deletion, 1, at(30));
        window.add(Rule::Loss(group(1)), 4, at(30));
        window.add(Rule::Loss(group(2)), 1, at(30));
        window.add(Rule::Rename, 0, at(30));
        assert_eq!((window.of(Rule::Deletion), window.of(Rule::Rename)), (3, 0));
        assert_eq!((window.losses(), window.group_losses(group(1))), (5, 4));
        window.forget(at(60), HOUR);
        assert_eq!(window.of(Rule::Deletion), 3, "to the end of the minute");
        window.forget(at(61), HOUR);
        assert_eq!(window.of(Rule::Deletion), 1);
        window.forget(at(91), HOUR);
        assert_eq!(window, Window::default());
    }

    #[test]
    fn the_window_stays_small_and_forgets_nothing_early() {
        let mut window = Window::default();
        for minute in 0..600 {
            for rule in [Rule::Deletion, Rule::Suspension, Rule::Rename, Rule::Emptied] {
                window.add(rule, 1, at(minute));
            }
            let round = u64::try_from(minute).unwrap();
            for n in 0..5 {
                window.add(Rule::Loss(group(round * 5 + n)), 1, at(minute));
            }
            assert!(window.0.len() <= COUNTS);
        }
        assert_eq!((window.of(Rule::Deletion), window.losses()), (600, 3_000));
        window.forget(at(599), HOUR);
        let left = window.of(Rule::Deletion);
        assert!((60..120).contains(&left), "{left}: minutes got longer, but not endless");
        assert!(serde_json::to_vec(&window).unwrap().len() < LONGEST_VALUE / 2);
    }

    #[test]
    fn a_state_full_of_foreign_text_is_still_a_row() {
        let mut state = SyncState::default();
        let long = "\u{1f984}\"\\".repeat(100_000);
        for _ in 0..1_000 {
            state.skipped.push(long.clone(), long.clone());
        }
        state.doubts = kept(&vec![long; 100]);
        for n in 0..2_000 {
            state.window.add(Rule::Loss(group(n)), u64::MAX / 4_000, at(0));
        }
        assert_eq!(state.skipped.count, 1_000);
        assert!(!state.skipped.first.is_empty() && !state.doubts.is_empty());
        let row = serde_json::to_vec(&state).unwrap();
        assert!(row.len() < LONGEST_VALUE, "{}", row.len());
        assert_eq!(serde_json::from_slice::<SyncState>(&row).unwrap(), state);
    }

    #[test]
    fn what_is_to_be_looked_at_again_stays_short() {
        let guids = |range: std::ops::Range<u128>| range.map(|n| Guid::from_bytes(n.to_be_bytes())).collect::<Vec<_>>();
        let mut state = SyncState::default();
        state.remember_to_look_again(&guids(0..300));
        state.remember_to_look_again(&guids(200..500));
        assert_eq!((state.look_again.len(), &state.full_read_due), (500, &None));
        assert!(serde_json::to_vec(&state).unwrap().len() < LONGEST_VALUE / 2);
        state.remember_to_look_again(&guids(500..501));
        assert_eq!(state.look_again, []);
        assert!(state.full_read_due.is_some());
    }
}
