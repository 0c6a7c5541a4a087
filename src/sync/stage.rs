//! The far side of the merge: what a full read brought, in id order, with bounded memory.
//!
//! An external merge sort over unnamed temporary files. Entries arrive in whatever order the
//! server likes; the plan needs them beside the stored rows, which lie in id order. Why not a tree in
//! the store: staging 100,000 entries there costs more time than reading them, and leaves as much
//! garbage behind every day; a file is written once, read once, and gone when it is closed, even
//! after a crash.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::reference::first16;
use super::{framing, spread};
use crate::base::UserId;
use crate::model::{Entity, Member, MemberKind, RefHash, User};

/// Bytes held in memory before a run is sorted and written out.
const RUN_BYTES: usize = 6 << 20;

/// An entry on its way to the merge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Staged {
    /// Id of the row it is or would be.
    pub id: [u8; 16],
    /// Digest of `json`; compared with the stored row's.
    pub digest: [u8; 16],
    /// The name it wishes for, so that nobody has to look into `json` for it; empty like that.
    pub name: String,
    /// The entity as JSON, with the name it wishes for; empty for an entry that is there but cannot be used.
    pub json: Vec<u8>,
    /// A group's references, sorted; of a person, the one to who manages them.
    pub references: Vec<RefHash>,
    /// The entry cannot be used, and says that its account is switched off.
    pub disabled: bool,
    /// Its name could be read, so references to it are known.
    pub named: bool,
}

impl Staged {
    /// Stages `entity`.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which would be a bug.
    pub fn entity(entity: &Entity, references: Vec<RefHash>) -> Result<Self, serde_json::Error> {
        let json = serde_json::to_vec(entity)?;
        Ok(Self {
            id: *entity.member().id_bytes(),
            digest: digest(&json),
            name: entity.name().to_string(),
            json,
            references,
            disabled: false,
            named: true,
        })
    }

    /// Stages the presence of an entry that cannot be used.
    #[must_use]
    pub fn unusable(id: [u8; 16], disabled: bool, named: bool) -> Self {
        Self { id, digest: [0; 16], name: String::new(), json: Vec::new(), references: Vec::new(), disabled, named }
    }

    /// Adds whom the reference of a person to who manages them means. It is no part of the digest, which is of what the directory
    /// says: that stays, while what it means may change.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which would be a bug.
    pub fn managed_by(&mut self, manager: Option<UserId>) -> Result<(), serde_json::Error> {
        if let Some(manager) = manager
            && self.json.pop_if(|last| *last == b'}').is_some()
        {
            // The last of a person's members, so that it is written as if it had been there all along.
            self.json.extend_from_slice(b",\"manager\":");
            serde_json::to_writer(&mut self.json, &manager)?;
            self.json.push(b'}');
        }
        Ok(())
    }

    /// True for an entry that is there but cannot be used.
    #[must_use]
    pub fn is_unusable(&self) -> bool {
        self.json.is_empty()
    }

    /// Bytes it takes in memory, about.
    #[must_use]
    pub fn size(&self) -> usize {
        120 + self.name.len() + self.json.len() + 16 * self.references.len()
    }
}

/// The digest that tells whether an entity changed. The stored row keeps it beside the JSON, so an
/// unchanged directory is recognised without decoding a row.
#[must_use]
pub fn digest(json: &[u8]) -> [u8; 16] {
    first16(&Sha256::digest(json))
}

/// The digest of what the directory says of `entity`, whose JSON is `json`: not of what it was worked out to mean.
///
/// # Errors
/// When it cannot be written as JSON, which would be a bug.
pub fn digest_of(entity: &Entity, json: &[u8]) -> Result<[u8; 16], serde_json::Error> {
    match entity {
        Entity::User(user) if user.manager.is_some() => {
            Ok(digest(&serde_json::to_vec(&User { manager: None, ..user.clone() })?))
        }
        _ => Ok(digest(json)),
    }
}

/// Takes staged entries of one kind and gives them back in id order.
#[derive(Debug)]
pub struct Sorter {
    work: PathBuf,
    held: Vec<Staged>,
    bytes: usize,
    runs: Vec<File>,
}

impl Sorter {
    /// A sorter that spills into `work`.
    #[must_use]
    pub fn new(work: &Path) -> Self {
        Self { work: work.to_owned(), held: Vec::new(), bytes: 0, runs: Vec::new() }
    }

