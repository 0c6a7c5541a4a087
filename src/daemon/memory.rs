//! The daemon's memory is nobody else's: it holds keys, and for moments passwords.
//!
//! The unit says so too (`LimitCORE=0`); this holds where no unit does, in a container or under another supervisor. What is in
//! memory at all is another matter: see `src/main.rs`.

use anyhow::Context as _;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

/// From now on nothing writes this process's memory to a disk when it dies, and no process of the same account may look into it
/// (`PR_SET_DUMPABLE`, prctl(2); `RLIMIT_CORE`, setrlimit(2)).
///
/// # Errors
/// When the system refuses.
pub fn close() -> anyhow::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0).context("core dumps cannot be switched off")?;
    prctl::set_dumpable(false).context("this process's memory cannot be closed to others")
}
