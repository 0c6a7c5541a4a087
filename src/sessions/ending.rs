//! The end of sessions before their time.

use crate::audit::{Audit, Event, Outcome};
use crate::base::Timestamp;
use crate::model::{Actor, Ended, Session};
use crate::store::iam::Read;
use crate::store::{Commit, Intent, Store, StoreError};

/// Writes into `commit` that a session that was read so ends. One that is ended, or over, stays as it is: false.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn end(
    commit: &mut Commit,
    held: &Read<Session>,
    by: &Actor,
    reason: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if held.value.ended.is_some() || held.value.expires <= now {
        return Ok(false);
    }
    let ended = Ended { at: now, by: by.clone(), reason: reason.to_owned() };
    commit.put_session(&Session { ended: Some(ended), ..held.value.clone() }, held.revision)?;
    Ok(true)
}

/// Ends a session that was read so, and writes that down: whoever may not, or need not, ask the gate ends what is over, or
/// their own. False where it had ended, or was ended by somebody else meanwhile. Blocks.
///
/// # Errors
/// When it cannot be written; the session may count still.
pub fn recorded(
    (store, audit): (&Store, &Audit),
    held: &Read<Session>,
    by: &Actor,
    (code, because): (&str, &str),
    now: Timestamp,
) -> Result<bool, StoreError> {
    let session = &held.value;
    let mut event = Event::narrowing("EndSession")
        .with("session", session.id.to_string())
        .with("access_key", session.key().to_string())
        .with("reason_code", code);
    if let Some(parent) = session.parent() {
        event = event.with("parent", parent.to_string());
    }
    if let Some(person) = &session.person {
        event = event.with("person", person.to_string());
    }
    let mut commit = Commit::new(by.clone(), now, Intent::Narrow);
    if !end(&mut commit, held, by, because, now)? {
        return Ok(false);
    }
    let trace = audit.trace(by, &event, now);
    let outcome = Outcome::success().with("because", because);
    match trace.commit(store, commit, &outcome, now) {
        Err(StoreError::Conflict { .. }) => Ok(false),
        done => done.map(|_| true),
    }
}
