//! Users that no directory knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::super::views::EntityView;
use super::super::super::{Admin, AdminError};
use super::super::holders;
use super::{add, in_the_way, not_local, own, remove, text};
use crate::base::{Guid, Timestamp};
use crate::gate::Authorized;
use crate::model::{
    CredentialOwner, DirectoryLabel, Entitlements, Entity, Holder, IamName, IamPath, Member, MemberKind, Origin,
    Standing, User, origin,
};
use crate::rights::find;
use crate::store::iam::{self, Read};
use crate::store::{credentials, factors, grants, rows, schema};

/// A user to be made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// Its name.
    pub name: IamName,
    /// Where.
    #[serde(default)]
    pub path: IamPath,
    /// For people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// For notices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
    /// The number of whoever it is: accounts of one number are one person, who agrees to nothing that they asked for with another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_id: Option<String>,
    /// It ends then by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// A policy beyond which it never reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What to change of a user; what is left out stays.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserUpdate {
    /// Another name. The ARN of before never means it again.
    pub name: Option<IamName>,
    /// Another path.
    pub path: Option<IamPath>,
    /// For people to read.
    pub display_name: Option<String>,
    /// For notices.
    pub mail: Option<String>,
    /// The number of whoever it is; empty takes it away.
    pub employee_id: Option<String>,
    /// Whether it may act at all.
    pub disabled: Option<bool>,
    /// It ends then by itself.
    pub expires: Option<Timestamp>,
}

impl Admin {
    /// Makes a user. Blocks.
    ///
    /// # Errors
    /// When somebody bears that name, or a part fails.
    pub fn create_user(&self, asked: Authorized, new: &NewUser) -> Result<EntityView, AdminError> {
        let guid = Guid::from_bytes(self.fresh_id());
        self.change(asked, |change| {
            let label = DirectoryLabel::local();
            let user = User {
                id: origin::user_id(&label, &guid),
                name: new.name.clone(),
                path: new.path.clone(),
                login: new.name.to_string(),
                origin: Origin::new(label, guid, ""),
                standing: Standing { expires: new.expires, ..Standing::default() },
                display_name: text(new.display_name.as_deref(), "display_name")?,
                mail: text(new.mail.as_deref(), "mail")?,
                employee_id: employee_id(new.employee_id.as_deref())?,
                primary_group: None,
                password_changed: None,
                must_change_password: false,
                tags: BTreeMap::new(),
                manager_reference: None,
                manager: None,
            };
            let boundary = new.boundary.as_ref().map(|which| find::policy(change.snapshot, change.account, which));
            let held = Entitlements {
                boundary: boundary.transpose()?.map(|policy| policy.value.id),
                tags: holders::tags_of(&new.tags)?,
                ..Entitlements::default()
            };
            let none = Read { value: Entitlements::default(), revision: 0 };
            if held != none.value {
                change.commit.put(schema::iam::claims(&schema::user(&user.id)), Vec::new());
                change.commit.put_entitlements(&Holder::User(user.id), &none, &held)?;
            }
            add(change, Entity::User(user))
        })
    }

    /// Deletes a user on whom nothing hangs any more. Blocks.
    ///
    /// # Errors
    /// When it comes from a directory, something still hangs on it, or a part fails.
    pub fn delete_user(&self, asked: Authorized) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let entity = own(change, MemberKind::User, &which)?;
            let Member::User(id) = entity.member() else { return Err(not_local(&entity)) };
            let owner = CredentialOwner::User(id);
            let held = iam::entitlements(change.snapshot, &Holder::User(id))?.value;
            let profile = change.snapshot.get(&schema::credentials::login_profile(&owner))?.is_some();
            in_the_way(
                &entity,
                &[
                    (held.attached.len(), "attached policies"),
                    (held.inline.len(), "inline policies"),
                    (credentials::access_keys_of(change.snapshot, &owner)?.len(), "access keys"),
                    (credentials::mfa_devices_of(change.snapshot, &owner)?.len(), "devices of the second factor"),
                    (factors::passkeys_of(change.snapshot, &id)?.len(), "passkeys"),
                    (usize::from(profile), "a password"),
                    (iam::assignments_of(change.snapshot, &entity.member())?.len(), "assignments"),
                    (rows::groups_of(change.snapshot, &entity.member())?.len(), "groups it is in"),
                ],
            )?;
            if let Some(codes) = factors::recovery_codes(change.snapshot, &id)? {
                change.commit.delete_recovery_codes(&id, codes.revision);
            }
            // Ways in that an engagement made go with whoever they led in.
            if let Some(invitation) = grants::invitation(change.snapshot, &id)? {
                change.commit.delete_invitation(&invitation);
            }
            for linked in grants::outside_identities_of(change.snapshot, &id)? {
                change.commit.delete_outside_identity(&linked);
            }
            remove(change, &entity)
        })
    }

    /// Changes what a user says of itself. Blocks.
    ///
    /// # Errors
    /// When it comes from a directory, somebody bears the new name, or a part fails.
    pub fn update_user(&self, asked: Authorized, update: &UserUpdate) -> Result<EntityView, AdminError> {
        self.change_entity(asked, MemberKind::User, |_, entity| {
            let Entity::User(user) = entity else { return Ok(()) };
            if let Some(name) = &update.name {
                user.name = name.clone();
                user.login = name.to_string();
            }
            if let Some(path) = &update.path {
                user.path = path.clone();
            }
            if update.display_name.is_some() {
                user.display_name = text(update.display_name.as_deref(), "display_name")?;
            }
            if update.mail.is_some() {
                user.mail = text(update.mail.as_deref(), "mail")?;
            }
            if update.employee_id.is_some() {
                user.employee_id = employee_id(update.employee_id.as_deref())?;
            }
            if let Some(disabled) = update.disabled {
                user.standing.disabled = disabled;
            }
            if update.expires.is_some() {
                user.standing.expires = update.expires;
            }
            Ok(())
        })
    }
}

/// A number is compared as it is, so nothing that nobody sees may be part of it.
fn employee_id(number: Option<&str>) -> Result<Option<String>, AdminError> {
    text(number.map(str::trim).filter(|number| !number.is_empty()), "employee_id")
}
