//! Signing keys come and go: on schedule, on demand, and in an emergency.
//!
//! One at a time turns keys, and each step is a commit of its own before it shows: wherever it is cut short, whoever begins
//! again does what is left.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::schedule::{self, AROUND, KeyState};
use super::{Algorithm, Open, Stored, owner};
use crate::audit::Event;
use crate::base::Timestamp;
use crate::base::clock::later;
use crate::keys::{Keys, KeysError, RotationError};
use crate::model::{Actor, KeyNumber};
use crate::store::{Commit, Intent, Store, credentials};

/// Something that befell a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEvent {
    /// What.
    pub what: Befell,
    /// Of which algorithm it is.
    pub algorithm: Algorithm,
    /// Its name; of one that did not open, its number.
    pub key: String,
    /// True when somebody feared that others have it.
    pub emergency: bool,
    /// True of those that sign messages of SAML.
    pub saml: bool,
}

/// What can befall a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Befell {
    /// It was made, and is published.
    Created,
    /// It began to sign.
    Activated,
    /// It ceased to sign.
    Retired,
    /// It is no more, and what it signed is not believed.
    Destroyed,
}

/// A signing key as others may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Its name in tokens.
    pub kid: String,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// When it was made.
    pub created: Timestamp,
    /// Where it stands.
    pub state: KeyState,
}

impl KeyEvent {
    /// The event for the audit log.
    #[must_use]
    pub fn event(&self) -> Event {
        let event = Event::narrowing(match self.what {
            Befell::Created => "CreateSigningKey",
            Befell::Activated => "ActivateSigningKey",
            Befell::Retired => "RetireSigningKey",
            Befell::Destroyed => "DestroySigningKey",
        });
        let event = event.with("kid", self.key.clone()).with("algorithm", self.algorithm.name());
        let event = if self.saml { event.with("use", "saml") } else { event };
        if self.emergency { event.with("emergency", true) } else { event }
    }
}

impl Keys {
    /// All signing keys, by algorithm, the oldest first.
    #[must_use]
    pub fn signing_keys(&self, now: Timestamp) -> Vec<SigningKey> {
        Algorithm::ALL
            .into_iter()
            .flat_map(|algorithm| self.line(algorithm, now))
            .map(|(key, state)| shown(&key, state))
            .collect()
    }

    /// Makes the key of `algorithm` that is due, notes the one that began to sign, and destroys those that are over; mostly there
    /// is nothing to do. Blocks when there is, for RS256 as long as a key takes. Without a master key, which health tells of,
    /// nothing is done.
    ///
    /// # Errors
    /// When the store fails; what was done stays done, and the keys there are go on.
    pub fn turn_signing_keys(
        &self,
        store: &Store,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<Vec<KeyEvent>, RotationError> {
        let _turn = self.take_turn();
        let mut events = Vec::new();
        if self.standing().is_err() {
            return Ok(events);
        }
        let by = Actor::task("keys");
        if let Some(from) = schedule::due(&self.starts(algorithm), now) {
            events.extend(self.make(store, algorithm, from, &by, now)?);
        }
        events.extend(self.announce(store, algorithm, &by, now)?);
        for (number, key) in self.over(algorithm, now) {
            let mut commit = Commit::new(by.clone(), now, Intent::Narrow);
            commit.delete_signing_key(number);
            store.commit(commit)?;
            self.drop_keys(&[number]);
            events.push(KeyEvent { what: Befell::Destroyed, algorithm, key, emergency: false, saml: false });
        }
        Ok(events)
    }

    /// Publishes the next key of `algorithm` now, to sign a day from now; nothing is done where one is published already.
    /// Blocks.
    ///
    /// # Errors
    /// When there is no master key or the store fails.
    pub fn rotate_signing_key(
        &self,
        store: &Store,
        algorithm: Algorithm,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Vec<KeyEvent>, RotationError> {
        let _turn = self.take_turn();
        self.standing()?;
        let line = self.line(algorithm, now);
        if line.iter().any(|(_, state)| matches!(state, KeyState::Next { .. })) {
            return Ok(Vec::new());
        }
        let from = if line.is_empty() { now } else { later(now, AROUND) };
        self.make(store, algorithm, from, by, now)
    }

    /// A new key of `algorithm` signs at once, and all others of it are destroyed in the same act: whoever got at one got at all,
    /// those that wait and those that retire too. What they signed is not believed from then on. Blocks.
    ///
    /// # Errors
    /// When there is no master key or the store fails; then all is as before.
    pub fn replace_signing_key(
        &self,
        store: &Store,
        algorithm: Algorithm,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Vec<KeyEvent>, RotationError> {
        let _turn = self.take_turn();
        self.standing()?;
        let doomed: Vec<(KeyNumber, String)> = {
            let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner);
            let open = signing.of(algorithm).map(|key| (key.number, key.public.kid.clone()));
            open.chain(signing.lost_of(algorithm).map(|number| (number, lost_name(number)))).collect()
        };
        // It gives nobody more than there was, and a full disk must not keep a stolen key alive.
        let mut commit = Commit::new(by.clone(), now, Intent::Narrow);
        let key = self.draft(store, algorithm, now, now, &mut commit)?;
        doomed.iter().for_each(|(number, _)| commit.delete_signing_key(*number));
        store.commit(commit)?;
        let numbers: Vec<KeyNumber> = doomed.iter().map(|(number, _)| *number).collect();
        let made = key.public.kid.clone();
        {
            // Both in one: there is no moment without a key, and none in which an old one counts beside it.
            let mut signing = self.signing.write().unwrap_or_else(PoisonError::into_inner);
            signing.forget(&numbers);
            signing.open.push(Arc::new(key));
        }
        tracing::error!(%algorithm, kid = %made, destroyed = doomed.len(), "signing keys were replaced in an emergency");
        let event = |what, key| KeyEvent { what, algorithm, key, emergency: true, saml: false };
        let destroyed = doomed.into_iter().map(|(_, key)| event(Befell::Destroyed, key));
        Ok([event(Befell::Created, made.clone()), event(Befell::Activated, made)]
            .into_iter()
            .chain(destroyed)
            .collect())
    }

    pub(super) fn take_turn(&self) -> MutexGuard<'_, ()> {
        self.turning.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys of `algorithm`, the oldest first, and where each stands.
    fn line(&self, algorithm: Algorithm, now: Timestamp) -> Vec<(Arc<Open>, KeyState)> {
        let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner);
        let states = schedule::states(&signing.starts(algorithm), now);
        signing.of(algorithm).cloned().zip(states).collect()
    }

    fn starts(&self, algorithm: Algorithm) -> Vec<Timestamp> {
        self.signing.read().unwrap_or_else(PoisonError::into_inner).starts(algorithm)
    }

    /// Numbers and names of keys by which nothing that counts can be signed any more.
    fn over(&self, algorithm: Algorithm, now: Timestamp) -> Vec<(KeyNumber, String)> {
        let line = self.line(algorithm, now);
        let over = line.iter().filter(|(_, state)| state.is_over(now));
        let over = over.map(|(key, _)| (key.number, key.public.kid.clone()));
        // As long as nothing has signed in its place for a day, the sealing key may come back that opens it.
        let replaced = line.iter().filter(|(key, _)| later(key.active_from, AROUND) <= now).map(|(key, _)| key.number);
        let replaced = replaced.max().unwrap_or_default();
        let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner);
        let lost = signing.lost_of(algorithm).filter(|number| replaced > *number);
        over.chain(lost.map(|number| (number, lost_name(number)))).collect()
    }

