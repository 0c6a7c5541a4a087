//! Others agree, or do not.
//!
//! Who agrees is another human being than who asks and than who is to have it: by the immutable id, and by the number
//! of the employee, so that two accounts of one person are one. They have to be among those who may at that very moment, and to
//! have shown a second factor a moment ago. They agree to the digest of what they read: a word that was changed since is not agreed to.

use super::super::{Admin, AdminError};
use super::{
    GrantView, JUST_SHOWN, Person, are_one, grant, note, right_by, role_of, rule_of, stands, ticket, user, who_agrees,
};
use crate::base::Timestamp;
use crate::gate::Authorized;
use crate::model::Grant;
use crate::model::grant::{Approval, Closing, State, StateError};
use crate::model::notice::Kind;
use crate::rights::{Terms, granted};
use crate::store::Snapshot;

/// Longest word to a decision, in bytes.
const LONGEST_COMMENT: usize = 1_000;

impl Admin {
    /// Agrees to the request `asked.resource()`, whose digest they read was `digest`, of a role that reached as far as `seen` says, if it
    /// says anything. With the last one needed it can be claimed.
    /// Blocks.
    ///
    /// # Errors
    /// When it is no request any more or another one by now, they may not agree to it, or a part fails.
    pub fn approve_grant(
        &self,
        asked: Authorized,
        (digest, seen): (&str, Option<&str>),
        comment: &str,
    ) -> Result<GrantView, AdminError> {
        self.change_anew(asked, |asked, change| {
            let terms = self.grounds().terms(change.snapshot, change.now)?;
            let asking = self.person(change.snapshot, &terms, asked)?;
            let before = grant(change.snapshot, asked.resource())?;
            let right = self.right_to_decide((change.snapshot, &terms), &before.value, &asking, change.now)?;
            let role = role_of(change.snapshot, &before.value)?;
            let rule = rule_of(&terms, &role)?;
            let needed = usize::from(rule.approvals);
            let reach = self.reach_of(change.snapshot, &terms, &before.value)?;
            if seen.is_some_and(|seen| seen != reach) {
                return Err(stands(StateError::Changed));
            }
            let approval = Approval {
                by: asking.user.id,
                name: asking.user.name.to_string(),
                at: change.now,
                digest: digest.to_owned(),
                reach: reach.clone(),
                right: right.clone(),
                amr: asking.amr.clone(),
                mfa: asking.mfa,
                comment: said(comment)?,
            };
            let mut grant = before.value.clone();
            let of = grant.digest();
            grant.state = grant.state.approve(&grant.terms, &of, approval, needed).map_err(stands)?;
            self.one_person_once(change.snapshot, &grant)?;
            let person = user(change.snapshot, &grant.person)?;
            let person = person.ok_or_else(|| AdminError::NoSuch { what: "such person any more".to_owned() })?;
            ticket::vouch(change, &mut grant, (&role, &person), rule)?;
            change.commit.put_grant(&before, &grant)?;
            if matches!(grant.state, State::Approved(_)) {
                self.tell(change, Kind::GrantApproved, &grant, comment.trim());
            }
            note(change, &grant, &role, &person);
            change.note("right", right);
            change.note("reach", reach);
            change.note("stage", grant.stage(change.now).word());
            GrantView::of(change.snapshot, &grant, change.now)
        })
    }

    /// Refuses the request `asked.resource()`. Blocks.
    ///
    /// # Errors
    /// As [`Admin::approve_grant`].
    pub fn refuse_grant(&self, asked: Authorized, reason: &str) -> Result<GrantView, AdminError> {
        self.change_anew(asked, |asked, change| {
            let terms = self.grounds().terms(change.snapshot, change.now)?;
            let asking = self.person(change.snapshot, &terms, asked)?;
            let before = grant(change.snapshot, asked.resource())?;
            let right = self.right_to_decide((change.snapshot, &terms), &before.value, &asking, change.now)?;
            let mut grant = before.value.clone();
            let closing = Closing::Refuse { by: asking.user.id, reason: said(reason)? };
            grant.state = grant.state.close(&grant.terms, closing, change.now).map_err(stands)?;
            change.commit.put_grant(&before, &grant)?;
            self.tell(change, Kind::GrantRefused, &grant, reason.trim());
            change.note("grant", grant.id.to_string());
            change.note("right", right);
            change.note("reason", said(reason)?);
            GrantView::of(change.snapshot, &grant, change.now)
        })
    }

