//! What is said of roles, policies, assignments and profiles: JSON members that programs can rely on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::AdminError;
use super::trust;
use crate::base::Timestamp;
use crate::model::{
    AccountId, Arn, Assignment, Entitlements, Holder, InstanceProfile, ManagedPolicy, Member, MemberKind, Role, Tags,
    UniqueId,
};
use crate::policy::Warning;
use crate::rights::find::kind_word;
use crate::store::{Snapshot, StoreError, iam, rows};

/// A page of a listing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Page<T> {
    /// The page's items.
    pub items: Vec<T>,
    /// What to go on behind, when there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RoleView {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its unique id, `AROA..`.
    pub id: String,
    /// The path in the ARN.
    pub path: String,
    /// For people to read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Seconds a session may last at most.
    pub max_session: u32,
    /// Whether its sessions end soon after the directory is away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub privileged: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Who may assume it besides those it is assigned to, with the ARNs of today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Box<RawValue>>,
    /// What hangs on it.
    pub entitlements: EntitlementsView,
    /// To whom it is assigned: the first 1,000, in listings the first 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assigned_to: Vec<AssignmentView>,
    /// What is worth a thought about the trust policy just written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What hangs on a user, group or role.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct EntitlementsView {
    /// Managed policies, by ARN.
    pub attached: Vec<String>,
    /// Inline policies.
    pub inline: BTreeMap<String, Box<RawValue>>,
    /// The boundary's ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// What is worth a thought about the policy just written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A managed policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PolicyView {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its unique id, `ANPA..`.
    pub id: String,
    /// The path in the ARN.
    pub path: String,
    /// For people to read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// True of one that comes with the program.
    pub template: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
    /// The version that counts.
    pub default_version: u32,
    /// Versions there are, and when each was made.
    pub versions: BTreeMap<u32, Timestamp>,
    /// How many hold it, as far as was counted; `None` in listings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holders: Option<usize>,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The document of the version that counts; `None` in listings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Box<RawValue>>,
    /// What is worth a thought about the document just written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One version of a managed policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VersionView {
    /// The policy's ARN.
    pub policy: String,
    /// Its number.
    pub version: u32,
    /// Whether it is the one that counts.
    pub is_default: bool,
    /// When it was made.
    pub created: Timestamp,
    /// What it says.
    pub document: Box<RawValue>,
}

/// Who holds a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderView {
    /// `user`, `group` or `role`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its unique id.
    #[serde(default)]
    pub unique_id: String,
    /// It is attached.
    pub attached: bool,
    /// It is the boundary.
    pub boundary: bool,
}

/// An assignment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AssignmentView {
    /// `user`, `group` or `resource`.
    pub kind: String,
    /// Who may assume the role.
    pub to: String,
    /// The role's name.
    pub role: String,
    /// The role's ARN.
    pub role_arn: String,
    /// Whether it counts now.
    pub counts: bool,
    /// Under which conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Box<RawValue>>,
    /// From when on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Who made it.
    pub by: String,
    /// When.
    pub created: Timestamp,
}

/// An instance profile.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProfileView {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its unique id, `AIPA..`.
    pub id: String,
    /// The path in the ARN.
    pub path: String,
    /// The name of the role in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// The ARN of a role.
#[must_use]
pub fn role_arn(role: &Role) -> Arn {
    Arn::role(&role.account, &role.path, &role.name)
}

/// The ARN of an instance profile.
#[must_use]
pub fn profile_arn(profile: &InstanceProfile) -> Arn {
    Arn::instance_profile(&profile.account, &profile.path, &profile.name)
}

impl RoleView {
    /// Shows a role with all that hangs on it, and the first `most` of those it is assigned to.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(
        snapshot: &dyn Snapshot,
        account: &AccountId,
        role: &Role,
        now: Timestamp,
        most: usize,
    ) -> Result<Self, AdminError> {
        let holder = Holder::Role(role.id);
        let held = iam::entitlements(snapshot, &holder)?.value;
        let trust = role.trust.as_ref().map(|trust| trust::show(snapshot, account, trust)).transpose()?;
        let mut assigned_to = Vec::new();
        for member in iam::assigned_to(snapshot, &role.id, most)? {
            if let Some(found) = iam::assignment(snapshot, &member, &role.id)? {
                assigned_to.push(AssignmentView::of(snapshot, &found.value, role, now)?);
            }
        }
        Ok(Self {
            name: role.name.to_string(),
            arn: role_arn(role).to_string(),
            id: UniqueId::of_role(&role.id).to_string(),
            path: role.path.to_string(),
            description: role.description.clone(),
            max_session: role.max_session,
            privileged: role.privileged,
            created: role.created,
            trust: trust.map(raw).transpose()?,
            entitlements: EntitlementsView::of(snapshot, &held)?,
            assigned_to,
            warnings: Vec::new(),
        })
    }
}