    /// Takes an entry.
    ///
    /// # Errors
    /// When a run cannot be written.
    pub fn push(&mut self, staged: Staged) -> io::Result<()> {
        self.bytes += staged.size();
        self.held.push(staged);
        if self.bytes >= RUN_BYTES {
            self.spill()?;
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.held.sort_unstable();
        let mut run = BufWriter::with_capacity(1 << 18, tempfile::tempfile_in(&self.work)?);
        for staged in self.held.drain(..) {
            write_staged(&mut run, &staged)?;
        }
        self.runs.push(run.into_inner().map_err(io::IntoInnerError::into_error)?);
        self.bytes = 0;
        Ok(())
    }

    /// All entries taken are now readable in order, as often as wanted.
    ///
    /// # Errors
    /// When the last run cannot be written.
    pub fn finish(mut self) -> io::Result<Sorted> {
        if self.runs.is_empty() {
            self.held.sort_unstable();
            return Ok(Sorted { held: self.held, runs: Vec::new() });
        }
        self.spill()?;
        Ok(Sorted { held: Vec::new(), runs: self.runs })
    }
}

/// Staged entries of one kind, in id order.
#[derive(Debug)]
pub struct Sorted {
    /// Everything, when it fitted in memory.
    held: Vec<Staged>,
    /// Sorted runs otherwise.
    runs: Vec<File>,
}

impl Sorted {
    /// Reads from the beginning.
    ///
    /// # Errors
    /// When a run cannot be read.
    pub fn read(&mut self) -> io::Result<Merge<'_>> {
        let mut runs = Vec::with_capacity(self.runs.len());
        for file in &self.runs {
            let mut file = file.try_clone()?;
            file.seek(SeekFrom::Start(0))?;
            runs.push(BufReader::with_capacity(1 << 17, file));
        }
        let mut merge = Merge { held: self.held.iter(), runs, heads: BinaryHeap::new() };
        for run in 0..merge.runs.len() {
            merge.advance(run)?;
        }
        Ok(merge)
    }
}

/// A walk over [`Sorted`].
pub struct Merge<'a> {
    held: std::slice::Iter<'a, Staged>,
    runs: Vec<BufReader<File>>,
    heads: BinaryHeap<Reverse<(Staged, usize)>>,
}

impl Merge<'_> {
    fn advance(&mut self, run: usize) -> io::Result<()> {
        if let Some(reader) = self.runs.get_mut(run)
            && let Some(staged) = read_staged(reader)?
        {
            self.heads.push(Reverse((staged, run)));
        }
        Ok(())
    }
}

impl Iterator for Merge<'_> {
    type Item = io::Result<Staged>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(Reverse((staged, run))) = self.heads.pop() {
            return Some(self.advance(run).map(|()| staged));
        }
        self.held.next().cloned().map(Ok)
    }
}

fn write_staged(to: &mut impl Write, staged: &Staged) -> io::Result<()> {
    to.write_all(&staged.id)?;
    to.write_all(&staged.digest)?;
    to.write_all(&[u8::from(staged.disabled), u8::from(staged.named)])?;
    framing::put(to, staged.name.as_bytes())?;
    framing::put(to, &staged.json)?;
    framing::put_length(to, staged.references.len())?;
    staged.references.iter().try_for_each(|reference| to.write_all(&reference.0))
}

fn read_staged(from: &mut impl Read) -> io::Result<Option<Staged>> {
    let Some(id) = framing::next(from)? else { return Ok(None) };
    let digest = framing::take_exactly(from)?;
    let [disabled, named] = framing::take_exactly(from)?.map(|flag: u8| flag == 1);
    let name = String::from_utf8(framing::take(from)?).map_err(io::Error::other)?;
    let json = framing::take(from)?;
    let references = framing::take_length(from)?;
    let references = (0..references).map(|_| framing::take_exactly(from).map(RefHash)).collect::<io::Result<_>>()?;
    Ok(Some(Staged { id, digest, name, json, references, disabled, named }))
}

/// Who a reference means: every entry of a read under its DN and, for people, its login.
///
/// A sorted list: 40 bytes an entry, half of what a hash map of the same takes.
#[derive(Debug, Default)]
pub struct References {
    known: Vec<(RefHash, Member)>,
    sorted: bool,
}

impl References {
    /// Remembers that `reference` means `member`.
    pub fn insert(&mut self, reference: RefHash, member: Member) {
        self.known.push((reference, member));
        self.sorted = false;
    }

    /// Makes look-ups possible.
    pub fn sort(&mut self) {
        self.known.sort_unstable();
        self.sorted = true;
    }

    /// Who `reference` means. Two who claim one login are nobody: a group must not let in the wrong one.
    #[must_use]
    pub fn member(&self, reference: &RefHash) -> Option<Member> {
        debug_assert!(self.sorted, "look-ups need `sort` first");
        let at = self.position(reference);
        match (self.known.get(at), self.known.get(at + 1)) {
            (Some((a, member)), Some((b, other))) if a == reference && b == reference => {
                (member == other).then_some(*member)
            }
            (Some((a, member)), _) if a == reference => Some(*member),
            _ => None,
        }
    }

    /// True when each of `meanings`, sorted, is one by [`References::member`]: a walk over both lists.
    #[must_use]
    pub fn agree_on(&self, meanings: &[(RefHash, Member)]) -> bool {
        debug_assert!(self.sorted, "look-ups need `sort` first");
        let mut known = self.known.iter().peekable();
        meanings.iter().all(|(reference, meant)| {
            while known.next_if(|(other, _)| other < reference).is_some() {}
            let mut bearers = std::iter::from_fn(|| known.next_if(|(other, _)| other == reference)).map(|(_, who)| who);
            bearers.next() == Some(meant) && bearers.all(|other| other == meant)
        })
    }

