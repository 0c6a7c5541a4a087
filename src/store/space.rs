//! Room on the disk: how much there is, and the reserve that is given up when there is none.
//!
//! A full disk must not stop anybody from being locked out, nor the daemon from starting again.
//! So a file of real blocks lies beside the store. When the disk is full it is deleted, and what
//! it held is spent only on what takes access away. It is made again when there is room.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::statvfs::statvfs;

/// Room on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// Bytes we may still write.
    pub(super) free: u64,
    /// Bytes in all.
    pub(super) total: u64,
}

/// Room on the file system that holds `path`.
pub(super) fn room(path: &Path) -> io::Result<Room> {
    let stat = statvfs(path).map_err(io::Error::from)?;
    let block = stat.fragment_size();
    Ok(Room { free: stat.blocks_available() * block, total: stat.blocks() * block })
}

/// True for what a full disk, or a used-up quota, answers.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The reserve file.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    spent: AtomicBool,
}

impl Reserve {
    /// The reserve of `bytes` in `dir`, made if there is room for it. Left over from a run on a
    /// full disk, it counts as spent until there is.
    pub(super) fn open(dir: &Path, bytes: u64) -> Self {
        let reserve = Self { path: dir.join("reserve.bin"), bytes, spent: AtomicBool::new(true) };
        let whole = fs::metadata(&reserve.path).is_ok_and(|file| file.len() == bytes);
        if whole {
            reserve.spent.store(false, Ordering::Release);
        } else {
            reserve.try_restore();
        }
        reserve
    }

    /// True while it is given up.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Acquire)
    }

    /// Gives its room to the store.
    pub(super) fn give_up(&self) {
        self.spent.store(true, Ordering::Release);
        match fs::remove_file(&self.path) {
            Ok(()) => tracing::error!(
                path = %self.path.display(),
                "the disk is full: gave up the reserve; only what takes access away is accepted until there is room"
            ),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::error!(path = %self.path.display(), %error, "cannot give up the reserve"),
        }
    }

    /// Makes it again if there is room.
    pub(super) fn try_restore(&self) {
        if !self.is_spent() || !self.is_affordable() {
            return;
        }
        match self.make() {
            Ok(()) => self.spent.store(false, Ordering::Release),
            Err(error) => tracing::warn!(path = %self.path.display(), %error, "cannot make the reserve"),
        }
    }

    /// Twice its size, so that making it does not bring back what it is for, and a margin that
    /// keeps a disk that hovers around full from flapping.
    fn is_affordable(&self) -> bool {
        self.path.parent().and_then(|dir| room(dir).ok()).is_some_and(|room| {
            let margin = (room.total / 20).min(LARGEST_MARGIN);
            room.free > self.bytes.saturating_mul(2).saturating_add(margin)
        })
    }

    fn make(&self) -> io::Result<()> {
        let unfinished = self.path.with_extension("bin.new");
        let made = self.fill(&unfinished).and_then(|()| fs::rename(&unfinished, &self.path));
        if made.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        made
    }

    /// `posix_fallocate` takes real blocks; a file only made long would hold none.
    fn fill(&self, path: &Path) -> io::Result<()> {
        let file = File::create(path)?;
        let bytes = i64::try_from(self.bytes).map_err(io::Error::other)?;
        if bytes > 0 {
            nix::fcntl::posix_fallocate(&file, 0, bytes)?;
        }
        file.sync_all()
    }
}

/// Margin on large disks.
const LARGEST_MARGIN: u64 = 256 * 1024 * 1024;
