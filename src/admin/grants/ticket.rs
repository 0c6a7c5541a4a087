//! Something of the company's own has to say that a ticket is one, before the last approval of a grant counts.
//!
//! It is asked outside of every snapshot and commit (see `change_anew`), and what it says holds for what it was asked: the step is
//! worked out anew with its answer, and a request that was changed meanwhile is another question. An emergency does not hang on it
//! unless the rule says so: a desk that is down with everything else must not be what keeps people from mending it, and somebody looks
//! back at each emergency anyway.

use super::super::AdminError;
use super::super::iam::Change;
use crate::base::text::printable;
use crate::model::grant::{Checked, Rule, State};
use crate::model::{Arn, Grant, Role, User};
use crate::ticket::{Answer, Question};

/// Has the ticket of `grant` asked about, which is about to be approved, where its rule wants that.
pub(super) fn vouch(
    change: &mut Change<'_>,
    grant: &mut Grant,
    (role, person): (&Role, &User),
    rule: &Rule,
) -> Result<(), AdminError> {
    let (State::Approved(_), Some(check)) = (&grant.state, wanted(grant, rule)) else { return Ok(()) };
    if grant.terms.ticket.is_empty() {
        return Err(AdminError::NotNow {
            what: format!("`{check}` has to agree to its ticket, and it names none"),
            remedy: "ask for it anew, with a ticket".to_owned(),
        });
    }
    let question = Question {
        check: check.to_owned(),
        ticket: grant.terms.ticket.clone(),
        role: Arn::role(&role.account, &role.path, &role.name).to_string(),
        person: person.name.to_string(),
        digest: grant.digest(),
    };
    let Some(answered) = change.answered.filter(|answered| answered.question == question) else {
        return Err(AdminError::Unasked(Box::new(question)));
    };
    let ticket = printable(&question.ticket);
    let (what, remedy) = match &answered.answer {
        Answer::Agrees(said) => {
            change.note("ticket_check", question.check.as_str());
            change.note("ticket_answer", format!("agrees: {said}"));
            grant.checked = Some(Checked { by: question.check.clone(), said: said.clone() });
            return Ok(());
        }
        Answer::Refuses(said) => {
            (format!("`{check}` does not agree to ticket `{ticket}`: {said}"), "see to the ticket, then try again")
        }
        Answer::Silent(why) => (
            format!("`{check}` did not answer about ticket `{ticket}`: {why}"),
            "nothing counts until it agrees: try again, or ask whoever runs Bailey",
        ),
    };
    Err(AdminError::NotNow { what, remedy: remedy.to_owned() })
}

/// Whether nothing is left to be asked about the ticket of `grant`, by the rule as it is now.
pub(super) fn is_vouched(grant: &Grant, rule: &Rule) -> bool {
    wanted(grant, rule).is_none_or(|check| grant.checked.as_ref().is_some_and(|checked| checked.by == check))
}

fn wanted<'r>(grant: &Grant, rule: &'r Rule) -> Option<&'r str> {
    let emergency = grant.review.is_some();
    rule.ticket_check.as_deref().filter(|_| !emergency || rule.break_glass_ticket_check)
}
