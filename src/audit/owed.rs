//! Records the log could not take: kept in space reserved beforehand, written to the log first later.
//!
//! The file `owed.bin` has a fixed size, every block of it written when it is made, so that taking
//! a record needs no new room on a full disk (on file systems that overwrite in place; on those
//! that copy, the store's reserve is the room). A slot is replaced whole and checked by its hash, so
//! one that was torn is known for torn.
//!
//! A slot leaves the file after the commit that carries its record. Between the two the daemon may
//! die; so at the next start each slot is looked for in the log before it is written again.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::fcntl::OFlag;
use sha2::{Digest as _, Sha256};

use super::record::{Draft, Facts};
use super::{AuditError, Outcome, Shared};
use crate::base::Timestamp;
use crate::model::Actor;
use crate::store::StoreError;
use crate::telemetry::Metric;

/// Bytes a slot.
const SLOT: usize = 4_096;

/// Slots in the file: revocations of one outage.
const SLOTS: usize = 256;

/// Order (8), position in the log it is behind (8), length (2), hash (32).
const HEADER: usize = 50;

/// The file and what is in it.
pub(super) struct Drawer {
    file: File,
    slots: Mutex<Slots>,
    /// Records there was no room for. The log learns their number.
    lost: AtomicU64,
}

struct Slots {
    held: Vec<Held>,
    /// Number of the next record put in: they leave in the order they came.
    next_order: u64,
}

enum Held {
    Free,
    /// Its event is not over yet.
    Live,
    /// Waits for the log.
    Waiting {
        order: u64,
        draft: Draft,
    },
    /// In a commit that is under way.
    Leaving,
}

/// A record that is owed, of an event that is under way.
#[must_use = "an event that was begun has to be completed"]
pub struct Owed {
    shared: Arc<Shared>,
    facts: Facts,
    actor: Actor,
    /// Where it is kept; `None` when there was no room, and only the text log knows of it.
    slot: Option<Slot>,
}

struct Slot {
    index: usize,
    order: u64,
    behind: u64,
}

impl Drawer {
    /// Opens the file at `path`, or makes it. `in_log` says whether a record stands in the log
    /// behind another.
    pub(super) fn open(
        path: &Path,
        in_log: impl Fn(&Draft, u64) -> Result<bool, StoreError>,
    ) -> Result<Self, AuditError> {
        let (file, bytes) =
            prepare(path).map_err(|e| AuditError::Drawer { path: path.display().to_string(), why: e.to_string() })?;
        let mut held = Vec::with_capacity(SLOTS);
        let mut next_order = 1;
        for slot in bytes.chunks_exact(SLOT) {
            held.push(match decode(slot) {
                Some(kept) if !in_log(&kept.draft, kept.behind)? => {
                    next_order = next_order.max(kept.order.saturating_add(1));
                    Held::Waiting { order: kept.order, draft: kept.draft }
                }
                _ => Held::Free,
            });
        }
        Ok(Self { file, slots: Mutex::new(Slots { held, next_order }), lost: AtomicU64::new(0) })
    }

    pub(super) fn waiting(&self) -> usize {
        self.lock().held.iter().filter(|held| !matches!(held, Held::Free)).count()
    }

