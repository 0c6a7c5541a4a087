//! Listing and showing users, groups and resources.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::error::AdminError;
use super::views::{By, EdgeView, EntityView, GroupShown, MemberView, MembershipView, Page, Shown, State};
use crate::base::{GroupId, Timestamp};
use crate::model::{AccountId, DirectoryLabel, Domains, Entity, Member, MemberKind};
use crate::rights::find::{by_name_or_id, kind_word};
use crate::rights::{self, Closure, Holds, How, Primaries, Reached, Survey, Terms};
use crate::store::{KeyRange, Snapshot, Store, StoreError, history, rows, schema};
use crate::sync::{SyncError, state, stored};

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
    /// Only groups that hold this.
    pub holds: Option<Holding>,
    /// Rows a page, 1 to [`LARGEST_PAGE`].
    pub limit: Option<usize>,
    /// Name behind which the page begins.
    pub after: Option<String>,
}

/// What groups can be told apart by. Each group is of one sort at most; one that holds nobody is of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holding {
    /// People and no machines.
    People,
    /// Machines and no people: a resource group.
    Machines,
    /// People and machines.
    Both,
}

impl Holding {
    fn fits(self, holds: Holds) -> bool {
        match self {
            Self::People => holds.people && !holds.machines,
            Self::Machines => holds.machines && !holds.people,
            Self::Both => holds.people && holds.machines,
        }
    }
}

/// Reads the model for listings, at one moment.
pub struct People<'a> {
    store: &'a Store,
    account: &'a AccountId,
    /// Directories that are no longer configured, and since when.
    frozen: HashMap<DirectoryLabel, Timestamp>,
    terms: Terms,
    /// All directories there are rows of.
    directories: Vec<DirectoryLabel>,
}

