//! Managed policies and their versions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::{Admin, AdminError};
use super::views::{HolderView, Page, PolicyView, VersionView, holder_names, raw, told};
use super::{Change, examine, find};
use crate::base::PolicyId;
use crate::gate::Authorized;
use crate::model::managed_policy::MOST_VERSIONS;
use crate::model::{IamPath, ManagedPolicy, PolicyName, Tags};
use crate::policy::Kind;
use crate::store::iam::{self, Read};
use crate::store::schema::iam as keys;
use crate::store::{Snapshot, StoreError};

/// Longest managed policy, white space not counted (IAM User Guide, "IAM and STS character limits").
const LONGEST: usize = 6_144;

/// Holders counted when a policy is shown.
const MOST_COUNTED: usize = 10_000;

/// A policy to be made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPolicy {
    /// Its name.
    pub name: PolicyName,
    /// Where.
    #[serde(default)]
    pub path: IamPath,
    /// For people to read; it cannot be changed later, as in AWS.
    #[serde(default)]
    pub description: String,
    /// What it says.
    pub document: Box<RawValue>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A version to be added.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewVersion {
    /// What it says.
    pub document: Box<RawValue>,
    /// Whether it is to count at once.
    #[serde(default)]
    pub set_as_default: bool,
}

/// How many hold a policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// It is attached to them.
    pub attached: usize,
    /// It is their boundary.
    pub boundaries: usize,
}

impl Usage {
    /// Of a policy, as far as is counted.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub(super) fn of(snapshot: &dyn Snapshot, policy: &PolicyId) -> Result<Self, StoreError> {
        let mut usage = Self::default();
        for holder in iam::holders_of(snapshot, policy, None, MOST_COUNTED)? {
            let held = iam::entitlements(snapshot, &holder)?.value;
            usage.attached += usize::from(held.attached.contains(policy));
            usage.boundaries += usize::from(held.boundary == Some(*policy));
        }
        Ok(usage)
    }
}

impl Admin {
    /// Makes a policy. Blocks.
    ///
    /// # Errors
    /// When there is one of that name, the document is none, or a part fails.
    pub fn create_policy(&self, asked: Authorized, new: &NewPolicy) -> Result<PolicyView, AdminError> {
        let id = PolicyId::from_bytes(self.fresh_id());
        self.change(asked, |change| {
            let warnings = examine(new.document.get(), Kind::Identity, LONGEST)?;
            super::roles::check_description(&new.description)?;
            let mut policy = first_version(id, change.now, new.name.clone(), new.path.clone());
            policy.account = Some(change.account.clone());
            policy.description.clone_from(&new.description);
            policy.tags = super::holders::tags_of(&new.tags)?;
            super::fits(&policy, "description and tags")?;
            super::roles::must_be_free::<ManagedPolicy>(change.snapshot, &policy, "policy")?;
            change.commit.add_object(&policy)?;
            change.commit.put(keys::policy_version(&id, 1), new.document.get().into());
            change.note("policy", policy.arn().to_string());
            change.note("document_sha256", super::digest(new.document.get()));
            Ok(PolicyView { warnings: told(warnings), ..PolicyView::of(&policy) })
        })
    }

