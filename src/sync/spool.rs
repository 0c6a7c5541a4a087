//! Changes on their way from plan to apply: in memory while few, in an unnamed file when many.
//!
//! What a first load consists of, rows and members that are new, is written as bytes; a million lines of JSON took longer
//! to write and read than what they are for. Everything else is seldom much, and is JSON.

use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use tempfile::SpooledTempFile;

use super::change::{Act, Change, RowJson};
use super::framing;
use crate::base::GroupId;
use crate::model::{Member, MemberKind, RefHash};

/// Bytes held in memory before a file is used: a change that follows an event never touches the disk.
const IN_MEMORY: usize = 256 << 10;

/// A growing list of changes.
#[derive(Debug)]
pub struct Spool {
    lines: BufWriter<SpooledTempFile>,
    count: u64,
}

impl Spool {
    /// An empty one that spills into `work`.
    #[must_use]
    pub fn new(work: &Path) -> Self {
        Self { lines: BufWriter::with_capacity(1 << 16, tempfile::spooled_tempfile_in(IN_MEMORY, work)), count: 0 }
    }

    /// Adds a change.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn push(&mut self, change: &Change) -> io::Result<()> {
        write_change(&mut self.lines, change)?;
        self.count += 1;
        Ok(())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.count
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Visits all changes from the beginning.
    ///
    /// # Errors
    /// When they cannot be read back; the first error `visit` answers.
    pub fn for_each<E: From<io::Error>>(&mut self, mut visit: impl FnMut(Change) -> Result<(), E>) -> Result<(), E> {
        self.lines.flush()?;
        let file = self.lines.get_mut();
        file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::with_capacity(1 << 16, &mut *file);
        while let Some(change) = read_change(&mut reader)? {
            visit(change)?;
        }
        file.seek(SeekFrom::End(0))?;
        Ok(())
    }
}

const ADD: u8 = 1;
const JOIN: u8 = 2;
const JSON: u8 = 3;

fn write_change(to: &mut impl Write, change: &Change) -> io::Result<()> {
    match (change, &change.act) {
        (Change { subject, rule: None, .. }, Act::Add { digest, name, entity }) => {
            to.write_all(&[ADD])?;
            write_member(to, subject)?;
            to.write_all(&digest.0)?;
            framing::put(to, name.as_str().as_bytes())?;
            framing::put(to, entity.as_str().as_bytes())
        }
        (Change { subject: Member::Group(group), rule: None, .. }, Act::Join { member, reference }) => {
            to.write_all(&[JOIN])?;
            to.write_all(group.as_bytes())?;
            write_member(to, member)?;
            to.write_all(&reference.0)
        }
        _ => {
            to.write_all(&[JSON])?;
            framing::put(to, &serde_json::to_vec(change)?)
        }
    }
}

fn read_change(from: &mut impl Read) -> io::Result<Option<Change>> {
    let Some([form]) = framing::next(from)? else { return Ok(None) };
    let (subject, act) = match form {
        ADD => {
            let subject = read_member(from)?;
            let digest = RefHash(framing::take_exactly(from)?);
            let name = text(from)?.parse().map_err(io::Error::other)?;
            (subject, Act::Add { digest, name, entity: RowJson::new(text(from)?) })
        }
        JOIN => {
            let group = Member::Group(GroupId::from_bytes(framing::take_exactly(from)?));
            let member = read_member(from)?;
            (group, Act::Join { member, reference: RefHash(framing::take_exactly(from)?) })
        }
        _ => return Ok(Some(serde_json::from_slice(&framing::take(from)?)?)),
    };
    Ok(Some(Change { subject, act, rule: None }))
}

fn write_member(to: &mut impl Write, member: &Member) -> io::Result<()> {
    to.write_all(&[member.kind().byte()])?;
    to.write_all(member.id_bytes())
}

fn read_member(from: &mut impl Read) -> io::Result<Member> {
    let [kind] = framing::take_exactly(from)?;
    let kind = MemberKind::from_byte(kind).ok_or_else(|| io::Error::other("no such kind of member"))?;
    Ok(Member::from_parts(kind, framing::take_exactly(from)?))
}

fn text(from: &mut impl Read) -> io::Result<String> {
    String::from_utf8(framing::take(from)?).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UserId;
    use crate::sync::change::Rule;

    #[test]
    fn every_kind_of_change_comes_back_as_it_was_and_in_order() {
        let user = Member::User(UserId::from_bytes([7; 16]));
        let group = GroupId::from_bytes([8; 16]);
        let reference = RefHash([9; 16]);
        let name = "ann".parse().unwrap();
        let acts = [
            Act::Add { digest: reference, name, entity: RowJson::new(r#"{"name":"ann"}"#.to_owned()) },
            Act::Update { digest: reference, entity: RowJson::new("{}".to_owned()), fields: Vec::new() },
            Act::Delete,
            Act::Join { member: user, reference },
            Act::Leave { member: user },
            Act::Respell { member: user, reference },
            Act::Await { reference },
            Act::Settle { reference },
        ];
        let rules = [None, Some(Rule::Loss(group))];
        let changes: Vec<Change> = acts
            .into_iter()
            .flat_map(|act| rules.map(|rule| Change { subject: Member::Group(group), act: act.clone(), rule }))
            .collect();
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(dir.path());
        // Enough to spill.
        for change in std::iter::repeat_n(&changes, 400).flatten() {
            spool.push(change).unwrap();
        }
        for _ in 0..2 {
            let mut back = Vec::new();
            spool
                .for_each(|change| -> io::Result<()> {
                    back.push(serde_json::to_string(&change)?);
                    Ok(())
                })
                .unwrap();
            let expected: Vec<String> = changes.iter().map(|change| serde_json::to_string(change).unwrap()).collect();
            assert_eq!(back.len() as u64, spool.len());
            assert!(back.chunks(expected.len()).all(|chunk| chunk == expected));
        }
    }
}
