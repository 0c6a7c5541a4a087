//! Whether we and the directory agree on the groups somebody is in.
//!
//! Active Directory works out by itself what goes into somebody's token (`tokenGroups`). That is a second opinion on our
//! closure, from those who decide on the files and machines of the company. Compared are groups both sides know; what only
//! one side can know is listed, not counted as a difference.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::people::People;
use super::{Admin, AdminError};
use crate::base::{Sid, Timestamp};
use crate::gate::Authorized;
use crate::model::{DirectoryLabel, Entity, Group, MemberKind};
use crate::rights::find::by_name_or_id;
use crate::rights::{self, Closure, Terms};
use crate::store::{Snapshot, StoreError, rows};

/// How our groups of somebody compare with the directory's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// IAM name of who was compared.
    pub name: String,
    /// The directory asked.
    pub directory: DirectoryLabel,
    /// When.
    pub at: Timestamp,
    /// True when there is no difference.
    pub agrees: bool,
    /// Groups both sides have.
    pub both: u64,
    /// Groups that only we have: here somebody has more than there.
    pub only_here: Vec<Compared>,
    /// Groups that only the directory has.
    pub only_there: Vec<Compared>,
    /// What the directory lists and is not synced: `BUILTIN` groups, well-known SIDs, groups out of scope, groups of
    /// domains that are not configured.
    pub not_synced: Vec<Sid>,
    /// Set when a limit ended our search for groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_short: Option<String>,
}

/// A group on one side.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Compared {
    /// Its IAM name.
    pub group: String,
    /// Its SID.
    pub sid: Sid,
}

impl Admin {
    /// Compares our groups of the user `asked.resource()` with those its directory works out.
    ///
    /// # Errors
    /// When there is no such user, its directory is not configured, has no `tokenGroups` or does not answer.
    pub async fn verify_user(&self, asked: &Authorized) -> Result<Verification, AdminError> {
        let who = asked.resource().to_owned();
        let user =
            self.store.run(move |store| store.read(|snapshot| by_name_or_id(snapshot, MemberKind::User, &who))).await?;
        let origin = user.origin();
        let source = self.directory(&origin.directory)?.runner.source.clone();
        let token = source.token_groups(&origin.guid).await?.ok_or_else(|| AdminError::NotNow {
            what: format!("directory `{}` does not work out anybody's groups", origin.directory),
            remedy: "only Active Directory does (`tokenGroups`), for who is there".to_owned(),
        })?;
        let theirs = token.iter().map(|sid| Sid::from_bytes(sid)).collect::<Result<BTreeSet<Sid>, _>>();
        let theirs = theirs.map_err(|why| AdminError::NotNow {
            what: format!("directory `{}` answered with what is no SID: {why}", origin.directory),
            remedy: "look at `bailey directory check`".to_owned(),
        })?;
        let admin = self.clone();
        self.store
            .run(move |store| {
                let terms = People::at(store, &admin.account, admin.now())?.terms().clone();
                store.read(|snapshot| compare(snapshot, &user, theirs, &terms)).map_err(AdminError::from)
            })
            .await
    }
}

/// Holds `theirs`, the SIDs in the token of `user`, against our closure.
fn compare(
    snapshot: &dyn Snapshot,
    user: &Entity,
    theirs: BTreeSet<Sid>,
    terms: &Terms,
) -> Result<Verification, StoreError> {
    let directory = &user.origin().directory;
    let Closure { groups, cut_short, .. } = rights::token_groups(snapshot, &user.member(), directory, terms)?;
    let ours: BTreeMap<Sid, Group> = groups
        .into_iter()
        .filter_map(|reached| Some((reached.group.origin.sid.clone()?, Group::clone(&reached.group))))
        .collect();
    let both = ours.keys().filter(|sid| theirs.contains(*sid)).count() as u64;
    // Of another forest's groups the directory knows nothing.
    let only_here: BTreeSet<Compared> = ours
        .iter()
        .filter(|(sid, group)| group.origin.directory == *directory && !theirs.contains(*sid))
        .map(|(sid, group)| Compared { group: group.name.to_string(), sid: sid.clone() })
        .collect();
    let (mut only_there, mut not_synced) = (BTreeSet::new(), Vec::new());
    for sid in theirs.into_iter().filter(|sid| !ours.contains_key(sid)) {
        match synced(snapshot, &sid, directory, terms)? {
            Some(group) => drop(only_there.insert(Compared { group: group.name.to_string(), sid })),
            None => not_synced.push(sid),
        }
    }
    Ok(Verification {
        name: user.name().to_string(),
        directory: directory.clone(),
        at: terms.now,
        agrees: only_here.is_empty() && only_there.is_empty() && cut_short.is_none(),
        both,
        only_here: only_here.into_iter().collect(),
        only_there: only_there.into_iter().collect(),
        not_synced,
        cut_short,
    })
}