    /// What makes `asking` one who may decide about `grant` at `now`, such as `group/security`.
    ///
    /// # Errors
    /// Why they may not.
    pub(super) fn right_to_decide(
        &self,
        (snapshot, terms): (&dyn Snapshot, &Terms),
        grant: &Grant,
        asking: &Person,
        now: Timestamp,
    ) -> Result<String, AdminError> {
        let no = |what: String, remedy: &str| Err(AdminError::NotNow { what, remedy: remedy.to_owned() });
        for concerned in [&grant.person, &grant.requested_by] {
            if user(snapshot, concerned)?.is_none_or(|concerned| are_one(&concerned, &asking.user)) {
                return no(
                    "nobody decides about what they asked for or are to have".to_owned(),
                    "somebody else has to",
                );
            }
        }
        if let Err(why) = granted::engagement_of(snapshot, grant, now)? {
            return no(why, "nothing could come of it");
        }
        let role = role_of(snapshot, grant)?;
        let rule = rule_of(terms, &role)?;
        let Some(right) = right_by(snapshot, (grant, rule), (&asking.user, &asking.groups), now)? else {
            let what = format!("`{}` is decided about by {}", role.name, who_agrees(rule));
            let remedy = if rule.manager { "you are neither now" } else { "you are in none of these groups now" };
            return no(what, remedy);
        };
        if let Some(hours) = &rule.hours
            && !hours.allow(&terms.grants.zone, now)
        {
            let when = format!("`{}` is decided about {hours} ({})", role.name, terms.grants.zone);
            return no(when, "come back then");
        }
        just_shown(asking.mfa, now)?;
        Ok(right)
    }

    /// Two accounts of one human being are one who agreed.
    fn one_person_once(&self, snapshot: &dyn Snapshot, grant: &Grant) -> Result<(), AdminError> {
        let mut agreed = Vec::new();
        for approval in grant.state.approvals() {
            let person = user(snapshot, &approval.by)?;
            let person = person.ok_or_else(|| AdminError::NotNow {
                what: format!("`{}`, who agreed before, is no longer there", approval.name),
                remedy: "let the request be made anew".to_owned(),
            })?;
            if agreed.iter().any(|other| are_one(other, &person)) {
                return Err(AdminError::NotNow {
                    what: "you agreed to it already, with another account".to_owned(),
                    remedy: "somebody else has to".to_owned(),
                });
            }
            agreed.push(person);
        }
        Ok(())
    }
}

/// Whoever decides shows a second factor, and not some time ago.
pub(super) fn just_shown(mfa: Option<Timestamp>, now: Timestamp) -> Result<(), AdminError> {
    match mfa {
        Some(at) if now.duration_since(at) <= JUST_SHOWN => Ok(()),
        Some(_) => Err(AdminError::StepUp { what: "it is some time since you showed a second factor".to_owned() }),
        None => Err(AdminError::StepUp { what: "who decides shows a second factor".to_owned() }),
    }
}

/// What somebody says to what they decide.
pub(super) fn said(text: &str) -> Result<String, AdminError> {
    let text = text.trim();
    if text.len() > LONGEST_COMMENT || crate::base::text::printable_within(text, LONGEST_COMMENT) != text {
        let limit = format!("printable text of at most {LONGEST_COMMENT} bytes");
        return Err(AdminError::OutOfBounds { what: "comment".to_owned(), limit });
    }
    Ok(text.to_owned())
}
