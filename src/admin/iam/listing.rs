//! Users and groups as IAM lists them: names, paths, ids, and since when.

use std::collections::BTreeMap;

use super::super::{Admin, AdminError};
use super::views::{Page, tags};
use super::{HolderKind, find};
use crate::base::Timestamp;
use crate::gate::Authorized;
use crate::model::{Arn, CredentialOwner, Entity, Group, Holder, IamPath, Member, MemberKind, UniqueId};
use crate::rights::effective_groups;
use crate::store::{KeyRange, Snapshot, StoreError, credentials, history, iam, rows, schema};

/// A user or group.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// The path in its ARN.
    pub path: IamPath,
    /// Its ARN.
    pub arn: String,
    /// Its unique id.
    pub id: String,
    /// Since when it bears this name: rows of a directory say nothing of when they were made there.
    pub created: Timestamp,
    /// Tags of a user.
    pub tags: BTreeMap<String, String>,
    /// The boundary's ARN, of a user.
    pub boundary: Option<String>,
    /// When somebody last signed in with its password.
    pub password_last_used: Option<Timestamp>,
}

impl Admin {
    /// The first `limit` users or groups below `path` behind `after`, by name. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn listed(
        &self,
        kind: MemberKind,
        path: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Listed>, AdminError> {
        let mut range = KeyRange::prefix(&schema::names(kind));
        if let Some(after) = after {
            range = range.after(&schema::name(kind, &after.to_ascii_lowercase()));
        }
        let mut items: Vec<Listed> = Vec::new();
        loop {
            let (keys, found) = self.store.read(|snapshot| {
                let keys = snapshot.scan(&range, SCAN)?;
                let mut found = Vec::new();
                for (_, row) in &keys {
                    let Ok(id) = row.value.as_slice().try_into() else { continue };
                    let member = Member::from_parts(kind, id);
                    if let Some((_, entity)) = rows::entity(snapshot, &member)? {
                        found.push(self.listed_entity(snapshot, &entity)?);
                    }
                }
                Ok::<_, AdminError>((keys, found))
            })?;
            for one in found.into_iter().filter(|one| one.path.as_str().starts_with(path)) {
                if items.len() == limit {
                    return Ok(Page { next: items.last().map(|last| last.name.clone()), items });
                }
                items.push(one);
            }
            match keys.last().filter(|_| keys.len() == SCAN) {
                Some((last, _)) => range = range.after(last),
                None => return Ok(Page { items, next: None }),
            }
        }
    }

    /// The user or group that is asked for. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn listed_one(&self, asked: &Authorized, kind: MemberKind) -> Result<Listed, AdminError> {
        self.store.read(|snapshot| {
            let entity = find::entity(snapshot, &self.account, kind, asked.resource())?;
            self.listed_entity(snapshot, &entity)
        })
    }

    /// The user or group of this name, for answers about what it is part of. Blocks.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn listed_called(&self, kind: MemberKind, name: &str) -> Result<Listed, AdminError> {
        self.store.read(|snapshot| {
            let entity = find::entity(snapshot, &self.account, kind, name)?;
            self.listed_entity(snapshot, &entity)
        })
    }

    /// The users that a group itself lists, in the order of ids; `after` is the `next` of the page before. Blocks.
    ///
    /// # Errors
    /// When there is no such group, or the store cannot be read.
    pub fn group_users(
        &self,
        asked: &Authorized,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Listed>, AdminError> {
        self.store.read(|snapshot| {
            let group = find::holder(snapshot, &self.account, HolderKind::Group, asked.resource())?;
            let Holder::Group(group) = group else { return Ok(Page { items: Vec::new(), next: None }) };
            let mut range = KeyRange::prefix(&schema::edges_of_kind(&group, MemberKind::User));
            if let Some(id) = after.and_then(|after| after.parse().ok()) {
                range = range.after(&schema::edge(&group, &Member::User(id)));
            }
            let edges = snapshot.scan(&range, limit)?;
            let mut items = Vec::new();
            for (_, member) in edges.iter().filter_map(|(key, _)| schema::parse_edge(key)) {
                if let Some((_, entity)) = rows::entity(snapshot, &member)? {
                    items.push(self.listed_entity(snapshot, &entity)?);
                }
            }
            let last = edges.last().filter(|_| edges.len() == limit).and_then(|(key, _)| schema::parse_edge(key));
            Ok(Page { items, next: last.map(|(_, member)| hex::encode(member.id_bytes())) })
        })
    }

    /// The groups that a user is in, through others too: what AWS knows no nesting of, gives its policies all the same.
    /// Blocks.
    ///
    /// # Errors
    /// When there is nobody of that name, or the store cannot be read.
    pub fn groups_of_user(&self, asked: &Authorized) -> Result<Vec<Listed>, AdminError> {
        let terms = self.terms(asked.at())?;
        self.store.read(|snapshot| {
            let user = find::member(snapshot, &self.account, MemberKind::User, asked.resource())?;
            let mut groups = Vec::new();
            for reached in effective_groups(snapshot, &user, &terms)?.groups {
                groups.push(self.listed_entity(snapshot, &Entity::Group(Group::clone(&reached.group)))?);
            }
            groups.sort_by_key(|group: &Listed| group.name.to_ascii_lowercase());
            Ok(groups)
        })
    }

    pub(super) fn listed_entity(&self, snapshot: &dyn Snapshot, entity: &Entity) -> Result<Listed, AdminError> {
        let member = entity.member();
        let path = match entity {
            Entity::User(user) => user.path.clone(),
            Entity::Group(group) => group.path.clone(),
            Entity::Resource(_) => IamPath::default(),
        };
        let mut listed = Listed {
            name: entity.name().to_string(),
            path,
            arn: Arn::entity(&self.account, entity).to_string(),
            id: UniqueId::of_member(&member).to_string(),
            created: named_since(snapshot, entity)?,
            tags: BTreeMap::new(),
            boundary: None,
            password_last_used: None,
        };
        if let Entity::User(user) = entity {
            let held = iam::entitlements(snapshot, &Holder::User(user.id))?.value;
            listed.tags = tags(&held.tags);
            let boundary = held.boundary.map(|id| iam::policy(snapshot, &id)).transpose()?.flatten();
            listed.boundary = boundary.map(|policy| policy.arn().to_string());
            let profile = credentials::login_profile(snapshot, &CredentialOwner::User(user.id))?;
            listed.password_last_used = profile.and_then(|read| read.value.last_used);
        }
        Ok(listed)
    }
}

/// Names read under one snapshot.
const SCAN: usize = 500;

/// Since when somebody bears the name; the beginning of time where the journal no longer says.
fn named_since(snapshot: &dyn Snapshot, entity: &Entity) -> Result<Timestamp, StoreError> {
    let name = schema::name(entity.member().kind(), &entity.name().folded());
    let revision = snapshot.get(&name)?.map_or(0, |row| row.revision);
    Ok(history::journal_entry(snapshot, revision)?.map_or(Timestamp::UNIX_EPOCH, |entry| entry.at))
}
