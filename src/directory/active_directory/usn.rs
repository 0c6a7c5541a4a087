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

/// A question for what changed after update `since`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    pub(super) what: What,
    pub(super) since: u64,
    /// Up to this update all is held as it was, names and places included.
    pub(super) read_to: u64,
}

/// What changed in a partition, by `ask`.
pub(super) async fn tell(
    source: &LdapSource,
    connection: &mut Connection,
    context: &Dn,
    ask: Ask,
    told: &mut Told,
) -> Result<Asked, DirectoryError> {
    let filter = changed_after(source, ask).map_err(|error| DirectoryError::Setup {
        what: "changes by update sequence number".to_owned(),
        why: error.to_string(),
    })?;
    let names = ["objectGUID", "isDeleted", "uSNChanged"].map(str::to_owned);
    let question = Question::below(context, filter, names.to_vec().into()).with(extension::show_deleted());
    let mut cookie = Vec::new();
    loop {
        let mut answers = connection.search_page(&question, source.settings.page_size, &cookie).await?;
        let outcome = loop {
            match answers.next().await? {
                Answer::Entry(raw, _) => match seen(source, &raw, ask) {
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
fn changed_after(source: &LdapSource, Ask { what, since, .. }: Ask) -> Result<Filter, AttributeError> {
    let next = since.saturating_add(1).to_string().into_bytes();
    let changed = Filter::GreaterOrEqual("uSNChanged".parse()?, next);
    let any = Filter::Or(source.intake.classes().chain(containers::filters()?).collect());
    Ok(match what {
        What::Everything => Filter::And(vec![changed, any]),
        What::Deletions => Filter::And(vec![changed, Filter::equal("isDeleted".parse()?, *b"TRUE"), any]),
    })
}

fn seen(source: &LdapSource, raw: &RawEntry, ask: Ask) -> Result<Seen, String> {
    let guid = source.intake.id_of(raw)?;
    let first = |name: &str| raw.values(name).first().and_then(|value| std::str::from_utf8(value).ok());
    let is_deleted = first("isDeleted").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let changed = first("uSNChanged").and_then(|value| value.parse::<u64>().ok());
    // Of a later change it is not known what it was; and one created since may have been handed over by its first name.
    Ok(Seen { guid, is_deleted, may_have_moved: changed.is_none_or(|changed| changed > ask.read_to) })
}
