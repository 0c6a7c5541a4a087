//! Everything at once: users, groups, roles and policies, each with what hangs on it, for programs that judge a whole account
//! (IAM API reference, `GetAccountAuthorizationDetails`).
//!
//! Each of them is read under a snapshot of its own, so no listing holds commits up, however long it is; and a page ends
//! early where its documents get large.

mod shown;

pub use shown::{DetailView, EntityDetail, PolicyDetail, RoleDetail};

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Admin, AdminError};
use super::listing::Listed;
use super::policies::Usage;
use super::views::{EntitlementsView, PolicyView, ProfileView, RoleView, VersionView, raw};
use super::{HolderKind, find};
use crate::gate::Authorized;
use crate::model::{Holder, InstanceProfile, Member, MemberKind, UniqueId};
use crate::rights::{Terms, effective_groups};
use crate::store::{Snapshot, iam};

/// Bytes of documents after which a page ends.
const ENOUGH: usize = 1024 * 1024;

/// A sort of thing, in the order in which they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// Users.
    User,
    /// Groups.
    Group,
    /// Roles.
    Role,
    /// The account's own policies.
    LocalManagedPolicy,
    /// The templates, which stand where AWS has its own policies.
    AwsManagedPolicy,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::User, Self::Group, Self::Role, Self::LocalManagedPolicy, Self::AwsManagedPolicy];

    /// IAM's word for it (API reference, `EntityType`).
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::Role => "Role",
            Self::LocalManagedPolicy => "LocalManagedPolicy",
            Self::AwsManagedPolicy => "AWSManagedPolicy",
        }
    }
}

/// One of them.
#[derive(Debug)]
pub enum Detail {
    /// A user, with the names of its groups.
    User(Listed, EntitlementsView, Vec<String>),
    /// A group.
    Group(Listed, EntitlementsView),
    /// A role, with the profiles that hold it.
    Role(Box<RoleView>, Vec<ProfileView>),
    /// A policy and how it is used, with its versions.
    Policy(Box<(PolicyView, Usage)>, Vec<VersionView>),
}

/// A page of them.
#[derive(Debug, Default)]
pub struct Details {
    /// What is on it.
    pub items: Vec<Detail>,
    /// What to go on behind.
    pub next: Option<(Sort, String)>,
}

/// What is the same for all of a page.
struct Reading {
    terms: Terms,
    profiles: BTreeMap<String, Vec<ProfileView>>,
}