    /// Deletes a policy that nobody holds, with all its versions. Blocks.
    ///
    /// # Errors
    /// When somebody holds it, it is a template, or a part fails.
    pub fn delete_policy(&self, asked: Authorized) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: policy, revision } = own(change, &which)?;
            if let Some(holder) = iam::holders_of(change.snapshot, &policy.id, None, 1)?.first() {
                let (_, arn) = holder_names(change.snapshot, change.account, holder)?;
                return Err(AdminError::DeleteConflict {
                    what: format!("{} holds `{}`", arn, policy.name),
                    remedy: format!("detach it first; `bailey policy holders {}` lists who holds it", policy.name),
                });
            }
            for number in policy.versions.keys() {
                change.commit.delete(keys::policy_version(&policy.id, *number));
            }
            let claimed = iam::claimed(change.snapshot, &keys::policy(&policy.id))?;
            change.commit.delete_object(&policy, revision, claimed);
            change.note("policy", policy.arn().to_string());
            Ok(())
        })
    }

    /// Adds a version, and makes it count if that is asked for. Blocks.
    ///
    /// # Errors
    /// When there are five already, the document is none, it is a template, or a part fails.
    pub fn create_policy_version(&self, asked: Authorized, new: &NewVersion) -> Result<PolicyView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: mut policy, revision } = own(change, &which)?;
            let warnings = examine(new.document.get(), Kind::Identity, LONGEST)?;
            if policy.versions.len() >= MOST_VERSIONS {
                return Err(AdminError::LimitExceeded {
                    what: format!("a sixth version of `{}`", policy.name),
                    limit: format!("{MOST_VERSIONS} are kept; delete one that is not the default first"),
                });
            }
            let number = policy.next_version;
            policy.next_version = number.saturating_add(1);
            policy.versions.insert(number, change.now);
            policy.updated = change.now;
            if new.set_as_default {
                policy.default_version = number;
            }
            change.commit.put(keys::policy_version(&policy.id, number), new.document.get().into());
            change.commit.put_object(&policy, revision)?;
            change.note("policy", policy.arn().to_string());
            change.note("version", format!("v{number}"));
            change.note("default", if new.set_as_default { "yes" } else { "no" });
            change.note("document_sha256", super::digest(new.document.get()));
            Ok(PolicyView { warnings: told(warnings), ..PolicyView::of(&policy) })
        })
    }

    /// Deletes a version that is not the default. Blocks.
    ///
    /// # Errors
    /// When there is no such version, it is the default, it is a template's, or a part fails.
    pub fn delete_policy_version(&self, asked: Authorized, number: u32) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: mut policy, revision } = own(change, &which)?;
            if number == policy.default_version {
                return Err(AdminError::DeleteConflict {
                    what: format!("v{number} is the version of `{}` that counts", policy.name),
                    remedy: "make another one the default first".to_owned(),
                });
            }
            policy.versions.remove(&number).ok_or_else(|| no_version(&policy, number))?;
            policy.updated = change.now;
            change.commit.delete(keys::policy_version(&policy.id, number));
            change.commit.put_object(&policy, revision)?;
            change.note("version", format!("v{number}"));
            Ok(())
        })
    }

    /// Makes a version count. Of a template, too: that is how a newer one is taken up. Blocks.
    ///
    /// # Errors
    /// When there is no such version, or a part fails.
    pub fn set_default_policy_version(&self, asked: Authorized, number: u32) -> Result<PolicyView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: mut policy, revision } = find::policy(change.snapshot, change.account, &which)?;
            if !policy.versions.contains_key(&number) {
                return Err(no_version(&policy, number));
            }
            if policy.default_version != number {
                policy.default_version = number;
                policy.updated = change.now;
                change.commit.put_object(&policy, revision)?;
            }
            change.note("policy", policy.arn().to_string());
            change.note("version", format!("v{number}"));
            Ok(PolicyView::of(&policy))
        })
    }

    /// Shows a policy with the document that counts. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn policy(&self, asked: &Authorized) -> Result<PolicyView, AdminError> {
        self.store.read(|snapshot| {
            let policy = find::policy(snapshot, &self.account, asked.resource())?.value;
            let document = iam::policy_version(snapshot, &policy.id, policy.default_version)?;
            let holders = iam::holders_of(snapshot, &policy.id, None, MOST_COUNTED)?.len();
            Ok(PolicyView {
                document: document.map(raw).transpose()?,
                holders: Some(holders),
                ..PolicyView::of(&policy)
            })
        })
    }

    /// Shows a version of a policy. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn policy_version(&self, asked: &Authorized, number: u32) -> Result<VersionView, AdminError> {
        self.store.read(|snapshot| {
            let policy = find::policy(snapshot, &self.account, asked.resource())?.value;
            let created = *policy.versions.get(&number).ok_or_else(|| no_version(&policy, number))?;
            let document = iam::policy_version(snapshot, &policy.id, number)?;
            Ok(VersionView {
                policy: policy.arn().to_string(),
                version: number,
                is_default: number == policy.default_version,
                created,
                document: raw(document.ok_or_else(|| no_version(&policy, number))?)?,
            })
        })
    }

    /// A page of the account's policies, or of the templates, by name. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn policies(&self, templates: bool, after: Option<&str>, limit: usize) -> Result<Page<PolicyView>, AdminError> {
        let account = if templates { None } else { Some(&self.account) };
        let found = self.store.read(|snapshot| iam::page::<ManagedPolicy>(snapshot, account, after, limit))?;
        let next = found.last().filter(|_| found.len() == limit).map(|last| last.name.to_string());
        Ok(Page { items: found.iter().map(PolicyView::of).collect(), next })
    }

    /// How many hold the policy with this ARN, and as what, as far as is counted. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn policy_usage(&self, arn: &str) -> Result<Usage, AdminError> {
        self.store.read(|snapshot| {
            let policy = find::policy(snapshot, &self.account, arn)?.value.id;
            Ok(Usage::of(snapshot, &policy)?)
        })
    }

    /// A page of those who hold a policy. Blocks.
    ///
    /// # Errors
    /// When there is no such policy, or the store cannot be read.
    pub fn policy_holders(&self, asked: &Authorized, limit: usize) -> Result<Vec<HolderView>, AdminError> {
        self.store.read(|snapshot| {
            let policy = find::policy(snapshot, &self.account, asked.resource())?.value;
            let mut holders = Vec::new();
            for holder in iam::holders_of(snapshot, &policy.id, None, limit)? {
                let held = iam::entitlements(snapshot, &holder)?.value;
                let (name, arn) = holder_names(snapshot, &self.account, &holder)?;
                holders.push(HolderView {
                    unique_id: holder.unique_id().to_string(),
                    kind: holder.kind().to_owned(),
                    name,
                    arn,
                    attached: held.attached.contains(&policy.id),
                    boundary: held.boundary == Some(policy.id),
                });
            }
            Ok(holders)
        })
    }

    /// Sets tags of a policy. Blocks.
    ///
    /// # Errors
    /// When there is no such policy, it is a template, a tag is none, or a part fails.
    pub fn tag_policy(&self, asked: Authorized, set: &BTreeMap<String, String>) -> Result<PolicyView, AdminError> {
        self.retag(asked, |tags| super::holders::set_tags(tags, set))
    }

    /// Takes tags of a policy away. Blocks.
    ///
    /// # Errors
    /// When there is no such policy, it is a template, or a part fails.
    pub fn untag_policy(&self, asked: Authorized, remove: &[String]) -> Result<PolicyView, AdminError> {
        self.retag(asked, |tags| {
            super::holders::remove_tags(tags, remove);
            Ok(())
        })
    }

    fn retag(
        &self,
        asked: Authorized,
        change_tags: impl FnOnce(&mut Tags) -> Result<(), AdminError>,
    ) -> Result<PolicyView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: mut policy, revision } = own(change, &which)?;
            change_tags(&mut policy.tags)?;
            super::fits(&policy, "description and tags")?;
            let tags: Vec<String> = policy.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
            change.note("policy", policy.arn().to_string());
            change.note("tags", tags.join(" "));
            change.commit.put_object(&policy, revision)?;
            Ok(PolicyView::of(&policy))
        })
    }
}

