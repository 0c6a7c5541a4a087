//! Listing and showing users, groups and resources.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::error::AdminError;
use super::views::{EdgeView, EntityView, GroupShown, MemberView, MembershipView, Page, Shown, State};
use crate::base::{GroupId, Timestamp};
use crate::model::{AccountId, DirectoryLabel, Entity, IamName, Member, MemberKind};
use crate::rights::{self, Closure};
use crate::store::{KeyRange, Snapshot, Store, StoreError, history, rows, schema};
use crate::sync::{state, stored};

/// Rows a page when nothing else is asked for.
pub const PAGE: usize = 100;

/// Most rows a page.
pub const LARGEST_PAGE: usize = 1_000;

/// Members listed when a group is shown.
pub const MEMBERS_SHOWN: usize = 1_000;

/// What to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Query {
    /// Part of a name, login, display name or mail, in any case.
    pub search: Option<String>,
    /// Only of this directory.
    pub directory: Option<DirectoryLabel>,
    /// Only in this state.
    pub state: Option<State>,
    /// Rows a page, 1 to [`LARGEST_PAGE`].
    pub limit: Option<usize>,
    /// Name behind which the page begins.
    pub after: Option<String>,
}

/// Reads the model for listings, at one moment.
pub struct People<'a> {
    store: &'a Store,
    account: &'a AccountId,
    now: Timestamp,
    frozen: HashMap<DirectoryLabel, Timestamp>,
}

impl<'a> People<'a> {
    /// A reader at `now`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn at(store: &'a Store, account: &'a AccountId, now: Timestamp) -> Result<Self, StoreError> {
        let states = store.read(|snapshot| state::load_all(snapshot))?;
        let frozen = states.into_iter().filter_map(|(label, state)| Some((label, state.frozen_since?))).collect();
        Ok(Self { store, account, now, frozen })
    }

    /// A page of rows of `kind`, by name.
    ///
    /// # Errors
    /// When the query is out of bounds or the store cannot be read.
    pub fn list(&self, kind: MemberKind, query: &Query) -> Result<Page, AdminError> {
        let limit = query.limit.unwrap_or(PAGE);
        if !(1..=LARGEST_PAGE).contains(&limit) {
            return Err(AdminError::OutOfBounds { what: "limit".to_owned(), limit: format!("1 to {LARGEST_PAGE}") });
        }
        let mut range = KeyRange::prefix(&schema::names(kind));
        if let Some(after) = &query.after {
            range = range.after(&schema::name(kind, &after.to_ascii_lowercase()));
        }
        let needle = query.search.as_ref().map(|text| text.to_lowercase());
        let mut items = Vec::new();
        loop {
            let (names, views) = self.store.read(|snapshot| self.views(snapshot, kind, &range))?;
            for view in views {
                if !matches(&view, query, needle.as_deref()) {
                    continue;
                }
                if items.len() == limit {
                    let next = items.last().map(|last: &EntityView| last.name.clone());
                    return Ok(Page { items, next });
                }
                items.push(view);
            }
            match names.last().filter(|_| names.len() == SCAN) {
                Some(last) => range = range.after(last),
                None => return Ok(Page { items, next: None }),
            }
        }
    }

    fn views(
        &self,
        snapshot: &dyn Snapshot,
        kind: MemberKind,
        range: &KeyRange,
    ) -> Result<(Vec<Vec<u8>>, Vec<EntityView>), AdminError> {
        let (mut names, mut views) = (Vec::new(), Vec::new());
        for (key, row) in snapshot.scan(range, SCAN)? {
            if let Ok(id) = row.value.as_slice().try_into()
                && let Some((_, entity)) = rows::entity(snapshot, &Member::from_parts(kind, id))?
            {
                views.push(self.view(&entity));
            }
            names.push(key);
        }
        Ok((names, views))
    }

    /// A user or resource with the groups it is effectively in.
    ///
    /// # Errors
    /// When there is none of that name or id, or the store cannot be read.
    pub fn show(&self, kind: MemberKind, who: &str) -> Result<Shown, AdminError> {
        self.store.read(|snapshot| {
            let entity = find(snapshot, kind, who)?;
            let (groups, cut_short) = self.memberships(snapshot, &entity.member())?;
            Ok(Shown { entity: self.view(&entity), groups, cut_short })
        })
    }

    /// A group with its members and the groups it is in.
    ///
    /// # Errors
    /// When there is none of that name or id, or the store cannot be read.
    pub fn show_group(&self, who: &str) -> Result<GroupShown, AdminError> {
        self.store.read(|snapshot| {
            let entity = find(snapshot, MemberKind::Group, who)?;
            let group = GroupId::from_bytes(*entity.member().id_bytes());
            let edges = stored::scan_all(snapshot, &schema::edges_of(&group))?;
            let mut members = Vec::new();
            for (_, member) in edges.iter().filter_map(|(key, _)| schema::parse_edge(key)).take(MEMBERS_SHOWN) {
                if let Some((_, entity)) = rows::entity(snapshot, &member)? {
                    let view = self.view(&entity);
                    members.push(MemberView {
                        kind: kind_word(member.kind()).to_owned(),
                        name: view.name,
                        state: view.state,
                    });
                }
            }
            members.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
            let unresolved = stored::scan_all(snapshot, &schema::dangling_of(&group))?.len() as u64;
            let (groups, _) = self.memberships(snapshot, &entity.member())?;
            Ok(GroupShown { entity: self.view(&entity), members, member_count: edges.len() as u64, unresolved, groups })
        })
    }

    fn memberships(
        &self,
        snapshot: &dyn Snapshot,
        member: &Member,
    ) -> Result<(Vec<MembershipView>, Option<String>), AdminError> {
        let frozen = self.frozen.keys().cloned().collect();
        let Closure { groups, cut_short } = rights::effective_groups(snapshot, member, &frozen, self.now)?;
        let names: HashMap<GroupId, String> =
            groups.iter().map(|reached| (reached.group.id, reached.group.name.to_string())).collect();
        let mut views = Vec::with_capacity(groups.len());
        for reached in &groups {
            let through = reached.through.iter().filter_map(|id| names.get(id).cloned()).collect();
            // The last step of the way is the one this group's own entry lists.
            let from = reached.through.last().map_or(*member, |id| Member::Group(*id));
            views.push(MembershipView {
                group: reached.group.name.to_string(),
                group_id: reached.group.id.to_string(),
                through,
                edge: edge(snapshot, &reached.group, &from)?,
            });
        }
        Ok((views, cut_short))
    }

    fn view(&self, entity: &Entity) -> EntityView {
        EntityView::of(entity, self.account, self.frozen.get(&entity.origin().directory).copied(), self.now)
    }
}

