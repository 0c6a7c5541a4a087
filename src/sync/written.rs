//! The rows that changes write: for `apply`, which commits them, and for `foresight`, which only looks at what they mean.

use std::collections::BTreeMap;

use super::change::{Act, Change, Field};
use super::doomed::Doomed;
use super::error::SyncError;
use super::names::Settled;
use super::stage;
use super::state::Totals;
use crate::base::Sid;
use crate::model::{DirectoryLabel, Entity, IamName, Member, MemberKind, reference};
use crate::store::{Revision, Snapshot, rows, schema};

/// Where rows stand that were written before.
pub(super) trait Before {
    /// Reads them.
    ///
    /// # Errors
    /// When they cannot be read; what `read` answers.
    fn read<R>(&self, read: impl FnOnce(&dyn Snapshot) -> Result<R, SyncError>) -> Result<R, SyncError>;
}

impl Before for &dyn Snapshot {
    fn read<R>(&self, read: impl FnOnce(&dyn Snapshot) -> Result<R, SyncError>) -> Result<R, SyncError> {
        read(*self)
    }
}

/// Turns changes into rows.
pub(super) struct Written<'a> {
    /// The directory whose changes they are.
    pub(super) label: &'a DirectoryLabel,
    /// Who gets which name.
    pub(super) settled: &'a Settled,
    /// Rows and edges stored, once all is written.
    pub(super) totals: Totals,
    /// Rows to write or to delete.
    pub(super) rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Rows that go, and when something came to hang on them last.
    pub(super) claimed: Vec<(Vec<u8>, Revision)>,
}

impl<'a> Written<'a> {
    /// Nothing yet.
    pub(super) fn new(label: &'a DirectoryLabel, settled: &'a Settled, totals: Totals) -> Self {
        Self { label, settled, totals, rows: BTreeMap::new(), claimed: Vec::new() }
    }

    /// Adds what `change` writes, `before` having what is written already. Answers how many rows are deleted beside it.
    ///
    /// # Errors
    /// When `before` cannot be read, or the change holds no row.
    pub(super) fn change(&mut self, change: Change, before: &impl Before) -> Result<usize, SyncError> {
        let subject = change.subject;
        match change.act {
            Act::Add { digest, name, entity } => {
                let (name, row) = self.named_row(subject, name, &digest.0, entity.as_str(), before)?;
                self.put(schema::entity(&subject), row);
                self.put(schema::name(subject.kind(), &name.folded()), subject.id_bytes().to_vec());
                if !matches!(subject, Member::User(_)) {
                    let known = Known::in_json(entity.as_str())?;
                    let by_sid = known.origin.sid.and_then(|sid| self.by_sid(subject, &sid));
                    let by_account = known.account_name.and_then(|account| self.by_account(subject, &account));
                    for way in by_sid.into_iter().chain(by_account) {
                        self.put(way, Vec::new());
                    }
                }
                *total(&mut self.totals, subject.kind()) += 1;
            }
            Act::Update { digest, entity, fields } => {
                let former = fields.iter().find(|field| field.path == "name").and_then(|field| field.before.as_str());
                let renamed_from = former.and_then(|name| name.parse::<IamName>().ok());
                self.presence_counts(subject.kind(), &fields);
                self.found_anew(subject, &fields);
                self.update(subject, &digest.0, entity.as_str(), renamed_from, before)?;
            }
            Act::Delete => return self.delete(subject, before),
            Act::Join { member, reference } | Act::Respell { member, reference } => {
                if let Member::Group(group) = subject {
                    let edge = schema::edge(&group, &member);
                    self.totals.memberships += u64::from(matches!(change.act, Act::Join { .. }));
                    self.put(edge, reference.0.to_vec());
                    self.put(schema::edge_back(&member, &group), Vec::new());
                }
            }
            Act::Leave { member } => {
                if let Member::Group(group) = subject {
                    self.totals.memberships = self.totals.memberships.saturating_sub(1);
                    self.remove(schema::edge(&group, &member));
                    self.remove(schema::edge_back(&member, &group));
                }
            }
            Act::Await { reference } => {
                if let Member::Group(group) = subject {
                    self.put(schema::dangling(&group, &reference), Vec::new());
                    self.put(schema::dangling_back(self.label, &reference, &group), Vec::new());
                }
            }
            Act::Settle { reference } => {
                if let Member::Group(group) = subject {
                    self.remove(schema::dangling(&group, &reference));
                    self.remove(schema::dangling_back(self.label, &reference, &group));
                }
            }
        }
        Ok(0)
    }

    fn update(
        &mut self,
        subject: Member,
        digest: &[u8; 16],
        entity: &str,
        renamed_from: Option<IamName>,
        before: &impl Before,
    ) -> Result<(), SyncError> {
        let Some(old) = renamed_from else {
            self.put(schema::entity(&subject), rows::encode(digest, entity.as_bytes()));
            return Ok(());
        };
        let (name, row) = self.named_row(subject, name_in(entity)?, digest, entity, before)?;
        self.put(schema::entity(&subject), row);
        self.release(subject, &old, before)?;
        self.put(schema::name(subject.kind(), &name.folded()), subject.id_bytes().to_vec());
        Ok(())
    }

