//! Rows of roles, policies, entitlements and assignments, in terms of the model.
//!
//! The one place that knows how they are written, and which rows belong together: an object and its name, an entitlement
//! and the way back from each policy in it, an assignment and the way back from its role. What may be changed is the
//! business of `admin`.

mod objects;

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use super::execute::{from_json, to_json};
use super::schema::iam as keys;
use super::schema::iam::Named;
use super::{Commit, Expect, KeyRange, Revision, Row, Snapshot, StoreError};
use crate::base::{InstanceProfileId, PolicyId, RoleId};
use crate::model::{AccountId, Assignment, Entitlements, Holder, InstanceProfile, ManagedPolicy, Member, Role};

pub use objects::Object;

/// Something read, and the commit that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read<T> {
    /// What it says.
    pub value: T,
    /// The commit that wrote it; 0 where there is no row and `value` is what that means.
    pub revision: Revision,
}

fn read<T: DeserializeOwned>(snapshot: &dyn Snapshot, key: &[u8]) -> Result<Option<Read<T>>, StoreError> {
    let Some(Row { revision, value }) = snapshot.get(key)? else { return Ok(None) };
    Ok(Some(Read { value: from_json(key, &value)?, revision }))
}

/// The object with this id.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn object<T: Object>(snapshot: &dyn Snapshot, id: &[u8; 16]) -> Result<Option<Read<T>>, StoreError> {
    read(snapshot, &keys::object(T::KIND, id))
}

/// The role with this id.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn role(snapshot: &dyn Snapshot, id: &RoleId) -> Result<Option<Role>, StoreError> {
    Ok(object::<Role>(snapshot, id.as_bytes())?.map(|read| read.value))
}

/// The managed policy with this id.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn policy(snapshot: &dyn Snapshot, id: &PolicyId) -> Result<Option<ManagedPolicy>, StoreError> {
    Ok(object::<ManagedPolicy>(snapshot, id.as_bytes())?.map(|read| read.value))
}

/// The object of this name in an account, in whatever case it is written.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn named<T: Object>(
    snapshot: &dyn Snapshot,
    account: Option<&AccountId>,
    name: &str,
) -> Result<Option<Read<T>>, StoreError> {
    let key = keys::name(T::KIND, account, &name.to_ascii_lowercase());
    let Some(row) = snapshot.get(&key)? else { return Ok(None) };
    let id = sixteen(&key, &row.value)?;
    let found = object(snapshot, &id)?;
    found.map(Some).ok_or_else(|| StoreError::corrupt(&key, "the object it leads to is not there"))
}

/// The first `limit` objects of an account in the order of their names, behind the name `after`; and the last name looked
/// at where there may be more.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn page<T: Object>(
    snapshot: &dyn Snapshot,
    account: Option<&AccountId>,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<T>, StoreError> {
    let mut range = KeyRange::prefix(&keys::names(T::KIND, account));
    if let Some(after) = after {
        range = range.after(&keys::name(T::KIND, account, &after.to_ascii_lowercase()));
    }
    let mut objects = Vec::new();
    for (key, row) in snapshot.scan(&range, limit)? {
        let found = object::<T>(snapshot, &sixteen(&key, &row.value)?)?;
        let found = found.ok_or_else(|| StoreError::corrupt(&key, "the object it leads to is not there"))?;
        objects.push(found.value);
    }
    Ok(objects)
}

/// Every object of a kind, whatever its account, in the order of ids. For kinds of which there are few.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn all<T: Object>(snapshot: &dyn Snapshot) -> Result<Vec<T>, StoreError> {
    let rows = snapshot.scan(&KeyRange::prefix(&keys::objects(T::KIND)), usize::MAX)?;
    rows.iter().map(|(key, row)| from_json(key, &row.value)).collect()
}

/// The document of a version.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn policy_version(snapshot: &dyn Snapshot, id: &PolicyId, number: u32) -> Result<Option<String>, StoreError> {
    let key = keys::policy_version(id, number);
    let Some(row) = snapshot.get(&key)? else { return Ok(None) };
    String::from_utf8(row.value).map(Some).map_err(|_| StoreError::corrupt(&key, "it is not UTF-8"))
}

/// What hangs on `holder`.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn entitlements(snapshot: &dyn Snapshot, holder: &Holder) -> Result<Read<Entitlements>, StoreError> {
    let read = read(snapshot, &keys::entitlements(holder))?;
    Ok(read.unwrap_or(Read { value: Entitlements::default(), revision: 0 }))
}

