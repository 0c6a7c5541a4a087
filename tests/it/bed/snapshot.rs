//! What takes long to make is made once: directories kept in the build's own `target`, by the digest of their making.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// The directory that `make` makes, from an earlier test if there was one. `recipe` is all that decides what it holds.
///
/// Tests run in many processes at once: one makes, the others wait. A maker that is killed leaves nothing that counts.
pub(crate) fn made_once(name: &str, recipe: &[impl AsRef<str>], make: impl FnOnce(&Path)) -> PathBuf {
    let mut digest = Sha256::new();
    for part in recipe.iter().map(AsRef::as_ref) {
        digest.update(str::len(part).to_le_bytes());
        digest.update(part);
    }
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(kept).unwrap();
    let name = format!("{name}-{}", &hex::encode(digest.finalize())[..16]);
    let snapshot = kept.join(&name);
    let lock = File::create(kept.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    if !snapshot.exists() {
        let unfinished = tempfile::Builder::new().prefix("unfinished-").tempdir_in(kept).unwrap();
        make(unfinished.path());
        fs::rename(unfinished.keep(), &snapshot).unwrap();
    }
    snapshot
}