    /// The row by which a group or a machine is found by its SID; nobody looks for people by it.
    fn by_sid(&self, subject: Member, sid: &Sid) -> Option<Vec<u8>> {
        match subject {
            Member::Group(group) => Some(schema::group_by_sid(self.label, sid, &group)),
            Member::Resource(machine) => Some(schema::machine_known_by(self.label, &reference::by_sid(sid), &machine)),
            Member::User(_) => None,
        }
    }

    /// The row by which a machine is found by the account that it signs in with.
    fn by_account(&self, subject: Member, account: &str) -> Option<Vec<u8>> {
        let Member::Resource(machine) = subject else { return None };
        Some(schema::machine_known_by(self.label, &reference::by_account(account), &machine))
    }

    /// Who got another SID, or another account, is found by that one.
    fn found_anew(&mut self, subject: Member, fields: &[Field]) {
        for field in fields {
            let key = |value: &serde_json::Value| match field.path.as_str() {
                "origin.sid" => self.by_sid(subject, &value.as_str()?.parse().ok()?),
                "account_name" => self.by_account(subject, value.as_str()?),
                _ => None,
            };
            let (before, after) = (key(&field.before), key(&field.after));
            if let Some(before) = before {
                self.remove(before);
            }
            if let Some(after) = after {
                self.put(after, Vec::new());
            }
        }
    }

    /// Gives up `name`, unless somebody else has taken it by now.
    fn release(&mut self, subject: Member, name: &IamName, before: &impl Before) -> Result<(), SyncError> {
        let key = schema::name(subject.kind(), &name.folded());
        if self.pending(&key, before)?.is_some_and(|id| id == subject.id_bytes()) {
            self.remove(key);
        }
        Ok(())
    }

    /// The row of an entity that gets a name: the one it wishes for, or, where that is not to be had, one of its own.
    fn named_row(
        &self,
        subject: Member,
        wished: IamName,
        digest: &[u8; 16],
        entity: &str,
        before: &impl Before,
    ) -> Result<(IamName, Vec<u8>), SyncError> {
        if !self.settled.losers.contains(&subject) {
            return Ok((wished, rows::encode(digest, entity.as_bytes())));
        }
        let mut entity = Entity::from_json(subject.kind(), entity.as_bytes())?;
        let name = self.settled.own_name(&wished, subject, |key| self.pending(key, before))?;
        entity.rename(name.clone());
        let json = serde_json::to_vec(&entity)?;
        Ok((name, rows::encode(&stage::digest(&json), &json)))
    }

    /// The row at `key` as it will be once these are written.
    fn pending(&self, key: &[u8], before: &impl Before) -> Result<Option<Vec<u8>>, SyncError> {
        match self.rows.get(key) {
            Some(pending) => Ok(pending.clone()),
            None => before.read(|snapshot| Ok(snapshot.get(key)?.map(|row| row.value))),
        }
    }

    fn presence_counts(&mut self, kind: MemberKind, fields: &[Field]) {
        let Some(presence) = fields.iter().find(|field| field.path == "standing.presence.state") else { return };
        let total = total(&mut self.totals, kind);
        if presence.after == "gone" {
            *total = total.saturating_sub(1);
        } else if presence.before == "gone" {
            *total += 1;
        }
    }

    fn delete(&mut self, subject: Member, before: &impl Before) -> Result<usize, SyncError> {
        // What comes before a deletion gives nobody anything but names, so what was written before is all there is to go, and
        // some of it may be going already. A name goes to somebody who is switched off and renamed at once, for one.
        let doomed = before.read(|snapshot| Doomed::of(snapshot, &subject, self.label))?;
        if doomed.present {
            let total = total(&mut self.totals, subject.kind());
            *total = total.saturating_sub(1);
        }
        self.claimed.extend(doomed.claimed);
        let name = doomed.name.filter(|name| !matches!(self.rows.get(name), Some(Some(_))));
        let count = doomed.keys.len() + name.iter().len();
        for key in doomed.keys.into_iter().chain(name) {
            let edge = schema::parse_edge(&key).is_some();
            if self.remove(key) && edge {
                self.totals.memberships = self.totals.memberships.saturating_sub(1);
            }
        }
        Ok(count)
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.rows.insert(key, Some(value));
    }

    /// Removes a row; false when that was on its way already.
    fn remove(&mut self, key: Vec<u8>) -> bool {
        !matches!(self.rows.insert(key, None), Some(None))
    }
}

/// The name in an entity's JSON, without reading the rest.
fn name_in(json: &str) -> Result<IamName, SyncError> {
    #[derive(serde::Deserialize)]
    struct Named {
        name: IamName,
    }
    Ok(serde_json::from_str::<Named>(json)?.name)
}

/// What a group or a machine is found by, without reading the rest of it.
#[derive(serde::Deserialize)]
struct Known {
    origin: KnownOrigin,
    account_name: Option<String>,
}

#[derive(serde::Deserialize)]
struct KnownOrigin {
    sid: Option<Sid>,
}

impl Known {
    fn in_json(json: &str) -> Result<Self, SyncError> {
        Ok(serde_json::from_str(json)?)
    }
}

fn total(totals: &mut Totals, kind: MemberKind) -> &mut u64 {
    match kind {
        MemberKind::User => &mut totals.users,
        MemberKind::Group => &mut totals.groups,
        MemberKind::Resource => &mut totals.resources,
    }
}
