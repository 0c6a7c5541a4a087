//! What one document says to a request.

use super::condition::Outcome;
use super::context::Context;
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

/// What `document` says to `request`. What allows is not looked at where `enough` was said before.
pub(super) fn survey(document: &Document, request: &Request, enough: bool, missing: &mut Vec<Box<str>>) -> Said {
    let candidates = document.index.candidates(&request.action);
    let mut about = |index: &usize| {
        let statement = document.statements.get(*index)?;
        matches(statement, request, missing).map(|closeness| (*index, closeness))
    };
    let denied = candidates.denies.iter().find_map(&mut about).map(|(index, _)| index);
    let mut allowed: Option<(usize, Closeness)> = None;
    if denied.is_none() && !enough {
        for found in candidates.allows.iter().filter_map(about) {
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
pub(super) fn matching<'a>(document: &'a Document, request: &'a Request) -> impl Iterator<Item = (usize, Effect)> + 'a {
    let matched = |statement: &Statement| matches(statement, request, &mut Vec::new()).is_some();
    let statements = document.statements.iter().enumerate();
    statements.filter(move |(_, statement)| matched(statement)).map(|(index, statement)| (index, statement.effect))
}

/// How closely the statement names who asks, if it is about this request at all. Keys that were asked for in vain are noted.
fn matches(statement: &Statement, request: &Request, missing: &mut Vec<Box<str>>) -> Option<Closeness> {
    let Statement { principals, actions, resources, conditions, effect, .. } = statement;
    if actions.among.iter().any(|pattern| pattern.matches(&request.action)) == actions.not {
        return None;
    }
    let mut closeness = Closeness::Itself;
    if let Some(principals) = principals {
        let named = principals.among.iter().map(|pattern| pattern.closeness(&request.principal)).max();
        let named = named.unwrap_or(Closeness::No);
        match (principals.not, named) {
            (false, Closeness::No) => return None,
            (false, named) => closeness = named,
            (true, Closeness::No) => closeness = Closeness::Everybody,
            (true, _) => return None,
        }
    }
    if let Some(resources) = resources {
        let about = |resource: &Resource| match resource {
            Resource::Any => Some(resources.among.iter().any(super::arn::ArnPattern::is_everything)),
            Resource::Arn(arn) => {
                // A variable without a value matches nothing. Of what is excepted that would make more than was meant.
                let mut unknown = false;
                for pattern in &resources.among {
                    match pattern.matches(arn, &request.context) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => unknown = true,
                    }
                }
                (!unknown).then_some(false)
            }
        };
        match (about(&request.resource), resources.not, effect) {
            (Some(about), not, _) if about != not => {}
            (None, true, Effect::Deny) => {}
            (about, ..) => {
                if about.is_none() {
                    let keys = resources.among.iter().flat_map(super::arn::ArnPattern::keys);
                    note(missing, keys, &request.context);
                }
                return None;
            }
        }
    }
    for condition in conditions {
        match condition.evaluate(&request.context) {
            Outcome::Holds => {}
            Outcome::Fails => {
                note(missing, condition.variables(), &request.context);
                return None;
            }
            Outcome::Missing => {
                note(missing, std::iter::once(condition.key()), &request.context);
                return None;
            }
        }
    }
    Some(closeness)
}

/// Notes those of `keys` that have no value.
fn note<'a>(missing: &mut Vec<Box<str>>, keys: impl Iterator<Item = &'a str>, context: &Context) {
    for key in keys.filter(|key| context.values(key).is_none()) {
        if !missing.iter().any(|held| **held == *key) {
            missing.push(key.into());
        }
    }
}
