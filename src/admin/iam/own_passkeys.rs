//! A person's own passkeys and recovery codes: added, named, removed. Nobody has to be allowed that, and a policy can deny it.
//!
//! Adding one, losing one and making codes anew ask for what the person has already; making one shows it, so that the session counts for
//! more from then on, and gets another cookie.

use std::sync::PoisonError;

use jiff::SignedDuration;

use super::super::{Admin, AdminError};
use super::Change;
use super::own_devices::{acting, must_have_shown, nobody};
use crate::admin::grants::invited;
use crate::authn::login::{Factors, Method, NewFactor};
use crate::authn::signed::Signed;
use crate::authn::subject::Subject;
use crate::authn::webauthn::{Answer, Asked, CeremonyError, Relying};
use crate::base::clock::later;
use crate::base::text::printable;
use crate::base::{Secret, Timestamp, UserId};
use crate::gate::Authorized;
use crate::model::passkey::{LONGEST_NAME, MOST};
use crate::model::{Passkey, PasskeyId, RecoveryCodes, User};
use crate::store::iam::Read;
use crate::store::schema::sso::Spent;
use crate::store::{factors, identity, sso};

/// For how long a challenge that was used is remembered: longer than its ceremony is good.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(10);

/// What somebody came to have.
#[derive(Debug)]
pub struct Enrolled {
    /// What it is called.
    pub name: String,
    /// Which it is.
    pub factor: NewFactor,
    /// By what it shows its owner.
    pub by: Method,
    /// Recovery codes, where it is the first second factor: the only time that they are told.
    pub codes: Vec<Secret<String>>,
}

/// What somebody has no more.
#[derive(Debug)]
pub struct Removed {
    /// What it was called.
    pub name: String,
    /// It was the last second factor, and recovery codes went with it.
    pub with_codes: bool,
}

/// What somebody has of themselves.
#[derive(Debug)]
pub struct OwnFactors {
    /// Their passkeys, oldest first.
    pub passkeys: Vec<Passkey>,
    /// Their recovery codes.
    pub recovery_codes: Option<OwnCodes>,
}

/// What somebody's recovery codes are, apart from what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnCodes {
    /// How many are left.
    pub left: usize,
    /// When they were made.
    pub made: Timestamp,
    /// Whether none of them counts, since the store came back from a backup after that.
    pub void: bool,
}

impl Admin {
    /// The passkeys and recovery codes of whoever acts. Blocks.
    ///
    /// # Errors
    /// When nobody acts who could have any, or the store cannot be read.
    pub fn own_factors(&self, who: &Signed) -> Result<OwnFactors, AdminError> {
        let user = who.user().ok_or_else(nobody)?;
        self.store.read(|snapshot| {
            let passkeys = factors::passkeys_of(snapshot, &user.id)?.into_iter().map(|held| held.value).collect();
            let codes = factors::recovery_codes(snapshot, &user.id)?;
            let epoch = identity::epoch(snapshot)?.to_string();
            let recovery_codes = codes.map(|Read { value, .. }| OwnCodes {
                left: value.left(&epoch),
                made: value.made,
                void: value.is_void(&epoch),
            });
            Ok(OwnFactors { passkeys, recovery_codes })
        })
    }

    /// What asks the browser of whoever acts to make a passkey. Blocks.
    ///
    /// # Errors
    /// When nobody acts who could have one, or there is no master key.
    pub fn ask_new_passkey(&self, who: Subject<'_>, relying: &Relying, now: Timestamp) -> Result<Asked, AdminError> {
        let user = who.user().ok_or_else(nobody)?;
        let held = self.store.read(|snapshot| factors::passkeys_of(snapshot, &user.id))?;
        let held: Vec<Passkey> = held.into_iter().map(|held| held.value).collect();
        Ok(relying.ask_for_new(&self.keys, user, &held, now)?)
    }

    /// Writes down the passkey that the browser of whoever asks made. Blocks.
    ///
    /// # Errors
    /// When the answer does not go with what was asked, it is somebody's already, they have a second factor and have not shown it,
    /// there are ten, the name is none, or a part fails.
    pub fn enrol_passkey(
        &self,
        asked: Authorized,
        relying: &Relying,
        answer: &Answer,
        name: &str,
    ) -> Result<Enrolled, AdminError> {
        let (user, shown) = acting(&asked);
        let invited = invited(&asked);
        self.change(asked, |change| {
            let user = user.as_ref().ok_or_else(nobody)?;
            self.use_up(change, user, invited.as_deref())?;
            let held = Factors::of(change.snapshot, &user.id)?;
            must_have_shown(&held, shown)?;
            if held.passkeys >= MOST {
                let (what, limit) = ("one passkey more".to_owned(), format!("{MOST} are allowed; remove one first"));
                return Err(AdminError::LimitExceeded { what, limit });
            }
            let name = name_of(name, held.passkeys)?;
            let made = relying.made(&self.keys, user.id, answer, change.now)?;
            // The commit would tell, too, as a conflict with somebody else's: this is what it means.
            if sso::is_spent(change.snapshot, Spent::Challenge, &made.challenge)? {
                return Err(CeremonyError::Used.into());
            }
            if factors::passkey_owner(change.snapshot, &made.id)?.is_some() {
                return Err(AdminError::Exists { kind: "passkey", name: made.id.to_string() });
            }
            let until = later(change.now, REMEMBERED);
            change.commit.spend(Spent::Challenge, &made.challenge, until)?;
            let by = Method::Passkey { can_sync: made.can_sync() };
            let passkey = made.of_owner(user.id, name.clone(), change.now);
            super::fits(&passkey, "the passkey")?;
            change.commit.add_passkey(&passkey)?;
            change.note("passkey", passkey.id.to_string());
            change.note("name", name.clone());
            change.note("user", user.name.to_string());
            let codes = self.first_codes(change, user, &held)?;
            Ok(Enrolled { name, factor: NewFactor::Passkey(passkey.id), by, codes })
        })
    }

