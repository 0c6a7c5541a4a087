//! Changes that the guard held back, kept until somebody decides.
//!
//! A set of held changes is known by its digest: of who and what, not of when. The next full read that
//! finds the same finds the same digest, so a set keeps its age and its decision. What is held stays held until
//! somebody decides, even when by then there is little enough of it to happen by itself. An approval covers
//! exactly the changes in the set, is used up by the next full read, and never covers one more. A refusal
//! stays as long as a read finds one of the changes; new ones gather in a set of their own. A read that
//! proves no absence proves no set obsolete.

use std::collections::HashSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::change::Change;
use super::error::SyncError;
use super::guard::{Decided, Tripped};
use super::spool::Spool;
use super::stored::scan_all;
use crate::base::Timestamp;
use crate::model::{Actor, DirectoryLabel};
use crate::store::{Commit, Expect, Intent, KeyRange, Revision, Snapshot, Store, StoreError, schema};

/// Bytes of changes a row: the store likes neighbours to be short.
const CHUNK_BYTES: usize = 6 << 10;

/// Tripped limits kept with a set and told in a report: a thousand groups may each trip theirs, and the head is one row.
pub const REASONS_KEPT: usize = 100;

/// A set of held changes, without the changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// Digest of the changes, hexadecimal.
    pub digest: String,
    /// Which directory they come from.
    pub directory: DirectoryLabel,
    /// When they were first held.
    pub since: Timestamp,
    /// When a run last found them.
    pub seen: Timestamp,
    /// How many changes.
    pub changes: u64,
    /// Rows that hold them.
    pub chunks: u32,
    /// Why they are held.
    pub tripped: Vec<Tripped>,
    /// What was decided.
    pub decision: Decision,
}

/// What was decided about a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Decision {
    /// Nothing yet.
    Open,
    /// The next run applies them.
    Approved {
        /// By whom.
        by: Actor,
        /// When.
        at: Timestamp,
    },
    /// They stay as they are; the directory differs and that is known.
    Refused {
        /// By whom.
        by: Actor,
        /// When.
        at: Timestamp,
    },
}

/// The changes that one run holds back.
pub struct HeldSet {
    directory: DirectoryLabel,
    tripped: Vec<Tripped>,
    changes: Spool,
    fingerprints: HashSet<[u8; 16]>,
    /// Changes that stay undone because somebody refused them.
    refused: HashSet<[u8; 16]>,
    /// Sets of this directory that the run makes obsolete: approved and used up, or found no longer.
    obsolete: Vec<(Revision, Held)>,
    head: Option<(Option<Revision>, Held)>,
    sight: Sight,
}

/// How much of what is to be held a run sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// All of it: sets that it does not find are obsolete.
    Whole,
    /// What it finds is there; what it does not find may be there nevertheless.
    Partial,
    /// A step of it. Nothing is stored: the full read that follows holds it all together.
    Step,
}

impl HeldSet {
    /// An empty set.
    #[must_use]
    pub fn new(directory: &DirectoryLabel, tripped: Vec<Tripped>, work: &Path, sight: Sight) -> Self {
        Self {
            directory: directory.clone(),
            tripped: tripped.into_iter().take(REASONS_KEPT).collect(),
            changes: Spool::new(work),
            fingerprints: HashSet::new(),
            refused: HashSet::new(),
            obsolete: Vec::new(),
            head: None,
            sight,
        }
    }

    /// Notes that `change` stays undone because somebody refused it: it stays in the set it is in.
    pub fn refused(&mut self, change: &Change) {
        self.refused.insert(change.fingerprint());
    }

    /// Holds `change`.
    ///
    /// # Errors
    /// When it cannot be written to the work directory.
    pub fn push(&mut self, change: &Change) -> Result<(), SyncError> {
        self.fingerprints.insert(change.fingerprint());
        Ok(self.changes.push(change)?)
    }

