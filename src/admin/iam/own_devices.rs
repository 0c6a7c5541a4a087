//! A person's own devices that show codes: offered to them, put into use with two codes, and removed. Nobody has to be allowed that,
//! and a policy can deny it.
//!
//! What is offered is kept nowhere: its seed goes to the browser, sealed, and comes back with the codes. So a page that is left
//! leaves nothing behind.

use jiff::SignedDuration;

use super::super::{Admin, AdminError};
use super::mfa::Codes;
use super::own_passkeys::{Enrolled, Removed, codes_go_with_the_last};
use crate::admin::grants::invited;
use crate::authn::login::{Factors, Method, NewFactor};
use crate::authn::subject::Subject;
use crate::authn::totp;
use crate::base::text::printable;
use crate::base::{Secret, Timestamp, UserId};
use crate::gate::Authorized;
use crate::keys::mfa_device_owner;
use crate::model::mfa_device::{Enabled, MOST};
use crate::model::{CredentialOwner, MfaDevice, Tags, User};
use crate::store::iam::Read;
use crate::store::{Snapshot, StoreError, credentials};

/// How long ago a password counts as just typed.
const LATELY: SignedDuration = SignedDuration::from_mins(15);

/// How long an offer is good.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(15);

/// A device that somebody could have.
#[derive(Debug)]
pub struct Offer {
    /// The seed in base 32, as people type it into an app.
    pub seed: Secret<String>,
    /// The same as a picture (PNG) that an app reads.
    pub picture: Secret<Vec<u8>>,
    /// What comes back with the codes.
    pub sealed: String,
}

/// What somebody has to do before they get another second factor, or lose one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Show one that they have.
    StepUp,
    /// Sign in anew, since it is some time ago.
    SignIn,
}

impl Before {
    fn another(held: &Factors, shown: Shown) -> Option<Self> {
        match shown {
            Shown::Factor => None,
            _ if held.any() => Some(Self::StepUp),
            Shown::Password => None,
            Shown::Nothing => Some(Self::SignIn),
        }
    }
}

