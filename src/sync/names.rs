//! Who gets which IAM name.
//!
//! Names are wished for while the plan grows and settled at its end, when it is known who leaves and what
//! the guard holds. The rules, in order:
//! 1. Whoever holds a name keeps it: a later clash renames nobody. That holds for who comes back, too.
//! 2. Somebody who is gone yields the name to somebody living and becomes `name+1a2b3c4d`.
//! 3. Of several newcomers the lowest id gets the name (so that a plan can be made twice); the others get
//!    their own `name+..`.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::change::{Change, Rule};
use super::error::SyncError;
use super::reference::first16;
use crate::base::Timestamp;
use crate::model::{DirectoryLabel, Entity, IamName, Member, MemberKind, Presence};
use crate::store::{KeyRange, Snapshot, Store, rows, schema};

/// A change by rule and fingerprint: all the guard needs to say whether it is held.
type Judged = (Rule, [u8; 16]);

/// Wishes and what frees names.
#[derive(Debug, Default)]
pub struct Names {
    wishes: Vec<Wish>,
    /// Wishes for a name that somebody else holds in the store.
    contested: Vec<(IamName, Member)>,
    /// Who leaves in this plan, and by which change.
    leaving: HashMap<Member, Judged>,
    /// Who left before this plan.
    left: HashSet<Member>,
    /// Who comes back in this plan.
    returning: HashSet<Member>,
    /// Who is deleted in this plan.
    deleted: HashSet<Member>,
    /// Who gives up a name for another in this plan, and by which change.
    renaming: HashMap<Member, Judged>,
    /// Of which kinds nobody has a name yet.
    vacant: HashMap<MemberKind, bool>,
}

/// Who wishes for which name: by digest, for a first load wishes for every name there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Wish {
    name: [u8; 16],
    /// False for who holds it already and only changes its case: sorts before all others.
    new: bool,
    member: Member,
}

/// What was settled.
#[derive(Debug, Default)]
pub struct Settled {
    /// Those who do not get the name they wished for.
    pub losers: HashSet<Member>,
    /// Holders that have to make room for somebody living, as they are by then and as they will be.
    pub displaced: Vec<(Entity, Entity)>,
    /// Every name wished for; sorted.
    wished: Vec<[u8; 16]>,
}

