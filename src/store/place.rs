//! The state directory: who may look into it, who holds it, and whether a store was ever made in it.
//!
//! ```text
//! DIR/lock          held by the running process, with its pid
//! DIR/initialised   a store was made here: which one, and when
//! DIR/acknowledged  the last commit that was acknowledged
//! DIR/store/        the engine's files
//! DIR/reserve.bin   room for a full disk
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::identity::Identity;
use super::{Revision, StoreError};

/// A state directory this process holds alone, for as long as this lives.
#[derive(Debug)]
pub(super) struct Place {
    dir: PathBuf,
    acknowledged: File,
    _lock: File,
}

impl Place {
    /// Makes the directory if need be, closes it to others, and takes hold of it. Answers also
    /// what had to be corrected.
    ///
    /// Waits for `patience` when another process holds it.
    pub(super) fn hold(dir: &Path, patience: Duration) -> Result<(Self, Vec<String>), StoreError> {
        let fault =
            |why: &str, error: io::Error| refused(dir, format!("{why}: {error}"), "Check `store.dir` and who owns it");
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| fault("it cannot be made", e))?;
        let notices = tighten(dir).map_err(|e| fault("its permissions cannot be set", e))?;
        let lock = lock(dir, patience)?;
        let acknowledged = own_file(&dir.join("acknowledged")).map_err(|e| fault("it cannot be written", e))?;
        let place = Self { dir: dir.to_owned(), acknowledged, _lock: lock };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(place.store())
            .map_err(|e| fault("it cannot be written", e))?;
        Ok((place, notices))
    }

    /// The state directory.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the engine's files are.
    pub(super) fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    /// The last commit that was acknowledged here; `None` where nobody remembers.
    ///
    /// A damaged log reads like one that was cut short: the engine drops what follows and says
    /// nothing. Only somebody else who remembers how far it went can tell.
    pub(super) fn acknowledged(&self) -> Option<Revision> {
        let mut text = [0; DIGITS];
        match self.acknowledged.read_exact_at(&mut text, 0) {
            Ok(()) => std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()),
            Err(_) => None,
        }
    }

    /// Remembers that `revision` is on disk and is about to be acknowledged.
    ///
    /// Not synced: it never runs ahead of what is on disk, and after a power cut it may lag.
    pub(super) fn acknowledge(&self, revision: Revision) {
        let text = format!("{revision:0DIGITS$}");
        if let Err(error) = self.acknowledged.write_all_at(text.as_bytes(), 0) {
            tracing::warn!(%error, "cannot remember the last acknowledged commit");
        }
    }

    /// The store that was made here, if one ever was.
    pub(super) fn marker(&self) -> Result<Option<Identity>, StoreError> {
        let path = self.dir.join(MARKER);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| {
                let remedy = format!("If the store is whole, delete {} and start again", path.display());
                refused(&self.dir, format!("{} is damaged: {error}", path.display()), &remedy)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(refused(&self.dir, format!("{}: {error}", path.display()), "Check who owns it")),
        }
    }

    /// Remembers that this store was made here.
    pub(super) fn mark(&self, identity: &Identity) -> Result<(), StoreError> {
        let written = || -> io::Result<()> {
            let unfinished = self.dir.join("initialised.new");
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
            serde_json::to_writer(&mut file, identity)?;
            file.sync_all()?;
            fs::rename(&unfinished, self.dir.join(MARKER))?;
            sync_directory(&self.dir)
        };
        written().map_err(|error| refused(&self.dir, format!("{MARKER} cannot be written: {error}"), "Free some space"))
    }
}

/// Digits of the largest revision.
const DIGITS: usize = 20;

/// Name of the marker file.
pub(super) const MARKER: &str = "initialised";

/// Makes a rename inside `dir` durable.
pub(super) fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// The store in `dir` is not opened.
pub(super) fn refused(dir: &Path, why: String, remedy: &str) -> StoreError {
    StoreError::CannotOpen { path: dir.to_owned(), why, remedy: remedy.to_owned() }
}

/// Takes away what others may do in `dir`: people's names and the audit log are in it.
fn tighten(dir: &Path) -> io::Result<Vec<String>> {
    let mode = fs::metadata(dir)?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(Vec::new());
    }
    fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    Ok(vec![format!("{} was open to others (mode {mode:03o}); set to 700", dir.display())])
}

/// How long until a lock that another process holds is tried again.
const AGAIN: Duration = Duration::from_millis(20);

/// The lock falls with the process, however it ends, so it is never stale.
fn lock(dir: &Path, patience: Duration) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let fault = |error: io::Error| refused(dir, format!("{}: {error}", path.display()), "Check who owns it");
    let mut file = own_file(&path).map_err(fault)?;
    let begun = Instant::now();
    let mut told = false;
    let locked = loop {
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) if begun.elapsed() < patience => {
                if !std::mem::replace(&mut told, true) {
                    let (dir, seconds) = (dir.display(), patience.as_secs());
                    tracing::info!(%dir, seconds, "another process holds the store; waiting at most so long for its end");
                }
                std::thread::sleep(AGAIN);
            }
            locked => break locked,
        }
    };
    match locked {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _ = (&mut file).take(20).read_to_string(&mut pid);
            // Between its lock and its pid a process is there without a number.
            let (who, how) = match pid.trim() {
                "" => (String::new(), String::new()),
                pid => (format!(", pid {pid}"), format!(", or `kill {pid}`")),
            };
            let remedy = format!("Stop that process (`systemctl stop bailey`{how}), or ask it through its socket");
            return Err(refused(dir, format!("another process holds it{who}"), &remedy));
        }
        Err(fs::TryLockError::Error(error)) => return Err(fault(error)),
    }
    // The pid is there for people; on a full disk the lock holds without it.
    let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
    Ok(file)
}

/// A file nobody else may read, with what is in it already.
fn own_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}