    /// Makes a key that signs from `from` on.
    fn make(
        &self,
        store: &Store,
        algorithm: Algorithm,
        from: Timestamp,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Vec<KeyEvent>, RotationError> {
        let mut commit = Commit::new(by.clone(), now, Intent::Widen);
        let key = self.draft(store, algorithm, from, now, &mut commit)?;
        store.commit(commit)?;
        let kid = key.public.kid.clone();
        self.signing.write().unwrap_or_else(PoisonError::into_inner).open.push(Arc::new(key));
        let event = |what| KeyEvent { what, algorithm, key: kid.clone(), emergency: false, saml: false };
        let begun = (from <= now).then(|| event(Befell::Activated));
        Ok([event(Befell::Created)].into_iter().chain(begun).collect())
    }

    /// A new key, whose row is in `commit`.
    fn draft(
        &self,
        store: &Store,
        algorithm: Algorithm,
        from: Timestamp,
        now: Timestamp,
        commit: &mut Commit,
    ) -> Result<Open, RotationError> {
        let private = algorithm.generate().ok_or(KeysError::Refused)?;
        // One that is lost has its number still.
        let stored = store.read(credentials::signing_keys::<Stored>)?;
        let number = stored.last().map_or(1, |(number, _)| number.saturating_add(1));
        let sealed = self.seal(&owner(number), &private)?;
        let by = sealed.key;
        let row =
            Stored { algorithm, created: now, active_from: from, announced: from <= now, sealed, certificate: None };
        let key = Open::new(number, &row, &private)?;
        commit.put_signing_key(number, &row, by, 0)?;
        Ok(key)
    }

    /// Notes that a key began to sign, once, so that the log can say when.
    fn announce(
        &self,
        store: &Store,
        algorithm: Algorithm,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Vec<KeyEvent>, RotationError> {
        let line = self.line(algorithm, now);
        let Some(at) = line.iter().position(|(_, state)| matches!(state, KeyState::Current { .. })) else {
            return Ok(Vec::new());
        };
        let Some((key, _)) = line.get(at).filter(|(key, _)| !key.is_announced()) else { return Ok(Vec::new()) };
        let stored = store.read(credentials::signing_keys::<Stored>)?;
        let Some((_, held)) = stored.into_iter().find(|(number, _)| *number == key.number) else {
            return Ok(Vec::new());
        };
        let mut commit = Commit::new(by.clone(), now, Intent::Narrow);
        let sealed_by = held.value.sealed.key;
        commit.put_signing_key(key.number, &Stored { announced: true, ..held.value }, sealed_by, held.revision)?;
        store.commit(commit)?;
        key.announced.store(true, Ordering::Release);
        let event = |what, key: &Arc<Open>| KeyEvent {
            what,
            algorithm,
            key: key.public.kid.clone(),
            emergency: false,
            saml: false,
        };
        let before = at.checked_sub(1).and_then(|before| line.get(before));
        let retired = before.map(|(key, _)| event(Befell::Retired, key));
        Ok([event(Befell::Activated, key)].into_iter().chain(retired).collect())
    }

    fn drop_keys(&self, numbers: &[KeyNumber]) {
        self.signing.write().unwrap_or_else(PoisonError::into_inner).forget(numbers);
    }
}

fn shown(key: &Open, state: KeyState) -> SigningKey {
    SigningKey { kid: key.public.kid.clone(), algorithm: key.public.alg, created: key.created, state }
}

fn lost_name(number: KeyNumber) -> String {
    format!("number {number}, which did not open")
}
