//! Rows of grants and engagements, in terms of the model. A grant and the ways to it are written together here.

use super::execute::{from_json, to_json};
use super::iam::{Read, as_read};
use super::schema::grants as keys;
use super::{Commit, Expect, KeyRange, Revision, Row, Snapshot, StoreError};
use crate::base::{EngagementId, GrantId, RoleId, Timestamp, UserId};
use crate::model::grant::State;
use crate::model::{Engagement, Grant, Invitation, Member, OutsideIdentity, OutsideIssuer};

/// The engagement with this id.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn engagement(snapshot: &dyn Snapshot, id: &EngagementId) -> Result<Option<Read<Engagement>>, StoreError> {
    let key = keys::engagement(id);
    let Some(Row { revision, value }) = snapshot.get(&key)? else { return Ok(None) };
    Ok(Some(Read { value: from_json(&key, &value)?, revision }))
}

/// All engagements, in the order in which they were made.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn engagements(snapshot: &dyn Snapshot) -> Result<Vec<Read<Engagement>>, StoreError> {
    let rows = snapshot.scan(&KeyRange::prefix(&keys::engagements()), usize::MAX)?.into_iter();
    rows.map(|(key, Row { revision, value })| Ok(Read { value: from_json(&key, &value)?, revision })).collect()
}

/// The engagements that somebody is or was one of the people of, those that are over, too.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn engagements_of(snapshot: &dyn Snapshot, person: &UserId) -> Result<Vec<Engagement>, StoreError> {
    let mut found = Vec::new();
    for (key, _) in snapshot.scan(&KeyRange::prefix(&keys::engagements_of(person)), usize::MAX)? {
        let (_, id) = keys::parse_engaged(&key).ok_or_else(|| StoreError::corrupt(&key, "it names no engagement"))?;
        let held = engagement(snapshot, &id)?;
        found.push(held.ok_or_else(|| StoreError::corrupt(&key, "the engagement it leads to is not there"))?.value);
    }
    Ok(found)
}

/// By what somebody is invited, if they are.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn invitation(snapshot: &dyn Snapshot, person: &UserId) -> Result<Option<Read<Invitation>>, StoreError> {
    let key = keys::invitation(person);
    let Some(Row { revision, value }) = snapshot.get(&key)? else { return Ok(None) };
    Ok(Some(Read { value: from_json(&key, &value)?, revision }))
}

/// The first `limit` invitations behind `after`.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn invitations(
    snapshot: &dyn Snapshot,
    after: Option<&UserId>,
    limit: usize,
) -> Result<Vec<Read<Invitation>>, StoreError> {
    let mut range = KeyRange::prefix(&keys::invitations());
    if let Some(after) = after {
        range = range.after(&keys::invitation(after));
    }
    let rows = snapshot.scan(&range, limit)?.into_iter();
    rows.map(|(key, Row { revision, value })| Ok(Read { value: from_json(&key, &value)?, revision })).collect()
}

/// Who somebody is here for whom an outside provider vouches, if anybody.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn outside_identity(
    snapshot: &dyn Snapshot,
    issuer: &OutsideIssuer,
    subject: &str,
) -> Result<Option<Read<OutsideIdentity>>, StoreError> {
    outside(snapshot, &keys::outside_identity(&OutsideIdentity::digest(issuer, subject)))
}

/// Who `person` is elsewhere.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn outside_identities_of(
    snapshot: &dyn Snapshot,
    person: &UserId,
) -> Result<Vec<Read<OutsideIdentity>>, StoreError> {
    let mut found = Vec::new();
    for (key, _) in snapshot.scan(&KeyRange::prefix(&keys::outside_identities_of(person)), usize::MAX)? {
        let (_, digest) = keys::parse_outside_identity_of(&key)
            .ok_or_else(|| StoreError::corrupt(&key, "it leads to no identity"))?;
        let held = outside(snapshot, &keys::outside_identity(&digest))?;
        found.push(held.ok_or_else(|| StoreError::corrupt(&key, "the identity it leads to is not there"))?);
    }
    Ok(found)
}

fn outside(snapshot: &dyn Snapshot, key: &[u8]) -> Result<Option<Read<OutsideIdentity>>, StoreError> {
    let Some(Row { revision, value }) = snapshot.get(key)? else { return Ok(None) };
    Ok(Some(Read { value: from_json(key, &value)?, revision }))
}