impl Admin {
    /// The first `limit` behind `after` of the sorts that are wanted, sort by sort, by name. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn details(
        &self,
        asked: &Authorized,
        wanted: &BTreeSet<Sort>,
        after: Option<&(Sort, String)>,
        limit: usize,
    ) -> Result<Details, AdminError> {
        let reading = Reading { terms: self.terms(asked.at())?, profiles: self.profiles_by_role()? };
        let (mut page, mut bytes) = (Details::default(), 0);
        for sort in wanted.iter().filter(|sort| after.is_none_or(|(at, _)| *sort >= at)) {
            let mut behind = after.filter(|(at, _)| at == sort).map(|(_, name)| name.clone());
            loop {
                // One more than there is room for, to know whether there is more.
                let room = limit.saturating_sub(page.items.len());
                let (names, more) = self.names_of(*sort, behind.as_deref(), room.clamp(1, A_TURN))?;
                for name in names {
                    if page.items.len() == limit || bytes >= ENOUGH {
                        page.next = Some((*sort, behind.unwrap_or_default()));
                        return Ok(page);
                    }
                    if let Some(detail) = self.detail(*sort, &name, &reading)? {
                        bytes += weight(&detail);
                        page.items.push(detail);
                    }
                    behind = Some(name);
                }
                if !more {
                    break;
                }
            }
        }
        Ok(page)
    }

    /// Names of a sort behind one, and whether there are more.
    fn names_of(&self, sort: Sort, after: Option<&str>, limit: usize) -> Result<(Vec<String>, bool), AdminError> {
        use crate::model::{ManagedPolicy, Role};
        let (account, templates) = (Some(&self.account), None);
        let names: Vec<String> = match sort {
            Sort::User | Sort::Group => {
                let kind = if sort == Sort::User { MemberKind::User } else { MemberKind::Group };
                let page = self.listed(kind, "/", after, limit)?;
                return Ok((page.items.into_iter().map(|one| one.name).collect(), page.next.is_some()));
            }
            Sort::Role => self
                .store
                .read(|snapshot| iam::page::<Role>(snapshot, account, after, limit))?
                .into_iter()
                .map(|role| role.name.to_string())
                .collect(),
            Sort::LocalManagedPolicy | Sort::AwsManagedPolicy => {
                let account = if sort == Sort::LocalManagedPolicy { account } else { templates };
                self.store
                    .read(|snapshot| iam::page::<ManagedPolicy>(snapshot, account, after, limit))?
                    .into_iter()
                    .map(|policy| policy.name.to_string())
                    .collect()
            }
        };
        let more = names.len() == limit;
        Ok((names, more))
    }

    /// The one of this name, unless it went since.
    fn detail(&self, sort: Sort, name: &str, reading: &Reading) -> Result<Option<Detail>, AdminError> {
        let read = self.store.read(|snapshot| match sort {
            Sort::User => self.user_detail(snapshot, name, &reading.terms),
            Sort::Group => {
                let entity = find::entity(snapshot, &self.account, MemberKind::Group, name)?;
                let listed = self.listed_entity(snapshot, &entity)?;
                Ok(Detail::Group(listed, self.held_by(snapshot, HolderKind::Group, name)?))
            }
            Sort::Role => {
                let role = find::role(snapshot, &self.account, name)?.value;
                let view = RoleView::of(snapshot, &self.account, &role, reading.terms.now, 0)?;
                let profiles = reading.profiles.get(&view.id).cloned().unwrap_or_default();
                Ok(Detail::Role(Box::new(view), profiles))
            }
            Sort::LocalManagedPolicy => self.policy_detail(snapshot, false, name),
            Sort::AwsManagedPolicy => self.policy_detail(snapshot, true, name),
        });
        match read {
            Ok(detail) => Ok(Some(detail)),
            Err(AdminError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn user_detail(&self, snapshot: &dyn Snapshot, name: &str, terms: &Terms) -> Result<Detail, AdminError> {
        let entity = find::entity(snapshot, &self.account, MemberKind::User, name)?;
        let member: Member = entity.member();
        let mut groups: Vec<String> = effective_groups(snapshot, &member, terms)?
            .groups
            .into_iter()
            .map(|reached| reached.group.name.to_string())
            .collect();
        groups.sort_by_key(|name| name.to_ascii_lowercase());
        let held = self.held_by(snapshot, HolderKind::User, name)?;
        Ok(Detail::User(self.listed_entity(snapshot, &entity)?, held, groups))
    }

    fn held_by(&self, snapshot: &dyn Snapshot, kind: HolderKind, name: &str) -> Result<EntitlementsView, AdminError> {
        let holder: Holder = find::holder(snapshot, &self.account, kind, name)?;
        EntitlementsView::of(snapshot, &iam::entitlements(snapshot, &holder)?.value)
    }

    fn policy_detail(&self, snapshot: &dyn Snapshot, template: bool, name: &str) -> Result<Detail, AdminError> {
        use crate::model::ManagedPolicy;
        let account = (!template).then_some(&self.account);
        let found = iam::named::<ManagedPolicy>(snapshot, account, name)?;
        let policy = found.ok_or_else(|| AdminError::NotFound { kind: "policy", who: name.to_owned() })?.value;
        let mut versions = Vec::new();
        for (number, created) in policy.versions.iter().rev() {
            let Some(document) = iam::policy_version(snapshot, &policy.id, *number)? else { continue };
            versions.push(VersionView {
                policy: policy.arn().to_string(),
                version: *number,
                is_default: *number == policy.default_version,
                created: *created,
                document: raw(document)?,
            });
        }
        let usage = Usage::of(snapshot, &policy.id)?;
        Ok(Detail::Policy(Box::new((PolicyView::of(&policy), usage)), versions))
    }

    /// Every profile that holds a role, by the role's unique id. There are few.
    fn profiles_by_role(&self) -> Result<BTreeMap<String, Vec<ProfileView>>, AdminError> {
        self.store.read(|snapshot| {
            let mut by_role: BTreeMap<String, Vec<ProfileView>> = BTreeMap::new();
            for profile in iam::page::<InstanceProfile>(snapshot, Some(&self.account), None, usize::MAX)? {
                if let Some(role) = &profile.role {
                    let id = UniqueId::of_role(role).to_string();
                    by_role.entry(id).or_default().push(ProfileView::of(snapshot, &profile)?);
                }
            }
            Ok(by_role)
        })
    }
}

/// Bytes of its documents.
fn weight(detail: &Detail) -> usize {
    let inline = |held: &EntitlementsView| held.inline.values().map(|text| text.get().len()).sum::<usize>();
    match detail {
        Detail::User(_, held, _) | Detail::Group(_, held) => inline(held),
        Detail::Role(view, _) => inline(&view.entitlements) + view.trust.as_ref().map_or(0, |trust| trust.get().len()),
        Detail::Policy(_, versions) => versions.iter().map(|version| version.document.get().len()).sum(),
    }
}

/// Names read at a time.
const A_TURN: usize = 200;