    /// Takes out what waits, for a commit. What is not [`Late::written`] goes back.
    pub(super) fn take(&self) -> Late<'_> {
        let mut slots = self.lock();
        let mut taken = Vec::new();
        for (index, held) in slots.held.iter_mut().enumerate() {
            if let Held::Waiting { order, draft } = held {
                taken.push((*order, index, draft.clone()));
                *held = Held::Leaving;
            }
        }
        drop(slots);
        taken.sort_unstable_by_key(|(order, ..)| *order);
        Late { drawer: self, taken, lost: self.lost.swap(0, Ordering::AcqRel) }
    }

    /// Reserves a slot.
    fn reserve(&self, behind: u64) -> Option<Slot> {
        let mut slots = self.lock();
        let order = slots.next_order;
        let index = slots.held.iter().position(|held| matches!(held, Held::Free))?;
        *slots.held.get_mut(index)? = Held::Live;
        slots.next_order = order.saturating_add(1);
        Some(Slot { index, order, behind })
    }

    /// Writes `draft` into `slot`; durable when it returns.
    fn write(&self, slot: &Slot, draft: &Draft) -> std::io::Result<()> {
        let bytes = encode(slot, draft)
            .ok_or_else(|| std::io::Error::other(format!("the record is larger than {} bytes", SLOT - HEADER)))?;
        self.file.write_all_at(&bytes, offset(slot.index))?;
        self.file.sync_data()
    }

    fn set(&self, index: usize, held: Held) {
        if let Some(slot) = self.lock().held.get_mut(index) {
            *slot = held;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is owed, on its way into a commit.
pub(super) struct Late<'a> {
    drawer: &'a Drawer,
    taken: Vec<(u64, usize, Draft)>,
    lost: u64,
}

impl Late<'_> {
    pub(super) fn drafts(&self) -> impl Iterator<Item = &Draft> {
        self.taken.iter().map(|(.., draft)| draft)
    }

    /// How many records there was no room for since the last commit.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// The commit is durable: the slots are free again.
    pub(super) fn written(mut self) {
        self.lost = 0;
        for (_, index, _) in self.taken.drain(..) {
            // A slot that cannot be blanked is found in the log at the next start.
            if let Err(error) = self.drawer.file.write_all_at(&[0; HEADER], offset(index)) {
                tracing::warn!(%error, "a slot of owed.bin could not be blanked");
            }
            self.drawer.set(index, Held::Free);
        }
    }
}

impl Drop for Late<'_> {
    fn drop(&mut self) {
        for (order, index, draft) in self.taken.drain(..) {
            self.drawer.set(index, Held::Waiting { order, draft });
        }
        self.drawer.lost.fetch_add(self.lost, Ordering::AcqRel);
    }
}

impl Owed {
    /// Keeps a record of what is about to happen.
    pub(super) fn keep(shared: Arc<Shared>, facts: Facts, actor: Actor, now: Timestamp) -> Self {
        let slot = shared.drawer.reserve(shared.seen());
        if slot.is_none() {
            // What must be revoked is revoked; the text log has the event, the audit log will have the count.
            tracing::error!(event = facts.name(), %actor, "owed.bin is full: this event will only be counted");
            shared.drawer.lost.fetch_add(1, Ordering::AcqRel);
        }
        let owed = Self { shared, facts, actor, slot };
        // If the daemon dies before the end is known, this is what the log will say.
        owed.put(None, &Outcome::Unknown, now);
        owed
    }

    /// Keeps the completion of record `seq`; false when there was no room.
    pub(super) fn keep_completion(
        shared: Arc<Shared>,
        facts: &Facts,
        seq: u64,
        outcome: &Outcome,
        now: Timestamp,
    ) -> bool {
        let slot = shared.drawer.reserve(seq);
        let owed = Self { shared, facts: facts.clone(), actor: Actor::task("audit"), slot };
        let draft = owed.put(Some(seq), outcome, now);
        owed.release(draft)
    }

    /// Who is behind it.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Writes down how it ended. Blocks.
    pub fn complete(self, outcome: &Outcome, now: Timestamp) {
        let draft = self.put(None, outcome, now);
        self.release(draft);
    }

    /// Writes the record into its slot; answers what the log will get.
    fn put(&self, opened: Option<u64>, outcome: &Outcome, now: Timestamp) -> Option<Draft> {
        let slot = self.slot.as_ref()?;
        match self.draft(opened, outcome, now) {
            Ok(draft) => {
                if let Err(error) = self.shared.drawer.write(slot, &draft) {
                    // Kept in memory all the same: only a crash before the log is back would lose it.
                    tracing::error!(event = self.facts.name(), %error, "owed.bin cannot be written");
                }
                Some(draft)
            }
            Err(error) => {
                tracing::error!(event = self.facts.name(), %error, "no record can be made");
                None
            }
        }
    }