/// Names read under one snapshot while listing.
const SCAN: usize = 500;

fn edge(snapshot: &dyn Snapshot, group: &crate::model::Group, member: &Member) -> Result<EdgeView, AdminError> {
    let revision = snapshot.get(&schema::edge(&group.id, member))?.map_or(0, |row| row.revision);
    Ok(EdgeView {
        directory: group.origin.directory.clone(),
        listed_in: group.origin.dn.clone(),
        revision,
        since: history::journal_entry(snapshot, revision)?.map(|entry| entry.at),
    })
}

/// Who is meant: an IAM name in any case, or an id.
///
/// # Errors
/// When there is none, or the store cannot be read.
pub fn find(snapshot: &dyn Snapshot, kind: MemberKind, who: &str) -> Result<Entity, AdminError> {
    let missing =
        || AdminError::NotFound { kind: kind_word(kind), who: crate::base::text::printable(who).into_owned() };
    let by_name = match who.parse::<IamName>() {
        Ok(name) => rows::holder(snapshot, kind, &name)?,
        Err(_) => None,
    };
    let by_id = || hex::decode(who).ok().and_then(|id| Some(Member::from_parts(kind, id.try_into().ok()?)));
    let member = by_name.or_else(by_id).ok_or_else(missing)?;
    Ok(rows::entity(snapshot, &member)?.ok_or_else(missing)?.1)
}

/// A kind in words.
#[must_use]
pub fn kind_word(kind: MemberKind) -> &'static str {
    match kind {
        MemberKind::User => "user",
        MemberKind::Group => "group",
        MemberKind::Resource => "resource",
    }
}

fn matches(view: &EntityView, query: &Query, needle: Option<&str>) -> bool {
    let found = |text: &str| needle.is_none_or(|needle| text.to_lowercase().contains(needle));
    query.directory.as_ref().is_none_or(|label| *label == view.directory)
        && query.state.is_none_or(|state| state == view.state)
        && (needle.is_none()
            || found(&view.name)
            || found(&view.original_name)
            || view.display_name.as_deref().is_some_and(found)
            || view.mail.as_deref().is_some_and(found)
            || view.description.as_deref().is_some_and(found))
}
