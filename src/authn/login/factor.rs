//! The second factor of a sign-in: a code of a device, which counts once.

use super::{Reason, Refused};
use crate::authn::limiter::{Attempt, Attempts};
use crate::authn::totp::{self, Pace, TotpError};
use crate::base::{Secret, Timestamp};
use crate::keys::{Keys, mfa_device_owner};
use crate::model::mfa_device::Enabled;
use crate::model::{AccountId, Actor, Arn, CredentialOwner, MfaDevice};
use crate::store::iam::Read;
use crate::store::{Commit, Intent, Store, StoreError, credentials};

/// How often a device is read anew when somebody else wrote it meanwhile.
const ATTEMPTS: usize = 5;

/// Wrong codes, by owner and device; those that somebody types to put a device into use are among them.
pub(super) type Codes = Attempts<(CredentialOwner, String)>;

/// Whether `owner` has a second factor, and if so whether `code` is right; answers when it was taken, if one was. Blocks.
///
/// Whoever holds a device has to show a code of it: it would be no second factor if leaving it out were a way. The
/// step of the code is on disk before this answers, by compare-and-swap, so that of any number of racers one gets in, and
/// after a restart none does (Vault CVE-2025-6015).
pub(super) fn check(
    (store, keys, codes): (&Store, &Keys, &Codes),
    owner: CredentialOwner,
    actor: &Actor,
    code: Option<&Secret<String>>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Refused> {
    let devices = read(store, &owner)?;
    let code = match (devices.is_empty(), code) {
        (true, None) => return Ok(None),
        (true, Some(_)) => return Err(Refused::new(Reason::WrongCode, "a code came, and there is no device")),
        (false, None) => return Err(Refused::new(Reason::CodeRequired, "there is a device, and no code came")),
        (false, Some(code)) => code,
    };
    let attempts = begin(codes, owner, &devices, now)?;
    let outcome = taken((store, keys), (owner, actor), code, devices, now);
    settle(codes, attempts, &outcome);
    outcome.map(|()| Some(now))
}

/// As [`check`], of one device, by its serial number. Blocks.
pub(super) fn check_device(
    (store, keys, codes): (&Store, &Keys, &Codes),
    (owner, actor): (CredentialOwner, &Actor),
    (account, serial): (&AccountId, &str),
    code: &Secret<String>,
    now: Timestamp,
) -> Result<Timestamp, Refused> {
    let mut devices = read(store, &owner)?;
    devices.retain(|held| Arn::mfa_device(account, &held.value.name).as_str().eq_ignore_ascii_case(serial));
    if devices.is_empty() {
        return Err(Refused::new(Reason::WrongCode, "there is no such device of theirs"));
    }
    let attempts = begin(codes, owner, &devices, now)?;
    let outcome = taken((store, keys), (owner, actor), code, devices, now);
    settle(codes, attempts, &outcome);
    outcome.map(|()| now)
}

/// What an outcome makes of the guesses that were counted for it.
fn settle(codes: &Codes, attempts: Vec<Attempt<(CredentialOwner, String)>>, outcome: &Result<(), Refused>) {
    match outcome {
        Ok(()) => attempts.into_iter().for_each(|attempt| codes.succeeded(attempt)),
        // Somebody who sends a right code twice, or a hundred times at once, has guessed nothing.
        Err(refused) if matches!(refused.reason, Reason::UsedCode | Reason::Failed) => {
            attempts.into_iter().for_each(|attempt| codes.undone(attempt));
        }
        Err(_) => {}
    }
}

/// Counts a guess against every device: one code is held against all of them.
fn begin(
    codes: &Codes,
    owner: CredentialOwner,
    devices: &[Read<MfaDevice>],
    now: Timestamp,
) -> Result<Vec<Attempt<(CredentialOwner, String)>>, Refused> {
    let mut begun = Vec::new();
    for device in devices {
        match codes.begin((owner, device.value.folded()), now) {
            Ok(attempt) => begun.push(attempt),
            Err(error) => {
                begun.into_iter().for_each(|attempt| codes.undone(attempt));
                return Err(Refused::new(Reason::TooManyCodes, error));
            }
        }
    }
    Ok(begun)
}

/// Takes the code, from whichever device shows it.
fn taken(
    (store, keys): (&Store, &Keys),
    (owner, actor): (CredentialOwner, &Actor),
    code: &Secret<String>,
    mut devices: Vec<Read<MfaDevice>>,
    now: Timestamp,
) -> Result<(), Refused> {
    for _ in 0..ATTEMPTS {
        let mut worst = TotpError::Wrong;
        let mut written = None;
        for Read { value: device, revision } in &devices {
            let Some(enabled) = &device.enabled else { continue };
            match step(keys, device, enabled, code, now)? {
                Ok(step) => written = Some(write(store, actor, device, *revision, step, now)),
                Err(TotpError::Used) => worst = TotpError::Used,
                Err(_) => {}
            }
            if written.is_some() {
                break;
            }
        }
        match written {
            Some(Ok(())) => return Ok(()),
            // Written by somebody else since: perhaps with this very code.
            Some(Err(StoreError::Conflict { .. })) => {
                let meant: Vec<String> = devices.iter().map(|held| held.value.folded()).collect();
                devices = read(store, &owner)?;
                devices.retain(|held| meant.contains(&held.value.folded()));
            }
            Some(Err(error)) => return Err(Refused::failed(&error)),
            None if worst == TotpError::Used => return Err(Refused::new(Reason::UsedCode, worst)),
            None => return Err(Refused::new(Reason::WrongCode, worst)),
        }
    }
    Err(Refused::new(Reason::UsedCode, "others used codes of the device at the same time"))
}

fn step(
    keys: &Keys,
    device: &MfaDevice,
    enabled: &Enabled,
    code: &Secret<String>,
    now: Timestamp,
) -> Result<Result<u64, TotpError>, Refused> {
    let seed = keys.unseal(&mfa_device_owner(&device.folded()), &device.seed);
    let seed = seed.map_err(|error| Refused::failed(&error))?;
    let pace = Pace { last_step: device.last_step, drift: enabled.drift };
    Ok(totp::verify(&seed, code.expose(), pace, now))
}

fn write(
    store: &Store,
    actor: &Actor,
    before: &MfaDevice,
    revision: crate::store::Revision,
    step: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let after = MfaDevice { last_step: Some(step), ..before.clone() };
    // It takes a way in away; so it works on a full disk.
    let mut commit = Commit::new(actor.clone(), now, Intent::Narrow);
    commit.put_mfa_device(Some(before), &after, revision)?;
    store.commit(commit).map(drop)
}

fn read(store: &Store, owner: &CredentialOwner) -> Result<Vec<Read<MfaDevice>>, Refused> {
    let devices = store.read(|snapshot| credentials::mfa_devices_of(snapshot, owner));
    devices.map_err(|error: StoreError| Refused::failed(&error))
}
