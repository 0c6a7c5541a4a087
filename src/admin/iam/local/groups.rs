//! Groups that no directory knows.

use serde::{Deserialize, Serialize};

use super::super::super::views::EntityView;
use super::super::super::{Admin, AdminError};
use super::{add, in_the_way, not_local, own, remove, text};
use crate::base::Guid;
use crate::gate::Authorized;
use crate::model::{
    DirectoryLabel, Entity, Group, Holder, IamName, IamPath, Member, MemberKind, Origin, Standing, origin,
};
use crate::store::{KeyRange, iam, schema};

/// A group to be made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// Its name.
    pub name: IamName,
    /// Where.
    #[serde(default)]
    pub path: IamPath,
    /// For people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What to change of a group; what is left out stays.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupUpdate {
    /// Another name.
    pub name: Option<IamName>,
    /// Another path.
    pub path: Option<IamPath>,
    /// For people to read.
    pub description: Option<String>,
}

impl Admin {
    /// Makes a group. Blocks.
    ///
    /// # Errors
    /// When there is one of that name, or a part fails.
    pub fn create_group(&self, asked: Authorized, new: &NewGroup) -> Result<EntityView, AdminError> {
        let guid = Guid::from_bytes(self.fresh_id());
        self.change(asked, |change| {
            let label = DirectoryLabel::local();
            let group = Group {
                id: origin::group_id(&label, &guid),
                name: new.name.clone(),
                path: new.path.clone(),
                original_name: new.name.to_string(),
                origin: Origin::new(label, guid, ""),
                standing: Standing::default(),
                description: text(new.description.as_deref(), "description")?,
                scope: None,
                security: false,
            };
            add(change, Entity::Group(group))
        })
    }

    /// Deletes a group that holds nobody and on which nothing hangs. Blocks.
    ///
    /// # Errors
    /// When it comes from a directory, somebody is in it, something still hangs on it, or a part fails.
    pub fn delete_group(&self, asked: Authorized) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let entity = own(change, MemberKind::Group, &which)?;
            let Member::Group(id) = entity.member() else { return Err(not_local(&entity)) };
            let held = iam::entitlements(change.snapshot, &Holder::Group(id))?.value;
            let members = change.snapshot.scan(&KeyRange::prefix(&schema::edges_of(&id)), 1)?;
            in_the_way(
                &entity,
                &[
                    (held.attached.len(), "attached policies"),
                    (held.inline.len(), "inline policies"),
                    (iam::assignments_of(change.snapshot, &entity.member())?.len(), "assignments"),
                    (members.len(), "members"),
                ],
            )?;
            remove(change, &entity)
        })
    }

    /// Changes what a group says of itself. Blocks.
    ///
    /// # Errors
    /// When it comes from a directory, there is one of the new name, or a part fails.
    pub fn update_group(&self, asked: Authorized, update: &GroupUpdate) -> Result<EntityView, AdminError> {
        self.change_entity(asked, MemberKind::Group, |_, entity| {
            let Entity::Group(group) = entity else { return Ok(()) };
            if let Some(name) = &update.name {
                group.name = name.clone();
                group.original_name = name.to_string();
            }
            if let Some(path) = &update.path {
                group.path = path.clone();
            }
            if update.description.is_some() {
                group.description = text(update.description.as_deref(), "description")?;
            }
            Ok(())
        })
    }
}
