//! The directory where a person's sessions are kept between two commands: closed to everybody else, or not used at all.
//!
//! Owns how files lie there, not what is in them: directory 0700, files 0600, replaced as a whole, never reached through a
//! symbolic link. What somebody else could have read or written is refused, and never repaired silently: it may have been read.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::unistd::geteuid;
use zeroize::Zeroizing;

/// Longest file that is read, in bytes: a session takes less than four thousand.
const LONGEST: u64 = 64 << 10;

/// How long somebody else's refresh is waited for, and how often it is looked after.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// Why a kept file is not used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Nobody says where it is.
    #[error("there is no place for sessions: neither XDG_CACHE_HOME nor HOME is an absolute path")]
    Nowhere,
    /// Others could have read or changed it.
    #[error("{} is not used: {why}; look at what it is, then remove it and sign in anew", path.display())]
    Open {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
    /// The disk says no.
    #[error("{}: {why}", path.display())]
    Failed {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// Somebody else is at it for too long.
    #[error("another process has been refreshing these credentials for {} s; is it stopped?", PATIENCE.as_secs())]
    Busy,
}

/// The directory.
#[derive(Debug, Clone)]
pub struct Cache(PathBuf);

/// One process at a time; let go when dropped, or when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

impl Cache {
    /// The directory `bailey` below `cache_home`, or below `.cache` of `home` where that is none (XDG Base Directory
    /// Specification: a path that is not absolute counts as unset). Made, if it is not there.
    ///
    /// # Errors
    /// When it cannot be made, or others may look into it.
    pub fn open(cache_home: Option<PathBuf>, home: Option<PathBuf>) -> Result<Self, CacheError> {
        let absolute = |path: Option<PathBuf>| path.filter(|path| path.is_absolute());
        let above = absolute(cache_home).or_else(|| absolute(home).map(|home| home.join(".cache")));
        let cache = Self(above.ok_or(CacheError::Nowhere)?.join("bailey"));
        let failed = |why| CacheError::Failed { path: cache.0.clone(), why };
        let open = |why| Err(CacheError::Open { path: cache.0.clone(), why });
        DirBuilder::new().recursive(true).mode(0o700).create(&cache.0).map_err(failed)?;
        let found = std::fs::symlink_metadata(&cache.0).map_err(failed)?;
        if !found.is_dir() {
            return open("it is a symbolic link, not a directory");
        }
        closed(&found).map_or(Ok(cache.clone()), open)
    }

    /// Where the file called `name` is.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What is in the file called `name`; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or others could.
    pub fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, CacheError> {
        read_closed(&self.path(name))
    }

    /// Puts `bytes` in the place of the file called `name`: whoever reads it meets the old or the new one, whole.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), CacheError> {
        replace_closed(&self.path(name), bytes)
    }

    /// Removes the file called `name`, if it is there.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn remove(&self, name: &str) -> Result<(), CacheError> {
        match std::fs::remove_file(self.path(name)) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(CacheError::Failed { path: self.path(name), why }),
            _ => Ok(()),
        }
    }

    /// The names that begin with `start` and end with `.json`, sorted.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn names(&self, start: &str) -> Result<Vec<String>, CacheError> {
        let failed = |why| CacheError::Failed { path: self.0.clone(), why };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.0).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            names.extend(
                name.to_str().filter(|name| name.starts_with(start) && name.ends_with(".json")).map(str::to_owned),
            );
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Waits until no other process holds the lock called `name`.
    ///
    /// # Errors
    /// When it takes too long, or the disk says no.
    pub async fn lock(&self, name: &str) -> Result<Lock, CacheError> {
        let path = self.path(name);
        let failed = |why| CacheError::Failed { path: path.clone(), why };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits());
        let file = options.open(&path).map_err(failed)?;
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                match file.try_lock() {
                    Ok(()) => return Ok(()),
                    Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
                    Err(TryLockError::Error(why)) => return Err(failed(why)),
                }
            }
        });
        waited.await.map_err(|_| CacheError::Busy)??;
        Ok(Lock(file))
    }
}