impl Admin {
    /// Offers a device to whoever acts.
    ///
    /// # Errors
    /// When nobody acts who could have one, or there is no master key.
    pub fn offer_device(&self, who: Subject<'_>, now: Timestamp) -> Result<Offer, AdminError> {
        let user = who.user().ok_or_else(nobody)?;
        let seed = totp::seed(&mut *self.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        let mut plain = now.as_second().to_be_bytes().to_vec();
        plain.extend_from_slice(seed.expose());
        let sealed = self.keys.seal(&owner_of_offer(&user.id), &Secret::new(plain))?;
        self.as_offered(user, &seed, sealed.to_string())
    }

    /// The same offer once more, for who mistyped a code.
    ///
    /// # Errors
    /// When it is not theirs, or too old.
    pub fn offer_again(&self, who: Subject<'_>, sealed: &str, now: Timestamp) -> Result<Offer, AdminError> {
        let user = who.user().ok_or_else(nobody)?;
        let seed = self.offered(&user.id, sealed, now)?;
        self.as_offered(user, &seed, sealed.to_owned())
    }

    /// What whoever acts has to do first, if they are to have another second factor. Blocks.
    ///
    /// # Errors
    /// When nobody acts who could have one, or the store cannot be read.
    pub fn before_another_factor(&self, who: Subject<'_>, now: Timestamp) -> Result<Option<Before>, AdminError> {
        let user = who.user().ok_or_else(nobody)?;
        let held = self.store.read(|snapshot| Factors::of(snapshot, &user.id))?;
        Ok(Before::another(&held, Shown::by(who, now)))
    }

    /// Puts an offered device into use for whoever asks, who shows two codes of it. Blocks.
    ///
    /// # Errors
    /// When the offer is not theirs or too old, the codes are wrong or were tried too often, they have a device and have not
    /// shown it, there are eight, or a part fails.
    pub fn enrol_device(&self, asked: Authorized, sealed: &str, codes: &Codes) -> Result<Enrolled, AdminError> {
        let (user, shown) = acting(&asked);
        let invited = invited(&asked);
        self.change(asked, |change| {
            let user = user.as_ref().ok_or_else(nobody)?;
            self.use_up(change, user, invited.as_deref())?;
            let seed = self.offered(&user.id, sealed, change.now)?;
            let owner = CredentialOwner::User(user.id);
            let held = credentials::mfa_devices_of(change.snapshot, &owner)?;
            let factors = Factors::of(change.snapshot, &user.id)?;
            must_have_shown(&factors, shown)?;
            self.may_have_another(&held, &seed)?;
            let name = free_name(change.snapshot, user, held.len())?;
            let sealed = self.keys.seal(&mfa_device_owner(&name.to_ascii_lowercase()), &seed)?;
            let (created, tags) = (change.now, Tags::default());
            let device = MfaDevice { name: name.clone(), seed: sealed, created, last_step: None, enabled: None, tags };
            let pace = self.pace(change, owner, &device, codes)?;
            let enabled = Enabled { owner, since: change.now, drift: pace.drift };
            let device = MfaDevice { enabled: Some(enabled), last_step: pace.last_step, ..device };
            change.commit.put_mfa_device(None, &device, 0)?;
            change.note("device", name.clone());
            change.note("user", user.name.to_string());
            let codes = self.first_codes(change, user, &factors)?;
            Ok(Enrolled { factor: NewFactor::Device(name.clone()), name, by: Method::Code, codes })
        })
    }

    /// Removes a device of whoever asks, who has shown a second factor in this session, as a passkey is removed. With the last factor
    /// recovery codes go, too. Sessions keep what was shown for them. Blocks.
    ///
    /// Any device that is theirs, whoever made it: people see one list, and cannot tell a device that they set up here from one that
    /// an administrator made and they put into use with its codes. What they want gone is the telephone that was lost, and a list
    /// in which some devices cannot be removed leaves that one counting until an administrator has time. Nothing is weakened by it
    /// that a policy asks for: it asks still, and `signin:RemoveSecondFactor` can be denied where devices are handed out.
    ///
    /// The device is deleted, with its seed, as a reset does, rather than left behind as nobody's: a seed that somebody wanted
    /// gone is given to nobody again.
    ///
    /// # Errors
    /// When it is not theirs, no factor was shown, or a part fails.
    pub fn remove_device(&self, asked: Authorized, name: &str) -> Result<Removed, AdminError> {
        let (user, shown) = acting(&asked);
        self.change(asked, |change| {
            let user = user.as_ref().ok_or_else(nobody)?;
            let held = credentials::mfa_devices_of(change.snapshot, &CredentialOwner::User(user.id))?;
            let missing = || AdminError::NoSuch { what: format!("device `{}` of yours", printable(name)) };
            let meant = held.into_iter().find(|held| held.value.name == name);
            let Read { value, revision } = meant.ok_or_else(missing)?;
            let factors = Factors::of(change.snapshot, &user.id)?;
            must_have_shown(&factors, shown)?;
            change.commit.delete_mfa_device(&value, revision);
            change.note("device", value.name.clone());
            change.note("user", user.name.to_string());
            let with_codes = codes_go_with_the_last(change, &user.id, &factors)?;
            Ok(Removed { name: value.name, with_codes })
        })
    }

    /// There are not too many yet; and one device is one.
    fn may_have_another(&self, held: &[Read<MfaDevice>], seed: &Secret<Vec<u8>>) -> Result<(), AdminError> {
        if held.len() >= MOST {
            let limit = format!("{MOST} are allowed");
            return Err(AdminError::LimitExceeded { what: "one device more".to_owned(), limit });
        }
        for device in held {
            let own = self.keys.unseal(&mfa_device_owner(&device.value.folded()), &device.value.seed)?;
            if own.expose() == seed.expose() {
                return Err(AdminError::Exists { kind: "device", name: device.value.name.clone() });
            }
        }
        Ok(())
    }

    fn as_offered(&self, user: &User, seed: &Secret<Vec<u8>>, sealed: String) -> Result<Offer, AdminError> {
        let uri = totp::uri(seed, "Bailey", &format!("{}@{}", user.name, self.account));
        let picture = uri.and_then(|uri| totp::qr_png(&uri)).map_err(|error| AdminError::OutOfBounds {
            what: "name".to_owned(),
            limit: format!("short enough for a picture: {error}"),
        })?;
        Ok(Offer { seed: totp::base32(seed), picture, sealed })
    }

    /// The seed of an offer that was made to `user` lately.
    fn offered(&self, user: &UserId, sealed: &str, now: Timestamp) -> Result<Secret<Vec<u8>>, AdminError> {
        let over = || AdminError::NotNow {
            what: "that offer is over".to_owned(),
            remedy: "load the page again for another one".to_owned(),
        };
        let sealed = sealed.parse().map_err(|_| over())?;
        let plain = self.keys.unseal(&owner_of_offer(user), &sealed).map_err(|_| over())?;
        let (made, seed) = plain.expose().split_first_chunk::<8>().ok_or_else(over)?;
        let age = now.as_second().saturating_sub(i64::from_be_bytes(*made));
        if !(0..=GOOD_FOR.as_secs()).contains(&age) {
            return Err(over());
        }
        Ok(Secret::new(seed.to_vec()))
    }
}

/// What somebody has shown who wants a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// A second factor, at whatever time in this session.
    Factor,
    /// The password, lately.
    Password,
    /// Neither.
    Nothing,
}

