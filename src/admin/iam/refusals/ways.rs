//! What would help somebody who was refused: a role that they can take, or ask for, whose sessions may do it.

use serde::{Deserialize, Serialize};

use super::super::super::{Admin, AdminError};
use super::super::question::{Question, Subject};
use super::super::simulate::answer;
use super::{Explanation, Refused};
use crate::base::text::printable;
use crate::gate::Matter;
use crate::model::{Arn, Entity, Member, Role, SessionName, User};
use crate::policy::{Principal, RequestError, Verdict};
use crate::rights::{Acting, Asked, AssumeError, Assumed, Reading, granted, may_assume};
use crate::store::{Snapshot, iam, rows};

/// A way in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WayIn {
    /// The role's ARN.
    pub role: String,
    /// Its name.
    pub name: String,
    /// It can be taken at once; otherwise it has to be asked for.
    pub held: bool,
    /// Where it is asked for or taken, with the form filled in.
    pub link: String,
    /// The same for a terminal.
    pub command: String,
}

/// Most roles that are tried, and ways that are told.
const MOST_TRIED: usize = 200;
const MOST_TOLD: usize = 5;

impl Admin {
    /// The ways in, those first that are open already.
    pub(super) fn ways_in(
        &self,
        snapshot: &dyn Snapshot,
        reading: &mut Reading<'_, '_>,
        (refused, matter): (&Refused, &Matter),
        explanation: &Explanation,
    ) -> Result<Vec<WayIn>, AdminError> {
        // What is allowed by now needs no way in, and of what no policy has a say about none leads there.
        if explanation.now.as_ref().is_none_or(|now| now.allowed) {
            return Ok(Vec::new());
        }
        let Some(id) = refused.person() else { return Ok(Vec::new()) };
        let Some((_, Entity::User(user))) = rows::entity(snapshot, &Member::User(id))? else { return Ok(Vec::new()) };
        let subject = Subject::of_user(reading, &user)?;
        if subject.inactive.is_some() {
            return Ok(Vec::new());
        }
        let (mut ways, mut tried) = (Vec::new(), 0);
        for role in iam::all::<Role>(snapshot)? {
            if !reading.terms().holds(&role.account) || tried == MOST_TRIED {
                continue;
            }
            let Some(held) = reach(reading, (&subject.acting, &role), matter)? else { continue };
            tried += 1;
            let arn = Arn::role(&role.account, &role.path, &role.name).to_string();
            let is_it = matter.action.starts_with("sts:AssumeRole") && matter.resource == arn;
            if is_it || self.would(snapshot, reading, (&user, &role), matter)? {
                ways.push(way((&role, arn, held), explanation, longest(reading, &role)));
            }
        }
        ways.sort_by(|a, b| (!a.held, &a.role).cmp(&(!b.held, &b.role)));
        ways.truncate(MOST_TOLD);
        Ok(ways)
    }

    /// Whether a session of `role` that `user` has may do it.
    fn would(
        &self,
        snapshot: &dyn Snapshot,
        reading: &mut Reading<'_, '_>,
        (user, role): (&User, &Role),
        matter: &Matter,
    ) -> Result<bool, AdminError> {
        let Some(name) = SessionName::sanitised(user.name.as_str()) else { return Ok(false) };
        let arn = Arn::assumed_role(&role.account, &role.name, &name).to_string();
        let principal = Principal::parse(&arn).map_err(RequestError::from)?;
        let subject = Subject::of_role(reading, role, Some(name.as_str()), principal)?;
        let asked = (matter.action.as_str(), matter.resource.as_str());
        let question = Question::new(snapshot, &self.account, asked, &matter.context)?;
        let now = reading.terms().now;
        Ok(answer(reading, &subject, question, now)?.decision == Verdict::Allowed.as_str())
    }
}

/// Whether who acts can take a role (`true`) or ask for it (`false`).
fn reach(
    reading: &mut Reading<'_, '_>,
    (acting, role): (&Acting, &Role),
    matter: &Matter,
) -> Result<Option<bool>, AdminError> {
    let now = reading.terms().now;
    let mut asked: Asked = matter.context.iter().map(|(key, values)| (key.clone(), values.clone())).collect();
    asked.insert("sts:DurationSeconds".to_owned(), vec!["3600".to_owned()]);
    match may_assume(reading, acting, role, (&asked, None), now) {
        Ok(Assumed::Allowed(_)) => return Ok(Some(true)),
        Ok(Assumed::Refused { .. }) | Err(AssumeError::Request(_)) => {}
        Err(AssumeError::Store(error)) => return Err(error.into()),
    }
    let rule = reading.terms().grants.rules.of(role);
    Ok(rule.filter(|rule| granted::may_ask(rule, acting.group_names())).map(|_| false))
}

/// Seconds that a role is granted for at most.
fn longest(reading: &Reading<'_, '_>, role: &Role) -> u32 {
    reading.terms().grants.rules.of(role).map_or(role.max_session, |rule| rule.longest)
}

fn way((role, arn, held): (&Role, String, bool), explanation: &Explanation, longest: u32) -> WayIn {
    let Explanation { action, resource, request, .. } = explanation;
    let reason = format!("{action} on {resource} was refused (request {request})");
    let reason = printable(&reason).into_owned();
    let (link, command) = if held {
        ("/me".to_owned(), format!("bailey credentials --role {}", quoted(&arn)))
    } else {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("role", &arn).append_pair("reason", &reason);
        let lasts = longest.min(3_600);
        let command =
            format!("bailey grant request --role {} --for {lasts}s --reason {}", quoted(&arn), quoted(&reason));
        (format!("/me/grants/new?{}", query.finish()), command)
    };
    WayIn { role: arn, name: role.name.to_string(), held, link, command }
}

/// A word for a shell (POSIX.1-2024, section 2.2.2): what is refused may hold anything.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_one_word_for_a_shell() {
        assert_eq!(quoted("a'; rm -rf $HOME; '"), r"'a'\''; rm -rf $HOME; '\'''");
    }
}