/// The first `limit` of those on whom something hangs, behind `after`, and what it is, in key order.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn all_entitlements(
    snapshot: &dyn Snapshot,
    after: Option<&Holder>,
    limit: usize,
) -> Result<Vec<(Holder, Entitlements)>, StoreError> {
    let mut range = KeyRange::prefix(&keys::all_entitlements());
    if let Some(after) = after {
        range = range.after(&keys::entitlements(after));
    }
    let held = |(key, row): &(Vec<u8>, Row)| {
        let holder = keys::parse_entitlements(key).ok_or_else(|| StoreError::corrupt(key, "it names no holder"))?;
        Ok((holder, from_json(key, &row.value)?))
    };
    snapshot.scan(&range, limit)?.iter().map(held).collect()
}

/// The first `limit` roles of all accounts behind `after`, in the order of their ids.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn all_roles(snapshot: &dyn Snapshot, after: Option<&RoleId>, limit: usize) -> Result<Vec<Role>, StoreError> {
    let mut range = KeyRange::prefix(&[Named::Role.space()]);
    if let Some(after) = after {
        range = range.after(&keys::role(after));
    }
    snapshot.scan(&range, limit)?.iter().map(|(key, row)| from_json(key, &row.value)).collect()
}

/// The first `limit` names that roles of any account bear, folded, by account and name, behind the key `after`: that, the name, and
/// which role it is. No role is read for it.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn role_names(
    snapshot: &dyn Snapshot,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<(Vec<u8>, String, RoleId)>, StoreError> {
    let mut range = KeyRange::prefix(&keys::all_names(Named::Role));
    if let Some(after) = after {
        range = range.after(after);
    }
    let read = snapshot.scan(&range, limit)?.into_iter().map(|(key, row)| {
        let (.., name) = keys::parse_name(&key).ok_or_else(|| StoreError::corrupt(&key, "it is no name"))?;
        let (name, id) = (name.to_owned(), RoleId::from_bytes(sixteen(&key, &row.value)?));
        Ok((key, name, id))
    });
    read.collect()
}

/// The first `limit` holders of `policy` behind `after`, in key order.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn holders_of(
    snapshot: &dyn Snapshot,
    policy: &PolicyId,
    after: Option<&Holder>,
    limit: usize,
) -> Result<Vec<Holder>, StoreError> {
    let mut range = KeyRange::prefix(&keys::holders_of(policy));
    if let Some(after) = after {
        range = range.after(&keys::held_by(policy, after));
    }
    let rows = snapshot.scan(&range, limit)?;
    let holder = |key: &[u8]| {
        let (_, holder) = keys::parse_held_by(key).ok_or_else(|| StoreError::corrupt(key, "it names no holder"))?;
        Ok(holder)
    };
    rows.iter().map(|(key, _)| holder(key)).collect()
}

/// The assignment of `role` to `to` itself.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn assignment(snapshot: &dyn Snapshot, to: &Member, role: &RoleId) -> Result<Option<Read<Assignment>>, StoreError> {
    read(snapshot, &keys::assignment(to, role))
}

/// Every assignment to `to` itself, in the order of the roles' ids.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn assignments_of(snapshot: &dyn Snapshot, to: &Member) -> Result<Vec<Assignment>, StoreError> {
    let rows = snapshot.scan(&KeyRange::prefix(&keys::assignments_of(to)), usize::MAX)?;
    rows.iter().map(|(key, row)| from_json(key, &row.value)).collect()
}

/// The first `limit` of those to whom `role` is assigned, in key order.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn assigned_to(snapshot: &dyn Snapshot, role: &RoleId, limit: usize) -> Result<Vec<Member>, StoreError> {
    let rows = snapshot.scan(&KeyRange::prefix(&keys::assigned_to(role)), limit)?;
    let member = |key: &[u8]| {
        let (_, member) =
            keys::parse_assignment_back(key).ok_or_else(|| StoreError::corrupt(key, "it names nobody"))?;
        Ok(member)
    };
    rows.iter().map(|(key, _)| member(key)).collect()
}

/// Every row that goes with `member`: its entitlements and its assignments, with the ways back.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn rows_of(snapshot: &dyn Snapshot, member: &Member) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut found = Vec::new();
    for assignment in assignments_of(snapshot, member)? {
        found.push(keys::assignment(member, &assignment.role));
        found.push(keys::assignment_back(&assignment.role, member));
    }
    if let Some(holder) = keys::holder_of(member) {
        let held = entitlements(snapshot, &holder)?;
        if held.revision > 0 {
            found.push(keys::entitlements(&holder));
            found.extend(held.value.policies().iter().map(|policy| keys::held_by(policy, &holder)));
        }
    }
    Ok(found)
}

/// When something came to hang on `row` last; 0 when nothing ever did.
///
/// # Errors
/// When the row cannot be read.
pub fn claimed(snapshot: &dyn Snapshot, row: &[u8]) -> Result<Revision, StoreError> {
    Ok(snapshot.get(&keys::claims(row))?.map_or(0, |row| row.revision))
}

/// What was there at a key when it was read: it is to be so still when the commit is carried out.
pub(super) fn as_read(revision: Revision) -> Expect {
    if revision == 0 { Expect::Absent } else { Expect::At(revision) }
}

