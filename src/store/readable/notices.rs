//! Keys of notices in words.

use super::keyed;
use crate::model::notice::Way;
use crate::store::schema::notices as keys;

/// The key that is spelt so.
pub(super) fn parse(space: &str, rest: &str) -> Option<Vec<u8>> {
    match space {
        "notice" => keyed(b'@', &["01", rest], 17),
        "notice-turn" => {
            // The name of a way may hold a slash; what is behind it does not.
            let (rest, id) = rest.rsplit_once('/')?;
            let (way, second) = rest.rsplit_once('/')?;
            let way: Way = way.parse().ok()?;
            let mut key = keys::turns_of(&way);
            key.extend(second.parse::<u64>().ok()?.to_be_bytes());
            key.extend(hex::decode(id).ok()?);
            keys::parse_turn(&key).map(|_| key)
        }
        _ => keyed(b'@', &["03", rest], 17),
    }
}

/// How a key is spelt.
pub(super) fn words(key: &[u8]) -> Option<String> {
    if let Some(notice) = keys::parse_notice(key) {
        return Some(format!("notice/{notice}"));
    }
    if let Some(engagement) = keys::parse_told_of_end(key) {
        return Some(format!("told-of-end/{engagement}"));
    }
    let (way, second, notice) = keys::parse_turn(key)?;
    Some(format!("notice-turn/{way}/{second}/{notice}"))
}
