//! People of whom the same was said before, so that not each of very many has to be decided about.
//!
//! Somebody on whom nothing hangs, and of whose groups no document that could be about the question asks who it is, is
//! answered by these groups alone: whoever else is in the same ones is answered the same. Documents that could not be about the
//! question have no say, so groups with no others do not count here. Guardrails bind everybody alike, unless one asks who it is.

use std::collections::{HashMap, HashSet};

use super::who_can::{Candidates, Sought, user};
use super::{Closure, Facts, Reached, Reading};
use crate::base::{GroupId, UserId};
use crate::model::{Group, Holder, Member, User};
use crate::policy::Document;
use crate::store::schema::iam as keys;
use crate::store::{KeyRange, Revision, Snapshot, StoreError};

/// What is remembered of groups of people, of one state of the store.
#[derive(Debug, Default)]
pub struct Alike {
    revision: Option<Revision>,
    /// Whether a group's documents could be about a question, and none of those asks who it is.
    groups: HashMap<GroupId, Concern>,
    /// Of those who are being asked, the ones on whom something hangs.
    owners: HashSet<UserId>,
    /// Whether a guardrail that could be about a question asks who somebody is: then groups alone decide about nobody.
    personal: Option<bool>,
    /// By groups that count: the keys that were asked for in vain, of those who may not.
    refused: HashMap<Vec<GroupId>, Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Concern {
    None,
    Shared,
    Personal,
}

impl Alike {
    /// Begins with these, who are in the order of their ids; the next questions are about them, on the same state.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn begin(&mut self, snapshot: &dyn Snapshot, people: &[UserId]) -> Result<(), StoreError> {
        self.owners.clear();
        if self.revision.replace(snapshot.revision()) != Some(snapshot.revision()) {
            (self.groups, self.refused, self.personal) = (HashMap::new(), HashMap::new(), None);
        }
        let (Some(first), Some(last)) = (people.first(), people.last()) else { return Ok(()) };
        // Few rows of many people: one walk from the first to the last, in the place of a look at each.
        let between = |from: Vec<u8>, last: Vec<u8>| KeyRange { from, to: KeyRange::prefix(&last).to };
        let held = between(keys::entitlements(&Holder::User(*first)), keys::entitlements(&Holder::User(*last)));
        let owners = &mut self.owners;
        snapshot.visit(&held, usize::MAX, &mut |key, _| {
            if let Some(Holder::User(id)) = keys::parse_entitlements(key) {
                owners.insert(id);
            }
            Ok(())
        })?;
        let (first, last) = (Member::User(*first), Member::User(*last));
        let assigned = between(keys::assignments_of(&first), keys::assignments_of(&last));
        snapshot.visit(&assigned, usize::MAX, &mut |key, _| {
            owners.extend(keys::parse_assignment(key).and_then(|(to, _)| user(&to)));
            Ok(())
        })?;
        Ok(())
    }

    /// The groups that decide about `user`, who is one of those begun with, if groups alone do. Whoever could be allowed to
    /// assume a role is asked: that is also for the role to say.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn class(
        &mut self,
        reading: &mut Reading<'_, '_>,
        user: &User,
        (sought, candidates): (&[Sought], &Candidates),
    ) -> Result<Option<Vec<GroupId>>, StoreError> {
        let personal = match self.personal {
            Some(known) => known,
            None => bound_personally(reading, sought)?,
        };
        self.personal = Some(personal);
        if personal || self.owners.contains(&user.id) {
            return Ok(None);
        }
        let Closure { groups, cut_short, .. } = reading.groups(user)?;
        let ids: Vec<GroupId> = groups.iter().map(|reached| reached.group.id).collect();
        let about_role = |number: &usize| sought.get(*number).is_some_and(|one| one.role.is_some());
        if cut_short.is_some() || candidates.questions(&user.id, &ids).iter().any(about_role) {
            return Ok(None);
        }
        let mut class = Vec::new();
        for Reached { group, .. } in groups {
            let concern = match self.groups.get(&group.id) {
                Some(known) => *known,
                None => concern(reading, &group, sought)?,
            };
            self.groups.insert(group.id, concern);
            match concern {
                Concern::None => {}
                Concern::Shared => class.push(group.id),
                Concern::Personal => return Ok(None),
            }
        }
        class.sort_unstable();
        Ok(Some(class))
    }

    /// What somebody of the same class lacked who may not.
    #[must_use]
    pub fn refused(&self, class: &[GroupId]) -> Option<&[String]> {
        self.refused.get(class).map(Vec::as_slice)
    }

    /// Remembers that somebody of `class` may not, and what was lacking.
    pub fn refuse(&mut self, class: Vec<GroupId>, missing: Vec<String>) {
        self.refused.insert(class, missing);
    }
}

/// Whether a guardrail asks who somebody is in a question that `Alike` answers.
fn bound_personally(reading: &mut Reading<'_, '_>, sought: &[Sought]) -> Result<bool, StoreError> {
    let guardrails = reading.guardrails()?;
    let about =
        |document: &Document| sought.iter().any(|one| one.role.is_none() && document.could_concern(&one.request));
    let asks_who = |document: &Document| document.context_keys().into_iter().any(Facts::tell_apart);
    Ok(guardrails.documents().any(|document| about(document) && asks_who(document)))
}

fn concern(reading: &mut Reading<'_, '_>, group: &Group, sought: &[Sought]) -> Result<Concern, StoreError> {
    let mut found = Concern::None;
    for held in reading.documents_of(group)? {
        if !sought.iter().any(|one| one.role.is_none() && held.could_concern(&one.request)) {
            continue;
        }
        if held.context_keys().into_iter().any(Facts::tell_apart) {
            return Ok(Concern::Personal);
        }
        found = Concern::Shared;
    }
    Ok(found)
}
