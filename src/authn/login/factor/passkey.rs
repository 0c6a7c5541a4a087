//! A passkey, whose answer counts once.

use jiff::SignedDuration;

use super::{ATTEMPTS, Method};
use crate::authn::login::{Parts, Reason, Refused};
use crate::authn::webauthn::{Answer, CeremonyError, Shown};
use crate::base::clock::later;
use crate::base::{Fault, Faulty as _, Timestamp, UserId};
use crate::model::Actor;
use crate::store::schema::sso::Spent;
use crate::store::{Commit, Intent, Revision, Store, StoreError, factors, sso};

/// For how long a challenge that was used is remembered: longer than its ceremony is good.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(10);

/// Takes the answer. Blocks.
pub(super) fn check(
    parts: &Parts,
    store: &Store,
    (user, actor): (UserId, &Actor),
    answer: &Answer,
    now: Timestamp,
) -> Result<Method, Refused> {
    let relying = parts.passkeys.relying();
    let relying = relying.ok_or_else(|| Refused::new(Reason::WrongPasskey, "passkeys are not used at this address"))?;
    let id = answer.passkey().map_err(|error| refusal(&error))?;
    for _ in 0..ATTEMPTS {
        let held = store.read(|snapshot| factors::passkey(snapshot, &user, &id));
        let Some(held) = held.map_err(|error: StoreError| Refused::failed(&error))? else {
            return Err(Refused::new(Reason::WrongPasskey, "the passkey is none of theirs"));
        };
        let shown = match relying.shown(&parts.keys, user, &held.value, answer, now) {
            // Somebody who sends an answer twice has no copy of the device.
            Err(CeremonyError::CounterWentBack) => {
                let challenge = relying.challenge(&parts.keys, Some(user), answer, now);
                unspent(store, &challenge.map_err(|error| refusal(&error))?)?;
                return Err(refusal(&CeremonyError::CounterWentBack));
            }
            shown => shown.map_err(|error| refusal(&error))?,
        };
        if write(store, actor, &shown, held.revision, now)? {
            return Ok(Method::Passkey { can_sync: shown.after.can_sync });
        }
    }
    Err(Refused::new(Reason::UsedChallenge, "the passkey was used many times at once"))
}

/// Spends the challenge and writes the counter, in one commit; `false` when the passkey was written by somebody else since. Blocks.
pub(in crate::authn::login) fn write(
    store: &Store,
    actor: &Actor,
    shown: &Shown,
    revision: Revision,
    now: Timestamp,
) -> Result<bool, Refused> {
    let until = later(now, REMEMBERED);
    // It takes a way in away; so it works on a full disk.
    let mut commit = Commit::new(actor.clone(), now, Intent::Narrow);
    let written = commit
        .spend(Spent::Challenge, &shown.challenge, until)
        .and_then(|()| commit.put_passkey(&shown.after, revision))
        .and_then(|()| store.commit(commit));
    match written {
        Ok(_) => return Ok(true),
        Err(StoreError::Conflict { .. }) => {}
        Err(error) => return Err(Refused::failed(&error)),
    }
    unspent(store, &shown.challenge).map(|()| false)
}

/// Refuses a challenge that was answered before. Blocks.
pub(in crate::authn::login) fn unspent(store: &Store, challenge: &[u8; 32]) -> Result<(), Refused> {
    let spent = store.read(|snapshot| sso::is_spent(snapshot, Spent::Challenge, challenge));
    match spent.map_err(|error: StoreError| Refused::failed(&error))? {
        true => Err(Refused::new(Reason::UsedChallenge, "the answer to this challenge was taken before")),
        false => Ok(()),
    }
}

/// Why an answer is not taken, of somebody whose password was right.
pub(in crate::authn::login) fn refusal(error: &CeremonyError) -> Refused {
    match error {
        error if error.fault() != Fault::Caller => Refused::failed(error),
        CeremonyError::Over => Refused::new(Reason::CodeTooLate, error),
        CeremonyError::CounterWentBack => Refused::new(Reason::CounterWentBack, error),
        _ => Refused::new(Reason::WrongPasskey, error),
    }
}
