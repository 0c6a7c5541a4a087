//! Roles for a while: who asks, who agrees, and how it ends.
//!
//! ```text
//!  request   somebody asks for a role for somebody, and may change what they asked for
//!  decide    others agree or refuse, within the rules of the role
//!  ticket    something of the company's own says that a ticket is one
//!  claim     its holder begins to work with it, and says when they are done
//!  rests     what it rests on besides its time
//!  end       it is taken back, the clock ends it, and somebody looks back at it
//!  engagement  the window of a firm's contract, in which its people may be granted roles
//!  activity    what these people did, by the audit log
//!  invitation  one of these comes to have a way to sign in
//!  tell      who is told of each step
//!  alarms    who is told of what nobody did in time
//!  views     what is shown of one
//!  mine      what people are told who ask by a program of their own
//! ```
//!
//! What counts at a use is not decided here but in [`crate::rights::granted`], of what is stored then. Each step is one commit on the
//! row as it was read: of two who act at once one does, and what the other wants is looked at anew on what came of it.

mod activity;
mod alarms;
mod claim;
mod decide;
mod end;
mod engagement;
mod invitation;
mod mine;
mod request;
mod rests;
mod tell;
mod ticket;
mod views;

pub use activity::{Act, Activity};
pub use alarms::OverdueReviews;
pub use end::Lapsed;
pub use engagement::{EngagementChange, EngagementView, NewEngagement};
pub(super) use invitation::invited;
pub use invitation::{Invited, SignsIn, ToldCode};
pub use mine::{Listed, OwnView};
pub use request::{Amended, NewGrant};
pub use views::{ApprovalView, GrantView, Shown, Which};

use std::sync::Arc;

use super::iam::Change;
use super::{Admin, AdminError};
use crate::authn::subject::Subject;
use crate::base::{GrantId, Timestamp};
use crate::gate::Authorized;
use crate::model::grant::{Rule, StateError};
use crate::model::{Entity, Grant, Member, Role, User};
use crate::rights::{Library, Terms};
use crate::store::iam::Read;
use crate::store::{Snapshot, StoreError, grants, iam, rows};

/// Grants of one person that are not over, at most.
const MOST_OPEN: usize = 2_000;

/// What makes somebody one who decides alone.
const BREAK_GLASS: &str = "break_glass";

/// How long ago somebody who decides may have shown a second factor.
const JUST_SHOWN: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// A person who decides or acts, as they are at that moment.
pub(super) struct Person {
    user: User,
    /// The names of the groups that they are in.
    groups: Arc<[String]>,
    /// When they last showed a second factor in this session, and how they signed in.
    mfa: Option<Timestamp>,
    amr: Vec<String>,
}

impl Admin {
    /// Whoever asks, who has to be a person: nobody agrees to anything for a program, and somebody on this machine is none.
    fn person(&self, snapshot: &dyn Snapshot, terms: &Terms, asked: &Authorized) -> Result<Person, AdminError> {
        let subject = Subject::of(asked.caller());
        let user = subject.and_then(Subject::user).cloned().ok_or_else(|| AdminError::NotNow {
            what: "that takes a person who is signed in".to_owned(),
            remedy: "sign in at the portal, or with `bailey login`".to_owned(),
        })?;
        let mfa = subject.and_then(Subject::mfa);
        let amr = subject.map(|subject| subject.amr().to_vec()).unwrap_or_default();
        let groups = self.groups_of(snapshot, terms, &user)?;
        Ok(Person { user, groups, mfa, amr })
    }

    /// A digest of what a grant reaches now: what its role allows, and what bounds it. Of a role that is gone it is nothing.
    fn reach_of(&self, snapshot: &dyn Snapshot, terms: &Terms, grant: &Grant) -> Result<String, StoreError> {
        let Some(role) = iam::role(snapshot, &grant.role)? else { return Ok(String::new()) };
        let engagement = grant.engagement.map(|id| grants::engagement(snapshot, &id)).transpose()?.flatten();
        let mut library = Library::with(self.shelf.clone(), &self.account, terms);
        library.at(snapshot).reach_of(&role, engagement.map(|held| held.value).as_ref())
    }

    /// The names of the groups that somebody is in.
    fn groups_of(&self, snapshot: &dyn Snapshot, terms: &Terms, user: &User) -> Result<Arc<[String]>, StoreError> {
        Library::with(self.shelf.clone(), &self.account, terms).at(snapshot).group_names(user)
    }
}

/// The grant that is meant.
fn grant(snapshot: &dyn Snapshot, which: &str) -> Result<Read<Grant>, AdminError> {
    let missing = || AdminError::NoSuch { what: format!("grant `{}`", crate::base::text::printable(which)) };
    let id: GrantId = which.parse().map_err(|_| missing())?;
    grants::grant(snapshot, &id)?.ok_or_else(missing)
}

/// Its role.
fn role_of(snapshot: &dyn Snapshot, grant: &Grant) -> Result<Role, AdminError> {
    let role = iam::role(snapshot, &grant.role)?;
    role.ok_or_else(|| AdminError::NoSuch { what: "such role any more".to_owned() })
}

