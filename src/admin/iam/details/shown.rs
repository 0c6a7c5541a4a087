//! What is said of each of them: JSON members that programs can rely on.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::super::listing::Listed;
use super::super::views::{EntitlementsView, Page, PolicyView, ProfileView, RoleView};
use super::{Detail, Details, Sort};
use crate::base::Timestamp;

/// One of them.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DetailView {
    /// A user.
    User(EntityDetail),
    /// A group.
    Group(EntityDetail),
    /// A role.
    Role(Box<RoleDetail>),
    /// A policy of the account.
    Policy(Box<PolicyDetail>),
    /// A policy that comes with the program.
    Template(Box<PolicyDetail>),
}

/// A user or group.
#[derive(Debug, Serialize)]
pub struct EntityDetail {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its unique id.
    pub id: String,
    /// The path in the ARN.
    pub path: String,
    /// Since when it bears this name.
    pub created: Timestamp,
    /// Names of all groups that count for a user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// What hangs on it.
    pub entitlements: EntitlementsView,
}

/// A role.
#[derive(Debug, Serialize)]
pub struct RoleDetail {
    /// It.
    #[serde(flatten)]
    pub role: RoleView,
    /// The instance profiles that hold it.
    pub instance_profiles: Vec<ProfileView>,
}

/// A policy.
#[derive(Debug, Serialize)]
pub struct PolicyDetail {
    /// It.
    #[serde(flatten)]
    pub policy: PolicyView,
    /// To how many it is attached, as far as is counted.
    pub attached: usize,
    /// Whose boundary it is, likewise.
    pub boundaries: usize,
    /// What each version says.
    pub documents: BTreeMap<u32, Box<RawValue>>,
}

impl EntityDetail {
    fn of(listed: Listed, entitlements: EntitlementsView, groups: Vec<String>) -> Self {
        let Listed { name, path, arn, id, created, .. } = listed;
        Self { name, arn, id, path: path.to_string(), created, groups, entitlements }
    }
}

impl From<Detail> for DetailView {
    fn from(detail: Detail) -> Self {
        match detail {
            Detail::User(listed, held, groups) => Self::User(EntityDetail::of(listed, held, groups)),
            Detail::Group(listed, held) => Self::Group(EntityDetail::of(listed, held, Vec::new())),
            Detail::Role(role, instance_profiles) => {
                Self::Role(Box::new(RoleDetail { role: *role, instance_profiles }))
            }
            Detail::Policy(shown, versions) => {
                let (policy, usage) = *shown;
                let documents = versions.into_iter().map(|version| (version.version, version.document)).collect();
                let (attached, boundaries) = (usage.attached, usage.boundaries);
                let kind = if policy.template { Self::Template } else { Self::Policy };
                kind(Box::new(PolicyDetail { policy, attached, boundaries, documents }))
            }
        }
    }
}

impl From<Details> for Page<DetailView> {
    fn from(details: Details) -> Self {
        let next = details.next.map(|(sort, name)| format!("{}/{name}", sort.kind()));
        Self { items: details.items.into_iter().map(DetailView::from).collect(), next }
    }
}

impl Sort {
    /// Our word for it.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Role => "role",
            Self::LocalManagedPolicy => "policy",
            Self::AwsManagedPolicy => "template",
        }
    }

    /// The sort of this word.
    #[must_use]
    pub fn of_kind(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.kind() == kind)
    }

    /// What a page goes on behind: the sort, and a name.
    #[must_use]
    pub fn mark(text: &str) -> Option<(Self, String)> {
        let (kind, name) = text.split_once('/')?;
        Some((Self::of_kind(kind)?, name.to_owned()))
    }
}
