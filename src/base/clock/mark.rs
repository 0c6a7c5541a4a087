//! How far time had come, in a file of the state directory, for the next start.
//!
//! A file and not a row: it is written every few seconds for years, where every commit leaves an entry in the journal; and it is
//! written in place, so that a full disk takes it. The store knows the time of its last commit besides.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::Timestamp;

/// Where time stood when it was written down last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// How far it had come for certain.
    pub line: Timestamp,
    /// The latest time ever answered: later where the clock leapt ahead and came back. Times up to it, wherever they are written,
    /// say nothing about how far time has come.
    pub latest: Timestamp,
    /// Whether the clock was ahead, and nobody had said that it is right.
    pub ahead: bool,
}

/// The file.
#[derive(Debug)]
pub struct Mark {
    file: File,
    reached: Option<Reached>,
}

impl Mark {
    /// Opens the file, or makes it, which nobody else may read or write. One that is damaged says nothing.
    ///
    /// # Errors
    /// When the file system does not let us.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let mut text = [0; LENGTH];
        let reached = match file.read_exact_at(&mut text, 0) {
            Ok(()) => parse(&text),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            Err(error) => return Err(error),
        };
        Ok(Self { file, reached })
    }

    /// What was written down when it was opened.
    #[must_use]
    pub fn reached(&self) -> Option<Reached> {
        self.reached
    }

    /// Writes down how far time has come; it is on the disk when this returns. Blocks.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn keep(&self, reached: &Reached) -> io::Result<()> {
        self.file.write_all_at(spell(reached).as_bytes(), 0)?;
        self.file.sync_data()
    }
}

/// Two moments in microseconds since the epoch, and `1` where the clock was ahead: as long whatever they are, so that it is
/// written in place, and within one sector.
fn spell(reached: &Reached) -> String {
    let micros = |at: Timestamp| at.as_microsecond().max(0);
    format!("{:0DIGITS$} {:0DIGITS$} {}\n", micros(reached.line), micros(reached.latest), u8::from(reached.ahead))
}

fn parse(text: &[u8]) -> Option<Reached> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('\n')?;
    let (line, rest) = text.split_once(' ')?;
    let (latest, ahead) = rest.split_once(' ')?;
    let moment = |text: &str| Timestamp::from_microsecond(text.parse().ok()?).ok();
    Some(Reached { line: moment(line)?, latest: moment(latest)?, ahead: ahead == "1" })
}

/// Digits of the largest moment.
const DIGITS: usize = 19;

/// Bytes of the file.
const LENGTH: usize = 2 * DIGITS + 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_again_and_a_damaged_one_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clock");
        assert_eq!(Mark::open(&path).unwrap().reached(), None);
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (line, latest, ahead) in [
            (at("2026-03-12T12:00:00.123456Z"), at("9999-01-01T00:00:00Z"), true),
            (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH, false),
        ] {
            let reached = Reached { line, latest, ahead };
            Mark::open(&path).unwrap().keep(&reached).unwrap();
            assert_eq!(Mark::open(&path).unwrap().reached(), Some(reached));
            assert_eq!(std::fs::metadata(&path).unwrap().len(), LENGTH as u64);
        }
        for damaged in ["", "1 2 0\n", &"x".repeat(LENGTH), &"9".repeat(LENGTH), &"\u{e9}".repeat(LENGTH / 2)] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(Mark::open(&path).unwrap().reached(), None, "{damaged}");
        }
    }
}
