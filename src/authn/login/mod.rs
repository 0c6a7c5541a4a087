//! Signing in with a name and a password: of the directory, or one that is kept here for a local user. Where that is wanted, with a
//! passkey alone ([`Logins::by_passkey`]).
//!
//! Owns the order in which it is done and what is counted. Nothing of a person rests on what was typed: the name only finds
//! somebody, and from then on it is the id that attempts, devices and records are about. Writing down how a sign-in ended
//! is the gate's part, exchanging the [`Caller`] for a session that of the protocols.
//!
//! ```text
//!  name, limits --> who is meant --> may they try --> their directory or hash --> may they act --> second factor --> Bound
//!                    Verifier::find                     Verifier::verify            the store         factor
//! ```
//!
//! While a directory is away nobody of it signs in: no password is kept to compare with.

mod bound;
mod factor;
mod half;
mod invited;
mod limits;
mod name;
mod passwordless;
mod people;
mod refused;
mod vouched;
mod ways;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

pub use bound::Bound;
pub use factor::{Factor, Factors, Method, Shown};
pub use half::{Half, NewFactor};
pub use invited::{Link, owner_of_code};
pub use name::canonical;
pub use refused::{Reason, Refused};
pub use ways::Passkeys;

use super::Caller;
use super::limiter::Attempts;
use super::password::Passwords;
use super::signed::RequestSource;
use crate::base::network::Neighbours;
use crate::base::{Secret, Timestamp};
use crate::directory::Verifier;
use crate::keys::Keys;
use crate::model::{AccountId, Actor, CredentialOwner, DirectoryLabel};
use crate::store::Store;
use limits::Counters;
use name::Name;

/// Longest password taken, in bytes; the protocols allow 2,048 characters.
const LONGEST_PASSWORD: usize = 8_192;

/// How passwords are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether anybody signs in with a password.
    pub enabled: bool,
    /// Wrong passwords of one person in one window; fewer where the directory locks accounts sooner.
    pub failures: u32,
    /// How long wrong passwords count; longer where the directory counts longer.
    pub window: Duration,
    /// Wrong sign-ins of one address a minute.
    pub per_address: u32,
    /// Whether somebody with the right password is told why the directory refuses nevertheless.
    pub explain: bool,
    /// Longest time a sign-in takes.
    pub timeout: Duration,
    /// Shortest time of a refusal that is to look like others.
    pub least_refusal: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            failures: 3,
            window: Duration::from_secs(15 * 60),
            per_address: 20,
            explain: false,
            timeout: Duration::from_secs(10),
            least_refusal: Duration::from_millis(400),
        }
    }
}

/// A directory whose people sign in.
#[derive(Clone)]
pub struct Door {
    /// Which.
    pub label: DirectoryLabel,
    /// Names without `@label` are its people's.
    pub primary: bool,
    /// Checks their passwords.
    pub verifier: Arc<dyn Verifier>,
}

/// A sign-in.
#[derive(Debug)]
pub struct Attempt {
    /// The name as it was typed.
    pub login: String,
    /// The password.
    pub password: Secret<String>,
    /// A code of a second factor, if one was typed.
    pub code: Option<Secret<String>>,
    /// Where it comes from. Without an address there is no limit of one.
    pub from: RequestSource,
}

/// What sign-ins are checked with.
#[derive(Clone)]
pub struct Parts {
    /// The store.
    pub store: Store,
    /// Opens seeds of devices.
    pub keys: Keys,
    /// The home account.
    pub account: AccountId,
    /// Checks passwords of local users.
    pub passwords: Arc<Passwords>,
    /// Wrong passwords and codes of people, however they were tried.
    pub attempts: Arc<Attempts<(CredentialOwner, String)>>,
    /// Where passkeys are used, and what for.
    pub passkeys: Passkeys,
}

/// Lets people sign in. One for the whole daemon; a reload exchanges its directories and settings, and what was counted
/// stays counted.
pub struct Logins {
    parts: Parts,
    counters: Counters,
    settings: RwLock<Settings>,
    doors: RwLock<Vec<Door>>,
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logins")
    }
}

impl Logins {
    /// Nobody's yet but local users'.
    #[must_use]
    pub fn new(parts: Parts, settings: Settings) -> Self {
        Self { parts, counters: Counters::default(), settings: RwLock::new(settings), doors: RwLock::default() }
    }

    /// From now on people of these directories sign in.
    pub fn open_to(&self, doors: Vec<Door>) {
        *self.doors.write().unwrap_or_else(PoisonError::into_inner) = doors;
    }

    /// From now on by these settings.
    pub fn follow(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// Signs somebody in: the one constructor of a bound [`Caller`]. Record it: call it through the gate.
    ///
    /// To drop it half-way leaves the attempt counted: nobody knows whether the directory has counted it.
    ///
    /// # Errors
    /// Why not; what the error says is for the person, its `detail` for records.
    pub async fn sign_in(&self, attempt: Attempt, now: Timestamp) -> Result<Caller, Refused> {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner).clone();
        let began = Instant::now();
        let tried = tokio::time::timeout(settings.timeout, self.attempt(&settings, attempt, now)).await;
        let tried = tried.unwrap_or_else(|_| {
            Err(Refused::new(Reason::DirectoryUnavailable, format!("no end within {:?}", settings.timeout)))
        });
        match tried {
            Ok(bound) => Ok(bound.into()),
            Err(refused) => {
                let refused = refused.told(settings.explain);
                // What is done differs (a search, a bind, a hash) and so does the time it takes; this evens it out.
                if refused.is_alike() {
                    tokio::time::sleep_until(began + settings.least_refusal).await;
                }
                Err(refused)
            }
        }
    }

    /// Takes a code of the device with this serial number, which has to be `owner`'s: once, within the limits on guessing.
    /// Answers when. Blocks.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn second_factor(
        &self,
        (owner, actor): (CredentialOwner, &Actor),
        serial: &str,
        code: &Secret<String>,
        now: Timestamp,
    ) -> Result<Timestamp, Refused> {
        let Parts { store, keys, account, attempts, .. } = &self.parts;
        factor::check_device((store, keys, attempts), (owner, actor), (account, serial), code, now)
    }

    async fn attempt(&self, settings: &Settings, attempt: Attempt, now: Timestamp) -> Result<Bound, Refused> {
        if !settings.enabled {
            return Err(Refused::new(Reason::Off, "`login.enabled` is false"));
        }
        let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner).clone();
        let labels: Vec<DirectoryLabel> = doors.iter().map(|door| door.label.clone()).collect();
        // Both are looked at before anybody is asked anything.
        let name = Name::read(&attempt.login, &labels).map_err(|why| Refused::new(Reason::MalformedName, why))?;
        presentable(&attempt.password).map_err(|why| Refused::new(Reason::MalformedPassword, why))?;
        let counted = self.counters.arrive(settings, attempt.from.ip.map(Neighbours::of), now)?;
        let tried = self.person(settings, &doors, name, attempt, now).await;
        if tried.as_ref().map_or_else(|refused| !refused.is_guess(), |_| true) {
            self.counters.undone(counted);
        }
        tried
    }
}

/// Whether it is something that may be sent as a password. An empty one makes a bind anonymous, which succeeds (RFC 4513
/// 5.1.2), and servers written in C end one at its first NUL.
fn presentable(password: &Secret<String>) -> Result<(), &'static str> {
    let text = password.expose();
    if text.trim().is_empty() {
        return Err("the password is empty");
    }
    if text.contains('\0') {
        return Err("the password has a NUL");
    }
    if text.len() > LONGEST_PASSWORD { Err("the password is too long") } else { Ok(()) }
}
