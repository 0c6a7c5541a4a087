//! The chain: each record names the hash of the one before it, and its own.
//!
//! `hash = SHA-256(0x00 || length as 8 bytes || record without its "hash" member)`. The zero byte
//! is the leaf prefix of RFC 9162 section 2.1, so a tree over the same records can be added without
//! hashing them again. Anyone can check a record with a text editor and `sha256sum`: cut
//! `,"hash":"..."` out of its end.
//!
//! A chain shows that nothing *inside* it was touched. Its end is vouched for by the head row that
//! the engine writes with every append; somebody who can rewrite the whole store can rewrite both,
//! which is why signed checkpoints leave the machine.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::store::{KeyRange, Row, Sealed, Snapshot, Store, StoreError, schema};

/// What a record ends with: `,"hash":"` + 64 digits + `"}}`.
const HASH_OPENS: &[u8] = b",\"hash\":\"";
const HASH_CLOSES: &[u8] = b"\"}}";

/// The end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Sequence number of the last record; 0 when there is none.
    pub seq: u64,
    /// Its hash; zeroes when there is none.
    pub hash: [u8; 32],
}

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// First record looked at.
    pub from: u64,
    /// Records that are as they were written.
    pub sound: u64,
    /// Hash of the last sound record, for comparing with a copy kept elsewhere.
    pub last_hash: String,
    /// The first place where the chain does not hold; `None` when all of it does.
    pub fault: Option<ChainFault>,
}

/// Where the chain breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainFault {
    /// Sequence number of the first record that is not as it was written.
    pub seq: u64,
    /// What is wrong with it.
    pub kind: ChainFaultKind,
}

/// What is wrong with a record of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainFaultKind {
    /// It does not have the hash it had.
    Altered,
    /// There are records behind the end that was noted.
    Inserted,
    /// Another record stands in its place.
    Misplaced,
    /// It is not there, though later ones are.
    Removed,
    /// It is not there, nor is anything behind it, though the noted end is later.
    Truncated,
}

impl std::fmt::Display for ChainFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.kind {
            ChainFaultKind::Altered => "was altered",
            ChainFaultKind::Inserted => "stands behind the end of the log",
            ChainFaultKind::Misplaced => "is another record's",
            ChainFaultKind::Removed => "was removed",
            ChainFaultKind::Truncated => "is missing with everything behind it",
        };
        write!(f, "record {} {what}", self.seq)
    }
}

/// Finishes a record: `placed` is its JSON without the last two braces.
pub(super) fn seal(placed: String) -> Sealed {
    let mut body = placed.into_bytes();
    body.extend_from_slice(b"}}");
    let hash = hash(&body);
    body.truncate(body.len() - 2);
    body.extend_from_slice(HASH_OPENS);
    body.extend_from_slice(hex::encode(hash).as_bytes());
    body.extend_from_slice(HASH_CLOSES);
    Sealed { record: body, hash }
}

/// Hash of a record's bytes without its `hash` member.
fn hash(body: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update((body.len() as u64).to_be_bytes()).chain_update(body).finalize().into()
}

/// The end of the log as the engine noted it, in the meta row `head`.
///
/// # Errors
/// When the engine cannot read, or the note is damaged.
pub fn head(snapshot: &dyn Snapshot) -> Result<Head, StoreError> {
    #[derive(Deserialize)]
    struct Noted {
        log_seq: u64,
        log_hash: String,
    }
    let key = schema::meta("head");
    let Some(row) = snapshot.get(&key)? else { return Ok(Head { seq: 0, hash: [0; 32] }) };
    let corrupt = |why: String| StoreError::Corrupt { key: hex::encode(&key), why };
    let noted: Noted = serde_json::from_slice(&row.value).map_err(|e| corrupt(e.to_string()))?;
    let mut hash = [0; 32];
    hex::decode_to_slice(&noted.log_hash, &mut hash).map_err(|e| corrupt(e.to_string()))?;
    Ok(Head { seq: noted.log_seq, hash })
}

/// A record's claims, found to agree with its own hash.
struct Claim {
    seq: u64,
    previous: [u8; 32],
    hash: [u8; 32],
}

impl Claim {
    /// `None` when the record is not what was sealed.
    fn of(record: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Outer {
            bailey: Place,
        }
        #[derive(Deserialize)]
        struct Place {
            seq: u64,
            prev_hash: String,
        }
        let open = record.strip_suffix(HASH_CLOSES)?;
        let (open, digits) = open.split_last_chunk::<64>()?;
        let placed = open.strip_suffix(HASH_OPENS)?;
        let mut body = placed.to_vec();
        body.extend_from_slice(b"}}");
        let hash = hash(&body);
        // Compared as text: another spelling of the same digits is another record.
        if hex::encode(hash).as_bytes() != digits {
            return None;
        }
        let Outer { bailey } = serde_json::from_slice(record).ok()?;
        let mut previous = [0; 32];
        hex::decode_to_slice(&bailey.prev_hash, &mut previous).ok()?;
        Some(Self { seq: bailey.seq, previous, hash })
    }
}

