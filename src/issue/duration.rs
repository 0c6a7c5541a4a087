//! How long a session lasts: as long as every limit allows, and never longer without a word.
//!
//! Two sorts of limits. Some are known to who asks, and who asks for more is refused with all of them in the message: what
//! the role allows, an hour where one session begins another. The others are moments at which what it rests on ends by
//! itself: the session that began it, an assignment for a time, an account that expires. Who asks for longer is told; who
//! does not say how long gets what is left.

use jiff::SignedDuration;

use super::{IssueError, LONGEST_OWN, USUAL, USUAL_OWN, What};
use crate::authn::subject::{Identity, Subject};
use crate::base::Timestamp;
use crate::base::clock::later;
use crate::model::Role;
use crate::model::root_task::LONGEST_ROOT;
use crate::model::session::LONGEST_CHAINED;

/// A limit, in words, and the seconds it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// Such as `role allows`.
    pub what: String,
    /// Seconds.
    pub seconds: i64,
}

/// What the length of a session follows from.
pub(super) struct Limits<'a> {
    pub(super) requested: Option<u32>,
    pub(super) what: &'a What,
    pub(super) subject: Subject<'a>,
    pub(super) role: Option<&'a Role>,
    pub(super) until: Option<Timestamp>,
    pub(super) now: Timestamp,
}

/// When the session ends.
pub(super) fn expiry(limits: &Limits<'_>) -> Result<Timestamp, IssueError> {
    let bounds = bounds(limits);
    let seconds = choose(limits.requested, usual(limits.what), &bounds)?;
    let seconds = shortened(seconds, limits)?;
    Ok(later(limits.now, SignedDuration::from_secs(seconds)))
}

/// A SAML provider shortens what it vouches for, whatever is asked for (IAM User Guide, "SessionDuration attribute"; STS API reference,
/// `AssumeRoleWithSAML`, `DurationSeconds`): whoever asks cannot know what it says.
fn shortened(seconds: i64, limits: &Limits<'_>) -> Result<i64, IssueError> {
    let Subject::Visitor(visitor) = limits.subject else { return Ok(seconds) };
    let Identity::Saml(identity) = visitor.identity() else { return Ok(seconds) };
    let ends = identity.assertion().session_ends();
    let left = ends.map(|end| end.duration_since(limits.now).as_secs());
    let seconds = [left, identity.session_seconds().map(i64::from)].into_iter().flatten().fold(seconds, i64::min);
    if seconds <= 0 {
        let why = "no time is left: the session at the SAML provider lasts no second more";
        return Err(IssueError::NoTimeLeft(why.to_owned()));
    }
    Ok(seconds)
}

fn usual(what: &What) -> u32 {
    match what {
        What::Role(_) => USUAL,
        What::Oneself | What::Federated(_) => USUAL_OWN,
        What::Browser(longest) => *longest,
        What::Root(_) => LONGEST_ROOT,
    }
}

/// Every limit there is.
fn bounds(limits: &Limits<'_>) -> Vec<Bound> {
    let bound = |what: &str, seconds: i64| Bound { what: what.to_owned(), seconds };
    let left = |what: &str, at: Timestamp| bound(what, at.duration_since(limits.now).as_secs());
    let subject = limits.subject;
    let mut bounds = Vec::new();
    match limits.role {
        Some(role) => bounds.push(bound("role allows", role.max_session.into())),
        None if matches!(limits.what, What::Root(_)) => bounds.push(bound("tasks of root last", LONGEST_ROOT.into())),
        None if subject.is_root() => bounds.push(bound("sessions of root last", USUAL.into())),
        None => bounds.push(bound("sessions of one's own last", LONGEST_OWN.into())),
    }
    if subject.session().is_some_and(|parent| parent.role().is_some()) {
        bounds.push(bound("chained sessions allow", LONGEST_CHAINED.into()));
    }
    if let Some(parent) = subject.session() {
        bounds.push(left("the session it begins with lasts", parent.expires));
    }
    if let Subject::Bearer(bearer) = subject {
        bounds.push(left("the sign-in that it is exchanged for lasts", bearer.until()));
    }
    // SessionNotOnOrAfter (SAML core, section 2.7.2): the provider wants nobody to be signed in by its word for longer.
    if let Subject::Bound(bound) = subject
        && let Some(until) = bound.outside().and_then(|word| word.ends)
    {
        bounds.push(left("the session at the provider that vouches for them lasts", until));
    }
    if let Some(until) = limits.until {
        bounds.push(left("what gives the role lasts", until));
    }
    if let Some(until) = subject.person().and_then(|person| person.standing.expires) {
        bounds.push(left("the account of the person lasts", until));
    }
    if let Some(until) = subject.machine().and_then(|machine| machine.standing.expires) {
        bounds.push(left("the machine lasts", until));
    }
    if let Subject::Machine(machine) = subject
        && let Some(until) = machine.until()
    {
        bounds.push(left("the certificate lasts", until));
    }
    bounds
}

/// The seconds it lasts.
pub(super) fn choose(requested: Option<u32>, usual: u32, bounds: &[Bound]) -> Result<i64, IssueError> {
    let least = bounds.iter().min_by_key(|bound| bound.seconds);
    let most = least.map_or(i64::from(usual), |bound| bound.seconds);
    if most <= 0 {
        let what = least.map(|bound| bound.what.as_str()).unwrap_or_default();
        return Err(IssueError::NoTimeLeft(format!("no time is left: {what} no second more")));
    }
    let Some(requested) = requested else { return Ok(most.min(usual.into())) };
    if i64::from(requested) <= most {
        return Ok(requested.into());
    }
    let told: Vec<String> = bounds.iter().map(|bound| format!("{} {}", bound.what, bound.seconds)).collect();
    Err(IssueError::TooLong(format!("requested {requested} s, {}", told.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(what: &str, seconds: i64) -> Bound {
        Bound { what: what.to_owned(), seconds }
    }

    #[test]
    fn who_asks_for_too_much_is_told_every_limit() {
        let bounds = [bound("role allows", 14_400), bound("chained sessions allow", 3_600)];
        let error = choose(Some(43_200), USUAL, &bounds).unwrap_err();
        assert_eq!(error.to_string(), "requested 43200 s, role allows 14400, chained sessions allow 3600");
        assert_eq!(choose(Some(3_600), USUAL, &bounds).unwrap(), 3_600);
        assert_eq!(choose(None, USUAL, &[bound("role allows", 43_200)]).unwrap(), 3_600);
    }

    #[test]
    fn who_does_not_say_gets_what_is_left_and_nothing_of_what_is_over() {
        assert_eq!(choose(None, USUAL, &[bound("the assignment of the role lasts", 60)]).unwrap(), 60);
        assert!(choose(Some(900), USUAL, &[bound("the assignment of the role lasts", 60)]).is_err());
        for over in [0, -5] {
            assert!(matches!(choose(None, USUAL, &[bound("x", over)]), Err(IssueError::NoTimeLeft(_))));
        }
    }
}
