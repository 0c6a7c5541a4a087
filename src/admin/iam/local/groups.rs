//! Groups that no directory knows. They may hold users of every directory.

use serde::{Deserialize, Serialize};

use super::super::super::views::EntityView;
use super::super::super::{Admin, AdminError};
use super::super::Change;
use super::{add, in_the_way, not_local, own, remove, text};
use crate::base::{GroupId, Guid};
use crate::gate::Authorized;
use crate::model::{
    Arn, DirectoryLabel, Entity, Group, Holder, IamName, IamPath, Member, MemberKind, Origin, Standing, origin,
};
use crate::rights::find;
use crate::store::{Expect, KeyRange, iam, schema};

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
        self.change_entity(asked, MemberKind::Group, |entity| {
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

    /// Puts a user, of whatever directory, into a group that was made here. Blocks.
    ///
    /// # Errors
    /// When the group comes from a directory, there is nobody of that name, or a part fails.
    pub fn add_user_to_group(&self, asked: Authorized, user: &str) -> Result<(), AdminError> {
        self.change_membership(asked, user, |change, group, user| {
            let edge = schema::edge(group, user);
            if change.snapshot.get(&edge)?.is_none() {
                change.commit.expect(edge.clone(), Expect::Absent);
                change.commit.expect(schema::group(group), Expect::Present);
                // Whoever is deleted at this moment must leave no edge behind, nor a group that is.
                change.commit.claim(&schema::entity(user));
                change.commit.claim(&schema::group(group));
                change.commit.put(edge, NO_REFERENCE.to_vec());
                change.commit.put(schema::edge_back(user, group), Vec::new());
            }
            Ok(())
        })
    }

    /// Takes a user out of a group that was made here. Blocks.
    ///
    /// # Errors
    /// When the group comes from a directory, the user is not in it, or a part fails.
    pub fn remove_user_from_group(&self, asked: Authorized, user: &str) -> Result<(), AdminError> {
        self.change_membership(asked, user, |change, group, user| {
            let edge = schema::edge(group, user);
            let Some(row) = change.snapshot.get(&edge)? else {
                return Err(AdminError::NoSuch { what: "such member in that group".to_owned() });
            };
            change.commit.expect(edge.clone(), Expect::At(row.revision));
            change.commit.delete(edge);
            change.commit.delete(schema::edge_back(user, group));
            Ok(())
        })
    }

    fn change_membership(
        &self,
        asked: Authorized,
        user: &str,
        work: impl FnOnce(&mut Change<'_>, &GroupId, &Member) -> Result<(), AdminError>,
    ) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let group = own(change, MemberKind::Group, &which)?;
            let Member::Group(id) = group.member() else { return Err(not_local(&group)) };
            let user = find::entity(change.snapshot, change.account, MemberKind::User, user)?;
            change.note("group", Arn::entity(change.account, &group).to_string());
            change.note("user", Arn::entity(change.account, &user).to_string());
            work(change, &id, &user.member())
        })
    }
}

/// What an edge says of how the directory spells a member, where no directory does.
const NO_REFERENCE: [u8; 16] = [0; 16];
