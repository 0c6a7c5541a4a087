//! Machines that no directory knows: what stands in another network, appliances, workloads.
//!
//! They hold no policies, as no machine does; they are in groups and assume roles. Their tags stand where those of a synced
//! machine stand, in its row, since nobody but us says any.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::super::views::EntityView;
use super::super::super::{Admin, AdminError};
use super::super::{Change, holders, views};
use super::{add, in_the_way, own, remove, text};
use crate::base::{Guid, Timestamp};
use crate::gate::Authorized;
use crate::model::{
    DirectoryLabel, Entity, IamName, MachineIdentity, MemberKind, Origin, Resource, Standing, Tags, origin, reference,
};
use crate::store::{iam, rows};

/// A machine to be made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewResource {
    /// Its name.
    pub name: IamName,
    /// For people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// It ends then by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// What certificates and tokens call it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub identities: BTreeSet<MachineIdentity>,
}

/// What to change of a machine; what is left out stays.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResourceUpdate {
    /// Another name. The ARN of before never means it again.
    pub name: Option<IamName>,
    /// For people to read.
    pub description: Option<String>,
    /// Whether it may act at all.
    pub disabled: Option<bool>,
    /// It ends then by itself.
    pub expires: Option<Timestamp>,
    /// All that certificates and tokens call it from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identities: Option<BTreeSet<MachineIdentity>>,
}

impl Admin {
    /// Makes a machine. Blocks.
    ///
    /// # Errors
    /// When there is one of that name, a tag is none, or a part fails.
    pub fn create_resource(&self, asked: Authorized, new: &NewResource) -> Result<EntityView, AdminError> {
        let guid = Guid::from_bytes(self.fresh_id());
        self.change(asked, |change| {
            let label = DirectoryLabel::local();
            let resource = Resource {
                id: origin::resource_id(&label, &guid),
                name: new.name.clone(),
                original_name: new.name.to_string(),
                origin: Origin::new(label, guid, ""),
                standing: Standing { expires: new.expires, ..Standing::default() },
                description: text(new.description.as_deref(), "description")?,
                account_name: None,
                primary_group: None,
                tags: views::tags(&holders::tags_of(&new.tags)?),
                identities: new.identities.clone(),
            };
            known_by_nobody_else(change, &resource)?;
            add(change, Entity::Resource(resource))
        })
    }

    /// Deletes a machine on which nothing hangs any more. Blocks.
    ///
    /// # Errors
    /// When it comes from a directory, something still hangs on it, or a part fails.
    pub fn delete_resource(&self, asked: Authorized) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let entity = own(change, MemberKind::Resource, &which)?;
            in_the_way(
                &entity,
                &[
                    (iam::assignments_of(change.snapshot, &entity.member())?.len(), "assignments"),
                    (rows::groups_of(change.snapshot, &entity.member())?.len(), "groups it is in"),
                ],
            )?;
            remove(change, &entity)
        })
    }

    /// Changes what a machine says of itself. Blocks.
    ///
    /// # Errors
    /// When it comes from a directory, there is one of the new name, or a part fails.
    pub fn update_resource(&self, asked: Authorized, update: &ResourceUpdate) -> Result<EntityView, AdminError> {
        self.change_entity(asked, MemberKind::Resource, |change, entity| {
            let Entity::Resource(resource) = entity else { return Ok(()) };
            if let Some(name) = &update.name {
                resource.name = name.clone();
                resource.original_name = name.to_string();
            }
            if update.description.is_some() {
                resource.description = text(update.description.as_deref(), "description")?;
            }
            if let Some(disabled) = update.disabled {
                resource.standing.disabled = disabled;
            }
            if update.expires.is_some() {
                resource.standing.expires = update.expires;
            }
            if let Some(identities) = &update.identities {
                resource.identities.clone_from(identities);
                known_by_nobody_else(change, resource)?;
            }
            Ok(())
        })
    }

    /// Sets tags of a machine that was made here. Blocks.
    ///
    /// # Errors
    /// When it comes from a directory, a tag is none, or a part fails.
    pub fn tag_resource(&self, asked: Authorized, set: &BTreeMap<String, String>) -> Result<EntityView, AdminError> {
        self.change_tags(asked, |tags| holders::set_tags(tags, set))
    }

    /// Takes tags of a machine that was made here away; those that are not there are no fault. Blocks.
    ///
    /// # Errors
    /// When it comes from a directory, or a part fails.
    pub fn untag_resource(&self, asked: Authorized, keys: &[String]) -> Result<EntityView, AdminError> {
        self.change_tags(asked, |tags| {
            holders::remove_tags(tags, keys);
            Ok(())
        })
    }

    /// Changes tags under the rules that hold for all tags said here.
    fn change_tags(
        &self,
        asked: Authorized,
        work: impl FnOnce(&mut Tags) -> Result<(), AdminError>,
    ) -> Result<EntityView, AdminError> {
        self.change_entity(asked, MemberKind::Resource, |change, entity| {
            let Entity::Resource(resource) = entity else { return Ok(()) };
            let mut tags = holders::tags_of(&resource.tags)?;
            work(&mut tags)?;
            change.note("tags", holders::told_tags(&tags));
            resource.tags = views::tags(&tags);
            Ok(())
        })
    }
}

/// Most names of one machine.
const MOST_IDENTITIES: usize = 16;

/// Two machines of one name to those who vouch for them would be one to us. Where two are declared at the same moment, neither
/// is known by it until one of them lets go. What was declared is noted.
fn known_by_nobody_else(change: &mut Change<'_>, resource: &Resource) -> Result<(), AdminError> {
    if resource.identities.len() > MOST_IDENTITIES {
        return Err(AdminError::OutOfBounds {
            what: "identities".to_owned(),
            limit: format!("{MOST_IDENTITIES} of one machine, at most"),
        });
    }
    for identity in &resource.identities {
        let known = reference::by_identity(identity);
        let others = rows::machines_known_by(change.snapshot, &resource.origin.directory, &known)?;
        if let Some(other) = others.iter().find(|other| other.id != resource.id) {
            let name = format!("{} ({identity})", other.name);
            return Err(AdminError::Exists { kind: "resource", name });
        }
    }
    let told: Vec<String> = resource.identities.iter().map(ToString::to_string).collect();
    change.note("identities", told.join(" "));
    Ok(())
}
