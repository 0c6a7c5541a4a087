//! Positions: where following begins, goes on, and what makes a cookie worth sending.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::ldap::{Connection, Question, controls};
use super::super::source::{LdapSource, RootDse};
use super::super::{Cursor, DirectoryError, Dn};

/// [`Cursor::method`] of the cursors made here.
const METHOD: &str = "syncrepl";
/// Longest cookie kept.
const MAX_COOKIE: usize = 8 << 10;

/// [`Cursor::state`].
#[derive(Debug, Serialize, Deserialize)]
struct Position {
    /// Digest of what was asked: bases, filters, attributes. Another question needs another read.
    question: String,
    /// The cookie of each base.
    cookies: Vec<String>,
}

/// Where following may begin, as of now; `None` where the server has no such position.
pub(in crate::directory) async fn position(
    source: &LdapSource,
    connection: &mut Connection,
    root: &RootDse,
) -> Result<Option<Cursor>, DirectoryError> {
    // Deletions are reported by entryUUID; with another id attribute nobody would know who is meant.
    if !root.supports(controls::SYNC_REQUEST) || !source.intake.id_is_entry_uuid() {
        return Ok(None);
    }
    let mut cookies = Vec::with_capacity(source.bases.len());
    for (base, _) in &source.bases {
        let context = root.contexts.iter().filter(|context| base.is_under(context)).max_by_key(|dn| dn.as_str().len());
        match context_cookie(connection, context.unwrap_or(base)).await? {
            Some(cookie) => cookies.push(hex::encode(cookie)),
            None => return Ok(None),
        }
    }
    Ok(Some(cursor(connection.server(), Position { question: question_digest(source), cookies })))
}

/// The cookie that stands for everything up to now in the database with this suffix.
async fn context_cookie(connection: &mut Connection, context: &Dn) -> Result<Option<String>, DirectoryError> {
    let question = Question::entry(context.as_str(), &["contextCSN"]);
    let (entries, _) = connection.search(&question, Vec::new()).await?.all().await?;
    let values = entries.first().map(|entry| entry.values("contextCSN")).unwrap_or_default();
    let csns: Vec<&str> = values.iter().filter_map(|value| std::str::from_utf8(value).ok()).collect();
    let cookie = format!("rid=000,csn={}", csns.join(";"));
    Ok((csns.len() == values.len() && is_sound(cookie.as_bytes())).then_some(cookie))
}

/// The cursor for these cookies, one for each base.
pub(super) fn cursor_at<'a>(source: &LdapSource, server: &str, cookies: impl Iterator<Item = &'a Vec<u8>>) -> Cursor {
    cursor(server, Position { question: question_digest(source), cookies: cookies.map(hex::encode).collect() })
}

fn cursor(server: &str, position: Position) -> Cursor {
    let state = serde_json::json!({ "question": position.question, "cookies": position.cookies });
    Cursor { server: server.to_owned(), method: METHOD.to_owned(), state }
}

fn question_digest(source: &LdapSource) -> String {
    let mut digest = Sha256::new();
    let mut line = |text: &str| {
        digest.update(text.as_bytes());
        digest.update(b"\n");
    };
    source.bases.iter().for_each(|(_, base)| line(base));
    source.settings.only_under.iter().for_each(|dn| line(&dn.normalised()));
    line(&source.intake.everything.to_string());
    source.intake.attributes.iter().for_each(|name| line(name));
    hex::encode(digest.finalize())
}

/// True for a cookie that carries at least one whole change number: `rid=000,csn=20261123213400.123456Z#000000#000#000000`.
pub(super) fn is_sound(cookie: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(cookie) else { return false };
    let csns = text.split(',').find_map(|part| part.strip_prefix("csn=")).unwrap_or_default();
    cookie.len() <= MAX_COOKIE && csns.split(';').all(is_csn)
}

fn is_csn(text: &str) -> bool {
    let parts: Vec<&str> = text.split('#').collect();
    let hexadecimal = |part: &&str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    match parts.as_slice() {
        [time, count, server, change] => {
            time.len() == 22
                && time.ends_with('Z')
                && time.starts_with(|c: char| c.is_ascii_digit())
                && hexadecimal(count, 6)
                && hexadecimal(server, 3)
                && hexadecimal(change, 6)
        }
        _ => false,
    }
}

/// The cookies in `cursor`, or why they cannot be used.
pub(super) fn usable(source: &LdapSource, cursor: &Cursor) -> Result<Vec<Vec<u8>>, String> {
    if cursor.method != METHOD {
        return Err(format!("the position was taken by `{}`, changes are followed by `{METHOD}`", cursor.method));
    }
    if !source.servers.contains(&cursor.server) {
        return Err(format!(
            "the position belongs to {}, which is no longer a server of this directory",
            cursor.server
        ));
    }
    let position =
        Position::deserialize(&cursor.state).map_err(|error| format!("the stored position is damaged: {error}"))?;
    if position.question != question_digest(source) {
        return Err("bases, filters or attributes were changed in the configuration".to_owned());
    }
    let cookies: Vec<Vec<u8>> = position.cookies.iter().filter_map(|cookie| hex::decode(cookie).ok()).collect();
    if cookies.len() != source.bases.len() || !cookies.iter().all(|cookie| is_sound(cookie)) {
        return Err("the stored position is damaged".to_owned());
    }
    Ok(cookies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_change_numbers_make_a_cookie() {
        let csn = "20261123213400.123456Z#000000#000#000000";
        for sound in [
            format!("rid=000,csn={csn}"),
            format!("rid=001,sid=002,csn={csn};{csn}"),
            format!("csn={csn},delcsn={csn}"),
        ] {
            assert!(is_sound(sound.as_bytes()), "{sound}");
        }
        for unsound in ["", "rid=000", "rid=000,csn=", "csn=garbage", &format!("rid=000,csn={csn};"), "csn=2026#0#0#0"]
        {
            assert!(!is_sound(unsound.as_bytes()), "{unsound}");
        }
        assert!(!is_sound(&[0xff; 20]));
        assert!(!is_sound(format!("csn={}{csn}", format!("{csn};").repeat(300)).as_bytes()));
    }
}