/// A policy with one version and nothing else yet, of every account.
pub(super) fn first_version(
    id: PolicyId,
    now: crate::base::Timestamp,
    name: PolicyName,
    path: IamPath,
) -> ManagedPolicy {
    ManagedPolicy {
        id,
        account: None,
        path,
        name,
        description: String::new(),
        created: now,
        updated: now,
        default_version: 1,
        next_version: 2,
        versions: BTreeMap::from([(1, now)]),
        tags: Tags::default(),
    }
}

/// The policy that is meant, which must be the account's own.
fn own(change: &Change<'_>, which: &str) -> Result<Read<ManagedPolicy>, AdminError> {
    let found = find::policy(change.snapshot, change.account, which)?;
    if found.value.is_template() {
        return Err(AdminError::Unmodifiable {
            what: format!("`{}` comes with the program", found.value.name),
            remedy: format!("copy it: `bailey policy template {0}`, then `bailey policy create`", found.value.name),
        });
    }
    Ok(found)
}

fn no_version(policy: &ManagedPolicy, number: u32) -> AdminError {
    let there: Vec<String> = policy.versions.keys().map(|number| format!("v{number}")).collect();
    AdminError::NoSuch { what: format!("version v{number} of `{}`; there are {}", policy.name, there.join(", ")) }
}
