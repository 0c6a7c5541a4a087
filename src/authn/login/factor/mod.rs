//! The second factor of a sign-in: a code of a device, a passkey, or a recovery code. Whatever is shown counts once.
//!
//! The one place that knows what somebody has ([`Factors`]) and takes any of it ([`check`]); whoever asks for a factor at another
//! moment than a sign-in goes through [`super::Logins::factors`], [`super::Logins::ask_passkey`] and [`super::Logins::show`].

mod code;
mod passkey;
mod recovery;

pub(super) use code::check_device;
pub(super) use passkey::{refusal as passkey_refusal, unspent, write as write_passkey};

use super::{Parts, Reason, Refused};
use crate::authn::limiter::{Attempt, Attempts};
use crate::authn::webauthn::Answer;
use crate::base::{Secret, Timestamp, UserId};
use crate::model::{Actor, CredentialOwner, recovery_codes};
use crate::store::{Snapshot, Store, StoreError, credentials, factors, identity};

/// How often a row is read anew when somebody else wrote it meanwhile.
const ATTEMPTS: usize = 5;

/// Wrong codes, by owner and device; those that somebody types to put a device into use are among them.
type Codes = Attempts<(CredentialOwner, String)>;

/// Guesses at codes that were begun.
type Guesses = Vec<Attempt<(CredentialOwner, String)>>;

/// What recovery codes are counted as, beside the names of devices, which have no blank.
const RECOVERY: &str = "a recovery code";

/// What somebody shows.
#[derive(Debug)]
pub enum Shown {
    /// A code that was typed: of a device, or a recovery code. Which one its form tells.
    Code(Secret<String>),
    /// What a browser answered to [`super::Logins::ask_passkey`].
    Passkey(Answer),
}

impl From<Secret<String>> for Shown {
    fn from(code: Secret<String>) -> Self {
        Self::Code(code)
    }
}

/// A second factor that was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor {
    /// When.
    pub at: Timestamp,
    /// What.
    pub by: Method,
}

/// By what somebody showed a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A code of a device.
    Code,
    /// A passkey.
    Passkey {
        /// Whether it can be copied to other devices.
        can_sync: bool,
    },
    /// What they showed to an outside provider, which the configuration believes about that.
    Vouched,
    /// A recovery code.
    ///
    /// It counts as a second factor wherever one is asked for, and for `aws:MultiFactorAuthPresent`: it is something that one has, which
    /// NIST SP 800-63B-4 (section 3.1.2, look-up secrets) takes beside a password as it takes a device. Were it worth less, whoever
    /// lost a device could sign in and not reach the roles that they are on call for. It is told (`amr`, the audit log, the page), so
    /// that a policy of a client can ask for more; and it never signs anybody in without a password.
    RecoveryCode {
        /// How many are left.
        left: usize,
    },
}

impl Method {
    /// Words of RFC 8176, section 2, for it. A passkey that is bound to one device is taken for a key in hardware, as the device says;
    /// one that is copied between devices cannot be. The registry has no word for a recovery code.
    #[must_use]
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Code => &["otp", "mfa"],
            Self::Passkey { can_sync: false } => &["hwk", "user", "mfa"],
            Self::Passkey { can_sync: true } => &["swk", "user", "mfa"],
            Self::Vouched => &["federated", "mfa"],
            Self::RecoveryCode { .. } => &["recovery_code", "mfa"],
        }
    }
}

/// What somebody could show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Factors {
    /// Devices that show codes.
    pub devices: usize,
    /// Passkeys and security keys.
    pub passkeys: usize,
    /// Recovery codes that still count.
    pub recovery_codes: usize,
}

impl Factors {
    /// What `user` has.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(snapshot: &dyn Snapshot, user: &UserId) -> Result<Self, StoreError> {
        Ok(Self {
            devices: credentials::mfa_devices_of(snapshot, &CredentialOwner::User(*user))?.len(),
            passkeys: factors::passkeys_of(snapshot, user)?.len(),
            recovery_codes: match factors::recovery_codes(snapshot, user)? {
                Some(codes) => codes.value.left(&identity::epoch(snapshot)?.to_string()),
                None => 0,
            },
        })
    }

    /// Whether there is a second factor at all. Recovery codes are for who lost one, and are none by themselves.
    #[must_use]
    pub const fn any(&self) -> bool {
        self.devices > 0 || self.passkeys > 0
    }
}

/// Whether `user` has a second factor, and if so whether what is shown is one of theirs; answers it. Blocks.
///
/// Whoever has one has to show it: it would be no second factor if leaving it out were a way. What was shown is on disk before this
/// answers, by compare-and-swap, so that of any number of racers one gets in, and after a restart none does (Vault CVE-2025-6015).
pub(super) fn check(
    parts: &Parts,
    store: &Store,
    (user, actor): (UserId, &Actor),
    shown: Option<&Shown>,
    now: Timestamp,
) -> Result<Option<Factor>, Refused> {
    let held = store.read(|snapshot| Factors::of(snapshot, &user));
    let held = held.map_err(|error: StoreError| Refused::failed(&error))?;
    let shown = match (held.any(), shown) {
        (false, None) => return Ok(None),
        (false, Some(_)) => return Err(Refused::new(Reason::WrongCode, "a code came, and there is no device")),
        (true, None) => return Err(Refused::new(Reason::CodeRequired, "there is a second factor, and none came")),
        (true, Some(shown)) => shown,
    };
    let by = match shown {
        Shown::Code(code) if recovery_codes::has_the_form(code) => {
            recovery::check((store, &parts.attempts), (user, actor), code, now)?
        }
        Shown::Code(code) => code::check((store, &parts.keys, &parts.attempts), (user, actor), code, now)?,
        Shown::Passkey(answer) => passkey::check(parts, store, (user, actor), answer, now)?,
    };
    Ok(Some(Factor { at: now, by }))
}

/// Counts a guess at a code against everything that shows codes: one is held against all of them, and whoever may not guess at a
/// device any more may not go on with recovery codes.
fn begin(codes: &Codes, owner: CredentialOwner, devices: &[String], now: Timestamp) -> Result<Guesses, Refused> {
    let mut begun = Vec::new();
    for name in devices.iter().map(String::as_str).chain([RECOVERY]) {
        match codes.begin((owner, name.to_owned()), now) {
            Ok(attempt) => begun.push(attempt),
            Err(error) => {
                begun.into_iter().for_each(|attempt| codes.undone(attempt));
                return Err(Refused::new(Reason::TooManyCodes, error));
            }
        }
    }
    Ok(begun)
}

/// What an outcome makes of the guesses that were counted for it.
fn settle<T>(codes: &Codes, guesses: Guesses, outcome: &Result<T, Refused>) {
    match outcome {
        Ok(_) => guesses.into_iter().for_each(|attempt| codes.succeeded(attempt)),
        // Somebody who sends a right code twice, or a hundred times at once, has guessed nothing.
        Err(refused)
            if matches!(
                refused.reason,
                Reason::UsedCode | Reason::UsedRecoveryCode | Reason::VoidRecoveryCode | Reason::Failed
            ) =>
        {
            guesses.into_iter().for_each(|attempt| codes.undone(attempt));
        }
        Err(_) => {}
    }
}
