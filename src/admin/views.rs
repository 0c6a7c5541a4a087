//! What listings and `show` say: the model's rows as JSON members that programs can rely on.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::base::{Guid, Sid, Timestamp};
use crate::model::{AccountId, Arn, DirectoryLabel, Entity, GroupScope, Inactive, MachineIdentity, Presence, UniqueId};
use crate::rights::{Holds, How};

/// A user, group or resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntityView {
    /// Stays the same through renames.
    pub id: String,
    /// The id that policies and SDKs know it by: `AIDA..`, `AGPA..`.
    #[serde(default)]
    pub unique_id: String,
    /// IAM name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// The name as the directory spells it.
    pub original_name: String,
    /// For people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
    /// Number that links a person's accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_id: Option<String>,
    /// The id of whoever manages them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// Description of a group or resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Principal tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// What certificates and tokens call a machine that was made here.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub identities: BTreeSet<MachineIdentity>,
    /// Directory it comes from.
    pub directory: DirectoryLabel,
    /// Its immutable id there.
    pub guid: Guid,
    /// Its DN when last read.
    pub dn: String,
    /// Whether it may act.
    pub state: State,
    /// Since when it is gone or frozen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Password logins are locked since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_since: Option<Timestamp>,
    /// The account ends then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The hours of the week in which it may act, such as `Mon-Fri 07-18 (UTC)`; absent without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logon_hours: Option<String>,
    /// Its security identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Sid>,
    /// SID of its primary group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_group: Option<Sid>,
    /// When its password was last set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_changed: Option<Timestamp>,
    /// The directory refuses the password until it is changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub must_change_password: bool,
    /// Scope of an Active Directory group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<GroupScope>,
    /// True for Active Directory's security groups; those with a scope alone are mailing lists.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub security: bool,
    /// What a group holds, directly and through the groups in it; where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<Holds>,
}

/// Whether somebody may act, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// May act.
    Active,
    /// Disabled in the directory.
    Disabled,
    /// Its account has expired.
    Expired,
    /// Gone from the directory.
    Gone,
    /// Its directory is no longer configured.
    Frozen,
    /// Outside of its logon hours.
    OffHours,
}

impl State {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Gone => "gone",
            Self::Frozen => "frozen",
            Self::OffHours => "off_hours",
        }
    }
}

impl EntityView {
    /// How `entity` looks at `now`; `frozen` since when its directory is no longer configured.
    #[must_use]
    pub fn of(entity: &Entity, account: &AccountId, frozen: Option<Timestamp>, now: Timestamp) -> Self {
        let standing = entity.standing();
        let state = match (frozen, standing.active(now)) {
            (Some(_), _) | (None, Err(Inactive::Frozen)) => State::Frozen,
            (None, Ok(())) => State::Active,
            (None, Err(Inactive::Disabled)) => State::Disabled,
            (None, Err(Inactive::Expired)) => State::Expired,
            (None, Err(Inactive::Gone)) => State::Gone,
            (None, Err(Inactive::OffHours)) => State::OffHours,
        };
        let since = match standing.presence {
            Presence::Gone { since } | Presence::Frozen { since } => Some(since),
            Presence::Present => frozen,
        };
        let origin = entity.origin();
        let mut view = Self {
            unique_id: UniqueId::of_member(&entity.member()).to_string(),
            id: hex::encode(entity.member().id_bytes()),
            name: entity.name().to_string(),
            arn: arn(entity, account).to_string(),
            original_name: entity.original_name().to_owned(),
            display_name: None,
            mail: None,
            employee_id: None,
            manager: None,
            description: None,
            tags: BTreeMap::new(),
            directory: origin.directory.clone(),
            guid: origin.guid,
            dn: origin.dn.clone(),
            state,
            since,
            locked_since: standing.locked_since,
            expires: standing.expires,
            logon_hours: standing.logon_hours.map(|hours| hours.to_string()),
            sid: origin.sid.clone(),
            primary_group: entity.primary_group().cloned(),
            identities: BTreeSet::new(),
            password_changed: None,
            must_change_password: false,
            scope: None,
            security: false,
            holds: None,
        };
        match entity {
            Entity::User(user) => {
                view.display_name.clone_from(&user.display_name);
                view.mail.clone_from(&user.mail);
                view.employee_id.clone_from(&user.employee_id);
                view.manager = user.manager.map(|manager| manager.to_string());
                view.password_changed = user.password_changed;
                view.must_change_password = user.must_change_password;
                view.tags.clone_from(&user.tags);
            }
            Entity::Group(group) => {
                view.description.clone_from(&group.description);
                view.scope = group.scope;
                view.security = group.security;
            }
            Entity::Resource(resource) => {
                view.description.clone_from(&resource.description);
                view.tags.clone_from(&resource.tags);
                view.identities.clone_from(&resource.identities);
            }
        }
        view
    }
}

/// The ARN of `entity`.
#[must_use]
pub fn arn(entity: &Entity, account: &AccountId) -> Arn {
    Arn::entity(account, entity)
}

/// A group that somebody is in, and the way to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MembershipView {
    /// The group's name.
    pub group: String,
    /// Its id.
    pub group_id: String,
    /// Groups passed on the way, nearest first; empty for direct membership.
    pub through: Vec<String>,
    /// Where the first edge of the way comes from.
    pub edge: EdgeView,
}

/// Where a membership comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeView {
    /// The directory.
    pub directory: DirectoryLabel,
    /// DN of the group whose entry lists the member.
    pub listed_in: String,
    /// Revision that brought it.
    pub revision: u64,
    /// When that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What makes it a membership.
    #[serde(default)]
    pub by: By,
}

/// What makes somebody a member of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The group lists it.
    #[default]
    Listed,
    /// It names the group as its primary group, which does not list it.
    PrimaryGroup,
    /// The group lists it, from another directory.
    OtherDirectory,
}

impl By {
    /// In words; empty for what is usual.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "",
            Self::PrimaryGroup => "primary group",
            Self::OtherDirectory => "other directory",
        }
    }
}

impl From<How> for By {
    fn from(how: How) -> Self {
        match how {
            How::Listed => Self::Listed,
            How::PrimaryGroup => Self::PrimaryGroup,
            How::OtherDirectory(_) => Self::OtherDirectory,
        }
    }
}

/// A user or resource with its groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// Who.
    #[serde(flatten)]
    pub entity: EntityView,
    /// Groups it is effectively in.
    pub groups: Vec<MembershipView>,
    /// Set when a limit ended the search for groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_short: Option<String>,
}

/// A group with what is in it and what it is in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupShown {
    /// Which.
    #[serde(flatten)]
    pub entity: EntityView,
    /// Direct members by kind and name, those by primary group and of other directories included; at most
    /// [`super::people::MEMBERS_SHOWN`].
    pub members: Vec<MemberView>,
    /// How many direct members there are.
    pub member_count: u64,
    /// References in the directory that mean nobody we know, in any directory that may answer to them.
    pub unresolved: u64,
    /// Groups this one is in.
    pub groups: Vec<MembershipView>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemberView {
    /// `user`, `group` or `resource`.
    pub kind: String,
    /// IAM name.
    pub name: String,
    /// Whether it may act.
    pub state: State,
    /// The directory it comes from.
    pub directory: DirectoryLabel,
    /// What makes it a member.
    #[serde(default)]
    pub by: By,
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The rows, by name.
    pub items: Vec<EntityView>,
    /// Pass as `after` for the next page; `None` at the end.
    pub next: Option<String>,
}