/// Every row of who `person` is elsewhere.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub(super) fn rows_of(snapshot: &dyn Snapshot, person: &UserId) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut found = Vec::new();
    for held in outside_identities_of(snapshot, person)? {
        let digest = OutsideIdentity::digest(&held.value.issuer, &held.value.subject);
        found.extend([keys::outside_identity(&digest), keys::outside_identity_of(person, &digest)]);
    }
    Ok(found)
}

/// The grant with this id.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn grant(snapshot: &dyn Snapshot, id: &GrantId) -> Result<Option<Read<Grant>>, StoreError> {
    let key = keys::grant(id);
    let Some(Row { revision, value }) = snapshot.get(&key)? else { return Ok(None) };
    Ok(Some(Read { value: from_json(&key, &value)?, revision }))
}

/// The first `limit` grants before `before`, the latest first.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn page(snapshot: &dyn Snapshot, after: Option<&GrantId>, limit: usize) -> Result<Vec<Grant>, StoreError> {
    let mut range = KeyRange::prefix(&keys::grants());
    if let Some(after) = after {
        range = range.after(&keys::grant(after));
    }
    snapshot.scan(&range, limit)?.into_iter().map(|(key, row)| from_json(&key, &row.value)).collect()
}

/// Somebody's grants that were not over when they were written last, of one role or of all; in the order of roles and of when
/// they were asked for.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn open_of(
    snapshot: &dyn Snapshot,
    person: &UserId,
    role: Option<&RoleId>,
) -> Result<Vec<Read<Grant>>, StoreError> {
    let prefix = match role {
        Some(role) => keys::open_grants_of_role(person, role),
        None => keys::open_grants_of(person),
    };
    open(snapshot, &KeyRange::prefix(&prefix), usize::MAX)
}

/// Grants, and what the next ones stand behind, if there may be more.
pub type OpenPage = (Vec<Read<Grant>>, Option<Vec<u8>>);

/// The first `limit` of everybody's behind `after`, in the order of people, and what to go on behind, if there may be more.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn page_of_open(snapshot: &dyn Snapshot, after: Option<&[u8]>, limit: usize) -> Result<OpenPage, StoreError> {
    let mut range = KeyRange::prefix(&keys::open_grants());
    if let Some(after) = after {
        range = range.after(after);
    }
    let found = open(snapshot, &range, limit)?;
    let next = found.last().filter(|_| found.len() == limit).map(|held| {
        let grant = &held.value;
        keys::open_grant_of(&grant.person, &grant.role, &grant.id)
    });
    Ok((found, next))
}

/// The first `limit` of those that wait for somebody, behind `after`; the latest last.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn waiting(snapshot: &dyn Snapshot, after: Option<&GrantId>, limit: usize) -> Result<Vec<Read<Grant>>, StoreError> {
    let mut range = KeyRange::prefix(&keys::all_waiting());
    if let Some(after) = after {
        range = range.after(&keys::waiting(after));
    }
    let mut found = Vec::new();
    for (key, _) in snapshot.scan(&range, limit)? {
        let id = keys::parse_waiting(&key).ok_or_else(|| StoreError::corrupt(&key, "it names no grant"))?;
        let held = grant(snapshot, &id)?;
        found.push(held.ok_or_else(|| StoreError::corrupt(&key, "the grant it leads to is not there"))?);
    }
    Ok(found)
}

/// Somebody's last grants that are over, at most `limit`, and none that ended before `since`; the last one first. Those
/// that ended before such rows were written are not among them.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn ended_of(
    snapshot: &dyn Snapshot,
    person: &UserId,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<Grant>, StoreError> {
    let mut found = Vec::new();
    for (key, _) in snapshot.scan(&KeyRange::prefix(&keys::ended_grants_of(person)), limit)? {
        let (_, second, id) =
            keys::parse_ended_grant_of(&key).ok_or_else(|| StoreError::corrupt(&key, "it names no grant"))?;
        if i64::try_from(second).unwrap_or_default() < since.as_second() {
            break;
        }
        let held = grant(snapshot, &id)?;
        found.push(held.ok_or_else(|| StoreError::corrupt(&key, "the grant it leads to is not there"))?.value);
    }
    Ok(found)
}

fn open(snapshot: &dyn Snapshot, range: &KeyRange, limit: usize) -> Result<Vec<Read<Grant>>, StoreError> {
    let mut found = Vec::new();
    for (key, _) in snapshot.scan(range, limit)? {
        let (_, _, id) =
            keys::parse_open_grant_of(&key).ok_or_else(|| StoreError::corrupt(&key, "it names no grant"))?;
        let held = grant(snapshot, &id)?;
        found.push(held.ok_or_else(|| StoreError::corrupt(&key, "the grant it leads to is not there"))?);
    }
    Ok(found)
}