impl Shown {
    fn by(subject: Subject<'_>, now: Timestamp) -> Self {
        let (mfa, typed) = match subject {
            Subject::Bound(bound) => (bound.mfa().is_some(), Some(bound.at())),
            _ => subject.session().map_or((false, None), |session| (session.mfa.is_some(), session.auth_time)),
        };
        match typed {
            _ if mfa => Self::Factor,
            Some(at) if now.duration_since(at) <= LATELY => Self::Password,
            _ => Self::Nothing,
        }
    }
}

/// Who asks, and what they have shown of themselves.
pub(super) fn acting(asked: &Authorized) -> (Option<User>, Shown) {
    let subject = Subject::of(asked.caller());
    let shown = subject.map_or(Shown::Nothing, |subject| Shown::by(subject, asked.at()));
    (subject.and_then(Subject::user).cloned(), shown)
}

/// Whoever has a second factor shows it before they get another, or lose one: a password alone is not enough for that. And of whoever
/// has none the password is asked for: a browser that was left open, or its cookie, is not enough for one either.
pub(super) fn must_have_shown(held: &Factors, shown: Shown) -> Result<(), AdminError> {
    let (what, remedy) = match Before::another(held, shown) {
        None => return Ok(()),
        Some(Before::StepUp) => {
            ("you have a second factor, and have not shown it", "show it first, or sign in again with it")
        }
        Some(Before::SignIn) => ("it is some time since you typed your password", "sign in again, then set it up"),
    };
    Err(AdminError::NotNow { what: what.to_owned(), remedy: remedy.to_owned() })
}

/// For whom an offer is sealed: it is worth nothing to anybody else.
fn owner_of_offer(user: &UserId) -> String {
    format!("offered-device/{user}")
}

pub(super) fn nobody() -> AdminError {
    AdminError::NotFound { kind: "user", who: "who asks".to_owned() }
}

/// A name for a device that no other has: the person's, and a number behind the first.
fn free_name(snapshot: &dyn Snapshot, user: &User, held: usize) -> Result<String, StoreError> {
    let plain: String =
        user.name.as_str().chars().filter(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(*c)).collect();
    for number in held.saturating_add(1).. {
        let name = format!("{plain}-{number}");
        if credentials::mfa_device(snapshot, &name)?.is_none() {
            return Ok(name);
        }
    }
    Err(StoreError::Broken { why: "there is no free name".to_owned() })
}
