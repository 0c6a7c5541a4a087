//! Changes by update sequence number: whatever has a `uSNChanged` above the last one seen.
//!
//! For accounts and servers without DirSync. Tells more than matters (a logon changes `lastLogonTimestamp`); the look-up
//! that follows then finds nothing new. Tombstones come with the control that shows them, to an account that may see them.

use super::super::filter::{AttributeError, Filter};
use super::super::ldap::{Answer, Connection, Question, RawEntry, extension};
use super::super::source::LdapSource;
use super::super::{DirectoryError, Dn};
use super::containers;
use super::follower::{Asked, Seen, Told};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Everything,
    Deletions,
}

/// What changed in a partition after update `since`.
pub(super) async fn tell(
    source: &LdapSource,
    connection: &mut Connection,
    context: &Dn,
    (what, since): (What, u64),
    told: &mut Told,
) -> Result<Asked, DirectoryError> {
    let filter = changed_after(source, what, since).map_err(|error| DirectoryError::Setup {
        what: "changes by update sequence number".to_owned(),
        why: error.to_string(),
    })?;
    let names = ["objectGUID", "isDeleted", "uSNCreated"].map(str::to_owned);
    let question = Question::below(context, filter, names.to_vec().into()).with(extension::show_deleted());
    let mut cookie = Vec::new();
    loop {
        let mut answers = connection.search_page(&question, source.settings.page_size, &cookie).await?;
        let outcome = loop {
            match answers.next().await? {
                Answer::Entry(raw, _) => match seen(source, &raw, since) {
                    Ok(seen) => told.add(seen),
                    Err(why) => return Ok(Asked::Full(why)),
                },
                Answer::Reference | Answer::Sync(_) => {}
                Answer::Done(outcome) => break outcome,
            }
        };
        let outcome = outcome.success(connection.server(), "to tell what changed")?;
        if told.is_too_much() {
            return Ok(Asked::Full("more changed than is looked up one by one".to_owned()));
        }
        match outcome.page {
            Some(next) if !next.is_empty() => cookie = next,
            _ => return Ok(Asked::Told),
        }
    }
}

/// `objectClass`, not `objectCategory`: the category goes when an object is deleted.
fn changed_after(source: &LdapSource, what: What, since: u64) -> Result<Filter, AttributeError> {
    let next = since.saturating_add(1).to_string().into_bytes();
    let changed = Filter::GreaterOrEqual("uSNChanged".parse()?, next);
    let any = Filter::Or(source.intake.classes().chain(containers::filters()?).collect());
    Ok(match what {
        What::Everything => Filter::And(vec![changed, any]),
        What::Deletions => Filter::And(vec![changed, Filter::equal("isDeleted".parse()?, *b"TRUE"), any]),
    })
}

fn seen(source: &LdapSource, raw: &RawEntry, since: u64) -> Result<Seen, String> {
    let guid = source.intake.id_of(raw)?;
    let is_deleted = raw.values("isDeleted").iter().any(|value| value.eq_ignore_ascii_case(b"true"));
    let created =
        raw.values("uSNCreated").first().and_then(|value| std::str::from_utf8(value).ok()?.parse::<u64>().ok());
    // What was created since cannot have had anything below it before. Of all else it is not known what changed.
    Ok(Seen { guid, is_deleted, may_have_moved: created.is_none_or(|created| created <= since) })
}