    /// The digest of the set.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut sorted: Vec<&[u8; 16]> = self.fingerprints.iter().collect();
        sorted.sort_unstable();
        let mut hash = Sha256::new().chain_update(self.directory.as_str()).chain_update(b"\0");
        for fingerprint in sorted {
            hash.update(fingerprint);
        }
        hash.finalize().into()
    }

    /// Writes the changes, in commits of their own: without the head they mean nothing.
    ///
    /// # Errors
    /// When the store or the work directory fails.
    pub(super) fn store(&mut self, store: &Store, actor: &Actor, now: Timestamp) -> Result<(), SyncError> {
        if self.sight == Sight::Step {
            return Ok(());
        }
        let digest = self.digest();
        let known = store.read(|snapshot| all(snapshot, &self.directory))?;
        let (same, others): (Vec<_>, Vec<_>) =
            known.into_iter().partition(|(_, held)| !self.changes.is_empty() && held.digest == hex::encode(digest));
        if self.sight == Sight::Whole {
            self.obsolete = store.read(|snapshot| self.not_found(snapshot, others))?;
        }
        if self.changes.is_empty() {
            return Ok(());
        }
        self.head = Some(match same.into_iter().next() {
            Some((revision, head)) => (Some(revision), Held { seen: now, tripped: self.tripped.clone(), ..head }),
            None => {
                let chunks = self.write_chunks(store, actor, now, &digest)?;
                let since = store.read(|snapshot| self.oldest(snapshot))?.unwrap_or(now);
                let head = Held {
                    digest: hex::encode(digest),
                    directory: self.directory.clone(),
                    since,
                    seen: now,
                    changes: self.changes.len(),
                    chunks,
                    tripped: self.tripped.clone(),
                    decision: Decision::Open,
                };
                (None, head)
            }
        });
        Ok(())
    }

    /// Since when some of the changes are held: a set that grows or shrinks does not get younger.
    fn oldest(&self, snapshot: &dyn Snapshot) -> Result<Option<Timestamp>, SyncError> {
        let mut oldest = None;
        for (_, held) in all(snapshot, &self.directory)?.iter().filter(|(_, held)| held.decision == Decision::Open) {
            let shared =
                changes(snapshot, held)?.iter().any(|change| self.fingerprints.contains(&change.fingerprint()));
            if shared && oldest.is_none_or(|oldest| held.since < oldest) {
                oldest = Some(held.since);
            }
        }
        Ok(oldest)
    }

    /// Of `others`, those that are obsolete.
    fn not_found(
        &self,
        snapshot: &dyn Snapshot,
        others: Vec<(Revision, Held)>,
    ) -> Result<Vec<(Revision, Held)>, SyncError> {
        let mut obsolete = Vec::new();
        for (revision, held) in others {
            let stands = matches!(held.decision, Decision::Refused { .. })
                && changes(snapshot, &held)?.iter().any(|change| self.refused.contains(&change.fingerprint()));
            if !stands {
                obsolete.push((revision, held));
            }
        }
        Ok(obsolete)
    }

    fn write_chunks(
        &mut self,
        store: &Store,
        actor: &Actor,
        now: Timestamp,
        digest: &[u8; 32],
    ) -> Result<u32, SyncError> {
        let mut number = 0_u32;
        let mut chunk: Vec<u8> = Vec::new();
        let mut write = |chunk: &mut Vec<u8>| {
            let mut commit = Commit::new(actor.clone(), now, Intent::Narrow);
            commit.put(schema::held_chunk(digest, number), std::mem::take(chunk));
            number += 1;
            store.commit(commit).map(drop)
        };
        self.changes.for_each(|change| {
            let mut line = serde_json::to_vec(&change)?;
            line.push(b'\n');
            // A line may be longer than a row may be: chunks are cut wherever they are full.
            let mut rest = line.as_slice();
            while chunk.len() + rest.len() > CHUNK_BYTES {
                let (fits, over) = rest.split_at(CHUNK_BYTES - chunk.len());
                chunk.extend_from_slice(fits);
                write(&mut chunk)?;
                rest = over;
            }
            chunk.extend_from_slice(rest);
            Ok::<_, SyncError>(())
        })?;
        if !chunk.is_empty() {
            write(&mut chunk)?;
        }
        Ok(number)
    }

    /// Puts the head into the run's last commit and takes away what is obsolete.
    ///
    /// # Errors
    /// When a row cannot be written as JSON, which would be a bug.
    pub(super) fn finish(&mut self, commit: &mut Commit) -> Result<(), SyncError> {
        // A decision that was made meanwhile must not be lost: then this run is refused, and the next one heeds it.
        for (revision, held) in &self.obsolete {
            commit.expect(schema::held(&parse_digest(&held.digest)?), Expect::At(*revision));
            delete(commit, held)?;
        }
        if let Some((known, head)) = &self.head {
            let key = schema::held(&parse_digest(&head.digest)?);
            commit.expect(key.clone(), known.map_or(Expect::Absent, Expect::At));
            commit.put(key, serde_json::to_vec(head)?);
        }
        Ok(())
    }

    /// The set as stored by this run; `None` when nothing is held.
    #[must_use]
    pub fn head(&self) -> Option<&Held> {
        self.head.as_ref().map(|(_, head)| head)
    }
}

/// The digest of its text.
///
/// # Errors
/// When the text is not 64 hexadecimal digits.
pub fn parse_digest(text: &str) -> Result<[u8; 32], SyncError> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest)
        .map_err(|_| SyncError::NoSuchHeld { digest: crate::base::text::printable(text).into_owned() })?;
    Ok(digest)
}

/// All sets of `directory`, with the revision of each head.
///
/// # Errors
/// When the store cannot be read or a row is damaged.
pub fn all(snapshot: &dyn Snapshot, directory: &DirectoryLabel) -> Result<Vec<(Revision, Held)>, StoreError> {
    Ok(every(snapshot)?.into_iter().filter(|(_, held)| held.directory == *directory).collect())
}

/// All sets of all directories, with the revision of each head.
///
/// # Errors
/// When the store cannot be read or a row is damaged.
pub fn every(snapshot: &dyn Snapshot) -> Result<Vec<(Revision, Held)>, StoreError> {
    let mut sets = Vec::new();
    for (key, row) in scan_all(snapshot, &schema::all_held())? {
        if key.get(33) == Some(&0) {
            let held = serde_json::from_slice(&row.value).map_err(|why| StoreError::corrupt(&key, why))?;
            sets.push((row.revision, held));
        }
    }
    Ok(sets)
}