/// Checks the log from record `from` (1 is the first) to its end. Blocks.
///
/// Where `from` is not the first record, the one before it is trusted. Records that are appended
/// meanwhile are left for the next time: the end is noted first.
///
/// # Errors
/// When the engine cannot read. A broken chain is not an error but the answer.
pub fn verify(store: &Store, from: u64) -> Result<Verdict, StoreError> {
    let from = from.max(1);
    let end = store.read(head)?;
    let mut walk = Walk { next: from, previous: Some([0; 32]), fault: None };
    if from > 1 {
        let before = store.read(|s| s.get(&schema::log(from - 1)))?;
        walk.previous = before.and_then(|row| Claim::of(&row.value)).map(|claim| claim.hash);
    }
    let mut rest = KeyRange { from: schema::log(from), ..KeyRange::prefix(&schema::logs()) };
    'pages: loop {
        let page = store.read(|s| s.scan(&rest, PAGE))?;
        let more = page.len() == PAGE;
        if let Some((last, _)) = page.last() {
            rest = rest.after(last);
        }
        for (key, row) in &page {
            if !walk.step(store, &end, key, row)? {
                break 'pages;
            }
        }
        if !more {
            break;
        }
    }
    if walk.fault.is_none() && walk.next <= end.seq {
        walk.fault = Some(ChainFault { seq: walk.next, kind: ChainFaultKind::Truncated });
    }
    let sound = walk.fault.as_ref().map_or(walk.next, |fault| fault.seq).saturating_sub(from);
    let last_hash = hex::encode(walk.previous.unwrap_or_default());
    Ok(Verdict { from, sound, last_hash, fault: walk.fault })
}

/// Records a page: bounded memory, and a snapshot that never lives long.
const PAGE: usize = 500;

/// Where a verification stands.
struct Walk {
    /// Number the next record must have.
    next: u64,
    /// Hash it must name; `None` when the record before it is no longer there to say.
    previous: Option<[u8; 32]>,
    fault: Option<ChainFault>,
}

impl Walk {
    /// Looks at one record; false when the walk is over.
    fn step(&mut self, store: &Store, end: &Head, key: &[u8], row: &Row) -> Result<bool, StoreError> {
        let Some(seq) = schema::parse_number(key).filter(|_| key.len() == 9) else {
            return Ok(self.found(self.next, ChainFaultKind::Inserted));
        };
        if seq > end.seq {
            // Either appended since the end was noted, or smuggled in behind it.
            let appended = store.read(head)?.seq >= seq;
            return Ok(!appended && self.found(seq, ChainFaultKind::Inserted));
        }
        if seq != self.next {
            return Ok(self.found(self.next, ChainFaultKind::Removed));
        }
        let Some(claim) = Claim::of(&row.value) else { return Ok(self.found(seq, ChainFaultKind::Altered)) };
        if claim.seq != seq {
            return Ok(self.found(seq, ChainFaultKind::Misplaced));
        }
        if self.previous.is_some_and(|previous| previous != claim.previous) {
            // One of two records was rewritten with a hash of its own. The one its successor
            // still vouches for is the true one.
            let vouched = vouched_for(store, end, &claim)?;
            let seq = if vouched && seq > 1 { seq - 1 } else { seq };
            return Ok(self.found(seq, ChainFaultKind::Altered));
        }
        if seq == end.seq && claim.hash != end.hash {
            return Ok(self.found(seq, ChainFaultKind::Altered));
        }
        self.next = seq.saturating_add(1);
        self.previous = Some(claim.hash);
        Ok(true)
    }

    fn found(&mut self, seq: u64, kind: ChainFaultKind) -> bool {
        self.fault = Some(ChainFault { seq, kind });
        false
    }
}

/// True when the record behind `claim`, or the noted end, names its hash.
fn vouched_for(store: &Store, end: &Head, claim: &Claim) -> Result<bool, StoreError> {
    if claim.seq == end.seq {
        return Ok(claim.hash == end.hash);
    }
    let next = store.read(|s| s.get(&schema::log(claim.seq.saturating_add(1))))?;
    Ok(next.and_then(|row| Claim::of(&row.value)).is_some_and(|next| next.previous == claim.hash))
}
