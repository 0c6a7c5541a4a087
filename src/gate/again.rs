//! What somebody asked for before, and goes on when they need not be there any more: whether it still may.

use super::GateError;
use super::judge::{Judge, allows, no, unanswered, undecided};
use super::operation::Operation;
use super::target::Target;
use crate::base::Timestamp;
use crate::model::{Arn, User};
use crate::rights::{self, Acting, ActingError, Library, granted};

/// Somebody who asked before for what goes on now, and need not be there any more.
#[derive(Debug)]
pub struct Remembered<'a> {
    /// Who.
    pub user: &'a User,
    /// What is remembered of how they asked, as conditions see it. What is not here is absent for conditions.
    pub asked: rights::Asked,
}

impl Judge {
    /// Whether `who` may still do `operation` to what `resource` means, by what policies, guardrails and groups say at `now`.
    pub(super) fn decide_again(
        &self,
        who: &Remembered<'_>,
        operation: Operation,
        resource: &str,
        now: Timestamp,
    ) -> Result<(), GateError> {
        let terms = (self.terms)(now).map_err(undecided)?;
        let decided = self.store.read(|snapshot| {
            let target = Target::of(snapshot, &self.account, operation.about(), resource)?;
            let mut library = Library::with(self.shelf.clone(), &self.account, &terms);
            let mut reading = library.at(snapshot);
            let acting = match Acting::user(&mut reading, who.user) {
                Ok(acting) => acting,
                Err(ActingError::Gone(why)) => return Ok((Err(no(&format!("because {why}"))), target.arn)),
                Err(ActingError::Request(error)) => return Err(error.into()),
                Err(ActingError::Store(error)) => return Err(error.into()),
            };
            if let Some(Err(why)) = granted::outsider(snapshot, &who.user.id, now)? {
                return Ok((Err(no(&format!("because {why}"))), target.arn));
            }
            let mut context = acting.context(now);
            context.set("aws:RequestedRegion", vec!["us-east-1".to_owned()]);
            context.set("aws:ResourceAccount", vec![self.account.to_string()]);
            for (key, values) in &who.asked {
                context.set(key, values.clone());
            }
            let asked = (&acting, operation.is_open_to_people());
            Ok((allows(asked, &operation.action(), &target.arn, context, &mut reading)?, target.arn))
        });
        let (decided, resource) = decided.map_err(unanswered)?;
        decided.map_err(|no| GateError::NotAuthorized {
            caller: Arn::user(&self.account, &who.user.path, &who.user.name).to_string(),
            action: operation.action(),
            resource,
            because: no.because,
            refusal: None,
        })
    }
}
