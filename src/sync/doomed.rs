//! Which rows go when somebody is deleted.

use std::collections::HashSet;

use super::error::SyncError;
use super::stored::scan_all;
use crate::base::GroupId;
use crate::model::{CredentialOwner, DirectoryLabel, Entity, Member};
use crate::store::{Revision, Snapshot, credentials, iam, rows, schema};

/// Rows that go with somebody.
#[derive(Debug, Default)]
pub struct Doomed {
    /// Keys of the rows, without its name's.
    pub keys: HashSet<Vec<u8>>,
    /// Key of its name's row: somebody else may take the name before it goes.
    pub name: Option<Vec<u8>>,
    /// When something came to hang on them last, by row: nothing may have since ([`iam::claimed`]).
    pub claimed: Vec<(Vec<u8>, Revision)>,
    /// True when the directory still had it.
    pub present: bool,
}

impl Doomed {
    /// The rows that go with `subject` of directory `label`.
    ///
    /// # Errors
    /// When the store cannot be read or a row is damaged.
    pub fn of(snapshot: &dyn Snapshot, subject: &Member, label: &DirectoryLabel) -> Result<Self, SyncError> {
        let mut doomed = Self::default();
        let Some((_, entity)) = rows::entity(snapshot, subject)? else { return Ok(doomed) };
        doomed.present = entity.standing().is_present();
        let name = schema::name(subject.kind(), &entity.name().folded());
        if snapshot.get(&name)?.is_some_and(|row| row.value == subject.id_bytes()) {
            doomed.name = Some(name);
        }
        let row = schema::entity(subject);
        let claimed = iam::claimed(snapshot, &row)?;
        if claimed > 0 {
            doomed.keys.insert(schema::iam::claims(&row));
            doomed.keys.extend(iam::rows_of(snapshot, subject)?);
            if let Member::User(id) = subject {
                doomed.keys.extend(credentials::rows_of(snapshot, &CredentialOwner::User(*id))?);
            }
        }
        doomed.claimed.push((row.clone(), claimed));
        doomed.keys.insert(row);
        for (key, _) in scan_all(snapshot, &schema::groups_of(subject))? {
            if let Some((member, group)) = schema::parse_edge_back(&key) {
                doomed.edge(&group, &member);
            }
        }
        if let Entity::Resource(machine) = &entity {
            let ways = machine.known_by().map(|reference| schema::machine_known_by(label, &reference, &machine.id));
            doomed.keys.extend(ways);
        }
        if let Member::Group(group) = subject {
            let sid = entity.origin().sid.as_ref();
            doomed.keys.extend(sid.map(|sid| schema::group_by_sid(label, sid, group)));
            doomed.members_of(snapshot, group, label)?;
        }
        Ok(doomed)
    }

    fn members_of(
        &mut self,
        snapshot: &dyn Snapshot,
        group: &GroupId,
        label: &DirectoryLabel,
    ) -> Result<(), SyncError> {
        for (key, _) in scan_all(snapshot, &schema::edges_of(group))? {
            if let Some((group, member)) = schema::parse_edge(&key) {
                self.edge(&group, &member);
            }
        }
        for (key, _) in scan_all(snapshot, &schema::dangling_of(group))? {
            if let Some((group, reference)) = schema::parse_dangling(&key) {
                self.keys.insert(schema::dangling_back(label, &reference, &group));
                self.keys.insert(key);
            }
        }
        Ok(())
    }

    fn edge(&mut self, group: &GroupId, member: &Member) {
        self.keys.insert(schema::edge_back(member, group));
        self.keys.insert(schema::edge(group, member));
    }
}
