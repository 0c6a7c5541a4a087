//! Looks at every row of a store and says what does not fit together.
//!
//! Rows decode; what is written in two directions is there in both; names lead to somebody who
//! bears them; history and journal parse; the numbers of the log have no gap. Whether the log's
//! hashes chain is for `audit` to say, which can read its records: [`log_rows`] gives them.

mod credentials;
mod factors;
mod grants;
mod iam;
mod notices;
mod saml;
mod sessions;
mod sso;

use serde::Serialize;

use super::execute::{HEAD, read_head, unpack};
use super::history::JournalEntry;
use super::{KeyRange, Row, Snapshot, Store, StoreError, execute, readable, rows, schema};
use crate::model::{Entity, Member, MemberKind};

/// What was looked at and found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Rows looked at.
    pub rows: u64,
    /// What does not fit, at most [`MOST_FINDINGS`].
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub omitted: u64,
}

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The row, in words.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Findings listed; the rest is counted.
pub const MOST_FINDINGS: usize = 1_000;

/// Looks at every row.
///
/// # Errors
/// When the store cannot be read at all. Damage found on the way is a finding, not an error.
pub fn verify(store: &Store) -> Result<Verified, StoreError> {
    let mut verified = Verified::default();
    let mut rest = KeyRange::prefix(&[]);
    let mut last_log = None;
    loop {
        // A page and all that belongs to its rows is looked at in one snapshot, so commits in
        // between leave no false finding.
        let next = store.read(|snapshot| {
            let page = snapshot.scan(&rest, PAGE)?;
            for (key, row) in &page {
                verified.rows += 1;
                if let Err(problem) = check(snapshot, key, row, &mut last_log) {
                    verified.add(key, problem);
                }
            }
            Ok::<_, StoreError>(page.last().map(|(last, _)| rest.after(last)))
        })?;
        match next {
            Some(next) => rest = next,
            None => break,
        }
    }
    store.read(|snapshot| check_head(snapshot, last_log, &mut verified))?;
    Ok(verified)
}

/// Visits the records of the chained log in order: number and bytes.
///
/// # Errors
/// When the store cannot be read; the first error `visit` answers ends the walk.
pub fn log_rows<E: From<StoreError>>(
    store: &Store,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    store.for_each(&KeyRange::prefix(&schema::logs()), |key, row| {
        let seq = schema::parse_number(key).ok_or_else(|| StoreError::corrupt(key, "it has no number"))?;
        visit(seq, &row.value)
    })
}

impl Verified {
    fn add(&mut self, key: &[u8], problem: String) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding { key: readable::describe(key), problem });
        } else {
            self.omitted += 1;
        }
    }
}

fn check(snapshot: &dyn Snapshot, key: &[u8], row: &Row, last_log: &mut Option<u64>) -> Result<(), String> {
    let value = row.value.as_slice();
    match key.first() {
        Some(b'U' | b'G' | b'R') => check_entity(snapshot, key, value),
        Some(b'N') => check_name(snapshot, key, value),
        Some(b'E' | b'F' | b'D' | b'B') => check_twin(snapshot, key, value),
        Some(b'I') => check_group_by_sid(snapshot, key),
        Some(b'c') => check_machine_known_by(snapshot, key),
        Some(b'K') => expect(value.len() == 16, "it stands for no id"),
        Some(b'H') => check_history(key, value),
        Some(b'J') => plain(execute::from_json::<JournalEntry>(key, value)).map(drop),
        Some(b'A') => check_log(key, last_log),
        Some(b'O') => check_open_log(snapshot, key, value),
        Some(b'M' | b'S' | b'P') => Ok(()),
        Some(b'L' | b'Y' | b'W' | b'r' | b'o' | b'i' | b'V' | b'Z' | b'T' | b'X' | b'Q' | b'C' | b'g') => {
            iam::check(snapshot, key, value)
        }
        Some(b'a' | b'b' | b'u' | b'p' | b'm' | b'n' | b'k' | b'j' | b'y' | b's') => {
            credentials::check(snapshot, key, value)
        }
        Some(b'x' | b'z' | b'q') => factors::check(snapshot, key, value),
        Some(b't' | b'v' | b'w') => sessions::check(snapshot, key, value),
        Some(b'e' | b'f' | b'h' | b'd' | b'1' | b'2' | b'3' | b'4' | b'5' | b'6' | b'7') => {
            sso::check(snapshot, key, value)
        }
        Some(b'+') => saml::check(snapshot, key, value),
        Some(b'l' | b'8' | b'9' | b'0') => grants::check(snapshot, key, value),
        Some(b'@') => notices::check(snapshot, key, value),
        _ => Err("no such space".to_owned()),
    }?;
    expect(row.revision <= snapshot.revision(), "it was written by a revision that is yet to come")
}