impl<'a> People<'a> {
    /// A reader at `now`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn at(store: &'a Store, account: &'a AccountId, now: Timestamp) -> Result<Self, StoreError> {
        let states = store.read(|snapshot| state::load_all(snapshot))?;
        let directories = states.iter().map(|(label, _)| label.clone()).collect();
        let domains = states.iter().filter_map(|(label, state)| Some((label.clone(), state.domain.clone()?)));
        let domains = Domains::new(domains);
        let frozen: HashMap<_, _> =
            states.into_iter().filter_map(|(label, state)| Some((label, state.frozen_since?))).collect();
        let terms = Terms { frozen: frozen.keys().cloned().collect(), domains, ..Terms::at(now) };
        Ok(Self { store, account, frozen, terms, directories })
    }

    /// On what terms memberships count.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
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
        let primaries = match query.holds {
            Some(_) => Primaries::read(self.store, &self.directories)?,
            None => Primaries::default(),
        };
        let needle = query.search.as_ref().map(|text| text.to_lowercase());
        let mut items = Vec::new();
        loop {
            let (names, views) =
                self.store.read(|snapshot| self.views(snapshot, kind, &range, query.holds.map(|_| &primaries)))?;
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
        primaries: Option<&Primaries>,
    ) -> Result<(Vec<Vec<u8>>, Vec<EntityView>), AdminError> {
        let (mut names, mut views) = (Vec::new(), Vec::new());
        for (key, row) in snapshot.scan(range, SCAN)? {
            if let Ok(id) = row.value.as_slice().try_into()
                && let Some((_, entity)) = rows::entity(snapshot, &Member::from_parts(kind, id))?
            {
                let mut view = self.view(&entity);
                if let (Member::Group(group), Some(primaries)) = (entity.member(), primaries) {
                    view.holds = Some(Holds::of(snapshot, group, primaries)?);
                }
                views.push(view);
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
            let entity = by_name_or_id(snapshot, kind, who)?;
            let (groups, cut_short) = self.memberships(snapshot, &entity.member())?;
            Ok(Shown { entity: self.view(&entity), groups, cut_short })
        })
    }

    /// A group with its members and the groups it is in.
    ///
    /// # Errors
    /// When there is none of that name or id, or the store cannot be read.
    pub fn show_group(&self, who: &str) -> Result<GroupShown, AdminError> {
        let Entity::Group(group) = self.store.read(|snapshot| by_name_or_id(snapshot, MemberKind::Group, who))? else {
            return Err(SyncError::Bug("a group that is none".to_owned()).into());
        };
        // Outside of the snapshot: it looks at everybody, and commits wait for a snapshot to end.
        let survey = Survey::of(self.store, &group, &self.terms, MEMBERS_SHOWN)?;
        self.store.read(|snapshot| {
            let edges = stored::scan_all(snapshot, &schema::edges_of(&group.id))?;
            let mut members = Vec::new();
            for (_, member) in edges.iter().filter_map(|(key, _)| schema::parse_edge(key)).take(MEMBERS_SHOWN) {
                if let Some((_, entity)) = rows::entity(snapshot, &member)? {
                    members.push(self.member(&entity, By::Listed));
                }
            }
            let mut holds = Holds::of(snapshot, group.id, &survey.primaries)?;
            for (entity, how) in &survey.members {
                holds.note(entity.member().kind());
                members.push(self.member(entity, (*how).into()));
            }
            members.truncate(MEMBERS_SHOWN);
            members.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
            let awaited = stored::scan_all(snapshot, &schema::dangling_of(&group.id))?.len() as u64;
            let (groups, _) = self.memberships(snapshot, &Member::Group(group.id))?;
            let mut entity = self.view(&Entity::Group(group));
            entity.holds = Some(holds);
            let unresolved = awaited.saturating_sub(survey.resolved);
            Ok(GroupShown { entity, members, member_count: edges.len() as u64 + survey.count, unresolved, groups })
        })
    }

    fn member(&self, entity: &Entity, by: By) -> MemberView {
        let EntityView { name, state, directory, .. } = self.view(entity);
        MemberView { kind: kind_word(entity.member().kind()).to_owned(), name, state, directory, by }
    }

    fn memberships(
        &self,
        snapshot: &dyn Snapshot,
        member: &Member,
    ) -> Result<(Vec<MembershipView>, Option<String>), AdminError> {
        let Closure { groups, cut_short, .. } = rights::effective_groups(snapshot, member, &self.terms)?;
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
                edge: edge(snapshot, reached, &from)?,
            });
        }
        Ok((views, cut_short))
    }

    fn view(&self, entity: &Entity) -> EntityView {
        EntityView::of(entity, self.account, self.frozen.get(&entity.origin().directory).copied(), self.terms.now)
    }
}

/// Names read under one snapshot while listing.
const SCAN: usize = 500;

/// Where the last step of the way to `reached` comes from.
fn edge(snapshot: &dyn Snapshot, reached: &Reached, from: &Member) -> Result<EdgeView, AdminError> {
    let group = &reached.group;
    let row = match reached.how {
        How::Listed => schema::edge(&group.id, from),
        // Whoever names it: the row as a whole, for nothing remembers since when it says so.
        How::PrimaryGroup => schema::entity(from),
        How::OtherDirectory(reference) => schema::dangling(&group.id, &reference),
    };
    let revision = snapshot.get(&row)?.map_or(0, |row| row.revision);
    let since = match reached.how {
        How::PrimaryGroup => None,
        _ => history::journal_entry(snapshot, revision)?.map(|entry| entry.at),
    };
    let by = reached.how.into();
    Ok(EdgeView { directory: group.origin.directory.clone(), listed_in: group.origin.dn.clone(), revision, since, by })
}

fn matches(view: &EntityView, query: &Query, needle: Option<&str>) -> bool {
    let found = |text: &str| needle.is_none_or(|needle| text.to_lowercase().contains(needle));
    query.directory.as_ref().is_none_or(|label| *label == view.directory)
        && query.state.is_none_or(|state| state == view.state)
        && query.holds.is_none_or(|sort| view.holds.is_some_and(|holds| sort.fits(holds)))
        && (needle.is_none()
            || found(&view.name)
            || found(&view.original_name)
            || view.display_name.as_deref().is_some_and(found)
            || view.mail.as_deref().is_some_and(found)
            || view.description.as_deref().is_some_and(found))
}