/// At most `limit` grants that the clock has ended at `now` and that no row says so of yet.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn lapsed(snapshot: &dyn Snapshot, now: Timestamp, limit: usize) -> Result<Vec<Read<Grant>>, StoreError> {
    let mut found = Vec::new();
    for (key, _) in snapshot.scan(&KeyRange::prefix(&keys::dues()), limit)? {
        let (second, id) = keys::parse_due(&key).ok_or_else(|| StoreError::corrupt(&key, "it names no grant"))?;
        if second > now.as_second() {
            break;
        }
        let held = grant(snapshot, &id)?;
        found.push(held.ok_or_else(|| StoreError::corrupt(&key, "the grant it leads to is not there"))?);
    }
    Ok(found)
}

/// A look back at a grant whose time is over, and when there was an alarm about it last.
#[derive(Debug)]
pub struct Overdue {
    /// The row that says so.
    pub row: Vec<u8>,
    /// The commit that wrote it.
    pub revision: super::Revision,
    /// When there was an alarm.
    pub told: Option<Timestamp>,
    /// The grant.
    pub grant: Grant,
}

/// The first `limit` grants that somebody has to have looked back at before `now`, and nobody has.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn overdue(snapshot: &dyn Snapshot, now: Timestamp, limit: usize) -> Result<Vec<Overdue>, StoreError> {
    let range = KeyRange { from: keys::reviews(), to: Some(keys::no_review_yet(now)) };
    let mut found = Vec::new();
    for (row, Row { revision, value }) in snapshot.scan(&range, limit)? {
        let (_, id) = keys::parse_review(&row).ok_or_else(|| StoreError::corrupt(&row, "it names no grant"))?;
        let held = grant(snapshot, &id)?;
        let grant = held.ok_or_else(|| StoreError::corrupt(&row, "the grant it leads to is not there"))?.value;
        let told = if value.is_empty() { None } else { Some(from_json(&row, &value)?) };
        found.push(Overdue { row, revision, told, grant });
    }
    Ok(found)
}

/// A grant in use that the clock ends soon, and when its holder was told of that last.
#[derive(Debug)]
pub struct Ending {
    /// The row that says so.
    pub row: Vec<u8>,
    /// The commit that wrote it.
    pub revision: super::Revision,
    /// When they were told.
    pub told: Option<Timestamp>,
    /// The grant.
    pub grant: Grant,
}

/// The first `limit` grants in use that the clock ends behind `now` and before `before`, the first first.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn ending(
    snapshot: &dyn Snapshot,
    now: Timestamp,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<Ending>, StoreError> {
    let range = KeyRange { from: keys::not_due_yet(now), to: Some(keys::not_due_yet(before)) };
    let mut found = Vec::new();
    for (row, Row { revision, value }) in snapshot.scan(&range, limit)? {
        let (_, id) = keys::parse_due(&row).ok_or_else(|| StoreError::corrupt(&row, "it names no grant"))?;
        let held = grant(snapshot, &id)?;
        let grant = held.ok_or_else(|| StoreError::corrupt(&row, "the grant it leads to is not there"))?.value;
        let told = if value.is_empty() { None } else { Some(from_json(&row, &value)?) };
        if matches!(grant.state, State::Active(_)) {
            found.push(Ending { row, revision, told, grant });
        }
    }
    Ok(found)
}

/// The ways to a grant. One that is over is found for as long as somebody has to look back at it.
#[must_use]
pub fn ways(grant: &Grant) -> Vec<Vec<u8>> {
    let waits = grant.waits().then(|| keys::waiting(&grant.id));
    let open = (!grant.is_settled()).then(|| keys::open_grant_of(&grant.person, &grant.role, &grant.id));
    let review = grant.review.as_ref().filter(|review| review.done.is_none());
    let review = review.map(|review| keys::review(review.due, &grant.id));
    open.into_iter().chain(waits).chain(review).chain(grant.due().map(|due| keys::due(due, &grant.id))).collect()
}

