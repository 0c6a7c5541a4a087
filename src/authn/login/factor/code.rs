//! A code of a device, which counts once.

use super::{ATTEMPTS, Codes, Guesses, Method, settle};
use crate::authn::login::{Reason, Refused};
use crate::authn::totp::{self, Pace, TotpError};
use crate::base::{Secret, Timestamp, UserId};
use crate::keys::{Keys, mfa_device_owner};
use crate::model::mfa_device::Enabled;
use crate::model::{AccountId, Actor, Arn, CredentialOwner, MfaDevice};
use crate::store::iam::Read;
use crate::store::{Commit, Intent, Store, StoreError, credentials};

/// Takes the code of any device of `user`. Blocks.
pub(super) fn check(
    (store, keys, codes): (&Store, &Keys, &Codes),
    (user, actor): (UserId, &Actor),
    code: &Secret<String>,
    now: Timestamp,
) -> Result<Method, Refused> {
    let owner = CredentialOwner::User(user);
    let devices = read(store, &owner)?;
    let guesses = begin(codes, owner, &devices, now)?;
    let outcome = taken((store, keys), (owner, actor), code, devices, now);
    settle(codes, guesses, &outcome);
    outcome.map(|()| Method::Code)
}

/// As [`check`], of one device, by its serial number. Blocks.
pub(in crate::authn::login) fn check_device(
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
    let guesses = begin(codes, owner, &devices, now)?;
    let outcome = taken((store, keys), (owner, actor), code, devices, now);
    settle(codes, guesses, &outcome);
    outcome.map(|()| now)
}

fn begin(
    codes: &Codes,
    owner: CredentialOwner,
    devices: &[Read<MfaDevice>],
    now: Timestamp,
) -> Result<Guesses, Refused> {
    let names: Vec<String> = devices.iter().map(|held| held.value.folded()).collect();
    super::begin(codes, owner, &names, now)
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
