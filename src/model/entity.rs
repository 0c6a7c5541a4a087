//! Whatever a directory object became: the three kinds behind one face.

use serde::{Deserialize, Serialize};

use crate::base::Sid;

use super::{Group, IamName, Member, MemberKind, Origin, Resource, Standing, User};

/// A user, group or resource. Written as the bare inner value: the kind is in the row's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Entity {
    /// A person or program.
    User(User),
    /// A group.
    Group(Group),
    /// A machine or workload.
    Resource(Resource),
}

impl Entity {
    /// Reads the JSON of an entity whose kind is known.
    ///
    /// # Errors
    /// When the JSON is not of that kind.
    pub fn from_json(kind: MemberKind, json: &[u8]) -> Result<Self, serde_json::Error> {
        fn parse<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Result<T, serde_json::Error> {
            serde_json::from_slice(json)
        }
        Ok(match kind {
            MemberKind::User => Self::User(parse(json)?),
            MemberKind::Group => Self::Group(parse(json)?),
            MemberKind::Resource => Self::Resource(parse(json)?),
        })
    }

    /// Its typed id.
    #[must_use]
    pub fn member(&self) -> Member {
        match self {
            Self::User(user) => Member::User(user.id),
            Self::Group(group) => Member::Group(group.id),
            Self::Resource(resource) => Member::Resource(resource.id),
        }
    }

    /// The name in ARNs.
    #[must_use]
    pub fn name(&self) -> &IamName {
        match self {
            Self::User(user) => &user.name,
            Self::Group(group) => &group.name,
            Self::Resource(resource) => &resource.name,
        }
    }

    /// Gives it another name.
    pub fn rename(&mut self, to: IamName) {
        match self {
            Self::User(user) => user.name = to,
            Self::Group(group) => group.name = to,
            Self::Resource(resource) => resource.name = to,
        }
    }

    /// The name as the directory spells it.
    #[must_use]
    pub fn original_name(&self) -> &str {
        match self {
            Self::User(user) => &user.login,
            Self::Group(group) => &group.original_name,
            Self::Resource(resource) => &resource.original_name,
        }
    }

    /// The directory object behind it.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        match self {
            Self::User(user) => &user.origin,
            Self::Group(group) => &group.origin,
            Self::Resource(resource) => &resource.origin,
        }
    }

    /// The primary group it names, if it is of a kind that has one.
    #[must_use]
    pub fn primary_group(&self) -> Option<&Sid> {
        match self {
            Self::User(user) => user.primary_group.as_ref(),
            Self::Group(_) => None,
            Self::Resource(resource) => resource.primary_group.as_ref(),
        }
    }

    /// Whether it may act or count.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        match self {
            Self::User(user) => &user.standing,
            Self::Group(group) => &group.standing,
            Self::Resource(resource) => &resource.standing,
        }
    }

    /// The same, to be changed.
    pub fn standing_mut(&mut self) -> &mut Standing {
        match self {
            Self::User(user) => &mut user.standing,
            Self::Group(group) => &mut group.standing,
            Self::Resource(resource) => &mut resource.standing,
        }
    }
}
