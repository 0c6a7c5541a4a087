//! Access keys of users and of root: what programs sign their requests with.
//!
//! The secret half is told once, when the key is made; it lies sealed in the store, for a signature has to be computed with
//! it (AWS Signature Version 4). Owners have two keys at most: one in use and its successor.

use serde::{Deserialize, Serialize};

use super::super::{Admin, AdminError};
use super::Change;
use crate::base::{Secret, Timestamp};
use crate::gate::Authorized;
pub use crate::gate::target::ROOT;
use crate::keys::access_key_owner;
use crate::model::access_key::MOST;
use crate::model::{AccessKey, AccessKeyId, CredentialOwner, LastUsed, Member, MemberKind};
use crate::rights::find;
use crate::store::iam::Read;
use crate::store::{Snapshot, credentials};

/// An access key as listings show it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessKeyView {
    /// Its public half.
    pub id: String,
    /// The name of the user, `root` for root.
    pub user: String,
    /// False while it is switched off.
    pub active: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it was used last, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<LastUsed>,
}

/// A new access key, with its secret half: the only time that it is told.
#[derive(Debug)]
pub struct NewAccessKey {
    /// The key.
    pub key: AccessKeyView,
    /// Its secret half.
    pub secret: Secret<String>,
}

impl Admin {
    /// Makes an access key for a user. Blocks.
    ///
    /// # Errors
    /// When there is nobody of that name, it has two already, there is no master key, or a part fails.
    pub fn create_access_key(&self, asked: Authorized) -> Result<NewAccessKey, AdminError> {
        let which = asked.resource().to_owned();
        let fresh = self.fresh_key();
        self.change(asked, |change| {
            let (owner, name) = owner(change, &which)?;
            self.add_access_key(change, owner, name, fresh)
        })
    }

    /// Puts a new key into the change.
    pub(super) fn add_access_key(
        &self,
        change: &mut Change<'_>,
        owner: CredentialOwner,
        name: String,
        (id, secret): (AccessKeyId, Secret<String>),
    ) -> Result<NewAccessKey, AdminError> {
        if credentials::access_keys_of(change.snapshot, &owner)?.len() >= MOST {
            return Err(AdminError::LimitExceeded {
                what: format!("a third access key of `{name}`"),
                limit: format!("{MOST} are allowed: one in use and its successor; delete one first"),
            });
        }
        let key = self.sealed_key(change, owner, id, &secret)?;
        change.commit.add_access_key(&key)?;
        change.note("access_key", key.id.to_string());
        change.note("user", name.clone());
        Ok(NewAccessKey { key: AccessKeyView::of(&key, name, None), secret })
    }

    pub(super) fn sealed_key(
        &self,
        change: &Change<'_>,
        owner: CredentialOwner,
        id: AccessKeyId,
        secret: &Secret<String>,
    ) -> Result<AccessKey, AdminError> {
        let plain = Secret::new(secret.expose().as_bytes().to_vec());
        let sealed = self.keys.seal(&access_key_owner(&id), &plain)?;
        Ok(AccessKey { id, owner, active: true, created: change.now, secret: sealed })
    }

    /// Forty characters that nobody can guess, and a name for them.
    pub(super) fn fresh_key(&self) -> (AccessKeyId, Secret<String>) {
        use base64::Engine as _;
        let mut rng = self.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let id = AccessKeyId::fresh(&mut *rng);
        let bytes = zeroize::Zeroizing::new(rand::RngExt::random::<[u8; 30]>(&mut *rng));
        (id, Secret::new(base64::engine::general_purpose::STANDARD.encode(bytes.as_slice())))
    }