/// The group with this SID, of `directory` or of another domain.
fn synced(
    snapshot: &dyn Snapshot,
    sid: &Sid,
    directory: &DirectoryLabel,
    terms: &Terms,
) -> Result<Option<Group>, StoreError> {
    let others = terms.domains.labels().filter(|label| *label != directory);
    for label in std::iter::once(directory).chain(others) {
        for id in rows::groups_by_sid(snapshot, label, sid)? {
            let group = rows::group(snapshot, &id)?;
            if let Some(group) = group.filter(|group| group.standing.is_present()) {
                return Ok(Some(group));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Guid;
    use crate::model::{Actor, GroupScope, IamName, Member, Origin, Standing, User, origin};
    use crate::store::{Commit, Intent, Store, memory, schema};

    const DOMAIN: &str = "S-1-5-21-1-2-3";

    fn sid(rid: &str) -> Sid {
        format!("{DOMAIN}-{rid}").parse().unwrap()
    }

    fn origin_of(n: u8, sid: Sid) -> Origin {
        Origin { sid: Some(sid), ..Origin::new("corp".parse().unwrap(), Guid::from_bytes([n; 16]), format!("cn={n}")) }
    }

    /// Ann, in `direct`; `staff` in `all`; `mail`, a mailing list, in `lists`; her primary group is `users`.
    fn store() -> (Store, Entity) {
        let store = Store::new(memory::Memory::new());
        let mut commit = Commit::new(Actor::task("test"), Timestamp::UNIX_EPOCH, Intent::Widen);
        let ann = origin_of(1, sid("1104"));
        let ann = Entity::User(User {
            id: origin::user_id(&ann.directory, &ann.guid),
            origin: ann,
            primary_group: Some(sid("513")),
            ..User::made_up(0, "ann")
        });
        let mut put = |entity: &Entity| {
            let json = serde_json::to_vec(entity).unwrap();
            commit.put(schema::entity(&entity.member()), rows::encode(&rows::NO_DIGEST, &json));
            let origin = entity.origin();
            if let (Member::Group(group), Some(sid)) = (entity.member(), &origin.sid) {
                commit.put(schema::group_by_sid(&origin.directory, sid, &group), Vec::new());
            }
        };
        put(&ann);
        let mut group = |n: u8, name: &str, rid: &str, security: bool| {
            let origin = origin_of(n, sid(rid));
            let id = origin::group_id(&origin.directory, &origin.guid);
            put(&Entity::Group(Group {
                id,
                name: IamName::mapped(name, None, id.as_bytes()),
                path: crate::model::IamPath::default(),
                original_name: name.to_owned(),
                origin,
                standing: Standing::default(),
                description: None,
                scope: Some(GroupScope::Global),
                security,
            }));
            id
        };
        let (staff, all) = (group(2, "staff", "1200", true), group(3, "all", "1201", true));
        let (mail, lists) = (group(4, "mail", "1202", false), group(5, "behind-mail", "1203", true));
        group(6, "users", "513", true);
        group(7, "other", "1204", true);
        for (group, member) in
            [(staff, ann.member()), (all, Member::Group(staff)), (mail, ann.member()), (lists, Member::Group(mail))]
        {
            commit.put(schema::edge(&group, &member), vec![0; 16]);
            commit.put(schema::edge_back(&member, &group), Vec::new());
        }
        store.commit(commit).unwrap();
        (store, ann)
    }

    fn compared(token: &[&str]) -> Verification {
        let (store, ann) = store();
        let theirs = token.iter().map(|sid| sid.parse().unwrap()).collect();
        let terms = Terms::at(Timestamp::UNIX_EPOCH);
        store.read(|snapshot| compare(snapshot, &ann, theirs, &terms)).unwrap()
    }

    fn names(groups: &[Compared]) -> Vec<&str> {
        groups.iter().map(|compared| compared.group.as_str()).collect()
    }

    #[test]
    fn both_sides_agree_by_nesting_and_primary_group_and_mailing_lists_are_ours_alone() {
        let in_domain = ["513", "1200", "1201"].map(|rid| format!("{DOMAIN}-{rid}"));
        let mut token: Vec<&str> = in_domain.iter().map(String::as_str).collect();
        token.extend(["S-1-5-32-545", "S-1-5-21-1-2-3-9999", "S-1-5-11"]);
        let verification = compared(&token);
        assert!(verification.agrees, "{verification:?}");
        assert_eq!(verification.both, 3);
        let rest: Vec<String> = verification.not_synced.iter().map(ToString::to_string).collect();
        assert_eq!(rest, ["S-1-5-11", "S-1-5-21-1-2-3-9999", "S-1-5-32-545"]);
    }

    #[test]
    fn a_difference_is_told_by_side() {
        let verification = compared(&["S-1-5-21-1-2-3-1200", "S-1-5-21-1-2-3-1204"]);
        assert!(!verification.agrees);
        assert_eq!(names(&verification.only_here), ["all", "users"]);
        assert_eq!(names(&verification.only_there), ["other"]);
        assert_eq!(verification.both, 1);
    }
}
