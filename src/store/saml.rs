//! Rows of SAML, in terms of the model: service providers, the way to each from what it calls itself, and metadata that is pinned for
//! those of the configuration; and the sealed keys that open assertions of providers. Which of those a provider has stands in its own row.

use super::execute::{from_json, to_json};
use super::iam::{Read, as_read};
use super::schema::credentials::sealing_key;
use super::schema::saml as keys;
use super::{Commit, Expect, KeyRange, Revision, Snapshot, StoreError, sso};
use crate::base::SamlProviderId;
use crate::model::saml_encryption::{PrivateKeyId, SealedPrivateKey};
use crate::model::saml_sp::SpPin;
use crate::model::{SamlSp, SpName};

/// The service provider of this name.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn sp(snapshot: &dyn Snapshot, name: &SpName) -> Result<Option<Read<SamlSp>>, StoreError> {
    sso::read(snapshot, &keys::sp(name))
}

/// All service providers, by name. There are few.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn sps(snapshot: &dyn Snapshot) -> Result<Vec<SamlSp>, StoreError> {
    let rows = snapshot.scan(&KeyRange::prefix(&keys::sps()), usize::MAX)?;
    rows.iter().map(|(key, row)| from_json(key, &row.value)).collect()
}

/// How many there are.
///
/// # Errors
/// When the rows cannot be read.
pub fn count_sps(snapshot: &dyn Snapshot) -> Result<usize, StoreError> {
    Ok(snapshot.scan(&KeyRange::prefix(&keys::sps()), usize::MAX)?.len())
}

/// The service provider that calls itself so.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn sp_of(snapshot: &dyn Snapshot, entity_id: &str) -> Result<Option<Read<SamlSp>>, StoreError> {
    let Some(name) = sso::read::<SpName>(snapshot, &keys::sp_of(entity_id))? else { return Ok(None) };
    let found = sp(snapshot, &name.value)?;
    // The way leads by a digest; what counts is what stands there.
    Ok(found.filter(|found| found.value.entity_id == entity_id))
}

/// What is pinned for the section of this name.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn pin(snapshot: &dyn Snapshot, name: &SpName) -> Result<Option<Read<SpPin>>, StoreError> {
    sso::read(snapshot, &keys::pin(name))
}

/// The keys that open assertions of `provider`. There are few.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn provider_keys(snapshot: &dyn Snapshot, provider: &SamlProviderId) -> Result<Vec<SealedPrivateKey>, StoreError> {
    let rows = snapshot.scan(&KeyRange::prefix(&keys::provider_keys_of(provider)), usize::MAX)?;
    rows.iter().map(|(key, row)| from_json(key, &row.value)).collect()
}

/// That of this id.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn provider_key(
    snapshot: &dyn Snapshot,
    provider: &SamlProviderId,
    id: &PrivateKeyId,
) -> Result<Option<Read<SealedPrivateKey>>, StoreError> {
    sso::read(snapshot, &keys::provider_key(provider, id))
}

impl Commit {
    /// Writes a key that opens assertions of a provider, read at `revision`, 0 if it is new. The provider's row has to say the same.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_provider_key(&mut self, held: &SealedPrivateKey, revision: Revision) -> Result<(), StoreError> {
        let key = keys::provider_key(&held.provider, &held.id);
        self.expect(key.clone(), as_read(revision));
        self.claim(&sealing_key(held.sealed.key));
        self.put(key, to_json(held)?);
        Ok(())
    }

    /// Deletes one.
    pub fn delete_provider_key(&mut self, provider: &SamlProviderId, id: &PrivateKeyId) {
        self.delete(keys::provider_key(provider, id));
    }

    /// Writes what is pinned, in the place of what was at `revision`; 0 if nothing was.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_pin(&mut self, pin: &SpPin, revision: Revision) -> Result<(), StoreError> {
        let key = keys::pin(&pin.name);
        self.expect(key.clone(), as_read(revision));
        self.put(key, to_json(pin)?);
        Ok(())
    }

    /// Writes a service provider that was `before` at `revision`; `None` and 0 if it is new. No other may call itself the same.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_sp(&mut self, sp: &SamlSp, before: Option<&SamlSp>, revision: Revision) -> Result<(), StoreError> {
        let key = keys::sp(&sp.name);
        self.expect(key.clone(), as_read(revision));
        if before.is_none_or(|before| before.entity_id != sp.entity_id) {
            if let Some(before) = before {
                self.delete(keys::sp_of(&before.entity_id));
            }
            let way = keys::sp_of(&sp.entity_id);
            self.expect(way.clone(), Expect::Absent);
            self.put(way, to_json(&sp.name)?);
        }
        self.put(key, to_json(sp)?);
        Ok(())
    }

    /// Deletes a service provider that was read at `revision`.
    pub fn delete_sp(&mut self, sp: &SamlSp, revision: Revision) {
        let key = keys::sp(&sp.name);
        self.expect(key.clone(), Expect::At(revision));
        self.delete(keys::sp_of(&sp.entity_id));
        self.delete(key);
    }
}
