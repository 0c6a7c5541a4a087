//! Randomness: the only place that asks the operating system for it.

use rand::{SeedableRng, rngs::StdRng};

/// A cryptographically strong generator seeded by the operating system.
///
/// # Errors
/// When the operating system has no randomness to give; nothing that needs a generator can go on.
#[expect(clippy::disallowed_methods, reason = "the one place that may ask the operating system")]
pub fn from_os() -> std::io::Result<StdRng> {
    let mut seed = [0_u8; 32];
    getrandom::fill(&mut seed).map_err(std::io::Error::other)?;
    Ok(StdRng::from_seed(seed))
}
