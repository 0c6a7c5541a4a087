//! The rows of notices. What they are about may be gone.

use super::{expect, plain, there};
use crate::model::Notice;
use crate::store::notices::{self, ToldOfEnd};
use crate::store::schema::notices as keys;
use crate::store::{Snapshot, execute};

/// What does not fit about a row of their space.
pub(super) fn check(snapshot: &dyn Snapshot, key: &[u8], value: &[u8]) -> Result<(), String> {
    if keys::parse_notice(key).is_some() {
        let notice = plain(execute::from_json::<Notice>(key, value))?;
        expect(keys::notice(&notice.id) == key, "it holds the notice of another key")?;
        return expect(there(snapshot, &notices::turn_of(&notice))?, "its turn is missing");
    }
    if keys::parse_told_of_end(key).is_some() {
        return plain(execute::from_json::<ToldOfEnd>(key, value)).map(drop);
    }
    let (.., id) = keys::parse_turn(key).ok_or("its key is not of its space's shape")?;
    let notice = plain(notices::notice(snapshot, &id))?.ok_or("the notice is not there")?;
    expect(notices::turn_of(&notice.value) == key, "it is no turn of the notice it names")
}