    fn position(&self, reference: &RefHash) -> usize {
        let below = |at: usize| self.known.get(at).is_some_and(|(known, _)| known < reference);
        let leading = |at: usize| self.known.get(at).map_or(0, |(known, _)| spread::leading(&known.0, 0));
        spread::position(self.known.len(), spread::leading(&reference.0, 0), leading, below)
    }

    /// True when nobody is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

/// Everything a full read brought.
#[derive(Debug)]
pub struct Stage {
    /// Users, groups, resources: the sorter of each.
    users: Sorter,
    groups: Sorter,
    resources: Sorter,
    /// Who references mean.
    pub references: References,
}

impl Stage {
    /// A stage that spills into `work`.
    #[must_use]
    pub fn new(work: &Path) -> Self {
        Self {
            users: Sorter::new(work),
            groups: Sorter::new(work),
            resources: Sorter::new(work),
            references: References::default(),
        }
    }

    /// Takes an entry of `kind`.
    ///
    /// # Errors
    /// When it cannot be written out.
    pub fn push(&mut self, kind: MemberKind, staged: Staged) -> io::Result<()> {
        match kind {
            MemberKind::User => self.users.push(staged),
            MemberKind::Group => self.groups.push(staged),
            MemberKind::Resource => self.resources.push(staged),
        }
    }

    /// Ends the read: entries in id order by kind, and who references mean.
    ///
    /// # Errors
    /// When the last entries cannot be written out.
    pub fn finish(mut self) -> io::Result<Sortings> {
        self.references.sort();
        Ok(Sortings {
            users: self.users.finish()?,
            groups: self.groups.finish()?,
            resources: self.resources.finish()?,
            references: self.references,
        })
    }
}

/// A finished [`Stage`].
#[derive(Debug)]
pub struct Sortings {
    /// Users in id order.
    pub users: Sorted,
    /// Groups in id order.
    pub groups: Sorted,
    /// Resources in id order.
    pub resources: Sorted,
    /// Who references mean.
    pub references: References,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out_in_order_from_any_number_of_runs(
            ids in proptest::collection::vec(any::<[u8; 16]>(), 0..200),
            every in 1_usize..50,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut sorter = Sorter::new(dir.path());
            let mut expected = Vec::new();
            for (n, id) in ids.iter().enumerate() {
                let staged = Staged { id: *id, digest: [1; 16], name: format!("n{n}"), json: vec![b'x'; n], references: vec![RefHash(*id); n % 3], disabled: n % 2 == 0, named: n % 5 == 0 };
                expected.push(staged.clone());
                sorter.push(staged).unwrap();
                if n % every == 0 {
                    sorter.spill().unwrap();
                }
            }
            expected.sort();
            let mut sorted = sorter.finish().unwrap();
            for _ in 0..2 {
                let read: Vec<Staged> = sorted.read().unwrap().map(Result::unwrap).collect();
                prop_assert_eq!(&read, &expected);
            }
        }
    }

    proptest! {
        #[test]
        fn every_reference_is_found_and_no_other(
            known in proptest::collection::vec(any::<[u8; 16]>(), 0..300),
            others in proptest::collection::vec(any::<[u8; 16]>(), 0..50),
        ) {
            let member = |hash: &[u8; 16]| Member::User(crate::base::UserId::from_bytes(*hash));
            let mut references = References::default();
            for hash in &known {
                references.insert(RefHash(*hash), member(hash));
            }
            references.sort();
            for hash in known.iter().chain(&others) {
                prop_assert_eq!(references.member(&RefHash(*hash)), known.contains(hash).then(|| member(hash)));
            }
        }
    }

    #[test]
    fn who_manages_somebody_is_written_and_is_no_part_of_the_digest() {
        let json = br#"{"id":"1"}"#.to_vec();
        let mut staged = Staged { digest: digest(&json), json, ..Staged::unusable([1; 16], false, true) };
        let before = staged.clone();
        staged.managed_by(None).unwrap();
        assert_eq!(staged, before);
        let manager = UserId::from_bytes([7; 16]);
        staged.managed_by(Some(manager)).unwrap();
        assert_eq!(String::from_utf8(staged.json).unwrap(), format!(r#"{{"id":"1","manager":"{manager}"}}"#));
        assert_eq!(staged.digest, before.digest);
    }

    #[test]
    fn a_login_that_two_claim_means_nobody() {
        let mut references = References::default();
        let (a, b) = (
            Member::User(crate::base::UserId::from_bytes([1; 16])),
            Member::User(crate::base::UserId::from_bytes([2; 16])),
        );
        references.insert(RefHash([1; 16]), a);
        references.insert(RefHash([2; 16]), a);
        references.insert(RefHash([2; 16]), b);
        references.sort();
        assert_eq!(references.member(&RefHash([1; 16])), Some(a));
        assert_eq!(references.member(&RefHash([2; 16])), None);
        assert_eq!(references.member(&RefHash([3; 16])), None);
    }
}
