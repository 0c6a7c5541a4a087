//! The account as a whole: its alias, and how much there is of what.

use std::collections::BTreeMap;

use super::super::{Admin, AdminError};
use crate::gate::Authorized;
use crate::model::MemberKind;
use crate::store::iam::Read;
use crate::store::schema::credentials::Setting;
use crate::store::schema::iam::Named;
use crate::store::{KeyRange, Snapshot, Store, StoreError, credentials, schema};

impl Admin {
    /// Gives the account a name for people, in the place of the one it has. Blocks.
    ///
    /// # Errors
    /// When it cannot be one, or a part fails.
    pub fn create_account_alias(&self, asked: Authorized, alias: &str) -> Result<(), AdminError> {
        self.change(asked, |change| {
            if !is_alias(alias) {
                return Err(AdminError::OutOfBounds {
                    what: "AccountAlias".to_owned(),
                    limit: "3 to 63 of a-z, 0-9 and single dashes between them".to_owned(),
                });
            }
            let before = credentials::setting::<String>(change.snapshot, Setting::Alias)?;
            change.commit.put_setting(Setting::Alias, &alias, before.map_or(0, |read| read.revision))?;
            change.note("alias", alias);
            Ok(())
        })
    }

    /// Takes the account's name away. Blocks.
    ///
    /// # Errors
    /// When it has another, or a part fails.
    pub fn delete_account_alias(&self, asked: Authorized, alias: &str) -> Result<(), AdminError> {
        self.change(asked, |change| {
            let before = credentials::setting::<String>(change.snapshot, Setting::Alias)?;
            let Some(Read { revision, .. }) = before.filter(|read| read.value == alias) else {
                let alias = crate::base::text::printable(alias);
                return Err(AdminError::NoSuch { what: format!("account alias `{alias}`") });
            };
            change.commit.delete_setting(Setting::Alias, revision);
            change.note("alias", alias);
            Ok(())
        })
    }

    /// The account's name for people, if it has one. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn account_alias(&self, _asked: &Authorized) -> Result<Option<String>, AdminError> {
        Ok(self.store.read(|snapshot| credentials::setting(snapshot, Setting::Alias))?.map(|read| read.value))
    }

    /// How much there is of what, by the names that IAM has for it; and the limits that hold here. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn account_summary(&self, _asked: &Authorized) -> Result<BTreeMap<&'static str, u64>, AdminError> {
        let names = |kind| KeyRange::prefix(&schema::iam::names(kind, Some(&self.account)));
        let devices = self.store.read(|snapshot| credentials::mfa_devices(snapshot, None, usize::MAX))?;
        let root = crate::model::CredentialOwner::Root;
        let root_keys = self.store.read(|snapshot| credentials::access_keys_of(snapshot, &root))?.len();
        let root_devices = self.store.read(|snapshot| credentials::mfa_devices_of(snapshot, &root))?.len();
        Ok(BTreeMap::from([
            ("Users", count(&self.store, &KeyRange::prefix(&schema::names(MemberKind::User)))?),
            ("Groups", count(&self.store, &KeyRange::prefix(&schema::names(MemberKind::Group)))?),
            ("Roles", count(&self.store, &names(Named::Role))?),
            ("Policies", count(&self.store, &names(Named::Policy))?),
            ("InstanceProfiles", count(&self.store, &names(Named::InstanceProfile))?),
            ("MFADevices", devices.len() as u64),
            ("MFADevicesInUse", devices.iter().filter(|device| device.enabled.is_some()).count() as u64),
            ("AccountAccessKeysPresent", root_keys as u64),
            ("AccountMFAEnabled", u64::from(root_devices > 0)),
            ("AccountSigningCertificatesPresent", 0),
            ("AccessKeysPerUserQuota", crate::model::access_key::MOST as u64),
            ("VersionsPerPolicyQuota", crate::model::managed_policy::MOST_VERSIONS as u64),
            ("PolicySizeQuota", 6_144),
            ("UserPolicySizeQuota", 2_048),
            ("GroupPolicySizeQuota", 5_120),
            ("RolePolicySizeQuota", 10_240),
            ("AssumeRolePolicySizeQuota", 4_096),
            ("AttachedPoliciesPerUserQuota", 20),
            ("AttachedPoliciesPerGroupQuota", 20),
            ("AttachedPoliciesPerRoleQuota", 20),
        ]))
    }
}

/// Rows of a range, some at a time: a snapshot holds commits up.
fn count(store: &Store, range: &KeyRange) -> Result<u64, StoreError> {
    const PAGE: usize = 10_000;
    let (mut rest, mut found) = (range.clone(), 0);
    loop {
        let keys = store.read(|snapshot: &dyn Snapshot| snapshot.scan(&rest, PAGE))?;
        found += keys.len() as u64;
        match keys.last().filter(|_| keys.len() == PAGE) {
            Some((last, _)) => rest = range.clone().after(last),
            None => return Ok(found),
        }
    }
}

/// IAM API reference, `accountAliasType`.
fn is_alias(text: &str) -> bool {
    (3..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}
