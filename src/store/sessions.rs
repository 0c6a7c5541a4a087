//! Rows of sessions, in terms of the model. A session and the ways to it are written and deleted together here.

use super::execute::{from_json, to_json};
use super::iam::{Read, as_read};
use super::schema::sessions::{self as keys, Way};
use super::schema::{saml, sso};
use super::{Commit, Expect, KeyRange, Revision, Row, Snapshot, Store, StoreError};
use crate::base::{SessionId, Timestamp};
use crate::model::saml_participation::SamlParticipations;
use crate::model::{AccessKeyId, Held, Session};

/// The session with this id.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn session(snapshot: &dyn Snapshot, id: &SessionId) -> Result<Option<Read<Session>>, StoreError> {
    let key = keys::session(id);
    let Some(Row { revision, value }) = snapshot.get(&key)? else { return Ok(None) };
    Ok(Some(Read { value: from_json(&key, &value)?, revision }))
}

/// The session with this access key.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn by_key(snapshot: &dyn Snapshot, key: &AccessKeyId) -> Result<Option<Read<Session>>, StoreError> {
    let Some(start) = key.session_prefix() else { return Ok(None) };
    let found = snapshot.scan(&KeyRange::prefix(&keys::sessions_like(&start)), 1)?.pop();
    let Some((at, Row { revision, value })) = found else { return Ok(None) };
    Ok(Some(Read { value: from_json(&at, &value)?, revision }))
}

/// When the browser that holds a session used it last; `None` if it has not since it began.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn seen(snapshot: &dyn Snapshot, id: &SessionId) -> Result<Option<Timestamp>, StoreError> {
    let key = keys::seen(id);
    snapshot.get(&key)?.map(|row| from_json(&key, &row.value)).transpose()
}

/// Where the browser that holds a session was signed in by SAML; `None` if nowhere.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn participations(snapshot: &dyn Snapshot, id: &SessionId) -> Result<Option<Read<SamlParticipations>>, StoreError> {
    let key = saml::participations(id);
    let Some(Row { revision, value }) = snapshot.get(&key)? else { return Ok(None) };
    Ok(Some(Read { value: from_json(&key, &value)?, revision }))
}

/// The first `limit` sessions behind `after`, in the order in which they began.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn page(
    snapshot: &dyn Snapshot,
    after: Option<&SessionId>,
    limit: usize,
) -> Result<Vec<Read<Session>>, StoreError> {
    let mut range = KeyRange::prefix(&keys::sessions());
    if let Some(after) = after {
        range = range.after(&keys::session(after));
    }
    let rows = snapshot.scan(&range, limit)?.into_iter();
    rows.map(|(key, Row { revision, value })| Ok(Read { value: from_json(&key, &value)?, revision })).collect()
}

/// The first `limit` sessions that are found so, behind `after`, in the order in which they began.
///
/// # Errors
/// When a row cannot be read, or is damaged.
pub fn page_of(
    snapshot: &dyn Snapshot,
    (way, id): (Way, &[u8; 16]),
    after: Option<&SessionId>,
    limit: usize,
) -> Result<Vec<Read<Session>>, StoreError> {
    let mut range = KeyRange::prefix(&keys::all_of(way, id));
    if let Some(after) = after {
        range = range.after(&keys::of(way, id, after));
    }
    let mut found = Vec::new();
    for (key, _) in snapshot.scan(&range, limit)? {
        let (_, _, id) = keys::parse_of(&key).ok_or_else(|| StoreError::corrupt(&key, "it names no session"))?;
        let held = session(snapshot, &id)?;
        found.push(held.ok_or_else(|| StoreError::corrupt(&key, "the session it leads to is not there"))?);
    }
    Ok(found)
}

/// Shows each session that began at `began` or later and was ended before its time, with when it was.
///
/// # Errors
/// When the rows cannot be read, or one is damaged.
pub fn ended(store: &Store, began: Timestamp, mut show: impl FnMut(&Session, Timestamp)) -> Result<(), StoreError> {
    let range = KeyRange { from: keys::session(&SessionId::first_at(began)), ..KeyRange::prefix(&keys::sessions()) };
    store.visit(&range, |key, value| {
        // Most are not, which can be seen without reading them.
        if value.windows(ENDED.len()).any(|part| part == ENDED) {
            let session: Session = from_json(key, value)?;
            if let Some(ended) = &session.ended {
                show(&session, ended.at);
            }
        }
        Ok(())
    })
}

/// How the member of an ended session begins.
const ENDED: &[u8] = br#""ended":"#;

/// The ways to a session.
#[must_use]
pub fn ways(session: &Session) -> Vec<Vec<u8>> {
    let id = &session.id;
    let person = session.person.as_ref().map(|person| keys::of(Way::User, person.as_bytes(), id));
    let role = session.role().map(|role| keys::of(Way::Role, role.as_bytes(), id));
    let parent = session.parent().map(|parent| keys::of(Way::Session, parent.as_bytes(), id));
    let machine = session.machine().map(|machine| keys::of(Way::Machine, machine.as_bytes(), id));
    [person, role, parent, machine].into_iter().flatten().collect()
}

impl Commit {
    /// Writes a new session.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn add_session(&mut self, new: &Session) -> Result<(), StoreError> {
        let key = keys::session(&new.id);
        self.expect(key.clone(), Expect::Absent);
        self.put(key, to_json(new)?);
        for way in ways(new) {
            self.put(way, Vec::new());
        }
        Ok(())
    }

    /// Writes a session that was read at `revision`; what it is found by stays the same.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_session(&mut self, changed: &Session, revision: Revision) -> Result<(), StoreError> {
        let key = keys::session(&changed.id);
        self.expect(key.clone(), Expect::At(revision));
        self.put(key, to_json(changed)?);
        // Clients are told of it: by whoever looks at their notices next.
        if let Some(ended) = changed.ended.as_ref().filter(|_| changed.held_by == Held::Browser) {
            self.put(sso::turn(ended.at, &sso::notices_of(&changed.id)), Vec::new());
        }
        Ok(())
    }

    /// Notes that the browser that holds a session used it at `at`.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_seen(&mut self, id: &SessionId, at: Timestamp) -> Result<(), StoreError> {
        self.put(keys::seen(id), to_json(&at)?);
        Ok(())
    }

    /// Writes where the browser that holds a session was signed in by SAML, as it was read at `revision`, 0 if nowhere. Without any the
    /// row is taken away.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_saml_participations(
        &mut self,
        id: &SessionId,
        at: &SamlParticipations,
        revision: Revision,
    ) -> Result<(), StoreError> {
        let key = saml::participations(id);
        self.expect(key.clone(), as_read(revision));
        match at.at.is_empty() {
            true => self.delete(key),
            false => self.put(key, to_json(at)?),
        }
        Ok(())
    }

    /// Has the commit happen only while a session is as it was read at `revision`: nobody ended it meanwhile.
    pub fn expect_session(&mut self, id: &SessionId, revision: Revision) {
        self.expect(keys::session(id), Expect::At(revision));
    }

    /// Deletes a session that was read at `revision`.
    pub fn delete_session(&mut self, old: &Session, revision: Revision) {
        let key = keys::session(&old.id);
        self.expect(key.clone(), Expect::At(revision));
        self.delete(key);
        self.delete(keys::seen(&old.id));
        self.delete(saml::participations(&old.id));
        for way in ways(old) {
            self.delete(way);
        }
    }
}