impl Names {
    /// `member` wishes to be called `name`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn wish(&mut self, snapshot: &dyn Snapshot, name: &IamName, member: Member) -> Result<(), SyncError> {
        let folded = name.folded();
        let holder = match self.is_vacant(snapshot, member.kind())? {
            true => None,
            false => snapshot.get(&schema::name(member.kind(), &folded))?,
        };
        let new = holder.as_ref().is_none_or(|row| row.value != member.id_bytes());
        self.wishes.push(Wish { name: digest(member.kind(), &folded), new, member });
        if new && holder.is_some() {
            self.contested.push((name.clone(), member));
        }
        Ok(())
    }

    /// True when nobody of this kind had a name when the plan began to grow: a first load need not ask for every one.
    fn is_vacant(&mut self, snapshot: &dyn Snapshot, kind: MemberKind) -> Result<bool, SyncError> {
        if let Some(vacant) = self.vacant.get(&kind) {
            return Ok(*vacant);
        }
        let vacant = snapshot.scan(&KeyRange::prefix(&schema::names(kind)), 1)?.is_empty();
        self.vacant.insert(kind, vacant);
        Ok(vacant)
    }

    /// `change` makes somebody leave.
    pub fn leaves(&mut self, change: &Change) {
        self.leaving.insert(change.subject, judged(change));
    }

    /// `member` left in an earlier run.
    pub fn left(&mut self, member: Member) {
        self.left.insert(member);
    }

    /// True when `member` leaves in this plan, or left before.
    #[must_use]
    pub fn is_leaving(&self, member: &Member) -> bool {
        self.leaving.contains_key(member) || self.left.contains(member)
    }

    /// `member` comes back.
    pub fn returns(&mut self, member: Member) {
        self.returning.insert(member);
    }

    /// `member` is deleted.
    pub fn deletes(&mut self, member: Member) {
        self.deleted.insert(member);
    }

    /// `change` gives somebody another name.
    pub fn renames(&mut self, change: &Change) {
        self.renaming.insert(change.subject, judged(change));
    }

    /// Settles all wishes of a plan for `directory`. `holds` says whether the guard holds a change back.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn settle(
        mut self,
        store: &Store,
        directory: &DirectoryLabel,
        now: Timestamp,
        holds: impl Fn(&Judged) -> bool,
    ) -> Result<Settled, SyncError> {
        let waiting: HashSet<Member> =
            self.renaming.iter().filter(|(_, change)| holds(change)).map(|(member, _)| *member).collect();
        // Who may not take another name yet keeps the present one, and stands in nobody's way.
        self.renaming.retain(|member, _| !waiting.contains(member));
        self.wishes.retain(|wish| !waiting.contains(&wish.member));
        self.contested.retain(|(_, member)| !waiting.contains(member));
        self.leaving.retain(|_, change| !holds(change));
        self.wishes.sort_unstable();
        self.contested.sort_unstable_by_key(|(_, member)| *member);
        let mut settled = Settled { losers: self.second_comers(), ..Settled::default() };
        settled.wished = self.wishes.iter().map(|wish| wish.name).collect();
        for (name, member) in &self.contested {
            if settled.losers.contains(member) {
                continue;
            }
            let Some(holder) = store.read(|snapshot| holder(snapshot, name, member.kind()))? else { continue };
            let who = holder.member();
            if self.renaming.contains_key(&who) || self.deleted.contains(&who) {
                continue;
            }
            // Rows of another directory are another plan's to change.
            if holder.origin().directory == *directory && self.yields(&holder) {
                let displaced = settled.displace(store, holder, now)?;
                settled.displaced.push(displaced);
            } else {
                settled.losers.insert(*member);
            }
        }
        Ok(settled)
    }

    /// True when `holder` is gone once the plan is carried out.
    fn yields(&self, holder: &Entity) -> bool {
        let who = holder.member();
        let gone = matches!(holder.standing().presence, Presence::Gone { .. });
        self.leaving.contains_key(&who) || gone && !self.returning.contains(&who)
    }

    /// Those who wish for a name that its holder, or a lower id, wishes for too.
    fn second_comers(&self) -> HashSet<Member> {
        self.wishes
            .array_windows()
            .filter(|[first, second]| first.name == second.name && first.member != second.member)
            .map(|[_, loser]| loser.member)
            .collect()
    }
}

impl Settled {
    /// The name for `member`, who cannot be called `wished`: the first of its own that nobody bears or wishes for.
    ///
    /// `holder` answers who holds a folded name.
    ///
    /// # Errors
    /// What `holder` answers.
    pub fn own_name(
        &self,
        wished: &IamName,
        member: Member,
        holder: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, SyncError>,
    ) -> Result<IamName, SyncError> {
        let mut attempt = 0;
        loop {
            let name = wished.displaced(member.id_bytes(), attempt);
            let folded = name.folded();
            let free = match holder(&schema::name(member.kind(), &folded))? {
                Some(id) => id == member.id_bytes(),
                None => self.wished.binary_search(&digest(member.kind(), &folded)).is_err(),
            };
            if free {
                return Ok(name);
            }
            attempt += 1;
        }
    }

    /// `holder` as it is once gone, and the same under a name of its own.
    fn displace(&self, store: &Store, holder: Entity, now: Timestamp) -> Result<(Entity, Entity), SyncError> {
        let mut gone = holder;
        if gone.standing().is_present() {
            gone.standing_mut().presence = Presence::Gone { since: now };
        }
        let mut renamed = gone.clone();
        renamed.rename(self.own_name(gone.name(), gone.member(), |key| {
            store.read(|snapshot| Ok(snapshot.get(key)?.map(|row| row.value)))
        })?);
        Ok((gone, renamed))
    }
}

fn judged(change: &Change) -> Judged {
    // Without a rule nothing holds it; any rule will do.
    (change.rule.unwrap_or(Rule::Rename), change.fingerprint())
}

fn holder(snapshot: &dyn Snapshot, name: &IamName, kind: MemberKind) -> Result<Option<Entity>, SyncError> {
    let Some(row) = snapshot.get(&schema::name(kind, &name.folded()))? else { return Ok(None) };
    let Ok(id) = <[u8; 16]>::try_from(row.value.as_slice()) else { return Ok(None) };
    Ok(rows::entity(snapshot, &Member::from_parts(kind, id))?.map(|(_, entity)| entity))
}

fn digest(kind: MemberKind, folded: &str) -> [u8; 16] {
    first16(&Sha256::new().chain_update([kind.byte()]).chain_update(folded).finalize())
}