/// The one set whose digest begins with `prefix`, and the revision of its head.
///
/// # Errors
/// When there is none, or more than one.
pub fn find(snapshot: &dyn Snapshot, prefix: &str) -> Result<(Revision, Held), SyncError> {
    let none = || SyncError::NoSuchHeld { digest: crate::base::text::printable(prefix).into_owned() };
    if prefix.len() < 8 {
        return Err(none());
    }
    let mut matching = every(snapshot)?.into_iter().filter(|(_, held)| held.digest.starts_with(prefix));
    match (matching.next(), matching.next()) {
        (Some(found), None) => Ok(found),
        _ => Err(none()),
    }
}

/// The changes of a set, in the order they would be applied.
///
/// # Errors
/// When the store cannot be read or a row is damaged.
pub fn changes(snapshot: &dyn Snapshot, held: &Held) -> Result<Vec<Change>, SyncError> {
    let digest = parse_digest(&held.digest)?;
    let mut text = Vec::new();
    for number in 0..held.chunks {
        let key = schema::held_chunk(&digest, number);
        let row = snapshot.get(&key)?.ok_or_else(|| StoreError::corrupt(&key, "a chunk of held changes is missing"))?;
        text.extend_from_slice(&row.value);
    }
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(serde_json::from_slice)
        .collect::<Result<_, _>>()
        .map_err(|why| StoreError::corrupt(&schema::held(&digest), why).into())
}

/// What was held of `directory`, and what was decided about it.
///
/// # Errors
/// When the store cannot be read or a row is damaged.
pub fn decided(snapshot: &dyn Snapshot, directory: &DirectoryLabel) -> Result<Decided, SyncError> {
    let mut decided = Decided::default();
    for (_, held) in all(snapshot, directory)? {
        if held.decision == Decision::Open {
            decided.why.extend(held.tripped.iter().cloned());
        }
        let prints = match held.decision {
            Decision::Open => &mut decided.open,
            Decision::Approved { .. } => &mut decided.approved,
            Decision::Refused { .. } => &mut decided.refused,
        };
        prints.extend(changes(snapshot, &held)?.iter().map(Change::fingerprint));
    }
    Ok(decided)
}

/// Puts a decision about `held`, last written by `revision`, into `commit`.
///
/// # Errors
/// When a row cannot be written as JSON, which would be a bug.
pub fn decide(commit: &mut Commit, revision: Revision, held: &Held, decision: Decision) -> Result<(), SyncError> {
    let key = schema::held(&parse_digest(&held.digest)?);
    commit.expect(key.clone(), Expect::At(revision));
    commit.put(key, serde_json::to_vec(&Held { decision, ..held.clone() })?);
    Ok(())
}

/// Takes `held` away.
///
/// # Errors
/// When its digest is damaged.
pub fn delete(commit: &mut Commit, held: &Held) -> Result<(), SyncError> {
    let digest = parse_digest(&held.digest)?;
    commit.delete(schema::held(&digest));
    for number in 0..held.chunks {
        commit.delete(schema::held_chunk(&digest, number));
    }
    Ok(())
}

/// Keys of all rows of `held`, for scans.
#[must_use]
pub fn range() -> KeyRange {
    KeyRange::prefix(&schema::all_held())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UserId;
    use crate::model::Member;
    use crate::sync::change::{Act, Rule};

    fn delete(n: u8) -> Change {
        Change { subject: Member::User(UserId::from_bytes([n; 16])), act: Act::Delete, rule: Some(Rule::Deletion) }
    }

    fn digest(directory: &str, changes: &[u8]) -> [u8; 32] {
        let work = tempfile::tempdir().unwrap();
        let mut set = HeldSet::new(&directory.parse().unwrap(), Vec::new(), work.path(), Sight::Whole);
        changes.iter().for_each(|n| set.push(&delete(*n)).unwrap());
        set.digest()
    }

    #[test]
    fn a_digest_is_of_a_directorys_changes_in_any_order_and_of_each_of_them() {
        assert_eq!(digest("corp", &[1, 2, 3]), digest("corp", &[3, 1, 2]));
        assert_ne!(digest("corp", &[1, 2, 3]), digest("corp", &[1, 2]));
        assert_ne!(digest("corp", &[1, 2, 3]), digest("corp", &[1, 2, 4]));
        assert_ne!(digest("corp", &[1, 2, 3]), digest("labs", &[1, 2, 3]));
    }

    #[test]
    fn a_digest_that_is_none_is_refused() {
        for text in ["", "12", &"g".repeat(64), &"a".repeat(65)] {
            assert!(matches!(parse_digest(text), Err(SyncError::NoSuchHeld { .. })), "{text}");
        }
        assert_eq!(parse_digest(&"ab".repeat(32)).unwrap(), [0xab; 32]);
    }
}
