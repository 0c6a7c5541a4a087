//! Who gets which IAM name.
//!
//! Names are wished for while the plan grows and settled at its end, when it is known who leaves.
//! The rules, in order:
//! 1. Whoever holds a name keeps it: a later clash renames nobody.
//! 2. Somebody who is gone yields the name to somebody living and becomes `name+1a2b3c4d`.
//! 3. Of several newcomers the lowest id gets the name (so that a plan can be made twice); the others get
//!    their own `name+..`.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use super::error::SyncError;
use super::reference::first16;
use crate::model::{Entity, IamName, Member, MemberKind, Presence};
use crate::store::{Snapshot, Store, rows};

/// Wishes and what frees names.
#[derive(Debug, Default)]
pub struct Names {
    /// Who wishes for which name (by digest: a first load wishes for every name there is).
    wishes: Vec<([u8; 16], Member)>,
    /// Wishes for a name that somebody else holds in the store.
    contested: Vec<(IamName, Member)>,
    /// Who leaves in this plan.
    leaving: HashSet<Member>,
    /// Who gives up a name for another in this plan.
    renaming: HashSet<Member>,
}

/// What was settled.
#[derive(Debug, Default)]
pub struct Settled {
    /// Those who do not get the name they wished for but [`IamName::displaced`].
    pub losers: HashSet<Member>,
    /// Holders that have to make room for somebody living, as they are now.
    pub displaced: Vec<Entity>,
}

impl Names {
    /// `member` wishes to be called `name`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn wish(&mut self, snapshot: &dyn Snapshot, name: &IamName, member: Member) -> Result<(), SyncError> {
        let folded = name.folded();
        self.wishes.push((digest(member.kind(), &folded), member));
        if rows::holder(snapshot, member.kind(), name)?.is_some_and(|holder| holder != member) {
            self.contested.push((name.clone(), member));
        }
        Ok(())
    }

    /// `member` leaves.
    pub fn leaves(&mut self, member: Member) {
        self.leaving.insert(member);
    }

    /// True when `member` leaves in this plan.
    #[must_use]
    pub fn is_leaving(&self, member: &Member) -> bool {
        self.leaving.contains(member)
    }

    /// `member` gives up its name for another.
    pub fn renames(&mut self, member: Member) {
        self.renaming.insert(member);
    }

    /// Settles all wishes. `leavers_go` and `renames_happen` say whether the guard lets those changes happen.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn settle(mut self, store: &Store, leavers_go: bool, renames_happen: bool) -> Result<Settled, SyncError> {
        let mut settled = Settled::default();
        let mut losers = self.second_comers();
        self.contested.sort_unstable_by_key(|(_, member)| *member);
        for (name, member) in &self.contested {
            if losers.contains(member) {
                continue;
            }
            let Some(holder) = store.read(|snapshot| holder(snapshot, name, member.kind()))? else { continue };
            let renaming = renames_happen && self.renaming.contains(&holder.member());
            let gone = matches!(holder.standing().presence, Presence::Gone { .. });
            if renaming {
                continue;
            }
            if gone || leavers_go && self.leaving.contains(&holder.member()) {
                settled.displaced.push(holder);
            } else {
                losers.insert(*member);
            }
        }
        settled.losers = losers;
        Ok(settled)
    }

    /// Those who wish for a name that a lower id wishes for too.
    fn second_comers(&mut self) -> HashSet<Member> {
        self.wishes.sort_unstable();
        self.wishes
            .array_windows()
            .filter(|[(first, a), (second, b)]| first == second && a != b)
            .map(|[_, (_, loser)]| *loser)
            .collect()
    }
}

fn holder(snapshot: &dyn Snapshot, name: &IamName, kind: MemberKind) -> Result<Option<Entity>, SyncError> {
    let Some(member) = rows::holder(snapshot, kind, name)? else { return Ok(None) };
    Ok(rows::entity(snapshot, &member)?.map(|(_, entity)| entity))
}

fn digest(kind: MemberKind, folded: &str) -> [u8; 16] {
    first16(&Sha256::new().chain_update([kind.byte()]).chain_update(folded).finalize())
}
