//! The rows of sessions.

use super::{expect, plain, there};
use crate::model::Session;
use crate::store::schema::sessions as keys;
use crate::store::{Snapshot, execute, sessions};

/// What does not fit about a row of these spaces. Whose a session is may be gone: sessions are kept a while behind that.
pub(super) fn check(snapshot: &dyn Snapshot, key: &[u8], value: &[u8]) -> Result<(), String> {
    if key.first() == Some(&b't') {
        let session = plain(execute::from_json::<Session>(key, value))?;
        expect(keys::session(&session.id) == key, "it holds the session of another key")?;
        for way in sessions::ways(&session) {
            expect(there(snapshot, &way)?, "somebody it is of does not lead to it")?;
        }
        return Ok(());
    }
    if let Some(id) = key.strip_prefix(b"w") {
        return expect(there(snapshot, &keys::sessions_like(id))?, "the session is not there");
    }
    let (_, _, id) = keys::parse_of(key).ok_or("its key is not of its space's shape")?;
    let session = plain(sessions::session(snapshot, &id))?.ok_or("the session is not there")?;
    expect(sessions::ways(&session.value).iter().any(|way| way == key), "the session is somebody else's")
}