impl Commit {
    /// Writes a new object, with its name.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn add_object<T: Object>(&mut self, object: &T) -> Result<(), StoreError> {
        let (key, name) = keys_of(object);
        self.expect(name.clone(), Expect::Absent);
        self.expect(key.clone(), Expect::Absent);
        self.put(name, object.id_bytes().to_vec());
        self.put(key, to_json(object)?);
        Ok(())
    }

    /// Writes an object that was read at `revision` and keeps its name.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_object<T: Object>(&mut self, object: &T, revision: Revision) -> Result<(), StoreError> {
        let (key, _) = keys_of(object);
        self.expect(key.clone(), Expect::At(revision));
        self.put(key, to_json(object)?);
        Ok(())
    }

    /// Deletes an object that was read at `revision`, and its name; nothing may have come to hang on it since `claimed` was
    /// read.
    pub fn delete_object<T: Object>(&mut self, object: &T, revision: Revision, claimed: Revision) {
        let (key, name) = keys_of(object);
        self.expect(key.clone(), Expect::At(revision));
        self.unclaimed_since(&key, claimed);
        self.delete(keys::claims(&key));
        self.delete(key);
        self.delete(name);
    }

    /// Says that something comes to hang on `row`, which has to be there; once, however much it is.
    pub fn claim(&mut self, row: &[u8]) {
        let claims = keys::claims(row);
        if self.writes.iter().any(|(key, value)| *key == claims && value.is_some()) {
            return;
        }
        self.expect(row.to_vec(), Expect::Present);
        self.put(claims, Vec::new());
    }

    /// Demands that nothing came to hang on `row` since [`claimed`] was read.
    pub fn unclaimed_since(&mut self, row: &[u8], claimed: Revision) {
        self.expect(keys::claims(row), as_read(claimed));
    }

    /// Makes what hangs on `holder`, read as `before`, say `after`.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_entitlements(
        &mut self,
        holder: &Holder,
        before: &Read<Entitlements>,
        after: &Entitlements,
    ) -> Result<(), StoreError> {
        let key = keys::entitlements(holder);
        self.expect(key.clone(), as_read(before.revision));
        if !after.is_empty() {
            self.put(key, to_json(after)?);
        } else if before.revision > 0 {
            self.delete(key);
        }
        let (were, are): (BTreeSet<_>, BTreeSet<_>) = (before.value.policies(), after.policies());
        for policy in were.difference(&are) {
            self.delete(keys::held_by(policy, holder));
        }
        for policy in are.difference(&were) {
            self.claim(&keys::policy(policy));
            self.put(keys::held_by(policy, holder), Vec::new());
        }
        Ok(())
    }

    /// Writes an assignment in the place of the one read at `revision`, 0 being none.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_assignment(&mut self, assignment: &Assignment, revision: Revision) -> Result<(), StoreError> {
        let key = keys::assignment(&assignment.to, &assignment.role);
        self.expect(key.clone(), as_read(revision));
        self.claim(&keys::role(&assignment.role));
        self.claim(&super::schema::entity(&assignment.to));
        self.put(key, to_json(assignment)?);
        self.put(keys::assignment_back(&assignment.role, &assignment.to), Vec::new());
        Ok(())
    }

    /// Deletes the assignment read at `revision`.
    pub fn delete_assignment(&mut self, assignment: &Assignment, revision: Revision) {
        let key = keys::assignment(&assignment.to, &assignment.role);
        self.expect(key.clone(), Expect::At(revision));
        self.delete(key);
        self.delete(keys::assignment_back(&assignment.role, &assignment.to));
    }
}

fn keys_of<T: Object>(object: &T) -> (Vec<u8>, Vec<u8>) {
    (keys::object(T::KIND, object.id_bytes()), keys::name(T::KIND, object.account(), &object.folded()))
}

/// The instance profiles that hold `role`. There are few profiles, so all of the account are looked at.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn profiles_with(
    snapshot: &dyn Snapshot,
    account: &AccountId,
    role: &RoleId,
) -> Result<Vec<InstanceProfile>, StoreError> {
    let profiles = page::<InstanceProfile>(snapshot, Some(account), None, usize::MAX)?;
    Ok(profiles.into_iter().filter(|profile| profile.role == Some(*role)).collect())
}

/// The instance profile with this id.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn instance_profile(
    snapshot: &dyn Snapshot,
    id: &InstanceProfileId,
) -> Result<Option<InstanceProfile>, StoreError> {
    Ok(object::<InstanceProfile>(snapshot, id.as_bytes())?.map(|read| read.value))
}

fn sixteen(key: &[u8], value: &[u8]) -> Result<[u8; 16], StoreError> {
    value.try_into().map_err(|_| StoreError::corrupt(key, format!("it has {} bytes instead of 16", value.len())))
}
