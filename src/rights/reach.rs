//! From groups to the people in them, for all of them in one walk.
//!
//! What no longer counts (a group that is gone, a frozen directory, a claim that a domain may not make) is not told apart:
//! more people are found than are in, and whoever asks decides about each by the way up, which is the one that counts.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Terms;
use super::ways::claims;
use crate::base::{GroupId, Sid, UserId};
use crate::model::{DirectoryLabel, Entity, Member, MemberKind, RefHash};
use crate::store::{KeyRange, Store, StoreError, rows, schema};

/// The people in any of `groups`, directly or through other groups; and perhaps some more.
///
/// # Errors
/// When the store cannot be read or a row is damaged.
pub(super) fn people_in(
    store: &Store,
    terms: &Terms,
    groups: impl IntoIterator<Item = GroupId>,
) -> Result<HashSet<UserId>, StoreError> {
    let mut walk = Walk { store, terms, found: Found::default() };
    let mut ahead: BTreeSet<GroupId> = groups.into_iter().collect();
    while !ahead.is_empty() {
        walk.down(ahead)?;
        ahead = walk.groups_elsewhere()?;
    }
    walk.people_without_an_edge()?;
    Ok(walk.found.people)
}

struct Walk<'a> {
    store: &'a Store,
    terms: &'a Terms,
    found: Found,
}

#[derive(Default)]
struct Found {
    people: HashSet<UserId>,
    groups: HashSet<GroupId>,
    /// SIDs by which somebody may name one of the groups as the primary one, by directory.
    sids: HashMap<DirectoryLabel, HashSet<Sid>>,
    /// References that one of the groups waits for.
    awaited: HashSet<RefHash>,
}

