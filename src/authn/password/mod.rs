//! Passwords of local users: hashed, verified, and judged before they are set.
//!
//! Argon2id as OWASP's password storage cheat sheet has it: 46 MiB, one pass, one lane. Hashes are PHC strings, so
//! that costs can be raised later: what was made more cheaply is still verified, and says that it wants
//! hashing anew. Everything here blocks and belongs on a thread that may be blocked. Directory passwords
//! do not come here, they are the directory's to check; keys that we draw ourselves have 256 random bits
//! and need no slow hash.

mod judge;
mod queue;

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version};
use rand::CryptoRng;

pub use judge::{RefusedError, easily_guessed, judge};
use queue::{Full, Queue};

use crate::base::{Fault, Faulty, Secret};
use crate::model::LoginProfile;
use crate::model::password_policy::normal;

/// What a new hash costs, in KiB, passes and lanes.
const MEMORY: u32 = 46 * 1_024;
const PASSES: u32 = 1;
const LANES: u32 = 1;

/// What a stored hash may cost to verify. A damaged row, or one that somebody restored, must not take all memory.
const MOST_MEMORY: u32 = 256 * 1_024;
const MOST_PASSES: u32 = 10;
const MOST_LANES: u32 = 4;

/// Hashes at once, and how many may wait for them. At 100 ms each (measured on a shared core) the last waits less than
/// two seconds; they hold 92 MiB.
const AT_ONCE: usize = 2;
const MOST_WAITING: usize = 32;

/// Bytes of a salt (RFC 9106, section 3.1).
const SALT: usize = 16;

const COST: Params = match Params::new(MEMORY, PASSES, LANES, None) {
    Ok(cost) => cost,
    // Evaluated by the compiler.
    Err(_) => panic!("costs that Argon2 does not know"),
};

/// Hashes and verifies passwords, few at a time. One for the whole daemon: two would run twice as many.
#[derive(Debug)]
pub struct Passwords {
    queue: Queue,
    cost: Params,
}

/// What makes two hashes of one password differ. Drawn before hashing begins, so that nobody holds the generator
/// while waiting for a turn; used once.
#[derive(Debug)]
pub struct Salt([u8; SALT]);

/// The password was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matching {
    /// Its hash is a cheaper one than is made today: replace it, now that the password is here.
    pub rehash: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The queue is full.
    #[error("too many passwords are being checked at once: try again in a moment")]
    Busy,
    /// A stored hash is no PHC string of Argon2id with a cost that we pay.
    #[error("the stored hash of the password cannot be read: set a new password")]
    Unreadable,
    /// Argon2 gave up: no memory.
    #[error("the password could not be hashed: there is not enough memory")]
    Unhashed,
}

impl Faulty for PasswordError {
    fn fault(&self) -> Fault {
        match self {
            Self::Busy => Fault::Caller,
            Self::Unreadable | Self::Unhashed => Fault::Operator,
        }
    }
}

impl Salt {
    /// Draws one.
    #[must_use]
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut salt = [0; SALT];
        rng.fill_bytes(&mut salt);
        Self(salt)
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self { queue: Queue::new(AT_ONCE, MOST_WAITING), cost: COST }
    }
}

impl Passwords {
    /// The password's hash, a PHC string.
    ///
    /// # Errors
    /// When too many are at it, or memory is short.
    pub fn hash(&self, password: &Secret<String>, salt: Salt) -> Result<String, PasswordError> {
        let _turn = self.queue.turn()?;
        let password = normal(password);
        let hash = self.argon2().hash_password_with_salt(password.expose().as_bytes(), &salt.0);
        hash.map(|hash: PasswordHash| hash.to_string()).map_err(|_| PasswordError::Unhashed)
    }

    /// Whether `hash` is that of `password`; `None` when it is not.
    ///
    /// # Errors
    /// When too many are at it, or the hash cannot be read.
    pub fn verify(&self, password: &Secret<String>, hash: &str) -> Result<Option<Matching>, PasswordError> {
        let (hash, cost) = payable(hash)?;
        let _turn = self.queue.turn()?;
        let password = normal(password);
        // The crate compares in constant time.
        match self.argon2().verify_password(password.expose().as_bytes(), &hash) {
            Ok(()) => Ok(Some(Matching { rehash: self.cheap(&hash, &cost) })),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(None),
            Err(_) => Err(PasswordError::Unhashed),
        }
    }

    /// Takes as long as [`Self::verify`] does, for a name that nobody bears or that has no password.
    ///
    /// Otherwise the time would tell who exists. It still does for somebody whose hash is an older, cheaper
    /// one, until they sign in the next time.
    ///
    /// # Errors
    /// When too many are at it.
    pub fn verify_nobody(&self, password: &Secret<String>) -> Result<(), PasswordError> {
        let hash = self.hash(password, Salt([0; SALT]))?;
        std::hint::black_box(hash);
        Ok(())
    }

    /// Whether `password` is the present one or one of the `earlier` before it.
    ///
    /// # Errors
    /// When too many are at it. An earlier hash that cannot be read bars nothing.
    pub fn reused(
        &self,
        profile: &LoginProfile,
        password: &Secret<String>,
        earlier: usize,
    ) -> Result<bool, PasswordError> {
        // A turn for each: whoever signs in meanwhile waits for one hash, not for 25.
        for hash in std::iter::once(&profile.hash).chain(profile.previous.iter().take(earlier)) {
            match self.verify(password, hash) {
                Ok(Some(_)) => return Ok(true),
                Ok(None) | Err(PasswordError::Unreadable) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    fn argon2(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.cost.clone())
    }

    /// Whether a hash is one that we would make dearer today. One that costs more stays as it is.
    fn cheap(&self, hash: &PasswordHash, cost: &Params) -> bool {
        cost.m_cost() < self.cost.m_cost()
            || cost.t_cost() < self.cost.t_cost()
            || hash.version != Some(Version::V0x13.into())
            || hash.hash.as_ref().is_none_or(|output| output.len() < Params::DEFAULT_OUTPUT_LEN)
    }
}

/// The hash as it is meant, and what it costs, if that is within bounds.
fn payable(text: &str) -> Result<(PasswordHash, Params), PasswordError> {
    let hash = PasswordHash::new(text).map_err(|_| PasswordError::Unreadable)?;
    let cost = Params::try_from(&hash).map_err(|_| PasswordError::Unreadable)?;
    let ours = hash.algorithm == Algorithm::Argon2id.ident() && hash.salt.is_some() && hash.hash.is_some();
    let within = cost.m_cost() <= MOST_MEMORY && cost.t_cost() <= MOST_PASSES && cost.p_cost() <= MOST_LANES;
    if ours && within { Ok((hash, cost)) } else { Err(PasswordError::Unreadable) }
}

impl From<Full> for PasswordError {
    fn from(Full: Full) -> Self {
        Self::Busy
    }
}

#[cfg(test)]
mod tests;