impl EntitlementsView {
    /// Shows what hangs on somebody.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(snapshot: &dyn Snapshot, held: &Entitlements) -> Result<Self, AdminError> {
        let arn = |id| Ok::<_, AdminError>(iam::policy(snapshot, id)?.map(|policy| policy.arn().to_string()));
        let mut attached = held.attached.iter().map(arn).collect::<Result<Vec<_>, _>>()?;
        attached.sort();
        let inline = held.inline.iter().map(|(name, text)| Ok((name.to_string(), raw(text.clone())?)));
        Ok(Self {
            attached: attached.into_iter().flatten().collect(),
            inline: inline.collect::<Result<_, AdminError>>()?,
            boundary: held.boundary.as_ref().map(arn).transpose()?.flatten(),
            tags: tags(&held.tags),
            warnings: Vec::new(),
        })
    }
}

impl PolicyView {
    /// Shows a policy as listings do.
    #[must_use]
    pub fn of(policy: &ManagedPolicy) -> Self {
        Self {
            name: policy.name.to_string(),
            arn: policy.arn().to_string(),
            id: UniqueId::of_policy(&policy.id).to_string(),
            path: policy.path.to_string(),
            description: policy.description.clone(),
            template: policy.is_template(),
            created: policy.created,
            updated: policy.updated,
            default_version: policy.default_version,
            versions: policy.versions.clone(),
            holders: None,
            tags: tags(&policy.tags),
            document: None,
            warnings: Vec::new(),
        }
    }
}

impl AssignmentView {
    /// Shows an assignment of `role`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(
        snapshot: &dyn Snapshot,
        assignment: &Assignment,
        role: &Role,
        now: Timestamp,
    ) -> Result<Self, AdminError> {
        Ok(Self {
            kind: kind_word(assignment.to.kind()).to_owned(),
            to: name_of(snapshot, &assignment.to)?,
            role: role.name.to_string(),
            role_arn: role_arn(role).to_string(),
            counts: assignment.counts(now),
            condition: assignment.condition.clone().map(raw).transpose()?,
            not_before: assignment.not_before,
            not_after: assignment.not_after,
            reason: assignment.reason.clone(),
            by: assignment.by.to_string(),
            created: assignment.created,
        })
    }
}

impl ProfileView {
    /// Shows an instance profile.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(snapshot: &dyn Snapshot, profile: &InstanceProfile) -> Result<Self, StoreError> {
        let role = profile.role.map(|role| iam::role(snapshot, &role)).transpose()?.flatten();
        Ok(Self {
            name: profile.name.to_string(),
            arn: profile_arn(profile).to_string(),
            id: UniqueId::of_instance_profile(&profile.id).to_string(),
            path: profile.path.to_string(),
            role: role.map(|role| role.name.to_string()),
            created: profile.created,
            tags: tags(&profile.tags),
        })
    }
}

/// The name of a user, group or machine; the id of one whose row is gone.
///
/// # Errors
/// When the store cannot be read.
pub fn name_of(snapshot: &dyn Snapshot, member: &Member) -> Result<String, StoreError> {
    let entity = rows::entity(snapshot, member)?;
    Ok(entity.map_or_else(|| hex::encode(member.id_bytes()), |(_, entity)| entity.name().to_string()))
}

/// Name and ARN of a holder.
///
/// # Errors
/// When the store cannot be read.
pub fn holder_names(
    snapshot: &dyn Snapshot,
    account: &AccountId,
    holder: &Holder,
) -> Result<(String, String), StoreError> {
    let arn = trust::arn_of(snapshot, account, holder)?;
    let arn = arn.map_or_else(|| holder.unique_id().to_string(), |arn| arn.to_string());
    Ok((arn.rsplit('/').next().unwrap_or_default().to_owned(), arn))
}

/// The kind of member in words that routes and the command line use.
///
/// # Errors
/// When it is none.
pub fn member_kind(word: &str) -> Result<MemberKind, AdminError> {
    match word {
        "user" => Ok(MemberKind::User),
        "group" => Ok(MemberKind::Group),
        "resource" => Ok(MemberKind::Resource),
        _ => {
            Err(AdminError::OutOfBounds { what: "kind".to_owned(), limit: "`user`, `group` or `resource`".to_owned() })
        }
    }
}

/// A stored document as part of an answer, byte for byte.
pub(super) fn raw(text: String) -> Result<Box<RawValue>, AdminError> {
    RawValue::from_string(text).map_err(|error| AdminError::MalformedPolicy { what: error.to_string() })
}

pub(super) fn tags(tags: &Tags) -> BTreeMap<String, String> {
    tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Warnings as sentences.
pub(super) fn told(warnings: Vec<Warning>) -> Vec<String> {
    let sentence = |warning: Warning| match warning.statement {
        Some(index) => format!("statement {index}: {} [{}]; {}", warning.what, warning.code, warning.remedy),
        None => format!("{} [{}]; {}", warning.what, warning.code, warning.remedy),
    };
    warnings.into_iter().map(sentence).collect()
}
