//! Who used a service: worked out from the keys that were used, for these are few, where a group or the holders of a policy may
//! be the whole company.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::super::{Admin, AdminError};
use super::Subject;
use crate::base::Timestamp;
use crate::model::{AccessKey, Arn, CredentialOwner, Entity, LastUsed, Member, UniqueId, User};
use crate::rights::{Effective, Terms, effective_groups};
use crate::store::schema::credentials as keys;
use crate::store::{KeyRange, Snapshot, credentials, rows};

/// Keys looked at.
const MOST_KEYS: usize = 20_000;

/// Keys read under one snapshot.
const A_SNAPSHOT: usize = 200;

/// Users told of one service.
const MOST_USERS: usize = 1_000;

/// Who used a service, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedBy {
    /// The user's ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its unique id.
    pub id: String,
    /// The path in its ARN.
    pub path: String,
    /// When it did last.
    pub at: Timestamp,
    /// In which region.
    pub region: String,
}

impl Admin {
    /// Who of those a thing is about used which service, the last first.
    pub(super) fn uses_of(
        &self,
        subject: &Subject,
        terms: &Terms,
    ) -> Result<BTreeMap<String, Vec<UsedBy>>, AdminError> {
        let mut uses = Uses::default();
        match subject {
            Subject::User(user) => self.store.read(|snapshot| {
                for held in credentials::access_keys_of(snapshot, &CredentialOwner::User(user.id))? {
                    if let Some(used) = self.used(snapshot, &held.value.id)? {
                        uses.note(self.used_by(user, &used), used.service);
                    }
                }
                Ok::<_, AdminError>(())
            })?,
            // Nobody signs as a role yet.
            Subject::Role(_) => {}
            Subject::Group(_) | Subject::Policy(_) => self.each_used_key(|snapshot, user, used| {
                if self.is_meant(snapshot, subject, user, terms)? {
                    uses.note(self.used_by(user, &used), used.service);
                }
                Ok(())
            })?,
        }
        Ok(uses.sorted())
    }

    /// Visits every access key of a user that was used.
    fn each_used_key(
        &self,
        mut visit: impl FnMut(&dyn Snapshot, &User, LastUsed) -> Result<(), AdminError>,
    ) -> Result<(), AdminError> {
        let all = KeyRange::prefix(&keys::access_keys());
        let (mut rest, mut looked_at) = (all.clone(), 0);
        loop {
            let found = self.store.read(|snapshot| {
                let found = snapshot.scan(&rest, A_SNAPSHOT)?;
                for (key, _) in &found {
                    let Some(id) = keys::parse_key_id(key) else { continue };
                    let Some(used) = self.used(snapshot, &id)? else { continue };
                    let held: Option<AccessKey> = credentials::access_key(snapshot, &id)?.map(|read| read.value);
                    let Some(CredentialOwner::User(owner)) = held.map(|held| held.owner) else { continue };
                    if let Some((_, Entity::User(user))) = rows::entity(snapshot, &Member::User(owner))? {
                        visit(snapshot, &user, used)?;
                    }
                }
                Ok::<_, AdminError>(found)
            })?;
            looked_at += found.len();
            if looked_at > MOST_KEYS {
                return Err(AdminError::LimitExceeded {
                    what: "a look at all access keys".to_owned(),
                    limit: format!("{MOST_KEYS} are looked at; ask about single users instead"),
                });
            }
            match found.last().filter(|_| found.len() == A_SNAPSHOT) {
                Some((last, _)) => rest = all.clone().after(last),
                None => return Ok(()),
            }
        }
    }

    /// Whether the group or policy has a say about the user, through other groups too.
    fn is_meant(
        &self,
        snapshot: &dyn Snapshot,
        subject: &Subject,
        user: &User,
        terms: &Terms,
    ) -> Result<bool, AdminError> {
        Ok(match subject {
            Subject::Group(group) => {
                let closure = effective_groups(snapshot, &Member::User(user.id), terms)?;
                closure.groups.iter().any(|reached| reached.group.id == group.id)
            }
            Subject::Policy(policy) => {
                let (effective, arn) = (Effective::of_user(snapshot, &self.account, user, terms)?, policy.arn());
                effective.identity.iter().any(|held| *held.name == *arn.as_str())
            }
            Subject::User(_) | Subject::Role(_) => false,
        })
    }

    fn used_by(&self, user: &User, used: &LastUsed) -> UsedBy {
        UsedBy {
            arn: Arn::user(&self.account, &user.path, &user.name).to_string(),
            name: user.name.to_string(),
            id: UniqueId::of_member(&Member::User(user.id)).to_string(),
            path: user.path.to_string(),
            at: used.at,
            region: used.region.clone(),
        }
    }
}

/// The last use of each service by each user.
#[derive(Default)]
struct Uses(BTreeMap<String, BTreeMap<String, UsedBy>>);

impl Uses {
    fn note(&mut self, by: UsedBy, service: String) {
        let of = self.0.entry(service).or_default();
        match of.get_mut(&by.id) {
            Some(known) if known.at >= by.at => {}
            Some(known) => *known = by,
            None => drop(of.insert(by.id.clone(), by)),
        }
    }

    fn sorted(self) -> BTreeMap<String, Vec<UsedBy>> {
        let sorted = |(service, by): (String, BTreeMap<String, UsedBy>)| {
            let mut by: Vec<UsedBy> = by.into_values().collect();
            by.sort_by(|a, b| (b.at, &a.name).cmp(&(a.at, &b.name)));
            by.truncate(MOST_USERS);
            (service, by)
        };
        self.0.into_iter().map(sorted).collect()
    }
}
