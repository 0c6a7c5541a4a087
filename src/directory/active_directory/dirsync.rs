//! Changes by cookie: the DirSync control (MS-ADTS 3.1.1.3.4.1.3).
//!
//! Told are objects of which an attribute we ask for changed, so logging on alone (`lastLogonTimestamp`) tells
//! nothing. The search must begin at the root of a partition, whatever the bases are.

use std::sync::Arc;

use super::super::filter::Filter;
use super::super::ldap::{Answer, Connection, Outcome, Question, RawEntry, extension};
use super::super::source::LdapSource;
use super::super::{DirectoryError, Dn};
use super::follower::{Asked, Seen, Told};
use super::position::Cookie;
use extension::Sight;

/// What a change of place or name shows in. Not told unless asked for.
const PLACE: [&str; 2] = ["name", "parentGUID"];

/// Attributes a server makes up when asked (MS-ADTS 3.1.1.4.5): they never change, so asking for their changes is senseless.
const CONSTRUCTED: [&str; 4] = ["msDS-User-Account-Control-Computed", "memberOf", "tokenGroups", "msDS-ResultantPSO"];

/// Cookies that stand for everything up to now, one for each partition; `None` when the account may not use DirSync this way.
///
/// The object asked for does not exist, so nothing is told but the cookie: a full read comes first anyway, paged.
pub(super) async fn cookies(
    connection: &mut Connection,
    contexts: &[Dn],
    sight: Sight,
) -> Result<Option<Vec<Vec<u8>>>, DirectoryError> {
    let mut cookies = Vec::with_capacity(contexts.len());
    for context in contexts {
        let Some(filter) = nobody() else { return Ok(None) };
        let mut cookie = Vec::new();
        loop {
            let question = Question::below(context, filter.clone(), vec!["name".to_owned()].into());
            let question = question.with(extension::dirsync_request(sight, &cookie));
            let outcome = ask(connection, &question, |_| ()).await?;
            let Outcome { code: 0, dirsync: Some(done), .. } = outcome else { return Ok(None) };
            cookie = done.cookie;
            if !done.more {
                break;
            }
        }
        cookies.push(cookie);
    }
    Ok(cookies.iter().all(|cookie| !cookie.is_empty()).then_some(cookies))
}

/// A filter that an index answers with nothing at once.
fn nobody() -> Option<Filter> {
    Some(Filter::equal("objectGUID".parse().ok()?, [0; 16]))
}

/// Everything that changed in a partition since `cookie`, which moves on.
pub(super) async fn tell(
    source: &LdapSource,
    connection: &mut Connection,
    sight: Sight,
    cookie: &mut Cookie,
    told: &mut Told,
) -> Result<Asked, DirectoryError> {
    let attributes = attributes(source);
    let anything = Filter::Present("objectClass".parse().map_err(|error: super::super::filter::AttributeError| {
        DirectoryError::Setup { what: "DirSync".to_owned(), why: error.to_string() }
    })?);
    loop {
        let question = Question::below(&cookie.context, anything.clone(), Arc::clone(&attributes));
        let question = question.with(extension::dirsync_request(sight, &cookie.bytes()));
        let mut unclear = None;
        let take = |raw: RawEntry| match seen(source, &raw) {
            Ok(seen) => told.add(seen),
            Err(why) => unclear = Some(why),
        };
        let outcome = ask(connection, &question, take).await?;
        if let Some(why) = unclear {
            return Ok(Asked::Full(why));
        }
        let done = match (outcome.code, &outcome.dirsync) {
            (0, Some(done)) if !done.cookie.is_empty() => done.clone(),
            (0, _) => return Ok(Asked::Full(format!("{} told changes, but not where to go on", connection.server()))),
            // A cookie it does not know (12, 53 or 86 by version), or a right that was taken away (50).
            (12 | 50 | 53 | 86, _) => {
                let refusal = outcome.refusal(connection.server(), "to tell what changed since the stored position");
                return Ok(Asked::Full(refusal.to_string()));
            }
            _ => return Err(outcome.refusal(connection.server(), "to tell what changed")),
        };
        cookie.cookie = hex::encode(&done.cookie);
        if told.is_too_much() {
            return Ok(Asked::Full("more changed than is looked up one by one".to_owned()));
        }
        if !done.more {
            return Ok(Asked::Told);
        }
    }
}

async fn ask(
    connection: &mut Connection,
    question: &Question,
    mut take: impl FnMut(RawEntry),
) -> Result<Outcome, DirectoryError> {
    let mut answers = connection.search(question).await?;
    loop {
        match answers.next().await? {
            Answer::Entry(raw, _) => take(raw),
            // To another partition, which was not asked about.
            Answer::Reference | Answer::Sync(_) => {}
            Answer::Done(outcome) => return Ok(outcome),
        }
    }
}

/// Attributes whose change matters: those that are read, those that filters ask for, and the place.
fn attributes(source: &LdapSource) -> Arc<[String]> {
    let mut attributes: Vec<String> = source.intake.attributes.to_vec();
    attributes.extend(source.intake.everything.attributes().map(str::to_owned));
    attributes.extend(PLACE.into_iter().chain(["isDeleted"]).map(str::to_owned));
    attributes.retain(|name| !CONSTRUCTED.iter().any(|made_up| made_up.eq_ignore_ascii_case(name)));
    attributes.sort_by_key(|name| name.to_ascii_lowercase());
    attributes.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
    attributes.into()
}

/// What an entry tells. The class is told with a new object only.
fn seen(source: &LdapSource, raw: &RawEntry) -> Result<Seen, String> {
    let guid = source.intake.id_of(raw)?;
    let is_deleted = raw.values("isDeleted").iter().any(|value| value.eq_ignore_ascii_case(b"true"));
    let placed = PLACE.iter().any(|name| !raw.values(name).is_empty());
    let is_new = !raw.values("objectClass").is_empty();
    Ok(Seen { guid, is_deleted, may_have_moved: placed && !is_new })
}