    /// Switches a user's access key on or off. Blocks.
    ///
    /// # Errors
    /// When the user has no such key, or a part fails.
    pub fn update_access_key(&self, asked: Authorized, key: &str, active: bool) -> Result<AccessKeyView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let (owner, name) = owner(change, &which)?;
            let Read { value: mut held, revision } = held(change.snapshot, &owner, key, &name)?;
            change.note("access_key", held.id.to_string());
            change.note("user", name.clone());
            change.note("active", active.to_string());
            if held.active != active {
                held.active = active;
                change.commit.put_access_key(&held, revision)?;
            }
            let used = credentials::last_used(change.snapshot, &held.id)?;
            Ok(AccessKeyView::of(&held, name, used))
        })
    }

    /// Deletes a user's access key. Blocks.
    ///
    /// # Errors
    /// When the user has no such key, or a part fails.
    pub fn delete_access_key(&self, asked: Authorized, key: &str) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let (owner, name) = owner(change, &which)?;
            let Read { value: held, revision } = held(change.snapshot, &owner, key, &name)?;
            change.commit.delete_access_key(&held, revision);
            change.note("access_key", held.id.to_string());
            change.note("user", name);
            Ok(())
        })
    }

    /// A user's access keys. Blocks.
    ///
    /// # Errors
    /// When there is nobody of that name, or the store cannot be read.
    pub fn access_keys(&self, asked: &Authorized) -> Result<Vec<AccessKeyView>, AdminError> {
        self.store.read(|snapshot| {
            let (owner, name) = owner_of(snapshot, &self.account, asked.resource())?;
            let mut shown = Vec::new();
            for held in credentials::access_keys_of(snapshot, &owner)? {
                let used = self.used(snapshot, &held.value.id)?;
                shown.push(AccessKeyView::of(&held.value, name.clone(), used));
            }
            Ok(shown)
        })
    }

    /// When an access key was used last, by its id alone. Blocks.
    ///
    /// # Errors
    /// When there is none of that id, or the store cannot be read.
    pub fn access_key_last_used(&self, key: &str) -> Result<AccessKeyView, AdminError> {
        self.store.read(|snapshot| {
            let id = key.parse::<AccessKeyId>().map_err(|_| no_key(key))?;
            let held = credentials::access_key(snapshot, &id)?.ok_or_else(|| no_key(key))?.value;
            let name = name_of_owner(snapshot, &held.owner)?;
            let used = self.used(snapshot, &id)?;
            Ok(AccessKeyView::of(&held, name, used))
        })
    }

    /// What is noted of a key's use: in the store, or since the last time that was written there.
    pub(super) fn used(&self, snapshot: &dyn Snapshot, id: &AccessKeyId) -> Result<Option<LastUsed>, AdminError> {
        Ok(match self.uses.of(id) {
            Some(used) => Some(used),
            None => credentials::last_used(snapshot, id)?,
        })
    }
}

impl AccessKeyView {
    pub(super) fn of(key: &AccessKey, user: String, last_used: Option<LastUsed>) -> Self {
        Self { id: key.id.to_string(), user, active: key.active, created: key.created, last_used }
    }
}

/// Whose credentials `which` means: a user's, or root's, and what to call that.
pub(super) fn owner_of(
    snapshot: &dyn Snapshot,
    account: &crate::model::AccountId,
    which: &str,
) -> Result<(CredentialOwner, String), AdminError> {
    if which == ROOT || which == crate::model::Arn::root(account).as_str() {
        return Ok((CredentialOwner::Root, ROOT.to_owned()));
    }
    let entity = find::entity(snapshot, account, MemberKind::User, which)?;
    let name = entity.name().to_string();
    match entity.member() {
        Member::User(id) => Ok((CredentialOwner::User(id), name)),
        Member::Group(_) | Member::Resource(_) => Err(AdminError::NoSuch { what: format!("user `{name}`") }),
    }
}

fn owner(change: &Change<'_>, which: &str) -> Result<(CredentialOwner, String), AdminError> {
    owner_of(change.snapshot, change.account, which)
}

/// The name of an owner; its id where its row is gone.
pub(super) fn name_of_owner(snapshot: &dyn Snapshot, owner: &CredentialOwner) -> Result<String, AdminError> {
    match owner {
        CredentialOwner::Root => Ok(ROOT.to_owned()),
        CredentialOwner::User(id) => Ok(super::views::name_of(snapshot, &Member::User(*id))?),
    }
}

fn held(
    snapshot: &dyn Snapshot,
    owner: &CredentialOwner,
    key: &str,
    name: &str,
) -> Result<Read<AccessKey>, AdminError> {
    let missing = || AdminError::NoSuch { what: format!("access key `{}` of `{name}`", shown(key)) };
    let id = key.parse::<AccessKeyId>().map_err(|_| missing())?;
    let found = credentials::access_key(snapshot, &id)?;
    found.filter(|found| found.value.owner == *owner).ok_or_else(missing)
}

fn no_key(key: &str) -> AdminError {
    AdminError::NoSuch { what: format!("access key `{}`", shown(key)) }
}

fn shown(key: &str) -> String {
    crate::base::text::printable_within(key, 32).into_owned()
}