/// The digest of the row is not looked at: it is of what the directory said, which is nowhere in the store.
fn check_entity(snapshot: &dyn Snapshot, key: &[u8], value: &[u8]) -> Result<(), String> {
    let entity = plain(rows::decode(key, value.to_vec()))?;
    let member = entity.member();
    let holder = plain(rows::holder(snapshot, member.kind(), entity.name()))?;
    expect(holder == Some(member), "its name leads to somebody else, or to nobody")?;
    if let Entity::Resource(resource) = &entity {
        for reference in resource.known_by() {
            let way = schema::machine_known_by(&resource.origin.directory, &reference, &resource.id);
            expect(there(snapshot, &way)?, "it is not found by what it is known by")?;
        }
    }
    let Entity::Group(group) = &entity else { return Ok(()) };
    let Some(sid) = &group.origin.sid else { return Ok(()) };
    let found = there(snapshot, &schema::group_by_sid(&group.origin.directory, sid, &group.id))?;
    expect(found, "it is not found by its SID")
}

fn check_group_by_sid(snapshot: &dyn Snapshot, key: &[u8]) -> Result<(), String> {
    let (sid, group) = schema::parse_group_by_sid(key).ok_or("its key is not of its space's shape")?;
    let group = plain(rows::group(snapshot, &group))?.ok_or("its group is not there")?;
    expect(group.origin.sid == Some(sid), "its group has another SID, or none")
}

fn check_machine_known_by(snapshot: &dyn Snapshot, key: &[u8]) -> Result<(), String> {
    let (reference, id) = schema::parse_machine_known_by(key).ok_or("its key is not of its space's shape")?;
    let machine = plain(rows::resource(snapshot, &id))?.ok_or("its machine is not there")?;
    expect(machine.known_by().any(|known| known == reference), "its machine is not known by that")
}

fn check_name(snapshot: &dyn Snapshot, key: &[u8], value: &[u8]) -> Result<(), String> {
    let (kind, folded) = key.get(1..).and_then(<[u8]>::split_first).ok_or("it names no kind")?;
    let kind = MemberKind::from_byte(*kind).ok_or("it names no kind")?;
    let member = Member::from_parts(kind, value.try_into().map_err(|_| "it leads to no id")?);
    let bearer = plain(rows::entity(snapshot, &member))?;
    let borne = bearer.is_some_and(|(_, entity)| entity.name().folded().as_bytes() == folded);
    expect(borne, "nobody it leads to bears this name")
}

/// What is written in two directions must be there in both, and lead to rows that exist.
fn check_twin(snapshot: &dyn Snapshot, key: &[u8], value: &[u8]) -> Result<(), String> {
    const SHAPE: &str = "its key is not of its space's shape";
    let (group, twin) = if let Some((group, member)) = schema::parse_edge(key) {
        expect(value.len() == 16, "it has no reference")?;
        expect(there(snapshot, &schema::entity(&member))?, "its member is not there")?;
        (group, schema::edge_back(&member, &group))
    } else if let Some((member, group)) = schema::parse_edge_back(key) {
        (group, schema::edge(&group, &member))
    } else if let Some((group, reference)) = schema::parse_dangling(key) {
        let held = plain(rows::group(snapshot, &group))?.ok_or("its group is not there")?;
        (group, schema::dangling_back(&held.origin.directory, &reference, &group))
    } else {
        let group = schema::parse_dangling_back(key).ok_or(SHAPE)?;
        let reference = key.get(5..21).and_then(|bytes| bytes.try_into().ok()).ok_or(SHAPE)?;
        (group, schema::dangling(&group, &crate::model::RefHash(reference)))
    };
    expect(there(snapshot, &schema::group(&group))?, "its group is not there")?;
    expect(there(snapshot, &twin)?, &format!("its counterpart {} is missing", readable::describe(&twin)))
}

