//! Changes on their way from plan to apply: in memory while few, in an unnamed file when many.

use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use tempfile::SpooledTempFile;

use super::change::Change;

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
        serde_json::to_writer(&mut self.lines, change)?;
        self.lines.write_all(b"\n")?;
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
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            visit(serde_json::from_slice(&line).map_err(io::Error::from)?)?;
            line.clear();
        }
        file.seek(SeekFrom::End(0))?;
        Ok(())
    }
}