/// The way by which somebody finds that it is over. Of those that were over before there were such ways it is not there.
#[must_use]
pub fn way_of_ended(grant: &Grant) -> Option<Vec<u8>> {
    match &grant.state {
        State::Ended(end) => Some(keys::ended_grant_of(&grant.person, end.at, &grant.id)),
        State::Requested { .. } | State::Approved(_) | State::Active(_) => None,
    }
}

impl Commit {
    /// There was an alarm about a look back whose time is over, at `now`.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_overdue(&mut self, of: &Overdue, now: Timestamp) -> Result<(), StoreError> {
        self.expect(of.row.clone(), Expect::At(of.revision));
        self.put(of.row.clone(), to_json(&now)?);
        Ok(())
    }

    /// The holder of a grant was told at `now` that it ends soon.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_ending(&mut self, of: &Ending, now: Timestamp) -> Result<(), StoreError> {
        self.expect(of.row.clone(), Expect::At(of.revision));
        self.put(of.row.clone(), to_json(&now)?);
        Ok(())
    }

    /// Writes an engagement: a new one, or one that was read so.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_engagement(&mut self, before: Option<&Read<Engagement>>, after: &Engagement) -> Result<(), StoreError> {
        let key = keys::engagement(&after.id);
        self.expect(key.clone(), before.map_or(Expect::Absent, |before| Expect::At(before.revision)));
        self.put(key, to_json(after)?);
        // The way to it stays for whoever leaves: that they were an outsider is never forgotten, or leaving would make them one of us.
        let old = before.map(|before| before.value.people.clone()).unwrap_or_default();
        for person in after.people.difference(&old) {
            self.put(keys::engaged(person, &after.id), Vec::new());
        }
        Ok(())
    }

    /// Writes an invitation, in place of the one that was read at `revision`; 0 if there was none.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_invitation(&mut self, new: &Invitation, revision: Revision) -> Result<(), StoreError> {
        let key = keys::invitation(&new.person);
        self.expect(key.clone(), as_read(revision));
        self.put(key, to_json(new)?);
        Ok(())
    }

    /// Deletes an invitation that was read so: of two who use it at once one does.
    pub fn delete_invitation(&mut self, old: &Read<Invitation>) {
        let key = keys::invitation(&old.value.person);
        self.expect(key.clone(), Expect::At(old.revision));
        self.delete(key);
    }

    /// Writes who somebody is elsewhere, in place of what was read of the same issuer and subject at `revision`; at 0 it must be nobody's
    /// yet. Whose it becomes has to be there still.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_outside_identity(&mut self, new: &OutsideIdentity, revision: Revision) -> Result<(), StoreError> {
        let digest = OutsideIdentity::digest(&new.issuer, &new.subject);
        let key = keys::outside_identity(&digest);
        self.expect(key.clone(), if revision == 0 { Expect::Absent } else { Expect::At(revision) });
        self.claim(&super::schema::entity(&Member::User(new.person)));
        self.put(key, to_json(new)?);
        self.put(keys::outside_identity_of(&new.person, &digest), Vec::new());
        Ok(())
    }

    /// Deletes who somebody is elsewhere, as it was read.
    pub fn delete_outside_identity(&mut self, old: &Read<OutsideIdentity>) {
        let digest = OutsideIdentity::digest(&old.value.issuer, &old.value.subject);
        let key = keys::outside_identity(&digest);
        self.expect(key.clone(), Expect::At(old.revision));
        self.delete(key);
        self.delete(keys::outside_identity_of(&old.value.person, &digest));
    }

    /// Writes a new grant.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn add_grant(&mut self, new: &Grant) -> Result<(), StoreError> {
        let key = keys::grant(&new.id);
        self.expect(key.clone(), Expect::Absent);
        self.put(key, to_json(new)?);
        for way in ways(new) {
            self.put(way, Vec::new());
        }
        Ok(())
    }

    /// Writes a grant anew that was read so: whoever else wrote it since was faster.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_grant(&mut self, before: &Read<Grant>, after: &Grant) -> Result<(), StoreError> {
        let key = keys::grant(&after.id);
        self.expect(key.clone(), Expect::At(before.revision));
        self.put(key, to_json(after)?);
        let (old, new) = (ways(&before.value), ways(after));
        for way in old.iter().filter(|way| !new.contains(way)) {
            self.delete(way.clone());
        }
        for way in new.iter().filter(|way| !old.contains(way)) {
            self.put(way.clone(), Vec::new());
        }
        if let (None, Some(way)) = (way_of_ended(&before.value), way_of_ended(after)) {
            self.put(way, Vec::new());
        }
        Ok(())
    }
}
