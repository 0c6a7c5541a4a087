//! What one document says to a request.

use super::arn::ArnPattern;
use super::context::{Context, Key};
use super::document::{Document, Effect, Statement};
use super::principal::Closeness;
use super::request::{Request, Resource};

/// What a document says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    /// The first statement that denies.
    pub(super) denied: Option<usize>,
    /// The statement that allows and names who asks most closely; the first of those.
    pub(super) allowed: Option<(usize, Closeness)>,
}

/// What has to be known besides the request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// Who asks has a permissions boundary.
    pub(super) bounded: bool,
    /// It was allowed as closely as can be already.
    pub(super) enough: bool,
}

/// What `document` says to `request`. What allows is not looked at where `enough` was said before.
pub(super) fn survey(document: &Document, request: &Request, terms: Terms, missing: &mut Vec<Box<str>>) -> Said {
    let mut about = |index: usize| {
        let statement = document.statements.get(index)?;
        matches(statement, request, terms.bounded, missing).map(|closeness| (index, closeness))
    };
    let denied = document.index.denying(&request.action).find_map(&mut about).map(|(index, _)| index);
    let mut allowed: Option<(usize, Closeness)> = None;
    if denied.is_none() && !terms.enough {
        for found in document.index.allowing(&request.action).filter_map(about) {
            if allowed.is_none_or(|held| held.1 < found.1) {
                allowed = Some(found);
            }
            if found.1 == Closeness::Itself {
                break;
            }
        }
    }
    Said { denied, allowed }
}

/// Every statement of `document` that matches `request`.
pub(super) fn matching<'a>(
    document: &'a Document,
    request: &'a Request,
    bounded: bool,
) -> impl Iterator<Item = (usize, Effect)> + 'a {
    let matched = move |statement: &Statement| matches(statement, request, bounded, &mut Vec::new()).is_some();
    let statements = document.statements.iter().enumerate();
    statements.filter(move |(_, statement)| matched(statement)).map(|(index, statement)| (index, statement.effect))
}

/// How closely the statement names who asks, if it is about this request at all. Keys that were asked for in vain are noted.
fn matches(statement: &Statement, request: &Request, bounded: bool, missing: &mut Vec<Box<str>>) -> Option<Closeness> {
    let actions = &statement.actions;
    if actions.among.iter().any(|pattern| pattern.matches(&request.action)) == actions.not {
        return None;
    }
    let closeness = who(statement, request, bounded)?;
    if !what(statement, request, missing) {
        return None;
    }
    let context = &request.context;
    for condition in &statement.conditions {
        // Whatever comes of it: with a value it might be otherwise.
        note(missing, condition.keys(), context);
        if !condition.holds(context) {
            return None;
        }
    }
    Some(closeness)
}

/// Whether the statement means who asks, the action and the resource, whatever its conditions say.
pub(super) fn is_about(statement: &Statement, request: &Request, bounded: bool) -> bool {
    let actions = &statement.actions;
    actions.among.iter().any(|pattern| pattern.matches(&request.action)) != actions.not
        && who(statement, request, bounded).is_some()
        && what(statement, request, &mut Vec::new())
}

/// How closely it names who asks, if it means them.
fn who(statement: &Statement, request: &Request, bounded: bool) -> Option<Closeness> {
    let Some(principals) = &statement.principals else { return Some(Closeness::Itself) };
    let named = principals.among.iter().map(|pattern| pattern.closeness(&request.principal)).max();
    let named = named.unwrap_or(Closeness::No);
    if !principals.not {
        return (named != Closeness::No).then_some(named);
    }
    // It stands with Deny alone, and spares whom it names: a user by the user's ARN, a session by the session's, and not
    // by account or role besides, which the documentation asks to be named as well. Nobody with a boundary is spared.
    let spared = named >= Closeness::Everybody && !bounded;
    (!spared).then_some(Closeness::Everybody)
}

/// Whether it is about the resource.
fn what(statement: &Statement, request: &Request, missing: &mut Vec<Box<str>>) -> bool {
    let Some(resources) = &statement.resources else { return true };
    let about = match &request.resource {
        Resource::Any => Some(resources.among.iter().any(ArnPattern::is_everything)),
        Resource::Arn(arn) => {
            let mut unknown = false;
            let found = resources.among.iter().any(|pattern| {
                let matched = pattern.matches(arn, &request.context);
                unknown |= matched.is_none();
                matched == Some(true)
            });
            if !found && unknown {
                note(missing, resources.among.iter().flat_map(ArnPattern::keys), &request.context);
            }
            if found || !unknown { Some(found) } else { None }
        }
    };
    match about {
        Some(about) => about != resources.not,
        // A variable without a value matches nothing. Of what is excepted that makes more than was meant, which only a
        // Deny may have.
        None => resources.not && statement.effect == Effect::Deny,
    }
}

/// Notes those of `keys` that have no value.
fn note<'a>(missing: &mut Vec<Box<str>>, keys: impl Iterator<Item = &'a Key>, context: &Context) {
    for key in keys.map(Key::folded).filter(|key| context.values(key).is_none()) {
        if !missing.iter().any(|held| **held == *key) {
            missing.push(key.into());
        }
    }
}
