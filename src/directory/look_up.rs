//! Single objects, by id, name or login.
//!
//! Silence counts here: what is asked for and not answered is taken for gone. So a look-up either runs to a
//! clean end under every base, or is an error.

use super::filter::{Attribute, Filter};
use super::intake::{Taken, under_any};
use super::ldap::{Answer, Connection, Question, Scope};
use super::ranges::{is_sliced, take_sliced};
use super::reader::is_visible;
use super::source::LdapSource;
use super::{Arrival, DirectoryError, Dn, Kind, Wanted};

/// Ids or logins in one filter.
const PER_SEARCH: usize = 100;

/// Looks `wanted` up on `connection`.
pub(super) async fn look_up(
    source: &LdapSource,
    connection: &mut Connection,
    wanted: &[Wanted],
) -> Result<Vec<Arrival>, DirectoryError> {
    let login: Attribute =
        source.settings.login_attribute.parse().map_err(|error: super::filter::AttributeError| {
            DirectoryError::Setup { what: "setting `login_attribute`".to_owned(), why: error.to_string() }
        })?;
    let (mut ids, mut logins, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for one in wanted {
        match one {
            Wanted::Guid(guid) => ids.push(source.intake.by_id(*guid)),
            Wanted::Login(name) => logins.push(Filter::equal(login.clone(), name.as_bytes())),
            Wanted::Dn(dn) => names.push(dn),
        }
    }
    let mut found = Vec::new();
    subtrees(source, connection, &ids, &source.intake.everything, &mut found).await?;
    if found.len() < ids.len() {
        bases_are_visible(source, connection).await?;
    }
    subtrees(source, connection, &logins, &source.intake.of_kind(Kind::Person), &mut found).await?;
    for dn in names {
        by_name(source, connection, dn, &mut found).await?;
    }
    Ok(found)
}

/// Whatever is `kind` and one of `alternatives`, under every base.
async fn subtrees(
    source: &LdapSource,
    connection: &mut Connection,
    alternatives: &[Filter],
    kind: &Filter,
    found: &mut Vec<Arrival>,
) -> Result<(), DirectoryError> {
    // These are not paged, so no more may be found than the server sends at once.
    let at_once = usize::try_from(source.settings.page_size).unwrap_or(PER_SEARCH).clamp(1, PER_SEARCH);
    for some in alternatives.chunks(at_once) {
        for (base, _) in &source.bases {
            let question = Question {
                base: base.to_string(),
                scope: Scope::Subtree,
                filter: Filter::And(vec![Filter::any(some.to_vec()), kind.clone()]),
                attributes: source.intake.attributes.clone(),
                controls: Vec::new(),
            };
            search(source, connection, &question, false, found).await?;
        }
    }
    Ok(())
}

async fn by_name(
    source: &LdapSource,
    connection: &mut Connection,
    dn: &Dn,
    found: &mut Vec<Arrival>,
) -> Result<(), DirectoryError> {
    if !under_any(dn, &source.bases).is_some_and(|normal| source.intake.covers(&normal)) {
        return Ok(());
    }
    let question = Question {
        base: dn.to_string(),
        scope: Scope::Base,
        filter: source.intake.everything.clone(),
        attributes: source.intake.attributes.clone(),
        controls: Vec::new(),
    };
    search(source, connection, &question, true, found).await
}

async fn search(
    source: &LdapSource,
    connection: &mut Connection,
    question: &Question,
    may_be_absent: bool,
    found: &mut Vec<Arrival>,
) -> Result<(), DirectoryError> {
    const NO_SUCH_OBJECT: u32 = 32;
    let mut answers = connection.search(question).await?;
    let mut sliced = Vec::new();
    loop {
        match answers.next().await? {
            Answer::Entry(raw, _) if is_sliced(&raw) => sliced.push(raw),
            Answer::Entry(raw, _) => {
                if let Taken::In(arrival) = source.intake.take(raw) {
                    found.push(arrival);
                }
            }
            Answer::Sync(_) => {}
            Answer::Reference => {
                return Err(DirectoryError::Protocol {
                    server: connection.server().to_owned(),
                    why: format!(
                        "it pointed to another server when `{}` was searched; what did not come may be there",
                        question.base
                    ),
                });
            }
            Answer::Done(outcome) if may_be_absent && outcome.code == NO_SUCH_OBJECT => return Ok(()),
            Answer::Done(outcome) => {
                outcome.success(connection.server(), &format!("a look-up under `{}`", question.base))?;
                break;
            }
        }
    }
    for raw in sliced {
        if let Taken::In(arrival) = take_sliced(&source.intake, connection, raw).await? {
            found.push(arrival);
        }
    }
    Ok(())
}

/// Everything in scope below a container; `None` when there is more than `most`.
pub(super) async fn everything_below(
    source: &LdapSource,
    connection: &mut Connection,
    container: &Dn,
    most: usize,
) -> Result<Option<Vec<Arrival>>, DirectoryError> {
    let question = Question::below(container, source.intake.everything.clone(), source.intake.attributes.clone());
    let (mut found, mut sliced, mut cookie) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let mut answers = connection.search_page(&question, source.settings.page_size, &cookie).await?;
        let outcome = loop {
            match answers.next().await? {
                Answer::Entry(raw, _) if is_sliced(&raw) => sliced.push(raw),
                Answer::Entry(raw, _) => match source.intake.take(raw) {
                    Taken::In(arrival) => found.push(arrival),
                    Taken::Outside => {}
                },
                Answer::Reference | Answer::Sync(_) => {}
                Answer::Done(outcome) => break outcome,
            }
        };
        let outcome = outcome.success(connection.server(), &format!("the read of `{container}`"))?;
        match outcome.page {
            _ if found.len() + sliced.len() > most => return Ok(None),
            Some(next) if !next.is_empty() => cookie = next,
            _ => break,
        }
    }
    for raw in sliced {
        if let Taken::In(arrival) = take_sliced(&source.intake, connection, raw).await? {
            found.push(arrival);
        }
    }
    Ok(Some(found))
}

/// An account that may no longer see a base finds nothing there; that is no proof of anything.
async fn bases_are_visible(source: &LdapSource, connection: &mut Connection) -> Result<(), DirectoryError> {
    for (base, _) in &source.bases {
        if !is_visible(connection, base).await? {
            return Err(DirectoryError::Protocol {
                server: connection.server().to_owned(),
                why: format!("the bind account cannot see `{base}`; what was not found there may exist"),
            });
        }
    }
    Ok(())
}
