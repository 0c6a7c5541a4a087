//! Instance profiles: the names under which machines find their roles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::{Admin, AdminError};
use super::views::{Page, ProfileView, profile_arn};
use super::{find, holders, roles};
use crate::base::InstanceProfileId;
use crate::gate::Authorized;
use crate::model::{IamPath, InstanceProfile, PolicyName, Tags};
use crate::store::iam::{self, Read};
use crate::store::schema::iam as keys;

/// An instance profile to be made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewProfile {
    /// Its name.
    pub name: PolicyName,
    /// Where.
    #[serde(default)]
    pub path: IamPath,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl Admin {
    /// Makes an instance profile without a role. Blocks.
    ///
    /// # Errors
    /// When there is one of that name, or a part fails.
    pub fn create_instance_profile(&self, asked: Authorized, new: &NewProfile) -> Result<ProfileView, AdminError> {
        let id = InstanceProfileId::from_bytes(self.fresh_id());
        self.change(asked, |change| {
            let profile = InstanceProfile {
                id,
                account: change.account.clone(),
                path: new.path.clone(),
                name: new.name.clone(),
                role: None,
                created: change.now,
                tags: holders::tags_of(&new.tags)?,
            };
            super::fits(&profile, "tags")?;
            roles::must_be_free::<InstanceProfile>(change.snapshot, &profile, "instance profile")?;
            change.commit.add_object(&profile)?;
            change.note("profile", profile_arn(&profile).to_string());
            Ok(ProfileView::of(change.snapshot, &profile)?)
        })
    }

    /// The instance profiles that hold a role. Blocks.
    ///
    /// # Errors
    /// When there is no such role, or the store cannot be read.
    pub fn profiles_of_role(&self, asked: &Authorized) -> Result<Vec<ProfileView>, AdminError> {
        self.store.read(|snapshot| {
            let role = find::role(snapshot, &self.account, asked.resource())?.value;
            let profiles = iam::profiles_with(snapshot, &role.account, &role.id)?;
            Ok(profiles.iter().map(|profile| ProfileView::of(snapshot, profile)).collect::<Result<_, _>>()?)
        })
    }

    /// Deletes an instance profile that holds no role. Blocks.
    ///
    /// # Errors
    /// When it holds one, or a part fails.
    pub fn delete_instance_profile(&self, asked: Authorized) -> Result<(), AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: profile, revision } = find::profile(change.snapshot, change.account, &which)?;
            if profile.role.is_some() {
                return Err(AdminError::DeleteConflict {
                    what: format!("`{}` holds a role", profile.name),
                    remedy: "take the role out first".to_owned(),
                });
            }
            // Nothing hangs on a profile.
            change.commit.delete_object(&profile, revision, 0);
            change.note("profile", profile_arn(&profile).to_string());
            Ok(())
        })
    }

    /// Puts a role into an instance profile. Blocks.
    ///
    /// # Errors
    /// When it holds one already, there is no such role, or a part fails.
    pub fn add_role_to_profile(&self, asked: Authorized, role: &str) -> Result<ProfileView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: mut profile, revision } = find::profile(change.snapshot, change.account, &which)?;
            let role = find::role(change.snapshot, change.account, role)?.value;
            if role.account != profile.account {
                return Err(AdminError::NotNow {
                    what: format!("`{}` is a role of account {}", role.name, role.account),
                    remedy: format!("an instance profile holds a role of its own account, {}", profile.account),
                });
            }
            if profile.role.is_some() {
                return Err(AdminError::LimitExceeded {
                    what: format!("a second role in `{}`", profile.name),
                    limit: "an instance profile holds one".to_owned(),
                });
            }
            profile.role = Some(role.id);
            change.commit.claim(&keys::role(&role.id));
            change.commit.put_object(&profile, revision)?;
            change.note("role", role.name.to_string());
            Ok(ProfileView::of(change.snapshot, &profile)?)
        })
    }

    /// Takes a role out of an instance profile. Blocks.
    ///
    /// # Errors
    /// When it does not hold that role, or a part fails.
    pub fn remove_role_from_profile(&self, asked: Authorized, role: &str) -> Result<ProfileView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: mut profile, revision } = find::profile(change.snapshot, change.account, &which)?;
            let role = find::role(change.snapshot, change.account, role)?.value;
            if profile.role != Some(role.id) {
                return Err(AdminError::NoSuch { what: format!("role `{}` in `{}`", role.name, profile.name) });
            }
            profile.role = None;
            change.commit.put_object(&profile, revision)?;
            change.note("role", role.name.to_string());
            Ok(ProfileView::of(change.snapshot, &profile)?)
        })
    }

    /// Sets tags of an instance profile. Blocks.
    ///
    /// # Errors
    /// When there is no such profile, a tag is none, or a part fails.
    pub fn tag_instance_profile(
        &self,
        asked: Authorized,
        set: &BTreeMap<String, String>,
    ) -> Result<ProfileView, AdminError> {
        self.retag_profile(asked, |tags| holders::set_tags(tags, set))
    }

    /// Takes tags of an instance profile away. Blocks.
    ///
    /// # Errors
    /// When there is no such profile, or a part fails.
    pub fn untag_instance_profile(&self, asked: Authorized, remove: &[String]) -> Result<ProfileView, AdminError> {
        self.retag_profile(asked, |tags| {
            holders::remove_tags(tags, remove);
            Ok(())
        })
    }

    fn retag_profile(
        &self,
        asked: Authorized,
        change_tags: impl FnOnce(&mut Tags) -> Result<(), AdminError>,
    ) -> Result<ProfileView, AdminError> {
        let which = asked.resource().to_owned();
        self.change(asked, |change| {
            let Read { value: mut profile, revision } = find::profile(change.snapshot, change.account, &which)?;
            change_tags(&mut profile.tags)?;
            super::fits(&profile, "tags")?;
            change.commit.put_object(&profile, revision)?;
            change.note("profile", profile_arn(&profile).to_string());
            change.note("tags", holders::told_tags(&profile.tags));
            Ok(ProfileView::of(change.snapshot, &profile)?)
        })
    }

    /// Shows an instance profile. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn instance_profile(&self, asked: &Authorized) -> Result<ProfileView, AdminError> {
        self.store.read(|snapshot| {
            let profile = find::profile(snapshot, &self.account, asked.resource())?.value;
            Ok(ProfileView::of(snapshot, &profile)?)
        })
    }

    /// A page of instance profiles, by name. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn instance_profiles(&self, after: Option<&str>, limit: usize) -> Result<Page<ProfileView>, AdminError> {
        self.store.read(|snapshot| {
            let found = iam::page::<InstanceProfile>(snapshot, Some(&self.account), after, limit)?;
            let next = found.last().filter(|_| found.len() == limit).map(|last| last.name.to_string());
            let items = found.iter().map(|profile| ProfileView::of(snapshot, profile));
            Ok(Page { items: items.collect::<Result<_, _>>()?, next })
        })
    }
}
