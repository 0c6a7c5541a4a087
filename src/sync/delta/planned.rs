//! The plan, once nothing is open.

use std::collections::HashSet;
use std::path::Path;

use super::super::error::SyncError;
use super::super::full::stored_edges;
use super::super::mapping::Mapped;
use super::super::meaning::Known;
use super::super::plan::{Edges, Plan};
use super::super::stage::Staged;
use super::super::state::SyncState;
use super::super::stored;
use super::{Content, Delta};
use crate::base::Timestamp;
use crate::model::{Entity, Member};
use crate::store::{Revision, Snapshot, Store, rows};

impl Delta {
    /// Makes the plan. Blocks.
    ///
    /// # Errors
    /// When the store or the work directory fails.
    pub fn plan(
        self,
        store: &Store,
        state: &(Option<Revision>, SyncState),
        work: &Path,
        now: Timestamp,
    ) -> Result<Plan, SyncError> {
        let mut plan = Plan::new(work, state.0);
        plan.totals = state.1.totals;
        for (dn, why) in &self.skipped {
            plan.skipped.push(dn.clone(), why.clone());
        }
        store.read(|snapshot| self.plan_rows(snapshot, &mut plan, now))?;
        let anew = store.read(|snapshot| self.concerned(snapshot))?.references;
        for (group, mapped) in self.groups() {
            let mut edges = stored_edges(store, &group)?;
            self.resolve(&self.known_references(store, group, &anew)?, mapped, &mut edges);
            let has: HashSet<Member> = edges.now.iter().map(|(member, _)| *member).collect();
            for (member, _) in edges.before.iter().filter(|(member, _)| !has.contains(member)) {
                if !store.read(|snapshot| stored::is_present(snapshot, member))? {
                    plan.names.left(*member);
                }
            }
            plan.members(group, &edges)?;
        }
        Ok(plan)
    }

    fn plan_rows(&self, snapshot: &dyn Snapshot, plan: &mut Plan, now: Timestamp) -> Result<(), SyncError> {
        for member in &self.gone {
            if let Some((_, before)) = rows::entity(snapshot, member)?
                && before.standing().is_present()
            {
                plan.disappear(&before, now)?;
            }
        }
        for (member, arrived) in &self.entries {
            let before = rows::entity(snapshot, member)?;
            match &arrived.content {
                Content::Unusable { disabled } => {
                    if let Member::Group(group) = member {
                        plan.unread(snapshot, *group)?;
                    }
                    match before {
                        Some((_, before)) if *disabled && !before.standing().disabled => plan.suspend(&before)?,
                        _ => {}
                    }
                }
                Content::Usable(mapped) => {
                    let mut staged = Staged::entity(&mapped.entity, Vec::new())?;
                    let manager = match member {
                        Member::User(_) => self.manager_of(mapped, before.as_ref().map(|(_, before)| before)),
                        Member::Group(_) | Member::Resource(_) => None,
                    };
                    staged.managed_by(manager)?;
                    match before {
                        Some((digest, before)) if digest != staged.digest => {
                            plan.differ(snapshot, &before, &staged, now)?
                        }
                        Some((_, Entity::User(before))) if before.manager != manager => {
                            plan.manage(&Entity::User(before), manager)?
                        }
                        Some(_) => {}
                        None => plan.appear(snapshot, member.kind(), staged)?,
                    }
                }
            }
        }
        Ok(())
    }

    fn resolve(&self, known: &Known, mapped: &Mapped, edges: &mut Edges) {
        edges.resolve(&mapped.references, |reference| self.meaning(reference, known));
        let hidden = |member: &Member| self.entries.get(member).is_some_and(|arrived| arrived.names.is_none());
        edges.keep_unclear(&mapped.references, hidden, |_| false);
    }
}
