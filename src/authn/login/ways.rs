//! Where passkeys are used, and what somebody can show as a second factor: what whoever asks for one goes by.

use std::sync::{Arc, PoisonError, RwLock};

use super::factor::{self, Factor, Factors, Shown};
use super::{Logins, Refused};
use crate::authn::webauthn::{Asked, Party, Relying};
use crate::base::{Timestamp, UserId};
use crate::model::{Actor, Passkey};
use crate::store::{StoreError, factors};

/// Where passkeys are used; clones share it, and a reload exchanges what it holds.
#[derive(Debug, Clone, Default)]
pub struct Passkeys(Arc<RwLock<Held>>);

#[derive(Debug, Clone, Default)]
struct Held {
    relying: Option<Relying>,
    passwordless: bool,
}

impl Passkeys {
    /// From now on for this party, without a password where `passwordless`; for `None` nobody makes or shows one.
    pub fn follow(&self, party: Option<&Party>, passwordless: bool) {
        let held = Held { relying: party.and_then(Relying::new), passwordless };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = held;
    }

    /// Who takes part in ceremonies, if passkeys are used.
    #[must_use]
    pub fn relying(&self) -> Option<Relying> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).relying.clone()
    }

    /// The same, if they sign people in without a password.
    #[must_use]
    pub fn passwordless(&self) -> Option<Relying> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.relying.clone().filter(|_| held.passwordless)
    }
}

impl Logins {
    /// Where passkeys are used.
    #[must_use]
    pub fn passkeys(&self) -> &Passkeys {
        &self.parts.passkeys
    }

    /// What `user` can show as a second factor. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn factors(&self, user: &UserId) -> Result<Factors, StoreError> {
        self.parts.store.read(|snapshot| Factors::of(snapshot, user))
    }

    /// What asks the browser of `user` for one of their passkeys; `None` where they have none, or none is used. Blocks.
    ///
    /// # Errors
    /// When that cannot be made.
    pub fn ask_passkey(&self, user: &UserId, now: Timestamp) -> Result<Option<Asked>, Refused> {
        let Some(relying) = self.parts.passkeys.relying() else { return Ok(None) };
        let held = self.parts.store.read(|snapshot| factors::passkeys_of(snapshot, user));
        let held = held.map_err(|error: StoreError| Refused::failed(&error))?;
        if held.is_empty() {
            return Ok(None);
        }
        let held: Vec<Passkey> = held.into_iter().map(|held| held.value).collect();
        let asked = relying.ask_for(&self.parts.keys, *user, &held, now);
        asked.map(Some).map_err(|error| factor::passkey_refusal(&error))
    }

    /// What asks any browser for a passkey that signs its owner in by itself; `None` where that is not wanted.
    #[must_use]
    pub fn ask_whoever(&self, now: Timestamp) -> Option<Asked> {
        let relying = self.parts.passkeys.passwordless()?;
        relying
            .ask_whoever(&self.parts.keys, now)
            .inspect_err(|error| tracing::error!(%error, "no passkey is asked for"))
            .ok()
    }

    /// Takes a second factor of somebody who is signed in already: once, within the limits on guessing. Blocks.
    ///
    /// # Errors
    /// Why it is not taken; also when they have none at all.
    pub fn show(&self, (user, actor): (UserId, &Actor), shown: &Shown, now: Timestamp) -> Result<Factor, Refused> {
        let taken = factor::check(&self.parts, &self.parts.store, (user, actor), Some(shown), now)?;
        taken.ok_or_else(|| Refused::new(super::Reason::WrongCode, "there is no second factor"))
    }
}