impl Walk<'_> {
    /// Along edges, from these groups. In the order of ids, as rows lie: the store finds what is beside what it found.
    fn down(&mut self, mut ahead: BTreeSet<GroupId>) -> Result<(), StoreError> {
        while let Some(id) = ahead.pop_first() {
            if !self.found.groups.insert(id) {
                continue;
            }
            let Some(group) = self.store.read(|snapshot| rows::group(snapshot, &id))? else { continue };
            if let Some(sid) = group.origin.sid {
                self.found.sids.entry(group.origin.directory).or_default().insert(sid);
            }
            let Found { people, groups, awaited, .. } = &mut self.found;
            self.store.visit(&KeyRange::prefix(&schema::edges_of(&id)), |key, _| {
                match schema::parse_edge(key) {
                    Some((_, Member::User(user))) => drop(people.insert(user)),
                    Some((_, Member::Group(nested))) if !groups.contains(&nested) => drop(ahead.insert(nested)),
                    _ => {}
                }
                Ok(())
            })?;
            if !self.terms.domains.is_empty() {
                self.store.visit(&KeyRange::prefix(&schema::dangling_of(&id)), |key, _| {
                    awaited.extend(schema::parse_dangling(key).map(|(_, reference)| reference));
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// Groups not yet met that one of those met waits for.
    fn groups_elsewhere(&self) -> Result<BTreeSet<GroupId>, StoreError> {
        let mut met = BTreeSet::new();
        self.claimants(MemberKind::Group, |member| {
            if let Member::Group(id) = member
                && !self.found.groups.contains(&id)
            {
                met.insert(id);
            }
        })?;
        Ok(met)
    }

    /// People of whom the groups do not list an edge.
    fn people_without_an_edge(&mut self) -> Result<(), StoreError> {
        let mut met = Vec::new();
        self.claimants(MemberKind::User, |member| met.extend(user(member)))?;
        self.found.people.extend(met);
        let Found { people, sids, .. } = &mut self.found;
        for (label, sids) in sids {
            let range = KeyRange::prefix(&schema::all_of_directory(MemberKind::User, label));
            self.store.visit(&range, |key, value| {
                if rows::primary_group(key, value)?.is_some_and(|sid| sids.contains(&sid)) {
                    people.extend(schema::parse_entity(key).and_then(user));
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Those of a kind who answer to a reference that is waited for.
    fn claimants(&self, kind: MemberKind, mut each: impl FnMut(Member)) -> Result<(), StoreError> {
        let awaited = &self.found.awaited;
        if awaited.is_empty() {
            return Ok(());
        }
        for label in self.terms.domains.labels() {
            self.store.visit(&KeyRange::prefix(&schema::all_of_directory(kind, label)), |key, value| {
                let entity: Entity = rows::decode(key, value.to_vec())?;
                if claims(&entity, self.terms).iter().any(|claim| awaited.contains(&claim.reference)) {
                    each(entity.member());
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn user(member: Member) -> Option<UserId> {
    match member {
        Member::User(id) => Some(id),
        Member::Group(_) | Member::Resource(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Guid, Timestamp};
    use crate::model::{Actor, Domain, Domains, Group, Origin, Standing, User, origin, reference};
    use crate::store::{Commit, Intent, memory};

    const BASE: &str = "S-1-5-21-2-2-2";

    fn put(store: &Store, member: Member, entity: &impl serde::Serialize, more: &[Vec<u8>]) {
        let mut commit = Commit::new(Actor::task("test"), Timestamp::UNIX_EPOCH, Intent::Widen);
        let json = serde_json::to_vec(entity).unwrap();
        commit.put(schema::entity(&member), rows::encode(&rows::NO_DIGEST, &json));
        more.iter().for_each(|key| commit.put(key.clone(), vec![0; 16]));
        store.commit(commit).unwrap();
    }

    fn origin_of(label: &str, name: &str, sid: Option<u32>) -> Origin {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
        let sid = sid.map(|rid| format!("{BASE}-{rid}").parse().unwrap());
        Origin { sid, ..Origin::new(label.parse().unwrap(), Guid::from_bytes(bytes), format!("cn={name},dc={label}")) }
    }

    fn user(store: &Store, name: &str, rid: u32, primary: u32) -> UserId {
        let origin = origin_of("b", name, Some(rid));
        let user = User {
            id: origin::user_id(&origin.directory, &origin.guid),
            origin,
            primary_group: Some(format!("{BASE}-{primary}").parse().unwrap()),
            ..User::made_up(0, name)
        };
        put(store, Member::User(user.id), &user, &[]);
        user.id
    }

    /// A group that lists nobody of its own directory, and waits for these of another.
    fn group(store: &Store, (label, name): (&str, &str), rid: Option<u32>, awaits: &[u32]) -> GroupId {
        let origin = origin_of(label, name, rid);
        let id = origin::group_id(&origin.directory, &origin.guid);
        let group = Group {
            id,
            name: name.parse().unwrap(),
            path: crate::model::IamPath::default(),
            original_name: name.to_owned(),
            origin,
            standing: Standing::default(),
            description: None,
            scope: None,
            security: true,
        };
        let sid = |rid: &u32| reference::by_sid(&format!("{BASE}-{rid}").parse().unwrap());
        let waits: Vec<_> = awaits.iter().map(|rid| schema::dangling(&id, &sid(rid))).collect();
        put(store, Member::Group(id), &group, &waits);
        id
    }

    #[test]
    fn people_of_another_domain_are_found_directly_through_their_group_and_as_its_primary_members() {
        let store = Store::new(memory::Memory::new());
        let [ann, bob, eve] = [("ann", 1, 9), ("bob", 2, 500), ("eve", 3, 9)]
            .map(|(name, rid, primary)| user(&store, name, rid, primary));
        let here = group(&store, ("a", "here"), None, &[1, 500]);
        let there = group(&store, ("b", "there"), Some(500), &[]);
        let domain = |sid: &str, base: &str| Domain { sid: sid.parse().unwrap(), base: base.to_owned() };
        let domains = [("a", domain("S-1-5-21-1-1-1", "dc=a")), ("b", domain(BASE, "dc=b"))];
        let domains = Domains::new(domains.map(|(label, domain)| (label.parse().unwrap(), domain)));
        let terms = Terms { domains, ..Terms::at(Timestamp::UNIX_EPOCH) };
        let found = |terms: &Terms, group| people_in(&store, terms, [group]).unwrap();
        assert_eq!(found(&terms, here), HashSet::from([ann, bob]));
        assert_eq!(found(&terms, there), HashSet::from([bob]));
        // Where every directory stands for itself, nobody is a member elsewhere.
        assert_eq!(found(&Terms::at(Timestamp::UNIX_EPOCH), here), HashSet::new());
        assert!(!found(&terms, here).contains(&eve));
    }
}
