//! Positions: where following begins, goes on, and what makes a cookie worth sending.

use serde::{Deserialize, Serialize};

use super::super::ldap::sync::{Mode, sync_request};
use super::super::ldap::{Connection, Question, Scope, controls};
use super::super::root_dse::RootDse;
use super::super::settings::Family;
use super::super::source::LdapSource;
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
    // Deletions are reported by this id; with another one nobody would know who is meant.
    let synchronized_by = if source.settings.family == Family::Ds389 { "nsUniqueId" } else { "entryUUID" };
    if !root.supports(controls::SYNC_REQUEST) || !source.intake.id_is(synchronized_by) {
        return Ok(None);
    }
    let mut cookies = Vec::with_capacity(source.bases.len());
    for (base, _) in &source.bases {
        let cookie = match source.settings.family {
            Family::Ds389 => issued_cookie(source, connection, base).await?,
            _ => context_cookie(connection, root.context_of(base).unwrap_or(base)).await?,
        };
        match cookie {
            Some(cookie) => cookies.push(hex::encode(cookie)),
            None => return Ok(None),
        }
    }
    Ok(Some(cursor(connection.server(), Position { question: source.question_digest(), cookies })))
}

/// The cookie that stands for everything up to now in the database with this suffix.
async fn context_cookie(connection: &mut Connection, context: &Dn) -> Result<Option<Vec<u8>>, DirectoryError> {
    let question = Question::entry(context.as_str(), &["contextCSN"]);
    let (entries, _) = connection.search(&question).await?.all().await?;
    let values = entries.first().map(|entry| entry.values("contextCSN")).unwrap_or_default();
    let csns: Vec<&str> = values.iter().filter_map(|value| std::str::from_utf8(value).ok()).collect();
    let cookie = format!("rid=000,csn={}", csns.join(";"));
    Ok((csns.len() == values.len() && is_csn_cookie(cookie.as_bytes())).then_some(cookie.into_bytes()))
}

/// The cookie that 389-DS issues for this base and question, as of now. It is made of the server, the account, the base, the
/// filter and a change number, not of the scope: so the base alone is asked for, and not a whole tree that is then read again.
async fn issued_cookie(
    source: &LdapSource,
    connection: &mut Connection,
    base: &Dn,
) -> Result<Option<Vec<u8>>, DirectoryError> {
    let question = Question {
        scope: Scope::Base,
        ..Question::below(base, source.intake.everything.clone(), vec!["1.1".to_owned()].into())
    };
    let question = question.with(sync_request(Mode::RefreshOnly, &[]));
    let (_, outcome) = connection.search(&question).await?.all().await?;
    let cookie = outcome.sync.filter(|_| outcome.code == 0).and_then(|done| done.cookie);
    Ok(cookie.filter(|cookie| is_issued_cookie(cookie)))
}

/// The cursor for these cookies, one for each base.
pub(super) fn cursor_at<'a>(source: &LdapSource, server: &str, cookies: impl Iterator<Item = &'a Vec<u8>>) -> Cursor {
    cursor(server, Position { question: source.question_digest(), cookies: cookies.map(hex::encode).collect() })
}

fn cursor(server: &str, position: Position) -> Cursor {
    let state = serde_json::json!({ "question": position.question, "cookies": position.cookies });
    Cursor { server: server.to_owned(), method: METHOD.to_owned(), state }
}

/// True for a cookie that servers of this family issue.
pub(super) fn is_sound(family: Family, cookie: &[u8]) -> bool {
    match family {
        Family::Ds389 => is_issued_cookie(cookie),
        _ => is_csn_cookie(cookie),
    }
}

/// `host:port#binddn:base:filter#4711`
fn is_issued_cookie(cookie: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(cookie) else { return false };
    let number = text.rsplit_once('#').map(|(_, number)| number).unwrap_or_default();
    cookie.len() <= MAX_COOKIE
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && number.parse::<u32>().is_ok_and(|n| n != LOST)
}

/// True for a cookie by which 389-DS says that it does not know where it is: it did not find the change in its changelog by
/// the id of the object. It refuses such a cookie when asked to go on from it.
pub(super) fn is_lost(cookie: &[u8]) -> bool {
    cookie.ends_with(format!("#{LOST}").as_bytes())
}

/// Minus one, written without a sign.
const LOST: u32 = u32::MAX;

/// True for a cookie that carries at least one whole change number: `rid=000,csn=20261123213400.123456Z#000000#000#000000`.
fn is_csn_cookie(cookie: &[u8]) -> bool {
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
    if let Some(why) = source.refuses(cursor, &[METHOD]) {
        return Err(why);
    }
    let position: Position = source.state_of(cursor, |position: &Position| &position.question)?;
    if source.settings.family == Family::Ds389
        && position.cookies.iter().flat_map(hex::decode).any(|cookie| is_lost(&cookie))
    {
        return Err("the server did not know its own position; give its Retro Changelog plugin the setting \
                    `nsslapd-attribute: nsuniqueid:targetUniqueId`"
            .to_owned());
    }
    let cookies: Vec<Vec<u8>> = position.cookies.iter().filter_map(|cookie| hex::decode(cookie).ok()).collect();
    if cookies.len() != source.bases.len() || !cookies.iter().all(|cookie| is_sound(source.settings.family, cookie)) {
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
            assert!(is_csn_cookie(sound.as_bytes()), "{sound}");
        }
        for unsound in ["", "rid=000", "rid=000,csn=", "csn=garbage", &format!("rid=000,csn={csn};"), "csn=2026#0#0#0"]
        {
            assert!(!is_csn_cookie(unsound.as_bytes()), "{unsound}");
        }
        assert!(!is_csn_cookie(&[0xff; 20]));
        assert!(!is_csn_cookie(format!("csn={}{csn}", format!("{csn};").repeat(300)).as_bytes()));
    }

    #[test]
    fn a_cookie_of_389_ds_ends_with_a_change_number() {
        let sound = b"localhost:3891#cn=sync:dc=example,dc=test:(uid=a#b)#5";
        assert!(is_issued_cookie(sound));
        for unsound in
            [&b""[..], b"5", b"localhost#cn=sync#", b"localhost#cn=sync#5a", b"localhost#cn=sync#4294967295", b"\xff#5"]
        {
            assert!(!is_issued_cookie(unsound));
        }
    }
}
