//! A store as it is, and as it would be once planned rows are written: both asked in the same way, and together.

use std::sync::Arc;

use super::Terms;
use super::assigned;
use super::effective_groups;
use crate::base::GroupId;
use crate::model::{AccountId, Holder, Member};
use crate::store::{Laid, Snapshot, Store, StoreError, iam, rows};

/// A store, and rows that are laid over it.
pub struct Prospect<'a> {
    /// The store.
    pub store: &'a Store,
    /// What is laid over it for the state before.
    pub settled: &'a Laid,
    /// What is laid over that for the state after.
    pub coming: &'a Laid,
    /// The home account.
    pub account: &'a AccountId,
    /// On what terms rights count.
    pub terms: &'a Terms,
}

impl Prospect<'_> {
    /// Reads the state before and the state after, from one snapshot. Blocks.
    ///
    /// # Errors
    /// What `read` answers.
    pub fn read<R, E: From<StoreError>>(
        &self,
        read: impl FnOnce(&dyn Snapshot, &dyn Snapshot) -> Result<R, E>,
    ) -> Result<R, E> {
        self.store.read(|snapshot| {
            let before = self.settled.over(snapshot);
            read(&before, &self.coming.over(&before))
        })
    }

    /// True when members of `group` get anything by it, in either state: by itself or by a group that it is in. Only roles
    /// count, or `documents` too.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn gives(&self, group: GroupId, documents: bool) -> Result<bool, StoreError> {
        self.read(|before, after| {
            for snapshot in [before, after] {
                if self.gives_in(snapshot, group, documents)? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    fn gives_in(&self, snapshot: &dyn Snapshot, id: GroupId, documents: bool) -> Result<bool, StoreError> {
        let itself = rows::group(snapshot, &id)?;
        let closure = effective_groups(snapshot, &Member::Group(id), self.terms)?;
        if closure.cut_short.is_some() {
            return Ok(true);
        }
        let nobody: Arc<[String]> = Arc::default();
        for group in itself.iter().chain(closure.groups.iter().map(|reached| &*reached.group)) {
            let gives = !iam::assignments_of(snapshot, &Member::Group(group.id))?.is_empty()
                || assigned::by_name(snapshot, self.account, group, &nobody, self.terms)?.is_some()
                || documents && !iam::entitlements(snapshot, &Holder::Group(group.id))?.value.is_empty();
            if gives {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
