//! Signing in with a passkey alone: the device made sure who holds it, so that it stands for two factors.
//!
//! No bind tells that the person's directory still knows them, so it is asked: by id, at this moment. While it is away nobody of it
//! signs in, as with a password.

use std::sync::PoisonError;

use super::factor::{self, Factor, Method};
use super::{Bound, Door, Logins, Reason, Refused, people};
use crate::authn::Caller;
use crate::authn::signed::RequestSource;
use crate::authn::webauthn::{Answer, CeremonyError, Relying, Shown};
use crate::base::network::Neighbours;
use crate::base::{Fault, Faulty as _, Timestamp};
use crate::directory::AccountState;
use crate::model::{Actor, CredentialOwner, Inactive, User};
use crate::store::{Revision, Store, StoreError, credentials, factors};

/// Somebody who showed a passkey, before their directory was asked.
struct Found {
    user: User,
    shown: Shown,
    revision: Revision,
}

impl Logins {
    /// Signs somebody in by a passkey that was asked for with [`Logins::ask_whoever`]. Record it: call it through the gate.
    ///
    /// # Errors
    /// Why not; what the error says is for the person, its `detail` for records.
    pub async fn by_passkey(&self, answer: Answer, from: RequestSource, now: Timestamp) -> Result<Caller, Refused> {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner).clone();
        let relying = self.parts.passkeys.passwordless().filter(|_| settings.enabled);
        let off = || Refused::new(Reason::PasswordlessOff, "`portal.passwordless` or `login.enabled` is false");
        let relying = relying.ok_or_else(off)?;
        let counted = self.counters.arrive(&settings, from.ip.map(Neighbours::of), now)?;
        let tried = tokio::time::timeout(settings.timeout, self.whoever(relying, answer, from, now)).await;
        let tried = tried.unwrap_or_else(|_| {
            Err(Refused::new(Reason::DirectoryUnavailable, format!("no end within {:?}", settings.timeout)))
        });
        if tried.as_ref().map_or_else(|refused| refused.reason != Reason::UnknownPasskey, |_| true) {
            self.counters.undone(counted);
        }
        tried.map(Caller::from)
    }

    async fn whoever(
        &self,
        relying: Relying,
        answer: Answer,
        from: RequestSource,
        now: Timestamp,
    ) -> Result<Bound, Refused> {
        let parts = self.parts.clone();
        let found =
            self.parts.store.run(move |store| Ok::<_, StoreError>(shown(&relying, &parts.keys, store, &answer, now)));
        let found = found.await.map_err(|error| Refused::failed(&error))??;
        let (id, name) = (found.user.id, Some(found.user.name.to_string()));
        let about = |refused: Refused| refused.about(id, name.clone());
        self.is_known_there(&found.user).await.map_err(about)?;
        let parts = self.parts.clone();
        let entered = self.parts.store.run(move |store| {
            let bound = enter(store, found, now).map(|(user, mfa, password)| Bound {
                account: parts.account.clone(),
                user,
                at: now,
                by_password: false,
                mfa: Some(mfa),
                password,
                invitation: None,
                outside: None,
                from,
            });
            Ok::<_, StoreError>(bound)
        });
        entered.await.map_err(|error| Refused::failed(&error))?.map_err(about)
    }

    /// Whether the person's directory has them now, and has not switched them off.
    async fn is_known_there(&self, user: &User) -> Result<(), Refused> {
        let label = &user.origin.directory;
        if label.is_local() {
            return Ok(());
        }
        let door = {
            let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner);
            doors.iter().find(|door| door.label == *label).cloned()
        };
        let Some(Door { verifier, .. }) = door else {
            return Err(Refused::new(Reason::NotInDirectory, format!("directory `{label}` is no longer configured")));
        };
        let why = match verifier.state_of(&user.origin.guid).await {
            Ok(AccountState::Usable) => return Ok(()),
            Ok(AccountState::Disabled) => "the directory says that the account is switched off",
            Ok(AccountState::Hidden) => "whether the account is switched off cannot be read in the directory",
            Ok(AccountState::Absent) => "the directory has no such person any more",
            Err(error) => return Err(people::unavailable(label, &error)),
        };
        Err(Refused::new(Reason::NotInDirectory, why))
    }
}

