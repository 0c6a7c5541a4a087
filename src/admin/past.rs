//! What was so in the past: how a row changed, and what it was at a moment.

use serde::{Deserialize, Serialize};

use super::views::EntityView;
use super::{Admin, AdminError};
use crate::base::Timestamp;
use crate::gate::Authorized;
use crate::model::{Actor, Entity, Member, MemberKind};
use crate::rights::FindError;
use crate::rights::find::{by_name_or_id, kind_word};
use crate::store::{KeyRange, Snapshot, history, rows, schema};
use crate::sync::SyncError;
use crate::sync::change::{Field, diff};

/// How something changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Past {
    /// Its id.
    pub id: String,
    /// `user`, `group` or `resource`.
    pub kind: String,
    /// Its changes, oldest first; of what is no longer kept nothing is shown.
    pub versions: Vec<PastVersion>,
}

/// One change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PastVersion {
    /// The commit.
    pub revision: u64,
    /// When.
    pub at: Timestamp,
    /// Who is behind it.
    pub by: Actor,
    /// Number of the audit record it was done under.
    pub audit: Option<u64>,
    /// `appeared`, `changed` or `deleted`.
    pub what: String,
    /// Fields before and after.
    pub fields: Vec<Field>,
}

/// What something was at a moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PastState {
    /// The moment asked for.
    pub at: Timestamp,
    /// The revision that was the last then.
    pub revision: u64,
    /// The row; `None` when there was none.
    pub entity: Option<EntityView>,
    /// Groups it was directly in, groups of other directories aside.
    pub groups: Vec<String>,
}

impl Admin {
    /// How `asked.resource()` changed. Blocks.
    ///
    /// # Errors
    /// When nobody has that name or id, or the store cannot be read.
    pub fn past(&self, asked: &Authorized) -> Result<Past, AdminError> {
        self.store.read(|snapshot| {
            let member = self.whom(snapshot, asked.resource())?;
            let key = schema::entity(&member);
            let mut versions = Vec::new();
            for version in history::versions(snapshot, &key)? {
                let decode = |value: Option<Vec<u8>>| value.map(|value| rows::decode(&key, value)).transpose();
                let (before, after) = (decode(version.before)?, decode(version.after)?);
                let (what, fields) = match (&before, &after) {
                    (Some(before), Some(after)) => ("changed", diff(before, after).map_err(SyncError::from)?),
                    (_, None) => ("deleted", Vec::new()),
                    (None, Some(_)) => ("appeared", Vec::new()),
                };
                versions.push(PastVersion {
                    revision: version.revision,
                    at: version.at,
                    by: version.by,
                    audit: version.audit,
                    what: what.to_owned(),
                    fields,
                });
            }
            let id = hex::encode(member.id_bytes());
            Ok(Past { id, kind: kind_word(member.kind()).to_owned(), versions })
        })
    }

    /// What `asked.resource()` was at `at`. Blocks.
    ///
    /// # Errors
    /// When nobody has that name or id, the time is beyond what is kept, or the store cannot be read.
    pub fn past_state(&self, asked: &Authorized, at: Timestamp) -> Result<PastState, AdminError> {
        self.store.read(|snapshot| {
            let member = self.whom(snapshot, asked.resource())?;
            let revision = history::revision_at(snapshot, at)?;
            let key = schema::entity(&member);
            let row = history::as_of(snapshot, &key, revision)?;
            let Some(row) = row else { return Ok(PastState { at, revision, entity: None, groups: Vec::new() }) };
            let entity = rows::decode(&key, row.value)?;
            let mut groups = groups_at(snapshot, &member, revision)?;
            groups.extend(primary_group_at(snapshot, &entity, revision)?);
            groups.sort();
            Ok(PastState { at, revision, entity: Some(EntityView::of(&entity, &self.account, None, at)), groups })
        })
    }

    /// Whom a name or id means, of any kind; an id also names somebody who is deleted.
    fn whom(&self, snapshot: &dyn Snapshot, who: &str) -> Result<Member, AdminError> {
        let kinds = [MemberKind::User, MemberKind::Group, MemberKind::Resource];
        for kind in kinds {
            match by_name_or_id(snapshot, kind, who) {
                Ok(entity) => return Ok(entity.member()),
                Err(FindError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(id) = hex::decode(who).ok().and_then(|id| <[u8; 16]>::try_from(id).ok()) {
            for kind in kinds {
                let member = Member::from_parts(kind, id);
                if !history::versions(snapshot, &schema::entity(&member))?.is_empty() {
                    return Ok(member);
                }
            }
        }
        Err(AdminError::NotFound { kind: "user", who: crate::base::text::printable(who).into_owned() })
    }
}

/// The primary group of `entity`, as it was called then; its SID where no group of today has that.
fn primary_group_at(snapshot: &dyn Snapshot, entity: &Entity, revision: u64) -> Result<Option<String>, AdminError> {
    let Some(sid) = entity.primary_group() else { return Ok(None) };
    for id in rows::groups_by_sid(snapshot, &entity.origin().directory, sid)? {
        let key = schema::group(&id);
        if let Some(row) = history::as_of(snapshot, &key, revision)? {
            return Ok(Some(rows::decode(&key, row.value)?.name().to_string()));
        }
    }
    Ok(Some(sid.to_string()))
}

/// The groups `member` was directly in. Edges lie by group, so all of the directory's are looked at.
fn groups_at(snapshot: &dyn Snapshot, member: &Member, revision: u64) -> Result<Vec<String>, AdminError> {
    let mut names = Vec::new();
    for (key, _) in history::scan_as_of(snapshot, &KeyRange::prefix(b"E"), revision, usize::MAX)? {
        let Some((group, of)) = schema::parse_edge(&key) else { continue };
        if of != *member {
            continue;
        }
        let key = schema::group(&group);
        if let Some(row) = history::as_of(snapshot, &key, revision)? {
            names.push(rows::decode(&key, row.value)?.name().to_string());
        }
    }
    Ok(names)
}
