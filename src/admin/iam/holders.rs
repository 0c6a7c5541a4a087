//! What is attached to a user, group or role: policies, a boundary, tags.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::super::{Admin, AdminError};
use super::find::{self, HolderKind};
use super::views::{EntitlementsView, holder_names, raw, told};
use super::{Change, counted, examine};
use crate::gate::Authorized;
use crate::model::{Entitlements, Holder, PolicyName, Tags};
use crate::policy::{Kind, Warning};
use crate::store::schema::iam as keys;
use crate::store::{Expect, iam};

/// Most characters of all inline policies of one holder, white space not counted (IAM User Guide, "IAM and STS character
/// limits").
fn inline_limit(kind: HolderKind) -> usize {
    match kind {
        HolderKind::User => 2_048,
        HolderKind::Group => 5_120,
        HolderKind::Role => 10_240,
    }
}

/// Managed policies attached to one holder: the most AWS raises its quota to.
const MOST_ATTACHED: usize = 20;

impl Admin {
    /// What hangs on somebody. Blocks.
    ///
    /// # Errors
    /// When there is nobody of that name, or the store cannot be read.
    pub fn entitlements(&self, asked: &Authorized, kind: HolderKind) -> Result<EntitlementsView, AdminError> {
        self.store.read(|snapshot| {
            let holder = find::holder(snapshot, &self.account, kind, asked.resource())?;
            EntitlementsView::of(snapshot, &iam::entitlements(snapshot, &holder)?.value)
        })
    }

    /// Attaches a managed policy; one that is attached stays so. Blocks.
    ///
    /// # Errors
    /// When there is no such holder or policy, or a part fails.
    pub fn attach_policy(
        &self,
        asked: Authorized,
        kind: HolderKind,
        policy: &str,
    ) -> Result<EntitlementsView, AdminError> {
        self.change_holder(asked, kind, |change, held| {
            let policy = find::policy(change.snapshot, change.account, policy)?.value;
            change.note("policy", policy.arn().to_string());
            held.attached.insert(policy.id);
            if held.attached.len() > MOST_ATTACHED {
                return Err(AdminError::LimitExceeded {
                    what: format!("policy {} there", held.attached.len()),
                    limit: format!("{MOST_ATTACHED} are allowed; join some of them"),
                });
            }
            Ok(Vec::new())
        })
    }

    /// Detaches a managed policy. Blocks.
    ///
    /// # Errors
    /// When it is not attached, or a part fails.
    pub fn detach_policy(
        &self,
        asked: Authorized,
        kind: HolderKind,
        policy: &str,
    ) -> Result<EntitlementsView, AdminError> {
        self.change_holder(asked, kind, |change, held| {
            let policy = find::policy(change.snapshot, change.account, policy)?.value;
            change.note("policy", policy.arn().to_string());
            if !held.attached.remove(&policy.id) {
                return Err(AdminError::NoSuch { what: format!("policy `{}` attached there", policy.name) });
            }
            Ok(Vec::new())
        })
    }

    /// Writes an inline policy, in the place of one of that name. Blocks.
    ///
    /// # Errors
    /// When there is no such holder, the document is none or too long, or a part fails.
    pub fn put_inline_policy(
        &self,
        asked: Authorized,
        kind: HolderKind,
        name: &PolicyName,
        document: &RawValue,
    ) -> Result<EntitlementsView, AdminError> {
        self.change_holder(asked, kind, |change, held| {
            let limit = inline_limit(kind);
            let warnings = examine(document.get(), Kind::Identity, limit)?;
            held.inline.insert(name.clone(), document.get().to_owned());
            let all: usize = held.inline.values().map(|text| counted(text)).sum();
            if all > limit {
                return Err(AdminError::LimitExceeded {
                    what: format!("inline policies of {all} characters together"),
                    limit: format!("{limit} are allowed, white space not counted; make a managed policy of some"),
                });
            }
            change.note("policy", name.to_string());
            change.note("document_sha256", super::digest(document.get()));
            Ok(warnings)
        })
    }

    /// Deletes an inline policy. Blocks.
    ///
    /// # Errors
    /// When there is none of that name, or a part fails.
    pub fn delete_inline_policy(
        &self,
        asked: Authorized,
        kind: HolderKind,
        name: &PolicyName,
    ) -> Result<EntitlementsView, AdminError> {
        self.change_holder(asked, kind, |change, held| {
            change.note("policy", name.to_string());
            match held.inline.remove(name) {
                Some(_) => Ok(Vec::new()),
                None => Err(no_inline(name)),
            }
        })
    }

