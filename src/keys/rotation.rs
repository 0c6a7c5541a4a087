//! The next sealing key takes over: while everything runs, and wherever it is cut short.
//!
//! First the new key lies in the store; then it seals; then what the old ones sealed is sealed anew, a row at a time; then
//! the old ones go. Whoever begins again does what is left. A secret that is sealed by an old key at the last moment is not
//! lost: writing it claims the key, and a key that was claimed since it was looked at does not go.

use std::sync::PoisonError;

use super::ring::RingError;
use super::{Keys, KeysError, access_key_owner, mfa_device_owner, saml_provider_key_owner};
use crate::base::Timestamp;
use crate::model::{Actor, KeyNumber, Sealed};
use crate::store::schema::{credentials as keys, saml as saml_keys};
use crate::store::{Commit, Intent, KeyRange, Revision, Store, StoreError, credentials, iam, saml};

/// Why a rotation did not get to its end; begin again.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a rotation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated {
    /// The key that seals now.
    pub current: KeyNumber,
    /// Secrets that were sealed anew.
    pub resealed: usize,
    /// Secrets that do not open, and keep their old key in the ring.
    pub unreadable: usize,
}

impl Keys {
    /// Puts the next sealing key into the store; it seals from then on. Blocks.
    ///
    /// # Errors
    /// When there is no master key or the store fails; then the one before goes on.
    pub fn advance(&self, store: &Store, by: &Actor, now: Timestamp) -> Result<KeyNumber, RotationError> {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        let ring = ring.as_mut().map_err(|error| error.clone())?;
        let next = ring.current().saturating_add(1);
        let mut commit = Commit::new(by.clone(), now, Intent::Widen);
        ring.add(next, now, &mut commit).map_err(|error| match error {
            RingError::Keys(error) => RotationError::Keys(error),
            RingError::Store(error) => RotationError::Store(error),
        })?;
        if let Err(error) = store.commit(commit) {
            ring.forget(next);
            return Err(error.into());
        }
        Ok(next)
    }

    /// Seals anew what older keys sealed, and lets those go. Blocks; may be called at any time, and again.
    ///
    /// # Errors
    /// When something does not open, or the store fails; what was done stays done.
    pub fn reseal(&self, store: &Store, by: &Actor, now: Timestamp) -> Result<Rotated, RotationError> {
        let (mut resealed, mut unreadable) = (0, 0);
        for old in self.standing()?.retiring {
            loop {
                let claimed = store.read(|snapshot| iam::claimed(snapshot, &keys::sealing_key(old)))?;
                let (done, left) = self.reseal_from(store, old, by, now)?;
                resealed += done;
                if left > 0 {
                    unreadable += left;
                    break;
                }
                let mut commit = Commit::new(by.clone(), now, Intent::Widen);
                commit.delete_sealing_key(old, claimed);
                match store.commit(commit) {
                    Ok(_) => {
                        self.forget(old);
                        break;
                    }
                    // Something was sealed by it meanwhile: look again.
                    Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(Rotated { current: self.standing()?.current, resealed, unreadable })
    }

    fn forget(&self, number: KeyNumber) {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(ring) = ring.as_mut() {
            ring.forget(number);
        }
    }

    /// Seals anew what key `old` sealed: how many secrets, and how many do not open. One that is damaged holds up no other.
    fn reseal_from(
        &self,
        store: &Store,
        old: KeyNumber,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(usize, usize), RotationError> {
        let mut rows = Vec::new();
        for prefix in [
            keys::access_keys(),
            keys::mfa_devices(),
            keys::signing_keys(),
            keys::session_keys(),
            saml_keys::provider_keys(),
        ] {
            store.for_each(&KeyRange::prefix(&prefix), |key, _| {
                rows.push(key.to_vec());
                Ok::<_, StoreError>(())
            })?;
        }
        let (mut resealed, mut unreadable) = (0, 0);
        for row in rows {
            let mut commit = Commit::new(by.clone(), now, Intent::Widen);
            match self.reseal_row(store, &row, old, &mut commit) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(RotationError::Keys(error @ KeysError::NotOpened { .. })) => {
                    tracing::error!(%error, "a secret is lost; delete its access key, device, or private key of a SAML provider");
                    unreadable += 1;
                    continue;
                }
                Err(error) => return Err(error),
            }
            match store.commit(commit) {
                Ok(_) => resealed += 1,
                // Changed or deleted in between; what is left of it is found in the next round.
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok((resealed, unreadable))
    }

    /// Whether the row has something that `old` sealed; then `commit` seals it anew.
    fn reseal_row(
        &self,
        store: &Store,
        row: &[u8],
        old: KeyNumber,
        commit: &mut Commit,
    ) -> Result<bool, RotationError> {
        if let Some(id) = keys::parse_key_id(row).filter(|_| row.starts_with(&keys::access_keys())) {
            let Some(mut held) = store.read(|snapshot| credentials::access_key(snapshot, &id))? else {
                return Ok(false);
            };
            let Some(anew) = self.anew(&held.value.secret, old, &access_key_owner(&id))? else { return Ok(false) };
            held.value.secret = anew;
            commit.put_access_key(&held.value, held.revision)?;
            return Ok(true);
        }
        if let Some(number) = keys::parse_signing_key(row) {
            return self.reseal_signing_key(store, number, old, commit);
        }
        if let Some(number) = keys::parse_session_key(row) {
            return self.reseal_session_key(store, number, old, commit);
        }
        if let Some((provider, id)) = saml_keys::parse_provider_key(row) {
            let held = store.read(|snapshot| saml::provider_key(snapshot, &provider, &id))?;
            let Some(mut held) = held else { return Ok(false) };
            let anew = self.anew(&held.value.sealed, old, &saml_provider_key_owner(&provider, &id))?;
            let Some(anew) = anew else { return Ok(false) };
            held.value.sealed = anew;
            commit.put_provider_key(&held.value, held.revision)?;
            return Ok(true);
        }
        let name = keys::parse_mfa_device(row).unwrap_or_default();
        let Some(held) = store.read(|snapshot| credentials::mfa_device(snapshot, name))? else { return Ok(false) };
        let (before, revision): (_, Revision) = (held.value, held.revision);
        let Some(seed) = self.anew(&before.seed, old, &mfa_device_owner(name))? else { return Ok(false) };
        let after = crate::model::MfaDevice { seed, ..before.clone() };
        commit.put_mfa_device(Some(&before), &after, revision)?;
        Ok(true)
    }

    pub(super) fn anew(&self, sealed: &Sealed, old: KeyNumber, owner: &str) -> Result<Option<Sealed>, KeysError> {
        if sealed.key != old {
            return Ok(None);
        }
        self.seal(owner, &self.unseal(owner, sealed)?).map(Some)
    }
}