/// What is in a file that is ours alone; `None` where there is none. A symbolic link is not followed.
///
/// # Errors
/// When it cannot be read, or others could.
pub fn read_closed(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, CacheError> {
    let failed = |why| CacheError::Failed { path: path.to_owned(), why };
    let open = |why| Err(CacheError::Open { path: path.to_owned(), why });
    // Nor is a pipe waited for that lies in its place.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) if why.raw_os_error() == Some(nix::errno::Errno::ELOOP as i32) => {
            return open("it is a symbolic link");
        }
        Err(why) => return Err(failed(why)),
    };
    // Of what was opened, not of what the name leads to by now.
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() {
        return open("it is no regular file");
    }
    if let Some(why) = closed(&found) {
        return open(why);
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LONGEST { open("it is too long") } else { Ok(Some(bytes)) }
}

/// Puts a file that is ours alone in the place of `path`, in one step (rename(2)).
///
/// # Errors
/// When the disk says no.
pub fn replace_closed(path: &Path, bytes: &[u8]) -> Result<(), CacheError> {
    let failed = |why| CacheError::Failed { path: path.to_owned(), why };
    let beside = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Made with 0600 (tempfile), under a name that nobody knows.
    let mut file = tempfile::NamedTempFile::new_in(beside).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// What is wrong with who may open it.
fn closed(found: &std::fs::Metadata) -> Option<&'static str> {
    if found.uid() != geteuid().as_raw() {
        Some("it belongs to somebody else")
    } else if found.mode() & 0o077 != 0 {
        Some("others than its owner may open it")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(home.path().to_owned()), None).unwrap();
        (home, cache)
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn it_is_where_the_specification_says_and_closed() {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some("relative".into()), Some(home.path().to_owned())).unwrap();
        assert_eq!((cache.path("").as_path(), mode(&cache.0)), (home.path().join(".cache/bailey/").as_path(), 0o700));
        cache.write("a.json", b"one").unwrap();
        cache.write("a.json", b"two").unwrap();
        assert_eq!(mode(&cache.path("a.json")), 0o600);
        assert_eq!(cache.read("a.json").unwrap().unwrap().as_slice(), b"two");
        assert_eq!((cache.names("a").unwrap(), cache.names("b").unwrap()), (vec!["a.json".to_owned()], Vec::new()));
        cache.remove("a.json").unwrap();
        cache.remove("a.json").unwrap();
        assert!(cache.read("a.json").unwrap().is_none());
        assert!(matches!(Cache::open(None, Some("x".into())), Err(CacheError::Nowhere)));
    }

    #[test]
    fn what_others_could_have_touched_is_not_used() {
        let (home, cache) = cache();
        let refused = |name: &str| cache.read(name).unwrap_err().to_string();
        for (name, mode) in [("group", 0o640), ("world", 0o604), ("written", 0o602)] {
            cache.write(name, b"x").unwrap();
            std::fs::set_permissions(cache.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(refused(name).contains("others than its owner may open it"), "{name}");
        }
        cache.write("real", b"x").unwrap();
        symlink(cache.path("real"), cache.path("link")).unwrap();
        assert!(refused("link").contains("it is a symbolic link"));
        std::fs::create_dir(cache.path("directory")).unwrap();
        assert!(refused("directory").contains("no regular file"));
        cache.write("long", &[b'x'; 65_537]).unwrap();
        assert!(refused("long").contains("too long"));

        std::fs::set_permissions(&cache.0, std::fs::Permissions::from_mode(0o755)).unwrap();
        let opened = Cache::open(Some(home.path().to_owned()), None);
        assert!(opened.unwrap_err().to_string().contains("others than its owner"));
        let linked = tempfile::tempdir().unwrap();
        symlink(&cache.0, linked.path().join("bailey")).unwrap();
        let opened = Cache::open(Some(linked.path().to_owned()), None);
        assert!(opened.unwrap_err().to_string().contains("symbolic link"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lock_is_held_by_one_and_not_waited_for_without_end() {
        let (_home, cache) = cache();
        let held = cache.lock("x.lock").await.unwrap();
        assert!(matches!(cache.lock("x.lock").await, Err(CacheError::Busy)));
        drop(held);
        cache.lock("x.lock").await.unwrap();
    }
}
