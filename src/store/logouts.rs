//! Rows of what clients are owed about sign-outs, and whose turn it is to be looked at.
//!
//! There may be one for each person and client that is signed in, and few of them have anything to do at a moment. So beside each lies
//! a row that says when somebody has to look at it, in the order of time; and a session that ends has one for all of its notices.

use super::execute::{from_json, to_json};
use super::iam::Read;
use super::schema::sso as keys;
use super::sso::read;
use super::{Commit, Expect, KeyRange, Row, Snapshot, Store, StoreError};
use crate::base::{SessionId, Timestamp};
use crate::model::client::ClientId;
use crate::model::logout_notice::LogoutNotice;

/// All that clients are owed about ends of sessions. Looks at all there is: a row for each session and client that wants to know.
///
/// # Errors
/// When the rows cannot be read, or one is damaged.
pub fn notices(store: &Store) -> Result<Vec<Read<LogoutNotice>>, StoreError> {
    store.read(|snapshot| {
        let rows = snapshot.scan(&KeyRange::prefix(&keys::notices()), usize::MAX)?;
        rows.into_iter().map(notice_in).collect()
    })
}

/// What of the notices has its turn.
#[derive(Debug)]
pub struct Turn {
    /// The row that says so.
    pub row: Vec<u8>,
    /// Whether the session ended, and it is the turn of all of its notices.
    pub ended: bool,
    /// The notices that it is the turn of; none where it was another's since.
    pub notices: Vec<Read<LogoutNotice>>,
}

/// The first `limit` whose turn it is at `now`, in the order of time. Reads those and nothing else, however many wait.
///
/// # Errors
/// When the rows cannot be read, or one is damaged.
pub fn turns(snapshot: &dyn Snapshot, now: Timestamp, limit: usize) -> Result<Vec<Turn>, StoreError> {
    let range = KeyRange { from: keys::turns(), to: Some(keys::no_turn_yet(now)) };
    let mut found = Vec::new();
    for (row, _) in snapshot.scan(&range, limit)? {
        let shape = || StoreError::corrupt(&row, "its key is not of its space's shape");
        let (_, session, client) = keys::parse_turn(&row).ok_or_else(shape)?;
        let notices = match &client {
            Some(client) => {
                let held = notice(snapshot, &session, client)?;
                let is_its = |held: &Read<LogoutNotice>| turn_of(&held.value) == row;
                held.filter(is_its).into_iter().collect()
            }
            None => {
                let rows = snapshot.scan(&KeyRange::prefix(&keys::notices_of(&session)), usize::MAX)?;
                rows.into_iter().map(notice_in).collect::<Result<_, _>>()?
            }
        };
        found.push(Turn { row, ended: client.is_none(), notices });
    }
    Ok(found)
}

/// What a client is owed about the end of a session.
///
/// # Errors
/// When the row cannot be read, or is damaged.
pub fn notice(
    snapshot: &dyn Snapshot,
    session: &SessionId,
    client: &ClientId,
) -> Result<Option<Read<LogoutNotice>>, StoreError> {
    read(snapshot, &keys::notice(session, client))
}

fn notice_in((key, row): (Vec<u8>, Row)) -> Result<Read<LogoutNotice>, StoreError> {
    Ok(Read { value: from_json(&key, &row.value)?, revision: row.revision })
}

/// The row that says when it is the turn of a notice.
fn turn_of(notice: &LogoutNotice) -> Vec<u8> {
    keys::turn(notice.turn(), &keys::notice(&notice.session, &notice.client))
}

impl Commit {
    /// Has a client be told of the end of a session. One that is to be told already stays so.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn watch_logout(&mut self, notice: &LogoutNotice) -> Result<(), StoreError> {
        // Nothing is expected of the row: two sign-ins to one client at the same time are no conflict, and write the same.
        self.put(turn_of(notice), Vec::new());
        self.put(keys::notice(&notice.session, &notice.client), to_json(notice)?);
        Ok(())
    }

    /// Writes a notice that was read so.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_notice(&mut self, before: &Read<LogoutNotice>, notice: &LogoutNotice) -> Result<(), StoreError> {
        let key = keys::notice(&notice.session, &notice.client);
        self.expect(key.clone(), Expect::At(before.revision));
        let (old, new) = (turn_of(&before.value), turn_of(notice));
        if old != new {
            self.delete(old);
        }
        self.put(new, Vec::new());
        self.put(key, to_json(notice)?);
        Ok(())
    }

    /// Deletes a notice that was read so.
    pub fn delete_notice(&mut self, held: &Read<LogoutNotice>) {
        let key = keys::notice(&held.value.session, &held.value.client);
        self.expect(key.clone(), Expect::At(held.revision));
        self.delete(turn_of(&held.value));
        self.delete(key);
    }

    /// Somebody looked.
    pub fn delete_turn(&mut self, turn: &Turn) {
        self.delete(turn.row.clone());
    }
}