/// What the configuration says of its role, now.
fn rule_of<'t>(terms: &'t Terms, role: &Role) -> Result<&'t Rule, AdminError> {
    terms.grants.rules.of(role).ok_or_else(|| AdminError::NotNow {
        what: format!("no rule grants `{}` for a while", role.name),
        remedy: "an administrator adds a [[grant_rule]] that names it".to_owned(),
    })
}

/// A person as they are stored.
fn user(snapshot: &dyn Snapshot, id: &crate::base::UserId) -> Result<Option<User>, StoreError> {
    Ok(match rows::entity(snapshot, &Member::User(*id))? {
        Some((_, Entity::User(user))) => Some(user),
        _ => None,
    })
}

/// Whether two accounts are one human being's: the same, or of one employee.
fn are_one(a: &User, b: &User) -> bool {
    a.id == b.id
        || a.employee_id.as_ref().is_some_and(|number| !number.is_empty() && b.employee_id.as_ref() == Some(number))
}

/// Whether `who` manages `person`, and may act: by the id that the directory's name for their manager means now. Nobody manages
/// themselves, whatever a directory says.
fn manages(who: &User, person: &User, now: Timestamp) -> bool {
    person.manager == Some(who.id) && !are_one(who, person) && who.standing.active(now).is_ok()
}

/// What makes `who`, who is in these groups, one who may agree to `grant` by `rule`, such as `group/security`; nothing does of others.
fn right_by(
    snapshot: &dyn Snapshot,
    (grant, rule): (&Grant, &Rule),
    (who, groups): (&User, &[String]),
    now: Timestamp,
) -> Result<Option<String>, AdminError> {
    let in_group = |name: &&String| groups.iter().any(|group| group.eq_ignore_ascii_case(name));
    if let Some(group) = rule.approvers.iter().find(in_group) {
        return Ok(Some(format!("group/{group}")));
    }
    if rule.manager
        && let Some(person) = user(snapshot, &grant.person)?
        && manages(who, &person, now)
    {
        return Ok(Some(format!("manager of user/{}", person.name)));
    }
    let Some(engagement) = grant.engagement.filter(|_| rule.sponsor) else { return Ok(None) };
    let engagement = grants::engagement(snapshot, &engagement)?.map(|held| held.value);
    let answers = engagement.filter(|engagement| engagement.sponsor == who.id);
    Ok(answers.map(|engagement| format!("sponsor of engagement/{}", engagement.name)))
}

/// Who may agree by `rule`, in words.
fn who_agrees(rule: &Rule) -> String {
    let groups = (!rule.approvers.is_empty()).then(|| format!("people of {}", rule.approvers.join(", ")));
    let manager = rule.manager.then(|| "the manager of who is to have it".to_owned());
    groups.into_iter().chain(manager).collect::<Vec<_>>().join(" or ")
}

fn stands(error: StateError) -> AdminError {
    let remedy = match &error {
        StateError::Stands(_) => "that step does not lead on from there",
        StateError::Twice => "somebody else has to",
        StateError::Changed => "then decide",
    };
    AdminError::NotNow { what: error.to_string(), remedy: remedy.to_owned() }
}

/// What the audit log has of every step.
fn note(change: &mut Change<'_>, grant: &Grant, role: &Role, person: &User) {
    change.note("grant", grant.id.to_string());
    change.note("role", role.name.to_string());
    change.note("person", format!("{} ({})", person.name, person.id));
    change.note("digest", grant.digest());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Presence, Standing};

    fn user(n: u8) -> User {
        User::made_up(n, &format!("user{n}"))
    }

    #[test]
    fn a_manager_is_who_the_directory_means_another_human_being_and_there() {
        let now: Timestamp = "2026-03-12T12:00:00Z".parse().unwrap();
        let (ann, bob) = (User { manager: Some(user(2).id), ..user(1) }, user(2));
        assert!(manages(&bob, &ann, now));
        // Whoever bears the name, and not the id.
        assert!(!manages(&User { id: user(3).id, ..bob.clone() }, &ann, now));
        assert!(!manages(&bob, &user(1), now), "nobody's");
        // Themselves, or themselves by another account.
        assert!(!manages(&ann, &User { manager: Some(ann.id), ..ann.clone() }, now));
        let linked = |user: &User| User { employee_id: Some("4711".to_owned()), ..user.clone() };
        assert!(!manages(&linked(&bob), &linked(&ann), now));
        // Switched off, gone, over.
        let standing = Standing::default;
        for standing in [
            Standing { disabled: true, ..standing() },
            Standing { presence: Presence::Gone { since: now }, ..standing() },
            Standing { presence: Presence::Frozen { since: now }, ..standing() },
            Standing { expires: Some(now), ..standing() },
        ] {
            assert!(!manages(&User { standing: standing.clone(), ..bob.clone() }, &ann, now), "{standing:?}");
        }
    }
}
