//! Roles, and who may assume them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::{Admin, AdminError};
use super::views::{Page, RoleView, role_arn, told};
use super::{Change, examine, find, holders, trust};
use crate::authn::federated::Issuers;
use crate::base::RoleId;
use crate::gate::Authorized;
use crate::model::role::{SESSION_BOUNDS, USUAL_SESSION};
use crate::model::{AccountId, Accounts, Entitlements, Holder, IamName, IamPath, Role, Trust};
use crate::policy::{Kind, Warning};
use crate::store::Snapshot;
use crate::store::iam::{self, Object, Read};
use crate::store::schema::iam as keys;

/// Longest trust policy, white space not counted: the most AWS raises its quota to.
const LONGEST_TRUST: usize = 4_096;

/// Assignments shown of one role, and of each in a listing.
const SHOWN: usize = 1_000;
const LISTED: usize = 20;

/// Longest description (IAM API reference, `roleDescriptionType`).
const LONGEST_DESCRIPTION: usize = 1_000;

/// A role to be made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// Its name.
    pub name: IamName,
    /// The account it is to belong to; the home account, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Where.
    #[serde(default)]
    pub path: IamPath,
    /// For people to read.
    #[serde(default)]
    pub description: String,
    /// Who may assume it, besides those it is assigned to; nobody, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Box<RawValue>>,
    /// Seconds a session may last at most; an hour, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_session: Option<u32>,
    /// Whether its sessions end soon after the directory is away (`sessions.max_directory_age_privileged`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub privileged: bool,
    /// A policy beyond which it never reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What to change of a role; what is left out stays.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoleUpdate {
    /// For people to read.
    pub description: Option<String>,
    /// Seconds a session may last at most.
    pub max_session: Option<u32>,
    /// Whether its sessions end soon after the directory is away.
    pub privileged: Option<bool>,
}

impl Admin {
    /// Makes a role. Blocks.
    ///
    /// # Errors
    /// When there is one of that name, its trust policy is none, or a part fails.
    pub fn create_role(&self, asked: Authorized, new: &NewRole) -> Result<RoleView, AdminError> {
        let id = RoleId::from_bytes(self.fresh_id());
        self.change(asked, |change| {
            let trusted = new.trust.as_ref().map(|document| trusted(change, &self.issuers, document)).transpose()?;
            let (trust, warnings) = trusted.unzip();
            let role = Role {
                id,
                account: declared(change.accounts, new.account.as_ref())?,
                path: new.path.clone(),
                name: new.name.clone(),
                description: check_description(&new.description)?,
                trust,
                max_session: check_session(new.max_session.unwrap_or(USUAL_SESSION))?,
                privileged: new.privileged,
                created: change.now,
            };
            must_be_free::<Role>(change.snapshot, &role, "role")?;
            change.commit.add_object(&role)?;
            let boundary = new.boundary.as_ref().map(|which| find::policy(change.snapshot, change.account, which));
            let held = Entitlements {
                boundary: boundary.transpose()?.map(|policy| policy.value.id),
                tags: holders::tags_of(&new.tags)?,
                ..Entitlements::default()
            };
            let none = Read { value: Entitlements::default(), revision: 0 };
            super::fits(&held, "tags")?;
            change.commit.put_entitlements(&Holder::Role(id), &none, &held)?;
            change.note("role", role_arn(&role).to_string());
            let view = RoleView::of(change.snapshot, change.account, &role, change.now, SHOWN)?;
            let entitlements = super::views::EntitlementsView::of(change.snapshot, &held)?;
            Ok(RoleView { entitlements, warnings: told(warnings.unwrap_or_default()), ..view })
        })
    }

