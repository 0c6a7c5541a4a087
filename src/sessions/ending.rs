//! The end of sessions before their time.

use crate::base::Timestamp;
use crate::model::{Actor, Ended, Session};
use crate::store::iam::Read;
use crate::store::{Commit, StoreError};

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