    /// Without a begun record, one record stands for both: the time it began, and how it ended.
    fn draft(&self, opened: Option<u64>, outcome: &Outcome, now: Timestamp) -> Result<Draft, AuditError> {
        let (facts, block) = self.shared.ending(&self.facts, opened, outcome, now);
        Draft::within(SLOT - HEADER, &facts, block.owed())
    }

    /// Hands the record over to whoever writes to the log next.
    fn release(mut self, draft: Option<Draft>) -> bool {
        let Some(slot) = self.slot.take() else { return false };
        let kept = draft.is_some();
        let held = draft.map_or(Held::Free, |draft| Held::Waiting { order: slot.order, draft });
        self.shared.drawer.set(slot.index, held);
        Metric::AuditOwed.gauge(&[]).set(self.shared.drawer.waiting() as f64);
        kept
    }
}

impl Drop for Owed {
    /// Dropped without an end: the slot already says `unknown`.
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else { return };
        tracing::warn!(event = self.facts.name(), "an event was begun and never completed; the log will say unknown");
        let draft = read_slot(&self.shared.drawer.file, slot.index).map(|kept| kept.draft);
        self.shared
            .drawer
            .set(slot.index, draft.map_or(Held::Free, |draft| Held::Waiting { order: slot.order, draft }));
    }
}

/// A slot's content.
struct Kept {
    order: u64,
    behind: u64,
    draft: Draft,
}

fn encode(slot: &Slot, draft: &Draft) -> Option<Vec<u8>> {
    let text = draft.text().as_bytes();
    let length = u16::try_from(text.len()).ok().filter(|_| text.len() + HEADER <= SLOT)?;
    let mut bytes = Vec::with_capacity(SLOT);
    bytes.extend_from_slice(&slot.order.to_be_bytes());
    bytes.extend_from_slice(&slot.behind.to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    let hash = Sha256::new().chain_update(&bytes).chain_update(text).finalize();
    bytes.extend_from_slice(&hash);
    bytes.extend_from_slice(text);
    Some(bytes)
}

/// `None` for a slot that is free or torn.
fn decode(bytes: &[u8]) -> Option<Kept> {
    let (header, rest) = bytes.split_first_chunk::<18>()?;
    let (hash, rest) = rest.split_first_chunk::<32>()?;
    let (order, tail) = header.split_first_chunk::<8>()?;
    let (behind, length) = tail.split_first_chunk::<8>()?;
    let text = rest.get(..usize::from(u16::from_be_bytes(length.try_into().ok()?)))?;
    if text.is_empty() || Sha256::new().chain_update(header).chain_update(text).finalize()[..] != hash[..] {
        return None;
    }
    Some(Kept {
        order: u64::from_be_bytes(*order),
        behind: u64::from_be_bytes(*behind),
        draft: Draft::from_text(std::str::from_utf8(text).ok()?.to_owned()),
    })
}

fn read_slot(file: &File, index: usize) -> Option<Kept> {
    let mut bytes = [0; SLOT];
    file.read_exact_at(&mut bytes, offset(index)).ok()?;
    decode(&bytes)
}

fn offset(index: usize) -> u64 {
    (index as u64).saturating_mul(SLOT as u64)
}

/// Opens the file at its full size and reads it.
fn prepare(path: &Path) -> std::io::Result<(File, Vec<u8>)> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC).bits())
        .open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    if found.permissions().mode() & 0o077 != 0 {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    let mut bytes = vec![0; SLOT * SLOTS];
    if found.len() < bytes.len() as u64 {
        // Zeroes are written, not sought over: a hole has no room of its own.
        file.write_all_at(&bytes, 0)?;
        file.sync_all()?;
        if let Some(parent) = path.parent() {
            File::open(parent)?.sync_all()?;
        }
    }
    file.read_exact_at(&mut bytes, 0)?;
    Ok((file, bytes))
}
