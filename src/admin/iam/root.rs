//! The account's root: made once, loud whenever it is used, and usually locked away.
//!
//! It may do everything and needs no directory, so it is the way back in when nothing else works. It has a row of its own,
//! and access keys and devices like a user; it cannot be deleted.

use serde::{Deserialize, Serialize};

use super::super::{Admin, AdminError};
use super::access_keys::{AccessKeyView, NewAccessKey, ROOT};
use super::{Change, find};
use crate::base::{Secret, Timestamp};
use crate::gate::Authorized;
use crate::model::{AccessKeyId, Arn, CredentialOwner, MfaDevice, Root};
use crate::store::credentials;
use crate::store::iam::Read;
use crate::store::schema::credentials::Setting;
use crate::store::{Snapshot, iam};

/// What `bailey init` sets up.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Initialization {
    /// The group whose members administer from now on: `AdministratorAccess` is attached to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub administrators: Option<String>,
}

/// How root is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RootView {
    /// Its ARN.
    pub arn: String,
    /// When it was made; `None` before `bailey init`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Since when it is locked away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_since: Option<Timestamp>,
    /// Its access keys.
    pub access_keys: Vec<AccessKeyView>,
    /// Serial numbers of its devices of the second factor.
    pub mfa_devices: Vec<String>,
}

/// The template that administrators get.
const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

impl Admin {
    /// Whether root was made. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_initialized(&self) -> Result<bool, AdminError> {
        Ok(self.store.read(|snapshot| root(snapshot))?.is_some())
    }

    /// Makes root with an access key, and the first administrators. Once. Blocks.
    ///
    /// # Errors
    /// When root is there already, there is no such group, there is no master key, or a part fails.
    pub fn initialize(&self, asked: Authorized, with: &Initialization) -> Result<NewAccessKey, AdminError> {
        let (id, secret) = self.fresh_key();
        self.change(asked, |change| {
            if root(change.snapshot)?.is_some() {
                return Err(AdminError::Exists { kind: "root of account", name: change.account.to_string() });
            }
            if let Some(group) = &with.administrators {
                let group = find::holder(change.snapshot, change.account, find::HolderKind::Group, group)?;
                let policy = find::policy(change.snapshot, change.account, ADMINISTRATOR)?.value;
                let before = iam::entitlements(change.snapshot, &group)?;
                let mut after = before.value.clone();
                after.attached.insert(policy.id);
                change.commit.claim(&crate::store::schema::iam::holder_row(&group));
                change.commit.put_entitlements(&group, &before, &after)?;
                let (_, arn) = super::views::holder_names(change.snapshot, change.account, &group)?;
                change.note("administrators", arn);
            }
            let made = Root { created: change.now, locked_since: None };
            change.commit.put_setting(Setting::Root, &made, 0)?;
            self.first_root_key(change, (id, secret))
        })
    }

    fn first_root_key(
        &self,
        change: &mut Change<'_>,
        fresh: (AccessKeyId, Secret<String>),
    ) -> Result<NewAccessKey, AdminError> {
        // The row of root is in this very commit, so nothing has to be there before it.
        let made = self.sealed_key(change, CredentialOwner::Root, fresh.0, &fresh.1)?;
        change.commit.add_first_access_key(&made)?;
        change.note("access_key", made.id.to_string());
        Ok(NewAccessKey { key: AccessKeyView::of(&made, ROOT.to_owned(), None), secret: fresh.1 })
    }

    /// Makes another access key for root. Blocks.
    ///
    /// # Errors
    /// When it has two already, there is no root or master key, or a part fails.
    pub fn create_root_key(&self, asked: Authorized) -> Result<NewAccessKey, AdminError> {
        let fresh = self.fresh_key();
        self.change(asked, |change| {
            must_be_there(change.snapshot)?;
            self.add_access_key(change, CredentialOwner::Root, ROOT.to_owned(), fresh)
        })
    }

    /// How root is. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn root(&self, _asked: &Authorized) -> Result<RootView, AdminError> {
        self.store.read(|snapshot| {
            let found = root(snapshot)?.map(|root| root.value);
            let mut access_keys = Vec::new();
            for held in credentials::access_keys_of(snapshot, &CredentialOwner::Root)? {
                let used = self.used(snapshot, &held.value.id)?;
                access_keys.push(AccessKeyView::of(&held.value, ROOT.to_owned(), used));
            }
            let devices = credentials::mfa_devices_of(snapshot, &CredentialOwner::Root)?;
            let serial = |device: &MfaDevice| Arn::mfa_device(&self.account, &device.name).to_string();
            Ok(RootView {
                arn: Arn::root(&self.account).to_string(),
                created: found.as_ref().map(|root| root.created),
                locked_since: found.and_then(|root| root.locked_since),
                access_keys,
                mfa_devices: devices.iter().map(|held| serial(&held.value)).collect(),
            })
        })
    }

    /// Locks root away, or lets it out again. Blocks.
    ///
    /// # Errors
    /// When there is none, or a part fails.
    pub fn lock_root(&self, asked: Authorized, lock: bool) -> Result<(), AdminError> {
        self.change(asked, |change| {
            let Read { value: mut root, revision } = must_be_there(change.snapshot)?;
            let wanted = lock.then(|| root.locked_since.unwrap_or(change.now));
            if root.locked_since != wanted {
                root.locked_since = wanted;
                change.commit.put_setting(Setting::Root, &root, revision)?;
            }
            Ok(())
        })
    }
}

fn root(snapshot: &dyn Snapshot) -> Result<Option<Read<Root>>, crate::store::StoreError> {
    credentials::setting::<Root>(snapshot, Setting::Root)
}

fn must_be_there(snapshot: &dyn Snapshot) -> Result<Read<Root>, AdminError> {
    root(snapshot)?.ok_or_else(|| AdminError::NotNow {
        what: "the account has no root yet".to_owned(),
        remedy: "run `bailey init`".to_owned(),
    })
}
