//! What the rights of a caller rest on, at the moment of the question.

use super::judge::DecideError;
use crate::authn::subject::Subject;
use crate::model::AccountId;
use crate::rights::{Acting, ActingError, Reading};
use crate::store::Snapshot;

/// What their rights rest on now, or why they have none.
pub(super) fn acting(
    subject: Subject<'_>,
    snapshot: &dyn Snapshot,
    reading: &mut Reading<'_, '_>,
    home: &AccountId,
) -> Result<Result<Acting, String>, DecideError> {
    let user = subject.user();
    if subject.origin().is_some_and(|origin| reading.terms().frozen.contains(&origin.directory)) {
        return Ok(Err("because its directory is no longer configured".to_owned()));
    }
    let acting = match (subject, subject.session(), user) {
        (Subject::Machine(machine), ..) => Acting::machine(reading, machine.resource()),
        (Subject::Visitor(visitor), ..) => Acting::visitor(home, visitor.identity().provider_arn()),
        (_, Some(session), _) => Acting::session(snapshot, reading, home, session),
        (_, None, Some(user)) => Acting::user(reading, user),
        (_, None, None) => Acting::root(home),
    };
    match acting {
        Ok(acting) => Ok(Ok(acting)),
        Err(ActingError::Gone(why)) => Ok(Err(format!("because {why}"))),
        Err(ActingError::Request(error)) => Err(error.into()),
        Err(ActingError::Store(error)) => Err(error.into()),
    }
}