fn check_history(key: &[u8], value: &[u8]) -> Result<(), String> {
    let (of, superseded_at) = schema::parse_history(key).ok_or("its key is not of its space's shape")?;
    expect(schema::is_historied(of), "rows of this space have no history")?;
    let before = plain(unpack(key, value))?;
    expect(before.revision < superseded_at, "it was superseded before it was written")?;
    match schema::parse_entity(of) {
        Some(_) => plain(rows::decode(of, before.value)).map(drop),
        None if of.first() == Some(&b's') => credentials::check_setting(of, &before.value),
        None if of.first() == Some(&b'e') => sso::check_client(of, &before.value),
        None if of.first() == Some(&b'+') => saml::check_past(of, &before.value),
        None if of.first() == Some(&b'l') => grants::check_engagement(of, &before.value).map(drop),
        None if of.first() == Some(&b'8') => grants::check_grant(of, &before.value).map(drop),
        None => iam::check_alone(of, &before.value),
    }
}

fn check_log(key: &[u8], last: &mut Option<u64>) -> Result<(), String> {
    let seq = schema::parse_number(key).ok_or("it has no number")?;
    // The first record kept need not be number 1: old ones may have been moved to an archive.
    let follows = last.is_none_or(|last| seq == last + 1);
    *last = Some(seq);
    expect(follows, "the records before it are missing")
}

/// A mark of what was begun: the event's id, then the number of the last record before it, 0 for none. Its
/// key is a random tag.
fn check_open_log(snapshot: &dyn Snapshot, key: &[u8], value: &[u8]) -> Result<(), String> {
    expect(schema::parse_number(key).is_some(), "its key is not of its space's shape")?;
    let (event, seq) = value.split_last_chunk::<8>().ok_or("it has no number")?;
    expect(event.len() == 16, "it names no event")?;
    let head = plain(snapshot.get(&schema::meta(HEAD)).and_then(read_head))?;
    expect(u64::from_be_bytes(*seq) <= head.log_seq, "it stands behind a log record that is yet to come")
}

fn check_head(snapshot: &dyn Snapshot, last_log: Option<u64>, verified: &mut Verified) -> Result<(), StoreError> {
    let key = schema::meta(HEAD);
    let head = read_head(snapshot.get(&key)?)?;
    let there = |row: Vec<u8>| Ok::<_, StoreError>(snapshot.get(&row)?.is_some());
    if head.revision > 0 && !there(schema::journal(head.revision))? {
        verified.add(&key, format!("the journal has no entry for its revision {}", head.revision));
    }
    if head.log_seq > 0 && !there(schema::log(head.log_seq))? || last_log.is_some_and(|last| last > head.log_seq) {
        verified.add(&key, format!("the log does not end at its record {}", head.log_seq));
    }
    Ok(())
}

fn there(snapshot: &dyn Snapshot, key: &[u8]) -> Result<bool, String> {
    plain(snapshot.get(key)).map(|row| row.is_some())
}

fn expect(holds: bool, problem: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(problem.to_owned()) }
}

fn plain<T>(result: Result<T, StoreError>) -> Result<T, String> {
    result.map_err(|error| match error {
        StoreError::Corrupt { why, .. } => why,
        other => other.to_string(),
    })
}

/// Rows looked at in one snapshot.
const PAGE: usize = 1_000;