/// Whose passkey signed, and what it showed. Blocks.
fn shown(
    relying: &Relying,
    keys: &crate::keys::Keys,
    store: &Store,
    answer: &Answer,
    now: Timestamp,
) -> Result<Found, Refused> {
    let id = answer.passkey().map_err(|error| refusal(&error))?;
    let found = store.read(|snapshot| {
        let Some(owner) = factors::passkey_owner(snapshot, &id)? else { return Ok(None) };
        let held = factors::passkey(snapshot, &owner, &id)?;
        Ok::<_, StoreError>(held.zip(people::user(snapshot, owner)?))
    });
    let found = found.map_err(|error| Refused::failed(&error))?;
    let (held, user) = found.ok_or_else(|| Refused::new(Reason::UnknownPasskey, "nobody has that passkey"))?;
    let about = |refused: Refused| refused.about(user.id, Some(user.name.to_string()));
    let shown = match relying.shown_by_whoever(keys, &held.value, answer, now) {
        // Somebody who sends an answer twice has no copy of the device.
        Err(CeremonyError::CounterWentBack) => {
            let challenge = relying.challenge(keys, None, answer, now).map_err(|error| about(refusal(&error)))?;
            factor::unspent(store, &challenge).map_err(about)?;
            return Err(about(refusal(&CeremonyError::CounterWentBack)));
        }
        shown => shown.map_err(|error| about(refusal(&error)))?,
    };
    user.standing.active(now).map_err(|why| about(inactive(&user, &why)))?;
    Ok(Found { user, shown, revision: held.revision })
}

/// Lets them in, as they are now: time has passed while the directory was asked. Blocks.
fn enter(store: &Store, found: Found, now: Timestamp) -> Result<(User, Factor, Option<Timestamp>), Refused> {
    let Found { user, shown, revision } = found;
    let read = store.read(|snapshot| {
        let Some(user) = people::user(snapshot, user.id)? else { return Ok(None) };
        let password = credentials::password_changed(snapshot, &user)?;
        Ok::<_, StoreError>(Some((user, password)))
    });
    let read = read.map_err(|error| Refused::failed(&error))?;
    let (user, password) = read.ok_or_else(|| Refused::new(Reason::NotInDirectory, "they are gone"))?;
    user.standing.active(now).map_err(|why| inactive(&user, &why))?;
    if user.origin.directory.is_local() {
        let owner = CredentialOwner::User(user.id);
        let profile = store.read(|snapshot| credentials::login_profile(snapshot, &owner));
        let profile = profile.map_err(|error: StoreError| Refused::failed(&error))?;
        // Whose way in by a password was taken away, or waits for another password, has none by a key either.
        let none = || Refused::new(Reason::NoPassword, "they may not sign in any more: their password was taken away");
        people::usable(store, &profile.ok_or_else(none)?.value, now)?;
    }
    let actor = Actor::Person { user: user.id, name: user.name.to_string() };
    if !factor::write_passkey(store, &actor, &shown, revision, now)? {
        return Err(Refused::new(Reason::UsedChallenge, "the passkey was used, renamed or removed at the same time"));
    }
    Ok((user, Factor { at: now, by: Method::Passkey { can_sync: shown.after.can_sync } }, password))
}

fn inactive(user: &User, why: &Inactive) -> Refused {
    Refused::new(Reason::Inactive, format!("user `{}`: {why}", user.name))
}

/// Why an answer shows nobody. It says nothing of anybody but who holds the device.
fn refusal(error: &CeremonyError) -> Refused {
    match error {
        CeremonyError::NotHeld | CeremonyError::Refused(_) | CeremonyError::Malformed(_) => {
            Refused::new(Reason::UnknownPasskey, error)
        }
        error if error.fault() != Fault::Caller => Refused::failed(error),
        error => factor::passkey_refusal(error),
    }
}
