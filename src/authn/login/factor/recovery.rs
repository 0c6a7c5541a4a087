//! A recovery code, which counts once.

use super::{ATTEMPTS, Codes, Method, begin, settle};
use crate::authn::login::{Reason, Refused};
use crate::base::{Secret, Timestamp, UserId};
use crate::model::recovery_codes::Known;
use crate::model::{Actor, CredentialOwner};
use crate::store::{Commit, Intent, Store, StoreError, credentials, factors, identity};

/// Takes the code. Blocks.
pub(super) fn check(
    (store, codes): (&Store, &Codes),
    (user, actor): (UserId, &Actor),
    code: &Secret<String>,
    now: Timestamp,
) -> Result<Method, Refused> {
    let owner = CredentialOwner::User(user);
    let devices = store.read(|snapshot| credentials::mfa_devices_of(snapshot, &owner));
    let devices = devices.map_err(|error: StoreError| Refused::failed(&error))?;
    let names: Vec<String> = devices.iter().map(|held| held.value.folded()).collect();
    let guesses = begin(codes, owner, &names, now)?;
    let outcome = taken(store, (user, actor), code, now);
    settle(codes, guesses, &outcome);
    outcome.map(|left| Method::RecoveryCode { left })
}

/// How many are left behind this one.
fn taken(
    store: &Store,
    (user, actor): (UserId, &Actor),
    code: &Secret<String>,
    now: Timestamp,
) -> Result<usize, Refused> {
    for _ in 0..ATTEMPTS {
        let held = store
            .read(|snapshot| Ok((factors::recovery_codes(snapshot, &user)?, identity::epoch(snapshot)?.to_string())));
        let (held, epoch) = held.map_err(|error: StoreError| Refused::failed(&error))?;
        let Some(held) = held else {
            return Err(Refused::new(Reason::WrongCode, "a recovery code came, and there are none"));
        };
        let after = match held.value.look_up(code, &epoch, now) {
            Known::Right(after) => after,
            Known::Used => return Err(Refused::new(Reason::UsedRecoveryCode, "the recovery code was used before")),
            Known::Void => {
                let what = "the recovery code was made before the store was restored";
                return Err(Refused::new(Reason::VoidRecoveryCode, what));
            }
            Known::Wrong => return Err(Refused::new(Reason::WrongCode, "it is none of the recovery codes")),
        };
        // It takes a way in away; so it works on a full disk.
        let mut commit = Commit::new(actor.clone(), now, Intent::Narrow);
        let written = commit.put_recovery_codes(&after, held.revision).and_then(|()| store.commit(commit));
        match written {
            Ok(_) => return Ok(after.left(&epoch)),
            // Written by somebody else since: perhaps with this very code.
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(Refused::failed(&error)),
        }
    }
    Err(Refused::new(Reason::UsedRecoveryCode, "others used recovery codes at the same time"))
}
