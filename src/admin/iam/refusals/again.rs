//! The question of a refusal, asked once more at this moment.

use super::super::super::{Admin, AdminError};
use super::super::question::{Question, Subject};
use super::super::simulate::answer;
use super::{Explanation, Now, Refused};
use crate::gate::{Matter, Operation};
use crate::model::{Entity, Member};
use crate::policy::Verdict;
use crate::rights::Reading;
use crate::store::{Snapshot, rows};

impl Admin {
    /// Says in `explanation` what holds now. Where it cannot be asked, a remark says why.
    pub(super) fn ask_again(
        &self,
        snapshot: &dyn Snapshot,
        reading: &mut Reading<'_, '_>,
        (refused, matter): (&Refused, &Matter),
        explanation: &mut Explanation,
    ) -> Result<(), AdminError> {
        if let Some(why) = unasked(matter) {
            explanation.remarks.push(why.to_owned());
            return Ok(());
        }
        let subject = match self.subject_of(snapshot, reading, (refused, matter)) {
            Ok(subject) => subject,
            Err(AdminError::Store(error)) => return Err(error.into()),
            Err(error) => {
                explanation.remarks.push(format!("whether it holds now cannot be said: {error}"));
                return Ok(());
            }
        };
        let asked = (matter.action.as_str(), matter.resource.as_str());
        let mut question = Question::new(snapshot, &self.account, asked, &matter.context)?;
        question.open = Operation::needs_no_policy(&matter.action);
        let now = reading.terms().now;
        let found = answer(reading, &subject, question, now)?;
        let asked = (matter.arn.as_str(), matter.action.as_str(), matter.resource.as_str());
        let again = Matter::of_question(asked, String::new(), *found.grounds);
        for statement in &mut explanation.statements {
            let said = &statement.said;
            let is_it = |other: &crate::gate::matter::Said| {
                (&other.layer, &other.policy, &other.text, &other.effect)
                    == (&said.layer, &said.policy, &said.text, &said.effect)
            };
            statement.stands = Some(again.statements.iter().any(is_it));
        }
        let stands = |statement: &super::Statement| statement.stands == Some(true);
        let same = explanation.statements.iter().all(stands)
            && again.statements.len() == matter.statements.len()
            && again.lacking == matter.lacking
            && again.explicit == matter.explicit;
        let allowed = found.decision == Verdict::Allowed.as_str();
        let reasons = found.reasons.into_iter().map(|because| because.what).collect();
        explanation.now = Some(Now { allowed, reasons, changed: !same });
        Ok(())
    }

    /// Who was refused, as they are now. A user is who has that id, whatever they are called by now.
    fn subject_of(
        &self,
        snapshot: &dyn Snapshot,
        reading: &mut Reading<'_, '_>,
        (refused, matter): (&Refused, &Matter),
    ) -> Result<Subject, AdminError> {
        if matter.arn.contains(":user/")
            && let Some(id) = refused.person()
        {
            return match rows::entity(snapshot, &Member::User(id))? {
                Some((_, Entity::User(user))) => Subject::of_user(reading, &user),
                _ => Err(AdminError::NoSuch { what: "such person any more".to_owned() }),
            };
        }
        self.subject(snapshot, reading, &matter.arn)
    }
}

/// Why a question is not asked again.
fn unasked(matter: &Matter) -> Option<&'static str> {
    let secret = |said: &crate::gate::matter::Said| said.conditions.iter().any(|condition| condition.withheld);
    if matter.statements.is_empty() && matter.lacking.is_empty() {
        return Some("no policy had a say in it: the words that you were told are all there is to it");
    }
    if matter.statements.iter().any(secret) {
        return Some("what is compared with a secret is not kept, so it is not asked again");
    }
    None
}