    /// The role of this name, for answers about what it is part of. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn role_called(&self, name: &str) -> Result<RoleView, AdminError> {
        self.store.read(|snapshot| {
            let role = find::role(snapshot, &self.account, name)?.value;
            RoleView::of(snapshot, &self.account, &role, self.now(), 0)
        })
    }

    /// Deletes a role that nothing hangs on and nobody is assigned. Blocks.
    ///
    /// # Errors
    /// When something still hangs on it, or a part fails.
    pub fn delete_role(&self, asked: Authorized) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: role, revision } = find::role(change.snapshot, change.account, &which)?;
            let holder = Holder::Role(role.id);
            let held = iam::entitlements(change.snapshot, &holder)?;
            let assigned = iam::assigned_to(change.snapshot, &role.id, SHOWN)?.len();
            let profiles = iam::profiles_with(change.snapshot, &role.account, &role.id)?.len();
            let (attached, inline) = (held.value.attached.len(), held.value.inline.len());
            let in_the_way = [
                (attached, "attached policies"),
                (inline, "inline policies"),
                (assigned, "assignments"),
                (profiles, "instance profiles that hold it"),
            ];
            let in_the_way: Vec<String> = in_the_way
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{what}: {count}"))
                .collect();
            if !in_the_way.is_empty() {
                return Err(AdminError::DeleteConflict {
                    what: format!("`{}` still has {}", role.name, in_the_way.join(", ")),
                    remedy: "take these away first".to_owned(),
                });
            }
            change.commit.put_entitlements(&holder, &held, &Entitlements::default())?;
            let claimed = iam::claimed(change.snapshot, &keys::role(&role.id))?;
            change.commit.delete_object(&role, revision, claimed);
            change.note("role", role_arn(&role).to_string());
            Ok(())
        })
    }

    /// Changes what a role says of itself. Blocks.
    ///
    /// # Errors
    /// When there is no such role, a value is out of bounds, or a part fails.
    pub fn update_role(&self, asked: Authorized, update: &RoleUpdate) -> Result<RoleView, AdminError> {
        self.change_role(asked, |_, role| {
            if let Some(description) = &update.description {
                role.description = check_description(description)?;
            }
            if let Some(seconds) = update.max_session {
                role.max_session = check_session(seconds)?;
            }
            role.privileged = update.privileged.unwrap_or(role.privileged);
            Ok(Vec::new())
        })
    }

    /// Says anew who may assume a role. Blocks.
    ///
    /// # Errors
    /// When there is no such role, the document is no trust policy, or a part fails.
    pub fn update_trust(&self, asked: Authorized, document: &RawValue) -> Result<RoleView, AdminError> {
        self.change_role(asked, |change, role| {
            let (trust, warnings) = trusted(change, &self.issuers, document)?;
            change.note("document_sha256", super::digest(document.get()));
            role.trust = Some(trust);
            Ok(warnings)
        })
    }

    fn change_role(
        &self,
        asked: Authorized,
        work: impl FnOnce(&mut Change<'_>, &mut Role) -> Result<Vec<Warning>, AdminError>,
    ) -> Result<RoleView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: mut role, revision } = find::role(change.snapshot, change.account, &which)?;
            let warnings = work(change, &mut role)?;
            change.commit.put_object(&role, revision)?;
            change.note("role", role_arn(&role).to_string());
            let view = RoleView::of(change.snapshot, change.account, &role, change.now, SHOWN)?;
            Ok(RoleView { warnings: told(warnings), ..view })
        })
    }

    /// Shows a role with all that hangs on it. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn role(&self, asked: &Authorized) -> Result<RoleView, AdminError> {
        self.store.read(|snapshot| {
            let role = find::role(snapshot, &self.account, asked.resource())?.value;
            RoleView::of(snapshot, &self.account, &role, self.now(), SHOWN)
        })
    }

    /// A page of the roles of an account, the home account if none is named, by name. Blocks.
    ///
    /// # Errors
    /// When the account is none of ours, or the store cannot be read.
    pub fn roles(
        &self,
        account: Option<&AccountId>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<RoleView>, AdminError> {
        let (now, accounts) = (self.now(), self.accounts());
        let account = declared(&accounts, account)?;
        self.store.read(|snapshot| {
            let found = iam::page::<Role>(snapshot, Some(&account), after, limit)?;
            let next = found.last().filter(|_| found.len() == limit).map(|last| last.name.to_string());
            let items = found.iter().map(|role| RoleView::of(snapshot, &self.account, role, now, LISTED));
            Ok(Page { items: items.collect::<Result<_, AdminError>>()?, next })
        })
    }
}

/// The account that is named, or the home account.
pub(super) fn declared(accounts: &Accounts, account: Option<&AccountId>) -> Result<AccountId, AdminError> {
    let account = account.unwrap_or(&accounts.home);
    if accounts.holds(account) {
        return Ok(account.clone());
    }
    Err(AdminError::NoSuch { what: format!("account {account}; declare it as [[other_account]] in the configuration") })
}

/// A trust policy, examined and bound.
fn trusted(change: &Change<'_>, issuers: &Issuers, document: &RawValue) -> Result<(Trust, Vec<Warning>), AdminError> {
    let warnings = examine(document.get(), Kind::Trust, LONGEST_TRUST)?;
    Ok((trust::bind(change.snapshot, change.accounts, issuers, document.get())?, warnings))
}

/// Refuses a name that another object of the account has.
pub(super) fn must_be_free<T: Object>(
    snapshot: &dyn Snapshot,
    object: &T,
    kind: &'static str,
) -> Result<(), AdminError> {
    match iam::named::<T>(snapshot, object.account(), &object.folded())? {
        None => Ok(()),
        Some(_) => Err(AdminError::Exists { kind, name: object.folded() }),
    }
}

pub(super) fn check_description(text: &str) -> Result<String, AdminError> {
    let readable = text.chars().all(|c| !crate::base::text::hidden(c) || matches!(c, '\n' | '\t'));
    if text.chars().count() > LONGEST_DESCRIPTION || !readable {
        return Err(AdminError::OutOfBounds {
            what: "description".to_owned(),
            limit: format!("at most {LONGEST_DESCRIPTION} readable characters"),
        });
    }
    Ok(text.to_owned())
}

fn check_session(seconds: u32) -> Result<u32, AdminError> {
    if SESSION_BOUNDS.contains(&seconds) {
        return Ok(seconds);
    }
    Err(AdminError::OutOfBounds {
        what: "max_session".to_owned(),
        limit: format!("{} to {} seconds", SESSION_BOUNDS.start(), SESSION_BOUNDS.end()),
    })
}