    /// Shows an inline policy. Blocks.
    ///
    /// # Errors
    /// When there is none of that name, or the store cannot be read.
    pub fn inline_policy(
        &self,
        asked: &Authorized,
        kind: HolderKind,
        name: &PolicyName,
    ) -> Result<Box<RawValue>, AdminError> {
        self.store.read(|snapshot| {
            let holder = find::holder(snapshot, &self.account, kind, asked.resource())?;
            let mut held = iam::entitlements(snapshot, &holder)?.value;
            raw(held.inline.remove(name).ok_or_else(|| no_inline(name))?)
        })
    }

    /// Sets the policy beyond which none of a user's or role's others reaches, or takes it away. Blocks.
    ///
    /// # Errors
    /// When there is no such holder or policy, none is to be taken away, or a part fails.
    pub fn put_boundary(
        &self,
        asked: Authorized,
        kind: HolderKind,
        policy: Option<&str>,
    ) -> Result<EntitlementsView, AdminError> {
        self.change_holder(asked, kind, |change, held| {
            let policy = policy.map(|which| find::policy(change.snapshot, change.account, which)).transpose()?;
            if policy.is_none() && held.boundary.is_none() {
                return Err(AdminError::NoSuch { what: "permissions boundary there".to_owned() });
            }
            if let Some(policy) = &policy {
                change.note("policy", policy.value.arn().to_string());
            }
            held.boundary = policy.map(|policy| policy.value.id);
            Ok(Vec::new())
        })
    }

    /// Sets tags of a user or role. Blocks.
    ///
    /// # Errors
    /// When there is no such holder, a tag is none, or a part fails.
    pub fn tag(
        &self,
        asked: Authorized,
        kind: HolderKind,
        set: &BTreeMap<String, String>,
    ) -> Result<EntitlementsView, AdminError> {
        self.change_holder(asked, kind, |change, held| {
            let told: Vec<String> = set.iter().map(|(key, value)| format!("{key}={value}")).collect();
            change.note("tags", told.join(" "));
            set_tags(&mut held.tags, set).map(|()| Vec::new())
        })
    }

    /// Takes tags of a user or role away; those that are not there are no fault. Blocks.
    ///
    /// # Errors
    /// When there is no such holder, or a part fails.
    pub fn untag(&self, asked: Authorized, kind: HolderKind, keys: &[String]) -> Result<EntitlementsView, AdminError> {
        self.change_holder(asked, kind, |change, held| {
            change.note("tags", keys.join(" "));
            remove_tags(&mut held.tags, keys);
            Ok(Vec::new())
        })
    }

    fn change_holder(
        &self,
        asked: Authorized,
        kind: HolderKind,
        work: impl FnOnce(&mut Change<'_>, &mut Entitlements) -> Result<Vec<Warning>, AdminError>,
    ) -> Result<EntitlementsView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let holder = find::holder(change.snapshot, change.account, kind, &which)?;
            let before = iam::entitlements(change.snapshot, &holder)?;
            let mut after = before.value.clone();
            let (_, arn) = holder_names(change.snapshot, change.account, &holder)?;
            change.note("holder", arn);
            let warnings = work(change, &mut after)?;
            super::fits(&after, "policies and tags")?;
            if after != before.value {
                // Somebody who is deleted at this moment must leave nothing behind; of a role the entitlements say so.
                let row = keys::holder_row(&holder);
                match holder {
                    Holder::Role(_) => change.commit.expect(row, Expect::Present),
                    Holder::User(_) | Holder::Group(_) => change.commit.claim(&row),
                }
                change.commit.put_entitlements(&holder, &before, &after)?;
            }
            let view = EntitlementsView::of(change.snapshot, &after)?;
            Ok(EntitlementsView { warnings: told(warnings), ..view })
        })
    }
}

/// These tags and no others.
pub(super) fn tags_of(wanted: &BTreeMap<String, String>) -> Result<Tags, AdminError> {
    let mut tags = Tags::default();
    set_tags(&mut tags, wanted)?;
    Ok(tags)
}

pub(super) fn set_tags(tags: &mut Tags, set: &BTreeMap<String, String>) -> Result<(), AdminError> {
    set.iter().try_for_each(|(key, value)| tags.set(key, value)).map_err(AdminError::from)
}

pub(super) fn remove_tags(tags: &mut Tags, keys: &[String]) {
    for key in keys {
        tags.remove(key);
    }
}

/// Tags as the audit log tells them.
pub(super) fn told_tags(tags: &Tags) -> String {
    tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

fn no_inline(name: &PolicyName) -> AdminError {
    AdminError::NoSuch { what: format!("inline policy `{name}` there") }
}