    /// Calls a passkey of whoever asks otherwise. Blocks.
    ///
    /// # Errors
    /// When it is not theirs, the name is none, or a part fails.
    pub fn rename_passkey(&self, asked: Authorized, id: &str, name: &str) -> Result<(), AdminError> {
        let (user, _) = acting(&asked);
        self.change(asked, |change| {
            let Read { value, revision } = theirs(change, user.as_ref(), id)?;
            let name = name_of(name, 0)?;
            change.commit.put_passkey(&Passkey { name: name.clone(), ..value.clone() }, revision)?;
            change.note("passkey", value.id.to_string());
            change.note("name", name);
            Ok(())
        })
    }

    /// Removes a passkey of whoever asks, who has shown a second factor in this session: whoever finds a browser that was left open
    /// takes nothing away with the password alone. With the last factor recovery codes go, too. Blocks.
    ///
    /// # Errors
    /// When it is not theirs, no factor was shown, or a part fails.
    pub fn remove_passkey(&self, asked: Authorized, id: &str) -> Result<Removed, AdminError> {
        let (user, shown) = acting(&asked);
        self.change(asked, |change| {
            let Read { value, revision } = theirs(change, user.as_ref(), id)?;
            let held = Factors::of(change.snapshot, &value.owner)?;
            must_have_shown(&held, shown)?;
            change.commit.delete_passkey(&value, revision);
            change.note("passkey", value.id.to_string());
            change.note("name", value.name.clone());
            let with_codes = codes_go_with_the_last(change, &value.owner, &held)?;
            Ok(Removed { name: value.name, with_codes })
        })
    }

    /// Makes recovery codes of whoever asks anew; those before count no more. Blocks.
    ///
    /// # Errors
    /// When they have no second factor, or have not shown it; or a part fails.
    pub fn make_recovery_codes(&self, asked: Authorized) -> Result<Vec<Secret<String>>, AdminError> {
        let (user, shown) = acting(&asked);
        self.change(asked, |change| {
            let user = user.as_ref().ok_or_else(nobody)?;
            let held = Factors::of(change.snapshot, &user.id)?;
            if !held.any() {
                let remedy = "add a passkey or a device first".to_owned();
                return Err(AdminError::NotNow { what: "you have no second factor to recover".to_owned(), remedy });
            }
            must_have_shown(&held, shown)?;
            self.new_codes(change, user)
        })
    }

    /// Recovery codes of whoever gets their first second factor; none of others.
    pub(super) fn first_codes(
        &self,
        change: &mut Change<'_>,
        user: &User,
        held: &Factors,
    ) -> Result<Vec<Secret<String>>, AdminError> {
        if held.any() { Ok(Vec::new()) } else { self.new_codes(change, user) }
    }

    fn new_codes(&self, change: &mut Change<'_>, user: &User) -> Result<Vec<Secret<String>>, AdminError> {
        let before = factors::recovery_codes(change.snapshot, &user.id)?;
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch = identity::epoch(change.snapshot)?.to_string();
        let (kept, told) = RecoveryCodes::make(user.id, epoch, change.now, &mut *rng);
        change.commit.put_recovery_codes(&kept, before.map_or(0, |held| held.revision))?;
        change.note("recovery_codes", told.len().to_string());
        Ok(told)
    }
}

/// Recovery codes are for who lost a second factor: whoever has none has no use for them, and they do not wait for another one.
pub(super) fn codes_go_with_the_last(
    change: &mut Change<'_>,
    owner: &UserId,
    held: &Factors,
) -> Result<bool, AdminError> {
    if held.devices.saturating_add(held.passkeys) > 1 {
        return Ok(false);
    }
    let Some(codes) = factors::recovery_codes(change.snapshot, owner)? else { return Ok(false) };
    change.commit.delete_recovery_codes(owner, codes.revision);
    change.note("recovery_codes", "removed");
    Ok(true)
}

fn theirs(change: &Change<'_>, user: Option<&User>, id: &str) -> Result<Read<Passkey>, AdminError> {
    let user = user.ok_or_else(nobody)?;
    let missing = || AdminError::NoSuch { what: format!("passkey `{}` of yours", printable(id)) };
    let id: PasskeyId = id.parse().map_err(|_| missing())?;
    factors::passkey(change.snapshot, &user.id, &id)?.ok_or_else(missing)
}

/// A name as it is kept; where none was given, a number among the others.
fn name_of(name: &str, others: usize) -> Result<String, AdminError> {
    let name = name.trim();
    if name.is_empty() {
        return Ok(format!("Passkey {}", others.saturating_add(1)));
    }
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        let limit = format!("at most {LONGEST_NAME} characters, all of them printable");
        return Err(AdminError::OutOfBounds { what: "name".to_owned(), limit });
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_can_be_read() {
        assert_eq!(name_of("  Ann's telephone ", 3).unwrap(), "Ann's telephone");
        assert_eq!(name_of(" ", 3).unwrap(), "Passkey 4");
        assert!(name_of(&"ä".repeat(LONGEST_NAME), 0).is_ok());
        for bad in ["a\nb".to_owned(), "ä".repeat(LONGEST_NAME + 1)] {
            assert!(matches!(name_of(&bad, 0), Err(AdminError::OutOfBounds { .. })), "{bad}");
        }
    }
}
